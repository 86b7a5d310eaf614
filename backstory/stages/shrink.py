"""Stage 3: old tool results give way to stubs, where a request has outgrown its window or the provider's cache is cold anyway; and every
stub that was sent before is sent again.

Decided at such boundaries only, and kept (as what is injected is), so that what goes upstream otherwise only grows at its end. Nothing
gives way that is not in the store with its very words: that is looked up before a stub is decided.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from xxhash import xxh3_128_digest

from backstory.core.document import Document
from backstory.core.edits import Edit, PutMessage, ReplaceMedia, SetImage, SetText, StrikeText
from backstory.core.exchange import Exchange, Outcome
from backstory.core.images import dimensions, fingerprint
from backstory.core.message import Media, Message, Part, Path, Prompt, Text, ToolResult
from backstory.core.records import Stub, Turn
from backstory.core.store import Lanes
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.folding import assembly
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import place_of
from backstory.memory.shrinking import media as pictures
from backstory.memory.shrinking import tool_output
from backstory.memory.shrinking.recompress import Bounds
from backstory.memory.shrinking.tool_output import Rules
from backstory.stages.base import Failed, Stage, attempted
from backstory.stages.stubs import DraftStub, Shown, drafts, make_smaller, prepare
from backstory.stages.visit import Visit, Visits

# No text has fewer bytes to a token: a request that is shorter than this is not near its window.
_BYTES_PER_TOKEN = 2.6
# Stubs that free less than this share of the window are not worth a change of what the provider has cached.
_LEAST_GAIN = 0.05
# Where too little was found, it is looked for again after so many turns.
_AGAIN_TURNS = 6
# A request is brought down to this share of the window, where old results are enough for it.
_TARGET = 0.35
# What was said just now is in the store so soon; if not, it stays as it is.
_SETTLING_S = 0.05
# Messages whose results were looked at are remembered by their bytes.
_MOST_LOOKED_AT = 4096

Place: TypeAlias = tuple[Path, bytes]
"""Where in its message a result or an image stands, and the hash of it."""


class Places(Struct, frozen=True):
    """What of a message may have a stub."""

    results: tuple[Place, ...]
    media: tuple[Place, ...]


class Placed(Struct, frozen=True):
    """A stub, the item of the request that carries what it stands for, and the edit that puts it there."""

    stub: Stub
    item: int
    edit: SetText | ReplaceMedia | SetImage


class Settings(Struct, frozen=True):
    """`threshold`: below so many messages nothing is touched. `cold_after_s`: after a pause as long, the provider's cache is cold.
    `bounds`: of images that are made smaller, None for none."""

    rules: Rules
    threshold: int
    cold_after_s: float
    bounds: Bounds | None = None


class Shrink(Stage):
    """`measure` tells how many tokens would go up as things stand, `target` to how many they should be brought down, `most` above how many
    they must be, and `relieved` above how many turns are folded in spite of new stubs (with smaller images among them, or without).
    `pace` is called between pieces of work that nobody waits for."""

    name = "shrink"

    def __init__(
        self,
        visits: Visits,
        lanes: Lanes,
        settings: Settings,
        measure: Callable[[Exchange, Visit], int],
        clock: Callable[[], float],
        pace: Callable[[], None],
        failed: Failed,
        target: Callable[[Visit], int],
        most: Callable[[Exchange, Visit], int],
        relieved: Callable[[Visit, bool], int],
    ) -> None:
        self._visits = visits
        self._lanes = lanes
        self._settings = settings
        self._measure = measure
        self._clock = clock
        self._pace = pace
        self._failed = failed
        self._target = target
        self._most = most
        self._relieved = relieved
        self._preparing: dict[int, asyncio.Future[None]] = {}
        self._tried: OrderedDict[str, int] = OrderedDict()
        self._looked_at: OrderedDict[bytes, Places] = OrderedDict()
        self._made: OrderedDict[tuple[bytes | str, ...], bytes] = OrderedDict()

    def clear(self) -> None:
        """Remember nothing of what was sent."""
        self._looked_at.clear()
        self._made.clear()

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        prompt, wire = exchange.prompt, exchange.wire
        if visit is None or not visit.ready or prompt is None or wire is None:
            return exchange
        thread, settings = visit.thread, self._settings
        short = visit.upto + len(visit.turns) < settings.threshold
        if not thread.conversation.memory or (short and not thread.stubs):
            return exchange
        soft = settings.rules.window.soft_tokens
        if not thread.stubs and thread.tokens < soft and len(exchange.body) < soft * _BYTES_PER_TOKEN:
            return exchange
        if not thread.stubs and not visit.reading.tools:
            return exchange
        if visit.seen and not thread.stubs:
            # The next request may begin a conversation again, which would have other refs in its stubs: a fold can go up as it was.
            return exchange
        done = False
        try:
            shrunk = await self._shrunk(exchange, visit, prompt, wire, short)
            done = True
        finally:
            if not done:
                withdraw(visit)
        return shrunk

    async def _shrunk(self, exchange: Exchange, visit: Visit, prompt: Prompt, wire: Wire, short: bool) -> Exchange:
        thread = visit.thread
        placed = _count(visit, self._place(visit, prompt, wire, thread.stubbed(visit.upto)))
        total = self._measure(exchange, visit)
        if not short and self._at_boundary(exchange, visit, total):
            placed += await self._decide(exchange, visit, prompt, wire, total)
        if not placed:
            return exchange
        edits = self._edits(exchange, visit, prompt, wire, placed)
        return replace(exchange, edits=(*exchange.edits, *((self.name, edit) for edit in edits)))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is None:
            return
        if visit.late:
            withdraw(visit)
        elif visit.tokens_sent > self._settings.rules.window.soft_tokens:
            self._prepare(exchange, visit)

    def _prepare(self, exchange: Exchange, visit: Visit) -> None:
        """Make what stubs say beside the traffic, before a request has to wait for it."""
        thread = visit.thread
        name = id(thread.family)
        if name in self._preparing:
            return
        turns = [*thread.path[: visit.upto], *visit.turns]
        work = asyncio.ensure_future(attempted(self._failed, self.name, self._prepared(exchange, visit, turns), None))
        self._preparing[name] = work
        work.add_done_callback(lambda _: self._preparing.pop(name, None))

    async def _prepared(self, exchange: Exchange, visit: Visit, turns: Sequence[Turn]) -> None:
        thread, rules, bounds = visit.thread, self._settings.rules, self._settings.bounds
        await asyncio.get_running_loop().run_in_executor(None, prepare, thread, turns, rules, self._pace)
        prompt, wire = exchange.prompt, exchange.wire
        if bounds is None or prompt is None or wire is None:
            return
        last = min(tool_output.protected(turns, rules.window), visit.upto)
        shown = _shown(visit, prompt, wire, set(range(thread.boundary, last)))
        await make_smaller(self._lanes, wire, prompt.model, thread, turns, shown, bounds)

    def _at_boundary(self, exchange: Exchange, visit: Visit, total: int) -> bool:
        """Whether the request must be made shorter anyway, or what comes before is no longer cached by the provider."""
        window = self._settings.rules.window
        if total <= window.soft_tokens or not visit.upto:
            return False
        pause_s = self._clock() - visit.thread.path[visit.upto - 1].arrived
        return total > self._most(exchange, visit) or pause_s > self._settings.cold_after_s

    async def _decide(self, exchange: Exchange, visit: Visit, prompt: Prompt, wire: Wire, total: int) -> list[Placed]:
        """New stubs; nothing where they would not free enough, or came too late."""
        thread, rules = visit.thread, self._settings.rules
        version = thread.version
        turns = [*thread.path[: visit.upto], *visit.turns]
        last = min(tool_output.protected(turns, rules.window), visit.upto)
        folded = thread.folded(visit.upto)
        carried = {place for place in visit.reading.places if folded <= place < last and turns[place].id not in thread.pins}
        tried = self._tried.get(thread.conversation.id, -_AGAIN_TURNS)
        if not carried or 0 <= last - tried < _AGAIN_TURNS:
            return []
        if thread.pending_seq > self._lanes.settled:
            await asyncio.wait({asyncio.ensure_future(self._lanes.flush())}, timeout=_SETTLING_S)
        shown = _shown(visit, prompt, wire, carried)
        made = await self._lanes.read(lambda store: drafts(store, wire, thread, turns, carried, shown, rules))
        if visit.late or thread.version != version:
            return []
        placed = self._chosen(visit, total, total > self._most(exchange, visit), self._drawn(visit, prompt, wire, made))
        if not placed:
            self._tried[thread.conversation.id] = last
            if len(self._tried) > _MOST_LOOKED_AT:
                self._tried.popitem(last=False)
            return []
        placed = _sound(exchange, prompt, wire, placed)
        thread.stub([one.stub for one in placed])
        visit.stubs = tuple([one.stub for one in placed])
        return _count(visit, placed)

    def _drawn(self, visit: Visit, prompt: Prompt, wire: Wire, made: Sequence[DraftStub]) -> list[tuple[DraftStub, Placed]]:
        """These drafts, and the stubs that they become in their places; none where the request does not carry what they stand for."""
        thread, now = visit.thread, self._clock()
        drawn = {_name(one): one for one in made}
        stubs = [thread.stub_again(one.stub(thread.conversation.id, now)) for one in made]
        return [(drawn[_name(one.stub)], one) for one in self._place(visit, prompt, wire, stubs)]

    def _chosen(self, visit: Visit, total: int, over: bool, drawn: Sequence[tuple[DraftStub, Placed]]) -> list[Placed]:
        """Of these, as few as bring a request of `total` tokens down to where it should be: what is superseded, what is old, then words for
        images, before turns are folded. None where that would free too little. `over`: it has no room as it is."""
        window = self._settings.rules.window
        target, least = min(int(window.size * _TARGET), self._target(visit)), window.size * _LEAST_GAIN
        chosen = _enough([one for one in drawn if not one[0].last], total, target)
        if over or _freed(chosen) >= least:
            words = [placed for draft, placed in drawn if draft.last]
            made = _in_words(chosen, words, total, self._relieved(visit, True)) if _shows(chosen) else []
            # Where no smaller image is left, a fold looks for more.
            chosen = made if _shows(made) else _in_words(chosen, words, total, self._relieved(visit, False))
        return chosen if _freed(chosen) >= least else []

    def _place(self, visit: Visit, prompt: Prompt, wire: Wire, stubs: Sequence[Stub]) -> list[Placed]:
        """These stubs in their places, where what goes up carries what they stand for: of folded history that is what stays of it."""
        if not stubs:
            return []
        thread, path, places = visit.thread, visit.thread.path, visit.reading.places
        items = {places[item]: item for item in assembly.kept_items(visit.reading, _folded(visit)) if places[item] >= 0}
        placed: list[Placed] = []
        for stub in stubs:
            where = place_of(path, thread.by_id.get(stub.turn))
            item = items.get(where, -1) if 0 <= where < visit.upto else -1
            if item < 0:
                continue
            found = self._places(prompt, wire, item)
            there = found.results if stub.kind == "result" else found.media
            if stub.place < len(there) and there[stub.place][1] == stub.content:
                at = (*prompt.items_at, item, *there[stub.place][0])
                placed.append(Placed(stub, item, _edit(stub, at)))
        return placed

    def _edits(self, exchange: Exchange, visit: Visit, prompt: Prompt, wire: Wire, placed: Sequence[Placed]) -> list[Edit]:
        """A message of nothing but calls and results is put as it was made the first time, where nobody else has anything to say in it."""
        edits: list[Edit] = []
        depth = len(prompt.items_at)
        taken = {edit.at[depth] for _, edit in exchange.edits if isinstance(edit, SetText | StrikeText) and len(edit.at) > depth}
        whole: dict[int, list[Placed]] = {}
        for one in placed:
            if visit.reading.lines[one.item].kind == "tool" and one.item not in taken:
                whole.setdefault(one.item, []).append(one)
            else:
                edits.append(one.edit)
        for item, some in whole.items():
            name: tuple[bytes | str, ...] = (xxh3_128_digest(prompt.items[item]), *[one.stub.kind + one.stub.ref for one in some])
            made = self._made.get(name)
            if made is None:
                made = self._made[name] = _edited(prompt, wire, item, some)
                if len(self._made) > _MOST_LOOKED_AT:
                    self._made.popitem(last=False)
            edits.append(PutMessage(item, made))
        return edits

    def _places(self, prompt: Prompt, wire: Wire, item: int) -> Places:
        """Every result and image of a message. A message seen before is not decoded again."""
        raw, looked = prompt.items[item], self._looked_at
        name = xxh3_128_digest(raw)
        found = looked.get(name)
        if found is None:
            at = (*prompt.items_at, item)
            found = looked[name] = _places(raw, wire.message(raw, at), len(at))
            if len(looked) > _MOST_LOOKED_AT:
                looked.popitem(last=False)
        return found


def withdraw(visit: Visit) -> None:
    """The stubs that were decided for this visit were not sent: they do not count."""
    visit.thread.unstub(visit.stubs)
    visit.stubs = ()
    visit.saved = {}


def _shown(visit: Visit, prompt: Prompt, wire: Wire, carried: set[int]) -> list[Shown]:
    """Images and documents that a human or a tool has shown, in these places."""
    found: list[Shown] = []
    reading = visit.reading
    for item, position in enumerate(reading.places):
        one = reading.lines[item]
        if position not in carried or not one.media or one.role not in ("user", "tool"):
            continue
        found += [
            Shown(position, place, media, pictures.tokens((media,), wire.name, prompt.model))
            for place, media in enumerate(one.media)
            if pictures.may_go(media)
        ]
    return found


def _places(raw: bytes | memoryview, message: Message, depth: int) -> Places:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    media = [(one.at, one.content) for one in pictures.placed(raw, message, depth)]
    return Places(tuple([(part.at[depth:], tool_output.content(part.text)) for part in results]), tuple(media))


def _folded(visit: Visit) -> Fold | None:
    """What of this request is folded as things stand."""
    thread = visit.thread
    boundary = thread.folded(visit.upto)
    return assembly.fold(thread, visit.reading, boundary) if boundary else None


def _edit(stub: Stub, at: Path) -> SetText | ReplaceMedia | SetImage:
    match stub.kind:
        case "result":
            return SetText(at, stub.text)
        case "media":
            return ReplaceMedia(at, stub.text)
        case "image":
            return SetImage(at, stub.text)


def _edited(prompt: Prompt, wire: Wire, item: int, placed: Sequence[Placed]) -> bytes:
    """One message with these stubs in it, by itself."""
    at = (*prompt.items_at, 0)
    alone = b'{"' + str(prompt.items_at[0]).encode() + b'":[' + bytes(prompt.items[item]) + b"]}"
    edits = [replace(one.edit, at=(*at, *one.edit.at[len(at) :])) for one in placed]
    return Document(wire.render(Document(alone), prompt, edits)).get(at)


def _count(visit: Visit, placed: list[Placed]) -> list[Placed]:
    """What these save goes to the visit."""
    for one in placed:
        visit.saved[one.item] = visit.saved.get(one.item, 0) + one.stub.saved
    return placed


def _enough(drawn: Sequence[tuple[DraftStub, Placed]], total: int, target: int) -> list[Placed]:
    """Every superseded result; old ones, the oldest first, until the request is down to `target` tokens."""
    chosen: list[Placed] = []
    for draft, one in drawn:
        if total <= target and draft.old:
            continue
        chosen.append(one)
        total -= one.stub.saved
    return chosen


def _in_words(placed: list[Placed], words: Sequence[Placed], total: int, limit: int) -> list[Placed]:
    """These, and words for images, the oldest first, until the request is down to `limit` tokens: in place of smaller ones, and of what no
    smaller one was made of yet. Where that would not bring it down, turns are folded in any case, and images stay what they are."""
    total -= _freed(placed)
    smaller = {(one.stub.turn, one.stub.place): one.stub.saved for one in placed if one.stub.kind == "image"}
    gains = [(one, one.stub.saved - smaller.get((one.stub.turn, one.stub.place), 0)) for one in words]
    if total - sum(gain for _, gain in gains) > limit:
        return placed
    chosen: dict[tuple[int, int], Placed] = {}
    for one, gain in gains:
        if total <= limit:
            break
        if gain > 0:
            chosen[one.stub.turn, one.stub.place] = one
            total -= gain
    return [*(one for one in placed if one.stub.kind != "image" or (one.stub.turn, one.stub.place) not in chosen), *chosen.values()]


def _shows(placed: Sequence[Placed]) -> bool:
    """Whether there are smaller images among them."""
    return any(one.stub.kind == "image" for one in placed)


def _freed(placed: Sequence[Placed]) -> int:
    """Tokens."""
    return sum(one.stub.saved for one in placed)


def _name(one: DraftStub | Stub) -> tuple[str, int, int]:
    return one.kind, one.turn, one.place


def _sound(exchange: Exchange, prompt: Prompt, wire: Wire, placed: Sequence[Placed]) -> list[Placed]:
    """Those with which the request reads as it did but for them; none where anything else would change."""
    if exchange.document is None:
        return []
    try:
        made = wire.render(exchange.document, prompt, [one.edit for one in placed])
        items = wire.read(Document(made, halves=True), exchange.head.path).items
        by_item: dict[int, list[Stub]] = {}
        for one in placed:
            by_item.setdefault(one.item, []).append(one.stub)
        for item, (before, after) in enumerate(zip(prompt.items, items, strict=True)):
            stubs = by_item.get(item)
            if stubs is None and bytes(before) != bytes(after):
                return []
            if stubs is not None and not _alike(wire.message(before, ()), wire.message(after, ()), stubs):
                placed = [one for one in placed if one.item != item]
    except (DocumentError, ValueError):
        return []
    return list(placed)


def _alike(before: Message, after: Message, stubs: Sequence[Stub]) -> bool:
    """Whether a message says and shows what it did, but for what the stubs stand for."""
    texts: dict[tuple[str, int], str] = {(stub.kind, stub.place): stub.text for stub in stubs}
    wanted: list[Part] = []
    place = shown = 0
    for part in before.parts:
        if isinstance(part, ToolResult):
            inside = range(shown, shown + len(part.media))
            gone = [texts["media", number] for number in inside if ("media", number) in texts]
            left = [_seen(one, texts, number) for number, one in zip(inside, part.media, strict=True) if ("media", number) not in texts]
            text = texts.get(("result", place), part.text)
            wanted.append(_loose(replace(part, text="\n".join([text, *gone] if text else gone), media=tuple(left))))
            place, shown = place + 1, shown + len(part.media)
        elif isinstance(part, Media):
            wanted.append(Text(texts["media", shown]) if ("media", shown) in texts else _loose(_seen(part, texts, shown)))
            shown += 1
        else:
            wanted.append(_loose(part))
    return before.role == after.role and wanted == [_loose(part) for part in after.parts]


def _seen(media: Media, texts: dict[tuple[str, int], str], place: int) -> Media:
    """The image, or the smaller one that stands for it."""
    url = texts.get(("image", place))
    if url is None:
        return media
    mime, _, data = url.removeprefix("data:").partition(";base64,")
    width, height = dimensions(data)
    return replace(media, mime=mime, size=len(data), width=width, height=height, content=fingerprint(data))


def _loose(part: Part) -> Part:
    """A part without its address."""
    if isinstance(part, ToolResult):
        lines = sorted(part.text.split("\n"))
        return replace(part, at=(), text="\n".join(lines), media=tuple([replace(one, at=()) for one in part.media]))
    return replace(part, at=())
