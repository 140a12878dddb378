// The routes of docs/api.md through nginx, with the shipped endpoints.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Gate, Standin, mint, top } from './rig.mjs';

let standin, gate;

before(async () => {
	standin = await Standin.start();
	gate = await Gate.start({ standins: [standin] });
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
});

const run = (name, body, o = {}) =>
	gate.call(`/v1/${name}`, { body, ...o });

test('portrait answers 200 with a picture whose URL opens', async () => {
	const r = await run('portrait', { prompt: 'an old sea captain', seed: 7 });
	assert.equal(r.status, 200, r.text);
	const job = r.json;
	assert.equal(job.status, 'succeeded');
	assert.equal(job.endpoint, 'portrait');
	assert.equal(job.inputs.seed, 7);
	assert.equal(job.attempts, 1);
	assert.match(job.created_at, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
	const file = job.outputs.image;
	const got = await gate.call(file.url, { token: false });
	assert.equal(got.status, 200, got.text);
	assert.equal(got.type, 'image/png');
	assert.equal(file.content_type, 'image/png');
	assert.equal(got.bytes.length, file.size_bytes);
	assert.equal(got.bytes.subarray(1, 4).toString(), 'PNG');
	assert.equal(got.bytes.readUInt32BE(16), file.width);
	const { createHash } = await import('node:crypto');
	assert.equal(createHash('sha256').update(got.bytes).digest('hex'),
		file.sha256);
	assert.match(got.headers.get('content-disposition'),
		/^inline; filename="image\.png"$/);
	assert.equal(got.headers.get('x-content-type-options'), 'nosniff');
	assert.match(got.headers.get('content-security-policy'), /sandbox/);
});

test('a range and an ETag of a file', async () => {
	const { json } = await run('portrait', { prompt: 'x', seed: 1 });
	const { url, size_bytes } = json.outputs.image;
	const part = await gate.call(url, { token: false,
		headers: { Range: 'bytes=1-3' } });
	assert.equal(part.status, 206);
	assert.equal(part.text, 'PNG');
	assert.equal(part.headers.get('content-range'),
		`bytes 1-3/${size_bytes}`);
	const whole = await gate.call(url, { token: false });
	const again = await gate.call(url, { token: false,
		headers: { 'If-None-Match': whole.headers.get('etag') } });
	assert.equal(again.status, 304);
	const head = await gate.call(url, { token: false, method: 'HEAD' });
	assert.equal(head.status, 200);
	assert.equal(head.headers.get('content-length'), String(size_bytes));
});

test('a signed URL that was changed opens nothing', async () => {
	const { json } = await run('portrait', { prompt: 'x', seed: 2 });
	const url = new URL(json.outputs.image.url);
	const forged = [
		['expires', '4102444800'], ['signature', 'AAAA'],
		['signature', ''],
	];
	for (const [name, value] of forged) {
		const u = new URL(url);
		u.searchParams.set(name, value);
		const r = await gate.call(u.href, { token: false });
		assert.equal(r.status, 403, `${name}=${value}`);
		assert.equal(r.json.type, '/problems/forbidden');
	}
	const other = new URL(url);
	other.pathname = other.pathname.replace('image.png', '..%2fimage.png');
	assert.notEqual((await gate.call(other.href,
		{ token: false })).status, 200);
	const internal = await gate.call(
		`/_comfygate/files/${json.id.slice(6, 8)}/${json.id}/image.png`,
		{ token: false });
	assert.equal(internal.status, 404);
});

test('a file whose job was deleted is 410', async () => {
	const { json } = await run('portrait', { prompt: 'x', seed: 3 });
	const gone = await gate.call(`/v1/jobs/${json.id}`, { method: 'DELETE' });
	assert.equal(gone.status, 204);
	assert.equal((await gate.call(json.urls.self)).status, 404);
	const r = await gate.call(json.outputs.image.url, { token: false });
	assert.equal(r.status, 410);
	assert.equal(r.json.type, '/problems/gone');
});

test('respond-async answers 202 and the job can be waited for', async () => {
	const r = await run('portrait', { prompt: 'x' },
		{ headers: { Prefer: 'respond-async' } });
	assert.equal(r.status, 202, r.text);
	assert.equal(r.headers.get('preference-applied'), 'respond-async');
	assert.equal(r.headers.get('location'), `/v1/jobs/${r.json.id}`);
	assert.ok(r.headers.get('retry-after'));
	assert.equal(r.json.urls.self, `${gate.url}/v1/jobs/${r.json.id}`);
	const end = await gate.call(r.json.urls.self,
		{ headers: { Prefer: 'wait=30' } });
	assert.equal(end.status, 200);
	assert.equal(end.headers.get('preference-applied'), 'wait');
	assert.equal(end.json.status, 'succeeded');
	assert.ok(Number.isInteger(end.json.inputs.seed));
});

test('wait=0 answers at once, whatever happens', async () => {
	await standin.fault({ kind: 'hang', times: 1 });
	const r = await run('portrait', { prompt: 'x' },
		{ headers: { Prefer: 'wait=0' } });
	assert.equal(r.status, 202);
	await standin.await('running');
	const c = await gate.call(r.json.urls.cancel, { method: 'POST' });
	assert.ok([200, 202].includes(c.status), c.text);
	await standin.post('/standin/release');
	const end = await gate.ended(r.json.id);
	assert.equal(end.status, 'canceled');
	const twice = await gate.call(r.json.urls.cancel, { method: 'POST' });
	assert.equal(twice.status, 409);
});

test('an unchanged job is 304', async () => {
	const { json } = await run('color-card', {});
	const a = await gate.call(json.urls.self);
	const b = await gate.call(json.urls.self,
		{ headers: { 'If-None-Match': a.headers.get('etag') } });
	assert.equal(b.status, 304);
});

test('If-None-Match: lists, weak tags, *', async () => {
	const { json } = await run('color-card', {});
	const contract = '/v1/color-card';
	for (const path of [json.urls.self, contract]) {
		const etag = (await gate.call(path)).headers.get('etag');
		for (const [value, status] of [[etag, 304], [`W/${etag}`, 304],
			[`"x", ${etag}`, 304], [`"x",W/"y" ,,${etag}`, 304],
			['*', 304], ['"x"', 200], [`x${etag}x`, 200],
			[etag.slice(1, -1), 200], [`"x${etag.slice(1)}`, 200]]) {
			const r = await gate.call(path,
				{ headers: { 'If-None-Match': value } });
			assert.equal(r.status, status, value);
			if (status === 304)
				assert.equal(r.headers.get('etag'), etag);
		}
	}
});

test('the type of each problem leads to what it means', async () => {
	const rows = [...readFileSync(join(top, 'docs/errors.md'), 'utf8')
		.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.*) \| (.*) \|$/gm)];
	assert.ok(rows.length > 20);
	for (const [, name, status, when, help] of rows) {
		const r = await gate.call(`/problems/${name}`, { token: false });
		assert.equal(r.status, 200, name);
		assert.equal(r.type, 'application/json');
		assert.ok(r.json.title);
		assert.deepEqual({ ...r.json, title: '' }, { title: '',
			type: `/problems/${name}`, status: Number(status), when,
			help });
	}
	const { json } = await gate.call('/v1/nothing');
	const told = await gate.call(json.type, { token: false });
	assert.equal(told.json.title, json.title);
	assert.equal((await gate.call(json.type, { token: false,
		method: 'HEAD' })).status, 200);
	for (const name of ['none', 'other', 'Gone', '']) {
		const r = await gate.call(`/problems/${name}`, { token: false });
		assert.equal(r.status, 404, name);
	}
});

