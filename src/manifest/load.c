#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "manifest/bypass.h"
#include "manifest/contract.h"
#include "manifest/load.h"
#include "manifest/parts.h"
#include "manifest/workflow.h"

#define CONTRACT_MAX ((size_t)16 << 20)

static void read_name(struct reader *r, const struct place *p,
		      const struct json *v, void *into)
{
	static const char *const reserved[] = {"jobs", "files", "uploads",
					       "endpoints"};
	struct endpoint *e = into;

	if (!reader_wants(r, p, v, JSON_STRING))
		return;
	e->name = arena_strdup(r->keep, json_string(v));
	if (!reader_name(e->name, '-'))
		reader_error(r, p, "name", "must match ^[a-z][a-z0-9-]{0,62}$");
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (strcmp(reserved[i], e->name) == 0)
			reader_error(r, p, "name",
				     "\"%s\" is taken by the API itself; "
				     "choose another name",
				     e->name);
}

static unsigned digits(const char *s, size_t n)
{
	unsigned value = 0;

	while (n-- > 0)
		value = value * 10 + (unsigned)(*s++ - '0');
	return value;
}

/* 2027-01-01, a day that exists */
static bool is_date(const char *s)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31};
	unsigned year, month, day;

	if (strspn(s, "0123456789") != 4 || s[4] != '-' ||
	    strspn(s + 5, "0123456789") != 2 || s[7] != '-' ||
	    strspn(s + 8, "0123456789") != 2 || s[10] != '\0')
		return false;
	year = digits(s, 4);
	month = digits(s + 5, 2);
	day = digits(s + 8, 2);
	if (month < 1 || month > 12 || day < 1)
		return false;
	if (month == 2 && day == 29)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1];
}

static void read_deprecated(struct reader *r, const struct place *p,
			    const struct json *v, void *into)
{
	struct endpoint *e = into;

	if (json_string(v) == NULL || !is_date(json_string(v)))
		reader_error(r, p, "date",
			     "must be a date such as \"2027-01-01\"");
	else
		e->deprecated = arena_strdup(r->keep, json_string(v));
}

#define FIELD(member) offsetof(struct endpoint, member)
#define SEEN(name)                                                             \
	{                                                                      \
		name, KEY_SEEN, 0, 0, 0, NULL                                  \
	}

static const struct key manifest_table[] = {
	SEEN("$schema"),
	{"name", KEY_OWN, 0, 0, 0, read_name},
	{"version", KEY_UNSIGNED, FIELD(version), 1, 9999, NULL},
	{"title", KEY_TEXT, FIELD(title), 0, 200, NULL},
	{"description", KEY_TEXT, FIELD(description), 0, 4000, NULL},
	{"deprecated", KEY_OWN, 0, 0, 0, read_deprecated},
	SEEN("workflow"),
	SEEN("inputs"),
	SEEN("set"),
	SEEN("outputs"),
	SEEN("access"),
	SEEN("limits"),
	SEEN("run"),
	SEEN("examples"),
};
const struct key_set keys_manifest = KEY_SET(manifest_table, NULL);

/* The whole file of the folder; NULL and an error otherwise. */
static char *read_file(struct reader *r, const char *file, size_t max,
		       size_t *len)
{
	struct problem why;
	char *text = file_read(file, max, len, &why);

	if (text != NULL)
		return text;
	if (why.code == PROBLEM_TOO_LARGE)
		reader_error_in(r, file, NULL, "size",
				"has more than %zu bytes", max);
	else if (why.code == PROBLEM_NOT_FOUND)
		reader_error_in(r, file, NULL, "file", "is not there");
	else
		reader_error_in(r, file, NULL, "file", "%s", why.detail);
	return NULL;
}

/* The text of the workflow, which r->graph points into; NULL and an error
 * otherwise. The caller frees it. */
static char *read_workflow(struct reader *r, const struct json *v)
{
	const struct place *p = PLACE_KEY(NULL, "workflow");
	const char *name = v ? json_string(v) : "workflow.json";
	size_t len;
	char *text;

	if (v != NULL && !reader_wants(r, p, v, JSON_STRING))
		return NULL;
	if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL ||
	    strlen(name) > 255) {
		reader_error(r, p, "file",
			     "must be the plain name of a file in the same "
			     "folder, such as \"workflow.json\"");
		return NULL;
	}
	r->workflow = arena_printf(&r->scratch, "%s/%s", r->folder, name);
	text = read_file(r, r->workflow, WORKFLOW_BYTES_MAX, &len);
	if (text != NULL)
		r->graph = workflow_read(r, text, len);
	return text;
}

