"""The side model as background work sees it: a question with an answer in JSON, and what is counted of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec import Raw, Struct

T = TypeVar("T")


class Question(Struct, frozen=True):
    """What is asked. `conversation`: whose text it holds. `task`: a short name. `schema`: the JSON schema of the answer."""

    conversation: str
    task: str
    system: str
    text: str
    schema: Raw


class SideFigures(Struct):
    """Counts since the start; `tokens`, `micros` (millionths of a dollar) and `calls` are those of `day`, of all processes, when last
    looked at. `failures`: by reason. `answers`: that could be used. `spent_micros`: by this process."""

    day: str = ""
    tokens: int = 0
    micros: int = 0
    calls: int = 0
    tokens_most: int = 0
    micros_most: int = 0
    answers: int = 0
    spent_micros: int = 0
    tagged_turns: int = 0
    summaries: int = 0
    summaries_refused: int = 0
    facts: int = 0
    claims_kept: int = 0
    claims_dropped: int = 0
    failures: dict[str, int] = {}

    def failed(self, reason: str) -> None:
        """Something went wrong, for this reason."""
        self.failures[reason] = self.failures.get(reason, 0) + 1


class SideModel(Protocol):
    """Who answers questions, within its budget."""

    figures: SideFigures

    def ready(self, conversation: str) -> bool:
        """Whether a question about this conversation could be asked now. Costs nothing."""
        ...

    async def ask(self, question: Question, read: Callable[[str], T]) -> T:
        """The answer as `read` understands it; `read` raises DocumentError for what it does not. Raises SideModelError where no such
        answer can be had (now)."""
        ...

    def method(self, conversation: str) -> str:
        """The name of the model that answers for this conversation."""
        ...


def day_of(at: float) -> str:
    """The day of the budget: "2026-11-26" (UTC)."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))
