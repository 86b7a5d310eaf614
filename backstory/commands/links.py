"""The commands about other conversations: the list, and whose memory is searched from where.

A link never moves or copies a turn: the conversation it leads to is searched, too, when something is recalled.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backstory.commands.command import Command

LINKS = (
    Command("list", "VCLIST", "your newest conversations"),
    Command("attach", "VCATTACH", "search that conversation's memory from here, too (none: no other any more)", "something", "label or id"),
    Command("merge", "VCMERGE", "search this conversation's memory from the target, too", "something", "into|preview target"),
    Command("mergestatus", "VCMERGESTATUS", "which conversations are searched from where"),
)


class Row(Struct, frozen=True):
    """A conversation in the list. `updated`: as it is shown."""

    id: str
    label: str
    project: str
    turns: int
    updated: str
    here: bool


class Side(Struct, frozen=True):
    """One of two conversations to be merged. `tags`: its topics, the most frequent first."""

    id: str
    label: str
    turns: int
    tokens: int
    tags: tuple[str, ...]


def listed(rows: Sequence[Row]) -> str:
    """The answer to `list`."""
    if not rows:
        return "Nothing is stored yet."
    return "\n".join(_row(row) for row in rows)


def _row(row: Row) -> str:
    named = f" {row.label!r}" if row.label else ""
    within = f", project {row.project!r}" if row.project else ""
    return f"- {row.id[:8]}{named}: {row.turns} turns, {row.updated}{within}{' (this one)' if row.here else ''}"


def called(conversation: str, label: str) -> str:
    """How a conversation is named in answers."""
    return f"{label!r} ({conversation[:8]})" if label else conversation[:8]


def attached(target: str, turns: int, chain: Sequence[str]) -> str:
    """The answer to `attach`."""
    through = f" Through it, these are searched as well: {', '.join(chain)}." if chain else ""
    return f"From now on what {target} knows ({turns} turns) is recalled here, too.{through} Both conversations stay what they are."


def detached(gone: Sequence[str]) -> str:
    """The answer to `attach none`."""
    return f"No longer searched from here: {', '.join(gone)}." if gone else "No other conversation was attached here."


def merged(here: str, target: str, turns: int) -> str:
    """The answer to `merge into`."""
    return (
        f"From now on the {turns} turns of {here} are recalled in {target}, too. They stay, word for word, where they are; nothing was"
        " copied or removed."
    )


def preview(here: Side, target: Side) -> str:
    """The answer to `merge preview`."""
    shared = [tag for tag in here.tags if tag in target.tags]
    return "\n".join(
        [
            f"{called(target.id, target.label)} would search {called(here.id, here.label)}, too. Nothing was changed.",
            "",
            _side(here),
            _side(target),
            f"- Topics of both: {', '.join(shared) or 'none'}",
        ]
    )


def _side(side: Side) -> str:
    return f"- {called(side.id, side.label)}: {side.turns} turns, about {side.tokens} tokens; topics: {', '.join(side.tags) or 'none yet'}"


def merges(searched: Sequence[str], searching: Sequence[str], members: Sequence[str]) -> str:
    """The answer to `mergestatus`."""
    return "\n".join(
        [
            f"- Searched from here, too: {', '.join(searched) or 'no other conversation'}",
            f"- Searching here, too: {', '.join(searching) or 'no other conversation'}",
            f"- Of the same project: {', '.join(members) or 'no other conversation'}",
        ]
    )


def circle(target: str) -> str:
    """The link would lead back to where it begins."""
    return f"{target} already searches this conversation, or is this one: a link would go in a circle. Nothing was changed."


def already(target: str) -> str:
    """The link is there."""
    return f"That is so already: {target}. Nothing was changed."


def not_found(named: str) -> str:
    """Nothing of the user's has this name."""
    return f"No conversation of yours has the label or id {named!r}, or an id that begins so. The list command shows them."


def ambiguous(named: str, found: Sequence[str]) -> str:
    """Several have it."""
    return f"{named!r} names {len(found)} conversations: {', '.join(found[:5])}. Say more of the id."


def elsewhere(target: str) -> str:
    """It is kept apart by the client."""
    return f"{target} was made under another X-VC-Project, which keeps it apart from this one. Nothing was changed."


def apart(named: str) -> str:
    """Others are in the room, here or there."""
    return f"{named!r} was not said in this chat, and what is said in one is told in no other. Nothing was changed."