static void read_optional(struct reader *r, const struct json *root,
			  const char *key,
			  void (*read)(struct reader *r, const struct place *p,
				       const struct json *v))
{
	const struct json *v = json_get(root, key);

	if (v != NULL)
		read(r, PLACE_KEY(NULL, key), v);
}

static void check_present(struct reader *r, const struct json *root)
{
	static const char *const needed[] = {"name", "version", "outputs"};

	for (size_t i = 0; i < COUNT(needed); i++)
		if (json_get(root, needed[i]) == NULL)
			reader_error(r, PLACE_KEY(NULL, needed[i]), "required",
				     "is missing");
}

static void read_manifest(struct reader *r, const struct json *root)
{
	char *text;

	if (!reader_keys(r, NULL, root, &keys_manifest, "a manifest",
			 r->endpoint))
		return;
	check_present(r, root);
	text = read_workflow(r, json_get(root, "workflow"));
	/* Fixed values first: an input that wants such a place is the one that
	 * is wrong. */
	read_optional(r, root, "set", read_set);
	read_optional(r, root, "inputs", read_inputs);
	read_optional(r, root, "outputs", read_outputs);
	read_optional(r, root, "access", read_access);
	read_limits(r, PLACE_KEY(NULL, "limits"), json_get(root, "limits"));
	read_run(r, PLACE_KEY(NULL, "run"), json_get(root, "run"));
	read_optional(r, root, "examples", read_examples);
	if (!r->failed) {
		workflow_graph(r->graph, r->keep, &r->endpoint->graph);
		bypass_variants(r, r->keep);
	}
	free(text);
}

static void write_contract(struct endpoint *e)
{
	unsigned char sum[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	struct buf to;

	buf_init(&to, CONTRACT_MAX);
	contract_write(e, &to);
	digest_sha256(buf_str(&to), to.len, sum);
	digest_hex(sum, hex);
	e->contract = arena_strndup(&e->arena, buf_str(&to), to.len);
	e->contract_etag = arena_printf(&e->arena, "\"%.32s\"", hex);
	buf_finish(&to);
}

static void complete(struct endpoint *e)
{
	if (e->title == NULL)
		e->title = e->name;
	if (e->scope == NULL)
		e->scope = arena_printf(&e->arena, "%s:run", e->name);
	recipe_write(e);
	identity_write(e);
	write_contract(e);
}

static const char *folder_name(struct arena *a, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		n--;
	return arena_strndup(a, folder, n);
}

struct endpoint *manifest_load_unlocked(const char *folder,
					struct problem_list *errors)
{
	struct endpoint *e = mem_alloc(sizeof(*e));
	struct reader r = {.keep = &e->arena, .errors = errors, .endpoint = e};
	struct json_doc *doc = NULL;
	struct problem why;
	size_t len = 0;
	char *text;

	e->references = 1;
	e->folder = folder_name(&e->arena, folder);
	r.folder = e->folder;
	r.file = arena_printf(&r.scratch, "%s/manifest.json", e->folder);
	text = read_file(&r, r.file, MANIFEST_BYTES_MAX, &len);
	if (text != NULL) {
		doc = json_parse(text, len, JSON_DEPTH_DEFAULT, &why);
		if (doc == NULL)
			reader_error(&r, NULL, "json", "%s", why.detail);
		else
			read_manifest(&r, json_root(doc));
	}
	json_free(doc);
	free(text);
	if (r.failed) {
		endpoint_drop(e);
		e = NULL;
	} else {
		complete(e);
	}
	arena_finish(&r.scratch);
	return e;
}

struct endpoint *manifest_load(const char *folder, struct problem_list *errors,
			       struct problem_list *notices)
{
	struct endpoint *e = manifest_load_unlocked(folder, errors);

	if (e != NULL && !contract_check(e, errors, notices)) {
		endpoint_drop(e);
		return NULL;
	}
	return e;
}

struct endpoint *endpoint_keep(struct endpoint *e)
{
	__atomic_fetch_add(&e->references, 1, __ATOMIC_RELAXED);
	return e;
}

void endpoint_drop(struct endpoint *e)
{
	if (e == NULL ||
	    __atomic_sub_fetch(&e->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_finish(&e->arena);
	free(e);
}
