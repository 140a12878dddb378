// Replays recorded scenarios against the stand-in, for both recorded versions.
// RECORDINGS names a folder with 0.25.0/ and 0.3.64/ of full recordings; without
// it the few condensed ones beside this file are used.
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { expand } from './condense.mjs';
import { Replay, makePng, readRecording } from './replay.mjs';
import { built, startStandin } from './standin.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.env.RECORDINGS || path.join(here, 'recordings');

// not played, and why
const skipped = {
	s17: 'a measurement of a race, no dialogue',
	s18: 'kill -9 of the server; POST /standin/restart stands for it',
	s19: 'waits of several seconds to see that nothing happens; the wedge ' +
		'fault has its own test',
	s26: 'compares the whole list of 840 classes; see "object_info"',
	s33: 'a chain of 1000 nodes, which is about recursion in Python',
	s34: 'mostly audio, video and latents, which the stand-in has not',
	s35: 'nodes that expand into others, which the stand-in has not',
	s36: 'nodes that break the server, which the stand-in has not',
	s38: 'a measurement',
	s40: 'other command line flags of the real server',
	s41: 'needs seconds in which nothing happens; see "heap tie"',
	s42: 'raw bytes of HTTP, which libwebsockets answers its own way',
	s43: 'a reader that stalls; the stall-socket fault has its own test',
	s44: '10,050 runs',
	s45: '--enable-assets',
	'0.3.64 s46': 'what the video library says about odd formats',
};

// messages of several runs interleave as they like here
const loose = /^s(04|05|06|08|09|10|11|14|15|16|20|21|24|28|31|37|39)_/;
const anyProgress = /^s20_/;
// which of two outputs comes first is up to a set there
const anyOrder = /^0\.3\.64 s03_/;
// methods and routes the stand-in has not, or that JavaScript cannot send
const unknownPaths = new RegExp('^/(api/)?(experiment|userdata|v2|internal|' +
	'view_metadata|global_subgraphs|node_replacements|assets|extensions|' +
	'index\\.html|models$|system_stats|history\\?max_items=0|view/|api/v1|' +
	'jobs(\\?sort_by=execution_duration)?$|settings|embeddings|docs|' +
	'history/(%7B|a%0A)|/prompt)');

function fixtures(dir) {
	const out = path.join(dir, 'output');
	const files = {
		'v.png': makePng(64, 3, 90),
		'sub/v.png': makePng(8, 3, 10),
		'rgba.png': makePng(8, 4, 70),
		'naïve 文.png': makePng(8, 3, 20),
		'q"uote.png': makePng(8, 3, 30),
		't.txt': 'hello\n',
		'p.html': '<b>x</b>',
		'p.svg': "<svg xmlns='http://www.w3.org/2000/svg'/>",
		's.js': '1', 's.css': 'a{}', 'd.json': '{}', noext: 'x',
		'm.mp4': '0'.repeat(100), 'a.flac': '0', 'a.mp3': '0',
		'w.webp': 'RIFF', 'g.glb': '0', 'l.latent': '0', 'x.xml': '<x/>',
		'p.pdf': 'x',
	};

	fs.mkdirSync(path.join(out, 'sub'), { recursive: true });
	for (const [name, data] of Object.entries(files))
		fs.writeFileSync(path.join(out, name), data);
}

async function play(version, file) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'standin-replay-'));
	const standin = await startStandin('--dialect', version, '--dir', dir,
		'--no-models');

	try {
		const recording = expand(readRecording(
			path.join(folder, version, file)));
		const info = await (await fetch(standin.url + '/object_info')).json();
		const r = new Replay(recording, standin, dir);

		fixtures(dir);
		r.loose = loose.test(file);
		r.anyProgress = anyProgress.test(file);
		r.anyOrder = anyOrder.test(`${version} ${file}`);
		r.recordedPort = version === '0.25.0' ? 18189 : 18188;
		await r.run(new Set(Object.keys(info)), unknownPaths);
		return r;
	} finally {
		await standin.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	}
}

for (const version of ['0.25.0', '0.3.64']) {
	const from = path.join(folder, version);

	if (!built || !fs.existsSync(from)) {
		test(`${version}`, { skip: built ? `no recordings in ${from}` :
			'build/standin is not built' }, () => {});
		continue;
	}
	for (const file of fs.readdirSync(from).sort()) {
		if (!file.endsWith('.json'))
			continue;
		const name = file.split('_')[0];
		test(`${version} ${file}`, { skip: skipped[name] ??
			skipped[`${version} ${name}`] }, async (t) => {
			const r = await play(version, file);

			if (r.skipped.length)
				t.diagnostic(`${r.skipped.length} steps left out, of ` +
					'classes the stand-in has not');
			assert.equal(r.problems.length, 0, '\n' +
				r.problems.slice(0, 20).join('\n'));
		});
	}
}
