"""Finding the conversation that a history without its beginning is a part of, by what nobody else has said.

Rule: never meeting is worth more than resuming. Where two conversations could be meant, or the system prompts differ, none is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from backstory.core.message import Message, Prompt
from backstory.core.records import Conversation, Turn
from backstory.core.wire import Wire
from backstory.memory.identity import excerpt
from backstory.memory.identity import named as identity
from backstory.memory.identity.alignment import Said, anchor
from backstory.memory.identity.excerpt import Stand
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.reading.requests import Reading
from backstory.stages.threads import Threads

# So many conversations are looked at: those that have most of what is looked for.
_CANDIDATES = 4
# So many that have said some of it are looked at for whether one is a copy of another.
_COPIES = 8
# A message that was said this often is nobody's own.
OFTEN = 8
# The system prompt stands among so many leading messages.
_LEADING = 4
_ROLE_BYTES = 64


class Found(Struct, frozen=True):
    """A thread, and where on it a history stands."""

    thread: Thread
    stand: Stand


async def whole(
    threads: Threads,
    principal: str,
    scope: str,
    lines: Sequence[Said],
    system: Callable[[], bytes] = bytes,
    also: Sequence[str] = (),
    anybodys: Collection[bytes] = (),
) -> Found | None:
    """The thread of which this history is a part; None where there is none, or it cannot be told for certain. `system` gives the hash of
    its system prompt, b"" where that does not matter. `also`: names of conversations that are looked at too. `anybodys`: contents that
    prove nothing."""
    words, rest = excerpt.run(lines)
    alone = excerpt.exchange(words)
    telling = [line for line in words if line.content not in anybodys] if anybodys else words
    contents = alone or (excerpt.telling(telling) if anchor(lines) else [])
    if not contents:
        return None
    said = await threads.said(principal, contents, OFTEN)
    named = Counter(name for places in said.values() for name in {name for name, _ in places})
    names = dict.fromkeys([*also, *(name for name, _ in named.most_common(_CANDIDATES))])
    found: list[Found] = []
    for name in names:
        thread = await threads.by_id(principal, name, scope)
        if thread is not None and any(at == name and turn not in thread.by_id for places in said.values() for at, turn in places):
            # Another process has gone on with it.
            thread = await threads.reread(thread, scope)
        stand = excerpt.stand(thread, words, rest) if thread is not None else None
        if thread is not None and stand is not None:
            found.append(Found(thread, stand))
    if not found and words[-1].content not in said:
        found = await _forks(threads, principal, scope, names, words, rest)

    other = elsewhere(said)
    # Those that share the turn in which the history ends were forked there: one conversation's words.
    if len({one.stand.end.id for one in found}) != 1:
        return None
    sure = [one for one in found if excerpt.proven(one.thread, one.stand.end, contents, other, *([1] if alone else []))]
    if not sure:
        sure = [one for one in found if await _copy(threads, principal, scope, one, contents, said)]
    hashed = system() if sure else b""
    sure = [one for one in sure if not contradicts(one.thread.conversation, hashed)]
    return max(sure, key=_nearest, default=None)


async def _forks(
    threads: Threads, principal: str, scope: str, names: Collection[str], words: Sequence[Said], rest: Sequence[Said]
) -> list[Found]:
    """Where a history stands on forks of these conversations that have nothing telling of their own yet: by its last words."""
    last = words[-1].content
    ended = (await threads.said(principal, [last], OFTEN))[last]
    found: list[Found] = []
    for name in await threads.forked(principal, dict.fromkeys(name for name, _ in ended if name not in names), names):
        thread = await threads.by_id(principal, name, scope)
        stand = excerpt.stand(thread, words, rest) if thread is not None else None
        if thread is not None and stand is not None:
            found.append(Found(thread, stand))
    return found


async def _copy(
    threads: Threads, principal: str, scope: str, one: Found, contents: Sequence[bytes], said: Mapping[bytes, Sequence[tuple[str, int]]]
) -> bool:
    """Whether a history is this conversation's where some of it was said in others, too, because one of them began with a copy of the
    other's newest messages. Something in it has to be this one's alone all the same: that of the two it was said in."""
    thread, end = one.thread, one.stand.end
    if not excerpt.proven(thread, end, contents, elsewhere(said), 1):
        return False
    names = dict.fromkeys(name for content in contents for name, turn in said[content] if turn not in thread.by_id)
    if len(names) > _COPIES:
        return False
    others = [await threads.by_id(principal, name, scope) for name in names]
    kin = {name for name, other in zip(names, others, strict=True) if other is not None and excerpt.copied(thread, other)}
    beyond = {content: [at for at in places if at[0] not in kin] for content, places in said.items() if len(places) < OFTEN}
    return excerpt.proven(thread, end, [content for content in contents if content in beyond], elsewhere(beyond))


async def heard(threads: Threads, principal: str, scope: str, lines: Sequence[Said]) -> bool:
    """Whether the last question and answer of a history are those with which some conversation ends: its client may have cut off what
    stood in front of them, in words too short to prove it. Examples that a program puts in front of its questions end none."""
    last = [line.content for line in excerpt.run(lines)[0][-2:]]
    said = await threads.said(principal, last, OFTEN) if last else {}
    asked = {name for name, _ in said.get(last[0], ())} if last else set[str]()
    for name in [name for name in dict.fromkeys(name for name, _ in said.get(last[-1], ())) if name in asked][:_CANDIDATES]:
        thread = await threads.by_id(principal, name, scope)
        if thread is not None and [turn.content for turn in thread.path[-len(last) :]] == last:
            return True
    return False


async def own(threads: Threads, thread: Thread, lines: Sequence[Said], end: int) -> bool:
    """Whether nobody else says what this history of a thread says, or enough of it is the thread's alone. `end`: the turn it ends with, 0
    where nothing of it is stored."""
    words, _ = excerpt.run(lines)
    longest = sorted(words, key=lambda line: -len(line.text))[:OFTEN]
    other = elsewhere(await threads.said(thread.conversation.principal, {line.content for line in longest}, OFTEN))
    if not any(other(line.content, thread.by_id) for line in longest):
        return True
    turn = thread.by_id.get(end)
    return turn is not None and excerpt.proven(thread, turn, excerpt.telling(words), other)


def contradicts(record: Conversation, system: bytes) -> bool:
    """Whether a request with a system prompt of this hash can be no part of this conversation. A client that cuts its history may cut the
    prompt too."""
    return bool(record.system_hash and system) and record.system_hash != system


def system_of(prompt: Prompt | None, wire: Wire | None) -> bytes:
    """The hash of its system prompt; b"" where it has none. Some ms for a long one."""
    if prompt is None or wire is None:
        return b""
    leading: list[Message] = []
    if not prompt.system:
        for place, item in enumerate(prompt.items[:_LEADING]):
            head = bytes(item[:_ROLE_BYTES])
            if b'"system"' in head or b'"developer"' in head:
                leading.append(wire.message(item, (*prompt.items_at, place)))
    return identity.system_hash(prompt.system, leading)


def take_branch(thread: Thread, reading: Reading, known: Sequence[int] = ()) -> bool:
    """Make the branch on which a history without its beginning stands the current one, unless it stands on that already. Whether there was
    anything to be done. `known`: the places on the path that its first items have; the cost grows with what is new after them."""
    item = next((item for item in range(len(known) - 1, -1, -1) if known[item] >= 0), -1)
    if item >= 0:
        later = [line for line in reading.lines[item + 1 :] if line.kind != "none"]
        deepest = excerpt.deepest(thread, thread.path[known[item]], later)[0]
    else:
        stand = excerpt.stand(thread, *excerpt.run(reading.lines))
        if stand is None:
            return False
        deepest = stand.deepest
    if _on(thread.path, deepest):
        return False
    thread.rewind(deepest.id)
    return True


def elsewhere(said: Mapping[bytes, Sequence[tuple[str, int]]]) -> Callable[[bytes, Mapping[int, Turn]], bool]:
    """Whether a content is, or may be, that of a turn that is none of these."""

    def other(content: bytes, turns: Mapping[int, Turn]) -> bool:
        places = said.get(content, ())
        return len(places) >= OFTEN or any(turn not in turns for _, turn in places)

    return other


def _on(path: Sequence[Turn], turn: Turn) -> bool:
    return place_of(path, turn) >= 0


def _nearest(found: Found) -> tuple[bool, bool, float]:
    path, deepest = found.thread.path, found.stand.deepest
    return bool(path) and path[-1].id == deepest.id, _on(path, deepest), found.thread.conversation.updated
