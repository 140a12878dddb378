#include "comfy/client_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "comfy/queue.h"

/* Where a prompt is, and what is waiting there. */

static enum comfy_outcome ask_queue(struct comfy_client *c,
				    const char *prompt_id, int64_t until_ms,
				    struct queue *out)
{
	struct web_answer answer;
	enum comfy_outcome o = comfy_get(c, "/queue", until_ms, &answer);

	if (o == COMFY_OK && !queue_read(buf_str(&answer.body), answer.body.len,
					 prompt_id, out)) {
		comfy_note(c, "GET /queue: the answer is no queue");
		o = COMFY_UNCERTAIN;
	} else if (o == COMFY_MISSING) {
		o = COMFY_UNCERTAIN; /* it is no ComfyUI */
	}
	web_answer_finish(&answer);
	return o;
}

static enum comfy_outcome place_in_queue(struct comfy_client *c,
					 const char *prompt_id,
					 int64_t until_ms,
					 enum comfy_place *out)
{
	struct queue queue;
	enum comfy_outcome o = ask_queue(c, prompt_id, until_ms, &queue);

	*out = PLACE_NOWHERE;
	if (o != COMFY_OK)
		return o;
	/* The same id can be there twice (s09): what waits is the later. */
	if (queue.found_running)
		*out = PLACE_RUNNING;
	else if (queue.found_pending)
		*out = PLACE_PENDING;
	return COMFY_OK;
}

/* An entry that cannot be printed answers 500 (s36), yet is there. */
static enum comfy_outcome place_in_history(struct comfy_client *c,
					   const char *prompt_id,
					   int64_t until_ms,
					   enum comfy_place *out)
{
	struct web_answer answer;
	struct history_entry entry;
	char path[64];
	enum comfy_outcome o;

	(void)snprintf(path, sizeof(path), "/history/%s", prompt_id);
	o = comfy_get(c, path, until_ms, &answer);
	if (o == COMFY_OK) {
		if (!history_find(buf_str(&answer.body), answer.body.len,
				  prompt_id, &entry)) {
			comfy_note(c, "%s: the answer is no history", path);
			o = COMFY_UNCERTAIN;
		} else if (entry.there) {
			*out = PLACE_ENDED;
		}
	} else if (o == COMFY_UNCERTAIN && answer.status == 500) {
		*out = PLACE_ENDED;
		o = COMFY_OK;
	}
	web_answer_finish(&answer);
	return o == COMFY_MISSING ? COMFY_UNCERTAIN : o;
}

/*
 * A prompt only moves forward: pending, running, history. So what is not in
 * the queue now, and not in the history after that, was nowhere; but a POST
 * that gave no answer may still arrive in between, so the queue is asked once
 * more.
 */
static enum comfy_outcome by_lists(struct comfy_client *c,
				   const char *prompt_id, int64_t until_ms,
				   enum comfy_place *out)
{
	enum comfy_outcome o = place_in_queue(c, prompt_id, until_ms, out);

	if (o == COMFY_OK && *out == PLACE_NOWHERE)
		o = place_in_history(c, prompt_id, until_ms, out);
	if (o == COMFY_OK && *out == PLACE_NOWHERE)
		o = place_in_queue(c, prompt_id, until_ms, out);
	return o;
}

static bool place_by_name(const char *status, enum comfy_place *out)
{
	static const struct {
		const char *name;
		enum comfy_place place;
	} names[] = {
		{"pending", PLACE_PENDING}, {"in_progress", PLACE_RUNNING},
		{"completed", PLACE_ENDED}, {"failed", PLACE_ENDED},
		{"cancelled", PLACE_ENDED},
	};

	for (size_t i = 0; status != NULL && i < COUNT(names); i++)
		if (strcmp(status, names[i].name) == 0) {
			*out = names[i].place;
			return true;
		}
	return false;
}

/*
 * True when the answer settles it. Servers without this API answer 404 with an
 * empty body, those with it 404 and {"error": "Job not found"}; an entry that
 * cannot be shown is 500 (s39).
 */
static bool settled_by_jobs(struct comfy_client *c, struct web_answer *answer,
			    enum comfy_place *out)
{
	struct json_doc *doc;
	const struct json *root;
	bool settled = false;

