"""Who speaks: the labels with which lines begin ("Ann: ..."), and what proves that they name a speaker.

Rule: a label in one message proves nothing: "Berlin: we stay at the hotel" is no word of Berlin's. Proof is a transcript (lines of several
names within a message, or with their times; keys with their values are none), or a dialogue that is played anew: the messages of one
role begin with one name throughout, those of the other with another. Until then a message is its role's, word for word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set

from msgspec import Struct, field

from backstory.core.records import Turn
from backstory.memory.recall import dates
from backstory.memory.text import STOP_WORDS, fold

_NAME = re.compile(r"(?P<name>[^\W\d_][\w'’-]*\.?(?: [^\W\d_][\w'’-]*\.?){0,2}|[\w.+-]{2,30}): +(?=\S)")
_HEAD_CHARS = 160
_LONGEST = 40
_ALSO_NAMES = frozenset({"will", "may", "don"})
_PARTICLES = frozenset({"de", "del", "der", "den", "da", "di", "du", "la", "le", "van", "von", "bin", "al", "el", "y"})
_LABEL_WORDS = """
    note notes answer question summary warning error todo step example output input result results update title subject date time from to
    re cc ps tip tips important hint caution info debug fatal trace exception traceback cause reason problem solution fix option options
    pros cons conclusion context goal goals task tasks plan usage args arguments returns return raises parameters default description
    name type value status version url link source sources file path line command response request reply message total price cost
    location address email phone ingredients instructions directions q a edit fyi btw tldr part section chapter day week month http https
    also remember first second third finally however overview details steps requirements features benefits verdict recommendation
    look listen wait hey hi hello ok okay sure thanks sorry please great perfect done fine actually maybe obviously anyway meanwhile guess
    reminder decision correction confirmed agreed idea thought fact today tomorrow yesterday tonight spoiler disclaimer proposal rule
    noted understood acknowledged received got updated fixed resolved completed added removed changed created deleted renamed merged moved
    saved sent failed passed skipped blocked pending recap status agenda next before after bonus takeaway observation finding findings
    explanation definition translation rewrite draft revised original rules alternatives assumption assumptions
    both here there current previous tested verified checked found
    """
_LABELS = frozenset(_LABEL_WORDS.split())
"""Words with which an ordinary line may begin before a colon: they name nobody."""
_ROLES = frozenset({"assistant", "system", "user", "human", "tool", "developer", "model", "ai", "bot", "function", "agent", "admin"})
"""Whoever writes these says nothing of who speaks: a message's own role does."""
_OTHER = {"user": "assistant", "assistant": "user"}
_VALUE = re.compile(r"(?=.*[\d_/@=`])\S+(?: \S+){0,3}|[A-Z]\S*[^\W\d_](?: [A-Z]\S*[^\W\d_])?|true|false|yes|no|on|off")
"""What stands behind a key rather than behind a name: few words with a number or a sign among them, or a name."""
_ENDS = ("?", "!", "？", "！")
# A name of a dialogue has begun so many messages of its role, and one of the other role's as many of those.
_TWICE = 2
# Where one side alone has names (a group behind one client): so many messages, all of them with names, two of them so often.
_MANY, _OFTEN = 8, 3
_MOST_NAMES = 64
LEARNT_FROM = 64
"""Turns of a branch by whose beginnings its speakers are known."""


class Begun(Struct, frozen=True):
    """How a line begins: with a name, and the time in front of it, 0.0 for none. `end`: where what is said begins."""

    name: str
    at: float
    end: int


def voice(turn: Turn) -> tuple[str, str]:
    """Who says a turn, as it is shown, and in which role. What a tool gave is the tool's, also in wires that send it in a message of the
    user's."""
    return ("Tool", "tool") if turn.kind == "tool" else (turn.sender or turn.role.title(), turn.role)


