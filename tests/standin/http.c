#include "http.h"
#include "faults.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session {
	struct conn *http;
	struct socket *ws;
};

const char *http_arg(const struct conn *c, const char *name)
{
	const size_t n = strlen(name);
	size_t i;

	for (i = 0; i < c->args.n; i++)
		if (!strncmp(c->args.v[i], name, n) && c->args.v[i][n] == '=')
			return c->args.v[i] + n + 1;
	return NULL;
}

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} list[] = {{200, "OK"},
		    {206, "Partial Content"},
		    {304, "Not Modified"},
		    {400, "Bad Request"},
		    {403, "Forbidden"},
		    {404, "Not Found"},
		    {405, "Method Not Allowed"},
		    {408, "Request Timeout"},
		    {413, "Request Entity Too Large"},
		    {416, "Requested Range Not Satisfiable"},
		    {500, "Internal Server Error"},
		    {502, "Bad Gateway"},
		    {503, "Service Unavailable"}};
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i].status == status)
			return list[i].text;
	return "Whatever";
}

static void put_date(struct str *out)
{
	static time_t last;
	static char text[64];
	const time_t now = time(NULL);
	struct tm tm;

	if (now != last) {
		strftime(text, sizeof(text),
			 "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
			 gmtime_r(&now, &tm));
		last = now;
	}
	str_puts(out, text);
}

static const struct fault *path_fault(struct conn *c, const char *kind)
{
	const struct fault *f;

	pthread_mutex_lock(&c->w->lock);
	f = fault_for_path(c->w, kind, c->path);
	pthread_mutex_unlock(&c->w->lock);
	return f;
}

void http_answer(struct conn *c, int status, const char *headers,
		 const char *body, size_t len)
{
	struct str *out = &c->out;
	/* lws would take what comes next for the body of this one */
	const bool last =
		c->no_length && c->method != M_GET && c->method != M_HEAD;

	str_clear(out);
	str_printf(out, "HTTP/1.1 %d %s\r\n%s%s", status, reason_of(status),
		   last && !strstr(headers, "Connection: close")
			   ? "Connection: close\r\n"
			   : "",
		   headers);
	if (!strstr(headers, "Transfer-Encoding") &&
	    !strstr(headers, "Content-Length") && status != 304)
		str_printf(out, "Content-Length: %zu\r\n", len);
	put_date(out);
	str_puts(out, "Server: Python/3.13 aiohttp/3.11.16\r\n\r\n");
	if (last || strstr(headers, "Connection: close"))
		c->close_after = true;
	if (c->method == M_HEAD)
		;
	else if (strstr(headers, "Transfer-Encoding"))
		str_puts(out, "0\r\n\r\n");
	else
		str_add(out, body, len);
	c->ready = true;
}

void http_json(struct conn *c, int status, const struct str *body)
{
	const struct fault *f = c->w->faults ? path_fault(c, "bad-json") : NULL;
	struct str spoilt = {0};

	str_puts(&spoilt, str_text(body));
	if (f && f->mode && !strcmp(f->mode, "html")) {
		str_clear(&spoilt);
		str_puts(&spoilt, "<html>502 Bad Gateway</html>");
	} else if (f && f->message) {
		str_clear(&spoilt);
		str_puts(&spoilt, f->message);
	} else if (f) {
		spoilt.len -= spoilt.len / 2 + 1;
	}
	f = c->w->faults ? path_fault(c, "huge-answer") : NULL;
	while (f && spoilt.len < (size_t)(f->bytes ? f->bytes : 64 << 20))
		str_add(&spoilt, "                                ", 32);
	http_answer(c, status,
		    "Content-Type: application/json; charset=utf-8\r\n",
		    spoilt.p, spoilt.len);
	str_free(&spoilt);
}

