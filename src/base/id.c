#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

#define BYTES 16

/* A system call for sixteen ids. No byte is handed out twice, and none is kept
 * that was. */
static void draw(unsigned char out[BYTES])
{
	static _Thread_local unsigned char pool[16 * BYTES];
	static _Thread_local size_t left;

	if (left == 0) {
		digest_random(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= BYTES;
	memcpy(out, pool + left, BYTES);
	memset(pool + left, 0, BYTES);
}

static void print(const unsigned char b[BYTES], char out[ID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[b[i] >> 4];
		out[at++] = hex[b[i] & 15];
	}
	out[at] = '\0';
}

/* 48 bits of milliseconds and a 12-bit counter in one number that only grows:
 * within a millisecond, or when the clock steps back, it counts on. A fresh
 * millisecond starts the counter at random in its lower half. */
static uint64_t next_stamp(unsigned random)
{
	static _Atomic uint64_t last;
	uint64_t now = (uint64_t)clock_wall_ms() << 12 | (random & 0x7FF);
	uint64_t before = atomic_load(&last), mine;

	do {
		mine = now > before ? now : before + 1;
	} while (!atomic_compare_exchange_weak(&last, &before, mine));
	return mine;
}

void id_v7(char out[ID_SIZE])
{
	unsigned char b[BYTES];
	uint64_t stamp;

	draw(b);
	stamp = next_stamp((unsigned)b[6] << 8 | b[7]);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(stamp >> (52 - 8 * i));
	b[6] = (unsigned char)(0x70 | ((stamp >> 8) & 0x0F));
	b[7] = (unsigned char)(stamp & 0xFF);
	b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
	print(b, out);
}

void id_v4(char out[ID_SIZE])
{
	unsigned char b[BYTES];

	draw(b);
	b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
	print(b, out);
}

bool id_valid(const char *text)
{
	size_t i;

	if (text == NULL)
		return false;
	for (i = 0; i < ID_SIZE - 1; i++) {
		char c = text[i];

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return false;
		} else if (!((c >= '0' && c <= '9') ||
			     (c >= 'a' && c <= 'f'))) {
			return false;
		}
	}
	return text[i] == '\0';
}
