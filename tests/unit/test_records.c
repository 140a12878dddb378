#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/id.h"
#include "fcgi_client.h"
#include "http/fastcgi.h"
#include "http/frames.h"
#include "http/records.h"
#include "http/request_id.h"
#include "base/timers.h"
#include "tap.h"

/* Records out, read back byte by byte with an eye on each header. */

struct parsed {
	struct buf content;
	size_t stdouts; /* with content */
	bool empty;	/* the empty STDOUT */
	bool end;
	bool right;
};

static void read_back(struct parsed *p, const struct buf *wire, unsigned id)
{
	size_t at = 0;

	*p = (struct parsed){.right = true};
	buf_init(&p->content, 1 << 26);
	while (at + 8 <= wire->len) {
		const unsigned char *h = (const unsigned char *)wire->at + at;
		size_t n = (size_t)h[4] << 8 | h[5];

		p->right &= h[0] == 1 && h[2] == id >> 8 &&
			    h[3] == (id & 255) && h[6] == 0 && !p->end;
		if (h[1] == 6 && n > 0) {
			p->right &= !p->empty;
			p->stdouts++;
			buf_add(&p->content, h + 8, n);
		} else if (h[1] == 6) {
			p->empty = true;
		} else {
			p->right &= h[1] == 3 && n == 8 &&
				    memcmp(h + 8, "\0\0\0\0\0\0\0\0", 8) == 0;
			p->end = true;
		}
		at += 8 + n;
	}
	p->right &= at == wire->len;
}

static void test_records(void)
{
	static const struct {
		const char *name;
		size_t head, body;
		bool end;
		size_t stdouts;
	} cases[] = {
		{"nothing, the end", 0, 0, true, 0},
		{"a head alone", 43, 0, true, 1},
		{"head and body", 43, 1000, true, 1},
		{"a piece of a stream", 0, 100, false, 1},
		{"exactly one record", 28, 65500, true, 1},
		{"one byte more", 28, 65501, true, 2},
		{"three records", 100, 2 * 65528, true, 3},
		{"a megabyte", 300, 1 << 20, true, 17},
		{"a long head", 65528 + 5, 10, true, 2},
	};
	char *bytes = malloc((1 << 20) + 70000);

	for (size_t i = 0; i < (1 << 20) + 70000; i++)
		bytes[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct iovec head = {bytes, cases[i].head};
		struct iovec body = {bytes + cases[i].head, cases[i].body};
		struct records r;
		struct parsed p;
		struct buf wire;

		buf_init(&wire, 1 << 26);
		records_init(&r, 0x1234, &head, &body, cases[i].end);
		for (size_t k = 0; k < r.count; k++)
			buf_add(&wire, r.iov[k].iov_base, r.iov[k].iov_len);
		ok(r.bytes == wire.len, "%s: bytes", cases[i].name);
		records_finish(&r);
		read_back(&p, &wire, 0x1234);
		ok(p.right && p.stdouts == cases[i].stdouts &&
			   p.empty == cases[i].end && p.end == cases[i].end,
		   "%s: records", cases[i].name);
		ok(p.content.len == cases[i].head + cases[i].body &&
			   (p.content.len == 0 ||
			    memcmp(p.content.at, bytes, p.content.len) == 0),
		   "%s: content", cases[i].name);
		buf_finish(&p.content);
		buf_finish(&wire);
	}
	free(bytes);
}

/* Records in: the same request fed in pieces of every size up to its own. */
static void test_frames_pieces(void)
{
	struct buf wire;
	bool all = true;

	buf_init(&wire, 1 << 20);
	fcgi_request(&wire, 513, true, "POST", "/x",
		     (const char *const[]){"HTTP_A", "b", NULL}, "the body", 8);
	for (size_t piece = 1; piece <= wire.len; piece++) {
		struct frames f;
		size_t at = 0;

		frames_init(&f, 100);
		while (at < wire.len && f.stage < FRAMES_WHOLE) {
			size_t n =
				wire.len - at < piece ? wire.len - at : piece;

			at += frames_feed(
				&f, (const unsigned char *)wire.at + at, n);
		}
		all &= f.stage == FRAMES_WHOLE && at == wire.len &&
		       f.id == 513 && f.body_len == 8 &&
		       memcmp(f.body, "the body", 9) == 0 && !f.too_large;
		frames_finish(&f);
	}
	ok(all, "a request cut at every place is the same request");
	buf_finish(&wire);
}

/* All at once: the head, and then the rest. */
static size_t feed_whole(struct frames *f, const struct buf *wire)
{
	const unsigned char *at = (const unsigned char *)wire->at;
	size_t head = frames_feed(f, at, wire->len);

	return head + frames_feed(f, at + head, wire->len - head);
}

static bool gather(void *ctx, const void *bytes, size_t n)
{
	struct buf *to = ctx;

	buf_add(to, bytes, n);
	return to->len < 6;
}

