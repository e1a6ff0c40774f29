# SPDX-License-Identifier: MIT
"""libfrozenref in gdb: counters in words, and what registries, caches and indexes hold.

gdb loads this by itself with an installed libfrozenref.so; otherwise: source frozenref-gdb.py.
"help frozenref" lists the commands, and frozenref-gdb(7) tells more.

Nothing here calls a function of the program. Where objects have no debug information, the layout
that the public headers fix is used, and an expression that gives an address is all that is needed.
"""

import struct

import gdb
import gdb.printing

# ------------------------------------------------------------------------------- the program's memory


def byte_order():
    """Of the program, as the struct module writes it."""
    return ">" if "big endian" in gdb.execute("show endian", to_string=True) else "<"


def pointer_size():
    return gdb.lookup_type("char").pointer().sizeof


def read(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def unpack(code, data, offset=0):
    return struct.unpack_from(byte_order() + code, data, offset)[0]


def pointer_code():
    return "Q" if pointer_size() == 8 else "I"


def in_symbols(address):
    """An address as gdb prints pointers: with the name of what lies there."""
    pointer = gdb.lookup_type("void").pointer()
    return gdb.Value(address).cast(pointer).format_string(symbols=True)


def address_of(expression):
    """Where the expression points to, or lies if it is no pointer."""
    value = gdb.parse_and_eval(expression)
    kind = value.type.strip_typedefs().code
    if kind not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT):
        if value.address is None:
            raise gdb.GdbError("neither an address nor in memory: " + expression)
        value = value.address
    address = int(value) & ((1 << 8 * pointer_size()) - 1)
    if address == 0:
        raise gdb.GdbError("NULL: " + expression)
    return address


def parse_summary(argument):
    """The expression, and how many objects are to be shown."""
    argument = argument.strip()
    if argument.startswith("-summary"):
        return argument[len("-summary") :], 0
    limit = gdb.parameter("print elements")
    return argument, float("inf") if limit is None else limit


# ------------------------------------------------------------------------------------------ layouts

U32 = "I"
U64 = "Q"
POINTER = "P"


def library_type(name, function):
    """A struct as the file of this function of the library knows it; None if that is not known.

    Programs may have structs of the same names."""
    symbol = gdb.lookup_global_symbol(function)
    if symbol is None or symbol.symtab is None:
        return None
    try:
        return gdb.lookup_type("struct " + name, symbol.symtab.static_block())
    except gdb.error:
        return None


class Layout:
    """Where the members of a struct of the library are: as debug information says, or as given."""

    def __init__(self, name, function, members):
        self.name = name
        self.function = function
        self.codes = {}
        self.offsets = {}
        self.size = 0
        for member, code, count in members:
            self.add(member, pointer_code() if code == POINTER else code, count)
        self.correct()

    def add(self, member, code, count):
        size = struct.calcsize("=" + code)
        align = size
        # The i386 ABI aligns 64 bits like 32.
        if size == 8 and gdb.selected_inferior().architecture().name().startswith("i386"):
            align = 4
        offset = (self.size + align - 1) // align * align
        self.codes[member] = code
        self.offsets[member] = offset
        self.size = offset + size * count

    def correct(self):
        known = library_type(self.name, self.function)
        if known is None:
            return
        fields = {field.name: field for field in known.fields()}
        for member in self.offsets:
            if member not in fields:
                raise gdb.GdbError(
                    "struct %s has no member %s: the library is of another version than "
                    "this script" % (self.name, member)
                )
            self.offsets[member] = fields[member].bitpos // 8
        self.size = known.sizeof

    def get(self, data, member, index=0, base=0):
        code = self.codes[member]
        at = base + self.offsets[member] + index * struct.calcsize("=" + code)
        return unpack(code, data, at)


def table_layout():
    return Layout(
        "frozenref__table",
        "frozenref_registry_create",
        [
            ("window", POINTER, 512),
            ("window_number", U32, 1),
            ("other_number", U32, 1),
            ("peek_bytes", POINTER, 1),
            ("slot_shift", U32, 1),
            ("page_shift", U32, 1),
            ("pfn_bits", U32, 1),
            ("flags", U32, 1),
            ("root", POINTER, 1),
        ],
    )


