#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config_private.h"

static const char backends_help[] =
	"The ComfyUI servers: objects with `url`, and where wanted `name`, "
	"`pool` (`default`), `slots`, `header_file` (a file with one header "
	"line for a proxy before it). By environment: base URLs separated by "
	"spaces or commas.";

static void print_setting(const struct config *c,
			  const struct config_setting *s, struct json_writer *w)
{
	const char *at = (const char *)c + s->at;
	const char *text;
	char duration[32];
	int64_t n;
	bool on;

	json_put_key(w, s->name);
	if (s->kind == CONFIG_TEXT || s->kind == CONFIG_LEVEL) {
		memcpy(&text, at, sizeof(text));
		json_put_string(w, text);
		return;
	}
	if (s->kind == CONFIG_FLAG) {
		memcpy(&on, at, sizeof(on));
		json_put_bool(w, on);
		return;
	}
	memcpy(&n, at, sizeof(n));
	if (s->kind != CONFIG_DURATION) {
		json_put_int(w, n);
		return;
	}
	snprintf(duration, sizeof(duration), "%" PRId64 "%s",
		 n % 1000 == 0 ? n / 1000 : n, n % 1000 == 0 ? "s" : "ms");
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
	for (size_t i = 0; i < config_setting_count; i++) {
		json_writer_init(&w, to); /* no comma of its own: one a line */
		print_setting(c, &config_settings[i], &w);
		buf_adds(to, ",\n  ");
	}
	json_writer_init(&w, to);
	print_backends(c, &w);
	buf_adds(to, "\n}\n");
}

static void print_row(struct buf *to, const char *name, const char *fallback,
		      const char *help)
{
	buf_addf(to, "| `%s` | `" CONFIG_ENV, name);
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
	for (size_t i = 0; i < config_setting_count; i++)
		print_row(to, config_settings[i].name,
			  config_settings[i].fallback, config_settings[i].help);
}
