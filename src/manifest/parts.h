#ifndef MANIFEST_PARTS_H
#define MANIFEST_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "manifest/endpoint.h"
#include "manifest/reader.h"

/*
 * Inside of manifest/: the parts of a manifest, one reader each, called by
 * manifest_load() in this order. Each reports all that is wrong and fills what
 * it can; the load fails at the end when anything was reported.
 */

/* ceilings for what an author can write */
#define MANIFEST_BYTES_MAX    ((size_t)1 << 20)
#define WORKFLOW_BYTES_MAX    ((size_t)16 << 20)
#define WORKFLOW_NODES_MAX    10000
#define OBJECT_INFO_BYTES_MAX ((size_t)32 << 20)
#define BYPASS_MAX	      4	  /* inputs that may leave nodes out */
#define BYPASS_NODES_MAX      256 /* of one input */
#define INPUTS_MAX	      256
#define OUTPUTS_MAX	      64
#define TARGETS_MAX	      1024 /* of one input */
#define CHOICES_MAX	      1024
#define ENUM_MAX	      1024
#define PLANS_MAX	      64
#define EXAMPLES_MAX	      32
#define STRING_LENGTH_MAX     1000000 /* the most that maxLength may say */
#define STRING_LENGTH_USUAL   100000  /* where it says nothing */

/* A node that gets a mask, in the reader's scratch: what it makes of it is seen
 * when all inputs are read. */
struct mask_target {
	struct mask_target *next;
	struct input *mask;
	const struct node *node;
};

/* inputs.c, kinds.c */
extern const struct key_set keys_items;
/* Of an input of that type, beside those of its kind. */
const struct key_set *keys_of_input(enum input_type type);
void read_inputs(struct reader *r, const struct place *p, const struct json *v);

struct kind {
	const char *name;
	const char *a_name;    /* "a string", for messages */
	struct key_set bounds; /* what limits.by_claim may change */
	struct key_set others;
	/* Do the keys go together? Called when all are read. */
	void (*check)(struct reader *r, const struct place *p,
		      const struct json *v, const struct input *in);
};
/* NULL, and an error, where v names no type of this version. */
const struct kind *kind_read(struct reader *r, const struct place *p,
			     const struct json *v, enum input_type *type);
const struct kind *kind_of(enum input_type type);
/* Of an unknown key: which type it belongs to, as the end of a sentence. */
const char *kind_hint(struct reader *r, const char *key);

/* bypass.c */
extern const struct key_set keys_absent;

/* kinds_file.c: bounds of files where nothing is said; for kinds.c. */
void file_defaults(struct input *in);
key_read file_mime;
void file_check(struct reader *r, const struct place *p, const struct json *v,
		const struct input *in);

/* targets.c: fills in->targets or in->choices. `value` is what goes to each
 * target: the input, or an array's element; NULL where that is broken. */
extern const struct key_set keys_target;
void read_targets(struct reader *r, const struct place *p, const struct json *v,
		  struct input *in, struct input *value);
void read_choices(struct reader *r, const struct place *p, const struct json *v,
		  struct input *in, bool items);
void read_set(struct reader *r, const struct place *p, const struct json *v);
/* "NODE.REST" at the first dot, both in r->scratch. */
MUST_USE bool target_split(struct reader *r, const char *text,
			   const char **node, const char **rest);

/* template.c: NULL parts and an error where it is none. */
void read_template(struct reader *r, const struct place *p,
		   const struct json *v, struct target *t);

/* outputs.c */
extern const struct key_set keys_output, keys_thumbnail;
void read_outputs(struct reader *r, const struct place *p,
		  const struct json *v);

/* settings.c */
extern const struct key_set keys_access, keys_limits, keys_plan, keys_run,
	keys_example;
void read_access(struct reader *r, const struct place *p, const struct json *v);
void read_limits(struct reader *r, const struct place *p, const struct json *v);
void read_run(struct reader *r, const struct place *p, const struct json *v);
void read_examples(struct reader *r, const struct place *p,
		   const struct json *v);

/* load.c */
extern const struct key_set keys_manifest;

/* identity.c: the recipes of e and its plans, and e->identity. */
void recipe_write(struct endpoint *e);
void identity_write(struct endpoint *e);

#endif
