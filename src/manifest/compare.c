#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"
#include "manifest/contract.h"
#include "manifest/promise.h"

#define CONTRACT_MAX ((size_t)16 << 20)

/* Two contracts, compared key by key in the form of promise.h. */
struct comparison {
	const struct endpoint *e;
	const char *where;
	struct problem_list *errors;
	struct problem_list *notices;
	bool broken;
};

/* What is being compared: "/inputs/steps", `input "steps"`. */
struct thing {
	char place[160];
	char name[160];
};

static void breaking(struct comparison *c, const struct thing *t,
		     const char *fmt, ...) PRINTF(3, 4);
static void compatible(struct comparison *c, const struct thing *t,
		       const char *fmt, ...) PRINTF(3, 4);

static void tell(struct comparison *c, struct problem_list *to,
		 const struct thing *t, const char *rule, const char *way_out,
		 const char *fmt, va_list ap)
{
	char what[PROBLEM_DETAIL_MAX];
	char where[1024];

	if (vsnprintf(what, sizeof(what), fmt, ap) < 0 ||
	    snprintf(where, sizeof(where), "%s: %s", c->where, t->place) < 0)
		abort();
	problem_list_add(to, where, rule, "%s: %s; %s", t->name, what, way_out);
}

static void breaking(struct comparison *c, const struct thing *t,
		     const char *fmt, ...)
{
	char way_out[512];
	va_list ap;

	if (snprintf(way_out, sizeof(way_out),
		     "this breaks callers: raise \"version\" in a copy and "
		     "keep the old folder, or run "
		     "`comfygate lock --breaking %s`",
		     c->e->folder) < 0)
		abort();
	va_start(ap, fmt);
	tell(c, c->errors, t, "breaking", way_out, fmt, ap);
	va_end(ap);
	c->broken = true;
}

static void compatible(struct comparison *c, const struct thing *t,
		       const char *fmt, ...)
{
	char way_out[512];
	va_list ap;

	if (snprintf(way_out, sizeof(way_out), "`comfygate lock %s` records it",
		     c->e->folder) < 0)
		abort();
	va_start(ap, fmt);
	tell(c, c->notices, t, "compatible", way_out, fmt, ap);
	va_end(ap);
}

/* A bound of the old and the new side, as texts; NULL: none. */
static const char *bound_of(const struct json *v, const char *key,
			    const char *exclusive, bool *excludes)
{
	const char *text = json_number(json_get(v, exclusive));

	*excludes = text != NULL;
	return text ? text : json_number(json_get(v, key));
}

static int compare_numbers(const char *a, const char *b)
{
	struct decimal x, y;

	if (!num_decimal(a, &x) || !num_decimal(b, &y))
		return strcmp(a, b);
	return num_decimal_compare(&x, &y);
}

/* direction: 1 for a lower bound (higher is narrower), -1 for an upper one */
static void compare_bound(struct comparison *c, const struct thing *t,
			  const struct json *old, const struct json *new,
			  const char *key, const char *exclusive, int direction)
{
	bool old_excludes, new_excludes;
	const char *was = bound_of(old, key, exclusive, &old_excludes);
	const char *is = bound_of(new, key, exclusive, &new_excludes);
	int order;

	if (was == NULL && is == NULL)
		return;
	if (was == NULL) {
		breaking(c, t, "%s %s was added", key, is);
		return;
	}
	if (is == NULL) {
		compatible(c, t, "%s %s was taken away", key, was);
		return;
	}
	order = compare_numbers(is, was) * direction;
	if (order == 0)
		order = (int)new_excludes - (int)old_excludes;
	if (order > 0)
		breaking(c, t, "%s was narrowed from %s to %s%s", key, was,
			 new_excludes ? "exclusive " : "", is);
	else if (order < 0)
		compatible(c, t, "%s was widened from %s to %s", key, was, is);
}

static bool divides(const char *step, const char *of)
{
	struct decimal a, b;

	return num_decimal(step, &a) && num_decimal(of, &b) && a.count > 0 &&
	       !a.negative && num_decimal_multiple(&b, &a);
}

static void compare_step(struct comparison *c, const struct thing *t,
			 const struct json *old, const struct json *new)
{
	const char *was = json_number(json_get(old, "multipleOf"));
	const char *is = json_number(json_get(new, "multipleOf"));

	if (was == NULL && is == NULL)
		return;
	if (was == NULL)
		breaking(c, t, "multipleOf %s was added", is);
	else if (is == NULL)
		compatible(c, t, "multipleOf %s was taken away", was);
	else if (!divides(is, was))
		breaking(c, t, "multipleOf was narrowed from %s to %s", was,
			 is);
	else if (compare_numbers(is, was) != 0)
		compatible(c, t, "multipleOf was widened from %s to %s", was,
			   is);
}

