#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "base/text.h"
#include "config.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define BACKENDS_MAX   256
#define ENV_PREFIX     "COMFYGATE_"

enum kind { KIND_TEXT, KIND_DURATION, KIND_BYTES, KIND_COUNT, KIND_LEVEL };

struct setting {
	const char *name;
	enum kind kind;
	size_t at; /* offset in struct config */
	const char *fallback;
	int64_t least, most; /* of the numeric kinds; durations in ms */
	const char *help;
};

#define AT(field) offsetof(struct config, field)
#define SECOND	  INT64_C(1000)
#define MINUTE	  (60 * SECOND)
#define HOUR	  (60 * MINUTE)
#define DAY	  (24 * HOUR)
#define MIB	  (INT64_C(1024) * 1024)
#define GIB	  (1024 * MIB)

/* All settings but `backends`, in the order of docs/configuration.md. */
static const struct setting settings[] = {
	{"endpoints", KIND_TEXT, AT(endpoints), "/etc/comfygate/endpoints", 0,
	 0, "Folder of the published workflows, one folder each."},
	{"state", KIND_TEXT, AT(state), "/var/lib/comfygate", 0, 0,
	 "Folder for the database, output files and our own keys."},
	{"socket", KIND_TEXT, AT(socket), "/run/comfygate/comfygate.sock", 0, 0,
	 "FastCGI socket that nginx connects to; mode 0660."},
	{"public_url", KIND_TEXT, AT(public_url), "", 0, 0,
	 "Base of the URLs handed out, `https://api.example.com`; empty: "
	 "taken from each request's Host."},
	{"jwks_file", KIND_TEXT, AT(jwks_file), "", 0, 0,
	 "Keys for tokens: a JWKS in a file."},
	{"jwks_url", KIND_TEXT, AT(jwks_url), "", 0, 0,
	 "Keys for tokens: a JWKS to fetch, with rotation."},
	{"pem_file", KIND_TEXT, AT(pem_file), "", 0, 0,
	 "Keys for tokens: public keys or certificates, PEM."},
	{"secret_file", KIND_TEXT, AT(secret_file), "", 0, 0,
	 "Key for tokens: a shared secret of at least 32 bytes, mode 0600."},
	{"issuer", KIND_TEXT, AT(issuer), "", 0, 0,
	 "The `iss` that tokens must have; empty: any."},
	{"audience", KIND_TEXT, AT(audience), "", 0, 0,
	 "The `aud` that tokens must have; empty: not looked at."},
	{"realm", KIND_TEXT, AT(realm), "comfygate", 0, 0,
	 "Named in `WWW-Authenticate`."},
	{"leeway", KIND_DURATION, AT(leeway), "30s", 0, 5 * MINUTE,
	 "How far clocks may differ when `exp` and `nbf` are looked at."},
	{"max_body_bytes", KIND_BYTES, AT(max_body_bytes), "1048576", 1024,
	 64 * MIB, "Largest request body; keep nginx's above it."},
	{"max_output_bytes", KIND_BYTES, AT(max_output_bytes), "1073741824",
	 1024, 1024 * GIB, "Largest single output file."},
	{"max_waiting", KIND_COUNT, AT(max_waiting), "10000", 1, 1000000,
	 "Callers who may wait at once; more get 503."},
	{"max_connections", KIND_COUNT, AT(max_connections), "12000", 1,
	 1000000, "Connections from nginx at once."},
	{"max_wait", KIND_DURATION, AT(max_wait), "5m", 0, HOUR,
	 "Longest time one request may wait; keep nginx's "
	 "`fastcgi_read_timeout` above it."},
	{"url_lifetime", KIND_DURATION, AT(url_lifetime), "24h", MINUTE,
	 366 * DAY, "How long a signed URL works, at least."},
	{"min_free_bytes", KIND_BYTES, AT(min_free_bytes), "1073741824", 0,
	 1024 * GIB, "With less free on disk no job is accepted."},
	{"keep_jobs", KIND_DURATION, AT(keep_jobs), "7d", MINUTE, 366 * DAY,
	 "How long ended jobs can be read; their files go after `run.keep`."},
	{"slots", KIND_COUNT, AT(slots), "2", 1, 64,
	 "Jobs handed to one backend at once: one runs, the next lies "
	 "ready."},
	{"stall", KIND_DURATION, AT(stall), "5m", 100, DAY,
	 "A run without event or progress for so long is given up."},
	{"poll", KIND_DURATION, AT(poll), "2s", 10, 5 * MINUTE,
	 "How often history is looked at besides the events."},
	{"call_timeout", KIND_DURATION, AT(call_timeout), "10s", 100,
	 5 * MINUTE, "Of one small call to a backend."},
	{"fetch_timeout", KIND_DURATION, AT(fetch_timeout), "10m", SECOND, DAY,
	 "Of fetching one output file."},
	{"read_timeout", KIND_DURATION, AT(read_timeout), "5s", 100, 5 * MINUTE,
	 "Of the rest of a request that nginx began to send."},
	{"stop_timeout", KIND_DURATION, AT(stop_timeout), "30s", 100, DAY,
	 "How long a stop may take; what runs then goes on after the next "
	 "start."},
	{"log_level", KIND_LEVEL, AT(log_level), "info", 0, 0,
	 "`debug`, `info`, `warn` or `error`."},
};

