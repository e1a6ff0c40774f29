/* SPDX-License-Identifier: MIT */
/*
 * Everything that a cache can do, at once: every object has one owner at a time, or is whole.
 *
 * Run by `make check` for two seconds and by `make stress`. A few places hold one reference each on
 * an object; threads replace and look up what is there, and go on looking at addresses that have
 * long been freed, used again or trimmed. Objects change hands while they are frozen, so that many
 * are freed by others than allocated them; threads end, and processes fork.
 *
 * All words of an object follow from one number, which no other lifetime has. Whoever allocates it
 * marks it, and finds the mark of whoever owns it as well. The payload is plain memory, except
 * where peeks read it while it is written, so ThreadSanitizer sees what is not ordered.
 */
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#ifndef _WIN32
# include <sys/wait.h>
# include <unistd.h>
#endif

#include <frozenref/cache.h>

#include "stress.h"

enum {
	OPERATIONS,
	ALLOCATED,
	FREED,
	RELEASED,
	HITS,
	STALE_HITS,
	HANDLE_HITS,
	DEAD_HANDLES,
	PEEKS,
	REWRITES,
	WALKED,
	HANDED_OVER,
	TRIMS,
	THREADS,
	FORKS,
};

static const char *const names[] = {
	"operations",	     "objects",	      "freed", "released", "hits",   "by stale address",
	"by handle",	     "dead handles",  "peeks", "rewrites", "walked", "handed over",
	"trims that purged", "threads ended", "forks", NULL
};

static const struct variant {
	const char *name;
	unsigned flags;
	bool constructs;
} variants[] = {
	{ "cache", 0, true },
	{ "cache peekable, padded", FROZENREF_CACHE_PEEKABLE | FROZENREF_CACHE_PADDED, true },
	{ "cache with checks", FROZENREF_CACHE_DEBUG, false },
};

enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };

/* Low bits of a word tell how often the object was written anew in this lifetime. */
enum { WORDS = 32, VERSION_BITS = 8 };

/* Larger than a thing, so that few fit into a slab, and slabs come and go. */
enum { OBJECT_SIZE = 512 };

struct thing {
	uintptr_t owned; /* by whoever allocated it, or a mark of the cache's checks */
	frozenref_t ref;
	uintptr_t words[WORDS];
	uintptr_t stable; /* its own address, once it was ever published; or zero */
};

/* What the checks of the cache write over free objects. */
#define FILLED (UINTPTR_MAX / 255 * 0x6b)
#define POISON (UINTPTR_MAX / 255 * 0xde)

enum { PLACES = 24, BOXES = 8, MANY = 400 };

static struct frozenref_cache *cache;
static const struct variant *variant;

/* Objects that are live; who takes one out has the reference. */
static uintptr_t places[PLACES];
/* Objects that are frozen; who takes one out owns it. */
static uintptr_t boxes[BOXES];

static uintptr_t last_number;
static uint64_t constructed;
static uint64_t destructed;

/* Which thread runs: release() has no other way to its counts. */
static __thread struct stress_thread *self;

static bool one_in(struct stress_thread *thread, unsigned n)
{
	return stress_random(thread) % n == 0;
}

/* ----------------------------------------------------------------------------------- the oracle */

static bool is_peekable(void)
{
	return variant->flags & FROZENREF_CACHE_PEEKABLE;
}

static uintptr_t read_word(const struct thing *thing, unsigned i)
{
	if (is_peekable())
		return __atomic_load_n(&thing->words[i], __ATOMIC_RELAXED);
	return thing->words[i];
}

static void write_words(struct thing *thing, uintptr_t value)
{
	for (unsigned i = 0; i < WORDS; i++) {
		if (is_peekable())
			__atomic_store_n(&thing->words[i], value, __ATOMIC_RELAXED);
		else
			thing->words[i] = value;
	}
}

static void check_words(const uintptr_t *words)
{
	stress_check(words[0] != 0 && words[0] != POISON && words[0] != FILLED);
	for (unsigned i = 1; i < WORDS; i++)
		stress_check(words[i] == words[0]);
}

/* By a holder or owner: whole, and of which lifetime. */
static uintptr_t check(const struct thing *thing)
{
	uintptr_t words[WORDS];

	for (unsigned i = 0; i < WORDS; i++)
		words[i] = read_word(thing, i);
	check_words(words);
	stress_check(thing->owned == 1);
	return words[0] >> VERSION_BITS;
}

static int construct(void *object, void *arg)
{
	struct thing *thing = object;

	stress_check(arg == variant && thing->owned == 0);
	write_words(thing, POISON);
	__atomic_fetch_add(&constructed, 1, __ATOMIC_RELAXED);
	return 0;
}

