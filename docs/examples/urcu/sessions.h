/* SPDX-License-Identifier: MIT */
/*
 * A table of sessions, as servers keep it on liburcu: looked up under rcu_read_lock(), held by a
 * reference for longer than that, freed by call_rcu().
 *
 * Used by main.c, which is compiled with each of the two counters. sessions.c implements it twice:
 * by urcu_ref, as such programs do, and with SESSIONS_WITH_FROZENREF by a frozenref_t. Relies on
 * liburcu; every thread that calls one of these is registered with it.
 */
#ifndef SESSIONS_H
#define SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

struct sessions;
struct session;

/* What the counters are called. */
extern const char sessions_counter[];

/* NULL if there is no memory. */
struct sessions *sessions_create(void);
/* False if there is no memory, or the key is taken. */
bool sessions_add(struct sessions *sessions, uint64_t key);
/*
 * False if there is none. Who holds the session goes on to hold it. May wait for grace periods, so
 * not from within a read-side section.
 */
bool sessions_remove(struct sessions *sessions, uint64_t key);

/* With a reference; NULL if there is none. */
struct session *session_get(struct sessions *sessions, uint64_t key);
void session_put(struct session *session);

/* While it is held: the key that it was made with, or something else if its memory was reused. */
uint64_t session_key(const struct session *session);

/* When nobody calls anything else: removes all, waits, and says how many were never freed. */
uint64_t sessions_destroy(struct sessions *sessions);

#endif /* SESSIONS_H */
