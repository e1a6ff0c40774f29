/* SPDX-License-Identifier: MIT */
/*
 * ref<T> and owner<T>: what each operation does to the count, and who is ended when.
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

struct page {
	frozenref_t refs;
	int value;
	int ended; /* how often */
};

void end_page(page *page)
{
	MUST(frozenref_is_frozen(&page->refs));
	page->ended++;
}

} /* namespace */

template <> struct frozenref::traits<page> : frozenref::member_traits<page, &page::refs, end_page> {
};

namespace
{

using frozenref::owner;
using frozenref::ref;

/* Neither larger than a pointer, nor able to throw, nor copied where there can be only one. */
static_assert(sizeof(ref<page>) == sizeof(page *), "");
static_assert(sizeof(owner<page>) == sizeof(page *), "");
static_assert(std::is_nothrow_copy_constructible<ref<page>>::value, "");
static_assert(std::is_nothrow_move_constructible<ref<page>>::value, "");
static_assert(std::is_nothrow_move_assignable<ref<page>>::value, "");
static_assert(std::is_nothrow_copy_assignable<ref<page>>::value, "");
static_assert(std::is_nothrow_destructible<ref<page>>::value, "");
static_assert(!std::is_copy_constructible<owner<page>>::value, "");
static_assert(!std::is_copy_assignable<owner<page>>::value, "");
static_assert(std::is_nothrow_move_constructible<owner<page>>::value, "");
static_assert(std::is_nothrow_move_assignable<owner<page>>::value, "");
/* A reference comes from functions that say how, and turns into no number. */
static_assert(!std::is_constructible<ref<page>, page *>::value, "");
static_assert(!std::is_constructible<owner<page>, page *>::value, "");
static_assert(!std::is_convertible<ref<page>, bool>::value, "");
static_assert(!std::is_convertible<ref<page>, page *>::value, "");
/* const is added and not taken away; an owner is no reference. */
static_assert(std::is_convertible<ref<page>, ref<const page>>::value, "");
static_assert(!std::is_constructible<ref<page>, ref<const page>>::value, "");
static_assert(!std::is_constructible<ref<page>, owner<page>>::value, "");
static_assert(!std::is_constructible<owner<page>, ref<page>>::value, "");

void empty_ones_do_nothing()
{
	ref<page> a, b = nullptr, c(a), d(std::move(a));
	owner<page> e, f = nullptr;

	MUST(!a && !b && !c && !d && !e && !f);
	MUST(!a.get() && !a.release() && !a.reset() && !a.put_and_lock());
	MUST(!e.get() && !e.release());
	e.reset();
	b = c;
	b = nullptr;
	e = std::move(f);
	e = nullptr;
	MUST(b == c && !(b != c));
}

void a_scope_holds_one_reference()
{
	page p = {};
	{
		ref<page> first = owner<page>::adopt(&p).publish();

		MUST(first && first.get() == &p && first->value == 0 && &*first == &p);
		MUST(first.count() == 1);
		{
			ref<page> second = ref<page>::try_get(&p);
			ref<page> third = ref<page>::retain(&p);

			MUST(first.count() == 3 && second == first && third == first);
		}
		MUST(first.count() == 1 && !p.ended);
	}
	MUST(p.ended == 1 && frozenref_is_frozen(&p.refs));
	MUST(!ref<page>::try_get(&p));
}

void copies_count_and_moves_do_not()
{
	page p = {}, q = {};
	ref<page> a = owner<page>::adopt(&p).publish();
	ref<page> b = a;

	MUST(a.count() == 2);
	ref<page> c = std::move(a);
	MUST(!a && c.count() == 2);
	a = owner<page>::adopt(&q).publish();
	b = a;
	MUST(frozenref_count(&p.refs) == 1 && frozenref_count(&q.refs) == 2);
	c = std::move(b);
	MUST(p.ended == 1 && !b && frozenref_count(&q.refs) == 2);
	ref<page> &alias = c;
	c = alias;
	MUST(c.count() == 2);
	c = std::move(alias);
	MUST(c && c.count() == 2);
	b.swap(c);
	MUST(b && !c && b != c && b.count() == 2);
	MUST(!b.reset() && !b && a.count() == 1);
	MUST(a.reset() && q.ended == 1);
}

void references_are_adopted_and_released()
{
	page p = {};

	frozenref_unfreeze(&p.refs, 1);
	ref<page> a = ref<page>::adopt(&p);
	MUST(a.count() == 1);
	MUST(a.release() == &p && !a && frozenref_count(&p.refs) == 1 && !p.ended);
	MUST(ref<page>::adopt(&p).reset() && p.ended == 1);
}

void an_owner_publishes_or_ends()
{
	page p = {};
	{
		owner<page> made = owner<page>::adopt(&p);

		made->value = 42;
		MUST(!ref<page>::try_get(&p));
	}
	MUST(p.ended == 1);
	{
		owner<page> made = owner<page>::adopt(&p);
		owner<page> other = std::move(made);

		MUST(!made && other.get() == &p && (*other).value == 42);
		made = std::move(other);
		made.swap(other);
		MUST(other.release() == &p && !other);
	}
	MUST(p.ended == 1);

	/* Two others, which a table may hold. */
	ref<page> mine = owner<page>::adopt(&p).publish(2);
	MUST(mine.count() == 3);
	MUST(!ref<page>::adopt(&p).reset() && !ref<page>::adopt(&p).reset());
	MUST(mine.reset() && p.ended == 2);
}

void the_last_put_may_keep_what_it_won()
{
	page p = {};
	ref<page> a = owner<page>::adopt(&p).publish();
	ref<page> b = a;

	MUST(!a.put_and_lock() && !a && !p.ended);
	owner<page> won = b.put_and_lock();
	MUST(won.get() == &p && !b && !p.ended);
	won->value++;
	b = won.publish();
	MUST(!won && b.count() == 1 && b->value == 1);
}

void a_freeze_takes_the_counted_references()
{
	page p = {};
	ref<page> a = owner<page>::adopt(&p).publish();
	ref<page> b = a;

	MUST(!a.freeze() && a && a.count() == 2);
	owner<page> both = a.freeze(2);
	MUST(both && !a && !ref<page>::try_get(&p));
	MUST(b.release() == &p); /* it went with the freeze */
	a = both.publish();
	owner<page> alone = a.freeze();
	MUST(alone && !a && !p.ended);
	alone.reset();
	MUST(p.ended == 1);
}

void const_references_end_objects_too()
{
	page p = {};
	ref<const page> a = owner<page>::adopt(&p).publish();
	ref<const page> b = ref<const page>::try_get(&p);
	const page *raw = b.get();

	MUST(raw == &p && a == b && a.count() == 2);
	ref<page> c = ref<page>::retain(&p);
	MUST(c == a);
	b = std::move(c);
	b.reset();
	owner<page> frozen = a.freeze();
	MUST(frozen);
	a = frozen.publish();
	MUST(a.reset() && p.ended == 1);
}

/* A class whose counter is private, in a hierarchy that one traits class serves. */
class shape
{
      public:
	virtual int corners() const noexcept = 0;
	static int shapes;

