#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "input/form.h"
#include "tap.h"

/* A form, written as "name=text" lines ("name=<" is a part that is a file), and
 * the object that comes of it, or "! " and what is wrong. ' for ". */
static const struct {
	const char *what, *form, *want;
} cases[] = {
	{"nothing", "", "{}"},
	{"texts stay texts", "text=25\nstyle=true",
	 "{'text':'25','style':'true'}"},
	{"an empty text", "text=", "{'text':''}"},
	{"what has to be escaped", "text=a\"b\\c", "{'text':'a\\'b\\\\c'}"},
	{"lines", "text=a\r\x01z", "{'text':'a\\r\\u0001z'}"},
	{"an integer", "steps=25", "{'steps':25}"},
	{"digits as they are", "seed=18446744073709551615\nrate=1.50",
	 "{'rate':1.50,'seed':18446744073709551615}"},
	{"an exponent", "rate=-1e-7", "{'rate':-1e-7}"},
	{"no number", "steps=many", "{'steps':'many'}"},
	{"no number to JSON", "steps=007", "{'steps':'007'}"},
	{"a sign", "steps=+7", "{'steps':'+7'}"},
	{"a blank before it", "steps= 7", "{'steps':' 7'}"},
	{"a blank behind it", "steps=7 ", "{'steps':'7 '}"},
	{"words that are no numbers", "rate=NaN", "{'rate':'NaN'}"},
	{"nothing at all", "steps=", "{'steps':''}"},
	{"JSON of another type", "steps=[1]", "{'steps':'[1]'}"},
	{"true", "flag=true", "{'flag':true}"},
	{"1", "flag=1", "{'flag':true}"},
	{"on", "flag=on", "{'flag':true}"},
	{"false", "flag=false", "{'flag':false}"},
	{"0", "flag=0", "{'flag':false}"},
	{"off", "flag=off", "{'flag':false}"},
	{"no boolean", "flag=yes", "{'flag':'yes'}"},
	{"in capitals", "flag=True", "{'flag':'True'}"},
	{"a URL", "photo=https://a.example/?b=c",
	 "{'photo':'https://a.example/?b=c'}"},
	{"a file is left out", "photo=<\ntext=x", "{'text':'x'}"},
	{"the order is the manifest's", "steps=1\ntext=x",
	 "{'text':'x','steps':1}"},
	{"an element", "levels=7", "{'levels':[7]}"},
	{"elements", "levels=7\ntext=x\nlevels=x\nlevels=8",
	 "{'text':'x','levels':[7,'x',8]}"},
	{"an array in one part", "levels= [1, 'x',{'a':2.50}] ",
	 "{'levels':[1,'x',{'a':2.50}]}"},
	{"an empty array", "levels=[]", "{'levels':[]}"},
	{"two arrays are elements", "names=[]\nnames=['a']",
	 "{'names':['[]','[\\'a\\']']}"},
	{"an array that is none", "names=[a", "{'names':['[a']}"},
	{"an object is an element", "names={}", "{'names':['{}']}"},
	{"files and URLs in their order",
	 "refs=<\nrefs=https://a.example/\nrefs=<",
	 "{'refs':[null,'https://a.example/',null]}"},
	{"one file", "refs=<", "{'refs':[null]}"},
	{"a file where none goes", "levels=<", "{'levels':[null]}"},
	{"and for one value", "steps=<", "{}"},
	{"unknown names are passed on", "txt=5\nsteps=5",
	 "{'steps':5,'txt':'5'}"},
	{"once", "txt=5\ntxt=6", "{'txt':'5'}"},
	{"a file of an unknown name", "foto=<", "{}"},
	{"the whole", "inputs={'text':'x','steps':1.0}",
	 "{'text':'x','steps':1.0}"},
	{"and more", "flag=1\ninputs={'text':'x'}\nphoto=<",
	 "{'text':'x','flag':true}"},
	{"an unknown name twice", "inputs={'txt':1}\ntxt=2", "{'txt':1}"},
	{"twice", "steps=1\nsteps=2",
	 "! the part 'steps' of the form is there twice"},
	{"a file and a text", "photo=<\nphoto=https://a.example/",
	 "! the part 'photo' of the form is there twice"},
	{"two files", "photo=<\nphoto=<",
	 "! the part 'photo' of the form is there twice"},
	{"in the whole, too", "steps=1\ninputs={'steps':1}",
	 "! the part 'steps' of the form is in the part 'inputs', too"},
	{"a file in the whole, too", "photo=<\ninputs={'photo':'x'}",
	 "! the part 'photo' of the form is in the part 'inputs', too"},
	{"two wholes", "inputs={}\ninputs={}",
	 "! the part 'inputs' of the form is there twice"},
	{"the whole is a file", "inputs=<",
	 "! the part 'inputs' of the form must be text, not a file"},
	{"the whole is an array", "inputs=[]",
	 "! the part 'inputs' of the form must be a JSON object"},
	{"the whole is no JSON", "inputs={a",
	 "! the part 'inputs' of the form is no JSON: line 1, column 2: a key "
	 "in double quotes is missing"},
	{"the whole is too deep",
	 "inputs={'a':[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}",
	 "! the part 'inputs' of the form is no JSON: line 1, column 21: "
	 "nested deeper "
	 "than 16 levels"},
	{"no UTF-8", "text=\xff", "! the part 'text' of the form is not UTF-8"},
	{"a name that is none", "\xff=x",
	 "! the part '' of the form has a name that is not UTF-8"},
	{"a file whose name is a place", "refs/0=<",
	 "! the part 'refs/0' of the form is no input of this endpoint"},
	{"a text with such a name", "a/b=x", "{'a/b':'x'}"},
};

