"""Two proxies on one database: a conversation may change between them with every request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch
from backstory.jobs import forgotten
from backstory.stores import neighbours
from tests.relay.world import Client, Received
from tests.rig import PATHS, Answer, Rig, asking, post, reply, rig, said, soon
from tests.stages.world import Chat, configured, echoing, stored

NAMED = (b"x-session-id: s1",)


async def turns(one: Rig) -> list[list[str]]:
    """The words of each conversation."""
    names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return [[turn.text for turn in await stored(one, lambda store, name=name: store.turns(name))] for name in names]  # type: ignore[misc]


async def alternate(one: Rig, other: Rig, wire: str, headers: tuple[bytes, ...], exchanges: int) -> Chat:
    chat: Chat = []
    for number in range(exchanges):
        here = (one, other)[number % 2]
        chat.append(("user", f"Question number {number}: what of it?"))
        head, _ = await here.ask(PATHS[wire], asking(wire, chat), *headers)
        assert head.startswith(b"HTTP/1.1 200")
        chat.append(("assistant", f"Answer {len(here.upstream.received)}."))
    return chat


@pytest.mark.parametrize("headers", [NAMED, ()], ids=["named", "by what was said"])
@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
def test_a_conversation_that_changes_its_proxy_at_every_request_stays_one(tmp_path: Path, wire: str, headers: tuple[bytes, ...]) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(wire)) as one, rig(config, echoing(wire)) as other:
            chat = await alternate(one, other, wire, headers, 12)
            for each in (one, other):
                assert each.engine.lanes is not None
                await each.engine.lanes.flush()
            assert await turns(one) == [[text for _, text in chat]]
            assert not one.failures()
            assert not other.failures()

    asyncio.run(work())


def test_what_another_process_has_answered_and_is_asked_again_here_is_not_taken_for_new(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("anthropic")) as one, rig(config, echoing("anthropic")) as other:
            chat: Chat = [("user", "A."), ("assistant", "Answer 1."), ("user", "B.")]
            for each, some in ((one, chat[:1]), (other, chat), (one, chat)):
                await each.ask(PATHS["anthropic"], asking("anthropic", some), *NAMED)
                await stored(each, lambda store: store.counts())
            assert await turns(one) == [["A.", "Answer 1.", "B.", "Answer 1.", "Answer 2."]]

    asyncio.run(work())


@pytest.mark.parametrize("headers", [NAMED, ()], ids=["named", "by what was said"])
def test_another_answer_that_a_neighbour_gave_is_not_taken_for_a_form_of_the_one_here(tmp_path: Path, headers: tuple[bytes, ...]) -> None:
    def says(*texts: str) -> Answer:
        left = iter(texts)
        return lambda _: reply(said("anthropic", next(left)))

    async def work() -> None:
        config = configured(tmp_path)
        long = "Windmills of the northern polder were built by the carpenter Jansen in 1740. " * 4
        here, there = says("In Delft, by the old harbour.", long, "It was in the spring."), says("That nobody knows.")
        async with rig(config, here) as one, rig(config, there) as other:
            chat: Chat = [("user", "Where do you live, and since when?")]
            await one.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat += [("assistant", "In Delft, by the old harbour."), ("user", "Who built the windmills, and when?")]
            for each in (one, other):
                await each.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat += [("assistant", "That nobody knows."), ("user", "And in which season?")]
            await one.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat.append(("assistant", "It was in the spring."))
        async with rig(config, here) as third:
            names = [record.id for record, _ in await stored(third, lambda store: store.conversations(None, 99))]
            rows = [turn for name in names for turn in await stored(third, lambda store, name=name: store.turns(name))]  # type: ignore[misc]
            by_id = {turn.id: turn for turn in rows}
            (turn,) = [turn for turn in rows if turn.text == "It was in the spring."]
            path = []
            while True:
                path.append(turn.text)
                if not turn.parent:
                    break
                turn = by_id[turn.parent]
            assert path[::-1] == [text for _, text in chat]
            assert len([turn for turn in rows if turn.text == "That nobody knows."]) == 1

    asyncio.run(work())


@pytest.mark.parametrize("exchanges", [1, 3])
@pytest.mark.parametrize("headers", [NAMED, ()], ids=["named", "by what was said"])
def test_what_a_process_has_answered_that_died_is_gone_on_with_elsewhere(
    tmp_path: Path, headers: tuple[bytes, ...], exchanges: int
) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("anthropic")) as other:
            chat: Chat = []
            async with rig(config, echoing("anthropic")) as one:
                for number in range(exchanges):
                    if number == exchanges - 1:
                        lanes = one.engine.lanes
                        assert lanes is not None
                        await lanes.flush()
                        lanes.submit = lambda _batch, _seq: None  # type: ignore[assignment,method-assign]
                    chat.append(("user", f"Question number {number}: what of it?"))
                    await one.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
                    chat.append(("assistant", f"Answer {number + 1}."))
                await soon(lambda: not one.engine.arrivals)
            chat.append(("user", "And then, in the other house?"))
            await other.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat.append(("assistant", "Answer 1."))
        async with rig(config, echoing("anthropic")) as third:
            assert await turns(third) == [[text for _, text in chat]]

    asyncio.run(work())


@pytest.mark.parametrize("headers", [NAMED, ()], ids=["named", "by what was said"])
def test_a_conversation_that_is_busy_here_and_went_on_elsewhere_is_stored_once(tmp_path: Path, headers: tuple[bytes, ...]) -> None:
    released: list[bool] = []
    answers = iter(["In Delft.", None, "In the spring."])

    def slowly(_: object) -> bytes | Iterator[bytes]:
        text = next(answers)
        return reply(said("anthropic", text)) if text is not None else late()

    def there(_: object) -> bytes:
        return reply(said("anthropic", "By Jansen the carpenter."))

    def late() -> Iterator[bytes]:
        while not released:
            yield b""
        yield reply(said("anthropic", "That came too late."))

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, slowly) as one, rig(config, there) as other:  # type: ignore[arg-type]
            chat: Chat = [("user", "Where do you live?")]
            await one.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat += [("assistant", "In Delft."), ("user", "Who built the windmills?")]
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", chat), *headers))
            await soon(lambda: len(one.upstream.received) == 2)
            await other.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            chat += [("assistant", "By Jansen the carpenter."), ("user", "And in which season?")]
            await one.ask(PATHS["anthropic"], asking("anthropic", chat), *headers)
            released.append(True)
            await client.reply()
            client.writer.close()
        async with rig(config, echoing("anthropic")) as third:
            rows = [text for texts in await turns(third) for text in texts]
            assert rows.count("By Jansen the carpenter.") == 1
            assert rows.count("In the spring.") == 1

    asyncio.run(work())


def test_a_journal_that_nobody_stores_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("anthropic")) as one, rig(config, echoing("anthropic")) as other:
            assert one.engine.lanes is not None
            assert other.engine.lanes is not None
            other.engine.lanes.append(b"what never gets a batch")
            began = time.monotonic()
            assert await one.engine.lanes.others()
            assert time.monotonic() - began > 0.4
            monkeypatch.setattr(neighbours, "_WAIT_S", 600.0)
            async with asyncio.timeout(20):
                assert await one.engine.lanes.others()

    asyncio.run(work())


def test_who_is_alone_waits_for_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("anthropic")) as one:
            lanes = one.engine.lanes
            assert lanes is not None
            lanes.append(b"of its own")
            lanes._inbox.settled(0)
            lanes.append(b"and in another file")
            assert not lanes._inbox.others()
            assert not await lanes.others()

    asyncio.run(work())


def test_a_client_that_cuts_its_history_and_changes_its_proxy_is_stored_once(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("openai_chat")) as one, rig(config, echoing("openai_chat")) as other:
            chat: Chat = []
            whole: Chat = []
            for number, here in enumerate((one, other, one, one, other, other, other, one, other, one, one, other, other, one)):
                asked = ("user", f"Question number {number}: what of it?")
                await here.ask(PATHS["openai_chat"], asking("openai_chat", [*chat, asked]), *NAMED)
                said = ("assistant", f"Answer {len(here.upstream.received)}.")
                whole += [asked, said]
                chat = [*chat, asked, said][-6:]
            for each in (one, other):
                assert each.engine.lanes is not None
                await each.engine.lanes.flush()
            rows = await turns(one)
            assert len(rows) == 1
            assert sorted(rows[0]) == sorted(text for _, text in whole)
            assert not one.failures()
            assert not other.failures()

    asyncio.run(work())


CHAT: Chat = [
    ("user", "The gate code of the lock-up is 4711."),
    ("assistant", "Answer 1."),
    ("user", "And the boiler is serviced by Anna Kowalska in May."),
    ("assistant", "Answer 2."),
]
QUESTION = "Who services the boiler, and what is the gate code?"


def filled(number: int) -> Chat:
    """An exchange about something else."""
    return [("user", f"Paint board number {number} blue, please."), ("assistant", "Answer 1.")]


async def told(one: Rig, chat: Chat, question: str) -> str:
    """What went up, or what the proxy answered, where a conversation comes with this as its newest message."""
    before = len(one.upstream.received)
    head, body = await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", question)]), *NAMED)
    assert head.startswith(b"HTTP/1.1 200")
    return (one.sent.body if len(one.upstream.received) > before else body).decode()


async def known_to_both(one: Rig, other: Rig) -> Chat:
    """A conversation that both have in memory, and whose client has cut off how it began."""
    chat: Chat = []
    for place, (role, text) in enumerate([*CHAT, *(each for number in range(5) for each in filled(number))]):
        if role == "user":
            await told((one, other)[place // 2 % 2], chat, text)
        chat.append((role, text))
    await told(one, chat, "Is it warm?")
    await told(other, chat, "Is it warm?")
    cut: Chat = [*filled(3), *filled(4)]
    for each in (one, other):
        assert "4711" in await told(each, cut, QUESTION)
        await stored(each, lambda store: store.counts())
    return cut


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[tuple[Rig, Rig, Chat]]:
    """Two proxies on one database, and a conversation as `known_to_both` says."""
    config = configured(folder)
    async with rig(config, echoing("anthropic")) as one, rig(config, echoing("anthropic")) as other:
        yield one, other, await known_to_both(one, other)


def test_memory_that_was_switched_off_elsewhere_is_off_at_the_next_request(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (one, other, cut):
            assert "off" in await told(one, cut, "!/memory(off)")
            assert "4711" not in await told(other, cut, QUESTION + " Please.")
            await stored(other, lambda store: store.counts())
            assert "4711" not in await told(one, cut, QUESTION + " I ask again.")
            assert "on" in await told(one, cut, "!/memory(on)")
            assert "4711" in await told(other, cut, QUESTION + " And now?")
            # Where each request looks, nothing is kept of when one did.
            assert not other.engine.threads._heeded  # type: ignore[union-attr]

    asyncio.run(work())


def test_what_is_under_way_does_not_switch_memory_on_again(tmp_path: Path) -> None:
    """Nor does a name come back that was taken away meanwhile."""

    async def work() -> None:
        async with both(tmp_path) as (one, _, cut):
            (name,) = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
            await told(one, cut, "!/label(boiler of Anna)")
            record = one.engine.threads.held(name).conversation  # type: ignore[union-attr]
            await told(one, cut, "!/memory(off)")
            await stored(one, lambda store: store.put_about(record.principal, name, label=""))
            late = Batch((replace(record, updated=record.updated + 60),))
            await stored(one, lambda store: store.write([late]))
            now = await stored(one, lambda store: store.conversation(record.principal, name))
            assert (now.memory, now.label) == (False, "")  # type: ignore[union-attr]

    asyncio.run(work())


def test_what_was_forgotten_elsewhere_is_not_recalled_at_the_next_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        monkeypatch.setattr(forgotten, "_LOOK_S", 1000.0)
        async with both(tmp_path) as (one, other, cut):
            assert "removed for good" in await told(one, cut, "!/forget(gate code)")
            assert "4711" not in await told(other, cut, QUESTION + " Please.")
            await told(one, cut, "!/undo")
            assert "4711" in await told(other, cut, QUESTION + " And now?")

    asyncio.run(work())


def test_what_was_set_elsewhere_holds_at_the_next_request(tmp_path: Path) -> None:
    async def work() -> None:
        async with both(tmp_path) as (one, other, cut):
            (name,) = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
            await told(one, cut, "!/project(secret)")
            await told(one, cut, "!/temperature(0.2)")
            assert '"temperature":0.2' in await told(other, cut, "Is it cold?")
            thread = other.engine.threads.held(name)  # type: ignore[union-attr]
            assert thread is not None
            assert thread.states["project"] == "secret"
            await told(one, cut, "!/project(none)")
            await told(other, cut, "Is it cold again?")
            thread = other.engine.threads.held(name)  # type: ignore[union-attr]
            assert thread is not None
            assert "project" not in thread.states

    asyncio.run(work())


def test_what_a_process_that_cannot_be_seen_has_set_is_looked_for_in_what_was_used_last(tmp_path: Path) -> None:
    """Every second; a request looks itself for what was not looked at lately."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing("anthropic")) as one:
            await told(one, CHAT[:2], "And where is it?")
            await stored(one, lambda store: store.counts())
            threads = one.engine.threads
            assert threads is not None
            (thread,) = threads._threads.values()
            name, threads._unseen = thread.conversation.id, True
            await stored(one, lambda store: store.put_about("", name, "gate", memory=False))
            await stored(one, lambda store: store.put_state("", name, "project", "sea"))
            await threads.heed()
            assert (thread.conversation.memory, thread.conversation.label, thread.states) == (False, "gate", {"project": "sea"})
            await stored(one, lambda store: store.put_about("", name, memory=True))
            await threads.heeded(thread)
            assert not thread.conversation.memory, "it was looked at just now"
            threads._heeded.clear()
            await threads.heeded(thread)
            assert thread.conversation.memory

    asyncio.run(work())