static void compare_pattern(struct comparison *c, const struct thing *t,
			    const struct json *old, const struct json *new)
{
	const char *was = json_string(json_get(old, "pattern"));
	const char *is = json_string(json_get(new, "pattern"));

	if (was == NULL && is == NULL)
		return;
	if (was == NULL)
		breaking(c, t, "pattern %s was added", is);
	else if (is == NULL)
		compatible(c, t, "pattern %s was taken away", was);
	else if (strcmp(was, is) != 0)
		breaking(c, t, "pattern was changed from %s to %s", was, is);
}

static bool same_value(const struct json *a, const struct json *b)
{
	if (json_number(a) != NULL && json_number(b) != NULL)
		return compare_numbers(json_number(a), json_number(b)) == 0;
	if (json_string(a) != NULL && json_string(b) != NULL)
		return strcmp(json_string(a), json_string(b)) == 0;
	return false;
}

static bool holds(const struct json *list, const struct json *v)
{
	json_each (item, list)
		if (same_value(item, v))
			return true;
	return false;
}

static const char *show(const struct json *v)
{
	return json_string(v) ? json_string(v) : json_number(v);
}

/* what: "enum value" or "choice" */
static void compare_values(struct comparison *c, const struct thing *t,
			   const struct json *old, const struct json *new,
			   const char *what)
{
	if (old == NULL && new == NULL)
		return;
	if (old == NULL) {
		breaking(c, t, "a list of allowed values was added");
		return;
	}
	if (new == NULL) {
		compatible(c, t, "the list of allowed values was taken away");
		return;
	}
	json_each (v, old)
		if (!holds(new, v))
			breaking(c, t, "%s \"%s\" was removed", what, show(v));
	json_each (v, new)
		if (!holds(old, v))
			compatible(c, t, "%s \"%s\" was added", what, show(v));
}

static void compare_default(struct comparison *c, const struct thing *t,
			    const struct json *old, const struct json *new)
{
	struct json_writer w;
	struct buf was, is;

	buf_init(&was, CONTRACT_MAX);
	buf_init(&is, CONTRACT_MAX);
	json_writer_init(&w, &was);
	if (old != NULL)
		json_put_value(&w, old);
	json_writer_init(&w, &is);
	if (new != NULL)
		json_put_value(&w, new);
	if (strcmp(buf_str(&was), buf_str(&is)) != 0)
		compatible(c, t, "the default was changed from %.60s to %.60s",
			   old ? buf_str(&was) : "none",
			   new ? buf_str(&is) : "none");
	buf_finish(&was);
	buf_finish(&is);
}

static const char *type_of(const struct json *v)
{
	const char *type = json_string(json_get(v, "type"));

	return type ? type : "";
}

static bool same_type(struct comparison *c, const struct thing *t,
		      const struct json *old, const struct json *new)
{
	if (strcmp(type_of(old), type_of(new)) == 0)
		return true;
	breaking(c, t, "its type was changed from %s to %s", type_of(old),
		 type_of(new));
	return false;
}

/* Which picture a mask belongs to; NULL: it is a file of its own. */
static void compare_of(struct comparison *c, const struct thing *t,
		       const struct json *old, const struct json *new)
{
	const char *was = json_string(json_get(old, "of"));
	const char *is = json_string(json_get(new, "of"));

	if (was == NULL && is != NULL)
		breaking(c, t, "it needs input \"%s\" to be given, too", is);
	else if (was != NULL && is == NULL)
		compatible(c, t, "it does not need input \"%s\" any more", was);
	else if (was != NULL && strcmp(was, is) != 0)
		breaking(c, t, "it was of input \"%s\" and is of \"%s\"", was,
			 is);
}

static void compare_file(struct comparison *c, const struct thing *t,
			 const struct json *old, const struct json *new)
{
	bool was = json_true(json_get(old, "alpha"));
	bool is = json_true(json_get(new, "alpha"));

	compare_bound(c, t, old, new, "maxBytes", "", -1);
	compare_bound(c, t, old, new, "minWidth", "", 1);
	compare_bound(c, t, old, new, "maxWidth", "", -1);
	compare_bound(c, t, old, new, "minHeight", "", 1);
	compare_bound(c, t, old, new, "maxHeight", "", -1);
	compare_bound(c, t, old, new, "maxPixels", "", -1);
	compare_values(c, t, json_get(old, "mime"), json_get(new, "mime"),
		       "media type");
	if (is && !was)
		breaking(c, t, "it needs an alpha channel");
	else if (was && !is)
		compatible(c, t, "it needs no alpha channel any more");
	compare_of(c, t, old, new);
}

