/* SPDX-License-Identifier: MIT */
/*
 * The registry's writers: create and destroy, insert, the last put.
 *
 * Called by programs, by the inline functions of registry.h, and by registry_freeze.c, which has
 * erase and freeze. Relies on table.c for slots that never move, and on ref.c. No function but trim
 * takes a lock; inserts wait for a leaf that is being purged, and for each other's claims.
 *
 * A slot's flags word is the lock of its head: an insert claims it, an erase marks it, a freezer
 * sets BUSY in it, each by compare-and-swap. Who may write what:
 *
 *	empty -> CLAIM		an insert; from then on the slot is its own, until it goes on or
 *				gives up; other inserts wait for that
 *	CLAIM -> USED		the insert, after the word is live: so a USED slot that is not
 *				BUSY has a live word for as long as the registry holds its
 *				reference, which lets an erase drop it without another look
 *	CLAIM -> USED|BUSY	insert_frozen: the word is frozen and the caller owns it
 *	USED -> USED|BUSY	a freeze, before it tries the word
 *	USED -> USED|ERASED	an erase, which then drops the registry's reference
 *	..|BUSY -> ..|ERASED	an erase that meanwhile holds a reference itself, so that no freezer
 *				can win the word; the registry's, which a freezer may count, is
 *				left to whoever clears BUSY
 *	USED.. -> empty		the owner: the last put, or erase_frozen
 *
 * So an owner's object is never erased: of an erase and a freeze that meet, one fails. A freezer
 * that wins the word looks for ERASED once more. An erase under BUSY either comes before it, and
 * has put its reference by then, or finds the word frozen, and is refused.
 *
 * REPLACE goes with BUSY where the owner is frozenref_slot_replace() and lookups should wait for
 * it. Whoever takes a slot or an object issues a release fence before the first write to the slot
 * or the payload, for readers that hold no reference: see frozenref__slot_is_same(), which looks
 * at the flags, and is_still() in registry_lookup.c, which looks at the word.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "config_struct.h"
#include "registry.h"
#include "wait.h"

/* --------------------------------------------------------------------------- create and destroy */

static int check_config(const struct frozenref_registry_config *config)
{
	if (config->pfn_bits > 52 || config->page_shift > 51)
		return -EINVAL;
	if (config->flags &
	    ~(FROZENREF_REGISTRY_PADDED | FROZENREF_REGISTRY_PEEKABLE | FROZENREF_REGISTRY_COMPACT))
		return -EINVAL;
	if (config->flags & FROZENREF_REGISTRY_COMPACT &&
	    config->flags != FROZENREF_REGISTRY_COMPACT)
		return -EINVAL;
	if (config->backend && !frozenref__backend_is_valid(config->backend))
		return -EINVAL;
#if defined(__powerpc__) || defined(__arm__)
	/* Another processor may see an allocator's write to freed memory before the word's. */
	if (config->flags & FROZENREF_REGISTRY_PEEKABLE)
		return -ENOTSUP;
#endif
	return 0;
}

/* As many of a page's bytes as there are addresses for. */
static size_t page_bytes(uint32_t shift)
{
	return shift < sizeof(size_t) * CHAR_BIT ? (size_t)1 << shift : SIZE_MAX;
}

static uint32_t slot_shift(unsigned flags)
{
	if (flags & FROZENREF_REGISTRY_COMPACT)
		return 4;
	return flags & FROZENREF_REGISTRY_PADDED ? 6 : 5;
}

int frozenref_registry_create(struct frozenref_registry **regp,
			      const struct frozenref_registry_config *user_config)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct registry *registry;
	int err;

	if (!regp)
		return -EINVAL;
	err = frozenref__config_read(&config, sizeof(config), user_config);
	if (!err)
		err = check_config(&config);
	if (err)
		return err;
	registry = calloc(1, sizeof(*registry));
	if (!registry)
		return -ENOMEM;
	err = frozenref__table_init(&registry->head.table,
				    config.backend ? config.backend : frozenref_mmap_backend(),
				    config.pfn_bits ? config.pfn_bits : 36,
				    slot_shift(config.flags));
	if (err) {
		free(registry);
		return err;
	}
	registry->head.table.page_shift = config.page_shift ? config.page_shift : 12;
	registry->head.table.flags = config.flags;
	if (config.flags & FROZENREF_REGISTRY_PEEKABLE)
		registry->head.table.peek_bytes = page_bytes(registry->head.table.page_shift);
	registry->idle.above = config.trim_above;
	registry->idle.forks = frozenref__load32(&frozenref__forks, relaxed);
	registry->release = config.release;
	registry->arg = config.arg;
	*regp = &registry->head;
	return 0;
}

