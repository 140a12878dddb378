// Output files on their way out: what is told of each kind, downloads that
// break off or whose job is deleted, and how long files live.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
	existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { file, giving } from './media.mjs';
import { endpointLike, until } from './tools.mjs';

const image = { type: 'image' };
const any = { type: 'file', metadata: true };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// One million bytes that nobody can shrink, the same in each run.
const large = Buffer.concat(Array.from({ length: 31250 }, (_, i) =>
	createHash('sha256').update(String(i)).digest()));

// sample, type of output, and what is told of it
const kinds = [
	['picture.png', 'image', 'image/png', { width: 48, height: 32 }],
	['picture.jpg', 'image', 'image/jpeg', { width: 48, height: 32 }],
	['lossy.webp', 'image', 'image/webp', {}],
	['lossless.webp', 'image', 'image/webp', {}],
	['animation.webp', 'image', 'image/webp', { duration_ms: true }],
	['animation.gif', 'image', 'image/gif', { duration_ms: true }],
	['animation.png', 'image', 'image/png', { duration_ms: true }],
	['film.mp4', 'video', 'video/mp4', { duration_ms: true }],
	['film.mov', 'video', 'video/quicktime', { duration_ms: true }],
	['vorbis.webm', 'video', 'video/webm', { duration_ms: true }],
	['sound.wav', 'audio', 'audio/wav', { duration_ms: true }],
	['sound.flac', 'audio', 'audio/flac', { duration_ms: true }],
	['sound.mp3', 'audio', 'audio/mpeg', { duration_ms: true }],
	['vorbis.ogg', 'audio', 'audio/ogg', { duration_ms: true }],
	['sound.opus', 'audio', 'audio/ogg', { duration_ms: true }],
	['sound.m4a', 'audio', 'audio/mp4', { duration_ms: true }],
];

const endpoints = endpointsFolder({
	...Object.fromEntries(kinds.map(([name, type], i) => [`kind-${i}`,
		giving(`kind-${i}`, { images: [file(name)] },
			{ out: { type } })])),
	large: giving('large', { files: [file('large.bin', { bytes: large })] },
		{ out: any }),
	little: giving('little', { files: [file('little.bin',
		{ bytes: large.subarray(0, 1000) })] }, { out: any }),
	card: endpointLike('color-card', 'card'),
	twins: giving('twins', { images: [file('picture.png')] }, { image },
		{ reuse: '1h' }),
	wrong: giving('wrong', { images: [file('film.mp4')] }, { image }),
});

async function house(t, env = {}, extra) {
	const standin = await Standin.start();
	if (extra)
		process.env.EXTRA = extra;
	const gate = await Gate.start({ standins: [standin], endpoints, env,
		scope: 'all' });
	delete process.env.EXTRA;
	t.after(async () => {
		try {
			await gate.stop();
		} finally {
			await standin.stop();
		}
	});
	let size = 16;
	const run = (name, o = {}) => gate.call(`/v1/${name}`,
		{ body: name === 'card' ? { width: size += 8 } : {}, ...o });
	return { standin, gate, run };
}

function refused(r, status, type) {
	assert.equal(r.status, status, r.text);
	assert.equal(r.json.type, `/problems/${type}`);
}

test('of each kind: type, size, hash, measures', async (t) => {
	const { gate, run } = await house(t);
	for (const [i, [name, , type, measures]] of kinds.entries()) {
		await t.test(name, async () => {
			const r = await run(`kind-${i}`);
			assert.equal(r.status, 200, r.text);
			const { out } = r.json.outputs;
			const got = await gate.call(out.url, { token: false });
			assert.equal(out.content_type, type);
			assert.equal(got.type, type);
			assert.equal(out.size_bytes, got.bytes.length);
			assert.equal(out.sha256, sha256(got.bytes));
			assert.match(got.headers.get('content-disposition'),
				/^inline; filename="out\.[a-z0-9]+"$/);
			const visible = !type.startsWith('audio/');
			assert.equal(out.width > 0 && out.height > 0, visible,
				JSON.stringify(out));
			for (const [key, value] of Object.entries(measures))
				assert.ok(value === true ? out[key] > 0 :
					out[key] === value, JSON.stringify(out));
			const head = await gate.call(out.url, { token: false,
				method: 'HEAD' });
			assert.equal(head.headers.get('content-length'),
				String(out.size_bytes));
		});
	}
});

