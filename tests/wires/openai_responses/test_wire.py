"""OpenAI Responses requests against recorded bytes and whatever else may come."""

from __future__ import annotations

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
from backstory.wires.openai_responses.wire import OpenAIResponses
from tests.wires.world import Read, mutations

CASSETTES = Path(__file__).parents[2] / "cassettes" / "openai_responses"
WIRE = OpenAIResponses()
READ = Read(WIRE)
messages, rendered = READ.messages, READ.rendered
REQUESTS = sorted(CASSETTES.glob("*.request.json"))


def document(name: str) -> Document:
    return Document((CASSETTES / f"{name}.request.json").read_bytes())


def body(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


@pytest.mark.parametrize(
    ("path", "claimed"),
    [
        ("/v1/responses", True),
        ("/openai/deployments/x/responses", True),
        ("/responses", True),
        ("/v1/responses/compact", False),
        ("/v1/responses/resp_1", False),
        ("/v1/responses/input_tokens", False),
        ("/v1/responses/", False),
        ("/v1/myresponses", False),
        ("/v1/chat/completions", False),
    ],
)
def test_only_new_responses_are_claimed(path: str, claimed: bool) -> None:
    assert WIRE.claims("POST", path) is claimed
    assert not WIRE.claims("GET", path)


def test_a_coding_agents_request_is_read_item_by_item() -> None:
    raw = document("codex").raw
    prompt = WIRE.read(Document(raw))
    assert (prompt.model, prompt.stream, prompt.tools, prompt.structured, prompt.previous) == ("gpt-5", True, 4, False, "")
    assert WIRE.streams("/v1/responses", "", prompt)
    read = messages(raw)
    assert [message.role for message in read] == [
        "system",
        "system",
        "user",
        "user",
        "assistant",
        "user",
        "assistant",
        "assistant",
        "assistant",
        "tool",
    ]
    assert read[3].text == "Réponds brièvement — 日本語 OK 🎉"
    assert read[1].parts[1].at == ("input", 1, "content", 1, "text")
    assert read[6].parts == (Thinking("I should call the shell", True, ("input", 6)),)
    assert read[8].parts == (ToolCall("call_1", "exec_command", '{"cmd":"echo 1"}', ("input", 8)),)
    result = read[9].parts[0]
    assert isinstance(result, ToolResult)
    assert (result.id, result.at) == ("call_1", ("input", 9, "output"))


def test_items_that_are_not_understood_are_opaque_and_keep_their_place() -> None:
    read = messages(document("codex-codemode").raw)
    kinds = [part.kind for message in read for part in message.parts if isinstance(part, Opaque)]
    assert kinds == ["additional_tools", "compaction", "web_search_call", "item_reference", "compaction_trigger"]
    opaque = [message.role for message in read for part in message.parts if isinstance(part, Opaque)]
    assert opaque == ["system", "other", "assistant", "other", "other"], "what a tool of the provider's did is the assistant's"
    assert read[3].parts == (ToolCall("call_2", "exec", 'await tools.shell({cmd: "ls"})', ("input", 3)),)
    assert read[4].parts == (ToolResult("call_2", "", "Script completed\na.txt", ("input", 4, "output")),)


def test_items_without_a_type_are_messages_and_media_keep_their_size() -> None:
    raw = document("untyped").raw
    assert WIRE.read(Document(raw)).system == (Text("Help.", ("instructions",)),)
    read = messages(raw)
    assert [message.role for message in read] == ["system", "user", "assistant", "system", "user"]
    assert [part for part in read[1].parts if isinstance(part, Media)] == [
        Media("image", "image/png", 12, "", ("input", 1, "content", 1), detail="auto", content=fingerprint("iVBORw0KGgo=")),
        Media("document", "", 0, "file_1", ("input", 1, "content", 2)),
        Media("image", "", 0, "https://example.com/a.png", ("input", 1, "content", 3)),
        Media("audio", "audio/wav", 8, "", ("input", 1, "content", 4), content=fingerprint("UklGRg==")),
    ]
    assert read[2].parts[1] == Text("not that", ("input", 2, "content", 1, "refusal"))


_PDF = Media("document", "", 8, "", ("i", "content", 0), content=fingerprint("JVBERi0="))


@pytest.mark.parametrize(
    ("item", "read"),
    [
        ({"type": "message", "content": "x"}, Message("other", (Text("x", ("i", "content")),), ("i",))),
        ({"role": "critic", "content": None}, Message("other", (), ("i",))),
        ({"role": "user"}, Message("user", (), ("i",))),
        ({"type": "reasoning"}, Message("assistant", (Thinking("", False, ("i",)),), ("i",))),
        ({}, Message("other", (Opaque("", ("i",)),), ("i",))),
        (
            {"role": "user", "content": [{"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0="}, {"type": "input_image"}]},
            Message(
                "user",
                (
                    Media("document", "", 8, "", ("i", "content", 0), content=fingerprint("JVBERi0=")),
                    Media("image", "", 0, "", ("i", "content", 1)),
                ),
                ("i",),
            ),
        ),
        (
            {"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}, {"type": "new", "text": 5}]},
            Message(
                "user",
                (Media("document", "", 0, "https://example.com/a.pdf", ("i", "content", 0)), Opaque("new", ("i", "content", 1))),
                ("i",),
            ),
        ),
    ],
)
def test_items_of_unusual_shape_are_read(item: object, read: Message) -> None:
    assert WIRE.message(msgspec.json.encode(item), ("i",)) == read


def test_instructions_that_are_no_string_are_opaque() -> None:
    raw = body(model="m", input="x", instructions=[])
    assert WIRE.read(Document(raw)).system == (Opaque("instructions", ("instructions",)),)
    with pytest.raises(DocumentError):
        rendered(raw, AddSystem("x"))


def test_every_text_stands_at_its_address() -> None:
    for path in REQUESTS:
        raw = path.read_bytes()
        for message in messages(raw):
            for part in message.parts:
                if isinstance(part, Text):
                    assert json.loads(Document(raw).get(part.at)) == part.text


def test_a_string_input_is_one_user_message() -> None:
    source = document("string")
    prompt = WIRE.read(source)
    assert (prompt.structured, prompt.previous, prompt.stream, len(prompt.items)) == (True, "resp_9", False, 1)
    assert bytes(prompt.items[0]) == source.get(("input",))
    (message,) = messages(source.raw)
    assert message == Message("user", (Text('What is my "codeword"?\n🎉', ("input",)),), ("input",))


@pytest.mark.parametrize(("conversation", "previous"), [("conv_1", "conv_1"), ({"id": "conv_2"}, "conv_2"), (None, "")])
def test_a_conversation_is_what_the_request_builds_on(conversation: object, previous: str) -> None:
    assert WIRE.read(Document(body(model="m", input=[], conversation=conversation))).previous == previous


def test_a_request_without_input_has_no_items() -> None:
    for raw in (body(model="m"), body(model="m", input=None)):
        prompt = WIRE.read(Document(raw))
        assert prompt.items == ()
        added = rendered(raw, AddMessage(0, "user", "hi"))
        assert [message.text for message in messages(added)] == ["hi"]


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name)
def test_no_edits_leave_every_byte(path: Path) -> None:
    assert rendered(path.read_bytes()) == path.read_bytes()


def test_text_goes_into_the_content_that_is_there() -> None:
    raw = document("untyped").raw
    out = rendered(raw, AppendText(1, "m1"), PrependText(4, "m2"), AppendText(4, "m3"), AppendText(2, "m4"))
    items = json.loads(out)["input"]
    assert items[1]["content"][-1] == {"type": "input_text", "text": "m1"}
    assert items[4]["content"] == "m2\n\nand now?\n\nm3"
    assert items[2]["content"][-1] == {"type": "output_text", "text": "m4"}
    assert items[0] == json.loads(raw)["input"][0]


def test_messages_are_added_and_dropped_by_the_place_they_had() -> None:
    raw = document("codex").raw
    out = rendered(raw, DropMessages(2, 5), AddMessage(2, "user", "digest"), AddMessage(10, "assistant", "done"))
    before, after = json.loads(raw)["input"], json.loads(out)["input"]
    assert after[:2] + after[3:-1] == before[:2] + before[5:]
    assert after[2] == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "digest"}]}
    assert after[-1] == {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}


