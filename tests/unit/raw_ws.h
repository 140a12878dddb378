#ifndef TESTS_UNIT_RAW_WS_H
#define TESTS_UNIT_RAW_WS_H

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>

#include "raw.h"

/* The server's side of a WebSocket (RFC 6455) by hand, over raw.h. */
enum { RAW_TEXT = 1, RAW_BINARY = 2, RAW_CLOSE = 8, RAW_PING = 9, RAW_PONG };

/* One header's value, "" when it is not there. */
static inline void raw_header(const char *request, const char *name, char *to,
			      size_t size)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\r\n%s: ", name);
	at = strcasestr(request, key);
	to[0] = '\0';
	if (at != NULL)
		snprintf(to, size, "%.*s", (int)strcspn(at + strlen(key), "\r"),
			 at + strlen(key));
}

static inline bool raw_upgrade(int fd, const char *request)
{
	unsigned char digest[SHA_DIGEST_LENGTH], accept[64];
	char key[128], text[256];

	raw_header(request, "Sec-WebSocket-Key", key, sizeof(key));
	snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
		 key);
	SHA1((unsigned char *)text, strlen(text), digest);
	EVP_EncodeBlock(accept, digest, sizeof(digest));
	snprintf(text, sizeof(text),
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		 "Connection: upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		 (char *)accept);
	return raw_say(fd, text);
}

static inline bool raw_frame(int fd, bool final, int opcode, const void *bytes,
			     size_t n)
{
	unsigned char head[10];
	size_t len = 2;

	head[0] = (unsigned char)((final ? 0x80 : 0) | opcode);
	if (n < 126) {
		head[1] = (unsigned char)n;
	} else if (n < 65536) {
		head[1] = 126;
		head[2] = (unsigned char)(n >> 8);
		head[3] = (unsigned char)n;
		len = 4;
	} else {
		head[1] = 127;
		for (size_t i = 0; i < 8; i++)
			head[2 + i] =
				(unsigned char)((uint64_t)n >> (56 - 8 * i));
		len = 10;
	}
	return raw_write(fd, head, len) && raw_write(fd, bytes, n);
}

static inline bool raw_text(int fd, const char *text)
{
	return raw_frame(fd, true, RAW_TEXT, text, strlen(text));
}

static inline bool raw_read_exactly(int fd, unsigned char *to, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, to, n, 0);

		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

/* A short frame of the client; its opcode, or -1 at the end. */
static inline int raw_next_frame(int fd, char *to, size_t size)
{
	unsigned char head[8], bytes[65536];
	size_t n;

	if (!raw_read_exactly(fd, head, 2))
		return -1;
	n = head[1] & 0x7f;
	if (n == 126) {
		unsigned char more[2];

		if (!raw_read_exactly(fd, more, 2))
			return -1;
		n = (size_t)more[0] << 8 | more[1];
	}
	if (n > 65535 || (head[1] & 0x80) == 0 ||
	    !raw_read_exactly(fd, head + 4, 4) ||
	    !raw_read_exactly(fd, bytes, n))
		return -1;
	for (size_t i = 0; i < n; i++)
		bytes[i] ^= head[4 + i % 4];
	snprintf(to, size, "%.*s", (int)n, (char *)bytes);
	return head[0] & 0x0f;
}

#endif
