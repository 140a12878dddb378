// docs/comfyui.md names a source file and a test for each fact; they are there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(top, path), 'utf8');
const page = read('docs/comfyui.md');
const rows = page.split('\n').filter((line) => /^\| *\d/.test(line))
	.map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

// The strings of a file, those in C that follow each other as one, without the
// marks around a name: "  # " before it, "%s: " for what it is about, ": %s" for
// what was seen.
function namesIn(path) {
	const token = path.endsWith('.c')
		? /\/\*[^]*?\*\/|'(?:\\.|[^'\\])+'|"(?:\\.|[^"\\])*"/g
		: /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`[^`]*`/g;
	const text = read(path);
	const strings = [];
	let end = -1;
	for (const { 0: found, index } of text.matchAll(token)) {
		if (found.startsWith('/*') ||
		    (path.endsWith('.c') && found.startsWith("'")))
			continue;
		const inner = found.slice(1, -1);
		if (end >= 0 && path.endsWith('.c') &&
		    /^[\s\\]*$/.test(text.slice(end, index)))
			strings[strings.length - 1] += inner;
		else
			strings.push(inner);
		end = index + found.length;
	}
	return new Set(strings.map((s) => s.replace(/\\n$/, '')
		.replace(/\\(['"\\])/g, '$1')
		.replace(/^(# |\s|%s: )+/, '').replace(/(: | \()%s\)?$/, '')));
}

const cache = new Map();
function has(path, name) {
	if (!cache.has(path))
		cache.set(path, namesIn(path));
	return cache.get(path).has(name);
}

// Cases move when a file is cut in two: where one is now.
function whereIs(name) {
	const files = ['unit', 'e2e', 'standin'].flatMap((folder) =>
		readdirSync(join(top, 'tests', folder))
			.filter((file) => /^test_.*\.c$|\.test\.mjs$/.test(file))
			.map((file) => `${folder}/${file}`))
		.filter((file) => has(`tests/${file}`, name));
	return files.length > 0 ? `it is in ${files.join(', ')}` :
		'nor anywhere else';
}

// unit/test_ws.c "one case", "another"; cases/manifest/a-folder
function testsOf(cell) {
	return cell.split('; ').flatMap((part) => {
		const m = part.match(
			/^([\w./-]+)((?: "[^"]+"(?:,(?= ")|$))*)$/);
		assert.ok(m, `cannot be read: ${part}`);
		const names = [...m[2].matchAll(/"([^"]+)"/g)].map((n) => n[1]);
		return { path: `tests/${m[1]}`, names };
	});
}

test('the facts are numbered, each with four cells', () => {
	assert.ok(rows.length > 50);
	rows.forEach((row, i) => {
		assert.equal(Number(row[0]), i + 1, row.join(' | '));
		assert.equal(row.length, 4, row.join(' | '));
		assert.ok(row.every((cell) => cell !== ''), row.join(' | '));
	});
});

test('each fact names source files, and they are there', () => {
	for (const [number, , what] of rows) {
		const files = [...what.matchAll(/`([a-z]+\/\w+\.c)`/g)];
		assert.ok(files.length > 0, `row ${number} names none`);
		for (const [, file] of files)
			assert.ok(existsSync(join(top, 'src', file)),
				`row ${number}: no src/${file}`);
	}
});

for (const [number, , , cell] of rows) {
	test(`row ${number} names tests that are there`, () => {
		for (const { path, names } of testsOf(cell)) {
			assert.ok(existsSync(join(top, path)), `no ${path}`);
			assert.ok(names.length > 0 ||
				path.startsWith('tests/cases/'), `no case of ${path}`);
			for (const name of names)
				assert.ok(has(path, name),
					`${path}: no "${name}", ${whereIs(name)}`);
		}
	});
}

test('a case that is not there is noticed', () => {
	assert.ok(has('tests/unit/test_event.c', 'node null is the end'));
	assert.ok(!has('tests/unit/test_event.c', 'node null is the'));
	assert.match(whereIs('node null is the end'), /unit\/test_event\.c/);
	assert.throws(() => testsOf('unit/test_event.c "a" "b"'));
	assert.throws(() => testsOf('unit/test_event.c, "a"'));
});
