// Files that callers send: in every form, through nginx and the daemon into
// ComfyUI's input folder; and what is refused, in the caller's own words.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { photo } from './photo.mjs';
import { png } from './pictures.mjs';
import { Gate, Standin, endpointsFolder, readFileSync, top } from './rig.mjs';

const PRIVATE = 'private.key: do not tell';
const snap = photo({ width: 4032, height: 3024, bytes: 4e6 });
const small = png(8, 6);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let standin, gate, web, folder, site, secret, asked;

const load = (id, more = {}) => ({ class_type: 'LoadImage',
	inputs: { image: 'example.png' }, ...more });
const save = (from) => ({ class_type: 'SaveImage',
	inputs: { images: [from, 0], filename_prefix: 'x' } });
const manifest = (name, inputs, rest = {}) => ({ name, version: 1,
	workflow: 'workflow.json', inputs,
	outputs: { image: { type: 'image', from: '9' } }, ...rest });

const endpoints = () => ({
	restyle: {
		manifest: readFileSync(join(top, 'endpoints/restyle/manifest.json'),
			'utf8'),
		workflow: readFileSync(join(top, 'endpoints/restyle/workflow.json'),
			'utf8'),
	},
	cutout: {
		manifest: manifest('cutout', {
			photo: { type: 'image', to: '1.image' },
			hole: { type: 'mask', of: 'photo', required: false },
		}),
		workflow: { 1: load(), 9: save('1') },
	},
	pair: {
		manifest: manifest('pair', {
			pictures: { type: 'array', items: { type: 'image' },
				minItems: 1, to: ['1.image', '2.image'] },
			mix: { type: 'number', minimum: 0, maximum: 1, default: 0.5,
				to: '3.blend_factor' },
			fast: { type: 'boolean', default: true, to: '9.fast' },
		}),
		workflow: { 1: load(), 2: load(),
			3: { class_type: 'ImageBlend', inputs: { image1: ['1', 0],
				image2: ['2', 0], blend_factor: 0.5,
				blend_mode: 'normal' } },
			9: { class_type: 'SaveImage', inputs: { images: ['3', 0],
				filename_prefix: 'x', fast: false } } },
	},
	tight: {
		manifest: manifest('tight', { photo: { type: 'image',
			maxBytes: 2000, minWidth: 4, maxWidth: 100, maxHeight: 100,
			mime: ['image/png'], to: '1.image' } }),
		workflow: { 1: load(), 9: save('1') },
	},
});

