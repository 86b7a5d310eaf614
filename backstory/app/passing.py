"""Small things that are said of requests and plans on their way through a house (house.py), whatever its state."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from msgspec.structs import replace

from backstory.app.commanding import Commanding, Plain
from backstory.app.regard import Regard
from backstory.config.catalogue import known_at
from backstory.core.crowd import crowded
from backstory.core.document import Document
from backstory.core.exchange import Beside, Exchange, Head, Note
from backstory.core.layout import Elements
from backstory.core.message import Opening, Prompt
from backstory.core.plan import Plan
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity import marker
from backstory.memory.reading.turns import Line
from backstory.stages.visit import Visit

_ANTHROPIC, _CACHE_CONTROL = "anthropic", b'"cache_control"'


def proved(exchange: Exchange) -> Exchange:
    """The exchange, with a note of what of it differs whatever the stages do."""
    asked = ["command"] if exchange.came else []
    if exchange.beside is not None:
        asked += dict.fromkeys(note.stage for note in exchange.beside.notes)
    return replace(exchange, notes=(*exchange.notes, Note("proof", f"bytes differ: {','.join(asked)}"))) if asked else exchange


def beside_of(head: Head) -> Beside | None:
    """What is done to the request beside the stages, None for nothing."""
    found = head.kept.get(Beside)
    return found if isinstance(found, Beside) and found.notes else None


async def dropping(plan: Awaitable[Plan], drop: frozenset[bytes]) -> Plan:
    """The plan, once it is there, without these headers of the client's."""
    made = await plan
    return replace(made, drop=made.drop | drop)


def sending(plan: Plan, body: bytes) -> Plan:
    """The plan, with this body in place of the client's own."""
    return plan if plan.answer is not None or plan.body is not None else replace(plan, body=body)


async def sent(plan: Awaitable[Plan], body: bytes) -> Plan:
    """The same of one that is not there yet."""
    return sending(await plan, body)


def legible(wire: Wire, document: Document, path: str) -> Prompt:
    """What the request asks for. DocumentError also for one that cannot be read without keeping all others waiting."""
    prompt = wire.read(document, path)
    items = prompt.items
    if crowded(document.raw, items.fresh if isinstance(items, Elements) else 0):
        raise DocumentError("too many objects in it")
    return prompt


def alone(opening: Opening, commanding: Commanding | None, plain: Plain | None) -> bool:
    """Whether nobody has spoken to us in this first request, or before it."""
    if plain is not None:
        return plain.asked is None and not plain.conversation
    return commanding is None or not commanding.suspects(opening)


def markable(wire: Wire, regard: Regard, body: bytes, marks: str) -> bool:
    """Whether a request of this wire marks nothing for its provider's cache, and may be marked as a whole, to where it goes. `marks`: as
    the settings say (economy.cache_marks)."""
    if marks == "never" or wire.name != _ANTHROPIC or regard.speaks not in {"", _ANTHROPIC}:
        return False
    rows = [route.backend.row for route in (*regard.routes, *regard.reasoners)]
    if any(row.hosting or _ANTHROPIC not in row.urls for row in rows):
        return False
    habits = [row.habits for row in rows] or [known_at(regard.target.host).habits]
    if marks != "always" and not all(one.marked_whole for one in habits):
        return False
    return body.find(_CACHE_CONTROL) < 0


def prefilled(lines: Sequence[Line]) -> bool:
    """Whether the last of a request's messages is the model's own: the client puts the answer behind it, and reads both as one."""
    return bool(lines) and lines[-1].role == "assistant"


def mark_of(exchange: Exchange, visit: Visit, policy: str, threshold: int) -> str:
    """The marker that the answer gets, "" for none. `policy`: never, auto or always; `threshold`: so many messages `auto`
    wants first."""
    reading = visit.reading
    said = [place for place, line in zip(reading.places, reading.lines, strict=False) if line.kind != "none"] if visit.marked else []
    if (
        policy == "never"
        or marker.stands(visit.marked, said, reading.reworded)
        or (exchange.prompt is not None and exchange.prompt.structured)
        or prefilled(reading.lines)
    ):
        return ""
    if policy == "auto":
        spoken = visit.upto + len(visit.turns)
        known = spoken + 1 < threshold and not (visit.adrift or visit.marked)
        if visit.own_identity or known:
            return ""
    return marker.marker(exchange.conversation)
