/* SPDX-License-Identifier: MIT */
/*
 * References on objects of a cache, as C++ values: the end of their scope drops them.
 *
 *	cache_ref<T>	a reference on a live object
 *	cache_claim<T>	an object that was allocated, and is not published yet
 *	cache_owner<T>	an object that was live and has been frozen
 *	cache_handle<T>	a weak reference: names one lifetime of an object without holding it
 *
 * The constructor of T is not run, nor its destructor: the cache's ctor() and dtor() do that, once
 * for many lifetimes. Included by frozenref.hpp, which tells what all these types have in common.
 * Relies on cache.h alone.
 */
#ifndef FROZENREF_CACHE_HPP
#define FROZENREF_CACHE_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <frozenref/cache.h>

namespace frozenref
{

template <class T> class cache_handle;
template <class T, bool Allocated> class basic_cache_owner;

/* What all that stand for an object in a cache have in common; programs use those that derive. */
template <class T> class cache_pointer
{
      public:
	using element_type = T;

	frozenref_cache *cache() const noexcept
	{
		return cache_;
	}

	T *get() const noexcept
	{
		return object_;
	}

	T *operator->() const noexcept
	{
		return object_;
	}

	T &operator*() const noexcept
	{
		return *object_;
	}

	explicit operator bool() const noexcept
	{
		return object_ != nullptr;
	}

	/* Hands over to the caller what this one stands for: to adopt(), or to end by hand. */
	FROZENREF__MUST_CHECK T *release() noexcept
	{
		T *object = object_;

		object_ = nullptr;
		return object;
	}

	/* It must not be empty. */
	cache_handle<T> handle() const noexcept
	{
		return cache_handle<T>(cache_, frozenref_cache_handle(cache_, object_));
	}

      protected:
	cache_pointer() noexcept = default;
	cache_pointer(frozenref_cache *cache, T *object) noexcept : cache_(cache), object_(object)
	{
	}
	~cache_pointer() = default;

	frozenref_t *counter(T *object) const noexcept
	{
		return reinterpret_cast<frozenref_t *>(reinterpret_cast<uintptr_t>(object) +
						       cache_->ref_offset);
	}

	void exchange(cache_pointer &other) noexcept
	{
		std::swap(cache_, other.cache_);
		std::swap(object_, other.object_);
	}

	frozenref_cache *cache_ = nullptr;
	T *object_ = nullptr;
};

/* One reference on an object of a cache, or none. The cache must outlive it. */
template <class T> class cache_ref : public cache_pointer<T>
{
	using cache_pointer<T>::cache_;
	using cache_pointer<T>::object_;

      public:
	cache_ref() noexcept = default;

	cache_ref(std::nullptr_t) noexcept
	{
	}

	FROZENREF__MEMBER cache_ref(const cache_ref &other) noexcept
	    : cache_pointer<T>(other.cache_, other.object_)
	{
		if (object_)
			frozenref_get(this->counter(object_));
	}

	cache_ref(cache_ref &&other) noexcept : cache_pointer<T>(other.cache_, other.release())
	{
	}

	FROZENREF__MEMBER ~cache_ref()
	{
		reset();
	}

	FROZENREF__MEMBER cache_ref &operator=(cache_ref other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a reference that the caller holds. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER cache_ref adopt(frozenref_cache *cache,
								T *object) noexcept
	{
		return cache_ref(cache, object);
	}

	/* The object that encloses the address, whatever was there before; or nothing. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER cache_ref try_get(frozenref_cache *cache,
								  const void *address) noexcept
	{
		return cache_ref(cache, static_cast<T *>(frozenref_cache_try_get(cache, address)));
	}

	/* A walk: the next live object behind the address, the first behind nullptr; or nothing. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER cache_ref next(frozenref_cache *cache,
							       const void *after) noexcept
	{
		return cache_ref(cache, static_cast<T *>(frozenref_cache_next(cache, after)));
	}

	/* Drops the reference now. True: it was the last one, and the object has been ended. */
	FROZENREF__MEMBER bool reset() noexcept
	{
		T *object = this->release();

		return object && frozenref_cache_put(cache_, object);
	}

	/*
	 * Freezes an object that has `expected` references, this one and others that are the
	 * caller's to give. Without success this one stays as it was.
	 */
	FROZENREF__MUST_CHECK basic_cache_owner<T, false> freeze(uint32_t expected = 1) noexcept
	{
		if (!frozenref_cache_freeze(cache_, object_, expected))
			return basic_cache_owner<T, false>();
		return basic_cache_owner<T, false>::adopt(cache_, this->release());
	}

	/* A snapshot; it must not be empty. */
	uint32_t count() const noexcept
	{
		return frozenref_count(this->counter(object_));
	}

	void swap(cache_ref &other) noexcept
	{
		this->exchange(other);
	}

      private:
	cache_ref(frozenref_cache *cache, T *object) noexcept : cache_pointer<T>(cache, object)
	{
	}
};

/*
 * A frozen object of a cache and the right to change it, or nothing. One that is not published by
 * the end of the scope goes back to the cache: without release() if it was Allocated, and else as
 * after its last put.
 */
template <class T, bool Allocated> class basic_cache_owner : public cache_pointer<T>
{
	using cache_pointer<T>::cache_;
	using cache_pointer<T>::object_;

      public:
	basic_cache_owner() noexcept = default;

	basic_cache_owner(std::nullptr_t) noexcept
	{
	}

	basic_cache_owner(basic_cache_owner &&other) noexcept
	    : cache_pointer<T>(other.cache_, other.release())
	{
	}

	~basic_cache_owner()
	{
		reset();
	}

	basic_cache_owner &operator=(basic_cache_owner other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a frozen object that is the caller's. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_cache_owner adopt(frozenref_cache *cache,
									T *object) noexcept
	{
		basic_cache_owner taken;

		taken.cache_ = cache;
		taken.object_ = object;
		return taken;
	}

	/* A frozen object from the cache; nothing, and errno ENOMEM, if there is none. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_cache_owner
	alloc(frozenref_cache *cache) noexcept
	{
		static_assert(Allocated, "a cache_claim allocates");
		return adopt(cache, static_cast<T *>(frozenref_cache_alloc(cache)));
	}

	/*
	 * Makes the object live with one reference, which is returned, and with as many others as
	 * the caller has handed out beforehand.
	 */
	FROZENREF__MUST_CHECK cache_ref<T> publish(uint32_t others = 0) noexcept
	{
		T *object = this->release();

		frozenref_unfreeze(this->counter(object), 1 + others);
		return cache_ref<T>::adopt(cache_, object);
	}

	/* Gives the object back now. */
	void reset() noexcept
	{
		if (!object_)
			return;
		if (Allocated)
			frozenref_cache_free(cache_, this->release());
		else
			publish().reset();
	}

	void swap(basic_cache_owner &other) noexcept
	{
		this->exchange(other);
	}
};

template <class T> using cache_claim = basic_cache_owner<T, true>;
template <class T> using cache_owner = basic_cache_owner<T, false>;

/*
 * Names one lifetime of an object, and never a later one at the same address. An empty one names
 * none.
 */
template <class T> class cache_handle
{
      public:
	cache_handle() noexcept = default;

	cache_handle(frozenref_cache *cache, frozenref_handle handle) noexcept
	    : cache_(cache), handle_(handle)
	{
	}

	/* A reference on that object; nothing if its life is over, or it is frozen. */
	FROZENREF__MUST_CHECK cache_ref<T> try_get() const noexcept
	{
		void *object = cache_ ? frozenref_cache_try_get_handle(cache_, handle_) : nullptr;

		return cache_ref<T>::adopt(cache_, static_cast<T *>(object));
	}

	/* Also false for what frozenref_cache_handle() had no memory for. */
	explicit operator bool() const noexcept
	{
		return handle_.generation != 0 || handle_.pfn != 0;
	}

	frozenref_cache *cache() const noexcept
	{
		return cache_;
	}

	frozenref_handle get() const noexcept
	{
		return handle_;
	}

      private:
	frozenref_cache *cache_ = nullptr;
	frozenref_handle handle_ = {};
};

template <class T> bool operator==(const cache_pointer<T> &a, const cache_pointer<T> &b) noexcept
{
	return a.get() == b.get();
}

template <class T> bool operator!=(const cache_pointer<T> &a, const cache_pointer<T> &b) noexcept
{
	return a.get() != b.get();
}

template <class T> bool operator==(const cache_handle<T> &a, const cache_handle<T> &b) noexcept
{
	return a.cache() == b.cache() && a.get().pfn == b.get().pfn &&
	       a.get().generation == b.get().generation;
}

template <class T> bool operator!=(const cache_handle<T> &a, const cache_handle<T> &b) noexcept
{
	return !(a == b);
}

} /* namespace frozenref */

#endif /* FROZENREF_CACHE_HPP */