// A web server with pictures, and one that nobody may look at.
async function serve(answers) {
	const server = createServer((request, response) => {
		asked.push(request.url);
		answers(request, response);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return server;
}

before(async () => {
	asked = [];
	web = await serve((request, response) => {
		if (request.url === '/IMG_0001.JPG')
			return response.end(snap);
		if (request.url.startsWith('/photo'))
			return response.end(small);
		if (request.url === '/away') {
			response.writeHead(302, { Location:
				`http://127.0.0.1:${secret.address().port}/x` });
			return response.end();
		}
		if (request.url === '/text')
			return response.end('no picture');
		response.writeHead(404);
		response.end(PRIVATE);
	});
	secret = await serve((request, response) => response.end(PRIVATE));
	site = `http://127.0.0.1:${web.address().port}`;
	standin = await Standin.start();
	folder = endpointsFolder(endpoints());
	// What its nodes take and give lies beside the endpoints.
	const { copyFileSync } = await import('node:fs');
	copyFileSync(join(top, 'endpoints/restyle/object_info.json'),
		join(folder, 'object_info.json'));
	gate = await Gate.start({ standins: [standin], endpoints: folder,
		scope: 'restyle:run cutout:run pair:run tight:run',
		env: { COMFYGATE_URL_HTTP: 'true', COMFYGATE_URL_TIMEOUT: '5s',
			COMFYGATE_MAX_UPLOAD_BYTES: '6000000',
			COMFYGATE_MAX_UPLOADS_EACH_BYTES: '9000000',
			COMFYGATE_URL_ALLOW: `127.0.0.1:${web.address().port}` } });
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
	web?.close();
	secret?.close();
	if (folder)
		rmSync(folder, { recursive: true });
});

// parts: [name, text or Buffer, file name]
async function form(path, parts, o = {}) {
	const body = new FormData();
	for (const [name, value, file] of parts)
		if (Buffer.isBuffer(value))
			body.append(name, new Blob([value],
				{ type: o.type ?? 'image/png' }), file ?? 'a.png');
		else
			body.append(name, value);
	const r = await fetch(gate.url + path, { method: 'POST', body,
		headers: { Authorization: `Bearer ${o.token ?? gate.token()}`,
			...o.headers } });
	const text = await r.text();
	return { status: r.status, headers: r.headers, text,
		json: JSON.parse(text) };
}

const run = (name, body, o) => gate.call(`/v1/${name}`, { body, ...o });
const lastPrompt = async () =>
	JSON.parse((await standin.prompts()).at(-1).body).prompt;

function blobs() {
	const root = join(gate.state, 'blobs');
	return readdirSync(root).flatMap((sub) => sub.length === 2 ?
		readdirSync(join(root, sub)) : [sub]);
}

// The job has the photo in it, and ComfyUI was given it by its content.
async function took(r, bytes, type, width) {
	assert.equal(r.status, 200, r.text);
	const told = r.json.inputs.photo;
	assert.equal(told.sha256, sha256(bytes));
	assert.equal(told.content_type, type);
	assert.equal(told.size_bytes, bytes.length);
	assert.equal(r.json.outputs.image.width, width);
	const prompt = await lastPrompt();
	const extension = type === 'image/png' ? 'png' : 'jpg';
	assert.equal(prompt['1'].inputs.image,
		`comfygate/${sha256(bytes)}.${extension}`);
}

test('a phone\'s photo as a part of a form', async () => {
	const r = await form('/v1/restyle',
		[['photo', snap, 'IMG_0001.JPG'], ['width', '64']],
		{ type: 'image/jpeg' });
	await took(r, snap, 'image/jpeg', 64);
	assert.equal(r.json.outputs.image.height, 48);
	assert.equal(r.json.inputs.photo.width, 4032);
});

test('… as a data: URI', async () => {
	const r = await run('restyle', { width: 32, photo:
		`data:image/jpeg;base64,${snap.toString('base64')}` });
	await took(r, snap, 'image/jpeg', 32);
});

test('… as an upload', async () => {
	const up = await gate.call('/v1/uploads', { body: snap,
		headers: { 'Content-Type': 'image/jpeg' } });
	assert.equal(up.status, 201, up.text);
	assert.match(up.json.id, /^upload:[0-9a-f-]{36}$/);
	assert.equal(up.json.sha256, sha256(snap));
	assert.equal(up.json.size_bytes, snap.length);
	assert.equal(up.json.content_type, 'image/jpeg');
	assert.equal(up.json.width, 4032);
	assert.match(up.json.expires_at, /^\d{4}-.*Z$/);
	await took(await run('restyle', { width: 48, photo: up.json.id }), snap,
		'image/jpeg', 48);
	const other = await run('restyle', { photo: up.json.id },
		{ token: gate.token({ sub: 'somebody else' }) });
	assert.equal(other.status, 422);
	assert.equal(other.json.errors[0].pointer, '/photo');
	assert.equal(other.json.errors[0].code, 'upload');
});

test('… by its URL', async () => {
	const r = await run('restyle', { width: 40,
		photo: `${site}/IMG_0001.JPG` });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.outputs.image.width, 40);
	assert.equal(r.json.outputs.image.height, 30);
	assert.equal((await lastPrompt())['1'].inputs.image,
		`comfygate/${sha256(snap)}.jpg`);
});

test('what is secret in a URL is sent, and not told back', async () => {
	const r = await run('restyle', { width: 16,
		photo: `${site}/photo.png?token=abc#x` });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.inputs.photo.url, `${site}/photo.png`);
	assert.deepEqual((await lastPrompt())['1'].inputs.image,
		`comfygate/${sha256(small)}.png`);
	assert.ok(asked.includes('/photo.png?token=abc'));
});

test('one content is one file here, and is sent to a ComfyUI once', async () => {
	const before = gate.lines(/ file\.uploaded .*how=taken/).length;
	for (let i = 0; i < 3; i++)
		assert.equal((await form('/v1/restyle', [['photo', snap, 'b.jpg'],
			['width', String(20 + i)]], { type: 'image/jpeg' })).status, 200);
	assert.equal(gate.lines(/ file\.uploaded .*how=taken/).length, before);
	assert.equal(blobs().filter((n) => n === sha256(snap)).length, 1);
});

test('an optional input left out takes its nodes along', async () => {
	assert.equal((await form('/v1/restyle', [['photo', small]])).status, 200);
	let prompt = await lastPrompt();
	assert.equal(prompt['3'], undefined);
	assert.deepEqual(prompt['5'].inputs.images, ['2', 0]);
	const r = await form('/v1/restyle', [['photo', small], ['width', '16'],
		['negative', '1']]);
	assert.equal(r.status, 200, r.text);
	prompt = await lastPrompt();
	assert.deepEqual(prompt['5'].inputs.images, ['4', 0]);
	assert.equal(prompt['4'].inputs.blend_factor, 1);
});

