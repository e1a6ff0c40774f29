/* SPDX-License-Identifier: MIT */
/*
 * References on objects that have a counter inside, as C++ values: the end of their scope drops
 * them.
 *
 *	ref<T>		a reference on a live object
 *	owner<T>	an object while it is frozen: exactly one owner, no references
 *
 * Included by frozenref.hpp, which tells what all these types have in common. Relies on ref.h
 * alone.
 */
#ifndef FROZENREF_REF_HPP
#define FROZENREF_REF_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <frozenref/ref.h>

namespace frozenref
{

/* How references are dropped: a traits class inherits one of these. */
struct put_plainly {
	FROZENREF__HELPER bool put(frozenref_t *counter) noexcept
	{
		return frozenref_put_and_lock(counter);
	}
};

/* For objects that mostly have one holder: frozenref_put_and_lock_likely_last(). */
struct put_likely_last {
	FROZENREF__HELPER bool put(frozenref_t *counter) noexcept
	{
		return frozenref_put_and_lock_likely_last(counter);
	}
};

/* For objects that are freed after a grace period: frozenref_put_and_lock_rcu(). */
struct put_rcu {
	FROZENREF__HELPER bool put(frozenref_t *counter) noexcept
	{
		return frozenref_put_and_lock_rcu(counter);
	}
};

/*
 * Where the counter of a T is, and what becomes of a T that nobody refers to any more. Not defined:
 * a program specialises it, or names a class of its own beside T. Such a class has
 *
 *	static frozenref_t *counter(T *object) noexcept;
 *	static void end(T *object) noexcept;		run by the last put, whose caller owns the
 *							object, frozen
 *	static bool put(frozenref_t *counter) noexcept;	from one of the classes above
 */
template <class T> struct traits;

/* The usual traits: the counter is a member of T, and a function ends a T. */
template <class T, frozenref_t T::*Counter, void (*End)(T *), class Put = put_plainly>
struct member_traits : Put {
	static frozenref_t *counter(T *object) noexcept
	{
		return &(object->*Counter);
	}

	static void end(T *object) noexcept
	{
		End(object);
	}
};

/* What both have in common; programs use those that derive from it. */
template <class T> class object_pointer
{
      public:
	using element_type = T;

	/* Hands over to the caller what this one stands for: to adopt(), or to end by hand. */
	FROZENREF__MUST_CHECK T *release() noexcept
	{
		T *object = object_;

		object_ = nullptr;
		return object;
	}

	T *get() const noexcept
	{
		return object_;
	}

	T &operator*() const noexcept
	{
		return *object_;
	}

	T *operator->() const noexcept
	{
		return object_;
	}

	explicit operator bool() const noexcept
	{
		return object_ != nullptr;
	}

      protected:
	object_pointer() noexcept = default;
	explicit object_pointer(T *object) noexcept : object_(object)
	{
	}
	~object_pointer() = default;

	T *object_ = nullptr;
};

template <class T, class Traits> class owner;

/*
 * One reference on a T, or none. Memory that held a T must stay a T, or zero, while any thread may
 * try_get() it; ref.h says what else will do.
 */
template <class T, class Traits = traits<typename std::remove_const<T>::type>>
class ref : public object_pointer<T>
{
	using object_pointer<T>::object_;
	using object_type = typename std::remove_const<T>::type;
	using owner_type = owner<object_type, Traits>;

      public:
	ref() noexcept = default;

	ref(std::nullptr_t) noexcept
	{
	}

	FROZENREF__MEMBER ref(const ref &other) noexcept : object_pointer<T>(other.object_)
	{
		if (object_)
			frozenref_get(counter(object_));
	}

	ref(ref &&other) noexcept : object_pointer<T>(other.release())
	{
	}

	/* From a ref<U>, if a U * is a T * and one traits class is good for both. */
	template <class U,
		  class = typename std::enable_if<!std::is_same<U, T>::value &&
						  std::is_convertible<U *, T *>::value>::type>
	ref(ref<U, Traits> other) noexcept : object_pointer<T>(other.release())
	{
	}

