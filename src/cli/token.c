#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/secret.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/problem.h"
#include "base/text.h"
#include "cli/cli.h"

#define LIFETIME_DEFAULT "24h"
#define SCOPES_MAX	 4096

static const char usage[] =
	"comfygate token --sub NAME [--scope SCOPE]... [--secret FILE]\n"
	"                       [--issuer I] [--audience A] [--lifetime 24h]\n"
	"Signs a token (HS256) and prints it. Without --secret the "
	"development\n"
	"key in $COMFYGATE_STATE/dev.key (./state/dev.key) signs, which is "
	"made\n"
	"where it is missing.";

struct request {
	const char *subject, *issuer, *audience, *secret, *lifetime;
	struct buf scopes;
};

static bool parse(int argc, char **argv, struct request *r)
{
	static const struct option options[] = {
		{"sub", required_argument, NULL, 's'},
		{"scope", required_argument, NULL, 'c'},
		{"secret", required_argument, NULL, 'k'},
		{"issuer", required_argument, NULL, 'i'},
		{"audience", required_argument, NULL, 'a'},
		{"lifetime", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			r->subject = optarg;
			break;
		case 'c':
			if (r->scopes.len > 0)
				buf_addc(&r->scopes, ' ');
			buf_adds(&r->scopes, optarg);
			break;
		case 'k':
			r->secret = optarg;
			break;
		case 'i':
			r->issuer = optarg;
			break;
		case 'a':
			r->audience = optarg;
			break;
		case 'l':
			r->lifetime = optarg;
			break;
		default:
			return false;
		}
	}
	return optind == argc && r->subject != NULL && r->subject[0] != '\0' &&
	       !buf_over(&r->scopes);
}

/* The file that signs: the one named, or the development key, made now where
 * it is missing. NULL and why on failure. */
static const char *secret_path(struct arena *a, const char *named,
			       struct problem *why)
{
	const char *state = getenv("COMFYGATE_STATE");
	const char *path;

	if (named != NULL)
		return named;
	if (state == NULL || state[0] == '\0')
		state = "./state";
	path = arena_printf(a, "%s/dev.key", state);
	return secret_ensure_development(path, why) ? path : NULL;
}

static char *mint(struct arena *a, const struct request *r, int64_t lifetime_ms,
		  struct problem *why)
{
	const char *path = secret_path(a, r->secret, why);
	size_t len = 0;
	char *secret = path != NULL ? secret_read(path, &len, why) : NULL;
	char *token;

	if (secret == NULL)
		return NULL;
	if (!secret_is_development(secret, len))
		fprintf(stderr,
			"comfygate token: warning: %s is not a development "
			"key; the token is good wherever that secret is "
			"trusted\n",
			path);
	token = token_mint(secret, len, r->subject, buf_str(&r->scopes),
			   r->issuer, r->audience, clock_wall_ms() / 1000,
			   lifetime_ms / 1000);
	secret_free(secret, len);
	if (token == NULL)
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "the texts of a token must be UTF-8");
	return token;
}

int cli_token(int argc, char **argv)
{
	struct request r = {.lifetime = LIFETIME_DEFAULT};
	struct problem why = {0};
	struct arena a = {0};
	int64_t lifetime_ms = 0;
	char *token = NULL;
	int status = 0;

	if (cli_help(argc, argv, usage))
		return 0;
	buf_init(&r.scopes, SCOPES_MAX);
	if (!parse(argc, argv, &r) ||
	    !text_duration(r.lifetime, &lifetime_ms) || lifetime_ms < 1000)
		status = cli_usage(usage);
	else
		token = mint(&a, &r, lifetime_ms, &why);
	if (token != NULL) {
		puts(token);
	} else if (status == 0) {
		fprintf(stderr, "comfygate token: %s%s%s\n", why.where,
			why.where[0] != '\0' ? ": " : "", why.detail);
		status = 1;
	}
	free(token);
	buf_finish(&r.scopes);
	arena_finish(&a);
	return status;
}