static void compare_input(struct comparison *c, const struct thing *t,
			  const struct json *old, const struct json *new)
{
	if (!same_type(c, t, old, new))
		return;
	if (json_true(json_get(new, "required")) &&
	    !json_true(json_get(old, "required")))
		breaking(c, t, "it was optional and is required");
	else if (json_true(json_get(old, "required")) &&
		 !json_true(json_get(new, "required")))
		compatible(c, t, "it was required and is optional");
	else
		compare_default(c, t, json_get(old, "default"),
				json_get(new, "default"));
	compare_bound(c, t, old, new, "minimum", "exclusiveMinimum", 1);
	compare_bound(c, t, old, new, "maximum", "exclusiveMaximum", -1);
	compare_bound(c, t, old, new, "minLength", "", 1);
	compare_bound(c, t, old, new, "maxLength", "", -1);
	compare_bound(c, t, old, new, "minItems", "", 1);
	compare_bound(c, t, old, new, "maxItems", "", -1);
	compare_step(c, t, old, new);
	compare_pattern(c, t, old, new);
	compare_values(c, t, json_get(old, "enum"), json_get(new, "enum"),
		       "enum value");
	compare_values(c, t, json_get(old, "choices"), json_get(new, "choices"),
		       "choice");
	compare_file(c, t, old, new);
	if (json_get(old, "items") != NULL) {
		struct thing items = *t;

		if (snprintf(items.name, sizeof(items.name),
			     "elements of %.140s", t->name) < 0)
			abort();
		compare_input(c, &items, json_get(old, "items"),
			      json_get(new, "items"));
	}
}

static struct thing thing_of(const char *list, const char *kind,
			     const char *name)
{
	struct thing t;

	if (snprintf(t.place, sizeof(t.place), "/%s/%.64s", list, name) < 0 ||
	    snprintf(t.name, sizeof(t.name), "%s \"%.64s\"", kind, name) < 0)
		abort();
	return t;
}

static void compare_inputs(struct comparison *c, const struct json *old,
			   const struct json *new)
{
	json_each (v, old) {
		struct thing t = thing_of("inputs", "input", json_key(v));
		const struct json *now = json_get(new, json_key(v));

		if (now == NULL)
			breaking(c, &t, "it was removed");
		else
			compare_input(c, &t, v, now);
	}
	json_each (v, new) {
		struct thing t = thing_of("inputs", "input", json_key(v));

		if (json_get(old, json_key(v)) != NULL)
			continue;
		if (json_true(json_get(v, "required")))
			breaking(c, &t, "it is new and required");
		else
			compatible(c, &t, "it is new");
	}
}

/* A format that was not promised may become one. */
static void compare_format(struct comparison *c, const struct thing *t,
			   const struct json *old, const struct json *new)
{
	const char *was = json_string(json_get(old, "format"));
	const char *is = json_string(json_get(new, "format"));

	if (was == NULL && is != NULL)
		compatible(c, t, "it is always %s now", is);
	else if (was != NULL && is == NULL)
		breaking(c, t, "it was always %s and may be anything", was);
	else if (was != NULL && strcmp(was, is) != 0)
		breaking(c, t, "it was %s and is %s", was, is);
}

/* Something beside the file: "thumbnail", "blurhash". */
static void compare_extra(struct comparison *c, const struct thing *t,
			  const struct json *old, const struct json *new,
			  const char *key)
{
	bool was = json_true(json_get(old, key));
	bool is = json_true(json_get(new, key));

	if (was && !is)
		breaking(c, t, "its %s was taken away", key);
	else if (!was && is)
		compatible(c, t, "its %s is new", key);
}

static void compare_output(struct comparison *c, const struct thing *t,
			   const struct json *old, const struct json *new)
{
	bool was = json_true(json_get(old, "required"));
	bool is = json_true(json_get(new, "required"));

	if (!same_type(c, t, old, new))
		return;
	if (json_true(json_get(old, "many")) !=
	    json_true(json_get(new, "many")))
		breaking(c, t,
			 json_true(json_get(new, "many"))
				 ? "it was one value and is a list"
				 : "it was a list and is one value");
	if (was && !is)
		breaking(c, t, "it was always given and may now be null");
	else if (!was && is)
		compatible(c, t, "it is now always given");
	compare_format(c, t, old, new);
	compare_extra(c, t, old, new, "thumbnail");
	compare_extra(c, t, old, new, "blurhash");
}

