// The house as an operator runs it: real nginx, real daemon, real database
// file; ComfyUI's part is played by the stand-in. Each test file makes its own
// in a folder of its own, on free ports, and stops what it started by pid.
import { spawn, spawnSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
	chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync,
	rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const build = resolve(top, process.env.BUILD ?? 'build');
const SECRET = 'comfygate-development-key:an end to end test, no secret at all';

// Resolves with the first line that matches; rejects when the process ends.
function awaitLine(stream, child, pattern) {
	return new Promise((good, bad) => {
		let text = '';
		const look = (piece) => {
			text += piece;
			const found = text.match(pattern);
			if (found)
				good(found);
		};
		stream.setEncoding('utf8');
		stream.on('data', look);
		child.once('exit', (code) =>
			bad(new Error(`it ended with ${code}:\n${text}`)));
	});
}

async function stopChild(child, signal = 'SIGTERM') {
	if (child.exitCode !== null || child.signalCode !== null)
		return child.exitCode;
	const ended = once(child, 'exit');
	child.kill(signal);
	const [code] = await ended;
	return code;
}

export class Standin {
	// args: further options of build/standin
	static async start(args = []) {
		const s = new Standin();
		s.args = args;
		await s.spawn(0);
		return s;
	}

	async spawn(port) {
		this.child = spawn(join(build, 'standin'),
			['--port', String(port), ...this.args],
			{ stdio: ['ignore', 'pipe', 'inherit'] });
		const [, address] = await awaitLine(this.child.stdout, this.child,
			/^listening on (\S+)$/m);
		this.url = `http://${address}`;
		this.port = Number(address.split(':').pop());
	}

	// The same address again after it ended, with nothing remembered.
	respawn() { return this.spawn(this.port); }

	stop(signal) { return stopChild(this.child, signal); }

	async post(path, body) {
		const r = await fetch(this.url + path, {
			method: 'POST', body: JSON.stringify(body ?? {}),
			headers: { 'Content-Type': 'application/json' } });
		if (!r.ok)
			throw new Error(`${path}: ${r.status} ${await r.text()}`);
		const text = await r.text();
		return text ? JSON.parse(text) : undefined;
	}

	fault(fault) { return this.post('/standin/fault', fault); }

	async get(path) {
		const r = await fetch(this.url + path);
		return r.json();
	}

	state() { return this.get('/standin/state'); }

	// The bodies of POST /prompt, as they came, byte for byte.
	prompts() { return this.get('/standin/prompts'); }

	async await(event, timeout = 30000) {
		const r = await this.get(
			`/standin/await?event=${event}&timeout=${timeout}`);
		if (!r.ok)
			throw new Error(`the stand-in has not come to ${event}: ` +
				JSON.stringify(await this.state()));
	}

	release() { return this.post('/standin/release'); }

	// Ends hangs and all faults, also those to come.
	async clear() {
		await fetch(this.url + '/standin/fault', { method: 'DELETE' });
	}
}

export const base64url = (b) => Buffer.from(b).toString('base64url');

export function mint(claims = {}, secret = SECRET) {
	const now = Math.floor(Date.now() / 1000);
	const head = base64url(JSON.stringify({ alg: 'HS256', typ: 'JWT' }));
	const body = base64url(JSON.stringify({
		sub: 'app-user', iat: now, exp: now + 3600, ...claims }));
	const mac = createHmac('sha256', secret).update(`${head}.${body}`);
	return `${head}.${body}.${mac.digest('base64url')}`;
}

export class Gate {
	// o: standins (array), endpoints (folder), env (settings), nginx (true)
	static async start(o = {}) {
		const g = new Gate();
		g.dir = mkdtempSync(join(tmpdir(), 'comfygate-'));
		chmodSync(g.dir, 0o755);
		g.state = join(g.dir, 'state');
		g.files = join(g.state, 'files');
		g.socket = join(g.dir, 'comfygate.sock');
		g.secretFile = join(g.dir, 'dev.key');
		g.o = o;
		mkdirSync(g.files, { recursive: true });
		writeFileSync(g.secretFile, SECRET, { mode: 0o600 });
		g.startNginx();
		await g.startDaemon();
		return g;
	}

	startNginx() {
		const r = spawnSync(join(top, 'tests/nginx.sh'),
			['start', join(this.dir, 'nginx'), '0', this.socket, this.files],
			{ encoding: 'utf8' });
		if (r.status !== 0)
			throw new Error(`nginx: ${r.stdout}${r.stderr}`);
		this.port = Number(r.stdout.trim().split(/\s+/).pop());
		this.url = `http://127.0.0.1:${this.port}`;
	}

	environment() {
		const standins = this.o.standins ?? [];
		return {
			PATH: process.env.PATH,
			TMPDIR: tmpdir(),
			...(process.env.ASAN_OPTIONS &&
				{ ASAN_OPTIONS: process.env.ASAN_OPTIONS }),
			...(process.env.TSAN_OPTIONS &&
				{ TSAN_OPTIONS: process.env.TSAN_OPTIONS }),
			COMFYGATE_ENDPOINTS: this.o.endpoints ?? join(top, 'endpoints'),
			COMFYGATE_STATE: this.state,
			COMFYGATE_SOCKET: this.socket,
			COMFYGATE_PUBLIC_URL: this.url,
			COMFYGATE_SECRET_FILE: this.secretFile,
			COMFYGATE_BACKENDS: standins.map((s) => s.url).join(' '),
			COMFYGATE_MIN_FREE_BYTES: '0',
			COMFYGATE_POLL: '200ms',
			COMFYGATE_STOP_TIMEOUT: '10s',
			...this.o.env,
		};
	}

	async startDaemon() {
		this.past = (this.past ?? '') + (this.log ?? '');
		this.log = '';
		const command = this.o.command ?? [join(build, 'comfygate'), 'serve'];
		this.daemon = spawn(command[0], command.slice(1),
			{ env: this.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
		this.daemon.setMaxListeners(0);
		this.daemon.stderr.setMaxListeners(0).setEncoding('utf8');
		this.daemon.stderr.on('data', (t) => { this.log += t; });
		await this.logged(/ serve\.ready /);
		if (!this.o.broken && / endpoint\.broken /.test(this.log))
			throw new Error(this.log);
	}

	// Resolves when the daemon has written something like that, or as a
	// function finds it; looked for anew with each piece of the log.
	logged(pattern, from = 0) {
		const { daemon } = this;
		return new Promise((good, bad) => {
			const look = () => {
				const text = this.log.slice(from);
				const found = typeof pattern === 'function' ?
					pattern(text) : text.match(pattern);
				if (found) {
					daemon.stderr.off('data', look);
					daemon.off('exit', dead);
					good(found);
				}
			};
			const dead = (code, signal) => bad(new Error(
				`the daemon ended (${code ?? signal}) before ${pattern}:\n` +
				this.log.slice(-3000)));
			daemon.stderr.on('data', look);
			daemon.once('exit', dead);
			look();
		});
	}

	stopDaemon(signal) { return stopChild(this.daemon, signal); }

	kill() { return this.stopDaemon('SIGKILL'); }

	async restart(signal) {
		await this.stopDaemon(signal);
		await this.startDaemon();
	}

	// Resolves when so many lines like that are in the log.
	loggedTimes(count, pattern, from = 0) {
		const all = new RegExp(pattern, 'g');
		return this.logged((text) =>
			(text.match(all) ?? []).length >= count, from);
	}

	// The lines of all daemons so far.
	lines(pattern) {
		return (this.past + this.log).split('\n')
			.filter((line) => pattern.test(line));
	}

	// What it wrote about the endpoints and keys.
	async reload() {
		const from = this.log.length;
		this.daemon.kill('SIGHUP');
		await this.logged(/ endpoints\.in_use /, from);
		await this.logged(/ serve\.reloaded\b/, from);
		return this.log.slice(from);
	}

	async stop() {
		const code = await this.stopDaemon();
		spawnSync(join(top, 'tests/nginx.sh'),
			['stop', join(this.dir, 'nginx')]);
		rmSync(this.dir, { recursive: true, force: true });
		if (code !== 0)
			throw new Error(`the daemon ended with ${code}\n${this.log}`);
	}

	token(claims) {
		return mint({ scope: this.o.scope ??
			'portrait:run color-card:run variations:run ' +
			'prompt-writer:run', ...claims });
	}

	// o: method, body (object: JSON), headers, token (false: none), raw
	async call(path, o = {}) {
		const headers = { ...o.headers };
		if (o.token !== false)
			headers.Authorization = `Bearer ${o.token ?? this.token()}`;
		let { body } = o;
		if (body !== undefined && typeof body !== 'string' &&
		    !Buffer.isBuffer(body)) {
			body = JSON.stringify(body);
			headers['Content-Type'] ??= 'application/json';
		}
		const url = path.startsWith('http') ? path : this.url + path;
		const r = await fetch(url, {
			method: o.method ?? (body === undefined ? 'GET' : 'POST'),
			headers, body, redirect: 'manual', signal: o.signal });
		const type = r.headers.get('content-type') ?? '';
		const bytes = Buffer.from(await r.arrayBuffer());
		const answer = { status: r.status, headers: r.headers, type, bytes,
			text: bytes.toString() };
		if (type.includes('json') && bytes.length > 0)
			answer.json = JSON.parse(answer.text);
		return answer;
	}

	// Waits for the job's end by the API itself.
	async ended(id, o = {}) {
		for (;;) {
			const r = await this.call(`/v1/jobs/${id}`,
				{ ...o, headers: { Prefer: 'wait=30' } });
			if (r.status !== 200)
				throw new Error(`job ${id}: ${r.status} ${r.text}`);
			if (!['queued', 'running'].includes(r.json.status))
				return r.json;
		}
	}
}

// A folder of endpoints made for one test: { name: { manifest, workflow } },
// where either may be a string (as it is) or an object.
export function endpointsFolder(endpoints, dir) {
	const root = dir ?? mkdtempSync(join(tmpdir(), 'comfygate-endpoints-'));
	const text = (v) => typeof v === 'string' ? v : JSON.stringify(v, null, 2);
	for (const [name, e] of Object.entries(endpoints)) {
		mkdirSync(join(root, name), { recursive: true });
		writeFileSync(join(root, name, 'manifest.json'), text(e.manifest));
		if (e.workflow !== undefined)
			writeFileSync(join(root, name, 'workflow.json'),
				text(e.workflow));
	}
	return root;
}

export { existsSync, readFileSync, randomUUID, openSync };
