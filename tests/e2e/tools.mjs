// What several of the end-to-end tests need: endpoints of their own, callers
// on raw sockets, event streams read as they come, checks of whole jobs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { build, top } from './rig.mjs';

const shipped = (name, file) =>
	JSON.parse(readFileSync(join(top, 'endpoints', name, file), 'utf8'));

// A shipped endpoint under another name, without limits that are in the way;
// `change` is laid over its manifest.
export function endpointLike(base, name, change = {}) {
	const manifest = shipped(base, 'manifest.json');
	delete manifest.$schema;
	return {
		manifest: {
			...manifest, name, access: { scope: 'all' },
			limits: { wait: '60s', timeout: '10m', queue: 10000,
				concurrency: 10000 },
			run: { attempts: 3, keep: '1h' }, ...change,
		},
		workflow: shipped(base, 'workflow.json'),
	};
}

// One of each kind: card is a picture without a model, portrait has a sampler
// with steps, text gives a text, batch gives lists of files.
export const usualEndpoints = (change) => ({
	card: endpointLike('color-card', 'card', change),
	portrait: endpointLike('portrait', 'portrait', change),
	text: endpointLike('prompt-writer', 'text', change),
	batch: endpointLike('variations', 'batch', change),
});

// A request on a connection of its own or of an agent, for what fetch hides:
// { socket, answer: promise of {status, headers, text}, abort() }.
export function request(url, o = {}) {
	const body = o.body === undefined ? undefined : JSON.stringify(o.body);
	const r = http.request(url, {
		method: o.method ?? (body === undefined ? 'GET' : 'POST'),
		agent: o.agent ?? false,
		headers: {
			...(o.token && { Authorization: `Bearer ${o.token}` }),
			...(body !== undefined &&
				{ 'Content-Type': 'application/json',
					'Content-Length': Buffer.byteLength(body) }),
			...o.headers },
	});
	const answer = (async () => {
		const [res] = await once(r, 'response');
		let text = '';
		res.setEncoding('utf8');
		for await (const piece of res)
			text += piece;
		return { status: res.statusCode, headers: res.headers, text,
			json: /json/.test(res.headers['content-type'] ?? '') &&
				text ? JSON.parse(text) : undefined };
	})();
	answer.catch(() => {});
	r.end(body);
	return { request: r, answer, abort: () => r.destroy() };
}

// An event stream as an async iterator of {event, id, data}; comments come as
// {comment}.
export async function* events(url, o = {}) {
	const r = await fetch(url, o);
	assert.equal(r.status, 200, `${url}: ${r.status}`);
	let text = '';
	for await (const piece of r.body.pipeThrough(new TextDecoderStream())) {
		text += piece;
		let end;
		while ((end = text.indexOf('\n\n')) >= 0) {
			const block = text.slice(0, end);
			text = text.slice(end + 2);
			const of = (name) => block.match(
				new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
			if (block.startsWith(':'))
				yield { comment: true };
			else
				yield { event: of('event'), id: Number(of('id')),
					data: JSON.parse(of('data')) };
		}
	}
}

// Looks again and again until what it sees is good: for what tells nobody.
export async function until(what, look, ms = 30000) {
	const deadline = Date.now() + ms;
	for (;;) {
		const found = await look();
		if (found)
			return found;
		if (Date.now() > deadline)
			throw new Error(`it has not come to: ${what}`);
		await new Promise((go) => setTimeout(go, 5));
	}
}

export const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;

// A job that ended well, with every file of it opened.
export async function assertGood(gate, job) {
	assert.equal(job.status, 'succeeded', JSON.stringify(job));
	const files = Object.values(job.outputs).flat()
		.filter((o) => o?.url);
	for (const file of files) {
		const r = await gate.call(file.url, { token: false });
		assert.equal(r.status, 200, r.text);
		assert.equal(r.bytes.length, file.size_bytes);
		assert.equal(r.bytes.subarray(1, 4).toString(), 'PNG');
	}
	return files.length;
}

// All jobs of a caller, by the list's cursor.
export async function allJobs(gate, o = {}) {
	const jobs = [];
	let cursor = '';
	do {
		const r = await gate.call(`/v1/jobs?limit=100${cursor}`, o);
		assert.equal(r.status, 200, r.text);
		jobs.push(...r.json.jobs);
		cursor = r.json.next_cursor && `&cursor=${r.json.next_cursor}`;
	} while (cursor);
	return jobs;
}

// Runs the program until its end: {code, signal, out, err}.
export async function program(args, o = {}) {
	const child = spawn(o.command ?? join(build, 'comfygate'), args, {
		env: o.env ?? { PATH: process.env.PATH }, cwd: o.cwd,
		stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '', err = '';
	child.stdout.setEncoding('utf8').on('data', (t) => { out += t; });
	child.stderr.setEncoding('utf8').on('data', (t) => { err += t; });
	const [code, signal] = await once(child, 'close');
	return { code, signal, out, err };
}

// A connection that says what it is told and reads only when asked to.
export async function rawSocket(port) {
	const socket = connect(port, '127.0.0.1');
	socket.on('error', () => {});
	await once(socket, 'connect');
	return socket;
}

// A request to the daemon itself, without nginx in between, so that its body
// comes when a test says so: { socket, body(bytes), end(), answer: promise of
// {status, text, json} }.
export async function fastcgi(gate, path, o = {}) {
	const record = (type, bytes) => {
		const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0]);
		head.writeUInt16BE(bytes.length, 4);
		return Buffer.concat([head, bytes]);
	};
	const length = (n) => n < 128 ? Buffer.from([n]) :
		Buffer.from([0x80, n >> 16, n >> 8 & 255, n & 255]);
	const params = Object.entries({
		REQUEST_METHOD: 'POST', REQUEST_URI: path, REQUEST_SCHEME: 'http',
		SERVER_ADDR: '127.0.0.1', HTTP_HOST: 'x',
		CONTENT_TYPE: 'application/json',
		HTTP_AUTHORIZATION: `Bearer ${o.token ?? gate.token()}`,
		...o.params }).map(([name, value]) => Buffer.concat([
		length(name.length), length(value.length), Buffer.from(name),
		Buffer.from(value)]));
	const socket = connect(gate.socket);
	const answer = (async () => {
		let got = Buffer.alloc(0), text = '';
		for await (const piece of socket)
			got = Buffer.concat([got, piece]);
		while (got.length >= 8) {
			const n = got.readUInt16BE(4);
			if (got[1] === 6)
				text += got.subarray(8, 8 + n);
			got = got.subarray(8 + n + got[6]);
		}
		const end = text.indexOf('\r\n\r\n');
		const body = text.slice(end + 4);
		return { status: Number(text.match(/^Status: (\d+)/)?.[1]),
			text: body, json: /^{/.test(body) ? JSON.parse(body) : undefined };
	})();
	answer.catch(() => {});
	socket.write(Buffer.concat([
		record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
		record(4, Buffer.concat(params)), record(4, Buffer.alloc(0))]));
	const body = (bytes) => {
		for (let at = 0; at < bytes.length; at += 60000)
			socket.write(record(5, bytes.subarray(at, at + 60000)));
	};
	return { socket, answer, body,
		end: () => socket.write(record(5, Buffer.alloc(0))) };
}
