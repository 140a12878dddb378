// Callers, folders and a ComfyUI that mean harm: what they cost, and what they
// do not get.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { endpointLike, program, rawSocket, until } from './tools.mjs';

const SECRET = 'sekret-node-77';
let standin, gate, folder;

before(async () => {
	const card = endpointLike('color-card', 'card');
	const talk = endpointLike('prompt-writer', 'talk');

	delete talk.manifest.examples;
	talk.manifest.inputs.subject.maxLength = 1000000;
	folder = endpointsFolder({ card, talk });
	standin = await Standin.start();
	gate = await Gate.start({ standins: [standin], endpoints: folder,
		scope: 'all' });
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
	rmSync(folder, { recursive: true, force: true });
});

// An answer to bytes that no HTTP library sends: its status.
async function rawStatus(text) {
	const socket = await rawSocket(gate.port);
	socket.write(text);
	const [piece] = await once(socket, 'data');
	socket.destroy();
	return Number(piece.toString().split(' ')[1]);
}

test('a number is not a way to store a megabyte', async () => {
	const r = await gate.call('/v1/card', {
		headers: { 'Content-Type': 'application/json' },
		body: `{"width":64.${'0'.repeat(900000)},"height":64}` });
	assert.equal(r.status, 422, r.text.slice(0, 300));
	assert.equal(r.json.errors[0].pointer, '/width');
	assert.ok(r.text.length < 2000);
});

test('large jobs make short pages of the list, and none is lost', async () => {
	const token = gate.token({ sub: 'writer' });
	const made = [];

	for (let i = 0; i < 45; i++) {
		const r = await gate.call('/v1/talk', { token,
			headers: { Prefer: 'respond-async' },
			body: { subject: `${i} ${'x'.repeat(900000)}` } });
		assert.equal(r.status, 202, r.text.slice(0, 300));
		made.unshift(r.json.id);
	}
	const seen = [];
	let cursor = '';
	do {
		const r = await gate.call(`/v1/jobs?limit=100${cursor}`, { token });
		assert.equal(r.status, 200, r.text.slice(0, 300));
		assert.ok(r.bytes.length < 8e6, `${r.bytes.length} bytes`);
		seen.push(...r.json.jobs.map((j) => j.id));
		cursor = r.json.next_cursor && `&cursor=${r.json.next_cursor}`;
	} while (cursor);
	assert.deepEqual(seen, made);
});

