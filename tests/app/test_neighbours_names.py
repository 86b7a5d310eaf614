"""Two proxies on one database, and one name that both are given at the same moment for a conversation that neither knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path

import pytest

from backstory.core.records import Conversation
from tests.relay.world import Client, Received
from tests.rig import PATHS, Rig, asking, post, reply, rig, said, soon
from tests.stages.world import Chat, configured, echoing, stored

NAMED = (b"X-VC-Conversation: boats",)
CODE, OTHER = "The gate code of the lock-up is 4711.", "And the boiler is serviced by Anna Kowalska in May."


class Gate:
    """An upstream that answers once it is opened."""

    def __init__(self) -> None:
        self.open = False
        self._numbered = echoing("anthropic")

    def __call__(self, received: Received) -> Iterator[bytes]:
        while not self.open:
            yield b""
        yield self._numbered(received)


async def all_stored(*rigs: Rig) -> None:
    """Until all that was answered is stored."""
    for one in rigs:
        await soon(lambda one=one: not one.engine.arrivals)  # type: ignore[misc]
        await stored(one, lambda store: store.counts())


async def kept(one: Rig) -> list[tuple[Conversation, list[str]]]:
    """Every conversation with its words."""
    records = [record for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return [(it, [turn.text for turn in await stored(one, lambda store, name=it.id: store.turns(name))]) for it in records]  # type: ignore[misc]


async def ask(one: Rig, chat: Chat, *headers: bytes) -> tuple[str, str]:
    """The conversation as its header names it, and what is told; the question becomes a part of the chat, and so does the answer."""
    head, body = await one.ask(PATHS["anthropic"], asking("anthropic", chat), *(headers or NAMED))
    assert head.startswith(b"HTTP/1.1 200")
    return head.lower().partition(b"x-vc-conversation: ")[2].partition(b"\r\n")[0].decode(), body.decode()


async def at_once(rigs: tuple[Rig, Rig], gates: tuple[Gate, Gate], chats: tuple[Chat, Chat]) -> None:
    """Both are asked before either has answered."""
    clients = []
    for one, chat in zip(rigs, chats, strict=True):
        client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
        await client.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", chat), *NAMED))
        await soon(lambda one=one: len(one.upstream.received) == 1)  # type: ignore[misc]
        clients.append(client)
    for gate, client, chat in zip(gates, clients, chats, strict=True):
        gate.open = True
        await client.reply()
        client.writer.close()
        chat.append(("assistant", "Answer 1."))


@asynccontextmanager
async def two(folder: Path, apart: bool) -> AsyncIterator[tuple[tuple[Rig, Rig], tuple[Gate, Gate]]]:
    """`apart`: neither can see the other."""
    config, gates = configured(folder), (Gate(), Gate())
    async with rig(config, gates[0]) as one, rig(config, gates[1]) as other:  # type: ignore[arg-type]
        for each in (one, other) if apart else ():
            assert each.engine.threads is not None
            assert each.engine.lanes is not None
            each.engine.threads._unseen = True
            # It has just looked, and found nobody.
            each.engine.lanes._neighbours._any, each.engine.lanes._neighbours._at = False, inf
        yield (one, other), gates


@pytest.mark.parametrize("apart", [False, True])
def test_two_first_questions_under_one_name_are_of_one_conversation(tmp_path: Path, apart: bool) -> None:
    async def work() -> None:
        async with two(tmp_path, apart) as (rigs, gates):
            chat: Chat = [("user", CODE)]
            await at_once(rigs, gates, (chat, [("user", OTHER)]))
            if apart:
                await all_stored(*rigs)
            names = set()
            for number in range(6):
                chat.append(("user", f"Question number {number}: what of it?"))
                name, _ = await ask(rigs[(number + 1) % 2], chat)
                chat.append(("assistant", f"Answer {len(rigs[(number + 1) % 2].upstream.received)}."))
                await all_stored(*rigs)
                names.add(name)
            assert len(names) == 1
            ((record, texts),) = await kept(rigs[0])
            assert {record.id} == names
            assert sorted(texts) == sorted([*(text for _, text in chat), OTHER, "Answer 1."])
            assert not any(one.failures() for one in rigs)

    asyncio.run(work())


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("at", [0, 1])
def test_what_was_said_under_one_name_at_two_proxies_is_forgotten_by_it(tmp_path: Path, apart: bool, at: int) -> None:
    async def work() -> None:
        async with two(tmp_path, apart) as (rigs, gates):
            chats: tuple[Chat, Chat] = ([("user", CODE)], [("user", OTHER)])
            await at_once(rigs, gates, chats)
            chat = [*chats[1 - at]]
            await all_stored(*rigs)
            for one in rigs:
                await ask(one, [*chat, ("user", "Is it warm?")])
                await all_stored(*rigs)
            _, body = await ask(rigs[at], [*chat, ("user", "!/forget(gate code)")])
            assert "will not be recalled" in body or "removed for good" in body
            for one in rigs:
                await one.engine._forgotten.look()
                _, body = await ask(one, [*chat, ("user", "!/recall(what is the gate code)")])
                assert "4711" not in body
            await ask(rigs[at], [*chat, ("user", "!/undo")])
            (_, texts) = (await kept(rigs[0]))[0]
            assert CODE in texts

    asyncio.run(work())


def test_an_answer_that_is_not_stored_yet_is_gone_on_with_in_its_conversation(tmp_path: Path) -> None:
    """The other proxy cannot see that there is one, and gets the question that goes on with it."""

    async def work() -> None:
        async with two(tmp_path, True) as (rigs, gates):
            one, other = rigs
            gates[0].open = gates[1].open = True
            lanes = one.engine.lanes
            assert lanes is not None
            lanes._gather_s = 0.5
            chat: Chat = [("user", CODE)]
            first, _ = await ask(one, chat)
            chat += [("assistant", "Answer 1."), ("user", OTHER)]
            second, _ = await ask(other, chat)
            chat += [("assistant", "Answer 1.")]
            assert first != second
            await all_stored(other, one)
            names = set()
            for each in (one, other, one):
                chat.append(("user", f"Question number {len(chat)}: what of it?"))
                names.add((await ask(each, chat))[0])
                chat.append(("assistant", f"Answer {len(each.upstream.received)}."))
                await all_stored(*rigs)
            assert len(names) == 1
            ((record, texts),) = await kept(one)
            assert {record.id} == names
            assert {text for _, text in chat} == set(texts)

    asyncio.run(work())


def test_the_id_that_a_client_was_told_leads_to_where_it_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with two(tmp_path, False) as (rigs, gates):
            chats: tuple[Chat, Chat] = ([("user", CODE)], [("user", OTHER)])
            await at_once(rigs, gates, chats)
            await all_stored(*rigs)
            ((record, _),) = await kept(rigs[0])
            moved = {**rigs[0].engine.lanes.moved, **rigs[1].engine.lanes.moved}  # type: ignore[union-attr]
            assert [*moved.values()] == [record.id]
            for again in (False, True):
                for one in rigs:
                    if again:
                        await one.restart()
                    for name in (*moved, record.id):
                        found, _ = await ask(one, [*chats[0], ("user", "Is it warm?")], b"X-VC-Conversation: " + name.encode())
                        assert found == record.id
                await all_stored(*rigs)
            assert len(await kept(rigs[0])) == 1

    asyncio.run(work())


def test_what_is_set_with_the_first_words_holds_for_the_conversation_that_has_the_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with two(tmp_path, False) as (rigs, gates):
            one, other = rigs
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", [("user", CODE)]), *NAMED))
            await soon(lambda: len(one.upstream.received) == 1)
            await ask(other, [("user", "!/project(harbour)")])
            gates[0].open = gates[1].open = True
            await client.reply()
            client.writer.close()
            await all_stored(*rigs)
            ((record, texts),) = await kept(one)
            assert CODE in texts
            for each in rigs:
                name, body = await ask(each, [("user", CODE), ("assistant", "Answer 1."), ("user", "!/status")])
                assert "harbour" in body
                assert name in {"", record.id}

    asyncio.run(work())


def test_who_is_alone_does_not_wait_for_its_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(said("anthropic", "Answer 1."))) as one:
            threads = one.engine.threads
            assert threads is not None
            await ask(one, [("user", CODE)])
            await all_stored(one)
            assert not threads._names._told
            assert not threads._names._free

    asyncio.run(work())
