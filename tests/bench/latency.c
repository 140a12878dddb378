#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/box.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/web.h"
#include "comfy/client.h"
#include "comfy/ws.h"

/*
 * What comfygate adds to one job: the same prompt, once posted straight to
 * ComfyUI with its socket watched until the end, once through nginx and the
 * daemon, taking turns, so that both see the same machine.
 *
 *	latency COMFYUI-URL PROMPT-FILE GATE-URL TOKEN BODY COUNT
 *
 * Prints p50 and p99 of both in microseconds, and their differences.
 */
#define TIMEOUT_MS 30000
#define ANSWER_MAX (1024 * 1024)

struct watch {
	struct box box;
	char prompt_id[ID_SIZE];
	bool up, ended;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_event(void *ctx, size_t backend, const struct event *e)
{
	struct watch *w = ctx;

	(void)backend;
	if (e->kind != EVENT_END)
		return;
	box_lock(&w->box);
	if (strcmp(e->prompt_id, w->prompt_id) == 0) {
		w->ended = true;
		box_wake(&w->box);
	}
	box_unlock(&w->box);
}

static void on_state(void *ctx, size_t backend, bool up)
{
	struct watch *w = ctx;

	(void)backend;
	box_lock(&w->box);
	w->up = up;
	box_wake(&w->box);
	box_unlock(&w->box);
}

static void await(struct watch *w, const bool *flag)
{
	int64_t until = clock_monotonic_ms() + TIMEOUT_MS;

	box_lock(&w->box);
	while (!*flag && box_wait(&w->box, until))
		;
	box_unlock(&w->box);
	if (!*flag) {
		fprintf(stderr, "latency: ComfyUI did not answer in time\n");
		exit(1);
	}
}

static int64_t straight(struct comfy_client *c, struct ws *ws, struct watch *w,
			const char *prompt, size_t len)
{
	struct comfy_submission answer = {0};
	struct arena a = {0};
	char client[ID_SIZE];
	int64_t began;

	box_lock(&w->box);
	id_v4(w->prompt_id);
	w->ended = false;
	box_unlock(&w->box);
	ws_client_id(ws, 0, client);
	began = now_us();
	if (comfy_submit(c, prompt, len, w->prompt_id, client, TIMEOUT_MS, &a,
			 &answer) != COMFY_OK) {
		fprintf(stderr, "latency: %s\n", comfy_detail(c));
		exit(1);
	}
	await(w, &w->ended);
	arena_finish(&a);
	return now_us() - began;
}

static int64_t through(struct web *web, const char *url, const char *token,
		       const char *body)
{
	char auth[9000];
	const char *headers[] = {auth, NULL};
	struct web_call call = {.method = "POST",
				.url = url,
				.content_type = "application/json",
				.body = body,
				.body_len = strlen(body),
				.headers = headers,
				.timeout_ms = TIMEOUT_MS,
				.max_bytes = ANSWER_MAX};
	struct web_answer answer;
	int64_t began = now_us();

	snprintf(auth, sizeof(auth), "Authorization: Bearer %s", token);
	if (web_do(web, &call, &answer) != WEB_ANSWERED ||
	    answer.status != 200) {
		fprintf(stderr, "latency: %d %s %s\n", answer.status,
			answer.detail, buf_str(&answer.body));
		exit(1);
	}
	web_answer_finish(&answer);
	return now_us() - began;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(int64_t *direct, int64_t *gate, size_t n)
{
	size_t p50 = n / 2, p99 = n * 99 / 100;

	qsort(direct, n, sizeof(*direct), by_size);
	qsort(gate, n, sizeof(*gate), by_size);
	printf("{\"jobs\": %zu, \"straight_us\": {\"p50\": %lld, \"p99\": "
	       "%lld}, \"through_us\": {\"p50\": %lld, \"p99\": %lld}, "
	       "\"added_us\": {\"p50\": %lld, \"p99\": %lld}}\n",
	       n, (long long)direct[p50], (long long)direct[p99],
	       (long long)gate[p50], (long long)gate[p99],
	       (long long)(gate[p50] - direct[p50]),
	       (long long)(gate[p99] - direct[p99]));
}

int main(int argc, char **argv)
{
	struct comfy_server server = {.name = "bench", .has_jobs_api = -1};
	struct comfy_server *servers[] = {&server};
	struct problem why = {0};
	struct watch w = {0};
	struct ws_options o = {.servers = servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state,
			       .ctx = &w};
	struct comfy_client *client;
	struct web *web;
	int64_t *direct, *gate;
	struct ws *ws;
	size_t len, n;
	char *prompt;

	if (argc != 7) {
		fprintf(stderr, "usage: latency COMFYUI-URL PROMPT-FILE "
				"GATE-URL TOKEN BODY COUNT\n");
		return 2;
	}
	server.url = argv[1];
	n = (size_t)strtoul(argv[6], NULL, 10);
	prompt = file_read(argv[2], 16 * 1024 * 1024, &len, &why);
	box_init(&w.box);
	ws = ws_start(&o, &why);
	if (prompt == NULL || ws == NULL || n == 0) {
		fprintf(stderr, "latency: %s %s\n", why.where, why.detail);
		return 1;
	}
	client = comfy_client_create(&server);
	web = web_create();
	direct = mem_array(n, sizeof(*direct));
	gate = mem_array(n, sizeof(*gate));
	await(&w, &w.up);
	for (size_t i = 0; i < n; i++) {
		direct[i] = straight(client, ws, &w, prompt, len);
		gate[i] = through(web, argv[3], argv[4], argv[5]);
	}
	report(direct, gate, n);
	ws_stop(ws);
	comfy_client_destroy(client);
	web_destroy(web);
	box_finish(&w.box);
	free(direct);
	free(gate);
	free(prompt);
	return 0;
}