test('streams that nobody reads do not fill the memory together', async () => {
	const r = await gate.call('/v1/talk', {
		body: { subject: 'x'.repeat(900000) } });
	const { pathname, search } = new URL(r.json.urls.events);
	const memory = () => Number(readFileSync(
		`/proc/${gate.daemon.pid}/status`, 'utf8')
		.match(/VmRSS:\s+(\d+)/)[1]);
	const before = memory(), sockets = [];

	assert.equal(r.status, 200, r.text.slice(0, 300));
	for (let i = 0; i < 400; i++) {
		const socket = await rawSocket(gate.port);
		socket.pause();
		socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`);
		sockets.push(socket);
	}
	await gate.logged(/ http\.slow /);
	assert.equal((await gate.call('/healthz')).status, 200);
	assert.ok(memory() - before < 150000, `${memory() - before} KiB more`);
	for (const socket of sockets)
		socket.destroy();
	const again = await gate.call(r.json.urls.self);
	assert.equal(again.status, 200);
});

test('a signature opens one path, for its time', async () => {
	const make = async () => (await gate.call('/v1/card',
		{ body: { width: 64, height: 64 } })).json;
	const a = await make(), b = await make();
	const file = new URL(a.outputs.image.url), other = new URL(
		b.outputs.image.url), stream = new URL(a.urls.events);
	const key = readFileSync(join(gate.state, 'url.key'));
	const signed = (path, expires) => `${path}?expires=${expires}&signature=` +
		createHmac('sha256', key).update(`${path}\n${expires}`)
			.digest('base64url');
	const now = Math.floor(Date.now() / 1000);
	const status = async (path) =>
		(await gate.call(path, { token: false })).status;

	for (const [path, wanted] of [
		[file.pathname + file.search, 200],
		[signed(file.pathname, now + 60), 200],
		[signed(file.pathname, now - 1), 410],
		[signed(stream.pathname, now - 1), 410],
		[file.pathname + other.search, 403],
		[file.pathname + stream.search, 403],
		[stream.pathname + file.search, 403],
		[signed(file.pathname, now + 60).replace(/=(\d)/, '=9$1'), 403],
		[signed(file.pathname, '18446744073709551615'), 403],
		[file.pathname.replace('image.', '%69mage.') + file.search, 403],
		[signed(`/v1/files/${a.id}/..%2furl.key`, now + 60), 404],
		[signed(`/v1/jobs/${a.id}`, now + 60), 401]])
		assert.equal(await status(path), wanted, path);
	await gate.call(a.urls.self, { method: 'DELETE' });
	assert.equal(await status(file.pathname + file.search), 410);
	assert.equal(await status(stream.pathname + stream.search), 404);
});

test('a cursor holds when its job is deleted', async () => {
	const token = gate.token({ sub: 'pager' });
	const made = [];

	for (let i = 0; i < 3; i++)
		made.unshift((await gate.call('/v1/card', { token,
			body: { width: 64, height: 64 } })).json.id);
	const first = await gate.call('/v1/jobs?limit=1', { token });
	assert.equal(first.json.jobs[0].id, made[0]);
	assert.equal((await gate.call(`/v1/jobs/${made[0]}`,
		{ token, method: 'DELETE' })).status, 204);
	const next = await gate.call(
		`/v1/jobs?limit=5&cursor=${first.json.next_cursor}`, { token });
	assert.deepEqual(next.json.jobs.map((j) => j.id), made.slice(1));
});

test('HEAD of an event stream ends at once', async () => {
	await standin.fault({ kind: 'hang', match: 'SaveImage' });
	const r = await gate.call('/v1/card', { body: { width: 64, height: 64 },
		headers: { Prefer: 'respond-async' } });
	const head = await gate.call(r.json.urls.events,
		{ token: false, method: 'HEAD', signal: AbortSignal.timeout(10000) });
	assert.equal(head.status, 200);
	assert.match(head.headers.get('content-type'), /event-stream/);
	await standin.clear();
	assert.equal((await gate.ended(r.json.id)).status, 'succeeded');
});

test('a query value that is not well formed is 400, not ignored', async () => {
	for (const query of ['endpoint=%00', 'status=%zz', 'limit=%',
		'cursor=%e', 'endpoint=%ff']) {
		const status = await rawStatus(`GET /v1/jobs?${query} HTTP/1.1\r\n` +
			`Host: x\r\nAuthorization: Bearer ${gate.token()}\r\n\r\n`);
		assert.equal(status, 400, query);
	}
});

test('what nginx refuses is the caller\'s fault where it is', async () => {
	assert.equal(await rawStatus('POST /v1/card HTTP/1.1\r\nHost: x\r\n' +
		'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'), 400);
});

test('pipes in an endpoint\'s folder keep nobody waiting', async () => {
	const trap = mkdtempSync(join(tmpdir(), 'comfygate-trap-'));
	endpointsFolder({ piped: endpointLike('color-card', 'piped') }, trap);
	rmSync(join(trap, 'piped/workflow.json'));
	execFileSync('mkfifo', [join(trap, 'piped/workflow.json')]);
	const r = await program(['check', trap]);
	assert.equal(r.code, 1);
	assert.match(r.out + r.err, /workflow\.json: is no plain file/);
	rmSync(trap, { recursive: true });

	endpointsFolder({ piped: endpointLike('color-card', 'piped') }, folder);
	rmSync(join(folder, 'piped/manifest.json'));
	execFileSync('mkfifo', [join(folder, 'piped/manifest.json')]);
	assert.match(await gate.reload(), /endpoint\.broken .*piped/);
	rmSync(join(folder, 'piped'), { recursive: true });
	await gate.reload();
});

test('a public_url that no path can follow is refused', async () => {
	for (const url of ['https://x/?a', 'https://x#b', 'https://x y',
		'https://x\ny', 'https://x/"']) {
		const r = await program(['serve', '--print-config'], { env: {
			COMFYGATE_PUBLIC_URL: url, COMFYGATE_SECRET_FILE: '/x',
			COMFYGATE_BACKENDS: 'http://127.0.0.1:1' } });
		assert.equal(r.code, 1, url);
		assert.match(r.err, /public_url/);
	}
});

// ---- a ComfyUI that answers as it likes -----------------------------------

// play: what the next test wants of it, by path; the rest is a ComfyUI whose
// prompts are done at once.
async function evil() {
	const prompts = new Map();
	const play = {};
	const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC' +
		'0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=', 'base64');
	const entry = (id) => ({ [id]: { outputs: Object.fromEntries(
		['1', '2', '3'].map((n) => [n, { images: [{ filename: 'a.png',
			subfolder: '', type: 'output', ...play.file }] }])),
	status: { status_str: 'success', completed: true, messages: [] },
	...play.entry } });
	const server = createServer((q, a) => {
		const part = q.url.split('/')[1].split('?')[0];
		let body = '';
		q.on('data', (b) => { body += b; });
		q.on('end', () => {
			if (play[part])
				return play[part](q, a);
			if (part === 'prompt') {
				const id = JSON.parse(body).prompt_id;
				prompts.set(id, 1);
				return a.end(JSON.stringify({ prompt_id: id, number: 1,
					node_errors: {} }));
			}
			if (part === 'history' && q.method === 'GET') {
				const id = q.url.split('/')[2];
				return a.end(JSON.stringify(
					prompts.has(id) ? entry(id) : {}));
			}
			if (part === 'view')
				return a.end(png);
			if (part === 'queue')
				return a.end('{"queue_running":[],"queue_pending":[]}');
			if (part === 'api')
				a.statusCode = 404;
			return a.end(part === 'api' ? '' : '{}');
		});
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return { play, url: `http://127.0.0.1:${server.address().port}`,
		server, stop: async () => server.closeAllConnections() ??
			server.close() };
}

const nothing = (a) => a.write(' '.repeat(65536), () => nothing(a));

const plays = {
	'a name that is a path': [{ file: { filename: '../../etc/passwd',
		subfolder: '../..' } }, 200],
	'a name with control characters': [{ file: {
		filename: 'a\r\nX-Evil: 1\r\n\r\n\0\u202e.png' } }, 200],
	'a name of a megabyte': [{ file: { filename: 'n'.repeat(1e6) } }, 502],
	'names that are no text': [{ file: { filename: 7 } }, 502],
	// Refused, or a download of bytes without a type: never a page.
	'a picture that is HTML': [{ view: (q, a) => a.setHeader('Content-Type',
		'text/html') && a.end('<script>alert(1)</script>') }, [200, 502],
	/^application\/octet-stream/],
	'a picture that is SVG': [{ view: (q, a) => a.setHeader('Content-Type',
		'image/svg+xml') && a.end('<svg onload="alert(1)"/>') }, [200, 502],
	/^application\/octet-stream/],
	'a picture without end': [{ view: (q, a) => nothing(a) }, 502],
	'a redirect to a file': [{ view: (q, a) => a.writeHead(302, {
		Location: 'file:///etc/passwd' }).end() }, 502],
	'an error that tells all': [{ entry: { status: { status_str: 'error',
		messages: [['execution_error', { node_id: SECRET, node_type: SECRET,
			exception_type: SECRET, exception_message: `/root/${SECRET}`,
			traceback: [SECRET] }]] } } }, 502],
	'messages of other types': [{ entry: { status: { status_str: 'error',
		messages: [5, null, ['execution_error'], ['execution_error', {
			node_id: {}, traceback: 'x' }]] } } }, 502],
	'a refusal that tells all': [{ prompt: (q, a) => a.writeHead(400).end(
		JSON.stringify({ error: { type: SECRET, message: SECRET,
			details: `/root/${SECRET}` }, node_errors: { [SECRET]: {
			class_type: SECRET, errors: [{ type: SECRET, message: SECRET,
				details: SECRET, extra_info: { input_name: 'width',
					received_value: SECRET } }] } } })) }, 502],
	'twenty million values': [{ history: (q, a) => a.end(
		`[${'[],'.repeat(2e7)}[]]`) }, 504],
	'an answer without end': [{ history: (q, a) => nothing(a) }, 504],
	'brackets without end': [{ history: (q, a) => a.end(
		'['.repeat(3e6)) }, 504],
	'an entry of another type': [{ entry: { outputs: [1], status: 'ok' } },
		504],
	'silence': [{ history: () => {} }, 504],
};

test('a ComfyUI that answers as it likes', async (t) => {
	const server = await evil();
	const lax = await Gate.start({ standins: [server], endpoints: folder,
		scope: 'all', env: { COMFYGATE_CALL_TIMEOUT: '1s',
			COMFYGATE_FETCH_TIMEOUT: '2s', COMFYGATE_STALL: '60s',
			COMFYGATE_MAX_OUTPUT_BYTES: '2000000' } });
	const memory = () => Number(readFileSync(
		`/proc/${lax.daemon.pid}/status`, 'utf8')
		.match(/VmHWM:\s+(\d+)/)[1]);

	for (const [name, [play, status, type]] of Object.entries(plays))
		await t.test(name, async () => {
			Object.assign(server.play, play);
			const r = await lax.call('/v1/card', {
				body: { width: 64, height: 64 },
				headers: { 'Cancel-After': status === 504 ? '3s' : '60s' } });
			for (const key of Object.keys(play))
				delete server.play[key];
			assert.ok([status].flat().includes(r.status), r.text);
			for (const leak of [SECRET, 'passwd', '/root', 'a.png',
				String(new URL(server.url).port)])
				assert.ok(!r.text.includes(leak), r.text);
			if (r.status === 200) {
				const file = await lax.call(r.json.outputs.image.url,
					{ token: false });
				assert.match(file.type, type ?? /^image\/png/);
				assert.equal(file.headers.get('x-evil'), null);
				assert.match(file.headers.get('content-security-policy'),
					/sandbox/);
				assert.match(file.headers.get('content-disposition'),
					type ? /^attachment/ : /^inline/);
			}
			// A backend that was given up is tried again after a while.
			await until('it is up again', async () => (await lax.call(
				'/v1/card', { body: { width: 64, height: 64 },
					headers: { 'Cancel-After': '5s' } })).status === 200);
		});
	if (!process.env.SAN)
		assert.ok(memory() < 600000, `${memory()} KiB at most`);
	server.play.history = () => {};
	await lax.call('/v1/card', { body: { width: 64, height: 64 },
		headers: { Prefer: 'respond-async' } });
	await lax.stop();
	await server.stop();
});
