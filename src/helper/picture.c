#include "helper/picture.h"

#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "media/blurhash.h"
#include "media/kind.h"

#define QUALITY_JPEG 85
#define QUALITY_WEBP 80
/* Of the small picture that a placeholder is made from. */
#define SMALL 32

/* libvips counts references; NULL is fine. */
static void drop(VipsImage **image)
{
	g_clear_object(image);
}

static bool failed(struct problem *why)
{
	char *text = vips_error_buffer_copy();

	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	problem_set(why, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "", "%.200s",
		    *text != '\0' ? text : "it cannot be read");
	g_free(text);
	return false;
}

bool picture_open(struct problem *why)
{
	static const char *const readers[] = {
		"VipsForeignLoadPng", "VipsForeignLoadJpeg",
		"VipsForeignLoadWebp", "VipsForeignLoadNsgif"};

	if (vips_init("comfygate-media") != 0)
		return failed(why);
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < COUNT(readers); i++)
		vips_operation_block_set(readers[i], FALSE);
	return true;
}

/* ---- reading ---- */

/* From its beginning; the descriptor stays the caller's. */
static VipsSource *source_of(int in)
{
	if (lseek(in, 0, SEEK_SET) != 0)
		return NULL;
	return vips_source_new_from_descriptor(in);
}

/* A step from *image to the next one, which takes its place; false where there
 * is none. */
static bool replace(VipsImage **image, VipsImage *next)
{
	drop(image);
	*image = next;
	return next != NULL;
}

/* Turned as the camera was held. A turned picture cannot be read row by row, so
 * it is taken into memory whole. */
static bool upright(VipsImage **image)
{
	VipsImage *next = NULL;

	if (vips_image_get_orientation(*image) <= 1)
		return true;
	if (!replace(image, vips_image_copy_memory(*image)))
		return false;
	(void)vips_autorot(*image, &next, NULL);
	return replace(image, next);
}

/* To sRGB: by the colour profile where there is one that can be read. */
static bool in_srgb(VipsImage **image)
{
	VipsImage *next = NULL;

	if (vips_image_get_typeof(*image, VIPS_META_ICC_NAME) != 0) {
		if (vips_icc_transform(*image, &next, "srgb", "embedded", TRUE,
				       "intent", VIPS_INTENT_PERCEPTUAL,
				       NULL) == 0)
			return replace(image, next);
		vips_error_clear();
	}
	if ((*image)->Type == VIPS_INTERPRETATION_sRGB ||
	    (*image)->Type == VIPS_INTERPRETATION_B_W)
		return true;
	(void)vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL);
	return replace(image, next);
}

/* Its header; the pixels come when they are asked for. */
static VipsImage *begin(VipsSource *from, bool animated)
{
	return vips_image_new_from_source(from, animated ? "[n=-1]" : "",
					  "access", VIPS_ACCESS_SEQUENTIAL,
					  "fail_on", VIPS_FAIL_ON_TRUNCATED,
					  NULL);
}

static VipsImage *read_whole(VipsSource *from, bool animated)
{
	VipsImage *image = begin(from, animated);

	if (image != NULL && (!upright(&image) || !in_srgb(&image)))
		drop(&image);
	return image;
}

/* The first frame, at most so wide, whole in memory. */
static VipsImage *read_small(VipsSource *from, int width)
{
	VipsImage *image = NULL, *whole = NULL;

	if (vips_thumbnail_source(from, &image, width, "height", VIPS_MAX_COORD,
				  "size", VIPS_SIZE_DOWN, "export_profile",
				  "srgb", "fail_on", VIPS_FAIL_ON_TRUNCATED,
				  NULL) == 0)
		whole = vips_image_copy_memory(image);
	drop(&image);
	return whole;
}

/* ---- writing ---- */

static bool on_white(VipsImage **image)
{
	VipsArrayDouble *white;
	VipsImage *next = NULL;

	if (!vips_image_hasalpha(*image))
		return true;
	white = vips_array_double_newv(1, 255.0);
	(void)vips_flatten(*image, &next, "background", white, NULL);
	vips_area_unref(VIPS_AREA(white));
	return replace(image, next);
}

static int quality_of(const struct convert_request *r, int usual)
{
	return r->quality > 0 ? (int)r->quality : usual;
}

