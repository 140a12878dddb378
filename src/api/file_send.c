#include "api/file_send.h"

#include <string.h>

#include "api/etag.h"
#include "media/kind.h"

/* nginx serves what is below this internal location (nginx/). */
#define INTERNAL "/_comfygate/files/"

static void send_from_disk(struct exchange *x, struct reply *r,
			   const char *path, struct arena *arena)
{
	r->body = "";
	r->body_len = 0;
	reply_header(r, "X-Accel-Redirect",
		     arena_join(arena, INTERNAL, path, NULL));
	exchange_reply(x, r);
}

static bool has_already(struct exchange *x, const char *etag)
{
	const char *method = exchange_request(x)->method;

	return (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) &&
	       etag_listed(exchange_header(x, "If-None-Match"), etag);
}

/*
 * What nginx does for files on disk (comfygate-server.conf): the same headers,
 * and If-None-Match. Ranges are nginx's here, too. A job's file of one name
 * never changes.
 */
static void send_bytes(struct exchange *x, struct reply *r, const char *etag,
		       const char *bytes, size_t size)
{
	reply_header(r, "ETag", etag);
	reply_header(r, "Content-Security-Policy",
		     "sandbox; default-src 'none'");
	reply_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
	r->body = bytes;
	r->body_len = size;
	if (has_already(x, etag)) {
		r->status = 304;
		r->content_type = NULL;
		r->body_len = 0;
	}
	exchange_reply(x, r);
}

bool file_send(struct exchange *x, struct api *a, struct reply *r,
	       const char *job, const char *name, bool download,
	       struct arena *arena)
{
	/* What our own file names mean. Only kinds that cannot run as a page
	 * of our origin are shown inline; everything else is a download. */
	const char *dot = strrchr(name, '.');
	const struct media_type *type =
		media_type_of_extension(dot != NULL ? dot + 1 : "");
	bool shown = type->inline_safe && !download, small;
	char path[FILES_PATH_MAX];
	const char *bytes = NULL;
	size_t size = 0;

	if (!files_path(job, name, path))
		return false;
	/* What lies beside a row on disk came of another attempt. */
	small = store_read_small(a->reader, job, name, arena, &bytes, &size);
	if (!small && !files_exists(a->o.files, job, name))
		return false;
	r->status = 200;
	r->content_type = type->mime;
	reply_header(r, "Content-Disposition",
		     arena_printf(arena, "%s; filename=\"%s\"",
				  shown ? "inline" : "attachment", name));
	if (small)
		send_bytes(x, r,
			   arena_join(arena, "\"", job, "-", name, "\"", NULL),
			   bytes, size);
	else
		send_from_disk(x, r, path, arena);
	return true;
}
