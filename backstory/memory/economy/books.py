"""What is known of a conversation's requests, as it is stored beside the row of the newest one: whoever goes on from there, after a restart
or in another process, decides as the one who wrote it would have.

Rule: numbers and names of models only. What is about this process (places on a path, what was refused here) is not among it.
"""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct

from backstory.core.tariff import Tariff
from backstory.memory.economy.purse import Purse
from backstory.memory.economy.stored import Holdings


class Books(Struct, array_like=True, forbid_unknown_fields=False):
    """Fields of an Account, by its names. New ones come last, with a default: books of an older release have none of them."""

    requests: int
    last_at: float
    gap_s: float
    gaps: tuple[float, ...]
    cuts: float
    lasts_s: float
    growth: float
    added: float
    often: float
    size_in: int
    sent_size: int
    direct_size: float
    sent_sum: int
    lost: int
    aside: float
    fixed: int
    summit: int
    purse: Purse
    owing: float
    recalls: float
    holdings: Holdings
    tariff: Tariff | None
    rewritten: bool
    stopped: bool
    partly: bool
    stopped_at: float
    lent: dict[str, float]
    lent_at: float
    hits: float
    eager: bool
    told: bool
    holds: int
    held_saved: float
    pure: bool
    _window: list[tuple[float, float]]
    _expected: float
    _read: float
    _written: float
    _writable: float
    _ours: float
    _theirs: float
    _counted: int


_anything = msgspec.msgpack.Decoder()
_decoder = msgspec.msgpack.Decoder(Books)
_encoder = msgspec.msgpack.Encoder()
KEPT = Books.__struct_fields__


def written(account: object) -> bytes:
    """Books of an account: less than a kilobyte."""
    return _encoder.encode(Books(*[getattr(account, name) for name in KEPT]))


def opened(data: bytes) -> Books | None:
    """None where they cannot be read, or tell a number that is none: then the rows have to tell."""
    try:
        return _decoder.decode(data) if data and _finite(_anything.decode(data)) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None


def _finite(told: object) -> bool:
    if isinstance(told, dict):
        return all(map(_finite, told.values()))
    if isinstance(told, list):
        return all(map(_finite, told))
    return not isinstance(told, float) or math.isfinite(told)
