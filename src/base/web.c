#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/curl_use.h"
#include "base/fiber.h"
#include "base/num.h"
#include "base/text.h"
#include "base/web.h"
#include "base/web_hub.h"

#define CONNECT_MS   10000 /* a server that does not even take the connection */
#define HEADERS_MOST (256 * 1024)
#define URL_MOST     65536
#define ORIGIN_MOST  256
#define CONNECTIONS  8L

struct web {
	/* Holds the connections: of a thread's own, or what the fibers of a
	 * carrier share. */
	CURLM *multi;
	struct hub *hub;
	CURL *easy;
	/* "http://10.0.0.5:8188", of the call before, and taken apart: most
	 * calls go to one server, and that is a fifth of their work. */
	CURLU *address;
	char origin[ORIGIN_MOST];
};

/* One call while it runs. */
struct transfer {
	const struct web_call *call;
	struct web_answer *answer;
	CURL *easy;
	struct web_piece whole; /* a body that is one */
	const struct web_piece *pieces;
	size_t piece_count;
	size_t header_bytes;
	size_t body_bytes;
	size_t sent_bytes; /* of a body that goes out by on_send() */
	unsigned requests; /* sent, of a call that happens once */
	bool too_large;
	bool stopped;
	bool unread;
};

void web_destroy(struct web *w)
{
	if (w == NULL)
		return;
	curl_easy_cleanup(w->easy);
	if (w->hub != NULL)
		hub_leave(w->hub);
	else
		curl_multi_cleanup(w->multi);
	curl_url_cleanup(w->address);
	free(w);
}

static bool stop_now(void *ctx)
{
	struct transfer *t = ctx;

	if (!t->stopped && t->call->stop != NULL)
		t->stopped = t->call->stop(t->call->stop_ctx);
	return t->stopped;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t n = size * count;
	long status = 0;

	if (stop_now(t))
		return CURL_WRITEFUNC_ERROR;
	if (n > t->call->max_bytes - t->body_bytes) {
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	t->body_bytes += n;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->call->sink == NULL || status < 200 || status > 299) {
		buf_add(&t->answer->body, bytes, n);
	} else if (!t->call->sink(t->call->sink_ctx, bytes, n)) {
		t->stopped = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return n;
}

/* "image/PNG; x=y" -> "image/png" */
static void take_content_type(struct web_answer *a, const char *s)
{
	size_t n = strcspn(s, "; \t\r\n");

	if (n >= sizeof(a->content_type))
		n = 0;
	for (size_t i = 0; i < n; i++)
		a->content_type[i] =
			(char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' + 'a'
							  : s[i]);
	a->content_type[n] = '\0';
}

/* "public, Max-Age=60" -> 60 */
static void take_max_age(struct web_answer *a, const char *s)
{
	static const char name[] = "max-age";
	const size_t equals = sizeof(name) - 1;
	uint64_t seconds;
	char word[64];
	size_t n;

	for (; *s != '\0'; s += n) {
		s += strspn(s, " \t,\r\n");
		n = strcspn(s, " \t,\r\n");
		if (n <= equals || n >= sizeof(word) || s[equals] != '=')
			continue;
		memcpy(word, s, n);
		word[n] = '\0';
		word[equals] = '\0';
		if (text_same_nocase(word, name) &&
		    num_u64(word + equals + 1, UINT32_MAX, &seconds))
			a->max_age_s = (int64_t)seconds;
	}
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct web_answer *a = t->answer;
	size_t n = size * count, name_len;
	char line[1024], *value;

	t->header_bytes += n;
	if (t->header_bytes > HEADERS_MOST || stop_now(t))
		return 0;
	if (n >= sizeof(line))
		return n; /* none of those that we read is so long */
	memcpy(line, bytes, n);
	line[n] = '\0';
	if (text_starts(line, "HTTP/")) {
		/* A new head: what came before was a 1xx. */
		a->content_type[0] = '\0';
		a->max_age_s = -1;
		return n;
	}
	name_len = strcspn(line, ":");
	if (line[name_len] == '\0')
		return n;
	line[name_len] = '\0';
	value = line + name_len + 1;
	value += strspn(value, " \t");
	if (text_same_nocase(line, "content-type"))
		take_content_type(a, value);
	else if (text_same_nocase(line, "cache-control"))
		take_max_age(a, value);
	return n;
}

static size_t length_of(const struct transfer *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->piece_count; i++)
		n += t->pieces[i].len;
	return n;
}

