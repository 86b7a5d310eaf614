"""A key that stands twice is refused, however the object is spelled."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.errors import DocumentError
from backstory.wires.strict import members

values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)
spellings = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:")])


@given(objects, st.lists(objects, max_size=3), spellings, st.booleans())
def test_an_object_without_doubled_keys_is_read(
    fields: dict[str, object], parts: list[object], spelling: tuple[str, str], escaped: bool
) -> None:
    raw = json.dumps({**fields, "parts": parts}, separators=spelling, ensure_ascii=escaped).encode()
    assert {key: json.loads(bytes(value)) for key, value in members(raw, "parts").items()} == {**fields, "parts": parts}


@given(objects.filter(bool), spellings, st.booleans(), st.data())
def test_a_doubled_key_is_refused_at_the_top_and_in_the_parts(
    fields: dict[str, object], spelling: tuple[str, str], inside: bool, data: st.DataObject
) -> None:
    comma, colon = spelling
    pairs = [*fields.items(), (data.draw(st.sampled_from(sorted(fields))), data.draw(values))]
    doubled = "{" + comma.join(json.dumps(key) + colon + json.dumps(value) for key, value in pairs) + "}"
    raw = f'{{"a":1{comma}"parts":[{{}}{comma}{doubled}]}}' if inside else doubled
    with pytest.raises(DocumentError):
        members(raw.encode(), "parts")


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b'{"parts":[1]}', b'{"parts":["a"]}', b'{"parts":{"a":1,"a":1}}', b'{"a":1'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        members(raw, "parts")


def test_what_lies_deeper_is_not_looked_into() -> None:
    raw = b'{"parts":[{"args":{"a":1,"a":2}}],"other":[{"b":1,"b":2}],"parts2":"x"}'
    assert set(members(raw, "parts")) == {"parts", "other", "parts2"}
    assert set(members(b'{"parts":"text"}', "parts")) == {"parts"}