static const char backends_help[] =
	"The ComfyUI servers: objects with `url`, and where wanted `name`, "
	"`pool` (`default`), `slots`, `header_file` (a file with one header "
	"line for a proxy before it). By environment: base URLs separated by "
	"spaces or commas.";

static const char *const backend_keys[] = {"name", "url", "pool", "slots",
					   "header_file"};

/* Where a value comes from, for messages. */
struct source {
	const char *where; /* "comfygate.json: /stall" or "COMFYGATE_STALL" */
	struct problem_list *errors;
};

static const char *text_nearest_setting(const char *word)
{
	const char *names[COUNT(settings) + 1];

	for (size_t i = 0; i < COUNT(settings); i++)
		names[i] = settings[i].name;
	names[COUNT(settings)] = "backends";
	return text_nearest(word, names, COUNT(names));
}

static bool level_known(const char *text)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < COUNT(levels); i++)
		if (strcmp(text, levels[i]) == 0)
			return true;
	return false;
}

static void set_number(struct config *c, const struct setting *s, int64_t n,
		       struct source from)
{
	if (n < s->least || n > s->most) {
		problem_list_add(from.errors, from.where, "range",
				 "must be from %" PRId64 " to %" PRId64 "%s",
				 s->least, s->most,
				 s->kind == KIND_DURATION ? " ms" : "");
		return;
	}
	memcpy((char *)c + s->at, &n, sizeof(n));
}

static void set_text(struct config *c, const struct setting *s,
		     const char *text)
{
	const char *copy = arena_strdup(&c->arena, text);

	memcpy((char *)c + s->at, &copy, sizeof(copy));
}

/* Sets one from its text form, as the environment and the defaults have it. */
static void set_from_text(struct config *c, const struct setting *s,
			  const char *text, struct source from)
{
	int64_t ms;
	uint64_t n;

	switch (s->kind) {
	case KIND_TEXT:
		set_text(c, s, text);
		return;
	case KIND_LEVEL:
		if (level_known(text))
			set_text(c, s, text);
		else
			problem_list_add(from.errors, from.where, "enum",
					 "must be debug, info, warn or error");
		return;
	case KIND_DURATION:
		if (text_duration(text, &ms))
			set_number(c, s, ms, from);
		else
			problem_list_add(from.errors, from.where, "type",
					 "must be a duration like \"90s\", "
					 "\"10m\" or \"24h\"");
		return;
	case KIND_BYTES:
	case KIND_COUNT:
		if (num_u64(text, INT64_MAX, &n))
			set_number(c, s, (int64_t)n, from);
		else
			problem_list_add(from.errors, from.where, "type",
					 "must be a whole number");
		return;
	}
}

static void set_from_json(struct config *c, const struct setting *s,
			  const struct json *v, struct source from)
{
	bool number = s->kind == KIND_BYTES || s->kind == KIND_COUNT;

	if (number && json_is(v, JSON_NUMBER))
		set_from_text(c, s, json_number(v), from);
	else if (!number && json_is(v, JSON_STRING))
		set_from_text(c, s, json_string(v), from);
	else
		problem_list_add(from.errors, from.where, "type",
				 "must be %s, is %s",
				 number ? "a whole number" : "a string",
				 json_type_name(json_type(v)));
}

