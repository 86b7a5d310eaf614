"""Commands are carried out and answered, and go nowhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from xxhash import xxh3_64_hexdigest

from backstory.core.records import Conversation
from backstory.errors import StoreError
from backstory.stages.visit import Visit
from backstory.wires import WIRES
from tests.rig import PATHS, asking, rig
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import echoing, stored, thread

LONG = "I have been told that the old galley in the northern harbour carries {0} barrels of tar, {0} of rope and a lantern of brass."


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_command_is_answered_here_and_leaves_nothing(tmp_path: Path, wire: object) -> None:
    name = getattr(wire, "name", "")

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing(name)) as one:
            talk = Talk(one, wire=name)
            assert "Stored: 0 turns" in await talk.told("VCSTATUS")
            assert talk.id in talk.messages[-1][1]
            first = talk.id
            assert await talk.say("Hello there.") == "Answer 1."
            assert talk.id == first, "what begins with a command goes on in the same conversation"
            assert "Stored: 2 turns" in await talk.told("vcstatus")
            await talk.say("And on.")
            assert [turn.text for turn in thread(one, first).path] == ["Hello there.", "Answer 1.", "And on.", "Answer 2."]
            assert await stored(one, lambda store: store.counts()["turns"]) == 4
            assert one.engine.metrics.commands == 2
            assert not one.failures()

    asyncio.run(work())


def test_two_talks_that_begin_with_the_same_command_never_meet(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing()) as one:
            talks = [Talk(one, wire="anthropic") for _ in range(3)]
            for talk in talks:
                await talk.told("VCLABEL")
            for number, talk in enumerate(talks):
                await talk.say(f"I am number {number}.")
            assert len({talk.id for talk in talks}) == 3
            for talk in talks:
                assert len(thread(one, talk.id).path) == 2

    asyncio.run(work())


def test_a_label_lasts_and_names_one_conversation(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk, other = Talk(one), Talk(one)
            assert await talk.told("VCLABEL My ship") == "This conversation is now called 'My ship'."
            await other.say("Hi!")
            assert "is called 'my SHIP' already" in await other.told("!/label(my SHIP)")
            assert "1 to 80" in await other.told("VCLABEL " + "x" * 81)
            await one.restart()
            assert await talk.told("VCLABEL") == "This conversation is called 'My ship'."
            await talk.say("Hello. !/label(Boat)")
            assert texts_sent(one) == ["Hello."]
            assert "Label: Boat" in await talk.told("!/status")
            assert await talk.told("VCLABEL none") == "This conversation has no label any more."

    asyncio.run(work())


def test_the_list_shows_what_is_ones_own(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path, principal="api_key"), echoing("openai_chat")) as one:
            ann, bob = Talk(one, b"Authorization: Bearer ann"), Talk(one, b"Authorization: Bearer bob")
            await ann.say("Hello from Ann.")
            await ann.told("VCLABEL Anns")
            await bob.say("Hello from Bob.")
            listed = await bob.told("VCLIST")
            assert bob.id[:8] in listed
            assert "this one" in listed
            assert "Anns" not in listed
            assert "No conversation of yours" in await bob.told("VCATTACH Anns")
            assert "No conversation of yours" in await bob.told(f"VCATTACH {ann.id}")
            assert "No conversation of yours" in await bob.told(f"VCMERGE INTO {ann.id[:8]}")

    asyncio.run(work())


def test_memory_off_lasts(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: ship")
            for number in range(5):
                await talk.say(LONG.format(number))
            await talk.say("Thank you! !/memory(off)")
            assert texts_sent(one)[-1] == "Thank you!"
            talk.forget_all_but(0)
            await one.restart()
            await talk.say("What does the galley in the northern harbour carry?")
            assert len(texts_sent(one)) == 1
            assert "<recalled>" not in texts_sent(one)[0]
            assert "off" in await talk.told("!/memory(status)")
            assert "now on" in await talk.told("!/memory(ON)")
            talk.forget_all_but(0)
            await talk.say("And the lantern in the galley, what is it made of?")
            assert "<recalled>" in texts_sent(one)[-1]
            assert await stored(one, lambda store: store.counts()["turns"]) == 16, "turns are stored all the while"

    asyncio.run(work())


def test_who_asks_about_oneself_among_others_is_told_what_they_have_said(tmp_path: Path) -> None:
    ann, bo = "[Telegram Ann id:1 2026-11-26 05:00 UTC] ", "[Telegram Bo id:2 2026-11-26 05:01 UTC] "

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: crew")
            await talk.say(ann + "I'm Annika and I work as a welder.")
            await talk.say(bo + "I'm Bogdan and I work as a baker.")
            for number in range(3):
                await talk.say(ann + LONG.format(number))
            for before, own, other in ((ann, "welder", "baker"), (bo, "baker", "welder")):
                told = await talk.told(before + "VCRECALL who am I?")
                assert own in told
                assert other not in told

    asyncio.run(work())


def test_recall_shows_what_it_finds_and_what_is_carried(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: ship")
            await talk.say("My dog is called Bella.")
            for number in range(4):
                await talk.say(LONG.format(number))
            found = await talk.told("VCRECALL What is my dog called?")
            turn = thread(one, talk.id).path[0]
            assert "#1 (" in found
            assert f"turn {turn.id}, in your history already) User: My dog is called Bella." in found
            talk.forget_all_but(2)
            found = await talk.told("!/recall(What is my dog called?)")
            assert f"turn {turn.id}) User: My dog is called Bella." in found
            await talk.say("What is my dog called?")
            assert "My dog is called Bella." in texts_sent(one)[-1], "recall brings what the command has shown"
            assert "Nothing in memory" in await talk.told("VCRECALL zeppelins over Patagonia")
            assert "(Backstory" not in str([turn.text for turn in thread(one, talk.id).path])

    asyncio.run(work())


def test_compact_folds_now_and_says_what_it_did(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say("Hello.")
            assert "below 4" in await talk.told("VCCOMPACT")
            for number in range(12):
                await talk.say(
                    LONG.format(number) + " So said the mate. And nobody knew why, nor asked, for it was a cold and rainy day." * 3
                )
            before = len(one.sent.body)
            told = await talk.told("VCCOMPACT")
            assert told.startswith("Turns 1 to 24 ")
            assert "newest 2 stay" in told
            await one.restart()
            await talk.say("On we go.")
            assert b"cache_kept=" in talk.head
            assert len(one.sent.body) < before / 2
            assert "<digest>" in "".join(texts_sent(one))
            sent = texts_sent(one)
            await talk.say("And on.")
            assert texts_sent(one)[: len(sent)] == sent, "what went up goes up again"
            assert "turns 1 to 24 are folded" in await talk.told("VCSTATUS")
            await talk.told("!/memory(off)")
            assert "memory is off" in await talk.told("VCCOMPACT")

    asyncio.run(work())


def test_a_fold_on_request_is_told_as_a_moved_prefix(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            for number in range(12):
                await talk.say(LONG.format(number) * 3)
            await talk.told("VCCOMPACT")
            await talk.say("On we go.")
            assert b"cache_kept=0" in talk.head
            await talk.say("And on.")
            assert b"cache_kept=1" in talk.head

    asyncio.run(work())


def test_a_command_is_not_sent_on_for_want_of_time(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            for number in range(4):
                await talk.say(LONG.format(number))
        async with rig(commanded(tmp_path, deadline_ms=0.001), echoing("openai_chat")) as one:
            talk.one = one
            assert "8 turns" in await talk.told("VCSTATUS")
            await talk.say("Go on. !/memory(off)")
            assert texts_sent(one)[-1] == "Go on.", "struck, however late memory is"
            assert "off" in await talk.told("!/memory")

    asyncio.run(work())


@pytest.mark.parametrize("error", [StoreError("the disk is full"), RuntimeError("a fault")], ids=["store", "fault"])
def test_a_command_that_breaks_is_not_sent_on(tmp_path: Path, error: Exception) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:

            async def broken(visit: Visit, argument: str) -> str:
                raise error

            talk = Talk(one)
            await talk.say("Hello.")
            assert one.engine.command is not None
            one.engine.command._handlers["status"] = one.engine.command._handlers["memory"] = broken
            told = await talk.told("VCSTATUS")
            assert "could not be done" in told
            assert "Nothing of it was sent" in told
            told = await talk.told("Go on. !/memory(off)")
            assert "could not be done" in told
            assert "Your message was not sent to the model" in told
            await talk.say("On we go.")
            assert texts_sent(one) == ["Hello.", "Answer 1.", "On we go."]

    asyncio.run(work())


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            assert "Did you mean VCSTATUS or !/status?" in await talk.told("!/stauts")
            assert await talk.told("VCSTAUS") == "There is no command VCSTAUS. Did you mean VCSTATUS? VCHELP lists them all."
            assert await talk.told("!/quux(other)") == "There is no command !/quux. !/help lists them all."
            assert "one of: on, off, status" in await talk.told("!/memory(perhaps)")
            assert "Usage: VCMERGE" in await talk.told("VCMERGE sideways x")
            assert "!/undo" in await talk.told("!/help")
            assert talk.id in await talk.told("!/hello")

    asyncio.run(work())


def test_where_commands_are_off_they_go_to_the_model(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path, enabled=False), echoing("openai_chat")) as one:
            talk = Talk(one)
            for text in ("VCSTATUS", "!/status", "Go on. !/memory(off)"):
                await talk.say(text)
                assert not talk.local
                assert texts_sent(one)[-1] == text

    asyncio.run(work())


ASIDE = {
    "a title": {
        "messages": [{"role": "user", "content": "Generate a title for this conversation:\n"}, {"role": "user", "content": "VCSTATUS"}]
    },
    "a router": {
        "messages": [{"role": "system", "content": "You are a specialized Task Routing AI"}, {"role": "user", "content": "VCSTATUS"}],
    },
    "an answer in JSON": {"messages": [{"role": "user", "content": "VCSTATUS"}], "response_format": {"type": "json_object"}},
    "several answers": {"messages": [{"role": "user", "content": "VCSTATUS"}], "n": 2},
    "memory off for once": {"messages": [{"role": "user", "content": "VCSTATUS"}]},
    "an assistant's words": {"messages": [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": "VCSTATUS"}]},
}


@pytest.mark.parametrize("name", ASIDE)
def test_what_is_no_persons_command_goes_up_as_it_came(tmp_path: Path, name: str) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            body = json.dumps({"model": "m", **ASIDE[name]}).encode()  # type: ignore[dict-item]
            headers = (b"X-VC-Memory: off",) if name == "memory off for once" else ()
            await one.ask(PATHS["openai_chat"], body, *headers)
            assert one.sent.body == body

    asyncio.run(work())


def test_where_the_provider_keeps_replies_the_next_request_builds_on_the_last_of_them(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_responses")) as one:

            async def ask(text: str, previous: str | None) -> str:
                more = {"previous_response_id": previous} if previous else {}
                _, body = await one.ask(
                    PATHS["openai_responses"], json.dumps({"model": "m", "input": text, "store": True, **more}).encode()
                )
                name: str = json.loads(body)["id"]
                return name

            first = await ask("VCLABEL ship", None)
            second = await ask("VCSTATUS", first)
            assert one.upstream.received == []
            third = await ask("Hello.", second)
            assert json.loads(one.sent.body)["previous_response_id"] is None
            fourth = await ask("VCSTATUS", third)
            fifth = await ask("!/memory(on)", fourth)
            await ask("And?", fifth)
            assert json.loads(one.sent.body)["previous_response_id"] == third == "resp_1"
            assert len(one.upstream.received) == 2
            (record,) = [record for record, _ in await _conversations(one)]
            assert record.label == "ship"

    asyncio.run(work())


async def _conversations(one: object) -> list[tuple[Conversation, int]]:
    found = await stored(one, lambda store: store.conversations(None))  # type: ignore[arg-type]
    assert isinstance(found, list)
    return found


def test_a_gemini_stream_without_events_is_an_array(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("gemini")) as one:
            body = asking("gemini", [("user", "VCHELP")])
            head, answered = await one.ask("/v1beta/models/m:streamGenerateContent", body)
            assert b"application/json" in head
            assert "VCSTATUS" in json.loads(answered)[0]["candidates"][0]["content"]["parts"][0]["text"]
            head, answered = await one.ask("/v1beta/models/m:streamGenerateContent?alt=sse", body)
            assert b"text/event-stream" in head
            assert answered.startswith(b"data: {")

    asyncio.run(work())


def test_the_proof_names_what_the_client_sent(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            for first in ("VCSTATUS", "Hello. !/memory(on)"):
                await talk.told(first) if first == "VCSTATUS" else await talk.say(first)
            await talk.say("On.")
            came = asking("openai_chat", talk.messages[:-1])
            assert f"in={xxh3_64_hexdigest(came)},out={xxh3_64_hexdigest(one.sent.body)}".encode() in talk.head
            assert one.engine.metrics.differing == 2

    asyncio.run(work())


def test_a_command_from_a_client_with_a_session_is_kept_under_it(tmp_path: Path) -> None:
    """The label of a conversation that has no turn yet, after a restart, by a client that tells its own session."""

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s1", b"User-Agent: opencode/1.18")
            await talk.told("VCLABEL ship")
            await one.restart()
            talk.forget_all_but(0)
            assert "'ship'" in await talk.told("VCLABEL")

    asyncio.run(work())
