// Each fault does what README.md says, as often as it was told, and then the
// stand-in is its old self. What real servers were seen to do has its scenario in
// replay.test.mjs; here are the things one cannot ask of a real one.
import assert from 'node:assert';
import test from 'node:test';
import WebSocket from 'ws';
import { built, startStandin } from './standin.mjs';

const skip = built ? false : 'build/standin is not built';
let colour = 0;

const graph = (extra = {}) => ({
	1: { class_type: 'EmptyImage', inputs: { width: 8, height: 8,
		batch_size: 1, color: ++colour } },
	2: { class_type: 'SaveImage', inputs: { images: ['1', 0],
		filename_prefix: 'f' } },
	...extra,
});

async function withStandin(args, body) {
	const s = await startStandin(...args);

	s.submit = (g = graph(), more = {}) => s.post('/prompt',
		{ prompt: g, client_id: 'me', ...more });
	s.id = async (answer) => (await (await answer).json()).prompt_id;
	s.history = async (id) => (await (await fetch(
		`${s.url}/history/${id}`)).json())[id];
	s.fault = async (f) => assert.equal(
		(await s.post('/standin/fault', f)).status, 200);
	s.state = async () => (await s.ask('state')).json();
	s.listen = async () => {
		const ws = new WebSocket(`ws://127.0.0.1:${s.port}/ws?clientId=me`,
			{ perMessageDeflate: false });
		const heard = [];
		let wake = () => {};

		ws.on('message', (data, binary) => {
			heard.push(binary ? { type: 'binary' } :
				JSON.parse(data.toString()));
			wake();
		});
		ws.on('error', () => {});
		ws.until = async (found) => {
			while (!heard.some(found))
				await new Promise((done) => wake = done);
		};
		ws.closed = new Promise((done) => ws.once('close', done));
		ws.types = () => heard.map((m) => m.type);
		await new Promise((done) => ws.once('open', done));
		await ws.until((m) => m.type === 'status');
		return ws;
	};
	try {
		await body(s);
	} finally {
		await s.stop();
	}
}

const ended = (m) => m.type === 'executing' && m.data.node === null;
const play = (name, body, ...args) =>
	test(name, { skip, timeout: 30000 }, () => withStandin(args, body));

async function runsAgain(s) {
	const id = await s.id(s.submit());
	await s.await(`history:${id}`);
	assert.equal((await s.history(id)).status.status_str, 'success');
}

for (const [kind, type] of [['error', 'RuntimeError'],
	['oom', 'torch.OutOfMemoryError']])
	play(kind, async (s) => {
		await s.fault({ kind, match: 'SaveImage', times: 1 });
		const ws = await s.listen();
		const id = await s.id(s.submit());
		await ws.until(ended);
		const { status } = await s.history(id);
		assert.equal(status.status_str, 'error');
		assert.equal(status.messages[2][0], 'execution_error');
		assert.equal(status.messages[2][1].exception_type, type);
		assert.equal(status.messages[2][1].node_type, 'SaveImage');
		await runsAgain(s);
	});

play('a fault of the command line', async (s) => {
	const id = await s.id(s.submit());
	await s.await('failed:1');
	assert.equal((await s.history(id)).status.messages[2][1].exception_message,
		'as told\n');
	await runsAgain(s);
}, '--fault', 'error,times=1,message=as told');

play('hang: an interrupt does not help, a release does', async (s) => {
	await s.fault({ kind: 'hang', times: 1 });
	const id = await s.id(s.submit());
	await s.await('blocked');
	await s.post('/interrupt');
	assert.equal((await s.state()).blocked, true);
	await s.ask('release', { method: 'POST' });
	await s.await(`history:${id}`);
	await s.await('idle');
	await runsAgain(s);
});

play('slow: an interrupt ends it', async (s) => {
	await s.fault({ kind: 'slow', ms: 60000, times: 1 });
	const id = await s.id(s.submit());
	await s.await('node:EmptyImage');
	await s.post('/interrupt', { prompt_id: id });
	await s.await('interrupted:1');
	assert.equal((await s.history(id)).status.messages[2][0],
		'execution_interrupted');
});