static int save(VipsImage *image, VipsTarget *to, enum media_kind format,
		const struct convert_request *r)
{
	switch (format) {
	case MEDIA_PNG:
		return vips_pngsave_target(image, to, "strip", TRUE, NULL);
	case MEDIA_WEBP:
		return vips_webpsave_target(image, to, "strip", TRUE, "Q",
					    quality_of(r, QUALITY_WEBP), NULL);
	case MEDIA_JPEG:
		return vips_jpegsave_target(image, to, "strip", TRUE, "Q",
					    quality_of(r, QUALITY_JPEG),
					    "optimize_coding", TRUE, NULL);
	default:
		vips_error("comfygate-media", "no such format");
		return -1;
	}
}

/* Of *image another one may be made on the way. */
static bool write_as(VipsImage **image, enum media_kind format, int out,
		     const struct convert_request *r)
{
	VipsTarget *to;
	bool done;

	if (format == MEDIA_JPEG && !on_white(image))
		return false;
	to = vips_target_new_to_descriptor(out);
	done = to != NULL && save(*image, to, format, r) == 0;
	g_clear_object(&to);
	return done;
}

/* ---- what is asked ---- */

static bool convert(const struct convert_request *r, VipsSource *from, int out)
{
	VipsImage *image = read_whole(from, r->animated != 0);
	bool done = image != NULL &&
		    write_as(&image, (enum media_kind)r->format, out, r);

	drop(&image);
	return done;
}

/* Small enough, three bands, transparent is white. */
static bool for_placeholder(VipsImage **image)
{
	VipsImage *next = NULL;

	(void)vips_thumbnail_image(*image, &next, SMALL, "height", SMALL,
				   "size", VIPS_SIZE_DOWN, NULL);
	if (!replace(image, next) || !on_white(image))
		return false;
	next = NULL;
	(void)vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL);
	if (!replace(image, next))
		return false;
	next = NULL;
	(void)vips_cast_uchar(*image, &next, NULL);
	return replace(image, next);
}

static bool placeholder(VipsImage **image, char out[BLURHASH_SIZE])
{
	void *pixels;
	size_t n;

	if (!for_placeholder(image) || (*image)->Bands != 3)
		return false;
	pixels = vips_image_write_to_memory(*image, &n);
	if (pixels == NULL)
		return false;
	blurhash_encode(pixels, (size_t)(*image)->Xsize,
			(size_t)(*image)->Ysize, out);
	g_free(pixels);
	return true;
}

static bool make_small(const struct convert_request *r, VipsSource *from,
		       int out, char blurhash[BLURHASH_SIZE])
{
	VipsImage *image = read_small(from, r->thumbnail > 0 ? (int)r->thumbnail
							     : 2 * SMALL);
	bool done = image != NULL;

	if (done && r->thumbnail > 0)
		done = write_as(&image, (enum media_kind)r->thumbnail_format,
				out, r);
	if (done && r->blurhash != 0)
		done = placeholder(&image, blurhash);
	drop(&image);
	return done;
}

/* The daemon has looked at the header; what counts is how it is read here. */
static bool fits(const struct convert_request *r, int in)
{
	VipsSource *from = source_of(in);
	VipsImage *image = from != NULL ? begin(from, r->animated != 0) : NULL;
	bool small = image != NULL &&
		     (int64_t)image->Xsize * image->Ysize <= CONVERT_MAX_PIXELS;

	if (image != NULL && !small)
		vips_error("comfygate-media", "too many pixels");
	drop(&image);
	g_clear_object(&from);
	return small;
}

bool picture_convert(const struct convert_request *r, int in, int out,
		     int small, char blurhash[BLURHASH_SIZE],
		     struct problem *why)
{
	bool done = fits(r, in);
	VipsSource *from;

	if (done && r->format != MEDIA_UNKNOWN) {
		from = source_of(in);
		done = from != NULL && convert(r, from, out);
		g_clear_object(&from);
	}
	if (done && (r->thumbnail > 0 || r->blurhash != 0)) {
		from = source_of(in);
		done = from != NULL && make_small(r, from, small, blurhash);
		g_clear_object(&from);
	}
	return done || failed(why);
}
