/*
 * JSON as Python's json module reads and writes it: numbers keep their text,
 * so that a seed of 2^64-1 stays exact; NaN and Infinity pass; the last of two
 * equal names wins. A document owns all its values. Any thread, one at a time.
 */
#ifndef STANDIN_JSON_H
#define STANDIN_JSON_H

#include "base.h"

enum jtype { J_NULL, J_FALSE, J_TRUE, J_NUM, J_STR, J_ARR, J_OBJ };

struct jv {
	enum jtype type;
	const char *key;  /* of a member of an object, else NULL */
	const char *text; /* string content, or the digits of a number */
	size_t len;	  /* of text */
	struct jv *child; /* first member or element */
	struct jv *last;  /* last one */
	struct jv *next;  /* next sibling */
	size_t count;	  /* members or elements */
};

struct jdoc;

/* NULL when the text is not JSON; also for lone bytes that are not UTF-8 */
struct jdoc *json_parse(const char *text, size_t len);
struct jv *json_root(struct jdoc *doc);
void json_free(struct jdoc *doc);

/* by name; NULL when absent or when v is no object */
struct jv *json_get(const struct jv *v, const char *name);
/* the text of a string member, or NULL */
const char *json_text(const struct jv *v, const char *name);
long long json_int(const struct jv *v, const char *name, long long otherwise);
bool json_is_float(const struct jv *v);
/* Python's idea of truth */
bool json_truth(const struct jv *v);

/* make v a string or number of the document, in place */
void json_set_text(struct jdoc *doc, struct jv *v, const char *text,
		   size_t len);
void json_set_number(struct jdoc *d, struct jv *v, const char *num);
void json_set_bool(struct jv *v, bool b);
/* v becomes what from is; the members are shared */
void json_set_value(struct jv *v, const struct jv *from);

/* like json.dumps() and like repr() */
void json_dump(struct str *s, const struct jv *v);
void json_repr(struct str *s, const struct jv *v);
/* like str(): a string is itself, all else its repr */
void json_str(struct str *s, const struct jv *v);
/* repr of a float: shortest digits that read back the same */
void json_float_repr(struct str *s, double d);

#endif
