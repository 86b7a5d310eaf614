"""Anthropic Messages: what is read from recorded bytes, what edits and marks make of them, and what the official SDK takes."""

from __future__ import annotations

import json
from pathlib import Path as File

import anthropic
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from backstory.core.message import Media, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, Usage
from backstory.core.stream import Frame, gather
from backstory.errors import DocumentError
from backstory.wires.anthropic.wire import Anthropic
from tests.wires.world import MARK, Read

WIRE = Anthropic()
READ = Read(WIRE)
frames, streamed, marked, messages, rendered = READ.frames, READ.streamed, READ.marked, READ.messages, READ.rendered
CASSETTES = File(__file__).parents[2] / "cassettes" / "anthropic"


def tape(name: str) -> bytes:
    return (CASSETTES / name).read_bytes()


def request(*contents: object, **more: object) -> bytes:
    listed = [{"role": "user", "content": content} for content in contents]
    return json.dumps({"model": "m", "messages": listed, **more}, ensure_ascii=False, separators=(",", ":")).encode()


def sdk(body: bytes, content_type: str, status: int = 200) -> anthropic.Anthropic:
    """The official client, whose every request is answered with these bytes."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"content-type": content_type}))
    return anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


def sdk_message(stream: bytes) -> anthropic.types.Message:
    with sdk(stream, "text/event-stream").messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as found:
        return found.get_final_message()


def sdk_text(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/messages/batches", "/v1/complete", "/v1/messages/"])
def test_only_messages_are_claimed(path: str) -> None:
    assert WIRE.claims("POST", "/v1/messages")
    assert WIRE.claims("POST", "/anthropic/v1/messages")
    assert not WIRE.claims("GET", "/v1/messages")
    assert not WIRE.claims("POST", path)


def test_a_request_of_an_agent_is_read() -> None:
    raw = tape("claude-code.request.json")
    prompt = WIRE.read(Document(raw))
    assert (prompt.model, prompt.stream, prompt.tools, prompt.structured, prompt.previous) == ("claude-opus-5-5", True, 1, False, "")
    assert WIRE.streams("/v1/messages", "beta=true", prompt)
    assert [part.at for part in prompt.system if isinstance(part, Text)] == [("system", 0, "text"), ("system", 1, "text")]
    first, system, assistant, user = messages(raw)
    assert first.text == "<system-reminder>\nAttribution\n</system-reminder>\n\nHi there. 日本"
    assert system.role == "system"
    assert assistant.parts == (
        Thinking("Hm.", True, ("messages", 2, "content", 0)),
        Opaque("redacted_thinking", ("messages", 2, "content", 1)),
        Text("Looking.", ("messages", 2, "content", 2, "text")),
        ToolCall("toolu_1", "Bash", '{"command":"ls","content":"a","type":"b"}', ("messages", 2, "content", 3)),
    )
    assert user.parts == (
        ToolResult("toolu_1", "", "a.txt", ("messages", 3, "content", 0, "content")),
        Text("And now?", ("messages", 3, "content", 1, "text")),
    )


def test_media_results_and_unknown_blocks_are_read() -> None:
    raw = tape("blocks.request.json")
    prompt = WIRE.read(Document(raw))
    assert prompt.structured
    assert prompt.system == (Text("Be brief.", ("system",)),)
    first, second, third, fourth, _ = messages(raw)
    at = ("messages", 0, "content")
    assert first.parts == (
        Media("image", "image/png", 12, "", (*at, 0), content=fingerprint("iVBORw0KGgo=")),
        Media("image", "", 0, "https://example.org/a.png", (*at, 1)),
        Media("document", "application/pdf", 8, "", (*at, 2), content=fingerprint("JVBERi0=")),
        Media("document", "", 0, "file_1", (*at, 3)),
        Opaque("search_result", (*at, 4)),
        Text("café?", (*at, 5, "text")),
    )
    assert [type(part) for part in second.parts] == [Opaque, Opaque, ToolCall]
    inside = ("messages", 2, "content", 0, "content")
    assert third.parts == (
        ToolResult(
            "toolu_2", "", "one\ntwo", inside, True, (Media("image", "image/png", 4, "", (*inside, 1), content=fingerprint("iVBO")),)
        ),
        ToolResult("toolu_3", "", "", ("messages", 2, "content", 1, "content")),
    )
    assert fourth.parts == (Text("Fine.", ("messages", 3, "content")),)


def test_a_thread_that_goes_on_names_what_it_builds_on() -> None:
    assert WIRE.read(Document(tape("thread.request.json"))).previous == "msg_e94011"
    assert WIRE.read(Document(request("x", thread={"type": "create"}))).previous == ""


def test_only_a_format_makes_a_reply_structured() -> None:
    for more, structured in (
        ({"output_format": {}}, True),
        ({"output_config": {"effort": "low"}}, False),
        ({"output_config": None}, False),
    ):
        assert WIRE.read(Document(request("x", **more))).structured is structured


@pytest.mark.parametrize("name", ["text", "tools"])
def test_a_stream_and_a_whole_answer_give_the_same_reply(name: str) -> None:
    assert streamed(tape(f"{name}.stream.sse")) == WIRE.reply(tape(f"{name}.reply.json"))


def test_replies_are_read() -> None:
    text = WIRE.reply(tape("text.reply.json"))
    assert text.parts == (Text('Guten Tag, wie "geht"\nes Ihnen? 🎉 日本語'),)
    assert (text.finish, text.usage, text.id, text.model) == ("stop", Usage(2312, 21, 2000, 300), "msg_01Text", "claude-sonnet-4-5")
    tools = WIRE.reply(tape("tools.reply.json"))
    assert tools.finish == "tool_calls"
    assert tools.parts[0] == Thinking("I should look.", True)
    assert tools.parts[2:] == (
        ToolCall("toolu_01A", "Bash", '{"command": "ls -la \\"/tmp\\"", "n": 1.50}'),
        ToolCall("toolu_01B", "Read", '{"path":"é"}'),
    )
    assert streamed(tape("text-crlf.stream.sse")) == text


def test_what_the_provider_runs_itself_is_no_call_of_ours() -> None:
    whole = WIRE.reply(tape("server.reply.json"))
    assert [part.kind for part in whole.parts if isinstance(part, Opaque)] == [
        "server_tool_use",
        "web_search_tool_result",
        "redacted_thinking",
    ]
    found = streamed(tape("server.stream.sse"))
    assert found.parts == (Text("I search."), Text("Found."))
    assert found.finish == "other"


def test_a_stream_that_breaks_off_ends_in_an_error() -> None:
    assert streamed(tape("error.stream.sse")).finish == "error"
    with pytest.raises(DocumentError):
        WIRE.reply(tape("error.reply.json"))


def test_an_input_that_comes_with_the_start_of_its_block_is_kept() -> None:
    start = b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{"a":1}}}'
    assert gather(WIRE.deltas(Frame(b"", "", start))).parts == (ToolCall("t", "n", '{"a":1}'),)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"not json", []),
        (b'{"type":"future"}', []),
        (b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{"a":"\xff"}}}', []),
        (b'{"type":"ping"}', []),
        (b'{"type":"content_block_delta","index":"0","delta":{"type":"text_delta","text":"x"}}', []),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xff"}}', []),
        (b'{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"x"}}', [TextDelta("x", 2)]),
        (b'{"type":"message_start","message":{"id":"i","model":"m","content":[]}}', [Started("i", "m")]),
        (b'{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":3}}', [Meter(Usage(0, 3))]),
        (b'{"type":"message_delta","delta":{"stop_reason":"model_context_window_exceeded"}}', [Ending("length")]),
    ],
)
def test_a_frame_adds_what_is_understood_of_it(data: bytes, wanted: list[Delta]) -> None:
    assert WIRE.deltas(Frame(b"", "", data)) == wanted


@pytest.mark.parametrize("name", ["text", "text-crlf", "tools", "server"])
def test_a_marked_stream_shows_the_mark_as_part_of_its_first_text(name: str) -> None:
    plain = tape(f"{name}.stream.sse")
    stream = marked(plain)
    first = next(part.text for part in streamed(plain).parts if isinstance(part, Text))
    assert next(part.text for part in streamed(stream).parts if isinstance(part, Text)) == first + MARK
    assert next(frame for frame in frames(stream) if frame.raw not in {f.raw for f in frames(plain)}).event == "content_block_delta"
    assert [frame.raw for frame in frames(stream) if frame.raw in {f.raw for f in frames(plain)}] == [f.raw for f in frames(plain)]
    if name != "server":
        assert sdk_text(sdk_message(stream)) == first + MARK


@pytest.mark.parametrize("name", ["only_call", "error"])
def test_a_stream_without_a_closed_text_is_not_marked(name: str) -> None:
    assert marked(tape(f"{name}.stream.sse")) == tape(f"{name}.stream.sse")


def test_a_whole_answer_is_marked_in_its_last_text() -> None:
    for name in ("text", "tools", "server"):
        plain, found = tape(f"{name}.reply.json"), WIRE.mark(tape(f"{name}.reply.json"), MARK)
        assert found.replace(json.dumps(MARK)[1:-1].encode(), b"") == plain
        assert [part.text.endswith(MARK) for part in WIRE.reply(found).parts if isinstance(part, Text)][-1]
    for body in (
        tape("error.reply.json"),
        b'{"content":[]}',
        b'{"content":[{"type":"text","text":""}]}',
        b'{"content":[{"type":"tool_use"}]}',
    ):
        assert WIRE.mark(body, MARK) == body


REPLIES = st.builds(
    Reply,
    st.lists(
        st.one_of(
            st.builds(Text, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)),
            st.builds(
                ToolCall, st.sampled_from(["toolu_1"]), st.sampled_from(["n", "Bash"]), st.sampled_from(['{"a":1}', '{"a": "é\\n"}'])
            ),
        ),
        max_size=3,
    ).map(tuple),
    st.sampled_from(["stop", "length", "tool_calls", "refusal"]),
    st.builds(Usage, st.integers(50, 99), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.just("msg_1"),
    st.sampled_from(["m", "claude"]),
)


@settings(max_examples=60, deadline=None)
@given(REPLIES)
def test_what_is_written_is_the_same_reply_to_us_and_to_the_sdk(reply: Reply) -> None:
    assert WIRE.reply(WIRE.write(reply, False)) == reply
    assert streamed(WIRE.write(reply, True)) == reply


def test_the_official_sdk_takes_what_is_written() -> None:
    parts: tuple[Part, ...] = (Thinking("t"), Text("é\n"), ToolCall("toolu_1", "n", '{"a": [1, "é"]}'), ToolCall("toolu_2", "now", ""))
    reply = Reply(parts, "tool_calls", Usage(9, 3), "", "claude")
    client = sdk(WIRE.write(reply, False), "application/json")
    whole = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    final = sdk_message(WIRE.write(reply, True))
    for message in (whole, final):
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
        assert sdk_text(message) == "é\n"
        assert [block.input for block in message.content if block.type == "tool_use"] == [{"a": [1, "é"]}, {}]
        assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 9, 3)
        assert message.id


def test_any_other_finish_is_written_as_the_end_of_a_turn() -> None:
    finishes: list[Finish] = ["stop", "error", "other", ""]
    assert {WIRE.reply(WIRE.write(Reply((Text("x"), Opaque("y")), finish), False)).finish for finish in finishes} == {"stop"}


def test_arguments_that_are_no_object_cannot_be_written() -> None:
    for arguments in ("[1]", "{", '{"a":"\ud800"}'):
        for stream in (False, True):
            with pytest.raises(DocumentError):
                WIRE.write(Reply((ToolCall("t", "n", arguments),)), stream)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (502, "api_error", anthropic.InternalServerError),
        (504, "timeout_error", anthropic.APIStatusError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
def test_errors_are_those_of_the_wire(status: int, kind: str, raised: type[Exception]) -> None:
    body = WIRE.error(status, "short_name", 'What "was" wrong: é')
    assert json.loads(body) == {"type": "error", "error": {"type": kind, "message": 'short_name: What "was" wrong: é'}}
    assert "\ud800" not in json.loads(WIRE.error(status, "short_name", "\ud800"))["error"]["message"]
    with pytest.raises(raised):
        sdk(body, "application/json", status).messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def test_text_goes_on_after_a_blank_line_or_as_a_block() -> None:
    raw = request("one", [{"type": "text", "text": "two"}, {"type": "image", "source": {}}])
    assert rendered(raw, AppendText(0, "+"), AppendText(0, "é"), PrependText(0, "0")) == raw.replace(
        b'"one"', '"0\\n\\none\\n\\n+\\n\\né"'.encode()
    )
    block = b'{"type":"text","text":"+"}'
    assert rendered(raw, AppendText(1, "+")) == raw.replace(b'"source":{}}]', b'"source":{}},' + block + b"]")
    assert rendered(raw, PrependText(1, "+")) == raw.replace(b'[{"type":"text"', b"[" + block + b',{"type":"text"')


def test_text_behind_a_mark_is_a_block_of_its_own() -> None:
    marked = [{"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]
    raw, block = request("one", marked), b'{"type":"text","text":"+"}'
    assert rendered(raw, AppendText(1, "+", True)) == raw.replace(b'"ephemeral"}}]', b'"ephemeral"}},' + block + b"]")
    assert rendered(raw, AppendText(0, "+", True)) == raw.replace(b'"one"', b'"one\\n\\n+"')


def test_text_never_precedes_results_or_reasoning() -> None:
    raw = tape("claude-code.request.json")
    found = messages(rendered(raw, PrependText(3, "+"), PrependText(2, "-")))
    assert [type(part) for part in found[3].parts] == [ToolResult, Text, Text]
    assert found[3].text == "+\nAnd now?"
    assert found[2].text == "-\nLooking."
    assert isinstance(found[2].parts[1], Opaque)


def test_system_text_is_added_in_the_form_that_is_there() -> None:
    assert json.loads(rendered(request("x"), AddSystem("a"), AddSystem("b")))["system"] == "a\n\nb"
    assert json.loads(rendered(request("x", system="s"), AddSystem("a")))["system"] == "s\n\na"
    assert json.loads(rendered(request("x", system=None), AddSystem("a")))["system"] == "a"
    assert json.loads(rendered(request("x", system=[]), AddSystem("a"), AddSystem("b")))["system"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_results_may_be_set_and_struck_whatever_their_form() -> None:
    raw = tape("blocks.request.json")
    at = ("messages", 2, "content", 0, "content")
    shown = (Media("image", "image/png", 4, "", (*at, 1), content=fingerprint("iVBO")),)
    assert messages(rendered(raw, SetText(at, "gone")))[2].parts[0] == ToolResult("toolu_2", "", "gone", at, True, shown), "the image stays"
    assert messages(rendered(raw, StrikeText(at, "o")))[2].parts[0] == ToolResult("toolu_2", "", "ne\ntw", at, True, shown)
    second = ("messages", 2, "content", 1, "content")
    assert messages(rendered(raw, SetText(second, "now")))[2].parts[1] == ToolResult("toolu_3", "", "now", second)


def test_a_reply_comes_back_as_one_message_of_what_there_is() -> None:
    reply = streamed(tape("only_call.stream.sse"))
    assert reply.parts == (ToolCall("toolu_01C", "now", ""),)
    assert WIRE.echo(reply) == (Message("assistant", (ToolCall("toolu_01C", "now", "{}"),)),)
    assert WIRE.echo(WIRE.reply(tape("tools.reply.json")))[0].parts == WIRE.reply(tape("tools.reply.json")).parts
    assert WIRE.echo(Reply()) == ()


def test_tools_that_are_no_list_are_not_added_to() -> None:
    with pytest.raises(DocumentError):
        WIRE.render(Document(b'{"messages":[],"tools":{}}'), WIRE.read(Document(request())), [AddTools((b"{}",))])


def test_models_parameters_tools_and_messages_are_edited() -> None:
    raw = request("one", "two", "three")
    edits = (
        SetModel("n"),
        SetParam("top_k", b"3"),
        AddTools((b'{"name":"a"}', b'{"name":"b"}')),
        DropMessages(0, 2),
        AddMessage(3, "assistant", "é"),
    )
    assert json.loads(rendered(raw, *edits)) == {
        "model": "n",
        "messages": [{"role": "user", "content": "three"}, {"role": "assistant", "content": "é"}],
        "top_k": 3,
        "tools": [{"name": "a"}, {"name": "b"}],
    }
    assert json.loads(rendered(request("x", tools=[{"name": "a"}]), AddTools((b'{"name":"b"}',))))["tools"] == [
        {"name": "a"},
        {"name": "b"},
    ]


@pytest.mark.parametrize(
    "edit",
    [
        AppendText(1, "x"),
        AppendText(-1, "x"),
        PrependText(1, "x"),
        AddMessage(2, "user", "x"),
        DropMessages(0, 2),
        SetText(("messages", 0, "text"), "x"),
        SetText((), "x"),
        StrikeText(("messages", 0, "role", 1), "x"),
        SetText(("messages", 1, "content"), "x"),
        AppendText(0, "\ud800"),
        SetModel("\ud800"),
    ],
)
def test_an_edit_of_what_is_not_there_is_refused(edit: Edit) -> None:
    with pytest.raises(DocumentError):
        rendered(request("x"), edit)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"model":"m"}',
        b'{"messages":[]}',
        b'{"model":1,"messages":[]}',
        b'{"model":"m","messages":{}}',
        b'{"model":"m","messages":[],"stream":1}',
        b'{"model":"m","messages":[],"system":1}',
        b'{"model":"m","messages":[],"system":[1]}',
        b'{"model":"m","messages":[],"system":"\\ud800"}',
        b'{"model":"m","messages":[],"tools":{}}',
        b'{"model":"m","messages":[],"thread":[]}',
        b'{"model":"m","model":"n","messages":[]}',
        b'{"model":"m","messages":[1],"messages":[1]}',
        b'{"model":"m","system":[{"type":"text","text":"a","text":"b"}],"messages":[]}',
        b'{"model":"\xff","messages":[]}',
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
        b'{"role":"user"}',
        b'{"role":1,"content":"x"}',
        b'{"role":"user","content":null}',
        b'{"role":"user","content":[1]}',
        b'{"role":"user","content":[{"type":"text"}]}',
        b'{"role":"user","content":[{"type":"text","text":1}]}',
        b'{"role":"user","content":[{"type":1}]}',
        b'{"role":"user","content":"\\udc00"}',
        b'{"role":"user","content":"\xff"}',
        b'{"role":"user","content":"a","content":"b"}',
        b'{"role":"user","role":"assistant","content":"b"}',
        b'{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}',
        b'{"role":"user","content":[{"type":"text","text":"a","t\\u0065xt":"b"}]}',
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a","text":"b"}]}]}',
        b'{"role":"user","content":[{"type":"future","a":1,"a":2}]}',
        b'{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"a":"\xff"}}]}',
        b'{"role":"user","content":[{"type":"x","y":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    ],
)
def test_a_message_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        WIRE.message(raw, ("messages", 0))


def test_unknown_roles_and_numbers_out_of_range_are_no_fault() -> None:
    found = WIRE.message(b'{"role":"critic","content":[{"type":"tool_use","id":"t","name":"n","input":{"a":1e400}}]}', ())
    assert found.role == "other"
    assert isinstance(found.parts[0], ToolCall)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_broken_bodies_raise_document_errors_only(data: st.DataObject) -> None:
    raw = bytearray(
        tape(data.draw(st.sampled_from(["claude-code.request.json", "blocks.request.json", "tools.reply.json", "server.reply.json"])))
    )
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
