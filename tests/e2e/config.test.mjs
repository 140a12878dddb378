// The settings, by file and by environment; and that the pages in docs/ say
// what the program does.
import assert from 'node:assert/strict';
import {
	chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { top } from './rig.mjs';
import { program } from './tools.mjs';

const dir = mkdtempSync(join(tmpdir(), 'comfygate-config-'));
after(() => rmSync(dir, { recursive: true }));

const needed = { COMFYGATE_BACKENDS: 'http://127.0.0.1:8188',
	COMFYGATE_SECRET_FILE: '/etc/comfygate/secret' };

function serve(env, args = [], config) {
	if (config !== undefined) {
		const path = join(dir, 'comfygate.json');
		writeFileSync(path, typeof config === 'string' ? config :
			JSON.stringify(config));
		args = [...args, '--config', path];
	}
	return program(['serve', ...args], { env: { PATH: process.env.PATH,
		...env } });
}

async function effective(env, config) {
	const r = await serve(env, ['--print-config'], config);
	assert.equal(r.code, 0, r.err);
	return JSON.parse(r.out);
}

// Rows of the first table of a page whose first column looks like that.
const rows = (text, first) => text.split('\n')
	.filter((line) => first.test(line));
const page = (name) => readFileSync(join(top, 'docs', name), 'utf8');
const source = (name) => readFileSync(join(top, 'src', name), 'utf8');

async function settings() {
	const r = await serve({}, ['--print-settings']);
	assert.equal(r.code, 0, r.err);
	return rows(r.out, /^\| `/).map((row) => {
		const [, name, env, fallback] = row.split('|').map((s) =>
			s.trim().replace(/^`|`$/g, ''));
		return { row, name, env, fallback };
	});
}

test('docs/configuration.md has the table of the program', async () => {
	assert.deepEqual(rows(page('configuration.md'), /^\| `[a-z_]+` \| `COMFY/),
		(await settings()).map((s) => s.row));
});

// The page of each type is the program's own table (api.test.mjs looks that
// they say the same), so here only that none is missing.
test('docs/errors.md has every type with its status', () => {
	const names = Object.fromEntries([...source('base/problem.c')
		.matchAll(/\[(PROBLEM_\w+)\] =\s+"([a-z-]+)"/g)]
		.map((m) => [m[1], m[2]]));
	const wanted = [...source('api/problem_table.c')
		.matchAll(/\[(PROBLEM_\w+)\] =\s+\{(\d+),/g)]
		.filter((m) => m[1] !== 'PROBLEM_NONE')
		.map((m) => `${names[m[1]]} ${m[2]}`);
	assert.ok(wanted.length > 15);
	const told = [...page('errors.md')
		.matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)]
		.map((m) => `${m[1]} ${m[2]}`);
	assert.deepEqual(told.sort(), wanted.sort());
});

