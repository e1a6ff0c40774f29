/* SPDX-License-Identifier: MIT */
/*
 * References on objects of a registry, as C++ values: the end of their scope drops them.
 *
 *	slot_ref	a reference on a live object
 *	slot_claim	an object that was inserted frozen, and is not published yet
 *	slot_owner	an object that was live and has been frozen
 *	slot_handle	a weak reference: names an object without holding it
 *
 * These know objects as void *; basic_slot_ref<T> and its siblings as T *. Included by
 * frozenref.hpp, which tells what all these types have in common. Relies on registry.h alone.
 */
#ifndef FROZENREF_REGISTRY_HPP
#define FROZENREF_REGISTRY_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <frozenref/registry.h>

namespace frozenref
{

template <class T> class basic_slot_handle;
template <class T, bool Inserted> class basic_slot_owner;

/* What all that stand for a slot have in common; programs use those that derive from it. */
template <class T> class slot_pointer
{
      public:
	using element_type = T;

	frozenref_registry *registry() const noexcept
	{
		return registry_;
	}

	frozenref_slot *slot() const noexcept
	{
		return slot_;
	}

	explicit operator bool() const noexcept
	{
		return slot_ != nullptr;
	}

	T *get() const noexcept
	{
		return slot_ ? object() : nullptr;
	}

	/* From here on it must not be empty. */
	T *operator->() const noexcept
	{
		return object();
	}

	typename std::add_lvalue_reference<T>::type operator*() const noexcept
	{
		return *object();
	}

	uint64_t pfn() const noexcept
	{
		return frozenref_slot_pfn(registry_, slot_);
	}

	uint64_t npages() const noexcept
	{
		return frozenref_slot_npages(registry_, slot_);
	}

	bool is_erased() const noexcept
	{
		return frozenref_slot_is_erased(slot_);
	}

	uint32_t *user() const noexcept
	{
		return frozenref_slot_user(slot_);
	}

	basic_slot_handle<T> handle() const noexcept
	{
		return basic_slot_handle<T>(registry_, frozenref_slot_handle(registry_, slot_));
	}

      protected:
	slot_pointer() noexcept = default;
	slot_pointer(frozenref_registry *registry, frozenref_slot *slot) noexcept
	    : registry_(registry), slot_(slot)
	{
	}
	~slot_pointer() = default;

	T *object() const noexcept
	{
		return static_cast<T *>(frozenref_slot_object(slot_));
	}

	frozenref_slot *take() noexcept
	{
		frozenref_slot *slot = slot_;

		slot_ = nullptr;
		return slot;
	}

	void exchange(slot_pointer &other) noexcept
	{
		std::swap(registry_, other.registry_);
		std::swap(slot_, other.slot_);
	}

	frozenref_registry *registry_ = nullptr;
	frozenref_slot *slot_ = nullptr;
};

/* One reference on an object of a registry, or none. The registry must outlive it. */
template <class T> class basic_slot_ref : public slot_pointer<T>
{
	using slot_pointer<T>::registry_;
	using slot_pointer<T>::slot_;

      public:
	basic_slot_ref() noexcept = default;

	basic_slot_ref(std::nullptr_t) noexcept
	{
	}

	FROZENREF__MEMBER basic_slot_ref(const basic_slot_ref &other) noexcept
	    : slot_pointer<T>(other.registry_, other.slot_)
	{
		if (slot_)
			frozenref_slot_get(registry_, slot_);
	}

	basic_slot_ref(basic_slot_ref &&other) noexcept
	    : slot_pointer<T>(other.registry_, other.take())
	{
	}

	/* Any is a slot_ref, and any may promise not to change its object. */
	template <class U, class = typename std::enable_if<!std::is_same<U, T>::value &&
							   (std::is_void<T>::value ||
							    std::is_same<const U, T>::value)>::type>
	basic_slot_ref(basic_slot_ref<U> other) noexcept
	    : slot_pointer<T>(other.registry(), other.release())
	{
	}

	FROZENREF__MEMBER ~basic_slot_ref()
	{
		reset();
	}

	FROZENREF__MEMBER basic_slot_ref &operator=(basic_slot_ref other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a reference that the caller holds. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_slot_ref adopt(frozenref_registry *registry,
								     frozenref_slot *slot) noexcept
	{
		return basic_slot_ref(registry, slot);
	}

	/* The object that covers the pfn, or nothing. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_slot_ref try_get(frozenref_registry *registry,
								       uint64_t pfn) noexcept
	{
		return basic_slot_ref(registry, frozenref_registry_try_get(registry, pfn));
	}

	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_slot_ref
	try_get_addr(frozenref_registry *registry, const void *address) noexcept
	{
		return basic_slot_ref(registry, frozenref_registry_try_get_addr(registry, address));
	}

	/* A walk: the next live object in pfn .. last, or nothing; pfn moves past it. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_slot_ref next(frozenref_registry *registry,
								    uint64_t &pfn,
								    uint64_t last) noexcept
	{
		return basic_slot_ref(registry, frozenref_registry_next(registry, &pfn, last));
	}

	/* Hands the reference over to the caller, who must adopt() or put it. */
	FROZENREF__MUST_CHECK frozenref_slot *release() noexcept
	{
		return this->take();
	}

	/* Drops the reference now. True: it was the last one, and this call ran release(). */
	FROZENREF__MEMBER bool reset() noexcept
	{
		frozenref_slot *slot = this->take();

		return slot && frozenref_slot_put(registry_, slot);
	}

	/* The same, and how many references this very put left. It must not be empty. */
	FROZENREF__MEMBER bool reset(uint32_t &left) noexcept
	{
		return frozenref_slot_put_left(registry_, this->take(), &left);
	}

	/*
	 * Freezes an object that has `expected` references: the registry's own, this one, and
	 * others that are the caller's to give. Without success this one stays as it was.
	 */
	FROZENREF__MUST_CHECK basic_slot_owner<T, false> freeze(uint32_t expected = 2) noexcept
	{
		if (!frozenref_slot_freeze(registry_, slot_, expected))
			return basic_slot_owner<T, false>();
		return basic_slot_owner<T, false>::adopt(registry_, this->take());
	}

	/* Puts another object in its place; see frozenref_slot_replace(). */
	FROZENREF__MUST_CHECK int replace(T *object, T *&old_object, uint32_t expected = 2) noexcept
	{
		void *old = nullptr;
		int err = frozenref_slot_replace(registry_, slot_, expected, object, &old);

		if (!err)
			old_object = static_cast<T *>(old);
		return err;
	}

	/* A snapshot, the registry's own included; it must not be empty. */
	uint32_t count() const noexcept
	{
		return frozenref_slot_count(slot_);
	}

	void swap(basic_slot_ref &other) noexcept
	{
		this->exchange(other);
	}

      private:
	basic_slot_ref(frozenref_registry *registry, frozenref_slot *slot) noexcept
	    : slot_pointer<T>(registry, slot)
	{
	}
};

/*
 * A frozen object of a registry and the right to change it, or nothing. What is not settled by the
 * end of the scope is undone: an object that was Inserted leaves the registry without release(),
 * and stays whose it was before; one that was frozen is live again, with the registry's own
 * reference.
 */
template <class T, bool Inserted> class basic_slot_owner : public slot_pointer<T>
{
	using slot_pointer<T>::registry_;
	using slot_pointer<T>::slot_;

      public:
	basic_slot_owner() noexcept = default;

	basic_slot_owner(std::nullptr_t) noexcept
	{
	}

	basic_slot_owner(basic_slot_owner &&other) noexcept
	    : slot_pointer<T>(other.registry_, other.take())
	{
	}

	~basic_slot_owner()
	{
		reset();
	}

	basic_slot_owner &operator=(basic_slot_owner other) noexcept
	{
		swap(other);
		return *this;
	}

	/* Takes over a frozen slot that is the caller's. */
	FROZENREF__MUST_CHECK FROZENREF__HELPER basic_slot_owner
	adopt(frozenref_registry *registry, frozenref_slot *slot) noexcept
	{
		basic_slot_owner taken;

		taken.registry_ = registry;
		taken.slot_ = slot;
		return taken;
	}

	/* Takes pfns for an object, and answers as frozenref_registry_insert_frozen() does. */
	FROZENREF__MUST_CHECK int insert_frozen(frozenref_registry *registry, uint64_t pfn,
						uint64_t npages, T *object) noexcept
	{
		static_assert(Inserted, "a slot_claim inserts");
		frozenref_slot *slot = nullptr;
		int err = frozenref_registry_insert_frozen(registry, pfn, npages, object, &slot);

		if (!err)
			*this = adopt(registry, slot);
		return err;
	}

	/* The lowest free ones in first .. last: frozenref_registry_alloc_frozen(). */
	FROZENREF__MUST_CHECK int alloc_frozen(frozenref_registry *registry, uint64_t first,
					       uint64_t last, uint64_t npages, T *object) noexcept
	{
		static_assert(Inserted, "a slot_claim inserts");
		frozenref_slot *slot = nullptr;
		int err = frozenref_registry_alloc_frozen(registry, first, last, npages, object,
							  &slot);

		if (!err)
			*this = adopt(registry, slot);
		return err;
	}

	/* Another object in its place. */
	void set_object(T *object) noexcept
	{
		frozenref_slot_set_object(registry_, slot_, object);
	}

	/*
	 * Makes the object live with the registry's own reference, one that is returned, and as
	 * many others as the caller has handed out beforehand.
	 */
	FROZENREF__MUST_CHECK basic_slot_ref<T> publish(uint32_t others = 0) noexcept
	{
		frozenref_slot *slot = this->take();

		frozenref_slot_unfreeze(registry_, slot, 2 + others);
		return basic_slot_ref<T>::adopt(registry_, slot);
	}

	/* The same without one that is returned. */
	void unfreeze(uint32_t others = 0) noexcept
	{
		frozenref_slot_unfreeze(registry_, this->take(), 1 + others);
	}

	/* Takes the object out of the registry, without release(); it is the caller's now. */
	T *erase() noexcept
	{
		return static_cast<T *>(frozenref_slot_erase_frozen(registry_, this->take()));
	}

	/* Hands the frozen slot over to the caller. */
	FROZENREF__MUST_CHECK frozenref_slot *release() noexcept
	{
		return this->take();
	}

	/* Undoes now what the end of the scope would. */
	void reset() noexcept
	{
		if (!slot_)
			return;
		if (Inserted)
			erase();
		else
			unfreeze();
	}

	void swap(basic_slot_owner &other) noexcept
	{
		this->exchange(other);
	}
};

/*
 * Names one object of a registry, and never a later one on the same pfn. An empty one names none.
 */
template <class T> class basic_slot_handle
{
      public:
	basic_slot_handle() noexcept = default;

	basic_slot_handle(frozenref_registry *registry, frozenref_handle handle) noexcept
	    : registry_(registry), handle_(handle)
	{
	}

	/* A reference on that object; nothing if it is gone, erased, or frozen at the moment. */
	FROZENREF__MUST_CHECK basic_slot_ref<T> try_get() const noexcept
	{
		return basic_slot_ref<T>::adopt(
			registry_, registry_ ? frozenref_registry_try_get_handle(registry_, handle_)
					     : nullptr);
	}

	/* Why there was nothing. */
	frozenref_state state() const noexcept
	{
		return registry_ ? frozenref_registry_handle_state(registry_, handle_)
				 : FROZENREF_EMPTY;
	}

	explicit operator bool() const noexcept
	{
		return registry_ != nullptr;
	}

	frozenref_registry *registry() const noexcept
	{
		return registry_;
	}

	frozenref_handle get() const noexcept
	{
		return handle_;
	}

      private:
	frozenref_registry *registry_ = nullptr;
	frozenref_handle handle_ = {};
};

using slot_ref = basic_slot_ref<void>;
using slot_claim = basic_slot_owner<void, true>;
using slot_owner = basic_slot_owner<void, false>;
using slot_handle = basic_slot_handle<void>;

template <class T> using basic_slot_claim = basic_slot_owner<T, true>;

template <class T, class U>
bool operator==(const slot_pointer<T> &a, const slot_pointer<U> &b) noexcept
{
	return a.slot() == b.slot();
}

template <class T, class U>
bool operator!=(const slot_pointer<T> &a, const slot_pointer<U> &b) noexcept
{
	return a.slot() != b.slot();
}

template <class T>
bool operator==(const basic_slot_handle<T> &a, const basic_slot_handle<T> &b) noexcept
{
	return a.registry() == b.registry() && a.get().pfn == b.get().pfn &&
	       a.get().generation == b.get().generation;
}

template <class T>
bool operator!=(const basic_slot_handle<T> &a, const basic_slot_handle<T> &b) noexcept
{
	return !(a == b);
}

} /* namespace frozenref */

#endif /* FROZENREF_REGISTRY_HPP */
