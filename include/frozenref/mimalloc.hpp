/* SPDX-License-Identifier: MIT */
/*
 * Objects that mimalloc allocates and any address finds, as C++ values: the end of their scope
 * drops references on them.
 *
 *	mi_space	owns a space
 *	mi_ref<T>	a reference on a live object
 *	mi_claim<T>	an object that was made, and is not published yet
 *	mi_owner<T>	an object that was live and has been frozen
 *
 * For programs that link libfrozenref-mimalloc; frozenref.hpp, which does not include this, tells
 * what all these types have in common. Relies on mimalloc.h alone.
 */
#ifndef FROZENREF_MIMALLOC_HPP
#define FROZENREF_MIMALLOC_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include <frozenref/mimalloc.h>

namespace frozenref
{

template <class T, bool Made> class basic_mi_owner;

/*
 * A space, or none. It may be shared by reference: all but create(), release(), reset(), swap() and
 * the assignment may be called by any thread, as mimalloc.h says of their functions.
 */
class mi_space
{
      public:
	mi_space() noexcept = default;

	mi_space(std::nullptr_t) noexcept
	{
	}

	mi_space(mi_space &&other) noexcept : space_(other.release())
	{
	}

	~mi_space()
	{
		reset();
	}

	mi_space &operator=(mi_space other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a space that is the caller's. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER mi_space adopt(frozenref_mi_space *space) noexcept
	{
		mi_space taken;

		taken.space_ = space;
		return taken;
	}

	/*
	 * Makes a space, and answers as frozenref_mi_space_create() does. Its release() is for all
	 * objects in it: mi_destroy<T> where all are T.
	 */
	FROZENREF__MUST_CHECK int create(const frozenref_mi_space_config &config) noexcept
	{
		frozenref_mi_space *space = nullptr;
		int err = frozenref_mi_space_create(&space, &config);

		if (!err)
			*this = adopt(space);
		return err;
	}

	/* What the types below ask for. */
	frozenref_mi_space *get() const noexcept
	{
		return space_;
	}

	explicit operator bool() const noexcept
	{
		return space_ != nullptr;
	}

	/* Hands the space over to the caller, with all that is in it. */
	FROZENREF__MUST_CHECK frozenref_mi_space *release() noexcept
	{
		frozenref_mi_space *space = space_;

		space_ = nullptr;
		return space;
	}

	/*
	 * Drains the space and destroys it, after every other call has returned. False, and it
	 * stays, while an object exists.
	 */
	bool reset() noexcept
	{
		if (!space_)
			return true;
		if (frozenref_mi_space_destroy(space_))
			return false;
		space_ = nullptr;
		return true;
	}

	/* From here on it must not be empty. */
	std::size_t drain() const noexcept
	{
		return frozenref_mi_drain(space_);
	}

	std::size_t trim() const noexcept
	{
		return frozenref_mi_trim(space_);
	}

	void swap(mi_space &other) noexcept
	{
		std::swap(space_, other.space_);
	}

      private:
	frozenref_mi_space *space_ = nullptr;
};

/* The release() of a space whose objects are all T. */
template <class T> void mi_destroy(void *object, void *) noexcept
{
	static_cast<T *>(object)->~T();
}

/* What all that stand for an object in a space have in common; programs use those that derive. */
template <class T> class mi_pointer
{
      public:
	using element_type = T;

	frozenref_mi_space *space() const noexcept
	{
		return space_;
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

      protected:
	mi_pointer() noexcept = default;
	mi_pointer(frozenref_mi_space *space, T *object) noexcept : space_(space), object_(object)
	{
	}
	~mi_pointer() = default;

	void exchange(mi_pointer &other) noexcept
	{
		std::swap(space_, other.space_);
		std::swap(object_, other.object_);
	}

	frozenref_mi_space *space_ = nullptr;
	T *object_ = nullptr;
};

/* One reference on an object of a space, or none. The space must outlive it. */
template <class T> class mi_ref : public mi_pointer<T>
{
	using mi_pointer<T>::space_;
	using mi_pointer<T>::object_;

      public:
	mi_ref() noexcept = default;

	mi_ref(std::nullptr_t) noexcept
	{
	}

	FROZENREF__MEMBER mi_ref(const mi_ref &other) noexcept
	    : mi_pointer<T>(other.space_, other.object_)
	{
		if (object_)
			frozenref_mi_get(space_, object_);
	}

	mi_ref(mi_ref &&other) noexcept : mi_pointer<T>(other.space_, other.release())
	{
	}

	FROZENREF__MEMBER ~mi_ref()
	{
		reset();
	}

	FROZENREF__MEMBER mi_ref &operator=(mi_ref other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a reference that the caller holds. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER mi_ref adopt(frozenref_mi_space *space,
							     T *object) noexcept
	{
		return mi_ref(space, object);
	}

	/*
	 * The object that the address lies in, whatever was there before; or nothing. That it is a
	 * T is for the caller to know.
	 */
	FROZENREF__MUST_CHECK FROZENREF__HELPER mi_ref try_get(frozenref_mi_space *space,
							       const void *address) noexcept
	{
		return mi_ref(space, static_cast<T *>(frozenref_mi_try_get(space, address)));
	}

	/* Drops the reference now. True: it was the last one, and the object has been ended. */
	FROZENREF__MEMBER bool reset() noexcept
	{
		T *object = this->release();

		return object && frozenref_mi_put(space_, object);
	}

	/*
	 * Freezes an object that has `expected` references, this one and others that are the
	 * caller's to give. Without success this one stays as it was.
	 */
	FROZENREF__MUST_CHECK basic_mi_owner<T, false> freeze(uint32_t expected = 1) noexcept
	{
		if (!frozenref_mi_freeze(space_, object_, expected))
			return basic_mi_owner<T, false>();
		return basic_mi_owner<T, false>::adopt(space_, this->release());
	}

	/* A snapshot; it must not be empty. */
	uint32_t count() const noexcept
	{
		return frozenref_mi_count(space_, object_);
	}

	void swap(mi_ref &other) noexcept
	{
		this->exchange(other);
	}

      private:
	mi_ref(frozenref_mi_space *space, T *object) noexcept : mi_pointer<T>(space, object)
	{
	}
};

/*
 * A frozen object of a space and the right to change it, or nothing. One that is not published by
 * the end of the scope is ended: by ~T() and without release() if it was Made, and else as after
 * its last put.
 */
template <class T, bool Made> class basic_mi_owner : public mi_pointer<T>
{
	using mi_pointer<T>::space_;
	using mi_pointer<T>::object_;

      public:
	basic_mi_owner() noexcept = default;

	basic_mi_owner(std::nullptr_t) noexcept
	{
	}

	basic_mi_owner(basic_mi_owner &&other) noexcept
	    : mi_pointer<T>(other.space_, other.release())
	{
	}

	~basic_mi_owner()
	{
		reset();
	}

	basic_mi_owner &operator=(basic_mi_owner other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a frozen object that is the caller's. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_mi_owner adopt(frozenref_mi_space *space,
								     T *object) noexcept
	{
		basic_mi_owner taken;

		taken.space_ = space;
		taken.object_ = object;
		return taken;
	}

	/* A frozen T(arguments...); nothing, and errno ENOMEM, if there is no memory. */
	template <class... Arguments>
	FROZENREF__MUST_CHECK static basic_mi_owner
	make(frozenref_mi_space *space, Arguments &&...arguments) noexcept(
		std::is_nothrow_constructible<T, Arguments...>::value)
	{
		return make_with(space, 0, std::forward<Arguments>(arguments)...);
	}

	/* The same with so many bytes behind the T, for what belongs to it and is of any length. */
	template <class... Arguments>
	FROZENREF__MUST_CHECK static basic_mi_owner
	make_with(frozenref_mi_space *space, std::size_t bytes, Arguments &&...arguments) noexcept(
		std::is_nothrow_constructible<T, Arguments...>::value)
	{
		static_assert(Made, "a mi_claim makes objects");
		memory raw(space, bytes);

		if (!raw.address)
			return basic_mi_owner();
		T *object = ::new (raw.address) T(std::forward<Arguments>(arguments)...);
		raw.address = nullptr;
		return adopt(space, object);
	}

	/*
	 * Makes the object live with one reference, which is returned, and with as many others as
	 * the caller has handed out beforehand.
	 */
	FROZENREF__MUST_CHECK mi_ref<T> publish(uint32_t others = 0) noexcept
	{
		T *object = this->release();

		frozenref_mi_unfreeze(space_, object, 1 + others);
		return mi_ref<T>::adopt(space_, object);
	}

	/* Ends the object now. */
	void reset() noexcept
	{
		if (!object_)
			return;
		if (Made) {
			object_->~T();
			frozenref_mi_free(space_, this->release());
		} else {
			publish().reset();
		}
	}

	void swap(basic_mi_owner &other) noexcept
	{
		this->exchange(other);
	}

      private:
	/* What the constructor of T has not made a T of, should it throw. */
	struct memory {
		memory(frozenref_mi_space *in, std::size_t behind) noexcept : space(in)
		{
			/* Every granule will do for what malloc() would align, and is cheaper. */
			if (alignof(T) <= alignof(std::max_align_t))
				address = frozenref_mi_malloc(space, sizeof(T) + behind);
			else
				address = frozenref_mi_malloc_aligned(space, sizeof(T) + behind,
								      alignof(T));
		}
		~memory()
		{
			if (address)
				frozenref_mi_free(space, address);
		}
		memory(const memory &) = delete;
		memory &operator=(const memory &) = delete;

		frozenref_mi_space *space;
		void *address;
	};
};

template <class T> using mi_claim = basic_mi_owner<T, true>;
template <class T> using mi_owner = basic_mi_owner<T, false>;

template <class T> bool operator==(const mi_pointer<T> &a, const mi_pointer<T> &b) noexcept
{
	return a.get() == b.get();
}

template <class T> bool operator!=(const mi_pointer<T> &a, const mi_pointer<T> &b) noexcept
{
	return a.get() != b.get();
}

} /* namespace frozenref */

#endif /* FROZENREF_MIMALLOC_HPP */