// What is small is sent by the daemon, all else by nginx from disk: callers
// see no difference.
for (const [name, key] of [['card', 'image'], ['large', 'out']]) {
	test(`${name}: headers, conditions, ranges`, async (t) => {
		const { gate, run } = await house(t);
		const { id, outputs } = (await run(name)).json;
		const { url, size_bytes } = outputs[key];
		const get = (headers = {}, o = {}) =>
			gate.call(url, { token: false, headers, ...o });
		assert.equal(readdirSync(gate.files, { recursive: true })
			.some((path) => path.includes(id)), name === 'large');
		const whole = await get();
		assert.equal(whole.bytes.length, size_bytes);
		const is = (r, wanted) => Object.entries(wanted).forEach(
			([header, value]) =>
				assert.equal(r.headers.get(header), value, header));
		const always = { 'x-content-type-options': 'nosniff',
			'cache-control': 'private, max-age=3600, immutable',
			'content-security-policy': "sandbox; default-src 'none'",
			'cross-origin-resource-policy': 'cross-origin' };
		is(whole, { ...always, 'accept-ranges': 'bytes' });
		const etag = whole.headers.get('etag');
		assert.match(etag, /^"[^"]+"$/);

		const same = await get({ 'If-None-Match': `"x", W/${etag}` });
		assert.equal(same.status, 304);
		assert.equal(same.bytes.length, 0);
		is(same, { ...always, etag });
		assert.equal((await get({ 'If-None-Match': '"x"' })).status, 200);
		const head = await get({}, { method: 'HEAD' });
		is(head, { ...always, etag, 'content-length': String(size_bytes) });

		const part = await get({ Range: 'bytes=10-' });
		assert.equal(part.status, 206);
		is(part, { ...always, etag,
			'content-range': `bytes 10-${size_bytes - 1}/${size_bytes}` });
		assert.deepEqual(part.bytes, whole.bytes.subarray(10));
		const end = await get({ Range: 'bytes=-5', 'If-Range': etag });
		assert.deepEqual(end.bytes, whole.bytes.subarray(-5));
		const other = await get({ Range: 'bytes=-5', 'If-Range': '"x"' });
		assert.equal(other.status, 200);
		assert.deepEqual(other.bytes, whole.bytes);
		const past = await get({ Range: `bytes=${size_bytes}-` });
		assert.equal(past.status, 416);
		is(past, { 'content-range': `bytes */${size_bytes}` });

		const saved = await gate.call(`${url}&download=1`, { token: false });
		assert.match(saved.headers.get('content-disposition'),
			/^attachment; /);
	});
}

test('a video for a picture is told', async (t) => {
	const { run } = await house(t);
	const r = await run('wrong');
	refused(r, 502, 'output-missing');
	assert.match(r.json.detail, /video\/mp4 .* image/);
});

// A download that stops after so many bytes; the rest is read by more().
async function download(url, most) {
	const r = httpRequest(url, { agent: false });
	r.end();
	const [res] = await once(r, 'response');
	const pieces = [];
	let got = 0;
	const read = async (limit) => {
		while (got < limit) {
			const piece = res.read() ?? (await Promise.race([
				once(res, 'readable').then(() => undefined),
				once(res, 'end').then(() => null)]));
			if (piece === null)
				break;
			if (piece) {
				pieces.push(piece);
				got += piece.length;
			}
		}
		return Buffer.concat(pieces);
	};
	return { res, first: await read(most), more: () => read(Infinity),
		abort: () => r.destroy() };
}

test('a download that broke off goes on where it was', async (t) => {
	const { gate, run } = await house(t);
	const { url, sha256: hash, size_bytes } = (await run('large')).json
		.outputs.out;
	const part = await download(url, 300000);
	part.abort();
	const etag = part.res.headers.etag;
	const n = part.first.length;
	assert.ok(n >= 300000 && n <= size_bytes);
	const range = (headers) => gate.call(url, { token: false, headers });
	const rest = await range({ Range: `bytes=${n}-`, 'If-Range': etag });
	assert.equal(rest.status, 206);
	assert.equal(rest.headers.get('content-range'),
		`bytes ${n}-${size_bytes - 1}/${size_bytes}`);
	assert.equal(sha256(Buffer.concat([part.first, rest.bytes])), hash);
	const other = await range({ Range: `bytes=${n}-`,
		'If-Range': '"another"' });
	assert.equal(other.status, 200);
	assert.equal(other.bytes.length, size_bytes);
	const date = await range({ Range: 'bytes=-10',
		'If-Range': part.res.headers['last-modified'] });
	assert.equal(date.bytes.length, 10);
	const past = await range({ Range: `bytes=${size_bytes}-` });
	assert.equal(past.status, 416);
	assert.equal(past.headers.get('content-range'), `bytes */${size_bytes}`);
	// curl does the same by itself.
	const dir = mkdtempSync(join(tmpdir(), 'comfygate-resume-'));
	t.after(() => rmSync(dir, { recursive: true }));
	writeFileSync(join(dir, 'out'), large.subarray(0, 12345));
	execFileSync('curl', ['-sSf', '-C', '-', '-o', join(dir, 'out'), url]);
	assert.equal(sha256(readFileSync(join(dir, 'out'))), hash);
});

