#include "upload.h"
#include "faults.h"
#include "files.h"
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct part {
	const char *p;
	size_t len;
	char *filename; /* NULL: a plain field */
};

struct form {
	struct part image;
	bool has_image;
	char *type, *subfolder, *overwrite, *original_ref;
};

static void form_free(struct form *f)
{
	free(f->image.filename);
	free(f->type);
	free(f->subfolder);
	free(f->overwrite);
	free(f->original_ref);
}

/* the quoted value of name= or filename= in a part's header, or NULL */
static char *parameter(const char *head, size_t len, const char *name)
{
	struct str key = {0}, out = {0};
	const char *p, *end = head + len;

	str_printf(&key, "; %s=\"", name);
	p = memmem(head, len, key.p, key.len);
	if (!p) {
		str_free(&key);
		return NULL;
	}
	for (p += key.len; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		str_char(&out, *p);
	}
	str_free(&key);
	return out.p ? out.p : mem_text("");
}

static void take_part(struct form *f, const char *head, size_t head_len,
		      const char *body, size_t len)
{
	char *name = parameter(head, head_len, "name");
	const struct {
		const char *name;
		char **to;
	} fields[] = {{"type", &f->type},
		      {"subfolder", &f->subfolder},
		      {"overwrite", &f->overwrite},
		      {"original_ref", &f->original_ref}};
	size_t i;

	if (name && !strcmp(name, "image")) {
		free(f->image.filename);
		f->image.filename = parameter(head, head_len, "filename");
		f->image.p = body;
		f->image.len = len;
		f->has_image = true;
	}
	for (i = 0; name && i < 4; i++)
		if (!strcmp(fields[i].name, name)) {
			free(*fields[i].to);
			*fields[i].to = mem_copy(body, len);
		}
	free(name);
}

/* what lies between "--boundary\r\n" and "\r\n--boundary" */
static void take_form(struct conn *c, struct form *f)
{
	const char *b =
		c->content_type ? strstr(c->content_type, "boundary=") : NULL;
	const char *p = str_text(&c->body), *end = p + c->body.len;
	struct str mark = {0};
	const char *head, *body, *next;

	if (!b)
		return;
	b += 9;
	str_puts(&mark, "\r\n--");
	str_add(&mark, b + (*b == '"'), strcspn(b + (*b == '"'), "\";"));
	p = memmem(p, (size_t)(end - p), mark.p + 2, mark.len - 2);
	while (p) {
		head = p + mark.len - 2;
		if (end - head < 2 || head[0] != '\r')
			break;
		body = memmem(head, (size_t)(end - head), "\r\n\r\n", 4);
		if (!body)
			break;
		body += 4;
		next = memmem(body - 2, (size_t)(end - body) + 2, mark.p,
			      mark.len);
		if (!next)
			break;
		take_part(f, head, (size_t)(body - head), body,
			  next > body ? (size_t)(next - body) : 0);
		p = next + 2;
	}
	str_free(&mark);
}

/* does a relative path leave its folder? */
static bool climbs(const char *path)
{
	int depth = 0;
	size_t n;

	if (*path == '/')
		return true;
	for (; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 2 && !strncmp(path, "..", 2))
			depth--;
		else if (n && !(n == 1 && *path == '.'))
			depth++;
		if (depth < 0)
			return true;
	}
	return false;
}

/* name, name (1), ... until one is free or holds the same bytes */
static bool choose(const char *folder, struct form *f, struct str *name,
		   struct str *path)
{
	const char *given = f->image.filename;
	const char *dot = strrchr(given, '.');
	const size_t stem = dot ? (size_t)(dot - given) : strlen(given);
	const bool over = f->overwrite && (!strcmp(f->overwrite, "true") ||
					   !strcmp(f->overwrite, "1"));
	struct str old = {0};
	struct stat st;
	bool write = true;
	int i;

	str_puts(name, given);
	for (i = 1;; i++) {
		str_clear(path);
		str_printf(path, "%s/%s", folder, name->p);
		if (over || stat(path->p, &st))
			break;
		if (file_read(path->p, &old) && old.len == f->image.len &&
		    !memcmp(old.p, f->image.p, old.len)) {
			write = false;
			break;
		}
		str_clear(name);
		str_add(name, given, stem);
		str_printf(name, " (%d)%s", i, dot ? dot : "");
	}
	str_free(&old);
	return write;
}

