#ifndef MANIFEST_READER_H
#define MANIFEST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include "base/problem.h"
#include "manifest/endpoint.h"

/*
 * Inside of manifest/: what the readers of a manifest's parts share. A reader
 * lives for one load, on one thread. It collects every mistake with its place,
 * and never stops at the first.
 */
struct object_info;
struct workflow;

struct reader {
	struct arena *keep;   /* the endpoint's: what outlives the load */
	struct arena scratch; /* what does not */
	struct problem_list *errors;
	const char *folder;
	const char *file;     /* "endpoints/portrait/manifest.json" */
	const char *workflow; /* "workflow.json", for messages */
	struct workflow *graph;
	struct object_info *classes; /* object_info.c; NULL: not read yet */
	struct mask_target *masks;   /* see parts.h */
	struct endpoint *endpoint;
	bool failed; /* something was added to errors */
};

/* Where a value stands: a chain on the stack, printed as a JSON Pointer only
 * when there is something to say. */
struct place {
	const struct place *up; /* NULL: the document itself */
	const char *key;	/* NULL: an element */
	size_t index;
};

#define PLACE_KEY(up, key)   (&(struct place){(up), (key), 0})
#define PLACE_INDEX(up, idx) (&(struct place){(up), NULL, (idx)})

/* "/inputs/steps"; "" for NULL. In the reader's scratch arena. */
const char *place_text(struct reader *r, const struct place *p);

void reader_error(struct reader *r, const struct place *p, const char *rule,
		  const char *fmt, ...) PRINTF(4, 5);
/* As above, in another file of the folder. */
void reader_error_in(struct reader *r, const char *file, const struct place *p,
		     const char *rule, const char *fmt, ...) PRINTF(5, 6);

/* "; nearest: \"x\"" or "": the end of a sentence about a wrong name. */
const char *reader_nearest(struct reader *r, const char *word,
			   const char *const *names, size_t count);
/* False, and an error, where v is of another type. */
MUST_USE bool reader_wants(struct reader *r, const struct place *p,
			   const struct json *v, enum json_type type);
/* A string of 1 … most code points, kept; NULL and an error otherwise. */
const char *reader_text(struct reader *r, const struct place *p,
			const struct json *v, size_t most);
/* The value as JSON text with nothing between tokens, kept. */
const char *reader_json(struct reader *r, const struct json *v);
/* ^[first][rest]{0,62}$ with [a-z] first and [a-z0-9] and `extra` after. */
MUST_USE bool reader_name(const char *s, char extra);

/*
 * The keys of an object, as a table: unknown keys are told with the nearest
 * known one, and each known key is read into a field of `into`.
 */
enum key_how {
	KEY_SEEN,     /* known; read by the caller */
	KEY_LATER,    /* known, but not supported by this version */
	KEY_TEXT,     /* const char *, at most `most` code points */
	KEY_BOOL,     /* bool */
	KEY_DURATION, /* int64_t, in ms; "10m" */
	KEY_SIZE,     /* size_t */
	KEY_UNSIGNED, /* unsigned */
	KEY_INT,      /* int */
	KEY_INT64,    /* int64_t */
	KEY_OWN,      /* by `read` */
};

typedef void key_read(struct reader *r, const struct place *p,
		      const struct json *v, void *into);

struct key {
	const char *name;
	enum key_how how;
	size_t offset; /* of the field */
	int64_t least, most;
	key_read *read;
};

struct key_set {
	const struct key *keys;
	size_t count;
	const struct key_set *more; /* keys that are known, too */
	/* What else to say of an unknown key, or NULL. */
	const char *(*hint)(struct reader *r, const char *key);
};

#define KEY_SET(array, more)                                                   \
	{                                                                      \
		(array), COUNT(array), (more), NULL                            \
	}

/* False when v is no object. what: "an output", for messages. */
bool reader_keys(struct reader *r, const struct place *p, const struct json *v,
		 const struct key_set *set, const char *what, void *into);
const struct key *key_find(const struct key_set *set, const char *name);

/* "set key", one a line: all keys that a manifest may have, for the test that
 * holds the JSON Schema against the loader. */
struct buf;
void manifest_print_keys(struct buf *to);

#endif
