"""Requests of Responses that build on answers which are kept here, for a provider that keeps its own and does not know these.

Rule: what is known here is written out in front of what the client says; what is not is left for its provider, which may know it. The same
answer is written out the same way each time, so what goes up only grows.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.translation import Said
from backstory.errors import DocumentError
from backstory.wires.kept import REFERENCE, Kept, built_on
from backstory.wires.lowering import decode, encode
from backstory.wires.openai_responses.tongue_write import said_items
from backstory.wires.translation.more import Losing

# OpenAI's own ids end in so many hexadecimal digits; those of translated answers are other providers', or shorter.
_OPENAIS = re.compile(r"[a-z]+_[0-9a-f]{40,}")
_NOBODYS = frozenset({"", "resp_"})


class _Building(Struct):
    previous_response_id: str | None = None
    input: str | list[Raw] = ""


class _Named(Struct):
    id: str = ""
    type: str = ""


_building = msgspec.json.Decoder(_Building)
_named = msgspec.json.Decoder(_Named)


def is_openais(name: str) -> bool:
    """Whether an answer of this id is surely one that OpenAI itself has given."""
    return _OPENAIS.fullmatch(name) is not None


def perhaps_kept(body: bytes) -> tuple[str, ...]:
    """The answers that a request builds on, but those that OpenAI itself has surely given."""
    return tuple([name for name in built_on(body) if name not in _NOBODYS and not is_openais(name)])


def continued(body: bytes, kept: Kept, whose: str) -> bytes:
    """The request with what is kept of what it builds on; the same object where nothing is. DocumentError where it cannot be edited."""
    if not built_on(body):
        return body
    found = decode(_building, body)
    before, _ = kept.get(whose, found.previous_response_id) if found.previous_response_id else ((), 0)
    own = found.input
    items = [Raw(encode({"type": "message", "role": "user", "content": own}))] if isinstance(own, str) else own
    known: list[object] = [new for raw in items for new in _known(raw, kept, whose)]
    if not before and known == items:
        return body
    whole = [*_written(before), *known]
    splices: list[Splice] = [Put(("input",), encode(whole))]
    if before:
        splices.append(Cut(("previous_response_id",)))
    return Document(body).apply(splices)


def _written(before: tuple[Said, ...]) -> list[object]:
    return [item for said in before for item in said_items(said, Losing())]


def _known(raw: Raw, kept: Kept, whose: str) -> list[object]:
    """An item, or, where it stands for one that is kept, that."""
    if REFERENCE.encode() not in bytes(raw):
        return [raw]
    try:
        named = decode(_named, bytes(raw))
    except DocumentError:
        return [raw]
    piece = kept.piece(whose, named.id) if named.type == REFERENCE else None
    return [raw] if piece is None else list(said_items(Said("assistant", (piece,)), Losing()))
