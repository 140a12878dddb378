// Tokens of every algorithm against every kind of key, as other people's
// libraries mint them (npm jose); rotation; everything that is refused.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { Gate, Standin, base64url, endpointsFolder, mint } from './rig.mjs';
import { events, program, request, usualEndpoints } from './tools.mjs';

const endpoints = endpointsFolder(usualEndpoints());
const dir = mkdtempSync(join(tmpdir(), 'comfygate-keys-'));
// 64 bytes, as HS512 needs; text, since a newline at the end does not count.
const secretText = () => Buffer.from(randomBytes(48).toString('base64'));
const now = () => Math.floor(Date.now() / 1000);
let standin;

before(async () => { standin = await Standin.start(); });
after(async () => {
	await standin?.stop();
	rmSync(dir, { recursive: true });
});

async function house(t, env) {
	const gate = await Gate.start({ standins: [standin], endpoints,
		env: { COMFYGATE_SECRET_FILE: '', ...env } });
	t.after(() => gate.stop());
	return gate;
}

function file(name, text) {
	const path = join(dir, name);
	writeFileSync(path, text, { mode: 0o600 });
	return path;
}

const pairs = {};
const algorithms = [['RS256'], ['RS384'], ['RS512'], ['PS256'], ['PS384'],
	['PS512'], ['ES256'], ['ES384'], ['ES512'], ['EdDSA', 'Ed25519'],
	['EdDSA', 'Ed448']];

// One RSA pair for all six; the others each their own.
async function pair(alg, crv) {
	const kid = alg[0] === 'E' ? crv ?? alg : 'rsa';
	pairs[kid] ??= (async () => {
		const { publicKey, privateKey } = kid === 'rsa' ?
			generateKeyPairSync('rsa', { modulusLength: 2048 }) :
			await generateKeyPair(alg, { crv });
		return { kid, publicKey, privateKey };
	})();
	return pairs[kid];
}

const jwk = async ({ kid, publicKey }) =>
	({ ...await exportJWK(publicKey), kid, use: 'sig' });

function sign(key, header, claims = {}) {
	return new SignJWT({ scope: 'all', sub: 'user', exp: now() + 600,
		...claims }).setProtectedHeader(header).sign(key);
}

const status = async (gate, token) =>
	(await gate.call('/v1/jobs', { token })).status;

async function allPairs() {
	const all = [];
	for (const [alg, crv] of algorithms)
		all.push({ alg, crv, ...await pair(alg, crv) });
	return all;
}

test('every algorithm against a JWKS file', async (t) => {
	const all = await allPairs();
	const set = {};
	for (const p of all)
		set[p.kid] = await jwk(p);
	const gate = await house(t, { COMFYGATE_JWKS_FILE: file('jwks.json',
		JSON.stringify({ keys: Object.values(set) })) });
	for (const { alg, kid, privateKey } of all) {
		for (const typ of ['JWT', 'at+jwt', undefined]) {
			const token = await sign(privateKey, { alg, kid, typ });
			assert.equal(await status(gate, token), 200,
				`${alg} ${kid} ${typ}`);
		}
		const bare = await sign(privateKey, { alg });
		assert.equal(await status(gate, bare), 200, `${alg}, no kid`);
		const wrong = await sign(privateKey, { alg,
			kid: all.find((p) => p.kid !== kid).kid });
		assert.equal(await status(gate, wrong), 401, `${alg}, other kid`);
	}
});

test('every algorithm against a PEM file', async (t) => {
	const all = await allPairs();
	const pems = new Set();
	for (const p of all)
		pems.add(await exportSPKI(p.publicKey));
	const gate = await house(t, { COMFYGATE_PEM_FILE:
		file('keys.pem', [...pems].join('\n')) });
	for (const { alg, privateKey, kid } of all) {
		const token = await sign(privateKey, { alg, kid: 'theirs' });
		assert.equal(await status(gate, token), 200, `${alg} ${kid}`);
	}
	// The public key is no secret.
	for (const pem of pems) {
		const token = mint({ scope: 'all' }, pem);
		assert.equal(await status(gate, token), 401);
	}
});

