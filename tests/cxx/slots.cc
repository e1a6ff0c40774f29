/* SPDX-License-Identifier: MIT */
/*
 * slot_ref, slot_claim, slot_owner and slot_handle: what each does to the registry, and what the
 * end of a scope undoes.
 *
 * Compiled with and without exceptions and run-time types, and run by `make check`.
 */
#include <frozenref/frozenref.hpp>

#include <errno.h>

#include <atomic>
#include <thread>
#include <type_traits>
#include <utility>

#include "check.h"

namespace
{

struct page {
	int value;
	int released; /* how often */
};

using page_ref = frozenref::basic_slot_ref<page>;
using page_claim = frozenref::basic_slot_claim<page>;
using page_owner = frozenref::basic_slot_owner<page, false>;
using page_handle = frozenref::basic_slot_handle<page>;
using frozenref::slot_ref;

static_assert(std::is_nothrow_copy_constructible<page_ref>::value, "");
static_assert(std::is_nothrow_move_constructible<page_ref>::value, "");
static_assert(std::is_nothrow_move_assignable<page_ref>::value, "");
static_assert(std::is_nothrow_destructible<page_ref>::value, "");
static_assert(!std::is_copy_constructible<page_claim>::value, "");
static_assert(!std::is_copy_constructible<page_owner>::value, "");
static_assert(!std::is_copy_assignable<page_owner>::value, "");
static_assert(std::is_nothrow_move_constructible<page_owner>::value, "");
static_assert(!std::is_convertible<page_ref, bool>::value, "");
/* Any is a slot_ref, and nothing else comes of a slot_ref. */
static_assert(std::is_convertible<page_ref, slot_ref>::value, "");
static_assert(!std::is_constructible<page_ref, slot_ref>::value, "");
static_assert(std::is_convertible<page_ref, frozenref::basic_slot_ref<const page>>::value, "");
static_assert(!std::is_constructible<page_ref, frozenref::basic_slot_ref<const page>>::value, "");
static_assert(!std::is_constructible<page_ref, frozenref::basic_slot_ref<int>>::value, "");
/* A claim and an owner are undone differently. */
static_assert(!std::is_constructible<page_owner, page_claim>::value, "");
static_assert(!std::is_constructible<page_claim, page_owner>::value, "");

void release(void *object, uint64_t, uint64_t, void *)
{
	static_cast<page *>(object)->released++;
}

/* A registry that must be empty at the end of the test. */
class fixture
{
      public:
	fixture()
	{
		frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;

		config.pfn_bits = 30;
		config.release = release;
		MUST(!frozenref_registry_create(&registry_, &config));
	}
	~fixture()
	{
		MUST(!frozenref_registry_destroy(registry_));
	}
	fixture(const fixture &) = delete;
	fixture &operator=(const fixture &) = delete;

	operator frozenref_registry *() const
	{
		return registry_;
	}