// What is told, each header as often as it came, but for what differs between
// any two files.
async function told(url, o) {
	const r = httpRequest(url, { agent: false, ...o });
	r.end();
	const [res] = await once(r, 'response');
	res.resume();
	await once(res, 'end');
	const own = /^(date|etag|last-modified|x-request-id|content-length)$/;
	return [res.statusCode, ...res.rawHeaders.reduce((all, name, i, raw) =>
		i % 2 || own.test(name.toLowerCase()) ? all :
			[...all, `${name}: ${raw[i + 1]}`.toLowerCase()
				.replace(/\/1000(000)?$/, '/all')], []).sort()];
}

// One comes from the disk by nginx, the other from the database.
test('a large and a small file are told of alike', async (t) => {
	const { run } = await house(t);
	const urls = [];
	for (const name of ['large', 'little'])
		urls.push((await run(name)).json.outputs.out.url);
	const asked = [{}, { Range: 'bytes=1-3' }, { Range: 'bytes=0-0' },
		{ Range: 'bytes=1-3', 'If-Range': '"another"' },
		{ 'If-None-Match': '*' }, { 'If-None-Match': '"another"' },
		{ 'If-None-Match': '*', Range: 'bytes=1-3' },
		{ Origin: 'https://elsewhere.example' }];
	for (const method of ['GET', 'HEAD'])
		for (const headers of asked) {
			const [one, other] = await Promise.all(urls.map((url) =>
				told(url, { method, headers })));
			const what = `${method} ${JSON.stringify(headers)}`;
			assert.deepEqual(other, one, what);
			assert.equal(one.filter((h) =>
				/^x-content-type-options: nosniff$/.test(h)).length, 1,
			what);
		}
	const past = await told(urls[1], { headers: { Range: 'bytes=1000-' } });
	assert.equal(past[0], 416);
	assert.ok(past.includes('content-range: bytes */all'), past.join());
});

test('a job is deleted while a file of it is on its way', async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'comfygate-slow-'));
	t.after(() => rmSync(dir, { recursive: true }));
	writeFileSync(join(dir, 'slow.conf'), 'limit_rate 400k;\n');
	const { gate, run } = await house(t, {}, join(dir, 'slow.conf'));
	const { id, outputs: { out } } = (await run('large')).json;
	const part = await download(out.url, 10000);
	assert.ok(part.first.length < out.size_bytes);
	assert.equal((await gate.call(`/v1/jobs/${id}`, { method: 'DELETE' }))
		.status, 204);
	// Gone from the disk at once, and for everybody else.
	const left = readdirSync(gate.files, { recursive: true })
		.filter((name) => String(name).includes(id));
	assert.deepEqual(left, []);
	refused(await gate.call(out.url, { token: false }), 410, 'gone');
	assert.equal((await gate.call(out.url, { token: false,
		method: 'HEAD' })).status, 410);
	assert.equal(sha256(await part.more()), out.sha256);
});

test('keep_files: no file lives longer', async (t) => {
	const { gate, run } = await house(t, { COMFYGATE_KEEP_FILES: '3s' });
	const key = { 'Idempotency-Key': 'k' };
	const r = await run('card', { headers: key, body: { width: 200 } });
	assert.equal(r.status, 200, r.text);
	const over = Date.parse(r.json.files_expire_at);
	assert.equal(over - Date.parse(r.json.ended_at), 3000);
	const { url } = r.json.outputs.image;
	assert.equal((await gate.call(url, { token: false })).status, 200);
	const job = await until('the files are gone', async () => {
		const j = (await gate.call(r.json.urls.self)).json;
		return j.files_gone && j;
	});
	assert.ok(Date.now() >= over);
	assert.equal(job.files_expire_at, undefined);
	assert.equal(job.status, 'succeeded');
	refused(await gate.call(url, { token: false }), 410, 'gone');
	refused(await gate.call(job.outputs.image.url, { token: false }), 410,
		'gone');
	refused(await gate.call(`${r.json.urls.self}?redirect=1`), 410, 'gone');
	refused(await run('card', { headers: { ...key, Accept: 'image/*' },
		body: { width: 200 } }), 410, 'gone');
	assert.deepEqual(readdirSync(gate.files, { recursive: true })
		.filter((name) => String(name).includes(r.json.id)), []);
});

