"""Meaning on a request's way: it finds what words do not, and whatever happens to the model, the request goes up in time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Storage, Vectors
from backstory.core.embedding import Trust
from backstory.core.records import TurnVectors
from backstory.core.store import Store
from backstory.errors import EmbeddingError
from backstory.memory.recall.nearness import text_name
from backstory.stages.meaning import Meaning
from backstory.stages.meaning import _Loaded as Loaded
from tests.rig import Rig, rig
from tests.stages.world import Chat, configured, echoing, say, stored, talk, thread
from tests.stores.world import PostgresShelf

FACT = "The puppy chewed the leg of our oak table."
SECOND = "My aunt makes rye bread each weekend."
THIRD = "The plumber fixed the leaking tap on Tuesday."
ASKED = "Did a young dog damage any furniture?"


def with_vectors(config: Config, **vectors: str) -> Config:
    return replace(config, vectors=Vectors(**vectors))  # type: ignore[arg-type]


async def embedded(one: Rig, name: str, model: str, count: int) -> None:
    """Until the job has made the vectors of so many turns."""

    def made(store: Store) -> list[TurnVectors]:
        return store.vectors(name, model)

    for _ in range(600):
        if len(await stored(one, made)) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the job did not come to an end")


def meaning(one: Rig) -> Meaning:
    shelf = one.engine._shelf
    assert shelf is not None
    assert shelf._meaning is not None
    return shelf._meaning


async def loaded(one: Rig) -> str:
    """The model's name, once it is there."""
    for _ in range(1500):
        if (embedder := meaning(one).embedder) is not None:
            return embedder.model
        await asyncio.sleep(0.02)
    raise AssertionError("the model was not loaded")


async def cut(one: Rig, question: str) -> bytes:
    """What goes up for a question at the end of a history whose beginning the client has cut."""
    chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
    await say(one, [*chat[-7:-1], ("assistant", "Answer 1."), ("user", question)])
    return one.sent.body


