"""A client goes on sending what was forgotten, asks it again, or has its answer under way: it stays forgotten, and the rest is whole."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.faces import ledger
from backstory.app.faces import stored as faces
from backstory.config import Config
from backstory.core.legs import Call
from backstory.core.records import Conversation, Turn
from backstory.core.store import Store
from backstory.errors import NotFound
from backstory.memory.reading.requests import Reading
from backstory.stages.visit import Visit
from tests.relay.world import Upstream
from tests.rig import QUICK, Rig, reply, rig, said, soon
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import echoing, stored

SECRET = "My codeword is quokka."


def whole(turns: list[Turn]) -> bool:
    """Whether each turn's parent is there and before it."""
    by_id = {turn.id: turn for turn in turns}
    return all(turn.parent in by_id and by_id[turn.parent].position < turn.position for turn in turns if turn.parent)


async def turns_of(one: Rig, name: str) -> list[Turn]:
    found = await stored(one, lambda store: store.turns(name))
    assert isinstance(found, list)
    return found


async def remove(one: Rig, name: str, *texts: str) -> None:
    """Forget at once the turns that say these; "" for the whole conversation."""

    def work(store: Store) -> None:
        ids = [turn.id for turn in store.turns(name) if any(text in turn.text for text in texts)] if all(texts) else []
        store.forget(None, name, ids, time.time())

    await stored(one, work)
    assert await one.engine._forgotten.look()


HEADERS: list[tuple[bytes, ...]] = [(), (b"x-session-id: s",)]


@pytest.mark.parametrize("headers", HEADERS, ids=("by what was said", "by name"))
@pytest.mark.parametrize("restarted", [False, True])
def test_the_newest_exchange_stays_forgotten(tmp_path: Path, headers: tuple[bytes, ...], restarted: bool) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, *headers)
            await talk.say("I like tea.")
            await talk.say(SECRET)
            name = talk.id
            await stored(one, lambda store: None)
            await remove(one, name, "quokka", "Answer 2.")
            for text in ("And now?", "And then?"):
                if restarted:
                    await one.restart()
                await talk.say(text)
                assert talk.id == name
                assert SECRET in texts_sent(one), "the client's own history goes up as it came"
            turns = await turns_of(one, name)
            assert [turn.text for turn in turns] == ["I like tea.", "Answer 1.", "And now?", "Answer 3.", "And then?", "Answer 4."]
            assert whole(turns)

    asyncio.run(work())


