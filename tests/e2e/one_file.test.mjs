// A job's one file in place of the job: Accept on the run route, and redirect.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { file, giving, sample } from './media.mjs';
import { usualEndpoints } from './tools.mjs';

const image = { type: 'image' };
const endpoints = endpointsFolder({
	...usualEndpoints(),
	clip: giving('clip', { gifs: [file('film.mp4')] },
		{ video: { type: 'video' } }),
	sound: giving('sound', { audio: [file('sound.flac')] },
		{ audio: { type: 'audio' } }),
	moving: giving('moving', { images: [file('animation.webp')] },
		{ image }),
	captioned: giving('captioned', { images: [file('picture.png')],
		text: ['a cat'] }, { image, caption: { type: 'text',
		from: '1.text' } }),
	two: giving('two', { images: [file('picture.png')],
		gifs: [file('film.mp4')] },
	{ image, video: { type: 'video', from: '1.gifs' } }),
	either: giving('either', { images: [file('picture.png')] },
		{ image, video: { type: 'video', from: '1.gifs',
			required: false } }),
	raw: giving('raw', { latents: [file('sample.latent')] },
		{ latent: { type: 'file' } }),
	kept: giving('kept', { images: [file('picture.png')] }, { image },
		{ reuse: '1h' }),
});
let standin, gate;
before(async () => {
	standin = await Standin.start();
	gate = await Gate.start({ standins: [standin], endpoints, scope: 'all' });
});
after(async () => {
	await gate?.stop();
	await standin?.stop();
});

// Cards of different sizes, so that none comes out of ComfyUI's cache.
let size = 64;
const body = (name) => name === 'card' ? { width: size += 8 } :
	name === 'text' ? { subject: 'a fox' } : {};
const run = (name, headers = {}, o = {}) => gate.call(`/v1/${name}`,
	{ body: body(name), ...o, headers });
const accept = (type, more) => ({ Accept: type, ...more });

function refused(r, status, type) {
	assert.equal(r.status, status, r.text);
	assert.equal(r.type, 'application/problem+json');
	assert.equal(r.json.type, `/problems/${type}`);
}

const isJob = (r) => {
	assert.equal(r.status, 200, r.text);
	assert.equal(r.type, 'application/json');
	assert.equal(r.json.status, 'succeeded');
};

test('Accept: image/* gives the picture itself', async () => {
	const r = await run('card', accept('image/*', { Prefer: 'wait=60' }));
	assert.equal(r.status, 200, r.text);
	assert.equal(r.type, 'image/png');
	assert.equal(r.bytes.subarray(1, 4).toString(), 'PNG');
	assert.equal(r.headers.get('content-disposition'),
		'inline; filename="image.png"');
	assert.equal(r.headers.get('cache-control'), 'no-store');
	assert.equal(r.headers.get('preference-applied'), 'wait');
	assert.equal(r.headers.get('x-content-type-options'), 'nosniff');
	assert.match(r.headers.get('vary'), /Accept/);
	assert.ok(r.headers.get('x-request-id'));
	const id = r.headers.get('x-job-id');
	const self = `${gate.url}/v1/jobs/${id}`;
	assert.equal(r.headers.get('link'), `<${self}>; rel="describedby"`);
	const job = (await gate.call(self)).json;
	assert.equal(job.status, 'succeeded');
	assert.equal(job.outputs.image.size_bytes, r.bytes.length);
	const again = await gate.call(r.headers.get('content-location'),
		{ token: false });
	assert.deepEqual(again.bytes, r.bytes);
});

test('curl -o in one line', () => {
	const got = execFileSync('curl', ['-sSf', '-o', '-', '-d', '{}',
		'-H', 'Accept: image/*', '-H', 'Content-Type: application/json',
		'-H', `Authorization: Bearer ${gate.token()}`,
		`${gate.url}/v1/card`]);
	assert.equal(got.subarray(1, 4).toString(), 'PNG');
});

