// Pictures that come out of a run as the manifest asks: another format, a
// thumbnail, a placeholder; and what is left of it when a picture, or the
// program that decodes it, is bad.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync,
	writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { Gate, Standin, build, endpointsFolder, top } from './rig.mjs';
import { descriptors, endpointLike, program, until } from './tools.mjs';

const skip = existsSync(join(build, 'comfygate-media')) ? false :
	'comfygate-media is not built: there is no libvips';
const CANARY = 'canary-in-the-graph';

const card = (name, output, more = {}) => {
	const e = endpointLike('color-card', name, {
		outputs: { image: { type: 'image', from: '2.images', ...output } },
		examples: undefined, set: undefined, ...more });
	e.workflow['2'].inputs.filename_prefix = CANARY;
	e.workflow['1']._meta.title = CANARY;
	return e;
};

const all = { format: 'webp', quality: 70, thumbnail: { width: 64 },
	blurhash: true };
const endpoints = {
	webp: card('webp', all),
	jpeg: card('jpeg', { format: 'jpeg', thumbnail: { width: 32 } }),
	png: card('png', { format: 'png', thumbnail: { width: 4096 } }),
	small: card('small', { thumbnail: { width: 50 }, blurhash: true }),
	kept: card('kept', { thumbnail: { width: 50 }, metadata: true }),
	many: card('many', { ...all, many: true },
		{ set: { '1.batch_size': 3 } }),
	reused: card('reused', all, { run: { reuse: '1h', keep: '1h' } }),
};

// ---- pictures of our own ----

const crc = crc32 ?? ((bytes) => {
	let c = ~0;
	for (const b of bytes) {
		c ^= b;
		for (let k = 0; k < 8; k++)
			c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
	}
	return ~c >>> 0;
});

const u32 = (n) => {
	const b = Buffer.alloc(4);
	b.writeUInt32BE(n);
	return b;
};

function chunk(type, data) {
	const body = Buffer.concat([Buffer.from(type), data]);
	return Buffer.concat([u32(data.length), body, u32(crc(body))]);
}

const png = (width, height, pixels) => Buffer.concat([
	Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
	chunk('IHDR', Buffer.concat([u32(width), u32(height),
		Buffer.from([8, 0, 0, 0, 0])])),
	chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);

// Grey noise: dear to encode.
const noise = (width, height) => png(width, height, deflateSync(Buffer.concat(
	Array.from({ length: height }, () => Buffer.concat([Buffer.from([0]),
		randomBytes(width)]))), { level: 1 }));

// It says that it has 900 million pixels, and would have them.
const bomb = () => png(30000, 30000, deflateSync(Buffer.alloc(30001 * 300)));

// ---- the house ----

let standin, gate, dir;

before(async () => {
	dir = mkdtempSync(join(tmpdir(), 'comfygate-standin-'));
	standin = await Standin.start(['--dir', dir]);
	if (!skip)
		gate = await Gate.start({ standins: [standin], scope: 'all',
			endpoints: endpointsFolder(endpoints) });
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
	rmSync(dir, { recursive: true, force: true });
});

let color = 0;
const run = (name, body = { width: 320, height: 200, color: 0x3366cc }, o = {}) =>
	gate.call(`/v1/${name}`, { body, ...o });

// Runs it with the node's file in place of the one that it makes.
async function give(name, bytes, o = {}) {
	const filename = `given-${createHash('sha256').update(bytes)
		.digest('hex').slice(0, 12)}.png`;
	writeFileSync(join(dir, 'output', filename), bytes);
	await standin.fault({ kind: 'evil-names', times: 1, filename });
	// Another one each time: what is cached is not saved again.
	return run(name, { width: 16, height: 16, color: ++color }, o);
}

async function get(file) {
	const r = await gate.call(file.url, { token: false });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.bytes.length, file.size_bytes);
	assert.equal(r.type, file.content_type);
	assert.equal(createHash('sha256').update(r.bytes).digest('hex'),
		file.sha256);
	return r.bytes;
}

const magic = {
	'image/webp': (b) => b.subarray(8, 12).toString() === 'WEBP',
	'image/jpeg': (b) => b.readUInt16BE(0) === 0xffd8,
	'image/png': (b) => b.subarray(1, 4).toString() === 'PNG',
};

// Fetches it; nothing of the graph is in it.
async function assertPicture(file, type, width, height) {
	assert.deepEqual([file.content_type, file.width, file.height],
		[type, width, height]);
	const bytes = await get(file);
	assert.ok(magic[type](bytes), type);
	for (const word of [CANARY, 'class_type', 'prompt', 'EXIF', 'Exif', 'XMP'])
		assert.equal(bytes.indexOf(word), -1, word);
}

const HASH = /^L[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{27}$/;
const output = (r) => {
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.status, 'succeeded', r.text);
	return r.json.outputs.image;
};

const helperPids = () => [...gate.log.matchAll(/ convert\.started pid=(\d+)/g)]
	.map((m) => Number(m[1]));
