"""What is left of a leg that comes to nothing, and of reasoning that led to nothing: never what the provider refuses later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from backstory.core.legs import Names, blames
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply, Usage
from tests.paging import BY_NAME
from tests.relay.test_legs import OURS, Play, chunk, events, request, tape

FIRST = Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m")


def thinking(*items: dict[str, Any], between: bytes = b"") -> bytes:
    """A streamed response of reasoning, calls and messages without more than their beginnings and ends. `between`: comes behind each
    item."""
    told: list[tuple[str, dict[str, Any]]] = [("response.created", {"response": {"id": "r1", "status": "in_progress"}})]
    for place, item in enumerate(items):
        begun = {**item, "encrypted_content": ""} if item["type"] == "reasoning" else item
        told.append(("response.output_item.added", {"output_index": place, "item": begun}))
        if item["type"] == "reasoning":
            told.append(("response.reasoning_summary_text.delta", {"output_index": place, "summary_index": 0, "delta": item["id"]}))
        told.append(("response.output_item.done", {"output_index": place, "item": item}))
        told.append(("", {}))
    told.append(("response.completed", {"response": {"id": "r1", "status": "completed", "output": items}}))
    raw, number = [], 0
    for name, fields in told:
        if not name:
            if b'"keepalive"' in between:
                raw.append(between.replace(b"%d", b"%d" % number))
                number += 1
            else:
                raw.append(between)
            continue
        data = json.dumps({"type": name, "sequence_number": number, **fields})
        raw.append(f"event: {name}\ndata: {data}\n\n".encode())
        number += 1
    return b"".join(raw)


def thought(name: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": name, "summary": [], "encrypted_content": f"enc_{name}"}


OURS_CALLED = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "vc_find_quote", "arguments": "{}"}
LOOKED = {"type": "function_call", "id": "fd", "call_id": "c2", "name": "look", "arguments": "{}"}
BETWEEN = (b"", b": still here\n\n", b'event: keepalive\ndata: {"type":"keepalive","sequence_number":%d}\n\n', b"data: what is this\n\n")


@pytest.mark.parametrize("between", BETWEEN, ids=["nothing", "comment", "keepalive", "unreadable"])
@pytest.mark.parametrize(
    ("items", "spent"),
    [
        ((thought("a"), OURS_CALLED), ["a"]),
        ((thought("a"), thought("b"), OURS_CALLED), ["a", "b"]),
        ((thought("a"), OURS_CALLED, thought("b"), thought("c"), OURS_CALLED), ["a", "b", "c"]),
        ((thought("a"), thought("b"), OURS_CALLED, LOOKED), []),
        ((OURS_CALLED, thought("a"), thought("b"), LOOKED), []),
        ((thought("a"), LOOKED, thought("b"), thought("c"), OURS_CALLED), ["b", "c"]),
    ],
)
def test_no_reasoning_stays_whose_every_follower_was_a_call_of_ours(items: Sequence[Any], spent: list[str], between: bytes) -> None:
    play = Play(BY_NAME["openai_responses"], request("openai_responses"))
    play.leg(thinking(*items, between=between))
    if LOOKED not in items:
        play.leg(tape("openai_responses", kind="text.stream.sse"))
    told = [json.loads(line[6:]) for line in play.way.out.splitlines() if line.startswith(b"data: {")]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    thoughts = [item for item in done if item["type"] == "reasoning"]
    assert [item["id"] for item in thoughts if item["encrypted_content"] == "vc:spent"] == spent
    kept = [item["id"] for item in told[-1]["response"]["output"] if item["type"] == "reasoning"]
    assert kept == [item["id"] for item in thoughts if item["id"] not in spent], "the whole response says the same"
    if between:
        assert play.way.out.count(between.partition(b"%d")[0]) == len(items)


@pytest.mark.parametrize("between", BETWEEN, ids=["nothing", "comment", "keepalive", "unreadable"])
def test_where_no_call_of_ours_comes_reasoning_passes_byte_for_byte(between: bytes) -> None:
    message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Hi.", "annotations": []}]}
    raw = thinking(thought("a"), thought("b"), message, thought("c"), LOOKED, between=between)
    play = Play(BY_NAME["openai_responses"], request("openai_responses"))
    play.leg(raw)
    assert play.way.out == raw


def test_a_block_of_text_that_was_only_begun_is_not_shown() -> None:
    wire = BY_NAME["anthropic"]
    play = Play(wire, request(wire.name))
    play.leg(wire.write(FIRST, True))
    raw = wire.write(Reply((Text("Well."),), "stop", Usage(1, 1), "r2", "m"), True)
    play.leg(raw[: raw.index(b"event: content_block_delta")])
    assert play.way.bodies[-1] == b'{"plain":1}', "the client has nothing of that leg"
    play.leg(raw[: raw.index(b"event: content_block_delta")])
    assert [part.text for part in play.said().parts if isinstance(part, Text)] == ["So."]
    begun = [event["index"] for event in events(play.way.out) if event["type"] == "content_block_start"]
    assert begun == [0]
    assert play.said().finish == "length"


def test_a_block_of_text_begins_where_its_text_does() -> None:
    wire = BY_NAME["anthropic"]
    play = Play(wire, request(wire.name))
    play.leg(wire.write(FIRST, True))
    play.leg(wire.write(Reply((Text("Well."), Text("Then.")), "stop", Usage(1, 1), "r2", "m"), True))
    told = [(event["type"], event["index"]) for event in events(play.way.out) if "index" in event]
    kinds = ("content_block_start", "content_block_delta", "content_block_stop")
    assert list(dict.fromkeys(told)) == [(kind, index) for index in range(3) for kind in kinds]


def test_a_response_that_is_only_an_error_is_no_answer_of_a_later_leg() -> None:
    wire = BY_NAME["openai_responses"]
    play = Play(wire, request(wire.name))
    play.whole(wire.write(FIRST, False))
    play.whole(b'{"id":"r2","status":"failed","output":[],"error":{"code":"server_error","message":"no"}}')
    assert play.way.bodies[-1] == b'{"plain":1}'


def test_usage_is_told_where_a_later_leg_breaks_off_behind_its_end() -> None:
    wire = BY_NAME["openai_chat"]
    play = Play(wire, request(wire.name))
    metered = b'data: {"id":"r1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}\n\n'
    first = chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "vc_find_quote", "arguments": "{}"}}]})
    play.leg(first + chunk({}, "tool_calls") + metered + b"data: [DONE]\n\n")
    play.leg(chunk({"content": "Well."}) + chunk({}, "stop") + b'data: {"error":{"message":"no"}}\n\n')
    found = play.said()
    assert (found.finish, found.usage) == ("stop", Usage(5, 6))


CALLED = {"functionCall": {"name": "vc_find_quote", "args": {"query": "x"}, "id": "a"}, "thoughtSignature": "U0lH"}
ALSO = {"functionCall": {"name": "vc_recall_all", "args": {}, "id": "b"}}
LOOK = {"functionCall": {"name": "look", "args": {}, "id": "c"}}
WORD, NOTHING = {"text": "Hi."}, {"text": ""}


@pytest.mark.parametrize("array", [False, True], ids=["events", "array"])
@pytest.mark.parametrize(
    "groups",
    [
        [[WORD], [CALLED], [ALSO], [LOOK]],
        [[WORD], [CALLED], [ALSO, LOOK]],
        [[WORD], [CALLED, ALSO, LOOK]],
        [[WORD, CALLED, ALSO, LOOK]],
        [[CALLED, LOOK]],
        [[WORD, CALLED], [LOOK, NOTHING]],
        [[WORD], [CALLED, LOOK], [NOTHING]],
    ],
)
def test_gemini_tells_the_clients_call_signed_and_none_of_ours_wherever_the_end_stands(groups: list[list[Any]], array: bool) -> None:
    rows = [{"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]} for parts in groups]
    rows[-1]["candidates"][0]["finishReason"] = "STOP"
    told = [json.dumps(row) for row in rows]
    raw = f"[{','.join(told)}]" if array else "".join(f"data: {row}\r\n\r\n" for row in told)
    play = Play(BY_NAME["gemini"], request("gemini"), array)
    play.leg(raw.encode())
    assert len(play.clerk.deferred) == sum(row.count('"vc_') for row in told)
    heard = json.loads(play.way.out) if array else events(play.way.out)
    parts = [part for row in heard for part in row["candidates"][0]["content"]["parts"]]
    assert [part for part in parts if "functionCall" in part] == [{**LOOK, "thoughtSignature": "U0lH"}]
    assert "".join(part.get("text", "") for part in parts) == ("Hi." if "Hi." in raw else "")
    assert heard[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_later_answer_without_choices_is_none() -> None:
    wire = BY_NAME["openai_chat"]
    play = Play(wire, request(wire.name))
    play.whole(wire.write(Reply((ToolCall("c", "vc_find_quote", "{}"),), "tool_calls", Usage(5, 6), "r1", "m"), False))
    play.whole(b'{"error":{"message":"no"}}')
    assert play.way.bodies[-1] == b'{"plain":1}'


def test_arguments_that_are_no_object_go_back_in_one() -> None:
    wire = BY_NAME["anthropic"]
    play = Play(wire, request(wire.name))
    raw = wire.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", '{"query":"x"}')), "tool_calls", Usage(5, 6), "r1", "m"), True)
    assert raw.count(rb"{\"query\":\"x\"}") == 1
    play.leg(raw.replace(rb"{\"query\":\"x\"}", rb"{\"query\":\"x"))
    (call,) = play.clerk.calls
    assert call.arguments == '{"query":"x', "it is told that this is no JSON"
    content = json.loads(play.way.bodies[-1])["messages"][-2]["content"]
    assert content[-1]["input"] == {"INVALID_JSON": '{"query":"x'}


SAID_NOTHING = {
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"r2","content":[]}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n',
    "openai_chat": b": one moment\n\n" + chunk({"role": "assistant", "content": ""}),
    "openai_responses": b'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n',
    "gemini": b': one moment\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"text":""}]},"index":0}]}\r\n\r\n',
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_sign_of_life_is_no_part_of_a_leg(name: str) -> None:
    """Where nothing else came of it, the request is made once more."""
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    play.leg(wire.write(FIRST, True))
    play.leg(SAID_NOTHING[name])
    assert play.way.bodies[1:] == [b'{"plain":1}']
    play.leg(wire.write(Reply((Text("Well."),), "stop", Usage(1, 1), "r3", "m"), True))
    assert "".join(part.text for part in play.said().parts if isinstance(part, Text)).replace("\n", "") == "So.Well."
    assert play.said().finish == "stop"


def test_an_answer_that_never_began_has_no_end() -> None:
    """A client that has no beginning of it cannot read one."""
    play = Play(BY_NAME["anthropic"], request("anthropic"))
    error = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"%b"}}\n\n'
    play.leg(error % b"what is vc_find_quote")
    play.leg(error % b"no")
    assert play.way.out == b""
    assert play.way.broken


def test_an_error_behind_reasoning_does_not_wait() -> None:
    raw = thinking(thought("a"))
    raw = raw[: raw.index(b"event: response.completed")] + b'event: error\ndata: {"type":"error","sequence_number":4,"message":"no"}\n\n'
    play = Play(BY_NAME["openai_responses"], request("openai_responses"))
    play.legs.begin(play.head, False)
    play.legs.deliver(raw, False, ())
    assert play.way.out == raw


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        (b'{"failed_generation":"\\nvc_find_quote(query"}', True),
        (b"Malformed function call: print(default_api.vc_find_quote(", True),
        (b"no such tool: vc_made_up", True),
        (b"vc_notes-add: unknown argument", False),
        (b"vc_notes-add.place must be a string", False),
        (b"my-vc_find_quote failed", False),
        (b"my_vc_find_quote failed", False),
        (b"what is vc_?", False),
    ],
)
def test_an_error_blames_us_by_a_whole_name(told: bytes, ours: bool) -> None:
    assert blames(told, Names(OURS, {"vc_notes-add", "my-vc_find_quote"})) is ours


SPENT = {
    "openai_chat": b'data: {"id":"r1","choices":[],"error":{"message":"vc_find_quote"},'
    b'"usage":{"prompt_tokens":50,"completion_tokens":5}}\n\n',
    "openai_responses": b'data: {"type":"response.failed","sequence_number":0,"response":{"id":"r1","status":"failed","output":[],'
    b'"error":{"message":"vc_find_quote"},"usage":{"input_tokens":50,"output_tokens":5,"total_tokens":55}}}\n\n',
    "gemini": b'data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0,"finishMessage":"vc_find_quote"}],'
    b'"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":5}}\r\n\r\n',
}


@pytest.mark.parametrize("name", SPENT)
def test_what_a_leg_has_cost_that_ends_in_an_error_is_told(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    play.leg(SPENT[name])
    play.leg(wire.write(Reply((Text("Well."),), "stop", Usage(7, 2), "r2", "m"), True))
    found = play.said()
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (57, 7)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai_chat", b'{"error":{"message":"bad call","failed_generation":"%b"}}'),
        ("openai_responses", b'{"id":"r1","status":"failed","tools":[{"name":"vc_find_quote"}],"output":[],"error":{"message":"%b?"}}'),
    ],
)
def test_an_error_in_place_of_an_answer_is_told_apart_by_what_it_names(name: str, told: bytes) -> None:
    play = Play(BY_NAME[name], request(name))
    play.whole(told % b"vc_find_quote")
    assert play.way.bodies == [b'{"plain":1}']
    play = Play(BY_NAME[name], request(name))
    play.whole(told % b"look")
    assert (play.way.bodies, play.way.out) == ([], told % b"look")
