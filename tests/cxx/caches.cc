/* SPDX-License-Identifier: MIT */
/*
 * cache_ref, cache_claim, cache_owner and cache_handle: what each does to the cache, and what the
 * end of a scope undoes.
 *
 * Compiled with and without exceptions and run-time types, and run by `make check`.
 */
#include <frozenref/frozenref.hpp>

#include <atomic>
#include <thread>
#include <type_traits>
#include <utility>

#include "check.h"

namespace
{

struct node {
	int key;
	frozenref_t refs;
	int twin; /* always the key's, when a reference is held */
};

using node_ref = frozenref::cache_ref<node>;
using node_claim = frozenref::cache_claim<node>;
using node_owner = frozenref::cache_owner<node>;
using node_handle = frozenref::cache_handle<node>;

static_assert(std::is_nothrow_copy_constructible<node_ref>::value, "");
static_assert(std::is_nothrow_move_constructible<node_ref>::value, "");
static_assert(std::is_nothrow_move_assignable<node_ref>::value, "");
static_assert(std::is_nothrow_destructible<node_ref>::value, "");
static_assert(!std::is_copy_constructible<node_claim>::value, "");
static_assert(!std::is_copy_assignable<node_owner>::value, "");
static_assert(std::is_nothrow_move_constructible<node_owner>::value, "");
static_assert(!std::is_convertible<node_ref, bool>::value, "");
static_assert(!std::is_constructible<node_ref, frozenref_cache *, node *>::value, "");
/* A claim and an owner are undone differently. */
static_assert(!std::is_constructible<node_owner, node_claim>::value, "");
static_assert(!std::is_constructible<node_claim, node_owner>::value, "");

std::atomic<int> released;

void release(void *, void *)
{
	released++;
}

/* A cache that must be empty at the end of the test. */
class fixture
{
      public:
	explicit fixture(size_t max_objects = 1000)
	{
		frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

		config.object_size = sizeof(node);
		config.ref_offset = offsetof(node, refs);
		config.max_objects = max_objects;
		config.release = release;
		released = 0;
		MUST(!frozenref_cache_create(&cache_, &config));
	}
	~fixture()
	{
		MUST(!frozenref_cache_destroy(cache_));
	}
	fixture(const fixture &) = delete;
	fixture &operator=(const fixture &) = delete;

	operator frozenref_cache *() const
	{
		return cache_;
	}