test('texts of a form are what the endpoint says', async () => {
	const r = await form('/v1/pair', [['pictures', small], ['mix', '0.25'],
		['pictures', png(8, 6, () => [1, 2, 3])], ['fast', 'false']]);
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.inputs.mix, 0.25);
	assert.equal(r.json.inputs.fast, false);
	assert.equal(r.json.inputs.pictures.length, 2);
	const prompt = await lastPrompt();
	assert.notEqual(prompt['1'].inputs.image, prompt['2'].inputs.image);
	const mixed = await form('/v1/pair', [['pictures', small],
		['inputs', '{"mix": 1}'], ['pictures', `${site}/photo`]]);
	assert.equal(mixed.status, 200, mixed.text);
	assert.equal(mixed.json.inputs.mix, 1);
});

test('a data: URI may be a part of a form, too', async () => {
	const uri = `data:image/png;base64,${small.toString('base64')}`;
	await took(await form('/v1/restyle', [['photo', uri], ['width', '20']]),
		small, 'image/png', 20);
	await took(await form('/v1/restyle', [['inputs',
		JSON.stringify({ photo: uri, width: 21 })]]), small, 'image/png', 21);
	const two = await form('/v1/pair', [['pictures', png(8, 6, () => [1, 1, 1])],
		['pictures', uri]]);
	assert.equal(two.status, 200, two.text);
	assert.equal(two.json.inputs.pictures[1].sha256, sha256(small));
	const bad = await form('/v1/restyle', [['photo', 'data:;base64,@']]);
	assert.equal(bad.status, 422, bad.text);
	assert.equal(bad.json.errors[0].code, 'format');
});

test('a file field in which nothing was chosen is not there', async () => {
	const nothing = (path, fields) => gate.call(path, { method: 'POST',
		headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
		body: `${fields}--b\r\nContent-Disposition: form-data; ` +
			'name="hole"; filename=""\r\n' +
			'Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n' });
	const uri = `data:image/png;base64,${small.toString('base64')}`;
	const r = await nothing('/v1/cutout', '--b\r\nContent-Disposition: ' +
		`form-data; name="photo"\r\n\r\n${uri}\r\n`);
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.inputs.hole, undefined);
	assert.equal((await nothing('/v1/uploads', '')).status, 400);
});

test('a mask becomes the alpha channel of its picture', async () => {
	const picture = png(8, 6, () => [9, 9, 9]);
	const mask = png(8, 6, (x) => [0, 0, 0, x < 4 ? 0 : 255]);
	const r = await form('/v1/cutout', [['photo', picture], ['hole', mask]]);
	assert.equal(r.status, 200, r.text);
	assert.match((await lastPrompt())['1'].inputs.image, /^comfygate\//);
	const flat = await form('/v1/cutout', [['photo', picture],
		['hole', png(8, 6)]]);
	assert.equal(flat.status, 422, flat.text);
	assert.deepEqual(flat.json.errors.map((e) => [e.pointer, e.code]),
		[['/hole', 'alpha']]);
	const alone = await run('cutout', { hole:
		`data:image/png;base64,${mask.toString('base64')}` });
	assert.equal(alone.status, 422);
	assert.ok(alone.json.errors.some((e) => e.code === 'of' ||
		e.pointer === '/photo'), alone.text);
});

// What is wrong with a file is told at its field, all at once.
const page = Buffer.from('<html><script>alert(1)</script></html>');
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
const avif = Buffer.concat([Buffer.from([0, 0, 0, 0x1c]),
	Buffer.from('ftypavif\0\0\0\0avifmif1miaf')]);
const hostile = [
	['a web page', page, ['type']],
	['a web page called a picture', page, ['type'], 'a.png'],
	['SVG', svg, ['type']],
	['AVIF', avif, ['type']],
	['nothing', Buffer.alloc(0), null],
	['half a header', small.subarray(0, 20), null],
	['a bomb of 30000 × 30000', png(1, 1, undefined,
		{ width: 30000, height: 30000 }), ['maxWidth', 'maxHeight',
		'maxPixels']],
	['too small', png(2, 2), ['minWidth']],
	['too wide and too large', Buffer.concat([png(101, 8),
		Buffer.alloc(3000)]), ['maxBytes', 'maxWidth']],
	['a JPEG where PNG is wanted', photo({ width: 8, height: 8 }), ['mime']],
	['an executable', Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), ['type']],
];

