#include "fuzz/fuzz_media.c"
#include "unit/corpus.h"

int main(void)
{
	corpus_run("tests/fuzz/corpus/media", LLVMFuzzerTestOneInput);
	corpus_run("tests/cases/media", LLVMFuzzerTestOneInput);
	return tap_done();
}