static bool is_idle(struct frozenref_registry *reg)
{
	struct leaf *leaf;

	if (is_owned_registry(reg))
		return frozenref__registry_is_empty(reg);
	for (uint64_t pfn = 0; (leaf = frozenref__table_next(&reg->table, &pfn));
	     pfn += LEAF_SLOTS) {
		if (!leaf_is_idle(leaf))
			return false;
	}
	return true;
}

int frozenref_registry_destroy(struct frozenref_registry *reg)
{
	if (!reg)
		return -EINVAL;
	if (!is_idle(reg))
		return -EBUSY;
	frozenref__table_destroy(&reg->table);
	free(registry_of(reg));
	return 0;
}

/* ------------------------------------------------------------------------ taking pfns, emptying */

/* Before any slot of the leaf is touched; waits while a trim is purging it. */
static void enter(struct frozenref_registry *reg, struct leaf *leaf, uint64_t n)
{
	struct idle *idle = &registry_of(reg)->idle;
	uint32_t used = frozenref__load32(&leaf->used, relaxed);
	unsigned turn = 0;

	for (;;) {
		uint32_t found;

		if (used & LEAF_PURGING) {
			FROZENREF__WAIT(turn++);
			used = frozenref__load32(&leaf->used, relaxed);
			continue;
		}
		/*
		 * Acquire: pairs with the release of leave(), and of the trim that purged the leaf.
		 */
		found = frozenref__cas32(&leaf->used, used, used + (uint32_t)n, acquire);
		if (found == used)
			break;
		used = found;
	}
	if (!used && is_counted(idle))
		frozenref__leaf_taken(idle, leaf);
}

/*
 * After the last touch of its slots: from here on the leaf may be purged, and destroyed as well.
 * Where idle memory is counted, destroy comes later: see depart().
 */
static void leave(struct frozenref_registry *reg, struct leaf *leaf, uint64_t n)
{
	struct idle *idle = &registry_of(reg)->idle;
	bool counted = is_counted(idle);
	/* Release: pairs with the acquire of enter(), of trim and of destroy. */
	uint32_t before = frozenref__add32(&leaf->used, UINT32_C(0) - (uint32_t)n, release);

	if (before != n || !counted)
		return;
	/* Acquire: with the release of those who left before, what they have touched is seen. */
	frozenref__fence(acquire);
	frozenref__leaf_emptied(&reg->table, idle, leaf);
}

static void empty_slots(const struct frozenref_registry *reg, struct span span)
{
	for (uint64_t i = 0; i < span.n; i++) {
		/* Release: pairs with the acquire of whoever claims the slot next. */
		frozenref__store32(&slot_at(&reg->table, span.slot, i)->flags, 0, release);
	}
}

void frozenref__registry_touch(const struct frozenref_registry *reg, struct span span)
{
	uint64_t first = slot_pfn(&reg->table, span.slot) % LEAF_SLOTS;

	for (uint64_t chunk = first / CHUNK_SLOTS; chunk <= (first + span.n - 1) / CHUNK_SLOTS;
	     chunk++) {
		uint32_t *word = &span.leaf->touched[chunk / 32];
		uint32_t bit = UINT32_C(1) << chunk % 32;
		uint32_t seen = frozenref__load32(word, relaxed);

		while (!(seen & bit)) {
			/* Relaxed: the claim, or the unfreeze, publishes it. */
			uint32_t found = frozenref__cas32(word, seen, seen | bit, relaxed);

			if (found == seen) {
				(void)frozenref__add32(&span.leaf->ntouched, 1, relaxed);
				break;
			}
			seen = found;
		}
	}
}

