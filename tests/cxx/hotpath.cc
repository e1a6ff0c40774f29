/* SPDX-License-Identifier: MIT */
/*
 * The same functions three times, for hotpath.sh to compare; compiled, never run.
 *
 * By the types of frozenref.hpp; with BY_HAND defined, by calls of the C functions, written as one
 * would without those types; with CONTROL defined, by those types and carelessly, with a copy where
 * a move would do: what the test must find to differ.
 */
#include <frozenref/frozenref.hpp>
#include <frozenref/mimalloc.hpp>

#include <utility>

struct page {
	long value;
	frozenref_t refs;
};

/* As the library's own functions are: else each call of it would have a way out by exception. */
extern "C" void end_page(page *page) noexcept;

template <> struct frozenref::traits<page> : frozenref::member_traits<page, &page::refs, end_page> {
};

template <> struct frozenref::index_traits<page> {
	using key_type = long;
	static long key(const page &object) noexcept
	{
		return object.value;
	}
	static uint64_t hash(long key) noexcept
	{
		return static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15u;
	}
};

using page_ref = frozenref::ref<page>;
using page_cached = frozenref::cache_ref<page>;
using page_slot = frozenref::basic_slot_ref<page>;
using page_index = frozenref::cache_index<page>;
using page_found = frozenref::mi_ref<page>;
using page_made = frozenref::mi_claim<page>;

/* Two words that no argument register holds: where a function keeps what it is given. */
struct kept {
	page *object;
	frozenref_registry *registry;
	frozenref_slot *slot;
};

/* What a page_index has. */
struct table {
	frozenref_cache *cache;
	frozenref_index *index;
};

extern "C" {
page *hot_get(page *object);
bool hot_put(page *object);
bool hot_read(page *object, long *value);
void hot_replace(page **where, page *object);
page *hot_pass_on(page *object);
page *hot_publish(page *object, long value);
page *hot_win(page *object);
bool hot_slot_read(frozenref_registry *registry, uint64_t pfn, long *value);
bool hot_cache_read(frozenref_cache *cache, const void *address, long *value);
bool hot_cache_put(frozenref_cache *cache, page *object);
bool hot_slot_take(frozenref_registry *registry, uint64_t pfn, kept *where);
bool hot_slot_drop(kept *where);
frozenref_slot *hot_slot_publish(frozenref_registry *registry, frozenref_slot *slot);
/* These compilers may call or inline as they like, and would not choose alike. */
__attribute__((flatten)) bool hot_mi_read(frozenref_mi_space *space, const void *address,
					  long *value);
__attribute__((flatten)) bool hot_mi_put(frozenref_mi_space *space, page *object);
page *hot_mi_make(frozenref_mi_space *space, long value);
#ifdef BY_HAND
bool hot_index_read(const table *pages, long key, frozenref_t **refs);
page *hot_index_insert(const table *pages, page *object);
#else
bool hot_index_read(const page_index *pages, long key, frozenref_t **refs);
page *hot_index_insert(const page_index *pages, page *object);
#endif
}

#ifdef CONTROL
template <class T> static T pass(T &value)
{
	return value;
}
#elif !defined(BY_HAND)
template <class T> static T &&pass(T &value)
{
	return std::move(value);
}
#endif

#ifdef BY_HAND

/* What a C program has: a reference, or an object that it owns, is a pointer that may be NULL. */
static inline page *page_try_get(page *object)
{
	return frozenref_try_get(&object->refs) ? object : nullptr;
}

static inline bool page_put(page *object)
{
	if (!object || !frozenref_put_and_lock(&object->refs))
		return false;
	end_page(object);
	return true;
}

page *hot_get(page *object)
{
	return page_try_get(object);
}

bool hot_put(page *object)
{
	return page_put(object);
}

bool hot_read(page *object, long *value)
{
	page *held = page_try_get(object);

	if (!held)
		return false;
	*value = held->value;
	page_put(held);
	return true;
}

void hot_replace(page **where, page *object)
{
	page *old = *where;

	frozenref_get(&object->refs);
	*where = object;
	page_put(old);
}

page *hot_pass_on(page *object)
{
	frozenref_get(&object->refs);
	return object;
}

page *hot_publish(page *object, long value)
{
	object->value = value;
	frozenref_unfreeze(&object->refs, 1);
	return object;
}

page *hot_win(page *object)
{
	return object && frozenref_put_and_lock(&object->refs) ? object : nullptr;
}

bool hot_cache_read(frozenref_cache *cache, const void *address, long *value)
{
	page *held = static_cast<page *>(frozenref_cache_try_get(cache, address));

	if (!held)
		return false;
	*value = held->value;
	frozenref_cache_put(cache, held);
	return true;
}

bool hot_cache_put(frozenref_cache *cache, page *object)
{
	return object && frozenref_cache_put(cache, object);
}

bool hot_slot_read(frozenref_registry *registry, uint64_t pfn, long *value)
{
	frozenref_slot *slot = frozenref_registry_try_get(registry, pfn);

	if (!slot)
		return false;
	*value = static_cast<page *>(frozenref_slot_object(slot))->value;
	frozenref_slot_put(registry, slot);
	return true;
}

