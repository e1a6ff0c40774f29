/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing target: caches of objects, with bad arguments, misuse, and memory and constructors that
 * fail.
 *
 * The model is a list of the objects that are allocated, each live with a number of references or
 * frozen, and what was written into it. The first bytes of an input make the cache; each further
 * byte chooses a call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <frozenref/cache.h>

#include "fuzz.h"

enum { ITEMS = 48, PASTS = 64, HANDLES = 32, MAGIC = 0x3c5a };

struct item {
	bool exists;
	bool releasing; /* release() is running for it: nobody's */
	uint32_t count; /* 0: frozen, and ours */
	unsigned char *address;
	uint64_t identity; /* of this lifetime */
	unsigned visits;
};

/* An object that was freed, and the stable bytes that it should still have. */
struct past {
	unsigned char *address;
	unsigned char stable;
	bool trimmed; /* since then: they may be zero */
};

static struct {
	struct frozenref_cache *cache;
	struct frozenref_cache_config config;
	struct item items[ITEMS];
	struct past pasts[PASTS];
	unsigned n_pasts;
	struct {
		struct frozenref_handle handle;
		uint64_t identity;
	} handles[HANDLES];
	unsigned n_handles;
	uint64_t identities;
	unsigned depth; /* how many release() are running */
	long constructed;
	unsigned constructions_left; /* until one fails, once */
	bool construction_failed;
} subject;

static char callback_arg;
static void step(void);

/* --------------------------------------------------------------------------- parts of an object */

static frozenref_t *ref_of(const unsigned char *object)
{
	return (frozenref_t *)(uintptr_t)(object + subject.config.ref_offset);
}

/* What a constructor writes, in bytes that the counter leaves. */
static uint16_t *magic_of(void *object)
{
	return (uint16_t *)((char *)object + (subject.config.ref_offset ? 0 : 4));
}

/* Whether an owner may use this byte of its object. */
static bool is_payload(size_t at)
{
	const struct frozenref_cache_config *config = &subject.config;
	size_t magic = config->ref_offset ? 0 : 4;

	return (at < config->ref_offset || at >= config->ref_offset + 4) &&
	       (at < config->stable_offset || at >= config->stable_offset + config->stable_size) &&
	       (at < magic || at >= magic + 2);
}

/* The first bytes of the payload, and the last ones. */
static bool is_looked_at(size_t at)
{
	return is_payload(at) && (at < 32 || at + 16 >= subject.config.object_size);
}

static unsigned char payload_byte(const struct item *item, size_t at)
{
	return (unsigned char)(item->identity * 37 + at);
}

static void skip_middle(size_t *at)
{
	if (*at == 32 && subject.config.object_size > 64)
		*at = subject.config.object_size - 16;
}

static void write_payload(const struct item *item)
{
	for (size_t at = 0; at < subject.config.object_size; at++) {
		skip_middle(&at);
		if (is_looked_at(at))
			item->address[at] = payload_byte(item, at);
	}
}

static bool has_stable_byte(void)
{
	size_t at = subject.config.stable_offset;

	/* One that is neither the counter's nor the constructor's. */
	return subject.config.stable_size &&
	       (at < subject.config.ref_offset || at >= subject.config.ref_offset + 4) &&
	       (at < (subject.config.ref_offset ? 0u : 4u) ||
		at >= (subject.config.ref_offset ? 0u : 4u) + 2);
}

/* -------------------------------------------------------------------------------------- model */

static unsigned allocated(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ITEMS; i++)
		n += subject.items[i].exists;
	return n;
}

static bool is_live(const struct item *item)
{
	return item && item->count != 0;
}

/* The object that encloses the address, or NULL. */
static struct item *item_around(uintptr_t address)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &subject.items[i];

		if (item->exists && address - (uintptr_t)item->address < subject.config.object_size)
			return item;
	}
	return NULL;
}

static struct item *pick_item(void)
{
	struct item *item = &subject.items[fuzz_byte() % ITEMS];

	return item->exists && !item->releasing ? item : NULL;
}

static struct past *past_at(const unsigned char *address)
{
	for (unsigned i = 0; i < PASTS; i++) {
		if (subject.pasts[i].address == address)
			return &subject.pasts[i];
	}
	return NULL;
}