static void answer(struct conn *c, const char *name, const struct form *f)
{
	struct str s = {0};

	str_puts(&s, "{\"name\": ");
	str_json_text(&s, name);
	str_puts(&s, ", \"subfolder\": ");
	str_json_text(&s, f->subfolder ? f->subfolder : "");
	str_printf(&s, ", \"type\": \"%s\"}", f->type ? f->type : "input");
	http_json(c, 200, &s);
	str_free(&s);
	pthread_mutex_lock(&c->w->lock);
	c->w->counters.uploads++;
	world_changed(c->w);
	pthread_mutex_unlock(&c->w->lock);
}

/* the file an original_ref names; 0 fine, -1 not to be found, -2 crash */
static int open_original(struct conn *c, const struct form *f,
			 struct image **out)
{
	struct jdoc *d = f->original_ref ? json_parse(f->original_ref,
						      strlen(f->original_ref))
					 : NULL;
	const struct jv *ref = d ? json_root(d) : NULL;
	const char *name = json_text(ref, "filename");
	const char *type = json_text(ref, "type");
	const char *sub = json_text(ref, "subfolder");
	struct str path = {0}, whole = {0}, bytes = {0};
	int rc = -2;

	if (name) {
		rc = -1;
		if (sub && *sub)
			str_printf(&whole, "%s/", sub);
		str_puts(&whole, name);
		files_annotated(c->w, whole.p, type ? type : "output", &path);
		if (!climbs(whole.p) && file_read(path.p, &bytes)) {
			*out = image_decode(bytes.p, bytes.len);
			rc = *out ? 0 : -2;
		}
	}
	str_free(&path);
	str_free(&whole);
	str_free(&bytes);
	json_free(d);
	return rc;
}

/* the picture of original_ref with the alpha of the upload */
static int apply_mask(struct conn *c, const struct form *f, const char *path)
{
	struct image *base = NULL, *mask = NULL;
	struct str png = {0};
	int rc = open_original(c, f, &base);
	size_t i, n;

	if (!rc) {
		mask = image_decode(f->image.p, f->image.len);
		rc = mask && mask->width == base->width &&
				     mask->height == base->height
			     ? 0
			     : -2;
	}
	n = rc ? 0 : (size_t)base->width * (size_t)base->height;
	for (i = 0; i < n; i++)
		base->px[i * 4 + 3] = mask->px[i * 4 + 3];
	if (!rc) {
		png_encode(base, 0, NULL, 0, &png);
		rc = file_write(path, png.p, png.len) ? 0 : -2;
	}
	str_free(&png);
	image_free(base);
	image_free(mask);
	return rc;
}

static bool fires(struct conn *c, const char *fault)
{
	bool yes;

	pthread_mutex_lock(&c->w->lock);
	yes = fault_for_path(c->w, fault, c->path) != NULL;
	pthread_mutex_unlock(&c->w->lock);
	return yes;
}

static bool write_file(struct conn *c, const struct form *f, const char *path,
		       bool mask)
{
	if (mask)
		return fires(c, "mask-unwritten") ||
		       apply_mask(c, f, path) != -2;
	return file_write(path, f->image.p, f->image.len);
}

static void store(struct conn *c, struct form *f, const char *dir, bool mask)
{
	struct str folder = {0}, name = {0}, path = {0};
	bool write, fine = true;

	str_printf(&folder, "%s/%s", dir, f->subfolder ? f->subfolder : "");
	file_mkdirs(folder.p);
	write = choose(folder.p, f, &name, &path);
	if (write && fires(c, "upload-cut")) {
		if (file_write(path.p, f->image.p, f->image.len / 2))
			http_drop(c);
		else
			http_crash(c);
	} else {
		if (write)
			fine = write_file(c, f, path.p, mask);
		if (fine)
			answer(c, name.p, f);
		else
			http_crash(c);
	}
	str_free(&folder);
	str_free(&name);
	str_free(&path);
}

static void upload(struct conn *c, bool mask)
{
	struct form f = {0};
	struct str whole = {0};
	const char *dir;

	take_form(c, &f);
	dir = files_dir(c->w, f.type ? f.type : "input");
	if (!f.has_image)
		http_empty(c, 400);
	else if (!dir || !f.image.filename || !*f.image.filename)
		http_crash(c);
	else {
		str_printf(&whole, "%s/%s", f.subfolder ? f.subfolder : "",
			   f.image.filename);
		if ((f.subfolder && climbs(f.subfolder)) ||
		    climbs(whole.p + (*whole.p == '/')))
			(*f.image.filename == '/' ? http_crash(c)
						  : http_empty(c, 400));
		else
			store(c, &f, dir, mask);
	}
	str_free(&whole);
	form_free(&f);
}

void upload_image(struct conn *c)
{
	upload(c, false);
}

void upload_mask(struct conn *c)
{
	upload(c, true);
}
