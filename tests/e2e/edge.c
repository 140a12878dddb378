#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/multipart.h"
#include "http/server.h"

/*
 * The daemon's own edge (src/http) with a handler for each thing that nginx
 * must handle right, for tests/e2e/nginx.sh. The path chooses:
 *
 *	/v1/describe    what arrived, as text
 *	/v1/status?N    an answer of that status
 *	/v1/file?NAME   X-Accel-Redirect to that file
 *	/v1/park        waits until the caller is gone, then says so on stdout
 *	/v1/stream      an event, and the rest when the caller is gone
 *	/v1/upload      what a sink got: a form's parts, or the size of the body
 */
struct upload {
	struct body_sink sink;
	struct multipart *form; /* NULL: it is none */
	struct buf said;
	struct problem why;
	size_t bytes; /* of the body, or of the part that is read */
};

static bool part_begin(void *ctx, const struct multipart_part *p)
{
	struct upload *u = ctx;

	u->bytes = 0;
	buf_addf(&u->said, "part=%s filename=%s type=%s", p->name,
		 p->filename ? p->filename : "-",
		 p->content_type ? p->content_type : "-");
	return true;
}

static bool part_data(void *ctx, const void *bytes, size_t n)
{
	struct upload *u = ctx;

	(void)bytes;
	u->bytes += n;
	return true;
}

static bool part_end(void *ctx)
{
	struct upload *u = ctx;

	buf_addf(&u->said, " bytes=%zu\n", u->bytes);
	return true;
}

static bool upload_write(struct body_sink *s, const void *bytes, size_t n)
{
	struct upload *u = (struct upload *)(void *)s;

	if (u->form != NULL)
		return multipart_feed(u->form, bytes, n, &u->why);
	u->bytes += n;
	return true;
}

static void upload_end(struct body_sink *s)
{
	struct upload *u = (struct upload *)(void *)s;

	if (u->form == NULL)
		buf_addf(&u->said, "bytes=%zu\n", u->bytes);
	else if (!multipart_finish(u->form, &u->why))
		buf_adds(&u->said, u->why.detail);
}

static void upload_destroy(struct body_sink *s)
{
	struct upload *u = (struct upload *)(void *)s;

	multipart_destroy(u->form);
	buf_finish(&u->said);
	free(u);
}

static struct body_sink *head(void *ctx, struct exchange *x)
{
	static const struct multipart_events events = {part_begin, part_data,
						       part_end};
	struct upload *u;

	(void)ctx;
	if (strcmp(exchange_request(x)->path, "/v1/upload") != 0)
		return NULL;
	u = mem_alloc(sizeof(*u));
	u->sink = (struct body_sink){upload_write, upload_end, upload_destroy};
	u->form = multipart_create(exchange_header(x, "Content-Type"), &events,
				   u, &u->why);
	buf_init(&u->said, 65536);
	return &u->sink;
}

static void tell_upload(struct exchange *x)
{
	struct upload *u = (struct upload *)(void *)exchange_sink(x);
	struct reply r = {.status = 200,
			  .content_type = "text/plain",
			  .body = buf_str(&u->said),
			  .body_len = u->said.len};

	exchange_reply(x, &r);
}

static void describe(struct exchange *x)
{
	const struct request *q = exchange_request(x);
	const char *prefer = exchange_header(x, "Prefer");
	struct buf b;
	struct reply r = {.status = 200, .content_type = "text/plain"};

	buf_init(&b, 65536);
	buf_addf(&b,
		 "method=%s\npath=%s\nquery=%s\nscheme=%s\nhost=%s\n"
		 "addr=%s\nid=%s\nbody=%zu\ntype=%s\nprefer=%s\n",
		 q->method, q->path, q->query, q->scheme, q->host,
		 q->server_addr, q->request_id, q->body_len,
		 exchange_header(x, "Content-Type")
			 ? exchange_header(x, "Content-Type")
			 : "",
		 prefer ? prefer : "");
	r.body = buf_str(&b);
	r.body_len = b.len;
	exchange_reply(x, &r);
	buf_finish(&b);
}

static void say_gone(void *ctx, struct exchange *x)
{
	(void)ctx;
	printf("gone %s\n", exchange_request(x)->request_id);
	fflush(stdout);
}

static void park(struct exchange *x, bool stream)
{
	struct reply r = {.status = 200, .content_type = "text/event-stream"};
	static const char event[] = "data: first\n\n";

	if (!exchange_keep(x, say_gone, NULL))
		abort();
	exchange_forget_request(x);
	if (!stream)
		printf("parked %s\n", exchange_request(x)->request_id);
	else if (!exchange_stream_begin(x, &r) ||
		 !exchange_stream_write(x, event, sizeof(event) - 1))
		printf("lost\n");
	fflush(stdout);
}

static void give_file(struct exchange *x)
{
	struct reply r = {.status = 200, .content_type = "image/svg+xml"};
	char at[600];

	snprintf(at, sizeof(at), "/_comfygate/files/%s",
		 exchange_request(x)->query);
	r.body = "";
	reply_header(&r, "X-Accel-Redirect", at);
	reply_header(&r, "Content-Disposition", "inline; filename=\"a.svg\"");
	exchange_reply(x, &r);
}

static void give_status(struct exchange *x)
{
	static const char body[] = "{\"mine\": true}";
	struct reply r = {.content_type = "application/problem+json",
			  .body = body,
			  .body_len = sizeof(body) - 1};

	r.status = (int)strtol(exchange_request(x)->query, NULL, 10);
	exchange_reply(x, &r);
}

static void handle(void *ctx, struct exchange *x)
{
	const char *path = exchange_request(x)->path;

	(void)ctx;
	if (strcmp(path, "/v1/status") == 0)
		give_status(x);
	else if (strcmp(path, "/v1/file") == 0)
		give_file(x);
	else if (strcmp(path, "/v1/park") == 0)
		park(x, false);
	else if (strcmp(path, "/v1/stream") == 0)
		park(x, true);
	else if (strcmp(path, "/v1/upload") == 0)
		tell_upload(x);
	else
		describe(x);
}

int main(int argc, char **argv)
{
	struct server_options o = {
		.inherited_fd = -1,
		.max_body_bytes = 1 << 20,
		.max_waiting = 16384,
		.max_connections = 16384,
		.read_timeout_ms = 5000,
		.head = head,
		.body_threads = 2,
		.max_bodies = 16,
	};
	struct problem why = {0};
	struct server *s;
	sigset_t set;
	int signo;

	if (argc != 2) {
		fprintf(stderr, "usage: edge SOCKET\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	o.socket_path = argv[1];
	s = server_create(&o, handle, NULL, &why);
	if (s == NULL) {
		fprintf(stderr, "edge: %s: %s\n", why.where, why.detail);
		return 1;
	}
	server_start(s);
	printf("ready\n");
	fflush(stdout);
	sigwait(&set, &signo);
	server_drain(s);
	server_finish(s, 1000);
	return 0;
}
