"""Schemas of any depth."""

from __future__ import annotations

import json

import pytest

from backstory.core.translation import Asked, Format, Function, Tongue
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.tongue_schemas import closed, enforceable
from backstory.wires.tongues import TONGUES
from backstory.wires.translate import Translated

TONGUE = {tongue.name: tongue for tongue in TONGUES}
WIRE = {wire.name: wire for wire in WIRES}


def deep(levels: int, shut: bool = True) -> bytes:
    more = b',"additionalProperties":false' if shut else b""
    begin = b'{"type":"object","required":["a"]' + more + b',"properties":{"a":'
    return begin * levels + b'{"type":"string"}' + b"}}" * levels


def test_all_objects_are_closed_however_deep_they_stand() -> None:
    assert closed(deep(400, shut=False)).count(b'"additionalProperties":false') == 400
    shut = deep(3)
    assert closed(shut) is shut
    both = b'{"anyOf":[{"type":"object","additionalProperties":true}]}'
    assert json.loads(closed(both)) == {"anyOf": [{"type": "object", "additionalProperties": False}]}


def test_what_can_be_enforced_is_closed_all_through() -> None:
    assert enforceable(deep(400))
    innermost = b',"properties":{"a":{"type":"string"}'
    assert not enforceable(deep(400).replace(b',"additionalProperties":false' + innermost, innermost))
    assert not enforceable(b'{"type":"object","properties":{"a":{}},"additionalProperties":false}')
    with pytest.raises(DocumentError, match="no JSON"):
        enforceable(b"{")


@pytest.mark.parametrize("tongue", TONGUES, ids=lambda tongue: tongue.name)
@pytest.mark.parametrize("shut", [True, False])
def test_a_deep_schema_is_carried(tongue: Tongue, shut: bool) -> None:
    schema = deep(400, shut)
    tools = (Function("f", "", schema, True),)
    body, _ = tongue.ask(Asked("m", False, (), (), tools, format=Format(schema, "answer", strict=True)))
    assert body.count(b'"required":["a"]') + body.count(b'"required": ["a"]') == 800


def test_a_request_that_is_nested_too_deeply_is_the_clients_fault() -> None:
    """Whatever writing it takes, it never is a fault of ours."""
    schema = deep(3000)
    tool = b'{"type":"function","function":{"name":"f","strict":true,"parameters":' + schema + b"}}"
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[' + tool + b"]}"
    for provider in ("anthropic", "gemini", "openai_responses"):
        one = Translated(TONGUE["openai_chat"], TONGUE[provider], WIRE[provider], "/v1/chat/completions", "")
        try:
            out = one.ask(body)
        except DocumentError:
            continue
        assert schema[:40] in out.replace(b" ", b"")
