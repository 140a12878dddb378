#include "view.h"
#include "faults.h"
#include "files.h"
#include "image.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct viewed {
	const char *name; /* last part of the path */
	struct str bytes;
	char etag[64];
	char modified[64];
};

/* one pixel, lossless */
static const unsigned char tiny_webp[] = {
	'R', 'I', 'F', 'F', 26,	  0,	0,    0,    'W',  'E', 'B', 'P',
	'V', 'P', '8', 'L', 13,	  0,	0,    0,    0x2f, 0,   0,   0,
	16,  7,	  16,  17,  0x11, 0x88, 0x88, 0xfe, 7,	  0};

static void put_head(const struct viewed *v, const char *type, struct str *h)
{
	str_printf(h,
		   "Content-Disposition: filename=\"%s\"\r\nContent-Type: "
		   "%s\r\n",
		   v->name, type);
}

static void answer_range(struct conn *c, struct viewed *v, struct str *h)
{
	const char *p = c->range + 6;
	size_t size = v->bytes.len, from, to = size ? size - 1 : 0;
	char *end;

	if (*p == '-') {
		const size_t n = strtoul(p + 1, NULL, 10);

		from = n < size ? size - n : 0;
	} else {
		from = strtoul(p, &end, 10);
		if (*end == '-' && end[1])
			to = strtoul(end + 1, NULL, 10);
		if (to >= size)
			to = size ? size - 1 : 0;
	}
	if (from >= size || from > to) {
		str_clear(h);
		put_head(v, files_mime(v->name), h);
		str_printf(h,
			   "Content-Range: bytes */%zu\r\n"
			   "Transfer-Encoding: chunked\r\n",
			   size);
		http_answer(c, 416, h->p, "", 0);
		return;
	}
	str_printf(h,
		   "Accept-Ranges: bytes\r\nContent-Range: bytes "
		   "%zu-%zu/%zu\r\n",
		   from, to, size);
	http_answer(c, 206, h->p, v->bytes.p + from, to - from + 1);
}

static void answer_plain(struct conn *c, struct viewed *v)
{
	struct str h = {0};

	put_head(v, files_mime(v->name), &h);
	str_printf(&h, "Etag: %s\r\nLast-Modified: %s\r\n", v->etag,
		   v->modified);
	if ((c->if_none_match && strstr(c->if_none_match, v->etag)) ||
	    (!c->if_none_match && c->if_modified_since &&
	     !strcmp(c->if_modified_since, v->modified))) {
		http_answer(c, 304, h.p, "", 0);
	} else if (c->range && !strncmp(c->range, "bytes=", 6)) {
		answer_range(c, v, &h);
	} else {
		str_puts(&h, "Accept-Ranges: bytes\r\n");
		http_answer(c, 200, h.p, v->bytes.p, v->bytes.len);
	}
	str_free(&h);
}

static void answer_made(struct conn *c, const struct viewed *v,
			const char *type, const struct str *bytes)
{
	struct str h = {0};

	put_head(v, type, &h);
	http_answer(c, 200, h.p, bytes->p, bytes->len);
	str_free(&h);
}

static void answer_preview(struct conn *c, const struct viewed *v,
			   const char *preview)
{
	const char *quality = strchr(preview, ';');
	const bool jpeg =
		!strncmp(preview, "jpeg", 4) && !http_arg(c, "channel");
	struct image *im = png_decode(v->bytes.p, v->bytes.len);
	struct str out = {0};

	if (!im || (quality && strtol(quality + 1, NULL, 10) > 100)) {
		http_crash(c);
	} else if (jpeg) {
		jpeg_encode(im, 0, &out);
		answer_made(c, v, "image/jpeg", &out);
	} else {
		str_add(&out, (const char *)tiny_webp, sizeof(tiny_webp));
		answer_made(c, v, "image/webp", &out);
	}
	image_free(im);
	str_free(&out);
}

static void answer_channel(struct conn *c, const struct viewed *v, bool rgb)
{
	struct image *im = png_decode(v->bytes.p, v->bytes.len);
	struct image *plain = im && rgb ? image_to_rgb(im) : NULL;
	struct str out = {0};

	if (im) {
		png_encode(plain ? plain : im, 0, NULL, 0, &out);
		answer_made(c, v, "image/png", &out);
	} else {
		http_crash(c);
	}
	image_free(im);
	image_free(plain);
	str_free(&out);
}

