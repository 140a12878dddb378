// docs/manifest.schema.json against the loader: by the corpus, whose messages
// the unit tests hold, and by the loader's own list of keys. And the pattern
// matcher against a JavaScript engine.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const top = fileURLToPath(new URL('..', import.meta.url));
const read = (...path) => readFileSync(join(top, ...path), 'utf8');
const schema = JSON.parse(read('docs/manifest.schema.json'));
const ajv = new Ajv2020({ allErrors: true, strict: true,
	strictRequired: false, strictTypes: false });
addFormats(ajv);
const validate = ajv.compile(schema);

const corpus = 'tests/cases/manifest';
const cases = readdirSync(join(top, corpus)).map((name) => {
	const lines = read(corpus, name, 'expect').split('\n');
	return { name, accepted: lines[0] === 'ok',
		refused: lines[0] === 'schema: refuse' };
});

const manifest = (folder) => JSON.parse(read(folder, 'manifest.json'));
const why = () => JSON.stringify(validate.errors, null, 1);

test('what the loader takes is valid', () => {
	const taken = cases.filter((c) => c.accepted);
	assert.ok(taken.length >= 10);
	for (const { name } of taken)
		assert.ok(validate(manifest(join(corpus, name))),
			`${name}: ${why()}`);
});

test('the endpoints that are shipped are valid', () => {
	const names = readdirSync(join(top, 'endpoints'))
		.filter((name) => existsSync(
			join(top, 'endpoints', name, 'manifest.json')));
	assert.ok(names.length >= 4);
	for (const name of names)
		assert.ok(validate(manifest(join('endpoints', name))),
			`${name}: ${why()}`);
});

test('what only needs the manifest to be seen is refused', () => {
	const refused = cases.filter((c) => c.refused);
	assert.ok(refused.length >= 50);
	for (const { name } of refused)
		assert.equal(validate(manifest(join(corpus, name))), false,
			`${name} is valid`);
});

test('every example in the documentation is valid', () => {
	const blocks = [...read('docs/manifest.md')
		.matchAll(/<!-- manifest: [^>]*-->\n+```json\n([^]*?)```/g)];
	assert.ok(blocks.length >= 2);
	for (const [, text] of blocks)
		assert.ok(validate(JSON.parse(text)), `${text}\n${why()}`);
});

function loader(...args) {
	const program = resolve(top, process.env.BUILD ?? 'build',
		'unit/test_manifest');
	return execFileSync(program, args, { cwd: top, encoding: 'utf8' });
}

// "input:string maxLength", one a line
function keysOfLoader() {
	const keys = {};
	for (const line of loader('--keys').trim().split('\n')) {
		const [set, key] = line.split(' ');
		(keys[set.replace(':', '-')] ??= []).push(key);
	}
	return keys;
}

test('the schema has the keys that the loader knows, no more, no less', () => {
	const theirs = keysOfLoader();
	const ours = { manifest: schema.properties };
	const others = ['duration', 'dotted', 'plain-target'];
	for (const [name, def] of Object.entries(schema.$defs))
		if (!others.includes(name))
			ours[name] = def.properties;
	for (const name of new Set([...Object.keys(ours),
		...Object.keys(theirs)]))
		assert.deepEqual(Object.keys(ours[name] ?? {}).sort(),
			(theirs[name] ?? []).sort(), name);
});

test('every property of the schema is described', () => {
	for (const [name, def] of Object.entries(
		{ manifest: schema, ...schema.$defs }))
		for (const [key, value] of Object.entries(def.properties ?? {}))
			assert.ok(value.description ??
				schema.$defs[value.$ref?.split('/').at(-1)]
					?.description,
			`${name}: ${key}`);
});

// The contract is JSON Schema for callers: what the examples hold is valid by
// it, what the API refuses is not.
ajv.addKeyword('x-file'); // what a file input takes, for who knows it
function contract(folder) {
	const c = JSON.parse(loader('--contract', folder));
	return { c, inputs: ajv.compile(c.inputs),
		outputs: ajv.compile(c.outputs) };
}

test('contracts are JSON Schema, and their examples are valid', () => {
	for (const name of ['portrait', 'color-card', 'variations',
		'prompt-writer', '../tests/cases/manifest/ok-every-key',
		'../tests/cases/manifest/ok-files']) {
		const { c, inputs } = contract(join('endpoints', name));
		assert.ok(c.examples.length >= 1);
		for (const example of c.examples)
			assert.ok(inputs(example.inputs), `${name}: ` +
				JSON.stringify(inputs.errors));
		assert.equal(inputs({ ...c.examples[0].inputs, no_such: 1 }),
			false);
	}
});

test('the contract of portrait tells bounds, seeds and outputs', () => {
	const { inputs, outputs } = contract('endpoints/portrait');
	const prompt = 'x';
	for (const good of [{}, { steps: 60 }, { seed: null }, { seed: -1 },
		{ seed: '18446744073709551615' }, { style: 'sketch' },
		{ strength: 0.5 }])
		assert.ok(inputs({ prompt, ...good }), JSON.stringify(good));
	for (const bad of [{ prompt: '' }, { prompt: 1 }, { steps: 61 },
		{ steps: 1.5 }, { width: 513 }, { seed: -2 }, { seed: 'x' },
		{ style: 'oil' }, { strength: 0 }])
		assert.ok(!inputs({ prompt, ...bad }), JSON.stringify(bad));
	assert.ok(!inputs({}));
	const image = { url: 'https://api.example.com/v1/files/1/image.png',
		content_type: 'image/png', size_bytes: 1, sha256: 'x' };
	assert.ok(outputs({ image }));
	assert.ok(!outputs({ image: null }));
	assert.ok(!outputs({}));
});

test('the contract of files tells what is taken', () => {
	const { c, inputs } = contract('tests/cases/manifest/ok-files');
	const photo = 'https://files.example/a.png';
	for (const good of [{ photo }, { photo: 'data:image/png;base64,AA==' },
		{ photo: 'upload:0193a1f2-0000-7000-8000-000000000000' },
		{ photo, refs: [photo] }])
		assert.ok(inputs(good), JSON.stringify(inputs.errors));
	for (const bad of [{}, { photo: 'a.png' }, { photo: 5 },
		{ photo, refs: [photo, photo, photo] }])
		assert.ok(!inputs(bad), JSON.stringify(bad));
	const { properties } = c.inputs;
	assert.deepEqual(properties.photo['x-file'], { type: 'image',
		mediaTypes: ['image/png', 'image/jpeg'], maxBytes: 1000000,
		minWidth: 64, maxWidth: 4096, minHeight: 64, maxHeight: 4096,
		maxPixels: 16000000 });
	assert.equal(properties.cutout['x-file'].of, 'photo');
	assert.equal(properties.cutout['x-file'].alpha, true);
	assert.equal(properties.spot['x-file'].alpha, true);
	assert.equal(properties.clip.contentMediaType, 'video/mp4');
	assert.equal(properties.refs.items['x-file'].maxBytes, 5);
});

test('patterns mean what they mean in JavaScript', () => {
	const table = JSON.parse(read('tests/cases/patterns.json'));
	for (const row of table.matches) {
		const regex = new RegExp(row.pattern, 'u');
		for (const text of row.yes)
			assert.ok(regex.test(text), `${row.name}: ${text}`);
		for (const text of row.no)
			assert.ok(!regex.test(text), `${row.name}: ${text}`);
	}
	for (const row of table.refused)
		assert.throws(() => new RegExp(row.pattern, 'u'), SyntaxError,
			row.pattern);
});