test('HS256, HS384 and HS512 against a secret file', async (t) => {
	const secret = secretText();
	const gate = await house(t,
		{ COMFYGATE_SECRET_FILE: file('secret', secret) });
	for (const alg of ['HS256', 'HS384', 'HS512']) {
		assert.equal(await status(gate, await sign(secret, { alg })), 200);
		assert.equal(await status(gate,
			await sign(secretText(), { alg })), 401);
	}
});

test('issuer, audience, and scopes in all three claims', async (t) => {
	const secret = secretText();
	const gate = await house(t, { COMFYGATE_ISSUER: 'https://id.example/',
		COMFYGATE_SECRET_FILE: file('secret2', secret),
		COMFYGATE_AUDIENCE: 'gate' });
	const right = { iss: 'https://id.example/', aud: 'gate', scope: '' };
	const run = async (claims) => gate.call('/v1/card', {
		body: { width: 16, height: 16 },
		token: await sign(secret, { alg: 'HS256' },
			{ ...right, ...claims }) });
	const good = [{ scope: 'x all' }, { scp: ['all'] }, { scp: 'a all' },
		{ permissions: ['y', 'all'] }, { scope: ['all'] },
		{ scope: 'all', aud: ['other', 'gate'] }];
	for (const claims of good)
		assert.equal((await run(claims)).status, 200,
			JSON.stringify(claims));
	for (const claims of [{}, { scope: 'ALL' }, { scope: 'all:run' },
		{ roles: ['all'] }, { scope: 'allx' }])
		assert.equal((await run(claims)).status, 403,
			JSON.stringify(claims));
	for (const claims of [{ iss: 'https://id.example' }, { iss: undefined },
		{ aud: 'other' }, { aud: ['x'] }, { aud: undefined }])
		assert.equal((await run({ scope: 'all', ...claims })).status, 401,
			JSON.stringify(claims));
});

