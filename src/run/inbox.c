#include "run/inbox.h"

#include <string.h>

#include "base/text.h"

void inbox_init(struct inbox *in)
{
	memset(in, 0, sizeof(*in));
	box_init(&in->box);
}

void inbox_finish(struct inbox *in)
{
	box_finish(&in->box);
}

static void forget(struct inbox *in)
{
	in->mail.count = 0;
	in->mail.ended = in->mail.nearly = false;
	in->urgent = false;
}

void inbox_open(struct inbox *in, const char *job, const char *prompt)
{
	box_lock(&in->box);
	text_copy(in->job, sizeof(in->job), job);
	text_copy(in->prompt, sizeof(in->prompt), prompt);
	forget(in);
	in->canceled = in->deaf = false;
	box_unlock(&in->box);
}

void inbox_close(struct inbox *in)
{
	box_lock(&in->box);
	in->job[0] = in->prompt[0] = '\0';
	forget(in);
	box_unlock(&in->box);
}

/* A full box loses progress, never an end: the next progress tells more. */
static void put(struct inbox *in, const struct event *e)
{
	struct mail *m = &in->mail;
	struct note *last = m->count > 0 ? &m->notes[m->count - 1] : NULL;

	if (last != NULL && e->kind == EVENT_PROGRESS &&
	    last->kind == e->kind && e->node != NULL &&
	    strcmp(last->node, e->node) == 0) {
		size_t done = last->nodes_done;

		note_take(last, e);
		if (last->nodes_done < done)
			last->nodes_done = done;
	} else if (m->count < INBOX_NOTES) {
		note_take(&m->notes[m->count++], e);
	}
}

bool inbox_event(struct inbox *in, const struct event *e)
{
	bool ours;

	box_lock(&in->box);
	ours = in->prompt[0] != '\0' && strcmp(in->prompt, e->prompt_id) == 0;
	if (ours) {
		put(in, e);
		if (e->kind == EVENT_END)
			in->mail.ended = in->urgent = true;
		else if (e->kind == EVENT_SUCCESS || e->kind == EVENT_ERROR ||
			 e->kind == EVENT_INTERRUPTED)
			in->mail.nearly = true;
		if (in->urgent || !in->quiet)
			box_wake(&in->box);
	}
	box_unlock(&in->box);
	return ours;
}

void inbox_cancel(struct inbox *in, const char *job)
{
	box_lock(&in->box);
	if (in->job[0] != '\0' && strcmp(in->job, job) == 0) {
		in->canceled = in->urgent = true;
		box_wake(&in->box);
	}
	box_unlock(&in->box);
}

void inbox_deaf(struct inbox *in)
{
	box_lock(&in->box);
	if (in->prompt[0] != '\0') {
		in->deaf = in->urgent = true;
		box_wake(&in->box);
	}
	box_unlock(&in->box);
}

void inbox_wake(struct inbox *in)
{
	box_lock(&in->box);
	in->urgent = true;
	box_wake(&in->box);
	box_unlock(&in->box);
}

bool inbox_is_canceled(struct inbox *in)
{
	bool yes;

	box_lock(&in->box);
	yes = in->canceled;
	box_unlock(&in->box);
	return yes;
}

bool inbox_is_deaf(struct inbox *in)
{
	bool yes;

	box_lock(&in->box);
	yes = in->deaf;
	box_unlock(&in->box);
	return yes;
}

void inbox_wait(struct inbox *in, int64_t until, bool quiet, struct mail *out)
{
	box_lock(&in->box);
	in->quiet = quiet;
	while (!in->urgent && (quiet || in->mail.count == 0)) {
		if (!box_wait(&in->box, until))
			break;
	}
	out->count = in->mail.count;
	memcpy(out->notes, in->mail.notes,
	       in->mail.count * sizeof(in->mail.notes[0]));
	out->ended = in->mail.ended;
	out->nearly = in->mail.nearly;
	forget(in);
	box_unlock(&in->box);
}
