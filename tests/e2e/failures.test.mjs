// What a caller sees of each way in which ComfyUI fails, and that nothing of
// the inside is in any answer.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { allJobs, assertGood, endpointLike, until, usualEndpoints } from
	'./tools.mjs';

const pictured = endpointLike('portrait', 'sampled', { inputs: {
	checkpoint: { type: 'string', to: '4.ckpt_name' },
	steps: { type: 'integer', default: 3, to: '3.steps' },
	seed: { type: 'seed', to: '3.seed' } }, examples: undefined });
const wrong = endpointLike('color-card', 'wrong',
	{ set: { '1.batch_size': -5 }, examples: undefined });
const endpoints = endpointsFolder({ ...usualEndpoints(), sampled: pictured,
	wrong });

let standin, gate, color = 0;
const card = () => ({ width: 16, height: 16, color: ++color });
const run = (name, o = {}) => gate.call(`/v1/${name}`,
	{ body: name === 'card' ? card() : o.body ?? {}, ...o });

// Every answer that any test sees is looked through.
function watch(g, canaries) {
	const { call } = g;
	g.call = async (...args) => {
		const r = await call.apply(g, args);
		const text = r.type.startsWith('image/') ? '' : r.text;
		const whole = text + [...r.headers].join('\n');
		for (const canary of canaries)
			assert.doesNotMatch(whole, canary, whole);
		return r;
	};
}

const canaries = (standins) => [
	/Traceback|File \\*"|execution\.py|\.py\b/, /safetensors|ckpt/,
	/CheckpointLoader|EmptyImage|class_type|node_id|prompt_id/,
	/pretended failure|Allocation on device|RuntimeError|standin/i,
	/\/tmp\/|\/var\/|\/home\/|\/root\//, /backend-\d|no such node/,
	/_\d{5}_|color-card_|portrait_/,
	...standins.map((s) => new RegExp(`:${s.port}\\b`)),
];

before(async () => {
	standin = await Standin.start();
	gate = await Gate.start({ standins: [standin], endpoints, scope: 'all',
		env: { COMFYGATE_STALL: '1s', COMFYGATE_CALL_TIMEOUT: '2s' } });
	watch(gate, canaries([standin]));
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
});

beforeEach(async () => {
	await standin.clear();
	await until('the backend is up', async () =>
		(await gate.call('/readyz', { token: false })).status === 200);
});

// fault(s), endpoint, what is answered: 200, or a problem.
const table = [
	['a node raises', { kind: 'error', times: 1 }, 502, 'workflow-failed'],
	['out of memory, for good', { kind: 'oom' }, 503, 'out-of-memory'],
	['out of memory, once', { kind: 'oom', times: 1 }, 200],
	['a lost end marker', { kind: 'lose-events', times: 1 }, 200],
	['a closed socket', { kind: 'close-socket', times: 1 }, 200],
	['a deaf socket', { kind: 'deaf-socket', times: 1 }, 200],
	['a stalled socket', { kind: 'stall-socket', times: 1 }, 200],
	['a restart of ComfyUI', { kind: 'restart', times: 1 }, 200],
	['/prompt says 500', { kind: 'submit-500', times: 1 }, 200],
	['/prompt says 500 for good', { kind: 'submit-500' },
		502, 'workflow-rejected'],
	['/prompt says 500 and has queued it',
		{ kind: 'submit-500-queued', times: 1 }, 200],
	['/prompt drops the connection', { kind: 'submit-drop', times: 1 }, 200],
	['/prompt drops the prompt, too',
		{ kind: 'submit-drop', mode: 'unqueued', times: 1 }, 200],
	['no outputs, once',
		{ kind: 'empty-history', mode: 'no-outputs', times: 1 }, 200],
	['no outputs, for good', { kind: 'empty-history', mode: 'no-outputs' },
		502, 'output-missing'],
	['the history is late', { kind: 'history-late', polls: 2, times: 1 }, 200],
	['a file is missing, once', { kind: 'missing-file', times: 1 }, 200],
	['files are missing, for good', { kind: 'missing-file' },
		502, 'output-missing'],
	['/view says 500, once', { kind: 'http-500', path: '/view', times: 1 },
		200],
	['/view drops, once', { kind: 'http-drop', path: '/view', times: 1 }, 200],
	['the history is cut, once',
		{ kind: 'bad-json', path: '/history', times: 1 }, 200],
	['the history is HTML, once',
		{ kind: 'bad-json', path: '/history', mode: 'html', times: 1 }, 200],
	['file names that climb', { kind: 'evil-names', times: 1,
		filename: '../../../etc/passwd' }, [200, 502]],
];

