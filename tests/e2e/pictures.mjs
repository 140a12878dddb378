// Small PNG files for tests, whole or lying.
import { crc32 as zlibCrc, deflateSync } from 'node:zlib';

function crc32(bytes) {
	if (zlibCrc)
		return zlibCrc(bytes);
	let c = ~0;
	for (const b of bytes) {
		c ^= b;
		for (let i = 0; i < 8; i++)
			c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c >>> 0;
}

function chunk(type, data) {
	const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
	const out = Buffer.alloc(body.length + 8);
	out.writeUInt32BE(data.length, 0);
	body.copy(out, 4);
	out.writeUInt32BE(crc32(body), body.length + 4);
	return out;
}

// pixel(x, y): [r, g, b] or [r, g, b, a]. claim: what the header says instead.
export function png(width, height, pixel = () => [200, 100, 50], claim = {}) {
	const channels = pixel(0, 0).length;
	const rows = Buffer.alloc(height * (1 + width * channels));
	for (let y = 0, at = 0; y < height; y++) {
		at++;
		for (let x = 0; x < width; x++)
			for (const v of pixel(x, y))
				rows[at++] = v;
	}
	const head = Buffer.alloc(13);
	head.writeUInt32BE(claim.width ?? width, 0);
	head.writeUInt32BE(claim.height ?? height, 4);
	head[8] = 8;
	head[9] = channels === 4 ? 6 : 2;
	return Buffer.concat([
		Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
		chunk('IHDR', head), chunk('IDAT', deflateSync(rows)),
		chunk('IEND', Buffer.alloc(0))]);
}
