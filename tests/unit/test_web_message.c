/* Answers of HTTP: what is taken for one, what is not, and where its body ends,
 * however the bytes come. */
#include "base/web_message.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tap.h"

#define OK	 "HTTP/1.1 200 OK\r\n"
#define END	 "\r\n"
#define AS	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 30 */
#define AS_120	 AS AS AS AS
#define BYTES(s) (s), sizeof(s) - 1

/* What a head says, where it says anything: "200 length 5 last". */
static const struct {
	const char *name, *head, *says;
} good[] = {
	{"no field", OK END, "200"},
	{"a line feed is a line's end",
	 "HTTP/1.1 200 OK\nContent-Length: 5\n\n", "200 length 5"},
	{"line ends of both kinds", OK "Content-Length: 5\n\r\n",
	 "200 length 5"},
	{"no words for the status", "HTTP/1.1 404\r\n\r\n", "404"},
	{"but their blank", "HTTP/1.1 404 \r\n\r\n", "404"},
	{"words in UTF-8", "HTTP/1.1 500 Oh n\xc3\xb6\r\n\r\n", "500"},
	{"the least status", "HTTP/1.1 100 Continue\r\n\r\n", "100"},
	{"the greatest", "HTTP/1.1 999\r\n\r\n", "999"},
	{"a later 1.x", "HTTP/1.7 200 OK\r\n\r\n", "200"},
	{"1.0 closes", "HTTP/1.0 200 OK\r\n\r\n", "200 last"},
	{"1.0 closes whatever it says",
	 "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", "200 last"},

	{"a length", OK "Content-Length: 5\r\n" END, "200 length 5"},
	{"none", OK "Content-Length: 0\r\n" END, "200 length 0"},
	{"zeros before it", OK "Content-Length: 0005\r\n" END, "200 length 5"},
	{"twice the same", OK "Content-Length: 5\r\ncontent-length: 05\r\n" END,
	 "200 length 5"},
	{"the greatest length",
	 OK "Content-Length: 9223372036854775807\r\n" END,
	 "200 length 9223372036854775807"},
	{"odd case, odd blanks", OK "cOnTeNt-LeNgTh:\t 5 \t\r\n" END,
	 "200 length 5"},
	{"no blank", OK "Content-Length:5\r\n" END, "200 length 5"},
	{"another name that begins so", OK "Content-Length-X: no\r\n" END,
	 "200"},
	{"a value with colons", OK "Location: http://a:1/\r\n" END, "200"},
	{"an empty value", OK "X:\r\n" END, "200"},
	{"a length in a value", OK "X: Content-Length: 5\r\n" END, "200"},

	{"chunks", OK "Transfer-Encoding: chunked\r\n" END, "200 chunked"},
	{"Chunks", OK "transfer-encoding:CHUNKED \r\n" END, "200 chunked"},

	{"closes", OK "Connection: close\r\n" END, "200 last"},
	{"Closes", OK "connection:\tKeep-Alive ,, Close\r\n" END, "200 last"},
	{"in the second line",
	 OK "Connection: upgrade\r\nConnection: close\r\n" END, "200 last"},
	{"does not", OK "Connection: keep-alive, closed, not close\r\n" END,
	 "200"},

	{"a type", OK "Content-Type: image/PNG; q=\"a;b\"\r\n" END,
	 "200 type image/png"},
	{"a type that ends with a blank", OK "Content-Type: a/b \t;c\r\n" END,
	 "200 type a/b"},
	{"an empty type", OK "Content-Type: ;\r\n" END, "200"},
	{"the longest type", OK "Content-Type: " AS_120 "/bbbbbb\r\n" END,
	 "200 type " AS_120 "/bbbbbb"},
	{"one longer", OK "Content-Type: " AS_120 "/bbbbbbb\r\n" END, "200"},

	{"an age", OK "Cache-Control: max-age=60\r\n" END, "200 age 60"},
	{"an age in a list",
	 OK "cache-CONTROL: public ,\tMax-Age=60,, s-maxage=9\r\n" END,
	 "200 age 60"},
	{"at the end of one", OK "Cache-Control: ,public,max-age=0\r\n" END,
	 "200 age 0"},
	{"in the second line",
	 OK "Cache-Control: a\r\nCache-Control: max-age=7\r\n" END,
	 "200 age 7"},
	{"ages that are none",
	 OK "Cache-Control: max-age=, max-age, max-age=-1, max-age=1x, "
	    "max-age=\"5\", max-age =5, max-age= 5, xmax-age=5\r\n" END,
	 "200"},
	{"the greatest age", OK "Cache-Control: max-age=4294967295\r\n" END,
	 "200 age 4294967295"},
	{"one more", OK "Cache-Control: max-age=4294967296\r\n" END, "200"},

	{"all at once",
	 OK "Connection: close\r\nContent-Type: a/b\r\nX: y\r\n"
	    "Cache-Control: max-age=1\r\nContent-Length: 2\r\n" END,
	 "200 length 2 age 1 type a/b last"},
};

