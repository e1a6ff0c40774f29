/* SPDX-License-Identifier: MIT */
/*
 * mi_space, mi_ref, mi_claim and mi_owner: what each does to the space, what the end of a scope
 * undoes, and constructors and destructors of objects.
 *
 * Compiled with and without exceptions and run-time types, and run by `make check`.
 */
#include <frozenref/mimalloc.hpp>

#include <atomic>
#include <errno.h>
#include <string.h>
#include <thread>
#include <type_traits>
#include <utility>

#include "check.h"

namespace
{

std::atomic<int> alive, released;

struct node {
	explicit node(int of = 0) : key(of), twin(of)
	{
		alive++;
	}
	~node()
	{
		key = -1;
		alive--;
	}
	node(const node &) = delete;
	node &operator=(const node &) = delete;

	int key;
	int twin; /* always the key's, when a reference is held */
};

struct alignas(4096) page {
	char bytes[4096];
};

using node_ref = frozenref::mi_ref<node>;
using node_claim = frozenref::mi_claim<node>;
using node_owner = frozenref::mi_owner<node>;
using frozenref::mi_space;

static_assert(std::is_nothrow_copy_constructible<node_ref>::value, "");
static_assert(std::is_nothrow_move_constructible<node_ref>::value, "");
static_assert(std::is_nothrow_move_assignable<node_ref>::value, "");
static_assert(std::is_nothrow_destructible<node_ref>::value, "");
static_assert(!std::is_copy_constructible<node_claim>::value, "");
static_assert(!std::is_copy_assignable<node_owner>::value, "");
static_assert(std::is_nothrow_move_constructible<node_owner>::value, "");
static_assert(!std::is_copy_constructible<mi_space>::value, "");
static_assert(std::is_nothrow_move_constructible<mi_space>::value, "");
static_assert(!std::is_convertible<node_ref, bool>::value, "");
static_assert(!std::is_convertible<mi_space, bool>::value, "");
static_assert(!std::is_constructible<node_ref, frozenref_mi_space *, node *>::value, "");
/* A claim and an owner are undone differently. */
static_assert(!std::is_constructible<node_owner, node_claim>::value, "");
static_assert(!std::is_constructible<node_claim, node_owner>::value, "");

void release(void *object, void *arg)
{
	released++;
	frozenref::mi_destroy<node>(object, arg);
}

/* A space whose objects must all have ended by the end of the test. */
class fixture
{
      public:
	explicit fixture(unsigned flags = 0)
	{
		frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;

		config.bytes = static_cast<size_t>(256) << 20;
		config.release = release;
		config.flags = flags;
		alive = 0;
		released = 0;
		MUST(!space.create(config));
	}
	~fixture()
	{
		MUST(space.reset() && !alive);
	}
	fixture(const fixture &) = delete;
	fixture &operator=(const fixture &) = delete;

	operator frozenref_mi_space *() const
	{
		return space.get();
	}

