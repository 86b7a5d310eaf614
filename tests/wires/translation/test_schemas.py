"""Schemas of any depth."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from backstory.core.translation import Asked, Format, Function, Tongue
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.schemas import enforceable, filled
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

TONGUE = {tongue.name: tongue for tongue in TONGUES}
WIRE = {wire.name: wire for wire in WIRES}


def deep(levels: int, shut: bool = True) -> bytes:
    more = b',"additionalProperties":false' if shut else b""
    begin = b'{"type":"object","required":["a"]' + more + b',"properties":{"a":'
    return begin * levels + b'{"type":"string"}' + b"}}" * levels


def test_what_can_be_enforced_is_closed_all_through() -> None:
    assert enforceable(deep(400))
    innermost = b',"properties":{"a":{"type":"string"}'
    assert not enforceable(deep(400).replace(b',"additionalProperties":false' + innermost, innermost))
    assert not enforceable(b'{"type":"object","properties":{"a":{}},"additionalProperties":false}')
    shut = b'"required":["a"],"additionalProperties":false'
    for inner in (b'{"type":"array"}', b'{"type":["array","null"],"items":{}}', b'{"oneOf":[{"type":"string"}]}', b'{"allOf":[]}'):
        assert not enforceable(b'{"type":"object","properties":{"a":%b},%b}' % (inner, shut))
    assert enforceable(b'{"type":"object","properties":{"a":{"type":"array","items":{"enum":[{"not":1}]}}},%b}' % shut)
    named = b'{"type":"object","properties":{"not":{"type":"string"}},"required":["not"],"additionalProperties":false}'
    assert enforceable(named)
    with pytest.raises(DocumentError, match="no JSON"):
        enforceable(b"{")


def test_arrays_say_of_what_they_are_and_data_stays_what_it_is() -> None:
    given = b'{"type":"object","properties":{"type":{"type":"array"},"b":{"type":["array","null"]},"c":{"default":{"type":"array"}}}}'
    wanted = json.loads(given)
    wanted["properties"]["type"]["items"] = wanted["properties"]["b"]["items"] = {}
    assert json.loads(filled(given)) == wanted
    whole = b'{ "type": "array", "items": {"type": "string"} }'
    assert filled(whole) is whole
    assert filled(b'{"type":"array","items":' * 400 + b'{"type":"array"}' + b"}" * 400).count(b'"items":{}') == 1


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses"])
def test_openai_gets_no_schema_that_it_refuses(name: str) -> None:
    array = b'{"type":"object","properties":{"x":{"type":"array"}}}'
    asked = Asked(
        "gpt-5", False, (), (), wire="anthropic", tools=(Function("f", "", array, strict=True),), format=Format(array, strict=True)
    )
    body, losses = TONGUE[name].ask(asked)
    sent = json.loads(body)
    tool = sent["tools"][0] if name == "openai_responses" else sent["tools"][0]["function"]
    form = sent["text"]["format"] if name == "openai_responses" else sent["response_format"]["json_schema"]
    for one, member in ((tool, "parameters"), (form, "schema")):
        assert one["strict"] is False
        assert one[member]["properties"]["x"] == {"type": "array", "items": {}}
    assert [loss.what for loss in losses if loss.how == "changed"] == ["strict"]
    kept = TONGUE[name].ask(replace(asked, wire=name))[0]
    assert b'"items"' not in kept
    assert kept.count(b'"strict":true') == 2


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
