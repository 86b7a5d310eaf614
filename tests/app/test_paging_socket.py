"""Responses over a WebSocket: a look-up in memory on the way of an answer, and what is continued from here afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.paging import FACT, history, tools
from tests.relay.world import Received, run
from tests.socketed import ON, answer, create, events, socketed, sse, streamed

FOLDING = (
    ON
    + """memory: {threshold_messages: 4}
compaction: {context_window: 6000, protected_recent_turns: 1}
recall: {budget_tokens: 600, deadline_ms: 20000}
"""
)
ASKED = {"type": "message", "role": "user", "content": "What was the code of that locker again?"}
THANKS = {"type": "message", "role": "user", "content": "Thank you."}


def called(name: str, call_id: str, **arguments: str) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": json.dumps(arguments)}


def thought(number: int) -> dict[str, Any]:
    return {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": f"enc_{number}"}


def items_of(number: int, *items: dict[str, Any]) -> bytes:
    """A streamed answer of these items, without a message."""
    told = [one for one in events(number, "", items) if one.get("output_index") != len(items)]
    told[-1]["response"]["output"] = list(items)
    return streamed(sse([{**one, "sequence_number": at} for at, one in enumerate(told)]))


def scripted(*replies: bytes) -> Any:
    left = list(replies)

    def answers(_received: Received) -> bytes:
        return left.pop(0)

    return answers


def said() -> list[dict[str, Any]]:
    rows = [{"type": "message", "role": role, "content": text} for role, text in history()]
    return [*rows, ASKED]


def kinds(items: Sequence[dict[str, Any]]) -> list[str]:
    return [item["type"] for item in items]


def test_a_look_up_leaves_no_trace_in_what_a_connection_continues(tmp_path: Path) -> None:
    look = called("vc_find_quote", "c1", query="blue locker")
    replies = scripted(
        items_of(1, thought(1), look), streamed(sse(events(2, "It is tangerine-4711.", [thought(2)]))), items_of(3, thought(3))
    )

    async def scene() -> None:
        async with socketed(tmp_path, replies, FOLDING) as (one, client):
            await client.send(create(said(), tools=tools("openai_responses")))
            told = await answer(client)
            assert "vc_find" not in json.dumps(told)
            assert [event["sequence_number"] for event in told] == list(range(len(told)))
            first = told[-1]["response"]
            assert kinds(first["output"]) == ["reasoning", "message"]
            assert first["usage"]["input_tokens"] == 10
            assert FACT in json.loads(one.own.received[1].body)["input"][-1]["output"]
            await client.send(create([THANKS], previous_response_id=first["id"], tools=tools("openai_responses")))
            await answer(client)
            sent = json.loads(one.own.received[2].body)
            assert "previous_response_id" not in sent
            assert "vc:spent" not in json.dumps(sent["input"])
            assert kinds(sent["input"][-3:]) == ["reasoning", "message", "message"]
            assert sent["input"][-3]["encrypted_content"] == "enc_2"
            assert one.failures() == {}

    run(scene())


def test_a_look_up_beside_a_call_of_the_clients_goes_up_with_what_the_client_says_next(tmp_path: Path) -> None:
    look = called("vc_find_quote", "c1", query="blue locker")
    replies = scripted(items_of(1, look, called("look", "c2", place="here")), streamed(sse(events(2, "All is well."))))

    async def scene() -> None:
        async with socketed(tmp_path, replies, FOLDING) as (one, client):
            await client.send(create(said(), tools=tools("openai_responses")))
            first = (await answer(client))[-1]["response"]
            assert [item["name"] for item in first["output"]] == ["look"]
            result = {"type": "function_call_output", "call_id": "c2", "output": "all is well here"}
            await client.send(create([result], previous_response_id=first["id"], tools=tools("openai_responses")))
            await answer(client)
            sent = json.loads(one.own.received[1].body)["input"]
            calls = [item["call_id"] for item in sent if item["type"] == "function_call"]
            results = {item["call_id"]: item["output"] for item in sent if item["type"] == "function_call_output"}
            assert calls == list(results) == ["c2"]
            assert "all is well here" in results["c2"]
            assert FACT in results["c2"]
            assert one.failures() == {}

    run(scene())


def test_what_a_provider_keeps_is_continued_where_the_answer_ended(tmp_path: Path) -> None:
    look = called("vc_find_quote", "c1", query="blue locker")
    replies = scripted(items_of(1, look), streamed(sse(events(2, "It is tangerine-4711."))), streamed(sse(events(3, "You are welcome."))))

    async def scene() -> None:
        async with socketed(tmp_path, replies, FOLDING) as (one, client):
            await client.send(create(said(), store=True, tools=tools("openai_responses")))
            first = (await answer(client))[-1]["response"]
            assert first["id"] == "resp_1"
            await client.send(create([THANKS], store=True, previous_response_id="resp_1", tools=tools("openai_responses")))
            await answer(client)
            sent = json.loads(one.own.received[2].body)
            assert (sent["previous_response_id"], sent["input"]) == ("resp_2", [THANKS])
            assert one.failures() == {}

    run(scene())
