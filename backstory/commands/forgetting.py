"""The commands that forget, and take a forgetting back.

What is forgotten is out of recall at once, and removed for good when the time for an undo has passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from backstory.commands.command import Command
from backstory.core.records import Turn

FORGETTING = (
    Command(
        "forget", "VCFORGET", "forget all turns about a topic, a person, or one by its number", "something", "topic, @person or #number"
    ),
    Command("undo", "VCUNDO", "take the last forget back, while there is time"),
)

FORGET = "forget"
"""The name under which a conversation keeps what is about to be forgotten."""

_NUMBER = re.compile(r"#(\d{1,9})")
_SHOWN = 8
_SHOWN_CHARS = 70


class Going(Struct, frozen=True):
    """Turns that are to be removed at `due`; asked for at `at` (Unix seconds)."""

    topic: str
    due: float
    turns: tuple[int, ...]
    at: float = 0.0


_going = msgspec.json.Decoder(tuple[Going, ...])


def going(value: str) -> tuple[Going, ...]:
    """What is about to be forgotten, the oldest first, from what `going_text` gave; nothing for an empty text or a damaged one."""
    try:
        return _going.decode(value) if value else ()
    except msgspec.MsgspecError:
        return ()


def going_text(waiting: Sequence[Going]) -> str:
    """As it is kept, "" for none."""
    return msgspec.json.encode(waiting).decode() if waiting else ""


def veil(rows: Iterable[tuple[str, str, str]]) -> dict[int, float]:
    """The turns that are about to be forgotten, and since when, from what the store has under FORGET."""
    return {turn: one.at for _, _, value in rows for one in going(value) for turn in one.turns}


def about(topic: str, turns: Iterable[Turn], terms: Callable[[str], Sequence[str]]) -> list[Turn]:
    """The turns that a topic names: the one of this number, or those that say all of its words, in any form. Cost grows with the text."""
    number = _NUMBER.fullmatch(topic)
    if number is not None:
        return [turn for turn in turns if turn.position + 1 == int(number[1])]
    wanted = set(terms(topic))
    plain = " ".join(topic.casefold().split())
    found: list[Turn] = []
    for turn in turns:
        said = f"{turn.text}\n{turn.calls}" if turn.calls else turn.text
        if (wanted and wanted.issubset(terms(said))) or (not wanted and plain in " ".join(said.casefold().split())):
            found.append(turn)
    return found


def hidden(topic: str, turns: Sequence[Turn], minutes: float, carried: int, counted: str = "", label: str = "") -> str:
    """The answer to `forget`. `carried`: how many of them the client's own history has. `counted`: what they have to do with a person.
    `label`: the conversation's, which went with them."""
    lines = [f"- #{turn.position + 1} {' '.join(turn.sender.split()) or turn.role}: {_short(turn.text)}" for turn in turns[:_SHOWN]]
    more = [f"- and {len(turns) - _SHOWN} more"] if len(turns) > _SHOWN else []
    still = (
        [f"Your client's own history still has {carried} of them, and sends them to the model: take them out there, too."]
        if carried
        else []
    )
    return "\n".join(
        [
            f"{_turns(len(turns))} about {topic!r} will not be recalled any more{f' ({counted})' if counted else ''}:",
            "",
            *lines,
            *more,
            "",
            f"In {_lasting(minutes)} they are removed for good, with every digest and recalled block that tells of them. Until then VCUNDO"
            " takes it back.",
            *([f"The label {label!r} of this conversation is taken away, and stays so."] if label else []),
            *still,
        ]
    )


def nothing(topic: str) -> str:
    """Nothing is stored about it."""
    return f"Nothing in this conversation is about {topic!r}. Nothing was forgotten."


def back(going: Going) -> str:
    """The answer to `undo`."""
    return f"Taken back: {_turns(len(going.turns))} about {going.topic!r} can be recalled again."


def too_late(minutes: float) -> str:
    """Nothing can be taken back."""
    return f"There is no forget to take back in this conversation. After {_lasting(minutes)} what was forgotten is gone for good."


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _SHOWN_CHARS else plain[: _SHOWN_CHARS - 1] + "…"


def _turns(number: int) -> str:
    return f"{number} turn" if number == 1 else f"{number} turns"


def _lasting(minutes: float) -> str:
    if minutes < 1:
        return f"{max(1, round(60 * minutes))} second{'' if round(60 * minutes) <= 1 else 's'}"
    return f"{round(minutes, 1):g} minute{'' if round(minutes, 1) == 1 else 's'}"