const wanted = [
	// endpoint, Accept, content type of the answer
	['card', undefined, 'application/json'],
	['card', '*/*', 'application/json'],
	['card', 'application/json', 'application/json'],
	['card', 'application/*;q=0.1, */*;q=0.1', 'application/json'],
	['card', 'image/png', 'image/png'],
	['card', 'IMAGE/PNG;q=0.5', 'image/png'],
	['card', 'image/webp,image/*;q=0.8,application/json;q=0.5',
		'image/png'],
	['card', 'image/*;q=0.5, application/json', 'application/json'],
	['card', 'image/*, application/json', 'application/json'],
	['card', 'image/webp, application/json;q=0.1', 'application/json'],
	['card', 'video/*, application/json;q=0.1', 'application/json'],
	['batch', 'image/*, application/json;q=0.1', 'application/json'],
	['text', 'image/*, application/json;q=0.1', 'application/json'],
	['clip', 'video/mp4', 'video/mp4'],
	['clip', 'video/*', 'video/mp4'],
	['sound', 'audio/*', 'audio/flac'],
	['moving', 'image/webp', 'image/webp'],
	['captioned', 'image/*', 'image/png'],
	['either', 'image/*', 'image/png'],
	['raw', 'application/octet-stream', 'application/octet-stream'],
];
test('Accept: the type that is wanted most', async (t) => {
	for (const [name, type, got] of wanted) {
		await t.test(`${name}: ${type}`, async () => {
			const r = await run(name, type ? accept(type) : {});
			assert.equal(r.status, 200, r.text);
			assert.equal(r.type, got);
			assert.match(r.headers.get('vary'), /Accept/);
			if (got === 'application/json')
				isJob(r);
		});
	}
	const clip = await run('clip', accept('video/*'));
	assert.ok(clip.bytes.length > 0 &&
		clip.bytes.length <= sample('film.mp4').length);
});

test('what can never be given is 406 before anything is run', async () => {
	const before = (await standin.state()).accepted;
	for (const [name, type] of [
		['card', 'video/*'], ['card', 'text/html'], ['text', 'image/*'],
		['text', 'text/plain'], ['clip', 'audio/*'],
		['two', 'image/*'], ['card', 'application/json;q=0'],
		['card', 'image/*;q=0'],
	]) {
		const r = await run(name, accept(type));
		refused(r, 406, 'not-acceptable');
		assert.match(r.headers.get('vary'), /Accept/);
	}
	assert.equal((await standin.state()).accepted, before);
});

test('what turns out not to be given is 406, with the job', async () => {
	for (const [name, type] of [['card', 'image/webp'],
		['batch', 'image/*'], ['clip', 'video/webm']]) {
		const r = await run(name, accept(type));
		refused(r, 406, 'not-acceptable');
		assert.equal((await gate.call(`/v1/jobs/${r.json.job}`)).json
			.status, 'succeeded');
	}
});

test('not ended in time, failed, dry: as ever', async () => {
	const late = await run('card', accept('image/*',
		{ Prefer: 'respond-async' }));
	assert.equal(late.status, 202);
	assert.equal(late.type, 'application/json');
	await gate.ended(late.json.id);
	const dry = await gate.call('/v1/card?dry_run=1', { body: {},
		headers: accept('image/*') });
	assert.equal(dry.status, 200);
	assert.equal(dry.type, 'application/json');
	await standin.fault({ kind: 'error', match: 'SaveImage', times: 1 });
	refused(await run('card', accept('image/*')), 502, 'workflow-failed');
	refused(await run('card', accept('image/*'), { body: { width: 'x' } }),
		422, 'invalid-input');
});

test('the same Idempotency-Key gives the same bytes', async () => {
	const o = accept('image/*', { 'Idempotency-Key': 'bytes' });
	const same = { body: { width: 640 } };
	const a = await run('card', o, same);
	const b = await run('card', o, same);
	assert.equal(b.headers.get('idempotent-replayed'), 'true');
	assert.equal(b.headers.get('x-job-id'), a.headers.get('x-job-id'));
	assert.deepEqual(a.bytes, b.bytes);
});

test('a shared result is given, too', async () => {
	const a = await run('kept', accept('image/*'));
	const b = await run('kept', accept('image/*'));
	assert.equal(b.type, 'image/png');
	assert.notEqual(b.headers.get('x-job-id'), a.headers.get('x-job-id'));
	assert.deepEqual(a.bytes, b.bytes);
});

