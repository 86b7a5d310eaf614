"""Counts of tokens of a conversation in which commands were given: what is counted, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.test_wishes import NOTHING, asker
from tests.relay.world import field, run
from tests.rig import asking
from tests.routed import KEYS, Person, Two, two

PATHS = {
    "anthropic": "/v1/messages/count_tokens",
    "openai_responses": "/v1/responses/input_tokens",
    "gemini": "/v1beta/models/m:countTokens",
}
PROVIDERS = (
    NOTHING
    + "providers:\n  prov: {kind: openai_compatible, url: OTHER, auth: none}\n"
    + "  claude: {kind: anthropic, url: OTHER, auth: none}\n"
)
EVERY = pytest.mark.parametrize("wire", PATHS)


async def counted(person: Person, wire: str, said: str, model: str = "m") -> tuple[bytes, dict[str, Any]]:
    """Head and body of the answer to how many tokens the conversation has with this message."""
    one: Two = person.one
    body = asking(wire, [*person.messages, ("user", said)]).replace(b'"model": "m"', b'"model": "%b"' % model.encode(), 1)
    person.client_body = body
    head, raw = await one.ask(PATHS[wire].replace("/m:", f"/{model}:"), body, KEYS[wire])
    return head, json.loads(raw)


@EVERY
@pytest.mark.parametrize("text", [NOTHING, PROVIDERS])
@pytest.mark.parametrize("restarts", [False, True])
def test_commands_are_not_counted(tmp_path: Path, wire: str, text: str, restarts: bool) -> None:
    """Nor where a count is the first that a process is asked."""

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            person = asker(one, wire)
            await person.say("Hello.")
            if not restarts:
                await counted(person, wire, "How much?")
                assert one.sent.body == person.client_body
            await person.told("!/status")
            if restarts:
                await one.restart()
            await counted(person, wire, "How much?")
            talk = [("user", "Hello."), ("assistant", "Good day."), ("user", "How much?")]
            assert json.loads(one.sent.body) == json.loads(asking(wire, talk))
            assert one.failures() == {}

    run(scene())


@EVERY
def test_it_is_counted_where_the_conversation_goes(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS) as one:
            person = asker(one, wire)
            await person.say("Hello.")
            await person.told("!/model(claude:other)")
            before = len(one.own.received)
            await counted(person, wire, "How much?")
            assert len(one.own.received) == before
            got = one.other.received[-1]
            assert got.head.startswith(b"POST /v1/messages/count_tokens ")
            assert json.loads(got.body)["model"] == "other"
            assert b"!/model" not in got.body
            await person.told("!/model(prov:far)")
            head, _ = await counted(person, wire, "How much?")
            assert field(head, b"x-vc-count") == b"estimate"
            assert one.other.received[-1] is got
            assert one.failures() == {}

    run(scene())


def test_a_model_alone_is_counted_by_its_name_after_a_restart_too(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, "anthropic")
            await person.say("Hello.")
            await person.told("!/model(new-one)")
            await one.restart()
            await person.say("Go on.")
            await counted(person, "anthropic", "How much?")
            assert json.loads(one.sent.body)["model"] == "new-one"
            await person.told("!/unset(all)")
            await counted(person, "anthropic", "How much?")
            assert json.loads(one.sent.body)["model"] == "m"
            assert one.failures() == {}

    run(scene())


def test_a_question_that_builds_on_an_answer_of_ours_is_counted_without_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            ours = f"resp_vc-{'4be5c724726243309c0736c7eb0a4c74'}9161f1f39f87"
            asked = {"model": "m", "previous_response_id": ours, "input": "How much?"}
            await one.ask(PATHS["openai_responses"], json.dumps(asked).encode(), KEYS["openai_responses"])
            assert json.loads(one.sent.body) == {**asked, "previous_response_id": None}
            assert one.failures() == {}

    run(scene())


def test_a_selector_in_the_question_gives_way_to_what_was_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS) as one:
            person = asker(one, "anthropic", model="prov:far")
            await person.say("Hello.")
            await person.told("!/model(claude:other)")
            await counted(person, "anthropic", "How much?", "prov:far")
            assert json.loads(one.other.received[-1].body)["model"] == "other"
            await person.told("!/unset(all)")
            head, _ = await counted(person, "anthropic", "How much?", "prov:far")
            assert field(head, b"x-vc-count") == b"estimate"
            assert one.failures() == {}

    run(scene())


def test_where_the_upstream_speaks_another_wire_commands_are_not_counted_either(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING + "upstream: {wire: anthropic}\n") as one:
            person = asker(one, "openai_responses")
            await person.say("Hello.")
            await person.told("!/status")
            await counted(person, "openai_responses", "How much?")
            assert one.sent.head.startswith(b"POST /v1/messages/count_tokens ")
            assert b"Backstory answered" not in one.sent.body
            assert b"!/status" not in one.sent.body
            assert one.failures() == {}

    run(scene())
