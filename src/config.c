#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "base/text.h"
#include "config_private.h"

#define FILE_MAX_BYTES (1024 * 1024)

#define AT(field) offsetof(struct config, field)
#define SECOND	  INT64_C(1000)
#define MINUTE	  (60 * SECOND)
#define HOUR	  (60 * MINUTE)
#define DAY	  (24 * HOUR)
#define MIB	  (INT64_C(1024) * 1024)
#define GIB	  (1024 * MIB)

const struct config_setting config_settings[] = {
	{"endpoints", CONFIG_TEXT, AT(endpoints), "/etc/comfygate/endpoints", 0,
	 0, "Folder of the published workflows, one folder each."},
	{"state", CONFIG_TEXT, AT(state), "/var/lib/comfygate", 0, 0,
	 "Folder for the database, files and our own keys."},
	{"socket", CONFIG_TEXT, AT(socket), "/run/comfygate/comfygate.sock", 0,
	 0, "FastCGI socket that nginx connects to; mode 0660."},
	{"public_url", CONFIG_TEXT, AT(public_url), "", 0, 0,
	 "Base of the URLs handed out, `https://api.example.com`; empty: "
	 "taken from each request's Host."},
	{"jwks_file", CONFIG_TEXT, AT(jwks_file), "", 0, 0,
	 "Keys for tokens: a JWKS in a file."},
	{"jwks_url", CONFIG_TEXT, AT(jwks_url), "", 0, 0,
	 "Keys for tokens: a JWKS to fetch, with rotation."},
	{"pem_file", CONFIG_TEXT, AT(pem_file), "", 0, 0,
	 "Keys for tokens: public keys or certificates, PEM."},
	{"secret_file", CONFIG_TEXT, AT(secret_file), "", 0, 0,
	 "Key for tokens: a shared secret of at least 32 bytes, mode 0600."},
	{"issuer", CONFIG_TEXT, AT(issuer), "", 0, 0,
	 "The `iss` that tokens must have; empty: any."},
	{"audience", CONFIG_TEXT, AT(audience), "", 0, 0,
	 "The `aud` that tokens must have; empty: not looked at."},
	{"realm", CONFIG_TEXT, AT(realm), "comfygate", 0, 0,
	 "Named in `WWW-Authenticate`."},
	{"leeway", CONFIG_DURATION, AT(leeway), "30s", 0, 5 * MINUTE,
	 "How far clocks may differ when `exp` and `nbf` are looked at."},
	{"max_body_bytes", CONFIG_BYTES, AT(max_body_bytes), "1048576", 1024,
	 64 * MIB,
	 "Largest JSON body of an endpoint without files, and largest "
	 "sum of a form's texts."},
	{"max_inline_bytes", CONFIG_BYTES, AT(max_inline_bytes), "33554432",
	 1024, 256 * MIB,
	 "Largest JSON body of an endpoint that takes files, with `data:` "
	 "URIs in it."},
	{"max_upload_bytes", CONFIG_BYTES, AT(max_upload_bytes), "104857600",
	 1024, 1024 * GIB,
	 "Largest upload, largest form, and largest file by URL; keep nginx's "
	 "`client_max_body_size` above it."},
	{"max_uploads_each_bytes", CONFIG_BYTES, AT(max_uploads_each_bytes),
	 "1073741824", 0, 1024 * GIB,
	 "Uploads of one owner together; 0: no limit."},
	{"upload_lifetime", CONFIG_DURATION, AT(upload_lifetime), "24h", MINUTE,
	 366 * DAY, "How long an upload can be named by jobs."},
	{"max_output_bytes", CONFIG_BYTES, AT(max_output_bytes), "1073741824",
	 1024, 1024 * GIB, "Largest single output file."},
	{"max_waiting", CONFIG_COUNT, AT(max_waiting), "10000", 1, 1000000,
	 "Callers who may wait at once; more get 503."},
	{"max_waiting_each", CONFIG_COUNT, AT(max_waiting_each), "5000", 1,
	 1000000,
	 "… for the jobs of one owner; more are answered at once, with the job "
	 "as it stands."},
	{"max_connections", CONFIG_COUNT, AT(max_connections), "12000", 1,
	 1000000, "Connections from nginx at once."},
	{"max_wait", CONFIG_DURATION, AT(max_wait), "5m", 0, HOUR,
	 "Longest time one request may wait; keep nginx's "
	 "`fastcgi_read_timeout` above it."},
	{"url_lifetime", CONFIG_DURATION, AT(url_lifetime), "24h", MINUTE,
	 366 * DAY, "How long a signed URL works, at least."},
	{"min_free_bytes", CONFIG_BYTES, AT(min_free_bytes), "1073741824", 0,
	 1024 * GIB, "With less free on disk no job and no file is accepted."},
	{"keep_jobs", CONFIG_DURATION, AT(keep_jobs), "7d", MINUTE, 366 * DAY,
	 "How long ended jobs can be read; their files go after `run.keep`."},
	{"keep_files", CONFIG_DURATION, AT(keep_files), "0s", 0, 366 * DAY,
	 "No output file lives longer than this after its job's end, whatever "
	 "`run.keep` says; `0s`: no such limit."},
	{"keep_files_bytes", CONFIG_BYTES, AT(keep_files_bytes), "0", 0,
	 1024 * 1024 * GIB,
	 "When all output files together take more, those of the jobs that "
	 "ended first go, though never within a minute of the end; 0: no such "
	 "limit."},
	{"media_helper", CONFIG_TEXT, AT(media_helper), "", 0, 0,
	 "The program that converts pictures, `comfygate-media`; empty: beside "
	 "`comfygate`, or in `../libexec` from there."},
	{"convert_timeout", CONFIG_DURATION, AT(convert_timeout), "30s", 100,
	 HOUR, "Of converting one picture; then it is given up."},
	{"slots", CONFIG_COUNT, AT(slots), "2", 1, 64,
	 "Jobs handed to one backend at once: one runs, the next lies "
	 "ready."},
	{"stall", CONFIG_DURATION, AT(stall), "5m", 100, DAY,
	 "A run without event or progress for so long is given up."},
	{"poll", CONFIG_DURATION, AT(poll), "2s", 10, 5 * MINUTE,
	 "How often history is looked at besides the events."},
	{"call_timeout", CONFIG_DURATION, AT(call_timeout), "10s", 100,
	 5 * MINUTE, "Of one small call to a backend."},
	{"fetch_timeout", CONFIG_DURATION, AT(fetch_timeout), "10m", SECOND,
	 DAY,
	 "Of fetching one output file from a backend, and of sending one input "
	 "file there."},
	{"url_timeout", CONFIG_DURATION, AT(url_timeout), "30s", 100, HOUR,
	 "Of fetching one input file from the URL that a caller gave."},
	{"url_http", CONFIG_FLAG, AT(url_http), "false", 0, 0,
	 "Whether such a URL may be `http://`, too."},
	{"url_allow", CONFIG_TEXT, AT(url_allow), "", 0, 0,
	 "Where such URLs may lead besides public addresses at ports 443 and "
	 "80: addresses, blocks and host names, each perhaps with a port."},
	{"read_timeout", CONFIG_DURATION, AT(read_timeout), "5s", 100,
	 5 * MINUTE, "Of the rest of a request that nginx began to send."},
	{"stop_timeout", CONFIG_DURATION, AT(stop_timeout), "30s", 100, DAY,
	 "How long a stop may take; what runs then goes on after the next "
	 "start."},
	{"log_level", CONFIG_LEVEL, AT(log_level), "info", 0, 0,
	 "`debug`, `info`, `warn` or `error`."},
};

