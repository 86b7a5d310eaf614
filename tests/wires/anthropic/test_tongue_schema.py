"""Schemas as Anthropic takes them."""

from __future__ import annotations

import json

import pytest

from backstory.core.translation import Asked, Format
from backstory.errors import DocumentError
from backstory.wires.anthropic.tongue import AnthropicTongue
from backstory.wires.anthropic.tongue_schema import for_claude


def deep(levels: int, more: bytes) -> bytes:
    begin = b'{"type":"object","required":["a"]' + more + b',"properties":{"a":'
    return begin * levels + b'{"type":"string"}' + b"}}" * levels


def test_all_objects_are_closed_however_deep_they_stand() -> None:
    assert for_claude(deep(400, b"")).count(b'"additionalProperties":false') == 400
    shut = deep(3, b',"additionalProperties":false')
    assert for_claude(shut) is shut
    both = b'{"anyOf":[{"type":"object","additionalProperties":true},{"type":["object","null"]}]}'
    assert json.loads(for_claude(both)) == {
        "anyOf": [{"type": "object", "additionalProperties": False}, {"type": ["object", "null"], "additionalProperties": False}]
    }
    data = b'{"type":"string","enum":["a"],"default":{"type":"object"}}'
    assert for_claude(data) is data


def test_what_anthropic_refuses_is_said_in_the_description() -> None:
    given = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "score": {"type": "integer", "description": "How good.", "minimum": 0, "maximum": 10},
            "maximum": {"type": "string", "minLength": 1, "format": "iban", "pattern": "^[A-Z]+$"},
            "tags": {"type": "array", "minItems": 2, "maxItems": 4, "items": {"type": "string", "format": "date"}},
            "some": {"type": "array", "minItems": 1, "items": {"oneOf": [{"type": "string"}, {"type": "null"}]}},
        },
    }
    assert json.loads(for_claude(json.dumps(given).encode())) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "score": {"type": "integer", "description": "How good.\n\n{minimum: 0, maximum: 10}"},
            "maximum": {"type": "string", "pattern": "^[A-Z]+$", "description": '{minLength: 1, format: "iban"}'},
            "tags": {"type": "array", "items": {"type": "string", "format": "date"}, "description": "{minItems: 2, maxItems: 4}"},
            "some": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        },
    }
    with pytest.raises(DocumentError, match="no JSON"):
        for_claude(b"{")


def test_only_a_schema_of_another_wire_is_made_to_fit() -> None:
    schema = b'{"type":"integer","minimum":3}'
    for wire, said in (("openai_chat", b'"description":"{minimum: 3}"'), ("anthropic", schema)):
        body, losses = AnthropicTongue().ask(Asked("claude-sonnet-4-5", False, (), (), format=Format(schema), wire=wire))
        assert said in body
        assert ("schema" in [loss.what for loss in losses]) is (wire != "anthropic")
