"""The commands that tell about commands."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.commands.command import Command
from backstory.errors import Declined

GUIDE = (
    Command("help", "VCHELP", "this list"),
    Command("hello", "", "who answers here"),
    Command(
        "loop-detection",
        "",
        "whether answers that repeat themselves are cut: they are not, so it can be off only",
        "something",
        "on|off",
        choices=("on", "off", "enabled=true", "enabled=false"),
        sets=True,
    ),
)
NO_LOOPS = "There is no loop detection here: an answer is passed on as its provider gives it, though it repeats itself."


def manual(commands: Sequence[Command], prefix: str) -> str:
    """Every command, how it is typed and what it does."""
    lines = [f"- {command.usage(prefix)}: {command.meaning}" for command in commands]
    return "\n".join(
        [
            "Commands for this conversation: its memory, and where its requests go. Each is a whole message, in capitals or not:",
            "",
            *lines,
            "",
            f"{_listed([command for command in commands if command.sets], prefix)} may also end a longer message; the rest of it goes on to"
            " the model.",
        ]
    )


def greeting(version: str, conversation: str, prefix: str) -> str:
    """Who answers."""
    here = f"Backstory {version} is between you and the model, and keeps the memory of conversation {conversation}."
    return f"{here} {prefix}help lists what it can do."


def loops(wanted: str) -> str:
    """The answer to `loop-detection`. Raises Declined where it is to be on."""
    if wanted.lower() in {"on", "enabled=true"}:
        raise Declined(f"{NO_LOOPS} Nothing was changed.")
    return f"{NO_LOOPS} So it is off, as asked."


def unknown(name: str, like: Command | None, prefix: str) -> str:
    """There is no such command."""
    hint = f" Did you mean {like.usage(prefix)}?" if like is not None else ""
    return f"There is no command {prefix}{name}.{hint} {prefix}help lists them all."


def unknown_word(word: str, like: Command | None) -> str:
    """There is no such command word."""
    hint = f" Did you mean {like.word}?" if like is not None and like.word else ""
    return f"There is no command {word}.{hint} VCHELP lists them all."


def wrong(command: Command, argument: str, prefix: str) -> str:
    """It cannot be carried out with this argument."""
    told = f"{prefix}{command.name} does not take {argument!r}." if argument else f"{prefix}{command.name} needs to be told more."
    choices = f" It takes one of: {', '.join(command.choices)}." if command.choices else ""
    return f"{told}{choices} Usage: {command.usage(prefix)}"


def bare(command: Command, argument: str, prefix: str) -> str:
    """What belongs to it does not stand in brackets."""
    return f"What {prefix}{command.name} takes stands in brackets right behind it: {prefix}{command.name}({argument}). Nothing was changed."


def failed(name: str, reason: str, prefix: str) -> str:
    """It was understood, and could not be done."""
    return f"{prefix}{name} could not be done: {reason}. Nothing of it was sent to the model."


def _listed(commands: Sequence[Command], prefix: str) -> str:
    return ", ".join(f"{prefix}{command.name}{f'({command.argument})' if command.argument else ''}" for command in commands)