const size_t config_setting_count = COUNT(config_settings);

static const char *text_nearest_setting(const char *word)
{
	const char *names[COUNT(config_settings) + 1];

	for (size_t i = 0; i < config_setting_count; i++)
		names[i] = config_settings[i].name;
	names[config_setting_count] = "backends";
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

static void set_number(struct config *c, const struct config_setting *s,
		       int64_t n, struct config_source from)
{
	if (n < s->least || n > s->most) {
		problem_list_add(from.errors, from.where, "range",
				 "must be from %" PRId64 " to %" PRId64 "%s",
				 s->least, s->most,
				 s->kind == CONFIG_DURATION ? " ms" : "");
		return;
	}
	memcpy((char *)c + s->at, &n, sizeof(n));
}

static void set_text(struct config *c, const struct config_setting *s,
		     const char *text)
{
	const char *copy = arena_strdup(&c->arena, text);

	memcpy((char *)c + s->at, &copy, sizeof(copy));
}

static void set_flag(struct config *c, const struct config_setting *s,
		     const char *text, struct config_source from)
{
	bool on = strcmp(text, "true") == 0;

	if (!on && strcmp(text, "false") != 0)
		problem_list_add(from.errors, from.where, "type",
				 "must be true or false");
	else
		memcpy((char *)c + s->at, &on, sizeof(on));
}

/* Sets one from its text form, as the environment and the defaults have it. */
static void set_from_text(struct config *c, const struct config_setting *s,
			  const char *text, struct config_source from)
{
	int64_t ms;
	uint64_t n;

	switch (s->kind) {
	case CONFIG_TEXT:
		set_text(c, s, text);
		return;
	case CONFIG_LEVEL:
		if (level_known(text))
			set_text(c, s, text);
		else
			problem_list_add(from.errors, from.where, "enum",
					 "must be debug, info, warn or error");
		return;
	case CONFIG_FLAG:
		set_flag(c, s, text, from);
		return;
	case CONFIG_DURATION:
		if (text_duration(text, &ms))
			set_number(c, s, ms, from);
		else
			problem_list_add(from.errors, from.where, "type",
					 "must be a duration like \"90s\", "
					 "\"10m\" or \"24h\"");
		return;
	case CONFIG_BYTES:
	case CONFIG_COUNT:
		if (num_u64(text, INT64_MAX, &n))
			set_number(c, s, (int64_t)n, from);
		else
			problem_list_add(from.errors, from.where, "type",
					 "must be a whole number");
		return;
	}
}

static void set_from_json(struct config *c, const struct config_setting *s,
			  const struct json *v, struct config_source from)
{
	bool number = s->kind == CONFIG_BYTES || s->kind == CONFIG_COUNT;
	bool flag = s->kind == CONFIG_FLAG;

	if (flag && json_is(v, JSON_BOOLEAN))
		set_from_text(c, s, json_true(v) ? "true" : "false", from);
	else if (number && json_is(v, JSON_NUMBER))
		set_from_text(c, s, json_number(v), from);
	else if (!number && !flag && json_is(v, JSON_STRING))
		set_from_text(c, s, json_string(v), from);
	else
		problem_list_add(from.errors, from.where, "type",
				 "must be %s, is %s",
				 flag	  ? "true or false"
				 : number ? "a whole number"
					  : "a string",
				 json_type_name(json_type(v)));
}

static const struct config_setting *setting_named(const char *name)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (strcmp(config_settings[i].name, name) == 0)
			return &config_settings[i];
	return NULL;
}

