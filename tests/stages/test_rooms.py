"""What was said in one room is told in no other, whoever asks for it and however."""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.faces.why import explain
from backstory.config import Config
from backstory.config.sections import Compaction
from tests.rig import rig
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.test_kin import indexed
from tests.stages.world import echoing, stored

DIRECT = "[Telegram Anna id:111 2026-11-26 05:00 UTC] "
GROUP = "[Telegram Familie group id:-999 2026-11-26 05:00 UTC] "
FACT = "My diagnosis is sarcoidosis, treated by Hulst in Groningen."
QUESTION = "Who is treating the diagnosis sarcoidosis?"


async def _ask(talk: Talk, before: str) -> str:
    """What goes upstream with the question, some messages later."""
    for number in range(3):
        await talk.say(f"{before}Message {number} about football.")
    await talk.say(before + QUESTION)
    return "\n".join(texts_sent(talk.one))


def test_no_command_brings_a_direct_message_into_a_group(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            direct = Talk(one, b"X-VC-Conversation: dm")
            await direct.say(DIRECT + FACT)
            await direct.say(DIRECT + "Thank you.")
            await direct.told(DIRECT + "VCLABEL anna-dm")
            await direct.told(DIRECT + "!/project(home)")
            group = Talk(one, b"X-VC-Conversation: group")
            await group.say(GROUP + "Hello everyone.")
            for restarted in (False, True):
                if restarted:
                    await one.restart()
                for command in ("VCATTACH anna-dm", f"VCATTACH {direct.id}", "VCMERGE PREVIEW anna-dm", "VCMERGE INTO anna-dm"):
                    told = await group.told(GROUP + command)
                    assert "not said in this chat" in told, command
                    assert "sarcoidosis" not in told
                assert "circle" not in (into := await direct.told(DIRECT + f"VCMERGE INTO {group.id}"))
                assert "not said in this chat" in into
            assert "with 0 other conversations" in await group.told(GROUP + "!/project(home)")
            assert "anna-dm" not in await group.told(GROUP + "VCLIST")
            assert "Hulst" not in await _ask(group, GROUP)
            assert "Hulst" not in await group.told(GROUP + "VCRECALL sarcoidosis")
            first = Talk(one, b"X-VC-Conversation: another")
            await first.told(GROUP + "!/project(home)")
            assert "Hulst" not in await first.told(GROUP + "VCRECALL sarcoidosis")
            assert "Hulst" not in await _ask(Talk(one), ""), "nor where nobody says who is there"
            assert not one.failures()

    asyncio.run(work())


def test_a_link_of_earlier_is_not_followed_into_another_room(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            plain = Talk(one, b"X-VC-Conversation: plain")
            await plain.say(FACT)
            await plain.told("VCLABEL plain")
            other = Talk(one, b"X-VC-Conversation: other")
            await other.say("Hello.")
            assert "is recalled here" in await other.told("VCATTACH plain")
            assert "Hulst" in await _ask(other, "")
            late = Talk(one, b"X-VC-Conversation: late")
            await late.say("Hello.")
            await late.told("VCATTACH plain")
            assert "Hulst" not in await _ask(late, GROUP), "the others came in later"

    asyncio.run(work())


@pytest.mark.parametrize("attached", [True, False])
def test_what_was_told_in_private_goes_up_no_longer_once_others_are_there(tmp_path: Path, attached: bool) -> None:
    async def work() -> None:
        config = commanded(tmp_path)
        if not attached:
            config = replace(config, memory=replace(config.memory, scope="principal"))
        async with rig(config, echoing("openai_chat")) as one:
            plain = Talk(one, b"X-VC-Conversation: plain")
            await plain.say(FACT)
            await plain.say("Thank you.")
            await plain.told("VCLABEL plain")
            await indexed(one)
            other = Talk(one, b"X-VC-Conversation: other")
            if attached:
                await other.say("Hello.")
                await other.told("VCATTACH plain")
                assert "Hulst" in await _ask(other, "")
            else:
                await other.say(QUESTION)
                assert "Hulst" in "\n".join(texts_sent(one)), "at the start"
            await one.restart()
            await other.say("Go on.")
            assert "Hulst" in "\n".join(texts_sent(one)), "nobody else is there yet"
            for text in ("Hello everyone.", QUESTION):
                await other.say(GROUP + text)
                assert "Hulst" not in "\n".join(texts_sent(one))
            await one.restart()
            await other.say("Go on.")
            assert "Hulst" not in "\n".join(texts_sent(one)), "the others are still there"
            assert not one.failures()

    asyncio.run(work())


def test_the_same_room_is_one(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            direct = Talk(one, b"X-VC-Conversation: dm")
            await direct.say(DIRECT + FACT)
            await direct.say(DIRECT + "Thank you.")
            await direct.told(DIRECT + "VCLABEL anna-dm")
            for restarted in (False, True):
                if restarted:
                    await one.restart()
                again = Talk(one, b"X-VC-Conversation: dm-%d" % restarted)
                assert "is recalled here" in await again.told(DIRECT + "VCATTACH anna-dm")
                assert "anna-dm" in await again.told(DIRECT + "VCLIST")
                assert "Hulst" in await _ask(again, DIRECT)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("elsewhere", [DIRECT, "[WhatsApp Anna id:7 2026-11-26 05:00 UTC] ", ""])
def test_within_one_conversation_a_group_hears_what_was_said_in_it_alone(
    tmp_path: Path, wire: str, restarted: bool, elsewhere: str
) -> None:
    """One conversation of a client that cuts its history, part of it in a group."""

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing(wire)) as one:
            talk = Talk(one, b"X-VC-Conversation: both", wire=wire)
            await talk.say(elsewhere + FACT)
            await talk.say(GROUP + "Our match is on the field in Haren.")
            for number in range(8):
                await talk.say(f"{elsewhere if number < 4 else GROUP}Message {number} about football.")
            if restarted:
                await one.restart()
            talk.forget_all_but(0)
            await talk.say(GROUP + QUESTION)
            assert "Hulst" not in one.sent.body.decode()
            assert "Hulst" not in await talk.told(GROUP + "VCRECALL sarcoidosis")
            await talk.say(GROUP + "Where is our match?")
            assert "Haren" in one.sent.body.decode()
            talk.forget_all_but(0)
            await talk.say(elsewhere + QUESTION)
            assert "Hulst" in one.sent.body.decode()
            assert "Hulst" in await talk.told(elsewhere + "VCRECALL sarcoidosis")
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "openai_responses", "gemini"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_block_of_a_direct_message_is_not_shown_to_a_group(tmp_path: Path, wire: str, restarted: bool) -> None:
    """Its client still sends the message to which it was added, but none of what the block tells."""

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing(wire)) as one:
            talk = Talk(one, b"X-VC-Conversation: both", wire=wire)
            await talk.say(DIRECT + FACT)
            for number in range(8):
                await talk.say(f"{DIRECT if number < 6 else GROUP}Message {number} about football.")
            talk.forget_all_but(4)
            await talk.say(DIRECT + QUESTION)
            assert "Hulst" in one.sent.body.decode()
            for number in range(2):
                if restarted:
                    await one.restart()
                await talk.say(f"{GROUP}And what else is new, {number}?")
                assert "Hulst" not in one.sent.body.decode()
                assert QUESTION in one.sent.body.decode(), "what its client itself sends goes up"
            await talk.say(f"{GROUP}What was message 7 about?")
            await talk.say(DIRECT + "Remind me: " + QUESTION)
            assert "Hulst" in one.sent.body.decode()
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("restarted", [False, True])
def test_a_question_of_a_direct_message_that_is_asked_again_has_its_block_again(tmp_path: Path, restarted: bool) -> None:
    """A group has spoken since, and speaks after."""

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: both")
            await talk.say(DIRECT + FACT)
            for number in range(8):
                await talk.say(f"{DIRECT if number < 6 else GROUP}Message {number} about football.")
            talk.forget_all_but(4)
            await talk.say(DIRECT + QUESTION)
            first, kept = texts_sent(one), talk.messages[:-2]
            assert "Hulst" in first[-1]
            for _ in range(2):
                talk.messages = [*kept, ("user", DIRECT + QUESTION), ("assistant", "Answer 10.")]
                await talk.say(GROUP + "And what else is new?")
                assert "Hulst" not in one.sent.body.decode()
                if restarted:
                    await one.restart()
                for _ in range(2):
                    talk.messages = kept[:]
                    await talk.say(DIRECT + QUESTION)
                    assert texts_sent(one) == first
                await talk.say(DIRECT + "Thanks, and go on.")
                assert texts_sent(one)[: len(first)] == first
            await talk.say(GROUP + "Hello?")
            assert "Hulst" not in one.sent.body.decode()
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "openai_responses", "gemini"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_digest_tells_a_group_nothing_that_its_client_does_not_send(tmp_path: Path, wire: str, restarted: bool, compacted: bool) -> None:
    """Direct messages and a group in one conversation: each client sends its own part of it."""

    async def work() -> None:
        async with rig(_small(tmp_path), echoing(wire)) as one:
            both = b"X-VC-Conversation: both"
            direct, group = Talk(one, both, wire=wire), Talk(one, both, wire=wire)
            await direct.say(DIRECT + FACT)
            for number in range(4):
                await direct.say(f"{DIRECT}Message {number} about football. " + "It matters for the plan. " * 30)
            if compacted:
                assert "are folded" in await Talk(one, both, wire=wire).told(GROUP + "VCCOMPACT")
            digests = 0
            await group.say(GROUP + "Our match is on the field in Haren.")
            for number in range(10):
                await group.say(f"{GROUP}Message {number} about tennis. " + "It matters for the plan. " * 60)
                body = one.sent.body.decode()
                assert "Hulst" not in body
                assert "#1 " not in body
                if "<digest>" in body:
                    digests += 1
                    text = body[body.index("<digest>") : body.index("</digest>")]
                    assert "Haren" in text
                    request = group.head.partition(b"X-VC-Request: ")[2].partition(b"\r\n")[0].decode()
                    why = await stored(one, partial(explain, named=request))
                    assert [block.text for block in why.blocks if block.folded and json.dumps(block.text)[1:-1] in body]
                if restarted and number in (4, 8):
                    await one.restart()
            assert digests, "it was folded"
            direct.messages += [("user", DIRECT + "And what is next?")]
            await direct.say(DIRECT + "What do you know of my diagnosis?")
            assert "Hulst" in one.sent.body.decode()
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("own", [True, False])
def test_a_group_of_which_a_digest_has_nothing_to_tell_is_told_which_turns_are_left_out(tmp_path: Path, own: bool) -> None:
    """Not those of others: where none was said in the group, nothing is missing there."""

    async def work() -> None:
        async with rig(_small(tmp_path), echoing("openai_chat")) as one:
            both, told = b"X-VC-Conversation: both", set()
            direct, group = Talk(one, both), Talk(one, both)
            await direct.say(DIRECT + FACT)
            for number in range(36):
                said = "```\n" + "\n".join(f"x{number}_{at} = {at * number}" for at in range(20)) + "\n```"
                await (group if own else direct).say((GROUP if own else DIRECT) + said)
                if not own and number > 32:
                    await group.say(GROUP + said)
                body = one.sent.body.decode()
                if not own and number > 32:
                    assert "Hulst" not in body
                    assert "left out here" not in body
                if own and "<digest>" in body:
                    assert "Hulst" not in body
                    told.update(re.findall(r"\[#(\d+) to #\d+ are left out here; what is asked for of them is recalled\]", body))
            assert told == ({"3"} if own else set())
            assert not one.failures()

    asyncio.run(work())


def test_a_digest_stands_for_all_that_the_client_of_a_group_sends_itself(tmp_path: Path) -> None:
    """What goes up anyway may be told in short, and the prefix stays as it is whoever speaks last."""

    async def work() -> None:
        async with rig(_small(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: both")
            await talk.say(DIRECT + FACT)
            digests = set()
            for number in range(16):
                await talk.say(f"{GROUP if number % 2 else DIRECT}Message {number} about tennis. " + "It matters for the plan. " * 30)
                first = texts_sent(one)[0]
                if "<digest>" in first:
                    digests.add(first[: first.index("</digest>")])
                    assert "Hulst" in first
            assert 0 < len(digests) < 4
            assert not one.failures()

    asyncio.run(work())


def test_in_a_group_nothing_is_forgotten_that_was_not_said_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            both = b"X-VC-Conversation: both"
            direct, group = Talk(one, both), Talk(one, both)
            await direct.say(DIRECT + FACT)
            await group.say(GROUP + "My diagnosis is a cold.")
            for topic in ("Groningen", "#1", "@Anna"):
                told = await group.told(GROUP + f"VCFORGET {topic}")
                assert "Nothing in this conversation is about" in told, topic
            told = await group.told(GROUP + "VCFORGET diagnosis")
            assert "1 turn about 'diagnosis'" in told
            assert "Hulst" not in told
            assert "1 turn about" in await group.told(GROUP + "!/undo")
            assert "1 turn about 'Groningen'" in await direct.told(DIRECT + "VCFORGET Groningen")
            assert "no forget to take back" in await group.told(GROUP + "!/undo")
            assert "1 turn about 'Groningen'" in await direct.told(DIRECT + "!/undo")
            # Each client's history is a branch of its own, and one of them is the conversation's current one.
            for talk, room in ((direct, DIRECT), (group, GROUP)):
                await talk.say(room + "Go on.")
                assert "1 turn about 'cold'" in await group.told(GROUP + "VCFORGET cold")
                assert "1 turn about" in await group.told(GROUP + "!/undo")
                assert "Nothing in this conversation" in await group.told(GROUP + "VCFORGET Hulst")
            assert not one.failures()

    asyncio.run(work())


def _small(folder: Path) -> Config:
    """A window that a few messages fill."""
    return replace(commanded(folder), compaction=Compaction(context_window=3_000, protected_recent_turns=1))
