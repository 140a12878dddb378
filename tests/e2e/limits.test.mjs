// Ceilings of requests, callers and jobs; timeouts; results that are shared;
// files and rows whose time is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { allJobs, assertGood, endpointLike, request, until } from
	'./tools.mjs';

const limits = { wait: '60s', timeout: '10m' };
const like = (name, l, run) => endpointLike('color-card', name, {
	limits: { ...limits, ...l }, examples: undefined, inputs: {
		width: { type: 'integer', default: 16, to: '1.width' },
		height: { type: 'integer', default: 16, to: '1.height' },
		color: { type: 'integer', default: 0, to: '1.color' } },
	...(run && { run }) });
const endpoints = endpointsFolder({
	free: like('free', {}),
	rated: like('rated', { rate: '3/min' }),
	few: like('few', { concurrency: 2 }),
	short: like('short', { queue: 2 }),
	hasty: like('hasty', { timeout: '1s' }),
	planned: like('planned', { concurrency: 1, rate: '2/min', by_claim: {
		plan: { pro: { concurrency: 3, rate: '50/min',
			inputs: { width: { maximum: 32 } } } } } }),
	shared: like('shared', {}, { attempts: 2, keep: '1h', reuse: '1h' }),
	open: like('open', {}, { attempts: 2, keep: '1h', reuse: '1h',
		reuse_scope: 'all' }),
	brief: like('brief', {}, { attempts: 2, keep: '60s' }),
});
let color = 0;
const card = () => ({ width: 16, height: 16, color: ++color });

async function house(t, env = {}) {
	const standin = await Standin.start();
	const gate = await Gate.start({ standins: [standin], endpoints, env,
		scope: 'all' });
	t.after(async () => {
		try {
			await gate.stop();
		} finally {
			await standin.stop();
		}
	});
	const run = (name, o = {}) =>
		gate.call(`/v1/${name}`, { body: card(), ...o });
	return { standin, gate, run };
}

const async202 = { headers: { Prefer: 'respond-async' } };

function refused(r, status, type) {
	assert.equal(r.status, status, r.text);
	assert.equal(r.json.type, `/problems/${type}`);
}

test('rate: 429 with the headers, for each caller alone', async (t) => {
	const { gate, run } = await house(t);
	for (let i = 0; i < 3; i++)
		assert.equal((await run('rated')).status, 200);
	const r = await run('rated');
	refused(r, 429, 'rate-limited');
	assert.equal(r.headers.get('ratelimit-policy'), '"default";q=3;w=60');
	assert.match(r.headers.get('ratelimit'), /^"default";r=0;t=\d+$/);
	const after = Number(r.headers.get('retry-after'));
	assert.ok(after >= 1 && after <= 60, after);
	const other = gate.token({ sub: 'another' });
	assert.equal((await run('rated', { token: other })).status, 200);
	assert.equal((await run('free')).status, 200);
});

test('concurrency: 429 until one has ended', async (t) => {
	const { gate, standin, run } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const jobs = [];
	for (let i = 0; i < 2; i++)
		jobs.push((await run('few', async202)).json.id);
	const r = await run('few');
	refused(r, 429, 'too-many-jobs');
	assert.ok(r.headers.get('retry-after'));
	assert.equal((await run('few', { ...async202,
		token: gate.token({ sub: 'another' }) })).status, 202);
	await standin.await('running');
	await standin.release();
	for (const id of jobs)
		await assertGood(gate, await gate.ended(id));
	assert.equal((await run('few')).status, 200);
});

test('queue: 503 when it is full, for everybody', async (t) => {
	const { gate, standin, run } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const first = await run('short', async202);
	await standin.await('running');
	const next = await run('short', async202);
	await standin.await('pending:1');
	const waiting = [await run('short', async202),
		await run('short', async202)];
	const r = await run('short', { token: gate.token({ sub: 'another' }) });
	refused(r, 503, 'queue-full');
	assert.ok(r.headers.get('retry-after'));
	const positions = await Promise.all(waiting.map(async (w) =>
		(await gate.call(w.json.urls.self)).json.position));
	assert.equal(positions[1], positions[0] + 1);
	await standin.release();
	for (const { json } of [first, next, ...waiting])
		await assertGood(gate, await gate.ended(json.id));
	assert.equal((await run('short')).status, 200);
});