test('docs/api.md has every route', () => {
	const plain = (path) => path.replace(/\{[^}]*\}/g, '{}')
		.replace(/^\/v\{\}/, '/{}');
	const wanted = [...source('api/routes.c')
		.matchAll(/^\t\{"([A-Z]+)", "([^"]+)", ROUTE/gm)]
		.map((m) => `${m[1]} ${m[2]}`);
	assert.ok(wanted.length > 8);
	const told = [...page('api.md')
		.matchAll(/^\| `([A-Z]+) (\/[^`]*)`/gm)]
		.map((m) => `${m[1]} ${plain(m[2])}`);
	assert.deepEqual(told.sort(), wanted.sort());
});

// Another value than the default, of the same kind.
function another({ fallback, name }) {
	if (name === 'log_level')
		return 'debug';
	if (name === 'jwks_url')
		return 'https://login.example.com/jwks';
	if (name === 'public_url')
		return 'https://api.example.com';
	if (name === 'url_allow')
		return '10.1.0.0/16, [fd00::]/8, files.example.internal:9000';
	if (/^(true|false)$/.test(fallback))
		return String(fallback === 'false');
	if (/^\d+$/.test(fallback))
		return String(Number(fallback) + 1);
	if (/^\d+(ms|s|m|h|d)$/.test(fallback))
		return '61s';
	return `/another/${name}`;
}

test('each setting by environment and by file; environment wins', async () => {
	const scalars = (await settings()).filter((s) => s.name !== 'backends');
	const file = { backends: ['http://127.0.0.1:8188'] };
	const env = {}, both = {};
	for (const s of scalars) {
		const value = another(s);
		const bare = /^(\d+|true|false)$/.test(value);
		file[s.name] = bare ? JSON.parse(value) : value;
		env[s.env] = value;
		both[s.env] = bare ? s.fallback : value;
		assert.equal(s.env, `COMFYGATE_${s.name.toUpperCase()}`);
	}
	const byFile = await effective({}, file);
	const byEnv = await effective({ ...needed, ...env });
	for (const s of scalars) {
		assert.equal(String(byFile[s.name]), another(s), s.name);
		assert.equal(String(byEnv[s.name]), another(s), s.name);
	}
	assert.deepEqual({ ...byFile, backends: 0 }, { ...byEnv, backends: 0 });
	const mixed = await effective(both, file);
	for (const s of scalars.filter((x) =>
		/^(\d+|true|false)$/.test(x.fallback)))
		assert.equal(String(mixed[s.name]), s.fallback, s.name);
});

test('the defaults are those of the table', async () => {
	const c = await effective(needed);
	const ms = (text) => text.replace(/^(\d+)(ms|s|m|h|d)$/, (_, n, unit) =>
		n * { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000 }[unit]);
	for (const { name, fallback } of await settings())
		if (!['backends', 'secret_file'].includes(name))
			assert.equal(ms(String(c[name])), ms(fallback), name);
});

test('backends: by file with all keys, by environment as URLs', async () => {
	const header = join(dir, 'header');
	writeFileSync(header, 'X-Key: a very secret thing\n', { mode: 0o600 });
	const r = await serve(needed, ['--print-config'], { backends: [] });
	assert.equal(r.code, 0, r.err);
	const c = await serve({ COMFYGATE_SECRET_FILE: '/x' }, ['--print-config'],
		{ slots: 3, backends: ['http://a:1/', { url: 'https://b', name: 'b',
			pool: 'video', slots: 1, header_file: header }] });
	assert.equal(c.code, 0, c.err);
	assert.ok(!c.out.includes('a very secret thing'));
	assert.deepEqual(JSON.parse(c.out).backends, [
		{ name: 'backend-1', url: 'http://a:1', pool: 'default', slots: 3 },
		{ name: 'b', url: 'https://b', pool: 'video', slots: 1,
			header: '(secret)' }]);
	const e = await effective({ ...needed,
		COMFYGATE_BACKENDS: 'http://a:1, http://b:2' });
	assert.deepEqual(e.backends.map((b) => b.url), ['http://a:1',
		'http://b:2']);
});

test('all mistakes at once, with what would be right', async () => {
	const r = await serve({ COMFYGATE_STAL: '5m', COMFYGATE_POLL: 'often',
		COMFYGATE_SLOTS: '0', COMFYGATE_LOG_LEVEL: 'loud',
		COMFYGATE_URL_HTTP: '1' }, [], {
		url_allow: '10.1.0.1/16',
		endpoint: '/x', stall: 5, max_wait: '9d', max_body_bytes: '1',
		public_url: 'api.example.com', backends: [{ url: 'http://a', nam: 1 },
			{ url: 'ftp://b' }, 7, { name: 'c' }],
	});
	assert.equal(r.code, 1);
	for (const told of [
		/COMFYGATE_STAL: .*nearest: \S*stall/i, /COMFYGATE_POLL: .*duration/,
		/COMFYGATE_SLOTS: .*from 1 to 64/, /COMFYGATE_LOG_LEVEL: .*debug/,
		/comfygate\.json: \/endpoint: .*nearest: endpoints/,
		/COMFYGATE_URL_HTTP: must be true or false/,
		/url_allow: "10\.1\.0\.1\/16" has bits set below its block/,
		/\/stall: must be a string/, /\/max_wait: must be from/,
		/\/max_body_bytes: must be a whole number/, /public_url: .*https/,
		/\/backends\/0: .*nearest: name/, /\/backends\/1: .*https/,
		/\/backends\/2: /, /\/backends\/3: /, /name the keys/])
		assert.match(r.err, told);
});

test('files that are no JSON, no object, or not there', async () => {
	for (const text of ['{', '[]', '{"stall":"5m","stall":"6m"}', ''])
		assert.equal((await serve(needed, [], text)).code, 1, text);
	const gone = await serve(needed, ['--config', join(dir, 'gone.json')]);
	assert.equal(gone.code, 1);
	assert.match(gone.err, /gone\.json/);
	const bare = await serve({});
	assert.equal(bare.code, 1);
	assert.match(bare.err, /COMFYGATE_BACKENDS=http/);
	for (const args of [['--conf'], ['--config'], ['extra']])
		assert.equal((await serve(needed, args)).code, 2, args.join());
});

test('keys or state that cannot be used stop the start', async () => {
	const env = { ...needed, COMFYGATE_STATE: join(dir, 'state'),
		COMFYGATE_SOCKET: join(dir, 'sock'), COMFYGATE_MIN_FREE_BYTES: '0',
		COMFYGATE_ENDPOINTS: join(top, 'endpoints') };
	const missing = await serve({ ...env,
		COMFYGATE_SECRET_FILE: join(dir, 'nothing') });
	assert.equal(missing.code, 1);
	assert.match(missing.err, /nothing/);
	const weak = join(dir, 'weak');
	writeFileSync(weak, 'short', { mode: 0o600 });
	const short = await serve({ ...env, COMFYGATE_SECRET_FILE: weak });
	assert.equal(short.code, 1);
	assert.match(short.err, /32/);
	const open = join(dir, 'open');
	writeFileSync(open, 'x'.repeat(40));
	chmodSync(open, 0o644);
	const seen = await serve({ ...env, COMFYGATE_SECRET_FILE: open });
	assert.equal(seen.code, 1);
	assert.match(seen.err, /open/);
	const url = await serve({ ...env, COMFYGATE_SECRET_FILE: '',
		COMFYGATE_JWKS_URL: 'http://login.example.com/jwks' });
	assert.equal(url.code, 1);
	assert.match(url.err, /https/);
	const state = await serve({ ...env, COMFYGATE_STATE: weak });
	assert.equal(state.code, 1);
	assert.match(state.err, /weak/);
});
