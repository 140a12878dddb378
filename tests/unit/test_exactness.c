#include <dirent.h>
#include <stdint.h>

#include "base/file.h"
#include "base/text.h"
#include "input/resolve.h"
#include "input_rig.h"
#include "tap.h"

/*
 * The promise: a prompt is the author's text, byte for byte, except at the
 * places that the caller's values go to, and there it is exactly the value; of
 * a file the name, which is put in later at the places that are told.
 * Checked over random graphs, and over the workflows in the folder $WORKFLOWS,
 * against a reading of their own (a scanner that knows nothing of base/json).
 */

/* A small generator with its own seed: the same graphs in every run. */
static uint64_t state = 4711;

static unsigned draw(unsigned below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

/* ---- the other reading: ranges in a text known to be JSON ---- */

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static const char *skip_string(const char *s)
{
	for (s++; *s != '"'; s++)
		s += *s == '\\';
	return s + 1;
}

static const char *skip_value(const char *s)
{
	int open = 0;

	do {
		if (*s == '"') {
			s = skip_string(s);
		} else if (*s == '{' || *s == '[') {
			open++;
			s++;
		} else if (*s == '}' || *s == ']') {
			open--;
			s++;
		} else if (open > 0 && strchr(" \t\r\n,:", *s) != NULL) {
			s++;
		} else {
			s += strcspn(s, " \t\r\n,:]}");
		}
	} while (open > 0);
	return s;
}

struct range {
	const char *at;
	size_t len;
};

typedef void each_member(const char *key, const char *value, void *ctx);

/* At a value: its members, where it is an object. */
static void walk(const char *s, each_member *see, void *ctx)
{
	if (*s != '{')
		return;
	s = skip_space(s + 1);
	while (*s != '}') {
		const char *key = s;

		s = skip_space(skip_string(s));
		s = skip_space(s + 1); /* the colon */
		see(key, s, ctx);
		s = skip_space(skip_value(s));
		if (*s == ',')
			s = skip_space(s + 1);
	}
}

struct ranges {
	struct range *at;
	size_t count, cap;
};

static void see_input(const char *key, const char *value, void *ctx)
{
	struct ranges *r = ctx;

	(void)key;
	if (*value == '[')
		return;
	if (r->count == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		r->at = mem_resize(r->at, r->cap * sizeof(*r->at));
	}
	r->at[r->count++] =
		(struct range){value, (size_t)(skip_value(value) - value)};
}

static void see_node_member(const char *key, const char *value, void *ctx)
{
	if (text_starts(key, "\"inputs\""))
		walk(value, see_input, ctx);
}

static void see_node(const char *key, const char *value, void *ctx)
{
	(void)key;
	walk(value, see_node_member, ctx);
}

/* ---- values ---- */

/* What must stand in a hole afterwards. */
struct expected {
	bool filled;
	const char *json;  /* these very bytes, or … */
	const char *plain; /* … any JSON string that stands for this */
};

struct trial {
	struct arena arena;
	struct endpoint e;
	struct plan plan;
	struct input *inputs;
	struct expected *expected; /* of each hole */
	struct buf body;
	struct json_writer to;
	size_t next_hole;
};

static const char *const characters[] = {
	"a",
	"Z",
	" ",
	"\"",
	"\\",
	"/",
	"\n",
	"\t",
	"\x01",
	"\x1F",
	"\x7F",
	"{",
	"}",
	"{value}",
	"\xC3\xA9",
	"\xE2\x82\xAC",
	"\xE2\x80\xA8",
	"\xF0\x9F\x98\x80",
	"\\u0041",
	"\"}},{\"",
	"[\"4\",0]",
	",",
	"$",
	"%s",
};

static const char *random_text(struct arena *a)
{
	const char *text;
	struct buf b;

	buf_init(&b, 1 << 16);
	for (unsigned n = draw(12); n > 0; n--)
		buf_adds(&b, characters[draw(COUNT(characters))]);
	text = arena_strndup(a, buf_str(&b), b.len);
	buf_finish(&b);
	return text;
}

static void expect(struct trial *t, size_t hole, const char *json,
		   const char *plain)
{
	t->expected[hole] = (struct expected){true, json, plain};
}

/* A file's name in these tests: its place. */
static const char *name_of(struct arena *a, const char *field)
{
	return arena_printf(a, "\"<%s>\"", field);
}

/* One value of the type into the body; what must come of it. field: its place
 * in the body. */
static struct expected give(struct trial *t, enum input_type type,
			    const char *field)
{
	static const char *const integers[][2] = {
		{"0", "0"},
		{"-0", "0"},
		{"1e3", "1000"},
		{"25.0", "25"},
		{"9007199254740993", "9007199254740993"},
		{"18446744073709551615", "18446744073709551615"},
		{"\"18446744073709551615\"", "18446744073709551615"},
		{"9223372036854775808", "9223372036854775808"},
		{"\"9007199254740992\"", "9007199254740992"},
	};
	static const char *const least[][2] = {
		{"-9223372036854775808", "-9223372036854775808"},
		{"\"-9223372036854775808\"", "-9223372036854775808"},
		{"-1", "-1"},
	};
	static const char *const numbers[] = {
		"0",
		"-0",
		"1.7000000000000002",
		"1.50",
		"1E5",
		"1e-7",
		"0.1000000000000000055511151231257827",
		"18446744073709551615",
		"-12.0e+2",
	};
	struct expected x = {.filled = true};
	unsigned n;

	switch (type) {
	case INPUT_STRING:
		x.plain = random_text(&t->arena);
		json_put_string(&t->to, x.plain);
		break;
	case INPUT_INTEGER:
	case INPUT_SEED:
		n = draw(COUNT(integers) + COUNT(least));
		if (n < COUNT(integers) || type == INPUT_SEED) {
			n %= COUNT(integers);
			json_put_raw(&t->to, integers[n][0]);
			x.json = integers[n][1];
		} else {
			n -= (unsigned)COUNT(integers);
			json_put_raw(&t->to, least[n][0]);
			x.json = least[n][1];
		}
		break;
	case INPUT_NUMBER:
		x.json = numbers[draw(COUNT(numbers))];
		json_put_raw(&t->to, x.json);
		break;
	case INPUT_BOOLEAN:
		x.json = draw(2) ? "true" : "false";
		json_put_raw(&t->to, x.json);
		break;
	default:
		x.json = name_of(&t->arena, field);
		json_put_string(&t->to, "https://files.example/a?b=c");
		break;
	}
	return x;
}

/* A hole that no other input has, or the number of holes. */
static size_t take_hole(struct trial *t)
{
	size_t hole = t->next_hole;

	if (hole < t->e.graph.hole_count)
		t->next_hole += 1 + draw(3);
	return hole;
}

static void make_targets(struct trial *t, struct input *in, unsigned most)
{
	struct target *targets = arena_array(&t->arena, most, sizeof(*targets));

	in->targets = targets;
	while (in->target_count < most) {
		size_t hole = take_hole(t);

		if (hole >= t->e.graph.hole_count)
			break;
		targets[in->target_count++].hole = hole;
	}
}

/* The same text around and between the values, once or twice. */
static void make_template(struct trial *t, struct input *in)
{
	struct target *target = (struct target *)(uintptr_t)in->targets;
	const char **parts = arena_array(&t->arena, 3, sizeof(*parts));

	for (size_t i = 0; i < 3; i++)
		parts[i] = random_text(&t->arena);
	target->parts = parts;
	target->part_count = 2 + draw(2);
}

static const char *in_template(struct trial *t, const struct target *target,
			       const char *plain)
{
	const char *whole = target->parts[0];

	for (size_t i = 1; i < target->part_count; i++)
		whole = arena_printf(&t->arena, "%s%s%s", whole, plain,
				     target->parts[i]);
	return whole;
}

static void make_choice(struct trial *t, struct input *in)
{
	static const char *const values[] = {
		"\"x.safetensors\"",
		"5.50",
		"{\"a\":[1, 2]}",
		"[1,2]",
		"null",
		"18446744073709551615",
		"\"\\u00e9\\n\"",
	};
	struct choice *choices = arena_array(&t->arena, 2, sizeof(*choices));
	unsigned count = draw(3), picked = draw(2);

	in->choices = choices;
	in->choice_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct assignment *sets =
			arena_array(&t->arena, count, sizeof(*sets));

		choices[i].name = i ? "second" : "first";
		choices[i].sets = sets;
		for (unsigned k = 0; k < count; k++) {
			const char *text = values[draw(COUNT(values))];
			size_t hole = take_hole(t);

			if (hole >= t->e.graph.hole_count)
				break;
			sets[choices[i].set_count++] =
				(struct assignment){hole, text, strlen(text)};
			if (i == picked)
				expect(t, hole, text, NULL);
		}
	}
	json_put_string(&t->to, choices[picked].name);
}