def test_all_of_it_stays_forgotten(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say(SECRET)
            name = talk.id
            await stored(one, lambda store: store.forget(None, name, (), time.time()))
            await one.engine._forgotten.look()
            await talk.say("And now?")
            assert talk.id != name
            await talk.say("And then?")
            assert [turn.text for turn in await turns_of(one, talk.id)] == ["And now?", "Answer 2.", "And then?", "Answer 3."]

    asyncio.run(work())


def test_what_is_said_anew_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s")
            await talk.say("I like tea.")
            await talk.say(SECRET)
            await stored(one, lambda store: None)
            await remove(one, talk.id, "quokka")
            await talk.say(SECRET)
            other = Talk(one)
            await other.say("I like tea.")
            await other.say(SECRET)
            assert [turn.text for turn in await turns_of(one, talk.id)][-2:] == [SECRET, "Answer 3."]
            assert [turn.text for turn in await turns_of(one, other.id)][-2] == SECRET

    asyncio.run(work())


def test_the_end_of_a_history_that_holds_it_brings_nothing_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s")
            for text in ("I like tea.", "It rains.", SECRET):
                await talk.say(text)
            await stored(one, lambda store: None)
            await remove(one, talk.id, "quokka", "Answer 3.")
            talk.forget_all_but(2)
            await talk.say("And now?")
            turns = await turns_of(one, talk.id)
            assert [turn.text for turn in turns] == ["I like tea.", "Answer 1.", "It rains.", "Answer 2.", "And now?", "Answer 4."]

    asyncio.run(work())


def test_asked_again_its_answer_is_forgotten_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s")
            await talk.say("I like tea.")
            await talk.say(SECRET)
            await stored(one, lambda store: None)
            await remove(one, talk.id, "quokka", "Answer 2.")
            del talk.messages[-2:]
            await talk.say(SECRET)
            await one.restart()
            await talk.say("And now?")
            turns = await turns_of(one, talk.id)
            assert [turn.text for turn in turns] == ["I like tea.", "Answer 1.", "And now?", "Answer 4."]
            assert whole(turns)

    asyncio.run(work())


async def slowly(config: Config, meanwhile: str, again: bool) -> tuple[list[Turn], Rig]:
    """A talk of three exchanges; the answer to a fourth message, or (`again`) a second one to the third, is under way while the turns that
    say `meanwhile` are forgotten. Its turns in the end."""
    gate = asyncio.Event()
    gate.set()
    count = [0]

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            count[0] += 1
            number = count[0]
            await gate.wait()
            writer.write(reply(said("openai_chat", f"Answer {number}.", number)))
            await writer.drain()

    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    one = Rig(config, upstream, server.sockets[0].getsockname()[1], QUICK)
    await one.start()
    try:
        talk = Talk(one, b"x-session-id: s")
        for text in ("I like tea.", "It rains.", SECRET):
            await talk.say(text)
        name = talk.id
        await stored(one, lambda store: None)
        gate.clear()
        if again:
            del talk.messages[-2:]
        under_way = asyncio.create_task(talk.say(SECRET if again else "And now?"))
        await soon(lambda: count[0] == 4)
        await remove(one, name, meanwhile)
        gate.set()
        await under_way
        await stored(one, lambda store: None)
        await talk.say("And then?")
        assert (talk.id == name) == bool(meanwhile)
        return await turns_of(one, talk.id), one
    finally:
        gate.set()
        await one.stop()
        server.close()
        await upstream.end()


@pytest.mark.parametrize("meanwhile", ["It rains.", "Answer 3.", "I like tea.", "quokka"])
def test_what_is_under_way_meanwhile_hangs_on_what_is_left(tmp_path: Path, meanwhile: str) -> None:
    turns, _ = asyncio.run(slowly(commanded(tmp_path), meanwhile, False))
    every = ["I like tea.", "Answer 1.", "It rains.", "Answer 2.", SECRET, "Answer 3.", "And now?", "Answer 4.", "And then?", "Answer 5."]
    assert [turn.text for turn in turns] == [text for text in every if meanwhile not in text]
    assert whole(turns)


def test_an_answer_under_way_to_what_is_forgotten_is_forgotten_too(tmp_path: Path) -> None:
    turns, _ = asyncio.run(slowly(commanded(tmp_path), "quokka", True))
    assert [turn.text for turn in turns] == [
        *("I like tea.", "Answer 1.", "It rains.", "Answer 2.", "Answer 3.", "And then?", "Answer 5."),
    ]
    assert whole(turns)


def test_what_is_under_way_goes_with_the_whole(tmp_path: Path) -> None:
    turns, _ = asyncio.run(slowly(commanded(tmp_path), "", False))
    assert [turn.text for turn in turns] == ["And then?", "Answer 5."]


def test_a_forget_in_a_branch_hides_in_all_and_comes_back_in_all(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            trunk = Talk(one, b"x-session-id: a")
            await trunk.say("I like tea.")
            await trunk.say(SECRET)
            twig = Talk(one, b"x-session-id: b")
            twig.messages = list(trunk.messages)
            await twig.say("Another way.")
            await trunk.say("On.")
            assert trunk.id != twig.id
            await twig.told("VCFORGET quokka")
            for talk in (trunk, twig):
                assert "quokka." not in await talk.told("VCRECALL what is my codeword")
                assert "Being forgotten: 1 turn" in await talk.told("VCSTATUS")
            assert "Taken back" in await trunk.told("!/undo")
            for talk in (trunk, twig):
                assert SECRET in await talk.told("VCRECALL what is my codeword")

    asyncio.run(work())


def test_a_digest_and_a_block_that_tell_of_it_do_not_go_up_any_more(tmp_path: Path) -> None:
    config = commanded(tmp_path)
    config = replace(config, compaction=replace(config.compaction, context_window=3000))

    async def work() -> None:
        async with rig(config, echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s")
            await talk.say(SECRET)
            for number in range(12):
                await talk.say(f"Message {number}: " + f"the harbour has {number} ships and a pier. " * 30)
            await talk.say("What is my codeword?")
            before = one.sent.body
            assert before.count(b"quokka") > 0
            assert SECRET not in texts_sent(one)
            await talk.told("VCFORGET quokka")
            await talk.say("On we go.")
            assert b"quokka" not in one.sent.body
            await one.restart()
            await talk.say("And on.")
            assert b"quokka" not in one.sent.body
            assert "Taken back" in await talk.told("!/undo")
            await talk.say("What was my codeword again?")
            assert b"quokka" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_no_tool_and_no_command_shows_it_while_it_waits(tmp_path: Path) -> None:
    config = commanded(tmp_path)
    config = replace(config, compaction=replace(config.compaction, context_window=3000))
    secret = "I prefer the quokka lamp, and my codeword is quokka."
    queries = {
        "vc_expand_topic": '{"topic":"codeword","depth":"full"}',
        "vc_find_quote": '{"query":"codeword"}',
        "vc_recall_all": "{}",
        "vc_query_facts": '{"subject":"","verb":"","object":"","status":""}',
        "vc_remember_when": '{"query":"codeword","time_range":"last 7 days"}',
        "vc_search_summaries": '{"query":"codeword"}',
        "vc_find_session": '{"query":"codeword"}',
    }

    async def work() -> None:
        async with rig(config, echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: s")
            await talk.say(secret)
            for number in range(12):
                await talk.say(f"Message {number}: " + f"the harbour has {number} ships and a pier. " * 30)
            await talk.say("What is my codeword?")
            request = talk.head.partition(b"X-VC-Request: ")[2].partition(b"\r\n")[0].decode()
            assert "quokka" in str(await one.engine.why(request))

            found = await stored(one, lambda store: store.whose(talk.id))
            assert isinstance(found, Conversation)
            principal = found.principal

            async def shown() -> str:
                assert one.engine.threads is not None
                thread = await one.engine.threads.by_id(principal, talk.id, "")
                assert thread is not None
                visit = Visit(thread, Reading(b"", [], [], 0), "", upto=len(thread.path))
                desk = one.engine.paging.desk(visit, lambda _: None)
                told = [await desk.answer([Call(name, name, query)], 9) for name, query in queries.items()]

                def read(store: Store) -> list[object]:
                    record = faces.find(store, talk.id)
                    rows = [faces.story(store, record, raw=True), faces.facts(store, record, "", "", "", "")]
                    return [*rows, ledger.ledger(store, record), faces.recalled(store, "my codeword", record, 900, 0.0)]

                facts = await one.engine.facts(principal, talk.id)
                return f"{told} {facts} {await stored(one, read)}"

            before = await shown()
            assert "quokka" in before
            await talk.told("VCFORGET quokka")
            assert "quokka" not in await shown()
            with pytest.raises(NotFound):
                await one.engine.why(request)
            await talk.told("!/undo")
            assert "quokka" in str(await one.engine.why(request))
            # A segment that was not stored before may have it among its topics by now.
            assert (await shown()).count("quokka") >= before.count("quokka")

    asyncio.run(work())
