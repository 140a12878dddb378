#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/records.h"

void record_head(unsigned char out[8], enum record_type type, uint16_t id,
		 size_t length)
{
	out[0] = RECORD_VERSION;
	out[1] = (unsigned char)type;
	out[2] = (unsigned char)(id >> 8);
	out[3] = (unsigned char)(id & 0xff);
	out[4] = (unsigned char)(length >> 8 & 0xff);
	out[5] = (unsigned char)(length & 0xff);
	out[6] = 0;
	out[7] = 0;
}

static void add(struct records *r, void *at, size_t n)
{
	if (n == 0)
		return;
	r->iov[r->count++] = (struct iovec){.iov_base = at, .iov_len = n};
	r->bytes += n;
}

/* Takes up to `room` bytes off the front of *piece. */
static size_t add_part(struct records *r, struct iovec *piece, size_t room)
{
	size_t n = piece->iov_len < room ? piece->iov_len : room;

	add(r, piece->iov_base, n);
	if (n > 0)
		piece->iov_base = (char *)piece->iov_base + n;
	piece->iov_len -= n;
	return n;
}

static void add_end(struct records *r, unsigned char *out, unsigned char *end,
		    uint16_t id)
{
	record_head(out, RECORD_STDOUT, id, 0);
	add(r, out, 8);
	record_head(end, RECORD_END, id, 8);
	memset(end + 8, 0, 8); /* status 0, FCGI_REQUEST_COMPLETE */
	add(r, end, 16);
}

void records_init(struct records *r, uint16_t id, const struct iovec *head,
		  const struct iovec *body, bool end)
{
	struct iovec h = *head, b = *body;
	size_t total = h.iov_len + b.iov_len;
	size_t n = (total + RECORD_CONTENT_MAX - 1) / RECORD_CONTENT_MAX;
	size_t slots = n + (end ? 2 : 0);

	r->count = 0;
	r->bytes = 0;
	r->iov = r->few_iov;
	r->heads = r->few_heads;
	if (slots > RECORDS_FEW) {
		r->iov = mem_array(3 * slots, sizeof(*r->iov));
		r->heads = mem_array(slots, sizeof(*r->heads));
	}
	for (size_t i = 0; i < n; i++) {
		size_t left = h.iov_len + b.iov_len;
		size_t size = left;

		if (size > RECORD_CONTENT_MAX)
			size = RECORD_CONTENT_MAX;
		record_head(r->heads[i], RECORD_STDOUT, id, size);
		add(r, r->heads[i], 8);
		add_part(r, &b, size - add_part(r, &h, size));
	}
	if (end)
		add_end(r, r->heads[n], r->heads[n + 1], id);
}

void records_finish(struct records *r)
{
	if (r->iov != r->few_iov)
		free(r->iov);
	if (r->heads != r->few_heads)
		free(r->heads);
}