	struct counting : frozenref::put_likely_last {
		static frozenref_t *counter(shape *shape) noexcept
		{
			return &shape->refs_;
		}
		static void end(shape *shape) noexcept
		{
			shape->end();
		}
	};

      protected:
	shape() = default;
	~shape() = default;

      private:
	virtual void end() noexcept = 0;
	frozenref_t refs_ = FROZENREF_INIT;
};

int shape::shapes;

class square final : public shape
{
      public:
	square()
	{
		shapes++;
	}
	int corners() const noexcept override
	{
		return 4;
	}

      private:
	void end() noexcept override
	{
		shapes--;
	}
};

void a_hierarchy_shares_its_traits()
{
	square s;
	ref<square, shape::counting> a = owner<square, shape::counting>::adopt(&s).publish();
	ref<shape, shape::counting> b = a;
	ref<const shape, shape::counting> c = std::move(a);

	MUST(!a && b.count() == 2 && c->corners() == 4);
	MUST(!b.reset() && shape::shapes == 1);
	MUST(c.reset() && shape::shapes == 0);
}

struct after_grace : frozenref::member_traits<page, &page::refs, end_page, frozenref::put_rcu> {
};

void the_put_is_the_traits_choice()
{
	page p = {};
	ref<page, after_grace> a = owner<page, after_grace>::adopt(&p).publish();
	ref<page, after_grace> b = a;

	MUST(!a.reset() && b.reset() && p.ended == 1);
	static_assert(!std::is_constructible<ref<page>, ref<page, after_grace>>::value,
		      "references that are dropped differently do not mix");
}

/* Threads take and drop references; others freeze the object under them and publish it anew. */
struct counted {
	frozenref_t refs;
	unsigned long version, copy; /* written by owners only */
};

void end_counted(counted *)
{
}

struct counting : frozenref::member_traits<counted, &counted::refs, end_counted> {
};

void threads_share_an_object()
{
	enum { ROUNDS = 20000, READERS = 2, HITS = 1000 };
	static counted object; /* there for as long as the program */
	std::atomic<unsigned long> hits[READERS];
	std::atomic<bool> stop(false);
	unsigned long rounds = 0;

	auto read = [&](int number) {
		while (!stop) {
			auto held = ref<counted, counting>::try_get(&object);

			if (!held)
				continue;
			auto again = held;
			held.reset();
			MUST_QUIETLY(again->version == again->copy);
			/* Never the last: the writer has one. */
			MUST_QUIETLY(!again.reset());
			hits[number]++;
		}
	};

	hits[0] = hits[1] = 0;
	auto mine = owner<counted, counting>::adopt(&object).publish();
	std::thread first(read, 0), second(read, 1);
	while (rounds < ROUNDS || hits[0] < HITS || hits[1] < HITS) {
		auto frozen = mine.freeze();

		if (!frozen) {
			std::this_thread::yield();
			continue;
		}
		frozen->version++;
		frozen->copy++;
		mine = frozen.publish();
		rounds++;
	}
	stop = true;
	first.join();
	second.join();
	MUST(mine->version == rounds && mine.count() == 1);
	MUST(mine.reset());
	printf("%lu and %lu references taken beside %lu freezes\n", hits[0].load(), hits[1].load(),
	       rounds);
}

} /* namespace */

int main()
{
	empty_ones_do_nothing();
	a_scope_holds_one_reference();
	copies_count_and_moves_do_not();
	references_are_adopted_and_released();
	an_owner_publishes_or_ends();
	the_last_put_may_keep_what_it_won();
	a_freeze_takes_the_counted_references();
	const_references_end_objects_too();
	a_hierarchy_shares_its_traits();
	the_put_is_the_traits_choice();
	threads_share_an_object();
	printf("%lu checks\n", checks);
	return 0;
}
