#include "base/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/curl_use.h"
#include "base/text.h"
#include "base/url.h"

#define CONNECT_MS   10000 /* at most a third of the whole, for another try */
#define HEADERS_MOST (64 * 1024)
#define PIECE_BYTES  (64L * 1024)
#define SLOW_BYTES   1024L /* a second, for so many seconds: given up */
#define SLOW_SECONDS 10L

struct fetch {
	const struct address_list *allow;
	bool http;
	CURLM *multi;
	struct curl_slist *headers;
	char *agent;
	struct fetch_transfer *first;
};

struct fetch_transfer {
	struct fetch *fetch;
	struct fetch_transfer *next;
	struct fetch_call call;
	struct arena arena; /* of the URLs */
	int64_t until;
	unsigned hops;
	struct url url; /* of this hop */
	CURL *easy;
	/* The answer of this hop. */
	size_t header_bytes;
	bool refused; /* an address was, by us */
	bool reached; /* connected, TLS and all */
	bool coded;
	bool head_over;
	long status;
	const char *location; /* NULL: none */
	int64_t got;

	bool inside;
	bool over; /* result is there */
	struct fetch_result result;
	char error[CURL_ERROR_SIZE];
};

/* ---- how it ends ---- */

/* A server that is overloaded or restarts, RFC 9110, 15. */
static bool passing(int status)
{
	return status == 408 || status == 429 || status == 500 ||
	       status == 502 || status == 503 || status == 504;
}

