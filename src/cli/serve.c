#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/house.h"

#define PRINT_MAX (1024 * 1024)

static const char usage_text[] =
	"usage: comfygate serve [--config FILE] [--print-config]\n"
	"\n"
	"  --config FILE     the settings, JSON; also COMFYGATE_CONFIG\n"
	"  --print-config    show the effective settings and end\n"
	"  --print-settings  the table of all settings, as Markdown\n"
	"\n"
	"SIGTERM and SIGINT stop it, SIGHUP loads endpoints and keys again";

enum { OPT_CONFIG = 256, OPT_PRINT, OPT_TABLE };

static const struct option options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"print-config", no_argument, NULL, OPT_PRINT},
	{"print-settings", no_argument, NULL, OPT_TABLE},
	{NULL, 0, NULL, 0},
};

static int print(void (*write)(const struct config *, struct buf *),
		 const struct config *c)
{
	struct buf b;

	buf_init(&b, PRINT_MAX);
	write(c, &b);
	fputs(buf_str(&b), stdout);
	buf_finish(&b);
	return 0;
}

static void print_table(const struct config *c, struct buf *to)
{
	(void)c;
	config_print_table(to);
}

static void set_level(const char *name)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			log_set_level((enum log_level)i);
}

/* Until a signal says stop. Signals are blocked in all threads and taken here
 * only (measured: an unblocked one breaks libfcgi's requests). */
static void wait_for_stop(struct house *h, const sigset_t *signals)
{
	for (;;) {
		siginfo_t info;

		if (sigwaitinfo(signals, &info) < 0 && errno == EINTR)
			continue;
		if (info.si_signo != SIGHUP) {
			log_event(LOG_INFO, "serve.stopping", "signal",
				  info.si_signo == SIGINT ? "INT" : "TERM",
				  NULL);
			return;
		}
		log_event(LOG_INFO, "serve.reload", NULL);
		house_reload(h);
		log_event(LOG_INFO, "serve.reloaded", NULL);
	}
}

static int serve(const struct config *c)
{
	struct house h = {0};
	struct problem why = {0};
	sigset_t signals;

	set_level(c->log_level);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	if (!house_open(&h, c, &why)) {
		fprintf(stderr, "comfygate: %s%s%s\n", why.where,
			why.where[0] != '\0' ? ": " : "", why.detail);
		house_close(&h, 0);
		return 1;
	}
	log_event(LOG_INFO, "serve.ready", "socket", c->socket, NULL);
	wait_for_stop(&h, &signals);
	house_close(&h, c->stop_timeout);
	log_event(LOG_INFO, "serve.stopped", NULL);
	return 0;
}

static int with_config(const char *path, bool print_only)
{
	struct arena arena = {0};
	struct problem_list errors;
	struct config c;
	int status;

	problem_list_init(&errors, &arena);
	if (!config_load(&c, path, environ, &errors)) {
		for (size_t i = 0; i < errors.count; i++)
			fprintf(stderr, "comfygate: %s: %s\n",
				errors.items[i].where, errors.items[i].detail);
		status = 1;
	} else {
		status = print_only ? print(config_print, &c) : serve(&c);
	}
	config_finish(&c);
	arena_finish(&arena);
	return status;
}

int cli_serve(int argc, char **argv)
{
	const char *path = getenv("COMFYGATE_CONFIG");
	bool print_only = false;
	int opt;

	if (cli_help(argc, argv, usage_text))
		return 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_CONFIG:
			path = optarg;
			break;
		case OPT_PRINT:
			print_only = true;
			break;
		case OPT_TABLE:
			return print(print_table, NULL);
		default:
			return cli_usage(usage_text);
		}
	}
	if (optind < argc)
		return cli_usage(usage_text);
	/* nginx reads the output files by its group, whatever was set. */
	umask(0027);
	return with_config(path, print_only);
}
