"""A request that binds its answer to a form is seen to do so, in whatever words, in each wire."""

from __future__ import annotations

import msgspec
import pytest

from backstory.core.document import Document
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires import WIRES
from tests.rig import PATHS, asking

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
BOUND: dict[str, dict[str, object]] = {
    "vLLM schema": {"guided_json": SCHEMA},
    "vLLM schema as text": {"guided_json": msgspec.json.encode(SCHEMA).decode()},
    "vLLM choice": {"guided_choice": ["a", "b"]},
    "vLLM expression": {"guided_regex": "[ab]"},
    "vLLM grammar": {"guided_grammar": "root ::= 'a'"},
    "vLLM object": {"guided_json_object": True},
    "vLLM structured outputs": {"structured_outputs": {"json": SCHEMA}},
    "vLLM tag": {"structural_tag": "{}"},
    "SGLang schema": {"json_schema": "{}"},
    "SGLang expression": {"regex": "[ab]"},
    "SGLang grammar": {"ebnf": "root ::= 'a'"},
    "llama.cpp schema": {"json_schema": SCHEMA},
    "llama.cpp grammar": {"grammar": 'root ::= "a"'},
    "TabbyAPI expression": {"regex_pattern": "[ab]"},
    "TabbyAPI grammar": {"grammar_string": "root ::= 'a'"},
    "Ollama word": {"format": "json"},
    "Ollama schema": {"format": {"properties": {}}},
    "TGI grammar": {"grammar": {"type": "json", "value": SCHEMA}},
    "TGI format": {"response_format": {"type": "json", "value": SCHEMA}},
    "TGI expression": {"response_format": {"type": "regex", "value": "[ab]"}},
    "unspread": {"extra_body": {"guided_json": SCHEMA}},
    "unspread format": {"extra_body": {"response_format": {"type": "json_object"}}},
    "NIM": {"nvext": {"guided_choice": ["a"]}},
}
FREE: dict[str, dict[str, object]] = {
    "nothing": {},
    "nulls": {"guided_json": None, "grammar": None, "format": None, "response_format": None, "extra_body": None},
    "empty": {"guided_choice": [], "grammar": "", "structured_outputs": {}, "guided_json_object": False, "format": ""},
    "text": {"response_format": {"type": "text"}, "format": "text"},
    "a backend alone": {"guided_decoding_backend": "xgrammar", "guided_whitespace_pattern": " "},
    "other members": {"extra_body": {"top_k": 3, "grammar": ""}, "nvext": "x", "logprobs": True, "stop": ["}"]},
    "no deeper": {"extra_body": {"extra_body": {"guided_json": SCHEMA}}},
}
OPEN_MODELS = [wire for wire in WIRES if wire.name != "gemini"]


def structured(wire: Wire, **more: object) -> bool:
    return wire.read(Document(asking(wire.name, [("user", "x")], **more)), PATHS[wire.name]).structured


@pytest.mark.parametrize("wire", OPEN_MODELS, ids=lambda wire: wire.name)
@pytest.mark.parametrize("name", BOUND)
def test_a_form_is_seen_in_every_server_s_words(wire: Wire, name: str) -> None:
    assert structured(wire, **BOUND[name])


@pytest.mark.parametrize("wire", OPEN_MODELS, ids=lambda wire: wire.name)
@pytest.mark.parametrize("name", FREE)
def test_what_binds_nothing_is_none(wire: Wire, name: str) -> None:
    assert not structured(wire, **FREE[name])


@pytest.mark.parametrize("kind", ["json_schema", "json_object", "grammar", "regex"])
def test_a_response_s_text_has_a_form_whatever_its_type_but_text(kind: str) -> None:
    (wire,) = [wire for wire in WIRES if wire.name == "openai_responses"]
    assert structured(wire, text={"format": {"type": kind}})
    assert not structured(wire, text={"format": {"type": "text"}, "verbosity": "low"})
    assert not structured(wire, text={"format": None})


@pytest.mark.parametrize(
    "config",
    [
        {"_responseJsonSchema": SCHEMA},
        {"responseFormat": {"type": "json"}},
        {"response_format": {"text": {"mime_type": "application/json"}}},
        {"responseMimeType": "text/plain", "response_mime_type": "application/json"},
        {"response_mime_type": "application/json; charset=utf-8"},
    ],
)
@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_gemini_s_newer_words_are_seen(name: str, config: object) -> None:
    (wire,) = [wire for wire in WIRES if wire.name == "gemini"]
    assert structured(wire, **{name: config})
    assert not structured(wire, **{name: {"responseFormat": None, "responseMimeType": "", "_responseJsonSchema": None}})


@pytest.mark.parametrize("wire", OPEN_MODELS, ids=lambda wire: wire.name)
@pytest.mark.parametrize("form", [{"type": 3}, "json_object", False])
def test_a_format_that_cannot_be_read_is_an_error(wire: Wire, form: object) -> None:
    with pytest.raises(DocumentError):
        structured(wire, response_format=form)