void http_text(struct conn *c, int status, const char *headers,
	       const char *text)
{
	struct str h = {0};

	str_printf(&h, "Content-Type: text/plain; charset=utf-8\r\n%s",
		   headers);
	http_answer(c, status, h.p, text, strlen(text));
	str_free(&h);
}

void http_empty(struct conn *c, int status)
{
	http_answer(c, status, "", "", 0);
}

void http_not_found(struct conn *c)
{
	http_answer(c, 404,
		    "Content-Type: application/octet-stream\r\n"
		    "Transfer-Encoding: chunked\r\n",
		    "", 0);
}

void http_crash(struct conn *c)
{
	http_text(c, 500, "Connection: close\r\n",
		  "500 Internal Server Error\n\nServer got itself in trouble");
}

void http_drop(struct conn *c)
{
	str_clear(&c->out);
	c->ready = c->close_after = true;
}

static void conn_reset(struct conn *c)
{
	free(c->path);
	free(c->range);
	free(c->if_none_match);
	free(c->if_modified_since);
	free(c->content_type);
	strv_free(&c->args);
	str_free(&c->body);
	str_free(&c->out);
	str_free(&c->chunk_line);
	free(c->await);
	*c = (struct conn){.wsi = c->wsi, .w = c->w};
}

/* writes the answer; what lws_callback is to return */
static int flush_answer(struct conn *c)
{
	const bool close = c->close_after;
	struct lws *wsi = c->wsi;
	unsigned char *buf;
	int n = 0;

	if (c->out.len) {
		buf = mem_alloc(LWS_PRE + c->out.len);
		memcpy(buf + LWS_PRE, c->out.p, c->out.len);
		n = lws_write(wsi, buf + LWS_PRE, c->out.len,
			      LWS_WRITE_HTTP_HEADERS);
		free(buf);
	}
	conn_reset(c);
	if (n < 0 || close)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static void note_slow(struct conn *c)
{
	pthread_mutex_lock(&c->w->lock);
	c->w->counters.slowed++;
	world_changed(c->w);
	pthread_mutex_unlock(&c->w->lock);
}

static int carry_on(struct conn *c)
{
	const struct fault *f;

	c->done = true;
	if (!c->slowed && c->w->faults) {
		f = path_fault(c, "http-slow");
		if (f) {
			c->slowed = true;
			note_slow(c);
			lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
			lws_set_timer_usecs(c->wsi, f->ms * 1000LL + 1);
			return 0;
		}
	}
	f = c->w->faults ? path_fault(c, "http-500") : NULL;
	if (f && f->status && f->status != 500)
		http_text(c, f->status, "", "pretended failure");
	else if (f)
		http_crash(c);
	else if (c->w->faults && path_fault(c, "http-drop"))
		http_drop(c);
	else if (c->forbidden)
		http_empty(c, 403);
	else if (c->too_big)
		http_text(c, 413, "Connection: close\r\n",
			  "Maximum request body size 104857600 exceeded, "
			  "actual body size 104923136");
	else
		route_request(c);
	if (c->ready)
		return flush_answer(c);
	c->parked = true;
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	return 0;
}

static char *copy_header(struct lws *wsi, enum lws_token_indexes token)
{
	const int n = lws_hdr_total_length(wsi, token);
	char *p;

	if (n <= 0)
		return NULL;
	p = mem_alloc((size_t)n + 2);
	if (lws_hdr_copy(wsi, p, n + 1, token) < 0)
		p[0] = '\0';
	return p;
}

/* lws also cuts at a semicolon, which belongs to the value */
static void add_arg(struct conn *c, const char *text)
{
	struct str whole = {0};

	if (strchr(text, '=') || !c->args.n) {
		strv_add(&c->args, text);
		return;
	}
	str_printf(&whole, "%s;%s", c->args.v[c->args.n - 1], text);
	free(c->args.v[--c->args.n]);
	strv_add(&c->args, whole.p);
	str_free(&whole);
}

/* lws has decoded them, a bare plus to a blank, too */
static void read_args(struct conn *c)
{
	const int most = lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_URI_ARGS);
	char *buf;
	int i;

	if (most <= 0)
		return;
	buf = mem_alloc((size_t)most + 2);
	for (i = 0; lws_hdr_copy_fragment(c->wsi, buf, most + 1,
					  WSI_TOKEN_HTTP_URI_ARGS, i) >= 0;
	     i++)
		add_arg(c, buf);
	free(buf);
}

