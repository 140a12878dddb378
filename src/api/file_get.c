#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/text.h"
#include "media/kind.h"

/* nginx serves what is below this internal location (nginx/). */
#define INTERNAL "/_comfygate/files/"

static void send_file(struct call *c, const char *name, const char *path)
{
	const char *download =
		text_query(c->arena, c->request->query, "download");
	/* What our own file names mean. Only kinds that cannot run as a page
	 * of our origin are shown inline; everything else is a download. */
	const char *dot = strrchr(name, '.');
	const struct media_type *type =
		media_type_of_extension(dot != NULL ? dot + 1 : "");
	struct reply r = {.status = 200, .content_type = type->mime};
	bool shown = type->inline_safe;

	r.body = "";
	if (download != NULL && strcmp(download, "1") == 0)
		shown = false;
	reply_header(&r, "X-Accel-Redirect",
		     arena_printf(c->arena, INTERNAL "%s", path));
	reply_header(&r, "Content-Disposition",
		     arena_printf(c->arena, "%s; filename=\"%s\"",
				  shown ? "inline" : "attachment", name));
	reply_header(&r, "X-Content-Type-Options", "nosniff");
	reply_header(&r, "Cache-Control", "private, max-age=3600, immutable");
	exchange_reply(c->x, &r);
}

void file_get(struct call *c)
{
	const char *job = c->match.captures[0];
	const char *name = c->match.captures[1];
	char path[FILES_PATH_MAX];

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
	if (!files_exists(c->api->o.files, job, name)) {
		answer_problem(c->x, NULL, PROBLEM_GONE,
			       "the file was deleted");
		return;
	}
	send_file(c, name, path);
}