play('wedge: HTTP lives, a restart helps', async (s) => {
	await s.fault({ kind: 'wedge', times: 1 });
	await s.submit();
	await s.await('dead');
	await s.submit();
	await s.post('/interrupt');
	await s.post('/queue', { clear: true });
	const q = await (await fetch(s.url + '/queue')).json();
	assert.equal(q.queue_running.length, 1);
	await s.ask('restart', { method: 'POST' });
	await runsAgain(s);
});

play('heap tie: 500, queued all the same, and the worker dies', async (s) => {
	const tie = { number: 7,
		prompt_id: '00000000-0000-0000-0000-000000000007' };

	await s.fault({ kind: 'hang', times: 1 });
	await s.submit();
	await s.await('blocked');
	assert.equal((await s.submit(graph(), tie)).status, 200);
	assert.equal((await s.submit(graph(), tie)).status, 500);
	await s.submit();
	assert.equal((await s.state()).pending, 3);
	await s.ask('release', { method: 'POST' });
	await s.await('dead');
});

play('lose-events: some, or all', async (s) => {
	await s.fault({ kind: 'lose-events', times: 1,
		events: ['executed', 'end'] });
	const ws = await s.listen();
	let id = await s.id(s.submit());
	await ws.until((m) => m.type === 'execution_success');
	assert.ok(!ws.types().includes('executed'));
	await s.fault({ kind: 'lose-events', times: 1 });
	id = await s.id(s.submit());
	await s.await(`history:${id}`);
	await runsAgain(s);
	await ws.until(ended);
	assert.equal(ws.types().filter((t) => t === 'execution_start').length, 2);
});

for (const at of ['submit', 'run', 'success', 'end'])
	play(`close-socket at ${at}`, async (s) => {
		await s.fault({ kind: 'close-socket', at, times: 1 });
		const ws = await s.listen();
		const id = await s.id(s.submit());
		/* cut, with no close frame */
		assert.equal(await ws.closed, 1006);
		await s.await(`history:${id}`);
	});

play('deaf-socket: stays open and hears nothing', async (s) => {
	await s.fault({ kind: 'deaf-socket', at: 'submit', times: 1 });
	const ws = await s.listen();
	const id = await s.id(s.submit());
	await s.await(`history:${id}`);
	const pong = new Promise((done) => ws.once('pong', done));
	ws.ping();
	await pong;
	assert.deepEqual(ws.types(), ['status']);
	assert.equal(ws.readyState, WebSocket.OPEN);
});

play('stall-socket: all come after the release', async (s) => {
	await s.fault({ kind: 'stall-socket', at: 'submit', times: 1 });
	const ws = await s.listen();
	const id = await s.id(s.submit());
	await s.await(`history:${id}`);
	assert.deepEqual(ws.types(), ['status']);
	const late = await s.listen();
	assert.deepEqual(late.types(), ['status']);
	await s.ask('release', { method: 'POST' });
	await late.until(ended);
});

for (const at of ['submit', 'run', 'success', 'end'])
	play(`crash at ${at}`, async (s) => {
		await s.fault({ kind: 'crash', at, status: 3 });
		await s.submit().catch(() => {});
		assert.equal(await s.exited, 3);
	});

play('restart in the middle: nothing is left', async (s) => {
	await runsAgain(s);
	await s.fault({ kind: 'restart', at: 'run', times: 1 });
	const ws = await s.listen();
	const id = await s.id(s.submit());
	assert.equal(await ws.closed, 1006);
	assert.equal(await s.history(id), undefined);
	assert.equal((await s.state()).history, 0);
	const answer = await (await s.submit()).json();
	assert.equal(answer.number, 0);
});

