"""Stage 3: what memory adds and takes away: the digest in place of folded history, every earlier injection where it was, and what is
recalled now. With nothing missing from the payload and room in the window it adds no edit at all.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AppendText, Edit
from backstory.core.exchange import Exchange, Note
from backstory.core.message import Text
from backstory.core.records import Digest, Injection, Turn
from backstory.memory import assembly, compaction
from backstory.memory.assembly import Fold
from backstory.memory.compaction import Window
from backstory.memory.retrieval import Recalled, block
from backstory.memory.turns import Line
from backstory.stages.base import Stage
from backstory.stages.shelf import Shelf
from backstory.stages.visit import Visit, Visits

# The parts of a request that are neither messages nor memory (framing of messages, reply's start) in tokens.
_FRAMING = 8


class Settings(Struct, frozen=True):
    """`threshold`: below so many messages nothing is touched. `budget`: tokens of one recalled block. `min_score`: the gate."""

    window: Window
    threshold: int
    budget: int
    min_score: float


class Recall(Stage):
    """Assembles what goes upstream."""

    name = "recall"

    def __init__(
        self,
        visits: Visits,
        shelf: Shelf,
        settings: Settings,
        count: Callable[[str], int],
        clock: Callable[[], float],
    ) -> None:
        self._visits = visits
        self._shelf = shelf
        self._settings = settings
        self._count = count
        self._clock = clock

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or exchange.prompt is None:
            return exchange
        draft = self._measure(exchange, visit)
        visit.tokens_in = visit.tokens_sent = draft.total
        messages = visit.upto + len(visit.turns)
        if not visit.thread.conversation.memory or messages < self._settings.threshold:
            return exchange
        if draft.complete and draft.total <= self._settings.window.hard_tokens and not visit.thread.boundary:
            return self._repeat(exchange, visit)
        plain = self._repeat(exchange, visit)
        full = await self._assemble(exchange, visit, draft)
        return full if full is not None else plain

    def _measure(self, exchange: Exchange, visit: Visit) -> _Draft:
        """Tokens of the request as the client sent it, and whether it carries the whole branch."""
        prompt = exchange.prompt
        fixed = _FRAMING
        if prompt is not None:
            fixed += sum(self._count(part.text) for part in prompt.system if isinstance(part, Text))
        path, reading = visit.thread.path, visit.reading
        sizes: list[int] = []
        carried = 0
        for line, place in zip(reading.lines, reading.places, strict=True):
            if place >= 0:
                carried += 1
                sizes.append(path[place].tokens)
            else:
                sizes.append(0)
        fresh = {turn.content: turn.tokens for turn in visit.turns}
        for item, line in enumerate(reading.lines):
            if reading.places[item] < 0:
                sizes[item] = fresh.get(line.content, 0) or self._count(line.text)
        return _Draft(fixed, sizes, fixed + sum(sizes), carried >= visit.upto)

    def _repeat(self, exchange: Exchange, visit: Visit) -> Exchange:
        """Nothing is folded or missing: only what was injected before goes with it again."""
        if not visit.thread.injections:
            return exchange
        kept = assembly.kept_items(visit.reading, None)
        edits, _, tokens = assembly.earlier_injections(visit.thread, visit.reading, kept)
        visit.tokens_sent = visit.tokens_in + tokens
        return _with(exchange, edits)

    async def _assemble(self, exchange: Exchange, visit: Visit, draft: _Draft) -> Exchange | None:
        thread, reading, window = visit.thread, visit.reading, self._settings.window
        path = thread.path[: visit.upto]
        digest = thread.digest
        folded = assembly.fold(thread, reading, min(thread.boundary, visit.upto)) if thread.boundary else None
        kept = assembly.kept_items(reading, folded)
        edits, injected, injected_tokens = assembly.earlier_injections(thread, reading, kept)
        total = draft.of(kept) + injected_tokens + (digest.tokens if digest is not None and folded is not None else 0)
        if total > window.hard_tokens:
            refolded = await self._refold(visit, draft, path)
            if refolded is not None:
                digest, folded = refolded
                kept = assembly.kept_items(reading, folded)
                edits, injected, injected_tokens = assembly.earlier_injections(thread, reading, kept)
                total = draft.of(kept) + injected_tokens + digest.tokens
        if folded is not None:
            edits = [*assembly.fold_edits(folded, digest), *edits]
            visit.folded = min(thread.boundary, visit.upto)
        absent = assembly.missing(path, reading, kept, injected)
        newest = _newest_human(reading.lines)
        if absent and newest >= 0 and reading.places[newest] < 0:
            edits, total = await self._recall(visit, absent, newest, edits, total)
        elif newest >= 0 and visit.turns:
            edits, total = self._again(visit, newest, edits, total)
        visit.tokens_sent = total
        if not edits:
            return exchange
        if total >= draft.total and draft.total <= window.hard_tokens and folded is not None:
            note = Note(self.name, "bloat fallback: the enriched payload is not smaller")
            return replace(exchange, notes=(*exchange.notes, note))
        return _with(exchange, edits)

    async def _refold(self, visit: Visit, draft: _Draft, path: list[Turn]) -> tuple[Digest, Fold] | None:
        """Move the boundary: a new digest over what is folded now."""
        thread, window = visit.thread, self._settings.window
        new = sum(turn.tokens for turn in visit.turns)
        reserve = draft.fixed + new + min(self._settings.budget, window.size)
        at = compaction.boundary(path, min(thread.boundary, visit.upto), window, reserve)
        while at < len(path) and (path[at].role != "user" or path[at].kind != "spoken"):
            at += 1
        if not at or at <= thread.boundary:
            return None
        folded = assembly.fold(thread, visit.reading, at)
        if folded is None:
            return None
        upto = path[at - 1]
        body = await self._shelf.digest(thread, at, window.digest_tokens)
        text = assembly.digest_block(body)
        digest = Digest(upto.id, thread.conversation.id, upto.id, upto.chain, text, self._count(text) if text else 0, self._clock())
        thread.fold((digest,))
        visit.digest = digest
        return digest, folded

    async def _recall(self, visit: Visit, absent: set[int], newest: int, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
        turn = next((turn for turn in visit.turns if turn.content == visit.reading.lines[newest].content), None)
        if turn is None:
            return edits, total
        known = visit.thread.injections.get(turn.chain)
        if known is not None:
            visit.injection = known
            return [*edits, AppendText(newest, known.text)], total + known.tokens
        room = min(self._settings.budget, self._settings.window.size - total)
        found: Recalled = await self._shelf.recall(visit.thread, visit.upto, turn, absent, room, self._settings.min_score)
        if not found.items or visit.late:
            return edits, total
        text = block(found)
        injection = Injection(
            visit.thread.conversation.id,
            turn.chain,
            text,
            tuple(item.turn for item in found.items),
            self._count(text),
            self._clock(),
        )
        visit.injection = injection
        visit.thread.inject((injection,))
        visit.recalled = len(found.items)
        return [*edits, AppendText(newest, text)], total + injection.tokens

    def _again(self, visit: Visit, newest: int, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
        """The same question asked again (a retry): what was injected then is injected now."""
        for turn in visit.turns:
            known = visit.thread.injections.get(turn.chain)
            if known is not None and visit.reading.lines[newest].content == turn.content:
                visit.injection = known
                return [*edits, AppendText(newest, known.text)], total + known.tokens
        return edits, total


class _Draft(Struct, frozen=True):
    """`fixed`: tokens of what is no message. `sizes`: of each item. `complete`: the payload carries every turn of the branch."""

    fixed: int
    sizes: list[int]
    total: int
    complete: bool

    def of(self, kept: list[int]) -> int:
        return self.fixed + sum(self.sizes[item] for item in kept)


def _newest_human(lines: list[Line]) -> int:
    """The newest human message, -1 where something else was said after it (a tool loop is under way)."""
    for item in range(len(lines) - 1, -1, -1):
        line = lines[item]
        if line.kind == "none":
            continue
        return item if line.kind == "spoken" and line.role == "user" else -1
    return -1


def _with(exchange: Exchange, edits: list[Edit]) -> Exchange:
    if not edits:
        return exchange
    return replace(exchange, edits=(*exchange.edits, *(("recall", edit) for edit in edits)))
