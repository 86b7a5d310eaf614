"""How long an error's body asks to wait. Google says it there and in no header.

Source: https://cloud.google.com/apis/design/errors#error_details (google.rpc.RetryInfo), https://protobuf.dev/reference/protobuf/google.protobuf/#duration.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_DELAY = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)s")


class _Detail(Struct):
    kind: str = msgspec.field(default="", name="@type")
    delay: str = msgspec.field(default="", name="retryDelay")


class _Error(Struct):
    details: list[Raw] = []


class _Body(Struct):
    error: _Error


_body = msgspec.json.Decoder(_Body | list[_Body])
_detail = msgspec.json.Decoder(_Detail)


def asked_s(body: bytes) -> float | None:
    """Seconds; None where it says nothing of it. A stream's error may stand in a list."""
    if _INFO.encode() not in body:
        return None
    try:
        found = _body.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    for one in found if isinstance(found, list) else [found]:
        for raw in one.error.details:
            told = _told(raw)
            if told is not None:
                return told
    return None


def _told(raw: Raw) -> float | None:
    try:
        detail = _detail.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    delay = _DELAY.fullmatch(detail.delay) if detail.kind == _INFO else None
    return None if delay is None else float(delay[1])