static const struct input items[] = {
	{.name = "levels", .type = INPUT_INTEGER},
	{.name = "names", .type = INPUT_STRING},
	{.name = "refs", .type = INPUT_IMAGE},
};
static const struct input inputs[] = {
	{.name = "text", .type = INPUT_STRING},
	{.name = "style", .type = INPUT_CHOICE},
	{.name = "steps", .type = INPUT_INTEGER},
	{.name = "rate", .type = INPUT_NUMBER},
	{.name = "flag", .type = INPUT_BOOLEAN},
	{.name = "seed", .type = INPUT_SEED},
	{.name = "photo", .type = INPUT_IMAGE},
	{.name = "levels", .type = INPUT_ARRAY, .items = &items[0]},
	{.name = "names", .type = INPUT_ARRAY, .items = &items[1]},
	{.name = "refs", .type = INPUT_ARRAY, .items = &items[2]},
};
static const struct plan plan = {.inputs = inputs};
static const struct endpoint endpoint = {.inputs = inputs,
					 .input_count = COUNT(inputs),
					 .plans = &plan,
					 .plan_count = 1};

/* With " for ', and back. */
static char *turned(struct arena *a, const char *s, char from, char to)
{
	char *text = arena_strdup(a, s);

	for (char *at = text; (at = strchr(at, from)) != NULL;)
		*at = to;
	return text;
}

static size_t read_form(struct arena *a, const char *form,
			struct form_pair *pairs)
{
	char *line = turned(a, form, '\'', '"'), *next;
	size_t count = 0;

	for (; line != NULL && *line != '\0'; line = next) {
		char *equals = strchr(line, '=');

		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		*equals = '\0';
		pairs[count++] = (struct form_pair){
			.name = line,
			.text = equals + 1,
			.len = strlen(equals + 1),
			.is_file = strcmp(equals + 1, "<") == 0,
		};
	}
	return count;
}

static const char *outcome(struct arena *a, const struct endpoint *e,
			   const struct form_pair *pairs, size_t count)
{
	struct problem why = {0};
	struct json_doc *doc = form_json(e, e->plans, pairs, count, &why);
	struct json_writer w;
	const char *text;
	struct buf b;

	if (doc == NULL) {
		if (why.code != PROBLEM_MALFORMED_REQUEST)
			return "no reason";
		return arena_printf(a, "! %s", why.detail);
	}
	buf_init(&b, 1 << 20);
	json_writer_init(&w, &b);
	json_put_value(&w, json_root(doc));
	text = arena_strdup(a, buf_str(&b));
	buf_finish(&b);
	json_free(doc);
	return text;
}

static void test_cases(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct form_pair pairs[16];
		size_t n = read_form(&a, cases[i].form, pairs);
		const char *got = outcome(&a, &endpoint, pairs, n);

		is_str(turned(&a, got, '"', '\''), cases[i].want,
		       cases[i].what);
		arena_finish(&a);
	}
}

static void test_nul(void)
{
	const struct form_pair pair = {"text", "a\0b", 3, false};
	struct arena a = {0};

	is_str(outcome(&a, &endpoint, &pair, 1),
	       "! the part \"text\" of the form holds a NUL character",
	       "a NUL");
	arena_finish(&a);
}

/* An input of that name is one, not the whole. */
static void test_inputs_input(void)
{
	static const struct input own[] = {
		{.name = "inputs", .type = INPUT_STRING}};
	static const struct plan own_plan = {.inputs = own};
	static const struct endpoint e = {.inputs = own,
					  .input_count = 1,
					  .plans = &own_plan,
					  .plan_count = 1};
	const struct form_pair pair = {"inputs", "{}", 2, false};
	struct arena a = {0};

	is_str(outcome(&a, &e, &pair, 1), "{\"inputs\":\"{}\"}",
	       "an input called inputs");
	arena_finish(&a);
}

static void test_many(void)
{
	struct form_pair *pairs = mem_array(FORM_PAIRS_MAX + 1, sizeof(*pairs));
	struct arena a = {0};

	for (size_t i = 0; i <= FORM_PAIRS_MAX; i++)
		pairs[i] = (struct form_pair){arena_printf(&a, "x%zu", i), "",
					      0, false};
	ok(strlen(outcome(&a, &endpoint, pairs, FORM_PAIRS_MAX)) < 2000,
	   "of thousands of unknown names some are passed on");
	is_str(outcome(&a, &endpoint, pairs, FORM_PAIRS_MAX + 1),
	       "! the form has more than 4096 parts", "too many");
	for (size_t i = 0; i <= FORM_PAIRS_MAX; i++)
		pairs[i] = (struct form_pair){"levels", "1", 1, false};
	ok(strlen(outcome(&a, &endpoint, pairs, FORM_PAIRS_MAX)) ==
		   strlen("{\"levels\":[]}") + 2 * FORM_PAIRS_MAX - 1,
	   "thousands of elements");
	free(pairs);
	arena_finish(&a);
}

int main(void)
{
	test_cases();
	test_nul();
	test_inputs_input();
	test_many();
	return tap_done();
}