/* Host and Origin must agree when Host is loopback; cross-site is refused */
static bool origin_fits(const struct world *w, struct lws *wsi)
{
	char *origin = copy_header(wsi, WSI_TOKEN_ORIGIN);
	char *host = copy_header(wsi, WSI_TOKEN_HOST);
	char site[32] = "";
	const char *from, *colon;
	size_t n;
	bool fits = true;

	if (w->dialect >= DIALECT_0_25_0 &&
	    lws_hdr_custom_length(wsi, "sec-fetch-site:", 15) > 0 &&
	    lws_hdr_custom_copy(wsi, site, sizeof(site),
				"sec-fetch-site:", 15) > 0 &&
	    !strcmp(site, "cross-site"))
		fits = false;
	from = origin ? strstr(origin, "://") : NULL;
	if (from && host && from[3]) {
		from += 3;
		n = strcspn(host, ":");
		if ((n == 9 && (!strncmp(host, "127.0.0.1", 9) ||
				!strncmp(host, "localhost", 9)))) {
			colon = strchr(from, ':');
			/* the port counts only when the Origin has one */
			if (colon ? strcmp(from, host) != 0
				  : strlen(from) != n ||
					    strncmp(from, host, n) != 0)
				fits = false;
		}
	}
	free(origin);
	free(host);
	return fits;
}