static void check_item(const struct item *item)
{
	fuzz_check(frozenref_count(ref_of(item->address)) == item->count);
	for (size_t at = 0; at < subject.config.object_size; at++) {
		skip_middle(&at);
		fuzz_check(!is_looked_at(at) || item->address[at] == payload_byte(item, at));
	}
	fuzz_check(!subject.config.ctor || *magic_of(item->address) == MAGIC);
}

static void forget(struct item *item)
{
	struct past *past = past_at(item->address);

	if (!past)
		past = &subject.pasts[subject.n_pasts++ % PASTS];
	past->address = item->address;
	past->trimmed = false;
	if (has_stable_byte())
		past->stable = item->address[subject.config.stable_offset];
	item->exists = false;
}

/* ----------------------------------------------------------------------------------- callbacks */

static int construct(void *object, void *arg)
{
	fuzz_check(arg == &callback_arg);
	fuzz_check(*magic_of(object) == 0);
	fuzz_check(frozenref_is_frozen(ref_of(object)));
	if (subject.constructions_left && !--subject.constructions_left) {
		subject.construction_failed = true;
		return -1;
	}
	*magic_of(object) = MAGIC;
	subject.constructed++;
	return 0;
}

static void destruct(void *object, void *arg)
{
	fuzz_check(arg == &callback_arg);
	fuzz_check(*magic_of(object) == MAGIC);
	fuzz_check(!item_around((uintptr_t)object));
	*magic_of(object) = 0;
	subject.constructed--;
}

static void release(void *object, void *arg)
{
	struct item *item = item_around((uintptr_t)object);

	fuzz_check(arg == &callback_arg);
	fuzz_check(item && item->address == object && item->releasing);
	check_item(item);
	if (subject.depth == 3)
		return;
	subject.depth++;
	if (fuzz_byte() % 2)
		step();
	subject.depth--;
}

/* ------------------------------------------------------------------------------- alloc and free */

static void check_new(const struct item *item)
{
	size_t align = subject.config.align ? subject.config.align : 8;
	const struct past *past = past_at(item->address);
	unsigned char stable;

	if (subject.config.flags & FROZENREF_CACHE_PADDED && align < 64)
		align = 64;
	fuzz_check((uintptr_t)item->address % align == 0);
	fuzz_check(frozenref_is_frozen(ref_of(item->address)));
	for (unsigned i = 0; i < ITEMS; i++) {
		const struct item *other = &subject.items[i];
		size_t distance = other->address < item->address
					  ? (size_t)(item->address - other->address)
					  : (size_t)(other->address - item->address);

		fuzz_check(!other->exists || other == item ||
			   distance >= subject.config.object_size);
	}
	if (!past || !has_stable_byte())
		return;
	stable = item->address[subject.config.stable_offset];
	fuzz_check(stable == past->stable || (past->trimmed && stable == 0));
}

static void op_alloc(void)
{
	struct item *item = subject.items;
	unsigned n = allocated();

	while (item < subject.items + ITEMS && item->exists)
		item++;
	if (item == subject.items + ITEMS)
		return;
	fuzz_op("alloc");
	errno = 0;
	item->address = frozenref_cache_alloc(subject.cache);
	if (!item->address) {
		bool failed = fuzz_has_failed() || subject.construction_failed;

		fuzz_check(errno == ENOMEM);
		fuzz_check(failed || n == subject.config.max_objects);
		subject.construction_failed = false;
		return;
	}
	fuzz_check(!subject.config.max_objects || n < subject.config.max_objects);
	item->exists = true;
	item->releasing = false;
	item->count = 0;
	item->identity = ++subject.identities;
	check_new(item);
	if (has_stable_byte())
		item->address[subject.config.stable_offset] = (unsigned char)item->identity;
	write_payload(item);
	check_item(item);
}

static void op_free(void)
{
	struct item *item = pick_item();

	if (!item)
		return;
	fuzz_op("free(%p)", (void *)item->address);
	if (is_live(item)) {
		fuzz_expect_misuse(FROZENREF_MISUSE_FREE_LIVE, ref_of(item->address));
		frozenref_cache_free(subject.cache, item->address);
		return;
	}
	check_item(item);
	forget(item);
	frozenref_cache_free(subject.cache, item->address);
}