test('redirect on the job: 302 to the file', async () => {
	const { json } = await run('card');
	const r = await gate.call(`${json.urls.self}?redirect=1`);
	assert.equal(r.status, 302, r.text);
	assert.equal(r.headers.get('cache-control'), 'no-store');
	assert.equal(r.bytes.length, 0);
	const got = await gate.call(r.headers.get('location'),
		{ token: false });
	assert.equal(got.type, 'image/png');
	assert.equal(got.bytes.length, json.outputs.image.size_bytes);
	const head = await gate.call(`${json.urls.self}?redirect=1`,
		{ method: 'HEAD' });
	assert.equal(head.status, 302);
	isJob(await gate.call(`${json.urls.self}?redirect=0`));
	const named = await gate.call(`${json.urls.self}?redirect=image`);
	assert.equal(named.status, 302);
	refused(await gate.call(`${json.urls.self}?redirect=other`), 409,
		'conflict');
	refused(await gate.call(`${json.urls.self}?redirect=2`), 400,
		'malformed-request');
	refused(await gate.call(`${json.urls.self}?redirect=1`,
		{ token: gate.token({ sub: 'another' }) }), 404, 'not-found');
});

test('redirect: one of several by its name', async () => {
	const { json } = await run('two');
	refused(await gate.call(`${json.urls.self}?redirect=1`), 409, 'conflict');
	for (const [name, type] of [['image', 'image/png'],
		['video', 'video/mp4']]) {
		const r = await gate.call(`${json.urls.self}?redirect=${name}`);
		assert.equal(r.status, 302);
		assert.equal((await gate.call(r.headers.get('location'),
			{ token: false })).type, type);
	}
	const batch = await run('batch');
	refused(await gate.call(`${batch.json.urls.self}?redirect=images`),
		409, 'conflict');
	const text = await run('text');
	refused(await gate.call(`${text.json.urls.self}?redirect=1`), 409,
		'conflict');
});

test('redirect: with a wait, and while it runs', async () => {
	await standin.fault({ kind: 'hang', times: 1 });
	const { json } = await run('card', { Prefer: 'respond-async' });
	const self = `${json.urls.self}?redirect=1`;
	await standin.await('running');
	const now = await gate.call(self);
	assert.equal(now.status, 200);
	assert.equal(now.json.status, 'running');
	const later = gate.call(self, { headers: { Prefer: 'wait=60' } });
	await standin.release();
	const r = await later;
	assert.equal(r.status, 302, r.text);
	assert.equal(r.headers.get('preference-applied'), 'wait');
	await standin.fault({ kind: 'error', match: 'SaveImage', times: 1 });
	const bad = await run('card', {});
	const failed = await gate.call(`/v1/jobs/${bad.json.job}?redirect=1`);
	assert.equal(failed.status, 200);
	assert.equal(failed.json.status, 'failed');
});

test('redirect on the run route: 303 when it ends in time', async () => {
	const r = await gate.call('/v1/card?redirect=1', { body: {} });
	assert.equal(r.status, 303, r.text);
	assert.equal((await gate.call(r.headers.get('location'),
		{ token: false })).type, 'image/png');
	const late = await gate.call('/v1/card?redirect=1', { body: {},
		headers: { Prefer: 'respond-async' } });
	assert.equal(late.status, 202);
	assert.equal(late.headers.get('location'), `/v1/jobs/${late.json.id}`);
	await gate.ended(late.json.id);
	const before = (await standin.state()).accepted;
	for (const query of ['two?redirect=1', 'text?redirect=1',
		'card?redirect=other', 'captioned?redirect=caption',
		'card?redirect=9'])
		refused(await gate.call(`/v1/${query}`, { body: {} }), 400,
			'malformed-request');
	assert.equal((await standin.state()).accepted, before);
	const named = await gate.call('/v1/two?redirect=video', { body: {} });
	assert.equal(named.status, 303);
});

test('a job whose files are deleted has no way to them', async () => {
	const { json } = await run('card');
	const r = await gate.call(`${json.urls.self}?redirect=1`);
	await gate.call(json.urls.self, { method: 'DELETE' });
	refused(await gate.call(`${json.urls.self}?redirect=1`), 404,
		'not-found');
	refused(await gate.call(r.headers.get('location'), { token: false }),
		410, 'gone');
});
