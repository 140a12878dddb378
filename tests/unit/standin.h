#ifndef TESTS_UNIT_STANDIN_H
#define TESTS_UNIT_STANDIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/web.h"

/*
 * The stand-in for ComfyUI as a child process: started on a free port, told
 * what to do over its own /standin/ paths, stopped by its pid. Its program is
 * $STANDIN, or "standin" in the build folder that holds the test (which is
 * build/unit/test_x).
 */
struct standin {
	pid_t pid;
	int out; /* its stdout, kept open */
	int port;
	char url[64];
	struct web *web;
};

static inline void standin_program(char *to, size_t size)
{
	const char *given = getenv("STANDIN");
	char self[4000];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 2; i++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	if (given != NULL)
		snprintf(to, size, "%s", given);
	else
		snprintf(to, size, "%s/standin", self);
}

/* more: further options, ended by NULL; or NULL. Ends the test on failure. */
static inline void standin_start(struct standin *s, const char *dialect,
				 const char *const *more)
{
	char program[4096], line[256];
	const char *argv[32] = {program,  "--port",    "0",    "--quiet",
				"--fast", "--dialect", dialect};
	int ends[2];
	FILE *out;

	for (size_t n = 7; more != NULL && *more != NULL && n < 31; n++)
		argv[n] = *more++;
	standin_program(program, sizeof(program));
	fflush(stdout);
	memset(s, 0, sizeof(*s));
	if (pipe(ends) != 0 || (s->pid = fork()) < 0) {
		perror("standin");
		exit(1);
	}
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(program, (char *const *)(uintptr_t)argv);
		perror(program);
		_exit(127);
	}
	close(ends[1]);
	s->out = ends[0];
	out = fdopen(dup(s->out), "r");
	while (s->port == 0 && fgets(line, sizeof(line), out) != NULL)
		(void)sscanf(line, "listening on 127.0.0.1:%d", &s->port);
	fclose(out);
	if (s->port == 0) {
		fprintf(stderr, "# no stand-in at %s\n", program);
		exit(1);
	}
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
	s->web = web_create();
}

static inline void standin_stop(struct standin *s)
{
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
	close(s->out);
	web_destroy(s->web);
}

/* One call to it; the status. The answer's start goes to `to` if not NULL. */
static inline int standin_call(struct standin *s, const char *method,
			       const char *path, const char *body, char *to,
			       size_t size)
{
	struct web_answer answer;
	char url[512];
	struct web_call call = {
		.method = method,
		.url = url,
		.content_type = body != NULL ? "application/json" : NULL,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.timeout_ms = 30000,
		.max_bytes = 1 << 20};
	int status;

	snprintf(url, sizeof(url), "%s/standin/%s", s->url, path);
	(void)web_do(s->web, &call, &answer);
	status = answer.status;
	if (to != NULL)
		snprintf(to, size, "%s", buf_str(&answer.body));
	web_answer_finish(&answer);
	return status;
}

static inline bool standin_fault(struct standin *s, const char *json)
{
	return standin_call(s, "POST", "fault", json, NULL, 0) == 200;
}

static inline bool standin_clear(struct standin *s)
{
	return standin_call(s, "DELETE", "fault", NULL, NULL, 0) == 200;
}

/* "idle", "running", "blocked", "finished:2", "sockets=0", …: true when it
 * has come within 20 s. */
static inline bool standin_await(struct standin *s, const char *event)
{
	char path[128];

	snprintf(path, sizeof(path), "await?event=%s&timeout=20000", event);
	return standin_call(s, "GET", path, NULL, NULL, 0) == 200;
}

/* "release", "restart", "close-sockets", "deafen-sockets" */
static inline bool standin_do(struct standin *s, const char *what)
{
	return standin_call(s, "POST", what, "{}", NULL, 0) == 200;
}

#endif