test('by_claim: a plan has its own limits and bounds', async (t) => {
	const { gate, standin, run } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const pro = { ...async202, token: gate.token({ sub: 'p', plan: 'pro' }) };
	const jobs = [];
	for (let i = 0; i < 3; i++)
		jobs.push(await run('planned', pro));
	jobs.forEach((r) => assert.equal(r.status, 202, r.text));
	refused(await run('planned', pro), 429, 'too-many-jobs');
	const wide = await run('planned', { ...pro, body: { width: 64 } });
	refused(wide, 422, 'invalid-input');
	assert.equal(wide.json.errors[0].pointer, '/width');
	const basic = { ...async202, token: gate.token({ sub: 'b', plan: 'x' }) };
	assert.equal((await run('planned', { ...basic, body: { width: 64 } }))
		.status, 202);
	refused(await run('planned', basic), 429, 'too-many-jobs');
	refused(await run('planned', basic), 429, 'rate-limited');
	await standin.release();
});

test('max_waiting: 503, and nobody is kept', async (t) => {
	const { gate, standin, run } = await house(t,
		{ COMFYGATE_MAX_WAITING: '3' });
	await standin.fault({ kind: 'hang', times: 1 });
	const r = await run('free', async202);
	await standin.await('running');
	const token = gate.token();
	const parked = async () => {
		for (;;) {
			const one = await request(r.json.urls.self, { token,
				headers: { Prefer: 'wait=60' } }).answer;
			if (one.status !== 503)
				return one;
		}
	};
	const calls = [parked(), parked(), parked()];
	const over = await until('the ceiling', async () => {
		const one = await gate.call(r.json.urls.self,
			{ headers: { Prefer: 'wait=1' } });
		return one.status === 503 && one;
	});
	refused(over, 503, 'queue-full');
	refused(await run('free'), 503, 'queue-full');
	assert.equal((await gate.call(r.json.urls.self)).status, 200);
	await standin.release();
	for (const one of await Promise.all(calls))
		assert.equal(one.status, 200);
	assert.equal((await run('free')).status, 200);
	assert.equal((await allJobs(gate)).length, 2);
});

test('max_waiting_each: one owner does not hold all places', async (t) => {
	const { gate, standin, run } = await house(t,
		{ COMFYGATE_MAX_WAITING_EACH: '1' });
	await standin.fault({ kind: 'hang', times: 1 });
	const first = run('free');
	await standin.await('running');
	const job = (await allJobs(gate))[0];
	// The place is taken: the job is accepted, its caller told at once.
	const second = await run('free');
	assert.equal(second.status, 202, second.text);
	const now = await gate.call(`/v1/jobs/${job.id}`,
		{ headers: { Prefer: 'wait=60' } });
	assert.equal(now.status, 200);
	assert.equal(now.json.status, 'running');
	refused(await gate.call(job.urls.events), 503, 'queue-full');
	const other = run('free', { token: gate.token({ sub: 'other' }) });
	await standin.release();
	assert.equal((await first).status, 200);
	assert.equal((await other).status, 200);
});

