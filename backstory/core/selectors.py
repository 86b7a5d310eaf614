"""Selectors: where a request is to go, in the words of a model's name.

    backend:model?temperature=0.2     one; `backend.2:model` names the second key of a backend, `model` alone no backend
    A|B|C                             in this order, until one answers
    [weight=3]A^[weight=1]B           one of them by weight, then the others
    A!B                               a race
    hybrid:[reasoner,executor]        one thinks, the other answers

Annotations stand in front: [weight=] (with ^), [handicap=] and [ttft_timeout=] (with !), [max_context=], [first]. Rule: what is read is
checked here, and an error names the character; which backends and models there are is known elsewhere. A sign of the grammar in a
parameter's value is written %7C, %5E, %21, %26.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

from msgspec import Struct

from backstory.errors import SelectorError

Kind: TypeAlias = Literal["one", "failover", "weighted", "race", "hybrid"]
Value: TypeAlias = float | int | str

_KINDS: dict[str, Kind] = {"|": "failover", "^": "weighted", "!": "race"}
_SIGNS = {kind: sign for sign, kind in _KINDS.items()}
_HYBRID = "hybrid:["
HYBRID = "hybrid:[reasoner,executor]"
"""How one is written."""
_LIKE_HYBRID = re.compile(r"([A-Za-z]+)\s*:\s*\[")
_LONGEST = 2000
_MOST_BRANCHES = 20
_BACKEND = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?:\.(\d{1,3}))?")
_ANNOTATION = re.compile(r"\[([^\[\]]*)\]")
_OPERATOR = re.compile(r"[|^!]")
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?")
_LOW, _HIGH = 0.0, 1e9


class Bounds(Struct, frozen=True):
    """What a parameter's or annotation's value may be: a number (`whole` or not) from `least` to `most`, or one of `words`. No number and
    no words: it has no value."""

    least: float = _LOW
    most: float = _HIGH
    whole: bool = False
    words: tuple[str, ...] = ()
    bare: bool = False


PARAMETERS: dict[str, Bounds] = {
    "temperature": Bounds(0, 2),
    "top_p": Bounds(0, 1),
    "top_k": Bounds(1, 1_000_000, whole=True),
    "max_tokens": Bounds(1, 10_000_000, whole=True),
    "seed": Bounds(0, 2**31 - 1, whole=True),
    "presence_penalty": Bounds(0, 2),
    "frequency_penalty": Bounds(0, 2),
    "reasoning_effort": Bounds(words=("none", "minimal", "low", "medium", "high", "xhigh")),
    "thinking_budget": Bounds(0, 1_000_000, whole=True),
    "verbosity": Bounds(words=("low", "medium", "high")),
}
ANNOTATIONS: dict[str, Bounds] = {
    "weight": Bounds(0),
    "max_context": Bounds(1, whole=True),
    "first": Bounds(bare=True),
    "handicap": Bounds(0),
    "ttft_timeout": Bounds(0),
}
_ONLY_WITH: dict[str, Kind] = {"weight": "weighted", "handicap": "race", "ttft_timeout": "race"}


class Branch(Struct, frozen=True):
    """One way. `backend`: "" where none is named; `instance`: 0 where none is. `max_context`: tokens of a request, 0: any. `first`: only
    for the first request of a conversation. `handicap`, `ttft_timeout`: seconds. `at`: where in the text it begins, from 0."""

    backend: str
    model: str
    instance: int = 0
    params: tuple[tuple[str, Value], ...] = ()
    weight: float = 1.0
    max_context: int = 0
    first: bool = False
    handicap: float = 0.0
    ttft_timeout: float = 0.0
    at: int = 0

    @property
    def whole(self) -> str:
        """What stands there in front of the parameters: the model's name, if the backend turns out to be none."""
        dotted = f".{self.instance}" if self.instance else ""
        return f"{self.backend}{dotted}:{self.model}" if self.backend else self.model


class Selector(Struct, frozen=True):
    """All of it. With the kind "one" there is one branch, with "hybrid" there are two."""

    kind: Kind
    branches: tuple[Branch, ...]


def is_plain(text: str) -> bool:
    """Whether there is nothing of a selector in this text, so that it can only be a model's name."""
    return not (":" in text or "?" in text or text.startswith("[") or _OPERATOR.search(text))


