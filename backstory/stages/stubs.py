"""Stubs in the making, and what they stand for brought back: both from the store, where the words themselves are.

Rule: nothing may give way that is not stored, word for word; and nothing comes back whose hash is not that of what gave way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.images import dimensions
from backstory.core.message import Media
from backstory.core.records import Stub, StubKind, Turn
from backstory.core.sizes import rough
from backstory.core.store import Lanes, Store
from backstory.core.wire import Wire
from backstory.errors import DocumentError, NotFound
from backstory.memory.identity.thread import Thread
from backstory.memory.shrinking import media as pictures
from backstory.memory.shrinking import refs, tool_output
from backstory.memory.shrinking.recompress import Bounds, smaller
from backstory.memory.shrinking.tool_output import Choice, Rules
from backstory.stages.threads import Threads

_LEAST_SAVED = 60
# Images made smaller after one answer.
_AT_ONCE = 8


class Shown(Struct, frozen=True):
    """An image or document that a turn shows: `place` among those of the turn, `tokens` as its provider counts them."""

    position: int
    place: int
    media: Media
    tokens: int


class DraftStub(Struct, frozen=True):
    """A stub that may be decided. `old`: only where the request is still too large without it. `last`: words for an image that is, or is
    to be, made smaller: only where turns would be folded without them."""

    turn: int
    position: int
    kind: StubKind
    place: int
    content: bytes
    text: str
    tokens: int
    saved: int
    old: bool
    last: bool = False

    def stub(self, conversation: str, now: float) -> Stub:
        """As it is kept."""
        name = refs.ref("result" if self.kind == "result" else "media", self.turn, self.place, self.content)
        return Stub(conversation, self.turn, self.kind, self.place, self.content, name, self.text, self.tokens, self.saved, now)


def drafts(
    store: Store, wire: Wire, thread: Thread, turns: Sequence[Turn], carried: set[int], shown: Sequence[Shown], rules: Rules
) -> list[DraftStub]:
    """Stubs for what may give way in the turns at these positions: superseded results first, then what is old, the oldest first. Blocks;
    time grows with the results' length: some 50 ms for 100,000 tokens. What was made once is made at once the next time."""
    known = {(stub.kind, stub.turn, stub.place) for stubs in thread.stubs.values() for stub in stubs}
    choices = tool_output.choices(tool_output.results(turns), min(carried), max(carried) + 1, rules)
    choices = [one for one in choices if one.result.position in carried and ("result", one.result.turn, one.result.place) not in known]
    shown = [one for one in shown if ("media", turns[one.position].id, one.place) not in known]
    stored = {turn.id: turn.calls for turn in store.turns_by_id({one.result.turn for one in choices})}
    choices = [one for one in choices if stored.get(one.result.turn) == turns[one.result.position].calls]
    made = _of_results(thread, choices, rules) + _of_media(store, wire, thread, turns, shown, rules)
    return sorted(made, key=lambda one: (one.old, one.position))


def prepare(thread: Thread, turns: Sequence[Turn], rules: Rules, breathe: Callable[[], None]) -> None:
    """What stubs for the old results of these turns would say, kept with the turns' family. Blocks; `breathe` is called between small
    pieces of it."""
    last = tool_output.protected(turns, rules.window)
    for choice in tool_output.choices(tool_output.results(turns), thread.boundary, last, rules):
        name = (choice.result.turn, choice.result.place, choice.reason)
        if name not in thread.family.stubs:
            thread.family.stubs[name] = tool_output.stub(choice, rules, breathe)
            breathe()


def _of_results(thread: Thread, choices: Sequence[Choice], rules: Rules) -> list[DraftStub]:
    texts = thread.family.stubs
    made: list[DraftStub] = []
    for choice in choices:
        result = choice.result
        name = (result.turn, result.place, choice.reason)
        if name not in texts:
            texts[name] = tool_output.stub(choice, rules)
        text = texts[name]
        if text is not None:
            hashed, tokens, old = tool_output.content(result.text), rough(text), choice.reason == "old"
            saved = rough(result.text) - tokens
            made.append(DraftStub(result.turn, result.position, "result", result.place, hashed, text, tokens, saved, old))
    return made