test('HEAD of an endpoint', async () => {
	const get = await gate.call('/v1/portrait');
	const head = await gate.call('/v1/portrait', { method: 'HEAD' });
	assert.equal(head.status, 200);
	assert.equal(head.bytes.length, 0);
	for (const name of ['etag', 'content-type', 'content-length'])
		assert.equal(head.headers.get(name), get.headers.get(name), name);
	const list = await gate.call('/v1/endpoints', { method: 'HEAD' });
	assert.equal(list.status, 200);
});

test('the events of a job: status, progress, end', async () => {
	const r = await run('portrait', { prompt: 'x', steps: 8 },
		{ headers: { Prefer: 'respond-async' } });
	const stream = await gate.call(r.json.urls.events, { token: false });
	assert.equal(stream.status, 200);
	assert.match(stream.type, /^text\/event-stream/);
	const names = [...stream.text.matchAll(/^event: (\w+)$/gm)]
		.map((m) => m[1]);
	const ids = [...stream.text.matchAll(/^id: (\d+)$/gm)]
		.map((m) => Number(m[1]));
	assert.equal(names.at(-1), 'end');
	assert.deepEqual(ids, ids.map((_, i) => i + 1));
	const last = JSON.parse(
		stream.text.match(/event: end\ndata: (.*)\n/)[1]);
	assert.equal(last.status, 'succeeded');
	const again = await gate.call(r.json.urls.events, { token: false,
		headers: { 'Last-Event-ID': String(ids.at(-1)) } });
	assert.equal(again.status, 204);
	const forged = await gate.call(
		`/v1/jobs/${r.json.id}/events?expires=4102444800&signature=x`,
		{ token: false });
	assert.equal(forged.status, 403);
});

