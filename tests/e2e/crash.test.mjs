// kill -9 of the daemon, of ComfyUI, of both, at each phase and at random
// moments: what was accepted ends once, and well.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { allJobs, assertGood, until, usualEndpoints } from './tools.mjs';

const endpoints = endpointsFolder(usualEndpoints());
let color = 0;

async function house(t, o = {}) {
	const standin = await Standin.start(['--keep', '5000']);
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

// Every job another picture, so that ComfyUI's cache hides no second run.
const post = (gate, headers) => gate.call('/v1/card', {
	body: { width: 16, height: 16, color: ++color }, headers });

async function accept(gate, n) {
	const answers = await Promise.all(Array.from({ length: n }, () =>
		post(gate, { Prefer: 'respond-async' })));
	return answers.map((r) => {
		assert.ok([200, 202].includes(r.status), r.text);
		return r.json.id;
	});
}

// Each of these jobs ended well, once, with files that open; ComfyUI was
// asked `runs` times, each prompt id once.
async function assertOnce({ gate, standin }, ids, runs = ids.length) {
	for (const id of ids)
		await assertGood(gate, await gate.ended(id));
	const jobs = await allJobs(gate);
	assert.deepEqual(jobs.map((j) => j.id).sort(), [...ids].sort());
	for (const id of ids)
		assert.ok(gate.lines(new RegExp(`job\\.ended job=${id}`)).length
			<= 1, `${id} ended twice`);
	const { received, accepted } = await standin.state();
	for (const [id, times] of Object.entries(received))
		assert.equal(times, 1, `prompt ${id} was posted ${times} times`);
	assert.equal(accepted, runs);
}

test('killed while jobs are being inserted', async (t) => {
	const h = await house(t);
	const told = new Set();
	for (let round = 1; round <= 6; round++) {
		const from = h.gate.log.length;
		const calls = Array.from({ length: 12 }, () =>
			post(h.gate, { Prefer: 'respond-async' }));
		await h.gate.loggedTimes(round * 2, / job\.accepted /, from);
		await h.gate.kill();
		for (const r of await Promise.all(calls)) {
			// 200: it had ended by the time of its answer.
			assert.ok([200, 202, 503].includes(r.status), r.text);
			if (r.status !== 503)
				told.add(r.json.id);
		}
		await h.gate.startDaemon();
	}
	const ids = (await allJobs(h.gate)).map((j) => j.id);
	for (const id of told)
		assert.ok(ids.includes(id), `${id} was accepted and is gone`);
	await assertOnce(h, ids);
});

test('killed while jobs are queued', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'hang', times: 1 });
	const ids = await accept(h.gate, 6);
	await h.standin.await('running');
	await h.standin.await('pending:1');
	await h.gate.kill();
	await h.gate.startDaemon();
	await h.standin.release();
	await assertOnce(h, ids);
});

test('killed before ComfyUI has the prompts', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'http-slow', path: '/prompt',
		ms: 600000 });
	const ids = await accept(h.gate, 4);
	await h.gate.loggedTimes(2, / job\.claimed /);
	await h.gate.kill();
	await h.standin.clear();
	await h.gate.startDaemon();
	await assertOnce(h, ids);
});

test('killed while ComfyUI has the prompts and has not answered', async (t) => {
	const h = await house(t, { env: { COMFYGATE_CALL_TIMEOUT: '60s' } });
	await h.standin.fault({ kind: 'submit-drop', times: 2 });
	await h.standin.fault({ kind: 'http-slow', path: '/api/jobs',
		ms: 600000 });
	await h.standin.fault({ kind: 'http-slow', path: '/queue', ms: 600000 });
	await h.standin.fault({ kind: 'http-slow', path: '/history',
		ms: 600000 });
	const ids = await accept(h.gate, 4);
	await h.standin.await('accepted:2');
	await h.gate.kill();
	await h.standin.clear();
	await h.gate.startDaemon();
	await assertOnce(h, ids);
});

test('killed while one runs and the next is pending there', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'hang', times: 1 });
	const ids = await accept(h.gate, 3);
	await h.standin.await('running');
	await h.standin.await('pending:1');
	await h.gate.kill();
	await h.gate.startDaemon();
	const running = await h.gate.call('/v1/jobs?status=running');
	assert.equal(running.json.jobs.length, 2);
	await h.standin.release();
	await assertOnce(h, ids);
});

test('killed while jobs run, which end while nobody is there', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'hang', times: 1 });
	const ids = await accept(h.gate, 2);
	await h.standin.await('running');
	await h.standin.await('pending:1');
	await h.gate.kill();
	await h.standin.release();
	await h.standin.await('succeeded:2');
	await h.gate.startDaemon();
	await assertOnce(h, ids);
});

test('killed while outputs are fetched', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'http-slow', path: '/view', ms: 600000 });
	const ids = await accept(h.gate, 3);
	await h.standin.await('histories:1');
	await h.standin.await('succeeded:2');
	await h.gate.kill();
	await h.standin.clear();
	await h.gate.startDaemon();
	await assertOnce(h, ids);
});