/* Up to n bytes from the place `at` of the body; 0 at its end, -1 where a file
 * does not give what was promised. */
static ssize_t body_read(const struct transfer *t, size_t at, char *to,
			 size_t n)
{
	const struct web_piece *p = t->pieces, *end = p + t->piece_count;
	ssize_t got;

	for (; p < end && at >= p->len; p++)
		at -= p->len;
	if (p == end)
		return 0;
	if (n > p->len - at)
		n = p->len - at;
	if (p->bytes != NULL) {
		memcpy(to, (const char *)p->bytes + at, n);
		return (ssize_t)n;
	}
	do
		got = pread(p->fd, to, n, (off_t)(p->offset + (int64_t)at));
	while (got < 0 && errno == EINTR);
	return got > 0 ? got : -1;
}

/* A body that goes out in pieces: curl has no copy of it. */
static size_t on_send(char *to, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	ssize_t n;

	if (stop_now(t))
		return CURL_READFUNC_ABORT;
	n = body_read(t, t->sent_bytes, to, size * count);
	if (n < 0) {
		t->unread = true;
		return CURL_READFUNC_ABORT;
	}
	t->sent_bytes += (size_t)n;
	return (size_t)n;
}

/* A kept connection that died makes curl begin again with the body. */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
	struct transfer *t = ctx;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	t->sent_bytes = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* Before each request that curl sends for the call: the second would be the
 * same once more. */
static int on_request(void *ctx, char *to, char *from, int to_port,
		      int from_port)
{
	struct transfer *t = ctx;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	return t->call->once && t->requests++ > 0 ? CURL_PREREQFUNC_ABORT
						  : CURL_PREREQFUNC_OK;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *line)
{
	list = curl_slist_append(list, line);
	must(list != NULL);
	return list;
}

static bool has_body(const struct web_call *call)
{
	return call->body != NULL || call->piece_count > 0 ||
	       strcmp(call->method, "POST") == 0 ||
	       strcmp(call->method, "PUT") == 0;
}

/* NULL for none: of a call without a body curl adds nothing that we do not
 * want. */
static struct curl_slist *headers_of(const struct web_call *call)
{
	struct curl_slist *list = NULL;
	char line[256] = "Content-Type:";

	if (has_body(call)) {
		if (call->content_type != NULL)
			snprintf(line, sizeof(line), "Content-Type: %s",
				 call->content_type);
		list = add_header(add_header(NULL, "Expect:"), line);
	}
	for (size_t i = 0; call->headers != NULL && call->headers[i]; i++)
		list = add_header(list, call->headers[i]);
	return list;
}

/* What holds for every call. */
static void set_rules(CURL *easy)
{
	SET(easy, CURLOPT_USERAGENT, "comfygate");
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_READFUNCTION, on_send);
	SET(easy, CURLOPT_SEEKFUNCTION, on_rewind);
	SET(easy, CURLOPT_PREREQFUNCTION, on_request);
}

static CURL *new_handle(void)
{
	CURL *easy = curl_use_easy();

	set_rules(easy);
	return easy;
}

struct web *web_create(void)
{
	struct web *w = mem_alloc(sizeof(*w));

	if (fiber_self() != NULL) {
		w->hub = hub_take();
	} else {
		w->multi = curl_use_multi();
		must(curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS,
				       CONNECTIONS) == CURLM_OK);
	}
	w->easy = new_handle();
	w->address = curl_url();
	must(w->address != NULL);
	return w;
}