def parse(text: str) -> Selector:
    """Read a selector. Raises SelectorError."""
    if not text.strip():
        raise SelectorError("a selector is empty", text, 0)
    if len(text) > _LONGEST:
        raise SelectorError(f"a selector is longer than {_LONGEST} characters", text[:50], 0)
    start = len(text) - len(text.lstrip())
    if text.startswith(_HYBRID, start):
        return _hybrid(text, start)
    signs = list(_OPERATOR.finditer(_blanked(text)))
    kinds = {match.group() for match in signs}
    if len(kinds) > 1:
        other = next(match for match in signs if match.group() != signs[0].group())
        raise SelectorError(f"{signs[0].group()} and {other.group()} cannot stand in one selector", text, other.start())
    if len(signs) >= _MOST_BRANCHES:
        raise SelectorError(f"more than {_MOST_BRANCHES} ways", text, signs[_MOST_BRANCHES - 1].start())
    kind: Kind = _KINDS[signs[0].group()] if signs else "one"
    edges = [-1, *(match.start() for match in signs), len(text)]
    branches = tuple([_branch(text, left + 1, right, kind) for left, right in pairwise(edges)])
    if kind == "weighted" and not any(branch.weight for branch in branches):
        raise SelectorError("all weights are 0", text, branches[0].at)
    return Selector(kind, branches)


def spell(selector: Selector) -> str:
    """The selector as text: what `parse` reads as the same again."""
    if selector.kind == "hybrid":
        return _HYBRID + ",".join(_spelled(branch) for branch in selector.branches) + "]"
    return _SIGNS.get(selector.kind, "").join(_spelled(branch) for branch in selector.branches)


def value(name: str, given: str) -> Value:
    """The value of a parameter (one of PARAMETERS), from how it was written. Raises SelectorError, whose text does not point anywhere."""
    return _value(name, given.strip(), PARAMETERS[name], "", 0)


def told_value(value: Value) -> str:
    """As a person writes it."""
    return _told(value)


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known name that is most like it, "" where none is as much (1: the same)."""
    import difflib  # noqa: PLC0415 - only on the way to an error

    lowered = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), list(lowered), 1, likeness)
    return lowered[found[0]] if found else ""


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or ""."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def _blanked(text: str) -> str:
    """The text with what stands in square brackets made blank: no operator of it counts."""
    return _ANNOTATION.sub(lambda match: " " * len(match.group()), text)


def _hybrid(text: str, start: int) -> Selector:
    begin, end = start + len(_HYBRID), len(text.rstrip())
    close = _closing(text, begin)
    if close < 0:
        raise SelectorError("hybrid:[ has no ] at its end", text, end - 1)
    if close < end - 1:
        behind = close + 1 + len(text[close + 1 :]) - len(text[close + 1 :].lstrip())
        raise SelectorError(f"nothing can stand behind {HYBRID}; parameters stand behind each of the two", text, behind)
    inside = _blanked(text[: end - 1])
    comma = inside.find(",", begin)
    more = inside.find(",", comma + 1) if comma >= 0 else -1
    if comma < 0 or more >= 0:
        raise SelectorError("hybrid:[ ] takes two, with a comma between: reasoner,executor", text, begin if comma < 0 else more)
    sign = _OPERATOR.search(inside, begin)
    if sign is not None:
        raise SelectorError(f"{sign.group()} cannot stand in hybrid:[ ]", text, sign.start())
    return Selector("hybrid", (_branch(text, begin, comma, "hybrid"), _branch(text, comma + 1, end - 1, "hybrid")))


def _closing(text: str, begin: int) -> int:
    """The place of the bracket that closes the one in front of this place, -1 where none does."""
    depth = 1
    for at, sign in enumerate(text[begin:], begin):
        depth += (sign == "[") - (sign == "]")
        if not depth:
            return at
    return -1


def _branch(text: str, start: int, end: int, kind: Kind) -> Branch:
    """One way, which stands between these characters."""
    at = start + len(text[start:end]) - len(text[start:end].lstrip())
    end -= len(text[at:end]) - len(text[at:end].rstrip())
    if at >= end:
        raise SelectorError("a backend and model are missing", text, min(start, len(text)))
    notes: dict[str, Value] = {}
    place = at
    while text.startswith("[", place):
        match = _ANNOTATION.match(text, place, end)
        if match is None:
            raise SelectorError("[ has no ]", text, place)
        notes |= _pairs(text, place + 1, match.end() - 1, ",", ANNOTATIONS, "annotation", notes)
        place = match.end() + len(text[match.end() : end]) - len(text[match.end() : end].lstrip())
    wrong = next((name for name in notes if _ONLY_WITH.get(name, kind) != kind), "")
    if wrong:
        raise SelectorError(f"[{wrong}=] means something only between {_SIGNS[_ONLY_WITH[wrong]]}", text, at)
    named, _, given = text[place:end].partition("?")
    params: dict[str, Value] = {}
    if "?" in text[place:end]:
        begin = place + len(named) + 1
        params = _pairs(text, begin, end, "&", PARAMETERS, "parameter", params) if given else {}
        if not params:
            raise SelectorError("a parameter is missing after ?", text, begin - 1)
    backend, instance, model = _named(named.rstrip(), text, place)
    return Branch(
        backend,
        model,
        instance,
        tuple(params.items()),
        float(notes.get("weight", 1.0)),
        int(notes.get("max_context", 0)),
        "first" in notes,
        float(notes.get("handicap", 0.0)),
        float(notes.get("ttft_timeout", 0.0)),
        at,
    )


def _named(named: str, text: str, place: int) -> tuple[str, int, str]:
    """Backend, instance and model. What stands before a colon is no backend where it cannot be one's name."""
    for sign in "[]":
        if sign in named:
            hybrid = _LIKE_HYBRID.match(named)
            if hybrid is not None and hybrid[1] == _HYBRID[:-2]:
                raise SelectorError(f"{HYBRID} stands alone, with no blank in front of its [", text, place)
            if hybrid is not None and nearest(hybrid[1], [_HYBRID[:-2]]):
                raise SelectorError(f"{hybrid[1]}:[ is nothing; did you mean {HYBRID}?", text, place)
            raise SelectorError(f"{sign} stands in a name; annotations stand in front of it", text, place + named.index(sign))
    before, colon, after = named.partition(":")
    match = _BACKEND.fullmatch(before.strip()) if colon else None
    if colon and not before.strip():
        raise SelectorError("a backend is missing in front of :", text, place)
    if not named.strip():
        raise SelectorError("a model is missing", text, min(place, len(text)))
    if match is None:
        return "", 0, named
    if not after.strip():
        raise SelectorError("a model is missing after :", text, place + len(before))
    if match.group(2) == "0":
        raise SelectorError("instances are counted from 1", text, place + match.start(2))
    return match.group(1), int(match.group(2) or 0), after.strip()


