// A photo as a phone makes one: a baseline JPEG (ITU-T T.81) of any size in
// pixels and, nearly, of any size in bytes, with EXIF in it. It shows noise.

const segment = (marker, ...parts) => {
	const body = Buffer.concat(parts.map((p) => Buffer.from(p)));
	const head = Buffer.from([0xff, marker, 0, 0]);
	head.writeUInt16BE(body.length + 2, 2);
	return Buffer.concat([head, body]);
};

// Bits into bytes, a zero behind each 0xff.
class Bits {
	constructor(size) { this.out = Buffer.alloc(size); this.n = 0;
		this.acc = 0; this.have = 0; }
	put(value, count) {
		this.acc = (this.acc << count) | value;
		this.have += count;
		while (this.have >= 8) {
			const byte = (this.acc >> (this.have - 8)) & 0xff;
			this.out[this.n++] = byte;
			if (byte === 0xff)
				this.out[this.n++] = 0;
			this.have -= 8;
		}
		this.acc &= (1 << this.have) - 1;
	}
}

// bytes: about so many; canary: a text in its EXIF
export function photo({ width, height, bytes = 0, canary = 'a phone' }) {
	const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
	// A block: 1 + 4 bits for its mean, 8 for each coefficient, 1 to end.
	const each = Math.min(60,
		Math.max(0, Math.round((bytes * 8 / blocks - 6) / 8)));
	const exif = Buffer.concat([Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01' +
		'\x01\x0e\0\x02\0\0\0' , 'latin1'),
		Buffer.from([canary.length + 1, 0, 0, 0, 26, 0, 0, 0, 0]),
		Buffer.from(`${canary}\0`)]);
	const bits = new Bits(blocks * (each + 2) * 2 + 1024);
	let seed = 1;
	const noise = (count) => {
		seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
		return seed >>> (32 - count);
	};
	for (let b = 0; b < blocks; b++) {
		bits.put(0, 1);          // the mean differs by a number of 4 bits
		bits.put(noise(4), 4);
		for (let i = 0; i < each; i++) {
			bits.put(0b10, 2);   // the next coefficient, of 6 bits
			bits.put(noise(6), 6);
		}
		bits.put(0, 1);          // the end of the block
	}
	bits.put(0x7f, 7);
	const frame = Buffer.from([8, 0, 0, 0, 0, 1, 1, 0x11, 0]);
	frame.writeUInt16BE(height, 1);
	frame.writeUInt16BE(width, 3);
	const counts = (...n) => [...n, ...Array(16 - n.length).fill(0)];
	return Buffer.concat([
		Buffer.from([0xff, 0xd8]),
		segment(0xe1, exif),
		segment(0xdb, [0], Array(64).fill(1)),
		segment(0xc0, frame),
		segment(0xc4, [0x00], counts(1), [4]),
		segment(0xc4, [0x10], counts(1, 1), [0x00, 0x06]),
		segment(0xda, [1, 1, 0, 0, 63, 0]),
		bits.out.subarray(0, bits.n),
		Buffer.from([0xff, 0xd9]),
	]);
}