class Carry(Struct):
    """What is known so far of who speaks on a branch, from one turn to the next. `names`: those who are proven to. `begun`: how
    many messages of each role began with each name; `bare`: how many with none. `heard`: names that lines of earlier turns began with;
    `latest`: that of the last turn."""

    names: set[str] = set()
    begun: dict[str, Counter[str]] = {}
    bare: Counter[str] = field(default_factory=Counter)
    heard: set[str] = set()
    latest: str = ""

    def begin(self, path: Iterable[Turn]) -> None:
        """Learn who speaks from the beginning of a branch, before its first turn is read; nothing once one was."""
        if not self.begun and not self.bare:
            self.names.update(names_in(path))

    def listen(self, turn: Turn) -> None:
        """Take notice of how the next turn of the branch begins. A turn whose sender is told proves nothing by its words."""
        if self.latest:
            self.heard.add(self.latest)
            self.latest = ""
        if turn.sender or turn.kind != "spoken" or turn.role not in _OTHER:
            return
        first = opening(turn.text)
        mine = self.begun.setdefault(turn.role, Counter())
        if first is None or (first.name not in mine and len(mine) >= _MOST_NAMES):
            self.bare[turn.role] += 1
            return
        self.latest = first.name
        mine[first.name] += 1
        if first.name in self.names:
            return
        if self._in_dialogue(turn.role, first.name):
            others = self.begun[_OTHER[turn.role]]
            self.names.update([first.name], [name for name, times in others.items() if times >= _TWICE and name not in mine])
        elif not self.bare[turn.role] and mine.total() >= _MANY:
            often = [name for name, times in mine.items() if times >= _OFTEN]
            self.names.update(often if len(often) > 1 else ())

    def follow(self, turn: Turn) -> None:
        """All that a turn tells, where its units are not asked for."""
        self.listen(turn)
        if turn.kind == "spoken" and not turn.sender and ": " in turn.text:
            speakers(turn.text.split("\n"), self)

    def _in_dialogue(self, role: str, name: str) -> bool:
        mine, others = self.begun[role], self.begun.get(_OTHER[role], Counter[str]())
        if mine[name] < _TWICE or others[name] or max(others.values(), default=0) < _TWICE:
            return False
        return self._throughout(role) and self._throughout(_OTHER[role])

    def _throughout(self, role: str) -> bool:
        """Whether nearly all messages of a role began with a name."""
        return self.bare[role] <= 1 + self.begun[role].total() // 4


def opening(text: str) -> Begun | None:
    """How a message begins; None where it does with no name."""
    head = text[:_HEAD_CHARS].lstrip()
    return begun(head.partition("\n")[0]) if ": " in head else None


def begun(line: str) -> Begun | None:
    """The name, and the time before it, with which a line may begin as in a transcript; None where it begins otherwise."""
    stamped = dates.stamp(line) if line[:1] in ("[", "(") else None
    rest = stamped[1] if stamped else line
    match = _NAME.match(rest)
    if match is None or not _may_be_somebody(match["name"]):
        return None
    return Begun(match["name"], stamped[0] if stamped else 0.0, len(line) - len(rest) + match.end())


def speakers(lines: Sequence[str], carry: Carry | None = None) -> dict[int, Begun]:
    """The lines (by place) of a message that somebody is proven to say. `carry`: who speaks in the conversation; names of a transcript
    are added to those that were heard."""
    found = {place: one for place, line in enumerate(lines) if ": " in line and (one := begun(line)) is not None}
    if not found:
        return found
    known = carry.names if carry is not None else set()
    if _is_transcript(lines, found, known | carry.heard if carry is not None else known):
        if carry is not None and len(carry.heard) < _MOST_NAMES:
            carry.heard.update(one.name for one in found.values())
        return found
    return {place: one for place, one in found.items() if one.name in known}


def names_in(turns: Iterable[Turn]) -> frozenset[str]:
    """Who is proven to speak by the beginnings of these turns, the first of a branch."""
    carry = Carry()
    for turn, _ in zip(turns, range(LEARNT_FROM), strict=False):
        carry.listen(turn)
    return frozenset(carry.names)


def _is_transcript(lines: Sequence[str], found: dict[int, Begun], known: Set[str]) -> bool:
    if len(found) < _TWICE:
        return False
    if any(one.at for one in found.values()):
        return True
    times = Counter(one.name for one in found.values())
    if len(times) < _TWICE:
        return False
    if not known.isdisjoint(times):
        return True
    said = [lines[place][one.end :].strip() for place, one in found.items()]
    if max(times.values()) >= _TWICE and sum(" " in text or text.endswith(_ENDS) for text in said) * 2 >= len(said):
        return True
    first = next((place for place, line in enumerate(lines) if line.strip()), -1)
    return first in found and not any(_VALUE.fullmatch(text) for text in said)


def _may_be_somebody(name: str) -> bool:
    if not name[:1].isupper() or len(name) > _LONGEST:
        return False
    given, *others = name.split()
    if fold(given) in STOP_WORDS - _ALSO_NAMES or not all(word[0].isupper() or word in _PARTICLES for word in others):
        return False
    return not any(word in _LABELS or word in _ROLES for word in fold(name).replace(".", "").split())
