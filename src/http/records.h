#ifndef HTTP_RECORDS_H
#define HTTP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * The FastCGI records of an answer, laid out for one sendmsg() without copying
 * the body. Pure.
 *
 *	01 06 00 01 00 2b 00 00  Status: 200 OK...      STDOUT, id 1, 43 bytes
 *	01 06 00 01 00 00 00 00                         STDOUT, empty: the end
 *	01 03 00 01 00 08 00 00  00 00 00 00 00 ...     END_REQUEST, all right
 */
#define RECORD_VERSION 1

enum record_type {
	RECORD_BEGIN = 1,
	RECORD_END = 3,
	RECORD_PARAMS = 4,
	RECORD_STDIN = 5,
	RECORD_STDOUT = 6,
};

/* A length has 16 bits; a multiple of 8 keeps long bodies aligned. */
#define RECORD_CONTENT_MAX 65528

/* Enough for an answer of one record without asking for memory. */
#define RECORDS_FEW 4

struct records {
	struct iovec *iov;
	size_t count;
	size_t bytes;		    /* of all of them */
	unsigned char (*heads)[16]; /* 8 used, 16 for END_REQUEST */
	struct iovec few_iov[3 * RECORDS_FEW];
	unsigned char few_heads[RECORDS_FEW][16];
};

void record_head(unsigned char out[8], enum record_type type, uint16_t id,
		 size_t length);
/* head and body one after the other as STDOUT, then, where `end`, the two
 * records that close the request. Both stay borrowed. */
void records_init(struct records *r, uint16_t id, const struct iovec *head,
		  const struct iovec *body, bool end);
void records_finish(struct records *r);

#endif
