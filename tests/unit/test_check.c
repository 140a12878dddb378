#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cli/cli.h"
#include "manifest_rig.h"
#include "tap.h"

static cli_command *const commands[] = {cli_serve, cli_check, cli_lock,
					cli_token};

static const char workflow[] =
	"{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":1}}}";

#define MANIFEST(max)                                                          \
	"{\"name\":\"case\",\"version\":1,\"inputs\":{\"a\":{\"type\":"        \
	"\"integer\",\"maximum\":" max ",\"default\":1,\"to\":\"1.a\"}},"      \
	"\"outputs\":{\"o\":{\"type\":\"image\",\"from\":\"1\"}}}"

/* A command in a child, in a folder; what it writes, and its exit status. */
struct ran {
	int status;
	char out[8192], err[8192];
};

static void slurp(int fd, char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;

	if (lseek(fd, 0, SEEK_SET) != 0)
		abort();
	while (n < size - 1 && (got = read(fd, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
}

static struct ran run(const char *dir, cli_command *command, char **argv)
{
	FILE *out = tmpfile(), *err = tmpfile();
	struct ran r = {.status = -1};
	int argc = 0, status;
	pid_t pid;

	if (out == NULL || err == NULL)
		abort();
	while (argv[argc] != NULL)
		argc++;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) != 0 || dup2(fileno(out), 1) != 1 ||
		    dup2(fileno(err), 2) != 2)
			_exit(99);
		status = command(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status))
		r.status = WEXITSTATUS(status);
	slurp(fileno(out), r.out, sizeof(r.out));
	slurp(fileno(err), r.err, sizeof(r.err));
	fclose(out);
	fclose(err);
	return r;
}

#define RUN(dir, command, ...)                                                 \
	run(dir, command, (char *[]){"comfygate", __VA_ARGS__, NULL})

static void check_check(const struct place_of_test *p)
{
	struct ran r = RUN(p->dir, cli_check, "endpoints");

	ok(r.status == 0, "all is right");
	is_str(r.out,
	       "notice: endpoints/a/contract.json: is not there, so nothing "
	       "is promised to callers yet; `comfygate lock endpoints/a` "
	       "writes it\n1 endpoint, 0 problems\n",
	       "notices and the summary");
	r = run(p->dir, cli_check, (char *[]){"check", NULL});
	ok(r.status == 0, "endpoints is the default");
	rig_dir(p, "endpoints/b");
	rig_file(p, "endpoints/b/manifest.json", "{\"name\":\"b\"}");
	rig_file(p, "endpoints/b/workflow.json", workflow);
	r = RUN(p->dir, cli_check, "endpoints");
	ok(r.status == 1, "problems: 1");
	is_str(r.err,
	       "endpoints/b/manifest.json: /version: is missing\n"
	       "endpoints/b/manifest.json: /outputs: is missing\n",
	       "each on a line");
	ok(strstr(r.out, "2 endpoints, 2 problems\n") != NULL, "counted");
	r = RUN(p->dir, cli_check, "endpoints/b");
	ok(r.status == 1 && strcmp(r.out, "1 endpoint, 2 problems\n") == 0,
	   "one folder alone");
	r = RUN(p->dir, cli_check, "nowhere");
	ok(r.status == 1, "no such folder: 1");
	is_str(r.err, "nowhere: cannot be read: No such file or directory\n",
	       "told");
	r = RUN(p->dir, cli_check, "a", "b");
	ok(r.status == 2, "wrong usage: 2");
	r = RUN(p->dir, cli_check, "--halp");
	ok(r.status == 2 && r.out[0] == '\0', "unknown options: 2");
	for (size_t i = 0; i < COUNT(commands); i++) {
		r = RUN(p->dir, commands[i], "--help");
		ok(r.status == 0 && strstr(r.out, "comfygate ") != NULL &&
			   r.err[0] == '\0',
		   "help is no mistake");
	}
	rig_dir(p, "empty");
	r = RUN(p->dir, cli_check, "empty");
	ok(r.status == 1, "an empty folder is a mistake");
}

