#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include "base/json.h"
#include "config.h"

/*
 * What the files config*.c share, and nobody else: config.c has the table of
 * settings and reads them, config_backends.c the list of backends,
 * config_print.c writes both. One thread, at start.
 */
#define CONFIG_ENV "COMFYGATE_"

enum config_kind {
	CONFIG_TEXT,
	CONFIG_DURATION,
	CONFIG_BYTES,
	CONFIG_COUNT,
	CONFIG_FLAG,
	CONFIG_LEVEL
};

struct config_setting {
	const char *name;
	enum config_kind kind;
	size_t at; /* offset in struct config */
	const char *fallback;
	int64_t least, most; /* of the numeric kinds; durations in ms */
	const char *help;
};

/* All settings but `backends`, in the order of docs/configuration.md. */
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

/* Where a value comes from, for messages. */
struct config_source {
	const char *where; /* "comfygate.json: /stall" or "COMFYGATE_STALL" */
	struct problem_list *errors;
};

bool config_url_is_http(const char *url);
const char *config_without_slash(struct arena *a, const char *url);

void config_backends_init(struct config *c);
void config_backends_from_json(struct config *c, const struct json *v,
			       const char *file, struct problem_list *errors);
/* Base URLs, separated by spaces or commas; in place of those of the file. */
void config_backends_from_env(struct config *c, const char *text,
			      struct problem_list *errors);
/* What can be said only when all is read; gives the default of slots. */
void config_backends_check(struct config *c, struct problem_list *errors);

#endif
