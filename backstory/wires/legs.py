"""What the wires share for answers of several legs: values of JSON added up, and rows of messages put at the end of a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw

from backstory.core.document import Document, Splice
from backstory.core.stream import Frame
from backstory.wires.lowering import decode
from backstory.wires.sse import replaced

Json: TypeAlias = "dict[str, object]"

_object = msgspec.json.Decoder(dict[str, object])
_raws = msgspec.json.Decoder(dict[str, Raw])


def values(raw: bytes | memoryview | Raw) -> Json:
    """The members of a `usage`; {} for anything that is no object."""
    return {} if bytes(raw)[:1] != b"{" else decode(_object, raw)


def raw_members(raw: bytes | memoryview | Raw) -> dict[str, Raw]:
    """The members of an object, undecoded. DocumentError for anything else."""
    return decode(_raws, raw)


def summed(one: Json, two: Json) -> Json:
    """Usage of two legs: numbers are added, also those inside; of anything else the later one counts."""
    total = dict(one)
    for key, value in two.items():
        total[key] = _sum(total.get(key), value)
    return total


def _sum(one: object, two: object) -> object:
    if isinstance(one, bool) or isinstance(two, bool):
        return two
    if isinstance(one, int | float) and isinstance(two, int | float):
        return one + two
    if isinstance(one, dict) and isinstance(two, dict):
        return summed(one, two)
    if isinstance(one, list) and isinstance(two, list):
        return _by_modality(one, two)
    return one if two is None else two


def _by_modality(one: Sequence[object], two: Sequence[object]) -> list[object]:
    """Gemini counts tokens in rows, one for each kind of media."""
    rows: dict[object, object] = {}
    for row in (*one, *two):
        kind = row.get("modality") if isinstance(row, dict) else None
        if kind is None or not isinstance(row, dict):
            return list(two)
        known = rows.get(kind)
        rows[kind] = (
            {**row, **({key: _sum(known.get(key), value) for key, value in row.items() if key != "modality"})}
            if isinstance(known, dict)
            else row
        )
    return list(rows.values())


def rewritten(frame: Frame, splices: Iterable[Splice]) -> bytes:
    """The frame with its data edited, in one line."""
    data = Document(frame.data).apply(splices)
    return replaced(frame, data if b"\n" not in data else data.replace(b"\n", b" "))


def listed(rows: Iterable[bytes | Raw]) -> bytes:
    """A JSON array of these values."""
    return b"[" + b",".join([bytes(row) for row in rows]) + b"]"


def gap(before: str, after: str) -> str:
    """What stands between the texts of two legs where clients put them together."""
    return "\n\n" if before and after and not before[-1].isspace() and not after[0].isspace() else ""