/*
 * Flags of a slot that an insert of this process is about to take, or to give up again. The number
 * of forks tells it from one that was under way in the parent at a fork: nobody is left to finish
 * that, so the pfn stays taken in the child.
 */
static uint32_t claim_flags(uint32_t forks)
{
	return make_flags(FROZENREF__SLOT_CLAIM, forks) & ~FROZENREF__SLOT_COMPACT;
}

static bool is_being_claimed(uint32_t flags)
{
	return flags == claim_flags(frozenref__load32(&frozenref__forks, relaxed));
}

/*
 * Claims an empty slot; false if it is taken. Who has claimed it already may find another pfn of
 * the range taken, and then this one was free all the time: so that is waited for. Claims are made
 * in ascending order, so the owner of the highest waits for nobody, and so on down.
 */
static bool claim_slot(struct frozenref_slot *slot)
{
	uint32_t claim = claim_flags(frozenref__load32(&frozenref__forks, relaxed));

	for (unsigned turn = 0;; turn++) {
		/* Acquire: pairs with the release that emptied the slot. */
		uint32_t found = frozenref__cas32(&slot->flags, 0, claim, acquire);

		if (!found)
			return true;
		if (!is_being_claimed(found))
			return false;
		FROZENREF__WAIT(turn);
	}
}

/* Claims the empty slots of a span, all or none. Returns 0, or -EEXIST. */
static int claim_span(struct frozenref_registry *reg, struct span span)
{
	enter(reg, span.leaf, span.n);
	frozenref__registry_touch(reg, span);
	for (uint64_t i = 0; i < span.n; i++) {
		if (claim_slot(slot_at(&reg->table, span.slot, i)))
			continue;
		empty_slots(reg, (struct span){ span.leaf, span.slot, i });
		leave(reg, span.leaf, span.n);
		return -EEXIST;
	}
	return 0;
}

/* Makes pfns empty again whose slots the caller owns. */
static void release_pfns(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	while (npages) {
		struct span span = frozenref__table_span(&reg->table, pfn, npages);

		pfn += span.n;
		npages -= span.n;
		empty_slots(reg, span);
		if (!is_owned_registry(reg))
			leave(reg, span.leaf, span.n);
	}
}

/* Makes the leaves of pfns that have none; *span is what lies in the first of them. */
static int make_leaves(struct frozenref_registry *reg, uint64_t first, uint64_t npages,
		       struct span *span)
{
	struct span next;
	int err = frozenref__table_make_span(&reg->table, first, npages, span);

	for (uint64_t done = span->n; !err && done < npages; done += next.n)
		err = frozenref__table_make_span(&reg->table, first + done, npages - done, &next);
	return err;
}

/* Claims pfns, all or none. */
static int claim_pfns(struct frozenref_registry *reg, uint64_t first, uint64_t npages)
{
	uint64_t done = 0;
	struct span span;
	/* All of them before the first claim: others may wait for it, and backends can be slow. */
	int err = make_leaves(reg, first, npages, &span);

	while (!err) {
		err = claim_span(reg, span);
		if (err) {
			release_pfns(reg, first, done);
			break;
		}
		done += span.n;
		if (done == npages)
			break;
		span = frozenref__table_span(&reg->table, first + done, npages - done);
	}
	return err;
}

/* ------------------------------------------------------------------------------------- insert */

static int check_range(const struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	uint64_t end = UINT64_C(1) << reg->table.pfn_bits;

	if (!npages)
		return -EINVAL;
	if (pfn >= end || npages > end - pfn)
		return -ERANGE;
	return npages <= FROZENREF_REGISTRY_NPAGES_MAX ? 0 : -EINVAL;
}

/*
 * Why a range could not be claimed: -EBUSY if something in it is erased and still held, -EEXIST if
 * it is taken otherwise, and 0 if what was in the way has left in the meantime.
 */
