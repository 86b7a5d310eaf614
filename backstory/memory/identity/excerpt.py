"""A history without its beginning: where on the tree of a conversation's turns it stands, and whether it can stand nowhere else.

Rule: what many conversations say is no proof of one, however often it is said. What a history is known by are words of some length that
were said once on their branch, and in no other conversation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import Turn
from backstory.memory.identity.alignment import Said
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import chain

# Words of so many characters may tell one conversation from another,
_TELLING_CHARS = 24
# where so many messages have them.
_TELLING_MESSAGES = 2
# An answer of so many characters is no canned one.
_ANSWER_CHARS = 120
# At most so many are looked for, so many of them because they are the newest: others may have a copy of those before.
_MOST_TELLING, _NEWEST = 8, 2
# So much of a conversation's beginning in the middle of another is no coincidence.
_COPIED_MESSAGES, _COPIED_CHARS = 3, 120
# A history that goes on ends among so many turns at the end of its branch: work with tools may follow the words.
_NEAR = 16


class Stand(Struct, frozen=True):
    """`end`: the turn with which the known words end. `deepest`: the last one that is known after it, word for word. `known`: how many
    messages that is."""

    end: Turn
    deepest: Turn
    known: int


def run(lines: Sequence[Said]) -> tuple[list[Said], list[Said]]:
    """The spoken messages of a request but the one that it ends with, and all its messages after them."""
    said = [line for line in lines if line.kind != "none"]
    last = next((place for place in range(len(said) - 2, -1, -1) if said[place].kind == "spoken"), -1)
    return [line for line in said[: last + 1] if line.kind == "spoken"], said[last + 1 :]


def ends_with(words: Sequence[Said], turn: Turn, by_id: Mapping[int, Turn]) -> bool:
    """Whether these words are the last of the branch that ends with this turn. What an assistant said before it called its tools may be
    absent: many clients keep only its last words."""
    left, after = len(words), ""
    at: Turn | None = turn
    while left and at is not None:
        if at.kind == "spoken":
            if at.content == words[left - 1].content:
                left -= 1
            elif at.role != "assistant" or after != "assistant":
                return False
            after = at.role
        at = by_id.get(at.parent)
    return not left


def stand(thread: Thread, words: Sequence[Said], rest: Sequence[Said]) -> Stand | None:
    """Where a history stands (`run`), None where it does not: the place from which most of it is known, then one on the current branch,
    then the newest. Costs the history where it ends near the end of the current branch and goes on from there, else the turns too."""
    if not words:
        return None
    end = thread.path[-_NEAR:]
    near = best(_stands(thread, reversed(end), words, rest), {turn.id for turn in end})
    if near is not None and (near.end.id != near.deepest.id or near.deepest.id == end[-1].id):
        return near
    here = {turn.id for turn in thread.path}
    return best(_stands(thread, reversed(thread.by_id.values()), words, rest), here)


def best(stands: Iterable[Stand], here: set[int]) -> Stand | None:
    """The one of which most is known, then one among these turns, then the newest."""
    return max(stands, key=lambda one: (one.known, one.deepest.id in here, one.deepest.id), default=None)


def _stands(thread: Thread, turns: Iterable[Turn], words: Sequence[Said], rest: Sequence[Said]) -> Iterator[Stand]:
    content = words[-1].content
    for turn in turns:
        if turn.content == content and turn.kind == "spoken" and ends_with(words, turn, thread.by_id):
            last, more = deepest(thread, turn, rest)
            yield Stand(turn, last, len(words) + more)


def deepest(thread: Thread, turn: Turn, lines: Iterable[Said]) -> tuple[Turn, int]:
    """The last turn of a thread that is known when these messages follow this turn, and how many of them are."""
    known, last = 0, turn.chain
    for line in lines:
        last = chain(last, line.content)
        found = thread.by_id.get(thread.by_chain.get(last, 0))
        if found is None:
            break
        turn, known = found, known + 1
    return turn, known


def telling(words: Sequence[Said]) -> list[bytes]:
    """The contents that are worth looking for: of the longest messages that are said once, and the newest of some length."""
    count = Counter(line.content for line in words)
    long = [line for line in words if len(line.text) >= _TELLING_CHARS and count[line.content] == 1]
    newest, others = long[-_NEWEST:], long[:-_NEWEST]
    longest = sorted(others, key=lambda line: -len(line.text))[: _MOST_TELLING - _NEWEST]
    return [line.content for line in sorted([*longest, *newest], key=lambda line: -len(line.text))]


def exchange(words: Sequence[Said]) -> list[bytes]:
    """Where a history is one exchange, a question and its answer of some length, the content of the answer: nobody else is told the very
    same after the same question."""
    if len(words) != 2 or (words[0].role, words[1].role) != ("user", "assistant"):
        return []
    return [words[1].content] if len(words[1].text) >= _ANSWER_CHARS else []


def proven(
    thread: Thread,
    end: Turn,
    contents: Iterable[bytes],
    elsewhere: Callable[[bytes, Mapping[int, Turn]], bool],
    least: int = _TELLING_MESSAGES,
) -> bool:
    """Whether what ends with this turn of a thread can be no other conversation's: `least` of these contents are its own. `elsewhere`:
    whether a content is, or may be, that of a turn that is none of these."""
    count: Counter[bytes] = Counter()
    at: Turn | None = end
    while at is not None:
        count[at.content] += 1
        at = thread.by_id.get(at.parent)
    own = (content for content in contents if count[content] == 1 and not elsewhere(content, thread.by_id))
    return sum(1 for _ in own) >= least


def copied(thread: Thread, other: Thread) -> bool:
    """Whether one of these begins with what stands in the middle of the other: a history without its beginning that could not be told for
    a part of that was kept as a conversation of its own. Costs the turns of both."""
    return _within(thread, other) or _within(other, thread)


def _within(thread: Thread, other: Thread) -> bool:
    start = other.path[0] if other.path else None
    if start is None:
        return False
    for turn in thread.by_id.values():
        if turn.content == start.content and turn.parent:
            count = 1 + deepest(thread, turn, other.path[1:])[1]
            words = [one for one in other.path[:count] if one.kind == "spoken"]
            if len(words) >= _COPIED_MESSAGES and sum([len(one.text) for one in words]) >= _COPIED_CHARS:
                return True
    return False