	if (answer->status != 200 && answer->status != 404)
		return false;
	doc = answer->body.len > 0 ? comfy_json(c, "/api/jobs", answer) : NULL;
	root = doc != NULL ? json_root(doc) : NULL;
	if (answer->status == 200) {
		settled = place_by_name(json_string(json_get(root, "status")),
					out);
	} else if (json_is(json_get(root, "error"), JSON_STRING)) {
		*out = PLACE_NOWHERE;
		settled = true;
	}
	json_free(doc);
	if (settled || answer->status == 404)
		__atomic_store_n(&c->server->has_jobs_api, settled ? 1 : 0,
				 __ATOMIC_RELAXED);
	return settled;
}

enum comfy_outcome comfy_where(struct comfy_client *c,
			       const char prompt_id[ID_SIZE],
			       int64_t timeout_ms, enum comfy_place *out)
{
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;
	struct web_answer answer;
	char path[64];
	enum comfy_outcome o;
	bool settled;

	*out = PLACE_NOWHERE;
	if (__atomic_load_n(&c->server->has_jobs_api, __ATOMIC_RELAXED) == 0)
		return by_lists(c, prompt_id, until_ms, out);
	(void)snprintf(path, sizeof(path), "/api/jobs/%s", prompt_id);
	o = comfy_get(c, path, until_ms, &answer);
	settled = answer.status != 0 && settled_by_jobs(c, &answer, out);
	web_answer_finish(&answer);
	if (settled)
		return COMFY_OK;
	if (o == COMFY_UNREACHABLE || o == COMFY_STOPPED)
		return o;
	return by_lists(c, prompt_id, until_ms, out);
}

enum comfy_outcome comfy_cancel(struct comfy_client *c,
				const char prompt_id[ID_SIZE],
				int64_t timeout_ms)
{
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;
	enum comfy_place place;
	char body[80];
	enum comfy_outcome o;

	(void)snprintf(body, sizeof(body), "{\"delete\":[\"%s\"]}", prompt_id);
	o = comfy_post(c, "/queue", body, until_ms);
	if (o != COMFY_OK)
		return o;
	/* Both recorded versions look at the id (s14), but an older server
	 * takes any interrupt as one for whatever runs: so only while ours
	 * does. */
	o = comfy_where(c, prompt_id, until_ms - clock_monotonic_ms(), &place);
	if (o != COMFY_OK || place != PLACE_RUNNING)
		return o;
	(void)snprintf(body, sizeof(body), "{\"prompt_id\":\"%s\"}", prompt_id);
	return comfy_post(c, "/interrupt", body, until_ms);
}

static int64_t bytes_or_unknown(const struct json *v)
{
	int64_t n;

	return json_int64(v, &n) && n >= 0 ? n : -1;
}

static void read_stats(struct comfy_client *c, struct web_answer *answer,
		       struct comfy_status *out)
{
	struct json_doc *doc = comfy_json(c, "GET /system_stats", answer);
	const struct json *device;
	const char *version;

	if (doc == NULL)
		return;
	version = json_string(json_get(json_get(json_root(doc), "system"),
				       "comfyui_version"));
	(void)snprintf(out->version, sizeof(out->version), "%s",
		       version != NULL ? version : "");
	device = json_at(json_get(json_root(doc), "devices"), 0);
	out->vram_free = bytes_or_unknown(json_get(device, "vram_free"));
	out->vram_total = bytes_or_unknown(json_get(device, "vram_total"));
	json_free(doc);
}

enum comfy_outcome comfy_probe(struct comfy_client *c, int64_t timeout_ms,
			       struct comfy_status *out)
{
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;
	struct web_answer answer;
	struct queue queue;
	enum comfy_outcome o;

	memset(out, 0, sizeof(*out));
	out->vram_free = out->vram_total = -1;
	o = ask_queue(c, "", until_ms, &queue);
	if (o != COMFY_OK)
		return o;
	out->pending = queue.pending;
	out->running = queue.running;
	o = comfy_get(c, "/system_stats", until_ms, &answer);
	if (o == COMFY_OK)
		read_stats(c, &answer, out);
	/* It answered, so it is alive, with or without figures. */
	if (answer.status != 0)
		o = COMFY_OK;
	web_answer_finish(&answer);
	return o;
}