test('a job is visible to its owner only', async () => {
	const { json } = await run('color-card', {});
	const stranger = gate.token({ sub: 'somebody-else' });
	for (const [method, path] of [['GET', ''], ['DELETE', ''],
		['POST', '/cancel'], ['GET', '/events']]) {
		const r = await gate.call(`/v1/jobs/${json.id}${path}`,
			{ method, token: stranger });
		assert.equal(r.status, 404, `${method} ${path}`);
	}
	const list = await gate.call('/v1/jobs', { token: stranger });
	assert.deepEqual(list.json.jobs, []);
});

test('the list: newest first, filters, cursor', async () => {
	const token = gate.token({ sub: 'lister' });
	const made = [];
	for (let i = 0; i < 5; i++)
		made.unshift((await run('color-card', {}, { token })).json.id);
	const all = await gate.call('/v1/jobs', { token });
	assert.deepEqual(all.json.jobs.map((j) => j.id), made);
	assert.equal(all.json.next_cursor, null);
	const first = await gate.call('/v1/jobs?limit=2', { token });
	const second = await gate.call(
		`/v1/jobs?limit=2&cursor=${first.json.next_cursor}`, { token });
	const third = await gate.call(
		`/v1/jobs?limit=2&cursor=${second.json.next_cursor}`, { token });
	assert.deepEqual([first, second, third].flatMap((p) =>
		p.json.jobs.map((j) => j.id)), made);
	assert.equal(third.json.next_cursor, null);
	const none = await gate.call('/v1/jobs?status=failed', { token });
	assert.deepEqual(none.json.jobs, []);
	const portraits = await gate.call('/v1/jobs?endpoint=portrait',
		{ token });
	assert.deepEqual(portraits.json.jobs, []);
	for (const query of ['status=odd', 'limit=0', 'limit=101', 'limit=x',
		'cursor=1'])
		assert.equal((await gate.call(`/v1/jobs?${query}`,
			{ token })).status, 400, query);
});

test('the contract of an endpoint, and the list of endpoints', async () => {
	const r = await gate.call('/v1/portrait');
	assert.equal(r.status, 200);
	assert.ok(r.headers.get('etag'));
	assert.doesNotMatch(r.text, /ckpt|safetensors|KSampler|"node"/);
	const same = await gate.call('/v1/portrait',
		{ headers: { 'If-None-Match': r.headers.get('etag') } });
	assert.equal(same.status, 304);
	const list = await gate.call('/v1/endpoints');
	assert.ok(list.json.endpoints.some((e) => e.name === 'portrait'));
	const few = await gate.call('/v1/endpoints',
		{ token: gate.token({ scope: 'color-card:run' }) });
	assert.deepEqual(few.json.endpoints.map((e) => e.name),
		['color-card']);
});

