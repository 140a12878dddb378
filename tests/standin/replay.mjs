// Plays the client's part of a recorded scenario against the stand-in: the same
// requests and socket actions in the same order, each only when all messages
// that were recorded before it have come. What the stand-in said is compared
// with what the real server said.
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import WebSocket from 'ws';
import { compare, plain } from './compare.mjs';

const PATIENCE_MS = 4000;
const FASTER = 0.4; // of the recorded waiting in test nodes

/* numbers that JavaScript would change, and Python's infinity, as marked text */
export function readRecording(file) {
	return JSON.parse(fs.readFileSync(file, 'utf8')
		.replace(/(?<!\\)": ?Infinity/g, '":"@num:1e400@"')
		.replace(/(?<!\\)": ?(-?\d{16,}|-0\.0)(?=[,\n} ])/g,
			'":"@num:$1@"'));
}

/* the test nodes need not sleep as long as they did when recorded */
function hurry(value) {
	if (Array.isArray(value))
		return value.map(hurry);
	if (!value || typeof value !== 'object')
		return value;
	const out = {};
	for (const [k, v] of Object.entries(value))
		out[k] = (k === 'delay' || k === 'seconds') &&
			typeof v === 'number' ? v * FASTER : hurry(v);
	return out;
}

function chunk(type, data) {
	const body = Buffer.concat([Buffer.from(type), data]);
	const out = Buffer.alloc(12 + data.length);
	out.writeUInt32BE(data.length, 0);
	body.copy(out, 4);
	out.writeUInt32BE(crc(body), 8 + data.length);
	return out;
}

function crc(data) {
	let c = ~0;
	for (const b of data) {
		c ^= b;
		for (let i = 0; i < 8; i++)
			c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c >>> 0;
}

export function makePng(side, channels, shade) {
	const head = Buffer.alloc(13);
	head.writeUInt32BE(side, 0);
	head.writeUInt32BE(side, 4);
	head[8] = 8;
	head[9] = channels === 4 ? 6 : 2;
	const rows = Buffer.alloc((side * channels + 1) * side, shade);
	for (let y = 0; y < side; y++)
		rows[y * (side * channels + 1)] = 0;
	return Buffer.concat([
		Buffer.from('89504e470d0a1a0a', 'hex'),
		chunk('IHDR', head),
		chunk('IDAT', zlib.deflateSync(rows)),
		chunk('IEND', Buffer.alloc(0)),
	]);
}

/* bytes as good as the recorded ones: same for the same hash */
function stuff(part) {
	const shade = parseInt(part.sha256_start.slice(0, 2), 16);
	if (part.bytes >= 72 && part.bytes <= 74)
		return makePng(8, 3, shade);
	if (part.bytes === 75)
		return makePng(8, 4, shade);
	if (part.bytes === 82)
		return makePng(16, 4, shade);
	return Buffer.alloc(part.bytes, shade);
}

function multipart(parts) {
	const out = [];
	for (const p of parts) {
		let head = '------recorderboundary\r\nContent-Disposition: ' +
			`form-data; name="${p.field}"`;
		if (p.filename !== undefined)
			head += `; filename="${p.filename}"\r\n` +
				`Content-Type: ${p.content_type}`;
		out.push(Buffer.from(head + '\r\n\r\n'),
			p.filename !== undefined ? stuff(p) : Buffer.from(p.value),
			Buffer.from('\r\n'));
	}
	out.push(Buffer.from('------recorderboundary--\r\n'));
	return Buffer.concat(out);
}

export class Replay {
	constructor(recording, standin, dir) {
		/* who wins a race says nothing about the other one */
		const race = recording.steps.findIndex((s) =>
			/\(race\)$/.test(s.text ?? ''));

		this.steps = recording.steps.slice(0,
			race < 0 ? undefined : race).map(hurry);
		this.standin = standin;
		this.dir = dir;
		this.ids = new Map();
		this.sockets = new Map();
		this.problems = [];
		this.skipped = [];
		this.lastFile = null;
	}

	/* recorded ids in what we send become the ones we were given */
	ours(text) {
		for (const [id, mine] of this.ids)
			text = text.replaceAll(id, mine);
		return text.replaceAll(`:${this.recordedPort}`,
			`:${this.standin.port}`)
			.replaceAll('/srv/comfyui-data', this.dir);
	}

	oursAll(headers) {
		return Object.fromEntries(Object.entries(headers ?? {}).filter(
			([k]) => !k.startsWith('Sec-WebSocket')).map(
			([k, v]) => [k, this.ours(String(v))]));
	}

	learn(want, got) {
		if (want?.prompt_id && got?.prompt_id)
			this.ids.set(want.prompt_id, got.prompt_id);
	}

	async run(knownClasses, unknownPaths = /^$/) {
		let skipUntil = -1;

		this.assign(knownClasses);
		for (let i = 0; i < this.steps.length; i++) {
			const s = this.steps[i];

			if (s.skip || i < skipUntil)
				continue;
			if (s.kind === 'http' && !unknownPaths.test(s.request.path)) {
				await this.arrived(s.ms);
				await this.request(s);
			} else if (s.kind === 'ws' && s.direction !== 'server->client') {
				await this.arrived(s.ms);
				await this.act(s);
			} else if (s.kind === 'note') {
				await this.arrived(s.ms);
				await this.heed(s.text);
			}
		}
		await this.arrived(Infinity);
		await this.standin.await('idle').catch(() => {});
		await this.pong();
		await this.pong();
		for (const [name, socket] of this.sockets) {
			this.compareSocket(name, socket);
			socket.ws.terminate();
		}
	}

	/* marks prompts of classes the stand-in has not, and their messages */
	assign(known) {
		let skipping = false;

		for (const s of this.steps) {
			if (s.kind === 'http') {
				const graph = s.request.path.endsWith('/prompt') &&
					s.request.body?.json?.prompt;
				if (graph && typeof graph === 'object')
					skipping = Object.values(graph).some((n) =>
						n?.class_type &&
						n.class_type !== 'NoSuchNode' &&
						!known.has(n.class_type));
				if (skipping)
					this.skipped.push(s.note || s.request.path);
			}
			s.skip = skipping && s.direction !== 'open' &&
				s.direction !== 'client->server';
			if (s.kind === 'ws' && s.direction === 'server->client')
				s.expected = !s.skip && !s.rsv1_compressed &&
					s.type !== 'close' &&
					s.type !== 'tcp-end' && s.type !== 'pong';
		}
	}

	/* what was recorded before this moment: it did not depend on it. A status
	 * that two changes share may come once or twice, so it is not waited for. */
	due(name, ms) {
		return this.steps.filter((s) => s.expected && s.socket === name &&
			this.counts(s.payload ?? s) && s.ms < ms).length;
	}

	counts(m) {
		return m.type !== 'status' &&
			!(this.anyProgress && /^progress/.test(m.type));
	}

	async arrived(ms) {
		const count = (socket) => socket.got.filter(
			(m) => this.counts(m)).length;

		for (const [name, socket] of this.sockets) {
			const due = this.due(name, ms);
			const until = Date.now() + PATIENCE_MS;

			while (count(socket) < due && Date.now() < until &&
				!socket.gaveUp)
				await Promise.race([
					new Promise((done) => socket.waiting = done),
					new Promise((done) => setTimeout(done, 200)),
				]);
			if (count(socket) < due)
				socket.gaveUp = true;
		}
	}

	async act(s) {
		if (s.direction === 'open')
			return this.open(s);
		const { ws } = this.sockets.get(s.socket);

		if (s.type === 'text')
			ws.send(typeof s.payload === 'string' ? s.payload :
				JSON.stringify(s.payload));
		else if (s.type === 'binary')
			ws.send(Buffer.from(s.hex, 'hex'));
		else if (s.type === 'ping')
			ws.ping(Buffer.from(s.payload, 'hex'));
		else if (s.type.startsWith('tcp-reset'))
			ws.terminate();
		else if (s.type === 'close')
			await this.close(s, ws);
	}

	/* messages leave in order: behind two pongs none of before is on its way */
	async pong() {
		for (const { ws } of this.sockets.values())
			if (ws.readyState === WebSocket.OPEN) {
				const back = new Promise((done) => ws.once('pong', done));

				ws.ping();
				await back;
			}
	}

	/* the server must have noticed before the next step */
	async close(s, ws) {
		const status = this.expectedOf(s.socket).filter((m) =>
			m.payload?.type === 'status' && m.ms < s.ms).at(-1);

		if (status?.payload.data.status.exec_info.queue_remaining === 0) {
			await this.standin.await('idle').catch(() => {});
			await this.pong();
			await this.pong();
		}
		const closed = new Promise((done) => ws.once('close', done));

		if (ws.readyState === WebSocket.CLOSED)
			return;
		ws.close(1000);
		await closed;
	}

	async open(s) {
		const first = this.expectedOf(s.socket)[0]?.payload;

		/* recorded after a run had ended unheard */
		if (first?.data?.status?.exec_info?.queue_remaining === 0)
			await this.standin.await('idle');
		const ws = new WebSocket(
			`ws://127.0.0.1:${this.standin.port}${s.path}`,
			{ perMessageDeflate: false, headers: this.oursAll(s.headers) });
		const socket = { ws, got: [], waiting: null };

		this.sockets.set(s.socket, socket);
		ws.on('message', (data, binary) => {
			const m = binary ? { binary: data } :
				JSON.parse(data.toString());
			const file = m.data?.output?.images?.[0];
			if (file?.type === 'output')
				this.lastFile = path.join(file.subfolder,
					file.filename);
			const sid = this.expectedOf(s.socket)[0]?.payload?.data?.sid;
			if (m.data?.sid && sid)
				this.ids.set(sid, m.data.sid);
			socket.got.push(m);
			socket.waiting?.();
		});
		ws.on('error', () => {});
		await new Promise((done) => {
			ws.once('open', done);
			ws.once('error', done);
		});
	}

	async heed(text) {
		if (/deleted from disk/.test(text) && this.lastFile)
			fs.unlinkSync(path.join(this.dir, 'output', this.lastFile));
		if (/server restarted/.test(text))
			await this.standin.ask('restart', { method: 'POST' });
	}

	bodyOf(s) {
		const b = s.request.body;

		if (!b || b.empty)
			return s.request.method === 'POST' ? Buffer.alloc(0) : null;
		if (b.multipart)
			return multipart(b.multipart);
		if (b.text !== undefined)
			return Buffer.from(this.ours(b.text));
		if (b.json !== undefined)
			return Buffer.from(this.ours(JSON.stringify(b.json))
				.replace(/"@num:([^@]*)@"/g, '$1'));
		if (b.binary_length !== undefined)
			return Buffer.from(b.hex_start.slice(0, b.binary_length * 2) +
				'ff', 'hex');
		return Buffer.alloc(0);
	}

	send(s, body) {
		const headers = { ...s.request.headers };

		for (const k of Object.keys(headers))
			headers[k] = this.ours(String(headers[k]));
		if (headers['If-None-Match'])
			headers['If-None-Match'] = this.etag;
		if (headers['If-Modified-Since'])
			headers['If-Modified-Since'] = this.modified;
		if (body)
			headers['Content-Length'] = body.length;
		return new Promise((done) => {
			const req = http.request({
				host: '127.0.0.1', port: this.standin.port,
				method: s.request.method, headers,
				path: this.ours(s.request.path).replace(
					/_(\d{5})_\.png/, (all) => this.lastFile ?
						/_\d{5}_\.png/.exec(this.lastFile)?.[0] ?? all :
						all),
			}, (res) => {
				const parts = [];
				res.on('data', (d) => parts.push(d));
				res.on('end', () => done({ res,
					data: Buffer.concat(parts) }));
				res.on('error', () => done(null));
			});
			req.on('error', () => done(null));
			req.setTimeout(PATIENCE_MS, () => req.destroy());
			req.end(body ?? undefined);
		});
	}

	async request(s) {
		if (s.response?.body?.json?.queue_running?.length)
			await this.standin.await('running');
		/* without a client_id no message tells the end of a run */
		const id = /^\/(?:api\/)?history\/(.*)$/.exec(
			this.ours(s.request.path))?.[1];
		if (id && Object.keys(s.response?.body?.json ?? {}).length)
			await this.standin.await(`history:${decodeURIComponent(id)}`,
				PATIENCE_MS).catch(() => {});
		const answer = await this.send(s, this.bodyOf(s));
		const want = s.response;
		const at = `${s.request.method} ${s.request.path.slice(0, 80)}` +
			(s.note ? ` (${s.note})` : '');

		if (!want?.status)
			return;
		if (!answer) {
			this.problems.push(`${at}: no answer, not ${want.status}`);
			return;
		}
		if (answer.res.statusCode !== want.status)
			this.problems.push(`${at}: ${answer.res.statusCode}, not ` +
				`${want.status}: ${answer.data.toString().slice(0, 200)}`);
		else
			this.compareAnswer(want, answer, at);
	}

	compareAnswer(want, answer, at) {
		const header = (h) => Object.fromEntries(Object.entries(h).map(
			([k, v]) => [k.toLowerCase(), v]));
		const a = header(want.headers), b = header(answer.res.headers);

		this.etag = b.etag ?? this.etag;
		this.modified = b['last-modified'] ?? this.modified;
		for (const k of ['content-type', 'content-disposition', 'allow'])
			if (a[k] && plain(Buffer.from(a[k], 'latin1').toString()) !==
				plain(Buffer.from(b[k] ?? '', 'latin1').toString()))
				this.problems.push(`${at}: ${k} ${b[k]}, not ${a[k]}`);
		for (const k of ['etag', 'last-modified', 'accept-ranges',
			'content-range'])
			if (!!a[k] !== !!b[k])
				this.problems.push(`${at}: ${k} ${b[k]}, not ${a[k]}`);
		if (want.body?.json !== undefined) {
			let json;
			try {
				json = JSON.parse(answer.data.toString());
			} catch {
				this.problems.push(`${at}: not JSON`);
				return;
			}
			this.learn(want.body.json, json);
			this.problems.push(...compare(want.body.json, json, '', [])
				.map((p) => `${at}: ${p}`));
		} else if (want.body?.empty && answer.data.length) {
			this.problems.push(`${at}: a body where there was none`);
		}
	}

	expectedOf(name) {
		return this.steps.filter((s) => s.expected && s.socket === name);
	}

	describe(m) {
		if (m.binary || m.type === 'binary')
			return `frame ${m.binary ? m.binary.readUInt32BE(0) :
				m.event_type}`;
		if (m.type === 'progress_state')
			return 'progress_state ' + Object.entries(m.data.nodes).map(
				([k, v]) => `${k}:${v.value}/${v.max}${v.state[0]}`)
				.join(' ');
		if (m.type === 'executing')
			return `executing ${m.data.node}`;
		if (m.type === 'status')
			return 'status ' +
				m.data.status.exec_info.queue_remaining;
		return m.type;
	}

	compareSocket(name, socket) {
		const compressed = this.steps.some((s) =>
			s.socket === name && s.rsv1_compressed);
		const want = this.expectedOf(name).map((s) =>
			s.type === 'binary' ? s : s.payload);
		const got = socket.got;
		const line = (list) => list.map((m) => this.describe(m));
		let a = line(want), b = line(got);

		if (compressed)
			return;

		if (this.loose) {
			/* a status comes when it comes: only the last one counts */
			const sort = (l) => [
				...l.filter((x) => !x.startsWith('status')),
				l.filter((x) => x.startsWith('status')).at(-1)];
			a = sort(a);
			b = sort(b);
		}
		if (this.anyOrder) {
			a = a.map((x) => x.split(' ')[0]).sort();
			b = b.map((x) => x.split(' ')[0]).sort();
		}
		if (this.anyProgress) {
			const drop = (l) => l.filter((x) => !/^progress/.test(x));
			a = drop(a);
			b = drop(b);
		}
		const i = a.findIndex((x, k) => x !== b[k]);
		if (i >= 0 || a.length !== b.length) {
			const k = i >= 0 ? i : a.length;
			this.problems.push(`${name}: message ${k} is ` +
				`"${b[k]}", not "${a[k]}" (before: ` +
				`${b.slice(Math.max(0, k - 3), k).join(', ')}; ` +
				`${b.length} of ${a.length})`);
			return;
		}
		if (this.loose || this.anyProgress || this.anyOrder)
			return;
		want.forEach((m, k) => this.compareMessage(m, got[k],
			`${name} message ${k}`));
	}

	compareMessage(want, got, at) {
		if (got.binary) {
			const head = Buffer.from(want.hex_first_32 ?? '', 'hex');
			if (want.event_type === 1 &&
				!got.binary.subarray(0, 8).equals(head.subarray(0, 8)))
				this.problems.push(`${at}: another kind of frame`);
			if (want.metadata) {
				const n = got.binary.readUInt32BE(4);
				this.problems.push(...compare(want.metadata, JSON.parse(
					got.binary.subarray(8, 8 + n).toString()), at, []));
			}
			if (want.text !== undefined && want.text !==
				got.binary.subarray(8 + got.binary.readUInt32BE(4))
					.toString())
				this.problems.push(`${at}: another text`);
			return;
		}
		this.problems.push(...compare(want, got, at, []));
	}
}
