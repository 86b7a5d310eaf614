"""Objects that can be read in one way only, checked at little cost.

Rule: a key that stands twice is refused where a value is read, one level at a time; what lies deeper stays raw and is not looked into.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from backstory.core.document import distinct
from backstory.wires.lowering import decode

_BRACKET, _BRACE = b"[{"
_object = msgspec.json.Decoder(dict[str, Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_elements = msgspec.json.Decoder(list[Raw])


def members(raw: bytes | memoryview | Raw, *lists: str) -> dict[str, Raw]:
    """The members of an object, undecoded. DocumentError if it has a key twice, or an object in one of the members `lists` has.

    Where no white space stands between the tokens, the lengths of keys and values tell that no key was lost: nothing is walked.
    """
    fields = decode(_object, raw)
    size = 1
    for key, value in fields.items():
        size += len(key) + len(value) + 4
        if key in lists:
            _check_member(value)
    if size != len(raw):
        distinct(raw)
    return fields


def _check_member(raw: Raw) -> None:
    first = memoryview(raw)[0]
    if first == _BRACE:
        members(raw)
    elif first == _BRACKET:
        objects = decode(_objects, raw)
        size = 1 + 2 * len(objects)
        for fields in objects:
            for key, value in fields.items():
                size += len(key) + len(value) + 4
            size -= not fields
        if size != len(raw):
            for element in decode(_elements, raw):
                members(element)