static void set_body(struct transfer *t)
{
	const struct web_call *call = t->call;
	const char *body = call->body != NULL ? call->body : "";
	CURL *easy = t->easy;

	SET(easy, CURLOPT_POST, 1L);
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length_of(t));
	SET(easy, CURLOPT_POSTFIELDS, call->piece_count > 0 ? NULL : body);
	SET(easy, CURLOPT_READDATA, t);
	SET(easy, CURLOPT_SEEKDATA, t);
}

/* "http://host:8188/a/b?c" -> the length up to "/a/b?c"; 0 where there is
 * anything in it that is not simply sent as it stands. libcurl would: but for
 * a %, whose digits it writes in lower case when it is given parts. */
static size_t origin_of(const char *url)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~:/?&=+,;!*'()$";
	const char *host = strstr(url, "://");
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
	size_t n;

	if (path == NULL || url[strspn(url, plain)] != '\0' ||
	    strstr(path, "/.") != NULL)
		return 0;
	n = (size_t)(path - url);
	return n < ORIGIN_MOST ? n : 0;
}

/* False: libcurl is to read the whole of it. */
static bool set_address(struct web *w, const char *url)
{
	size_t n = origin_of(url);
	const char *path = url + n;
	size_t path_len = strcspn(path, "?");
	char *bare;
	bool good;

	if (n == 0)
		return false;
	if (w->origin[n] != '\0' || strncmp(w->origin, url, n) != 0) {
		memcpy(w->origin, url, n);
		w->origin[n] = '\0';
		if (curl_url_set(w->address, CURLUPART_URL, w->origin, 0) !=
		    CURLUE_OK) {
			w->origin[0] = '\0';
			return false;
		}
	}
	bare = mem_strndup(path, path_len);
	good = curl_url_set(w->address, CURLUPART_PATH, bare, 0) == CURLUE_OK &&
	       curl_url_set(w->address, CURLUPART_QUERY,
			    path[path_len] != '\0' ? path + path_len + 1 : NULL,
			    0) == CURLUE_OK;
	free(bare);
	return good;
}

static void set_url(struct web *w, const char *url)
{
	if (set_address(w, url)) {
		SET(w->easy, CURLOPT_CURLU, w->address);
	} else {
		SET(w->easy, CURLOPT_CURLU, NULL);
		SET(w->easy, CURLOPT_URL, url);
	}
}

/* Everything that a call has of its own is set for every call, as the handle
 * remembers the one before. */