test('ceilings of header, token, body, Cancel-After and key', async (t) => {
	const { gate, run } = await house(t, { COMFYGATE_MAX_BODY_BYTES: '2048' });
	const long = await run('free', { token: 'x'.repeat(9000) });
	refused(long, 401, 'unauthorized');
	const padded = gate.token({ padding: 'x'.repeat(8000) });
	refused(await run('free', { token: padded }), 401, 'unauthorized');
	const wide = await run('free', { headers: { 'X-Wide': 'x'.repeat(20000) } });
	refused(wide, 431, 'malformed-request');
	const many = {};
	for (let i = 0; i < 90; i++)
		many[`X-Many-${i}`] = 'x'.repeat(700);
	refused(await run('free', { headers: many }), 431, 'malformed-request');
	const body = await run('free', { body: { width: 16,
		height: ' '.repeat(3000) } });
	refused(body, 413, 'too-large');
	for (const value of ['0s', 'x', '-1s', '5'])
		refused(await run('free', { headers: { 'Cancel-After': value } }),
			400, 'malformed-request');
	for (const value of ['x'.repeat(256), 'a b', '""'])
		refused(await run('free', { headers: { 'Idempotency-Key': value } }),
			400, 'malformed-request');
	assert.deepEqual(await allJobs(gate), []);
});

test('limits.timeout: 504, running and queued', async (t) => {
	const { gate, standin, run } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const calls = [run('hasty'), run('hasty'), run('hasty')];
	for (const r of await Promise.all(calls)) {
		refused(r, 504, 'timeout');
		assert.equal((await gate.ended(r.json.job)).error.type,
			'/problems/timeout');
	}
	await standin.clear();
	await standin.await('idle');
	assert.equal((await run('free')).status, 200);
});

test('Cancel-After ends a job earlier, never later', async (t) => {
	const { standin, run } = await house(t);
	await standin.fault({ kind: 'hang', times: 2 });
	refused(await run('free', { headers: { 'Cancel-After': '1s' } }),
		504, 'timeout');
	await standin.release();
	await standin.await('idle');
	refused(await run('hasty', { headers: { 'Cancel-After': '1h' } }),
		504, 'timeout');
	await standin.release();
});

test('reuse: an identical request shares the result', async (t) => {
	const { gate, standin, run } = await house(t);
	const body = card();
	const a = await run('shared', { body });
	const b = await run('shared', { body });
	assert.equal(b.status, 200, b.text);
	assert.notEqual(a.json.id, b.json.id);
	assert.deepEqual([a.json.reused, b.json.reused], [false, true]);
	assert.equal(b.json.outputs.image.sha256, a.json.outputs.image.sha256);
	await assertGood(gate, b.json);
	assert.equal((await gate.call(`/v1/jobs/${a.json.id}`,
		{ method: 'DELETE' })).status, 204);
	await assertGood(gate, (await gate.call(b.json.urls.self)).json);
	const token = gate.token({ sub: 'another' });
	assert.equal((await run('shared', { body, token })).json.reused, false);
	assert.equal((await run('shared', { body: card() })).json.reused, false);
	assert.equal((await standin.state()).accepted, 3);
});

test('reuse_scope all: other callers share, and see their job only',
	async (t) => {
		const { gate, run } = await house(t);
		const body = card();
		const a = await run('open', { body });
		const token = gate.token({ sub: 'another' });
		const b = await run('open', { body, token });
		assert.equal(b.json.reused, true);
		await assertGood(gate, b.json);
		assert.equal((await gate.call(a.json.urls.self, { token })).status,
			404);
		assert.ok(!b.text.includes(a.json.id));
	});

test('run.keep and keep_jobs: the files go, then the job', async (t) => {
	const { gate, run } = await house(t, { COMFYGATE_KEEP_JOBS: '62s' });
	const r = await run('brief');
	assert.equal(r.status, 200, r.text);
	const { url } = r.json.outputs.image;
	const over = Date.parse(r.json.files_expire_at);
	assert.equal(over - Date.parse(r.json.ended_at), 60000);
	const gone = await until('the file is gone', async () => {
		const f = await gate.call(url, { token: false });
		return f.status !== 200 && f;
	}, 90000);
	assert.ok(Date.now() >= over);
	refused(gone, 410, 'gone');
	const job = await gate.call(r.json.urls.self);
	assert.equal(job.json.status, 'succeeded');
	refused(await gate.call(job.json.outputs.image.url, { token: false }),
		410, 'gone');
	await until('the job is forgotten', async () =>
		(await gate.call(r.json.urls.self)).status === 404);
	assert.deepEqual(await allJobs(gate), []);
});
