"""What look-ups have left outlives a restart, is known to another process on the same store, and goes when what it quotes is forgotten."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.core.legs import GONE
from backstory.core.message import Text
from backstory.core.records import Lookup
from backstory.core.reply import Reply
from tests.paging import (
    BY_NAME,
    LOOK,
    NAMES,
    QUOTE,
    Model,
    ask,
    body,
    configured,
    dangling,
    history,
    path,
    results,
    spoken,
    tool_turn,
    with_rows,
)
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import conversation, stored

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASKED = ("user", "What was the code of that locker again?")
SECRET = b"tangerine-4711"
RESPONSES = "openai_responses"
WELL = Reply((Text("All is well."),), "stop")
MIXED = Reply((Text("I look twice."), QUOTE, LOOK), "tool_calls")
TWO_LEGS = (Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is that."),), "stop"))


def again(name: str, stream: bool) -> bytes:
    """The client goes on with what its own tool gave."""
    rows = tool_turn(name, "I look twice.", "all is well here")
    return with_rows(name, body(name, [*history(), ASKED], stream), *rows)


@WIRES
@BOTH
def test_what_was_looked_up_beside_a_clients_tool_is_told_after_a_restart(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, MIXED, WELL, WELL, WELL)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            await ask(one, wire, [*history(), ASKED], stream)
            await one.restart()
            await one.ask(path(name, stream), again(name, stream))
            sent = model.received[-1]
            assert sent.count(SECRET) == model.received[0].count(SECRET) + 1
            assert sent.index(b"all is well here") < sent.rindex(SECRET)
            assert not dangling(wire, sent)
            await one.restart()
            await one.ask(path(name, stream), again(name, stream))
            assert model.received[-1] == sent, "the same bytes, whoever sends them"
            more = [*spoken(name, "All is well.", "assistant"), *spoken(name, "Thanks, and on.")]
            await one.restart()
            await one.ask(path(name, stream), with_rows(name, again(name, stream), *more))
            key = {"gemini": "contents", "openai_responses": "input"}.get(name, "messages")
            before = json.loads(sent)[key]
            assert json.loads(model.received[-1])[key][: len(before)] == before, "append-only"
            assert not one.failures()

    asyncio.run(work())


@WIRES
def test_another_process_with_the_same_store_tells_it_too(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model, other = Model(wire, WELL, MIXED, WELL), Model(wire, WELL, WELL, WELL)

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, model) as one, rig(config, other) as two:
            turns = [*history(), ("user", "And?")]
            first, *_ = await ask(one, wire, turns, False)
            await stored(one, lambda store: store.counts())
            turns += [("assistant", "All is well."), ("user", "So?")]
            second, *_ = await ask(two, wire, turns, False)
            await stored(two, lambda store: store.counts())
            turns += [("assistant", "All is well."), ASKED]
            head, *_ = await ask(one, wire, turns, False)
            await stored(one, lambda store: store.counts())
            assert conversation(head) == conversation(second) == conversation(first)
            rows = tool_turn(name, "I look twice.", "all is well here")
            raw = with_rows(name, body(name, turns, False), *rows)
            head_two, _ = await two.ask(path(name, False), raw)
            assert conversation(head_two) == conversation(head)
            sent = other.received[-1]
            assert sent.count(SECRET) == model.received[-1].count(SECRET) + 1
            assert sent.index(b"all is well here") < sent.rindex(SECRET)
            await stored(two, lambda store: store.counts())
            await one.ask(path(name, False), raw)
            assert model.received[-1] == sent, "both send the same"
            turns_stored = await stored(one, lambda store: store.turns(conversation(head)))
            assert [turn.text for turn in turns_stored[-2:]] == ["All is well."] * 2, "asked twice, and answered twice"
            assert len({turn.chain for turn in turns_stored[:-1]}) == len(turns_stored) - 1, "no other turn is stored twice"
            assert not one.failures()
            assert not two.failures()

    asyncio.run(work())


@WIRES
def test_a_client_that_goes_on_otherwise_is_told_nothing(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire, MIXED, WELL, WELL)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = [*history(), ASKED]
            await ask(one, wire, turns, False)
            await one.restart()
            rows = [*spoken(name, "Never mind.", "assistant"), *spoken(name, "Something else.")]
            await one.ask(path(name, False), with_rows(name, body(name, turns, False), *rows))
            assert model.received[-1].count(SECRET) <= model.received[0].count(SECRET)

    asyncio.run(work())


@WIRES
def test_what_is_forgotten_in_between_is_not_told(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire, MIXED, WELL)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, *_ = await ask(one, wire, [*history(), ASKED], False)
            rows = await stored(one, lambda store: store.lookups(conversation(head)))
            assert SECRET.decode() in str(rows)
            first = await stored(one, lambda store: store.turns(conversation(head))[0].id)
            lanes = one.engine._lanes
            assert lanes is not None
            await lanes.write(lambda store: store.forget("", conversation(head), [first], now=one.engine._clock()))
            await one.engine._forgotten.look()
            assert SECRET.decode() not in str(await stored(one, lambda store: store.lookups(conversation(head))))
            for _ in range(2):
                await one.ask(path(name, False), again(name, False))
                assert model.received[-1].count(SECRET) <= model.received[0].count(SECRET), "none but what the client sent"
                await one.restart()

    asyncio.run(work())


async def going_on(one: Rig, previous: str, *rows: dict[str, Any], headers: tuple[bytes, ...] = ()) -> bytes:
    """The client builds on an answer by its id; the request as it went up."""
    raw = json.dumps({"model": "m", "previous_response_id": previous, "input": list(rows)}).encode()
    await one.ask(PATHS[RESPONSES], raw, *headers)
    return one.sent.body


@BOTH
@pytest.mark.parametrize("headers", [(), (b"X-VC-Memory: off",)], ids=["memory", "off"])
@pytest.mark.parametrize("restarts", [False, True])
def test_an_answers_id_leads_to_its_last_leg(tmp_path: Path, stream: bool, headers: tuple[bytes, ...], restarts: bool) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, *TWO_LEGS)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream)
            first, last = (found.id, "reply_2") if stream else ("reply_1", "reply_2")
            assert found.id in (first, last)
            if restarts:
                await one.restart()
            sent = await going_on(one, found.id, *spoken(RESPONSES, "Thanks."), headers=headers)
            assert json.loads(sent)["previous_response_id"] == last
            assert json.loads(sent)["input"] == spoken(RESPONSES, "Thanks.")
            assert not one.failures()

    asyncio.run(work())


@BOTH
@pytest.mark.parametrize("headers", [(), (b"X-VC-Memory: off",)], ids=["memory", "off"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_call_of_ours_in_a_kept_answer_gets_its_result(tmp_path: Path, stream: bool, headers: tuple[bytes, ...], restarts: bool) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, MIXED)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream)
            if restarts:
                await one.restart()
            own = {"type": "function_call_output", "call_id": "call_c", "output": "all is well here"}
            sent = json.loads(await going_on(one, found.id, own, headers=headers))
            assert [row["call_id"] for row in sent["input"]] == ["call_q", "call_c"]
            assert SECRET.decode() in sent["input"][0]["output"]
            assert str(sent).count(SECRET.decode()) == 1
            assert not one.failures()

    asyncio.run(work())


def test_a_kept_answer_of_which_a_turn_was_forgotten_still_has_results(tmp_path: Path) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, MIXED)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, _, found = await ask(one, wire, [*history(), ASKED], False)
            first = await stored(one, lambda store: store.turns(conversation(head))[0].id)
            lanes = one.engine._lanes
            assert lanes is not None
            await lanes.write(lambda store: store.forget("", conversation(head), [first], now=one.engine._clock()))
            await one.engine._forgotten.look()
            own = {"type": "function_call_output", "call_id": "call_c", "output": "all is well here"}
            sent = json.loads(await going_on(one, found.id, own))
            assert [row["output"] for row in sent["input"]] == [GONE, "all is well here"]

    asyncio.run(work())


def test_nobody_else_is_led_anywhere(tmp_path: Path) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, *TWO_LEGS)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], True)
            await one.restart()
            for headers in ((b"X-VC-Project: other",), (b"X-VC-Project: other", b"X-VC-Memory: off")):
                sent = await going_on(one, found.id, *spoken(RESPONSES, "Thanks."), headers=headers)
                assert json.loads(sent)["previous_response_id"] == found.id

    asyncio.run(work())


@pytest.mark.parametrize("restarts", [False, True])
def test_spent_reasoning_does_not_go_up_with_memory_off(tmp_path: Path, restarts: bool) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, *TWO_LEGS)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            await ask(one, wire, [*history(), ASKED], True)
            if restarts:
                await one.restart()
            reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "vc:spent"}
            raw = json.dumps({"model": "m", "input": [*spoken(RESPONSES, "Hi."), reasoning, *spoken(RESPONSES, "So?")]}).encode()
            await one.ask(PATHS[RESPONSES], raw, b"X-VC-Memory: off")
            assert [row["content"] for row in json.loads(one.sent.body)["input"]] == ["Hi.", "So?"]
            counts = await stored(one, lambda store: store.counts()["turns"])
            await one.ask(PATHS[RESPONSES], raw, b"X-VC-Memory: off")
            assert await stored(one, lambda store: store.counts()["turns"]) == counts, "nothing of it is stored"

    asyncio.run(work())


@WIRES
def test_where_nothing_was_ever_left_a_request_without_memory_is_not_looked_at(tmp_path: Path, name: str) -> None:
    model = Model(BY_NAME[name], reply(b"{}"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            assert not one.engine.paging.lookups.anywhere
            broken = b'{"model": "m", "previous_response_id": "x", "input": [ {"content": "vc:spent"'
            await one.ask(path(name, False), broken, b"X-VC-Memory: off")
            assert one.sent.body == broken

    asyncio.run(work())


def test_a_body_that_cannot_be_read_goes_up_as_it_came(tmp_path: Path) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, *TWO_LEGS)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            await ask(one, wire, [*history(), ASKED], True)
            model.replies = [reply(b"{}")] * 3
            for raw in (b'{"model": "m", "input": [', b"[]", b'{"input": 3, "previous_response_id": 4}'):
                await one.ask(PATHS[RESPONSES], raw, b"X-VC-Memory: off")
                assert one.sent.body == raw

    asyncio.run(work())


def test_a_slow_memory_is_waited_for_where_the_provider_would_refuse(tmp_path: Path) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire, *TWO_LEGS)

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], True)
            one.config = replace(config, recall=replace(config.recall, deadline_ms=0.01))
            await one.restart()
            sent = await going_on(one, found.id, *spoken(RESPONSES, "Thanks."))
            assert json.loads(sent)["previous_response_id"] == "reply_2"
            assert "deadline" not in one.failures()

    asyncio.run(work())


def test_what_is_left_is_bounded(tmp_path: Path) -> None:
    wire = BY_NAME[RESPONSES]
    model = Model(wire)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = [*history(), ASKED]
            for number in range(3):
                model.replies = list(TWO_LEGS)
                head, *_ = await ask(one, wire, turns, False)
                turns += [("assistant", "Let me look."), ("assistant", "It is that."), ("user", f"Again {number}?")]
            rows: list[Lookup] = await stored(one, lambda store: store.lookups(conversation(head)))
            assert len({row.name for row in rows}) == len(rows) <= 128
            assert results(wire, model.received[1])

    asyncio.run(work())
