/* SPDX-License-Identifier: MIT */
/*
 * Structs that begin with their size, so that programs and the library may be of different age.
 *
 * Used by every create and stats function; relies on nothing. A configuration of a size that this
 * library does not know is refused: it may ask for something unknown, and its end cannot be
 * trusted.
 */
#ifndef FROZENREF_LIB_CONFIG_STRUCT_H
#define FROZENREF_LIB_CONFIG_STRUCT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Overwrites `known` with what the caller asks for, unless it is NULL. Returns 0 or -EINVAL. */
static inline int frozenref__config_read(void *known, uint32_t known_size, const void *asked)
{
	uint32_t asked_size;

	if (!asked)
		return 0;
	memcpy(&asked_size, asked, sizeof(asked_size));
	if (asked_size != known_size)
		return -EINVAL;
	memcpy(known, asked, known_size);
	return 0;
}

/* Fills in as much of the caller's struct as both sides know; its size stays. */
static inline void frozenref__stats_write(void *asked, const void *known, uint32_t known_size)
{
	uint32_t asked_size;
	uint32_t size;

	memcpy(&asked_size, asked, sizeof(asked_size));
	size = asked_size < known_size ? asked_size : known_size;
	if (size > sizeof(asked_size))
		memcpy((char *)asked + sizeof(asked_size), (const char *)known + sizeof(asked_size),
		       size - sizeof(asked_size));
}

#endif /* FROZENREF_LIB_CONFIG_STRUCT_H */
