#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"

static const char *const names[] = {
	[PROBLEM_NONE] = "none",
	[PROBLEM_MALFORMED_REQUEST] = "malformed-request",
	[PROBLEM_UNAUTHORIZED] = "unauthorized",
	[PROBLEM_FORBIDDEN] = "forbidden",
	[PROBLEM_NOT_FOUND] = "not-found",
	[PROBLEM_METHOD_NOT_ALLOWED] = "method-not-allowed",
	[PROBLEM_NOT_ACCEPTABLE] = "not-acceptable",
	[PROBLEM_CONFLICT] = "conflict",
	[PROBLEM_GONE] = "gone",
	[PROBLEM_TOO_LARGE] = "too-large",
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = "unsupported-media-type",
	[PROBLEM_INVALID_INPUT] = "invalid-input",
	[PROBLEM_IDEMPOTENCY_MISMATCH] = "idempotency-mismatch",
	[PROBLEM_RATE_LIMITED] = "rate-limited",
	[PROBLEM_TOO_MANY_JOBS] = "too-many-jobs",
	[PROBLEM_INTERNAL] = "internal",
	[PROBLEM_WORKFLOW_FAILED] = "workflow-failed",
	[PROBLEM_WORKFLOW_REJECTED] = "workflow-rejected",
	[PROBLEM_OUTPUT_MISSING] = "output-missing",
	[PROBLEM_NO_BACKEND] = "no-backend",
	[PROBLEM_QUEUE_FULL] = "queue-full",
	[PROBLEM_OUT_OF_MEMORY] = "out-of-memory",
	[PROBLEM_SHUTTING_DOWN] = "shutting-down",
	[PROBLEM_TIMEOUT] = "timeout",
};
static_assert(COUNT(names) == PROBLEM__COUNT, "a name for every problem");

const char *problem_name(enum problem_code code)
{
	assert(code < PROBLEM__COUNT);
	return names[code];
}

enum problem_code problem_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum problem_code)i;
	return PROBLEM_NONE;
}

/* Takes off a UTF-8 sequence that was cut in two at the end of s. */
static void trim(char *s)
{
	size_t n = strlen(s), back = 0;
	size_t want;
	unsigned char lead;

	while (back < 3 && back < n &&
	       ((unsigned char)s[n - 1 - back] >> 6) == 2)
		back++;
	if (back == n)
		return;
	lead = (unsigned char)s[n - 1 - back];
	want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
	if (want > back)
		s[n - 1 - back] = '\0';
}

static void format(char *out, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size, fmt, ap);

	assert(n >= 0);
	if ((size_t)n >= size)
		trim(out);
}

bool problem_set(struct problem *p, enum problem_code code, const char *where,
		 const char *fmt, ...)
{
	struct problem made = {.code = code};
	va_list ap;
	int n;

	if (p == NULL)
		return false;
	/* Built aside: the arguments may be texts of *p itself. */
	n = snprintf(made.where, sizeof(made.where), "%s", where ? where : "");
	if (n < 0 || (size_t)n >= sizeof(made.where))
		trim(made.where);
	va_start(ap, fmt);
	format(made.detail, sizeof(made.detail), fmt, ap);
	va_end(ap);
	*p = made;
	return false;
}

void problem_list_init(struct problem_list *l, struct arena *arena)
{
	*l = (struct problem_list){.arena = arena};
}

void problem_list_add(struct problem_list *l, const char *where,
		      const char *rule, const char *fmt, ...)
{
	char detail[PROBLEM_DETAIL_MAX];
	struct problem_item *items;
	va_list ap;

	if (l->count == PROBLEM_LIST_MAX) {
		l->more = true;
		return;
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		items = arena_array(l->arena, l->cap, sizeof(*items));
		if (l->count > 0)
			memcpy(items, l->items, l->count * sizeof(*items));
		l->items = items;
	}
	va_start(ap, fmt);
	format(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	l->items[l->count++] = (struct problem_item){
		.where = arena_strdup(l->arena, where ? where : ""),
		.rule = arena_strdup(l->arena, rule),
		.detail = arena_strdup(l->arena, detail),
	};
}