/* NULL; what is in the middle of an object; what is free already, where checks are on. */
static void op_free_wrongly(void)
{
	struct item *item = pick_item();
	struct past *past = &subject.pasts[fuzz_byte() % PASTS];

	fuzz_op("free of what must not be freed");
	frozenref_cache_free(subject.cache, NULL);
	if (item) {
		fuzz_expect_misuse_at(FROZENREF_MISUSE_FREE_FOREIGN, item->address + 4);
		frozenref_cache_free(subject.cache, item->address + 4);
		fuzz_settle();
	}
	fuzz_expect_misuse_at(FROZENREF_MISUSE_FREE_FOREIGN, &subject);
	frozenref_cache_free(subject.cache, &subject);
	fuzz_settle();
	if (!(subject.config.flags & FROZENREF_CACHE_DEBUG) || !past->address ||
	    item_around((uintptr_t)past->address))
		return;
	fuzz_expect_misuse(FROZENREF_MISUSE_FREE_TWICE, ref_of(past->address));
	frozenref_cache_free(subject.cache, past->address);
}

/* ----------------------------------------------------------------------------------- references */

static void op_unfreeze(void)
{
	struct item *item = pick_item();
	uint32_t refs = fuzz_byte() % 5;

	if (!item)
		return;
	fuzz_op("unfreeze(%p, %u)", (void *)item->address, refs);
	if (!refs)
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, ref_of(item->address));
	else if (is_live(item))
		fuzz_expect_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, ref_of(item->address));
	else
		item->count = refs;
	frozenref_cache_unfreeze(subject.cache, item->address, refs);
	check_item(item);
}

static void op_freeze(void)
{
	struct item *item = pick_item();
	uint32_t refs = fuzz_refs(item ? item->count : 1);
	bool frozen;

	if (!item)
		return;
	fuzz_op("freeze(%p, %u)", (void *)item->address, refs);
	frozen = is_live(item) && item->count == refs;
	if (refs < 1 || refs > FROZENREF_MAX)
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, ref_of(item->address));
	fuzz_check(frozenref_cache_freeze(subject.cache, item->address, refs) == frozen);
	if (frozen) {
		/* The owner may write again. */
		item->count = 0;
		item->identity += UINT64_C(1) << 32;
		write_payload(item);
	}
	check_item(item);
}

static void op_put(void)
{
	struct item *item = pick_item();
	bool last;

	if (!item)
		return;
	fuzz_op("put(%p)", (void *)item->address);
	last = item->count == 1;
	if (!is_live(item))
		fuzz_expect_misuse(FROZENREF_MISUSE_PUT_FROZEN, ref_of(item->address));
	else
		item->count--;
	item->releasing = last;
	if (last && !subject.config.release)
		forget(item);
	fuzz_check(frozenref_cache_put(subject.cache, item->address) == last);
	if (last && subject.config.release) {
		/* The counter and the stable bytes may be looked at; the rest is the cache's. */
		forget(item);
		item->releasing = false;
	} else if (!last) {
		check_item(item);
	}
}

/* Of an object that is gone: a late put, whose reference somebody else has dropped. */
static void op_put_late(void)
{
	const struct past *past = &subject.pasts[fuzz_byte() % PASTS];

	if (!past->address || item_around((uintptr_t)past->address))
		return;
	fuzz_op("put(%p), which is free", (void *)past->address);
	fuzz_expect_misuse(FROZENREF_MISUSE_PUT_FROZEN, ref_of(past->address));
	fuzz_check(!frozenref_cache_put(subject.cache, past->address));
}

/* -------------------------------------------------------------------------------------- lookups */

static uintptr_t pick_address(void)
{
	uint8_t choice = fuzz_byte();
	uintptr_t offset = choice & 8 ? fuzz_u32() : (uintptr_t)(choice >> 4);
	const struct item *item = &subject.items[fuzz_byte() % ITEMS];

	switch (choice & 7) {
	case 0:
		return (uintptr_t)fuzz_u64();
	case 1:
		return (uintptr_t)subject.cache + offset;
	case 2:
		return (uintptr_t)subject.pasts[fuzz_byte() % PASTS].address + offset;
	case 3:
		return (uintptr_t)item->address + subject.config.object_size + offset - 2;
	case 4:
		return (uintptr_t)item->address - offset;
	default:
		return (uintptr_t)item->address + offset;
	}
}

