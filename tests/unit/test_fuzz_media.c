/* Its entry point is what is run here, without the library. */
#include "fuzz/fuzz_media.c" /* NOLINT(bugprone-suspicious-include) */
#include "unit/corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/media", LLVMFuzzerTestOneInput);
	corpus_run("tests/cases/media", LLVMFuzzerTestOneInput);
	return tap_done();
}
