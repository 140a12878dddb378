#ifndef COMFY_UPLOAD_H
#define COMFY_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "comfy/client.h"

/*
 * Files into ComfyUI's input folder, where LoadImage, LoadImageMask, LoadAudio,
 * LoadVideo and their like find them: all take "subfolder/name" (s24) and none
 * of the bytes are looked at before (s22). Called by a slot, like the rest of
 * the client.
 */

/*
 * HEAD /view of type input. COMFY_OK: the file is there, *size is its bytes, or
 * -1 where the server does not tell. COMFY_MISSING: it is not there, or the
 * server answers something else, and an upload will tell more. UNCERTAIN: no
 * answer came.
 */
enum comfy_outcome comfy_held(struct comfy_client *c, const char *subfolder,
			      const char *name, int64_t timeout_ms,
			      int64_t *size);

struct comfy_upload {
	int fd; /* borrowed; read by pread() from its start */
	int64_t size;
	/* Plain: no control characters, quotes or backslashes. */
	const char *filename;
	const char *subfolder;
	const char *content_type;
	/* Write over a file of that name. Otherwise other bytes under it make
	 * the server take another name, and the same bytes are no harm. */
	bool overwrite;
	/* Not NULL: a mask, whose alpha channel goes over this picture of the
	 * input folder; filename is what comes of the two, a PNG. */
	const char *mask_of_name;
	const char *mask_of_subfolder;
};

/*
 * POST /upload/image or /upload/mask, streamed from the descriptor; may be done
 * twice. COMFY_OK: *name and *subfolder, in the arena, are where the server
 * says that it is (s22). Of a mask it says so too where nothing was written
 * (s23): ask comfy_held(). COMFY_REJECTED: this file will not be taken there
 * (413: too large, see *too_large; 400; 500 of a mask that has not its
 * picture's size). COMFY_UNCERTAIN: no such answer; it may be there, whole or
 * in part. COMFY_LOCAL: the descriptor does not give size bytes.
 */
enum comfy_outcome comfy_upload(struct comfy_client *c,
				const struct comfy_upload *u,
				int64_t timeout_ms, struct arena *a,
				const char **name, const char **subfolder,
				bool *too_large);

#endif