static void op_try_get(void)
{
	uintptr_t address = pick_address();
	struct item *item = item_around(address);
	void *wanted = is_live(item) ? item->address : NULL;

	fuzz_op("try_get(%#jx)", (uintmax_t)address);
	fuzz_check(frozenref_cache_try_get(subject.cache, (void *)address) == wanted);
	if (wanted)
		item->count++;
	if (item)
		check_item(item);
}

static void op_next(void)
{
	uintptr_t after = fuzz_byte() % 4 ? pick_address() : 0;
	struct item *next = NULL;

	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &subject.items[i];

		if (item->exists && is_live(item) && (uintptr_t)item->address > after &&
		    (!next || item->address < next->address))
			next = item;
	}
	fuzz_op("next(%#jx)", (uintmax_t)after);
	fuzz_check(frozenref_cache_next(subject.cache, (void *)after) ==
		   (next ? next->address : NULL));
	if (next)
		next->count++;
}

static void op_handle(void)
{
	struct item *item = pick_item();
	struct frozenref_handle handle;
	unsigned place = subject.n_handles % HANDLES;

	if (!item)
		return;
	fuzz_op("handle(%p)", (void *)item->address);
	handle = frozenref_cache_handle(subject.cache, item->address);
	if (!handle.generation) {
		fuzz_check(fuzz_has_failed() && !handle.pfn);
		return;
	}
	/* One a lifetime, and no two alike. */
	for (unsigned i = 0; i < HANDLES && i < subject.n_handles; i++) {
		bool same = subject.handles[i].identity == (uint32_t)item->identity;

		fuzz_check(same == (subject.handles[i].handle.pfn == handle.pfn &&
				    subject.handles[i].handle.generation == handle.generation));
	}
	subject.handles[place].handle = handle;
	/* A freeze in between is not the end of its life. */
	subject.handles[place].identity = (uint32_t)item->identity;
	subject.n_handles++;
}

static void op_try_get_handle(void)
{
	uint8_t choice = fuzz_byte();
	struct frozenref_handle handle = { choice, 0 };
	struct item *wanted = NULL;

	if (subject.n_handles && choice < 240) {
		unsigned n = subject.n_handles < HANDLES ? subject.n_handles : HANDLES;

		handle = subject.handles[choice % n].handle;
		for (unsigned i = 0; i < ITEMS; i++) {
			struct item *item = &subject.items[i];

			if (item->exists && is_live(item) &&
			    (uint32_t)item->identity == subject.handles[choice % n].identity)
				wanted = item;
		}
	} else if (choice % 2) {
		handle.pfn = fuzz_u64();
		handle.generation = fuzz_u64() | UINT64_C(1) << 31;
	}
	fuzz_op("try_get_handle({%#jx, %#jx})", (uintmax_t)handle.pfn,
		(uintmax_t)handle.generation);
	fuzz_check(frozenref_cache_try_get_handle(subject.cache, handle) ==
		   (wanted ? wanted->address : NULL));
	if (wanted)
		wanted->count++;
}

static void op_peek(void)
{
	enum { LONGEST = 96 };
	uintptr_t address = pick_address();
	struct item *item = item_around(address);
	size_t size = subject.config.object_size;
	uint8_t choice = fuzz_byte();
	size_t offset = choice % 4 ? choice : size - choice / 4;
	size_t length = fuzz_byte() % LONGEST;
	unsigned char buffer[LONGEST + 1];
	bool wanted;

	if (choice == 4)
		offset = (size_t)fuzz_u64();
	fuzz_op("peek(%#jx, %zu, %zu)", (uintmax_t)address, offset, length);
	wanted = item && (uintptr_t)item->address == address && is_live(item) &&
		 subject.config.flags & FROZENREF_CACHE_PEEKABLE && offset <= size &&
		 length <= size - offset;
	buffer[length] = 'x';
	fuzz_check(frozenref_cache_peek(subject.cache, (void *)address, offset, buffer, length) ==
		   wanted);
	fuzz_check(buffer[length] == 'x');
	fuzz_check(!wanted || memcmp(buffer, item->address + offset, length) == 0);
}

