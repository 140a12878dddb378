#include "comfy/upload.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "comfy/client_private.h"

#define FORM_MAX   8192
#define ANSWER_MAX (64 * 1024)
/* A name on the server's disk; ext4 and NTFS take 255. */
#define NAME_MAX_BYTES 1024

static enum comfy_outcome held_by(const struct web_answer *answer,
				  int64_t *size)
{
	switch (answer->status) {
	case 200:
		*size = answer->length;
		return COMFY_OK;
	case 404:
	case 405:
		return COMFY_MISSING;
	default:
		return comfy_turned_away(answer->status) ? COMFY_UNREACHABLE
							 : COMFY_MISSING;
	}
}

enum comfy_outcome comfy_held(struct comfy_client *c, const char *subfolder,
			      const char *name, int64_t timeout_ms,
			      int64_t *size)
{
	const struct history_file file = {
		.filename = name, .subfolder = subfolder, .type = "input"};
	struct comfy_request q = {
		.method = "HEAD",
		.until_ms = clock_monotonic_ms() + timeout_ms,
		.max_bytes = ANSWER_MAX,
	};
	struct web_answer answer;
	struct buf path;
	enum comfy_outcome o;

	*size = -1;
	buf_init(&path, VIEW_QUERY_MAX);
	view_query(&path, &file);
	if (buf_over(&path)) {
		buf_finish(&path);
		comfy_note(c, "HEAD /view: the name is too long");
		return COMFY_MISSING;
	}
	q.path = buf_str(&path);
	o = comfy_do(c, &q, &answer);
	if (o == COMFY_OK)
		o = held_by(&answer, size);
	web_answer_finish(&answer);
	buf_finish(&path);
	return o;
}

/* ---- the form, RFC 7578 ---- */

/* Texts of ours: what could end a header or a quoted string is not in them. */
static bool plain(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == '"' || *s == '\\' ||
		    *s == 0x7f)
			return false;
	}
	return true;
}

static void put_field(struct buf *to, const char *boundary, const char *name,
		      const char *value)
{
	buf_addf(to,
		 "\r\n--%s\r\nContent-Disposition: form-data; name=\"%s\""
		 "\r\n\r\n%s",
		 boundary, name, value);
}

/* {"filename":"…","subfolder":"…","type":"input"}; without the type it would be
 * looked for among the outputs (s23). */
static void put_original(struct buf *to, const char *boundary,
			 const struct comfy_upload *u)
{
	struct json_writer w;

	put_field(to, boundary, "original_ref", "");
	json_writer_init(&w, to);
	json_open(&w, '{');
	json_member_string(&w, "filename", u->mask_of_name);
	json_member_string(&w, "subfolder", u->mask_of_subfolder);
	json_member_string(&w, "type", "input");
	json_close(&w, '}');
}

/*
 *	--B
 *	Content-Disposition: form-data; name="image"; filename="ab….png"
 *	Content-Type: image/png
 *
 *	<the file>
 *	--B
 *	Content-Disposition: form-data; name="type"
 *
 *	input
 *	--B--
 */
static void put_form(const struct comfy_upload *u, const char *boundary,
		     struct buf *head, struct buf *tail)
{
	assert(plain(u->filename) && plain(u->subfolder) &&
	       plain(u->content_type));
	buf_addf(head,
		 "--%s\r\nContent-Disposition: form-data; name=\"image\"; "
		 "filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
		 boundary, u->filename, u->content_type);
	put_field(tail, boundary, "type", "input");
	put_field(tail, boundary, "subfolder", u->subfolder);
	if (u->overwrite) /* only this word counts (s22) */
		put_field(tail, boundary, "overwrite", "true");
	if (u->mask_of_name != NULL)
		put_original(tail, boundary, u);
	buf_addf(tail, "\r\n--%s--\r\n", boundary);
	assert(!buf_over(head) && !buf_over(tail));
}

/* ---- the answer ---- */

/* {"name": "up (1).png", "subfolder": "sub", "type": "input"} */
static enum comfy_outcome stored(struct comfy_client *c, const char *path,
				 struct web_answer *answer, struct arena *a,
				 const char **name, const char **subfolder)
{
	struct json_doc *doc = comfy_json(c, path, answer);
	const struct json *root = doc != NULL ? json_root(doc) : NULL;
	const char *n = json_string(json_get(root, "name"));
	const char *sub = json_string(json_get(root, "subfolder"));
	enum comfy_outcome o = COMFY_OK;

	if (n == NULL || sub == NULL || n[0] == '\0' ||
	    strlen(n) > NAME_MAX_BYTES || strlen(sub) > NAME_MAX_BYTES ||
	    strchr(n, '/') != NULL) {
		comfy_note(c, "%s: the answer names no file", path);
		o = COMFY_UNCERTAIN;
	} else {
		*name = arena_strdup(a, n);
		*subfolder = arena_strdup(a, sub);
	}
	json_free(doc);
	return o;
}

static enum comfy_outcome refused(const struct comfy_upload *u, int status,
				  bool *too_large)
{
	switch (status) {
	case 400:
		return COMFY_REJECTED;
	case 413:
		*too_large = true;
		return COMFY_REJECTED;
	case 500:
		/* An image that is none, or not as large as its picture, is an
		 * exception there; other files are not looked at (s22, s23). */
		return u->mask_of_name != NULL ? COMFY_REJECTED
					       : COMFY_UNCERTAIN;
	default:
		return comfy_turned_away(status) ? COMFY_UNREACHABLE
						 : COMFY_UNCERTAIN;
	}
}

enum comfy_outcome comfy_upload(struct comfy_client *c,
				const struct comfy_upload *u,
				int64_t timeout_ms, struct arena *a,
				const char **name, const char **subfolder,
				bool *too_large)
{
	char boundary[ID_SIZE];
	struct web_piece pieces[3] = {
		[1] = {.fd = u->fd, .len = (size_t)u->size}};
	struct comfy_request q = {
		.method = "POST",
		.path = u->mask_of_name != NULL ? "/upload/mask"
						: "/upload/image",
		.pieces = pieces,
		.piece_count = COUNT(pieces),
		.until_ms = clock_monotonic_ms() + timeout_ms,
		.max_bytes = ANSWER_MAX,
	};
	struct web_answer answer;
	struct buf head, tail;
	enum comfy_outcome o;

	*too_large = false;
	id_v4(boundary); /* random: no file can hold it on purpose */
	buf_init(&head, FORM_MAX);
	buf_init(&tail, FORM_MAX);
	put_form(u, boundary, &head, &tail);
	pieces[0] =
		(struct web_piece){.bytes = buf_str(&head), .len = head.len};
	pieces[2] =
		(struct web_piece){.bytes = buf_str(&tail), .len = tail.len};
	q.content_type =
		arena_printf(a, "multipart/form-data; boundary=%s", boundary);
	o = comfy_do(c, &q, &answer);
	/* 413 comes before the end of the body, which then breaks off. */
	if (o == COMFY_OK && answer.status == 200)
		o = stored(c, q.path, &answer, a, name, subfolder);
	else if (o == COMFY_OK || answer.status == 413)
		o = refused(u, answer.status, too_large);
	web_answer_finish(&answer);
	buf_finish(&head);
	buf_finish(&tail);
	return o;
}
