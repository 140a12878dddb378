#include "api/file_send.h"

#include <string.h>

#include "media/kind.h"

/* nginx serves what is below this internal location (nginx/). */
#define INTERNAL "/_comfygate/files/"

void file_send(struct exchange *x, struct reply *r, const char *name,
	       const char *path, bool download, struct arena *arena)
{
	/* What our own file names mean. Only kinds that cannot run as a page
	 * of our origin are shown inline; everything else is a download. */
	const char *dot = strrchr(name, '.');
	const struct media_type *type =
		media_type_of_extension(dot != NULL ? dot + 1 : "");
	bool shown = type->inline_safe && !download;

	r->status = 200;
	r->content_type = type->mime;
	r->body = "";
	r->body_len = 0;
	reply_header(r, "X-Accel-Redirect",
		     arena_printf(arena, INTERNAL "%s", path));
	reply_header(r, "Content-Disposition",
		     arena_printf(arena, "%s; filename=\"%s\"",
				  shown ? "inline" : "attachment", name));
	reply_header(r, "X-Content-Type-Options", "nosniff");
	exchange_reply(x, r);
}
