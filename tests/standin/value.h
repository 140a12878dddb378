/* What flows between nodes. Counted; only the worker thread touches one. */
#ifndef STANDIN_VALUE_H
#define STANDIN_VALUE_H

#include "base.h"
#include "image.h"

enum vtype {
	V_IMAGE,
	V_MASK,
	V_LATENT, /* width, height, batch and what it will show */
	V_COND,	  /* text */
	V_MODEL,  /* anything loaded */
	V_TEXT,
	V_INT, /* text holds the digits */
	V_FLOAT,
	V_BOOL,
	V_LIST,
};

struct value {
	int refs;
	enum vtype type;
	struct image *image; /* V_IMAGE, V_MASK */
	int width, height, batch;
	uint64_t seed; /* of a latent: what the picture depends on */
	char *text;
	struct value **items; /* V_LIST */
	size_t count;
};

struct value *value_new(enum vtype type);
struct value *value_image(struct image *im, enum vtype type); /* takes im */
struct value *value_text(enum vtype type, const char *text);
struct value *value_ref(struct value *v);
void value_unref(struct value *v); /* NULL is fine */
/* as str() of the real one would look, roughly */
void value_print(const struct value *v, struct str *out);

#endif