	FROZENREF__MEMBER ~ref()
	{
		reset();
	}

	FROZENREF__MEMBER ref &operator=(ref other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a reference that the caller holds. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER ref adopt(T *object) noexcept
	{
		return ref(object);
	}

	/* One more reference, for a caller who holds one. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER ref retain(T *object) noexcept
	{
		frozenref_get(counter(object));
		return ref(object);
	}

	/* A reference if the object is live, and nothing if it is frozen; it must not be null. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER ref try_get(T *object) noexcept
	{
		return ref(frozenref_try_get(counter(object)) ? object : nullptr);
	}

	/* Drops the reference now. True: it was the last one, and the object has been ended. */
	FROZENREF__MEMBER bool reset() noexcept
	{
		T *object = this->release();

		if (!object || !Traits::put(counter(object)))
			return false;
		Traits::end(const_cast<object_type *>(object));
		return true;
	}

	/* Drops the reference; the owner, if it was the last one, has what the others left. */
	FROZENREF__MUST_CHECK FROZENREF__MEMBER owner_type put_and_lock() noexcept
	{
		T *object = this->release();

		if (!object || !Traits::put(counter(object)))
			object = nullptr;
		return owner_type::adopt(const_cast<object_type *>(object));
	}

	/*
	 * Freezes an object that has `expected` references, this one and others that are the
	 * caller's to give. Without success this reference stays as it was.
	 */
	FROZENREF__MUST_CHECK owner_type freeze(uint32_t expected = 1) noexcept
	{
		if (!frozenref_freeze(counter(object_), expected))
			return owner_type();
		return owner_type::adopt(const_cast<object_type *>(this->release()));
	}

	/* A snapshot; the reference must not be empty. */
	uint32_t count() const noexcept
	{
		return frozenref_count(counter(object_));
	}

	void swap(ref &other) noexcept
	{
		std::swap(object_, other.object_);
	}

      private:
	explicit ref(T *object) noexcept : object_pointer<T>(object)
	{
	}

	static frozenref_t *counter(T *object) noexcept
	{
		return Traits::counter(const_cast<object_type *>(object));
	}
};

/*
 * A frozen T and the right to change it, or nothing. What is not published by the end of the scope
 * is ended.
 */
template <class T, class Traits = traits<T>> class owner : public object_pointer<T>
{
	using object_pointer<T>::object_;

      public:
	owner() noexcept = default;

	owner(std::nullptr_t) noexcept
	{
	}

	owner(owner &&other) noexcept : object_pointer<T>(other.release())
	{
	}

	~owner()
	{
		reset();
	}

	owner &operator=(owner other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a frozen object that is the caller's, such as one that was just made. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER owner adopt(T *object) noexcept
	{
		owner taken;

		taken.object_ = object;
		return taken;
	}

	/*
	 * Makes the object live with one reference, which is returned, and with as many others as
	 * the caller has handed out beforehand, to a table for example.
	 */
	FROZENREF__MUST_CHECK ref<T, Traits> publish(uint32_t others = 0) noexcept
	{
		T *object = this->release();

		frozenref_unfreeze(Traits::counter(object), 1 + others);
		return ref<T, Traits>::adopt(object);
	}

	/* Ends the object now. */
	void reset() noexcept
	{
		T *object = this->release();

		if (object)
			Traits::end(object);
	}

	void swap(owner &other) noexcept
	{
		std::swap(object_, other.object_);
	}
};

template <class T, class U, class Traits>
bool operator==(const ref<T, Traits> &a, const ref<U, Traits> &b) noexcept
{
	return a.get() == b.get();
}

template <class T, class U, class Traits>
bool operator!=(const ref<T, Traits> &a, const ref<U, Traits> &b) noexcept
{
	return a.get() != b.get();
}

} /* namespace frozenref */

#endif /* FROZENREF_REF_HPP */
