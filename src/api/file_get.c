#include <string.h>

#include "api/answer.h"
#include "api/file_send.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/text.h"

void file_get(struct call *c)
{
	const char *job = c->match.captures[0];
	const char *name = c->match.captures[1];
	const char *download =
		text_query(c->arena, c->request->query, "download");
	char path[FILES_PATH_MAX];
	struct reply r = {0};

	switch (link_verify(c->api, c->request->path, c->request->query,
			    clock_wall_ms(), c->arena)) {
	case LINK_BAD:
		answer_problem(c->x, NULL, PROBLEM_FORBIDDEN,
			       "the signature of this URL is not right");
		return;
	case LINK_EXPIRED:
		answer_problem(c->x, NULL, PROBLEM_GONE,
			       "this URL is over; read the job for a new one");
		return;
	case LINK_GOOD:
		break;
	}
	if (!files_path(job, name, path)) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such file");
		return;
	}
	reply_header(&r, "Cache-Control", "private, max-age=3600, immutable");
	if (!file_send(c->x, c->api, &r, job, name,
		       download != NULL && strcmp(download, "1") == 0,
		       c->arena))
		answer_problem(c->x, NULL, PROBLEM_GONE,
			       "the file was deleted");
}
