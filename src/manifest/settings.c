#include <assert.h>
#include <string.h>

#include "base/num.h"
#include "manifest/parts.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

/* {"scope": "portrait:run"} */

static void read_scope(struct reader *r, const struct place *p,
		       const struct json *v, void *into)
{
	const char **scope = into;
	const char *s = reader_text(r, p, v, 128);

	if (s == NULL)
		return;
	/* RFC 6749, 3.3 */
	for (const char *at = s; *at != '\0'; at++) {
		if (*at > ' ' && *at < 0x7f && *at != '"' && *at != '\\')
			continue;
		reader_error(r, p, "scope",
			     "must be one scope of printable ASCII, without "
			     "space, quote and backslash");
		return;
	}
	*scope = s;
}

static const struct key access_table[] = {
	{"scope", KEY_OWN, 0, 0, 0, read_scope},
};
const struct key_set keys_access = KEY_SET(access_table, NULL);

void read_access(struct reader *r, const struct place *p, const struct json *v)
{
	(void)reader_keys(r, p, v, &keys_access, "access", &r->endpoint->scope);
}

/* "60/min" */
static void read_rate(struct reader *r, const struct place *p,
		      const struct json *v, void *into)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{"s", SECOND}, {"min", 60 * SECOND}, {"h", HOUR}, {"d", DAY}};
	struct limits *l = into;
	const char *s = json_string(v);
	const char *slash = s ? strchr(s, '/') : NULL;
	const char *number;
	uint64_t n;

	number =
		slash ? arena_strndup(&r->scratch, s, (size_t)(slash - s)) : "";
	if (slash != NULL && num_u64(number, 1000000, &n) && n > 0) {
		for (size_t i = 0; i < COUNT(units); i++) {
			if (strcmp(units[i].unit, slash + 1) != 0)
				continue;
			l->rate_count = (uint32_t)n;
			l->rate_window_ms = units[i].ms;
			return;
		}
	}
	reader_error(r, p, "rate",
		     "must be a rate such as \"5/s\", \"60/min\", \"500/h\" or "
		     "\"2000/d\"");
}

#define FIELD(member) offsetof(struct limits, member)
static_assert(sizeof(uint32_t) == sizeof(unsigned), "KEY_UNSIGNED fits");

static const struct key limit_table[] = {
	{"wait", KEY_DURATION, FIELD(wait_ms), 0, HOUR, NULL},
	{"timeout", KEY_DURATION, FIELD(timeout_ms), SECOND, 7 * DAY, NULL},
	{"queue", KEY_UNSIGNED, FIELD(queue), 0, 1000000, NULL},
	{"concurrency", KEY_UNSIGNED, FIELD(concurrency), 0, 1000000, NULL},
	{"rate", KEY_OWN, 0, 0, 0, read_rate},
};
static const struct key claim_table[] = {
	{"by_claim", KEY_SEEN, 0, 0, 0, NULL},
};
static const struct key plan_table[] = {
	{"inputs", KEY_SEEN, 0, 0, 0, NULL},
};
static const struct key_set keys_numbers = KEY_SET(limit_table, NULL);
const struct key_set keys_limits = KEY_SET(claim_table, &keys_numbers);
const struct key_set keys_plan = KEY_SET(plan_table, &keys_numbers);

/* {"steps": {"maximum": 100}}: the endpoint's inputs with other bounds */
static void read_bounds(struct reader *r, const struct place *p,
			const struct json *v, struct plan *plan)
{
	const struct endpoint *e = r->endpoint;
	struct input *inputs =
		arena_array(r->keep, e->input_count, sizeof(*inputs));
	const char **names =
		arena_array(&r->scratch, e->input_count, sizeof(*names));

	if (e->input_count > 0)
		memcpy(inputs, e->inputs, e->input_count * sizeof(*inputs));
	plan->inputs = inputs;
	if (v == NULL || !reader_wants(r, p, v, JSON_OBJECT))
		return;
	for (size_t i = 0; i < e->input_count; i++)
		names[i] = e->inputs[i].name;
	json_each (item, v) {
		const struct place *at = PLACE_KEY(p, json_key(item));
		const struct kind *kind;
		size_t i = 0;

		while (i < e->input_count &&
		       strcmp(names[i], json_key(item)) != 0)
			i++;
		if (i == e->input_count) {
			reader_error(r, at, "unknown",
				     "is no input of this endpoint%s",
				     reader_nearest(r, json_key(item), names,
						    e->input_count));
			continue;
		}
		kind = kind_of(inputs[i].type);
		if (reader_keys(r, at, item, &kind->bounds,
				arena_printf(&r->scratch, "the bounds of %s",
					     kind->a_name),
				&inputs[i]) &&
		    kind->check != NULL)
			kind->check(r, at, item, &inputs[i]);
	}
}

static void read_plan(struct reader *r, const struct place *p,
		      const struct json *v, const char *claim,
		      struct plan *plan)
{
	plan->claim = claim;
	plan->value = arena_strdup(r->keep, json_key(v));
	if (!reader_keys(r, p, v, &keys_plan, "a plan", &plan->limits))
		return;
	read_bounds(r, PLACE_KEY(p, "inputs"), json_get(v, "inputs"), plan);
}

