// Callers who hang up: early, late, all at once; readers who never read.
import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { assertGood, allJobs, descriptors, endpointLike, rawSocket, request,
	until, usualEndpoints } from './tools.mjs';

const run = { attempts: 2, keep: '1h' };
const endpoints = endpointsFolder({
	...usualEndpoints(),
	fickle: endpointLike('color-card', 'fickle',
		{ run: { ...run, cancel_on_disconnect: true } }),
	wordy: endpointLike('portrait', 'wordy', { inputs: {
		prompt: { type: 'string', maxLength: 400000, to: '6.text' },
		steps: { type: 'integer', to: '3.steps' } }, examples: undefined }),
});
let color = 0;
const card = () => ({ width: 16, height: 16, color: ++color });

async function house(t, o = {}) {
	const standin = await Standin.start();
	const gate = await Gate.start({ standins: [standin], endpoints,
		scope: 'all', ...o });
	t.after(async () => {
		try {
			await gate.stop();
		} finally {
			await standin.stop();
		}
	});
	return { standin, gate };
}

const park = (gate, name, o = {}) => request(`${gate.url}/v1/${name}`,
	{ body: card(), token: gate.token(), ...o });

// The ids of accepted jobs, oldest first.
async function accepted(gate, count) {
	await gate.loggedTimes(count, / job\.accepted /);
	const ids = gate.lines(/ job\.accepted /)
		.map((line) => line.match(/job=(\S+)/)[1]);
	// In the store, not only in the log.
	for (const id of ids)
		await until('the job is stored', async () =>
			(await gate.call(`/v1/jobs/${id}`)).status === 200);
	return ids;
}

test('by default the job goes on', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const calls = [park(gate, 'card')];
	await standin.await('running');
	calls.push(park(gate, 'card'), park(gate, 'card'));
	const ids = await accepted(gate, 3);
	calls.forEach((c) => c.abort());
	await standin.release();
	for (const id of ids)
		await assertGood(gate, await gate.ended(id));
});

test('cancel_on_disconnect: while it runs', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'slow', ms: 600000, times: 1 });
	const call = park(gate, 'fickle');
	await standin.await('running');
	const [id] = await accepted(gate, 1);
	call.abort();
	await gate.logged(/ job\.caller_gone /);
	await standin.await('interrupts:1');
	await standin.clear();
	const job = await gate.ended(id);
	assert.equal(job.status, 'canceled');
	assert.equal(job.outputs, null);
	assert.equal((await gate.call('/v1/fickle', { body: card() })).status,
		200);
});

test('cancel_on_disconnect: while it is queued, and only its own', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const first = park(gate, 'fickle');
	await standin.await('running');
	const second = park(gate, 'fickle');
	await standin.await('pending:1');
	const third = park(gate, 'fickle');
	const ids = await accepted(gate, 3);
	third.abort();
	assert.equal((await gate.ended(ids[2])).status, 'canceled');
	second.abort();
	assert.equal((await gate.ended(ids[1])).status, 'canceled');
	await standin.release();
	assert.equal((await first.answer).status, 200);
	assert.equal((await standin.state()).accepted, 2);
});

test('cancel_on_disconnect: not for one who asked for 202', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const r = await gate.call('/v1/fickle', { body: card(),
		headers: { Prefer: 'respond-async' } });
	assert.equal(r.status, 202);
	const waiter = request(r.json.urls.self, { token: gate.token(),
		headers: { Prefer: 'wait=60' } });
	await standin.await('running');
	waiter.abort();
	await standin.release();
	await assertGood(gate, await gate.ended(r.json.id));
});

test('hang-ups at the moment of the answer', async (t) => {
	const { gate } = await house(t);
	const calls = Array.from({ length: 60 }, () => park(gate, 'fickle'));
	calls.forEach((call, i) => gate.loggedTimes(i + 1, / job\.ended /)
		.then(() => call.abort(), () => {}));
	const ids = await accepted(gate, 60);
	for (const id of ids) {
		const job = await gate.ended(id);
		assert.ok(['succeeded', 'canceled'].includes(job.status),
			JSON.stringify(job));
	}
	assert.equal((await gate.call('/v1/fickle', { body: card() })).status,
		200);
	assert.equal((await allJobs(gate)).length, 61);
});

// A caller costs one descriptor here, two in nginx, one in the daemon.
function many() {
	const most = Number(execSync('ulimit -Hn', { encoding: 'utf8' }));
	return Math.min(1000, Math.floor((most || 1000000) / 4));
}

test('1,000 callers hang up at once; descriptors return', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const r = await gate.call('/v1/card', { body: card(),
		headers: { Prefer: 'respond-async' } });
	await standin.await('running');
	const { pid } = gate.daemon;
	const before = descriptors(pid);
	const token = gate.token();
	const calls = Array.from({ length: many() }, () =>
		request(r.json.urls.self,
			{ token, headers: { Prefer: 'wait=120' } }));
	// Some of them came by connections that nginx had kept open.
	await until('all wait',
		() => descriptors(pid) >= before + calls.length * 0.95);
	calls.forEach((c) => c.abort());
	// nginx keeps some connections to the daemon open for the next request.
	await until('descriptors return', async () => {
		await gate.call('/healthz', { token: false });
		return descriptors(pid) <= before + 20;
	});
	await standin.release();
	await assertGood(gate, await gate.ended(r.json.id));
});

test('an event stream hangs up; others hear on', async (t) => {
	const { gate, standin } = await house(t);
	await standin.fault({ kind: 'hang', times: 1 });
	const r = await gate.call('/v1/card', { body: card(),
		headers: { Prefer: 'respond-async' } });
	await standin.await('running');
	const gone = request(r.json.urls.events);
	const [response] = await once(gone.request, 'response');
	await once(response, 'readable');
	const stays = gate.call(r.json.urls.events, { token: false });
	gone.abort();
	await standin.release();
	assert.match((await stays).text, /\nevent: end\n/);
});

test('readers of event streams who never read are dropped', async (t) => {
	const { gate, standin } = await house(t);
	await standin.post('/standin/config', { step_ms: 60 });
	const r = await gate.call('/v1/wordy', { body: { steps: 60,
		prompt: 'x'.repeat(300000) },
	headers: { Prefer: 'respond-async' } });
	assert.equal(r.status, 202, r.text);
	const path = new URL(r.json.urls.events);
	const sockets = [];
	for (let i = 0; i < 3; i++) {
		const socket = await rawSocket(gate.port);
		socket.pause();
		socket.write(`GET ${path.pathname}${path.search} HTTP/1.1\r\n` +
			`Host: ${path.host}\r\n\r\n`);
		sockets.push(socket);
	}
	await gate.loggedTimes(3, / http\.slow /);
	// Its end is a large event, too, which one who reads is sent whole.
	await gate.ended(r.json.id);
	const heard = await gate.call(r.json.urls.events, { token: false });
	assert.match(heard.text, /event: end\n/);
	assert.ok(heard.text.length > 300000);
	await assertGood(gate, await gate.ended(r.json.id));
	sockets.forEach((s) => s.destroy());
});