def test_a_fork_of_a_fork_keeps_the_project_of_the_first(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("anthropic")) as one, rig(config, echoing("anthropic")):
            chat: Chat = []
            for number, name in enumerate((b"s1", b"s2", b"s3")):
                named = b"X-Session-Id: " + name
                for text in (CHAT[0][1], CHAT[2][1]):
                    chat.append(("user", f"{text} Said {number}."))
                    await one.ask(PATHS["anthropic"], asking("anthropic", chat), named)
                    chat.append(("assistant", f"Answer {len(one.upstream.received)}."))
                if not number:
                    await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "!/project(boats)")]), named)
                await stored(one, lambda store: store.counts())
            records = [record for record, _ in await stored(one, lambda store: store.conversations(None))]
            assert len(records) == 3
            assert len([record for record in records if record.forked_from]) == 2
            for again in (False, True):
                if again:
                    await one.restart()
                _, body = await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "!/status")]), b"X-Session-Id: s3")
                assert "boats" in body.decode()

    asyncio.run(work())


def test_a_fork_that_was_taken_out_of_a_project_stays_out_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing("anthropic")) as one, rig(config, echoing("anthropic")):
            chat: Chat = []
            for number, name in enumerate((b"s1", b"s2")):
                named = b"X-Session-Id: " + name
                for text in (CHAT[0][1], CHAT[2][1]):
                    chat.append(("user", f"{text} Said {number}."))
                    await one.ask(PATHS["anthropic"], asking("anthropic", chat), named)
                    chat.append(("assistant", f"Answer {len(one.upstream.received)}."))
                if not number:
                    await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "!/project(boats)")]), named)
                await stored(one, lambda store: store.counts())
            named = b"X-Session-Id: s2"
            _, body = await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "!/project(none)")]), named)
            for again in (False, True):
                if again:
                    await one.restart()
                _, body = await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "!/status")]), named)
                assert "boats" not in body.decode()

    asyncio.run(work())


