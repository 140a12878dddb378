// SIGTERM, SIGHUP and a listening socket that outlives the daemon.
import assert from 'node:assert/strict';
import http from 'node:http';
import { writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Gate, Standin, build, endpointsFolder, mint, top } from './rig.mjs';
import { allJobs, assertGood, endpointLike, events, request, until,
	usualEndpoints } from './tools.mjs';

async function house(t, o = {}) {
	const standin = await Standin.start();
	const endpoints = endpointsFolder(usualEndpoints());
	const gate = await Gate.start({ standins: [standin], endpoints,
		scope: 'all', ...o });
	t.after(async () => {
		try {
			await gate.stop();
		} finally {
			await standin.stop();
		}
		rmSync(endpoints, { recursive: true });
	});
	return { standin, gate, endpoints };
}

let color = 0;
const card = () => ({ width: 16, height: 16, color: ++color });
const post = (gate, o = {}) => gate.call('/v1/card', { body: card(), ...o });

test('SIGTERM: what runs is answered, what waits gets 202', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const first = post(gate);
	await standin.await('running');
	const second = post(gate);
	await standin.await('pending:1');
	const third = post(gate);
	await gate.loggedTimes(3, / job\.accepted /);
	await until('three jobs', async () =>
		(await allJobs(gate)).length === 3);
	const stopped = gate.stopDaemon();
	await gate.logged(/ serve\.stopping /);
	await standin.release();
	assert.equal(await stopped, 0);
	const answers = await Promise.all([first, second, third]);
	assert.deepEqual(answers.map((r) => r.status), [200, 200, 202],
		answers.map((r) => r.text).join('\n'));
	assert.equal(answers[2].json.status, 'queued');
	assert.ok(answers[2].headers.get('retry-after'));
	await gate.startDaemon();
	await assertGood(gate, await gate.ended(answers[2].json.id));
	assert.equal((await standin.state()).accepted, 3);
});

test('SIGTERM: a run that does not end is left to the next start', async (t) => {
	const { gate, standin } = await house(t,
		{ env: { COMFYGATE_STOP_TIMEOUT: '500ms' } });
	await standin.fault({ kind: 'hang', times: 1 });
	const parked = post(gate);
	await standin.await('running');
	const id = (await allJobs(gate))[0].id;
	const stream = events((await gate.call(`/v1/jobs/${id}`)).json
		.urls.events);
	assert.equal((await stream.next()).value.data.status, 'running');
	assert.equal(await gate.stopDaemon(), 0);
	const r = await parked;
	assert.equal(r.status, 202, r.text);
	assert.equal(r.json.status, 'running');
	for await (const e of stream)
		assert.notEqual(e.event, 'end');
	await gate.startDaemon();
	await standin.release();
	const job = await gate.ended(r.json.id);
	await assertGood(gate, job);
	assert.equal(job.attempts, 1);
	assert.equal((await standin.state()).accepted, 1);
});

test('SIGTERM: new callers get 503 and come again', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const parked = post(gate);
	await standin.await('running');
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	t.after(() => agent.destroy());
	const ready = await request(gate.url + '/readyz', { agent }).answer;
	assert.equal(ready.status, 200);
	const stopped = gate.stopDaemon();
	await gate.logged(/ serve\.stopping /);
	const refused = await until('a refusal', async () => {
		const r = await request(gate.url + '/v1/card',
			{ agent, body: card(), token: gate.token() }).answer;
		return r.status === 503 && r;
	});
	assert.equal(refused.json.type, '/problems/shutting-down');
	assert.ok(refused.headers['retry-after']);
	await standin.release();
	// Asked until the last moment, when much is closed already.
	await until('nobody answers', async () => {
		const r = await gate.call('/readyz', { token: false });
		assert.equal(r.status, 503);
		return r.json.type === '/problems/shutting-down';
	});
	assert.equal(await stopped, 0);
	assert.equal((await parked).status, 200);
	const away = await request(gate.url + '/v1/card',
		{ agent, body: card(), token: gate.token() }).answer;
	assert.equal(away.status, 503);
	assert.equal(away.json.type, '/problems/shutting-down');
	await gate.startDaemon();
	assert.equal((await post(gate)).status, 200);
});

test('SIGINT stops, too; an idle daemon ends at once', async (t) => {
	const { gate } = await house(t);
	assert.equal(await gate.stopDaemon('SIGINT'), 0);
	await gate.startDaemon();
	assert.equal((await post(gate)).status, 200);
});

