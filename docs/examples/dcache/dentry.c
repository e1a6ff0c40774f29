/* SPDX-License-Identifier: MIT */
/*
 * Dentries: their names, keys and hashes, how they begin and how they end.
 *
 * Called by the other parts of the cache, and through pointers by libfrozenref's cache and index.
 */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* --------------------------------------------------------------------------------------- names */

const char *name_of(const struct dentry *dentry)
{
	return dentry->length <= NAME_INLINE ? dentry->room : dentry->long_name;
}

static bool has_name(const struct dentry *dentry, const char *name, size_t length)
{
	return dentry->length == length && !memcmp(name_of(dentry), name, length);
}

static const char *skip_slashes_back(const char *path, const char *end)
{
	while (end != path && end[-1] == '/')
		end--;
	return end;
}

/*
 * From the last component up to the root. Whoever asks holds the dentry, and so all dentries above
 * it are there.
 */
static bool has_path(const struct dentry *dentry, const char *path, const char *end)
{
	for (; dentry->parent; dentry = dentry->parent) {
		end = skip_slashes_back(path, end);
		if (dentry->length > end - path)
			return false;
		end -= dentry->length;
		if (memcmp(name_of(dentry), end, dentry->length) || (end != path && end[-1] != '/'))
			return false;
	}
	return skip_slashes_back(path, end) == path;
}

bool is_called(const void *object, const void *wanted, void *arg)
{
	const struct dentry *dentry = object;
	const struct key *key = wanted;

	(void)arg;
	if (!key->parent)
		return has_path(dentry, key->name, key->name + key->length);
	return dentry->parent == key->parent && has_name(dentry, key->name, key->length);
}

static uint64_t read_bytes(const char *from, size_t n)
{
	uint64_t bytes = 0;

	memcpy(&bytes, from, n);
	return bytes;
}

/* The last up to 8 bytes of a name, some of them twice rather than one by one. */
static uint64_t read_tail(const char *name, size_t length)
{
	if (length >= 8)
		return read_bytes(name + length - 8, 8);
	if (length >= 4)
		return read_bytes(name, 4) << 32 | read_bytes(name + length - 4, 4);
	if (!length)
		return 0;
	return (uint64_t)(unsigned char)name[0] << 16 |
	       (uint64_t)(unsigned char)name[length / 2] << 8 | (unsigned char)name[length - 1];
}

static uint64_t mix(uint64_t hash, uint64_t bytes)
{
	hash = (hash ^ bytes) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* Eight bytes at a time: of a byte at a time a walk would do little else. */
uint64_t hash_below(uint64_t hash, const char *name, size_t length)
{
	hash = mix(hash, length);
	for (size_t at = 0; at + 8 < length; at += 8)
		hash = mix(hash, read_bytes(name + at, 8));
	return mix(hash, read_tail(name, length));
}

/* --------------------------------------------------------------------------- beginning and end */

static bool keep_name(struct dentry *dentry, const struct key *key)
{
	char *name = dentry->room;

	if (key->length > NAME_INLINE) {
		name = malloc(key->length);
		dentry->long_name = name;
	}
	if (!name)
		return false;
	memcpy(name, key->name, key->length);
	dentry->length = (uint16_t)key->length;
	return true;
}

struct dentry *make_dentry(struct dcache *dcache, const struct key *key,
			   const struct dcache_answer *answer)
{
	struct dentry *dentry = frozenref_cache_alloc(dcache->dentries);

	if (!dentry)
		return NULL;
	if (!keep_name(dentry, key)) {
		frozenref_cache_free(dcache->dentries, dentry);
		return NULL;
	}
	dentry->parent = key->parent ? dget(key->parent) : NULL;
	dentry->hash = key->hash;
	dentry->answer = *answer;
	atomic_store_explicit(&dentry->flags, answer->found ? 0 : DENTRY_NEGATIVE,
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&dcache->n, 1, memory_order_relaxed);
	frozenref_unfreeze(&dentry->ref, 1);
	return dentry;
}

/* The last reference is gone: so is the dentry's own, on its parent. */
void release_dentry(void *object, void *arg)
{
	struct dentry *dentry = object;
	struct dcache *dcache = arg;

	if (dentry->length > NAME_INLINE)
		free(dentry->long_name);
	if (dentry->parent)
		dput(dcache, dentry->parent);
	atomic_fetch_sub_explicit(&dcache->n, 1, memory_order_relaxed);
}

bool is_unreachable(const struct dentry *dentry)
{
	for (; dentry; dentry = dentry->parent) {
		if (is_dropped(dentry))
			return true;
	}
	return false;
}
