#include "image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* libjpeg ends a process that meets a bad file, where it is let. */
struct reading {
	struct jpeg_error_mgr base;
	jmp_buf out;
};

static void give_up(j_common_ptr c)
{
	longjmp(((struct reading *)(void *)c->err)->out, 1);
}

static void say_nothing(j_common_ptr c)
{
	(void)c;
}

static void read_rows(struct jpeg_decompress_struct *d, struct image *im)
{
	while (d->output_scanline < d->output_height) {
		JSAMPROW row = im->px + (size_t)d->output_scanline *
						(size_t)im->width * 4;

		jpeg_read_scanlines(d, &row, 1);
	}
}

struct image *jpeg_decode(const char *p, size_t len)
{
	struct jpeg_decompress_struct d = {0};
	struct image *volatile im = NULL;
	struct reading r;

	d.err = jpeg_std_error(&r.base);
	r.base.error_exit = give_up;
	r.base.output_message = say_nothing;
	if (setjmp(r.out)) {
		jpeg_destroy_decompress(&d);
		image_free(im);
		return NULL;
	}
	jpeg_create_decompress(&d);
	jpeg_mem_src(&d, (const unsigned char *)p, len);
	jpeg_read_header(&d, TRUE);
	d.out_color_space = JCS_EXT_RGBA;
	jpeg_start_decompress(&d);
	im = image_new((int)d.output_width, (int)d.output_height, 1, 4);
	read_rows(&d, im);
	jpeg_finish_decompress(&d);
	jpeg_destroy_decompress(&d);
	return im;
}

struct image *image_decode(const char *p, size_t len)
{
	struct image *im = png_decode(p, len);

	return im ? im : jpeg_decode(p, len);
}
