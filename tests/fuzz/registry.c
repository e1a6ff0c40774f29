/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing target: the registry, every call of it, with bad arguments, misuse and failing memory.
 *
 * The first bytes of an input make the registry; each further byte chooses a call. In the end every
 * object is taken out, and registry and backend must be empty.
 */
#include <errno.h>
#include <string.h>

#include "registry.h"

struct subject subject;
uint64_t arena[ARENA / 8];
static char release_arg;

/* ---------------------------------------------------------------------------------- arguments */

uint64_t last_pfn(void)
{
	return (UINT64_C(1) << subject.pfn_bits) - 1;
}

uint64_t pick_pfn(void)
{
	/* Borders of leaves, of the window, of the tree's levels. */
	static const uint64_t borders[] = {
		0,
		LEAF_SLOTS,
		2 * LEAF_SLOTS,
		UINT64_C(1) << FROZENREF__WINDOW_SHIFT,
		UINT64_C(1) << 34,
	};
	uint8_t choice = fuzz_byte();
	uint64_t offset = choice & 15;

	switch (choice >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		return borders[choice >> 4] + offset - 8;
	case 5:
		return last_pfn() + offset - 12;
	case 6:
		return fuzz_u64() & last_pfn();
	case 7:
		return fuzz_u64();
	case 8:
	case 9:
		return fuzz_byte();
	default:
		break;
	}
	/* Around where something is, or was. */
	if (!model.n_seen)
		return offset;
	return model.seen[fuzz_byte() % model.n_seen].pfn + offset - 3;
}

uint64_t pick_npages(void)
{
	static const uint64_t sizes[] = {
		0,
		FROZENREF_REGISTRY_NPAGES_MAX + 1,
		UINT64_MAX,
		LEAF_SLOTS + 2,
		LEAF_SLOTS,
		127,
		128,
		300,
		UINT64_C(1) << 24,
		FROZENREF_REGISTRY_NPAGES_MAX,
		LEAF_SLOTS - 7,
		256,
	};
	uint8_t choice = fuzz_byte();
	uint64_t npages = choice < 240 ? UINT64_C(1) + choice % 12 : sizes[choice % 12];

	if (!npages || npages > FROZENREF_REGISTRY_NPAGES_MAX)
		return npages;
	/* What can be peeked at must lie in the arena. */
	if (subject.flags & FROZENREF_REGISTRY_PEEKABLE && npages << subject.page_shift > ARENA / 2)
		npages = 1 + choice % 12;
	if (npages > subject.pages_left)
		npages = 1 + choice % 12;
	if (npages > 12)
		subject.pages_left -= npages;
	return npages;
}

void *pick_address(uint64_t pfn)
{
	uint8_t choice = fuzz_byte();

	if (subject.flags & FROZENREF_REGISTRY_COMPACT && choice >= 32)
		return choice % 2 ? (void *)(uintptr_t)(pfn << subject.page_shift) : NULL;
	if (choice % 16 == 0 && !(subject.flags & FROZENREF_REGISTRY_PEEKABLE))
		return NULL;
	return &arena[choice];
}

struct seen *pick_slot(struct object **object)
{
	struct seen *seen;

	*object = NULL;
	if (!model.n_seen)
		return NULL;
	seen = &model.seen[fuzz_byte() % model.n_seen];
	*object = model_head(seen->pfn);
	return seen;
}

/* --------------------------------------------------------------------------- what must happen */

bool address_fits(uint64_t pfn, const void *address)
{
	uint64_t wanted = pfn << subject.page_shift;

	if (!(subject.flags & FROZENREF_REGISTRY_COMPACT))
		return true;
	return (uint64_t)(uintptr_t)address == wanted && wanted >> subject.page_shift == pfn;
}

void *told_address(const struct object *object)
{
	if (subject.flags & FROZENREF_REGISTRY_COMPACT)
		return (void *)(uintptr_t)(object->pfn << subject.page_shift);
	return object->address;
}