def test_a_string_input_is_continued_as_a_string() -> None:
    raw = document("string").raw
    out = rendered(raw, AppendText(0, "memory é"), StrikeText(("input",), "my "))
    assert out == raw.replace(b'is my \\"', b'is \\"').replace('🎉"'.encode(), '🎉\\n\\nmemory é"'.encode())


def test_a_string_input_becomes_a_list_where_messages_join_it_and_keeps_its_bytes() -> None:
    source = document("string")
    out = rendered(source.raw, AddMessage(0, "system", "before"), AddMessage(1, "user", "after"), PrependText(0, "front"))
    items = Document(out)
    assert [message.text for message in messages(out)] == ["before", 'front\n\nWhat is my "codeword"?\n🎉', "after"]
    assert items.get(("input", 1, "content"))[len('"front\\n\\n') :] == source.get(("input",))[1:]
    assert json.loads(rendered(source.raw, DropMessages(0, 1)))["input"] == []
    assert messages(rendered(source.raw, SetText(("input", 0), "new")))[0].text == "new"


def test_system_text_extends_the_instructions_or_begins_them() -> None:
    assert json.loads(rendered(document("untyped").raw, AddSystem("a"), AddSystem("b")))["instructions"] == "Help.\n\na\n\nb"
    assert json.loads(rendered(document("codex").raw, AddSystem("a"), AddSystem("b")))["instructions"] == "a\n\nb"
    assert json.loads(rendered(body(model="m", input="x", instructions=None), AddSystem("a")))["instructions"] == "a"


