// Makes the small recordings beside this file out of full ones:
//   node condense.mjs FROM s01 s08 s12 0.25.0/s03 0.25.0/s14 0.25.0/s20
// and reads both forms. Left out are headers and bytes that say nothing, and
// the long payloads of progress_state, which are written as 1:1.0/1.0f.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const keep = new Set(['content-type', 'content-disposition', 'etag',
	'last-modified', 'accept-ranges', 'content-range', 'allow']);

function shortState(payload) {
	return {
		id: payload.data.prompt_id,
		ps: Object.entries(payload.data.nodes).map(([id, n]) =>
			`${id}:${n.value}/${n.max}${n.state[0]}`)
			.join(' '),
	};
}

function longState({ id, ps }) {
	const nodes = {};

	for (const part of ps.split(' ')) {
		const [, node, value, max, state] =
			/^(.*):(.*)\/(.*)([rf])$/.exec(part);
		nodes[node] = {
			value: Number(value), max: Number(max),
			state: state === 'r' ? 'running' : 'finished',
			node_id: node, prompt_id: id, display_node_id: node,
			parent_node_id: null, real_node_id: node,
		};
	}
	return { type: 'progress_state', data: { prompt_id: id, nodes } };
}

function shorten(value) {
	if (typeof value === 'string')
		return value.startsWith('tensor(') ? 'tensor(...)' : value;
	if (Array.isArray(value))
		return value.every((v) => typeof v === 'string' &&
			v.startsWith('  File ')) ? value.slice(0, 1) :
			value.map(shorten);
	if (value && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([k, v]) =>
			[k, shorten(v)]));
	return value;
}

function condenseStep(s) {
	if (s.kind === 'http')
		return {
			kind: s.kind, ms: s.ms, note: s.note,
			request: s.request,
			response: s.response && {
				status: s.response.status,
				headers: Object.fromEntries(Object.entries(
					s.response.headers ?? {}).filter(([k]) =>
					keep.has(k.toLowerCase()))),
				body: shorten(s.response.body),
			},
		};
	if (s.kind === 'ws' && s.direction === 'server->client' &&
		s.type === 'text' && s.payload)
		return { ms: s.ms, s: s.socket,
			...(s.payload.type === 'progress_state' ?
				shortState(s.payload) : { m: shorten(s.payload) }) };
	const { response, bytes, ...rest } = s;
	return shorten(rest);
}

/* the end of a scenario that only tries a race again and again is left out */
function useful(steps) {
	const race = steps.findIndex((s) => /\(race\)$/.test(s.text ?? ''));

	return race < 0 ? steps : steps.slice(0, race);
}

export function expand(recording) {
	recording.steps = recording.steps.map((s) => !s.s ? s : {
		kind: 'ws', ms: s.ms, socket: s.s, type: 'text',
		direction: 'server->client', payload: s.m ?? longState(s),
	});
	return recording;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [, , from, ...names] = process.argv;

	for (const version of ['0.25.0', '0.3.64']) {
		const to = path.join(here, 'recordings', version);
		fs.mkdirSync(to, { recursive: true });
		for (const file of fs.readdirSync(path.join(from, version))) {
			const name = file.split('_')[0];
			if (!names.includes(name) &&
				!names.includes(`${version}/${name}`))
				continue;
			const r = JSON.parse(fs.readFileSync(
				path.join(from, version, file), 'utf8'));
			fs.writeFileSync(path.join(to, file), JSON.stringify({
				scenario: r.scenario, title: r.title,
				steps: useful(r.steps).map(condenseStep),
			}).replace(/\},(?=\{"(kind|ms)")/g, '},\n') + '\n');
		}
	}
}
