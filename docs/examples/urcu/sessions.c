/* SPDX-License-Identifier: MIT */
/*
 * The table. See sessions.h.
 *
 * What differs between the two counters is all in the first section; the rest is as it was.
 */
#include "sessions.h"

#include <stdatomic.h>
#include <stdlib.h>

#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu.h>
#include <urcu/rculfhash.h>

#ifdef SESSIONS_WITH_FROZENREF
# include <frozenref/ref.h>
#else
# include <urcu/ref.h>
#endif

#define FREED_KEY   UINT64_MAX
#define UNFREED_MAX 65536 /* then whoever removes waits */

struct session {
	struct cds_lfht_node node;
#ifdef SESSIONS_WITH_FROZENREF
	frozenref_t ref;
#else
	struct urcu_ref ref;
#endif
	uint64_t key;
	struct rcu_head head;
};

struct sessions {
	struct cds_lfht *table;
};

static atomic_ulong alive;   /* from malloc() to free() */
static atomic_ulong unfreed; /* of these, handed to call_rcu() */

static void free_session(struct rcu_head *head)
{
	struct session *session = caa_container_of(head, struct session, head);

	/* Whoever still holds it, and must not, finds out. Volatile: else free() makes it useless. */
	*(volatile uint64_t *)&session->key = FREED_KEY;
	free(session);
	atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&unfreed, 1, memory_order_relaxed);
}

/* Nobody holds it any more, but lookups may stand on it. */
static void free_later(struct session *session)
{
	atomic_fetch_add_explicit(&unfreed, 1, memory_order_relaxed);
	call_rcu(&session->head, free_session);
}

/*
 * One thread frees for all, and only after grace periods: without this, those who remove could stay
 * ahead of it until there is no memory. Not from within a read-side section, for which it waits.
 */
static void wait_for_frees(void)
{
	/* Relaxed: how many exactly does not matter. */
	if (atomic_load_explicit(&unfreed, memory_order_relaxed) > UNFREED_MAX)
		rcu_barrier();
}

/* ------------------------------------------------------------------------------- the two counters */

#ifdef SESSIONS_WITH_FROZENREF

const char sessions_counter[] = "frozenref_t";

/* From malloc(), so it holds anything: frozen first, and live by the table's own reference. */
static void begin(struct session *session)
{
	frozenref_init_as_frozen(&session->ref);
	frozenref_unfreeze(&session->ref, 1);
}

static bool try_get(struct session *session)
{
	return frozenref_try_get(&session->ref);
}

/*
 * Not frozenref_put_and_lock(): that may touch the counter again when another thread has already
 * won it and handed it to call_rcu(), and this one is in no read-side section.
 */
void session_put(struct session *session)
{
	if (frozenref_put_and_lock_rcu(&session->ref))
		free_later(session);
}

#else

const char sessions_counter[] = "urcu_ref";

static void begin(struct session *session)
{
	urcu_ref_init(&session->ref);
}

static bool try_get(struct session *session)
{
	return urcu_ref_get_unless_zero(&session->ref);
}

static void release(struct urcu_ref *ref)
{
	free_later(caa_container_of(ref, struct session, ref));
}

void session_put(struct session *session)
{
	urcu_ref_put(&session->ref, release);
}

#endif

/* -------------------------------------------------------------------------------------- the table */

/* The table takes the low bits: they must depend on all of the key's. */
static unsigned long hash(uint64_t key)
{
	for (int i = 0; i < 2; i++) {
		key *= UINT64_C(0x9e3779b97f4a7c15);
		key ^= key >> 32;
	}
	return (unsigned long)key;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct session, node)->key == *(const uint64_t *)key;
}

/* Under rcu_read_lock(), without a reference. */
static struct session *find(struct sessions *sessions, uint64_t key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(sessions->table, hash(key), match, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct session, node) : NULL;
}

struct sessions *sessions_create(void)
{
	struct sessions *sessions = malloc(sizeof(*sessions));

	if (!sessions)
		return NULL;
	/*
	 * It has to count its nodes to know how large it should be. Without ACCOUNTING it goes by
	 * the longest chain that an add meets: among very many there is always a long one, and so
	 * the table grows without end.
	 */
	sessions->table =
		cds_lfht_new(1024, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (!sessions->table) {
		free(sessions);
		return NULL;
	}
	return sessions;
}

bool sessions_add(struct sessions *sessions, uint64_t key)
{
	struct session *session = malloc(sizeof(*session));
	struct cds_lfht_node *there;

	if (!session)
		return false;
	session->key = key;
	begin(session);
	cds_lfht_node_init(&session->node);
	rcu_read_lock();
	there = cds_lfht_add_unique(sessions->table, hash(key), match, &key, &session->node);
	rcu_read_unlock();
	if (there != &session->node) {
		/* Nobody has seen it. */
		free(session);
		return false;
	}
	atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
	return true;
}

bool sessions_remove(struct sessions *sessions, uint64_t key)
{
	struct session *session;
	bool removed;

	rcu_read_lock();
	session = find(sessions, key);
	removed = session && !cds_lfht_del(sessions->table, &session->node);
	rcu_read_unlock();
	/* Whoever took it out drops the table's reference. */
	if (removed) {
		session_put(session);
		wait_for_frees();
	}
	return removed;
}

struct session *session_get(struct sessions *sessions, uint64_t key)
{
	struct session *session;

	rcu_read_lock();
	session = find(sessions, key);
	if (session && !try_get(session))
		session = NULL;
	rcu_read_unlock();
	return session;
}

uint64_t session_key(const struct session *session)
{
	return session->key;
}

uint64_t sessions_destroy(struct sessions *sessions)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock();
	cds_lfht_first(sessions->table, &iter);
	while ((node = cds_lfht_iter_get_node(&iter))) {
		cds_lfht_next(sessions->table, &iter);
		if (!cds_lfht_del(sessions->table, node))
			session_put(caa_container_of(node, struct session, node));
	}
	rcu_read_unlock();
	rcu_barrier();
	cds_lfht_destroy(sessions->table, NULL);
	free(sessions);
	return atomic_load(&alive);
}
