"""Why each line was recalled, what was left out, and what was changed in a request: the values that are kept, and how they are made.

Rule: no text of a turn is kept here, only where it stands (turn, from character, to character). What was asked for is named by the
question's own index terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from backstory.core.edits import (
    AddMessage,
    AddMessages,
    AddSystem,
    AddTools,
    AppendText,
    DropMessages,
    Edit,
    PrependText,
    PutMessage,
    ReplaceMedia,
    SetImage,
    SetParam,
    SetText,
    StrikeText,
)
from backstory.core.layout import Elements
from backstory.core.message import Path
from backstory.memory.recall.index import ASKS, TELLS, TIMELY, Index
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query, in_time

What: TypeAlias = Literal["block", "earlier block", "digest", "fold", "marker", "stub", "tools", "held", "cache mark", "other"]
Kind: TypeAlias = Literal["recalled", "pinned", "kept", "elsewhere"]
# Of what was considered and left out, so many are told one by one.
MOST_LEFT = 20
_MOST_TERMS = 12


class Reason(Struct, frozen=True, omit_defaults=True):
    """One line of a block. `start`, `end`: which characters of the turn's text it is (0, 0: not verbatim in it). `signals`: shares of the
    score by name. `terms`: index terms of the question that stand in it. `kind`: recalled = it answers the question; pinned; kept = it was
    open when the client summarised its history; elsewhere = recalled from another conversation."""

    turn: int
    number: int
    speaker: str
    at: float
    start: int = 0
    end: int = 0
    score: float = 0.0
    signals: dict[str, float] = {}
    terms: tuple[str, ...] = ()
    kind: Kind = "recalled"
    conversation: str = ""


class Left(Struct, frozen=True, omit_defaults=True):
    """A turn that was considered and left out, and why."""

    turn: int
    number: int
    why: str
    score: float = 0.0


class Change(Struct, frozen=True, omit_defaults=True):
    """One edit of a request. `item`: the message it was made at, in the request as it came; `to`: the message before which a run ends.
    `bytes`: of text added, or (below 0) of messages and text taken out; of a stub both together. `chain`: of the message whose block it
    is, in hex."""

    what: What
    item: int
    bytes: int
    to: int = 0
    chain: str = ""


class Search(Struct, frozen=True, omit_defaults=True):
    """How the recall went. `gate`: why nothing was found, "" otherwise. `best`: share of the question's rare words in the best unit.
    `capped`: the budget is what memory may still add to the bill of a client that cuts its history."""

    considered: int = 0
    best: float = 0.0
    gate: str = ""
    budget: int = 0
    tokens: int = 0
    terms: tuple[str, ...] = ()
    capped: bool = False


class Told(Struct, frozen=True, omit_defaults=True):
    """All that is kept of one request. `came`, `went`: bytes of the body that came and of the one that went up. `chain`: of the newest
    human message, in hex. `folded`: turns that a digest stood for. `absent`: stored turns that did not go up as messages.
    `unheard`: numbers of turns of which the digest did not tell, for they were not said in the group that asked."""

    came: int = 0
    went: int = 0
    chain: str = ""
    folded: int = 0
    absent: int = 0
    search: Search | None = None
    reasons: tuple[Reason, ...] = ()
    left: tuple[Left, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    unheard: tuple[int, ...] = ()


class Parts(Struct):
    """What the final scores of one recall were added up from, by unit: filled by `scoring.ranked`. `asked`: the question's vector."""

    words: dict[int, float] = {}
    near: dict[int, float] = {}
    level: dict[int, float] = {}
    passage: dict[int, float] = {}
    oneself: dict[int, float] = {}
    changing: dict[int, float] = {}
    led: dict[int, float] = {}
    to_words: float = 0.0
    to_near: float = 0.0
    asked: Asked | None = None


class Basis(Struct, frozen=True, eq=False):
    """What a recall's scores can be told from, later. `places`: the units of its items, in their order."""

    index: Index
    query: Query
    parts: Parts
    places: tuple[int, ...]

    def told(self, item: int) -> tuple[dict[str, float], tuple[str, ...]]:
        """Signals of an item's score, and the question's own terms in it. About 10 us."""
        place = self.places[item]
        return signals(self.index, self.query, self.parts, place), shared_terms(self.index, self.query, place)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Told)