test('keep_files is set later: it holds for what is there', async (t) => {
	const { gate, run } = await house(t);
	const r = await run('card');
	assert.equal(r.status, 200, r.text);
	gate.o.env = { COMFYGATE_KEEP_FILES: '1s' };
	await gate.restart();
	await until('the files are gone', async () =>
		(await gate.call(r.json.urls.self)).json.files_gone);
	refused(await gate.call(r.json.outputs.image.url, { token: false }),
		410, 'gone');
});

test('keep_files_bytes: the oldest go, after a minute', async (t) => {
	const { gate, standin, run } = await house(t,
		{ COMFYGATE_KEEP_FILES_BYTES: '1500000' });
	const first = (await run('large')).json;
	const second = (await run('large')).json;
	const small = (await run('card')).json;
	const open = async (job, name) => (await gate.call(
		job.outputs[name].url, { token: false })).status;
	assert.equal(await open(first, 'out'), 200);
	await standin.fault({ kind: 'hang', times: 1 });
	const runs = await run('card', { headers: { Prefer: 'respond-async' } });
	await until('the oldest is gone', async () =>
		await open(first, 'out') === 410, 90000);
	assert.ok(Date.now() - Date.parse(first.ended_at) >= 60000);
	assert.equal(await open(second, 'out'), 200);
	assert.equal(await open(small, 'image'), 200);
	assert.equal((await gate.call(first.urls.self)).json.files_gone, true);
	assert.ok(gate.lines(/ store\.files_capped .*jobs=1/).length === 1);
	await standin.release();
	assert.equal((await gate.ended(runs.json.id)).status, 'succeeded');
});

test('a shared result is there until its last job is deleted', async (t) => {
	const { gate, run } = await house(t);
	const a = (await run('twins')).json;
	const b = (await run('twins')).json;
	assert.equal(b.reused, true);
	const open = async (job) => (await gate.call(job.outputs.image.url,
		{ token: false })).status;
	await gate.call(a.urls.self, { method: 'DELETE' });
	assert.deepEqual([await open(a), await open(b)], [410, 200]);
	await gate.call(b.urls.self, { method: 'DELETE' });
	assert.deepEqual([await open(a), await open(b)], [410, 410]);
});

// Of another attempt: of its name, and larger, so that it went to disk.
test('what an earlier attempt left on disk is not given', async (t) => {
	const { gate, run } = await house(t);
	const first = (await run('twins')).json;
	const left = join(gate.files, first.id.slice(6, 8),
		`${first.id}-image.png`);
	assert.ok(!existsSync(left));
	writeFileSync(left, large, { mode: 0o640 });
	const second = (await run('twins')).json;
	assert.equal(second.reused, true);
	for (const { outputs: { image }, urls } of [first, second]) {
		const got = await gate.call(image.url, { token: false });
		assert.equal(sha256(got.bytes), image.sha256);
		await gate.call(urls.self, { method: 'DELETE' });
		refused(await gate.call(image.url, { token: false }), 410, 'gone');
	}
	assert.ok(!existsSync(left));
});

test('min_free_bytes: no new job, and what is there stays whole', async (t) => {
	const { gate, standin, run } = await house(t);
	const { outputs: { image: before } } = (await run('card')).json;
	gate.o.env = { COMFYGATE_MIN_FREE_BYTES: String(2 ** 40) };
	await gate.restart();
	const { accepted } = await standin.state();
	const r = await run('card');
	refused(r, 503, 'queue-full');
	assert.ok(r.headers.get('retry-after'));
	assert.equal((await standin.state()).accepted, accepted);
	const ready = await gate.call('/readyz', { token: false });
	assert.equal(ready.status, 503);
	const got = await gate.call(before.url, { token: false });
	assert.equal(sha256(got.bytes), before.sha256);
});