static void destruct(void *object, void *arg)
{
	struct thing *thing = object;

	stress_check(arg == variant && thing->owned == 0);
	stress_check(read_word(thing, 0) == POISON && read_word(thing, WORDS - 1) == POISON);
	thing->owned = 0;
	__atomic_fetch_add(&destructed, 1, __ATOMIC_RELAXED);
}

/* Of a lifetime; where words have 32 bits they begin again, but none is zero. */
static uintptr_t new_number(void)
{
	uintptr_t number;

	do
		number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	while (!(number << VERSION_BITS));
	return number;
}

/* Frozen, the caller's own, and new. */
static struct thing *make(struct stress_thread *thread)
{
	struct thing *thing = frozenref_cache_alloc(cache);
	uintptr_t stable;

	stress_check(thing != NULL);
	stress_check(frozenref_is_frozen(&thing->ref));
	/* Anything else is the mark of another owner. */
	stress_check(thing->owned == 0 || thing->owned == FILLED);
	if (variant->constructs)
		stress_check(read_word(thing, 0) == POISON &&
			     read_word(thing, WORDS - 1) == POISON);
	thing->owned = 1;
	/* Relaxed, all: whoever reads it finds either in any case. */
	stable = __atomic_load_n(&thing->stable, __ATOMIC_RELAXED);
	stress_check(!stable || stable == (uintptr_t)thing);
	__atomic_store_n(&thing->stable, (uintptr_t)thing, __ATOMIC_RELAXED);
	write_words(thing, new_number() << VERSION_BITS);
	thread->counts[ALLOCATED]++;
	return thing;
}

/* By the owner, who has it no more then. */
static void end_thing(struct thing *thing)
{
	(void)check(thing);
	write_words(thing, POISON);
	thing->owned = 0;
}

static void give_back(struct stress_thread *thread, struct thing *thing)
{
	end_thing(thing);
	frozenref_cache_free(cache, thing);
	thread->counts[FREED]++;
}

static void trim(struct stress_thread *thread)
{
	thread->counts[TRIMS] += frozenref_cache_trim(cache) > 0;
}

static void release(void *object, void *arg)
{
	stress_check(arg == variant);
	stress_check(frozenref_is_frozen(&((struct thing *)object)->ref));
	end_thing(object);
	self->counts[RELEASED]++;
	if (one_in(self, 16))
		give_back(self, make(self));
	if (one_in(self, 4000))
		trim(self);
}

static void put(struct thing *thing)
{
	(void)frozenref_cache_put(cache, thing);
}

/* --------------------------------------------------------------------------------- what to find */

/* Addresses and handles that this thread has seen, most of them of objects that are no more. */
static __thread struct memory {
	uintptr_t address;
	struct frozenref_handle handle;
	uintptr_t number;
} seen[32];

static struct memory *random_memory(struct stress_thread *thread)
{
	return &seen[stress_random(thread) % (sizeof(seen) / sizeof(seen[0]))];
}

static uintptr_t *random_place(struct stress_thread *thread)
{
	return &places[stress_random(thread) % PLACES];
}

/* Without a reference: it may be stale already. */
static uintptr_t random_address(struct stress_thread *thread)
{
	/* Acquire is not needed, whatever the place held: try_get orders what it finds. */
	return __atomic_load_n(random_place(thread), __ATOMIC_RELAXED);
}

/* By a holder. */
static void remember(struct stress_thread *thread, struct thing *thing)
{
	struct memory *memory = random_memory(thread);

	memory->address = (uintptr_t)thing;
	memory->number = check(thing);
	memory->handle = (struct frozenref_handle){ 0, 0 };
	if (one_in(thread, 4)) {
		memory->handle = frozenref_cache_handle(cache, thing);
		stress_check(memory->handle.generation != 0);
	}
}

/* ----------------------------------------------------------------------------------- operations */

/* With a reference of the caller's; what was there loses its own. */
static void put_in_place(struct stress_thread *thread, struct thing *thing)
{
	uintptr_t old =
		__atomic_exchange_n(random_place(thread), (uintptr_t)thing, __ATOMIC_ACQ_REL);

	if (old)
		put((struct thing *)old);
}

static void publish(struct stress_thread *thread, struct thing *thing)
{
	frozenref_cache_unfreeze(cache, thing, 1);
	put_in_place(thread, thing);
}

/* Takes an object out of its place, and so has that reference; with no other it may be written. */
static void rewrite(struct stress_thread *thread)
{
	uintptr_t *place = random_place(thread);
	struct thing *thing = (struct thing *)__atomic_exchange_n(place, 0, __ATOMIC_ACQ_REL);

	if (!thing)
		return;
	if (frozenref_cache_freeze(cache, thing, 1)) {
		uintptr_t value = read_word(thing, 0);

		(void)check(thing);
		/* The version may not run over into the number. */
		if (~value & ((1 << VERSION_BITS) - 1))
			write_words(thing, value + 1);
		stress_linger(thread);
		thread->counts[REWRITES]++;
		frozenref_cache_unfreeze(cache, thing, 1);
	}
	put_in_place(thread, thing);
}

