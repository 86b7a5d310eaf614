"""Where augmented requests go: planning with a strong model, titles to a cheap one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.gateway.test_augmenting import APPEND, AUX, KEY, PLAN, PROV, TEXT, WIRES, editing, history, model_in, params, texts
from tests.app.test_wishes import NOTHING, asker
from tests.relay.world import field, run
from tests.rig import PATHS, asking
from tests.routed import KEYS, two


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_begins_with_a_strong_model(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN, KEY) as one:
            for turns in (1, 2):
                await one.ask(PATHS[wire], history(wire, turns), KEYS[wire])
                got = one.other.received[-1]
                assert (len(one.other.received), model_in(got), params(got)["temperature"]) == (turns, "strong", 0.6)
            body = history(wire, 3)
            await one.ask(PATHS[wire], body, KEYS[wire])
            assert (len(one.other.received), one.sent.body) == (2, body)
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("tool", "plans"), [("read", True), ("Write", False), ("replace_in_file", False)])
def test_planning_ends_with_the_first_file_that_is_written(tmp_path: Path, wire: str, tool: str, plans: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN, KEY) as one:
            await one.ask(PATHS[wire], editing(wire, "Done.", tool), KEYS[wire])
            assert (len(one.other.received), len(one.own.received)) == (int(plans), int(not plans))
        async with two(tmp_path, PROV % "openai_chat" + PLAN.replace("turns", "file_writes: 0, turns"), KEY) as one:
            await one.ask(PATHS[wire], editing(wire, "Done.", tool), KEYS[wire])
            assert len(one.other.received) == 1

    run(scene())


def test_planning_is_stronger_than_a_static_route(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN + "routing: {static: 'prov:weak'}\n", KEY) as one:
            await one.ask(PATHS["anthropic"], history("anthropic", 1), KEYS["anthropic"])
            await one.ask(PATHS["anthropic"], history("anthropic", 3), KEYS["anthropic"])
            assert [model_in(one) for one in one.other.received] == ["strong", "weak"]

    run(scene())


def test_where_the_strong_model_cannot_be_had_a_request_goes_its_usual_way(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN + "routing: {disabled: [prov]}\n", KEY) as one:
            body = history("anthropic", 1)
            head, _ = await one.ask(PATHS["anthropic"], body, KEYS["anthropic"])
            assert one.sent.body == body
            found = await one.engine.why((field(head, b"x-vc-request") or b"").decode())
            assert found.notes[0].startswith("planning: it goes its usual way: disabled in the settings: prov")

    run(scene())


def test_planning_is_over_where_the_client_has_summed_up(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN, KEY) as one:
            said = "This session is being continued from a previous conversation that ran out of context. Summary: much was done."
            await one.ask(PATHS["anthropic"], asking("anthropic", [("user", said)], max_tokens=9), KEYS["anthropic"])
            assert (len(one.other.received), len(one.own.received)) == (0, 1)

    run(scene())


def test_an_example_of_the_client_is_no_part_of_the_conversation(tmp_path: Path) -> None:
    block = "a.py\n```\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```"
    over = "I switched to a new code base. Please don't consider the above files or try to edit them any longer."
    said = [("user", "Change x."), ("assistant", block), ("user", over), ("assistant", "Ok."), ("user", "Hi.")]

    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + PLAN + APPEND, KEY) as one:
            await one.ask(PATHS["openai_chat"], asking("openai_chat", said), KEYS["openai_chat"])
            assert (len(one.other.received), len(one.own.received)) == (1, 0)
            assert [TEXT in str(message) for message in texts(one.got)] == [False, False, True, False, False]
            await one.ask(
                PATHS["openai_chat"], asking("openai_chat", [*said, ("assistant", block), ("user", "More.")]), KEYS["openai_chat"]
            )
            assert (len(one.other.received), len(one.own.received)) == (1, 1)

    run(scene())


TITLE = "You are a title generator. You output ONLY a thread title."


def title(wire: str) -> bytes:
    more: dict[str, Any] = {"max_tokens": 50, "system": TITLE} if wire == "anthropic" else {}
    if wire == "gemini":
        more = {"systemInstruction": {"parts": [{"text": TITLE}]}}
    if wire == "openai_responses":
        more = {"instructions": TITLE}
    said = [("user", "Generate a title for this conversation:\nHi")]
    return asking(wire, [("system", TITLE), *said] if wire == "openai_chat" else said, **more)


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("wire", WIRES)
def test_titles_go_to_a_cheap_model_and_conversations_do_not(tmp_path: Path, wire: str, memory: str) -> None:
    text = PROV % "openai_chat" + AUX + PLAN.replace("prov:strong", "prov:strong?seed=1") + "first_prompt: {append: 'X.'}\n"

    async def scene() -> None:
        async with two(tmp_path, f"{text}memory: {{enabled: {memory}}}\n", KEY) as one:
            await one.ask(PATHS[wire], title(wire), KEYS[wire])
            assert model_in(one.got) == "cheap"
            assert "temperature" not in params(one.got)
            assert "X." not in one.got.body.decode()
            await one.ask(PATHS[wire], history(wire, 1), KEYS[wire])
            assert model_in(one.other.received[-1]) == "strong"
            await one.ask(PATHS[wire], history(wire, 3), KEYS[wire])
            assert len(one.own.received) == 1

    run(scene())


def test_only_the_kinds_that_are_named_go_elsewhere(tmp_path: Path) -> None:
    summary = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary."

    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + "auxiliary: {route: 'prov:cheap', kinds: [summary]}\n", KEY) as one:
            await one.ask(PATHS["openai_responses"], title("openai_responses"), KEYS["openai_responses"])
            assert (len(one.own.received), len(one.other.received)) == (1, 0)
            said = [("user", "Hi."), ("assistant", "Hello."), ("user", summary)]
            await one.ask(PATHS["openai_responses"], asking("openai_responses", said), KEYS["openai_responses"])
            assert (len(one.own.received), len(one.other.received)) == (1, 1)
            trigger = {"model": "m", "input": [{"role": "user", "content": "Hi."}, {"type": "compaction_trigger"}]}
            await one.ask(PATHS["openai_responses"], json.dumps(trigger).encode(), KEYS["openai_responses"])
            assert (len(one.own.received), len(one.other.received)) == (2, 1)

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_commands_are_no_messages_of_the_user(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING + PROV % "openai_chat" + PLAN, KEY) as one:
            person = asker(one, wire)
            await person.told("!/temperature(0.3)")
            await person.say("First.")
            assert person.model_heard == "strong"
            await person.told("!/status")
            await person.say("Second. !/temperature(0.4)")
            assert person.model_heard == "strong"
            await person.say("Third.")
            assert (person.place, person.model_heard) == ("own", "m")
            assert one.failures() == {}

    run(scene())
