#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

/*
 * What went wrong, in the words of the HTTP API: one code per problem type of
 * RFC 9457 that a caller can see. Functions that can fail fill one in and
 * return false; api/ turns the code into a status in one table.
 */
enum problem_code {
	PROBLEM_NONE,
	PROBLEM_MALFORMED_REQUEST,
	PROBLEM_UNAUTHORIZED,
	PROBLEM_FORBIDDEN,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_NOT_ACCEPTABLE,
	PROBLEM_CONFLICT,
	PROBLEM_GONE,
	PROBLEM_TOO_LARGE,
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_INVALID_INPUT,
	PROBLEM_IDEMPOTENCY_MISMATCH,
	PROBLEM_RATE_LIMITED,
	PROBLEM_TOO_MANY_JOBS,
	PROBLEM_INTERNAL,
	PROBLEM_WORKFLOW_FAILED,
	PROBLEM_WORKFLOW_REJECTED,
	PROBLEM_OUTPUT_MISSING,
	PROBLEM_NO_BACKEND,
	PROBLEM_QUEUE_FULL,
	PROBLEM_OUT_OF_MEMORY,
	PROBLEM_SHUTTING_DOWN,
	PROBLEM_TIMEOUT,
	PROBLEM__COUNT
};

#define PROBLEM_WHERE_MAX  256
#define PROBLEM_DETAIL_MAX 512

/* One problem, held by value. Zeroed means none. */
struct problem {
	enum problem_code code;
	/* A JSON Pointer, or a file with a place in it; "" when not needed. */
	char where[PROBLEM_WHERE_MAX];
	/* One sentence for the reader, without a final full stop. */
	char detail[PROBLEM_DETAIL_MAX];
};

/* The name in the type URI and in the store: "invalid-input". */
const char *problem_name(enum problem_code code);
/* PROBLEM_NONE where no code has that name. */
enum problem_code problem_from_name(const char *name);

/* Fills p (NULL is fine) and returns false, so that a caller can write
 * `return problem_set(...)`. Longer texts are cut at a UTF-8 boundary. */
bool problem_set(struct problem *p, enum problem_code code, const char *where,
		 const char *fmt, ...) PRINTF(4, 5);

/*
 * All that is wrong with something a person wrote: collected, told at once.
 * The texts live in the list's arena. At most PROBLEM_LIST_MAX are kept;
 * `more` says that there were others.
 */
#define PROBLEM_LIST_MAX 100

struct problem_item {
	const char *where; /* JSON Pointer "/steps", or "file: /pointer" */
	const char *rule;  /* the rule broken, a short word: "maximum" */
	const char *detail;
};

struct problem_list {
	struct arena *arena;
	struct problem_item *items;
	size_t count;
	size_t cap;
	bool more;
};

void problem_list_init(struct problem_list *l, struct arena *arena);
void problem_list_add(struct problem_list *l, const char *where,
		      const char *rule, const char *fmt, ...) PRINTF(4, 5);

#endif