test('killed right after the answer', async (t) => {
	const h = await house(t);
	const ids = [];
	for (let i = 0; i < 5; i++) {
		const r = await post(h.gate, {});
		await h.gate.kill();
		assert.equal(r.status, 200, r.text);
		ids.push(r.json.id);
		await h.gate.startDaemon();
		assert.equal((await h.gate.call(r.json.urls.self)).json.status,
			'succeeded');
		await assertGood(h.gate, r.json);
	}
	await assertOnce(h, ids);
});

// They are in the database, by the commit of their job's end: of all else on
// disk a power cut may leave nothing.
test('the power goes right after the answers', async (t) => {
	const h = await house(t);
	const jobs = await Promise.all(Array.from({ length: 8 }, () =>
		post(h.gate, {})));
	await h.gate.kill();
	rmSync(h.gate.files, { recursive: true });
	await h.gate.startDaemon();
	for (const { json } of jobs)
		await assertGood(h.gate, json);
	await assertOnce(h, jobs.map((r) => r.json.id));
});

test('a job canceled while it runs stays canceled after a kill', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'slow', ms: 600000, times: 1 });
	const [id] = await accept(h.gate, 1);
	await h.standin.await('running');
	const c = await h.gate.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
	assert.equal(c.status, 202, c.text);
	await h.gate.kill();
	await h.gate.startDaemon();
	assert.equal((await h.gate.ended(id)).status, 'canceled');
});

// Callers who do not give up: each key is posted until it was accepted.
async function callers(gate, count, tell) {
	const state = { over: false, keys: new Map() };
	const one = async (n) => {
		for (let i = 0; !state.over; i++) {
			const key = `caller-${n}-${i}`;
			const body = { width: 16, height: 16, color: ++color };
			const accepted = async () => {
				await gate.there;
				const r = await gate.call('/v1/card', { body,
					headers: { 'Idempotency-Key': key } });
				if (r.status === 503)
					return false;
				assert.ok([200, 202].includes(r.status), r.text);
				state.keys.set(key, r.json.id);
				return true;
			};
			while (!await accepted())
				;
			tell?.();
		}
	};
	state.done = Promise.all(Array.from({ length: count },
		(_, n) => one(n)));
	return state;
}

async function storm(h, rounds, disturb) {
	let open;
	h.gate.there = Promise.resolve();
	const state = await callers(h.gate, 8);
	for (let round = 0; round < rounds; round++) {
		const events = 1 + Math.floor(Math.random() * 40);
		await h.gate.loggedTimes(events, / job\./);
		h.gate.there = new Promise((good) => { open = good; });
		await disturb(round);
		open();
	}
	state.over = true;
	await state.done;
	return [...state.keys.values()];
}

test('killed at random moments under load', async (t) => {
	const h = await house(t);
	const ids = await storm(h, 15, async () => {
		await h.gate.kill();
		await h.gate.startDaemon();
	});
	assert.equal(new Set(ids).size, ids.length);
	await assertOnce(h, ids);
});

test('ComfyUI is killed and comes back', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'hang', times: 1 });
	const ids = await accept(h.gate, 5);
	await h.standin.await('pending:1');
	await h.standin.stop('SIGKILL');
	await h.standin.respawn();
	for (const id of ids)
		await assertGood(h.gate, await h.gate.ended(id));
	const jobs = await allJobs(h.gate);
	assert.equal(jobs.length, 5);
	assert.ok(jobs.some((j) => j.attempts > 1));
});

test('ComfyUI is killed while outputs are fetched', async (t) => {
	const h = await house(t);
	await h.standin.fault({ kind: 'http-slow', path: '/view', ms: 600000 });
	const ids = await accept(h.gate, 2);
	await h.standin.await('succeeded:2');
	await h.standin.stop('SIGKILL');
	await h.standin.respawn();
	for (const id of ids)
		await assertGood(h.gate, await h.gate.ended(id));
});

test('both are killed at once, under load', async (t) => {
	const h = await house(t);
	const ids = await storm(h, 4, async (round) => {
		await Promise.all([h.gate.kill(), h.standin.stop('SIGKILL')]);
		// One comes first, then the other.
		if (round % 2 === 0)
			await h.standin.respawn();
		await h.gate.startDaemon();
		if (round % 2 === 1)
			await h.standin.respawn();
	});
	const ended = await Promise.all(ids.map((id) => h.gate.ended(id)));
	assert.equal(new Set(ids).size, ids.length);
	// A prompt that ComfyUI lost again and again is given up, honestly.
	for (const job of ended) {
		if (job.status === 'succeeded')
			await assertGood(h.gate, job);
		else
			assert.equal(job.error.type, '/problems/no-backend');
	}
	await until('nothing in work', async () => (await allJobs(h.gate))
		.every((j) => j.ended_at !== null));
});
