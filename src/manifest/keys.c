#include <stdio.h>

#include "base/buf.h"
#include "manifest/parts.h"

static void print_set(struct buf *to, const char *name,
		      const struct key_set *set)
{
	for (; set != NULL; set = set->more)
		for (size_t i = 0; i < set->count; i++)
			if (set->keys[i].how != KEY_LATER)
				buf_addf(to, "%s %s\n", name,
					 set->keys[i].name);
}

void manifest_print_keys(struct buf *to)
{
	static const struct {
		const char *name;
		const struct key_set *set;
	} sets[] = {
		{"manifest", &keys_manifest},	{"target", &keys_target},
		{"output", &keys_output},	{"access", &keys_access},
		{"thumbnail", &keys_thumbnail}, {"limits", &keys_limits},
		{"plan", &keys_plan},		{"run", &keys_run},
		{"example", &keys_example},	{"absent", &keys_absent},
	};

	for (size_t i = 0; i < COUNT(sets); i++)
		print_set(to, sets[i].name, sets[i].set);
	for (int i = 0; i < INPUT__COUNT; i++) {
		const struct kind *kind = kind_of((enum input_type)i);
		struct key_set all[2] = {kind->bounds, kind->others};
		char name[32];

		all[0].more = &all[1];
		all[1].more = keys_of_input((enum input_type)i);
		(void)snprintf(name, sizeof(name), "input:%s", kind->name);
		print_set(to, name, all);
		(void)snprintf(name, sizeof(name), "bounds:%s", kind->name);
		print_set(to, name, &kind->bounds);
		if (i == INPUT_ARRAY)
			continue;
		all[1].more = &keys_items;
		(void)snprintf(name, sizeof(name), "items:%s", kind->name);
		print_set(to, name, all);
	}
}
