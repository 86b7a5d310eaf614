"""The commands about the state of this conversation: what is kept of it, its label, its project, and whether memory takes part."""

from __future__ import annotations

from msgspec import Struct

from backstory.commands.command import Command

STATE = (
    Command("status", "VCSTATUS", "what memory knows of this conversation"),
    Command("label", "VCLABEL", "give this conversation a label (none: take it away), or show it", "maybe", "name", sets=True),
    Command(
        "memory",
        "",
        "switch memory on or off for this conversation",
        "maybe",
        "on|off|status",
        choices=("on", "off", "status"),
        sets=True,
        asks=("status",),
    ),
    Command(
        "project",
        "",
        "put this conversation into a project: what its other conversations know is recalled here, too (none: take it out)",
        "maybe",
        "name",
        sets=True,
    ),
)

LONGEST_NAME = 80


class Status(Struct, frozen=True):
    """What `status` tells. Tokens are estimates. `folded`: turns that the digest stands for. `waiting`: exchanges that are not in the
    database yet. `undone`: turns that background work has not come to. `saved`, `saved_percent`: of all conversations since the start.
    `set`: what was set for its requests, names and values."""

    conversation: str
    label: str
    project: str
    memory: bool
    turns: int
    branches: int
    tokens: int
    folded: int
    digest_tokens: int
    injections: int
    links: tuple[str, ...]
    hidden: int
    waiting: int
    undone: int
    saved: int
    saved_percent: float
    cost_saved: float
    window: int
    set: tuple[tuple[str, str], ...] = ()


def status(found: Status) -> str:
    """The answer to `status`."""
    folded = f"turns 1 to {found.folded} are folded into a digest of {found.digest_tokens} tokens" if found.folded else "nothing is folded"
    rows = [
        ("Conversation", found.conversation),
        ("Label", found.label or "none"),
        ("Project", found.project or "none"),
        ("Memory", "on" if found.memory else "off: turns are stored, nothing is recalled"),
        ("Stored", f"{_many(found.turns, 'turn')}, about {found.tokens} tokens" + _more(found.branches)),
        ("Folded", f"{folded} (window: {found.window} tokens)"),
        ("Recalled", f"{_many(found.injections, 'block')} so far"),
        ("Searched too", ", ".join(found.links) or "no other conversation"),
        ("Pending", f"{_many(found.waiting, 'exchange')} to be stored, {_many(found.undone, 'turn')} to be indexed"),
        ("Saved", f"{found.saved} tokens ({found.saved_percent} %), ${found.cost_saved:.4f}; all conversations since the proxy started"),
    ]
    rows[4:4] = found.set
    if found.hidden:
        rows.append(("Being forgotten", f"{_many(found.hidden, 'turn')}; VCUNDO takes it back while there is time"))
    return "\n".join(f"- {name}: {value}" for name, value in rows)


def labelled(label: str, changed: bool) -> str:
    """The answer to `label`."""
    if not label:
        return "This conversation has no label" + (" any more." if changed else ".")
    return f"This conversation is {'now ' if changed else ''}called {label!r}."


def taken(label: str, conversation: str) -> str:
    """The label is another conversation's."""
    return f"Conversation {conversation} is called {label!r} already. A label names one conversation."


def bad_name(what: str) -> str:
    """Not a name that can be given."""
    return f"A {what} is one line of 1 to {LONGEST_NAME} characters. Nothing was changed."


def switched(on: bool, changed: bool) -> str:
    """The answer to `memory`."""
    now = "now " if changed else ""
    if on:
        return f"Memory is {now}on in this conversation."
    return (
        f"Memory is {now}off in this conversation: nothing is recalled, folded or added. Turns are still stored: once it is on again they"
        " can be recalled here, until then in conversations that share this one's memory. What must not be stored goes in a request with"
        " `X-VC-Memory: off`; what is stored already can be forgotten."
    )


def assigned(project: str, others: int, changed: bool) -> str:
    """The answer to `project`."""
    if not project:
        return "This conversation belongs to no project" + (" any more." if changed else ".")
    return (
        f"This conversation {'now ' if changed else ''}belongs to project {project!r}, with {_many(others, 'other conversation')}."
        " What they know is recalled here too, and the other way round."
    )


def _more(branches: int) -> str:
    return f"; {_many(branches, 'turn')} more on other branches" if branches else ""


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
