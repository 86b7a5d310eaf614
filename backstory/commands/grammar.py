"""Finding a command in what a person wrote.

Rules: a command word is the whole message, on one line. `!/name(argument)` is the whole message too, or, for commands that only set
something, what the last line of a longer one ends with, outside of code. Whatever else looks like one (a path, a script's first line, a
quotation) is left alone. A message that is nothing but `!/name`, of a name that does not exist, is a command all the same: nobody
says that to a model; one with digits or an underscore in its name (`!/top_k(5)`) is where
brackets follow. Nor is `!/model(x` or `!/model x` said to one, where that is all: it is a command in the wrong form; nor
`VCSTAUS`, one slip away from a command word, in capitals and nothing but that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache

from msgspec import Struct

from backstory.commands import COMMANDS
from backstory.commands.command import Command

# No command has more to say.
_LONGEST = 1000
_FENCES = ("```", "~~~")
_LIKE = 0.5
# So like the name of a setting is one that was meant for it, though it ends a message of other words.
_MEANT = 0.75
_SENTENCE = ".?!,;:"
# A word with so few letters behind `VC` is another one with one of them exchanged (`VCHIST`); one with so many may have two slips.
_SHORT, _LONG = 4, 10
_BY_NAME: Mapping[str, Command] = {command.name: command for command in COMMANDS}
_BY_WORD: Mapping[str, Command] = {command.word: command for command in COMMANDS if command.word}
_SETTINGS = tuple(command.name for command in COMMANDS if command.sets)


class Asked(Struct, frozen=True):
    """A command that was found. `command`: None where there is none of this `name`. `written`: as it stands in the message. `before`: it
    ends a longer message, which goes on to the model without it. `sender`: who gave it, "" where the message does not say. `bare`: the
    argument does not stand in brackets."""

    name: str
    argument: str
    written: str
    command: Command | None = None
    before: bool = False
    sender: str = ""
    bare: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it can be carried out as it was given."""
        return self.command is not None and not self.bare and self.command.accepts(self.argument)


def find(text: str, prefix: str) -> Asked | None:
    """The command that a person's own text (no envelopes) is or ends with."""
    text = text.strip()
    end = text[text.rfind("\n") + 1 :]
    whole = None
    if len(end) == len(text):
        whole = _word(text) if text[:2].upper() == "VC" else _whole(text, prefix)
    return whole or (_ending(text, end, prefix) if prefix in end else None)


def nearest(name: str, more: Sequence[Command] = ()) -> Command | None:
    """The command whose name or word is most like this one. `more`: commands besides ours."""
    named = {**{command.name: command for command in (*COMMANDS, *more)}, **{word.lower(): command for word, command in _BY_WORD.items()}}
    like = get_close_matches(name.lower(), list(named), 1, _LIKE)
    return named[like[0]] if like else None


def _word(text: str) -> Asked | None:
    """A whole message of the form `VCNAME argument`."""
    word, rest = (*text.split(None, 1), "")[:2]
    command = _BY_WORD.get(word.upper())
    if command is None and not rest and _slipped(word):
        return Asked(word.lower(), "", text)
    if command is None or len(text) > _LONGEST or (rest and command.takes == "nothing"):
        return None
    return Asked(command.name, rest, text, command)


def _slipped(word: str) -> bool:
    """Whether this is a command word with a slip in it, in capitals: a letter too many, too few or another, or two exchanged."""
    return word.isascii() and word.isalpha() and word.isupper() and any(_near(word[2:], known[2:]) for known in _BY_WORD)


def _near(word: str, known: str) -> bool:
    most = 2 if len(known) >= _LONG else 1
    if abs(len(word) - len(known)) > most:
        return False
    same = len(word) == len(known)
    if same and sorted(word) != sorted(known) and len(known) <= _SHORT:
        return False
    return _slips(word, known, most)


def _slips(word: str, known: str, most: int) -> bool:
    """Whether so many slips make the one of the other."""
    at = next((at for at, (one, other) in enumerate(zip(word, known, strict=False)) if one != other), min(len(word), len(known)))
    word, known = word[at:], known[at:]
    if not word or not known or not most:
        return len(word) + len(known) <= most
    swapped = word[1:2] + word[:1] == known[:2]
    rests = [(word[1:], known), (word, known[1:]), (word[1:], known[1:]), *([(word[2:], known[2:])] if swapped else [])]
    return any(_slips(one, other, most - 1) for one, other in rests)


def _whole(text: str, prefix: str) -> Asked | None:
    """A whole message of the form `!/name` or `!/name(argument)`."""
    if len(text) > _LONGEST:
        return None
    match = _call(prefix).fullmatch(text)
    if match is None:
        return _bare(text, prefix)
    name = match["name"].lower()
    if match["argument"] is None and not name.replace("-", "").isalpha():
        return None
    return Asked(name, (match["argument"] or "").strip(), text, _BY_NAME.get(name))


def _bare(text: str, prefix: str) -> Asked | None:
    """A whole message `!/name(argument` or `!/name argument` of a command that takes one: a bracket was forgotten, or both. With a space
    it is one word, and no end of a sentence."""
    match = _call(prefix).match(text)
    command = _BY_NAME.get(match["name"].lower()) if match is not None and match["argument"] is None else None
    if match is None or command is None or command.takes == "nothing":
        return None
    rest = text[match.end() :]
    argument = rest[1:].strip()
    if argument[:1] == "(" or "(" not in argument:
        argument = argument.removeprefix("(").removesuffix(")").strip()
    forgotten = rest[:1] == "(" and ")" not in rest
    spaced = rest[:1].isspace() and len(argument.split()) == 1 and argument[-1] not in _SENTENCE
    return Asked(command.name, argument, text, command, bare=True) if argument and (forgotten or spaced) else None


def _ending(text: str, end: str, prefix: str) -> Asked | None:
    """A setting at the end of a longer message; or what was surely meant for one."""
    at = end.rfind(prefix)
    match = _call(prefix).fullmatch(end, at) if at >= 0 else None
    if match is None or (at and not end[at - 1].isspace()):
        return None
    name, argument = match["name"].lower(), (match["argument"] or "").strip()
    command = _BY_NAME.get(name)
    before = text[: len(text) - (len(end) - at)]
    if not before.strip() or _in_code(before):
        return None
    if command is None:
        like = get_close_matches(name, _SETTINGS, 1, _MEANT) if argument else []
        return Asked(name, argument, end[at:], None, True) if like else None
    sets = command.accepts(argument) and (bool(argument) or command.takes == "nothing") and argument.lower() not in command.asks
    return Asked(command.name, argument, end[at:], command, True) if command.sets and sets else None


def _in_code(before: str) -> bool:
    """Whether a fenced block is open at the end of this text, or its last line is indented as code is."""
    lines = before.split("\n")
    fences = sum(1 for line in lines if line.lstrip().startswith(_FENCES))
    return fences % 2 == 1 or (lines[-1].startswith(("    ", "\t")) and not lines[-1].strip())


@cache
def _call(prefix: str) -> re.Pattern[str]:
    name = r"(?P<name>[A-Za-z][A-Za-z0-9]{0,29}(?:[-_][A-Za-z0-9]{1,30}){0,3})"
    return re.compile(re.escape(prefix) + name + r"(?:\((?P<argument>[^\n]{0,900})\))?")
