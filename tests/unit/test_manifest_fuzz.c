#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "input/resolve.h"
#include "manifest/contract.h"
#include "manifest/load.h"
#include "manifest_rig.h"
#include "tap.h"

/*
 * Manifests and workflows with random changes: whatever happens, the loader
 * says what is wrong or gives an endpoint that keeps its promises. The same
 * changes in every run.
 */
#define ROUNDS 1000 /* for each folder and file */

static uint64_t state = 88172645463325252u;

static size_t below(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % n);
}

/* Where a word of JSON begins: a good place to put another. */
static size_t word_start(const char *s, size_t n)
{
	size_t at = below(n);

	for (size_t i = 0; i < 40 && at + 1 < n; i++, at++)
		if (strchr(" \n\t:,[{", s[at]) != NULL &&
		    strchr(" \n\t", s[at + 1]) == NULL)
			return at + 1;
	return at;
}

static size_t word_length(const char *s, size_t n)
{
	size_t len = 1;

	if (*s == '"')
		while (len < n && (s[len] != '"' || s[len - 1] == '\\'))
			len++;
	else
		while (len < n && strchr(" \n\t:,[{]}\"", s[len]) == NULL)
			len++;
	return *s == '"' && len < n ? len + 1 : len;
}

/* One change; *to has room for what it can grow by. */
static void change(struct buf *to, const char *s, size_t n)
{
	static const char *const words[] = {"null",
					    "true",
					    "-1",
					    "0",
					    "1e400",
					    "18446744073709551616",
					    "0.1",
					    "\"\"",
					    "\"x\"",
					    "\"3.seed\"",
					    "\"9\"",
					    "{}",
					    "[]",
					    "[\"4\", 0]",
					    "\"type\"",
					    "\"array\"",
					    "\"choice\"",
					    "\"seed\"",
					    "\"string\"",
					    "\"(a*)*\"",
					    "\"{value}\"",
					    "\"10m\"",
					    "{\"a\": {\"3.cfg\": 1}}",
					    "\"\\ud83d\\ude00\"",
					    "\xff",
					    "//"};
	size_t at = word_start(s, n), len = word_length(s + at, n - at);
	size_t other = word_start(s, n);
	size_t other_len = word_length(s + other, n - other);
	const char *word = words[below(COUNT(words))];

	buf_add(to, s, at);
	switch (below(5)) {
	case 0: /* another word instead */
		buf_adds(to, word);
		break;
	case 1: /* a word of the same text instead */
		buf_add(to, s + other, other_len);
		break;
	case 2: /* gone */
		break;
	case 3: /* one byte changed */
		buf_addc(to, (char)(s[at] ^ (char)(1 << below(7))));
		buf_add(to, s + at + 1, len - 1);
		break;
	default: /* cut off, now and then; else kept */
		if (below(20) == 0)
			return;
		buf_add(to, s + at, len);
		break;
	}
	buf_add(to, s + at + len, n - at - len);
}

/* What an endpoint promises, whatever it was made of. */
static bool is_sound(const struct endpoint *e)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct filling *none =
		arena_array(&arena, e->graph.hole_count + 1, sizeof(*none));
	struct json_doc *contract, *recipe, *prompt, *lock;
	struct buf text;
	bool sound;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	buf_init(&text, 1 << 20);
	graph_render(&e->graph, NULL, none, NULL, &text);
	sound = strcmp(buf_str(&text), e->graph.text) == 0;
	prompt = json_parse(e->graph.text, e->graph.len, 70, NULL);
	contract = json_parse(e->contract, strlen(e->contract), 70, NULL);
	recipe = json_parse(e->recipe, strlen(e->recipe), 10, NULL);
	buf_clear(&text);
	contract_lock_text(e, &text);
	lock = json_parse(buf_str(&text), text.len, 70, NULL);
	sound = sound && prompt != NULL && contract != NULL && recipe != NULL &&
		lock != NULL;
	if (lock != NULL)
		contract_compare(e, json_root(lock), "m", &errors, &notices);
	sound = sound && errors.count == 0 && notices.count == 0;
	json_free(prompt);
	json_free(contract);
	json_free(recipe);
	json_free(lock);
	buf_finish(&text);
	arena_finish(&arena);
	return sound;
}

struct tally {
	size_t taken, refused, wrong;
};

static void check_folder(const struct place_of_test *p, struct tally *t)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(p->dir, &errors, &notices);
	if (e == NULL) {
		t->refused++;
		t->wrong += errors.count == 0;
	} else {
		t->taken++;
		t->wrong += errors.count > 0 || !is_sound(e);
		manifest_check_examples(e, input_check_example, &errors);
	}
	endpoint_drop(e);
	arena_finish(&arena);
}

static void fuzz_file(const struct place_of_test *p, const char *name,
		      const char *text, size_t n, struct tally *t)
{
	for (size_t i = 0; i < ROUNDS; i++) {
		struct buf a, b;

		buf_init(&a, 1 << 20);
		buf_init(&b, 1 << 20);
		change(&a, text, n);
		if (below(2) == 0 && a.len > 0)
			change(&b, a.at, a.len);
		else
			buf_add(&b, buf_str(&a), a.len);
		rig_bytes(p, name, buf_str(&b), b.len);
		check_folder(p, t);
		buf_finish(&a);
		buf_finish(&b);
	}
	rig_bytes(p, name, text, n);
}

static char *copy(const struct place_of_test *p, const char *folder,
		  const char *name, size_t *n)
{
	struct problem why;
	char path[256];
	char *text;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	text = file_read(path, 1 << 20, n, &why);
	if (text == NULL)
		abort();
	rig_bytes(p, name, text, *n);
	return text;
}

static void fuzz_folder(const char *folder)
{
	struct tally manifests = {0}, workflows = {0};
	size_t manifest_len, workflow_len;
	struct place_of_test p;
	char *manifest, *workflow;

	rig_open(&p);
	manifest = copy(&p, folder, "manifest.json", &manifest_len);
	workflow = copy(&p, folder, "workflow.json", &workflow_len);
	fuzz_file(&p, "manifest.json", manifest, manifest_len, &manifests);
	ok(manifests.wrong == 0, "%s: manifests", folder);
	ok(manifests.taken > ROUNDS / 20 && manifests.refused > ROUNDS / 20,
	   "%s: %zu taken, %zu refused", folder, manifests.taken,
	   manifests.refused);
	fuzz_file(&p, "workflow.json", workflow, workflow_len, &workflows);
	ok(workflows.wrong == 0, "%s: workflows", folder);
	ok(workflows.taken > ROUNDS / 20 && workflows.refused > ROUNDS / 20,
	   "%s: %zu taken, %zu refused", folder, workflows.taken,
	   workflows.refused);
	free(manifest);
	free(workflow);
	rig_close(&p);
}

int main(void)
{
	fuzz_folder("endpoints/portrait");
	fuzz_folder("endpoints/prompt-writer");
	fuzz_folder("tests/cases/manifest/ok-every-key");
	return tap_done();
}