      private:
	frozenref_cache *cache_ = nullptr;
};

node_ref make(frozenref_cache *cache, int key)
{
	node_claim made = node_claim::alloc(cache);

	MUST_QUIETLY(made);
	made->key = made->twin = key;
	return made.publish();
}

void empty_ones_do_nothing()
{
	node_ref a, b = nullptr, c(a), d(std::move(a));
	node_claim e = nullptr, f;
	node_handle g;

	MUST(!a && !b && !c && !d && !e && !f && !g);
	MUST(!a.get() && !a.reset() && !a.release());
	MUST(!e.get() && !e.release());
	e.reset();
	b = c;
	e = std::move(f);
	MUST(b == c && !(b != c));
	MUST(!g.try_get() && g == node_handle());
}

void a_scope_holds_one_reference()
{
	fixture cache;
	node *address;
	{
		node_ref a = make(cache, 42);

		address = a.get();
		MUST(a->key == 42 && (*a).twin == 42 && a.count() == 1 && a.cache() == cache);
		{
			node_ref b = a;
			node_ref c = node_ref::try_get(cache, address);
			node_ref d = node_ref::try_get(cache, &address->twin); /* interior */
			node_ref e = std::move(b);

			MUST(!b && e == a && c == a && d == a && a.count() == 4);
			e = c;
			MUST(a.count() == 4);
			d = nullptr;
			MUST(a.count() == 3 && d != a);
			c.swap(d);
			MUST(!c && d && !d.reset());
		}
		MUST(a.count() == 1 && !released);
		MUST(!node_ref::try_get(cache, cache) && !node_ref::try_get(cache, nullptr));
	}
	MUST(released == 1 && !node_ref::try_get(cache, address));
}

void references_are_adopted_and_released()
{
	fixture cache;
	node_ref a = make(cache, 1);
	node *raw = a.release();

	MUST(!a && !released && frozenref_count(&raw->refs) == 1);
	a = node_ref::adopt(cache, raw);
	MUST(a.reset() && released == 1);
}

void a_claim_is_published_or_given_back()
{
	fixture cache(1);
	node *address;
	{
		node_claim made = node_claim::alloc(cache);

		MUST(made && !node_ref::try_get(cache, made.get()));
		address = made.get();
		node_claim moved = std::move(made);
		MUST(!made && moved.get() == address);
	}
	MUST(!released); /* it was never published */
	node_claim again = node_claim::alloc(cache);
	MUST(again.get() == address);
	node_ref held = again.publish(1);
	MUST(!again && held.count() == 2);
	MUST(!node_ref::adopt(cache, held.get()).reset());
	MUST(held.reset() && released == 1);
}

void a_frozen_object_is_published_again_or_ended()
{
	fixture cache;
	node_ref a = make(cache, 1), b = a;

	MUST(!a.freeze() && a && a.count() == 2);
	b.reset();
	{
		node_owner frozen = a.freeze();

		MUST(frozen && !a && !node_ref::try_get(cache, frozen.get()));
		frozen->key = frozen->twin = 2;
		a = frozen.publish();
	}
	MUST(a->key == 2 && a.count() == 1 && !released);
	MUST(a.freeze());
	MUST(!a && released == 1); /* as after a last put */
}

void a_handle_names_one_lifetime()
{
	fixture cache(1);
	node_ref a = make(cache, 1);
	node *address = a.get();
	node_handle weak = a.handle(), same = weak;

	MUST(weak && weak == same && weak.try_get() == a);
	node_owner frozen = a.freeze();
	MUST(!weak.try_get());
	a = frozen.publish();
	MUST(weak.try_get() == a && a.handle() == weak);
	a.reset();
	MUST(!weak.try_get());
	a = make(cache, 2);
	MUST(a.get() == address && !weak.try_get() && a.handle() != weak);
}

void a_walk_meets_each_once()
{
	fixture cache;
	node_ref held[10];
	int found = 0, sum = 0;

	for (int i = 0; i < 10; i++)
		held[i] = make(cache, i);
	for (node_ref a = node_ref::next(cache, nullptr); a; a = node_ref::next(cache, a.get())) {
		found++;
		sum += a->key;
	}
	MUST(found == 10 && sum == 45);
}

void readers_follow_stale_pointers()
{
	enum { NODES = 4, ROUNDS = 20000, HITS = 1000 };
	fixture cache;
	std::atomic<node *> shown[NODES];
	std::atomic<unsigned long> hits(0);
	std::atomic<bool> stop(false);
	node_ref held[NODES];
	unsigned long ends = 0;

	for (int i = 0; i < NODES; i++) {
		held[i] = make(cache, i);
		shown[i] = held[i].get();
	}
	std::thread reader([&] {
		for (unsigned i = 0; !stop; i++) {
			node_ref a = node_ref::try_get(cache, shown[i % NODES].load());

			if (!a)
				continue;
			node_ref b = std::move(a);
			MUST_QUIETLY(b->key == b->twin);
			hits++;
		}
	});
	for (int i = 0; i < ROUNDS || hits < HITS; i++) {
		ends += held[i % NODES].reset();
		held[i % NODES] = make(cache, i);
		shown[i % NODES] = held[i % NODES].get();
		if (i % 64 == 0)
			std::this_thread::yield();
	}
	stop = true;
	reader.join();
	MUST(ends);
	printf("%lu references taken beside %lu ends\n", hits.load(), ends);
}

} /* namespace */

int main()
{
	empty_ones_do_nothing();
	a_scope_holds_one_reference();
	references_are_adopted_and_released();
	a_claim_is_published_or_given_back();
	a_frozen_object_is_published_again_or_ended();
	a_handle_names_one_lifetime();
	a_walk_meets_each_once();
	readers_follow_stale_pointers();
	printf("%lu checks\n", checks);
	return 0;
}