static void end(struct fetch_transfer *t, enum fetch_outcome outcome,
		const char *detail)
{
	struct fetch_result *r = &t->result;

	if (t->over)
		return;
	t->over = true;
	*r = (struct fetch_result){.outcome = outcome, .inside = t->inside};
	(void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
	if (t->inside && outcome != FETCH_WHOLE && outcome != FETCH_STOPPED)
		r->outcome = FETCH_UNREACHED;
	if (r->outcome == FETCH_STATUS)
		r->status = (int)t->status;
	r->again = r->outcome == FETCH_UNREACHED ||
		   r->outcome == FETCH_TIMED_OUT ||
		   r->outcome == FETCH_BROKEN || passing(r->status);
}

/* What libcurl says; where a callback ended it, that has been told before. */
static void judge(struct fetch_transfer *t, CURLcode code)
{
	const char *why = t->error[0] ? t->error : curl_easy_strerror(code);

	if (!t->reached && t->refused)
		end(t, FETCH_UNREACHED, "its address or port is not allowed");
	else if (!t->reached)
		end(t, FETCH_UNREACHED, why);
	else if (code == CURLE_OK && t->head_over)
		end(t, FETCH_WHOLE, "");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		end(t, FETCH_TIMED_OUT, why);
	else
		end(t, FETCH_BROKEN, why);
}

/* ---- where it may go ---- */

static bool may_go(struct fetch_transfer *t, const struct sockaddr *sa)
{
	bool known = address_list_has(t->fetch->allow, t->url.host, sa);
	bool public = address_public(sa);

	bool good = known || (public && address_port_usual(address_port(sa)));

	t->inside |= !public;
	t->refused |= !good;
	return good;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *to)
{
	struct fetch_transfer *t = ctx;

	if (purpose != CURLSOCKTYPE_IPCXN || !may_go(t, &to->addr))
		return CURL_SOCKET_BAD;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* The second look, at the other end of the connection that stands. */
static int on_connected(void *ctx, char *ip, char *own_ip, int port,
			int own_port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	struct fetch_transfer *t = ctx;
	bool good = false;

	(void)own_ip;
	(void)own_port;
	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
		good = may_go(t, (const struct sockaddr *)&v4);
	else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
		good = may_go(t, (const struct sockaddr *)&v6);
	t->reached = good;
	return good ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- the answer ---- */

static bool redirects(long status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* False: what follows is not wanted, be it a page of an error or the body of a
 * redirect. */
static bool head_ends(struct fetch_transfer *t)
{
	curl_off_t length = -1;
	char detail[32];

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
	if (t->status < 200)
		return true; /* the answer is still to come */
	t->head_over = true;
	if (redirects(t->status) && t->location != NULL)
		return false;
	(void)snprintf(detail, sizeof(detail), "status %ld", t->status);
	if (t->status != 200)
		end(t, FETCH_STATUS, detail);
	else if (t->coded)
		end(t, FETCH_CODED, "the answer is compressed");
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > t->call.max_bytes)
		end(t, FETCH_TOO_LARGE, "too large by its Content-Length");
	return !t->over;
}

/* "Location: /a\r\n": its value, cut to the line, for that name; or NULL. */
static const char *value_of(char *line, const char *name)
{
	size_t n = strcspn(line, ":");
	size_t len;
	char *value;
	bool same;

	if (line[n] == '\0')
		return NULL;
	line[n] = '\0';
	same = text_same_nocase(line, name);
	line[n] = ':';
	if (!same)
		return NULL;
	value = line + n + 1;
	value += strspn(value, " \t");
	len = strcspn(value, "\r\n");
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	value[len] = '\0';
	return value;
}

static void take_header(struct fetch_transfer *t, const char *bytes, size_t n)
{
	char *line = mem_strndup(bytes, n);
	const char *v = value_of(line, "location");

	if (v != NULL && t->location == NULL)
		t->location = arena_strdup(&t->arena, v);
	v = value_of(line, "content-encoding");
	if (v != NULL && !text_same_nocase(v, "identity"))
		t->coded = true;
	v = value_of(line, "transfer-encoding");
	if (v != NULL && !text_same_nocase(v, "chunked"))
		t->coded = true; /* libcurl would unpack it, asked or not */
	free(line);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct fetch_transfer *t = ctx;
	size_t n = size * count;

	t->header_bytes += n;
	if (t->header_bytes > HEADERS_MOST)
		return 0;
	if (t->head_over)
		return n; /* a trailer */
	if (n > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		/* A new head: what came before was a 1xx. */
		t->location = NULL;
		t->coded = false;
		return n;
	}
	if (bytes[0] == '\r' || bytes[0] == '\n')
		return head_ends(t) ? n : 0;
	take_header(t, bytes, n);
	return n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct fetch_transfer *t = ctx;
	size_t n = size * count;

	if (!t->head_over || t->status != 200)
		return CURL_WRITEFUNC_ERROR;
	if (n > (size_t)(t->call.max_bytes - t->got)) {
		end(t, FETCH_TOO_LARGE, "too large");
		return CURL_WRITEFUNC_ERROR;
	}
	t->got += (int64_t)n;
	if (!t->call.sink(t->call.ctx, bytes, n)) {
		end(t, FETCH_STOPPED, "stopped");
		return CURL_WRITEFUNC_ERROR;
	}
	return n;
}

/* ---- one hop ---- */

static void set_hop(struct fetch_transfer *t, const char *url, long left)
{
	const struct fetch *f = t->fetch;
	CURL *easy = t->easy;
	long third = (long)(t->call.timeout_ms / 3) + 1;
	long connect = third < CONNECT_MS ? third : CONNECT_MS;

	SET(easy, CURLOPT_PRIVATE, t);
	SET(easy, CURLOPT_URL, url);
	SET(easy, CURLOPT_ERRORBUFFER, t->error);
	SET(easy, CURLOPT_USERAGENT, f->agent);
	SET(easy, CURLOPT_HTTPHEADER, f->headers);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(easy, CURLOPT_OPENSOCKETDATA, t);
	SET(easy, CURLOPT_PREREQFUNCTION, on_connected);
	SET(easy, CURLOPT_PREREQDATA, t);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, t);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, t);
	SET(easy, CURLOPT_BUFFERSIZE, PIECE_BYTES);
	/* on_open() is not asked for a connection that stands already. */
	SET(easy, CURLOPT_FRESH_CONNECT, 1L);
	SET(easy, CURLOPT_FORBID_REUSE, 1L);
	SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(easy, CURLOPT_TIMEOUT_MS, left);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, connect < left ? connect : left);
	SET(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	SET(easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
}

static void begin_hop(struct fetch_transfer *t, const char *text)
{
	int64_t left = t->until - clock_monotonic_ms();
	struct buf url;

	if (!url_split(text, &t->arena, &t->url) ||
	    (!t->url.tls && !t->fetch->http)) {
		end(t, FETCH_REDIRECTED, "leads to no URL that is taken");
		return;
	}
	if (left <= 0) {
		end(t, FETCH_TIMED_OUT, "no time is left");
		return;
	}
	t->header_bytes = 0;
	t->head_over = t->reached = t->refused = t->coded = false;
	t->status = 0;
	t->location = NULL;
	t->error[0] = '\0';
	buf_init(&url, 2 * (size_t)URL_MAX);
	url_print(&t->url, &url);
	t->easy = curl_use_easy();
	set_hop(t, buf_str(&url), (long)left);
	buf_finish(&url);
	must(curl_multi_add_handle(t->fetch->multi, t->easy) == CURLM_OK);
}

static void end_hop(struct fetch_transfer *t)
{
	if (t->easy == NULL)
		return;
	curl_multi_remove_handle(t->fetch->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
}

/* The Location, which may be relative (RFC 9110, 10.2.2); NULL for none such.
 * The caller frees it with curl_free(). */
static char *resolve(const struct url *from, const char *location)
{
	CURLU *h = curl_url();
	char *out = NULL;
	struct buf base;

	must(h != NULL);
	buf_init(&base, 2 * (size_t)URL_MAX);
	url_print(from, &base);
	if (location[0] != '\0' && strlen(location) <= URL_MAX &&
	    curl_url_set(h, CURLUPART_URL, buf_str(&base), 0) == CURLUE_OK &&
	    curl_url_set(h, CURLUPART_URL, location,
			 CURLU_URLENCODE | CURLU_ALLOW_SPACE |
				 CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(h, CURLUPART_URL, &out, 0) != CURLUE_OK)
		out = NULL;
	buf_finish(&base);
	curl_url_cleanup(h);
	return out;
}

static void next_hop(struct fetch_transfer *t)
{
	bool tls = t->url.tls;
	char *to;

	if (++t->hops > FETCH_HOPS) {
		end(t, FETCH_REDIRECTED, "too many redirects");
		return;
	}
	to = resolve(&t->url, t->location);
	if (to == NULL || (tls && !text_starts(to, "https://")))
		end(t, FETCH_REDIRECTED, "a redirect to no https URL");
	else
		begin_hop(t, to);
	curl_free(to);
}

/* ---- all of them ---- */

struct fetch *fetch_create(const struct fetch_options *o)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	f->allow = o->allow;
	f->http = o->http;
	f->agent = mem_strdup(o->agent);
	f->multi = curl_use_multi();
	/* None at all would mean that any coding will do (RFC 9110, 12.5.3). */
	f->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
	must(f->headers != NULL);
	return f;
}

static void release(struct fetch_transfer *t)
{
	end_hop(t);
	arena_finish(&t->arena);
	free(t);
}

void fetch_destroy(struct fetch *f)
{
	struct fetch_transfer *t;

	if (f == NULL)
		return;
	while ((t = f->first) != NULL) {
		f->first = t->next;
		release(t);
	}
	curl_multi_cleanup(f->multi);
	curl_slist_free_all(f->headers);
	free(f->agent);
	free(f);
}

struct fetch_transfer *fetch_begin(struct fetch *f, const struct fetch_call *c)
{
	struct fetch_transfer *t = mem_alloc(sizeof(*t));

	must(c->max_bytes > 0 && c->timeout_ms > 0);
	t->fetch = f;
	t->call = *c;
	t->until = clock_monotonic_ms() + c->timeout_ms;
	t->next = f->first;
	f->first = t;
	begin_hop(t, c->url);
	t->call.url = NULL;
	return t;
}

void fetch_cancel(struct fetch *f, struct fetch_transfer *t)
{
	struct fetch_transfer **at = &f->first;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	release(t);
}

static void collect(struct fetch *f)
{
	struct fetch_transfer *t;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		CURLcode code = m->data.result;

		must(m->msg == CURLMSG_DONE);
		must(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) ==
		     CURLE_OK);
		end_hop(t);
		if (!t->over && t->location != NULL && redirects(t->status))
			next_hop(t);
		else
			judge(t, code);
	}
}

static struct fetch_transfer *take_over(struct fetch *f)
{
	struct fetch_transfer **at = &f->first, *t;

	while (*at != NULL && !(*at)->over)
		at = &(*at)->next;
	t = *at;
	if (t != NULL)
		*at = t->next;
	return t;
}

/* Tells of those that are over; false when none was. */
static bool deliver(struct fetch *f)
{
	struct fetch_transfer *t;
	bool any = false;

	while ((t = take_over(f)) != NULL) {
		struct fetch_result result = t->result;
		struct fetch_call call = t->call;

		release(t);
		call.done(call.ctx, &result); /* may begin and end others */
		any = true;
	}
	return any;
}

void fetch_run(struct fetch *f, int64_t until_ms)
{
	int64_t wait;
	int running;

	must(curl_multi_perform(f->multi, &running) == CURLM_OK);
	collect(f);
	if (deliver(f))
		return;
	wait = until_ms - clock_monotonic_ms();
	wait = wait < 0 ? 0 : wait > 60000 ? 60000 : wait;
	must(curl_multi_poll(f->multi, NULL, 0, (int)wait, NULL) == CURLM_OK);
}

void fetch_wake(struct fetch *f)
{
	must(curl_multi_wakeup(f->multi) == CURLM_OK);
}
