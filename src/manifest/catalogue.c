#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "manifest/catalogue.h"

#define FOLDERS_MAX 4096

/* One folder while the catalogue is made. */
struct folder {
	char *path;
	struct endpoint *endpoint; /* NULL: broken */
	struct problem_list errors;
};

static int by_text(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The paths of the folders, sorted, in the arena. */
static char **list_folders(const char *dir, struct arena *a, size_t *count,
			   struct problem_list *errors)
{
	char **paths = arena_array(a, FOLDERS_MAX, sizeof(*paths));
	DIR *d = opendir(dir);
	struct dirent *entry;

	*count = 0;
	if (d == NULL) {
		problem_list_add(errors, dir, "file", "cannot be read: %s",
				 strerror(errno));
		return paths;
	}
	while ((entry = readdir(d)) != NULL) {
		char *path;

		if (entry->d_name[0] == '.' || entry->d_name[0] == '_')
			continue;
		path = arena_printf(a, "%s/%s", dir, entry->d_name);
		if (!is_folder(path))
			continue;
		if (*count == FOLDERS_MAX) {
			problem_list_add(errors, dir, "size",
					 "has more than %d folders",
					 FOLDERS_MAX);
			break;
		}
		paths[(*count)++] = path;
	}
	(void)closedir(d);
	qsort(paths, *count, sizeof(*paths), by_text);
	return paths;
}

static void load_folder(struct folder *f, const struct manifest_host *host,
			struct problem_list *notices)
{
	f->endpoint = manifest_load(f->path, &f->errors, notices);
	if (f->endpoint == NULL)
		return;
	manifest_check(f->endpoint, host, &f->errors);
	if (f->errors.count > 0) {
		endpoint_drop(f->endpoint);
		f->endpoint = NULL;
	}
}

static int compare(const struct endpoint *a, const char *name, unsigned version)
{
	int order = strcmp(a->name, name);

	return order ? order : (a->version > version) - (a->version < version);
}

static int by_name(const void *a, const void *b)
{
	struct folder *const *x = a, *const *y = b;
	int order = compare((*x)->endpoint, (*y)->endpoint->name,
			    (*y)->endpoint->version);

	return order ? order : strcmp((*x)->path, (*y)->path);
}

static bool same_route(const struct folder *a, const struct folder *b)
{
	return compare(a->endpoint, b->endpoint->name, b->endpoint->version) ==
	       0;
}

static void tell_twin(struct folder *f, const struct folder *other)
{
	const char *where = arena_printf(f->errors.arena,
					 "%s/manifest.json: /name", f->path);

	problem_list_add(&f->errors, where, "duplicate",
			 "\"%s\", version %u, is also in %s; change the name "
			 "or the version of one",
			 f->endpoint->name, f->endpoint->version, other->path);
}

/* Two folders with one name and version: neither is right. */
static void refuse_twins(struct folder *folders, size_t count, struct arena *a)
{
	struct folder **good = arena_array(a, count, sizeof(struct folder *));
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (folders[i].endpoint != NULL)
			good[n++] = &folders[i];
	if (n > 1)
		qsort(good, n, sizeof(struct folder *), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && same_route(good[i - 1], good[i]))
			tell_twin(good[i], good[i - 1]);
		else if (i + 1 < n && same_route(good[i], good[i + 1]))
			tell_twin(good[i], good[i + 1]);
	}
	for (size_t i = 0; i < n; i++) {
		if (good[i]->errors.count == 0)
			continue;
		endpoint_drop(good[i]->endpoint);
		good[i]->endpoint = NULL;
	}
}

static bool serves(const struct folder *folders, size_t count,
		   const struct endpoint *e)
{
	for (size_t i = 0; i < count; i++)
		if (folders[i].endpoint != NULL &&
		    compare(folders[i].endpoint, e->name, e->version) == 0)
			return true;
	return false;
}

/* The endpoint that the folder had before, unless its name is served by
 * another folder now. */
static bool borrow(struct folder *f, const struct catalogue *before,
		   const struct folder *folders, size_t count)
{
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		struct endpoint *e = before->endpoints[i];

		if (strcmp(e->folder, f->path) != 0 ||
		    serves(folders, count, e))
			continue;
		f->endpoint = endpoint_keep(e);
		return true;
	}
	return false;
}

static void add_broken(struct catalogue *c, struct folder *f, bool kept,
		       struct problem_list *errors)
{
	struct broken *b = &c->broken[c->broken_count++];
	const struct problem_item *first = &f->errors.items[0];
	size_t n = strlen(first->where) + strlen(first->detail) + 3;
	struct arena text = {0};

	*b = (struct broken){
		.folder = mem_strdup(f->path),
		.first = mem_strndup(arena_printf(&text, "%s: %s", first->where,
						  first->detail),
				     n),
		.problems = f->errors.count,
		.kept = kept,
	};
	arena_finish(&text);
	for (size_t i = 0; i < f->errors.count; i++)
		problem_list_add(errors, f->errors.items[i].where,
				 f->errors.items[i].rule, "%s",
				 f->errors.items[i].detail);
}

static int by_route(const void *a, const void *b)
{
	struct endpoint *const *x = a, *const *y = b;

	return compare(*x, (*y)->name, (*y)->version);
}

static void fill(struct catalogue *c, struct folder *folders, size_t count,
		 const struct catalogue *before, struct problem_list *errors)
{
	c->endpoints = mem_array(count, sizeof(struct endpoint *));
	c->broken = mem_array(count, sizeof(*c->broken));
	for (size_t i = 0; i < count; i++) {
		struct folder *f = &folders[i];

		if (f->errors.count > 0)
			add_broken(c, f, borrow(f, before, folders, count),
				   errors);
		if (f->endpoint != NULL)
			c->endpoints[c->count++] = f->endpoint;
	}
	if (c->count > 1)
		qsort(c->endpoints, c->count, sizeof(struct endpoint *),
		      by_route);
}

struct catalogue *catalogue_load(const char *dir,
				 const struct catalogue *before,
				 const struct manifest_host *host,
				 struct problem_list *errors,
				 struct problem_list *notices)
{
	struct catalogue *c = mem_alloc(sizeof(*c));
	struct arena scratch = {0};
	size_t count;
	char **paths = list_folders(dir, &scratch, &count, errors);
	struct folder *folders = arena_array(&scratch, count, sizeof(*folders));

	for (size_t i = 0; i < count; i++) {
		folders[i].path = paths[i];
		problem_list_init(&folders[i].errors, &scratch);
		load_folder(&folders[i], host, notices);
	}
	refuse_twins(folders, count, &scratch);
	fill(c, folders, count, before, errors);
	arena_finish(&scratch);
	return c;
}

void catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		endpoint_drop(c->endpoints[i]);
	for (size_t i = 0; i < c->broken_count; i++) {
		free(c->broken[i].folder);
		free(c->broken[i].first);
	}
	free(c->endpoints);
	free(c->broken);
	free(c);
}

struct endpoint *catalogue_find(const struct catalogue *c, const char *name,
				unsigned version)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(c->endpoints[middle], name, version);

		if (order == 0)
			return c->endpoints[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
