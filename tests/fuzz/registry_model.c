/* SPDX-License-Identifier: MIT */
/*
 * The model of the registry; registry_model.h tells what each function is for.
 */
#include <stddef.h>
#include <string.h>

#include "registry_model.h"

struct model model;

void model_begin(void)
{
	memset(&model, 0, sizeof(model));
}

struct object *model_at(uint64_t pfn)
{
	return model_first(pfn, pfn);
}

struct object *model_head(uint64_t pfn)
{
	struct object *object = model_at(pfn);

	return object && object->pfn == pfn ? object : NULL;
}

struct object *model_first(uint64_t first, uint64_t last)
{
	struct object *found = NULL;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *object = &model.objects[i];

		if (!object->exists || object->pfn > last ||
		    object->pfn + (object->npages - 1) < first)
			continue;
		if (!found || object->pfn < found->pfn)
			found = object;
	}
	return found;
}

struct object *model_room(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (!model.objects[i].exists)
			return &model.objects[i];
	}
	return NULL;
}

struct seen *model_seen(uint64_t pfn)
{
	struct seen *seen = model.seen;

	while (seen < model.seen + model.n_seen && seen->pfn != pfn)
		seen++;
	if (seen == model.seen + SEEN)
		return NULL;
	if (seen == model.seen + model.n_seen) {
		model.n_seen++;
		seen->pfn = pfn;
	}
	return seen;
}

unsigned model_count(enum condition condition)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OBJECTS; i++)
		n += model.objects[i].exists && model.objects[i].condition == condition;
	return n;
}