def leaf_layout():
    return Layout(
        "leaf",
        "frozenref_registry_destroy",
        [
            ("first", U64, 1),
            ("base_generation", U64, 1),
            ("base_sequence", U32, 1),
            ("used", U32, 1),
            ("releasing", U32, 1),
            ("page_shift", U32, 1),
            ("ntouched", U32, 1),
            ("idle", U32, 1),
            ("refused", U32, 1),
            ("touched", U32, 16),
        ],
    )


# ----------------------------------------------------------------------------------------- counters

DYING = 0x7FFFFFFF
ONE = 0x80000000
SATURATED = 0xC0000000
WRAPPED = 0xF0000000
SURPLUS = 0x40000000


def is_live(word):
    return ONE <= word < SATURATED


def is_saturated(word):
    return SATURATED <= word < WRAPPED


def word_count(word):
    """As frozenref_count(), but a word for what has no number."""
    if is_saturated(word):
        return "saturated"
    return word - ONE + 1 if is_live(word) else 0


def plural(n, one, many=None):
    return "%d %s" % (n, one if n == 1 else many or one + "s")


def describe_word(word):
    """The state of a counter, in words."""
    if is_live(word):
        return "live with " + plural(word - ONE + 1, "reference")
    if is_saturated(word):
        return "saturated: overflowed, will never be freed (0x%x)" % word
    if word >= WRAPPED:
        return "frozen, wrapped below 0 by a misused put (0x%x)" % word
    if word == DYING:
        return "dying: the last reference was dropped, nobody has frozen it yet"
    if word >= SURPLUS:
        return "neither live nor frozen: in the middle of a misused put (0x%x)" % word
    if word:
        return "frozen with residue %d, of gets that failed" % word
    return "frozen"


class CounterPrinter:
    """Prints a frozenref_t in words."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return describe_word(int(self.value["word"]) & 0xFFFFFFFF)


class CounterCommand(gdb.Command):
    """Tell the state of a frozenref_t in words: frozenref counter EXPRESSION

The expression is a counter, or the address of one. Variables of type frozenref_t need no command:
print tells the same."""

    def __init__(self):
        super().__init__("frozenref counter", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        address = address_of(argument)
        word = unpack(U32, read(address, 4))
        print("%s: %s" % (in_symbols(address), describe_word(word)))


# ----------------------------------------------------------------------------------------- registry

LEAF_SHIFT = 16
LEAF_SLOTS = 1 << LEAF_SHIFT
NODE_SHIFT = 9
HEIGHT_MASK = 7
CHUNK_SLOTS = 128
LEAF_PURGING = 0x80000000

CLAIM, USED, TAIL, ERASED, BUSY, REPLACE = 1, 2, 4, 8, 16, 32
PAGES_SHIFT = 8
PAGES_MASK = 0x7FFFFF

PADDED, PEEKABLE, COMPACT = 1, 2, 4


class Slot:
    """What a slot's bytes tell."""

    def __init__(self, data, offset, compact):
        order = byte_order()
        self.word, self.flags, self.sequence, self.generation = struct.unpack_from(
            order + "4I", data, offset
        )
        self.user = None
        self.object = None
        if not compact:
            high, self.user = struct.unpack_from(order + "2I", data, offset + 16)
            self.generation |= high << 32
            self.object = unpack(pointer_code(), data, offset + 24)
        self.pages = self.flags >> PAGES_SHIFT & PAGES_MASK

    def is_frozen(self):
        return self.word < DYING or self.word >= WRAPPED

    def residue(self):
        return self.word if self.word < SURPLUS else 0

    def state(self):
        """Of a head, in words."""
        parts = []
        if self.flags & ERASED:
            parts.append("erased")
        if not self.is_frozen():
            if is_saturated(self.word):
                parts.append("saturated")
            elif self.word == DYING:
                parts.append("dying")
            elif not self.flags & ERASED:
                parts.append("live")
            if self.flags & BUSY:
                parts.append("being frozen")
        elif self.flags & REPLACE:
            parts.append("being replaced")
        elif self.flags & BUSY:
            parts.append("frozen")
        else:
            parts.append("frozen, and nobody's: ending, or misused")
        if self.word >= WRAPPED:
            parts.append("wrapped by a misused put")
        elif SURPLUS <= self.word < DYING:
            parts.append("in the middle of a misused put")
        elif self.is_frozen() and self.word:
            parts.append("residue %d" % self.word)
        return ", ".join(parts)