static void set_call(struct transfer *t, char *error,
		     const struct curl_slist *headers)
{
	const struct web_call *call = t->call;
	int64_t connect =
		call->timeout_ms < CONNECT_MS ? call->timeout_ms : CONNECT_MS;
	CURL *easy = t->easy;

	SET(easy, CURLOPT_ERRORBUFFER, error);
	SET(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	SET(easy, CURLOPT_HTTPHEADER, headers);
	SET(easy, CURLOPT_WRITEDATA, t);
	SET(easy, CURLOPT_HEADERDATA, t);
	SET(easy, CURLOPT_PREREQDATA, t);
	if (has_body(call))
		set_body(t);
	else if (strcmp(call->method, "HEAD") == 0)
		SET(easy, CURLOPT_NOBODY, 1L);
	else
		SET(easy, CURLOPT_HTTPGET, 1L);
	SET(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

/* Nothing of a call may be looked at after it. */
static void forget_call(CURL *easy)
{
	SET(easy, CURLOPT_ERRORBUFFER, NULL);
	SET(easy, CURLOPT_HTTPHEADER, NULL);
	SET(easy, CURLOPT_POSTFIELDS, NULL);
	SET(easy, CURLOPT_READDATA, NULL);
	SET(easy, CURLOPT_SEEKDATA, NULL);
	SET(easy, CURLOPT_NOBODY, 0L);
	SET(easy, CURLOPT_HTTPGET, 1L);
}

/* Runs the transfer to its end, or until it is abandoned. */
static CURLcode run_alone(struct web *w, struct transfer *t)
{
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	int running = 1, left;
	CURLMsg *msg;

	must(curl_multi_add_handle(w->multi, w->easy) == CURLM_OK);
	while (!stop_now(t)) {
		must(curl_multi_perform(w->multi, &running) == CURLM_OK);
		if (running == 0)
			break;
		must(curl_multi_poll(w->multi, NULL, 0, WEB_LOOK_MS, NULL) ==
		     CURLM_OK);
	}
	while ((msg = curl_multi_info_read(w->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE)
			result = msg->data.result;
	curl_multi_remove_handle(w->multi, w->easy);
	return result;
}

static enum web_outcome judge(const struct transfer *t, CURLcode result)
{
	long sent = 0;

	if (t->stopped)
		return WEB_STOPPED;
	if (t->too_large)
		return WEB_TOO_LARGE;
	if (t->unread)
		return WEB_UNREAD;
	if (result == CURLE_OK)
		return WEB_ANSWERED;
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent == 0)
		return WEB_REFUSED;
	return result == CURLE_OPERATION_TIMEDOUT ? WEB_TIMED_OUT : WEB_BROKEN;
}

static void explain(struct web_answer *a, enum web_outcome outcome,
		    CURLcode result, const char *error)
{
	static const char *const words[] = {
		[WEB_REFUSED] = "no connection",
		[WEB_BROKEN] = "the connection broke",
		[WEB_TIMED_OUT] = "no answer in time",
		[WEB_TOO_LARGE] = "the answer is too large",
		[WEB_STOPPED] = "stopped by the caller",
		[WEB_UNREAD] = "a file to be sent could not be read",
	};
	const char *why = error[0] ? error : curl_easy_strerror(result);

	if (outcome == WEB_ANSWERED)
		return;
	if (outcome == WEB_TOO_LARGE || outcome == WEB_STOPPED ||
	    outcome == WEB_UNREAD)
		why = "";
	snprintf(a->detail, sizeof(a->detail), "%s%s%s", words[outcome],
		 *why ? ": " : "", why);
}

enum web_outcome web_do(struct web *w, const struct web_call *call,
			struct web_answer *answer)
{
	struct transfer t = {.call = call, .answer = answer, .easy = w->easy};
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers;
	enum web_outcome outcome;
	curl_off_t length = -1;
	CURLcode result;
	long status = 0;

	t.whole =
		(struct web_piece){.bytes = call->body, .len = call->body_len};
	t.pieces = call->piece_count > 0 ? call->pieces : &t.whole;
	t.piece_count = call->piece_count > 0 ? call->piece_count : 1;
	must(call->timeout_ms > 0 && call->max_bytes > 0);
	*answer = (struct web_answer){.max_age_s = -1, .length = -1};
	buf_init(&answer->body, call->max_bytes);
	if (strlen(call->url) > URL_MOST) {
		snprintf(answer->detail, sizeof(answer->detail),
			 "the address is too long");
		return WEB_REFUSED;
	}
	headers = headers_of(call);
	set_url(w, call->url);
	set_call(&t, error, headers);
	result = w->hub != NULL ? hub_run(w->hub, w->easy, stop_now, &t)
				: run_alone(w, &t);
	outcome = judge(&t, result);
	if (t.header_bytes > 0) { /* else it is of the call before */
		curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(w->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
				  &length);
	}
	answer->status = (int)status;
	answer->length = length;
	explain(answer, outcome, result, error);
	forget_call(w->easy);
	/* curl 8 remembers of a body that broke off that it is to be rewound,
	 * and asks for it in the call that follows, whichever that is. The
	 * connections stay: the multi has them. */
	if (result != CURLE_OK) {
		curl_easy_cleanup(w->easy);
		w->easy = new_handle();
	}
	curl_slist_free_all(headers);
	return outcome;
}

void web_answer_finish(struct web_answer *a)
{
	buf_finish(&a->body);
}