/* -------------------------------------------------------------------------- memory, statistics */

static void op_trim(void)
{
	fuzz_op("trim");
	fuzz_check(frozenref_cache_trim(subject.cache) <= fuzz_bytes_reserved());
	for (unsigned i = 0; i < PASTS; i++)
		subject.pasts[i].trimmed = true;
}

static void op_stats(void)
{
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;

	fuzz_op("stats");
	frozenref_cache_stats(subject.cache, &stats);
	fuzz_check(stats.objects == allocated());
	fuzz_check(!subject.config.max_objects || stats.objects_max == subject.config.max_objects);
	fuzz_check(stats.objects + stats.objects_free <= stats.objects_max);
	fuzz_check(stats.bytes_reserved == fuzz_bytes_reserved());
	fuzz_check(stats.bytes_resident <= stats.bytes_reserved);
	fuzz_check(stats.slabs_empty <= stats.slabs);
	if (subject.config.ctor && subject.config.dtor)
		fuzz_check(stats.objects + stats.objects_free == (uint64_t)subject.constructed);
}

static void visit(void *object, enum frozenref_state state, void *arg)
{
	struct item *item = item_around((uintptr_t)object);

	fuzz_check(arg == &callback_arg && item && item->address == object);
	fuzz_check(state == (is_live(item) ? FROZENREF_LIVE : FROZENREF_FROZEN));
	item->visits++;
}

static void op_for_each(void)
{
	if (subject.depth)
		return;
	fuzz_op("for_each");
	for (unsigned i = 0; i < ITEMS; i++)
		subject.items[i].visits = 0;
	frozenref_cache_for_each(subject.cache, visit, &callback_arg);
	for (unsigned i = 0; i < ITEMS; i++)
		fuzz_check(subject.items[i].visits == (unsigned)subject.items[i].exists);
}

static void op_destroy_busy(void)
{
	fuzz_op("destroy, while there are objects");
	fuzz_check(frozenref_cache_destroy(NULL) == -EINVAL);
	if (allocated() && !subject.depth)
		fuzz_check(frozenref_cache_destroy(subject.cache) == -EBUSY);
}

static void op_memory(void)
{
	uint8_t choice = fuzz_byte();

	fuzz_purge = (enum fuzz_purge)(choice & 3);
	if (choice & 4)
		fuzz_fail_after(choice >> 4);
	if (choice & 8)
		subject.constructions_left = fuzz_u32() % 20000;
	fuzz_op("purging %u, failing %u", choice & 3, choice >> 2);
}

/* Many at once, so that magazines fill and empty. */
static void op_churn(void)
{
	unsigned n = fuzz_byte();
	unsigned char *objects[256];
	unsigned made = 0;
	size_t most = ((size_t)1 << 18) / subject.config.object_size;

	if (n > most)
		n = (unsigned)most;

	fuzz_op("churn of %u", n);
	while (made < n && (objects[made] = frozenref_cache_alloc(subject.cache))) {
		fuzz_check(!item_around((uintptr_t)objects[made]));
		frozenref_unfreeze(ref_of(objects[made]), 1);
		made++;
	}
	while (made--) {
		fuzz_check(frozenref_freeze(ref_of(objects[made]), 1));
		frozenref_cache_free(subject.cache, objects[made]);
	}
	(void)fuzz_has_failed();
	subject.construction_failed = false;
}

/* -------------------------------------------------------------------------------------- target */

static void (*const ops[])(void) = {
	op_alloc,	   op_free,	op_free_wrongly, op_unfreeze, op_freeze, op_put,
	op_put_late,	   op_try_get,	op_next,	 op_handle,   op_peek,	 op_trim,
	op_stats,	   op_for_each, op_destroy_busy, op_churn,    op_memory, op_alloc,
	op_try_get_handle, op_put,	op_alloc,	 op_unfreeze,
};

