"""The data set of `bench recall`: conversations with their turns, and questions with the turns that answer them.

One JSON object: `{"name": ..., "conversations": [{"id": ..., "turns": [{"id", "speaker", "time", "text"}, ...], "questions": [{"text",
"evidence": ["turn id", ...]}, ...]}]}`. docs/benchmarks.md describes every field.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from backstory.errors import ConfigError
from backstory.memory.reading.stamps import moment

SAMPLE = "sample"
"""The name of the data set that comes with the program."""
_HALF_A_DAY_S = 43_200.0


class SaidTurn(Struct, frozen=True, forbid_unknown_fields=True):
    """A turn. `time`: ISO 8601, a date in words, or Unix seconds; "" or 0 for none. `role`: "" takes speakers called "assistant" for the
    model and everybody else for a human."""

    id: str
    speaker: str
    text: str
    time: str | float = ""
    role: Literal["", "user", "assistant"] = ""

    @property
    def at(self) -> float:
        """Unix seconds, 0 for none. Raises ValueError for a time that cannot be read."""
        return _seconds(self.time)


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """A question asked after the whole conversation. `evidence`: ids of the turns that together answer it; none: nothing in the
    conversation does. `time`: when it is asked; without one, half a day after the last turn. `answer` is for people."""

    text: str
    evidence: tuple[str, ...] = ()
    id: str = ""
    category: str = ""
    time: str | float = ""
    answer: str = ""


class Talk(Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation, in the order in which it was held."""

    id: str
    turns: tuple[SaidTurn, ...]
    questions: tuple[Question, ...] = ()

    def asked_at(self, question: Question) -> float:
        """When a question is asked, in Unix seconds."""
        return _seconds(question.time) or max((turn.at for turn in self.turns), default=0.0) + _HALF_A_DAY_S


class Dataset(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    conversations: tuple[Talk, ...]
    name: str = ""
    description: str = ""


def load(path: str) -> Dataset:
    """The data set in this file; "sample": the one that comes with the program. Raises ConfigError, which says what is wrong and where."""
    try:
        raw = resources.files("backstory.app.bench").joinpath("sample.json").read_bytes() if path == SAMPLE else Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the data set cannot be read: {error.strerror or error}") from error
    try:
        found = msgspec.json.decode(raw.removeprefix(codecs.BOM_UTF8), type=Dataset)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: not the shape of a data set: {error}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    problems = list(_problems(found))
    if problems:
        more = f"\n... and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems[:10]) + more)
    return found


def _problems(data: Dataset) -> Iterator[str]:
    if not any(talk.questions for talk in data.conversations):
        yield "there is no question in it"
    seen: set[str] = set()
    for number, talk in enumerate(data.conversations):
        at = f"$.conversations[{number}]"
        if talk.id in seen:
            yield f"{at}: a second conversation {talk.id!r}"
        seen.add(talk.id)
        known: set[str] = set()
        for place, turn in enumerate(talk.turns):
            if turn.id in known:
                yield f"{at}.turns[{place}]: a second turn {turn.id!r}"
            known.add(turn.id)
            yield from _wrong_time(turn.time, f"{at}.turns[{place}]")
        for place, question in enumerate(talk.questions):
            if not question.text.strip():
                yield f"{at}.questions[{place}]: an empty question"
            if missing := [turn for turn in question.evidence if turn not in known]:
                yield f"{at}.questions[{place}]: evidence {missing[0]!r} is no turn of this conversation"
            yield from _wrong_time(question.time, f"{at}.questions[{place}]")


def _wrong_time(time: str | float, at: str) -> Iterator[str]:
    try:
        _seconds(time)
    except ValueError as error:
        yield f"{at}: {error}"


def _seconds(time: str | float) -> float:
    if not isinstance(time, str):
        return float(time)
    if not time.strip():
        return 0.0
    try:
        read = datetime.fromisoformat(time.strip())
    except ValueError:
        found = moment(time)
        if found is None:
            raise ValueError(f"{time!r} is no time that can be read: ISO 8601 or Unix seconds") from None
        return found
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