static const char locked[] =
	"{\n"
	"\t\"name\": \"case\",\n"
	"\t\"version\": 1,\n"
	"\t\"scope\": \"case:run\",\n"
	"\t\"inputs\": {\n"
	"\t\t\"a\": {\"type\": \"integer\", \"required\": "
	"false, \"default\": 1, \"maximum\": 9}\n"
	"\t},\n"
	"\t\"outputs\": {\n"
	"\t\t\"o\": {\"type\": \"image\", \"many\": false, "
	"\"required\": true}\n"
	"\t}\n"
	"}\n";

static void is_contract(const struct place_of_test *p, const char *want,
			const char *what)
{
	struct problem why;
	char path[128];
	char *text;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/endpoints/a/contract.json",
		       p->dir);
	text = file_read(path, 1 << 20, &len, &why);
	is_str(text ? text : "none", want, what);
	free(text);
}

static void check_lock(const struct place_of_test *p)
{
	struct ran r = RUN(p->dir, cli_lock, "a");

	ok(r.status == 0, "by name");
	is_str(r.out, "endpoints/a/contract.json: written\n", "told");
	is_contract(p, locked, "the contract as people read it");
	r = RUN(p->dir, cli_lock, "endpoints/a/");
	is_str(r.out, "endpoints/a/contract.json: is up to date\n",
	       "by folder; nothing to do");
	rig_file(p, "endpoints/a/manifest.json", MANIFEST("8"));
	r = RUN(p->dir, cli_lock, "a");
	ok(r.status == 1 && strstr(r.err, "narrowed from 9 to 8") != NULL,
	   "a breaking change is refused and named");
	is_contract(p, locked, "nothing is written then");
	r = RUN(p->dir, cli_check, "endpoints/a");
	ok(r.status == 1 && strstr(r.err, "narrowed from 9 to 8") != NULL,
	   "check refuses it, too");
	r = RUN(p->dir, cli_lock, "--breaking", "a");
	ok(r.status == 0, "but for --breaking");
	r = RUN(p->dir, cli_check, "endpoints/a");
	ok(r.status == 0, "then check is content");
	rig_file(p, "endpoints/a/manifest.json", MANIFEST("10"));
	r = RUN(p->dir, cli_lock, "a");
	ok(r.status == 0, "a compatible change is recorded");
	r = RUN(p->dir, cli_check, "endpoints/a");
	is_str(r.out, "1 endpoint, 0 problems\n", "no notice is left");
}

static void check_lock_refusals(const struct place_of_test *p)
{
	struct ran r = RUN(p->dir, cli_lock, "b", "a");

	ok(r.status == 1 && strstr(r.err, "/version: is missing") != NULL,
	   "a broken folder gets no contract");
	is_str(r.out, "endpoints/a/contract.json: is up to date\n",
	       "the others go on");
	rig_file(p, "endpoints/a/manifest.json", MANIFEST("0"));
	r = RUN(p->dir, cli_lock, "--breaking", "a");
	ok(r.status == 1 && strstr(r.err, "/inputs/a/default") != NULL,
	   "nor one whose default is wrong");
	rig_file(p, "endpoints/a/manifest.json", MANIFEST("10"));
	rig_file(p, "endpoints/a/contract.json", "{");
	r = RUN(p->dir, cli_lock, "a");
	ok(r.status == 1, "a contract that is no JSON is not overwritten");
	r = RUN(p->dir, cli_lock, "--breaking", "a");
	ok(r.status == 0, "but for --breaking");
	r = RUN(p->dir, cli_lock, "nothing");
	is_str(r.err, "endpoints/nothing: holds no manifest.json\n",
	       "no such folder");
	r = RUN(p->dir, cli_lock, "--breaking");
	ok(r.status == 2, "nothing named: 2");
	r = RUN(p->dir, cli_lock, "--force", "a");
	ok(r.status == 2, "unknown options: 2");
}

int main(void)
{
	struct place_of_test p;

	rig_open(&p);
	rig_dir(&p, "endpoints");
	rig_dir(&p, "endpoints/a");
	rig_file(&p, "endpoints/a/manifest.json", MANIFEST("9"));
	rig_file(&p, "endpoints/a/workflow.json", workflow);
	check_check(&p);
	check_lock(&p);
	check_lock_refusals(&p);
	rig_close(&p);
	return tap_done();
}