def test_a_turn_without_a_common_word_is_found_by_its_meaning(tmp_path: Path) -> None:
    async def work() -> None:
        chat: Chat = [("user", FACT), ("assistant", "Answer 1."), ("user", SECOND), ("assistant", "Answer 2."), *talk(14, 2)]
        async with rig(with_vectors(configured(tmp_path), model="minilm"), echoing()) as one:
            model = await loaded(one)
            name = await say(one, chat[:-1])
            await embedded(one, name, model, 20)
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", ASKED)]
            assert await say(one, asked) == name
            assert b"oak table" in one.sent.body
            held = thread(one, name)
            assert len(meaning(one)._loaded[held.family].nearness) >= 20
            assert not one.failures()
            await one.restart()
            await loaded(one)
            await say(one, [*asked, ("assistant", "Answer 2."), ("user", "Does any relative of mine bake loaves?")])
            assert b"rye bread" in one.sent.body

    asyncio.run(work())


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_history_too_long_for_memory_is_searched_by_meaning_in_the_database(
    tmp_path: Path, postgres_shelf: PostgresShelf, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SQLite it goes by words, and nothing is found."""
    monkeypatch.setattr("backstory.stages.shelf._MOST_TURNS", 5)

    async def work() -> None:
        config = with_vectors(configured(tmp_path, deadline_ms=20_000.0), model="minilm")
        if kind == "postgresql":
            config = replace(config, storage=Storage(postgres_shelf.fresh(), str(tmp_path / "journal")))
        chat: Chat = [("user", THIRD), ("assistant", "Answer 1."), *talk(14, 1)]
        async with rig(config, echoing()) as one:
            model = await loaded(one)
            name = await say(one, chat[:-1])
            await embedded(one, name, model, 20)
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Who repaired the dripping faucet?")]
            assert await say(one, asked) == name
            assert (THIRD.encode() in one.sent.body) == (kind == "postgresql")
            assert not one.failures()

    asyncio.run(work())


def test_a_remote_model_that_hangs_costs_a_share_of_the_deadline_and_words_do(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            config = with_vectors(configured(tmp_path, deadline_ms=1000.0), model="remote", url=url, name="m")
            async with rig(config, echoing()) as one:
                await loaded(one)
                chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
                await say(one, chat[:-1])
                began = time.monotonic()
                sent = await cut(one, "What did the puppy do to the oak table?")
                assert b"The puppy chewed" in sent
                assert time.monotonic() - began > 0.2, "and in time, or nothing would have been recalled"

    asyncio.run(work())


def test_questions_that_wait_for_a_model_that_hangs_leave_threads_to_others_and_a_stop_waits_for_none(tmp_path: Path) -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            config = with_vectors(configured(tmp_path, deadline_ms=200.0), model="remote", url=url, name="m")
            async with rig(config, echoing()) as one:
                await loaded(one)
                chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
                await say(one, chat[:-1])
                for number in range(40):
                    await cut(one, f"What did the puppy do to the oak table, for the {number}. time?")
                free = asyncio.get_running_loop().run_in_executor(None, time.monotonic)
                await asyncio.wait_for(free, 2.0)
                began = time.monotonic()
            assert time.monotonic() - began < 5
            await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 5)

    asyncio.run(work())


class Broken:
    """A model that breaks."""

    model = "broken"
    trust = Trust(0.5, 0.0)

    def close(self) -> None:
        """See Embedder."""

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        raise EmbeddingError("broken")


def test_a_model_that_breaks_is_counted_and_words_do(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(with_vectors(configured(tmp_path), model="static"), echoing()) as one:
            await loaded(one)
            meaning(one).embedder = Broken()
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
            await say(one, chat[:-1])
            assert b"The puppy chewed" in await cut(one, "What did the puppy do to the oak table?")
            assert one.engine.metrics.failures["vectors"] >= 1

    asyncio.run(work())


def test_a_model_that_cannot_be_opened_leaves_words(tmp_path: Path) -> None:
    async def work() -> None:
        config = with_vectors(configured(tmp_path), model="minilm", path=str(tmp_path))
        async with rig(config, echoing()) as one:
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
            await say(one, chat[:-1])
            for _ in range(500):
                if one.engine.metrics.failures.get("vectors"):
                    break
                await asyncio.sleep(0.02)
            assert one.engine.metrics.failures.get("vectors") == 1
            assert b"The puppy chewed" in await cut(one, "What did the puppy do to the oak table?")

    asyncio.run(work())


def test_a_vector_of_another_text_is_never_given_to_a_unit(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(with_vectors(configured(tmp_path), model="static"), echoing()) as one:
            model = await loaded(one)
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
            name = await say(one, chat[:-1])
            await embedded(one, name, model, 20)
            first = (await one.engine._lanes.read(lambda store: store.vectors(name, model)))[0]  # type: ignore[union-attr]
            assert [piece for piece, _ in first.pieces] == [text_name(FACT)]
            forged = TurnVectors(first.turn, name, model, ((text_name("another text"), first.pieces[0][1]),))
            mark = await stored(one, lambda store: store.watermark(name, f"vectors:{model}"))
            await stored(one, lambda store: store.put_vectors([forged], mark))
            await cut(one, "What did the puppy do to the oak table?")
            held = thread(one, name)
            places = held.family.index.units_of(first.turn)
            assert not any(place in meaning(one)._loaded[held.family].nearness for place in places)

    asyncio.run(work())


def test_while_vectors_are_made_of_a_history_it_is_searched_by_words(tmp_path: Path) -> None:
    """Those of its first half would lift what they are of above what was said later."""

    async def work() -> None:
        async with rig(with_vectors(configured(tmp_path, deadline_ms=20_000.0), model="static"), echoing()) as one:
            model = await loaded(one)
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(14, 1)]
            name = await say(one, chat[:-1])
            await embedded(one, name, model, len(chat) - 1)
            await cut(one, ASKED)
            held, found = thread(one, name), []
            rows = await stored(one, lambda store: store.vectors(name, model))
            for made in (len(rows) // 2, len(rows) - 1):
                turns = [row.turn for row in rows[made:]]
                loaded_rows = Loaded()
                loaded_rows.waiting.update((row.turn, row) for row in rows if row.turn not in turns)
                loaded_rows.upto[name] = rows[-1].turn
                meaning(one)._loaded[held.family] = loaded_rows
                found.append(await meaning(one).asked(held, held.family.index, ASKED))
            assert found[0] is None
            assert found[1] is not None

    asyncio.run(work())
