/* Its entry point is what is run here, without the library. */
#include "fuzz/fuzz_data_uri.c" /* NOLINT(bugprone-suspicious-include) */
#include "unit/corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/data_uri", LLVMFuzzerTestOneInput);
	return tap_done();
}
