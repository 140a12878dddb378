/*
 * The one state of the stand-in. Two threads: the service thread (HTTP and
 * WebSockets, in lws_service) and the worker that executes prompts. Everything
 * here that is not marked otherwise is read and written under `lock`.
 */
#ifndef STANDIN_WORLD_H
#define STANDIN_WORLD_H

#include <pthread.h>

#include "base.h"
#include "json.h"

enum dialect { DIALECT_0_3_64, DIALECT_0_25_0 };

/* one prompt, from POST /prompt to the end of its time in the history */
struct job {
	char *id;
	char *number;	  /* as printed: 7, -3, 7.0 */
	double order;	  /* the same as a sort key */
	struct jdoc *doc; /* NULL once it has run */
	struct jv *graph;
	char *prompt_text;  /* json.dumps of the graph */
	char *extra_text;   /* json.dumps of extra_data */
	char *pnginfo_text; /* the tEXt parts of its PNGs, ready made */
	size_t pnginfo_len;
	char *client_id;  /* NULL when events go to nobody or everybody */
	bool client_null; /* no client_id at all */
	char *workflow_id;
	bool pnginfo_null;   /* spoils /api/jobs, as in the real one */
	struct strv targets; /* output nodes to execute */
	int64_t create_time;
	/* results; outputs, meta and messages the worker's alone until `end` is
	 * set */
	int64_t start_time, end_time;
	const char *end; /* completed, failed, cancelled */
	struct str messages, outputs, meta, error;
	struct str preview; /* preview_output of /api/jobs */
	size_t outputs_count;
	char *lose; /* events a fault takes away: names or "all" */
	/* history */
	bool no_outputs, hidden;
	int64_t visible_at; /* clock_mono_us */
	int polls_left;
	struct job *next;
	struct job *hash_next;
	uint64_t seen_faults[8]; /* text-matched faults that fired here */
};

void job_free(struct job *j);

struct heap {
	struct job **v;
	size_t n;
	size_t cap;
};

struct socket; /* ws.h */
struct outbox_item;
struct fault;
struct conn; /* http.h */

/* bytes of a POST /prompt as they came */
struct received {
	char *id; /* prompt_id of the answer, NULL when refused */
	int status;
	char *body;
	size_t len;
};

struct counters {
	long prompts, accepted, finished, succeeded, failed, interrupted;
	long interrupts, frees, uploads, views, sockets_opened, restarts;
	long requests, nodes_run, histories, slowed;
};

struct mem_file {
	char *name; /* type/subfolder/name */
	char *p;
	size_t len;
};

struct world {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* worker waits here for anything */

	/* set at start, never changed */
	enum dialect dialect;
	const char *version;
	const char *listen;
	int port;
	bool fast, quiet, no_models;
	size_t keep; /* bodies and memory files that are kept */
	char *dir, *input_dir, *output_dir, *temp_dir;
	bool own_dir;
	struct strv models; /* kind/name */
	char temp_tag[8];

	int step_ms;	 /* of one pretended sampler step */
	size_t max_body; /* as --max-upload-size sets it */

	struct lws_context *lws;
	bool wake_pending;
	unsigned generation; /* one more with each restart */
	bool worker_dead;
	bool quit, restart_asked;

	struct heap pending;
	struct job *running;
	int64_t next_number;
	int64_t last_create_time; /* the service loop's alone */
	bool interrupt, free_memory, unload_models;

	struct job *history, *history_last;
	size_t history_count;
	struct job **history_table;

	struct socket *sockets; /* every open one */
	struct outbox_item *outbox, *outbox_last;
	bool stalled;
	char *exec_client; /* server.client_id of the real one */
	char *exec_node;   /* server.last_node_id */
	bool blocked;	   /* a hang fault holds the worker */
	char *node_class;  /* of the node now running */

	struct fault *faults;
	uint64_t next_fault;
	uint64_t release_count;

	struct received *received;
	size_t received_count; /* ever; kept in a ring of w->keep */
	struct counters counters;
	struct conn *waiters; /* on /standin/await */

	struct mem_file *files; /* ring of w->keep, only with --fast */
	size_t files_count;
	struct strv counter_names; /* the next number of a file prefix */
	long *counter_values;
};

/* wakes the service thread and everybody who waits; lock held */
void world_changed(struct world *w);
/* for the worker: sleeps until a change, or until the time; lock held */
void world_wait(struct world *w, int64_t until_us);
/* as if the process had been started anew; lock held, service thread */
void world_restart(struct world *w);
size_t world_queue_len(const struct world *w);

#endif