static const struct {
	const char *name, *head;
	size_t n;
} refused[] = {
	{"no HTTP", BYTES("hello\r\n\r\n")},
	{"SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n\r\n")},
	{"a shout", BYTES("ICY 200 OK\r\n\r\n")},
	{"an empty line before it", BYTES("\r\n" OK END)},
	{"HTTP/0.9", BYTES("<html>\r\n\r\n")},
	{"HTTP/2", BYTES("HTTP/2 200\r\n\r\n")},
	{"HTTP/2.0", BYTES("HTTP/2.0 200 OK\r\n\r\n")},
	{"HTTP/1.x", BYTES("HTTP/1.x 200 OK\r\n\r\n")},
	{"HTTP/1.10", BYTES("HTTP/1.10 200 OK\r\n\r\n")},
	{"in small letters", BYTES("http/1.1 200 OK\r\n\r\n")},
	{"a request", BYTES("GET / HTTP/1.1\r\n\r\n")},
	{"no status", BYTES("HTTP/1.1\r\n\r\n")},
	{"no blank before it", BYTES("HTTP/1.1200 OK\r\n\r\n")},
	{"two of them", BYTES("HTTP/1.1  200 OK\r\n\r\n")},
	{"a tab", BYTES("HTTP/1.1\t200 OK\r\n\r\n")},
	{"099", BYTES("HTTP/1.1 099 OK\r\n\r\n")},
	{"1000", BYTES("HTTP/1.1 1000 OK\r\n\r\n")},
	{"20", BYTES("HTTP/1.1 20 OK\r\n\r\n")},
	{"20x", BYTES("HTTP/1.1 20x OK\r\n\r\n")},
	{"+20", BYTES("HTTP/1.1 +20 OK\r\n\r\n")},
	{"200x", BYTES("HTTP/1.1 200x\r\n\r\n")},
	{"200 and a tab", BYTES("HTTP/1.1 200\tOK\r\n\r\n")},
	{"a NUL in the words", BYTES("HTTP/1.1 200 O\0K\r\n\r\n")},

	{"a folded line", BYTES(OK "X: a\r\n b\r\n" END)},
	{"one with a tab", BYTES(OK "X: a\r\n\tContent-Length: 5\r\n" END)},
	{"a folded first line", BYTES(OK " X: a\r\n" END)},
	{"a line of blanks", BYTES(OK "X: a\r\n \r\n" END)},
	{"a blank before the colon", BYTES(OK "Content-Length : 5\r\n" END)},
	{"a tab before it", BYTES(OK "Transfer-Encoding\t: chunked\r\n" END)},
	{"no colon", BYTES(OK "nonsense\r\n" END)},
	{"no name", BYTES(OK ": a\r\n" END)},
	{"a NUL in a name", BYTES(OK "Content-\0Length: 5\r\n" END)},
	{"a NUL in a value", BYTES(OK "X: a\0b\r\n" END)},
	{"a NUL after a length", BYTES(OK "Content-Length: 5\0\r\n" END)},
	{"two carriage returns", BYTES(OK "Content-Length: 5\r\r\n" END)},
	{"an end with two", BYTES(OK "X: a\r\n\r\r\n" END)},

	{"two lengths",
	 BYTES(OK "Content-Length: 5\r\nContent-Length: 6\r\n" END)},
	{"+5", BYTES(OK "Content-Length: +5\r\n" END)},
	{"-5", BYTES(OK "Content-Length: -5\r\n" END)},
	{"5,5", BYTES(OK "Content-Length: 5,5\r\n" END)},
	{"5 5", BYTES(OK "Content-Length: 5 5\r\n" END)},
	{"5.0", BYTES(OK "Content-Length: 5.0\r\n" END)},
	{"0x5", BYTES(OK "Content-Length: 0x5\r\n" END)},
	{"5e0", BYTES(OK "Content-Length: 5e0\r\n" END)},
	{"an empty length", BYTES(OK "Content-Length:\r\n" END)},
	{"a blank one", BYTES(OK "Content-Length: \t \r\n" END)},
	{"a good one and an empty one",
	 BYTES(OK "Content-Length: 5\r\nContent-Length:\r\n" END)},
	{"more than 63 bits",
	 BYTES(OK "Content-Length: 9223372036854775808\r\n" END)},
	{"20 digits", BYTES(OK "Content-Length: 18446744073709551621\r\n" END)},
	{"30 digits",
	 BYTES(OK "Content-Length: 000000000000000000000000000005\r\n" END)},

	{"chunks and a length",
	 BYTES(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END)},
	{"a length and chunks",
	 BYTES(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END)},
	{"chunks twice",
	 BYTES(OK "Transfer-Encoding: chunked\r\ntransfer-encoding: "
		  "chunked\r\n" END)},
	{"twice in a line",
	 BYTES(OK "Transfer-Encoding: chunked, chunked\r\n" END)},
	{"gzip, chunked", BYTES(OK "Transfer-Encoding: gzip, chunked\r\n" END)},
	{"gzip", BYTES(OK "Transfer-Encoding: gzip\r\n" END)},
	{"identity", BYTES(OK "Transfer-Encoding: identity\r\n" END)},
	{"no coding", BYTES(OK "Transfer-Encoding:\r\n" END)},
	{"chunks with something",
	 BYTES(OK "Transfer-Encoding: chunked;q=1\r\n" END)},
	{"xchunked", BYTES(OK "Transfer-Encoding: xchunked\r\n" END)},
};