class Leaf:
    """A table of 65,536 slots, and what is kept behind it."""

    def __init__(self, table, slots, layout):
        self.table = table
        self.slots = slots
        self.layout = layout
        self.data = read(slots + (LEAF_SLOTS << table.slot_shift), layout.size)
        self.first = layout.get(self.data, "first")
        self.used = layout.get(self.data, "used")
        self.releasing = layout.get(self.data, "releasing")

    def is_purging(self):
        return bool(self.used & LEAF_PURGING)

    def touched_chunks(self):
        for chunk in range(LEAF_SLOTS // CHUNK_SLOTS):
            if self.layout.get(self.data, "touched", chunk // 32) >> chunk % 32 & 1:
                yield chunk

    def written_slots(self):
        """The pfn and content of each slot that has something in its word or flags."""
        size = CHUNK_SLOTS << self.table.slot_shift
        for chunk in self.touched_chunks():
            data = read(self.slots + chunk * size, size)
            for i in range(CHUNK_SLOTS):
                offset = i << self.table.slot_shift
                if data[offset : offset + 8] != bytes(8):
                    pfn = self.first + chunk * CHUNK_SLOTS + i
                    yield pfn, Slot(data, offset, self.table.is_compact())


class Table:
    """A registry, as far as it is compiled into programs."""

    def __init__(self, address):
        layout = table_layout()
        data = read(address, layout.size)
        self.address = address
        self.slot_shift = layout.get(data, "slot_shift")
        self.page_shift = layout.get(data, "page_shift")
        self.pfn_bits = layout.get(data, "pfn_bits")
        self.flags = layout.get(data, "flags")
        self.root = layout.get(data, "root")
        self.leaf_layout = leaf_layout()
        if (
            not 4 <= self.slot_shift <= 6
            or not 1 <= self.page_shift <= 51
            or not 1 <= self.pfn_bits <= 52
        ):
            raise gdb.GdbError("no registry of this version of the library: 0x%x" % address)

    def is_compact(self):
        return self.slot_shift == 4

    def describe(self):
        kinds = [(PADDED, "padded"), (PEEKABLE, "peekable"), (COMPACT, "compact")]
        return "".join(", " + name for flag, name in kinds if self.flags & flag)

    def leaf(self, slots, pfn):
        leaf = Leaf(self, slots, self.leaf_layout)
        if leaf.first != pfn:
            raise gdb.GdbError(
                "the table of pfn 0x%x says that it begins at 0x%x: overwritten, or the "
                "library is of another version than this script" % (pfn, leaf.first)
            )
        return leaf

    def leaves(self):
        """All of them, by their first pfns."""
        height = self.root & HEIGHT_MASK
        if self.root & ~HEIGHT_MASK:
            yield from self.leaves_below(self.root & ~HEIGHT_MASK, height, 0)

    def leaves_below(self, entry, height, pfn):
        if not height:
            yield self.leaf(entry, pfn)
            return
        entries = read(entry, pointer_size() << NODE_SHIFT)
        format = "%s%d%s" % (byte_order(), 1 << NODE_SHIFT, pointer_code())
        span = 1 << (LEAF_SHIFT + NODE_SHIFT * (height - 1))
        for i, below in enumerate(struct.unpack(format, entries)):
            if below:
                yield from self.leaves_below(below, height - 1, pfn + i * span)

    def object_at(self, pfn, slot):
        return pfn << self.page_shift if slot.object is None else slot.object


class Sums:
    """What a walk through a registry has met."""

    def __init__(self):
        self.leaves = 0
        self.slots = 0
        self.releasing = 0
        self.objects = 0
        self.live = 0
        self.frozen = 0
        self.erased = 0
        self.saturated = 0
        self.references = 0
        self.claimed = 0
        self.residue = 0
        self.with_residue = 0
        self.misused = 0

    def add_leaf(self, leaf):
        self.leaves += 1
        self.slots += leaf.used & ~LEAF_PURGING
        self.releasing += leaf.releasing

    def add_head(self, slot):
        self.objects += 1
        if slot.flags & ERASED:
            self.erased += 1
        elif slot.is_frozen():
            self.frozen += 1
        else:
            self.live += 1
        if is_saturated(slot.word):
            self.saturated += 1
        elif not slot.is_frozen():
            self.references += word_count(slot.word)

    def add_other(self, slot):
        """An empty slot, a tail, or one that is being claimed."""
        self.claimed += bool(slot.flags & CLAIM)
        if slot.residue():
            self.with_residue += 1
            self.residue += slot.residue()
        elif slot.word:
            self.misused += 1

    def lines(self):
        yield "%s: %d live, %d frozen, %d erased and still held; %s, %s" % (
            plural(self.objects, "object"),
            self.live,
            self.frozen,
            self.erased,
            plural(self.references, "reference"),
            "the registry's own included",
        )
        yield "%s in use, in %s" % (plural(self.slots, "pfn"), plural(self.leaves, "table"))
        if self.saturated:
            yield "saturated, will never be freed: %d" % self.saturated
        if self.releasing:
            yield "release() calls under way: %d" % self.releasing
        if self.claimed:
            yield "being inserted: %s" % plural(self.claimed, "pfn")
        if self.with_residue:
            yield "residue of failed gets in slots without an object of their own: %d, in %s" % (
                self.residue,
                plural(self.with_residue, "slot"),
            )
        if self.misused:
            yield "slots that a put without a reference has misused: %d" % self.misused


class RegistryCommand(gdb.Command):
    """Show what a registry holds: frozenref registry [-summary] EXPRESSION

Prints a line for each object that is live, frozen, or erased and still held: its pfn, number of
pages, references (the registry's own included), state, object, user bits and generation; and a
summary. At most as many as "set print elements" says. The expression is the registry, or its
address: without debug information, *(void **) &variable."""

    HEADINGS = ("pfn", "pages", "refs", "user", "generation", "object", "state")
    FORMAT = "%-16s %7s %10s %10s %11s  %-34s %s"

    def __init__(self):
        super().__init__("frozenref registry", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        argument, limit = parse_summary(argument)
        table = Table(address_of(argument))
        print(
            "registry %s: pfns of %d bits, pages of %d bytes, slots of %d bytes%s"
            % (
                in_symbols(table.address),
                table.pfn_bits,
                1 << table.page_shift,
                1 << table.slot_shift,
                table.describe(),
            )
        )
        sums = self.walk(table, limit)
        if sums.objects > limit > 0:
            print("... and %d more; see help set print elements" % (sums.objects - limit))
        for line in sums.lines():
            print(line)

    def walk(self, table, limit):
        sums = Sums()
        for leaf in table.leaves():
            sums.add_leaf(leaf)
            if leaf.is_purging():
                print("the table of pfn 0x%x is being purged" % leaf.first)
            try:
                self.walk_leaf(table, leaf, sums, limit)
            except gdb.MemoryError:
                print("the table of pfn 0x%x cannot be read: not in the core file?" % leaf.first)
        return sums

    def walk_leaf(self, table, leaf, sums, limit):
        for pfn, slot in leaf.written_slots():
            if not slot.flags & USED:
                sums.add_other(slot)
                continue
            sums.add_head(slot)
            if sums.objects <= limit:
                if sums.objects == 1:
                    print((self.FORMAT % self.HEADINGS).rstrip())
                self.show(table, pfn, slot)

    def show(self, table, pfn, slot):
        print(
            self.FORMAT
            % (
                "0x%x" % pfn,
                slot.pages,
                word_count(slot.word),
                "-" if slot.user is None else "0x%x" % slot.user,
                slot.generation,
                in_symbols(table.object_at(pfn, slot)),
                slot.state(),
            )
        )


class SlotCommand(gdb.Command):
    """Tell all of one slot: frozenref slot EXPRESSION, REGISTRY

Its pfn, state, references, object, user bits, sequence and generation; of a tail, where its head
is. Both expressions are pointers or addresses; without the registry, what depends on it is left
out."""

    def __init__(self):
        super().__init__("frozenref slot", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        # A comma within the first expression needs parentheses; the last one outside splits.
        expression, registry = self.split(argument)
        address = address_of(expression)
        table = Table(address_of(registry)) if registry else None
        data = read(address, 16)
        compact = table.is_compact() if table else bool(unpack(U32, data, 4) >> 31)
        slot = Slot(data if compact else read(address, 32), 0, compact)
        pfn = self.pfn(table, address) if table else None
        for name, text in self.facts(table, slot, pfn):
            print("%-12s%s" % (name, text))

    @staticmethod
    def split(argument):
        depth = 0
        for i, character in enumerate(argument):
            depth += (character in "([{") - (character in ")]}")
            if character == "," and not depth:
                return argument[:i], argument[i + 1 :]
        return argument, None

    @staticmethod
    def pfn(table, address):
        for leaf in table.leaves():
            offset = address - leaf.slots
            if 0 <= offset < LEAF_SLOTS << table.slot_shift:
                if offset & ((1 << table.slot_shift) - 1):
                    raise gdb.GdbError("in the middle of a slot: 0x%x" % address)
                return leaf.first + (offset >> table.slot_shift)
        raise gdb.GdbError("no slot of this registry: 0x%x" % address)

    @staticmethod
    def facts(table, slot, pfn):
        if pfn is not None:
            yield "pfn", "0x%x" % pfn
        yield "counter", describe_word(slot.word)
        if slot.flags & USED:
            yield "state", slot.state()
            yield "pages", slot.pages
            if slot.object is not None or table:
                yield "object", in_symbols(table.object_at(pfn, slot) if table else slot.object)
            if slot.user is not None:
                yield "user", "0x%x" % slot.user
        elif slot.flags & TAIL:
            yield "state", "tail of an object whose head is %s before" % plural(slot.pages, "slot")
            if pfn is not None:
                yield "head", "0x%x" % (pfn - slot.pages)
        elif slot.flags & CLAIM:
            yield "state", "being inserted"
        else:
            yield "state", "empty"
        yield "generation", slot.generation
        yield "sequence", slot.sequence


# -------------------------------------------------------------------------------------------- cache


def cache_layout():
    return Layout(
        "frozenref_cache",
        "frozenref_cache_create",
        [
            ("first", POINTER, 1),
            ("limit", POINTER, 1),
            ("reciprocal", U64, 1),
            ("slab_mask", U32, 1),
            ("per_slab", U32, 1),
            ("stride", U32, 1),
            ("object_size", U32, 1),
            ("ref_offset", U32, 1),
            ("flags", U32, 1),
        ],
    )


class FreeObjects:
    """Which objects of a cache are free, and where: needs debug information of the library."""

    def __init__(self, address):
        kind = library_type("cache", "frozenref_cache_destroy")
        self.in_slabs = set()
        self.in_magazines = set()
        self.in_depot = set()
        self.threads = []
        self.cache = None
        if kind is None:
            return
        self.cache = gdb.Value(address).cast(kind.pointer()).dereference()
        self.name = self.cache["name"].string()
        self.populated = int(self.cache["nr_populated"])
        thread = self.cache["threads"]
        while int(thread):
            counts = [self.add(thread["magazine"][i], self.in_magazines) for i in range(2)]
            loaded = int(thread["loaded"])
            self.threads.append((int(thread["thread"]), counts[loaded], counts[1 - loaded]))
            thread = thread["next_of_cache"]
        magazine = self.cache["depot"]["full"]
        while int(magazine):
            self.add(magazine, self.in_depot)
            magazine = magazine["next"]

    @staticmethod
    def add(magazine, objects):
        if not int(magazine):
            return 0
        count = int(magazine["count"])
        rounds = magazine["round"]
        objects.update(int(rounds[i]) for i in range(count))
        return count

    def slab_is_in_use(self, number, addresses):
        """Numbers count from 1. Notes what is free in it."""
        kind = library_type("slab", "frozenref_cache_destroy").pointer()
        cache = self.cache
        slab = gdb.Value(
            int(cache["slabs"]["base"]) + (number - 1) * int(cache["slab_bytes"])
        ).cast(kind)
        if str(slab["state"]) != "2":
            return False
        for i, address in enumerate(addresses):
            if int(slab["free"][i // 32]) >> i % 32 & 1:
                self.in_slabs.add(address)
        return True

    def has(self, address):
        return (
            address in self.in_slabs or address in self.in_magazines or address in self.in_depot
        )


class CacheCommand(gdb.Command):
    """Show what a cache holds: frozenref cache [-summary] EXPRESSION

Prints a line for each object that is live, with its references; and a summary. Where the library
has debug information, objects that their owners have frozen as well, and where the free ones are:
in slabs, in the magazines of threads, or in the depot. At most as many as "set print elements"
says."""

    FORMAT = "%-34s %10s  %s"

    def __init__(self):
        super().__init__("frozenref cache", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        argument, limit = parse_summary(argument)
        address = address_of(argument)
        layout = cache_layout()
        data = read(address, layout.size)
        self.head = {name: layout.get(data, name) for name in layout.offsets}
        self.check(address)
        self.free = FreeObjects(address)
        name = '"%s", ' % self.free.name if self.free.cache else ""
        kinds = [(1, ", padded"), (2, ", peekable"), (4, ", checked")]
        print(
            "cache %s: %sobjects of %d bytes, slabs of %d bytes with %d each%s"
            % (
                in_symbols(address),
                name,
                self.head["object_size"],
                self.head["slab_mask"] + 1,
                self.head["per_slab"],
                "".join(text for flag, text in kinds if self.head["flags"] & flag),
            )
        )
        self.walk(limit)
        for line in self.lines():
            print(line)

    def check(self, address):
        head = self.head
        if (
            head["slab_mask"] & (head["slab_mask"] + 1)
            or not head["stride"]
            or head["stride"] % 8
            or head["per_slab"] != (head["slab_mask"] + 1) // head["stride"]
        ):
            raise gdb.GdbError("no cache of this version of the library: 0x%x" % address)

    def walk(self, limit):
        self.live = self.frozen = self.others = self.saturated = self.references = 0
        self.residue = self.with_residue = self.shown = self.unread = 0
        slab_size = self.head["slab_mask"] + 1
        for number in range(1, self.head["limit"] // slab_size + 1):
            first = self.head["first"] + (number - 1) * slab_size
            addresses = range(
                first, first + self.head["per_slab"] * self.head["stride"], self.head["stride"]
            )
            in_use = not self.free.cache or self.free.slab_is_in_use(number, addresses)
            try:
                data = read(first, slab_size)
            except gdb.MemoryError:
                self.unread += 1
                continue
            for address in addresses:
                word = unpack(U32, data, address - first + self.head["ref_offset"])
                self.add(address, word, in_use, limit)
        if self.shown > limit > 0:
            print("... and %d more; see help set print elements" % (self.shown - limit))

    def add(self, address, word, in_use, limit):
        allocated = in_use and self.free.cache is not None and not self.free.has(address)
        if 0 < word < SURPLUS:
            self.with_residue += 1
            self.residue += word
        if is_live(word) or is_saturated(word) or word == DYING:
            self.live += 1
            self.saturated += is_saturated(word)
            self.references += word - ONE + 1 if is_live(word) else 0
        elif allocated:
            self.frozen += 1
        else:
            self.others += 1
            if word < SURPLUS or not word:
                return
        self.shown += 1
        if self.shown > limit:
            return
        if self.shown == 1:
            print((self.FORMAT % ("object", "refs", "state")).rstrip())
        # Of a live counter the number is in its column.
        state = "live" if is_live(word) else describe_word(word)
        print(self.FORMAT % (in_symbols(address), word_count(word), state))

    def lines(self):
        yield "%s live, with %s" % (
            plural(self.live, "object"),
            plural(self.references, "reference"),
        )
        if self.saturated:
            yield "saturated, will never be freed: %d" % self.saturated
        if self.free.cache:
            yield "%s frozen, in the hands of owners" % plural(self.frozen, "object")
            yield "%d free: %d in %s, %d in the magazines of %s, %d in the depot" % (
                len(self.free.in_slabs) + len(self.free.in_magazines) + len(self.free.in_depot),
                len(self.free.in_slabs),
                plural(self.free.populated, "slab"),
                len(self.free.in_magazines),
                plural(len(self.free.threads), "thread"),
                len(self.free.in_depot),
            )
            for thread, loaded, other in self.free.threads:
                yield "magazines of thread 0x%x: %d and %d" % (thread, loaded, other)
        else:
            yield (
                "%s frozen: free, or in the hands of owners; to tell which, the library "
                "needs debug information" % plural(self.others, "object")
            )
        if self.with_residue:
            yield "residue of failed gets: %d, in %s" % (
                self.residue,
                plural(self.with_residue, "counter"),
            )
        if self.unread:
            yield "%s cannot be read: not in the core file?" % plural(self.unread, "slab")


# -------------------------------------------------------------------------------------------- index


def index_layout():
    return Layout(
        "frozenref_index",
        "frozenref_index_create",
        [
            ("table", POINTER, 1),
            ("stripes", POINTER, 1),
            ("stripe_mask", U32, 1),
            ("stripe_shift", U32, 1),
            ("number", U32, 1),
            ("node_offset", U32, 1),
            ("ref_offset", U32, 1),
        ],
    )


def node_layout():
    return Layout(
        "frozenref_index_node",
        "frozenref_index_create",
        [("next", POINTER, 1), ("hash", U32, 1), ("index", U32, 1)],
    )


def stripe_layout():
    layout = Layout(
        "stripe", "frozenref_index_create", [("sequence", U32, 1), ("buckets", U32, 1)]
    )
    # Two cache lines, where nothing says otherwise.
    layout.size = max(layout.size, 128)
    return layout


class IndexCommand(gdb.Command):
    """Show what an index holds: frozenref index [-summary] EXPRESSION

Prints a line for each object, with its hash and its references (the index's own included), and a
summary with the longest chain. At most as many as "set print elements" says."""

    FORMAT = "%-34s %10s %10s  %s"

    def __init__(self):
        super().__init__("frozenref index", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        argument, limit = parse_summary(argument)
        address = address_of(argument)
        layout = index_layout()
        data = read(address, layout.size)
        self.head = {name: layout.get(data, name) for name in layout.offsets}
        if self.head["stripe_mask"] + 1 != 1 << min(self.head["stripe_shift"], 32):
            raise gdb.GdbError("no index of this version of the library: 0x%x" % address)
        self.node = node_layout()
        self.shown = self.changing = self.longest = self.buckets = 0
        print("index %s" % in_symbols(address))
        for stripe in range(self.head["stripe_mask"] + 1):
            self.walk_stripe(stripe, limit)
        if self.shown > limit > 0:
            print("... and %d more; see help set print elements" % (self.shown - limit))
        print(
            "%s in %s of %s; the longest chain has %d"
            % (
                plural(self.shown, "object"),
                plural(self.buckets, "bucket"),
                plural(self.head["stripe_mask"] + 1, "stripe"),
                self.longest,
            )
        )
        if self.changing:
            print("being put in or taken out: %d" % self.changing)

    def walk_stripe(self, stripe, limit):
        layout = stripe_layout()
        data = read(self.head["stripes"] + stripe * layout.size, layout.size)
        buckets = layout.get(data, "buckets")
        self.buckets += buckets
        for bucket in range(buckets):
            place = bucket * (self.head["stripe_mask"] + 1) + stripe
            at = self.head["table"] + place * pointer_size()
            self.walk_chain(unpack(pointer_code(), read(at, pointer_size())), limit)

    def walk_chain(self, link, limit):
        length = 0
        while link and not link & 1:
            data = read(link, self.node.size)
            length += 1
            self.shown += 1
            self.changing += self.node.get(data, "index") != self.head["number"]
            if self.shown <= limit:
                self.show(link - self.head["node_offset"], self.node.get(data, "hash"))
            link = self.node.get(data, "next")
        self.longest = max(self.longest, length)

    def show(self, address, hash_value):
        word = unpack(U32, read(address + self.head["ref_offset"], 4))
        if self.shown == 1:
            print((self.FORMAT % ("object", "hash", "refs", "state")).rstrip())
        state = "live" if is_live(word) else describe_word(word)
        print(
            self.FORMAT % (in_symbols(address), "0x%x" % hash_value, word_count(word), state)
        )


# ------------------------------------------------------------------------------------------ for gdb


class FrozenrefCommand(gdb.Command):
    """What libfrozenref's counters, registries, caches and indexes hold."""

    def __init__(self):
        super().__init__("frozenref", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("libfrozenref")
    printers.add_printer("frozenref_t", "^frozenref_t$", CounterPrinter)
    gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)
    FrozenrefCommand()
    CounterCommand()
    RegistryCommand()
    SlotCommand()
    CacheCommand()
    IndexCommand()


register()
