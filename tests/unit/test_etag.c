#include "api/etag.h"
#include "tap.h"

static const struct {
	const char *name;
	const char *header;
	bool want;
} cases[] = {
	{"no header", NULL, false},
	{"empty", "", false},
	{"the tag", "\"abc\"", true},
	{"another", "\"abd\"", false},
	{"a longer one", "\"abcd\"", false},
	{"a shorter one", "\"ab\"", false},
	{"weak", "W/\"abc\"", true},
	{"weak, in small letters, is no tag", "w/\"abc\"", false},
	{"the second", "\"x\", \"abc\"", true},
	{"the first", "\"abc\",\"x\"", true},
	{"between others, blanks and commas", " ,\"x\" ,,\tW/\"abc\" , \"y\",",
	 true},
	{"a comma in another", "\"x,\", \"abc\"", true},
	{"it stands within another", "\"x\"abc\"x\"", false},
	{"without quotes", "abc", false},
	{"without its end", "\"abc", false},
	{"anything", "*", true},
	{"anything, with blanks", " * ", true},
	{"anything, among others", "*, \"x\"", false},
	{"something and anything", "\"x\", *", false},
	{"two without a comma", "\"x\"\"abc\"", false},
	{"well formed at first only", "\"abc\", x", false},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(etag_listed(cases[i].header, "\"abc\"") == cases[i].want,
		   "%s", cases[i].name);
	return tap_done();
}