static void make_array(struct trial *t, struct input *in)
{
	struct input *items = arena_alloc(&t->arena, sizeof(*items));
	unsigned count;

	*items = (struct input){
		.name = in->name,
		.type = draw(3) > 0 ? (enum input_type)draw(INPUT_CHOICE)
				    : INPUT_AUDIO,
		.max_length = 1000};
	make_targets(t, in, 1 + draw(4));
	in->items = items;
	in->max_items = in->target_count;
	count = draw((unsigned)in->target_count + 1);
	json_open(&t->to, '[');
	for (unsigned i = 0; i < count; i++) {
		const char *field =
			arena_printf(&t->arena, "/%s/%u", in->name, i);

		t->expected[in->targets[i].hole] = give(t, items->type, field);
	}
	json_close(&t->to, ']');
}

static void make_plain(struct trial *t, struct input *in)
{
	const char *field = arena_printf(&t->arena, "/%s", in->name);
	struct expected x = give(t, in->type, field);

	make_targets(t, in, 1 + draw(3));
	if (in->type == INPUT_STRING && in->target_count > 0 && draw(2))
		make_template(t, in);
	for (size_t i = 0; i < in->target_count; i++) {
		const struct target *target = &in->targets[i];

		t->expected[target->hole] = x;
		if (target->parts != NULL)
			expect(t, target->hole, NULL,
			       in_template(t, target, x.plain));
	}
}