def _pairs(
    text: str, start: int, end: int, between: str, known: dict[str, Bounds], what: str, before: dict[str, Value]
) -> dict[str, Value]:
    """name=value pairs, each checked."""
    found: dict[str, Value] = {}
    at = start
    for part in text[start:end].split(between):
        name, equals, given = part.strip().partition("=")
        bounds = known.get(name)
        if bounds is None:
            known_names = ", ".join(known)
            raise SelectorError(f"no such {what}: {name!r}{suggest(name, known)} (known are {known_names})", text, min(at, len(text)))
        if name in found or name in before:
            raise SelectorError(f"{name} stands there twice", text, at)
        if bounds.bare == bool(equals):
            raise SelectorError(f"{name} takes no value" if bounds.bare else f"{name} needs a value", text, at)
        found[name] = True if bounds.bare else _value(name, unquote(given.strip()), bounds, text, at + part.index("=") + 1)
        at += len(part) + 1
    return found


def _value(name: str, given: str, bounds: Bounds, text: str, at: int) -> Value:
    place = min(at, len(text))
    if bounds.words:
        if given not in bounds.words:
            raise SelectorError(f"{name} is one of {', '.join(bounds.words)}, not {given!r}", text, place)
        return given
    kind = "a whole number" if bounds.whole else "a number"
    number = float(given) if _NUMBER.fullmatch(given) else -1.0
    if not bounds.least <= number <= bounds.most or (bounds.whole and not number.is_integer()):
        most = "" if bounds.most == _HIGH else f" to {bounds.most:.12g}"
        raise SelectorError(f"{name} is {kind} from {bounds.least:g}{most}, not {given!r}", text, place)
    return int(number) if bounds.whole else number


def _spelled(branch: Branch) -> str:
    plain = Branch("", "")
    notes = [
        f"[{name}={getattr(branch, name):.12g}]"
        for name in ("weight", "max_context", "handicap", "ttft_timeout")
        if getattr(branch, name) != getattr(plain, name)
    ]
    first = "[first]" if branch.first else ""
    given = "&".join(f"{name}={quote(_told(value), safe='')}" for name, value in branch.params)
    return "".join(notes) + first + branch.whole + (f"?{given}" if given else "")


def _told(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