bool hot_slot_take(frozenref_registry *registry, uint64_t pfn, kept *where)
{
	frozenref_slot *slot = frozenref_registry_try_get(registry, pfn);

	where->slot = slot;
	return slot != nullptr;
}

bool hot_slot_drop(kept *where)
{
	return where->slot && frozenref_slot_put(where->registry, where->slot);
}

frozenref_slot *hot_slot_publish(frozenref_registry *registry, frozenref_slot *slot)
{
	frozenref_slot_unfreeze(registry, slot, 1);
	return slot;
}

bool hot_index_read(const table *pages, long key, frozenref_t **refs)
{
	uint64_t hash = frozenref::index_traits<page>::hash(key);
	page *held = static_cast<page *>(frozenref_index_try_get(pages->index, hash, &key));

	if (!held)
		return false;
	*refs = &held->refs;
	frozenref_cache_put(pages->cache, held);
	return true;
}

page *hot_index_insert(const table *pages, page *object)
{
	long key = object->value;
	uint64_t hash = frozenref::index_traits<page>::hash(key);

	void *kept = frozenref_index_get_or_insert(pages->index, hash, &key, object);

	if (object)
		frozenref_cache_put(pages->cache, object);
	return static_cast<page *>(kept);
}

bool hot_mi_read(frozenref_mi_space *space, const void *address, long *value)
{
	page *held = static_cast<page *>(frozenref_mi_try_get(space, address));

	if (!held)
		return false;
	*value = held->value;
	frozenref_mi_put(space, held);
	return true;
}

bool hot_mi_put(frozenref_mi_space *space, page *object)
{
	return object && frozenref_mi_put(space, object);
}

page *hot_mi_make(frozenref_mi_space *space, long value)
{
	page *made = static_cast<page *>(frozenref_mi_malloc(space, sizeof(*made)));

	if (!made)
		return nullptr;
	*made = page();
	made->value = value;
	frozenref_mi_unfreeze(space, made, 1);
	return made;
}

#else

page *hot_get(page *object)
{
	return page_ref::try_get(object).release();
}

bool hot_put(page *object)
{
	return page_ref::adopt(object).reset();
}

bool hot_read(page *object, long *value)
{
	page_ref held = page_ref::try_get(object);

	if (!held)
		return false;
	page_ref moved = pass(held);
	*value = moved->value;
	return true;
}

void hot_replace(page **where, page *object)
{
	page_ref old = page_ref::adopt(*where);
	page_ref next = page_ref::retain(object);

	*where = next.release();
}

page *hot_pass_on(page *object)
{
	page_ref held = page_ref::retain(object);
	page_ref first = pass(held);
	page_ref second;

	second = pass(first);
	return second.release();
}

page *hot_publish(page *object, long value)
{
	frozenref::owner<page> made = frozenref::owner<page>::adopt(object);

	made->value = value;
	page_ref held = made.publish();
	return pass(held).release();
}

page *hot_win(page *object)
{
	return page_ref::adopt(object).put_and_lock().release();
}

bool hot_cache_read(frozenref_cache *cache, const void *address, long *value)
{
	page_cached held = page_cached::try_get(cache, address);

	if (!held)
		return false;
	page_cached moved = pass(held);
	*value = moved->value;
	return true;
}

bool hot_cache_put(frozenref_cache *cache, page *object)
{
	return page_cached::adopt(cache, object).reset();
}

bool hot_slot_read(frozenref_registry *registry, uint64_t pfn, long *value)
{
	page_slot held = page_slot::try_get(registry, pfn);

	if (!held)
		return false;
	page_slot moved = pass(held);
	*value = moved->value;
	return true;
}

bool hot_slot_take(frozenref_registry *registry, uint64_t pfn, kept *where)
{
	page_slot held = page_slot::try_get(registry, pfn);
	page_slot moved = pass(held);

	where->slot = moved.release();
	return where->slot != nullptr;
}

bool hot_slot_drop(kept *where)
{
	return page_slot::adopt(where->registry, where->slot).reset();
}

frozenref_slot *hot_slot_publish(frozenref_registry *registry, frozenref_slot *slot)
{
	frozenref::slot_claim made = frozenref::slot_claim::adopt(registry, slot);
	frozenref::slot_claim moved = std::move(made);

	moved.unfreeze();
	return slot;
}

bool hot_index_read(const page_index *pages, long key, frozenref_t **refs)
{
	page_cached held = pages->try_get(key);

	if (!held)
		return false;
	page_cached moved = pass(held);
	*refs = &moved->refs;
	return true;
}

page *hot_index_insert(const page_index *pages, page *object)
{
	page_cached mine = page_cached::adopt(pages->cache(), object);
	page_cached kept = pages->get_or_insert(mine);

	return pass(kept).release();
}

bool hot_mi_read(frozenref_mi_space *space, const void *address, long *value)
{
	page_found held = page_found::try_get(space, address);

	if (!held)
		return false;
	page_found moved = pass(held);
	*value = moved->value;
	return true;
}

bool hot_mi_put(frozenref_mi_space *space, page *object)
{
	return page_found::adopt(space, object).reset();
}

page *hot_mi_make(frozenref_mi_space *space, long value)
{
	page_made made = page_made::make(space);

	if (!made)
		return nullptr;
	made->value = value;
	page_found held = made.publish();
	return pass(held).release();
}

#endif
