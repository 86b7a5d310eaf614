"""Conversations that clients build on by the id of an answer, for providers that keep none (Responses `previous_response_id`,
`item_reference`).

Rule: they are held in the process, as much as fits, and written as bytes by whoever stores them; one that is gone is refused by name,
never answered without its beginning.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias
from uuid import uuid4

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.translation import Odd, Piece, Result, Said, Use
from backstory.errors import DocumentError
from backstory.wires.lowering import decode

MOST_BYTES = 64 << 20
"""What all conversations may come to, each counted whole though they share their beginnings."""


REFERENCE = "item_reference"
Keep: TypeAlias = Callable[[str, str, tuple[Said, ...], tuple[Said, ...], int], None]
"""Told of each answer that may be built on: its id, the id of the one that it builds on ("" for none), what was said up to that, what was
said since, the answer in the end, and how many bytes all of it is."""


_PREFIX = re.compile(r"^[a-z]+[-_]")
_UNIQUE = 12
"""An id of fewer letters, without its prefix, may come again."""
_PROVIDERS_OWN = re.compile(r"conv_[0-9a-f]{32,}")
"""Ids as OpenAI gives them to conversations, and this proxy in its place."""


class _Named(Struct):
    id: str = ""
    type: str = ""


class _Building(Struct):
    previous_response_id: str | None = None
    conversation: str | _Named | None = None
    input: str | list[Raw] = ""


_building = msgspec.json.Decoder(_Building)
_named = msgspec.json.Decoder(_Named)
_said = msgspec.json.Decoder(tuple[Said, ...])


def packed(said: tuple[Said, ...]) -> bytes:
    """As it is stored. Of a client of Responses, whose parts bear no cache marks. DocumentError for text that is no Unicode."""
    try:
        return msgspec.json.encode(said)
    except UnicodeEncodeError as cause:
        raise DocumentError(f"text that cannot be stored: {cause.reason}") from cause


def unpacked(links: Sequence[bytes]) -> tuple[Said, ...]:
    """What was said, from what was stored of it, one after the other. DocumentError where that is damaged."""
    said: tuple[Said, ...] = ()
    for link in links:
        said = joined(said, decode(_said, link))
    return said


class Kept:
    """By principal and id of an answer: all that was said up to it and in it."""

    __slots__ = ("_found", "_most", "_size", "cleared")

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._found: OrderedDict[tuple[str, str], tuple[tuple[Said, ...], int]] = OrderedDict()
        self._size = 0
        self._most = most_bytes
        self.cleared = 0
        """How often all of it went."""

    def clear(self) -> None:
        """Hold nothing."""
        self._found.clear()
        self._size = 0
        self.cleared += 1

    def get(self, whose: str, name: str) -> tuple[tuple[Said, ...], int]:
        """What was said up to this answer, and its size in bytes; ((), 0) where it is not kept (any more)."""
        found = self._found.get((whose, name))
        if found is None:
            return (), 0
        self._found.move_to_end((whose, name))
        return found

    def put(self, whose: str, name: str, said: tuple[Said, ...], size_bytes: int) -> None:
        """Keep what was said up to this answer. Those that were not used for the longest time make room for it."""
        _, before = self._found.pop((whose, name), ((), 0))
        self._size -= before
        if size_bytes > self._most:
            return
        self._found[whose, name] = said, size_bytes
        self._size += size_bytes
        while self._size > self._most:
            _, (_, gone) = self._found.popitem(last=False)
            self._size -= gone

    def piece(self, whose: str, item: str) -> Piece | None:
        """The piece of an answer that the client knows by this id: KIND_ANSWER_PLACE (see openai_responses/tongue_answer.py)."""
        _, _, place = item.rpartition("_")
        said = next((found for name in answers_of(item) if (found := self.get(whose, name)[0])), ())
        pieces = said[-1].pieces if said else ()
        return pieces[int(place)] if place.isdecimal() and int(place) < len(pieces) else None


def lasting(name: str) -> str:
    """The id under which an answer can be kept: the provider's, where that is long enough to be the only one of its kind; else a new one.
    Some tell none, Ollama draws one of a thousand: an id that comes again would go on with another conversation."""
    return name if len(_PREFIX.sub("", name)) >= _UNIQUE else f"resp_{uuid4().hex}"


def answers_of(item: str) -> tuple[str, str]:
    """The ids that the answer may have in which this item stands."""
    answer = item.partition("_")[2].rpartition("_")[0]
    return f"resp_{answer}", answer


def built_on(body: bytes) -> tuple[str, ...]:
    """The ids of the answers that a request of Responses builds on, or may. Nothing is read where no such member stands; () for what
    cannot be read."""
    if b'"previous_response_id"' not in body and REFERENCE.encode() not in body:
        return ()
    try:
        found = decode(_building, body)
        items = [decode(_named, raw) for raw in found.input if REFERENCE.encode() in bytes(raw)] if not isinstance(found.input, str) else []
    except DocumentError:
        return ()
    named = [name for item in items if item.type == REFERENCE for name in answers_of(item.id)]
    return tuple(dict.fromkeys([*named, *filter(None, [found.previous_response_id])]))


def conversation_of(body: bytes) -> str:
    """The id of the conversation that a request of Responses goes on with, "" for none and for what cannot be read."""
    if b'"conversation"' not in body:
        return ""
    try:
        found = decode(_building, body).conversation
    except DocumentError:
        return ""
    return found.id if isinstance(found, _Named) else found or ""


def may_begin(name: str) -> bool:
    """Whether a conversation that is not known may begin with a request: where its client has made up its id."""
    return _PROVIDERS_OWN.fullmatch(name) is None


def references(said: Sequence[Said]) -> list[str]:
    """The ids of items that stand for what the provider keeps."""
    return [item for one in said for piece in one.pieces if (item := _item_of(piece))]


def referred(said: tuple[Said, ...], kept: Kept, whose: str) -> tuple[Said, ...]:
    """The messages with what their references stand for. Those that stand for nothing known are left."""
    seals: dict[str, str] = {}

    def found(piece: Piece) -> list[Piece]:
        item = _item_of(piece)
        known = kept.piece(whose, item) if item else None
        if known is None:
            return [piece]
        if isinstance(known, Use) and item.startswith("rs_"):
            seals[known.id] = known.sealed  # what carries the seal of a call stands for nothing else
            return []
        return [known]

    whole = [replace(one, pieces=tuple(new for piece in one.pieces for new in found(piece))) for one in said]
    if seals:
        whole = [replace(one, pieces=tuple(_sealed(piece, seals) for piece in one.pieces)) for one in whole]
    return joined((), tuple(one for one in whole if one.pieces))


def _item_of(piece: Piece) -> str:
    if not isinstance(piece, Odd) or piece.kind != REFERENCE:
        return ""
    try:
        return decode(_named, piece.raw).id
    except DocumentError:
        return ""


def _sealed(piece: Piece, seals: dict[str, str]) -> Piece:
    return replace(piece, sealed=seals[piece.id]) if isinstance(piece, Use) and piece.id in seals else piece


def is_reference(piece: Piece) -> bool:
    """Whether it stands for an item that the provider keeps."""
    return isinstance(piece, Odd) and piece.kind == REFERENCE


def joined(before: tuple[Said, ...], after: tuple[Said, ...]) -> tuple[Said, ...]:
    """A conversation that goes on; results know again which tool gave them."""
    names = {piece.id: piece.name for said in (*before, *after) for piece in said.pieces if isinstance(piece, Use)}

    def named(piece: Piece) -> Piece:
        return replace(piece, name=names.get(piece.id, "")) if isinstance(piece, Result) and not piece.name else piece

    return (*before, *(replace(said, pieces=tuple(map(named, said.pieces))) for said in after))