static void compare_outputs(struct comparison *c, const struct json *old,
			    const struct json *new)
{
	json_each (v, old) {
		struct thing t = thing_of("outputs", "output", json_key(v));
		const struct json *now = json_get(new, json_key(v));

		if (now == NULL)
			breaking(c, &t, "it was removed");
		else
			compare_output(c, &t, v, now);
	}
	json_each (v, new) {
		struct thing t = thing_of("outputs", "output", json_key(v));

		if (json_get(old, json_key(v)) == NULL)
			compatible(c, &t, "it is new");
	}
}

/* A contract of our own making: everything looked at has its type. */
static bool well_formed(const struct json *v)
{
	int64_t version;

	return json_string(json_get(v, "name")) != NULL &&
	       json_int64(json_get(v, "version"), &version) &&
	       json_string(json_get(v, "scope")) != NULL &&
	       json_is(json_get(v, "inputs"), JSON_OBJECT) &&
	       json_is(json_get(v, "outputs"), JSON_OBJECT);
}

static bool same_version(struct comparison *c, const struct json *locked)
{
	const char *name = json_string(json_get(locked, "name"));
	int64_t version = 0;

	if (json_int64(json_get(locked, "version"), &version) &&
	    version == c->e->version && strcmp(name, c->e->name) == 0)
		return true;
	problem_list_add(c->notices, c->where, "unlocked",
			 "contract.json is the one of %s, version %" PRId64
			 "; `comfygate lock %s` writes the one of %s, version "
			 "%u",
			 name, version, c->e->folder, c->e->name,
			 c->e->version);
	return false;
}

void contract_compare(const struct endpoint *e, const struct json *locked,
		      const char *where, struct problem_list *errors,
		      struct problem_list *notices)
{
	struct comparison c = {e, where, errors, notices, false};
	struct json_doc *doc;
	struct problem why;
	struct thing t = {"/access/scope", "the scope"};
	const struct json *new;
	struct buf now;

	if (!well_formed(locked)) {
		problem_list_add(errors, where, "contract",
				 "contract.json is not as `comfygate lock` "
				 "writes it; run `comfygate lock --breaking "
				 "%s` to write it anew",
				 e->folder);
		return;
	}
	if (!same_version(&c, locked))
		return;
	buf_init(&now, CONTRACT_MAX);
	promise_write(e, &now);
	doc = json_parse(buf_str(&now), now.len, JSON_DEPTH_DEFAULT, &why);
	assert(doc != NULL);
	new = json_root(doc);
	compare_inputs(&c, json_get(locked, "inputs"), json_get(new, "inputs"));
	compare_outputs(&c, json_get(locked, "outputs"),
			json_get(new, "outputs"));
	if (strcmp(json_string(json_get(locked, "scope")), e->scope) != 0)
		breaking(&c, &t, "it was changed from %s to %s",
			 json_string(json_get(locked, "scope")), e->scope);
	json_free(doc);
	buf_finish(&now);
}

bool contract_check(const struct endpoint *e, struct problem_list *errors,
		    struct problem_list *notices)
{
	struct arena scratch = {0};
	const char *file =
		arena_printf(&scratch, "%s/contract.json", e->folder);
	const char *where =
		arena_printf(&scratch, "%s/manifest.json", e->folder);
	struct problem_list found;
	struct json_doc *doc = NULL;
	struct problem why;
	size_t len;
	char *text = file_read(file, CONTRACT_MAX, &len, &why);

	problem_list_init(&found, &scratch);
	if (text != NULL)
		doc = json_parse(text, len, JSON_DEPTH_DEFAULT, &why);
	if (doc != NULL)
		contract_compare(e, json_root(doc), where, &found, notices);
	else if (text == NULL && why.code == PROBLEM_NOT_FOUND)
		problem_list_add(notices, file, "unlocked",
				 "is not there, so nothing is promised to "
				 "callers yet; `comfygate lock %s` writes it",
				 e->folder);
	else
		problem_list_add(&found, file, "json", "%s", why.detail);
	for (size_t i = 0; i < found.count; i++)
		problem_list_add(errors, found.items[i].where,
				 found.items[i].rule, "%s",
				 found.items[i].detail);
	json_free(doc);
	free(text);
	arena_finish(&scratch);
	return found.count == 0;
}