static bool url_is_http(const char *url)
{
	return (text_starts(url, "http://") && strlen(url) > 7) ||
	       (text_starts(url, "https://") && strlen(url) > 8);
}

static const char *without_slash(struct arena *a, const char *url)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	return arena_strndup(a, url, n);
}

static struct config_backend *add_backend(struct config *c, const char *url,
					  struct source from)
{
	struct config_backend *b;

	if (!url_is_http(url)) {
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
		.url = without_slash(&c->arena, url),
		.pool = "default",
	};
	return b;
}

static void read_header_file(struct config *c, struct config_backend *b,
			     const char *path, struct source from)
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
			const struct json *v, struct source from)
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
			struct source from)
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

static void backends_from_json(struct config *c, const struct json *v,
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
		struct source from = {
			arena_printf(&c->arena, "%s: /backends/%zu", file, i++),
			errors};

		one_backend(c, one, from);
	}
}

static void backends_from_env(struct config *c, const char *text,
			      struct problem_list *errors)
{
	struct source from = {ENV_PREFIX "BACKENDS", errors};

	c->backend_count = 0;
	while (*(text += strspn(text, " ,\t\n")) != '\0') {
		size_t n = strcspn(text, " ,\t\n");

		if (add_backend(c, arena_strndup(&c->arena, text, n), from) ==
		    NULL)
			return;
		text += n;
	}
}

static const struct setting *setting_named(const char *name)
{
	for (size_t i = 0; i < COUNT(settings); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

static void member_from_file(struct config *c, const struct json *v,
			     const char *file, struct problem_list *errors)
{
	const char *key = json_key(v), *near;
	const struct setting *s = setting_named(key);
	struct source from = {arena_printf(&c->arena, "%s: /%s", file, key),
			      errors};

	if (strcmp(key, "backends") == 0) {
		backends_from_json(c, v, file, errors);
	} else if (s != NULL) {
		set_from_json(c, s, v, from);
	} else if (strcmp(key, "$schema") != 0) {
		near = text_nearest_setting(key);
		problem_list_add(errors, from.where, "unknown",
				 "there is no such setting%s%s",
				 near != NULL ? "; nearest: " : "",
				 near != NULL ? near : "");
	}
}

static void from_file(struct config *c, const char *path,
		      struct problem_list *errors)
{
	struct problem why = {0};
	size_t len;
	char *text = file_read(path, FILE_MAX_BYTES, &len, &why);
	struct json_doc *doc;

	if (text == NULL) {
		problem_list_add(errors, path, "file", "%s", why.detail);
		return;
	}
	doc = json_parse(text, len, JSON_DEPTH_DEFAULT, &why);
	free(text);
	if (doc == NULL)
		problem_list_add(errors, path, "json", "%s", why.detail);
	else if (!json_is(json_root(doc), JSON_OBJECT))
		problem_list_add(errors, path, "type", "must be an object");
	else
		json_each (member, json_root(doc))
			member_from_file(c, member, path, errors);
	json_free(doc);
}

/* "COMFYGATE_STALL=5m" -> stall. */
static void one_from_env(struct config *c, const char *entry,
			 struct problem_list *errors)
{
	const char *equals = strchr(entry, '=');
	const char *name = entry + strlen(ENV_PREFIX), *near;
	struct source from;
	char *key;

	if (equals == NULL)
		return;
	key = arena_strndup(&c->arena, name, (size_t)(equals - name));
	from = (struct source){arena_printf(&c->arena, ENV_PREFIX "%s", key),
			       errors};
	for (char *p = key; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strcmp(key, "backends") == 0) {
		backends_from_env(c, equals + 1, errors);
	} else if (setting_named(key) != NULL) {
		set_from_text(c, setting_named(key), equals + 1, from);
	} else if (strcmp(key, "config") != 0) {
		near = text_nearest_setting(key);
		problem_list_add(errors, from.where, "unknown",
				 "there is no such setting%s%s",
				 near != NULL ? "; nearest: " : "",
				 near != NULL ? near : "");
	}
}

static void from_env(struct config *c, char *const *env,
		     struct problem_list *errors)
{
	for (; env != NULL && *env != NULL; env++)
		if (text_starts(*env, ENV_PREFIX))
			one_from_env(c, *env, errors);
}

static void check_backends(struct config *c, struct problem_list *errors)
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
				 "name at least one ComfyUI server: " ENV_PREFIX
				 "BACKENDS=http://127.0.0.1:8188");
}

