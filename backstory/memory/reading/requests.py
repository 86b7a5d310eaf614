"""What a request says, message by message, at a cost that grows with what is new.

Each raw message is hashed; a history seen before is recognised by the hash over its message hashes, and only the messages after it are
decoded. The fast hash is seeded at random for each process: nobody can prepare two histories that look alike.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from xxhash import xxh3_128_digest

from backstory.core.layout import Elements
from backstory.core.message import Message, Prompt
from backstory.core.wire import Wire
from backstory.memory.reading.turns import Line, chain, line

_REMEMBERED = 4096
_WORTH_REMEMBERING = 6
_HASH_BYTES = 16
# A history is found again by its whole, or by all but some of the last messages: clients move marks in them, and people ask again.
_LOOK_BACK = 10
# Messages are remembered up to this much of their raw text; many readings of one history hold the same messages.
_MOST_BYTES = 24 << 20


class Reading:
    """One request: for each item its line, and the chain hash up to and including it.

    `places` (set by ingestion): for each item the index of its turn on the thread's path, -1 where it has none. `also`: turns that it
    carries within an item of another place. `unsaid`: turns (ids) that its client leaves out of its answers. `buried`: items whose turns
    were forgotten, `unkept`: those of them that were never to be remembered. `more`: tokens of what an item says beside its turn (others
    that its client has joined with it).
    `aside`: length of the items that are no turns, in characters. `tools`: how many items have calls, results or media.
    `summary`: the last item that is a client's summary of what came before, -1 where none is. `bytes`: raw size of its items, about.
    `sent`: the chain hashes as its client's form of the answers gives them, where `chains` are those of what was really said; empty where
    they are the same; then `asked` are the lines as they came, and `reworded` tells whether a human's are among those that differ. `keys`:
    by how many the reader finds it. `loose`: items that say what no turn at their place does, each with the place beside which it would be
    kept; so many items were `compared` for that; `extra`: tokens that they have beside their turns. `stuck`: those of them that cannot be
    kept. `before`: digest of the reading that its first `reused` items were taken from, b"" where none were.
    """

    __slots__ = (
        "also",
        "aside",
        "asked",
        "before",
        "buried",
        "bytes",
        "chains",
        "compared",
        "digest",
        "extra",
        "keys",
        "lines",
        "loose",
        "more",
        "places",
        "reused",
        "reworded",
        "sent",
        "stuck",
        "summary",
        "thread",
        "tools",
        "unkept",
        "unsaid",
        "version",
    )

    def __init__(self, digest: bytes, lines: list[Line], chains: list[bytes], reused: int) -> None:
        self.digest = digest
        self.lines = lines
        self.chains = chains
        self.reused = reused
        self.aside = self.tools = 0
        self.summary = -1
        self.bytes = self.keys = 0
        self.places: list[int] = []
        self.also: tuple[int, ...] = ()
        self.unsaid: tuple[int, ...] = ()
        self.before = b""
        self.buried: frozenset[int] = frozenset()
        self.unkept: frozenset[int] = frozenset()
        self.more: dict[int, int] = {}
        self.loose: dict[int, int] = {}
        self.extra: dict[int, int] = {}
        self.stuck: frozenset[int] = frozenset()
        self.compared = 0
        self.sent: list[bytes] = []
        self.asked: list[Line] = []
        self.reworded = False
        self.thread = ""
        self.version = -1

    def taken(self, reworded: bool) -> None:
        """It is about to say what was said in place of what came."""
        if not self.sent:
            self.sent, self.asked = list(self.chains), list(self.lines)
        self.reworded = self.reworded or reworded
        self.compare_anew()

    def as_sent(self) -> None:
        """It says what came again: whoever may have said the same in other surroundings is looked for anew."""
        self.lines[:], self.chains[:] = self.asked, self.sent
        self.sent, self.asked, self.reworded = [], [], False
        self.places, self.unsaid = [], ()
        self.thread, self.version = "", -1
        self.compare_anew()

    def say_as_sent(self, start: int, root: bytes) -> None:
        """From this item on it says what came: that is new, whatever it was taken for before. `root`: of the chains."""
        for item in range(start, len(self.lines)) if self.asked else ():
            line = self.lines[item] = self.asked[item]
            before = self.chains[item - 1] if item else root
            self.chains[item] = before if line.kind == "none" else chain(before, line.content)

    def compare_anew(self, known: int = 0) -> None:
        """Its places are others but for those of the first so many items: nothing is known of what stands there."""
        self.loose = {item: place for item, place in self.loose.items() if item < known}
        self.extra = {item: tokens for item, tokens in self.extra.items() if item < known}
        self.stuck, self.compared = frozenset(), min(self.compared, known)

    def goes_on(self, known: Reading, count: int) -> None:
        """Take over the sums of another one, with whose first `count` items this one begins."""
        self.before = known.digest
        self.aside, self.tools = known.aside, known.tools
        if count < len(known.lines):
            self.aside -= _aside(known.lines[count:])
            self.tools -= _tools(known.lines[count:])
        self.summary = known.summary if known.summary < count else _summary(known.lines, 0, count)

    def take(self, start: int) -> None:
        """Add up the items from `start` on."""
        lines = self.lines
        self.aside += _aside(lines[start:])
        self.tools += _tools(lines[start:])
        found = _summary(lines, start, len(lines))
        self.summary = found if found >= 0 else self.summary


class Reader:
    """Reads prompts; remembers the histories of the last requests."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._recent: OrderedDict[bytes, tuple[Reading, int]] = OrderedDict()
        self._bytes = 0

    def clear(self) -> None:
        """Remember nothing."""
        self._recent.clear()
        self._bytes = 0

    def fresh(self, prompt: Prompt, wire: Wire, root: bytes) -> int:
        """How many items `read` would have to decode."""
        return len(prompt.items) - self._known(self._joined(prompt), wire.name.encode() + root, len(prompt.items))[1]

    def read(self, prompt: Prompt, wire: Wire, root: bytes, last_message: Sequence[Message] = ()) -> Reading:
        """The whole request. `last_message`: the last of its messages, where it was decoded already. Raises DocumentError for a message
        that cannot be read."""
        joined = self._joined(prompt)
        count = len(prompt.items)
        seed = wire.name.encode() + root
        known, reused = self._known(joined, seed, count)
        lines = known.lines[:reused] if known is not None else []
        chains = known.chains[:reused] if known is not None else []
        last = chains[-1] if chains else root
        for index in range(reused, count):
            decoded = last_message and index == count - 1
            message = last_message[-1] if decoded else wire.message(prompt.items[index], (*prompt.items_at, index))
            one = line(message, lines[-1] if lines else None)
            if one.kind != "none":
                last = chain(last, one.content)
            lines.append(one)
            chains.append(last)
        reading = Reading(self._key(joined, seed), lines, chains, reused)
        if known is not None:
            reading.places = known.places[:reused]
            reading.thread, reading.version, reading.buried = known.thread, known.version, known.buried
            reading.unkept, reading.unsaid = known.unkept, known.unsaid
            reading.more = {item: tokens for item, tokens in known.more.items() if item < reused}
            reading.compared = min(known.compared, reused)
            reading.loose = {item: place for item, place in known.loose.items() if item < reused}
            reading.extra = {item: tokens for item, tokens in known.extra.items() if item < reused}
            reading.sent = _going_on(known.sent[:reused], lines)
            reading.asked = [*known.asked[:reused], *lines[reused:]] if known.asked else []
            reading.reworded = known.reworded
            reading.goes_on(known, reused)
        reading.take(reused)
        if count >= _WORTH_REMEMBERING:
            reading.bytes = sum([len(item) for item in prompt.items[reused:]])
            if known is not None and known.lines:
                reading.bytes += known.bytes * reused // len(known.lines)  # their text is held by this one, too
            self._remember(reading, joined, seed, len(known.lines) if known is not None and reused == len(known.lines) else count)
        return reading

    def _joined(self, prompt: Prompt) -> bytes:
        """The hashes of the items, one after the other: those of a beginning seen before stand in its layout."""
        seed, items = self._seed, prompt.items
        if not isinstance(items, Elements):
            return b"".join([xxh3_128_digest(item, seed) for item in items])
        layout, before = items.layout, items.before
        if layout is not None and layout.joined:
            return layout.joined
        known = items.known if before is not None and before.joined else 0
        hashes = b"".join([xxh3_128_digest(item, seed) for item in items[known:]])
        joined = before.joined[: _HASH_BYTES * known] + hashes if before is not None and known else hashes
        if layout is not None:
            layout.joined = joined
        return joined

    def _key(self, joined: bytes, root: bytes) -> bytes:
        return xxh3_128_digest(root + joined, self._seed)

    def _known(self, joined: bytes, root: bytes, count: int) -> tuple[Reading | None, int]:
        if count < _WORTH_REMEMBERING:
            return None, 0
        for length in range(count, max(0, count - _LOOK_BACK), -1):
            found = self._recent.get(self._key(joined[: _HASH_BYTES * length], root))
            if found is not None:
                return found[0], length
        return None, 0

    def _remember(self, reading: Reading, joined: bytes, root: bytes, before: int) -> None:
        """By its last lengths. `before`: it goes on from a reading of so many items, which need not be found any more."""
        recent, count = self._recent, len(reading.lines)
        self._bytes += reading.bytes
        for length in range(max(before - _LOOK_BACK, 0) + 1, max(count - _LOOK_BACK, 0) + 1):
            self._let_go(recent.pop(self._key(joined[: _HASH_BYTES * length], root), None))
        for length in range(count, max(count - _LOOK_BACK, 0), -1):
            key = self._key(joined[: _HASH_BYTES * length], root)
            replaced = recent.get(key)
            recent[key] = (reading, length)
            recent.move_to_end(key)
            reading.keys += 1
            self._let_go(replaced)
        while len(recent) > _REMEMBERED or (self._bytes > _MOST_BYTES and len(recent) > _LOOK_BACK):
            self._let_go(recent.popitem(last=False)[1])

    def _let_go(self, found: tuple[Reading, int] | None) -> None:
        if found is not None:
            found[0].keys -= 1
            if not found[0].keys:
                self._bytes -= found[0].bytes
                found[0].bytes = 0


def _going_on(sent: list[bytes], lines: list[Line]) -> list[bytes]:
    """These chain hashes, and those of the lines after them; none where there are none."""
    for one in lines[len(sent) :] if sent else ():
        sent.append(sent[-1] if one.kind == "none" else chain(sent[-1], one.content))
    return sent


def _aside(lines: list[Line]) -> int:
    return sum(one.chars for one in lines if one.kind == "none")


def _tools(lines: list[Line]) -> int:
    return sum(1 for one in lines if one.calls or one.media)


def _summary(lines: list[Line], start: int, stop: int) -> int:
    """The last summary among the lines start <= i < stop, -1 where none is."""
    return next((item for item in range(stop - 1, start - 1, -1) if lines[item].note == "summary"), -1)
