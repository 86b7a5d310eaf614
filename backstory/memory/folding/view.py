"""What went up last for a conversation whose client cuts its history."""

from __future__ import annotations

from msgspec import Struct


class View(Struct, frozen=True):
    """A payload as it went up, and how often its client cuts. `lead`: items before the first that is a turn. `turns`: the turn of each item
    after those, 0 for none; `tokens`: of each, with what was injected at it; `rooms`: in which it was said, "" where none is told, None of
    what no human says. `rewritten`: of the thread then. `first`: the turn with which the client's own request began. `requests`, `cuts`:
    since its client cut for the first time."""

    body: bytes
    path: str
    lead: int
    turns: tuple[int, ...]
    tokens: tuple[int, ...]
    rewritten: int
    first: int
    requests: int = 1
    cuts: int = 1
    rooms: tuple[str | None, ...] = ()

    @property
    def apart(self) -> float:
        """Requests between two cuts."""
        return self.requests / self.cuts
