/* SPDX-License-Identifier: MIT */
/* C++17's unordered_map of shared_ptr under a shared_mutex, for registry_maps.c and index.c. */
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "maps.h"

namespace
{

struct map {
	std::unordered_map<uint64_t, std::shared_ptr<uint64_t>> table;
	std::shared_mutex mutex;
	const bench_keys *keys;
};

inline std::shared_ptr<uint64_t> lookup_and_get(map *x, uint64_t key)
{
	std::shared_lock<std::shared_mutex> lock(x->mutex);
	auto found = x->table.find(key);

	if (found == x->table.end())
		return nullptr;
	return found->second;
}

__attribute__((noinline)) void rewrite(map *x, uint64_t key)
{
	/* Made before the lock is taken, and the old one goes after it is dropped. */
	std::shared_ptr<uint64_t> made = std::make_shared<uint64_t>(key);
	std::shared_ptr<uint64_t> old;
	std::unique_lock<std::shared_mutex> lock(x->mutex);
	auto found = x->table.find(key);

	BENCH_REQUIRE(found != x->table.end());
	old = std::move(found->second);
	x->table.erase(found);
	x->table.emplace(key, std::move(made));
	lock.unlock();
}

} // namespace

BENCH_RANDOM_LOOP(operations, map, {
	uint64_t key = bench_key(&random, x->keys);

	if (bench_writes(random, x->keys)) {
		rewrite(x, key);
	} else {
		std::shared_ptr<uint64_t> object = lookup_and_get(x, key);
		BENCH_REQUIRE(object);
	}
})

extern "C" {

void bench_cxx_loop(void *state, uint64_t n)
{
	operations(state, n);
}

void *bench_cxx_make(const struct bench_keys *keys)
{
	map *made = new map;

	made->keys = keys;
	made->table.reserve(keys->n);
	for (uint64_t key = 0; key < keys->n; key++)
		made->table.emplace(key, std::make_shared<uint64_t>(key));
	return made;
}

void bench_cxx_free(void *state)
{
	delete static_cast<map *>(state);
}

} /* extern "C" */
