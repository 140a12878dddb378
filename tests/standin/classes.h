/*
 * The node classes the stand-in knows: their inputs and outputs as
 * /object_info shows them, which is also what validation goes by, and the
 * function that runs one. Set up before the threads start, constant after.
 */
#ifndef STANDIN_CLASSES_H
#define STANDIN_CLASSES_H

#include "world.h"

struct run;
struct enode;

enum class_flags {
	C_OUTPUT = 1,	  /* an output node */
	C_V3 = 2,	  /* of the newer kind, with more keys */
	C_OUT_NEW = 4,	  /* has its outputs only in 0.25.0 */
	C_TIPS = 8,	  /* carries output_tooltips */
	C_ESSENTIAL = 16, /* carries essentials_category */
	C_OWN_CHECK = 32, /* VALIDATE_INPUTS checks its first input */
	C_DEPRECATED = 64,
};

struct class
{
	const char *name;
	/* JSON members with ' for "; @kind stands for a list of files */
	const char *required;
	const char *optional;
	bool hidden;	     /* takes prompt and extra_pnginfo */
	const char *outputs; /* IMAGE,MASK */
	unsigned flags;
	const char *display;
	const char *category;
	bool (*run)(struct run *r, struct enode *n);
	/* made at start */
	struct jv *required_spec, *optional_spec;
	struct strv output_types;
};

/* class_table.c; changed only by classes_init */
extern struct class class_table[];
extern const size_t class_table_size;

void classes_init(struct world *w);
const struct class *class_find(const char *name);
const struct class *class_at(size_t i); /* NULL behind the last */
size_t class_output_count(const struct world *w, const struct class *c);
/* the names a list of files stands for */
void class_choices(struct world *w, const char *kind, struct strv *out);
/* one input as /object_info prints it, file lists filled in */
void class_print_input(struct world *w, const struct jv *v, struct str *out);

#endif