static int begin_request(struct conn *c, const char *path)
{
	char *uri;
	char *encoding, *length;
	int n;
	const int method = lws_http_get_uri_and_method(c->wsi, &uri, &n);

	conn_reset(c);
	c->busy = true;
	c->method = method < 0 ? M_GET : (enum method)method;
	pthread_mutex_lock(&c->w->lock);
	c->w->counters.requests++;
	c->api = !strncmp(path, "/api/", 5);
	c->path = mem_text(c->api ? path + 4 : path);
	pthread_mutex_unlock(&c->w->lock);
	read_args(c);
	c->forbidden = !origin_fits(c->w, c->wsi);
	c->range = copy_header(c->wsi, WSI_TOKEN_HTTP_RANGE);
	c->if_none_match = copy_header(c->wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH);
	c->if_modified_since =
		copy_header(c->wsi, WSI_TOKEN_HTTP_IF_MODIFIED_SINCE);
	c->content_type = copy_header(c->wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
	encoding = copy_header(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING);
	length = copy_header(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	c->chunked = encoding && strstr(encoding, "chunked");
	if (length && strtoull(length, NULL, 10) > c->w->max_body)
		c->too_big = true;
	/* nothing takes a body but POST: all else is answered at once */
	c->no_length = c->method != M_POST || (!length && !c->chunked);
	free(encoding);
	free(length);
	return c->no_length ? carry_on(c) : 0;
}

/* takes the framing off a chunked body; true at its end */
static bool unchunk(struct conn *c, const char *p, size_t len)
{
	while (len) {
		if (c->chunk_state == 1 && c->chunk_left) {
			const size_t n =
				len < c->chunk_left ? len : c->chunk_left;

			str_add(&c->body, p, n);
			c->chunk_left -= n;
			p += n;
			len -= n;
			continue;
		}
		str_char(&c->chunk_line, *p);
		len--;
		if (*p++ != '\n')
			continue;
		if (c->chunk_state == 2)
			return true;
		if (c->chunk_line.len > 2) {
			c->chunk_left = strtoul(c->chunk_line.p, NULL, 16);
			c->chunk_state = c->chunk_left ? 1 : 2;
		}
		str_clear(&c->chunk_line);
	}
	return false;
}

static int body_piece(struct conn *c, const char *p, size_t len)
{
	if (!c->busy || c->done)
		return 0;
	if (c->body.len + len > c->w->max_body)
		c->too_big = true;
	else if (!c->chunked)
		str_add(&c->body, p, len);
	else if (unchunk(c, p, len))
		return carry_on(c);
	return 0;
}

static struct conn *conn_of(struct session *s, struct lws *wsi)
{
	if (!s->http) {
		s->http = mem_zero(sizeof(*s->http));
		s->http->wsi = wsi;
		s->http->w = lws_context_user(lws_get_context(wsi));
	}
	return s->http;
}

static void conn_end(struct session *s)
{
	if (!s->http)
		return;
	control_forget(s->http);
	conn_reset(s->http);
	free(s->http);
	s->http = NULL;
}

static int open_socket(struct session *s, struct lws *wsi)
{
	struct conn c = {.wsi = wsi};

	read_args(&c);
	conn_end(s);
	s->ws = ws_open(lws_context_user(lws_get_context(wsi)), wsi,
			http_arg(&c, "clientId") ? http_arg(&c, "clientId")
						 : "");
	strv_free(&c.args);
	return 0;
}

static int check_upgrade(struct session *s, struct lws *wsi)
{
	struct world *w = lws_context_user(lws_get_context(wsi));
	char *uri = copy_header(wsi, WSI_TOKEN_GET_URI);
	const bool ours =
		uri && (!strcmp(uri, "/ws") || !strcmp(uri, "/api/ws"));
	struct conn *c;

	free(uri);
	if (ours && origin_fits(w, wsi))
		return 0;
	c = conn_of(s, wsi);
	if (ours)
		http_empty(c, 403);
	else
		http_not_found(c);
	c->close_after = true;
	return flush_answer(c);
}

static void something_changed(struct world *w)
{
	bool restart;

	pthread_mutex_lock(&w->lock);
	w->wake_pending = false;
	restart = w->restart_asked;
	if (restart)
		world_restart(w);
	pthread_mutex_unlock(&w->lock);
	ws_deliver(w);
	control_changed(w);
}

static int socket_callback(struct session *s, struct lws *wsi,
			   enum lws_callback_reasons reason, void *in,
			   size_t len)
{
	struct world *w = lws_context_user(lws_get_context(wsi));

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return open_socket(s, wsi);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return s->ws ? ws_writable(w, s->ws) : 0;
	case LWS_CALLBACK_RECEIVE:
		return s->ws ? ws_receive(w, s->ws, in, len,
					  lws_is_final_fragment(wsi) &&
						  !lws_remaining_packet_payload(
							  wsi),
					  lws_frame_is_binary(wsi))
			     : 0;
	case LWS_CALLBACK_CLOSED:
		if (s->ws)
			ws_closed(w, s->ws);
		s->ws = NULL;
		return 0;
	default:
		return 0;
	}
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		  void *in, size_t len)
{
	struct session *s = user;
	struct conn *c;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return begin_request(conn_of(s, wsi), in);
	case LWS_CALLBACK_HTTP_BODY:
		return body_piece(conn_of(s, wsi), in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		c = conn_of(s, wsi);
		return c->busy && !c->done ? carry_on(c) : 0;
	case LWS_CALLBACK_TIMER:
		c = conn_of(s, wsi);
		if (c->busy && c->slowed && !c->parked)
			return carry_on(c);
		c->timed_out = true;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		c = conn_of(s, wsi);
		if (c->busy && c->parked)
			route_request(c);
		return c->ready ? flush_answer(c) : 0;
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		if (s)
			conn_end(s);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return 0;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return check_upgrade(s, wsi);
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		something_changed(lws_context_user(lws_get_context(wsi)));
		return 0;
	default:
		return socket_callback(s, wsi, reason, in, len);
	}
}