/* In memory of just that size, so that a sanitizer sees a look beyond it. */
static ssize_t read_head(const char *bytes, size_t n, struct web_head *out)
{
	char *exact = mem_alloc(n);
	ssize_t size;

	memcpy(exact, bytes, n);
	size = web_head_read(exact, n, out);
	free(exact);
	return size;
}

static void say(const struct web_head *h, struct buf *to)
{
	buf_addf(to, "%d", h->status);
	if (h->length >= 0)
		buf_addf(to, " length %lld", (long long)h->length);
	if (h->max_age_s >= 0)
		buf_addf(to, " age %lld", (long long)h->max_age_s);
	if (h->content_type[0] != '\0')
		buf_addf(to, " type %s", h->content_type);
	buf_adds(to, h->chunked ? " chunked" : "");
	buf_adds(to, h->last ? " last" : "");
}

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t n = strlen(good[i].head), asked = 0;
		struct web_head h;
		struct buf said, more;

		while (asked < n && read_head(good[i].head, asked, &h) == 0)
			asked++;
		ok(asked == n, "%s: waits for its end", good[i].name);
		ok(read_head(good[i].head, n, &h) == (ssize_t)n, "%s: whole",
		   good[i].name);
		buf_init(&said, 1000);
		say(&h, &said);
		is_str(buf_str(&said), good[i].says, good[i].name);
		buf_init(&more, 2000);
		buf_adds(&more, good[i].head);
		buf_adds(&more, "Content-Length: 77\r\n\r\n");
		ok(read_head(more.at, more.len, &h) == (ssize_t)n,
		   "%s: what follows is not its own", good[i].name);
		buf_clear(&said);
		say(&h, &said);
		is_str(buf_str(&said), good[i].says, good[i].name);
		buf_finish(&said);
		buf_finish(&more);
	}
}

/* Once refused it stays so, whatever more comes. */
static void test_refused(void)
{
	struct web_head h;

	for (size_t i = 0; i < COUNT(refused); i++) {
		size_t n = 0;

		while (n < refused[i].n &&
		       read_head(refused[i].head, n, &h) == 0)
			n++;
		while (n < refused[i].n &&
		       read_head(refused[i].head, n, &h) == -1)
			n++;
		ok(n == refused[i].n && read_head(refused[i].head, n, &h) == -1,
		   "refused: %s", refused[i].name);
	}
	ok(read_head("HTTP", 4, &h) == 0 && read_head("HTTQ", 4, &h) == -1,
	   "told by the first bytes");
}

/* ---- the body ---- */

#define CHUNKED OK "Transfer-Encoding: chunked\r\n" END

