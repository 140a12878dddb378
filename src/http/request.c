#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/loop.h"
#include "http/request_id.h"

/*
 * From FastCGI parameters to a struct request. nginx sends each request header
 * as HTTP_NAME, and what it knows itself under the names of CGI.
 */

static struct header *find(struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->header_count; i++) {
		if (strcmp(x->headers[i].name, name) == 0)
			return &x->headers[i];
	}
	return NULL;
}

/* A header sent twice arrives twice (nginx before 1.23) and means both,
 * RFC 9110, 5.3: so a second Authorization cannot hide behind the first. */
static void take_header(struct exchange *x, const struct fastcgi_param *p,
			const char *bare)
{
	struct header *same = find(x, p->name);

	if (same == NULL && x->header_count == HTTP_HEADERS_MAX) {
		x->too_long = true;
		return;
	}
	if (same == NULL) {
		x->headers[x->header_count++] = (struct header){
			.name = p->name,
			.bare = bare,
			.value = p->value,
		};
		return;
	}
	same->value = arena_printf(&x->arena, "%s, %s", same->value, p->value);
}

static void take_headers(struct exchange *x, const struct fastcgi_request *from)
{
	size_t most = from->count;

	if (most > HTTP_HEADERS_MAX)
		most = HTTP_HEADERS_MAX;
	x->headers = arena_array(&x->arena, most, sizeof(*x->headers));
	for (size_t i = 0; i < from->count && !x->too_long; i++) {
		const struct fastcgi_param *p = &from->params[i];

		if (text_starts(p->name, "HTTP_"))
			take_header(x, p, p->name + 5);
		else if (strcmp(p->name, "CONTENT_TYPE") == 0 &&
			 p->value[0] != '\0')
			take_header(x, p, p->name);
	}
}

static const char *param(const struct fastcgi_request *from, const char *name)
{
	for (size_t i = 0; i < from->count; i++) {
		if (strcmp(from->params[i].name, name) == 0)
			return from->params[i].value;
	}
	return "";
}

/* example.com, example.com:8080, [2001:db8::1]:443 */
static bool host_valid(const char *host)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.-_";
	size_t n;

	if (strnlen(host, 262) > 261)
		return false;
	if (host[0] == '[') {
		n = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (n < 3 || host[n++] != ']')
			return false;
	} else {
		n = strspn(host, name);
		if (n == 0)
			return false;
	}
	if (host[n] == '\0')
		return true;
	host += n + 1;
	n = strspn(host, "0123456789");
	return host[-1] == ':' && n > 0 && n <= 5 && host[n] == '\0';
}

static void split_uri(struct exchange *x, const char *uri)
{
	const char *mark = strchr(uri, '?');

	x->request.path = uri;
	x->request.query = "";
	if (mark == NULL)
		return;
	x->request.path = arena_strndup(&x->arena, uri, (size_t)(mark - uri));
	x->request.query = mark + 1;
}

/* The two that outlive the arena, in one piece of memory. */
static void keep_text(struct exchange *x, const char *method, const char *nginx)
{
	char id[REQUEST_ID_SIZE];
	size_t id_size, method_size = strlen(method) + 1;

	request_id_choose(exchange_header(x, "X-Request-Id"),
			  exchange_header(x, "traceparent"), nginx, id);
	id_size = strlen(id) + 1;
	x->kept_text = mem_alloc(method_size + id_size);
	memcpy(x->kept_text, method, method_size);
	memcpy(x->kept_text + method_size, id, id_size);
	x->request.method = x->kept_text;
	x->request.request_id = x->kept_text + method_size;
}

void request_take_body(struct exchange *x, struct frames *in)
{
	x->body = in->body;
	in->body = NULL;
	x->request.body = x->body ? x->body : "";
	x->request.body_len = in->body_len;
	x->request.body_too_large = in->too_large;
	frames_reset(in);
}

static void take_params(struct exchange *x, const struct fastcgi_request *from)
{
	const char *host;
	bool https = strcmp(param(from, "REQUEST_SCHEME"), "https") == 0 ||
		     text_same_nocase(param(from, "HTTPS"), "on");

	take_headers(x, from);
	split_uri(x, param(from, "REQUEST_URI"));
	keep_text(x, param(from, "REQUEST_METHOD"), param(from, "REQUEST_ID"));
	host = exchange_header(x, "Host");
	x->request.scheme = https ? "https" : "http";
	x->request.host = host != NULL && host_valid(host) ? host : "";
	x->request.server_addr = param(from, "SERVER_ADDR");
	x->request.body = "";
}

struct exchange *request_read(struct connection *c)
{
	struct exchange *x = mem_alloc(sizeof(*x));
	/* For parameters that were dropped: what BEGIN_REQUEST said. */
	struct fastcgi_request from = {.keep_conn = c->in.begin[2] & 1};

	x->too_long = c->in.too_long;
	if (!x->too_long &&
	    !fastcgi_parse(&c->server->fastcgi, &c->in, &x->arena, &from)) {
		arena_finish(&x->arena);
		free(x);
		return NULL;
	}
	x->connection = c;
	c->id = c->in.id;
	c->keep = from.keep_conn;
	take_params(x, &from);
	frames_forget_params(&c->in);
	return x;
}

/* "Content-Type" is "CONTENT_TYPE". */
static bool same_name(const char *param_name, const char *name)
{
	for (; *param_name != '\0' && *name != '\0'; param_name++, name++) {
		char wanted = *name;

		if (wanted >= 'a' && wanted <= 'z')
			wanted = (char)(wanted - 'a' + 'A');
		if (*param_name != (wanted == '-' ? '_' : wanted))
			return false;
	}
	return *param_name == *name;
}

const char *exchange_header(const struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->header_count; i++) {
		if (same_name(x->headers[i].bare, name))
			return x->headers[i].value;
	}
	return NULL;
}
