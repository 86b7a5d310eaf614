"""What a person has set holds for all that a request turns out to be: several legs, a client's own summary, an answer that is made over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from tests.app.test_wishes import KEY, NOTHING, PLACES, PROVIDERS, asker, inside
from tests.paging import QUOTE, history, tools
from tests.relay.world import run
from tests.rig import PATHS
from tests.routed import Person, two
from tests.stages.world import stored

EVERY = pytest.mark.parametrize("wire", list(PATHS))
PAGED = (
    "memory: {threshold_messages: 4}\ncompaction: {context_window: 6000, protected_recent_turns: 1}\nmarker: never\n"
    "recall: {budget_tokens: 600, deadline_ms: 20000}\n"
)
CALLS = Reply((QUOTE,), "tool_calls", Usage(1, 1))
DONE = Reply((Text("It is in the locker."),), "stop", Usage(1, 1))


async def folded(person: Person, wire: str) -> None:
    """A history that is folded at once, in which our tools are offered."""
    person.more |= {"tools": tools(wire)}
    person.messages = history()
    await person.say("What now?")


@EVERY
def test_every_leg_goes_where_it_was_said(tmp_path: Path, wire: str) -> None:
    provider = "openai_chat" if wire == "anthropic" else "anthropic"
    text = PAGED + f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, wire: {provider}, api_key_env: PROV_KEY}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            person = asker(one, wire)
            await folded(person, wire)
            assert "vc_find_quote" in json.dumps(person.body), "our tools are offered"
            await person.say("Far. !/model(prov:far)")
            await person.told("!/temperature(0.5)")
            one.other.received.clear()
            one.other.replies = (CALLS, DONE)
            assert await person.say("Where is the code?") == "It is in the locker."
            assert len(one.other.received) == 2
            for leg in one.other.received:
                body = json.loads(leg.body)
                assert (body["model"], body["temperature"]) == ("far", 0.5)
                assert b"server-key" in leg.head
            assert b"tangerine-4711" in one.other.received[-1].body
            assert one.failures() == {}

    run(scene())


@EVERY
def test_every_leg_has_what_was_set(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PAGED) as one:
            person = asker(one, wire)
            await folded(person, wire)
            await person.told("!/temperature(0.5)")
            await person.told("!/model(new-one)")
            one.own.received.clear()
            one.own.replies = (CALLS, DONE)
            assert await person.say("Where is the code?") == "It is in the locker."
            assert len(one.own.received) == 2
            for leg in one.own.received:
                body = json.loads(leg.body)
                assert inside(body, PLACES[wire]) == 0.5
                assert (b"new-one" in leg.head) if wire == "gemini" else body["model"] == "new-one"

    run(scene())


def test_what_went_up_goes_up_again_under_a_setting(tmp_path: Path) -> None:
    """Append-only: what is set moves nothing of the history."""

    async def scene() -> None:
        async with two(tmp_path, PAGED) as one:
            person = asker(one, "openai_chat")
            await person.told("!/set(temperature=0.5, model=new-one)")
            person.messages = [*person.messages, *history()]
            await person.say("What now?")
            before = person.body["messages"]
            for text in ("And the next?", "And that?"):
                await person.say(text)
                assert person.body["messages"][: len(before)] == before
                before = person.body["messages"]

    run(scene())


@EVERY
def test_a_clients_own_summary_goes_with_its_conversation(tmp_path: Path, wire: str) -> None:
    asked = "Your task is to create a detailed summary of the conversation so far, paying close attention to requests."

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire)
            await person.say("Hello. !/model(prov:far)")
            await person.say("And on.")
            await person.told("!/oneoff(claude:claude-a)")
            await person.say(asked)
            assert (person.place, person.model_heard) == ("other", "far")
            del person.messages[-2:]
            await person.say("Once.")
            assert person.model_heard == "claude-a", "a summary is not the next request"
            titled = asker(one, wire)
            titled.messages = [("user", "Generate a title for this conversation: Hello.")]
            await titled.ask()
            assert titled.place == "own"

    run(scene())


def test_an_answer_that_is_made_over_comes_from_where_it_was_said(tmp_path: Path) -> None:
    thoughts = Reply((Text("<think>Hm.</think>Yes."),), "stop", Usage(1, 1))

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "reply: {think_tags: remove}\n", KEY) as one:
            for wire in ("openai_chat", "anthropic"):
                person = asker(one, wire)
                await person.told("!/model(prov:far)")
                one.other.replies = (thoughts,)
                assert await person.say("Well?") == "Yes."
                assert person.model_heard == "far"

    run(scene())


def test_a_token_is_fetched_for_a_provider_that_was_chosen(tmp_path: Path) -> None:
    text = NOTHING + (
        "providers:\n  prov: {kind: openai_compatible, url: OTHER, auth: oauth_client, token_url: OTHER/token, client_id: me,"
        " client_secret_env: SECRET}\n"
    )

    async def scene(secret: str) -> None:
        async with two(tmp_path, text, {"SECRET": secret}) as one:
            person = asker(one, "anthropic")
            await person.told("!/model(prov:far)")
            assert one.forms == [], "not before it is needed"
            said = await person.say("Hello.")
            if secret == "wrong":
                assert (person.status, person.place) == (502, "")
                assert "no token" in said
            else:
                assert said == "Good day."
                assert person.heard is not None
                assert b"token-1" in person.heard.head
            assert len(one.engine.visits) == 0

    run(scene("right"))
    run(scene("wrong"))


def test_memory_takes_part_where_a_provider_was_chosen(tmp_path: Path) -> None:
    text = PROVIDERS.replace("threshold_messages: 100", "threshold_messages: 4") + "recall: {deadline_ms: 20000}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            person = asker(one, "openai_chat")
            await person.told("!/model(claude:claude-a)")
            for number in range(6):
                await person.say(f"Fact {number}: my codeword is walrus-4{number}, keep it well.")
            kept = person.messages[:2]
            person.messages = [*kept]
            await person.say("What is my codeword of fact 2?")
            assert person.model_heard == "claude-a"
            assert "walrus-42" in json.dumps(person.body)
            assert one.failures() == {}

    run(scene())


def test_what_was_paid_is_priced_by_the_model_that_answered(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat", model="gpt-4o")
            await person.say("Hello.")
            await person.say("Cheaper. !/model(prov:gpt-4o-mini)")
            await person.say("And on.")
            spends = await stored(one, lambda store: store.spends(person.conversation))
            assert [spend.model for spend in spends][-2:] == ["gpt-4o-mini", "gpt-4o-mini"]
            assert person.body["model"] == "gpt-4o-mini"

    run(scene())
