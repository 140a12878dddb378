#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config_private.h"

#define BACKENDS_MAX 256

static const char *const backend_keys[] = {"name", "url", "pool", "slots",
					   "header_file"};

bool config_url_is_http(const char *url)
{
	return (text_starts(url, "http://") && strlen(url) > 7) ||
	       (text_starts(url, "https://") && strlen(url) > 8);
}

const char *config_without_slash(struct arena *a, const char *url)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	return arena_strndup(a, url, n);
}

void config_backends_init(struct config *c)
{
	c->backends =
		arena_array(&c->arena, BACKENDS_MAX, sizeof(*c->backends));
}

static struct config_backend *add_backend(struct config *c, const char *url,
					  struct config_source from)
{
	struct config_backend *b;

	if (!config_url_is_http(url)) {
		problem_list_add(from.errors, from.where, "url",
				 "must be the base URL of a ComfyUI server, "
				 "http://… or https://…");
		return NULL;
	}
	if (c->backend_count == BACKENDS_MAX) {
		problem_list_add(from.errors, from.where, "range",
				 "at most %d backends", BACKENDS_MAX);
		return NULL;
	}
	b = &c->backends[c->backend_count++];
	*b = (struct config_backend){
		.name = arena_printf(&c->arena, "backend-%zu",
				     c->backend_count),
		.url = config_without_slash(&c->arena, url),
		.pool = "default",
	};
	return b;
}

static void read_header_file(struct config *c, struct config_backend *b,
			     const char *path, struct config_source from)
{
	struct problem why = {0};
	size_t len;
	char *text = file_read(path, 16 * 1024, &len, &why);

	if (text == NULL) {
		problem_list_add(from.errors, from.where, "file", "%s: %s",
				 path, why.detail);
		return;
	}
	while (len > 0 && strchr("\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	if (strchr(text, ':') == NULL || strpbrk(text, "\r\n") != NULL)
		problem_list_add(from.errors, from.where, "header",
				 "%s must hold one line \"Name: value\"", path);
	else
		b->header = arena_strdup(&c->arena, text);
	free(text);
}

static void backend_key(struct config *c, struct config_backend *b,
			const struct json *v, struct config_source from)
{
	const char *key = json_key(v), *text = json_string(v);
	int64_t slots;

	if (strcmp(key, "slots") == 0) {
		if (json_int64(v, &slots) && slots >= 1 && slots <= 64)
			b->slots = (unsigned)slots;
		else
			problem_list_add(from.errors, from.where, "range",
					 "slots must be from 1 to 64");
		return;
	}
	if (text == NULL || *text == '\0') {
		problem_list_add(from.errors, from.where, "type",
				 "%s must be a string that is not empty", key);
		return;
	}
	if (strcmp(key, "name") == 0)
		b->name = arena_strdup(&c->arena, text);
	else if (strcmp(key, "pool") == 0)
		b->pool = arena_strdup(&c->arena, text);
	else if (strcmp(key, "header_file") == 0)
		read_header_file(c, b, text, from);
}

static bool backend_key_known(const char *key)
{
	for (size_t i = 0; i < COUNT(backend_keys); i++)
		if (strcmp(key, backend_keys[i]) == 0)
			return true;
	return false;
}

static void one_backend(struct config *c, const struct json *v,
			struct config_source from)
{
	const char *url = json_string(json_get(v, "url"));
	struct config_backend *b;

	if (json_is(v, JSON_STRING))
		url = json_string(v);
	if (url == NULL) {
		problem_list_add(from.errors, from.where, "type",
				 "must be an object with \"url\", or a URL");
		return;
	}
	b = add_backend(c, url, from);
	if (b == NULL || !json_is(v, JSON_OBJECT))
		return;
	json_each (member, v) {
		const char *near = text_nearest(json_key(member), backend_keys,
						COUNT(backend_keys));

		if (backend_key_known(json_key(member)))
			backend_key(c, b, member, from);
		else
			problem_list_add(from.errors, from.where, "unknown",
					 "\"%s\" is no key of a backend%s%s",
					 json_key(member),
					 near != NULL ? "; nearest: " : "",
					 near != NULL ? near : "");
	}
}

void config_backends_from_json(struct config *c, const struct json *v,
			       const char *file, struct problem_list *errors)
{
	size_t i = 0;

	if (!json_is(v, JSON_ARRAY)) {
		problem_list_add(errors,
				 arena_printf(&c->arena, "%s: /backends", file),
				 "type", "must be an array");
		return;
	}
	json_each (one, v) {
		struct config_source from = {
			arena_printf(&c->arena, "%s: /backends/%zu", file, i++),
			errors};

		one_backend(c, one, from);
	}
}

void config_backends_from_env(struct config *c, const char *text,
			      struct problem_list *errors)
{
	struct config_source from = {CONFIG_ENV "BACKENDS", errors};

	c->backend_count = 0;
	while (*(text += strspn(text, " ,\t\n")) != '\0') {
		size_t n = strcspn(text, " ,\t\n");

		if (add_backend(c, arena_strndup(&c->arena, text, n), from) ==
		    NULL)
			return;
		text += n;
	}
}

void config_backends_check(struct config *c, struct problem_list *errors)
{
	for (size_t i = 0; i < c->backend_count; i++) {
		if (c->backends[i].slots == 0)
			c->backends[i].slots = (unsigned)c->slots;
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->backends[i].name, c->backends[j].name) ==
			    0)
				problem_list_add(errors, "backends", "unique",
						 "two backends are named %s",
						 c->backends[i].name);
	}
	if (c->backend_count == 0)
		problem_list_add(errors, "backends", "required",
				 "name at least one ComfyUI server: " CONFIG_ENV
				 "BACKENDS=http://127.0.0.1:8188");
}
