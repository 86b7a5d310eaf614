"""Gemini, streamed: nothing of ours stands behind a call of the client's. The official SDK's automatic calling makes a content of each
response, and a provider that counts wants the results behind the content of their calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply, Usage
from tests.paging import BY_NAME
from tests.relay.test_legs import Play, events, request

WIRE = BY_NAME["gemini"]
OURS = {"functionCall": {"name": "vc_find_quote", "args": {"query": "x"}, "id": "a"}}
ALSO = {"functionCall": {"name": "vc_recall_all", "args": {}, "id": "b"}}
LOOK = {"functionCall": {"name": "look", "args": {}, "id": "c"}, "thoughtSignature": "U0lH"}
PEEK = {"functionCall": {"name": "look", "args": {"at": 1}, "id": "d"}}
THOUGHT = {"text": "Hm.", "thought": True}
WORD, NOTHING, SIGNED = {"text": "Hi."}, {"text": ""}, {"text": "", "thoughtSignature": "RU5E"}
SPENT = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
both_forms = pytest.mark.parametrize("array", [False, True], ids=["events", "array"])


def rows(*groups: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """A streamed answer, a response for each group of parts (None: without content); the last one has its end and its usage."""
    found: list[dict[str, Any]] = [
        {"candidates": [{**({} if parts is None else {"content": {"role": "model", "parts": parts}}), "index": 0}], "responseId": "r"}
        for parts in groups
    ]
    found[-1]["candidates"][0]["finishReason"] = "STOP"
    found[-1]["usageMetadata"] = SPENT
    return found


def written(told: list[dict[str, Any]], array: bool, between: str = "") -> bytes:
    texts = [json.dumps(row) for row in told]
    if array:
        return b"[" + ",\r\n".join(texts).encode() + b"\n]"
    return "".join([f"data: {text}\r\n\r\n{between}" for text in texts]).encode()


def heard(play: Play, array: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(play.way.out) if array else events(play.way.out)
    return found


def contents(told: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The parts of each response that has some: what the SDK makes contents of."""
    found = [row["candidates"][0]["content"]["parts"] for row in told if "content" in (row.get("candidates") or [{}])[0]]
    return [[part for part in parts if part != NOTHING] for parts in found]


@both_forms
@pytest.mark.parametrize(
    ("groups", "seen"),
    [
        ([[LOOK], [OURS]], [[LOOK]]),
        ([[WORD], [LOOK], [OURS]], [[WORD], [LOOK]]),
        ([[WORD, LOOK], [OURS]], [[WORD, LOOK]]),
        ([[THOUGHT], [LOOK], [OURS], [ALSO]], [[THOUGHT], [LOOK]]),
        ([[THOUGHT, LOOK], [OURS, ALSO]], [[THOUGHT, LOOK]]),
        ([[LOOK], [OURS], None], [[LOOK]]),
        ([[LOOK], [OURS], [NOTHING]], [[LOOK]]),
        ([[LOOK], [OURS], [SIGNED]], [[LOOK, SIGNED]]),
        ([[LOOK], [OURS, NOTHING], [ALSO]], [[LOOK]]),
        ([[LOOK, PEEK], [OURS]], [[LOOK, PEEK]]),
        ([[LOOK], [OURS, PEEK]], [[LOOK, PEEK]]),
        ([[LOOK], [OURS], [PEEK]], [[LOOK, PEEK]]),
        ([[LOOK], [PEEK], [OURS]], [[LOOK], [PEEK]]),
        ([[OURS], [LOOK], [ALSO]], [[LOOK]]),
        ([[OURS], [LOOK], None], [[LOOK]]),
        ([[OURS], [WORD, LOOK], [ALSO]], [[WORD], [LOOK]]),
    ],
)
def test_the_end_stands_in_the_response_of_the_clients_call(groups: list[Any], seen: list[Any], array: bool) -> None:
    play = Play(WIRE, request("gemini"), array)
    play.leg(written(rows(*groups), array), [1, 90, 200, 300])
    told = heard(play, array)
    assert contents(told) == seen
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"
    assert told[-1]["usageMetadata"] == SPENT
    assert [row["candidates"][0].get("finishReason") for row in told[:-1]] == [None] * (len(told) - 1)
    assert len(play.clerk.deferred) == json.dumps(groups).count("vc_")


