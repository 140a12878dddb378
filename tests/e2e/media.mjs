// Endpoints whose run gives what a test wants: files of tests/cases/media by
// StandinResult, the class that only the stand-in has.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './rig.mjs';

export const sample = (name) =>
	readFileSync(join(top, 'tests/cases/media', name));

// A file in a result: the sample's bytes under that name.
export const file = (name, o = {}) => ({
	filename: o.as ?? name, subfolder: o.subfolder ?? '',
	type: o.type ?? 'output', ...(o.members ?? {}),
	bytes: (o.bytes ?? sample(name)).toString('base64') });

// outputs as in a manifest, all from node 1, which shows `result`.
export function giving(name, result, outputs, run = {}) {
	const from = (o) => ({ from: '1', ...o });
	return {
		manifest: {
			name, version: 1, title: name, workflow: 'workflow.json',
			inputs: { note: { type: 'string', default: '',
				to: '2.filename_prefix' } },
			outputs: Object.fromEntries(Object.entries(outputs)
				.map(([key, o]) => [key, from(o)])),
			access: { scope: 'all' },
			limits: { wait: '60s', timeout: '10m', queue: 10000,
				concurrency: 10000 },
			run: { attempts: 2, keep: '1h', ...run },
		},
		workflow: {
			1: { class_type: 'StandinResult',
				inputs: { result: JSON.stringify(result) } },
			// Makes each run one of its own; its file is nobody's.
			2: { class_type: 'SaveImage', inputs: { images: ['3', 0],
				filename_prefix: 'x' } },
			3: { class_type: 'EmptyImage', inputs: { width: 8, height: 8,
				batch_size: 1, color: 0 } },
		},
	};
}
