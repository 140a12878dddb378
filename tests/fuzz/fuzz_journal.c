#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "jobs/journal.h"

/*
 * Any bytes as the journal of outputs. What is taken as a record and put again
 * is the same bytes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char name[JOURNAL_NAME_SIZE];
	struct journal_record r;
	size_t size;

	while ((size = journal_get(bytes, n, &r, name)) > 0) {
		struct buf b;

		fuzz_must(size <= n && r.n < size, "a record without an end");
		buf_init(&b, n);
		journal_put(&r, &b);
		fuzz_must(!buf_over(&b) && b.len == size &&
				  memcmp(b.at, bytes, size) == 0,
			  "what was put is another record");
		buf_finish(&b);
		bytes += size;
		n -= size;
	}
	return 0;
}