static void member_from_file(struct config *c, const struct json *v,
			     const char *file, struct problem_list *errors)
{
	const char *key = json_key(v), *near;
	const struct config_setting *s = setting_named(key);
	struct config_source from = {
		arena_printf(&c->arena, "%s: /%s", file, key), errors};

	if (strcmp(key, "backends") == 0) {
		config_backends_from_json(c, v, file, errors);
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
	const char *name = entry + strlen(CONFIG_ENV), *near;
	struct config_source from;
	char *key;

	if (equals == NULL)
		return;
	key = arena_strndup(&c->arena, name, (size_t)(equals - name));
	from = (struct config_source){
		arena_printf(&c->arena, CONFIG_ENV "%s", key), errors};
	for (char *p = key; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strcmp(key, "backends") == 0) {
		config_backends_from_env(c, equals + 1, errors);
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
		if (text_starts(*env, CONFIG_ENV))
			one_from_env(c, *env, errors);
}

static void check_url_allow(struct config *c, struct problem_list *errors)
{
	struct problem why = {0};

	if (!address_list_read(c->url_allow, &c->arena, &c->url_allowed, &why))
		problem_list_add(errors, "url_allow", "address", "%s",
				 why.detail);
}

static void check_whole(struct config *c, struct problem_list *errors)
{
	check_url_allow(c, errors);
	config_backends_check(c, errors);
	c->public_url = config_without_slash(&c->arena, c->public_url);
	if (*c->public_url != '\0' && !config_url_is_http(c->public_url))
		problem_list_add(errors, "public_url", "url",
				 "must begin with http:// or https://");
	else if (c->public_url[strcspn(c->public_url, "?#\"<>\\ \t\r\n")])
		problem_list_add(errors, "public_url", "url",
				 "must be the beginning of a URL: scheme, host "
				 "and perhaps a path");
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
	struct config_source from = {"default", errors};

	*c = (struct config){0};
	arena_init(&c->arena);
	config_backends_init(c);
	for (size_t i = 0; i < config_setting_count; i++)
		set_from_text(c, &config_settings[i],
			      config_settings[i].fallback, from);
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