static void step(void)
{
	ops[fuzz_byte() % (sizeof(ops) / sizeof(ops[0]))]();
	fuzz_settle();
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static bool config_is_valid(const struct frozenref_cache_config *config)
{
	size_t size = config->object_size;

	return config->size == sizeof(*config) && config->flags <= 7 &&
	       size >= FROZENREF_CACHE_OBJECT_MIN && size <= FROZENREF_CACHE_OBJECT_MAX &&
	       (!config->align || (is_power_of_two(config->align) &&
				   config->align <= (size_t)sysconf(_SC_PAGESIZE))) &&
	       config->ref_offset % 4 == 0 && config->ref_offset <= size - 4 &&
	       config->stable_offset <= size && config->stable_size <= size - config->stable_offset;
}

static void choose_config(struct frozenref_cache_config *config)
{
	static const size_t sizes[] = { 8,   16,   24,	 40,	64,	 72, 100,
					512, 4096, 4104, 70000, 1 << 20, 7,  (1 << 20) + 1 };
	static const size_t aligns[] = { 0, 8, 16, 64, 4096, 3, 8192, 1 };
	static const size_t most[] = { 0, 1, 2, 10, 40, 1000, SIZE_MAX, 0 };
	uint8_t flags = fuzz_byte();
	uint8_t calls = fuzz_byte();

	config->flags = flags % 16;
	config->object_size = sizes[fuzz_byte() % (sizeof(sizes) / sizeof(sizes[0]))];
	config->align = aligns[fuzz_byte() % 8];
	config->max_objects = most[fuzz_byte() % 8];
	config->ref_offset = fuzz_byte() % 2 ? (size_t)fuzz_byte() : 0;
	config->stable_offset = fuzz_byte();
	config->stable_size = fuzz_byte() % 32;
	config->ctor = calls & 1 ? construct : NULL;
	config->dtor = calls & 1 ? destruct : NULL;
	config->release = calls & 2 ? release : NULL;
	config->name = calls & 4 ? "a name that is longer than what is kept of it" : NULL;
	config->arg = &callback_arg;
	config->backend = &fuzz_backend;
	if (flags >> 4 == 1)
		config->size++;
	if (flags >> 4 == 2)
		fuzz_fail_after(0);
}

static bool make_cache(void)
{
	struct frozenref_cache_config *config = &subject.config;
	int wanted;

	*config = (struct frozenref_cache_config)FROZENREF_CACHE_CONFIG_INIT;
	choose_config(config);
	wanted = config_is_valid(config) ? 0 : -EINVAL;
	if (!wanted && config->max_objects == SIZE_MAX)
		wanted = -ENOMEM;
	fuzz_op("create: %zu bytes, flags %u", config->object_size, config->flags);
	fuzz_check(frozenref_cache_create(NULL, config) == -EINVAL);
	if (wanted)
		fuzz_check(frozenref_cache_create(&subject.cache, config) == wanted);
	else
		wanted = frozenref_cache_create(&subject.cache, config);
	/* Without max_objects it is content with less. */
	fuzz_check(wanted != -ENOMEM || config->max_objects);
	fuzz_check(!wanted || fuzz_bytes_reserved() == 0);
	fuzz_check(fuzz_has_failed()
			   ? wanted || !config->max_objects
			   : wanted == 0 || wanted == -EINVAL || config->max_objects == SIZE_MAX);
	return !wanted;
}

static void finish_all(void)
{
	fuzz_op("taking all out");
	subject.depth = 3;
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &subject.items[i];

		if (!item->exists)
			continue;
		check_item(item);
		if (is_live(item))
			fuzz_check(
				frozenref_cache_freeze(subject.cache, item->address, item->count));
		item->exists = false;
		frozenref_cache_free(subject.cache, item->address);
	}
	fuzz_op("destroy");
	fuzz_check(frozenref_cache_destroy(subject.cache) == 0);
	fuzz_check(fuzz_bytes_reserved() == 0 && subject.constructed == 0);
	fuzz_settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	memset(&subject, 0, sizeof(subject));
	if (!make_cache())
		return 0;
	while (fuzz_more())
		step();
	finish_all();
	return 0;
}
