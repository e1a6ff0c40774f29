/* SPDX-License-Identifier: MIT */
/*
 * cache_index: typed keys, what each call does to the references, walks, and what the end of a
 * scope undoes.
 *
 * Compiled with and without exceptions and run-time types, and run by `make check`.
 */
#include <frozenref/frozenref.hpp>

#include <algorithm>
#include <atomic>
#include <errno.h>
#include <iterator>
#include <string.h>
#include <thread>
#include <type_traits>
#include <utility>

#include "check.h"

namespace
{

/* Found by its name, whose characters are its own, and by its number. */
struct file {
	frozenref_t refs;
	frozenref_index_node by_name;
	frozenref_index_node by_number;
	unsigned number;
	char name[24];
	size_t length;
};

struct name_key {
	const char *characters;
	size_t length;

	bool operator==(const name_key &other) const noexcept
	{
		return length == other.length && !memcmp(characters, other.characters, length);
	}
};

struct number_traits {
	using key_type = unsigned;
	static const unsigned &key(const file &object) noexcept
	{
		return object.number;
	}
	static uint64_t hash(unsigned number) noexcept
	{
		return number * UINT64_C(0x9e3779b97f4a7c15);
	}
};

} /* namespace */

template <> struct frozenref::index_traits<file> {
	using key_type = name_key;
	static name_key key(const file &object) noexcept
	{
		return { object.name, object.length };
	}
	static uint64_t hash(const name_key &key) noexcept
	{
		uint64_t hash = 0;

		for (size_t i = 0; i < key.length; i++)
			hash = (hash ^ static_cast<unsigned char>(key.characters[i])) *
			       1099511628211u;
		return hash;
	}
};

namespace
{

using file_ref = frozenref::cache_ref<file>;
using file_claim = frozenref::cache_claim<file>;
using file_owner = frozenref::cache_owner<file>;
using names = frozenref::cache_index<file>;
using numbers = frozenref::cache_index<file, number_traits>;

static_assert(!std::is_copy_constructible<names>::value, "");
static_assert(!std::is_copy_assignable<names>::value, "");
static_assert(std::is_nothrow_move_constructible<names>::value, "");
static_assert(std::is_nothrow_move_assignable<names>::value, "");
static_assert(std::is_nothrow_destructible<names>::value, "");
static_assert(!std::is_convertible<names, bool>::value, "");
static_assert(std::is_same<std::iterator_traits<names::iterator>::value_type, file_ref>::value, "");

std::atomic<int> released;

void release(void *, void *)
{
	released++;
}

/* A cache that must be empty at the end of the test, and two indexes over it. */
class fixture
{
      public:
	fixture()
	{
		frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

		config.object_size = sizeof(file);
		config.ref_offset = offsetof(file, refs);
		config.stable_offset = offsetof(file, by_name);
		config.stable_size = 2 * sizeof(frozenref_index_node);
		config.max_objects = 10000;
		config.release = release;
		released = 0;
		MUST(!frozenref_cache_create(&cache_, &config));
		MUST(!by_name.create(config_of(offsetof(file, by_name))));
		MUST(!by_number.create(config_of(offsetof(file, by_number))));
	}
	~fixture()
	{
		by_name.reset();
		by_number.reset();
		MUST(!frozenref_cache_destroy(cache_));
	}
	fixture(const fixture &) = delete;
	fixture &operator=(const fixture &) = delete;

	frozenref_index_config config_of(size_t node) const
	{
		frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;

		config.cache = cache_;
		config.node_offset = node;
		return config;
	}

	file_ref make(const char *name, unsigned number) const
	{
		file_claim made = file_claim::alloc(cache_);

		MUST_QUIETLY(made);
		made->number = number;
		made->length = strlen(name);
		MUST_QUIETLY(made->length < sizeof(made->name));
		memcpy(made->name, name, made->length);
		return made.publish();
	}

	names by_name;
	numbers by_number;

