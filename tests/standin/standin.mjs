// Starts and ends the stand-in for the Node.js tests of this folder.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const binary =
	process.env.STANDIN || path.join(here, '../../build/standin');
export const built = existsSync(binary);

export async function startStandin(...args) {
	const child = spawn(binary, ['--port', '0', '--quiet', ...args], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const exited = new Promise((done) => child.once('exit', done));
	const port = await new Promise((done, fail) => {
		let text = '';
		child.once('exit', (code) => fail(new Error(`ended with ${code}`)));
		child.stdout.on('data', (data) => {
			text += data;
			const found = /^listening on [^:]*:(\d+)$/m.exec(text);
			if (found)
				done(Number(found[1]));
		});
	});
	const url = `http://127.0.0.1:${port}`;
	return {
		port,
		url,
		exited,
		ask: (route, init) => fetch(`${url}/standin/${route}`, init),
		post: (route, body) =>
			fetch(`${url}${route}`, {
				method: 'POST',
				body: JSON.stringify(body ?? {}),
			}),
		await: async (event, timeout = 10000) => {
			const answer = await fetch(
				`${url}/standin/await?event=${encodeURIComponent(event)}` +
					`&timeout=${timeout}`
			);
			if (answer.status !== 200)
				throw new Error(`${event} did not happen`);
		},
		stop: async () => {
			child.kill('SIGTERM');
			await exited;
		},
	};
}