static void make_input(struct trial *t, size_t i)
{
	struct input *in = &t->inputs[i];

	*in = (struct input){.name = arena_printf(&t->arena, "in_%zu", i),
			     .type = (enum input_type)draw(INPUT__COUNT),
			     .max_length = 1000};
	if (in->type != INPUT_SEED && draw(5) == 0) {
		make_targets(t, in, 2); /* left out: the author's text stays */
		in->max_items = in->target_count;
		return;
	}
	json_put_key(&t->to, in->name);
	if (in->type == INPUT_CHOICE)
		make_choice(t, in);
	else if (in->type == INPUT_ARRAY)
		make_array(t, in);
	else
		make_plain(t, in);
}

static void make_trial(struct trial *t, const char *text, size_t len)
{
	size_t count = 1 + draw(8);

	*t = (struct trial){.next_hole = draw(3)};
	buf_init(&t->body, 1 << 20);
	if (!rig_graph(&t->e.graph, text, len, &t->arena))
		abort();
	t->inputs = arena_array(&t->arena, count, sizeof(*t->inputs));
	t->expected = arena_array(&t->arena, t->e.graph.hole_count,
				  sizeof(*t->expected));
	json_writer_init(&t->to, &t->body);
	json_open(&t->to, '{');
	for (size_t i = 0; i < count; i++)
		make_input(t, i);
	json_close(&t->to, '}');
	t->plan.inputs = t->inputs;
	t->e.inputs = t->inputs;
	t->e.input_count = count;
	t->e.plans = &t->plan;
	t->e.plan_count = 1;
}

/* ---- the comparison ---- */