def _of_media(store: Store, wire: Wire, thread: Thread, turns: Sequence[Turn], shown: Sequence[Shown], rules: Rules) -> list[DraftStub]:
    """An image of which a smaller one was made gives way to that first, and to words the next time; one that was not looked at yet stays.
    Both to words at once where it must be."""
    images = thread.family.images
    if not shown:
        return []
    stored = {turn.id: turn for turn in store.turns_by_id({turns[one.position].id for one in shown}, raw=True)}
    made: list[DraftStub] = []
    for one in shown:
        turn = stored.get(turns[one.position].id)
        found = placed(turn, wire) if turn is not None and turn.wire == wire.name else ()
        if turn is None or one.place >= len(found) or found[one.place].cited:
            continue
        hashed = found[one.place].content
        before = next((stub.tokens for stub in thread.stubs.get(turn.id, ()) if (stub.kind, stub.place) == ("image", one.place)), 0)
        last = rules.smaller and one.media.kind == "image" and (turn.id, one.place) not in images
        small = images.get((turn.id, one.place)) if not before else None
        if small is not None and one.tokens - small[1] >= _LEAST_SAVED:
            made.append(DraftStub(turn.id, one.position, "image", one.place, hashed, small[0], small[1], one.tokens - small[1], True))
            last = True
        text = pictures.stub(one.media, refs.ref("media", turn.id, one.place, hashed))
        saved = (before or one.tokens) - rough(text)
        if saved >= _LEAST_SAVED:
            made.append(DraftStub(turn.id, one.position, "media", one.place, hashed, text, rough(text), saved, True, last))
    return made


async def make_smaller(
    lanes: Lanes, wire: Wire, model: str, thread: Thread, turns: Sequence[Turn], shown: Sequence[Shown], bounds: Bounds
) -> None:
    """Smaller ones of these images, kept with the turns' family: on another thread, one image after the other."""
    images = thread.family.images
    wanted = [one for one in shown if one.media.kind == "image" and (turns[one.position].id, one.place) not in images]
    for one in wanted[:_AT_ONCE]:
        name = (turns[one.position].id, one.place)
        found = await lanes.read(lambda store, turn_id=name[0]: store.turns_by_id((turn_id,), raw=True))  # type: ignore[misc]
        if not found:
            continue
        made: tuple[str, int] | None = None
        try:
            made = await _made_smaller(found[0], wire, model, one, bounds)
        finally:
            # Not before: one that was looked at gives way to words where there is no smaller one.
            images[name] = made


async def _made_smaller(turn: Turn, wire: Wire, model: str, one: Shown, bounds: Bounds) -> tuple[str, int] | None:
    if turn.wire != wire.name:
        return None
    url = await asyncio.get_running_loop().run_in_executor(None, _smaller, turn, wire, one.place, bounds)
    if url is None:
        return None
    width, height = dimensions(url.partition(",")[2])
    return url, pictures.tokens((replace(one.media, width=width, height=height),), wire.name, model)


def _smaller(turn: Turn, wire: Wire, place: int, bounds: Bounds) -> str | None:
    found = placed(turn, wire)
    data = pictures.data(turn.raw, found[place].at) if place < len(found) else ""
    return smaller(data, bounds) if data else None


def placed(turn: Turn, wire: Wire) -> tuple[pictures.Placed, ...]:
    """The media of a stored turn; none where it cannot be read (any more)."""
    try:
        return pictures.placed(turn.raw, wire.message(turn.raw, ("",)), 1) if turn.raw else ()
    except DocumentError:
        return ()


async def restore(
    lanes: Lanes, threads: Threads, wires: Callable[[str], Wire], principal: str, conversation: str, scope: str, ref: str
) -> str:
    """What a ref stands for, word for word, from the store: a result as text, media as its JSON block. It must be of this conversation, or
    of one that it was forked from, before it was. NotFound where there is none, or where what is stored is not what the ref's hash was
    made of. Raises StoreError."""
    name = refs.parsed(ref)
    thread = await threads.by_id(principal, conversation, scope)
    if thread is None or name.turn not in thread.by_id or name.turn in thread.hidden:
        raise NotFound(f"no {ref!r} in this conversation")
    found = await lanes.read(lambda store: store.turns_by_id((name.turn,), raw=name.media))
    turn = found[0] if found else thread.by_id[name.turn]
    if not name.media:
        return tool_output.restored(turn, name)
    return pictures.restored(placed(turn, wires(turn.wire)) if turn.raw else (), turn.raw, name)