play('submit-500, submit-500-queued, submit-drop', async (s) => {
	await s.fault({ kind: 'submit-500', times: 1 });
	assert.equal((await s.submit()).status, 500);
	assert.equal((await s.state()).accepted, 0);
	await s.fault({ kind: 'submit-500-queued', times: 1 });
	assert.equal((await s.submit()).status, 500);
	await s.await('succeeded:1');
	await s.fault({ kind: 'submit-drop', times: 1 });
	await assert.rejects(s.submit());
	await s.await('succeeded:2');
	await s.fault({ kind: 'submit-drop', mode: 'unqueued', times: 1 });
	await assert.rejects(s.submit());
	assert.equal((await s.state()).succeeded, 2);
});

play('empty-history and history-late', async (s) => {
	await s.fault({ kind: 'empty-history', times: 1 });
	let id = await s.id(s.submit());
	await s.await('finished:1');
	assert.equal(await s.history(id), undefined);
	await s.fault({ kind: 'empty-history', mode: 'no-outputs', times: 1 });
	id = await s.id(s.submit());
	await s.await('finished:2');
	assert.deepEqual((await s.history(id)).outputs, {});
	await s.fault({ kind: 'history-late', polls: 2, times: 1 });
	id = await s.id(s.submit());
	await s.await('finished:3');
	assert.equal(await s.history(id), undefined);
	assert.equal(await s.history(id), undefined);
	assert.ok(await s.history(id));
});

play('what can happen to an answer', async (s) => {
	const get = (route) => fetch(s.url + route);

	await s.fault({ kind: 'http-500', path: '/queue', times: 1 });
	assert.equal((await get('/queue')).status, 500);
	await s.fault({ kind: 'http-500', path: '/queue', status: 503,
		times: 1 });
	assert.equal((await get('/queue')).status, 503);
	await s.fault({ kind: 'http-drop', path: '/queue', times: 1 });
	await assert.rejects(get('/queue'));
	await s.fault({ kind: 'bad-json', path: '/queue', times: 1 });
	await assert.rejects((await get('/queue')).json());
	await s.fault({ kind: 'huge-answer', path: '/queue', bytes: 5000000,
		times: 1 });
	assert.ok((await (await get('/queue')).text()).length >= 5000000);
	await s.fault({ kind: 'http-slow', path: '/queue', ms: 50, times: 1 });
	const before = performance.now();
	assert.equal((await get('/queue')).status, 200);
	assert.ok(performance.now() - before >= 49);
	await s.fault({ kind: 'missing-file', path: 'f_', times: 1 });
	await runsAgain(s);
	assert.equal((await get('/view?filename=f_00001_.png')).status, 404);
	assert.equal((await get('/view?filename=f_00001_.png')).status, 200);
});

play('evil-names', async (s) => {
	await s.fault({ kind: 'evil-names', times: 1 });
	let id = await s.id(s.submit());
	await s.await(`history:${id}`);
	let { images } = (await s.history(id)).outputs[2];
	assert.ok(images.some((i) => i.filename.startsWith('../')));
	assert.ok(images.some((i) => i.subfolder.startsWith('/')));
	await s.fault({ kind: 'evil-names', filename: 'x\u0001', times: 1 });
	id = await s.id(s.submit());
	await s.await(`history:${id}`);
	({ images } = (await s.history(id)).outputs[2]);
	assert.equal(images[0].filename, 'x\u0001');
});

play('bodies are kept to the byte', async (s) => {
	const body = '{ "prompt" : ' + JSON.stringify(graph()).replace('"color":',
		'"color":  ') + ',\n\t"seed": 18446744073709551615, "é": 1.70 }';

	await fetch(s.url + '/prompt', { method: 'POST', body });
	assert.equal(await (await s.ask('prompts/0')).text(), body);
	assert.equal((await (await s.ask('prompts')).json())[0].body, body);
});

play('match: by text only that prompt', async (s) => {
	await s.fault({ kind: 'error', match: 'unlucky' });
	const g = graph();
	g[2].inputs.filename_prefix = 'unlucky';
	await s.submit(g);
	await s.await('failed:1');
	await runsAgain(s);
	assert.equal((await s.post('/standin/fault', { kind: 'no' })).status, 400);
});

play('await: 408 when it does not happen', async (s) => {
	const r = await s.ask('await?event=finished:1&timeout=20');
	assert.equal(r.status, 408);
});