static bool is_expected(const struct expected *x, const char *at, size_t len)
{
	struct json_doc *doc;
	const char *s;
	bool same;

	if (x->json != NULL)
		return strlen(x->json) == len && memcmp(x->json, at, len) == 0;
	doc = json_parse(at, len, 1, NULL);
	s = doc ? json_string(json_root(doc)) : NULL;
	same = s != NULL && strcmp(s, x->plain) == 0;
	json_free(doc);
	return same;
}

/* Walks the author's text and the prompt side by side. */
static bool exact(const struct trial *t, const struct ranges *ranges,
		  const char *author, const char *prompt)
{
	const char *a = author, *p = prompt;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *r = &ranges->at[i];
		size_t gap = (size_t)(r->at - a), len;

		if (strncmp(a, p, gap) != 0)
			return false;
		p += gap;
		a = r->at + r->len;
		if (!t->expected[i].filled) {
			if (strncmp(r->at, p, r->len) != 0)
				return false;
			p += r->len;
			continue;
		}
		len = (size_t)(skip_value(p) - p);
		if (!is_expected(&t->expected[i], p, len))
			return false;
		p += len;
	}
	return strcmp(a, p) == 0;
}

/* The prompt with the names of its files, from the last place to the first. */
static const char *with_names(struct arena *a, const char *prompt,
			      const struct resolved *r)
{
	size_t most = SIZE_MAX;

	for (;;) {
		const struct resolved_file *file = NULL;
		size_t at = 0;

		for (size_t i = 0; i < r->file_count; i++)
			for (size_t k = 0; k < r->files[i].at_count; k++)
				if (r->files[i].at[k] < most &&
				    (file == NULL || r->files[i].at[k] >= at)) {
					file = &r->files[i];
					at = file->at[k];
				}
		if (file == NULL)
			return prompt;
		prompt = arena_printf(a, "%.*s%s%s", (int)at, prompt,
				      name_of(a, file->field), prompt + at);
		most = at;
	}
}

static uint64_t no_random(void *ctx)
{
	(void)ctx;
	return 0;
}

/* False, with a word on stderr, where the promise is broken. */
static bool try_once(const char *text, size_t len)
{
	struct problem_list errors;
	struct ranges ranges = {0};
	struct json_doc *body, *whole;
	const char *named = "";
	struct resolved out;
	struct buf prompt;
	struct trial t;
	bool good;

	make_trial(&t, text, len);
	walk(skip_space(text), see_node, &ranges);
	problem_list_init(&errors, &t.arena);
	buf_init(&prompt, (size_t)64 << 20);
	body = json_parse(buf_str(&t.body), t.body.len, 64, NULL);
	good = ranges.count == t.e.graph.hole_count && body != NULL &&
	       input_resolve(&t.e, &t.plan, json_root(body), NULL, no_random,
			     NULL, &t.arena, &prompt, &out, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "# %s: %s\n", errors.items[i].where,
			errors.items[i].detail);
	if (good)
		named = with_names(&t.arena, buf_str(&prompt), &out);
	good = good && exact(&t, &ranges, text, named);
	whole = json_parse(named, strlen(named), 500, NULL);
	good = good && whole != NULL;
	if (!good)
		fprintf(stderr, "# body: %s\n# text: %.2000s\n# got: %.2000s\n",
			buf_str(&t.body), text, named);
	json_free(whole);
	json_free(body);
	free(ranges.at);
	buf_finish(&prompt);
	buf_finish(&t.body);
	arena_finish(&t.arena);
	return good;
}

/* ---- random graphs ---- */

static void blank(struct buf *b)
{
	static const char *const blanks[] = {"", "", " ", "\n  ", "\t", "\r\n"};

	buf_adds(b, blanks[draw(COUNT(blanks))]);
}

