// Bodies with files that come at a bad moment: while the disk takes none, or
// while the endpoints change.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { photo } from './photo.mjs';
import { png } from './pictures.mjs';
import { Gate, Standin, endpointsFolder } from './rig.mjs';
import { fastcgi, until } from './tools.mjs';

const small = png(8, 6);
let standin, gate, folder;

// A title, and a photo where one is given.
const endpoint = (photo) => ({
	manifest: { name: 'look', version: 1, workflow: 'workflow.json',
		access: { scope: 'all' },
		inputs: { title: { type: 'string', maxLength: 1000000,
			default: 'x', to: '9.filename_prefix' },
			...(photo && { photo: { type: 'image', required: false,
				to: '1.image', ...photo } }) },
		outputs: { image: { type: 'image', from: '9' } } },
	workflow: {
		1: { class_type: 'LoadImage', inputs: { image: 'example.png' } },
		9: { class_type: 'SaveImage', inputs: { images: ['1', 0],
			filename_prefix: 'x' } } },
});

async function publish(photo) {
	endpointsFolder({ look: endpoint(photo) }, folder);
	if (gate !== undefined)
		assert.doesNotMatch(await gate.reload(), /endpoint\.broken/);
}

before(async () => {
	standin = await Standin.start();
	folder = endpointsFolder({ look: endpoint({}) });
	gate = await Gate.start({ standins: [standin], endpoints: folder,
		scope: 'all' });
});

after(async () => {
	await gate?.stop();
	await standin?.stop();
	rmSync(folder, { recursive: true, force: true });
});

const form = (bytes) => Buffer.concat([Buffer.from('--B\r\n' +
	'Content-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'),
bytes, Buffer.from('\r\n--B--\r\n')]);

test('where no file can be begun, an upload is refused', async () => {
	const blobs = join(gate.state, 'blobs');
	// The daemon holds the folder open: its names are gone, not its handle.
	rmSync(blobs, { recursive: true });
	const r = await gate.call('/v1/uploads', { body: small });
	assert.equal(r.json.type, '/problems/queue-full', r.text);
	const f = await gate.call('/v1/look', { body: form(small),
		headers: { 'Content-Type': 'multipart/form-data; boundary=B' } });
	assert.equal(f.json.type, '/problems/queue-full', f.text);
	await gate.restart();
});

test('an input that takes more when the file is here than when it came',
	async () => {
		const large = photo({ width: 640, height: 480, bytes: 50000 });
		await publish({ maxBytes: 40000 });
		const r = await fastcgi(gate, '/v1/look', { params: {
			CONTENT_TYPE: 'multipart/form-data; boundary=B' } });
		r.body(form(large).subarray(0, 30000));
		await until('the file has begun', () => readdirSync(
			join(gate.state, 'blobs')).some((f) => f.startsWith('draft-')));
		await publish({ maxBytes: 60000 });
		r.body(form(large).subarray(30000));
		r.end();
		const a = await r.answer;
		assert.equal(a.status, 422, a.text);
		assert.equal(a.json.errors[0].pointer, '/photo');
	});

test('an upload named to an endpoint that had no files at first', async () => {
	const up = await gate.call('/v1/uploads', { body: small });
	await publish(undefined);
	const r = await fastcgi(gate, '/v1/look');
	// Who is answered now came later.
	assert.equal((await gate.call('/healthz')).status, 200);
	await publish({});
	r.body(Buffer.from(JSON.stringify({ photo: up.json.id })));
	r.end();
	const a = await r.answer;
	assert.equal(a.status, 200, a.text);
});

test('a dry run tells a long text, too', async () => {
	await publish({});
	// In a form it is as long as it is, in JSON six times that.
	const title = '\x01'.repeat(900000);
	const body = new FormData();
	body.append('title', title);
	const r = await fetch(`${gate.url}/v1/look?dry_run=1`, { method: 'POST',
		body, headers: { Authorization: `Bearer ${gate.token()}` } });
	const text = await r.text();
	assert.equal(r.status, 200, text.slice(0, 300));
	assert.equal(JSON.parse(text).inputs.title, title);
});

test('JSON may be as long as its files make it, and no longer', async () => {
	await publish({});
	const json = 'application/json';
	const file = `data:image/png;base64,${png(900, 900, (x, y) =>
		[x * y, x ^ y, x + y]).toString('base64')}`;
	const ask = (inputs) => gate.call('/v1/look?dry_run=1',
		{ body: inputs, headers: { 'Content-Type': json } });
	const long = await ask({ title: '\u{1f600}'.repeat(900000) });
	assert.equal(long.status, 413, long.text.slice(0, 300));
	const blanks = await ask(`{"photo": "${file}"${' '.repeat(1100000)}}`);
	assert.equal(blanks.status, 413, blanks.text.slice(0, 300));
	const good = await ask({ photo: file, title: 'x'.repeat(900000) });
	assert.equal(good.status, 200, good.text.slice(0, 300));
});

// ThreadSanitizer needs several times as much for itself.
const sized = !/-thread$/.test(process.env.BUILD ?? '');

test('bodies that wait for the disk do not wait in memory', { skip: !sized &&
	'memory means little under this sanitizer' }, async () => {
	await publish({ type: 'file', maxBytes: 30000000 });
	const body = Buffer.from(`{"photo": "data:;base64,${
		Buffer.alloc(22000000, 7).toString('base64')}"}`);
	const peak = () => Number(readFileSync(
		`/proc/${gate.daemon.pid}/status`, 'utf8')
		.match(/VmHWM:\s+(\d+)/)[1]);
	await gate.restart();
	const before = peak();
	const ask = () => gate.call('/v1/look', { body, headers: {
		'Content-Type': 'application/json', Prefer: 'respond-async' } });
	const answers = await Promise.all(Array.from({ length: 20 }, ask));

	assert.ok(answers.some((r) => r.status === 202), answers[0].text);
	assert.ok(peak() - before < 20 * body.length / 1024,
		`${peak() - before} KiB more`);
});