for (const [name, bytes, codes, file] of hostile)
	test(`refused: ${name}`, async () => {
		const r = await form('/v1/tight', [['photo', bytes, file]]);
		assert.equal(r.status, 422, r.text);
		for (const e of r.json.errors)
			assert.equal(e.pointer, '/photo', r.text);
		for (const code of codes ?? [])
			assert.ok(r.json.errors.some((e) => e.code === code),
				`${code}: ${r.text}`);
		assert.ok(!blobs().includes(sha256(bytes)), 'nothing of it stays');
	});

for (const name of ['../../../../etc/passwd', '..\\..\\boot.ini', 'a"b;c.png',
	'\u202egnp.exe', 'x'.repeat(300), '.htaccess', 'CON'])
	test(`a file called ${JSON.stringify(name).slice(0, 40)}`, async () => {
		const r = await form('/v1/restyle', [['photo', small, name],
			['width', '16']]);
		await took(r, small, 'image/png', 16);
	});

const badForms = [
	['a file for no input', [['photo', small], ['selfie', small]], 422,
		'/selfie'],
	['a file for a number', [['photo', small], ['width', small]], 422,
		'/width'],
	['two files for one input', [['photo', small], ['photo', small]], 400],
	['a text for a file', [['photo', 'me.jpg']], 422, '/photo'],
	['no file', [['width', '16']], 422, '/photo'],
	['no number', [['photo', small], ['width', 'wide']], 422, '/width'],
];

for (const [name, parts, status, pointer] of badForms)
	test(`refused: ${name}`, async () => {
		const r = await form('/v1/restyle', parts);
		assert.equal(r.status, status, r.text);
		if (pointer)
			assert.ok(r.json.errors.some((e) => e.pointer === pointer),
				r.text);
	});

test('a mask is held against a picture that came by its URL', async () => {
	const ask = (width, height) => form('/v1/cutout', [
		['photo', `${site}/photo.png`],
		['hole', png(width, height, () => [1, 2, 3, 4])]]);
	const r = await ask(5, 5);
	assert.equal(r.status, 422, r.text);
	assert.equal(r.json.errors[0].pointer, '/hole');
	assert.match(r.json.errors[0].detail, /the size of "photo"/);
	const good = await ask(8, 6);
	assert.equal(good.status, 200, good.text);
});

test('what is no form is told', async () => {
	const bad = async (type, body) => {
		const r = await gate.call('/v1/restyle', { body,
			headers: { 'Content-Type': type } });
		assert.equal(r.status, 400, r.text);
		assert.equal(r.json.type, '/problems/malformed-request');
	};
	await bad('multipart/form-data', 'x');
	await bad('multipart/form-data; boundary=b', 'x');
	await bad('multipart/form-data; boundary=b',
		'--b\r\nContent-Disposition: form-data; name="photo"; ' +
		'filename="a"\r\n\r\nhalf of it');
});

const badUris = [
	['data:', 'format'],
	['data:image/png;base64,@@@@', 'format'],
	['data:image/png;base64,AAAA', 'type'],
	['https://user:pass@example.com/x.png', 'url'],
	['ftp://example.com/x.png', 'format'],
	['upload:nothing', null],
	['upload:01a214a5-55eb-7106-b873-084805e37be2', 'upload'],
	['http://0x7f000001/x.png', 'url'],
	['file:///etc/passwd', 'format'],
	['/etc/passwd', 'format'],
];

for (const [text, code] of badUris)
	test(`refused: ${text}`, async () => {
		const r = await run('restyle', { photo: text });
		assert.equal(r.status, 422, r.text);
		assert.equal(r.json.errors[0].pointer, '/photo');
		if (code)
			assert.equal(r.json.errors[0].code, code, r.text);
	});

test('nobody learns what a private address holds', async () => {
	const port = secret.address().port;
	const count = asked.length;
	const details = new Set();
	for (const url of [`http://127.0.0.1:${port}/x`,
		`http://localhost:${port}/x`,
		`http://[::ffff:127.0.0.1]:${port}/x`, 'http://169.254.169.254/',
		'http://10.0.0.1/', `${site}/away`]) {
		const r = await run('restyle', { photo: url });
		assert.equal(r.status, 422, `${url}: ${r.text}`);
		assert.equal(r.json.errors[0].pointer, '/photo', r.text);
		assert.ok(!r.text.includes(PRIVATE));
		details.add(r.json.errors[0].detail);
	}
	assert.equal(asked.slice(count).filter((u) => u === '/x').length, 0,
		'the private server was asked');
	assert.equal(details.size, 1, [...details].join('\n'));
});