static int obstacle(const struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	for (uint64_t i = 0; i < npages; i++) {
		struct frozenref_slot *slot = frozenref__table_slot(&reg->table, pfn + i);
		uint32_t flags;

		if (frozenref__find_head(reg, pfn + i, &flags))
			return flags & FROZENREF__SLOT_ERASED ? -EBUSY : -EEXIST;
		/* Acquire: as in find_head(). A tail by now, or a fork's remains; or a claim. */
		flags = frozenref__load32(&slot->flags, acquire);
		if (flags && !is_being_claimed(flags))
			return -EEXIST;
	}
	return 0;
}

/* Leads the slots behind a head to it. */
static void link_tails(const struct frozenref_registry *reg, uint64_t head, uint64_t npages)
{
	uint64_t distance = 1;

	while (distance < npages) {
		struct span span =
			frozenref__table_span(&reg->table, head + distance, npages - distance);

		for (uint64_t i = 0; i < span.n; i++, distance++) {
			/*
			 * Release: whoever acquires it finds the head's leaf, which may be newer
			 * than this one. It leads to the head and proves nothing: see
			 * frozenref__registry_try_get_slow().
			 */
			frozenref__store32(&slot_at(&reg->table, span.slot, i)->flags,
					   make_flags(FROZENREF__SLOT_TAIL, distance), release);
		}
	}
}

/* A new object, or none, and user bits of 0; a compact slot has room for neither. */
static void set_content(const struct frozenref__table *table, struct frozenref_slot *slot,
			const void *object)
{
	if (is_compact(table))
		return;
	frozenref__storeptr(&slot->object.address, (uintptr_t)object, relaxed);
	frozenref__store32(&slot->user, 0, relaxed);
}

/* Whether the object may be on that pfn: in a compact registry the pfn says which it is. */
static bool object_fits(const struct frozenref__table *table, uint64_t pfn, const void *object)
{
	uint64_t address = (uintptr_t)object;

	/* Back and forth, since a large pfn's address may not fit. */
	return !is_compact(table) ||
	       (address >> table->page_shift == pfn && address == pfn << table->page_shift);
}

/* The flags of a head that has just been filled in. */
static uint32_t used_flags(const struct frozenref__table *table, uint32_t busy, uint64_t npages)
{
	uint32_t compact = is_compact(table) ? FROZENREF__SLOT_COMPACT : 0;

	return make_flags(FROZENREF__SLOT_USED | busy | compact, npages);
}

/* Claims the pfns and fills in everything but the head's word and flags. */
static int take(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages, void *object,
		struct frozenref_slot **head)
{
	int err = check_range(reg, pfn, npages);
	struct frozenref_slot *slot;

	if (err)
		return err;
	/*
	 * Again when what was in the way has gone: -EEXIST would tell the only writer of a pfn, who
	 * has just erased it, that somebody else has taken it.
	 */
	while ((err = claim_pfns(reg, pfn, npages)) == -EEXIST) {
		err = obstacle(reg, pfn, npages);
		if (err)
			return err;
	}
	if (err)
		return err;
	link_tails(reg, pfn, npages);
	slot = frozenref__table_span(&reg->table, pfn, 1).slot;
	begin_lifetime(&reg->table, slot);
	set_content(&reg->table, slot, object);
	*head = slot;
	return 0;
}

int frozenref_registry_insert_range(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
				    void *object)
{
	struct frozenref_slot *slot;
	int err;

	if (!reg || !object || !object_fits(&reg->table, pfn, object))
		return -EINVAL;
	err = take(reg, pfn, npages, object, &slot);
	if (err)
		return err;
	frozenref_unfreeze(&slot->ref, 1);
	/*
	 * After the word, so that nobody finds the slot USED and the word frozen. Release: pairs
	 * with the acquire of erase and freeze, whose puts and compare-and-swaps must find it live.
	 */
	frozenref__store32(&slot->flags, used_flags(&reg->table, 0, npages), release);
	return 0;
}

int frozenref_registry_insert(struct frozenref_registry *reg, uint64_t pfn, void *object)
{
	return frozenref_registry_insert_range(reg, pfn, 1, object);
}