static void random_literal(struct buf *b, unsigned depth)
{
	static const char *const literals[] = {
		"18446744073709551615",
		"1.7000000000000002",
		"-0.0",
		"1E+2",
		"true",
		"false",
		"null",
		"0",
		"\"\"",
		"\"a \\\"cat\\\"\"",
		"\"\\u00e9\\ud83d\\ude00\"",
		"\"\xF0\x9F\x98\x80 \xC3\xA9\"",
		"\"}],{[\"",
		"\"\\\\\"",
		"\"C:\\\\models\\\\x.ckpt\"",
		"9007199254740993",
		"1e400",
		"\"{value}\"",
	};

	if (depth > 0 && draw(6) == 0) {
		buf_adds(b, "{\"nested\":");
		random_literal(b, depth - 1);
		buf_adds(b, " ,\"list\" : [ 1,");
		random_literal(b, depth - 1);
		buf_adds(b, "]}");
		return;
	}
	buf_adds(b, literals[draw(COUNT(literals))]);
}

static void random_node(struct buf *b)
{
	static const char *const names[] = {
		"seed",	  "text",	  "\xC3\xA9t\xC3\xA9",
		"a b",	  "a.b",	  "\\u0041",
		"\\\"",	  "\\n",	  "57:8",
		"inputs", "\xE2\x82\xAC",
	};
	unsigned count = draw(6);

	buf_addc(b, '{');
	blank(b);
	if (draw(2))
		buf_adds(b, "\"_meta\":{\"inputs\":{\"no\":1}},");
	buf_adds(b, "\"inputs\"");
	blank(b);
	buf_addc(b, ':');
	blank(b);
	buf_addc(b, '{');
	for (unsigned i = 0; i < count; i++) {
		blank(b);
		buf_addf(b, "\"%s%u\"", names[draw(COUNT(names))], i);
		blank(b);
		buf_addc(b, ':');
		blank(b);
		if (draw(4) == 0)
			buf_adds(b, "[\"4\", 0]");
		else
			random_literal(b, 2);
		blank(b);
		if (i + 1 < count)
			buf_addc(b, ',');
	}
	buf_adds(b, "} ,\"class_type\":\"K\xC3\xA9\"");
	blank(b);
	buf_addc(b, '}');
}

static void random_graph(struct buf *b)
{
	static const char *const ids[] = {"3", "57:8", "1:2:3", "n\\u00e9 ",
					  "\xF0\x9F\x98\x80"};
	unsigned count = draw(8);

	blank(b);
	buf_addc(b, '{');
	for (unsigned i = 0; i < count; i++) {
		blank(b);
		buf_addf(b, "\"%s%u\" : ", ids[draw(COUNT(ids))], i);
		random_node(b);
		blank(b);
		if (i + 1 < count)
			buf_addc(b, ',');
	}
	buf_addc(b, '}');
	blank(b);
}

static void test_random_graphs(void)
{
	const int rounds = 3000;
	int exact_ones = 0;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < rounds && exact_ones == i; i++) {
		buf_clear(&b);
		random_graph(&b);
		exact_ones += try_once(buf_str(&b), b.len);
	}
	ok(exact_ones == rounds, "%d random graphs", rounds);
	buf_finish(&b);
}

/* ---- the workflows of a folder ---- */

static void test_workflow(const char *folder, const char *name)
{
	struct arena a = {0};
	struct problem why = {0};
	struct json_doc *doc = NULL;
	const char *path = arena_printf(&a, "%s/%s", folder, name);
	size_t len = 0;
	char *text = file_read(path, (size_t)64 << 20, &len, &why);
	int good = 0;

	if (text != NULL)
		doc = json_parse(text, len, 500, &why);
	if (doc == NULL)
		ok(0, "%s: %s", name, why.detail);
	for (int i = 0; doc != NULL && i < 50 && good == i; i++)
		good += try_once(text, len);
	if (doc != NULL)
		ok(good == 50, "%s, 50 times", name);
	json_free(doc);
	free(text);
	arena_finish(&a);
}

static void test_workflows(void)
{
	const char *folder = getenv("WORKFLOWS");
	DIR *d = folder ? opendir(folder) : NULL;
	struct dirent *e;

	if (d == NULL) {
		ok(1, "workflows # SKIP $WORKFLOWS names no folder");
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (text_ends(e->d_name, ".json"))
			test_workflow(folder, e->d_name);
	closedir(d);
}

int main(void)
{
	test_random_graphs();
	test_workflows();
	return tap_done();
}
