"""Forgetting a person: what they said, what answers it, and what mentions them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from backstory.commands.forgetting import about
from backstory.core.records import Turn
from backstory.core.tombs import human

_NAMED = re.compile(r"(?:@|person\s+)(\S.*)", re.IGNORECASE | re.DOTALL)


class Person(Struct, frozen=True):
    """`name`: as the conversation has it, as it was asked for where nobody of that name speaks. No turn is in two of the others."""

    name: str
    said: tuple[Turn, ...]
    answers: tuple[Turn, ...]
    mentions: tuple[Turn, ...]

    @property
    def turns(self) -> list[Turn]:
        """All of them, by id."""
        return sorted((*self.said, *self.answers, *self.mentions), key=lambda turn: turn.id)

    def counted(self) -> str:
        """How many of each."""
        return f"{len(self.said)} that {self.name} said, {len(self.answers)} in answer to that, {len(self.mentions)} that mention the name"


def person(topic: str, turns: Sequence[Turn], terms: Callable[[str], Sequence[str]]) -> Person | None:
    """Whom this topic names: `@Ann`, `person Ann`, or just `Ann` where she speaks in these turns (by id); None where it is a topic like any
    other. Cost grows with the text."""
    plain = _squeezed(topic)
    match = _NAMED.fullmatch(plain)
    name = match[1] if match is not None else plain
    speaker = _speaker(name, {turn.sender for turn in turns if turn.sender})
    if not speaker and match is None:
        return None
    said = {turn.id: turn for turn in turns if speaker and turn.sender == speaker}
    answers: dict[int, Turn] = {}
    for turn in turns:
        if (turn.parent in said or turn.parent in answers) and turn.id not in said and not human(turn):
            answers[turn.id] = turn
    mentions = [turn for turn in about(name, turns, terms) if turn.id not in said and turn.id not in answers]
    return Person(speaker or name, tuple(said.values()), tuple(answers.values()), tuple(mentions))


def named_in(label: str, topic: str, terms: Callable[[str], Sequence[str]]) -> bool:
    """Whether a label says what was forgotten."""
    match = _NAMED.fullmatch(_squeezed(topic))
    name = match[1] if match is not None else _squeezed(topic)
    wanted = set(terms(name))
    if wanted:
        return wanted.issubset(terms(label))
    return bool(name) and name.casefold() in label.casefold()


def _speaker(name: str, speakers: Iterable[str]) -> str:
    """Who is called so: by the whole name, or, where only one is, by a part of it; "" for nobody."""
    wanted = name.casefold()
    known = sorted(speakers)
    whole = [one for one in known if _squeezed(one).casefold() == wanted]
    words = set(wanted.split())
    some = whole or [one for one in known if words.issubset(one.casefold().split())]
    return some[0] if len(some) == 1 else ""


def _squeezed(text: str) -> str:
    return " ".join(text.split())