test('a dry run resolves the inputs and makes no job', async () => {
	const token = gate.token({ sub: 'dry' });
	const r = await run('portrait?dry_run=1', { prompt: 'x', seed: 5 },
		{ token });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.inputs.seed, 5);
	assert.equal(r.json.id, undefined);
	assert.deepEqual((await gate.call('/v1/jobs', { token })).json.jobs, []);
});

test('every mistake in the inputs is told at once', async () => {
	const r = await run('portrait', { promt: 'x', steps: 1000, seed: 'no',
		width: 1.5 });
	assert.equal(r.status, 422);
	assert.equal(r.type, 'application/problem+json');
	assert.equal(r.json.type, '/problems/invalid-input');
	const at = (p) => r.json.errors.find((e) => e.pointer === p);
	assert.equal(at('/promt').code, 'unknown');
	assert.match(at('/promt').detail, /prompt/);
	assert.equal(at('/prompt').code, 'required');
	assert.equal(at('/steps').code, 'maximum');
	assert.ok(at('/seed'));
	assert.ok(at('/width'));
	assert.equal(r.json.request_id, r.headers.get('x-request-id'));
});

test('bodies that are no strict JSON', async () => {
	const bad = ['', '{', '[1', '{"prompt":"a",}', '{"prompt":"a"} x',
		'{"prompt":"a","prompt":"b"}', '{"prompt":"\\ud800"}',
		'{"prompt":"a\\u0000b"}', '{"seed":01}', "{'prompt':'a'}",
		'{"prompt":' + '['.repeat(1000) + ']'.repeat(1000) + '}'];
	for (const body of bad) {
		const r = await run('portrait', body,
			{ headers: { 'Content-Type': 'application/json' } });
		assert.equal(r.status, 400, body.slice(0, 40));
		assert.equal(r.json.type, '/problems/malformed-request');
	}
	const invalid = await run('portrait',
		Buffer.from('7b2270726f6d7074223a22ff227d', 'hex'),
		{ headers: { 'Content-Type': 'application/json' } });
	assert.equal(invalid.status, 400);
	const typed = await run('portrait', 'prompt=x',
		{ headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
	assert.equal(typed.status, 415);
	const list = await run('portrait', [1]);
	assert.equal(list.status, 422);
});

test('a body past the ceiling is 413', async () => {
	const r = await run('portrait', { prompt: 'x'.repeat(1200000) });
	assert.equal(r.status, 413);
	assert.equal(r.json.type, '/problems/too-large');
	const huge = await run('portrait', { prompt: 'x'.repeat(30000000) });
	assert.equal(huge.status, 413);
	assert.equal(huge.json.type, '/problems/too-large');
});

test('paths and methods that are not there', async () => {
	assert.equal((await gate.call('/')).status, 404);
	assert.equal((await gate.call('/v1/nothing')).status, 404);
	assert.equal((await gate.call('/v01/portrait')).status, 404);
	assert.equal((await gate.call('/v2/portrait')).status, 404);
	assert.equal((await gate.call('/v1/jobs/not-an-id')).status, 404);
	const r = await gate.call('/v1/portrait', { method: 'PUT', body: '{}' });
	assert.equal(r.status, 405);
	assert.match(r.headers.get('allow'), /POST/);
});

test('without a good token nothing opens', async () => {
	const none = await gate.call('/v1/portrait', { token: false });
	assert.equal(none.status, 401);
	assert.match(none.headers.get('www-authenticate'), /^Bearer realm=/);
	assert.doesNotMatch(none.headers.get('www-authenticate'), /error=/);
	const now = Math.floor(Date.now() / 1000);
	const bad = { expired: mint({ exp: now - 3600 }),
		foreign: mint({}, 'another secret of thirty-two bytes or so'),
		early: mint({ nbf: now + 3600 }), garbage: 'x.y.z' };
	for (const [name, token] of Object.entries(bad)) {
		const r = await gate.call('/v1/portrait', { token });
		assert.equal(r.status, 401, name);
		assert.match(r.headers.get('www-authenticate'),
			/error="invalid_token"/);
		assert.ok(!r.text.includes(token));
	}
	const scope = await run('portrait', { prompt: 'x' },
		{ token: mint({ scope: 'color-card:run' }) });
	assert.equal(scope.status, 403);
	assert.match(scope.headers.get('www-authenticate'),
		/error="insufficient_scope"/);
	const query = await gate.call(`/v1/jobs?access_token=${gate.token()}`,
		{ token: false });
	assert.equal(query.status, 401);
});

test('the same Idempotency-Key makes one job', async () => {
	const o = { headers: { 'Idempotency-Key': 'order-17' } };
	const a = await run('color-card', {}, o);
	const b = await run('color-card', {}, o);
	assert.equal(a.status, 200);
	assert.equal(b.status, 200);
	assert.equal(a.json.id, b.json.id);
	assert.equal(a.headers.get('idempotent-replayed'), null);
	assert.equal(b.headers.get('idempotent-replayed'), 'true');
	const other = await run('color-card', { width: 96 }, o);
	assert.equal(other.status, 422);
	assert.equal(other.json.type, '/problems/idempotency-mismatch');
	const twins = await Promise.all([1, 2, 3].map(() =>
		run('color-card', {}, { headers: { 'Idempotency-Key': 'twin' } })));
	assert.equal(new Set(twins.map((t) => t.json.id)).size, 1);
});

test('request ids: the caller\'s where well formed, else ours', async () => {
	const mine = await gate.call('/healthz', { token: false,
		headers: { 'X-Request-Id': 'abc-123' } });
	assert.equal(mine.headers.get('x-request-id'), 'abc-123');
	const ours = await gate.call('/healthz', { token: false,
		headers: { 'X-Request-Id': 'a b' } });
	assert.match(ours.headers.get('x-request-id'),
		/^(?:[0-9a-f]{32}|[0-9a-f-]{36})$/);
	const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
	const traced = await gate.call('/healthz', { token: false,
		headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
	assert.equal(traced.headers.get('x-request-id'), trace);
});

test('healthz and readyz need no token and name no address', async () => {
	const live = await gate.call('/healthz', { token: false });
	assert.equal(live.status, 200);
	const ready = await gate.call('/readyz', { token: false });
	assert.equal(ready.status, 200, ready.text);
	assert.ok(!ready.text.includes('127.0.0.1'));
	assert.ok(!ready.text.includes('/tmp'));
});

test('the text output and the batch', async () => {
	const text = await run('prompt-writer', { subject: 'a fox' });
	assert.equal(text.status, 200, text.text);
	assert.equal(typeof text.json.outputs.prompt, 'string');
	assert.match(text.json.outputs.prompt, /a fox/);
	const batch = await run('variations', { count: 3 });
	assert.equal(batch.status, 200, batch.text);
	const lists = Object.values(batch.json.outputs).filter(Array.isArray);
	assert.ok(lists.length >= 1);
	for (const file of lists.flat()) {
		const r = await gate.call(file.url, { token: false });
		assert.equal(r.status, 200);
	}
});

test('what reaches ComfyUI is the workflow with the values put in', async () => {
	const seed = '18446744073709551615';
	const r = await gate.call('/v1/portrait', {
		body: `{"prompt":"caf\\u00e9 \\"x\\"","seed":"${seed}"}`,
		headers: { 'Content-Type': 'application/json' } });
	assert.equal(r.status, 200, r.text);
	assert.ok(r.text.includes(`"seed":"${seed}"`));
	const { body } = (await standin.prompts()).at(-1);
	const workflow = readFileSync(
		join(top, 'endpoints/portrait/workflow.json'), 'utf8').trim();
	const wanted = workflow
		.replace('"seed": 156680208700286', `"seed": ${seed}`)
		.replace('"studio portrait of a person, 85mm"',
			'"studio portrait of caf\u00e9 \\"x\\", 85mm"')
		.replace('"filename_prefix": "ComfyUI"',
			'"filename_prefix": "portrait"');
	assert.ok(body.includes(wanted), body);
});
