/* Its entry point is what is run here, without the library. */
#include "fuzz/fuzz_journal.c" /* NOLINT(bugprone-suspicious-include) */
#include "unit/corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/journal", LLVMFuzzerTestOneInput);
	return tap_done();
}
