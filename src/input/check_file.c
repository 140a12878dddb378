#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/text.h"
#include "base/url.h"
#include "input/check.h"

#define UPLOAD	  "upload:"
#define TOLD_MOST ((size_t)64 << 10) /* a URL, six times escaped, and more */

/* A file that came with the body. */
struct came {
	const struct given_file *file;
	bool used; /* an input has it */
};

static int by_pointer(const void *a, const void *b)
{
	const struct came *x = a, *y = b;

	return strcmp(x->file->pointer, y->file->pointer);
}

void check_files_init(struct checker *c, const struct input_files *files)
{
	static const struct input_files none = {0};

	c->files = files != NULL ? files : &none;
	c->came = arena_array(c->arena, c->files->count, sizeof(*c->came));
	for (size_t i = 0; i < c->files->count; i++)
		c->came[i].file = &c->files->given[i];
	if (c->files->count > 0)
		qsort(c->came, c->files->count, sizeof(*c->came), by_pointer);
}

static struct came *find(const struct checker *c, const char *pointer)
{
	const struct given_file wanted = {.pointer = pointer};
	const struct came key = {&wanted, false};

	if (c->files->count == 0)
		return NULL;
	return bsearch(&key, c->came, c->files->count, sizeof(key), by_pointer);
}

bool check_file_came(const struct checker *c, const char *pointer)
{
	return find(c, pointer) != NULL;
}

const struct given_file *check_file_unused(struct checker *c, size_t *next)
{
	while (*next < c->files->count) {
		const struct came *came = &c->came[(*next)++];

		if (!came->used)
			return came->file;
	}
	return NULL;
}

static bool bad(struct checker *c, const char *pointer, const char *rule,
		const char *detail)
{
	problem_list_add(c->errors, pointer, rule, "%s", detail);
	return false;
}

static const char *written(struct checker *c, struct buf *b)
{
	const char *text = arena_strndup(c->arena, buf_str(b), b->len);

	buf_finish(b);
	return text;
}

/* {"sha256":"9f86…","content_type":"image/png","size_bytes":183201,…} */
static const char *tell_file(struct checker *c, const struct given_file *f)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, TOLD_MOST);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "sha256", f->sha256);
	json_member_string(&w, "content_type",
			   media_type_named(f->facts.kind, f->filename)->mime);
	json_member_int(&w, "size_bytes", f->size_bytes);
	if (f->facts.width > 0) {
		json_member_int(&w, "width", f->facts.width);
		json_member_int(&w, "height", f->facts.height);
	}
	json_close(&w, '}');
	return written(c, &b);
}

/* Without its query, where signatures and tokens are. */
static const char *tell_url(struct checker *c, struct url url)
{
	struct json_writer w;
	struct buf plain, b;

	url.query = NULL;
	buf_init(&plain, TOLD_MOST);
	url_print(&url, &plain);
	buf_init(&b, TOLD_MOST);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "url", buf_str(&plain));
	json_close(&w, '}');
	buf_finish(&plain);
	return written(c, &b);
}

static void take(struct value *out, struct given_file *file, const char *told)
{
	out->file = file;
	out->told = told;
	/* Its name is put in when it is on the server that runs the job. */
	out->json = "";
	out->len = 0;
}

/* A file that is here, held against the rules. */
static bool take_file(struct checker *c, const struct input *in,
		      const struct given_file *f, const char *pointer,
		      struct value *out)
{
	struct given_file *file = arena_alloc(c->arena, sizeof(*file));

	if (f->bad_code != NULL)
		return bad(c, pointer, f->bad_code, f->bad_detail);
	if (!media_rule_check(&in->rule, &f->facts, f->size_bytes, pointer,
			      c->errors))
		return false;
	/* The rule is another one by now, or that of another plan. */
	if (f->cut)
		return bad(c, pointer, "maxBytes",
			   "was too large when it came; send it again");
	*file = *f;
	file->pointer = pointer;
	file->sha256 = arena_strdup(c->arena, f->sha256);
	take(out, file, tell_file(c, f));
	return true;
}

static bool take_upload(struct checker *c, const struct input *in,
			const char *id, const char *pointer, struct value *out)
{
	struct given_file f = {0};

	if (c->files->upload == NULL)
		return bad(c, pointer, "upload",
			   "an upload is not taken here; give an https URL");
	if (!id_valid(id) || !c->files->upload(c->files->ctx, id, c->arena, &f))
		return bad(c, pointer, "upload",
			   "is no upload of yours, or its time is over");
	return take_file(c, in, &f, pointer, out);
}

static bool take_url(struct checker *c, const char *text, const char *pointer,
		     struct value *out)
{
	struct given_file *file;
	struct url url;
	struct buf b;

	if (!url_split(text, c->arena, &url))
		return bad(c, pointer, "url",
			   "is no URL that is fetched: https, a host, at most "
			   "4096 characters of ASCII, and no user name");
	if (!url.tls && !c->files->http)
		return bad(c, pointer, "url", "must begin with https://");
	file = arena_alloc(c->arena, sizeof(*file));
	file->pointer = pointer;
	buf_init(&b, TOLD_MOST);
	url_print(&url, &b);
	file->url = written(c, &b);
	take(out, file, tell_url(c, url));
	c->unfetched = true;
	return true;
}

bool check_file(struct checker *c, const struct input *in,
		const struct json *given, const char *pointer,
		struct value *out)
{
	const char *s = json_string(given);
	struct came *came = find(c, pointer);

	if (came != NULL) {
		came->used = true;
		return take_file(c, in, came->file, pointer, out);
	}
	if (s == NULL) {
		problem_list_add(c->errors, pointer, "type",
				 "must be a file or a string that names one, "
				 "is %s",
				 json_type_name(json_type(given)));
		return false;
	}
	if (strncasecmp(s, UPLOAD, strlen(UPLOAD)) == 0)
		return take_upload(c, in, s + strlen(UPLOAD), pointer, out);
	if (strncasecmp(s, "https:", 6) == 0 || strncasecmp(s, "http:", 5) == 0)
		return take_url(c, s, pointer, out);
	if (strncasecmp(s, "data:", 5) == 0)
		return bad(c, pointer, "format",
			   "a data: URI is not taken here; give an https URL");
	return bad(c, pointer, "format",
		   "must be an https URL, a data: URI, upload:ID of a file "
		   "sent to /v1/uploads, or a part of a form that is a file");
}