	mi_space space;
};

node_ref make(frozenref_mi_space *space, int key)
{
	node_claim made = node_claim::make(space, key);

	MUST_QUIETLY(made);
	return made.publish();
}

void empty_ones_do_nothing()
{
	node_ref a, b = nullptr, c(a), d(std::move(a));
	node_claim e = nullptr, f;
	node_owner g;
	mi_space h, i = nullptr;

	MUST(!a && !b && !c && !d && !e && !f && !g && !h && !i);
	MUST(!a.get() && !a.reset() && !a.release() && !e.release() && !h.release());
	e.reset();
	g.reset();
	b = c;
	e = std::move(f);
	i = std::move(h);
	MUST(b == c && !(b != c) && i.reset() && !i.get());
}

void a_space_is_made_moved_and_ended()
{
	frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	mi_space a, b;

	config.granule_shift = 99;
	MUST(a.create(config) == -EINVAL && !a);
	config.granule_shift = 0;
	config.bytes = static_cast<size_t>(64) << 20;
	MUST(!a.create(config) && a);
	frozenref_mi_space *raw = a.get();
	b = std::move(a);
	MUST(!a && b.get() == raw);
	MUST(b.release() == raw && !b);
	a = mi_space::adopt(raw);
	{
		frozenref::mi_ref<char> held = frozenref::mi_claim<char>::make(raw, 'x').publish();

		MUST(*held == 'x' && !a.reset() && a.get() == raw); /* in use */
	}
	MUST(a.trim() % 4096 == 0 && !a.drain() && a.reset() && !a);
}

void a_scope_holds_one_reference()
{
	fixture all;
	node *address;
	{
		node_ref a = make(all, 42);

		address = a.get();
		MUST(a->key == 42 && (*a).twin == 42 && a.count() == 1 && a.space() == all);
		{
			node_ref b = a;
			node_ref c = node_ref::try_get(all, address);
			node_ref d = node_ref::try_get(all, &address->twin); /* interior */
			node_ref e = std::move(b);

			MUST(!b && e == a && c == a && d == a && a.count() == 4);
			e = c;
			MUST(a.count() == 4);
			d = nullptr;
			MUST(a.count() == 3 && d != a);
			c.swap(d);
			MUST(!c && d && !d.reset());
		}
		MUST(a.count() == 1 && !released && alive == 1);
		MUST(!node_ref::try_get(all, &all) && !node_ref::try_get(all, nullptr));
	}
	MUST(released == 1 && !alive && !node_ref::try_get(all, address));
}

void references_are_adopted_and_released()
{
	fixture all;
	node_ref a = make(all, 1);
	node *raw = a.release();

	MUST(!a && !released && frozenref_mi_count(all, raw) == 1);
	a = node_ref::adopt(all, raw);
	MUST(a.reset() && released == 1);
}

void a_claim_is_published_or_ended()
{
	fixture all;
	{
		node_claim made = node_claim::make(all, 7);

		MUST(made && made->key == 7 && alive == 1);
		MUST(!node_ref::try_get(all, made.get()));
		node_claim moved = std::move(made);
		MUST(!made && moved->key == 7);
	}
	MUST(!released && !alive); /* it was never published */
	node_claim again = node_claim::make(all);
	node_ref held = again.publish(1);
	MUST(!again && held.count() == 2 && !held->key);
	MUST(!node_ref::adopt(all, held.get()).reset());
	MUST(held.reset() && released == 1);
}

void objects_are_as_large_as_they_are_wanted()
{
	fixture all;
	const char text[] = "behind the node";

	node_claim made = node_claim::make_with(all, sizeof(text), 3);
	char *behind = reinterpret_cast<char *>(made.get() + 1);
	memcpy(behind, text, sizeof(text));
	node_ref held = made.publish();
	MUST(node_ref::try_get(all, behind + sizeof(text) - 1) == held && held->key == 3);
	MUST(!strcmp(behind, text));

	/* Of its own alignment. It ends as a claim, so release() does not take it for a node. */
	frozenref::mi_claim<page> aligned = frozenref::mi_claim<page>::make(all);
	MUST(aligned && reinterpret_cast<uintptr_t>(aligned.get()) % alignof(page) == 0);

	errno = 0;
	MUST(!node_claim::make_with(all, static_cast<size_t>(1) << 40) && errno == ENOMEM);
	MUST(alive == 1);
}

void a_frozen_object_is_published_again_or_ended()
{
	fixture all;
	node_ref a = make(all, 1), b = a;

	MUST(!a.freeze() && a && a.count() == 2);
	b.reset();
	{
		node_owner frozen = a.freeze();

		MUST(frozen && !a && !node_ref::try_get(all, frozen.get()));
		frozen->key = frozen->twin = 2;
		a = frozen.publish();
	}
	MUST(a->key == 2 && a.count() == 1 && !released);
	MUST(a.freeze());
	MUST(!a && released == 1 && !alive); /* as after a last put */
}

void a_space_may_end_objects_later()
{
	fixture all(FROZENREF_MI_DEFER);
	node_ref a = make(all, 1);

	MUST(a.reset() && !released && alive == 1);
	MUST(all.space.drain() == 1 && released == 1 && !alive);
}

#if defined(__cpp_exceptions)
struct refuses {
	refuses()
	{
		throw 1;
	}
};

static_assert(!noexcept(frozenref::mi_claim<refuses>::make(nullptr)), "");
#endif
static_assert(noexcept(frozenref::mi_claim<int>::make(nullptr, 1)), "");

void what_is_not_made_leaves_no_memory()
{
#if defined(__cpp_exceptions)
	fixture all;
	frozenref_mi_report report = FROZENREF_MI_REPORT_INIT;
	bool caught = false;

	try {
		(void)frozenref::mi_claim<refuses>::make(all).get();
	} catch (int) {
		caught = true;
	}
	MUST(caught && !frozenref_mi_check(all, nullptr, nullptr, &report));
	MUST(!report.live && !report.frozen);
#endif
}

void readers_follow_stale_pointers()
{
	enum { NODES = 4, ROUNDS = 20000, HITS = 1000 };
	fixture all;
	std::atomic<node *> shown[NODES];
	std::atomic<unsigned long> hits(0);
	std::atomic<bool> stop(false);
	node_ref held[NODES];
	unsigned long ends = 0;

	for (int i = 0; i < NODES; i++) {
		held[i] = make(all, i);
		shown[i] = held[i].get();
	}
	std::thread reader([&] {
		for (unsigned i = 0; !stop; i++) {
			node_ref a = node_ref::try_get(all, shown[i % NODES].load());

			if (!a)
				continue;
			node_ref b = std::move(a);
			MUST_QUIETLY(b->key >= 0 && b->key == b->twin);
			hits++;
		}
	});
	for (int i = 0; i < ROUNDS || hits < HITS; i++) {
		ends += held[i % NODES].reset();
		held[i % NODES] = make(all, i);
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
	a_space_is_made_moved_and_ended();
	a_scope_holds_one_reference();
	references_are_adopted_and_released();
	a_claim_is_published_or_ended();
	objects_are_as_large_as_they_are_wanted();
	a_frozen_object_is_published_again_or_ended();
	a_space_may_end_objects_later();
	what_is_not_made_leaves_no_memory();
	readers_follow_stale_pointers();
	printf("%lu checks\n", checks);
	return 0;
}
