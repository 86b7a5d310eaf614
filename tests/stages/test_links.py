"""Whose memory is searched from where: links are followed, and nothing but what the user owns is reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from msgspec.structs import replace

from backstory.core.edits import AppendText
from backstory.core.exchange import Exchange, Head
from backstory.core.records import Conversation, Injection
from backstory.memory.folding.continuity import LABEL
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.desk import Desk
from backstory.stages.links import Linked, Links
from backstory.stages.visit import Visit, Visits
from tests.rig import Rig, rig
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import echoing, stored

DOG = "My dog is called Bella and she is three years old."
CAT = "My neighbour's cat is called Mozart and sleeps on the stove."


async def _turns(one: Rig) -> int:
    """How many are stored."""
    found = await stored(one, lambda store: store.counts()["turns"])
    assert isinstance(found, int)
    return found


async def _old(one: Rig, label: str, *texts: str) -> Talk:
    """A talk that is over."""
    talk = Talk(one, b"X-VC-Conversation: " + label.encode())
    for text in texts:
        await talk.say(text)
    await talk.told(f"VCLABEL {label}")
    return talk


def test_what_an_attached_conversation_knows_is_recalled(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            old = await _old(one, "pets", DOG, "It rains today.")
            talk = Talk(one)
            await talk.say("What is my dog called?")
            assert texts_sent(one) == ["What is my dog called?"]
            told = await talk.told("VCATTACH PETS")
            assert f"'pets' ({old.id[:8]}) knows (4 turns)" in told
            await talk.say("And how old is my dog?")
            sent = texts_sent(one)
            assert DOG in sent[-1]
            assert f"Earlier in another conversation, 'pets' ({old.id[:8]}):" in sent[-1]
            assert b"X-VC-Stats" in talk.head
            lines = (await one.engine.why(talk.id)).lines
            assert {(line.conversation, line.kind) for line in lines} == {(old.id, "elsewhere")}
            assert (1, DOG) in [(line.number, line.text) for line in lines]
            await one.restart()
            await talk.say("Thank you.")
            assert texts_sent(one)[: len(sent)] == sent, "what went up goes up again"
            await talk.say("What is my dog called, and how old is she?")
            assert DOG not in texts_sent(one)[-1], "it is in the payload already"
            assert "Searched too: pets" in await talk.told("VCSTATUS")
            assert "pets #1" in await talk.told("VCRECALL my dog")
            assert "Searched from here, too: 'pets'" in await talk.told("VCMERGESTATUS")
            assert "No longer searched" in await talk.told("VCATTACH none")
            await one.restart()
            assert "Searched too: no other" in await talk.told("VCSTATUS")
            assert not one.failures()

    asyncio.run(work())


def test_a_conversation_of_a_project_is_linked_by_the_name_that_its_client_gave_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            old = Talk(one, b"X-VC-Conversation: kennel", b"X-VC-Project: animals")
            for said in (DOG, "It rains today."):
                await old.say(said)
            talk = Talk(one, b"X-VC-Conversation: new", b"X-VC-Project: animals")
            await talk.say("Hello there.")
            assert f"what {old.id[:8]} knows" in await talk.told("VCATTACH kennel")
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("floor", [0.0, 0.99])
def test_what_is_worth_too_little_is_not_recalled_by_a_link_and_found_by_a_search(tmp_path: Path, floor: float) -> None:
    async def work() -> None:
        config = commanded(tmp_path)
        async with rig(replace(config, memory=replace(config.memory, min_importance=floor)), echoing("openai_chat")) as one:
            await _old(one, "pets", DOG, "It rains today.")
            talk = Talk(one)
            await talk.say("Hello there.")
            await talk.told("VCATTACH pets")
            await talk.say("What is my dog called?")
            assert (DOG in texts_sent(one)[-1]) == (not floor)
            assert "pets #1" in await talk.told("VCRECALL my dog")

    asyncio.run(work())


def test_what_the_payload_has_lost_is_recalled_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            await _old(one, "pets", DOG, "It rains today.")
            talk = Talk(one, b"X-VC-Conversation: cutting")
            await talk.say("Hello there.")
            await talk.told("VCATTACH pets")
            await talk.say("And how old is my dog?")
            assert DOG in texts_sent(one)[-1]
            await talk.say("Thank you. And my dog is called?")
            assert DOG not in texts_sent(one)[-1], "it stands in the message before"
            for number in range(4):
                await talk.say(f"Chapter {number} of the book is about the sea.")
                talk.forget_all_but(2)
            await talk.say("And how old is my dog?")
            assert DOG in texts_sent(one)[-1]
            assert not one.failures()

    asyncio.run(work())


def test_links_are_followed_on_and_never_in_a_circle(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            first = await _old(one, "first", DOG)
            second = await _old(one, "second", CAT)
            third = Talk(one)
            await third.say("Hello.")
            assert "Through it" not in await second.told(f"!/attach({first.id[:6]})")
            told = await third.told("VCATTACH second")
            assert f"searched as well: 'first' ({first.id[:8]})" in told
            await third.told("VCLABEL third")
            for talk, target in ((first, "third"), (second, "third"), (first, "second"), (first, "first")):
                assert "circle" in await talk.told(f"VCATTACH {target}"), target
            for target in ("first", "third"):
                told = await third.told(f"VCMERGE PREVIEW {target}")
                assert "circle" in told, "the preview says what the merge would"
                assert told == await third.told(f"VCMERGE INTO {target}")
            assert "already" in await third.told("VCATTACH second")
            await third.say("What are my dog and my neighbour's cat called?")
            assert DOG in texts_sent(one)[-1]
            assert CAT in texts_sent(one)[-1]

    asyncio.run(work())


def test_a_merge_is_recalled_from_the_target_and_moves_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            target = await _old(one, "home", "I live in a house by the sea.")
            talk = await _old(one, "pets", DOG)
            before = await _turns(one)
            preview = await talk.told("VCMERGE PREVIEW home")
            assert "'home'" in preview
            assert "Nothing was changed" in preview
            assert "2 turns" in preview
            await target.say("What is my dog called?")
            assert DOG not in texts_sent(one)[-1]
            assert "recalled in 'home'" in await talk.told("vcmerge into HOME")
            assert "already" in await talk.told("!/merge(into home)")
            assert "already" in await talk.told("VCMERGE PREVIEW home")
            await target.say("And how old is my dog?")
            assert DOG in texts_sent(one)[-1]
            assert f"Searching here, too: {target.id[:8]}" in await talk.told("VCMERGESTATUS")
            assert await _turns(one) == before + 4
            assert "No conversation of yours" in await talk.told("VCMERGE PREVIEW nothing")

    asyncio.run(work())


def test_a_project_is_searched_by_all_of_its_conversations(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            await (await _old(one, "pets", DOG)).told("!/project(home)")
            other = await _old(one, "cats", CAT)
            talk = Talk(one)
            await talk.say("Tell me, what is my dog called? !/project(home)")
            assert DOG in texts_sent(one)[-1]
            assert texts_sent(one)[-1].startswith("Tell me, what is my dog called?\n")
            assert CAT not in texts_sent(one)[-1]
            assert "with 1 other conversation." in await talk.told("!/project")
            assert "project 'home'" in await other.told("VCLIST")
            assert "no project any more" in await talk.told("!/project(none)")
            await talk.say("How old is my dog?")
            assert "<recalled>" not in texts_sent(one)[-1]

    asyncio.run(work())


def test_what_is_kept_apart_stays_apart(tmp_path: Path) -> None:
    """Another X-VC-Project header, another key, and a conversation whose memory is off."""

    async def work() -> None:
        async with rig(commanded(tmp_path, principal="api_key"), echoing("openai_chat")) as one:
            key = b"Authorization: Bearer ann"
            elsewhere = Talk(one, key, b"X-VC-Project: p")
            await elsewhere.say(DOG)
            await elsewhere.told("VCLABEL elsewhere")
            quiet = Talk(one, key)
            await quiet.say(CAT)
            await quiet.told("VCLABEL quiet")
            stranger = Talk(one, b"Authorization: Bearer bob")
            await stranger.say("My dog is called Rex and lives in a barrel.")
            await stranger.told("!/project(home)")
            talk = Talk(one, key)
            await talk.say("Hello. !/project(home)")
            assert "kept apart" in (await talk.told("VCATTACH elsewhere")) or "keeps it apart" in talk.messages[-1][1]
            await talk.told("VCATTACH quiet")
            await quiet.told("!/memory(off)")
            await talk.say("What are my dog and my neighbour's cat called?")
            assert "<recalled>" not in texts_sent(one)[-1]

    asyncio.run(work())


def test_an_ambiguous_name_is_asked_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say("Hello.")
            assert "No conversation of yours" in await talk.told("VCATTACH x")
            short = talk.id[:3]
            assert "No conversation of yours" in await talk.told(f"VCATTACH {short}"), "three characters are too few"
            assert "circle" in await talk.told(f"VCATTACH {talk.id[:4]}")

    asyncio.run(work())


def test_a_conversation_is_named_as_its_client_names_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            pets = Talk(one, b"X-VC-Conversation: our pets")
            await pets.say(DOG)
            await one.restart()
            talk = Talk(one)
            await talk.say("Hello.")
            assert f"{pets.id[:8]} knows" in await talk.told("VCATTACH our pets")
            assert "No conversation of yours" in await talk.told("VCATTACH our pet")
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("behind", [True, False])
def test_what_is_recalled_from_elsewhere_stands_where_blocks_stand(behind: bool) -> None:
    thread = Thread(Conversation("a", "", 0, 0), b"")
    visit = Visit(thread, Reading(b"", [], [], 0), "", behind=behind)
    visit.injection = Injection("a", b"1", "Own.", (1,), 2, 0.0)
    linked = Linked(Visits(), cast(Desk, SimpleNamespace(clock=float)), cast(Links, None))
    came = Exchange(1, Head("POST", "/", "", ()), b"", edits=(("recall", AppendText(0, "Own.", behind)),))
    for text, where in (("Elsewhere.", behind), (f"{LABEL} Plans.", False)):
        made = linked._inject(came, visit, 0, Injection("a", b"1", text, (2,), 2, 0.0))
        assert made.edits[-1][1] == AppendText(0, visit.injection.text, where)