bool findable(const struct object *object)
{
	return object && object->condition == LIVE;
}

void model_get(struct object *object)
{
	if (object->saturated)
		return;
	object->count++;
	if (object->count <= FROZENREF_MAX)
		return;
	object->saturated = true;
	fuzz_expect_misuse(FROZENREF_MISUSE_SATURATED, (const frozenref_t *)object->slot);
}

bool model_put(struct object *object, const struct frozenref_slot *slot, uint32_t *left)
{
	*left = 0;
	if (!object || object->condition == FROZEN) {
		fuzz_expect_misuse(FROZENREF_MISUSE_PUT_FROZEN, (const frozenref_t *)slot);
		return false;
	}
	if (object->saturated) {
		*left = FROZENREF_SATURATED;
		return false;
	}
	*left = --object->count;
	object->ending = object->count == 0;
	return object->ending;
}

void model_forget_ended(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *object = &model.objects[i];

		/* With a release(), it was to be called, and has forgotten the object. */
		fuzz_check(!object->exists || !object->ending || !subject.has_release);
		if (object->ending)
			object->exists = false;
	}
}

static void release(void *address, uint64_t pfn, uint64_t npages, void *arg)
{
	struct object *object = model_head(pfn);
	bool may_nest = subject.may_nest;

	fuzz_check(arg == &release_arg);
	fuzz_check(object && object->ending);
	fuzz_check(object->npages == npages && told_address(object) == address);
	object->exists = false;
	object->ending = false;
	/* The pfns can be used at once, also from here. */
	fuzz_check(frozenref_registry_state(subject.reg, pfn) == FROZENREF_EMPTY);
	if (!may_nest || subject.depth == 3)
		return;
	subject.depth++;
	fuzz_check(frozenref_registry_destroy(subject.reg) == -EBUSY);
	if (fuzz_byte() % 2)
		step();
	subject.depth--;
	subject.may_nest = may_nest;
}

void check_object(const struct object *object)
{
	static const enum frozenref_state states[] = {
		[LIVE] = FROZENREF_LIVE,
		[FROZEN] = FROZENREF_FROZEN,
		[ERASED] = FROZENREF_ERASED,
	};
	struct frozenref_registry *reg = subject.reg;
	uint64_t last = object->pfn + (object->npages - 1);
	struct frozenref_slot *slot = object->slot;
	struct frozenref_handle handle = frozenref_slot_handle(reg, slot);
	uint32_t *user = frozenref_slot_user(slot);

	fuzz_check(frozenref_registry_slot(reg, object->pfn) == slot);
	fuzz_check(frozenref_registry_slot(reg, last) == slot);
	fuzz_check(frozenref_registry_state(reg, object->pfn) == states[object->condition]);
	fuzz_check(frozenref_registry_state(reg, last) == states[object->condition]);
	fuzz_check(frozenref_slot_pfn(reg, slot) == object->pfn);
	fuzz_check(frozenref_slot_npages(reg, slot) == object->npages);
	fuzz_check(frozenref_slot_object(slot) == told_address(object));
	fuzz_check(frozenref_slot_count(slot) ==
		   (object->saturated ? FROZENREF_SATURATED : object->count));
	fuzz_check(frozenref_slot_is_erased(slot) == (object->condition == ERASED));
	fuzz_check(handle.pfn == object->pfn && handle.generation == object->generation);
	fuzz_check(frozenref_registry_handle_state(reg, handle) == states[object->condition]);
	if (subject.flags & FROZENREF_REGISTRY_COMPACT)
		fuzz_check(!user);
	else
		fuzz_check(*user == object->user);
}

/* ------------------------------------------------------------------------- memory, statistics */

static void op_trim(void)
{
	size_t bytes;

	fuzz_op("trim");
	bytes = frozenref_registry_trim(subject.reg);
	fuzz_check(bytes <= fuzz_bytes_reserved());
	if (fuzz_purge == FUZZ_PURGE_FAILS)
		fuzz_check(bytes == 0);
	if (fuzz_purge == FUZZ_PURGE_ZEROES)
		fuzz_check(frozenref_registry_trim(subject.reg) == 0);
}

