// Two clients from npm, written for the real ComfyUI, against the stand-in:
// each connects, runs a workflow and gets the picture.
import assert from 'node:assert';
import test, { after } from 'node:test';
import { built, startStandin } from './standin.mjs';

const graph = {
	1: { class_type: 'CheckpointLoaderSimple',
		inputs: { ckpt_name: 'v1-5-pruned-emaonly.safetensors' } },
	2: { class_type: 'CLIPTextEncode',
		inputs: { text: 'a lighthouse', clip: ['1', 1] } },
	3: { class_type: 'CLIPTextEncode', inputs: { text: '', clip: ['1', 1] } },
	4: { class_type: 'EmptyLatentImage',
		inputs: { width: 96, height: 64, batch_size: 1 } },
	5: { class_type: 'KSampler', inputs: { model: ['1', 0],
		positive: ['2', 0], negative: ['3', 0], latent_image: ['4', 0],
		seed: 7, steps: 4, cfg: 8, sampler_name: 'euler',
		scheduler: 'normal', denoise: 1 } },
	6: { class_type: 'VAEDecode', inputs: { samples: ['5', 0],
		vae: ['1', 2] } },
	7: { class_type: 'SaveImage', inputs: { images: ['6', 0],
		filename_prefix: 'client' } },
};

function checkPng(bytes) {
	const png = Buffer.from(bytes);

	assert.equal(png.subarray(1, 4).toString(), 'PNG');
	assert.equal(png.readUInt32BE(16), 96);
	assert.equal(png.readUInt32BE(20), 64);
	assert.ok(png.includes('stand-in'), 'says what made it');
}

// A client may leave a timer behind, and with it a process that never ends.
// This one keeps nobody: it only rings where another is still there.
after(() => setTimeout(() => process.exit(), 500).unref());

const skip = built ? false : 'build/standin is not built';

for (const dialect of ['0.25.0', '0.3.64']) {
	test(`@saintno/comfyui-sdk, ${dialect}`, { skip }, async () => {
		const { ComfyApi, CallWrapper, PromptBuilder } =
			await import('@saintno/comfyui-sdk');
		const standin = await startStandin('--dialect', dialect,
			'--step-ms', '100'); /* real ones take time, clients count on it */

		try {
			const api = new ComfyApi(standin.url);
			await api.init().waitForReady();
			const flow = new PromptBuilder(graph, ['seed'], ['images'])
				.setInputNode('seed', '5.inputs.seed')
				.setOutputNode('images', '7');
			let progress = 0;
			const result = await new Promise((done, fail) =>
				new CallWrapper(api, flow.input('seed', 8))
					.onProgress(() => progress++)
					.onFinished(done).onFailed(fail).run());
			const [image] = result.images.images;

			assert.ok(progress > 0, 'progress was heard');
			checkPng(await (await api.getImage(image)).arrayBuffer());
			api.destroy();
		} finally {
			await standin.stop();
		}
	});

	test(`@stable-canvas/comfyui-client, ${dialect}`, { skip }, async () => {
		const { Client } = await import('@stable-canvas/comfyui-client');
		const { default: WebSocket } = await import('ws');
		const standin = await startStandin('--dialect', dialect,
			'--step-ms', '100'); /* real ones take time, clients count on it */

		try {
			const client = new Client({ api_host:
				`127.0.0.1:${standin.port}`, WebSocket, fetch });
			client.connect();
			const result = await client.enqueue(graph, {});
			/* previews are among them, as buffers */
			const image = result.images.find((i) => i.type === 'url');
			const bytes = await (await fetch(image.data)).arrayBuffer();

			checkPng(bytes);
			client.close?.();
		} finally {
			await standin.stop();
		}
	});
}