for (const [name, fault, status, type] of table) {
	test(`${name}: ${status} ${type ?? ''}`, async () => {
		await standin.fault(fault);
		const r = await run('card');
		assert.ok([status].flat().includes(r.status), r.text);
		if (r.status === 200) {
			await assertGood(gate, r.json);
			return;
		}
		assert.equal(r.type, 'application/problem+json');
		assert.equal(r.json.status, r.status);
		if (type)
			assert.equal(r.json.type, `/problems/${type}`);
		assert.equal(r.json.request_id, r.headers.get('x-request-id'));
		if (r.status === 503)
			assert.ok(r.headers.get('retry-after'));
		const job = (await gate.call(`/v1/jobs/${r.json.job}`)).json;
		assert.equal(job.status, 'failed');
		assert.equal(job.error.type, r.json.type);
		assert.equal(job.outputs, null);
		await standin.clear();
		assert.equal((await run('card')).status, 200);
	});
}

test('a refused value names the field of the caller', async () => {
	const r = await run('sampled', { body: {
		checkpoint: 'nothing-of-the-kind' } });
	assert.equal(r.status, 502, r.text);
	assert.equal(r.json.type, '/problems/workflow-rejected');
	assert.deepEqual(r.json.errors.map((e) => [e.pointer, e.code]),
		[['/checkpoint', 'value_not_in_list']]);
	assert.match(gate.log, / prompt\.node_error .*ckpt_name/);
});

test('a refused graph names nothing', async () => {
	const r = await run('wrong', { body: card() });
	assert.equal(r.status, 502, r.text);
	assert.equal(r.json.type, '/problems/workflow-rejected');
	assert.equal(r.json.errors, undefined);
});

test('a hang is ended and tried again', async () => {
	await standin.fault({ kind: 'hang', times: 1 });
	const r = run('card');
	await gate.logged(/ attempt\.failed .*why=stalled/);
	await standin.release();
	assert.equal((await r).status, 200);
	assert.equal((await r).json.attempts, 2);
});

test('the traceback is in the log, under the job', async () => {
	await standin.fault({ kind: 'error', times: 1 });
	const r = await run('card');
	assert.match(gate.log, new RegExp(
		` prompt\\.failed job=${r.json.job} .*traceback=`));
});

test('no backend: jobs wait, and run when one comes', async () => {
	await standin.stop('SIGKILL');
	const down = await until('it is seen', async () => {
		const r = await gate.call('/readyz', { token: false });
		return r.status === 503 && r;
	});
	assert.equal(down.json.checks.find((c) => c.name === 'backends').status,
		'fail');
	const r = run('card');
	await gate.logged(/ job\.accepted /);
	const [job] = (await gate.call('/v1/jobs?limit=1')).json.jobs;
	assert.ok(['queued', 'running', 'succeeded', 'failed']
		.includes(job.status));
	await standin.respawn();
	const answer = await r;
	assert.equal(answer.status, 200, answer.text);
	await assertGood(gate, answer.json);
});

test('two backends, one hangs: its job moves', async (t) => {
	const pair = [await Standin.start(), await Standin.start()];
	const g = await Gate.start({ standins: pair, endpoints, scope: 'all',
		env: { COMFYGATE_STALL: '1s' } });
	t.after(async () => {
		try {
			await g.stop();
		} finally {
			await Promise.all(pair.map((s) => s.stop()));
		}
	});
	watch(g, canaries(pair));
	await pair[0].fault({ kind: 'hang' });
	const answers = await Promise.all(Array.from({ length: 6 }, () =>
		g.call('/v1/card', { body: card() })));
	for (const r of answers) {
		assert.equal(r.status, 200, r.text);
		await assertGood(g, r.json);
	}
	assert.equal((await pair[1].state()).succeeded, 6);
	assert.ok(answers.some((r) => r.json.attempts === 2));
	await pair[0].clear();
});

test('three backends share the load', async (t) => {
	const fleet = await Promise.all([1, 2, 3].map(() =>
		Standin.start(['--step-ms', '20'])));
	const g = await Gate.start({ standins: fleet, endpoints, scope: 'all' });
	t.after(async () => {
		try {
			await g.stop();
		} finally {
			await Promise.all(fleet.map((s) => s.stop()));
		}
	});
	watch(g, canaries(fleet));
	await until('all are up', async () => (await g.call('/readyz',
		{ token: false })).json.checks[0].status === 'pass');
	await Promise.all(fleet.map((s) => s.fault({ kind: 'hang', times: 1 })));
	const calls = Array.from({ length: 12 }, () =>
		g.call('/v1/card', { body: card() }));
	await Promise.all(fleet.map((s) => s.await('pending:1')));
	await Promise.all(fleet.map((s) => s.release()));
	for (const r of await Promise.all(calls))
		assert.equal(r.status, 200, r.text);
	const shares = await Promise.all(fleet.map(async (s) =>
		(await s.state()).succeeded));
	assert.equal(shares.reduce((a, b) => a + b), 12);
	assert.ok(shares.every((n) => n >= 2), shares.join());
	assert.equal((await allJobs(g)).length, 12);
});
