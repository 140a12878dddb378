#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "input/resolve.h"
#include "manifest/catalogue.h"
#include "manifest_rig.h"
#include "remove_tree.h"
#include "tap.h"

static const char workflow[] =
	"{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":1}}}";

/* A folder that is right, but for `extra`. */
static void write_folder(struct place_of_test *p, const char *folder,
			 const char *name, unsigned version, const char *extra)
{
	char path[128], text[512];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, folder);
	if (access(path, F_OK) != 0)
		rig_dir(p, folder);
	(void)snprintf(text, sizeof(text),
		       "{\"name\":\"%s\",\"version\":%u,\"outputs\":{\"o\":"
		       "{\"type\":\"image\",\"from\":\"1\"}}%s}",
		       name, version, extra);
	(void)snprintf(path, sizeof(path), "%s/manifest.json", folder);
	rig_file(p, path, text);
	(void)snprintf(path, sizeof(path), "%s/workflow.json", folder);
	rig_file(p, path, workflow);
}

static struct manifest_host host = {input_check_example, true};

/* A load and what it says. */
struct load {
	struct arena arena;
	struct problem_list errors, notices;
	struct catalogue *c;
};

static void load(struct load *l, const struct place_of_test *p,
		 const struct catalogue *before)
{
	*l = (struct load){.arena = {0}};
	problem_list_init(&l->errors, &l->arena);
	problem_list_init(&l->notices, &l->arena);
	l->c = catalogue_load(p->dir, before, &host, &l->errors, &l->notices);
}

static void unload(struct load *l)
{
	catalogue_free(l->c);
	arena_finish(&l->arena);
}

static void remove_folder(const struct place_of_test *p, const char *folder)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, folder);
	remove_tree(path);
}

static void check_order(struct place_of_test *p)
{
	struct load l;

	write_folder(p, "one", "zebra", 2, "");
	write_folder(p, "two", "zebra", 1, "");
	write_folder(p, "three", "ant", 10, "");
	write_folder(p, ".hidden", "hidden", 1, "");
	write_folder(p, "_draft", "draft", 1, "");
	rig_file(p, "README.md", "no folder");
	load(&l, p, NULL);
	ok(l.c->count == 3 && l.errors.count == 0 && l.c->broken_count == 0,
	   "three folders; files, . and _ are passed over");
	is_str(l.c->endpoints[0]->name, "ant", "by name");
	ok(l.c->endpoints[1]->version == 1 && l.c->endpoints[2]->version == 2,
	   "then by version");
	ok(catalogue_find(l.c, "zebra", 2) == l.c->endpoints[2], "found");
	ok(catalogue_find(l.c, "ant", 10) == l.c->endpoints[0], "the first");
	ok(catalogue_find(l.c, "ant", 1) == NULL, "another version");
	ok(catalogue_find(l.c, "bee", 1) == NULL, "another name");
	ok(l.notices.count == 3, "each is told to be unlocked");
	unload(&l);
}

static void check_twins(struct place_of_test *p)
{
	struct load l;

	write_folder(p, "copy", "zebra", 1, "");
	load(&l, p, NULL);
	ok(l.c->count == 2 && l.c->broken_count == 2, "both twins are broken");
	ok(catalogue_find(l.c, "zebra", 1) == NULL, "neither serves");
	ok(l.errors.count == 2, "both are told");
	ok(strstr(l.errors.items[0].where, "/copy/manifest.json: /name") &&
		   strstr(l.errors.items[0].detail, "/two;"),
	   "each names the other");
	ok(strstr(l.errors.items[1].detail, "/copy;") != NULL,
	   "and the other way round");
	unload(&l);
	remove_folder(p, "copy");
}

static void check_broken_keeps(struct place_of_test *p)
{
	struct load before, after;

	load(&before, p, NULL);
	write_folder(p, "two", "zebra", 1, ",\"surprise\":1,\"version2\":1");
	load(&after, p, before.c);
	ok(after.c->count == 3 && after.c->broken_count == 1,
	   "a broken folder keeps its endpoint");
	ok(catalogue_find(after.c, "zebra", 1) ==
		   catalogue_find(before.c, "zebra", 1),
	   "the very one");
	ok(catalogue_find(after.c, "ant", 10) !=
		   catalogue_find(before.c, "ant", 10),
	   "the others are new");
	ok(after.c->broken[0].kept && after.c->broken[0].problems == 2,
	   "it is told so, with the number of problems");
	ok(strstr(after.c->broken[0].first,
		  "two/manifest.json: /surprise: is no key") != NULL,
	   "and the first of them");
	unload(&before);
	is_str(catalogue_find(after.c, "zebra", 1)->title, "zebra",
	       "it outlives the catalogue it came from");
	/* Its place is taken by a folder that is right. */
	write_folder(p, "four", "zebra", 1, "");
	load(&before, p, after.c);
	ok(!before.c->broken[0].kept && before.c->count == 3,
	   "the right folder wins over what was kept");
	ok(strstr(catalogue_find(before.c, "zebra", 1)->folder, "/four") !=
		   NULL,
	   "and serves");
	unload(&after);
	unload(&before);
	remove_folder(p, "four");
}

static void check_examples(struct place_of_test *p)
{
	struct load l;

	write_folder(p, "two", "zebra", 1,
		     ",\"examples\":[{\"inputs\":{\"a\":1}}]");
	load(&l, p, NULL);
	ok(l.c->count == 2 && l.c->broken_count == 1 && !l.c->broken[0].kept,
	   "a wrong example breaks a folder; nothing was there to keep");
	ok(strstr(l.errors.items[0].where, "/examples/0/inputs/a") != NULL,
	   "at its place");
	unload(&l);
	remove_folder(p, "two");
	load(&l, p, NULL);
	ok(l.c->count == 2 && l.c->broken_count == 0,
	   "a folder that is gone is no longer served");
	unload(&l);
}

static void check_no_folder(void)
{
	struct place_of_test nowhere = {"/nonexistent/endpoints"};
	struct load l;

	load(&l, &nowhere, NULL);
	ok(l.c->count == 0 && l.errors.count == 1, "no folder: empty, told");
	is_str(l.errors.items[0].detail,
	       "cannot be read: No such file or directory", "why");
	ok(catalogue_find(l.c, "a", 1) == NULL, "nothing is found in it");
	unload(&l);
	catalogue_free(NULL);
}

int main(void)
{
	struct place_of_test p;

	rig_open(&p);
	check_order(&p);
	check_twins(&p);
	check_broken_keeps(&p);
	check_examples(&p);
	rig_close(&p);
	check_no_folder();
	return tap_done();
}
