/* SPDX-License-Identifier: MIT */
/* std::unordered_map of std::shared_ptr under std::shared_mutex, for registry.c. Wants C++17. */
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "maps.h"
#include "random.h"

namespace
{

struct map {
	std::unordered_map<uint64_t, std::shared_ptr<int>> table;
	std::shared_mutex mutex;
	uint64_t n;
};

inline std::shared_ptr<int> lookup_and_get(map *x, uint64_t key)
{
	std::shared_lock<std::shared_mutex> lock(x->mutex);
	auto found = x->table.find(key);

	if (found == x->table.end())
		return nullptr;
	return found->second;
}

} // namespace

BENCH_RANDOM_LOOP(lookups, map, {
	std::shared_ptr<int> object = lookup_and_get(x, bench_random(&random, x->n));
	BENCH_REQUIRE(object);
})

extern "C" {

void bench_cxx_loop(void *state, uint64_t n)
{
	lookups(state, n);
}

void *bench_cxx_make(uint64_t n)
{
	map *made = new map;

	made->n = n;
	made->table.reserve(n);
	for (uint64_t key = 0; key < n; key++)
		made->table.emplace(key, std::make_shared<int>(1));
	return made;
}

void bench_cxx_free(void *state)
{
	delete static_cast<map *>(state);
}

} /* extern "C" */
