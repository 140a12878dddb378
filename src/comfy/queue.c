#include "comfy/queue.h"

#include <string.h>

#include "comfy/skim.h"

struct reading {
	const char *prompt_id;
	struct queue *out;
	bool running, pending; /* both lists have to be there */
};

/* [number, "id", …]: is it the one asked for? */
static bool entry(struct skim *s, const char *prompt_id, bool *found)
{
	struct skim list, number, id;

	if (!skim_next_is(s, '[') || !skim_value(s, &list))
		return false;
	if (skim_take(&list, '[') && skim_value(&list, &number) &&
	    skim_take(&list, ',') && skim_string(&list, &id))
		*found |= skim_is(id, prompt_id);
	return true;
}

static bool list(struct skim *s, const char *prompt_id, int64_t *count,
		 bool *found)
{
	if (!skim_take(s, '['))
		return false;
	if (skim_take(s, ']'))
		return true;
	do {
		if (!entry(s, prompt_id, found))
			return false;
		++*count;
	} while (skim_take(s, ','));
	return skim_take(s, ']');
}

static bool member(struct skim *s, struct skim key, void *ctx)
{
	struct reading *r = ctx;
	struct skim other;

	if (skim_is(key, "queue_running")) {
		r->running = true;
		return list(s, r->prompt_id, &r->out->running,
			    &r->out->found_running);
	}
	if (skim_is(key, "queue_pending")) {
		r->pending = true;
		return list(s, r->prompt_id, &r->out->pending,
			    &r->out->found_pending);
	}
	return skim_value(s, &other);
}

bool queue_read(const char *text, size_t len, const char *prompt_id,
		struct queue *out)
{
	struct skim s = {text, text + len};
	struct reading r = {.prompt_id = prompt_id, .out = out};

	memset(out, 0, sizeof(*out));
	return skim_object(&s, member, &r) && r.running && r.pending;
}