def test_model_parameters_and_tools_are_set() -> None:
    out = json.loads(
        rendered(document("codex").raw, SetModel("gpt-6"), SetParam("store", b"true"), SetParam("seed", b"1"), AddTools((b'{"type":"x"}',)))
    )
    assert (out["model"], out["store"], out["seed"], out["tools"][-1], len(out["tools"])) == ("gpt-6", True, 1, {"type": "x"}, 5)
    assert json.loads(rendered(document("string").raw, AddTools((b'{"a":1}', b'{"b":2}'))))["tools"] == [{"a": 1}, {"b": 2}]


def test_a_tools_result_can_be_cleared() -> None:
    out = rendered(document("codex").raw, SetText(("input", 9, "output"), "cleared"))
    assert json.loads(out)["input"][9]["output"] == "cleared"
    raw = document("codex-codemode").raw
    assert json.loads(rendered(raw, SetText(("input", 4, "output"), "cleared")))["input"][4]["output"] == "cleared"
    struck = json.loads(rendered(raw, StrikeText(("input", 4, "output"), "a.")))["input"][4]["output"]
    assert [part["text"] for part in struck] == ["Script completed", "txt"]


@pytest.mark.parametrize(
    "edit",
    [
        AppendText(6, "x"),
        AppendText(8, "x"),
        AppendText(10, "x"),
        AppendText(-1, "x"),
        AddMessage(11, "user", "x"),
        AddMessage(0, "tool", "x"),
        DropMessages(3, 11),
        SetText(("input", 3, "content"), "x"),
        SetText(("input", 3, "nothing"), "x"),
        AddMessage(0, "user", "\ud800"),
    ],
)
def test_an_edit_that_cannot_be_said_is_refused(edit: Edit) -> None:
    with pytest.raises(DocumentError):
        rendered(document("codex").raw, edit)


BAD = [
    b"",
    b"[]",
    b'"x"',
    b"{",
    b"\xff",
    b'{"input":1}',
    b'{"input":{}}',
    b'{"input":["a"]}',
    b'{"input":[1]}',
    b'{"model":1,"input":"x"}',
    b'{"input":"x","input":"y"}',
    b'{"input":"x","stream":"yes"}',
    b'{"input":"x","tools":{}}',
    b'{"input":"x","text":[]}',
    b'{"input":"x","previous_response_id":{}}',
    b'{"input":"x","conversation":{}}',
    b'{"input":' + b"[" * 100_000,
]
BAD_ITEMS = [
    b'"\xff"',
    b'"\\ud800"',
    b"1",
    b"null",
    b"[]",
    b'{"type":1}',
    b'{"role":[]}',
    b'{"role":"user","content":5}',
    b'{"role":"user","content":[5]}',
    b'{"role":"user","content":[{"type":"input_text"}]}',
    b'{"role":"user","content":[{"type":"input_text","text":1e400}]}',
    b'{"role":"user","content":"a","content":"b"}',
    b'{"role":"user","content":[{"type":"input_text","text":"a","text":"b"}]}',
    b'{"type":"function_call"}',
    b'{"type":"function_call_output","call_id":"a","output":[1]}',
    b'{"type":"reasoning","summary":3}',
    b'{"type":"message","content":"\\udc00"}',
    b'{"type":"new","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
]


@pytest.mark.parametrize("raw", BAD, ids=lambda raw: repr(raw[:30]))
def test_an_unreadable_request_is_a_document_error(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.read(Document(raw))


@pytest.mark.parametrize("raw", BAD_ITEMS, ids=lambda raw: repr(raw[:60]))
def test_an_unreadable_item_is_a_document_error(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.message(raw, ("input", 0))


@settings(max_examples=400, deadline=None)
@given(mutations([path.read_bytes() for path in REQUESTS]))
def test_a_broken_request_raises_nothing_but_a_document_error(raw: bytes) -> None:
    try:
        prompt = WIRE.read(Document(raw))
        for index, item in enumerate(prompt.items):
            WIRE.message(item, ("input", index))
        last = len(prompt.items) - 1
        WIRE.render(Document(raw), prompt, [AppendText(last, "m"), AddMessage(0, "user", "m"), AddSystem("m")])
    except DocumentError:
        pass
