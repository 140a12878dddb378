#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/web_message.h"
#include "fuzz/fuzz.h"

/*
 * Any bytes as what a server sends. However they are cut, head, body and the
 * end are the same; what was a body is one again as a chunk.
 *
 * Input: 'h' for the answer to a HEAD, a byte that tells the size of the
 * pieces, and what is sent.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MOST	 ((size_t)1 << 20) /* of what a buffer holds */
#define BYTEWISE 1024		   /* longer ones would take too long */

enum stage { HEAD, BODY, REFUSED };

/* What was made of the bytes so far. */
struct reading {
	bool bare;
	enum stage stage;
	struct buf head; /* that is not whole yet */
	struct web_head said;
	struct web_body at;
	struct buf body;
	size_t surplus;
	unsigned interim;
};

static void begin(struct reading *r, bool bare)
{
	*r = (struct reading){.bare = bare};
	buf_init(&r->head, MOST);
	buf_init(&r->body, MOST);
}

static void finish(struct reading *r)
{
	buf_finish(&r->head);
	buf_finish(&r->body);
}

/* Exactly as long, so that the sanitizer sees any look past it. */
static char *exact(const char *bytes, size_t n)
{
	char *copy = mem_alloc(n);

	if (n > 0)
		memcpy(copy, bytes, n);
	return copy;
}

static void read_body(struct reading *r, const char *bytes, size_t n)
{
	char *all = exact(bytes, n);
	size_t at = 0, used, len;
	const char *piece;

	for (; at < n; at += used) {
		used = web_body_take(&r->at, all + at, n - at, &piece, &len);
		fuzz_must(used <= n - at && len <= used, "more than there is");
		fuzz_must(len == 0 || piece + len == all + at + used,
			  "a piece is not what was taken last");
		fuzz_must(used > 0 || r->at.state == WEB_BODY_DONE ||
				  r->at.state == WEB_BODY_BAD,
			  "nothing was taken");
		if (used == 0)
			break;
		if (len > 0)
			buf_add(&r->body, piece, len);
	}
	r->surplus += n - at;
	free(all);
}

/* As base/web.c does: heads of 1xx are passed over. */
static void read_heads(struct reading *r)
{
	while (r->stage == HEAD) {
		char *all = exact(r->head.at, r->head.len);
		size_t n = r->head.len;
		ssize_t size = web_head_read(all, n, &r->said);

		fuzz_must(size >= -1 && size <= (ssize_t)n,
			  "a head larger than all");
		if (size < 0)
			r->stage = REFUSED;
		if (size > 0 && r->said.status > 199) {
			r->stage = BODY;
			web_body_begin(&r->at, &r->said, r->bare);
			read_body(r, all + size, n - (size_t)size);
		} else if (size > 0) {
			r->interim++;
			buf_clear(&r->head);
			buf_add(&r->head, all + size, n - (size_t)size);
		}
		free(all);
		if (size == 0)
			break;
	}
}

static void feed(struct reading *r, const char *bytes, size_t n, size_t piece)
{
	while (n > 0 && r->stage != REFUSED) {
		size_t have = piece < n ? piece : n;

		if (r->stage == BODY) {
			read_body(r, bytes, have);
		} else {
			buf_add(&r->head, bytes, have);
			read_heads(r);
		}
		bytes += have;
		n -= have;
	}
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->at, b->at, a->len) == 0);
}

static bool same_said(const struct web_head *a, const struct web_head *b)
{
	return a->status == b->status && a->length == b->length &&
	       a->max_age_s == b->max_age_s &&
	       strcmp(a->content_type, b->content_type) == 0 &&
	       a->chunked == b->chunked && a->last == b->last;
}

static void must_be_same(const struct reading *a, const struct reading *b)
{
	fuzz_must(a->stage == b->stage, "another stage");
	if (a->stage == REFUSED)
		return;
	fuzz_must(a->interim == b->interim, "another count of interim heads");
	if (a->stage == HEAD) {
		fuzz_must(same_bytes(&a->head, &b->head), "another rest");
		return;
	}
	fuzz_must(same_said(&a->said, &b->said), "another head");
	fuzz_must(same_bytes(&a->body, &b->body), "another body");
	fuzz_must(a->at.state == b->at.state && a->at.left == b->at.left &&
			  a->at.line == b->at.line &&
			  a->at.digits == b->at.digits,
		  "another end");
	fuzz_must(a->surplus == b->surplus, "another surplus");
}

static void in_bounds(const struct reading *r)
{
	if (r->stage != BODY)
		return;
	fuzz_must(r->said.status >= 200 && r->said.status <= 999,
		  "no such status");
	fuzz_must(r->said.length < 0 || !r->said.chunked,
		  "two ways to tell the end");
	fuzz_must(r->said.length < 0 || r->body.len <= (uint64_t)r->said.length,
		  "longer than its length");
	fuzz_must(!r->bare ||
			  (r->body.len == 0 && r->at.state == WEB_BODY_DONE),
		  "a HEAD has a body");
	fuzz_must(r->at.state != WEB_BODY_TO_CLOSE || r->surplus == 0,
		  "a surplus before the close");
}

/* A body as one chunk. */
static void again(const struct reading *r)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	struct reading second;
	struct buf text;

	buf_init(&text, MOST);
	buf_adds(&text, head);
	if (r->body.len > 0)
		buf_addf(&text, "%zx\r\n", r->body.len);
	buf_add(&text, buf_str(&r->body), r->body.len);
	buf_adds(&text, r->body.len > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
	begin(&second, false);
	feed(&second, text.at, text.len, text.len);
	fuzz_must(second.stage == BODY && second.at.state == WEB_BODY_DONE &&
			  second.surplus == 0 &&
			  same_bytes(&second.body, &r->body),
		  "a chunk is another body");
	finish(&second);
	buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes + 2;
	struct reading whole, cut;
	bool bare;

	if (n < 3)
		return 0;
	bare = bytes[0] == 'h';
	n -= 2;
	begin(&whole, bare);
	feed(&whole, text, n, n);
	in_bounds(&whole);
	begin(&cut, bare);
	feed(&cut, text, n, n / 64 + 1 + bytes[1]);
	must_be_same(&whole, &cut);
	finish(&cut);
	if (n <= BYTEWISE) {
		begin(&cut, bare);
		feed(&cut, text, n, 1);
		must_be_same(&whole, &cut);
		finish(&cut);
	}
	if (whole.stage == BODY)
		again(&whole);
	finish(&whole);
	return 0;
}