static const struct {
	const char *name, *head;
	bool bare;
	const char *bytes;
	size_t n;
	const char *body;
	enum web_body_state end;
	size_t surplus; /* bytes that are not the answer's */
} bodies[] = {
	{"a length", OK "Content-Length: 5\r\n" END, false, BYTES("hello"),
	 "hello", WEB_BODY_DONE, 0},
	{"a length, and more", OK "Content-Length: 5\r\n" END, false,
	 BYTES("hello\r\nHTTP/1.1"), "hello", WEB_BODY_DONE, 10},
	{"a length, and less", OK "Content-Length: 5\r\n" END, false,
	 BYTES("hel"), "hel", WEB_BODY_LENGTH, 0},
	{"the length 0", OK "Content-Length: 0\r\n" END, false, BYTES("x"), "",
	 WEB_BODY_DONE, 1},
	{"a length that does not end",
	 OK "Content-Length: 9223372036854775807\r\n" END, false, BYTES("abc"),
	 "abc", WEB_BODY_LENGTH, 0},
	{"to the close", OK END, false, BYTES("hello\r\n\r\n"), "hello\r\n\r\n",
	 WEB_BODY_TO_CLOSE, 0},
	{"HEAD with a length", OK "Content-Length: 5\r\n" END, true,
	 BYTES("hello"), "", WEB_BODY_DONE, 5},
	{"HEAD with chunks", CHUNKED, true, BYTES("0\r\n\r\n"), "",
	 WEB_BODY_DONE, 5},
	{"HEAD with neither", OK END, true, BYTES("x"), "", WEB_BODY_DONE, 1},
	{"204", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", false,
	 BYTES("hello"), "", WEB_BODY_DONE, 5},
	{"304", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", false,
	 BYTES("hello"), "", WEB_BODY_DONE, 5},
	{"205 has one", "HTTP/1.1 205 No\r\nContent-Length: 1\r\n\r\n", false,
	 BYTES("xy"), "x", WEB_BODY_DONE, 1},

	{"chunks", CHUNKED, false, BYTES("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
	 "abcde", WEB_BODY_DONE, 0},
	{"no chunk", CHUNKED, false, BYTES("0\r\n\r\n"), "", WEB_BODY_DONE, 0},
	{"chunks, and more", CHUNKED, false,
	 BYTES("1\r\na\r\n0\r\n\r\n\r\nHTTP"), "a", WEB_BODY_DONE, 6},
	{"chunks with line feeds", CHUNKED, false, BYTES("1\na\n0\n\n"), "a",
	 WEB_BODY_DONE, 0},
	{"digits in both cases", CHUNKED, false,
	 BYTES("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"),
	 "01234567890123456789a", WEB_BODY_DONE, 0},
	{"zeros before a size", CHUNKED, false,
	 BYTES("000000000000001\r\na\r\n000\r\n\r\n"), "a", WEB_BODY_DONE, 0},
	{"extensions", CHUNKED, false,
	 BYTES("1;a\r\nx\r\n1 ;a=\"b\"\r\ny\r\n1\t\r\nz\r\n0;f=1\r\n\r\n"),
	 "xyz", WEB_BODY_DONE, 0},
	{"digits in an extension", CHUNKED, false,
	 BYTES("1;2\r\nx\r\n1 2\r\ny\r\n0\r\n\r\n"), "xy", WEB_BODY_DONE, 0},
	{"trailers", CHUNKED, false,
	 BYTES("1\r\nx\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n!"), "x",
	 WEB_BODY_DONE, 1},
	{"chunks that look like chunks", CHUNKED, false,
	 BYTES("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n", WEB_BODY_DONE, 0},
	{"the largest chunk", CHUNKED, false, BYTES("fffffffffffffff\r\nabc"),
	 "abc", WEB_BODY_CHUNK, 0},

	{"cut in a size", CHUNKED, false, BYTES("1"), "", WEB_BODY_SIZE, 0},
	{"cut in a chunk", CHUNKED, false, BYTES("5\r\nabc"), "abc",
	 WEB_BODY_CHUNK, 0},
	{"cut behind one", CHUNKED, false, BYTES("3\r\nabc\r"), "abc",
	 WEB_BODY_CHUNK_END, 0},
	{"cut between two", CHUNKED, false, BYTES("3\r\nabc\r\n"), "abc",
	 WEB_BODY_SIZE, 0},
	{"cut in the trailers", CHUNKED, false, BYTES("0\r\nA: b\r\n"), "",
	 WEB_BODY_TRAILER, 0},
	{"cut before the last line feed", CHUNKED, false, BYTES("0\r\n\r"), "",
	 WEB_BODY_TRAILER, 0},

	{"16 digits", CHUNKED, false, BYTES("0000000000000001\r\na\r\n"), "",
	 WEB_BODY_BAD, 5},
	{"no digit", CHUNKED, false, BYTES("\r\nabc"), "", WEB_BODY_BAD, 4},
	{"an extension alone", CHUNKED, false, BYTES(";a\r\nabc"), "",
	 WEB_BODY_BAD, 6},
	{"a blank before a size", CHUNKED, false, BYTES(" 1\r\na"), "",
	 WEB_BODY_BAD, 4},
	{"a sign", CHUNKED, false, BYTES("+1\r\na"), "", WEB_BODY_BAD, 4},
	{"0x1", CHUNKED, false, BYTES("0x1\r\na"), "", WEB_BODY_BAD, 4},
	{"1g", CHUNKED, false, BYTES("1g\r\na"), "", WEB_BODY_BAD, 3},
	{"a NUL behind the digits", CHUNKED, false, BYTES("1\0\r\na"), "",
	 WEB_BODY_BAD, 3},
	{"no line end behind a chunk", CHUNKED, false, BYTES("1\r\na0\r\n\r\n"),
	 "a", WEB_BODY_BAD, 4},
	{"two carriage returns behind one", CHUNKED, false,
	 BYTES("1\r\na\r\r\n0\r\n"), "a", WEB_BODY_BAD, 4},
	{"an empty line behind one", CHUNKED, false,
	 BYTES("1\r\na\r\n\r\n0\r\n\r\n"), "a", WEB_BODY_BAD, 6},
};

/* Feeds it: `first` bytes, and then pieces of `size`. */
static void take(struct web_body *b, const char *bytes, size_t n, size_t first,
		 size_t size, struct buf *body, size_t *surplus)
{
	*surplus = 0;
	for (size_t at = 0, have = first; n > 0; have = size) {
		size_t from = 0, used = 1, len;
		const char *piece;
		char *exact;

		have = have < n ? have : n;
		exact = mem_alloc(have);
		memcpy(exact, bytes + at, have);
		while (from < have && used > 0) {
			used = web_body_take(b, exact + from, have - from,
					     &piece, &len);
			from += used;
			if (len > 0)
				buf_add(body, piece, len);
		}
		*surplus += have - from;
		free(exact);
		at += have;
		n -= have;
	}
}

static bool body_is(size_t i, size_t first, size_t size)
{
	struct web_head h;
	struct web_body b;
	struct buf body;
	size_t surplus;
	bool same;

	buf_init(&body, 1000);
	if (web_head_read(bodies[i].head, strlen(bodies[i].head), &h) <= 0)
		abort();
	web_body_begin(&b, &h, bodies[i].bare);
	take(&b, bodies[i].bytes, bodies[i].n, first, size, &body, &surplus);
	same = b.state == bodies[i].end && surplus == bodies[i].surplus &&
	       strcmp(buf_str(&body), bodies[i].body) == 0;
	if (!same)
		fprintf(stderr, "# %zu, %zu: state %d, %zu surplus, '%s'\n",
			first, size, (int)b.state, surplus, buf_str(&body));
	buf_finish(&body);
	return same;
}

static void test_bodies(void)
{
	for (size_t i = 0; i < COUNT(bodies); i++) {
		size_t n = bodies[i].n, cut = 0;

		while (cut < n && body_is(i, cut, n))
			cut++;
		ok(cut == n, "%s: whole, and in two parts", bodies[i].name);
		ok(body_is(i, 1, 1) && body_is(i, 1, 2), "%s: byte by byte",
		   bodies[i].name);
	}
}

/* ---- what does not end ---- */

/* The state after `start`, as many x as make it n bytes, and `end`. */
static enum web_body_state after_long(const char *start, size_t n,
				      const char *end)
{
	struct web_head h = {.status = 200, .length = -1, .chunked = true};
	struct web_body b;
	struct buf bytes, body;
	size_t surplus;

	buf_init(&bytes, 1 << 20);
	buf_init(&body, 1000);
	buf_adds(&bytes, start);
	while (bytes.len + strlen(end) < n)
		buf_addc(&bytes, 'x');
	buf_adds(&bytes, end);
	web_body_begin(&b, &h, false);
	take(&b, bytes.at, bytes.len, 0, bytes.len, &body, &surplus);
	buf_finish(&bytes);
	buf_finish(&body);
	return b.state;
}

static void test_endless(void)
{
	ok(after_long("5;", 4096, "\r\n") == WEB_BODY_CHUNK,
	   "the longest line of a size");
	ok(after_long("5;", 4097, "\r\n") == WEB_BODY_BAD, "one byte longer");
	ok(after_long("5;", 100000, "") == WEB_BODY_BAD, "without end");
	ok(after_long("0\r\n", 3 + 16384, "\r\n\r\n") == WEB_BODY_DONE,
	   "the longest trailers");
	ok(after_long("0\r\n", 3 + 16385, "\r\n\r\n") == WEB_BODY_BAD,
	   "one byte longer");
	ok(after_long("0\r\n", 100000, "") == WEB_BODY_BAD, "without end");
	ok(after_long("0\r\nA: b\r\nC: d\r\n", 100000, "") == WEB_BODY_BAD,
	   "many of them");
}

int main(void)
{
	test_good();
	test_refused();
	test_bodies();
	test_endless();
	return tap_done();
}