/* The head ends a call, so that the body can be sent elsewhere. */
static void test_frames_sink(void)
{
	struct frames f;
	struct buf wire, got;
	size_t head;

	buf_init(&wire, 1 << 20);
	buf_init(&got, 1000);
	fcgi_request(&wire, 1, true, "POST", "/", NULL, "abcdefghij", 10);
	frames_init(&f, 5);
	head = frames_feed(&f, (const unsigned char *)wire.at, wire.len);
	ok(f.stage == FRAMES_BODY && head < wire.len && f.params_len > 0,
	   "a call ends with the head");
	f.sink = gather;
	f.sink_ctx = &got;
	for (; head < wire.len; head += 3)
		frames_feed(&f, (const unsigned char *)wire.at + head,
			    wire.len - head < 3 ? wire.len - head : 3);
	ok(f.stage == FRAMES_WHOLE && !f.too_large && f.body_len == 0 &&
		   got.len >= 6 && got.len < 10 &&
		   memcmp(got.at, "abcdefghij", got.len) == 0,
	   "a sink gets the body until it says enough");
	frames_finish(&f);
	buf_finish(&got);
	buf_finish(&wire);
}

static void test_frames_ceiling(void)
{
	static const struct {
		size_t max, n;
		bool too_large;
	} cases[] = {
		{10, 9, false},	       {10, 10, false}, {10, 11, true},
		{0, 0, false},	       {0, 1, true},	{40000, 40001, true},
		{70000, 70000, false},
	};
	char *body = calloc(1, 100000);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct frames f;
		struct buf wire;

		buf_init(&wire, 1 << 20);
		fcgi_request(&wire, 1, true, "POST", "/", NULL, body,
			     cases[i].n);
		frames_init(&f, cases[i].max);
		ok(feed_whole(&f, &wire) == wire.len &&
			   f.stage == FRAMES_WHOLE &&
			   f.too_large == cases[i].too_large &&
			   f.body_len == (cases[i].too_large ? 0 : cases[i].n),
		   "%zu bytes under a ceiling of %zu", cases[i].n,
		   cases[i].max);
		frames_finish(&f);
		buf_finish(&wire);
	}
	free(body);
}

static void test_frames_broken(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
	} cases[] = {
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", 18},
		{"another version", "\2\1\0\1\0\10\0\0", 8},
		{"id 0", "\1\1\0\0\0\10\0\0", 8},
		{"a short BEGIN", "\1\1\0\1\0\7\0\0", 8},
		{"PARAMS first", "\1\4\0\1\0\0\0\0", 8},
		{"a management record", "\1\11\0\0\0\0\0\0", 8},
		{"an authorizer", "\1\1\0\1\0\10\0\0\0\2\0\0\0\0\0\0", 16},
		{"BEGIN twice",
		 "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\1\0\1\0\10\0\0", 24},
		{"another id",
		 "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\2\0\0\0\0", 24},
		{"STDIN before the parameters end",
		 "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\5\0\1\0\0\0\0", 24},
		{"ABORT", "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\2\0\1\0\0\0\0",
		 24},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct frames f;

		frames_init(&f, 100);
		frames_feed(&f, (const unsigned char *)cases[i].bytes,
			    cases[i].n);
		ok(f.stage == FRAMES_BROKEN, "%s", cases[i].name);
		frames_finish(&f);
	}
}

static void test_frames_params_ceiling(void)
{
	struct buf params, wire;
	struct frames f;

	buf_init(&params, 1 << 20);
	buf_init(&wire, 1 << 20);
	for (size_t i = 0; i <= FRAMES_PARAMS_MAX; i++)
		buf_addc(&params, 'x');
	fcgi_whole(&wire, 1, true, &params, 30000, "", 0);
	frames_init(&f, 100);
	feed_whole(&f, &wire);
	ok(f.stage == FRAMES_WHOLE && f.too_long && f.params == NULL,
	   "parameters past their ceiling are dropped");
	frames_finish(&f);
	buf_finish(&params);
	buf_finish(&wire);
}

static unsigned seed = 20261123;

static unsigned random_below(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* Does libfcgi find in these parameters what we put there? */
static bool same_params(const struct fastcgi_request *r, size_t params_len)
{
	size_t bytes = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->params[i].name, "FCGI_ROLE") != 0)
			bytes += strlen(r->params[i].name) +
				 strlen(r->params[i].value) + 2;
	}
	/* A '=' in a name moves a byte from the name to nowhere. */
	return bytes <= params_len + r->count;
}

/*
 * Requests with a few bytes changed, lengths above all. Whatever they are, the
 * end is a whole request, a refused one, or a wait for more; under a sanitizer
 * also nothing read that is not there. And a right one in between is read
 * right, so nothing of the one before is left.
 */