test('everything that is refused', async (t) => {
	const secret = secretText(), key = await pair('ES256');
	const gate = await house(t, {
		COMFYGATE_SECRET_FILE: file('secret3', secret),
		COMFYGATE_PEM_FILE: file('es.pem', await exportSPKI(key.publicKey)),
	});
	const hs = (header, claims, by = secret) => {
		const parts = [header, claims].map((v) => base64url(
			typeof v === 'string' ? v : JSON.stringify(v)));
		const mac = createHmac('sha256', by).update(parts.join('.'));
		return `${parts.join('.')}.${mac.digest('base64url')}`;
	};
	const h = { alg: 'HS256', typ: 'JWT' };
	const c = { sub: 'u', scope: 'all', exp: now() + 600 };
	const fine = hs(h, c);
	assert.equal(await status(gate, fine), 200);
	const [head, body, mac] = fine.split('.');
	const jwkOfAttacker = await exportJWK(key.publicKey);
	const bad = {
		expired: hs(h, { ...c, exp: now() - 31 }),
		early: hs(h, { ...c, nbf: now() + 60 }),
		'issued later': hs(h, { ...c, iat: now() + 60 }),
		'no exp': hs(h, { ...c, exp: undefined }),
		'exp as text': hs(h, { ...c, exp: String(c.exp) }),
		'exp in ms': hs(h, { ...c, exp: c.exp * 1000 }),
		'no sub': hs(h, { ...c, sub: undefined }),
		'empty sub': hs(h, { ...c, sub: '' }),
		'long sub': hs(h, { ...c, sub: 'x'.repeat(256) }),
		'sub no text': hs(h, { ...c, sub: 7 }),
		none: `${base64url('{"alg":"none"}')}.${body}.`,
		'none, signed': hs({ alg: 'none' }, c),
		'nOnE': hs({ alg: 'nOnE' }, c),
		'no alg': hs({ typ: 'JWT' }, c),
		'unknown alg': hs({ alg: 'HS1' }, c),
		jwk: hs({ ...h, jwk: jwkOfAttacker }, c),
		jku: hs({ ...h, jku: 'http://127.0.0.1/jwks' }, c),
		x5u: hs({ ...h, x5u: 'http://127.0.0.1/pem' }, c),
		x5c: hs({ ...h, x5c: ['AAAA'] }, c),
		crit: hs({ ...h, crit: ['exp'] }, c),
		b64: hs({ ...h, b64: false }, c),
		zip: hs({ ...h, zip: 'DEF' }, c),
		'a logout token': hs({ ...h, typ: 'logout+jwt' }, c),
		'another typ': hs({ ...h, typ: 'JWS' }, c),
		'alg twice': hs('{"alg":"HS256","alg":"HS256"}', c),
		'sub twice': hs(h, '{"sub":"a","sub":"u","exp":' + c.exp + '}'),
		'claims no object': hs(h, '[]'),
		'claims no JSON': hs(h, '{'),
		'signature cut': fine.slice(0, -2),
		'signature empty': `${head}.${body}.`,
		'signature changed': `${head}.${body}.${mac.slice(0, -4)}AAAA`,
		'body changed': `${head}.${base64url(JSON.stringify(
			{ ...c, scope: 'admin' }))}.${mac}`,
		padded: `${head}=.${body}.${mac}`,
		'standard base64': `${head}.${body}.${mac}+`,
		'two parts': `${head}.${body}`,
		'five parts': `${fine}.x.y`,
		empty: '..',
		'the public key as a secret': hs(h, c,
			await exportSPKI(key.publicKey)),
		'the empty secret': hs(h, c, ''),
		'too long': hs(h, { ...c, x: 'x'.repeat(9000) }),
	};
	for (const [name, token] of Object.entries(bad)) {
		const r = await gate.call('/v1/jobs', { token });
		assert.equal(r.status, 401, name);
		assert.equal(r.json.type, '/problems/unauthorized');
		assert.match(r.headers.get('www-authenticate'),
			/error="invalid_token"/, name);
		for (const part of token.split('.').filter((p) => p.length > 8))
			assert.ok(!(r.text + gate.log).includes(part), name);
	}
	for (const value of ['', 'Bearer', 'Basic dTpw', `Token ${fine}`,
		`Bearer ${fine} x`, `Bearer ${fine}, Bearer ${fine}`]) {
		const r = await gate.call('/v1/jobs', { token: false,
			headers: { Authorization: value } });
		assert.equal(r.status, 401, value);
		assert.match(r.headers.get('www-authenticate'), /^Bearer/, value);
	}
});

// A JWKS at a URL. `held`: answers wait until open() is called.
async function jwksServer(t) {
	const s = { keys: [], fetches: 0, fail: false, held: null };
	const server = createServer(async (req, res) => {
		s.fetches++;
		await s.held;
		if (s.fail)
			return res.writeHead(500).end('no');
		res.setHeader('Content-Type', 'application/json');
		return res.end(JSON.stringify({ keys: s.keys }));
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => server.close());
	s.url = `http://127.0.0.1:${server.address().port}/jwks`;
	s.hold = () => { s.held = new Promise((go) => {
		s.open = () => { s.held = null; go(); }; }); };
	return s;
}

async function rotated(kid) {
	const { publicKey, privateKey } = await generateKeyPair('ES256');
	return { jwk: { ...await exportJWK(publicKey), kid },
		token: (claims) => sign(privateKey, { alg: 'ES256', kid }, claims) };
}

test('a JWKS URL: a new key works with its first token', async (t) => {
	const server = await jwksServer(t);
	const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(rotated));
	server.keys = [a.jwk];
	const gate = await house(t, { COMFYGATE_JWKS_URL: server.url });
	assert.equal(await status(gate, await a.token()), 200);
	assert.equal(server.fetches, 1);
	server.keys = [a.jwk, b.jwk];
	server.hold();
	const from = gate.log.length;
	const token = await b.token();
	const parked = Array.from({ length: 5 }, () =>
		gate.call('/v1/jobs', { token }));
	const gone = request(gate.url + '/v1/jobs', { token });
	// Those with a known key are answered meanwhile.
	assert.equal(await status(gate, await a.token()), 200);
	gone.abort();
	server.open();
	for (const r of await Promise.all(parked))
		assert.equal(r.status, 200, r.text);
	await gate.logged(/ keys\.fetched /, from);
	assert.equal(server.fetches, 2);
	server.keys = [c.jwk];
	const soon = await gate.call('/v1/jobs', { token: await c.token() });
	assert.equal(soon.status, 401, 'at most one fetch a minute');
	assert.match(soon.headers.get('www-authenticate'), /invalid_token/);
	assert.equal(server.fetches, 2);
	assert.equal(await status(gate, await a.token()), 200);
});