@both_forms
def test_usage_in_a_response_of_its_own_stays_there(array: bool) -> None:
    told = rows([LOOK], [OURS])
    told.append({"usageMetadata": told[-1].pop("usageMetadata"), "responseId": "r"})
    play = Play(WIRE, request("gemini"), array)
    play.leg(written(told, array))
    call, usage = heard(play, array)
    assert contents([call]) == [[LOOK]]
    assert call["candidates"][0]["finishReason"] == "STOP"
    assert usage == told[-1]


@both_forms
def test_a_later_leg_ends_so_with_the_usage_of_all(array: bool) -> None:
    play = Play(WIRE, request("gemini"), array)
    play.leg(written(rows([WORD], [OURS]), array))
    told = rows([WORD], [WORD, LOOK], [ALSO])
    told[1]["usageMetadata"] = SPENT
    play.leg(written(told, array))
    told = heard(play, array)
    assert [[part.get("text", "").strip() or part for part in parts] for parts in contents(told)] == [["Hi."], ["Hi."], ["Hi."], [LOOK]]
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"
    assert told[-1]["usageMetadata"] == {name: 2 * count for name, count in SPENT.items()}


@both_forms
@pytest.mark.parametrize("between", ["", ": still here\r\n\r\n"], ids=["", "comments"])
@pytest.mark.parametrize("end", [[NOTHING], None, [PEEK], [WORD]])
def test_without_a_call_of_ours_every_byte_passes(end: list[Any] | None, between: str, array: bool) -> None:
    raw = written(rows([WORD], [WORD, LOOK], [LOOK], end), array, between)
    for cut in range(1, len(raw), 7):
        play = Play(WIRE, request("gemini"), array)
        play.leg(raw, [cut])
        assert play.way.out == raw


def test_a_call_waits_for_no_more_than_the_next_response() -> None:
    play = Play(WIRE, request("gemini"))
    play.legs.begin(play.head, False)
    first, call, word = (written([row], False) for row in rows([WORD], [LOOK], [WORD]))
    told = []
    for raw in (first, call, word):
        play.legs.deliver(raw, False, ())
        told.append(play.way.out)
    assert told == [first, first, first + call + word]


def test_behind_a_call_of_ours_text_does_not_wait_with_the_clients() -> None:
    play = Play(WIRE, request("gemini"))
    play.legs.begin(play.head, False)
    play.legs.deliver(written(rows([OURS], [WORD, LOOK], [WORD])[:2], False), False, ())
    assert contents(heard(play, False)) == [[WORD]]


@pytest.mark.parametrize("array", [False, True], ids=["events", "array"])
def test_a_stream_that_breaks_off_or_cannot_be_read_has_the_call(array: bool) -> None:
    raw = written(rows([WORD], [LOOK], [NOTHING]), array)
    broken = Play(WIRE, request("gemini"), array)
    broken.legs.begin(broken.head, False)
    broken.legs.deliver(raw[:-20], False, ())
    assert not broken.legs.failed()
    assert broken.way.out == raw[:-20]
    odd = raw.replace(b'[{"text": ""}]', b'[{"text": 5}]')
    for cut in range(1, len(odd), 5):
        unread = Play(WIRE, request("gemini"), array)
        unread.leg(odd, [cut])
        assert unread.way.out == odd


def test_a_later_leg_that_breaks_off_behind_the_call_is_made_once_more() -> None:
    play = Play(WIRE, request("gemini"))
    play.leg(WIRE.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m"), True))
    play.leg(written(rows([LOOK], [NOTHING])[:1], False) + b'data: {"error":{"code":500,"message":"no"}}\r\n\r\n')
    assert play.way.bodies[-1] == b'{"plain":1}', "the client has nothing of it yet"
    play.leg(written(rows([WORD]), False))
    assert "functionCall" not in play.way.out.decode()
    assert heard(play, False)[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_later_leg_that_breaks_off_behind_text_and_a_call_ends_in_the_calls_response() -> None:
    play = Play(WIRE, request("gemini"))
    play.leg(WIRE.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m"), True))
    play.leg(written(rows([WORD], [LOOK], [NOTHING])[:2], False) + b'data: {"error":{"code":500,"message":"no"}}\r\n\r\n')
    last = heard(play, False)[-1]
    assert contents([last]) == [[LOOK]]
    assert last["candidates"][0]["finishReason"] == "OTHER"