int frozenref_registry_insert_frozen(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
				     void *object, struct frozenref_slot **slotp)
{
	struct frozenref_slot *slot;
	int err;

	if (!reg || !slotp || (object && !object_fits(&reg->table, pfn, object)))
		return -EINVAL;
	err = take(reg, pfn, npages, object, &slot);
	if (err)
		return err;
	/* Release: state() and slot() may lead others here, who acquire it. */
	frozenref__store32(&slot->flags, used_flags(&reg->table, FROZENREF__SLOT_BUSY, npages),
			   release);
	*slotp = slot;
	return 0;
}

/* ----------------------------------------------------------------------------- the object's end */

struct ended {
	void *object;
	uint64_t pfn;
	uint64_t npages;
};

/*
 * Empties an object's slots for their owner. Everything is copied before the first slot is empty,
 * and each leaf is left after the last touch of it, since the pfns may be taken again at once.
 * `lingers`: depart() comes later, and until then the registry cannot be destroyed.
 */
static struct ended empty(struct frozenref_registry *reg, struct frozenref_slot *slot, bool lingers)
{
	struct ended ended = {
		.object = frozenref_slot_object(slot),
		.pfn = slot_pfn(&reg->table, slot),
		.npages = frozenref_slot_npages(reg, slot),
	};

	/* Pairs with the acquire fences of peeks: what is written from here on is an owner's. */
	frozenref__fence(release);
	if (lingers) {
		/* Relaxed: the release of leave() comes behind it. */
		(void)frozenref__add32(&slot_leaf(&reg->table, slot)->releasing, 1, relaxed);
	}
	set_content(&reg->table, slot, NULL);
	/* The head last: through a tail that is left, state() still finds what is ending. */
	release_pfns(reg, ended.pfn + 1, ended.npages - 1);
	release_pfns(reg, ended.pfn, 1);
	/* And once more, for what release() writes: here the flags have been plain until now. */
	if (is_owned_registry(reg))
		frozenref__fence(release);
	return ended;
}

/* Whoever has emptied slots of this leaf is done, but for what now lies idle. */
static void depart(struct frozenref_registry *reg, struct leaf *leaf)
{
	struct idle *idle = &registry_of(reg)->idle;

	if (FROZENREF__UNLIKELY(is_too_much(idle)))
		frozenref__table_trim_idle(&reg->table, idle);
	/* Release: pairs with the acquire of destroy, for which this thread is done here. */
	(void)frozenref__add32(&leaf->releasing, UINT32_MAX, release);
}

/* The winner of the last put. What ended is read from the slot: it may be a later object. */
static void end(struct frozenref_registry *reg, struct frozenref_slot *slot)
{
	struct registry *registry = registry_of(reg);
	struct leaf *leaf = slot_leaf(&reg->table, slot);
	/* The owner of an owned registry knows what he is releasing. */
	bool lingers =
		(registry->release || is_counted(&registry->idle)) && !is_owned_registry(reg);
	struct ended ended = empty(reg, slot, lingers);

	if (registry->release)
		registry->release(ended.object, ended.pfn, ended.npages, registry->arg);
	if (lingers)
		depart(reg, leaf);
}

bool frozenref__slot_put_slow(struct frozenref_registry *reg, struct frozenref_slot *slot,
			      uint32_t word)
{
	if (frozenref__put_slow(&slot->ref, word, 1)) {
		end(reg, slot);
		return true;
	}
	/* Relaxed, both: statistics. */
	if (word == FROZENREF__DYING && frozenref_count(&slot->ref))
		(void)frozenref__addptr(&registry_of(reg)->revivals, 1, relaxed);
	return false;
}

void *frozenref__registry_evict(struct frozenref_registry *reg, struct frozenref_slot *slot)
{
	bool lingers = is_counted(&registry_of(reg)->idle) && !is_owned_registry(reg);
	struct ended ended = empty(reg, slot, lingers);

	if (lingers)
		depart(reg, slot_leaf(&reg->table, slot));
	return ended.object;
}

/* ------------------------------------------------------------------------ memory and statistics */

size_t frozenref_registry_trim(struct frozenref_registry *reg)
{
	return frozenref__table_trim(&reg->table, &registry_of(reg)->idle);
}

uint64_t frozenref__registry_revivals(const struct frozenref_registry *reg)
{
	return frozenref__loadptr(&((const struct registry *)reg)->revivals, relaxed);
}
