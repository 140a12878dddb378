#ifndef MANIFEST_ENDPOINT_H
#define MANIFEST_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/num.h"
#include "manifest/graph.h"
#include "media/rule.h"

/*
 * A published workflow: what the loader makes of a folder under endpoints/.
 * Everything in it is immutable, lives in its arena and is shared by counting
 * references (atomic), so a reload never touches a request in work. Any
 * thread.
 */
enum input_type {
	INPUT_STRING,
	INPUT_INTEGER,
	INPUT_NUMBER,
	INPUT_BOOLEAN,
	INPUT_SEED,
	INPUT_CHOICE,
	INPUT_ARRAY,
	INPUT_IMAGE,
	INPUT_MASK,
	INPUT_AUDIO,
	INPUT_VIDEO,
	INPUT_FILE,
	INPUT__COUNT
};

/* One place in the graph that gets an input's value. A template is kept as
 * the pieces around each {value}: piece 0, value, piece 1, value, … The pieces
 * are raw text, not yet JSON. parts == NULL: the value alone. */
struct target {
	size_t hole;
	const char *const *parts;
	size_t part_count; /* 1 + number of {value} */
};

/* A choice writes private values; text is JSON as the manifest has it. */
struct assignment {
	size_t hole;
	const char *text;
	size_t len;
};

struct choice {
	const char *name;
	const struct assignment *sets;
	size_t set_count;
};

struct input {
	const char *name;
	const char *title;	 /* or NULL */
	const char *description; /* or NULL */
	enum input_type type;
	bool required;
	/* Resolved when the caller leaves it out: JSON text, or NULL for none
	 * (then the graph's own value stays, and a seed is drawn). */
	const char *default_text;

	/* string; lengths in code points */
	size_t min_length;
	size_t max_length;   /* always set: the ceiling where none is given */
	const char *pattern; /* as written, or NULL */
	const struct pattern *match; /* compiled; see manifest/pattern.h */
	/* integer and seed: `integers`; number: `decimals`. NULL: no bound. */
	const struct integer *minimum, *maximum, *multiple_of;
	const struct decimal *dec_minimum, *dec_maximum, *dec_multiple_of;
	bool exclusive_minimum, exclusive_maximum; /* of the decimals */
	/* As the manifest writes them, for messages and the contract. */
	const char *minimum_text, *maximum_text, *multiple_of_text;
	/* enum of string, integer, number: JSON texts, and the plain strings
	 * (string: its value; numbers: the text). */
	const char *const *enum_texts;
	const char *const *enum_values;
	size_t enum_count;

	const struct choice *choices; /* choice */
	size_t choice_count;

	/* image, mask, audio, video, file: what is taken */
	struct media_rule rule;
	/* mask: the name of the image input whose alpha channel it becomes; it
	 * has no targets. NULL: it is a file of its own. */
	const char *of;

	/* array; its targets are not used, and a choice in it has one `set`:
	 * the text that goes to the element's target (its hole is not used) */
	const struct input *items;
	size_t min_items, max_items;

	const struct target *targets; /* array: element i goes to target i */
	size_t target_count;

	/* Nodes that leave the graph where it is left out; their ids. */
	const char *const *bypass;
	size_t bypass_count;
	unsigned absent_bit; /* of endpoint->variants; 0: it has none */
};

enum output_type {
	OUTPUT_IMAGE,
	OUTPUT_VIDEO,
	OUTPUT_AUDIO,
	OUTPUT_MODEL,
	OUTPUT_FILE,
	OUTPUT_TEXT,
	OUTPUT_JSON,
	OUTPUT__COUNT
};

/* What an image is converted to. */
enum output_format {
	FORMAT_NONE, /* it stays what it is */
	FORMAT_PNG,
	FORMAT_WEBP,
	FORMAT_JPEG,
	FORMAT__COUNT
};

struct output {
	const char *name;
	const char *title;
	const char *description;
	enum output_type type;
	const char *node; /* private */
	const char *key;  /* private; NULL: every list of the node */
	bool many;
	bool required;
	bool temp;
	bool metadata; /* files keep theirs */
	/* Of images alone: */
	enum output_format format;
	unsigned quality;   /* 1 to 100; 0: the usual one */
	unsigned thumbnail; /* the width of a second, small file; 0: none */
	bool blurhash;
};

struct limits {
	int64_t wait_ms;
	int64_t timeout_ms;
	uint32_t queue;	      /* jobs of the endpoint that wait for a backend */
	uint32_t concurrency; /* jobs of one caller not ended; 0: no limit */
	uint32_t rate_count;  /* requests of one caller … ; 0: no limit */
	int64_t rate_window_ms; /* … within this time */
};

/* limits.by_claim: what holds for tokens whose claim has this value. Plan 0
 * of an endpoint is for everybody else and has no claim. */
struct plan {
	const char *claim;
	const char *value;
	struct limits limits;
	const struct input *inputs; /* endpoint->input_count, own bounds */
	/*
	 * What a job carries so that it needs no manifest (jobs/recipe.h):
	 * JSON text {"outputs":[…],"fields":[…],"files":[…]}, made once at
	 * load. Plans differ in what files they take.
	 */
	const char *recipe;
};

enum reuse_scope { REUSE_CALLER, REUSE_ALL };

struct run_options {
	const char *pool; /* "default" where none is named */
	int priority;	  /* higher first */
	unsigned attempts;
	int64_t reuse_ms; /* 0: off */
	enum reuse_scope reuse_scope;
	int64_t keep_ms;
	bool cancel_on_disconnect;
};

struct example {
	const char *title;
	const char *inputs; /* JSON object text */
};

struct endpoint {
	struct arena arena;
	unsigned references; /* atomic */
	const char *folder;  /* for messages */
	const char *name;
	unsigned version;
	const char *title;
	const char *description;
	const char *deprecated; /* a date, or NULL */
	const char *scope;	/* "name:run" where the manifest has none */
	struct graph graph;
	/* By the absent_bits of all inputs that are left out. [0] is the graph
	 * as it is; NULL where no input leaves nodes out. */
	const struct graph_variant *variants;
	const struct input *inputs; /* same as plans[0].inputs */
	size_t input_count;
	const struct plan *plans;
	size_t plan_count;
	const struct output *outputs;
	size_t output_count;
	struct run_options run;
	const struct example *examples;
	size_t example_count;
	const char *recipe; /* same as plans[0].recipe */
	/* GET /v{n}/{endpoint}: the public contract as JSON text, and its
	 * strong ETag (quoted). */
	const char *contract;
	const char *contract_etag;
	/* SHA-256 (hex) of graph text, recipe, templates and choices: what
	 * `reuse` compares along with the inputs. */
	const char *identity;
};

struct endpoint *endpoint_keep(struct endpoint *e);
void endpoint_drop(struct endpoint *e); /* NULL is fine */

const char *input_type_name(enum input_type t); /* "string" */
/* image, mask, audio, video, file */
bool input_is_file(enum input_type t);
/* What an input takes in each of its places: an array's element, or itself. */
const struct input *input_element(const struct input *in);
/* Whether an integer or seed also takes a string of digits, as its contract
 * says: for callers whose JSON library rounds what a double cannot hold. */
bool input_takes_digits(const struct input *in);
const char *output_type_name(enum output_type t);     /* "image" */
const char *output_format_name(enum output_format f); /* "webp"; not of NONE */
/* Whether it takes a program that decodes pictures: that of the helper. */
bool output_converts(const struct output *o);

#endif