      private:
	frozenref_registry *registry_ = nullptr;
};

void empty_ones_do_nothing()
{
	page_ref a, b = nullptr, c(a), d(std::move(a));
	page_claim e = nullptr, f;
	page_handle g;

	MUST(!a && !b && !c && !d && !e && !f && !g);
	MUST(!a.get() && !a.slot() && !a.reset() && !a.release());
	MUST(!e.get() && !e.release());
	e.reset();
	b = c;
	e = std::move(f);
	MUST(b == c && !(b != c));
	MUST(!g.try_get() && g.state() == FROZENREF_EMPTY && g == page_handle());
}

void a_scope_holds_one_reference()
{
	fixture reg;
	page p = {};
	uint32_t left = 0;

	MUST(!frozenref_registry_insert_range(reg, 16, 4, &p));
	MUST(!page_ref::try_get(reg, 15) && !page_ref::try_get(reg, 20));
	{
		page_ref a = page_ref::try_get(reg, 17);

		MUST(a && a.get() == &p && &*a == &p && a->value == 0);
		MUST(a.pfn() == 16 && a.npages() == 4 && a.count() == 2 && !a.is_erased());
		MUST(a.registry() == reg && a.slot() == frozenref_registry_slot(reg, 18));
		++*a.user();
		page_ref b = a;
		MUST(a.count() == 3 && a == b);
		slot_ref c = std::move(b);
		MUST(!b && c == a && c.get() == &p && a.count() == 3);
		c = a;
		MUST(a.count() == 3);
		c = nullptr;
		MUST(a.count() == 2 && c != a);
		page_ref d = page_ref::try_get_addr(reg, reinterpret_cast<void *>(19 << 12));
		MUST(d == a);
		MUST(!d.reset(left) && left == 2 && !d);
		a.swap(d);
		MUST(d && !a);
		MUST(!frozenref_registry_erase(reg, 16));
		MUST(d.is_erased() && !p.released && !page_ref::try_get(reg, 16));
	}
	MUST(p.released == 1);
}

void references_are_adopted_and_released()
{
	fixture reg;
	page p = {};

	MUST(!frozenref_registry_insert(reg, 3, &p));
	page_ref a = page_ref::try_get(reg, 3);
	frozenref_slot *slot = a.release();
	MUST(!a && frozenref_slot_count(slot) == 2);
	a = page_ref::adopt(reg, slot);
	MUST(!frozenref_registry_erase(reg, 3));
	MUST(a.reset() && p.released == 1);
}

void a_walk_meets_each_once()
{
	fixture reg;
	page pages[3] = {};
	uint64_t pfn = 0, found = 0;

	for (uint64_t i = 0; i < 3; i++)
		MUST(!frozenref_registry_insert_range(reg, 100 * i + 5, 7, &pages[i]));
	while (page_ref a = page_ref::next(reg, pfn, 1000)) {
		MUST(a.get() == &pages[found] && pfn == a.pfn() + a.npages());
		found++;
	}
	MUST(found == 3 && pfn == 1001);
	MUST(frozenref_registry_erase_range(reg, 0, 1000, nullptr) == 3);
}

void a_claim_is_published_or_undone()
{
	fixture reg;
	page p = {}, q = {};
	{
		page_claim claim;

		MUST(!claim.insert_frozen(reg, 7, 2, &p));
		MUST(claim && claim->value == 0 && claim.pfn() == 7 && claim.npages() == 2);
		MUST(frozenref_registry_state(reg, 8) == FROZENREF_FROZEN);
		page_claim other;
		MUST(other.insert_frozen(reg, 8, 1, &q) == -EEXIST && !other);
	}
	MUST(frozenref_registry_state(reg, 7) == FROZENREF_EMPTY && !p.released);

	page_claim claim;
	MUST(!claim.alloc_frozen(reg, 50, 60, 1, nullptr) && claim.pfn() == 50);
	claim.set_object(&q);
	page_ref held = claim.publish(1);
	MUST(!claim && held.get() == &q && held.count() == 3);
	MUST(!page_ref::adopt(reg, held.slot()).reset());
	held.reset();
	MUST(claim.alloc_frozen(reg, 50, 50, 1, &p) == -ENOSPC && !claim);
	MUST(!claim.alloc_frozen(reg, 50, 60, 1, &p) && claim.pfn() == 51);
	/* What a claim had before it takes anew is undone. */
	MUST(!claim.alloc_frozen(reg, 50, 60, 1, &p) && claim.pfn() == 52);
	MUST(frozenref_registry_state(reg, 51) == FROZENREF_EMPTY);
	claim.unfreeze();
	MUST(!claim && frozenref_registry_state(reg, 52) == FROZENREF_LIVE);
	MUST(frozenref_registry_erase_range(reg, 0, 100, nullptr) == 2);
	MUST(p.released == 1 && q.released == 1);
}

void a_freeze_is_undone_or_evicts()
{
	fixture reg;
	page p = {}, q = {}, *old = nullptr;

	MUST(!frozenref_registry_insert(reg, 9, &p));
	page_ref a = page_ref::try_get(reg, 9), b = a;
	MUST(!a.freeze() && a && a.count() == 3);
	MUST(a.replace(&q, old) == -EBUSY && !old && a.get() == &p);
	b.reset();
	{
		page_owner frozen = a.freeze();

		MUST(frozen && !a && frozen.get() == &p && !page_ref::try_get(reg, 9));
	}
	a = page_ref::try_get(reg, 9);
	MUST(a && a.count() == 2);
	{
		page_owner frozen = a.freeze();

		frozen.set_object(&q);
		a = frozen.publish();
		MUST(!frozen && a.get() == &q && a.count() == 2);
	}
	MUST(!a.replace(&p, old) && old == &q && a.get() == &p);
	MUST(a.freeze().erase() == &p);
	MUST(frozenref_registry_state(reg, 9) == FROZENREF_EMPTY && !p.released);
}

void a_handle_names_one_object_for_ever()
{
	fixture reg;
	page p = {}, q = {};

	MUST(!frozenref_registry_insert(reg, 9, &p));
	page_handle weak = page_ref::try_get(reg, 9).handle(), same = weak;
	MUST(weak && weak == same && weak.state() == FROZENREF_LIVE);
	{
		page_ref a = weak.try_get();

		MUST(a.get() == &p && a.handle() == weak);
		page_owner frozen = a.freeze();
		MUST(weak.state() == FROZENREF_FROZEN && !weak.try_get());
		frozen.set_object(&q);
		a = frozen.publish();
		MUST(weak.try_get() == a);
	}
	MUST(!frozenref_registry_erase(reg, 9));
	MUST(!frozenref_registry_insert(reg, 9, &p));
	MUST(weak.state() == FROZENREF_EMPTY && !weak.try_get());
	MUST(page_ref::try_get(reg, 9).handle() != weak);
	MUST(!frozenref_registry_erase(reg, 9));
	MUST(p.released == 1 && q.released == 1);
}

void readers_look_up_what_a_writer_replaces()
{
	enum { ROUNDS = 5000, PAGES = 4, HITS = 1000 };
	fixture reg;
	static page pages[PAGES * 2];
	std::atomic<unsigned long> hits(0);
	std::atomic<bool> stop(false);
	unsigned long moves = 0;

	for (int i = 0; i < PAGES; i++) {
		pages[i].value = pages[i + PAGES].value = i;
		MUST(!frozenref_registry_insert(reg, static_cast<uint64_t>(i), &pages[i]));
	}
	std::thread reader([&] {
		page_handle weak;

		for (uint64_t i = 0; !stop; i++) {
			page_ref a = i & 8 ? weak.try_get() : page_ref::try_get(reg, i % PAGES);

			if (!a)
				continue;
			MUST_QUIETLY(static_cast<uint64_t>(a->value) == a.pfn());
			weak = a.handle();
			page_ref b = std::move(a);
			MUST_QUIETLY(!b.reset());
			hits++;
		}
	});
	for (uint64_t i = 0; moves < ROUNDS || hits < HITS; i++) {
		page_ref a = page_ref::try_get(reg, i % PAGES);
		page *old = nullptr;

		MUST_QUIETLY(a);
		page *next = a.get() < pages + PAGES ? a.get() + PAGES : a.get() - PAGES;
		if (i & 4) {
			moves += !a.replace(next, old);
		} else if (page_owner frozen = a.freeze()) {
			frozen.set_object(next);
			frozen.unfreeze();
			moves++;
		} else {
			std::this_thread::yield();
		}
	}
	stop = true;
	reader.join();
	MUST(frozenref_registry_erase_range(reg, 0, PAGES - 1, nullptr) == PAGES);
	printf("%lu references taken beside %lu moves\n", hits.load(), moves);
}

} /* namespace */

int main()
{
	empty_ones_do_nothing();
	a_scope_holds_one_reference();
	references_are_adopted_and_released();
	a_walk_meets_each_once();
	a_claim_is_published_or_undone();
	a_freeze_is_undone_or_evicts();
	a_handle_names_one_object_for_ever();
	readers_look_up_what_a_writer_replaces();
	printf("%lu checks\n", checks);
	return 0;
}