const children = (pid) => readFileSync(
	`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
	.filter(Boolean).map(Number);

// ---- what is asked ----

test('WebP with thumbnail and placeholder', { skip }, async () => {
	const image = output(await run('webp'));
	await assertPicture(image, 'image/webp', 320, 200);
	await assertPicture(image.thumbnail, 'image/webp', 64, 40);
	assert.match(image.thumbnail.url, /\/image-thumb\.webp\?/);
	assert.match(image.blurhash, HASH);
	// What it was made from has it all in it.
	const [made] = readdirSync(join(dir, 'output'))
		.filter((n) => n.startsWith(CANARY));
	const bytes = readFileSync(join(dir, 'output', made));
	assert.notEqual(bytes.indexOf(CANARY), -1);
});

test('JPEG', { skip }, async () => {
	const image = output(await run('jpeg'));
	await assertPicture(image, 'image/jpeg', 320, 200);
	await assertPicture(image.thumbnail, 'image/jpeg', 32, 20);
	assert.equal(image.blurhash, undefined);
});

test('what has its format stays; a thumbnail is never larger', { skip },
	async () => {
		const image = output(await run('png'));
		await assertPicture(image, 'image/png', 320, 200);
		await assertPicture(image.thumbnail, 'image/png', 320, 200);
	});

test('a thumbnail of a picture that stays as it is', { skip }, async () => {
	const image = output(await run('small'));
	await assertPicture(image, 'image/png', 320, 200);
	await assertPicture(image.thumbnail, 'image/webp', 50, 31);
	assert.match(image.blurhash, HASH);
});

test('… and keeps its metadata, which its thumbnail does not', { skip },
	async () => {
		const image = output(await run('kept'));
		assert.notEqual((await get(image)).indexOf(CANARY), -1);
		await assertPicture(image.thumbnail, 'image/webp', 50, 31);
	});

test('each of a list has its own', { skip }, async () => {
	const images = output(await run('many'));
	assert.equal(images.length, 3);
	for (const [i, image] of images.entries()) {
		assert.match(image.url, new RegExp(`/image-${i + 1}\\.webp\\?`));
		assert.match(image.thumbnail.url,
			new RegExp(`/image-${i + 1}-thumb\\.webp\\?`));
		await assertPicture(image, 'image/webp', 320, 200);
		await assertPicture(image.thumbnail, 'image/webp', 64, 40);
	}
});

test('a shared result has it, too; deleted it is gone', { skip }, async () => {
	const first = await run('reused');
	const second = await run('reused');
	assert.equal(second.json.reused, true);
	const image = output(second);
	await assertPicture(image.thumbnail, 'image/webp', 64, 40);
	assert.equal(image.blurhash, output(first).blurhash);
	const r = await gate.call(`/v1/jobs/${second.json.id}`,
		{ method: 'DELETE' });
	assert.equal(r.status, 204);
	const gone = await gate.call(image.thumbnail.url, { token: false });
	assert.ok([404, 410].includes(gone.status), gone.text);
	await assertPicture(output(first).thumbnail, 'image/webp', 64, 40);
});

test('samples of all kinds', { skip }, async () => {
	const sample = (name) =>
		readFileSync(join(top, 'tests/cases/media', name));
	const want = [
		['animation.gif', 'webp', 'image/webp'],
		['animation.webp', 'webp', 'image/webp'],
		['picture.jpg', 'webp', 'image/webp'],
		['turned.jpg', 'webp', 'image/webp'],
		['lossy.webp', 'jpeg', 'image/jpeg'],
		['lossless.webp', 'png', 'image/png'],
	];
	for (const [name, endpoint, type] of want) {
		const image = output(await give(endpoint, sample(name)));
		await assertPicture(image, type, image.width, image.height);
		await assertPicture(image.thumbnail, type, image.thumbnail.width,
			image.thumbnail.height);
	}
	for (const [name, endpoint, detail] of [
		['animation.png', 'webp', /the output image cannot be converted/],
		['animation.gif', 'jpeg', /the output image cannot be converted/],
		['film.mp4', 'jpeg', /a file of type video\/mp4 for the output/],
		['film.mp4', 'small', /a file of type video\/mp4 for the output/],
	]) {
		const r = await give(endpoint, sample(name));
		assert.equal(r.status, 502, name);
		assert.equal(r.json.type, '/problems/output-missing');
		assert.match(r.json.detail, detail);
	}
});

test('Accept: what it is converted to, known before the run', { skip },
	async () => {
		const body = { width: 96 };
		const ask = (Accept) => gate.call('/v1/webp',
			{ body, headers: { Accept } });
		const r = await ask('image/webp');
		assert.equal(r.status, 200, r.text);
		assert.equal(r.type, 'image/webp');
		assert.equal((await ask('image/*')).type, 'image/webp');
		assert.equal((await ask('image/png')).status, 406);
		const way = await gate.call('/v1/webp?redirect=1', { body });
		assert.equal(way.status, 303);
		assert.match(way.headers.get('location'), /\/image\.webp\?/);
	});

test('the contract tells it', { skip }, async () => {
	const { json } = await gate.call('/v1/webp');
	const { properties } = json.outputs.properties.image;
	assert.equal(properties.content_type.const, 'image/webp');
	assert.equal(properties.thumbnail.properties.content_type.const,
		'image/webp');
	assert.equal(properties.blurhash.type, 'string');
	const plain = (await gate.call('/v1/jpeg')).json.outputs.properties.image;
	assert.equal(plain.properties.blurhash, undefined);
});

// ---- what is bad ----

test('a bomb is refused before anything decodes it', { skip }, async () => {
	const from = gate.log.length;
	const r = await give('webp', bomb());
	assert.equal(r.status, 502);
	assert.equal(r.json.type, '/problems/output-missing');
	assert.match(gate.log.slice(from), /file\.not_converted.*too many pixels/);
	output(await run('webp'));
});

test('a broken picture is one failed job', { skip }, async () => {
	const r = await give('webp', png(100, 100, Buffer.from('no zlib at all')));
	assert.equal(r.status, 502);
	assert.equal(r.json.type, '/problems/output-missing');
	output(await run('webp'));
});

// A picture whose conversion is under way.
async function slow() {
	const r = await give('webp', noise(5000, 5000),
		{ headers: { Prefer: 'respond-async' } });
	assert.equal(r.status, 202, r.text);
	const helper = helperPids().at(-1);
	const [child] = await until('it is converted', () => {
		const found = children(helper);
		return found.length > 0 && found;
	});
	return { id: r.json.id, helper, child };
}

for (const who of ['child', 'helper']) {
	test(`kill -9 of the ${who} midway is one failed job`, { skip },
		async () => {
			output(await run('webp'));
			const s = await slow();
			process.kill(s[who], 'SIGKILL');
			const job = await gate.ended(s.id);
			assert.equal(job.status, 'failed');
			assert.equal(job.error.type, '/problems/output-missing');
			output(await run('webp'));
			assert.equal(helperPids().at(-1) === s.helper, who === 'child');
			await until('the child is gone', () =>
				!existsSync(`/proc/${s.child}`));
		});
}

test('a cancel is not held up', { skip }, async () => {
	output(await run('webp'));
	const s = await slow();
	await gate.call(`/v1/jobs/${s.id}/cancel`, { method: 'POST' });
	assert.equal((await gate.ended(s.id)).status, 'canceled');
	await until('nobody works on it', () =>
		!existsSync(`/proc/${s.child}`));
	output(await run('webp'));
});

test('nothing is left open', { skip }, async () => {
	const pid = gate.daemon.pid;
	output(await run('webp'));
	const before = descriptors(pid);
	await Promise.all(Array.from({ length: 12 }, async (_, i) =>
		output(await run('webp', { width: 64 + i, height: 64, color: i }))));
	await until('as many descriptors as before', () =>
		descriptors(pid) <= before + 14);
	const helper = helperPids().at(-1);
	assert.deepEqual(readdirSync(`/proc/${helper}/fd`).length, 5);
	assert.deepEqual(readFileSync(`/proc/${helper}/environ`, 'latin1')
		.split('\0').filter((v) => /COMFYGATE|PATH|HOME/.test(v)), []);
});

test('its time is over', { skip }, async (t) => {
	const hasty = await Gate.start({ standins: [standin], scope: 'all',
		endpoints: endpointsFolder(endpoints),
		env: { COMFYGATE_CONVERT_TIMEOUT: '150ms' } });
	t.after(() => hasty.stop());
	const filename = 'late.png';
	writeFileSync(join(dir, 'output', filename), noise(5000, 5000));
	await standin.fault({ kind: 'evil-names', times: 1, filename });
	const r = await hasty.call('/v1/webp', { body: { color: ++color } });
	assert.equal(r.status, 502, r.text);
	assert.match(hasty.log, /file\.not_converted.*why=late/);
});

test('the helper ends with the daemon, however that ends', { skip }, async () => {
	output(await run('webp'));
	const helper = helperPids().at(-1);
	await gate.kill();
	await until('the helper is gone', () => !existsSync(`/proc/${helper}`) ||
		/^State:\s+Z/m.test(readFileSync(`/proc/${helper}/status`, 'utf8')));
	await gate.startDaemon();
	output(await run('webp'));
});

// ---- without it ----

test('without the helper a manifest that needs it says so', async (t) => {
	const folder = endpointsFolder({ webp: endpoints.webp,
		plain: card('plain', {}) });
	const env = { PATH: process.env.PATH,
		COMFYGATE_MEDIA_HELPER: '/nonexistent/comfygate-media' };
	const checked = await program(['check', folder], { env });
	assert.equal(checked.code, 1);
	assert.match(checked.err, new RegExp('/webp/manifest\\.json: ' +
		'/outputs/image/format: needs the program comfygate-media.*libvips'));
	assert.match(checked.out, /2 endpoints, 1 problem\b/);
	const without = await Gate.start({ standins: [standin], scope: 'all',
		endpoints: folder, broken: true, env });
	t.after(() => without.stop());
	assert.match(without.log, /endpoint\.broken.*needs the program/);
	assert.equal((await without.call('/v1/webp', { body: {} })).status, 404);
	const r = await without.call('/v1/plain',
		{ body: { width: 16, height: 16 } });
	assert.equal(r.json.outputs.image.content_type, 'image/png');
});
