"""Answers of several legs, through a whole proxy, in all wires, streamed and not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.core.message import Text, ToolCall
from backstory.core.records import Spend
from backstory.core.reply import Reply
from backstory.memory.recall.paging import LAST, NO_MORE
from tests.paging import (
    BY_NAME,
    FACT,
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
    resent,
    results,
    spoken,
    texts,
    tool_turn,
    tools,
    with_rows,
)
from tests.rig import PATHS, Rig, chunked, reply, rig, soon
from tests.stages.world import conversation, stored, thread

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASKED = ("user", "What was the code of that locker again?")


@WIRES
@BOTH
def test_a_call_of_ours_is_answered_in_the_same_answer(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == ["Let me look.", "It is tangerine-4711."]
            assert found.finish == "stop"
            assert b"vc_" not in raw
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            assert found.usage is not None
            assert (found.usage.input_tokens, found.usage.output_tokens) == (300, 30)
            first, second = model.received
            assert b"vc_find_quote" in first
            assert FACT in results(wire, second)[0]
            assert "#1 " in results(wire, second)[0]
            assert not dangling(wire, second)
            assert not one.failures()
            assert one.door.metrics.tap_errors == 0
            assert one.door.metrics.legs == 1
            await same_meters(one, conversation(head), 300)

    asyncio.run(work())


async def same_meters(one: Rig, name: str, billed: int) -> None:
    """What is told of the tokens sent is the same everywhere, all legs counted."""
    rows: list[Spend] = []
    await stored(one, lambda store: rows.extend(store.spends(name, 100)))
    figures = one.engine.metrics.figures()
    assert sum(row.tokens_in for row in rows) == figures["original_tokens"]
    assert sum(row.tokens_sent for row in rows) == figures["sent_tokens"]
    sent = int(one.door.metrics.legs + 1) * thread(one, name).account.sent_size
    assert rows[-1].tokens_sent >= sent, "the second leg carries the first"
    assert rows[-1].input_tokens == billed, "as the provider has it"


@WIRES
@BOTH
def test_a_call_beside_one_of_the_clients_is_executed_and_told_with_its_result(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    well = Reply((Text("All is well."),), "stop")
    model = Model(wire, Reply((Text("I look twice."), QUOTE, LOOK), "tool_calls"), well, well)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = [*history(), ASKED]
            _, raw, found = await ask(one, wire, turns, stream)
            assert b"vc_" not in raw
            assert [part.name for part in found.parts if isinstance(part, ToolCall)] == ["look"]
            assert found.finish == "tool_calls"
            assert len(model.received) == 1
            rows = tool_turn(name, "I look twice.", "all is well here")
            again = with_rows(name, body(name, turns, stream), *rows)
            await one.ask(path(name, stream), again)
            sent = model.received[-1]
            assert sent.count(b"tangerine-4711") == model.received[0].count(b"tangerine-4711") + 1
            assert sent.index(b"all is well here") < sent.rindex(b"tangerine-4711")
            assert b"<recalled>" in sent
            assert not dangling(wire, sent)
            await one.ask(path(name, stream), again)
            assert model.received[-1] == sent, "a retry is the same bytes"
            told = spoken(name, "All is well.", "assistant")
            await one.ask(path(name, stream), with_rows(name, again, *told, *spoken(name, "Thanks, and on.")))
            later = model.received[-1]
            key = {"gemini": "contents", "openai_responses": "input"}.get(name, "messages")
            before = json.loads(sent)[key]
            assert json.loads(later)[key][: len(before)] == before, "what was told stays where it was"
            assert not one.failures()

    asyncio.run(work())


@WIRES
@BOTH
def test_at_the_bound_the_model_is_told_and_must_answer(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    again = Reply((QUOTE,), "tool_calls")
    model = Model(wire, again, again, again, Reply((Text("It is tangerine-4711."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path, rounds=2), model) as one:
            _, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert texts(found) == ["It is tangerine-4711."]
            assert found.finish == "stop"
            assert b"vc_" not in raw
            assert len(model.received) == 4
            assert [LAST in results(wire, sent)[-1] for sent in model.received[1:]] == [False, True, False]
            assert results(wire, model.received[3]) == [NO_MORE]
            choices = [json.loads(sent).get("tool_choice") or json.loads(sent).get("toolConfig") for sent in model.received]
            assert choices[:3] == [None, None, None]
            assert b"none" in json.dumps(choices[3]).lower().encode()
            listed = {json.dumps(json.loads(sent)["tools"]) for sent in model.received}
            assert len(listed) == 1, "the list is the same in every request"
            assert not one.failures()

    asyncio.run(work())


@WIRES
@BOTH
def test_a_model_that_never_stops_calling_gets_a_request_without_the_tools(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    again = Reply((QUOTE,), "tool_calls")
    model = Model(wire, again, again, again, Reply((Text("I do not know."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path, rounds=1), model) as one:
            _, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert texts(found) == ["I do not know."]
            assert b"vc_" not in raw
            assert b"vc_" not in model.received[-1]
            assert len(model.received) == 4

    asyncio.run(work())


REFUSAL = reply(b'{"error":{"message":"overloaded"}}', status=b"529 Overloaded")


@WIRES
@BOTH
def test_a_later_leg_that_is_refused_is_asked_again_without_the_tools(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    first = Reply((Text("Let me look."), QUOTE), "tool_calls")
    model = Model(wire, first, REFUSAL, Reply((Text("I cannot say."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == (["Let me look.", "I cannot say."] if stream else ["I cannot say."])
            assert found.finish == "stop"
            assert b"vc_" not in raw + model.received[-1]
            assert not dangling(wire, model.received[-1])

    asyncio.run(work())


@WIRES
def test_a_stream_whose_later_legs_are_refused_ends_as_cut_off(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), REFUSAL, REFUSAL)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], True)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == ["Let me look."]
            assert found.finish == ("other" if name == "gemini" else "length")
            assert not found.cut
            assert b"vc_" not in raw
            assert len(model.received) == 3

    asyncio.run(work())


@WIRES
def test_an_answer_whose_later_legs_are_refused_is_the_refusal_of_the_plain_request(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((QUOTE,), "tool_calls"), REFUSAL, REFUSAL)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw = await one.ask(path(name, False), body(name, [*history(), ASKED], False))
            assert head.startswith(b"HTTP/1.1 529 Overloaded")
            assert raw == b'{"error":{"message":"overloaded"}}'

    asyncio.run(work())


@WIRES
def test_a_later_leg_that_breaks_off_in_its_text_ends_as_cut_off(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    half = wire.write(Reply((Text("It is tangerine, and that is all that was ever said of it."),), "stop", id="r2", model="m"), True)
    at = half.index(b"ever said")
    cut = half[: half.index(b"\n\n", at) + 2]
    head, *pieces = chunked([cut])
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), [head, pieces[0], b"zz\r\n"])

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, raw, found = await ask(one, wire, [*history(), ASKED], True)
            assert texts(found)[0] == "Let me look."
            assert texts(found)[1].startswith("It is tangerine")
            assert found.finish == ("other" if name == "gemini" else "length")
            assert b"vc_" not in raw

    asyncio.run(work())


@WIRES
@BOTH
def test_where_no_call_of_ours_comes_the_answer_is_the_providers_byte_for_byte(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    kinds = ("stream.sse", "stream.json") if stream else ("reply.json",)
    folder = Path(__file__).parent.parent / "cassettes" / name
    recorded = [file.read_bytes() for kind in kinds for file in sorted(folder.glob(f"*.{kind}")) if "json" not in kind or not stream]
    answers = [chunked([raw[at : at + 61] for at in range(0, len(raw), 61)]) if stream else reply(raw) for raw in recorded]
    assert len(answers) >= 3
    model = Model(wire, *answers)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            for raw in recorded:
                _, got = await one.ask(path(name, stream), body(name, [*history(), ASKED], stream))
                assert got == raw
                assert b"vc_find_quote" in model.received[-1]

    asyncio.run(work())


@WIRES
@BOTH
def test_the_next_turn_goes_on_in_the_same_conversation(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = [*history(), ASKED]
            head, _, found = await ask(one, wire, turns, stream)
            rows = [*resent(name, found), *spoken(name, "And what was the weather on plan 11?")]
            head2, _ = await one.ask(path(name, stream), with_rows(name, body(name, turns, stream), *rows))
            assert conversation(head2) == conversation(head) != ""
            held = thread(one, conversation(head))
            await soon(lambda: len(held.path) >= len(turns) + len(rows))
            stored = [turn for turn in held.path if turn.position >= len(turns)][: len(rows)]
            assert [turn.role for turn in stored] == ["assistant"] * (len(rows) - 1) + ["user"]
            assert " ".join(" ".join(turn.text for turn in stored[:-1]).split()) == "Let me look. It is tangerine-4711."
            first, second = json.loads(model.received[0]), json.loads(model.received[-1])
            assert first["tools"] == second["tools"]
            key = {"gemini": "contents", "openai_responses": "input"}.get(name, "messages")
            assert second[key][: len(first[key])] == first[key], "append-only"
            assert not dangling(wire, model.received[-1])

    asyncio.run(work())


async def _offered(tmp_path: Path, wire_name: str, config: dict[str, str], **more: Any) -> bytes:
    """The request as it went up."""
    model = Model(BY_NAME[wire_name])
    async with rig(configured(tmp_path, **config), model) as one:
        await one.ask(path(wire_name, False), body(wire_name, [*history(), ASKED], False, **more))
        assert not one.failures()
    assert b"<digest>" in model.received[0]
    return model.received[0]


FORCED: dict[str, dict[str, Any]] = {
    "anthropic": {"tool_choice": {"type": "any"}},
    "openai_chat": {"tool_choice": "required"},
    "openai_responses": {"tool_choice": "required"},
    "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
}
JSON_ONLY: dict[str, dict[str, Any]] = {
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    "openai_chat": {"response_format": {"type": "json_object"}},
    "openai_responses": {"text": {"format": {"type": "json_object"}}},
    "gemini": {"generationConfig": {"responseMimeType": "application/json"}},
}
NONE: dict[str, dict[str, Any]] = {
    "anthropic": {"tool_choice": {"type": "none"}},
    "openai_chat": {"tool_choice": "none"},
    "openai_responses": {"tool_choice": "none"},
    "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
}


@WIRES
def test_tools_are_not_offered_where_a_call_or_json_is_demanded(tmp_path: Path, name: str) -> None:
    for number, more in enumerate((FORCED[name], JSON_ONLY[name])):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert b"vc_" not in asyncio.run(_offered(folder, name, {}, **more))


@WIRES
def test_a_demand_for_no_call_leaves_the_list_as_it_is(tmp_path: Path, name: str) -> None:
    sent = asyncio.run(_offered(tmp_path, name, {}, **NONE[name]))
    assert b"vc_find_quote" in sent


@WIRES
def test_a_client_without_tools_is_offered_them_only_when_told_so(tmp_path: Path, name: str) -> None:
    for enabled, offered in (("auto", False), ("on", True), ("off", False)):
        folder = tmp_path / enabled
        folder.mkdir()
        sent = asyncio.run(_offered(folder, name, {"enabled": enabled}, tools=[]))
        assert (b"vc_find_quote" in sent) is offered


@WIRES
def test_a_tool_of_the_clients_with_a_name_of_ours_stays_the_clients(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((QUOTE,), "tool_calls"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], False, tools=tools(name, "vc_find_quote"))
            assert [part.name for part in found.parts if isinstance(part, ToolCall)] == ["vc_find_quote"]
            assert model.received[0].count(b'"vc_find_quote"') == 1
            assert b"vc_recall_all" in model.received[0]

    asyncio.run(work())


@WIRES
@BOTH
def test_a_provider_that_refuses_the_tools_gets_the_request_without_them(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    refusal = reply(b'{"error":"this model does not support tools"}', status=b"400 Bad Request")
    model = Model(wire, refusal, Reply((Text("Here I am."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path, enabled="on"), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream, tools=[])
            assert texts(found) == ["Here I am."]
            assert b"vc_" in model.received[0]
            assert b"vc_" not in model.received[1]

    asyncio.run(work())


@WIRES
def test_a_refusal_of_a_client_with_tools_is_the_clients(tmp_path: Path, name: str) -> None:
    model = Model(BY_NAME[name], reply(b'{"error":"bad"}', status=b"400 Bad Request"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw = await one.ask(path(name, True), body(name, [*history(), ASKED], True))
            assert head.startswith(b"HTTP/1.1 400 Bad Request")
            assert raw == b'{"error":"bad"}'
            assert len(model.received) == 1

    asyncio.run(work())


@WIRES
def test_the_answer_is_asked_for_without_a_content_coding(tmp_path: Path, name: str) -> None:
    model = Model(BY_NAME[name])

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            for own in (b"X-Other: 1", b"X-VC-Other: 1"):
                await one.ask(path(name, True), body(name, [*history(), ASKED], True), b"Accept-Encoding: gzip, br", own)
                assert b"gzip" not in model.heads[-1]
                assert b"Accept-Encoding: identity" in model.heads[-1]
                assert b"X-VC-" not in model.heads[-1]

    asyncio.run(work())


@WIRES
def test_the_marker_stands_once_in_an_answer_of_several_legs(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    for stream in (False, True):
        model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine."),), "stop"))
        folder = tmp_path / str(stream)
        folder.mkdir()

        async def work(stream: bool = stream, model: Model = model, folder: Path = folder) -> None:
            async with rig(configured(folder, marker="always"), model) as one:
                _, raw, found = await ask(one, wire, [*history(), ASKED], stream)
                assert str(found.parts).count("vc:conversation=") == 1
                assert "vc:conversation=" in [part.text for part in found.parts if isinstance(part, Text)][-1]
                assert b'"vc_' not in raw

        asyncio.run(work())


def spent_history() -> bytes:
    """A folded history with reasoning in it that led to a call of ours, as a client has it that keeps items from the stream."""
    raw = body("openai_responses", history(), False)
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "vc:spent"}
    return with_rows("openai_responses", raw, reasoning, {"role": "assistant", "content": "So."}, *spoken("openai_responses", "And now?"))


@pytest.mark.parametrize("enabled", ["auto", "off"])
def test_reasoning_that_led_to_a_look_up_does_not_go_up_again(tmp_path: Path, enabled: str) -> None:
    model = Model(BY_NAME["openai_responses"])

    async def work() -> None:
        async with rig(configured(tmp_path, enabled=enabled), model) as one:
            await one.ask(PATHS["openai_responses"], spent_history())
            assert b"<digest>" in model.received[0]
            assert b"vc:spent" not in model.received[0]
            assert not one.failures()

    asyncio.run(work())


def test_it_does_not_go_up_where_memory_is_late_either(tmp_path: Path) -> None:
    model = Model(BY_NAME["openai_responses"])

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(replace(config, recall=replace(config.recall, deadline_ms=0.01)), model) as one:
            await one.ask(PATHS["openai_responses"], spent_history())
            assert one.failures().get("deadline") == 1
            assert b"<digest>" not in model.received[0]
            assert b"vc:spent" not in model.received[0]
            last = json.loads(model.received[0])["input"][-2:]
            assert [item["content"] for item in last] == ["So.", "And now?"]

    asyncio.run(work())
