"""What cannot be set in the chat is told, and the message beside it is not lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.core.wishes import WISHES
from tests.app.test_wishes import BOTH, EVERY, KEY, NOTHING, PROVIDERS, asker, without_pair
from tests.relay.world import run
from tests.routed import Person, two
from tests.stages.world import stored

FAILING = {
    "Explain it. !/temperature(hot)": "temperature is a number from 0 to 2, not 'hot'",
    "Explain it.\n!/backend(prow)": "did you mean prov?",
    "Explain it. !/modle(x)": "Did you mean !/model",
    "Explain it. !/label(" + "x" * 81 + ")": "1 to 80 characters",
}


@pytest.mark.parametrize("text", FAILING)
@EVERY
@BOTH
def test_a_message_is_not_lost_with_a_command_that_fails(tmp_path: Path, wire: str, stream: bool, text: str) -> None:
    """It is told, nothing goes upstream, and the model never hears of it."""

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire, stream)
            await person.say("Hello.")
            told = await person.told(text)
            assert FAILING[text] in told
            assert "Your message was not sent to the model" in told
            await person.say("Never mind.")
            assert person.heard is not None
            assert person.heard.body == without_pair(person)
            assert b"Explain it" not in person.heard.body

    run(scene())


def test_who_expects_json_is_told_by_an_error(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat", response_format={"type": "json_object"})
            assert "not 'hot'" in await person.say("Give JSON. !/temperature(hot)")
            assert (person.status, person.place) == (400, "")
            await person.say("Give JSON. !/temperature(0.1)")
            assert (person.place, person.body["temperature"]) == ("own", 0.1)

    run(scene())


REFUSED = {
    "!/backend(prow)": ("no provider 'prow'", "did you mean prov?", "anthropic, claude, gemini, openai, prov"),
    "!/backend(groq)": ("no provider 'groq'", "groq is known, but not set up"),
    "!/backend(prov.3)": ("prov has no instance 3",),
    "!/model(prow:x)": ("no provider 'prow'", "did you mean prov?"),
    "!/model(claude:claude-c)": ("claude has no model 'claude-c'", "did you mean claude-", "there are claude-a, claude-b"),
    "!/model(prov:a|)": ("a backend and model are missing",),
    "!/model(hybrid:[prow:a,prov:b])": ("no provider 'prow'",),
    "!/oneoff(prow:x)": ("no provider 'prow'",),
    "!/oneoff": ("needs to be told more", "Usage: !/oneoff(backend:model)"),
    "!/temperature(3)": ("temperature is a number from 0 to 2, not '3'",),
    "!/reasoning(huge)": ("reasoning_effort is one of none, minimal, low, medium, high, xhigh (or max), not 'huge'",),
    "!/set(temprature=1)": ("no key 'temprature'; did you mean temperature?", "Known are backend, model, project, temperature"),
    "!/set(temperature)": ("key=value",),
    "!/set(top_k=1.5)": ("a whole number",),
    "!/set(temperature=0.5, top_p=7)": ("top_p is a number from 0 to 1",),
    "!/unset(nothing)": ("no key 'nothing'",),
    "!/create-failover-route(name=r,policy=x)": ("no policy 'x'", "km (every key of each element in turn)"),
    "!/create-failover-route(name=a b,policy=k)": ("can be called 'a b'",),
    "!/create-failover-route(policy=k)": ("needs a name",),
    "!/route-append(name=r,element=prov:a)": ("no failover route 'r'", "none yet"),
    "!/route-list(name=r)": ("no failover route 'r'",),
    "!/delete-failover-route(r)": ("no failover route 'r'",),
    "!/model prov:a": ("stands in brackets right behind it: !/model(prov:a)",),
    "!/model(hybrid:[claude:claude-a,prov:b]": ("stands in brackets right behind it: !/model(hybrid:[claude:claude-a,prov:b])",),
    "!/max(5)": ("does not take '5'",),
    "!/beckend(prov)": ("no command !/beckend", "Did you mean !/backend"),
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_there_is_not_is_told_and_not_kept(tmp_path: Path, command: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "anthropic")
            told = await person.told(command)
            for part in REFUSED[command]:
                assert part in told
            await person.say("Hello.")
            assert person.heard is not None
            assert person.heard.body == without_pair(person)
            assert person.place == "own"
            assert await stored(one, lambda store: store.stated(WISHES)) == []

    run(scene())


def test_a_provider_that_is_gone_is_told_and_nothing_goes_elsewhere(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "anthropic")
            await person.told("!/model(claude:claude-a)")
            await person.say("Hello.")
            messages = person.messages
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, "anthropic")
            person.messages = messages
            told = await person.say("Are you there?")
            assert (person.status, person.place) == (404, "")
            assert "no provider 'claude'" in told
            assert "!/unset takes it back" in told
            del person.messages[-2:]
            await person.told("!/unset(all)")
            await person.say("Are you there?")
            assert person.place == "own"
            assert one.failures() == {}

    run(scene())


def test_where_the_settings_force_a_route_nobody_chooses(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "routing: {static: 'prov:only', disabled: [gemini]}\n", KEY) as one:
            person = asker(one, "openai_chat")
            assert "routing.static is set" in await person.told("!/model(claude:claude-a)")
            assert "routing.static is set" in await person.told("!/backend(claude)")
            await person.told("!/temperature(0.5)")
            await person.say("Hello.")
            assert (person.model_heard, person.body["temperature"]) == ("only", 0.5)
        async with two(tmp_path, PROVIDERS + "routing: {disabled: [claude]}\n", KEY) as one:
            person = asker(one, "openai_chat")
            assert "claude is disabled in the settings (enabled are anthropic, gemini, openai, prov)" in await person.told(
                "!/backend(claude)"
            )
            assert "disabled in the settings: claude" in await person.told("!/model(claude:claude-a)")

    run(scene())


def test_several_keys_at_once_are_set_or_none(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            told = await person.told('!/set(model="prov:far", reasoning-effort=low, project=harbour)')
            assert "prov with the model far" in told
            assert "reasoning_effort=low" in told
            assert "project 'harbour'" in told
            status = await person.told("!/status")
            for row in ("- Backend: prov", "- Model: far", "- Parameters: reasoning_effort=low", "- Project: harbour"):
                assert row in status
            assert await person.told("!/unset(project)") == "Not set any more: project."
            assert "not 'x'" in await person.told("!/set(top_p=0.5, temperature=x)")
            assert "top_p" not in await person.told("!/status")

    run(scene())


def test_a_failover_route_that_is_made_again_keeps_its_elements_and_an_empty_one_says_how_to_fill_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = Person(one, "openai_chat")
            assert "route-append gives it elements" in await person.told("!/create-failover-route(name=team,policy=k)")
            await person.told("!/route-append(name=team,element=prov:a)")
            told = await person.told("!/create-failover-route(name=team,policy=m)")
            assert "policy m now" in told
            assert "its elements still: prov:a" in told
            await person.told("!/model(team)")
            await person.told("!/route-clear(name=team)")
            told = await person.say("Hello.")
            assert person.status == 400
            assert "!/route-append(name=team,element=backend:model) gives it one" in told

    run(scene())


@EVERY
def test_loop_detection_is_told_of_and_not_pretended(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, wire)
            assert "There is no loop detection here" in await person.told("!/loop-detection(on)")
            assert "does not take 'maybe'" in await person.told("!/loop-detection(maybe)")
            assert await person.say("Hello. !/loop-detection(off)") == "Good day."
            assert "loop" not in json.dumps(person.body)
            assert "Your message was not sent" in await person.told("Hello. !/loop-detection(on)")

    run(scene())


PLACES = {
    "!/model(prov:a|claude:claude-a)": "goes to prov with the model a, then claude with the model claude-a.",
    "!/model(prov:a!claude:claude-a)": (
        "goes to prov with the model a and claude with the model claude-a at the same time: the first with something to say answers."
    ),
    "!/model(hybrid:[claude:claude-a,prov:a])": (
        "goes to prov with the model a (paid with a key of its own), once claude with the model claude-a has thought about it."
    ),
}


@pytest.mark.parametrize("command", PLACES)
def test_where_requests_go_is_told_as_it_is(tmp_path: Path, command: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            assert PLACES[command] in await person.told(command)
            told = await person.told("!/set(seed=4)")
            assert ("seed is left out at claude: Anthropic Messages has no seed" in told) is ("hybrid" not in command)

    run(scene())