/* What a holder does; its reference goes. */
static void use(struct stress_thread *thread, struct thing *thing)
{
	uintptr_t number = check(thing);

	remember(thread, thing);
	stress_linger(thread);
	if (one_in(thread, 4)) {
		frozenref_get(&thing->ref);
		put(thing);
	}
	stress_check(check(thing) == number);
	put(thing);
}

static void look_up(struct stress_thread *thread)
{
	struct thing *thing = frozenref_cache_try_get(cache, (void *)random_address(thread));

	if (!thing)
		return;
	thread->counts[HITS]++;
	use(thread, thing);
}

/* Anywhere in an object that was, or close to it. */
static void look_up_stale(struct stress_thread *thread)
{
	uintptr_t address = random_memory(thread)->address + stress_random(thread) % OBJECT_SIZE;
	struct thing *thing = frozenref_cache_try_get(cache, (void *)address);

	if (!thing)
		return;
	stress_check(address - (uintptr_t)thing < OBJECT_SIZE);
	/* It holds any object's, but an object's; and this is read without order, by all. */
	stress_check(__atomic_load_n(&thing->stable, __ATOMIC_RELAXED) == (uintptr_t)thing);
	thread->counts[STALE_HITS]++;
	use(thread, thing);
}

static void look_up_handle(struct stress_thread *thread)
{
	const struct memory *memory = random_memory(thread);
	struct thing *thing;

	if (!memory->handle.generation)
		return;
	thing = frozenref_cache_try_get_handle(cache, memory->handle);
	if (!thing) {
		thread->counts[DEAD_HANDLES]++;
		return;
	}
	stress_check((uintptr_t)thing == memory->address);
	stress_check(check(thing) == memory->number);
	thread->counts[HANDLE_HITS]++;
	use(thread, thing);
}

static void peek_into(struct stress_thread *thread, uintptr_t *words)
{
	const struct thing *thing = (const struct thing *)random_address(thread);

	if (!frozenref_cache_peek(cache, thing, offsetof(struct thing, words), words,
				  WORDS * sizeof(*words)))
		return;
	stress_check(is_peekable());
	check_words(words);
	thread->counts[PEEKS]++;
}

/* Several at once, to be met by a writer; but what it takes to slow them down slows all threads. */
static void peek(struct stress_thread *thread)
{
	struct stress_room room;

	for (unsigned i = 0; i < (is_peekable() ? 8 : 1); i++)
		peek_into(thread, stress_slow_memory(&room, WORDS * sizeof(uintptr_t)));
}

/* Wherever the walk of this thread is. */
static void walk(struct stress_thread *thread)
{
	static __thread uintptr_t at;

	for (uint64_t n = stress_random(thread) % 16; n; n--) {
		struct thing *thing = frozenref_cache_next(cache, (void *)at);

		stress_check(!thing || (uintptr_t)thing > at);
		at = (uintptr_t)thing;
		if (!thing)
			return;
		thread->counts[WALKED]++;
		use(thread, thing);
	}
}

/* What one thread has allocated another publishes, or frees. */
static void hand_over(struct stress_thread *thread)
{
	uintptr_t *box = &boxes[stress_random(thread) % BOXES];
	struct thing *mine = one_in(thread, 4) ? NULL : make(thread);
	uintptr_t other = __atomic_exchange_n(box, (uintptr_t)mine, __ATOMIC_ACQ_REL);

	if (!other)
		return;
	thread->counts[HANDED_OVER]++;
	if (one_in(thread, 2))
		give_back(thread, (struct thing *)other);
	else
		publish(thread, (struct thing *)other);
}

/* So many that magazines are exchanged, and slabs populated. */
static void allocate_many(struct stress_thread *thread)
{
	struct thing *things[MANY];
	unsigned n = (unsigned)(stress_random(thread) % MANY);

	for (unsigned i = 0; i < n; i++)
		things[i] = make(thread);
	for (unsigned i = 0; i < n; i++)
		give_back(thread, things[i]);
}

static uint64_t look_at_statistics(void)
{
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;

	frozenref_cache_stats(cache, &stats);
	stress_check(stats.slabs_empty <= stats.slabs && stats.threads > 0);
	return stats.threads;
}

/* -------------------------------------------------------------------------- threads, processes */

static void step(struct stress_thread *thread);

static void *live_shortly(void *arg)
{
	struct stress_thread *thread = arg;

	for (unsigned i = 0; i < 50; i++)
		step(thread);
	return NULL;
}

