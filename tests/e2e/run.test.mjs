// `make run` as a person uses it: the script that it calls.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync,
	writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Standin, endpointsFolder, top } from './rig.mjs';
import { endpointLike, until } from './tools.mjs';

// Processes that name this folder in their arguments or environment.
function processes(dir) {
	return readdirSync('/proc').filter((pid) => {
		if (!/^\d+$/.test(pid) || Number(pid) === process.pid)
			return false;
		try {
			return ['cmdline', 'environ'].some((name) =>
				readFileSync(`/proc/${pid}/${name}`).includes(dir));
		} catch {
			return false;
		}
	});
}

// A run in a folder of its own: { child, dir, out(), said(pattern), end }.
function run(t, env = {}) {
	const dir = mkdtempSync(join(tmpdir(), 'comfygate-run-'));
	const child = spawn(join(top, 'tests/run.sh'), {
		detached: true, stdio: ['ignore', 'pipe', 'pipe'],
		env: { PATH: process.env.PATH, BUILD: process.env.BUILD ?? 'build',
			STATE: join(dir, 'state'), STEP_MS: '5', ...env } });
	let out = '';
	const said = (pattern) => new Promise((good, bad) => {
		const look = () => pattern.test(out) && good(out);
		child.stdout.on('data', look);
		child.once('exit', () => bad(new Error(out)));
		look();
	});
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding('utf8').on('data', (text) => { out += text; });
	const end = once(child, 'close').then(([code, signal]) =>
		({ code, signal, out }));
	t.after(async () => {
		if (child.exitCode === null && child.signalCode === null)
			child.kill('SIGTERM');
		await end;
		await until('no process is left', () => processes(dir).length === 0);
		rmSync(dir, { recursive: true });
	});
	return { child, dir, said, end };
}

async function assertGone(r) {
	await until('no process is left', () => processes(r.dir).length === 0);
}

test('ONCE=1: a sample, its answer, the curl, and nothing left', async (t) => {
	const r = run(t, { ONCE: '1' });
	const { code, out } = await r.end;
	assert.equal(code, 0, out);
	assert.match(out, /ComfyUI {3}stand-in/);
	assert.match(out, /POST \/v1\/portrait/);
	assert.match(out, /running \d+% KSampler/);
	assert.match(out, /"status": "succeeded"/);
	assert.match(out, /curl -sS http:\/\/127\.0\.0\.1:\d+\/v1\/portrait/);
	assert.deepEqual(processes(r.dir), []);
});

test('a given PORT and COMFYUI; state of an earlier run', async (t) => {
	const standin = await Standin.start();
	t.after(() => standin.stop());
	const probe = createServer().listen(0, '127.0.0.1');
	await once(probe, 'listening');
	const { port } = probe.address();
	probe.close();
	await once(probe, 'close');
	const env = { ONCE: '1', PORT: String(port), COMFYUI: standin.url };
	const first = run(t, env);
	assert.equal((await first.end).code, 0, (await first.end).out);
	const again = run(t, { ...env, STATE: join(first.dir, 'state') });
	const { code, out } = await again.end;
	assert.equal(code, 0, out);
	assert.ok(out.includes(`http://127.0.0.1:${port}/v1/color-card`), out);
	assert.doesNotMatch(out, /stand-in \(no models/);
});

for (const group of [true, false]) {
	test(`Ctrl-C ends it all${group ? '' : ' (the script alone)'}`,
		async (t) => {
			const r = run(t);
			await r.said(/Ctrl-C ends it/);
			const text = await r.said(/curl -sS/);
			const url = text.match(/curl -sS (http\S+)/)[1];
			assert.equal((await fetch(new URL('/readyz', url))).status, 200);
			process.kill(group ? -r.child.pid : r.child.pid, 'SIGINT');
			assert.equal((await r.end).code, 0, (await r.end).out);
			await assertGone(r);
		});
}

test('Ctrl-C in the middle of the sample', async (t) => {
	const r = run(t, { STEP_MS: '2000' });
	await r.said(/running \d+% KSampler/);
	process.kill(-r.child.pid, 'SIGINT');
	assert.notEqual((await r.end).code, 0);
	await assertGone(r);
});

test('a port that is taken', async (t) => {
	const other = createServer().listen(0, '127.0.0.1');
	await once(other, 'listening');
	t.after(() => other.close());
	const { port } = other.address();
	const r = run(t, { ONCE: '1', PORT: String(port) });
	const { code, out } = await r.end;
	assert.equal(code, 1, out);
	assert.match(out, new RegExp(`make run: .*\\n.*${port}`));
	await assertGone(r);
});

test('folders of endpoints that do not serve', async (t) => {
	const none = run(t, { ONCE: '1', ENDPOINTS: '/nowhere/at/all' });
	const gone = await none.end;
	assert.equal(gone.code, 1);
	assert.match(gone.out, /there is no folder \/nowhere\/at\/all/);
	await assertGone(none);

	const broken = endpointsFolder({ card: {
		...endpointLike('color-card', 'card'), manifest: '{"name": "card",' } });
	t.after(() => rmSync(broken, { recursive: true }));
	const r = run(t, { ONCE: '1', ENDPOINTS: broken });
	const { code, out } = await r.end;
	assert.equal(code, 1, out);
	assert.match(out, /no endpoint is published/);
	assert.match(out, /check /);
	await assertGone(r);
});

test('a sample that fails: status 1, and where to look', async (t) => {
	const folder = endpointsFolder({ card: endpointLike('color-card', 'card',
		{ set: { '1.batch_size': -5 } }) });
	t.after(() => rmSync(folder, { recursive: true }));
	const r = run(t, { ONCE: '1', ENDPOINTS: folder });
	const { code, out } = await r.end;
	assert.equal(code, 1, out);
	assert.match(out, /did not succeed/);
	assert.match(out, /comfygate\.log/);
	await assertGone(r);
});

test('a state folder that cannot be written', async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'comfygate-file-'));
	t.after(() => rmSync(dir, { recursive: true }));
	mkdirSync(join(dir, 'empty'));
	writeFileSync(join(dir, 'file'), '');
	const r = run(t, { ONCE: '1', STATE: join(dir, 'file', 'state') });
	const { code, out } = await r.end;
	assert.equal(code, 1, out);
	assert.match(out, /cannot write to .*file\/state/);
});