def pack(told: Told) -> bytes:
    """As a trace keeps it."""
    return _encode(told)


def unpack(data: bytes) -> Told:
    """What `pack` was given. Raises msgspec.MsgspecError for anything else."""
    return _decoder.decode(data)


def signals(index: Index, query: Query, parts: Parts, place: int) -> dict[str, float]:
    """The shares of one unit's score: its words, its neighbours, the session around it, and what the question names."""
    found = {
        "words": parts.to_words * parts.words.get(place, 0.0),
        "around": parts.to_near * parts.near.get(place, 0.0),
        "passage": parts.passage.get(place, 0.0),
        "session": parts.level.get(index.sessions[place], 0.0),
        "of oneself": parts.oneself.get(place, 0.0),
        "by a name": parts.led.get(place, 0.0),
        "changes another": parts.changing.get(place, 0.0),
        "speaker": float(index.speakers[place] in query.people or index.roles[place] == query.role),
        "date": in_time(index, query, place) if query.periods else 0.0,
        "tells a time": float(query.when and bool(index.flags[place] & TIMELY)),
        "tells": float(bool(index.flags[place] & TELLS)),
        "asks": float(bool(index.flags[place] & ASKS)),
    }
    return {name: round(value, 3) for name, value in found.items() if value}


def shared_terms(index: Index, query: Query, place: int) -> tuple[str, ...]:
    """The question's own terms that stand in a unit."""
    has = set(index.terms_of(place))
    return tuple([term for term in query.own if index.vocabulary.get(term, -1) in has][:_MOST_TERMS])


def span(text: str, piece: str, after: int = 0) -> tuple[int, int]:
    """Where a piece stands in its turn's text, from `after` on if it is there, else anywhere; 0, 0 where it does not stand in it."""
    at = text.find(piece, after)
    at = text.find(piece) if at < 0 else at
    return (at, at + len(piece)) if at >= 0 and piece else (0, 0)


def changes(
    edits: Iterable[tuple[str, Edit]],
    items: Sequence[bytes | memoryview],
    new: str,
    chains: dict[str, str],
    was: Callable[[Path], int],
) -> tuple[Change, ...]:
    """The edits of a request with their sizes. `new`: the block that was made for it; `chains`: of which message each earlier one is.
    `was`: bytes of what the request has at an address."""
    return tuple([_change(stage, edit, items, new, chains, was) for stage, edit in edits])


def _change(
    stage: str, edit: Edit, items: Sequence[bytes | memoryview], new: str, chains: dict[str, str], was: Callable[[Path], int]
) -> Change:
    put: What = "stub" if stage == "shrink" else "other"
    match edit:
        case AppendText(index, text):
            what: What = "block" if new and text == new else "earlier block"
            return Change(what, index, _bytes(text), chain=chains.get(text, ""))
        case PrependText(index, text):
            return Change("digest", index, _bytes(text))
        case DropMessages(start, stop):
            size = items.size(start, stop) if isinstance(items, Elements) else sum([len(item) for item in items[start:stop]])
            return Change("fold", start, -size, stop)
        case StrikeText(at, text):
            return Change("marker", _item(at), -_bytes(text))
        case PutMessage(index, value):
            return Change(put, index, len(value) - len(items[index]))
        case SetText(at, text) | ReplaceMedia(at, text) | SetImage(at, text):
            return Change(put, _item(at), _bytes(text) - was(at))
        case AddTools(tools):
            return Change("tools", 0, sum([len(tool) for tool in tools]))
        case AddMessages(index, values):
            return Change("held", index, sum(map(len, values)), len(values))
        case AddMessage(text=text) | AddSystem(text=text):
            return Change("other", getattr(edit, "index", 0), _bytes(text))
    added = len(_member(edit.name, edit.value)) if isinstance(edit, SetParam) and stage == "marks" else 0
    return Change("cache mark" if added else "other", getattr(edit, "index", 0), added)


def _member(name: str, value: bytes) -> bytes:
    return b',"%b":%b' % (name.encode(), value)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _item(at: tuple[str | int, ...]) -> int:
    return next((step for step in at if isinstance(step, int)), 0)