test('a fetch that fails is a 422, or the end of a job told before', async () => {
	const now = await run('restyle', { photo: `${site}/missing` });
	assert.equal(now.status, 422, now.text);
	assert.equal(now.json.type, '/problems/invalid-input');
	assert.ok(!now.text.includes(PRIVATE));
	const later = await run('restyle', { photo: `${site}/text` },
		{ headers: { Prefer: 'respond-async' } });
	assert.equal(later.status, 202, later.text);
	const job = await gate.ended(later.json.id);
	assert.equal(job.status, 'failed');
	assert.equal(job.error.type, '/problems/invalid-input');
	assert.equal(job.error.errors[0].pointer, '/photo');
});

test('the same key with the same form is the same job', async () => {
	const headers = { 'Idempotency-Key': 'photo-1' };
	const parts = [['photo', small], ['width', '24']];
	const first = await form('/v1/restyle', parts, { headers });
	const again = await form('/v1/restyle', parts, { headers });
	assert.equal(again.json.id, first.json.id);
	assert.equal(again.headers.get('idempotent-replayed'), 'true');
	const other = await form('/v1/restyle',
		[['photo', png(3, 3)], ['width', '24']], { headers });
	assert.equal(other.status, 422);
	assert.equal(other.json.type, '/problems/idempotency-mismatch');
});

test('a dry run keeps nothing', async () => {
	const picture = png(5, 5, () => [7, 8, 9]);
	const r = await form('/v1/restyle?dry_run=1', [['photo', picture]]);
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.inputs.photo.sha256, sha256(picture));
	assert.ok(!blobs().includes(sha256(picture)));
});

test('uploads: a form, a ceiling, a share for each', async () => {
	const up = await form('/v1/uploads', [['file', small]]);
	assert.equal(up.status, 201, up.text);
	assert.equal(up.json.sha256, sha256(small));
	const two = await form('/v1/uploads', [['a', small], ['b', small]]);
	assert.equal(two.status, 400, two.text);
	const empty = await gate.call('/v1/uploads', { body: Buffer.alloc(0),
		method: 'POST' });
	assert.equal(empty.status, 400, empty.text);
	const large = await gate.call('/v1/uploads',
		{ body: Buffer.alloc(6000001, 7) });
	assert.equal(large.status, 413, large.text);
	assert.equal(large.json.type, '/problems/too-large');
	const token = gate.token({ sub: 'collector' });
	const statuses = [];
	for (let i = 0; i < 3; i++)
		statuses.push((await gate.call('/v1/uploads', { token,
			body: Buffer.alloc(4000000, i) })).status);
	assert.deepEqual(statuses, [201, 201, 429]);
	const over = await gate.call('/v1/uploads', { token,
		body: Buffer.alloc(4000000, 9) });
	assert.match(over.headers.get('retry-after'), /^\d+$/);
});

test('who may not come in has nothing stored', async () => {
	for (const path of ['/v1/uploads', '/v1/restyle']) {
		const r = await fetch(gate.url + path, { method: 'POST',
			body: (() => { const f = new FormData();
				f.append('photo', new Blob([Buffer.alloc(3e6, 77)]), 'x');
				return f; })(), headers: { Authorization: 'Bearer x' } });
		assert.equal(r.status, 401, await r.text());
	}
	assert.ok(!blobs().includes(sha256(Buffer.alloc(3e6, 77))));
});

test('a ComfyUI that was wiped is given the file again', async () => {
	await standin.post('/standin/wipe-input');
	const r = await form('/v1/restyle', [['photo', small], ['width', '18']]);
	await took(r, small, 'image/png', 18);
});

test('a disk that is nearly full takes no files, and says so', async () => {
	const full = await Gate.start({ standins: [standin], endpoints: folder,
		scope: 'restyle:run',
		env: { COMFYGATE_MIN_FREE_BYTES: '1099511627776' } });
	try {
		for (const path of ['/v1/uploads', '/v1/restyle']) {
			const body = new FormData();
			body.append('photo', new Blob([snap]), 'a.jpg');
			const r = await fetch(full.url + path, { method: 'POST', body,
				headers: { Authorization: `Bearer ${full.token()}` } });
			assert.equal(r.status, 503, await r.text());
			assert.match(r.headers.get('retry-after'), /^\d+$/);
		}
	} finally {
		await full.stop();
	}
});

test('a large request to a daemon that is away is told so', async () => {
	await gate.stopDaemon();
	const r = await gate.call('/v1/restyle', { body: Buffer.alloc(3e6, 32),
		headers: { 'Content-Type': 'application/json' } });
	assert.equal(r.status, 503, r.text);
	assert.equal(r.json.type, '/problems/shutting-down');
	await gate.startDaemon();
	assert.ok(existsSync(join(gate.state, 'blobs')));
});
