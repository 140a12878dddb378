#ifndef TESTS_INPUT_FILES_RIG_H
#define TESTS_INPUT_FILES_RIG_H

#include <zlib.h>

#include "jobs/job_files.h"
#include "run_rig.h"

/* Jobs whose graph loads files, and pictures of one colour made for them. */
#define WIDE 64
#define HIGH 48

/* A PNG of 8 bit RGBA, every pixel alike. */
static inline size_t make_png(unsigned wide, unsigned high, uint32_t rgba,
			      unsigned char *to, size_t size)
{
	static const char sign[] = "\x89PNG\r\n\x1a\n";
	size_t row = 1 + 4 * (size_t)wide, n = 0;
	unsigned char *rows = mem_alloc(row * high), *at;
	unsigned char head[13] = {(unsigned char)(wide >> 24),
				  (unsigned char)(wide >> 16),
				  (unsigned char)(wide >> 8),
				  (unsigned char)wide,
				  (unsigned char)(high >> 24),
				  (unsigned char)(high >> 16),
				  (unsigned char)(high >> 8),
				  (unsigned char)high,
				  8,
				  6};
	uLongf packed = compressBound((uLong)(row * high));
	unsigned char *data = mem_alloc(packed);
	const struct {
		const char *type;
		const unsigned char *bytes;
		size_t len;
	} * c, chunks[] = {{"IHDR", head, 13},
			   {"IDAT", data, 0},
			   {"IEND", data, 0}};

	for (size_t i = 0; i < (size_t)wide * high; i++) {
		at = rows + i / wide * row + 1 + 4 * (i % wide);
		for (unsigned k = 0; k < 4; k++)
			at[k] = (unsigned char)(rgba >> (24 - 8 * k));
	}
	if (compress(data, &packed, rows, (uLong)(row * high)) != Z_OK ||
	    packed + 100 > size)
		exit(97);
	memcpy(to, sign, 8);
	n = 8;
	for (c = chunks; c < chunks + 3; c++) {
		size_t len = c == chunks + 1 ? packed : c->len;
		uLong crc = crc32(crc32(0, (const Bytef *)c->type, 4),
				  len > 0 ? c->bytes : (const Bytef *)"",
				  (uInt)len);

		for (unsigned k = 0; k < 4; k++)
			to[n++] = (unsigned char)(len >> (24 - 8 * k));
		memcpy(to + n, c->type, 4);
		memcpy(to + n + 4, c->bytes, len);
		n += 4 + len;
		for (unsigned k = 0; k < 4; k++)
			to[n++] = (unsigned char)(crc >> (24 - 8 * k));
	}
	free(rows);
	free(data);
	return n;
}

/* The first pixel of an unfiltered RGB PNG, as the stand-in writes them. */
static inline long first_pixel(const unsigned char *png, size_t n)
{
	unsigned char out[4] = {0};
	z_stream z = {.next_out = out, .avail_out = sizeof(out)};

	for (size_t at = 8; at + 12 <= n;) {
		size_t len = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 |
			     (size_t)png[at + 2] << 8 | png[at + 3];

		if (memcmp(png + at + 4, "IDAT", 4) == 0) {
			z.next_in = (Bytef *)(uintptr_t)(png + at + 8);
			z.avail_in = (uInt)len;
			(void)inflateInit(&z);
			(void)inflate(&z, Z_SYNC_FLUSH);
			(void)inflateEnd(&z);
			return out[1] << 16 | out[2] << 8 | out[3];
		}
		at += 12 + len;
	}
	return -1;
}

/* The first pixel of a small output, 0xrrggbb; -1 where there is none. */
static inline long output_pixel(struct rig *r, struct result *out,
				const char *name)
{
	size_t n = 0;
	const char *png = small_file(r, out->job.id, name, &out->arena, &n);

	return png != NULL ? first_pixel((const unsigned char *)png, n) : -1;
}

/* ---- files of a job ---- */

struct given {
	char sha256[DIGEST_HEX_SIZE];
	int64_t size;
};

/* Pinned for as long as the rig lives, as an upload would keep it. */
static inline struct given give(struct rig *r, const void *bytes, size_t n)
{
	struct problem why = {0};
	struct blob_draft *d = blob_begin(r->blobs, 1 << 30, &why);
	struct given g;

	must(d != NULL && blob_write(d, bytes, n) &&
		     blob_commit(d, g.sha256, &g.size, &why),
	     "blob", &why);
	return g;
}

static inline struct given give_png(struct rig *r, unsigned wide, unsigned high,
				    uint32_t rgba)
{
	static unsigned char bytes[65536];

	return give(r, bytes, make_png(wide, high, rgba, bytes, sizeof(bytes)));
}

/* LoadImage to SaveImage, with nothing where the name goes; "%" marks it. */
static const char load_graph[] =
	"{\"1\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":%}},"
	"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0],"
	"\"filename_prefix\":\"t\"}}}";

static const char load_recipe[] =
	"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\",\"node\":\"2\","
	"\"key\":null,\"many\":false,\"required\":true,\"temp\":false}],"
	"\"fields\":[{\"node\":\"1\",\"input\":\"image\",\"field\":\"/"
	"photo\"}]}";

/* What a job with files is made of: texts that live as long as this does. */
struct load_order {
	char prompt[2048];
	struct buf files;
	struct order order;
};

/* The files go to the places marked "%", in their order; one `of` another has
 * no place. */
static inline void load_order(struct load_order *l, const char *graph,
			      struct job_file *files, size_t count)
{
	size_t at[8], places = 0, used = 0, n = 0;

	for (const char *p = graph; *p != '\0'; p++) {
		if (*p == '%')
			at[places++] = n;
		else
			l->prompt[n++] = *p;
	}
	l->prompt[n] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (files[i].of != NULL)
			continue;
		files[i].at = &at[used++];
		files[i].at_count = 1;
	}
	buf_init(&l->files, 65536);
	job_files_write(files, count, &l->files);
	l->order = (struct order){.prompt = l->prompt,
				  .recipe = load_recipe,
				  .files = buf_str(&l->files)};
}

static inline struct job_file job_file_of(const char *field,
					  const struct given *g)
{
	return (struct job_file){.field = field,
				 .sha256 = g->sha256,
				 .extension = "png",
				 .content_type = "image/png",
				 .size_bytes = g->size};
}

/* The one photo of load_graph. */
static inline void photo_order(struct load_order *l, const struct given *g)
{
	struct job_file f = job_file_of("/photo", g);

	load_order(l, load_graph, &f, 1);
}

static inline void load_order_finish(struct load_order *l)
{
	buf_finish(&l->files);
}

/* What the caller is told names the field and nothing of the server's. */
static inline void tells_field(const struct result *out, const char *pointer,
			       const char *code)
{
	const char *p = out->job.problem != NULL ? out->job.problem : "";
	char want[128];

	(void)snprintf(want, sizeof(want),
		       "\"errors\":[{\"pointer\":\"%s\",\"code\":\"%s\",",
		       pointer, code);
	ok(strstr(p, want) != NULL, "  on %s, as %s: %s", pointer, code, p);
	ok(strstr(p, "comfygate/") == NULL && strstr(p, ".png") == NULL &&
		   strstr(p, "LoadImage") == NULL,
	   "  no name, no node");
}

#endif
