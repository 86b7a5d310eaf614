"""hybrid:[reasoner,executor] over real sockets, in every wire: who is asked what, what the client sees, what happens without thoughts."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from backstory.core.translation import Asked, Function, Result, Said, Sampling, Use, Words
from backstory.wires import WIRES as ALL
from backstory.wires.translation.tongues import TONGUES
from tests.relay.world import Client, Received, field, run
from tests.rig import post, soon
from tests.rivals import Do, cuts, dangles, refuses, request, rivals, says, texts
from tests.routed import KEYS
from tests.stages.world import stored

WIRES = ["anthropic", "openai_chat", "openai_responses", "gemini"]
OTHER = {"anthropic": "openai_chat", "openai_chat": "gemini", "openai_responses": "anthropic", "gemini": "openai_responses"}
HYBRID = "hybrid:[mind:thinker,hand:maker]"
THOUGHT = "The user says hello. A short greeting is best."


def pair(reasoner: str, executor: str, mind: Do | None = None, hand: Do | None = None) -> dict[str, tuple[str, Do]]:
    """`mind` thinks, and then would go on for long; `hand` answers."""
    return {
        "mind": (reasoner, mind or says("I would say a lot about it. " * 50, thought=THOUGHT, pause_s=30)),
        "hand": (executor, hand or says("Good day.")),
    }


def note(head: bytes) -> bytes:
    return field(head, b"x-vc-reasoner") or b""


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("same", [True, False], ids=["same wire", "another wire"])
@pytest.mark.parametrize("wire", WIRES)
def test_one_thinks_and_the_other_answers_with_its_thoughts_at_hand(tmp_path: Path, wire: str, same: bool, stream: bool) -> None:
    executor = wire if same else OTHER[wire]

    async def scene() -> None:
        async with rivals(tmp_path, pair(OTHER[wire], executor)) as one:
            began = time.monotonic()
            head, body = await one.ask_for(wire, HYBRID, stream)
            assert time.monotonic() - began < 2.0, "the reasoner is not heard to its end"
            assert head.startswith(b"HTTP/1.1 200"), (head, body)
            assert texts(wire, body, stream) == ("Good day.", THOUGHT)
            assert note(head).startswith(b"mind=thought, input_tokens=")
            assert note(head).endswith(b", estimated")
            await soon(lambda: one.by_name["mind"].broken == 1)
            asked, told = one.by_name["mind"].received[0], one.by_name["hand"].received[0]
            assert THOUGHT.encode() not in asked.body
            assert told.body.count(THOUGHT.encode()) == 1
            assert told.body.index(b"Hello.") < told.body.index(THOUGHT.encode()), "it stands behind what was said last"
            assert b"hybrid" not in asked.body + told.body
            assert b"thinker" in asked.head + asked.body
            assert b"maker" in told.head + told.body
            assert one.failures() == {}
            assert one.engine.metrics.thoughts == 1

    run(scene())


@pytest.mark.parametrize("reasoner", WIRES)
def test_a_reasoner_of_each_wire_is_asked_to_think_hard_and_to_show_it(tmp_path: Path, reasoner: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair(reasoner, "openai_chat")) as one:
            _, body = await one.ask_for("openai_chat", HYBRID, max_tokens=50)
            assert texts("openai_chat", body, False) == ("Good day.", THOUGHT)
            asked: dict[str, Any] = one.body_of("mind")
            match reasoner:
                case "anthropic":
                    assert asked["thinking"]["budget_tokens"] < asked["max_tokens"]
                case "openai_chat":
                    assert asked["reasoning_effort"] == "high"
                case "openai_responses":
                    assert asked["reasoning"] == {"effort": "high", "summary": "auto"}
                case _:
                    assert asked["generationConfig"]["thinkingConfig"]["includeThoughts"] is True
            assert one.body_of("hand")["max_tokens"] == 50
            # What a half names itself counts.
            await one.ask_for("openai_chat", "hybrid:[mind:thinker?reasoning_effort=low,hand:maker?temperature=0.5]")
            assert one.body_of("hand")["temperature"] == 0.5
            if reasoner == "openai_chat":
                assert one.body_of("mind")["reasoning_effort"] == "low"

    run(scene())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("fault", "said"),
    [(refuses(400), b"failed"), (refuses(503), b"failed"), (cuts, b"failed"), (says("No thoughts."), b"silent"), (dangles, b"late")],
    ids=["400", "503", "cut", "silent", "late"],
)
def test_without_thoughts_the_executor_answers_alone(tmp_path: Path, wire: str, stream: bool, fault: Do, said: bytes) -> None:
    text = "routing: {reasoner_s: 0.3}\n" if fault is dangles else ""

    async def scene() -> None:
        async with rivals(tmp_path, pair(OTHER[wire], wire, fault), text) as one:
            head, body = await one.ask_for(wire, HYBRID, stream)
            assert head.startswith(b"HTTP/1.1 200"), (head, body)
            assert texts(wire, body, stream) == ("Good day.", "")
            assert note(head).startswith(b"mind=" + said)
            plain = json.loads(request(wire, "maker", stream)[1])
            assert one.body_of("hand") == plain, "it gets what the client has asked, and nothing else"
            assert one.failures() == ({} if said == b"silent" else {"reasoner": 1})
            rows = {row.name: row for row in one.engine.endurance.board.rows()}
            assert rows["mind"].tries == 1

    run(scene())


def test_a_reasoner_that_is_down_is_not_waited_for_again(tmp_path: Path) -> None:
    text = "resilience: {breaker_failures: 1, breaker_open_s: 60}\nrouting: {reasoner_s: 0.3}\n"

    async def scene() -> None:
        async with rivals(tmp_path, pair("anthropic", "anthropic", dangles), text) as one:
            await one.ask_for("anthropic", HYBRID)
            head, _ = await one.ask_for("anthropic", HYBRID)
            assert note(head) == b"mind=set aside"
            assert (one.asked("mind"), one.asked("hand")) == (1, 2)

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_what_goes_up_only_grows_though_the_client_brings_the_thoughts_back(tmp_path: Path, wire: str) -> None:
    """Up to the end of what was said last, the executor gets the same bytes turn after turn, and never what was thought before."""

    async def scene() -> None:
        async with rivals(tmp_path, pair(OTHER[wire], wire)) as one:
            _, body = await one.ask_for(wire, HYBRID)
            more = with_reply(wire, json.loads(body))
            await one.ask_for(wire, HYBRID, **more)
            key = {"openai_responses": "input", "gemini": "contents"}.get(wire, "messages")
            first, second = one.body_of("hand", 0)[key], one.body_of("hand", 1)[key]
            assert json.dumps(second).count(THOUGHT) == 1
            assert THOUGHT in json.dumps(first)
            one_body, other = (received.body for received in one.by_name["hand"].received)
            same = next(at for at, (byte, next_byte) in enumerate(zip(one_body, other, strict=False)) if byte != next_byte)
            assert b"Hello." in one_body[:same], "what a provider has cached of the first request is what the second begins with"
            assert THOUGHT in json.dumps(second[-1])
            assert THOUGHT not in json.dumps(second[:-1])
            assert one.failures() == {}
            # Nor does it reach a provider that is asked without a reasoner.
            await one.ask_for(wire, "hand:maker", **more)
            assert THOUGHT not in json.dumps(one.body_of("hand", 2)) or wire in {"gemini", "openai_chat"}

    run(scene())


def with_reply(wire: str, reply: dict[str, Any]) -> dict[str, Any]:
    """The next request of a client that brings back all that it was told."""
    match wire:
        case "anthropic":
            back: list[Any] = [{"role": "assistant", "content": reply["content"]}]
        case "openai_chat":
            back = [{"role": "assistant", "content": reply["choices"][0]["message"]["content"]}]
        case "openai_responses":
            return {"input": [{"role": "user", "content": "Hello."}, *reply["output"], {"role": "user", "content": "And now?"}]}
        case _:
            parts = [part for part in reply["candidates"][0]["content"]["parts"] if not part.get("thought")]
            user = [{"role": "user", "parts": [{"text": text}]} for text in ("Hello.", "And now?")]
            return {"contents": [user[0], {"role": "model", "parts": parts}, user[1]]}
    return {"messages": [{"role": "user", "content": "Hello."}, *back, {"role": "user", "content": "And now?"}]}


@pytest.mark.parametrize("wire", WIRES)
def test_the_thoughts_count_as_what_was_answered(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair(wire, wire, says("Done.", thought=THOUGHT))) as one:
            head, alone = await one.ask_for(wire, "hand:maker")
            head, body = await one.ask_for(wire, HYBRID)
            read = next(one for one in ALL if one.name == wire)
            plain, both = read.reply(alone).usage, read.reply(body).usage
            assert plain is not None
            assert both is not None
            spent = dict(part.split(b"=") for part in note(head).split(b", ") if b"tokens" in part)
            thought = int(spent[b"output_tokens"])
            assert thought > 0
            assert both.output_tokens == plain.output_tokens + thought
            assert both.input_tokens == plain.input_tokens
            assert one.engine.metrics.thought_out == thought
            assert one.engine.metrics.thought_in == int(spent[b"input_tokens"])
            assert f"backstory_reasoner_output_tokens_total {thought}.0".encode() in one.engine.metrics.exposition()

    run(scene())


def test_thoughts_between_tags_are_thoughts(tmp_path: Path) -> None:
    async def scene() -> None:
        mind = says(f"<think>{THOUGHT}</think>" + "Well then. " * 50, pause_s=30)
        async with rivals(tmp_path, pair("openai_chat", "openai_chat", mind)) as one:
            _, body = await one.ask_for("openai_chat", HYBRID, True)
            assert texts("openai_chat", body, True) == ("Good day.", THOUGHT)

    run(scene())


@pytest.mark.parametrize("status", [400, 401, 503])
def test_an_executor_that_refuses_is_heard(tmp_path: Path, status: int) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "anthropic", hand=refuses(status, text="not today"))) as one:
            for stream in (True, False):
                head, body = await one.ask_for("anthropic", HYBRID, stream)
                assert head.startswith(b"HTTP/1.1 %d" % status)
                assert b"not today" in body
                assert THOUGHT.encode() not in body

    run(scene())


def test_the_executors_tries_all_get_the_thoughts(tmp_path: Path) -> None:
    async def scene() -> None:
        ways = pair("openai_chat", "anthropic")
        ways["hand"] = ("anthropic", [refuses(503), says("Good day.")])  # type: ignore[assignment]
        async with rivals(tmp_path, ways, "resilience: {retries: 1, backoff_s: 0.01}\n") as one:
            _, body = await one.ask_for("anthropic", HYBRID, True)
            assert texts("anthropic", body, True) == ("Good day.", THOUGHT)
            assert (one.asked("mind"), one.asked("hand")) == (1, 2)
            assert one.body_of("hand", 0) == one.body_of("hand", 1)

    run(scene())


def test_a_reasoner_for_first_requests_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "anthropic")) as one:
            selector = "hybrid:[[first]mind:thinker,hand:maker]"
            await one.ask_for("anthropic", selector)
            later = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And?"}]
            _, body = await one.ask_for("anthropic", selector, messages=later)
            assert texts("anthropic", body, False) == ("Good day.", "")
            assert (one.asked("mind"), one.asked("hand")) == (1, 2)

    run(scene())


def test_a_client_that_leaves_ends_the_thinking(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "anthropic", dangles)) as one:
            path, body = request("anthropic", HYBRID, True)
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.port, path, body, KEYS["anthropic"]))
            await soon(lambda: one.asked("mind") == 1)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["mind"].broken == 1)
            await soon(lambda: one.door.metrics.in_flight == 0)
            assert one.asked("hand") == 0

    run(scene())


def test_memory_keeps_what_was_said_and_not_what_was_thought(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "anthropic")) as one:
            _, body = await one.ask_for("anthropic", HYBRID)
            await one.ask_for("anthropic", HYBRID, **with_reply("anthropic", json.loads(body)))
            found: list[list[str]] = []
            await stored(
                one, lambda store: found.extend([turn.text for turn in store.turns(it.id)] for it, _ in store.conversations(None, 9))
            )
            assert found == [["Hello.", "Good day.", "And now?", "Good day."]]

    run(scene())


def test_a_selector_in_the_settings_may_be_a_hybrid(tmp_path: Path) -> None:
    text = "model_aliases:\n  - {pattern: '^clever$', replacement: 'hybrid:[mind:thinker,hand:maker]'}\n"

    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "anthropic"), text) as one:
            _, body = await one.ask_for("anthropic", "clever")
            assert texts("anthropic", body, False) == ("Good day.", THOUGHT)
            head, body = await one.ask_for("anthropic", "hybrid:[mind:a,hand:b|hand:c]")
            assert head.startswith(b"HTTP/1.1 400")
            assert b"cannot stand in hybrid" in body

    run(scene())


def keys(received: Received) -> list[bytes]:
    return [name for name in (b"authorization", b"x-api-key", b"x-goog-api-key") if field(received.head, name) is not None]


def test_no_key_of_the_client_goes_to_a_reasoner_that_needs_none(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("anthropic", "anthropic")) as one:
            await one.ask_for("anthropic", HYBRID)
            assert keys(one.by_name["mind"].received[0]) == []
            assert field(one.by_name["mind"].received[0].head, b"content-type") == b"application/json"
            assert field(one.by_name["mind"].received[0].head, b"anthropic-version") is not None

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_claude_reasons_in_a_tool_loop_too(tmp_path: Path, wire: str) -> None:
    asked = Asked(
        "hybrid:[mind:claude-sonnet-4-5,hand:maker]",
        False,
        (),
        (
            Said("user", (Words("Go."),)),
            Said("assistant", (Use("call1", "look", '{"at":"door"}'),)),
            Said("user", (Result("call1", "look", (Words("It is open."),)),)),
        ),
        (Function("look", "", b'{"type":"object","properties":{"at":{"type":"string"}}}'),),
        sampling=Sampling(most=9000),
        wire=wire,
    )
    body = json.loads(next(tongue for tongue in TONGUES if tongue.name == wire).ask(asked)[0])

    async def scene() -> None:
        async with rivals(tmp_path, pair("anthropic", "openai_chat")) as one:
            head, _ = await one.ask_for(wire, asked.model, **{name: value for name, value in body.items() if name != "model"})
            assert note(head).startswith(b"mind=thought")
            told = one.body_of("mind")
            assert told["thinking"]["type"] == "enabled"
            kinds = [block["type"] for turn in told["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
            assert set(kinds) <= {"text"}, "no call is open"
            assert "look" in json.dumps(told["messages"][-2])
            assert "It is open." in json.dumps(told["messages"][-1])
            assert b"tool_call_id" in one.by_name["hand"].received[0].body, "the other one gets them as they are"

    run(scene())