def test_a_name_under_which_nothing_was_answered_here_is_that_of_what_was_answered_elsewhere(tmp_path: Path) -> None:
    refused, numbered = [reply(b'{"error":{"message":"busy"}}', status=b"529 Busy")], echoing("anthropic")

    def answer(received: Received) -> bytes:
        return refused.pop() if refused else numbered(received)

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, answer) as one, rig(config, echoing("anthropic")) as other:
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", CHAT[:1]), *NAMED)
            assert head.startswith(b"HTTP/1.1 529")
            await other.ask(PATHS["anthropic"], asking("anthropic", CHAT[:1]), *NAMED)
            await one.ask(PATHS["anthropic"], asking("anthropic", CHAT[:3]), *NAMED)
            await stored(one, lambda store: store.counts())
            assert await turns(other) == [[*(text for _, text in CHAT[:3]), "Answer 1."]]

    asyncio.run(work())


def test_a_fold_is_known_elsewhere_before_its_request_is_answered(tmp_path: Path) -> None:
    released: list[bool] = []

    def late() -> Iterator[bytes]:
        while not released:
            yield b""
        yield reply(said("anthropic", "That came too late."))

    def answer(received: Received) -> bytes | Iterator[bytes]:
        return late() if b"<digest>" in received.body else numbered(received)

    numbered = echoing("anthropic")

    async def work() -> None:
        config = configured(tmp_path, 1200)
        async with rig(config, answer) as one, rig(config, echoing("anthropic")) as other:  # type: ignore[arg-type]
            chat: Chat = []
            while True:
                chat.append(("user", f"Board number {len(chat)} is painted blue, and the next one in a colour of its own. " * 3))
                client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
                await client.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", chat), *NAMED))
                await soon(lambda: len(one.upstream.received) == len(chat) // 2 + 1)
                if b"<digest>" in one.sent.body:
                    break
                await client.reply()
                client.writer.close()
                chat.append(("assistant", f"Answer {len(chat) // 2 + 1}."))
            assert one.engine.lanes is not None
            await one.engine.lanes.flush()
            await other.ask(PATHS["anthropic"], asking("anthropic", chat), *NAMED)
            assert json.loads(other.sent.body)["messages"][:1] == json.loads(one.sent.body)["messages"][:1]
            head = (await stored(other, lambda store: store.conversations(None, 9)))[0][0]
            assert len(await stored(other, lambda store: store.digests(head.id))) == 1
            released.append(True)
            await client.reply()
            client.writer.close()

    asyncio.run(work())


@pytest.mark.parametrize("unseen", [False, True])
def test_an_answer_in_words_that_were_said_before_is_looked_for_where_a_process_may_be_unseen(tmp_path: Path, unseen: bool) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("anthropic")) as one:
            await told(one, CHAT[:2], "And where is it?")
            await stored(one, lambda store: store.counts())
            threads = one.engine.threads
            assert threads is not None
            (thread,) = threads._threads.values()
            last, threads._unseen = thread.path[-1], unseen
            elsewhere = replace(last, id=last.id + 5000, parent=last.id, position=last.position + 1, chain=b"elsewhere" + bytes(7))
            await stored(one, lambda store: store.write([Batch((thread.conversation,), turns=(elsewhere,))]))
            assert await threads.traced(thread, elsewhere.chain, last.content) == ({elsewhere.id} if unseen else set())
            assert await threads.traced(thread, elsewhere.chain, b"in other words") == {elsewhere.id}
            assert not await threads.traced(thread, last.chain, last.content)

    asyncio.run(work())
