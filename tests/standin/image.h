/* Pictures of 8 bits a channel, and their PNG and JPEG form. Worker thread,
 * and the service thread for /view; no shared state. */
#ifndef STANDIN_IMAGE_H
#define STANDIN_IMAGE_H

#include "base.h"

struct image {
	int width, height, batch;
	int channels;	   /* 1, 3 or 4 */
	unsigned char *px; /* batch after batch, row after row */
};

struct image *image_new(int width, int height, int batch, int channels);
struct image *image_copy(const struct image *im);
void image_free(struct image *im);
size_t image_stride(const struct image *im);
const unsigned char *image_at(const struct image *im, int index);
struct image *image_scale(const struct image *im, int width, int height,
			  bool smooth);
struct image *image_to_rgb(const struct image *im);
/* writes in a small font, over a dark bar, at the lower left */
void image_stamp(struct image *im, const char *text);
/* a picture that depends on nothing but the seed */
struct image *image_dream(int width, int height, int batch, uint64_t seed);

/* one picture of the batch; texts are ready made PNG chunks */
void png_encode(const struct image *im, int index, const char *texts,
		size_t texts_len, struct str *out);
/* a tEXt chunk */
void png_text(struct str *out, const char *key, const char *text);
/* NULL when it is no PNG this reader knows (8 or 16 bits, no interlace) */
struct image *png_decode(const char *p, size_t len);
/* by libjpeg; NULL when it is no JPEG */
struct image *jpeg_decode(const char *p, size_t len);
/* either; of four channels */
struct image *image_decode(const char *p, size_t len);
/* only the mean colour of each 8x8 block: small, quick, and valid */
void jpeg_encode(const struct image *im, int index, struct str *out);

#endif