/* the folder of the file: false when it was answered already */
static bool find_folder(struct conn *c, const char *dir, const char *sub,
			struct str *path)
{
	char whole[PATH_MAX], base[PATH_MAX];

	str_printf(path, "%s%s%s", *sub == '/' ? "" : dir,
		   *sub == '/' ? "" : "/", sub);
	if (!*sub)
		return true;
	/* a folder that is not there cannot lead out, unless its text does */
	if (!realpath(path->p, whole)) {
		if (!strstr(sub, "..") && *sub != '/')
			return true;
	} else if (realpath(dir, base) && !strncmp(whole, base, strlen(base)) &&
		   (!whole[strlen(base)] || whole[strlen(base)] == '/')) {
		return true;
	}
	http_empty(c, 403);
	return false;
}

static bool load(struct conn *c, const char *type, const char *sub,
		 const struct str *folder, struct viewed *v)
{
	struct str path = {0};
	struct stat st = {0};
	struct tm tm;
	bool found;

	pthread_mutex_lock(&c->w->lock);
	c->w->counters.views++;
	if (c->w->waiters)
		world_changed(c->w);
	found = files_memory(c->w, type, sub, v->name, &v->bytes);
	if (fault_for_path(c->w, "missing-file", v->name)) {
		pthread_mutex_unlock(&c->w->lock);
		return false;
	}
	pthread_mutex_unlock(&c->w->lock);
	str_printf(&path, "%s/%s", folder->p, v->name);
	if (!found)
		found = !stat(path.p, &st) && file_read(path.p, &v->bytes);
	snprintf(v->etag, sizeof(v->etag), "\"%llx-%zx\"",
		 (unsigned long long)st.st_mtim.tv_sec * 1000000000ULL +
			 (unsigned long long)st.st_mtim.tv_nsec,
		 v->bytes.len);
	strftime(v->modified, sizeof(v->modified), "%a, %d %b %Y %H:%M:%S GMT",
		 gmtime_r(&st.st_mtime, &tm));
	str_free(&path);
	return found;
}

/* "name [output]" beats the type of the query */
static const char *take_mark(char *name, const char *type)
{
	static const char *const types[] = {"output", "input", "temp"};
	const size_t len = strlen(name);
	size_t i, n;

	for (i = 0; i < 3; i++) {
		n = strlen(types[i]) + 2;
		if (len < n || name[len - n] != '[' || name[len - 1] != ']' ||
		    strncmp(name + len - n + 1, types[i], n - 2) != 0)
			continue;
		name[len > n ? len - n - 1 : 0] = '\0';
		return types[i];
	}
	return type;
}

static void show(struct conn *c, const char *type, const char *sub,
		 const struct str *folder, const char *name)
{
	const char *preview = http_arg(c, "preview");
	const char *channel = http_arg(c, "channel");
	struct viewed v = {.name = name};

	if (!load(c, type, sub, folder, &v))
		http_empty(c, 404);
	else if (preview)
		answer_preview(c, &v, preview);
	else if (channel && (!strcmp(channel, "rgb") || !strcmp(channel, "a")))
		answer_channel(c, &v, channel[0] == 'r');
	else
		answer_plain(c, &v);
	str_free(&v.bytes);
}

void view_file(struct conn *c)
{
	const char *given = http_arg(c, "filename");
	const char *type = http_arg(c, "type");
	const char *sub = http_arg(c, "subfolder");
	struct str folder = {0};
	char *name, *slash;

	if (!given) {
		http_empty(c, 404);
		return;
	}
	name = mem_text(given);
	type = take_mark(name, type ? type : "output");
	slash = strrchr(name, '/');
	if (!*name || *name == '/' || strstr(name, "..") ||
	    !files_dir(c->w, type))
		http_empty(c, 400);
	else if (find_folder(c, files_dir(c->w, type), sub ? sub : "", &folder))
		show(c, type, sub ? sub : "", &folder,
		     slash ? slash + 1 : name);
	str_free(&folder);
	free(name);
}