static void test_mutations(void)
{
	static const char *const more[] = {"HTTP_A", "b", "HTTP_PREFER",
					   "wait=3", NULL};
	struct fastcgi parser;
	struct problem why;
	struct buf wire;
	unsigned whole = 0, refused = 0, broken = 0, waiting = 0;
	bool right = fastcgi_open(&parser, &why);

	for (unsigned i = 0; i < 20000; i++) {
		struct arena arena = {0};
		struct fastcgi_request r;
		struct frames f;

		buf_init(&wire, 65536);
		fcgi_request(&wire, 1, true, "POST", "/v1/x?y=z", more, "body",
			     4);
		if (i % 8 != 0) {
			for (unsigned n = 1 + random_below(3); n > 0; n--)
				wire.at[random_below((unsigned)wire.len)] =
					(char)random_below(256);
		}
		frames_init(&f, 1000);
		feed_whole(&f, &wire);
		if (f.stage == FRAMES_BROKEN) {
			broken++;
		} else if (f.stage != FRAMES_WHOLE) {
			waiting++;
		} else if (!fastcgi_parse(&parser, &f, &arena, &r)) {
			refused++;
		} else {
			whole++;
			right &= same_params(&r, f.params_len);
			if (i % 8 == 0)
				right &= r.count == 5 && r.keep_conn;
		}
		if (i % 8 == 0)
			right &= f.stage == FRAMES_WHOLE;
		frames_finish(&f);
		arena_finish(&arena);
		buf_finish(&wire);
	}
	fastcgi_close(&parser);
	ok(right, "20,000 changed requests");
	ok(whole > 2500 && refused > 0 && broken > 0 && waiting > 0,
	   "of every kind: %u whole, %u refused, %u broken, %u waiting", whole,
	   refused, broken, waiting);
}

static void test_request_id(void)
{
	static const char trace[] =
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	static const struct {
		const char *name, *callers, *traceparent, *nginx, *want;
	} cases[] = {
		{"the caller's", "abc.DEF_1-2", trace, "n", "abc.DEF_1-2"},
		{"a trace id", NULL, trace, "n",
		 "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"bad ones are passed over", "a b", "00-xyz", "n1", "n1"},
		{"a slash", "a/b", NULL, "n1", "n1"},
		{"a line feed", "a\nb", NULL, "n1", "n1"},
		{"empty", "", "", "n1", "n1"},
		{"all-zero trace", NULL,
		 "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		 "n1", "n1"},
		{"all-zero parent", NULL,
		 "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		 "n1", "n1"},
		{"version ff", NULL,
		 "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		 "n1", "n1"},
		{"upper case", NULL,
		 "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		 "n1", "n1"},
		{"version 00 has no more", NULL,
		 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		 "n1", "n1"},
		{"a later version may", NULL,
		 "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		 "n1", "4bf92f3577b34da6a3ce929d0e0e4736"},
	};
	char longest[131], out[REQUEST_ID_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		request_id_choose(cases[i].callers, cases[i].traceparent,
				  cases[i].nginx, out);
		is_str(out, cases[i].want, cases[i].name);
	}
	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	request_id_choose(longest, NULL, NULL, out);
	is_str(out, longest, "128 characters");
	longest[128] = 'a';
	longest[129] = '\0';
	request_id_choose(longest, NULL, "", out);
	ok(id_valid(out) && out[14] == '7', "129: a new UUIDv7 instead");
}

static int64_t fired[3000];
static size_t fired_count;

static void fire(struct timer *t)
{
	fired[fired_count++] = t->at;
}

/* Against sorting: 3,000 timers, a third moved, a third stopped. */
static void test_timers(void)
{
	static struct timer t[3000];
	struct timers ts = {0};
	bool sorted = true;
	size_t want = 0, due = 0;

	ok(timers_wait(&ts, 0, 500) == 500, "no timer: the longest wait");
	for (size_t i = 0; i < COUNT(t); i++) {
		t[i].fire = fire;
		timer_set(&ts, &t[i], random_below(4096));
	}
	for (size_t i = 0; i < COUNT(t); i++) {
		if (i % 3 == 0)
			timer_set(&ts, &t[i], random_below(4096));
		if (i % 3 == 1)
			timer_stop(&ts, &t[i]);
		want += i % 3 != 1;
		due += i % 3 != 1 && t[i].at <= 2000;
	}
	timer_stop(&ts, &t[1]);
	timers_run(&ts, 2000);
	ok(fired_count == due, "those that are due");
	ok(timers_wait(&ts, 2000, 60000) > 0, "the next is later");
	timers_run(&ts, 4096);
	for (size_t i = 1; i < fired_count; i++)
		sorted &= fired[i - 1] <= fired[i];
	ok(fired_count == want && sorted, "all, in order");
	ok(ts.count == 0, "none left");
	timers_finish(&ts);
}

int main(void)
{
	test_records();
	test_frames_pieces();
	test_frames_sink();
	test_frames_ceiling();
	test_frames_broken();
	test_frames_params_ceiling();
	test_mutations();
	test_request_id();
	test_timers();
	return tap_done();
}
