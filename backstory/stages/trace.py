"""The trace of one request: what was changed in it and why, as it is stored with the answer.

Rule: it is made when the answer is journalled, not before the request goes up, and only where memory changed something or looked for
something.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from backstory.core.edits import AppendText
from backstory.core.exchange import Exchange, Note
from backstory.core.message import Path, Text, ToolResult
from backstory.core.records import Trace, Turn
from backstory.memory.identity.thread import Thread
from backstory.memory.recall import reasons
from backstory.memory.recall.reasons import Reason, Search, Told
from backstory.memory.recall.retrieval import Recalled
from backstory.stages.visit import Visit, asked_before

_MOST_NOTES = 8


def trace(exchange: Exchange, visit: Visit, now: float) -> Trace | None:
    """What is kept of this exchange; None where nothing was changed or looked for."""
    beside = exchange.beside
    changed = exchange.edits or visit.search is not None or visit.reasons or visit.refused
    if (visit.late or visit.gone or not changed) and beside is None:
        return None
    lines: list[Reason] = []
    if visit.injection is not None and not (visit.late or visit.gone):
        lines = visit.reasons if visit.found is None else [*visit.reasons, *of_items(visit.thread, visit.found)]
    thread, prompt = visit.thread, exchange.prompt
    asked = _asked(visit.turns) or asked_before(visit)
    new = visit.injection.text if visit.injection is not None else ""
    blocks = {edit.text for _, edit in exchange.edits if isinstance(edit, AppendText)}
    chains = {one.text: one.chain.hex() for one in thread.injections.values() if one.text in blocks} if blocks else {}
    told = Told(
        len(exchange.body if beside is None else beside.came or exchange.body),
        (0 if beside is None else len(beside.went)) or visit.bytes_sent or len(exchange.body),
        asked.chain.hex() if asked is not None else "",
        visit.folded,
        visit.absent,
        visit.search,
        tuple(lines),
        tuple(visit.left),
        reasons.changes(exchange.edits, prompt.items if prompt is not None else (), new, chains, partial(_was, exchange)),
        tuple([f"{note.stage}: {note.text}" for note in _notes(exchange)][:_MOST_NOTES]),
        visit.unheard,
    )
    turns = dict.fromkeys([*([asked.id] if asked is not None else []), *(reason.turn for reason in lines)])
    return Trace(
        exchange.id,
        thread.conversation.id,
        asked.id if asked is not None else 0,
        tuple(turns),
        visit.tokens_in,
        visit.tokens_sent,
        reasons.pack(told),
        now,
    )


def _notes(exchange: Exchange) -> list[Note]:
    """What is worth telling, without the proof."""
    beside = exchange.beside
    return [note for note in (*(() if beside is None else beside.notes), *exchange.notes) if note.stage != "proof"]


def search(found: Recalled, budget: int, capped: bool = False) -> Search:
    """How a recall went. `capped`: see Search."""
    dear = capped and not found.items and found.gate in {"", "no room"}
    return Search(found.considered, round(found.best, 3), "dear" if dear else found.gate, budget, found.tokens, found.terms, capped)


def of_items(thread: Thread, found: Recalled) -> list[Reason]:
    """The reasons of recalled lines."""
    made: list[Reason] = []
    reached: dict[int, int] = {}
    for place, item in enumerate(found.items):
        turn = thread.by_id.get(item.turn)
        start, end = found.stands(place, turn.text, reached.get(item.turn, 0)) if turn is not None else (0, 0)
        reached[item.turn] = end
        kind: reasons.Kind = "pinned" if item.pinned else "recalled"
        signals, terms = found.basis.told(place) if found.basis is not None else ({}, ())
        made.append(Reason(item.turn, item.number, item.speaker, item.at, start, end, item.score, signals, terms, kind))
    return made


def _was(exchange: Exchange, at: Path) -> int:
    """Bytes of what the request has at this address: of a text or a tool's result its text, else its JSON. Reads one message."""
    prompt, wire, document = exchange.prompt, exchange.wire, exchange.document
    if prompt is None or wire is None or document is None:
        return 0
    depth = len(prompt.items_at)
    item = at[depth] if len(at) > depth else None
    if isinstance(item, int) and at[:depth] == prompt.items_at and item < len(prompt.items):
        for part in wire.message(prompt.items[item], at[: depth + 1]).parts:
            if part.at == at and isinstance(part, Text | ToolResult):
                return len(part.text.encode("utf-8", "surrogatepass"))
    return len(document.get(at))


def _asked(turns: Sequence[Turn]) -> Turn | None:
    """The newest human message among the new turns."""
    return next((turn for turn in reversed(turns) if turn.role == "user" and turn.kind == "spoken"), None)
