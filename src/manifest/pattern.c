#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/pattern.h"
#include "manifest/pattern_tree.h"

/*
 * Thompson's construction: the tree becomes a program, and the text is read
 * once while the set of places where the program can stand is carried along.
 * So a text of n code points takes at most n times the program's size.
 *
 *	a+b	0 CLASS a
 *		1 SPLIT 0, 2
 *		2 CLASS b
 *		3 MATCH
 */
#define PROGRAM_MAX 2000
#define LABOUR_MAX  100000 /* of compiling: ((){1000}){1000} emits nothing */

enum op { OP_CLASS, OP_START, OP_END, OP_SPLIT, OP_JUMP, OP_MATCH };

struct step {
	enum op op;
	const struct class *class;
	size_t to, or_to;
};

struct pattern {
	struct step *steps;
	size_t count;
};

struct compiler {
	struct step *steps;
	size_t count;
	size_t labour;
	bool over;
};

static size_t emit(struct compiler *c, enum op op, const struct class *class)
{
	if (c->count == PROGRAM_MAX) {
		c->over = true;
		return PROGRAM_MAX - 1;
	}
	c->steps[c->count] = (struct step){.op = op, .class = class};
	return c->count++;
}

static void compile(struct compiler *c, const struct tree *t);

static void compile_either(struct compiler *c, const struct tree *t)
{
	size_t split = emit(c, OP_SPLIT, NULL), jump;

	c->steps[split].to = c->count;
	compile(c, t->a);
	jump = emit(c, OP_JUMP, NULL);
	c->steps[split].or_to = c->count;
	compile(c, t->b);
	c->steps[jump].to = c->count;
}

/* x{2,4}: x x (x (x)?)?    x{2,}: x x x* */
static void compile_repeat(struct compiler *c, const struct tree *t)
{
	size_t last = PROGRAM_MAX; /* a chain of splits through or_to */

	for (unsigned i = 0; i < t->least && !c->over; i++)
		compile(c, t->a);
	if (t->most == REPEAT_OPEN) {
		size_t split = emit(c, OP_SPLIT, NULL), jump;

		c->steps[split].to = c->count;
		compile(c, t->a);
		jump = emit(c, OP_JUMP, NULL);
		c->steps[jump].to = split;
		c->steps[split].or_to = c->count;
		return;
	}
	for (unsigned i = t->least; i < t->most && !c->over; i++) {
		size_t split = emit(c, OP_SPLIT, NULL);

		c->steps[split].or_to = last;
		c->steps[split].to = c->count;
		last = split;
		compile(c, t->a);
	}
	while (last != PROGRAM_MAX && !c->over) {
		size_t before = c->steps[last].or_to;

		c->steps[last].or_to = c->count;
		last = before;
	}
}

static void compile(struct compiler *c, const struct tree *t)
{
	if (++c->labour > LABOUR_MAX)
		c->over = true;
	if (c->over)
		return;
	switch (t->kind) {
	case TREE_EMPTY:
		break;
	case TREE_CLASS:
		(void)emit(c, OP_CLASS, t->class);
		break;
	case TREE_START:
		(void)emit(c, OP_START, NULL);
		break;
	case TREE_END:
		(void)emit(c, OP_END, NULL);
		break;
	case TREE_BOTH:
		compile(c, t->a);
		compile(c, t->b);
		break;
	case TREE_EITHER:
		compile_either(c, t);
		break;
	case TREE_REPEAT:
		compile_repeat(c, t);
		break;
	}
}

struct pattern *pattern_compile(struct arena *a, const char *text,
				struct problem *why)
{
	struct compiler c = {.steps = mem_array(PROGRAM_MAX, sizeof(*c.steps))};
	const struct tree *tree = pattern_parse(a, text, why);
	struct pattern *p = NULL;

	if (tree == NULL)
		goto out;
	compile(&c, tree);
	(void)emit(&c, OP_MATCH, NULL);
	if (c.over) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "is too large once its repetitions are written "
			    "out");
		goto out;
	}
	p = arena_alloc(a, sizeof(*p));
	p->steps = arena_array(a, c.count, sizeof(*p->steps));
	memcpy(p->steps, c.steps, c.count * sizeof(*p->steps));
	p->count = c.count;
out:
	free(c.steps);
	return p;
}

/* Places where the program can stand. */
struct places {
	size_t *at;
	size_t count;
};

struct run {
	const struct pattern *p;
	size_t *marks; /* the round in which a place was last added */
	size_t *stack;
	size_t round;
	size_t taken; /* steps in all */
	bool at_start, at_end;
};

/* Adds `to` and all that can be reached from it without reading on; true when
 * the match is one of them. */
static bool add(struct run *r, struct places *s, size_t to)
{
	size_t depth = 0;

	r->stack[depth++] = to;
	while (depth > 0) {
		size_t at = r->stack[--depth];
		const struct step *step = &r->p->steps[at];

		if (r->marks[at] == r->round)
			continue;
		r->marks[at] = r->round;
		r->taken++;
		switch (step->op) {
		case OP_MATCH:
			return true;
		case OP_CLASS:
			s->at[s->count++] = at;
			break;
		case OP_SPLIT:
			r->stack[depth++] = step->or_to;
			r->stack[depth++] = step->to;
			break;
		case OP_JUMP:
			r->stack[depth++] = step->to;
			break;
		case OP_START:
			if (r->at_start)
				r->stack[depth++] = at + 1;
			break;
		case OP_END:
			if (r->at_end)
				r->stack[depth++] = at + 1;
			break;
		}
	}
	return false;
}

static bool search(struct run *r, const char *s, size_t n, struct places *now,
		   struct places *next)
{
	const char *end = s + n;
	struct places *spare;

	r->round = 1;
	r->at_start = true;
	r->at_end = n == 0;
	if (add(r, now, 0))
		return true;
	while (s < end) {
		uint32_t point = next_point(&s);

		r->round++;
		r->at_start = false;
		r->at_end = s == end;
		next->count = 0;
		for (size_t i = 0; i < now->count; i++) {
			size_t at = now->at[i];

			if (class_holds(r->p->steps[at].class, point) &&
			    add(r, next, at + 1))
				return true;
		}
		/* A match may begin anywhere. */
		if (add(r, next, 0))
			return true;
		spare = now;
		now = next;
		next = spare;
	}
	return false;
}

bool pattern_matches_counted(const struct pattern *p, const char *s, size_t n,
			     size_t *steps)
{
	/* each marked place pushes two at most */
	size_t *memory = mem_array(p->count * 5 + 1, sizeof(*memory));
	struct places now = {memory, 0}, next = {memory + p->count, 0};
	struct run r = {.p = p,
			.marks = memory + 2 * p->count,
			.stack = memory + 3 * p->count};
	bool found = search(&r, s, n, &now, &next);

	*steps = r.taken;
	free(memory);
	return found;
}

bool pattern_matches(const struct pattern *p, const char *s, size_t n)
{
	size_t steps;

	return pattern_matches_counted(p, s, n, &steps);
}
