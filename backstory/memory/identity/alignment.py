"""Laying a request's messages beside the stored ones of one conversation: what is known, what is new, and what the client has left out.

Rules: the longest known prefix first; then, where the histories differ, what still matches later decides whether the client changed a
message in passing, cut or replaced a part of its history, or went another way. A single match is no proof: short texts repeat.
Only words count for that; tool messages are laid beside each other between the words, in order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from backstory.memory.folding.compactions import ASKS

How: TypeAlias = Literal["new", "extend", "retry", "branch", "truncated", "compacted", "amended"]
Pair: TypeAlias = tuple[int, int]

# A lone match in the middle counts from this length on.
_TELLING_CHARS = 24
# At most so many messages of one role in a row are looked at as one message that was split.
_MOST_JOINED = 8
# Of a text that occurs very often, so many places are looked at.
_MOST_PLACES = 16
_ANCHOR_MESSAGES = 3
# Notes that tell nothing of what the client has left out.
_PLAIN = ("", "listing")
_ANCHOR_CHARS = 120
# Who had said so much since an earlier summary has had another one made; less may be an edit of what was said right after it.
_SINCE_SUMMARY = 2


class Said(Protocol):
    """What alignment looks at: a line of a request, or a stored turn. `kind` is spoken, tool or none."""

    @property
    def kind(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...


class Alignment(Struct, frozen=True):
    """How a request lies beside the stored messages.

    `matched`: for each message of the request the index of its stored one, -1 without. `also`: stored ones that the request carries
    within a message matched to another. `fresh`: index of the first new message (the request's length where nothing is new); messages
    before it without a match were changed or put in by the client in passing. `tip`: index of the stored message after which the new
    ones go on, -1 for the beginning. `dropped`: the client has left out stored words before the tip.

    `how`: new = nothing is stored; extend = all known, and new ones; retry = all known; branch = goes on from the middle, another way;
    truncated = goes on with a part left out; compacted = the same, with a summary in its place; amended = goes on, a known message changed.
    """

    matched: tuple[int, ...]
    fresh: int
    tip: int
    how: How
    dropped: bool = False
    also: tuple[int, ...] = ()


def spoken_count(lines: Sequence[Said]) -> int:
    """How many of the messages are words of a human or the assistant."""
    return sum(1 for line in lines if line.kind == "spoken")


def anchor(lines: Sequence[Said]) -> tuple[bytes, ...]:
    """The contents by which a request without identity may be found: its spoken messages but the one it ends with, where they are at
    least 3 with 120 characters in all; otherwise none."""
    said = [line for line in lines if line.kind != "none"]
    run = [line for line in said[:-1] if line.kind == "spoken"]
    if len(run) < _ANCHOR_MESSAGES or sum(len(line.text) for line in run) < _ANCHOR_CHARS:
        return ()
    return tuple(line.content for line in run)


def align(request: Sequence[Said], stored: Sequence[Said], known: Sequence[int] = ()) -> Alignment:
    """Lay a request beside the stored messages of a conversation's current branch.

    `known` is what an earlier alignment with the same branch gave in `matched` for the first messages of this request: then the cost
    grows with what is new. What was new then (-1 at its end) may be stored since, and is looked at again. The general case costs about n
    log n. Whether a request of one message belongs here at all is the caller's to know: nothing but an identity of the client's can tell.
    """
    found = list(known)
    while found and found[-1] < 0:
        found.pop()
    at = next((place + 1 for place in reversed(found) if place >= 0), 0)
    index = len(found)
    while index < len(request):
        one = request[index]
        if one.kind == "none":
            found.append(-1)
        elif at < len(stored) and stored[at].content == one.content:
            found.append(at)
            at += 1
        else:
            break
        index += 1
    if index == len(request) and (at or not stored):
        if at < len(stored) and _ends_in_summary(request):
            return Alignment(tuple(found), len(request), len(stored) - 1, "compacted", True)
        leftover = any(line.kind == "spoken" and line.role != "assistant" for line in stored[at:])
        return Alignment(tuple(found), len(request), at - 1, "branch" if leftover else "retry")
    if at == len(stored) and index < len(request):
        rest = [-1] * (len(request) - index)
        return Alignment((*found, *rest), index, at - 1, "extend" if stored else "new")
    return _alone(request, stored) or _compare(request, stored)


def _ends_in_summary(request: Sequence[Said]) -> bool:
    """Whether a client's summary stands behind all that was said: in place of what came then."""
    for line in reversed(request):
        if line.kind != "none":
            return False
        if getattr(line, "note", "") == "summary":
            return True
    return False


def _alone(request: Sequence[Said], stored: Sequence[Said]) -> Alignment | None:
    """A request whose only message is unlike the first stored one is new, whatever else is stored: a lone match later on would be no
    proof. None for any other request. Costs nothing that grows with what is stored.
    """
    said = [index for index, line in enumerate(request) if line.kind != "none"]
    if len(said) != 1 or any(getattr(line, "note", "") not in _PLAIN for line in request):
        return None
    one, first = request[said[0]], next((line for line in stored if line.kind == "spoken"), None)
    if first is None or one.kind != "spoken":
        return None
    if one.role == first.role:
        asked, kept = _squeezed(one), _squeezed(first)
        if asked.startswith(kept) or kept.startswith(asked):
            return None
    return Alignment((-1,) * len(request), said[0], len(stored) - 1, "truncated", True)


def _compare(request: Sequence[Said], stored: Sequence[Said]) -> Alignment:
    asked = [index for index, line in enumerate(request) if line.kind == "spoken"]
    kept = [index for index, line in enumerate(stored) if line.kind == "spoken"]
    table = _Table(request, stored, asked, kept)
    table.walk()
    table.rejoin()
    table.fill_gaps()
    table.lay_tools()
    return table.judge()


class _Table:
    """Pairs found so far, in indexes of words (`pairs`) and of all messages (`places`)."""

    __slots__ = ("also", "amended", "asked", "kept", "pairs", "places", "references", "replaced", "request", "stored", "summary", "walked")

    def __init__(self, request: Sequence[Said], stored: Sequence[Said], asked: list[int], kept: list[int]) -> None:
        self.request = request
        self.stored = stored
        self.asked = asked
        self.kept = kept
        self.pairs: list[Pair] = []
        self.places: dict[int, int] = {}
        self.also: list[int] = []
        self.walked = (0, 0)
        self.amended = False
        self.replaced = False
        notes = {getattr(line, "note", "") for line in request}
        self.summary = "summary" in notes
        self.references = "reference" in notes

    def walk(self) -> None:
        """The known prefix, past messages that are split otherwise or have grown."""
        i = j = 0
        while i < len(self.asked) and j < len(self.kept):
            a, b = self.request[self.asked[i]], self.stored[self.kept[j]]
            if a.content == b.content:
                steps = (1, 1)
            elif a.role != b.role or self._shows_another(self.asked[i]):
                break
            else:
                steps = self._joined(i, j) or ((1, 1) if i < len(self.asked) - 1 and _grown(a.text, b.text) else (0, 0))
                if steps == (0, 0):
                    break
                self.amended = True
            self._pair_run(i, j, *steps)
            i, j = i + steps[0], j + steps[1]
        self.walked = (i, j)

    def _shows_another(self, index: int) -> bool:
        """Whether this is what the request ends with, and shows something: in the same words, with another image, it is asked anew. Of
        what was said before, a client may have made smaller copies."""
        one = self.request[index]
        return bool(getattr(one, "media", ())) and all(line.kind == "none" for line in self.request[index + 1 :])

    def _pair_run(self, i: int, j: int, asked: int, kept: int) -> None:
        for step in range(asked):
            self.pairs.append((i + step, j + (kept - 1 if step == asked - 1 else min(step, kept - 1))))
        used = {pair[1] for pair in self.pairs[-asked:]}
        self.also.extend(self.kept[j + step] for step in range(kept) if j + step not in used)

    def _joined(self, i: int, j: int) -> Pair | None:
        """How many messages of one role on each side say the same in all, white space apart."""
        role = self.request[self.asked[i]].role
        asked, kept = _squeezed(self.request[self.asked[i]]), _squeezed(self.stored[self.kept[j]])
        many = [1, 1]
        while asked != kept:
            if max(many) >= _MOST_JOINED or not (asked.startswith(kept) or kept.startswith(asked)):
                return None
            side = 0 if len(asked) < len(kept) else 1
            lines, spine, start = (self.request, self.asked, i) if side == 0 else (self.stored, self.kept, j)
            place = start + many[side]
            if place >= len(spine) or lines[spine[place]].role != role:
                return None
            more = _squeezed(lines[spine[place]])
            asked, kept = (asked + more, kept) if side == 0 else (asked, kept + more)
            many[side] += 1
        return (many[0], many[1]) if asked else None

    def rejoin(self) -> None:
        """Where the histories meet again after the known prefix."""
        i, j = self.walked
        asked = [self.request[index] for index in self.asked[i:]]
        kept = [self.stored[index] for index in self.kept[j:]]
        if not asked or not kept:
            return
        a = [line.content for line in asked]
        b = [line.content for line in kept]
        run = _overlap(b, a)
        pairs = [(x, len(b) - run + x) for x in range(run)]
        if run < 2:
            longer = _with_questions(_common(a, b), asked, b)
            pairs = longer if len(longer) > run else pairs
        pairs = [] if self.summary and _acknowledges(pairs, asked, kept) else self._credible(pairs, asked, len(b))
        self.pairs.extend((i + x, j + y) for x, y in pairs)

    def _credible(self, pairs: list[Pair], asked: Sequence[Said], end: int) -> list[Pair]:
        """The pairs that can be no coincidence."""
        if self.summary or self.references:
            return pairs
        good: list[Pair] = []
        for run in _runs(pairs):
            x, y = run[0]
            alone = len(run) == 1
            last = x == len(asked) - 1
            near = y == end - 1 and x == len(asked) - 2
            if not alone or near or (len(asked[x].text) >= _TELLING_CHARS and not last):
                good.extend(run)
        if not good:
            return []
        answered = any(asked[x].role == "assistant" for x, _ in good)
        changed = good[-1][0] + 1 - len(good)
        return good if (answered or len(good) > 1) and changed <= len(good) + 1 else []

    def fill_gaps(self) -> None:
        """Messages without a match between matched ones: changed in passing where both sides have as many, of the same roles."""
        self.pairs.sort()
        gaps: list[tuple[range, range]] = []
        before = (-1, -1)
        for pair in self.pairs:
            gaps.append((range(before[0] + 1, pair[0]), range(before[1] + 1, pair[1])))
            before = pair
        covered = set(self.also)
        for asked, kept in gaps:
            left = [y for y in kept if self.kept[y] not in covered]
            same = len(asked) == len(left) and all(self._roles_agree(x, y) for x, y in zip(asked, left, strict=True))
            if asked and same:
                self.pairs.extend(zip(asked, left, strict=True))
                self.amended = True
            elif asked:
                self.replaced = self.replaced or len(left) > len(asked)
                self.amended = True
        self.pairs.sort()
        self.places = {self.asked[x]: self.kept[y] for x, y in self.pairs}

    def _roles_agree(self, x: int, y: int) -> bool:
        return self.request[self.asked[x]].role == self.stored[self.kept[y]].role

    def lay_tools(self) -> None:
        """Tool messages between matched words, and after the last of them."""
        before = (-1, -1)
        for place in sorted(self.places):
            here = (place, self.places[place])
            self._lay(range(before[0] + 1, here[0]), range(before[1] + 1, here[1]), inner=True)
            before = here
        asked_end = next((index for index in self.asked if index > before[0]), len(self.request))
        words = () if self.references else self.kept  # words after the last match may be among those named by id
        kept_end = next((index for index in words if index > before[1]), len(self.stored))
        self._lay(range(before[0] + 1, asked_end), range(before[1] + 1, kept_end), inner=False)

    def _lay(self, asked: range, kept: range, *, inner: bool) -> None:
        mine = [index for index in asked if self.request[index].kind == "tool"]
        theirs = [index for index in kept if self.stored[index].kind == "tool"]
        if not mine or not theirs:
            return
        pairs = _common([self.request[index].content for index in mine], [self.stored[index].content for index in theirs])
        found = {mine[x]: theirs[y] for x, y in pairs}
        upto = (len(mine), len(theirs)) if inner else ((pairs[-1][0], pairs[-1][1]) if pairs else (0, 0))
        left = [index for index in mine[: upto[0]] if index not in found]
        used = set(found.values())
        free = [index for index in theirs[: upto[1]] if index not in used]
        if len(left) == len(free):
            found.update(zip(left, free, strict=True))
        self.places.update(found)

    def judge(self) -> Alignment:
        """The verdict."""
        matched = tuple(self.places.get(index, -1) for index in range(len(self.request)))
        count = len(self.request)
        if not self.places:
            return self._unknown(matched)
        last = max(self.places)
        tip = max(self.places[last], max(self.also, default=-1))
        fresh = next((index for index in range(last + 1, count) if self.request[index].kind != "none"), count)
        leftover = self.stored[tip + 1 :]
        another = any(line.kind == "spoken" and line.role != "assistant" for line in leftover)
        in_words = fresh < count and self.request[fresh].kind == "spoken"
        covered = self.summary or (self.references and fresh < count) or (in_words and all(line.kind == "tool" for line in leftover))
        if covered and not another:
            tip, leftover = len(self.stored) - 1, ()
        if self.references:
            used = {*self.places.values(), *self.also}
            named = (index for index, line in enumerate(self.stored[: tip + 1]) if line.role == "assistant")
            self.also.extend(index for index in named if index not in used)
        carried = {*self.places.values(), *self.also}
        dropped = any(index <= tip and index not in carried for index in self.kept)
        return Alignment(matched, fresh, tip, self._how(fresh < count, another, bool(leftover), dropped), dropped, tuple(self.also))

    def _how(self, goes_on: bool, another: bool, leftover: bool, dropped: bool) -> How:
        if not goes_on:
            return "branch" if another else "retry"
        if leftover:
            return "branch"
        if self.summary or self.replaced:
            return "compacted"
        if dropped:
            return "truncated"
        return "amended" if self.amended else "extend"

    def _unknown(self, matched: tuple[int, ...]) -> Alignment:
        """Nothing of the request is known: the client carries none of the stored messages any more."""
        fresh = next((index for index, line in enumerate(self.request) if line.kind != "none"), len(self.request))
        tip = len(self.stored) - 1
        spoken = [self.request[index] for index in self.asked[:2]]
        asks = len(spoken) == 2 and spoken[0].text in ASKS and spoken[1].role == "assistant"
        if asks and len(self.asked) > 2:
            return Alignment(matched, self.asked[1] + 1, tip, "compacted", True)
        if fresh == len(self.request):
            return Alignment(matched, fresh, tip, "compacted" if self.summary else "retry", True)
        return Alignment(matched, fresh, tip, "compacted" if self.summary else "truncated", True)


def _acknowledges(pairs: Sequence[Pair], asked: Sequence[Said], kept: Sequence[Said]) -> bool:
    """Whether all that is known behind a summary is how the assistant takes it in: clients say that in the same words each time."""
    if len(pairs) != 1 or pairs[0][0] or asked[0].role != "assistant":
        return False
    since = sum(1 for line in kept[pairs[0][1] + 1 :] if line.role != "assistant")
    return since >= _SINCE_SUMMARY


def _grown(a: str, b: str) -> bool:
    """Whether one text is the other with something added at its end."""
    short, long = sorted((" ".join(a.split()), " ".join(b.split())), key=len)
    return len(short) >= _TELLING_CHARS and long.startswith(short)


def _squeezed(line: Said) -> str:
    return "".join(line.text.split())


def _overlap(text: Sequence[bytes], pattern: Sequence[bytes]) -> int:
    """Length of the longest end of `text` with which `pattern` begins (Knuth, Morris, Pratt)."""
    text = text[max(0, len(text) - len(pattern)) :]
    borders = [0] * len(pattern)
    length = 0
    for index in range(1, len(pattern)):
        while length and pattern[index] != pattern[length]:
            length = borders[length - 1]
        length += pattern[index] == pattern[length]
        borders[index] = length
    length = 0
    for item in text:
        if length == len(pattern):
            length = borders[length - 1]
        while length and item != pattern[length]:
            length = borders[length - 1]
        length += item == pattern[length]
    return length


def _common(a: Sequence[bytes], b: Sequence[bytes]) -> list[Pair]:
    """A longest common subsequence, as far to the end of `b` as can be (Hunt and Szymanski, from the end; of frequent items only the last
    places are looked at, and those beside a rare one that is beside them in `a`, too)."""
    places: dict[bytes, list[int]] = {}
    wanted = set(a)
    for index in reversed([index for index, item in enumerate(b) if item in wanted]):
        found = places.setdefault(b[index], [])
        if len(found) < _MOST_PLACES:
            found.append(len(b) - 1 - index)
    tails: list[int] = []
    nodes: list[tuple[int, int, int]] = []
    ends: list[int] = []
    for step in range(len(a) - 1, -1, -1):
        for place in _looked_at(a, b, step, places):
            length = bisect_left(tails, place)
            nodes.append((step, len(b) - 1 - place, ends[length - 1] if length else -1))
            if length == len(tails):
                tails.append(place)
                ends.append(len(nodes) - 1)
            else:
                tails[length] = place
                ends[length] = len(nodes) - 1
    pairs: list[Pair] = []
    node = ends[-1] if ends else -1
    while node >= 0:
        x, y, node = nodes[node]
        pairs.append((x, y))
    return pairs


def _with_questions(pairs: Sequence[Pair], asked: Sequence[Said], b: Sequence[bytes]) -> list[Pair]:
    """The same, each answer at the question before it, where that had the same answer: the last "Done." is another question's where the
    one in front of it was asked anew."""
    found: list[Pair] = []
    for x, y in pairs:
        answers = found and asked[x].role == "assistant" and asked[x - 1].role != "assistant" and found[-1][0] == x - 1
        beside = found[-1][1] + 1 if answers else y
        found.append((x, beside if b[beside] == b[y] else y))
    return found


def _looked_at(a: Sequence[bytes], b: Sequence[bytes], step: int, places: Mapping[bytes, Sequence[int]]) -> Sequence[int]:
    """Where in `b`, counted from its end, the item of this step may be matched; the farthest first."""
    found = places.get(a[step], ())
    if len(found) < _MOST_PLACES:
        return found[::-1]
    more = set(found)
    for other, side in ((step - 1, -1), (step + 1, 1)):
        beside = places.get(a[other], ()) if 0 <= other < len(a) else ()
        if len(beside) < _MOST_PLACES:
            more.update(at + side for at in beside if 0 <= at + side < len(b) and b[len(b) - 1 - at - side] == a[step])
    return sorted(more, reverse=True)


def _runs(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs that follow each other on both sides, together."""
    runs: list[list[Pair]] = []
    for pair in pairs:
        if runs and runs[-1][-1] == (pair[0] - 1, pair[1] - 1):
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs
