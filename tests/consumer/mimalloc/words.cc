// SPDX-License-Identifier: MIT
// The same in C++11, where the end of a scope drops references.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <frozenref/frozenref.hpp>
#include <frozenref/mimalloc.hpp>

#define MUST(condition) \
 ((condition) ? (void)0 \
	      : (std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition), std::abort()))

struct word {
	char *text()
	{
		return reinterpret_cast<char *>(this + 1);
	}

	std::size_t length;
};

using word_ref = frozenref::mi_ref<word>;
using word_claim = frozenref::mi_claim<word>;

static unsigned released;

static void release(void *object, void *arg)
{
	released++;
	frozenref::mi_destroy<word>(object, arg);
}

int main()
{
	static const char *const words[] = { "a", "granule", "of", "sixty-four", "bytes" };
	frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	frozenref::mi_space space;

	config.release = release;
	MUST(space.create(config) == 0);
	for (const char *text : words) {
		std::size_t length = std::strlen(text);
		word_claim made = word_claim::make_with(space.get(), length + 1, word{ length });

		MUST(made);
		std::strcpy(made->text(), text);
		word_ref held = made.publish();
		const char *inside = held->text() + length;
		MUST(word_ref::try_get(space.get(), inside) == held);
		MUST(held.reset() && !word_ref::try_get(space.get(), inside));
	}
	MUST(space.reset());
	std::printf("%u words found, and released\n", released);
	return 0;
}
