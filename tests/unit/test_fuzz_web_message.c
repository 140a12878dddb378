/* Its entry point is what is run here, without the library. */
#include "fuzz/fuzz_web_message.c" /* NOLINT(bugprone-suspicious-include) */
#include "unit/corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/web_message", LLVMFuzzerTestOneInput);
	return tap_done();
}