static void op_stats(void)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	struct frozenref_registry_stats part = { .size = 8, .objects = 12345 };
	uint64_t objects = 0;
	uint64_t saturated = 0;
	uint64_t slots = 0;

	for (unsigned i = 0; i < OBJECTS; i++) {
		const struct object *object = &model.objects[i];

		objects += object->exists;
		saturated += object->exists && object->saturated;
		slots += object->exists ? object->npages : 0;
	}
	fuzz_op("stats");
	frozenref_registry_stats(subject.reg, &stats);
	fuzz_check(stats.size == sizeof(stats));
	fuzz_check(stats.objects == objects && stats.slots == slots);
	fuzz_check(stats.frozen == model_count(FROZEN) && stats.erased == model_count(ERASED));
	fuzz_check(stats.saturated == saturated && stats.revivals == 0);
	fuzz_check(stats.bytes_reserved == fuzz_bytes_reserved());
	fuzz_check(stats.bytes_resident <= stats.bytes_reserved);
	fuzz_check(!slots || stats.leaves);
	/* A caller that knows less of the struct gets that, and no more. */
	frozenref_registry_stats(subject.reg, &part);
	fuzz_check(part.size == 8 && part.leaves == stats.leaves && part.objects == 12345);
}

static void op_destroy_busy(void)
{
	if (!model_first(0, UINT64_MAX))
		return;
	fuzz_op("destroy, while there are objects");
	fuzz_check(frozenref_registry_destroy(subject.reg) == -EBUSY);
}

static void op_memory(void)
{
	uint8_t choice = fuzz_byte();

	fuzz_purge = (enum fuzz_purge)(choice & 3);
	if (choice & 4)
		fuzz_fail_after(choice >> 3);
	fuzz_op("purging %u, failing %u", choice & 3, choice >> 2);
}

static void op_nothing_given(void)
{
	struct frozenref_slot *slot;

	fuzz_op("NULL");
	fuzz_check(frozenref_registry_create(NULL, NULL) == -EINVAL);
	fuzz_check(frozenref_registry_destroy(NULL) == -EINVAL);
	fuzz_check(frozenref_registry_insert(NULL, 0, arena) == -EINVAL);
	fuzz_check(frozenref_registry_insert_range(NULL, 0, 1, arena) == -EINVAL);
	fuzz_check(frozenref_registry_insert_frozen(NULL, 0, 1, NULL, &slot) == -EINVAL);
	fuzz_check(frozenref_registry_insert_frozen(subject.reg, 0, 1, NULL, NULL) == -EINVAL);
	fuzz_check(frozenref_registry_alloc_frozen(NULL, 0, 1, 1, NULL, &slot) == -EINVAL);
	fuzz_check(frozenref_registry_alloc_frozen(subject.reg, 0, 1, 1, NULL, NULL) == -EINVAL);
	fuzz_check(frozenref_registry_erase(NULL, 0) == -EINVAL);
	fuzz_check(frozenref_slot_replace(NULL, NULL, 1, arena, NULL) == -EINVAL);
	fuzz_check(frozenref_slot_replace(subject.reg, NULL, 1, arena, NULL) == -EINVAL);
}

/* -------------------------------------------------------------------------------------- target */

static void (*const ops[])(void) = {
	op_insert,
	op_insert_range,
	op_insert_frozen,
	op_alloc_frozen,
	op_erase,
	op_erase_range,
	op_try_get,
	op_try_get_addr,
	op_batch,
	op_next,
	op_handle,
	op_peek,
	op_state,
	op_slot_get,
	op_slot_put,
	op_slot_put_left,
	op_slot_freeze,
	op_slot_unfreeze,
	op_slot_set_object,
	op_slot_replace,
	op_slot_erase_frozen,
	op_slot_user,
	op_residue,
	op_trim,
	op_stats,
	op_destroy_busy,
	op_memory,
	op_nothing_given,
	op_slot_put,
	op_slot_put,
	op_try_get,
	op_insert,
};