test('SIGHUP: endpoints come, change, go and break', async (t) => {
	const { gate, endpoints } = await house(t);
	const card2 = endpointLike('color-card', 'card-two');
	endpointsFolder({ 'card-two': card2 }, endpoints);
	assert.equal((await gate.call('/v1/card-two', { body: {} })).status, 404);
	await gate.reload();
	assert.equal((await gate.call('/v1/card-two', { body: {} })).status, 200);

	card2.manifest.title = 'Another title';
	endpointsFolder({ 'card-two': card2 }, endpoints);
	await gate.reload();
	assert.equal((await gate.call('/v1/card-two')).json.title,
		'Another title');

	endpointsFolder({ 'card-two': { manifest: '{"name": "card-two",' } },
		endpoints);
	const log = await gate.reload();
	assert.match(log, /endpoint\.broken .*card-two\/manifest\.json/);
	const kept = await gate.call('/v1/card-two');
	assert.equal(kept.json.title, 'Another title');
	assert.equal((await gate.call('/v1/card-two', { body: {} })).status, 200);
	const ready = await gate.call('/readyz', { token: false });
	assert.equal(ready.status, 200);
	const check = ready.json.checks.find((c) => c.name === 'endpoints');
	assert.equal(check.status, 'warn');
	assert.match(check.detail, /1 folders are broken, 1 of them/);

	endpointsFolder({ 'card-two': card2 }, endpoints);
	await gate.reload();
	const mended = await gate.call('/readyz', { token: false });
	assert.equal(mended.json.checks.find((c) =>
		c.name === 'endpoints').status, 'pass');
	rmSync(join(endpoints, 'card-two'), { recursive: true });
	await gate.reload();
	assert.equal((await gate.call('/v1/card-two', { body: {} })).status, 404);
});

test('SIGHUP: an accepted job keeps the workflow it came with', async (t) => {
	const { gate, standin, endpoints } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const parked = [post(gate), post(gate), post(gate)];
	await standin.await('pending:1');
	await gate.loggedTimes(3, / job\.accepted /);
	rmSync(join(endpoints, 'card'), { recursive: true });
	await gate.reload();
	assert.equal((await post(gate)).status, 404);
	await standin.release();
	for (const r of await Promise.all(parked)) {
		assert.equal(r.status, 200, r.text);
		await assertGood(gate, r.json);
	}
});

test('SIGHUP: the secret is replaced; a broken one is not taken', async (t) => {
	const { gate } = await house(t);
	const old = gate.token();
	const secret = 'another secret, which is long enough for HS256';
	const fresh = mint({ scope: 'all' }, secret);
	assert.equal((await gate.call('/v1/jobs', { token: fresh })).status, 401);
	writeFileSync(gate.secretFile, 'short');
	assert.match(await gate.reload(), / keys\.kept /);
	assert.equal((await gate.call('/v1/jobs', { token: old })).status, 200);
	writeFileSync(gate.secretFile, secret);
	await gate.reload();
	assert.equal((await gate.call('/v1/jobs', { token: fresh })).status, 200);
	assert.equal((await gate.call('/v1/jobs', { token: old })).status, 401);
});

test('SIGHUP under load drops nothing', async (t) => {
	const { gate, endpoints } = await house(t);
	let left = 200;
	const one = async () => {
		while (left-- > 0) {
			const r = await post(gate);
			assert.equal(r.status, 200, r.text);
		}
	};
	const callers = Promise.all(Array.from({ length: 8 }, one));
	for (let i = 0; left > 0; i++) {
		const card = endpointLike('color-card', 'card');
		card.manifest.title = `Version ${i}`;
		endpointsFolder({ card }, endpoints);
		await gate.reload();
	}
	await callers;
});

test('a socket from outside: restarts under load lose nothing', async (t) => {
	const { gate } = await house(t, { command: ['perl',
		join(top, 'tests/e2e/activate.pl'), join(build, 'comfygate')] });
	let over = false;
	const statuses = {};
	const one = async () => {
		while (!over) {
			const r = await post(gate);
			// 503: it was draining and took no job. It says so itself,
			// or nginx does, where it used a connection again in the
			// moment of its end: a POST is never sent twice.
			const key = r.status === 503 ? r.json.type : r.status;
			statuses[key] = (statuses[key] ?? 0) + 1;
			if (r.status === 202)
				await gate.ended(r.json.id);
		}
	};
	// What may be sent twice is: a GET never fails.
	const read = async () => {
		while (!over) {
			const r = await gate.call('/v1/endpoints');
			assert.equal(r.status, 200, r.text);
		}
	};
	const callers = Promise.all([...Array.from({ length: 8 }, one), read(),
		read()]);
	for (let i = 0; i < 3; i++) {
		const from = gate.log.length;
		await gate.loggedTimes(20, / job\.accepted /, from);
		gate.daemon.kill('SIGHUP'); // the launcher: restart it
		await gate.logged(/ serve\.ready /, from);
	}
	over = true;
	await callers;
	assert.ok(Object.keys(statuses).every((s) =>
		['200', '202', '/problems/shutting-down'].includes(s)),
	JSON.stringify(statuses));
	for (const job of await allJobs(gate))
		assert.equal(job.status, 'succeeded');
});
