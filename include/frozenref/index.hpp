/* SPDX-License-Identifier: MIT */
/*
 * An index over the objects of a cache, as a C++ value: typed keys, lookups that return a
 * cache_ref, and a range to walk.
 *
 *	cache_index<T>	owns an index; the end of its scope takes out what is in it
 *
 * Included by frozenref.hpp, which tells what all these types have in common. Relies on index.h and
 * cache.hpp.
 */
#ifndef FROZENREF_INDEX_HPP
#define FROZENREF_INDEX_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include <frozenref/cache.hpp>
#include <frozenref/index.h>

namespace frozenref
{

/*
 * By what a T is found. Not defined: a program specialises it, or names a class of its own beside
 * T, one for each index that T is in. Such a class has
 *
 *	using key_type = ...;				compared by ==
 *	static key_type key(const T &object) noexcept;	or a const key_type &; must not change while
 *							the object is referred to
 *	static uint64_t hash(const key_type &key) noexcept;
 *
 * A key may be anything that is cheap to make for a lookup: a pointer to characters and how many,
 * where the object has the characters themselves.
 */
template <class T> struct index_traits;

/*
 * An index, or none. It may be shared by reference: all but create(), release(), reset(), swap()
 * and the assignment may be called by any thread at any time. The cache must outlive it.
 */
template <class T, class Traits = index_traits<T>> class cache_index
{
      public:
	using element_type = T;
	using key_type = typename Traits::key_type;
	class iterator;

	cache_index() noexcept = default;

	cache_index(std::nullptr_t) noexcept
	{
	}

	cache_index(cache_index &&other) noexcept : cache_(other.cache_), index_(other.release())
	{
	}

	~cache_index()
	{
		reset();
	}

	cache_index &operator=(cache_index other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over an index that is the caller's. Its equal() is given a const key_type *. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER cache_index adopt(frozenref_cache *cache,
								  frozenref_index *index) noexcept
	{
		cache_index taken;

		taken.cache_ = cache;
		taken.index_ = index;
		return taken;
	}

	/*
	 * Makes an index, and answers as frozenref_index_create() does. Members of the config are
	 * the caller's, node_offset above all; equal() and its arg are not.
	 */
	FROZENREF__MUST_CHECK int create(frozenref_index_config config) noexcept
	{
		frozenref_index *index = nullptr;
		int err;

		config.equal = equal;
		config.arg = nullptr;
		err = frozenref_index_create(&index, &config);
		if (!err)
			*this = adopt(config.cache, index);
		return err;
	}

	frozenref_index *get() const noexcept
	{
		return index_;
	}

	frozenref_cache *cache() const noexcept
	{
		return cache_;
	}

	explicit operator bool() const noexcept
	{
		return index_ != nullptr;
	}

	/* Hands the index over to the caller, with all that is in it. */
	FROZENREF__MUST_CHECK frozenref_index *release() noexcept
	{
		frozenref_index *index = index_;

		index_ = nullptr;
		return index;
	}

	/*
	 * Takes out all objects, and destroys the index, after every other call has returned.
	 * False, and the index stays, if an object in it is frozen.
	 */
	bool reset() noexcept
	{
		if (!index_)
			return true;
		clear();
		if (frozenref_index_destroy(index_))
			return false;
		index_ = nullptr;
		return true;
	}

	/* From here on it must not be empty. The object with this key; or nothing. */
	FROZENREF__MUST_CHECK cache_ref<T> try_get(const key_type &key) const noexcept
	{
		return typed(frozenref_index_try_get(index_, Traits::hash(key), &key));
	}

	/* Puts the object under its key, and answers as frozenref_index_insert() does. */
	FROZENREF__MUST_CHECK int insert(const cache_ref<T> &object) const noexcept
	{
		const key_type &key = Traits::key(*object);

		return frozenref_index_insert(index_, Traits::hash(key), &key, object.get());
	}

	/* The object that has the key already, or else this one, inserted; nothing, and errno. */
	FROZENREF__MUST_CHECK cache_ref<T> get_or_insert(const cache_ref<T> &object) const noexcept
	{
		const key_type &key = Traits::key(*object);

		return typed(frozenref_index_get_or_insert(index_, Traits::hash(key), &key,
							   object.get()));
	}

	/* Takes the object out; -ENOENT if it is not in this index. */
	int erase(const cache_ref<T> &object) const noexcept
	{
		return frozenref_index_erase(index_, object.get());
	}

	/* Takes out and ends what only the index refers to, for eviction; it may be gone. */
	bool erase_if_unused(T *object) const noexcept
	{
		return frozenref_index_erase_if_unused(index_, object);
	}

	/* Takes out each object that is there all the while and is not frozen. */
	void clear() const noexcept
	{
		for (const cache_ref<T> &object : *this)
			erase(object);
	}

	/* A walk, as by frozenref_index_next(). */
	iterator begin() const noexcept
	{
		return iterator(cache_, index_);
	}

	iterator end() const noexcept
	{
		return iterator();
	}

	struct frozenref_index_stats stats() const noexcept
	{
		struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;

		frozenref_index_stats(index_, &stats);
		return stats;
	}

	void swap(cache_index &other) noexcept
	{
		std::swap(cache_, other.cache_);
		std::swap(index_, other.index_);
	}

      private:
	cache_ref<T> typed(void *object) const noexcept
	{
		return cache_ref<T>::adopt(cache_, static_cast<T *>(object));
	}

	static bool equal(const void *object, const void *key, void *) noexcept
	{
		return Traits::key(*static_cast<const T *>(object)) ==
		       *static_cast<const key_type *>(key);
	}

	frozenref_cache *cache_ = nullptr;
	frozenref_index *index_ = nullptr;
};

/* What a walk has come to, with a reference. */
template <class T, class Traits> class cache_index<T, Traits>::iterator
{
      public:
	using iterator_category = std::input_iterator_tag;
	using value_type = cache_ref<T>;
	using difference_type = std::ptrdiff_t;
	using pointer = const cache_ref<T> *;
	using reference = const cache_ref<T> &;

	iterator() noexcept = default;

	iterator(frozenref_cache *cache, frozenref_index *index) noexcept
	    : cache_(cache), index_(index)
	{
		++*this;
	}

	reference operator*() const noexcept
	{
		return object_;
	}

	pointer operator->() const noexcept
	{
		return &object_;
	}

	iterator &operator++() noexcept
	{
		void *next = frozenref_index_next(index_, &cursor_);

		object_ = cache_ref<T>::adopt(cache_, static_cast<T *>(next));
		return *this;
	}

	iterator operator++(int) noexcept
	{
		iterator before = *this;

		++*this;
		return before;
	}

	bool operator==(const iterator &other) const noexcept
	{
		return object_ == other.object_;
	}

	bool operator!=(const iterator &other) const noexcept
	{
		return object_ != other.object_;
	}

      private:
	frozenref_cache *cache_ = nullptr;
	frozenref_index *index_ = nullptr;
	uint64_t cursor_ = 0;
	cache_ref<T> object_;
};

} /* namespace frozenref */

#endif /* FROZENREF_INDEX_HPP */
