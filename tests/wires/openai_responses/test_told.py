"""A response tells what it was asked for. Tools of ours were no part of what the client asked for, nor was that none may be called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.stream import Frame
from backstory.wires.openai_responses.legs import ResponsesTalk
from backstory.wires.sse import event

OURS = frozenset({"vc_find_quote", "vc_recall_all"})
THEIRS: list[dict[str, Any]] = [
    {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True},
    {"type": "web_search", "name": None},
    {"type": "custom", "name": "vc_find_quote"},
]
ADDED = [{"type": "function", "name": name, "parameters": {}, "strict": False} for name in sorted(OURS)]
CALL = {"type": "function_call", "id": "f", "call_id": "c", "name": "vc_find_quote", "arguments": "{}"}
SAID = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "Aye.", "annotations": []}]}
BODY = json.dumps({"model": "m", "input": "Hello", "tools": [*THEIRS, *ADDED]}).encode()


def response(tools: object, output: list[Any], choice: str = "auto", status: str = "completed") -> dict[str, Any]:
    return {"id": "r", "status": status, "tools": tools, "tool_choice": choice, "metadata": {"a": "b"}, "output": output, "usage": None}


def frames(tools: object, item: dict[str, Any], choice: str = "auto") -> list[Frame]:
    rows: list[dict[str, Any]] = [
        {"type": "response.created", "response": response(tools, [], choice, "in_progress")},
        {"type": "response.in_progress", "response": response(tools, [], choice, "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response(tools, [item], choice)},
    ]
    made = []
    for number, row in enumerate(rows):
        data = json.dumps(row | {"sequence_number": number}).encode()
        made.append(Frame(event(data, row["type"]), row["type"], data))
    return made


def events(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) for line in raw.split(b"\n") if line.startswith(b"data:")]


@pytest.mark.parametrize("theirs", [THEIRS, []])
def test_a_stream_tells_of_the_tools_that_the_client_sent(theirs: list[Any]) -> None:
    talk = ResponsesTalk(BODY, OURS)
    came = frames([*theirs, *ADDED], SAID)
    out = [talk.frame(frame) for frame in came]
    assert not talk.over().calls
    wanted = [json.loads(frame.data) for frame in came]
    for row in wanted:
        if "response" in row:
            row["response"]["tools"] = theirs
    assert events(b"".join(out)) == wanted
    assert [out[2], out[3]] == [came[2].raw, came[3].raw]
    tools = json.dumps([*theirs, *ADDED]).encode()
    kept = b"[" + b",".join(json.dumps(one).encode() for one in theirs) + b"]"
    assert out[0] == came[0].raw.replace(tools, kept), "every other byte as it came"


@pytest.mark.parametrize("tools", [THEIRS, [], None, "auto"])
def test_what_tells_of_none_of_ours_keeps_its_bytes(tools: object) -> None:
    talk = ResponsesTalk(BODY, OURS)
    came = frames(tools, SAID)
    assert [talk.frame(frame) for frame in came] == [frame.raw for frame in came]
    whole = json.dumps(response(tools, [SAID]), indent=1).encode()
    talk = ResponsesTalk(BODY, OURS)
    talk.whole(whole)
    assert talk.answer() == whole


@pytest.mark.parametrize("theirs", [THEIRS, []])
def test_a_whole_answer_tells_of_the_tools_that_the_client_sent(theirs: list[Any]) -> None:
    talk = ResponsesTalk(BODY, OURS)
    talk.whole(json.dumps(response([*theirs, *ADDED], [SAID])).encode())
    assert json.loads(talk.answer()) == response(theirs, [SAID])


def test_an_answer_of_several_legs_tells_of_them_too_and_of_the_clients_own_choice() -> None:
    talk = ResponsesTalk(BODY, OURS)
    tools = [*THEIRS, *ADDED]
    assert talk.whole(json.dumps(response(tools, [CALL])).encode()).calls
    talk.go_on(["Found."], True)
    talk.whole(json.dumps(response(tools, [SAID], "none")).encode())
    whole = json.loads(talk.answer())
    assert (whole["tools"], whole["tool_choice"], whole["output"]) == (THEIRS, "auto", [SAID])

    talk = ResponsesTalk(BODY, OURS)
    out = [talk.frame(frame) for frame in frames(tools, CALL)]
    assert talk.over().calls
    talk.go_on(["Found."], True)
    out += [talk.frame(frame) for frame in frames(tools, SAID, "none")]
    told = [row["response"] for row in events(b"".join(out)) if "response" in row]
    assert len(told) == 3
    assert all((row["tools"], row["tool_choice"]) == (THEIRS, "auto") for row in told)


def test_an_answer_that_is_cut_off_tells_of_none_of_ours() -> None:
    talk = ResponsesTalk(BODY, OURS)
    for frame in frames([*THEIRS, *ADDED], SAID)[:4]:
        talk.frame(frame)
    (row,) = events(talk.broken(True) or b"")
    assert (row["type"], row["response"]["tools"]) == ("response.incomplete", THEIRS)