/* {"plan": {"pro": {…}}}; plans[0] is made already. */
static void read_claims(struct reader *r, const struct place *p,
			const struct json *v, struct plan *plans)
{
	size_t n = 1;

	json_each (claim, v) {
		const struct place *at = PLACE_KEY(p, json_key(claim));
		const char *name = arena_strdup(r->keep, json_key(claim));

		if (!reader_wants(r, at, claim, JSON_OBJECT))
			continue;
		json_each (value, claim) {
			plans[n].limits = plans[0].limits;
			read_plan(r, PLACE_KEY(at, json_key(value)), value,
				  name, &plans[n]);
			n++;
		}
	}
	r->endpoint->plan_count = n;
}

void read_limits(struct reader *r, const struct place *p, const struct json *v)
{
	const struct json *by_claim = json_get(v, "by_claim");
	const struct place *at = PLACE_KEY(p, "by_claim");
	struct plan *plans;
	size_t count = 1;

	json_each (claim, by_claim)
		count += json_count(claim);
	if (count - 1 > PLANS_MAX) {
		reader_error(r, at, "size", "at most %d plans are taken",
			     PLANS_MAX);
		return;
	}
	plans = arena_array(r->keep, count, sizeof(*plans));
	plans[0] = (struct plan){
		.limits = {.wait_ms = 60 * SECOND,
			   .timeout_ms = 600 * SECOND,
			   .queue = 200},
		.inputs = r->endpoint->inputs,
	};
	r->endpoint->plans = plans;
	r->endpoint->plan_count = 1;
	if (v == NULL ||
	    !reader_keys(r, p, v, &keys_limits, "limits", &plans[0].limits))
		return;
	if (by_claim != NULL && reader_wants(r, at, by_claim, JSON_OBJECT))
		read_claims(r, at, by_claim, plans);
}

static void read_reuse_scope(struct reader *r, const struct place *p,
			     const struct json *v, void *into)
{
	struct run_options *run = into;
	const char *s = json_string(v);

	if (s != NULL && strcmp(s, "caller") == 0)
		run->reuse_scope = REUSE_CALLER;
	else if (s != NULL && strcmp(s, "all") == 0)
		run->reuse_scope = REUSE_ALL;
	else
		reader_error(r, p, "enum", "must be \"caller\" or \"all\"");
}

static void read_pool(struct reader *r, const struct place *p,
		      const struct json *v, void *into)
{
	struct run_options *run = into;

	run->pool = reader_text(r, p, v, 63);
	if (run->pool != NULL && !reader_name(run->pool, '-'))
		reader_error(r, p, "name",
			     "the name of a pool must match "
			     "^[a-z][a-z0-9-]{0,62}$");
}

#undef FIELD
#define FIELD(member) offsetof(struct run_options, member)

static const struct key run_table[] = {
	{"pool", KEY_OWN, 0, 0, 0, read_pool},
	{"priority", KEY_INT, FIELD(priority), -1000, 1000, NULL},
	{"attempts", KEY_UNSIGNED, FIELD(attempts), 1, 10, NULL},
	{"reuse", KEY_DURATION, FIELD(reuse_ms), 0, 366 * DAY, NULL},
	{"reuse_scope", KEY_OWN, 0, 0, 0, read_reuse_scope},
	{"keep", KEY_DURATION, FIELD(keep_ms), 60 * SECOND, 366 * DAY, NULL},
	{"cancel_on_disconnect", KEY_BOOL, FIELD(cancel_on_disconnect), 0, 0,
	 NULL},
};
const struct key_set keys_run = KEY_SET(run_table, NULL);

void read_run(struct reader *r, const struct place *p, const struct json *v)
{
	r->endpoint->run = (struct run_options){
		.pool = "default",
		.attempts = 2,
		.keep_ms = DAY,
	};
	if (v != NULL)
		(void)reader_keys(r, p, v, &keys_run, "run", &r->endpoint->run);
}

#undef FIELD
#define FIELD(member) offsetof(struct example, member)

static void read_example_inputs(struct reader *r, const struct place *p,
				const struct json *v, void *into)
{
	struct example *e = into;

	if (reader_wants(r, p, v, JSON_OBJECT))
		e->inputs = reader_json(r, v);
}

static const struct key example_table[] = {
	{"title", KEY_TEXT, FIELD(title), 0, 200, NULL},
	{"inputs", KEY_OWN, 0, 0, 0, read_example_inputs},
};
const struct key_set keys_example = KEY_SET(example_table, NULL);

void read_examples(struct reader *r, const struct place *p,
		   const struct json *v)
{
	struct example *examples;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_ARRAY))
		return;
	if (json_count(v) > EXAMPLES_MAX) {
		reader_error(r, p, "size", "at most %d examples are taken",
			     EXAMPLES_MAX);
		return;
	}
	examples = arena_array(r->keep, json_count(v), sizeof(*examples));
	r->endpoint->examples = examples;
	r->endpoint->example_count = json_count(v);
	json_each (item, v) {
		const struct place *at = PLACE_INDEX(p, i);

		if (reader_keys(r, at, item, &keys_example, "an example",
				&examples[i]) &&
		    json_get(item, "inputs") == NULL)
			reader_error(r, at, "required", "needs \"inputs\"");
		i++;
	}
}