static void check_whole(struct config *c, struct problem_list *errors)
{
	check_backends(c, errors);
	c->public_url = without_slash(&c->arena, c->public_url);
	if (*c->public_url != '\0' && !url_is_http(c->public_url))
		problem_list_add(errors, "public_url", "url",
				 "must begin with http:// or https://");
	if (*c->jwks_file == '\0' && *c->jwks_url == '\0' &&
	    *c->pem_file == '\0' && *c->secret_file == '\0')
		problem_list_add(errors, "jwks_file", "required",
				 "name the keys that tokens are checked with: "
				 "jwks_url, jwks_file, pem_file or "
				 "secret_file");
	if (c->max_connections < c->max_waiting)
		problem_list_add(errors, "max_connections", "range",
				 "must not be below max_waiting");
}

bool config_load(struct config *c, const char *path, char *const *env,
		 struct problem_list *errors)
{
	struct source from = {"default", errors};

	*c = (struct config){0};
	arena_init(&c->arena);
	c->backends =
		arena_array(&c->arena, BACKENDS_MAX, sizeof(*c->backends));
	for (size_t i = 0; i < COUNT(settings); i++)
		set_from_text(c, &settings[i], settings[i].fallback, from);
	if (path != NULL)
		from_file(c, path, errors);
	from_env(c, env, errors);
	check_whole(c, errors);
	return errors->count == 0;
}

void config_finish(struct config *c)
{
	arena_finish(&c->arena);
}

static void print_setting(const struct config *c, const struct setting *s,
			  struct json_writer *w)
{
	const char *at = (const char *)c + s->at;
	const char *text;
	char duration[32];
	int64_t n;

	json_put_key(w, s->name);
	if (s->kind == KIND_TEXT || s->kind == KIND_LEVEL) {
		memcpy(&text, at, sizeof(text));
		json_put_string(w, text);
		return;
	}
	memcpy(&n, at, sizeof(n));
	if (s->kind != KIND_DURATION) {
		json_put_int(w, n);
		return;
	}
	snprintf(duration, sizeof(duration), "%" PRId64 "%s",
		 n % SECOND == 0 ? n / SECOND : n,
		 n % SECOND == 0 ? "s" : "ms");
	json_put_string(w, duration);
}

static void print_backends(const struct config *c, struct json_writer *w)
{
	json_put_key(w, "backends");
	json_open(w, '[');
	for (size_t i = 0; i < c->backend_count; i++) {
		const struct config_backend *b = &c->backends[i];

		json_open(w, '{');
		json_member_string(w, "name", b->name);
		json_member_string(w, "url", b->url);
		json_member_string(w, "pool", b->pool);
		json_member_int(w, "slots", b->slots);
		if (b->header != NULL)
			json_member_string(w, "header", "(secret)");
		json_close(w, '}');
	}
	json_close(w, ']');
}

void config_print(const struct config *c, struct buf *to)
{
	struct json_writer w;

	buf_adds(to, "{\n  ");
	for (size_t i = 0; i < COUNT(settings); i++) {
		json_writer_init(&w, to); /* no comma of its own: one a line */
		print_setting(c, &settings[i], &w);
		buf_adds(to, ",\n  ");
	}
	json_writer_init(&w, to);
	print_backends(c, &w);
	buf_adds(to, "\n}\n");
}

static void print_row(struct buf *to, const char *name, const char *fallback,
		      const char *help)
{
	buf_addf(to, "| `%s` | `" ENV_PREFIX, name);
	for (const char *p = name; *p != '\0'; p++)
		buf_addc(to,
			 *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
	if (*fallback == '\0')
		buf_addf(to, "` | | %s |\n", help);
	else
		buf_addf(to, "` | `%s` | %s |\n", fallback, help);
}

void config_print_table(struct buf *to)
{
	print_row(to, "backends", "", backends_help);
	for (size_t i = 0; i < COUNT(settings); i++)
		print_row(to, settings[i].name, settings[i].fallback,
			  settings[i].help);
}
