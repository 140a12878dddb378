#include "base/tally.h"

#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

enum { NAMES = 3000 };

static void name_of(int i, char out[32])
{
	snprintf(out, 32, "endpoint/%d\nowner-%d", i, i * 7);
}

int main(void)
{
	static uint32_t want[NAMES];
	struct tally t;
	char name[32];
	unsigned seed = 1;
	int right = 0;

	tally_init(&t);
	ok(tally_get(&t, "a") == 0, "an unknown name has none");
	tally_add(&t, "a", 1);
	tally_add(&t, "a", 2);
	tally_add(&t, "", 5);
	ok(tally_get(&t, "a") == 3 && tally_get(&t, "") == 5, "counted");
	ok(tally_get(&t, "aa") == 0 && tally_get(&t, "A") == 0,
	   "names are compared whole");
	tally_add(&t, "a", -3);
	ok(tally_get(&t, "a") == 0 && t.names == 1, "at 0 it is forgotten");
	tally_add(&t, "b", -1);
	ok(tally_get(&t, "b") == 0 && t.names == 1, "there is nothing below 0");
	tally_clear(&t);
	ok(t.names == 0 && tally_get(&t, "") == 0, "cleared");

	/* Against a plain array, through several growths. */
	for (int i = 0; i < 100000; i++) {
		int at = (int)(seed % NAMES);

		seed = seed * 1103515245u + 12345u;
		name_of(at, name);
		if (seed >> 16 & 1 && want[at] > 0) {
			want[at]--;
			tally_add(&t, name, -1);
		} else {
			want[at]++;
			tally_add(&t, name, 1);
		}
	}
	for (int i = 0; i < NAMES; i++) {
		name_of(i, name);
		right += tally_get(&t, name) == want[i];
	}
	ok(right == NAMES, "as a plain array counts");
	for (int i = 0; i < NAMES; i++) {
		name_of(i, name);
		tally_add(&t, name, -(int)want[i]);
	}
	ok(t.names == 0, "all taken back: nothing is held");
	tally_finish(&t);
	tally_finish(&t);
	ok(t.buckets == NULL, "finished twice");
	return tap_done();
}
