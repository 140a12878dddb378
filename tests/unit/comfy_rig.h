#ifndef COMFY_RIG_H
#define COMFY_RIG_H

/* A client of comfy/ and a server that answers by a table of rules. */
#include "base/buf.h"
#include "base/clock.h"
#include "comfy/client.h"
#include "raw.h"
#include "tap.h"

#define ID	"35798812-da7f-4592-aff6-9ece0bd7eb1e"
#define GRAPH	"{\"1\": {\"class_type\": \"X\", \"inputs\": {\"s\": 1.50}}}"
#define TIMEOUT 10000
#define JSON	"application/json; charset=utf-8"
#define TEXT	"text/plain; charset=utf-8"
#define TROUBLE "500 Internal Server Error\n\nServer got itself in trouble"

/* What to say to a request that begins like this; the first that fits. */
struct rule {
	const char *starts; /* "GET /queue " */
	const char *status;
	const char *type;
	const char *body; /* NULL: raw instead */
	const char *raw;  /* sent as it is */
	bool stay;	  /* do not close; the client must give up */
};

struct script {
	const struct rule *rules;
	pthread_mutex_t lock;
	char seen[4096]; /* the request lines, one a line */
	char last[4096]; /* the last request, whole */
};

static inline void serve(struct raw *r, int fd, unsigned n, const char *request)
{
	struct script *s = r->ctx;
	size_t at;

	(void)n;
	pthread_mutex_lock(&s->lock);
	at = strlen(s->seen);
	snprintf(s->seen + at, sizeof(s->seen) - at, "%.*s\n",
		 (int)strcspn(request, "\r"), request);
	snprintf(s->last, sizeof(s->last), "%s", request);
	pthread_mutex_unlock(&s->lock);
	for (const struct rule *u = s->rules; u->starts != NULL; u++) {
		if (strncmp(request, u->starts, strlen(u->starts)) != 0)
			continue;
		if (u->body != NULL)
			raw_answer(fd, u->status, u->type, u->body);
		else if (u->raw != NULL)
			(void)raw_say(fd, u->raw);
		if (u->stay)
			raw_drain(fd);
		return;
	}
	raw_answer(fd, "404 Not Found", "application/octet-stream", "");
}

struct setup {
	struct raw raw;
	struct script script;
	struct comfy_server server;
	struct comfy_client *client;
	char url[64];
};

static inline void start(struct setup *t, const struct rule *rules)
{
	memset(t, 0, sizeof(*t));
	t->script.rules = rules;
	pthread_mutex_init(&t->script.lock, NULL);
	raw_start(&t->raw, serve, &t->script);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%d", t->raw.port);
	t->server.name = "raw";
	t->server.url = t->url;
	t->server.has_jobs_api = -1;
	t->client = comfy_client_create(&t->server);
}

static inline void stop(struct setup *t)
{
	comfy_client_destroy(t->client);
	raw_stop(&t->raw);
	pthread_mutex_destroy(&t->script.lock);
}

static inline bool seen(struct setup *t, const char *lines)
{
	bool same;

	pthread_mutex_lock(&t->script.lock);
	same = strcmp(t->script.seen, lines) == 0;
	if (!same)
		fprintf(stderr, "#  seen: %s\n# wanted: %s\n", t->script.seen,
			lines);
	pthread_mutex_unlock(&t->script.lock);
	return same;
}

#endif
