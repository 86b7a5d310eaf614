"""Stage after recall: reasoning that its provider holds to belong to another history goes no further.

Newer Claude models sign reasoning together with all that stands before it, and refuse it where that has changed. A fold and a stub change
it, once. What the model had reasoned until then about anything after it is left out from then on, what it reasons later stays: so every
piece that goes up stands behind exactly what it was made behind, and what goes up only grows.
"""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core import reasoning
from backstory.core.edits import DropMessages, DropThinking, Edit
from backstory.core.exchange import Exchange
from backstory.memory.reading import Reading
from backstory.memory.thread import Thread
from backstory.stages.base import Stage
from backstory.stages.visit import Visits


def binds(exchange: Exchange) -> bool:
    """Whether the model that the client names refuses reasoning when what stood before it has changed."""
    anthropic = exchange.wire is not None and exchange.wire.name == "anthropic"
    return anthropic and exchange.prompt is not None and reasoning.binds(exchange.prompt.model)


class Unbind(Stage):
    """Leaves out reasoning of before the last change in front of it."""

    name = "unbind"

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or not (visit.thread.boundary or visit.thread.stubs) or not binds(exchange):
            return exchange
        drops = [(edit.start, edit.stop) for stage, edit in exchange.edits if stage == "recall" and isinstance(edit, DropMessages)]
        thread, changed = visit.thread, 0.0
        if drops and (digest := thread.digest_at(thread.folded(visit.upto))) is not None:
            changed = digest.created
        edits = loosened(thread, visit.reading, drops, changed)
        return replace(exchange, edits=(*exchange.edits, *((self.name, edit) for edit in edits))) if edits else exchange


def loosened(thread: Thread, reading: Reading, drops: list[tuple[int, int]], changed: float) -> list[Edit]:
    """What was reasoned before `changed` (Unix seconds) goes, and what was reasoned behind a stub before that was put there; `drops`: items
    that do not go up, as runs."""
    edits: list[Edit] = []
    arrived = _arrivals(thread, reading)
    for item, line in enumerate(reading.lines):
        place = reading.places[item]
        if thread.stubs and place >= 0:
            changed = max([changed, *(stub.created for stub in thread.stubs.get(thread.path[place].id, ()))])
        if line.thinks and arrived[item] <= changed and not any(start <= item < stop for start, stop in drops):
            edits.append(DropThinking(item))
    return edits


def _arrivals(thread: Thread, reading: Reading) -> list[float]:
    """When each item was there at the latest: one that is no turn, when the next was. Infinity where none is known yet."""
    arrived, known = [], float("inf")
    for place in reversed(reading.places):
        known = thread.path[place].arrived if place >= 0 else known
        arrived.append(known)
    return arrived[::-1]
