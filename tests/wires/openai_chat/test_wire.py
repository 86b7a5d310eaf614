"""OpenAI Chat Completions: what is read from recorded bytes, what edits and marks make of them, and what the official SDK takes."""

from __future__ import annotations

import json
from pathlib import Path as File

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from backstory.core.document import Document
from backstory.core.edits import AddMessage, AddSystem, AddTools, AppendText, DropMessages, Edit, PrependText, SetModel, SetText, StrikeText
from backstory.core.images import fingerprint
from backstory.core.message import Media, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta, Usage
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.openai_chat.wire import OpenAIChat
from tests.wires.world import MARK, Read

WIRE = OpenAIChat()
READ = Read(WIRE)
frames, streamed, marked, messages, rendered = READ.frames, READ.streamed, READ.marked, READ.messages, READ.rendered
CASSETTES = File(__file__).parents[2] / "cassettes" / "openai_chat"
TEXT = 'Guten Tag, wie "geht"\nes Ihnen? 🎉 日本語'


def tape(name: str) -> bytes:
    return (CASSETTES / name).read_bytes()


def request(*listed: dict[str, object], **more: object) -> bytes:
    return json.dumps({"model": "m", "messages": listed, **more}, ensure_ascii=False, separators=(",", ":")).encode()


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def sdk(body: bytes, content_type: str, status: int = 200) -> openai.OpenAI:
    """The official client, whose every request is answered with these bytes."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"content-type": content_type}))
    return openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


def sdk_completion(stream: bytes) -> ChatCompletion:
    with sdk(stream, "text/event-stream").chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as found:
        return found.get_final_completion()


@pytest.mark.parametrize(
    ("method", "path", "claimed"),
    [
        ("POST", "/v1/chat/completions", True),
        ("POST", "/chat/completions", True),
        ("POST", "/openai/deployments/gpt/chat/completions", True),
        ("POST", "/api/v1/chat/completions", True),
        ("GET", "/v1/chat/completions", False),
        ("POST", "/v1/chat/completions/chatcmpl-1", False),
        ("POST", "/v1/completions", False),
        ("POST", "/v1/embeddings", False),
    ],
)
def test_only_completions_of_chats_are_claimed(method: str, path: str, claimed: bool) -> None:
    assert WIRE.claims(method, path) is claimed


def test_a_request_with_all_kinds_of_parts_is_read() -> None:
    raw = tape("parts.request.json")
    prompt = WIRE.read(Document(raw))
    assert (prompt.model, prompt.stream, prompt.tools, prompt.structured, prompt.previous) == ("gpt-5-mini", True, 1, True, "")
    assert prompt.system == (), "system messages are messages"
    found = messages(raw)
    assert [message.role for message in found] == (
        ["system", "system", "user", "assistant", "tool", "tool", "assistant", "assistant", "tool", "other", "user"]
    )
    at = ("messages", 2, "content")
    assert found[2].parts == (
        Text("What is this? é", (*at, 0, "text")),
        Media("image", "image/png", 12, "", (*at, 1), detail="low", content=fingerprint("iVBORw0KGgo=")),
        Media("image", "", 0, "https://example.org/a.png", (*at, 2)),
        Media("audio", "audio/wav", 8, "", (*at, 3), content=fingerprint("UklGRg==")),
        Media("document", "application/pdf", 8, "", (*at, 4), content=fingerprint("JVBERi0=")),
        Media("document", "", 0, "file-1", (*at, 5)),
        Opaque("future", (*at, 6)),
    )
    assert found[3].parts == (
        ToolCall("call_a", "shell", '{"command": "ls"}', ("messages", 3, "tool_calls", 0)),
        ToolCall("call_b", "patch", "*** Begin", ("messages", 3, "tool_calls", 1)),
    )
    assert found[4].parts == (ToolResult("call_a", "", "a.txt", ("messages", 4, "content")),)
    assert found[5].parts == (ToolResult("call_b", "", "one\ntwo", ("messages", 5, "content")),)
    assert found[6].parts == (
        Thinking("Hm.", False, ("messages", 6, "reasoning_content")),
        Text("Done.", ("messages", 6, "content", 0, "text")),
        Text("No.", ("messages", 6, "content", 1, "refusal")),
    )
    assert found[7].parts == (ToolCall("", "now", "{}", ("messages", 7, "function_call")),)
    assert found[8].parts == (ToolResult("", "now", "12:00", ("messages", 8, "content")),)


def test_a_deployment_names_the_model_in_its_path() -> None:
    prompt = WIRE.read(Document(tape("deployment.request.json")), "/openai/deployments/gpt-x/chat/completions")
    assert (prompt.model, prompt.tools) == ("gpt-x", 1)
    assert prompt.structured, "several choices are never marked"
    assert not WIRE.streams("", "", prompt)
    assert WIRE.read(Document(tape("sdk.request.json")), "/openai/deployments/gpt-x/chat/completions").model == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("given", "structured"),
    [
        ({"type": "json_object"}, True),
        ({"type": "json_schema", "json_schema": {}}, True),
        ({"type": "text"}, False),
        (None, False),
    ],
)
def test_only_json_makes_a_reply_structured(given: object, structured: bool) -> None:
    assert WIRE.read(Document(request(user("x"), response_format=given, n=1))).structured is structured


@pytest.mark.parametrize("name", ["text", "tools", "reasoning", "function", "refusal", "many"])
def test_a_stream_and_a_whole_answer_give_the_same_reply(name: str) -> None:
    assert streamed(tape(f"{name}.stream.sse")) == WIRE.reply(tape(f"{name}.reply.json"))


def test_replies_are_read() -> None:
    text = WIRE.reply(tape("text.reply.json"))
    assert text == Reply((Text(TEXT),), "stop", Usage(30, 12, 16), "chatcmpl-9x", "gpt-5-mini")
    assert streamed(tape("text-crlf.stream.sse")) == text
    tools = streamed(tape("tools.stream.sse"))
    assert tools.parts == (
        Text("Let me look."),
        ToolCall("call_a", "shell", '{"command":"ls \\"é\\""}'),
        ToolCall("call_b", "read", '{"path":"a"}'),
    )
    assert tools.finish == "tool_calls"
    assert WIRE.reply(tape("reasoning.reply.json")).parts == (Thinking("Hm, so."), Text("Four."))
    assert WIRE.reply(tape("function.reply.json")).parts == (ToolCall("", "shell", '{"command":"ls \\"é\\""}'),)
    assert WIRE.reply(tape("many.reply.json")).parts == (Text("Aa"),)
    assert streamed(tape("azure.stream.sse")) == Reply((Text("Hi"),), "refusal", None, "chatcmpl-9x", "gpt-5-mini")


def test_a_stream_that_breaks_off_ends_in_an_error() -> None:
    assert streamed(tape("error.stream.sse")).finish == "error"
    for body in (tape("error.reply.json"), b'{"choices":[]}', b'{"choices":[{"index":1,"message":{}}]}', b"[]"):
        with pytest.raises(DocumentError):
            WIRE.reply(body)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"[DONE]", []),
        (b"{", []),
        (b'{"choices":[{"delta":{"content":1}}]}', []),
        (b'{"choices":[{"delta":{"content":"\xff"}}]}', []),
        (b'{"choices":null,"usage":null}', []),
        (b'{"choices":[{"delta":null}]}', []),
        (b'{"choices":[{"delta":{"content":"x","reasoning":"y","reasoning_content":null}}]}', [ThoughtDelta("y"), TextDelta("x")]),
        (b'{"choices":[{"delta":{"content":"x","reasoning":"y","reasoning_content":"y"}}]}', [ThoughtDelta("y"), TextDelta("x")]),
        (b'{"id":"i","model":"m","choices":[{"delta":{},"finish_reason":"odd"}]}', [Started("i", "m"), Ending("other")]),
        (b'{"choices":[{"delta":{"tool_calls":[{"id":"c","custom":{"name":"n","input":"x"}}]}}]}', [ToolDelta(0, "c", "n", "x")]),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":1}]}}]}', [ToolDelta(1)]),
        (b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4}}', [Meter(Usage(9, 1, 4))]),
    ],
)
def test_a_chunk_adds_what_is_understood_of_it(data: bytes, wanted: list[Delta]) -> None:
    assert WIRE.deltas(Frame(b"", "", data)) == wanted


@pytest.mark.parametrize("name", ["text", "text-crlf", "tools", "reasoning", "azure"])
def test_a_marked_stream_shows_the_mark_as_part_of_its_text(name: str) -> None:
    plain = tape(f"{name}.stream.sse")
    stream = marked(plain)
    before, after = streamed(plain), streamed(stream)
    text = next(part.text for part in before.parts if isinstance(part, Text))
    assert [part.text for part in after.parts if isinstance(part, Text)] == [text + MARK]
    assert [part for part in after.parts if not isinstance(part, Text)] == [part for part in before.parts if not isinstance(part, Text)]
    assert (after.finish, after.usage, after.id) == (before.finish, before.usage, before.id)
    if name != "azure":
        message = sdk_completion(stream).choices[0].message
        assert message.content == text + MARK
        assert [call.id for call in message.tool_calls or ()] == [part.id for part in after.parts if isinstance(part, ToolCall)]


def test_the_added_chunk_is_like_the_one_after_it() -> None:
    stream = marked(tape("text.stream.sse"))
    added = next(frame for frame in frames(stream) if frame.raw not in tape("text.stream.sse"))
    chunk = json.loads(added.data)
    assert chunk["choices"] == [{"index": 0, "delta": {"content": MARK}, "logprobs": None, "finish_reason": None}]
    assert (chunk["id"], chunk["object"], chunk["created"], chunk["usage"]) == ("chatcmpl-9x", "chat.completion.chunk", 1763600000, None)
    assert stream.replace(added.raw, b"") == tape("text.stream.sse")


def test_text_that_comes_with_the_end_goes_on_in_its_own_chunk() -> None:
    stream = marked(tape("reasoning.stream.sse"))
    assert stream == tape("reasoning.stream.sse").replace(b'"content":"."', b'"content":"."'[:-1] + json.dumps(MARK)[1:].encode())


@pytest.mark.parametrize("name", ["function", "refusal", "many", "error"])
def test_streams_of_several_choices_or_without_text_are_not_marked(name: str) -> None:
    assert marked(tape(f"{name}.stream.sse")) == tape(f"{name}.stream.sse")


def test_a_reply_comes_back_as_one_message() -> None:
    reply = WIRE.reply(tape("tools.reply.json"))
    assert WIRE.echo(reply) == (Message("assistant", reply.parts),)
    assert WIRE.echo(Reply()) == ()


def test_a_chunk_that_can_be_read_in_two_ways_is_not_marked() -> None:
    text = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    end = b'data: {"id":"a","id":"b","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    assert marked(text + end) == text + end


def test_a_whole_answer_is_marked_in_its_text() -> None:
    for name in ("text", "tools", "reasoning"):
        plain, found = tape(f"{name}.reply.json"), WIRE.mark(tape(f"{name}.reply.json"), MARK)
        assert found.replace(json.dumps(MARK)[1:-1].encode(), b"") == plain
        assert [part.text.endswith(MARK) for part in WIRE.reply(found).parts if isinstance(part, Text)] == [True]
    listed = (
        b'{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"thinking","thinking":[]}]}}]}'
    )
    assert WIRE.mark(listed, "!") == listed.replace(b'"b"', b'"b!"')
    for body in (tape("error.reply.json"), tape("function.reply.json"), tape("refusal.reply.json"), tape("many.reply.json")):
        assert WIRE.mark(body, MARK) == body
    for body in (b'{"choices":[{"message":{"content":""}}]}', b'{"choices":[{"message":{"content":[]}}]}', b'{"choices":[{}]}', b"{}"):
        assert WIRE.mark(body, MARK) == body


REPLIES = st.builds(
    Reply,
    st.tuples(
        st.lists(st.builds(Thinking, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)), max_size=1),
        st.lists(st.builds(Text, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)), max_size=1),
        st.lists(st.builds(ToolCall, st.just("call_1"), st.sampled_from(["n", "é"]), st.text('{}a"é\n', max_size=5)), max_size=3),
    ).map(lambda lists: tuple(part for parts in lists for part in parts)),
    st.sampled_from(["stop", "length", "tool_calls", "refusal"]),
    st.builds(Usage, st.integers(50, 99), st.integers(0, 9), st.integers(0, 9)),
    st.just("chatcmpl-1"),
    st.sampled_from(["m", "gpt"]),
)


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_what_is_written_is_read_back_as_the_same_reply(reply: Reply) -> None:
    assert WIRE.reply(WIRE.write(reply, False)) == reply
    assert streamed(WIRE.write(reply, True)) == reply


def test_the_official_sdk_takes_what_is_written() -> None:
    parts: tuple[Part, ...] = (
        Thinking("t"),
        Text("é\n"),
        ToolCall("call_1", "n", '{"a": [1, "é"]}'),
        ToolCall("call_2", "now", "{}"),
        Opaque("x"),
    )
    reply = Reply(parts, "tool_calls", Usage(9, 3), "", "gpt")
    client = sdk(WIRE.write(reply, False), "application/json")
    whole: ChatCompletion = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    for completion in (whole, sdk_completion(WIRE.write(reply, True))):
        choice = completion.choices[0]
        assert choice.message.content == "é\n"
        calls = [
            (call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or () if call.type == "function"
        ]
        assert calls == [("call_1", "n", '{"a": [1, "é"]}'), ("call_2", "now", "{}")]
        assert (choice.finish_reason, completion.usage and completion.usage.total_tokens) == ("tool_calls", 12)
        assert completion.id


@pytest.mark.parametrize("finish", ["stop", "error", "other", ""])
def test_any_other_finish_is_written_as_a_stop(finish: Finish) -> None:
    assert WIRE.reply(WIRE.write(Reply((Text("x"),), finish), False)).finish == "stop"
    assert b'"usage"' not in WIRE.write(Reply((Text("x"),), finish), True)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", openai.BadRequestError),
        (401, "invalid_request_error", openai.AuthenticationError),
        (429, "rate_limit_error", openai.RateLimitError),
        (502, "server_error", openai.InternalServerError),
    ],
)
def test_errors_are_those_of_the_wire(status: int, kind: str, raised: type[Exception]) -> None:
    body = WIRE.error(status, "short_name", 'What "was" wrong: é')
    assert json.loads(body) == {"error": {"message": 'What "was" wrong: é', "type": kind, "param": None, "code": "short_name"}}
    assert "\ud800" not in json.loads(WIRE.error(status, "short_name", "\ud800"))["error"]["message"]
    with pytest.raises(raised):
        sdk(body, "application/json", status).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def test_text_goes_on_in_the_form_that_is_there() -> None:
    raw = request(
        user("one"),
        user([{"type": "text", "text": "two"}]),
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant"},
        user([{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]),
    )
    edits = [edit for index in range(5) for edit in (AppendText(index, "+"), AppendText(index, "é"))]
    found = json.loads(rendered(raw, *edits, PrependText(0, "0"), PrependText(1, "0"), PrependText(4, "0")))["messages"]
    assert found == [
        user("0\n\none\n\n+\n\né"),
        user([{"type": "text", "text": "0\n\ntwo\n\n+\n\né"}]),
        {"role": "assistant", "content": "+\n\né", "tool_calls": []},
        {"role": "assistant", "content": "+\n\né"},
        user([{"type": "text", "text": text} for text in ("0", "two", "three", "+", "é")]),
    ]
    assert json.loads(rendered(raw, PrependText(3, "a")))["messages"][3]["content"] == "a"


def test_system_text_follows_the_leading_system_messages_in_their_role() -> None:
    new = {"role": "system", "content": "a"}
    assert json.loads(rendered(request(user("x")), AddSystem("a")))["messages"] == [new, user("x")]
    assert json.loads(rendered(request(), AddSystem("a")))["messages"] == [new]
    found = json.loads(rendered(tape("parts.request.json"), AddSystem("a"), AddSystem("b"), AddMessage(2, "user", "c")))["messages"]
    assert found[2:5] == [new, {"role": "system", "content": "b"}, user("c")]
    first: dict[str, object] = {"role": "developer", "content": "d"}
    late: dict[str, object] = {"role": "system", "content": "s"}
    found = json.loads(rendered(request(first, user("x"), late), AddSystem("a")))["messages"]
    assert found == [first, {"role": "developer", "content": "a"}, user("x"), late]


def test_models_tools_results_and_messages_are_edited() -> None:
    raw = tape("parts.request.json")
    edits = (SetModel("n"), AddTools((b'{"type":"function"}',)), DropMessages(6, 11), SetText(("messages", 5, "content"), "gone"))
    found = json.loads(rendered(raw, *edits, StrikeText(("messages", 4, "content"), ".txt")))
    assert found["model"] == "n"
    assert found["tools"][1] == {"type": "function"}
    assert [message["content"] for message in found["messages"][4:]] == ["a", "gone"]
    assert json.loads(rendered(tape("deployment.request.json"), SetModel("n")))["model"] == "n"


@pytest.mark.parametrize(
    "edit",
    [
        AppendText(1, "x"),
        AppendText(-1, "x"),
        AddMessage(2, "user", "x"),
        DropMessages(0, 2),
        SetText(("messages", 0, "name"), "x"),
        AddSystem("\ud800"),
    ],
)
def test_an_edit_of_what_is_not_there_is_refused(edit: Edit) -> None:
    with pytest.raises(DocumentError):
        rendered(request(user("x")), edit)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"model":"m"}',
        b'{"model":1,"messages":[]}',
        b'{"model":"m","messages":{}}',
        b'{"model":"m","messages":[],"stream":"yes"}',
        b'{"model":"m","messages":[],"tools":1}',
        b'{"model":"m","messages":[],"n":"2"}',
        b'{"model":"m","messages":[],"n":1e400}',
        b'{"model":"m","messages":[],"response_format":"json"}',
        b'{"model":"m","model":"n","messages":[]}',
        b'{"model":"m","messages":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    ],
)
def test_a_request_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.read(Document(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1",
        b"{}",
        b'{"content":"x"}',
        b'{"role":1,"content":"x"}',
        b'{"role":"user","content":1}',
        b'{"role":"user","content":[1]}',
        b'{"role":"user","content":[{"type":"text"}]}',
        b'{"role":"user","content":[{"type":"image_url","image_url":1}]}',
        b'{"role":"user","content":"\\udc00"}',
        b'{"role":"user","content":"\xff"}',
        b'{"role":"user","content":"a","content":"b"}',
        b'{"role":"user","content":"a","name":"b","name":"c"}',
        b'{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}',
        b'{"role":"assistant","tool_calls":[{"id":"a","id":"b","function":{"name":"n","arguments":"{}"}}]}',
        b'{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"n","name":"m","arguments":"{}"}}]}',
        b'{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"n","arguments":{"a":"\xff"}}}]}',
        b'{"role":"assistant","tool_calls":[{"id":"a","function":1}]}',
        b'{"role":"assistant","content":"x","reasoning":"\xff"}',
        b'{"role":"user","content":[{"type":"x","y":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    ],
)
def test_a_message_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.message(raw, ("messages", 0))


def test_odd_spellings_of_compatible_clients_are_read() -> None:
    calls = b'[{"type":"function","function":{"name":"n","arguments":{"a": 1}}},{}]'
    loose = b'{"role":"assistant","content":"","reasoning":{"a":1},"tool_calls":' + calls + b"}"
    assert WIRE.message(loose, ()).parts == (ToolCall("", "n", '{"a": 1}', ("tool_calls", 0)), ToolCall("", "", "", ("tool_calls", 1)))
    assert WIRE.message(b'{"role":"assistant","content":"x","reasoning":"y"}', ()).parts[0] == Thinking("y", False, ("reasoning",))
    linked = b'{"role":"user","content":[{"type":"image_url","image_url":"data:;base64,AAAA"},{"type":"video_url","video_url":{"url":"https://a/v"}}]}'
    assert WIRE.message(linked, ()).parts == (
        Media("image", "", 4, "", ("content", 0), content=fingerprint("AAAA")),
        Media("video", "", 0, "https://a/v", ("content", 1)),
    )


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_broken_bodies_raise_document_errors_only(data: st.DataObject) -> None:
    raw = bytearray(tape(data.draw(st.sampled_from(["parts.request.json", "sdk.request.json", "tools.reply.json", "text.reply.json"]))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        end = at + data.draw(st.sampled_from([0, 1, 1, 5, 40]))
        raw[at:end] = data.draw(st.sampled_from([b"", b"null", b"1e400", b"\xff", b'"', b"{", b"]", b"\\ud800", b',"type":"text"', b"[]"]))
    body = bytes(raw)
    document = Document(body)
    for action in (
        lambda: messages(body),
        lambda: WIRE.render(document, WIRE.read(document), [AppendText(1, "x"), PrependText(0, "y"), AddSystem("z"), DropMessages(2, 3)]),
        lambda: WIRE.reply(body),
        lambda: WIRE.mark(body, MARK),
    ):
        try:
            action()
        except DocumentError:
            continue
    assert isinstance(WIRE.deltas(Frame(body, "", body)), list)
    WIRE.mark_frame(Frame(body, "", body), MARK, {})
