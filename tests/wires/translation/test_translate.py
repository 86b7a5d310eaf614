"""Exchanges between each wire and each other one: requests, whole answers, streams in any chunks, errors. Read by the wires themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from backstory.core.document import Document
from backstory.core.message import Part, Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Reply, Usage
from backstory.core.stream import gather
from backstory.core.translation import Answered, Asked, Function, Thought, Use
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated, events_of, gathered

NAMES = [wire.name for wire in WIRES]
PAIRS = pytest.mark.parametrize(("client", "provider"), [(one, other) for one in NAMES for other in NAMES if one != other])
WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
LONG = "mcp__places__" + "look_" * 12
JSON_TYPE = ((b"Content-Type", b"application/json"), (b"X-Request-Id", b"r1"), (b"Content-Length", b"9"))
SSE_TYPE = ((b"Content-Type", b"text/event-stream"),)


def asking(name: str, stream: bool, tool: str = "look") -> tuple[bytes, str, str]:
    """(body, path, query): a system prompt, a call that was answered, and a tool."""
    call, seen = {"place": "here"}, "all is well"
    body: dict[str, Any]
    query = ""
    path = PATHS[name]
    if name == "gemini":
        contents: list[Any] = [{"role": "user", "parts": [{"text": "Look."}]}]
        contents.append({"role": "model", "parts": [{"functionCall": {"name": tool, "args": call, "id": "call_1"}}]})
        result = {"functionResponse": {"name": tool, "response": {"result": seen}, "id": "call_1"}}
        contents.append({"role": "user", "parts": [result]})
        body = {
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": contents,
            "tools": [{"functionDeclarations": [{"name": tool, "parametersJsonSchema": SCHEMA}]}],
        }
        path, query = (path.replace("generate", "streamGenerate"), "alt=sse") if stream else (path, "")
        return json.dumps(body).encode(), path, query
    if name == "anthropic":
        body = {
            "system": "Be kind.",
            "max_tokens": 100,
            "messages": [
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": tool, "input": call}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": seen}]},
            ],
            "tools": [{"name": tool, "input_schema": SCHEMA}],
        }
    elif name == "openai_chat":
        used = [{"id": "call_1", "type": "function", "function": {"name": tool, "arguments": json.dumps(call)}}]
        body = {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": None, "tool_calls": used},
                {"role": "tool", "tool_call_id": "call_1", "content": seen},
            ],
            "tools": [{"type": "function", "function": {"name": tool, "parameters": SCHEMA}}],
        }
    else:
        body = {
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": "Look."},
                {"type": "function_call", "call_id": "call_1", "name": tool, "arguments": json.dumps(call)},
                {"type": "function_call_output", "call_id": "call_1", "output": seen},
            ],
            "tools": [{"type": "function", "name": tool, "parameters": SCHEMA}],
            "store": False,
        }
    return json.dumps({"model": "m", "stream": stream, **body}).encode(), path, query


def exchange(client: str, provider: str, stream: bool, tool: str = "look") -> tuple[Translated, bytes]:
    body, path, query = asking(client, stream, tool)
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, query)
    return one, one.ask(body)


def told(reply: Reply) -> list[tuple[str, ...]]:
    """Its parts, without what wires word differently: ids where Gemini has none, blanks in arguments."""
    return [said for part in reply.parts if (said := _part(part)) is not None]


def _part(part: Part) -> tuple[str, ...] | None:
    match part:
        case Text(text):
            return "text", text
        case Thinking(text):
            return ("thought", text) if text else None
        case ToolCall(_, name, arguments):
            return "call", name, json.dumps(json.loads(arguments or "{}"))
        case _:
            return "?", type(part).__name__


REPLY = Reply(
    (
        Thinking("Hm."),
        Text("Two plàces ✓."),
        ToolCall("call_2", "look", '{"place":"north"}'),
        ToolCall("call_3", "look", '{"place":"south"}'),
    ),
    "tool_calls",
    Usage(30, 7, 10),
    "r_1",
    "m",
)
SAID = [("thought", "Hm."), ("text", "Two plàces ✓."), ("call", "look", '{"place": "north"}'), ("call", "look", '{"place": "south"}')]


@PAIRS
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_says_the_same(client: str, provider: str, stream: bool) -> None:
    one, body = exchange(client, provider, stream)
    wire = WIRE[provider]
    path, _, query = one.place().partition("?")
    assert wire.claims("POST", path)
    document = Document(body)
    prompt = wire.read(document, path)
    assert prompt.model == "m"
    assert wire.streams(path, query, prompt) is stream
    assert prompt.tools == 1
    messages = [wire.message(raw, (*prompt.items_at, place)) for place, raw in enumerate(prompt.items)]
    parts = [part for message in messages for part in message.parts]
    system = " ".join(part.text for part in prompt.system if isinstance(part, Text)) + messages[0].text
    assert "Be kind." in system
    assert any(part.text == "Look." for part in parts if isinstance(part, Text))
    (call,) = [part for part in parts if isinstance(part, ToolCall)]
    (result,) = [part for part in parts if isinstance(part, ToolResult)]
    assert json.loads(call.arguments) == {"place": "here"}
    assert "all is well" in result.text
    assert call.id == result.id


@PAIRS
def test_a_whole_answer_says_the_same(client: str, provider: str) -> None:
    one, _ = exchange(client, provider, False)
    mode, headers = one.begin(200, JSON_TYPE)
    assert mode == "whole"
    names = [name.lower() for name, _ in headers]
    assert b"x-request-id" in names
    assert names.count(b"content-type") == 1
    status, body = one.whole(WIRE[provider].write(REPLY, False))
    assert status == 200
    reply = WIRE[client].reply(body)
    assert sorted(told(reply)) == sorted(SAID)
    assert reply.finish == "tool_calls" or client == "gemini"
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cache_read_tokens) == (30, 7, 10)


@PAIRS
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_stream_says_the_same_in_any_chunks(client: str, provider: str, size: int) -> None:
    one, _ = exchange(client, provider, True)
    mode, headers = one.begin(200, SSE_TYPE)
    assert mode == "stream"
    raw = _sse(WIRE[provider])
    got = b"".join([one.chunk(raw[at : at + size]) for at in range(0, len(raw), size)]) + one.tail()
    kind = next(value for name, value in headers if name.lower() == b"content-type").decode()
    wire = WIRE[client]
    reader = wire.reader(kind)
    frames = [*reader.feed(got), *reader.close()]
    reply = gather([delta for frame in frames for delta in wire.deltas(frame)])
    assert sorted(told(reply)) == sorted(SAID)
    assert not reply.cut
    if client != "openai_chat":  # whose client did not ask for usage
        assert reply.usage is not None
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (30, 7)


@PAIRS
def test_an_answer_that_does_not_stream_is_told_as_a_stream_and_the_other_way_round(client: str, provider: str) -> None:
    one, _ = exchange(client, provider, True)
    assert one.begin(200, JSON_TYPE)[0] == "whole"
    _, body = one.whole(WIRE[provider].write(REPLY, False))
    wire = WIRE[client]
    frames = wire.reader("text/event-stream").feed(body)
    assert sorted(told(gather([delta for frame in frames for delta in wire.deltas(frame)]))) == sorted(SAID)
    other, _ = exchange(client, provider, False)
    assert other.begin(200, SSE_TYPE)[0] == "whole"
    _, body = other.whole(_sse(WIRE[provider]))
    assert sorted(told(wire.reply(body))) == sorted(SAID)


@PAIRS
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "kind"), [(429, b"application/json"), (502, b"text/html"), (500, b"text/event-stream"), (529, b"")])
def test_an_error_is_one_in_the_clients_wire(client: str, provider: str, stream: bool, status: int, kind: bytes) -> None:
    one, _ = exchange(client, provider, stream)
    body = WIRE[provider].error(status, "slow_down", "Slow down.") if kind.endswith(b"json") else b"<html><b>Bad Gateway</b></html>"
    assert one.begin(status, ((b"Content-Type", kind),))[0] == "whole"
    told_status, out = one.whole(body)
    assert told_status >= 400
    text = json.dumps(json.loads(out))
    assert ("Slow down." if kind.endswith(b"json") else "Bad Gateway") in text
    assert "<html>" not in text


@PAIRS
def test_what_is_no_answer_is_a_fault_of_the_provider(client: str, provider: str) -> None:
    for body in (b"", b"<html>", b"[]", b"{}"):
        one, _ = exchange(client, provider, False)
        one.begin(200, JSON_TYPE)
        try:
            status, out = one.whole(body)
        except DocumentError:
            continue
        assert status >= 400 or provider == "gemini", (body, out)


@PAIRS
def test_a_stream_that_breaks_off_gets_no_end(client: str, provider: str) -> None:
    one, _ = exchange(client, provider, True)
    one.begin(200, SSE_TYPE)
    raw = _sse(WIRE[provider])
    got = one.chunk(raw[: len(raw) // 2]) + one.tail()
    wire = WIRE[client]
    frames = wire.reader("text/event-stream").feed(got)
    assert gather([delta for frame in frames for delta in wire.deltas(frame)]).cut


@PAIRS
@pytest.mark.parametrize("raw", [b"", b": a sign of life\n\n"])
def test_a_stream_that_says_nothing_at_all_is_an_error(client: str, provider: str, raw: bytes) -> None:
    one, _ = exchange(client, provider, True)
    one.begin(200, SSE_TYPE)
    got = one.chunk(raw) + one.tail()
    assert b"the provider's answer is empty" in got
    assert b"error" in got


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("client", "provider"), [("anthropic", "openai_chat"), ("openai_chat", "anthropic")])
def test_a_tool_whose_name_the_provider_refuses_comes_back_by_its_own(client: str, provider: str, stream: bool) -> None:
    one, sent = exchange(client, provider, stream, LONG)
    tongue = TONGUE[provider]
    (tool,) = tongue.asked(sent, PATHS[provider], "").tools
    assert isinstance(tool, Function)
    assert len(tool.name) <= 64 < len(LONG)
    one.begin(200, SSE_TYPE if stream else JSON_TYPE)
    raw = WIRE[provider].write(Reply((ToolCall("c", tool.name, "{}"),), "tool_calls"), stream)
    got = one.chunk(raw) + one.tail() if stream else one.whole(raw)[1]
    assert LONG.encode() in got
    assert tool.name.encode() not in got


SEAL = "c2VhbGVkLXNpZ25hdHVyZQ=="


def history(client: str, body: bytes) -> bytes:
    """The next request of a client that got this whole answer, and has run the tool."""
    got = json.loads(body)
    first, _, _ = asking(client, False)
    found = json.loads(first)
    match client:
        case "anthropic":
            (call,) = [block for block in got["content"] if block["type"] == "tool_use"]
            result = {"type": "tool_result", "tool_use_id": call["id"], "content": "seen"}
            found["messages"] += [{"role": "assistant", "content": got["content"]}, {"role": "user", "content": [result]}]
        case "openai_chat":
            message = got["choices"][0]["message"]
            found["messages"] += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "seen"}]
        case "openai_responses":
            (call,) = [item for item in got["output"] if item["type"] == "function_call"]
            found["input"] += [*got["output"], {"type": "function_call_output", "call_id": call["call_id"], "output": "seen"}]
        case _:
            content = got["candidates"][0]["content"]
            (call,) = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
            result = {"functionResponse": {"name": "look", "id": call.get("id"), "response": {"result": "seen"}}}
            found["contents"] += [content, {"role": "user", "parts": [result]}]
    return json.dumps(found).encode()


def whole_of(client: str, stream: bytes) -> bytes:
    """The whole answer that a stream tells, in the same wire."""
    listener = TONGUE[client].listener()
    frames = WIRE[client].reader("text/event-stream").feed(stream)
    answered = gathered([event for frame in frames for event in listener.events(frame)] + [*listener.over()])
    assert isinstance(answered, Answered)
    return TONGUE[client].answer(answered, Asked("m", False, (), ()))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "provider"), [(one, other) for one in NAMES for other in NAMES if other not in {one, "openai_chat"}])
def test_a_seal_comes_back_to_the_provider_that_made_it(client: str, provider: str, stream: bool) -> None:
    if provider == "gemini":
        answered = Answered("1", "m", (Use("call_2", "look", '{"place":"a"}', sealed=SEAL),), "tool_calls")
    else:
        name = "rs_1" if provider == "openai_responses" else ""
        answered = Answered("1", "m", (Thought("Hm.", SEAL, provider, id=name), Use("call_2", "look", '{"place":"a"}')), "tool_calls")
    one, _ = exchange(client, provider, stream)
    tongue = TONGUE[provider]
    if stream:
        one.begin(200, SSE_TYPE)
        teller = tongue.teller(Asked("m", True, (), ()))
        raw = b"".join([teller.tell(event) for event in events_of(answered)]) + teller.end()
        body = whole_of(client, one.chunk(raw) + one.tail())
    else:
        one.begin(200, JSON_TYPE)
        _, body = one.whole(tongue.answer(answered, Asked("m", False, (), ())))
    sent = Translated(TONGUE[client], tongue, WIRE[provider], PATHS[client], "").ask(history(client, body))
    assert SEAL.encode() in sent
    assert b"backstory" not in sent


def test_losses_are_told_in_a_header() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 1, "newest": 2}).encode()
    one = Translated(TONGUE["openai_chat"], TONGUE["anthropic"], WIRE["anthropic"], PATHS["openai_chat"], "")
    one.ask(body)
    headers = dict(one.begin(200, JSON_TYPE)[1])
    assert headers[b"X-VC-Losses"] == b"seed dropped, newest dropped"


def test_a_name_that_is_no_header_is_made_fit_for_one() -> None:
    odd = {f"a\r\nX-Evil: {number}\u00fc": 1 for number in range(40)}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **odd}).encode()
    one = Translated(TONGUE["openai_chat"], TONGUE["anthropic"], WIRE["anthropic"], PATHS["openai_chat"], "")
    one.ask(body)
    told = dict(one.begin(200, JSON_TYPE)[1])[b"X-VC-Losses"]
    assert told.startswith(b"a??X-Evil: 0? dropped, ")
    assert told.endswith(b", and 10 more")
    assert told.isascii()
    assert b"\n" not in told


def test_every_loss_of_a_table_can_be_printed() -> None:
    for tongue in TONGUES:
        for loss in tongue.losses:
            assert loss.what
            assert loss.why
            assert loss.how in {"dropped", "changed", "refused"}
        assert len({loss.what for loss in tongue.losses}) == len(tongue.losses)
        other = Asked("m", False, (), (), others=(("never_heard_of", Raw(b"1")),), wire="none")
        assert "never_heard_of" in [loss.what for loss in tongue.ask(other)[1]]


def _sse(wire: Wire) -> bytes:
    """The reply as a stream of events."""
    raw = wire.write(REPLY, True)
    if wire.name != "gemini" or raw.startswith(b"data:"):
        return raw
    return b"".join([b"data: " + json.dumps(one).encode() + b"\n\n" for one in json.loads(raw)])


def test_the_tables_of_losses_are_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "translation.md").read_text()
    for tongue in TONGUES:
        section = text.partition(f"### `{tongue.name}`\n")[2].partition("\n###")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert rows == [f"| `{loss.what}` | {loss.how} | {loss.why} |" for loss in tongue.losses], f"{tongue.name}: write them anew"


@pytest.mark.parametrize("client", TONGUE)
@pytest.mark.parametrize("provider", TONGUE)
@pytest.mark.parametrize("status", [500, 502, 507, 520])
def test_a_fault_of_the_provider_keeps_its_status(client: str, provider: str, status: int) -> None:
    if client == provider:
        return
    one, _ = exchange(client, provider, False)
    one.begin(status, ((b"Content-Type", b"text/html"),))
    found, _ = one.whole(b"<html>bad gateway</html>")
    assert found == status


@pytest.mark.parametrize("free", [False, True])
def test_calls_that_come_by_turns_keep_their_order(free: bool) -> None:
    """In a stream to a client of Responses, also where the first one says nothing at first, and where a tool takes free text."""
    kind = {"type": "custom", "name": "look"} if free else {"type": "function", "name": "look", "parameters": SCHEMA}
    body = {"model": "m", "input": "x", "stream": True, "tools": [kind, {"type": "function", "name": "see", "parameters": SCHEMA}]}
    one = Translated(TONGUE["openai_responses"], TONGUE["openai_chat"], WIRE["openai_chat"], PATHS["openai_responses"], "")
    one.ask(json.dumps(body).encode())
    one.begin(200, ((b"Content-Type", b"text/event-stream"),))
    deltas = [
        {"index": 0, "id": "A", "type": "function", "function": {"name": "look", "arguments": ""}},
        {"index": 1, "id": "B", "type": "function", "function": {"name": "see", "arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": '{"input":"q'}},
        {"index": 1, "function": {"arguments": ":2}"}},
        {"index": 0, "function": {"arguments": '"}'}},
    ]
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}]} for delta in deltas]
    end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    raw = b"".join([b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in [*chunks, end]]) + b"data: [DONE]\n\n"
    out = one.chunk(raw) + one.tail()
    events = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    output = events[-1]["response"]["output"]
    given = [item.get("input", item.get("arguments")) for item in output]
    assert [item["call_id"] for item in output] == ["A", "B"]
    assert given == ["q" if free else '{"input":"q"}', '{"x":2}']
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [(item["type"], item["call_id"]) for item in added] == [(item["type"], item["call_id"]) for item in output]
    told = ["".join([event["delta"] for event in events if "delta" in event and event["output_index"] == at]) for at in (0, 1)]
    assert told == given
