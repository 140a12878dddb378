#ifndef MEDIA_CONVERT_H
#define MEDIA_CONVERT_H

#include <stdint.h>

/*
 * What the daemon asks of comfygate-media, the program that decodes pictures
 * (src/helper), and what that answers: the words between two processes of one
 * build. run/convert.c asks, helper/main.c answers.
 *
 * The helper is started with its end of a SOCK_SEQPACKET pair as descriptor
 * CONVERT_SOCKET. A request is one message; with it come, in this order, the
 * descriptors of the answer's end of another such pair, of the picture (open
 * for reading), and of an empty file each for the converted picture and the
 * thumbnail, where they are wanted.
 *
 * The answer is two messages: CONVERT_BEGUN when the work begins (until then it
 * waits for its turn), then one of the others. After it the pair is closed,
 * when nobody holds those descriptors any more. A pair that is closed before is
 * a crash, or the time was over.
 *
 * The daemon believes nothing of an answer, nor what was written.
 */
#define CONVERT_SOCKET	3
#define CONVERT_VERSION 1
#define CONVERT_FILES	4 /* descriptors, at most */

/* A picture of more is never decoded; its frames count, too, where all of them
 * are. 128 megapixels are 512 MB in memory. */
#define CONVERT_MAX_PIXELS (INT64_C(128) * 1000 * 1000)
#define CONVERT_MAX_FRAMES 4096

/* base83 text of media/blurhash.h */
#define BLURHASH_SIZE 29 /* with the NUL */

struct convert_request {
	uint32_t version;
	uint32_t kind;		   /* enum media_kind of the picture */
	uint32_t format;	   /* enum media_kind; MEDIA_UNKNOWN: none */
	uint32_t quality;	   /* 1 to 100; 0: that of the format */
	uint32_t animated;	   /* all frames are wanted; else the first */
	uint32_t thumbnail;	   /* its width at most; 0: none */
	uint32_t thumbnail_format; /* enum media_kind */
	uint32_t blurhash;	   /* wanted? */
	uint32_t timeout_ms;	   /* from its beginning; then it is killed */
	uint32_t unused;
	int64_t max_bytes; /* of each file written */
};

enum convert_state {
	CONVERT_BEGUN = 1,
	CONVERT_READY,	 /* all that was wanted is written */
	CONVERT_REFUSED, /* the picture is broken, or too large */
};

struct convert_answer {
	uint32_t version;
	uint32_t state;
	char blurhash[BLURHASH_SIZE]; /* "" where not wanted */
	char why[227];		      /* for the log; of CONVERT_REFUSED */
};

#endif
