"""Stage after recall: reasoning that its provider holds to belong to another history goes no further.

Newer Claude models sign reasoning together with all that stands before it, and refuse it where that has changed. A fold and a stub change
it, once. What the model had reasoned until then about anything after it is left out from then on, what it reasons later stays: so every
piece that goes up stands behind exactly what it was made behind, and what goes up only grows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from backstory.core import reasoning
from backstory.core.edits import DropMessages, DropThinking, Edit
from backstory.core.exchange import Exchange, Outcome
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.base import Stage
from backstory.stages.visit import Visit, Visits

_HINT = re.compile(rb'"(?:redacted_thinking|thinking|reasoning)"')


# What is taken in of an answer is taken in a moment after it is over.
_A_MOMENT_S = 1.0
_WIRES = frozenset({"anthropic", "openai_responses"})
"""Where a client brings reasoning back that the model's provider has sealed; in Responses, where that speaks another wire."""


def binds(exchange: Exchange) -> bool:
    """Whether the model that the client names refuses reasoning when what stood before it has changed."""
    wire, prompt = exchange.wire, exchange.prompt
    return wire is not None and wire.name in _WIRES and prompt is not None and reasoning.binds(prompt.model)


def changed(thread: Thread) -> bool:
    """Whether requests of this thread do not go up as they come, or have not."""
    return bool(thread.boundary or thread.stubs or thread.injections or thread.loosened)


class Unbind(Stage):
    """Leaves out reasoning of before the last change in front of it."""

    name = "unbind"

    def __init__(self, visits: Visits, clock: Callable[[], float]) -> None:
        self._visits = visits
        self._clock = clock

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        return exchange if visit is None or not visit.ready else self.unbind(exchange, visit)

    @classmethod
    def unbind(cls, exchange: Exchange, visit: Visit) -> Exchange:
        """The exchange without what was reasoned behind something else."""
        if not (visit.thread.boundary or visit.thread.stubs or visit.thread.loosened) or not binds(exchange):
            return exchange
        drops = [(edit.start, edit.stop) for stage, edit in exchange.edits if stage == "recall" and isinstance(edit, DropMessages)]
        thread = visit.thread
        since = thread.loosened
        if drops and (digest := thread.digest_at(thread.folded(visit.upto))) is not None:
            since = max(since, digest.created)
        edits = loosened(thread, visit.reading, drops, since)
        return replace(exchange, edits=(*exchange.edits, *((cls.name, edit) for edit in edits))) if edits else exchange

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        """What was reasoned in answer to a request that went up as it came stands behind something else from now on."""
        visit = self._visits.get(exchange.id)
        if visit is not None and (visit.late or visit.gone) and outcome.reply is not None and changed(visit.thread) and binds(exchange):
            visit.thread.loosened = self._clock() + _A_MOMENT_S


def unbound(exchange: Exchange, visit: Visit | None, least_bytes: int) -> list[Edit]:
    """Edits for a request that goes up as it came because memory was late: its reasoning may stand behind what memory has changed. Where
    it is not even known whose request it is, that may be so from `least_bytes` on."""
    if exchange.prompt is None or not binds(exchange):
        return []
    known = visit is not None and visit.ready
    if not (changed(visit.thread) if visit is not None and known else len(exchange.body) >= least_bytes):
        return []
    return [DropThinking(item) for item, raw in enumerate(exchange.prompt.items) if _HINT.search(raw) is not None]


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
