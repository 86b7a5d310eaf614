"""Gemini requests against recorded bytes and whatever else may come."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from backstory.core.document import Document
from backstory.core.edits import (
    AddMessage,
    AddSystem,
    AddTools,
    AppendText,
    DropMessages,
    Edit,
    PrependText,
    SetModel,
    SetParam,
    SetText,
    StrikeText,
)
from backstory.core.images import fingerprint
from backstory.core.message import Media, Message, Opaque, Text, Thinking, ToolCall, ToolResult
from backstory.errors import DocumentError
from backstory.wires.gemini.wire import Gemini
from tests.wires.world import Read, mutations

CASSETTES = Path(__file__).parents[2] / "cassettes" / "gemini"
WIRE = Gemini()
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
READ = Read(WIRE, STREAM)
messages, rendered = READ.messages, READ.rendered
WHOLE = "/v1/models/gemini-2.5-flash:generateContent"
REQUESTS = sorted(CASSETTES.glob("*.request.json"))


def document(name: str) -> Document:
    return Document((CASSETTES / f"{name}.request.json").read_bytes())


@pytest.mark.parametrize(
    ("path", "claimed"),
    [
        (STREAM, True),
        (WHOLE, True),
        ("/v1alpha/models/gemini-3:generateContent", True),
        ("/v1beta/tunedModels/mine-1:streamGenerateContent", True),
        ("/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent", True),
        ("/v1beta1/publishers/google/models/g:generateContent", True),
        ("/v1/projects/p/locations/l/endpoints/123:streamGenerateContent", True),
        ("/gemini/v1beta/models/g%3AgenerateContent", True),
        ("/v1beta/models/g:countTokens", False),
        ("/v1beta/models/g:embedContent", False),
        ("/v1beta/models/g:batchEmbedContents", False),
        ("/v1beta/models/g:batchGenerateContent", False),
        ("/v1/models/g", False),
        ("/v1/models", False),
        ("/v1beta/models/g:generateContent/x", False),
        ("/v1/chat/completions", False),
    ],
)
def test_only_the_two_verbs_of_a_conversation_are_claimed(path: str, claimed: bool) -> None:
    assert WIRE.claims("POST", path) is claimed
    assert not WIRE.claims("GET", path)


@pytest.mark.parametrize(("path", "model", "stream"), [(STREAM, "gemini-2.5-flash", True), (WHOLE, "gemini-2.5-flash", False)])
def test_model_and_verb_come_from_the_path(path: str, model: str, stream: bool) -> None:
    prompt = WIRE.read(document("cli"), path)
    assert (prompt.model, prompt.stream) == (model, stream)
    assert WIRE.streams(path, "alt=sse", prompt) is stream


def test_a_request_in_camel_case_is_read() -> None:
    source = document("cli")
    prompt = WIRE.read(source, STREAM)
    assert prompt.system == (Text("You are Gemini CLI.", ("systemInstruction", "parts", 0, "text")),)
    assert (prompt.tools, prompt.structured, prompt.previous) == (2, False, "")
    read = messages(source.raw)
    assert [message.role for message in read] == ["user", "assistant", "user", "assistant", "user"]
    assert read[3].parts == (
        Thinking("I should call the shell", False, ("contents", 3, "parts", 0)),
        Text("Running it now.", ("contents", 3, "parts", 1, "text")),
        ToolCall("2ba8", "shell", '{"command":"echo 1"}', ("contents", 3, "parts", 2)),
    )
    where = ("contents", 4, "parts", 0, "functionResponse", "response", "output")
    assert read[4].parts == (ToolResult("2ba8", "shell", "Output: 1\nProcess", where),)


def test_a_request_in_snake_case_is_read() -> None:
    source = document("snake")
    prompt = WIRE.read(source, STREAM)
    assert prompt.system == (Text("Help.", ("system_instruction", "parts", 0, "text")),)
    assert prompt.tools == 3
    read = messages(source.raw)
    assert read[1].parts[2] == ToolCall("", "shell", '{"command": "ls"}', ("contents", 1, "parts", 2))
    assert [part.text for part in read[2].parts if isinstance(part, ToolResult)] == ["a.txt"]
    assert read[3].parts == (
        Media("image", "image/png", 12, "", ("contents", 3, "parts", 0), content=fingerprint("iVBORw0KGgo=")),
        Media("video", "video/mp4", 0, "https://example.com/v.mp4", ("contents", 3, "parts", 1)),
    )


def test_a_function_response_sent_twice_is_one_result() -> None:
    (result,) = messages(document("resumed-router").raw)[4].parts
    assert isinstance(result, ToolResult)
    assert (result.id, result.text) == ("", "Output: 1\nProcess")


@pytest.mark.parametrize(
    ("config", "structured"),
    [
        ({"responseMimeType": "application/json"}, True),
        ({"response_mime_type": "text/x.enum"}, True),
        ({"responseMimeType": "text/plain"}, False),
        ({"responseSchema": {"type": "OBJECT"}}, True),
        ({"response_json_schema": {}}, True),
        ({"responseSchema": None, "temperature": 1}, False),
    ],
)
@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_json_mode_is_seen_in_either_case(name: str, config: object, structured: bool) -> None:
    assert WIRE.read(Document(msgspec.json.encode({"contents": [], name: config})), STREAM).structured is structured


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"text": "", "thoughtSignature": "x"}, Thinking("", True, ("contents", 0, "parts", 0))),
        ({"text": "a", "thought_signature": "x"}, Text("a", ("contents", 0, "parts", 0, "text"))),
        ({"thought": True, "text": "a", "thoughtSignature": "x"}, Thinking("a", True, ("contents", 0, "parts", 0))),
        ({"executableCode": {"code": "1"}}, Opaque("executableCode", ("contents", 0, "parts", 0))),
        ({"thought": True, "newThing": 1e3}, Opaque("newThing", ("contents", 0, "parts", 0))),
        ({"functionCall": {"name": "f"}}, ToolCall("", "f", "{}", ("contents", 0, "parts", 0))),
        (
            {"functionResponse": {"name": "f"}},
            ToolResult("", "f", "", ("contents", 0, "parts", 0, "functionResponse", "response")),
        ),
        (
            {"functionResponse": {"name": "f", "response": {"output": ["x"]}}},
            ToolResult("", "f", '{"output":["x"]}', ("contents", 0, "parts", 0, "functionResponse", "response")),
        ),
        (
            {"functionResponse": {"name": "f", "response": {"a": 1, "b": "x"}}},
            ToolResult("", "f", '{"a":1,"b":"x"}', ("contents", 0, "parts", 0, "functionResponse", "response")),
        ),
        (
            {"function_response": {"name": "f", "response": {"error": "no"}}},
            ToolResult("", "f", "no", ("contents", 0, "parts", 0, "function_response", "response", "error"), True),
        ),
    ],
)
def test_each_kind_of_part_is_read(part: object, read: object) -> None:
    raw = msgspec.json.encode({"contents": [{"parts": [part]}]})
    (message,) = messages(raw)
    assert message.role == "user"
    assert message.parts == (read,)


def test_contents_and_parts_may_stand_without_brackets() -> None:
    source = document("lone")
    (message,) = messages(source.raw)
    assert message.text == "Hello there"
    assert WIRE.read(source, STREAM).system == (Text("You are a cat.", ("system_instruction", "parts", "text")),)


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name)
def test_no_edits_leave_every_byte(path: Path) -> None:
    assert rendered(path.read_bytes()) == path.read_bytes()


@pytest.mark.parametrize("name", ["cli", "snake", "resumed-router"])
def test_every_text_stands_at_its_address(name: str) -> None:
    source = document(name)
    for message in messages(source.raw):
        for part in message.parts:
            if isinstance(part, Text | ToolResult):
                assert json.loads(source.get(part.at)) == part.text


def test_a_request_may_be_empty() -> None:
    assert WIRE.read(Document(b"{}"), STREAM).items == ()
    assert WIRE.message(b'{"role":"model"}', ("contents", 0)) == Message("assistant", (), ("contents", 0))


def test_text_becomes_a_further_part() -> None:
    raw = document("cli").raw
    out = json.loads(rendered(raw, AppendText(2, "a"), AppendText(2, "b"), PrependText(2, "c")))
    assert [part["text"] for part in out["contents"][2]["parts"]] == ["c", "Now run the command.", "a", "b"]
    assert {**out, "contents": 0} == {**json.loads(raw), "contents": 0}


def test_messages_are_added_and_dropped_by_the_place_they_had() -> None:
    raw = document("cli").raw
    out = json.loads(rendered(raw, DropMessages(0, 2), AddMessage(0, "user", "digest"), AddMessage(5, "assistant", "done")))
    before = json.loads(raw)["contents"]
    added = [{"role": "user", "parts": [{"text": "digest"}]}, {"role": "model", "parts": [{"text": "done"}]}]
    assert out["contents"] == [added[0], *before[2:], added[1]]


def test_a_lone_content_takes_every_edit_and_keeps_its_bytes() -> None:
    source = document("lone")
    out = rendered(source.raw, AppendText(0, "m"), AddMessage(0, "user", "first"), AddSystem("s1"), AddSystem("s2"))
    assert [message.text for message in messages(out)] == ["first", "Hello there\nm"]
    assert [part["text"] for part in json.loads(out)["system_instruction"]["parts"]] == ["You are a cat.", "s1", "s2"]
    assert source.get(("contents", "parts")) in out
    at = messages(source.raw)[0].parts[0].at
    assert at == ("contents", 0, "parts", "text")
    assert messages(rendered(source.raw, SetText(at, "new")))[0].text == "new"
    assert messages(rendered(source.raw, StrikeText(at, "Hello "), AppendText(0, "x")))[0].text == "there\nx"
    assert json.loads(rendered(source.raw, DropMessages(0, 1)))["contents"] == []


def test_what_is_added_is_spelled_as_the_request_spells() -> None:
    bare = b'{"contents":[],"generation_config":{}}'
    assert list(json.loads(rendered(bare, AddSystem("a"), AddSystem("b")))) == ["contents", "generation_config", "system_instruction"]
    assert json.loads(rendered(b'{"contents":[]}', AddSystem("a")))["systemInstruction"] == {"parts": [{"text": "a"}]}
    out = json.loads(
        rendered(document("snake").raw, AddSystem("a"), SetParam("generationConfig", b"{}"), SetParam("cachedContent", b'"x"'))
    )
    assert out["system_instruction"]["parts"] == [{"text": "Help."}, {"text": "a"}]
    assert (out["generation_config"], out["cached_content"]) == ({}, "x")
    assert "generationConfig" not in out


def test_tools_are_added_after_the_clients() -> None:
    tool = b'{"functionDeclarations":[{"name":"recall"}]}'
    for raw in (document("cli").raw, document("lone").raw):
        before = WIRE.read(Document(raw), STREAM).tools
        out = rendered(raw, AddTools((tool,)))
        assert WIRE.read(Document(out), STREAM).tools == before + 1
        assert json.loads(out)["tools"][-1] == json.loads(tool)


def test_a_functions_answer_can_be_cleared() -> None:
    raw = document("cli").raw
    at = messages(raw)[4].parts[0].at
    assert [part.text for part in messages(rendered(raw, SetText(at, "cleared")))[4].parts if isinstance(part, ToolResult)] == ["cleared"]
    many = b'{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"a":1,"b":2}}}]}]}'
    cleared = rendered(many, SetText(messages(many)[0].parts[0].at, "cleared"))
    assert json.loads(cleared)["contents"][0]["parts"][0]["functionResponse"]["response"] == {"output": "cleared"}


@pytest.mark.parametrize(
    "edit",
    [
        AppendText(5, "x"),
        AppendText(-1, "x"),
        AddMessage(6, "user", "x"),
        AddMessage(0, "system", "x"),
        DropMessages(4, 6),
        SetText(("contents", 0, "parts"), "x"),
        StrikeText(("contents", 9, "parts", 0, "text"), "x"),
        SetModel("other"),
        AddSystem("\ud800"),
    ],
)
def test_an_edit_that_cannot_be_said_is_refused(edit: Edit) -> None:
    with pytest.raises(DocumentError):
        rendered(document("cli").raw, edit)


BAD = [
    b"",
    b"[]",
    b"{",
    b"\xff",
    b'{"contents":"hello"}',
    b'{"contents":1}',
    b'{"contents":["hello"]}',
    b'{"contents":[],"contents":[]}',
    b'{"contents":[],"systemInstruction":{},"system_instruction":{}}',
    b'{"contents":[],"systemInstruction":"text"}',
    b'{"contents":[],"generationConfig":[]}',
    b'{"contents":[],"tools":[1]}',
    b'{"contents":' + b"[" * 100_000,
]
BAD_CONTENTS = [
    b"1",
    b"[]",
    b'"x"',
    b'{"role":1}',
    b'{"parts":["x"]}',
    b'{"parts":[{"text":1}]}',
    b'{"parts":[{"text":"\\ud800"}]}',
    b'{"parts":[{"text":"\xff"}]}',
    b'{"parts":[{"text":"a","text":"b"}]}',
    b'{"parts":{"text":"a","text":"b"}}',
    b'{"role":"user","role":"model","parts":[]}',
    b'{"parts":[{"functionCall":{"name":1}}]}',
    b'{"parts":[{"functionCall":{"name":"f","args":{"a":"\xff"}}}]}',
    b'{"parts":[{"functionResponse":[]}]}',
    b'{"parts":[{"functionResponse":{"response":["\xff"]}}]}',
    b'{"parts":[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
]


@pytest.mark.parametrize("raw", BAD, ids=lambda raw: repr(raw[:40]))
def test_an_unreadable_request_is_a_document_error(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.read(Document(raw), STREAM)


@pytest.mark.parametrize("raw", BAD_CONTENTS, ids=lambda raw: repr(raw[:60]))
def test_an_unreadable_content_is_a_document_error(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.message(raw, ("contents", 0))


@settings(max_examples=400, deadline=None)
@given(mutations([path.read_bytes() for path in REQUESTS]))
def test_a_broken_request_raises_nothing_but_a_document_error(raw: bytes) -> None:
    with contextlib.suppress(DocumentError):
        prompt = WIRE.read(Document(raw), STREAM)
        for index, item in enumerate(prompt.items):
            WIRE.message(item, ("contents", index))
        last = len(prompt.items) - 1
        WIRE.render(Document(raw), prompt, [AppendText(last, "m"), AddMessage(0, "user", "m"), AddSystem("m")])