void step(void)
{
	subject.may_nest = true;
	ops[fuzz_byte() % (sizeof(ops) / sizeof(ops[0]))]();
	fuzz_settle();
}

/* Whether a registry can be made this way. */
static bool config_is_valid(const struct frozenref_registry_config *config)
{
	unsigned all = FROZENREF_REGISTRY_PADDED | FROZENREF_REGISTRY_PEEKABLE |
		       FROZENREF_REGISTRY_COMPACT;

	if (config->size != sizeof(*config) || config->pfn_bits > 52 || config->page_shift > 51)
		return false;
	if (config->flags & FROZENREF_REGISTRY_COMPACT)
		return config->flags == FROZENREF_REGISTRY_COMPACT;
	return !(config->flags & ~all);
}

/* The registry that the first bytes ask for; false if it could not be made, rightly. */
static bool make_registry(void)
{
	static const uint8_t bits[] = { 0, 52, 16, 17, 26, 1, 5, 36, 53, 20 };
	static const uint8_t shifts[] = { 0, 12, 1, 3, 6, 51, 52, 2 };
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	uint8_t flags = fuzz_byte();
	int err;

	config.flags = flags & 7;
	config.pfn_bits = bits[fuzz_byte() % sizeof(bits)];
	config.page_shift = shifts[fuzz_byte() % sizeof(shifts)];
	/* Pages that are readable must fit into the arena. */
	if (config.flags & FROZENREF_REGISTRY_PEEKABLE && config.page_shift == 51)
		config.page_shift = 4;
	config.release = flags & 8 ? NULL : release;
	config.arg = &release_arg;
	config.backend = &fuzz_backend;
	if (flags >> 4 == 1)
		config.size--;
	if (flags >> 4 == 2)
		config.flags |= 8;
	err = frozenref_registry_create(&subject.reg, &config);
	fuzz_check(err == (config_is_valid(&config) ? 0 : -EINVAL));
	if (err)
		return false;
	subject.flags = config.flags;
	subject.pfn_bits = config.pfn_bits ? config.pfn_bits : 36;
	subject.page_shift = config.page_shift ? config.page_shift : 12;
	subject.has_release = config.release;
	return true;
}

/* Takes an object out, whatever it is; what can never end is made to. */
static void finish(struct object *object)
{
	struct frozenref_slot *slot = object->slot;
	uint32_t left;

	check_object(object);
	if (object->condition == FROZEN) {
		fuzz_check(frozenref_slot_erase_frozen(subject.reg, slot) == told_address(object));
		object->exists = false;
		return;
	}
	if (object->saturated || object->count > 100) {
		fuzz_check(frozenref_registry_destroy(subject.reg) == -EBUSY);
		slot->ref.word = 0x80000000;
		object->saturated = false;
		object->count = 1;
	}
	while (object->exists) {
		bool last = model_put(object, slot, &left);

		fuzz_check(frozenref_slot_put(subject.reg, slot) == last);
		model_forget_ended();
	}
}

static void finish_all(void)
{
	fuzz_op("taking all out");
	subject.may_nest = false;
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (model.objects[i].exists)
			finish(&model.objects[i]);
	}
	fuzz_op("destroy");
	fuzz_check(frozenref_registry_destroy(subject.reg) == 0);
	fuzz_check(fuzz_bytes_reserved() == 0);
	fuzz_settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!arena[0]) {
		for (unsigned i = 0; i < ARENA / 8; i++)
			arena[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	}
	fuzz_begin(data, size);
	model_begin();
	memset(&subject, 0, sizeof(subject));
	subject.pages_left = LEAF_SLOTS + 1000;
	if (!make_registry())
		return 0;
	while (fuzz_more())
		step();
	finish_all();
	return 0;
}