      private:
	frozenref_cache *cache_ = nullptr;
};

name_key key_of(const char *name)
{
	return { name, strlen(name) };
}

void empty_ones_do_nothing()
{
	names a, b = nullptr, c(std::move(a));

	MUST(!a && !b && !c && !a.get() && !c.cache() && !a.release() && a.reset());
	b = std::move(c);
	a.swap(b);
	MUST(!a && !b);
	MUST(names::iterator() == names::iterator());
}

void creation_may_fail()
{
	fixture all;
	frozenref_index *before = all.by_name.get();

	MUST(all.by_name.create(all.config_of(1)) == -EINVAL);
	MUST(all.by_name.get() == before); /* and is as it was */
	MUST(!all.by_name.create(all.config_of(offsetof(file, by_name))));
	MUST(all.by_name.get() != before);
}

void an_index_holds_one_reference()
{
	fixture all;
	file_ref held = all.make("etc", 1);

	MUST(!all.by_name.try_get(key_of("etc")));
	MUST(!all.by_name.insert(held) && held.count() == 2);
	MUST(all.by_name.insert(held) == -EEXIST && held.count() == 2);
	MUST(!all.by_number.insert(held) && held.count() == 3);
	{
		file_ref found = all.by_name.try_get(key_of("etc"));

		MUST(found == held && found.count() == 4 && found.cache() == all.by_name.cache());
		MUST(all.by_number.try_get(1) == held);
		MUST(!all.by_name.try_get(key_of("et")) &&
		     !all.by_name.try_get(key_of("etcetera")));
		MUST(!all.by_number.try_get(2));
	}
	MUST(held.count() == 3 && all.by_name.stats().objects == 1);
	MUST(!all.by_name.erase(held) && all.by_name.erase(held) == -ENOENT && held.count() == 2);
	MUST(!all.by_name.try_get(key_of("etc")) && all.by_number.try_get(1));
	MUST(!all.by_number.erase(held) && !released);
	MUST(held.reset() && released == 1);
}

void the_first_of_two_wins()
{
	fixture all;
	file_ref first = all.make("usr", 1), second = all.make("usr", 2);

	{
		file_ref winner = all.by_name.get_or_insert(first);

		MUST(winner == first && first.count() == 3);
		MUST(all.by_name.get_or_insert(second) == first && second.count() == 1);
		MUST(all.by_name.insert(second) == -EEXIST && second.count() == 1);
	}
	file_owner frozen = first.freeze(2); /* the index's and ours */
	errno = 0;
	MUST(frozen && !all.by_name.get_or_insert(second) && errno == EBUSY);
	MUST(second.count() == 1);
	first = frozen.publish(1);
	MUST(all.by_name.get_or_insert(second) == first);
}

void what_is_unused_is_evicted()
{
	fixture all;
	file_ref held = all.make("var", 1);
	file *address = held.get();

	MUST(!all.by_name.insert(held) && !all.by_name.erase_if_unused(address));
	MUST(!held.reset() && !released);
	MUST(all.by_name.erase_if_unused(address) && released == 1);
	MUST(!all.by_name.erase_if_unused(address)); /* gone already */
}

void a_walk_meets_each_once()
{
	enum { FILES = 1000 };
	fixture all;
	bool seen[FILES] = {};
	unsigned n = 0;

	for (unsigned i = 0; i < FILES; i++)
		MUST_QUIETLY(!all.by_number.insert(all.make("same", i)));
	for (const file_ref &found : all.by_number) {
		MUST_QUIETLY(found.count() == 2 && !seen[found->number]);
		seen[found->number] = true;
		n++;
	}
	MUST(n == FILES);
	MUST(std::distance(all.by_number.begin(), all.by_number.end()) == FILES);
	MUST(std::count_if(all.by_number.begin(), all.by_number.end(),
			   [](const file_ref &a) { return a->number < 10; }) == 10);
	MUST(all.by_name.begin() == all.by_name.end());

	numbers::iterator at = all.by_number.begin(), before = at++;
	MUST(before != at && before->get()->number != (*at)->number);
	MUST(before->count() == 2 && at->count() == 2);
}

void the_end_of_a_scope_takes_all_out()
{
	fixture all;
	file_ref held = all.make("kept", 1);
	{
		numbers mine;

		MUST(!mine.create(all.config_of(offsetof(file, by_number))));
		MUST(!mine.insert(held) && !mine.insert(all.make("dropped", 2)));
		numbers moved = std::move(mine);
		MUST(!mine && moved.try_get(2)->number == 2 && !released);
	}
	MUST(released == 1 && held.count() == 1);

	frozenref_index *raw;
	{
		numbers mine;

		MUST(!mine.create(all.config_of(offsetof(file, by_number))));
		MUST(!mine.insert(held));
		raw = mine.release();
	}
	MUST(held.count() == 2);
	numbers again = numbers::adopt(held.cache(), raw);
	MUST(again.try_get(1) == held);
	again.clear();
	MUST(held.count() == 1 && !again.try_get(1) && !again.stats().objects);
}

void what_is_frozen_stays()
{
	fixture all;
	file_ref held = all.make("busy", 1);

	MUST(!all.by_number.insert(held));
	{
		/* One of the index's own, and one of ours. */
		file_owner frozen = held.freeze(2);

		MUST(frozen && !all.by_number.try_get(1));
		MUST(all.by_number.begin() == all.by_number.end());
		MUST(!all.by_number.reset() && all.by_number);
		held = frozen.publish(1);
	}
	MUST(all.by_number.try_get(1) == held);
	MUST(held.count() == 2);
	MUST(all.by_number.reset() && !all.by_number && held.count() == 1);
}

void threads_share_one()
{
	enum { THREADS = 4, ROUNDS = 20000, KEYS = 64 };
	fixture all;
	std::atomic<unsigned long> found(0), evicted(0);
	std::atomic<unsigned> ready(0);
	std::thread threads[THREADS];
	const numbers &shared = all.by_number;

	for (unsigned t = 0; t < THREADS; t++) {
		threads[t] = std::thread([&, t] {
			ready++;
			while (ready < THREADS)
				std::this_thread::yield();
			for (unsigned i = 0; i < ROUNDS; i++) {
				unsigned number = (i * 7 + t) % KEYS;
				file_ref kept = shared.try_get(number);

				if (!kept)
					kept = shared.get_or_insert(all.make("any", number));
				else
					found++;
				if (!kept)
					continue; /* another thread is just taking it out */
				MUST_QUIETLY(kept->number == number);
				file *address = kept.get();
				kept.reset();
				if (i % 3 == 0)
					evicted += shared.erase_if_unused(address);
			}
		});
	}
	for (std::thread &thread : threads)
		thread.join();
	/* One thread alone finds what the others have left. */
	MUST(!shared.insert(all.make("last", KEYS)) && shared.try_get(KEYS));
	printf("%lu times found, %lu evicted\n", found.load(), evicted.load());
}

} /* namespace */

int main()
{
	empty_ones_do_nothing();
	creation_may_fail();
	an_index_holds_one_reference();
	the_first_of_two_wins();
	what_is_unused_is_evicted();
	a_walk_meets_each_once();
	the_end_of_a_scope_takes_all_out();
	what_is_frozen_stays();
	threads_share_one();
	printf("%lu checks\n", checks);
	return 0;
}
