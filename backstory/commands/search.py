"""The command that shows what recall finds."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backstory.commands.command import Command

SEARCH = (Command("recall", "VCRECALL", "what memory finds for a question, and where it is from", "something", "question"),)


class Found(Struct, frozen=True):
    """A recalled line. `place`: the conversation that it is from, "" for this one. `number`: of the turn, as in recalled blocks. `day`: as
    it is shown. `carried`: the client's own history has it, so that recall would leave it out."""

    place: str
    number: int
    turn: int
    day: str
    speaker: str
    text: str
    carried: bool


def recalled(question: str, found: Sequence[Found], why: str, on: bool) -> str:
    """The answer to `recall`. `found`: the best first. `why`: what to say where nothing was found. `on`: memory takes part in this
    conversation."""
    if not found:
        return f"Nothing in memory answers {question!r} ({why})."
    lines = [
        f"- {_place(one)}#{one.number} ({one.day or 'no date'}, turn {one.turn}"
        f"{', in your history already' if one.carried else ''}) {one.speaker}: {' '.join(one.text.split())}"
        for one in found
    ]
    left = sum(1 for one in found if not one.carried)
    order = ["The best first:"] if len(found) > 1 else []
    summary = f"{left} of these {len(found)} are not in your own history" + (": recall may add them." if on else ".")
    off = [] if on else ["Memory is off in this conversation: none of them would be added to a request."]
    return "\n".join([*order, *lines, "", summary, *off])


def _place(one: Found) -> str:
    return f"{one.place} " if one.place else ""