static void start_thread(struct stress_thread *thread)
{
	struct stress_thread other = { .random = stress_random(thread) | 1 };
	pthread_t id;

	stress_check(pthread_create(&id, NULL, live_shortly, &other) == 0);
	stress_check(pthread_join(id, NULL) == 0);
	for (int i = 0; i < STRESS_COUNTS; i++)
		thread->counts[i] += other.counts[i];
	thread->counts[THREADS]++;
}

#ifndef _WIN32
/* In the child there is this thread alone, and whatever the others held stays allocated. */
static _Noreturn void live_in_child(struct stress_thread *thread)
{
	/* Rather than to wait for ever for a thread that is not here. */
	(void)alarm(500);
	for (unsigned i = 0; i < PLACES; i++) {
		struct thing *thing = frozenref_cache_try_get(cache, (void *)places[i]);

		if (!thing)
			continue;
		(void)check(thing);
		put(thing);
	}
	allocate_many(thread);
	trim(thread);
	for (unsigned i = 0; i < 20; i++)
		publish(thread, make(thread));
	stress_check(look_at_statistics() == 1);
	_exit(0);
}

static void fork_child(struct stress_thread *thread)
{
	int status = 0;
	pid_t child = fork();

	stress_check(child >= 0);
	if (!child)
		live_in_child(thread);
	stress_check(waitpid(child, &status, 0) == child);
	stress_check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	thread->counts[FORKS]++;
}
#else
static void fork_child(struct stress_thread *thread)
{
	(void)thread;
}
#endif

static void do_seldom(struct stress_thread *thread)
{
	switch (stress_random(thread) % 16) {
	case 0:
		trim(thread);
		break;
	case 1:
		start_thread(thread);
		break;
	case 2:
		(void)look_at_statistics();
		break;
	case 3:
		if (one_in(thread, 8))
			fork_child(thread);
		break;
	default:
		allocate_many(thread);
	}
}

static void step(struct stress_thread *thread)
{
	self = thread;
	thread->counts[OPERATIONS]++;
	if (one_in(thread, 256)) {
		do_seldom(thread);
		return;
	}
	switch (stress_random(thread) % 16) {
	case 0:
	case 1:
		publish(thread, make(thread));
		break;
	case 2:
	case 3:
		give_back(thread, make(thread));
		break;
	case 4:
	case 5:
		hand_over(thread);
		break;
	case 6:
	case 7:
		peek(thread);
		break;
	case 8:
		walk(thread);
		break;
	case 9:
		rewrite(thread);
		break;
	case 10:
		look_up_handle(thread);
		break;
	case 11:
	case 12:
		look_up_stale(thread);
		break;
	default:
		look_up(thread);
	}
}

/* ------------------------------------------------------------------------------------- the runs */

static void begin(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	config.flags = variant->flags;
	config.name = variant->name;
	config.object_size = OBJECT_SIZE;
	config.ref_offset = offsetof(struct thing, ref);
	config.stable_offset = offsetof(struct thing, stable);
	config.stable_size = sizeof(uintptr_t);
	if (variant->constructs) {
		config.ctor = construct;
		config.dtor = destruct;
	}
	config.release = release;
	config.arg = (void *)(uintptr_t)variant;
	constructed = 0;
	destructed = 0;
	memset(places, 0, sizeof(places));
	memset(boxes, 0, sizeof(boxes));
	stress_check(frozenref_cache_create(&cache, &config) == 0);
}

/* Nothing is left: neither in the cache, nor of what was constructed. */
static void end(struct stress_thread *sums)
{
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;

	self = sums;
	for (unsigned i = 0; i < PLACES; i++) {
		if (places[i])
			put((struct thing *)places[i]);
	}
	for (unsigned i = 0; i < BOXES; i++) {
		if (boxes[i])
			give_back(sums, (struct thing *)boxes[i]);
	}
	stress_check(!frozenref_cache_next(cache, NULL));
	frozenref_cache_stats(cache, &stats);
	stress_check(stats.objects == 0);
	stress_check(sums->counts[ALLOCATED] == sums->counts[FREED] + sums->counts[RELEASED]);
	stress_check(frozenref_cache_destroy(cache) == 0);
	stress_check(constructed == destructed);
	stress_check(!variant->constructs || constructed > 0);
}

static bool enough(const struct stress_thread *sums)
{
	return sums->counts[HITS] && sums->counts[RELEASED] && sums->counts[HANDED_OVER] &&
	       sums->counts[WALKED] && (sums->counts[PEEKS] || !is_peekable());
}

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 2);

	options.seconds /= VARIANTS;
	for (unsigned i = 0; i < VARIANTS; i++) {
		struct stress_thread sums;

		variant = &variants[i];
		begin();
		sums = stress_run(&options, step, enough);
		end(&sums);
		self = NULL;
		stress_report(variant->name, &options, &sums, names);
	}
	return 0;
}