test('a JWKS URL that fails: the old set is kept', async (t) => {
	const server = await jwksServer(t);
	const [a, b] = await Promise.all(['a', 'b'].map(rotated));
	server.keys = [a.jwk];
	const gate = await house(t, { COMFYGATE_JWKS_URL: server.url });
	assert.equal(await status(gate, await a.token()), 200);
	server.fail = true;
	const r = await gate.call('/v1/jobs', { token: await b.token() });
	assert.equal(r.status, 401);
	assert.match(r.headers.get('www-authenticate'), /^Bearer/);
	assert.match(gate.log, / keys\.fetch_failed /);
	assert.equal(await status(gate, await a.token()), 200);
});

test('a request that waited for keys may wait for a job, too', async (t) => {
	const server = await jwksServer(t);
	const [a, b] = await Promise.all(['a', 'b'].map(rotated));
	server.keys = [a.jwk];
	const gate = await house(t, { COMFYGATE_JWKS_URL: server.url });
	await standin.fault({ kind: 'hang', times: 1 });
	t.after(() => standin.release());
	const r = await gate.call('/v1/card', { token: await a.token(),
		body: { width: 16, height: 17 },
		headers: { Prefer: 'respond-async' } });
	assert.equal(r.status, 202, r.text);
	server.keys = [a.jwk, b.jwk];
	const token = await b.token();
	let comments = 0;
	// Past the time that keys are waited for, a comment keeps it open.
	for await (const e of events(r.json.urls.self + '/events',
		{ headers: { Authorization: `Bearer ${token}` } })) {
		if (e.comment) {
			comments++;
			await standin.release();
		}
	}
	assert.equal(comments, 1);
});

test('keys that do not come in time: 401 with a challenge', async (t) => {
	const server = await jwksServer(t);
	const a = await rotated('a');
	server.hold();
	const gate = await house(t, { COMFYGATE_JWKS_URL: server.url });
	const r = await gate.call('/v1/jobs', { token: await a.token() });
	server.open();
	assert.equal(r.status, 401);
	assert.match(r.headers.get('www-authenticate') ?? '', /^Bearer/);
});

test('the development key serves on loopback only', async (t) => {
	const gate = await house(t, { COMFYGATE_SECRET_FILE:
		file('dev.key', 'comfygate-development-key:for this test only') });
	for (const url of ['https://api.example.com', 'http://10.0.0.1', '',
		'http://127.0.0.1.example.com', 'http://localhost.example.com']) {
		const r = await program(['serve'], { env: { ...gate.environment(),
			COMFYGATE_STATE: join(dir, 'state'),
			COMFYGATE_PUBLIC_URL: url } });
		assert.equal(r.code, 1, `${url}: ${r.err}`);
		assert.match(r.err, /development key.*loopback.*public_url/, url);
	}
});

test('comfygate token: what it mints opens the door', async (t) => {
	const env = { PATH: process.env.PATH, COMFYGATE_STATE: join(dir, 'own') };
	const r = await program(['token', '--sub', 'me', '--scope', 'all',
		'--scope', 'more', '--lifetime', '1h'], { env });
	assert.equal(r.code, 0, r.err);
	const token = r.out.trim();
	const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
	assert.equal(claims.sub, 'me');
	assert.equal(claims.scope, 'all more');
	assert.equal(claims.exp - claims.iat, 3600);
	const gate = await house(t, { COMFYGATE_SECRET_FILE:
		join(dir, 'own/dev.key') });
	assert.equal((await gate.call('/v1/card', { token,
		body: { width: 16, height: 16 } })).status, 200);
	const bad = await program(['token', '--scope', 'all'], { env });
	assert.equal(bad.code, 2);
	assert.match(bad.err, /--sub NAME/);
});
