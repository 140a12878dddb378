#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/frames.h"
#include "http/records.h"

void frames_init(struct frames *f, size_t body_max)
{
	*f = (struct frames){.body_max = body_max};
}

void frames_finish(struct frames *f)
{
	free(f->params);
	free(f->body);
	f->params = NULL;
	f->body = NULL;
}

void frames_reset(struct frames *f)
{
	frames_finish(f);
	frames_init(f, f->body_max);
}

/* Room for `more` bytes and a NUL; doubles up to the ceiling. */
static void grow(char **at, size_t *cap, size_t len, size_t more, size_t max)
{
	size_t need = len + more + 1;
	size_t next = *cap ? *cap : 1024;

	if (need <= *cap)
		return;
	while (next < need)
		next *= 2;
	if (next > max + 1)
		next = max + 1;
	*at = mem_resize(*at, next);
	*cap = next;
}

void frames_forget_params(struct frames *f)
{
	free(f->params);
	f->params = NULL;
	f->params_len = 0;
	f->params_cap = 0;
}

static void add_params(struct frames *f, const unsigned char *bytes, size_t n)
{
	if (f->too_long)
		return;
	if (n > FRAMES_PARAMS_MAX - f->params_len) {
		f->too_long = true;
		frames_forget_params(f);
		return;
	}
	grow(&f->params, &f->params_cap, f->params_len, n, FRAMES_PARAMS_MAX);
	memcpy(f->params + f->params_len, bytes, n);
	f->params_len += n;
}

static void add_body(struct frames *f, const unsigned char *bytes, size_t n)
{
	if (f->sink != NULL) {
		f->sink_full = f->sink_full || !f->sink(f->sink_ctx, bytes, n);
		return;
	}
	if (f->too_large)
		return;
	if (n > f->body_max - f->body_len) {
		f->too_large = true;
		free(f->body);
		f->body = NULL;
		f->body_len = 0;
		f->body_cap = 0;
		return;
	}
	grow(&f->body, &f->body_cap, f->body_len, n, f->body_max);
	memcpy(f->body + f->body_len, bytes, n);
	f->body_len += n;
	f->body[f->body_len] = '\0';
}

static void content(struct frames *f, const unsigned char *bytes, size_t n)
{
	switch (f->stage) {
	case FRAMES_BEGIN:
		memcpy(f->begin + f->begin_len, bytes, n);
		f->begin_len = (uint8_t)(f->begin_len + n);
		break;
	case FRAMES_PARAMS:
		add_params(f, bytes, n);
		break;
	default:
		add_body(f, bytes, n);
		break;
	}
}

/* A record's eight bytes are there: may it come now, and what does it mean? */
static void open_record(struct frames *f)
{
	const unsigned char *h = f->head;
	uint16_t id = (uint16_t)(h[2] << 8 | h[3]);
	bool fits;

	f->type = h[1];
	f->content = (uint16_t)(h[4] << 8 | h[5]);
	f->padding = h[6];
	switch (f->stage) {
	case FRAMES_EMPTY:
		fits = f->type == RECORD_BEGIN && id != 0 && f->content == 8;
		f->id = id;
		f->stage = FRAMES_BEGIN;
		break;
	case FRAMES_PARAMS:
		fits = f->type == RECORD_PARAMS && id == f->id;
		break;
	case FRAMES_BODY:
		fits = f->type == RECORD_STDIN && id == f->id;
		break;
	default:
		fits = false;
	}
	if (!fits || h[0] != RECORD_VERSION)
		f->stage = FRAMES_BROKEN;
}

/* The record's content and padding are read. */
static void close_record(struct frames *f)
{
	bool empty = f->head[4] == 0 && f->head[5] == 0;

	f->have = 0;
	if (f->stage == FRAMES_BEGIN) {
		bool responder = f->begin[0] == 0 && f->begin[1] == 1;

		f->stage = responder ? FRAMES_PARAMS : FRAMES_BROKEN;
	} else if (f->stage == FRAMES_PARAMS && empty) {
		f->stage = FRAMES_BODY;
	} else if (f->stage == FRAMES_BODY && empty) {
		f->stage = FRAMES_WHOLE;
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t step(struct frames *f, const unsigned char *bytes, size_t n)
{
	size_t part;

	if (f->have < sizeof(f->head)) {
		part = least(n, sizeof(f->head) - f->have);
		memcpy(f->head + f->have, bytes, part);
		f->have = (uint8_t)(f->have + part);
		if (f->have == sizeof(f->head))
			open_record(f);
	} else if (f->content > 0) {
		part = least(n, f->content);
		content(f, bytes, part);
		f->content = (uint16_t)(f->content - part);
	} else {
		part = least(n, f->padding);
		f->padding = (uint8_t)(f->padding - part);
	}
	if (f->have == sizeof(f->head) && f->content == 0 && f->padding == 0 &&
	    f->stage != FRAMES_BROKEN)
		close_record(f);
	return part;
}

size_t frames_feed(struct frames *f, const unsigned char *bytes, size_t n)
{
	bool head = f->stage < FRAMES_BODY;
	size_t used = 0;

	while (used < n && f->stage < (head ? FRAMES_BODY : FRAMES_WHOLE))
		used += step(f, bytes + used, n - used);
	return used;
}
