"""One memory: opened or not, closed in order, and its journal read back whatever stands in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from backstory.app.engine import Engine
from backstory.app.journals import recovery, settle_entry
from backstory.app.lineup import choices, settings
from backstory.config import Config
from backstory.config.sections import Compaction, Economy, Memory, Recall, Storage
from backstory.core.records import Arrival, Batch, Conversation, Promise, Turn
from backstory.errors import StoreError
from backstory.jobs.facts import FactJob, ReadAgainJob
from backstory.jobs.segments import SegmentJob
from backstory.jobs.tags import TagJob
from backstory.memory.identity.thread import Thread
from backstory.stages.recall import Recall as RecallStage
from backstory.stages.shrink import Shrink
from backstory.stores.database import journal_place
from tests.rig import asking, said
from tests.rig import settings as configured

ENCODE = msgspec.msgpack.Encoder().encode


def promise(wire: str = "anthropic", body: bytes = b"") -> Promise:
    record = Conversation("c-1", "", 1.0, 1.0)
    turn = Turn(5, "c-1", 0, 0, b"k" * 16, b"c" * 16, "user", "spoken", "What?")
    answer = body or said("anthropic", "That.")
    return Promise(Batch((record,), (turn,)), 5, 1, b"k" * 16, 100, wire, "application/json", "", answer, 2.0)


def arrival(wire: str = "anthropic", body: bytes = b"", answer: bytes = b"") -> Arrival:
    asked = body or asking("anthropic", [("user", "What?")])
    return Arrival(
        "c-1", "", "", wire, "/v1/messages", "", asked, "application/json", "", answer or said("anthropic", "That."), 200, 2.0, True
    )


def test_a_journalled_exchange_comes_back_with_both_halves() -> None:
    for entry in (promise(), arrival()):
        rows = settle_entry(ENCODE(entry))
        assert rows is not None
        assert [(turn.role, turn.text) for turn in rows.turns] == [("user", "What?"), ("assistant", "That.")]
        assert rows.turns[1].parent == rows.turns[0].id
        assert rows == settle_entry(ENCODE(entry)), "reading it again is the same rows"


def test_an_answer_that_cannot_be_read_leaves_the_question() -> None:
    for entry in (promise(body=b"<html>"), arrival(answer=b"<html>")):
        rows = settle_entry(ENCODE(entry))
        assert rows is not None
        assert [turn.text for turn in rows.turns] == ["What?"]


def test_an_entry_of_an_unknown_wire_is_none() -> None:
    assert settle_entry(ENCODE(promise("telegraph"))) is None
    assert settle_entry(ENCODE(arrival("telegraph"))) is None


def test_a_journal_with_anything_in_it_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    """Neither noise nor an entry that breaks its reader keeps the others from being stored, or the engine from opening."""

    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        broken = msgspec.structs.replace(arrival(), turn="no number")
        deep = arrival(body=b"[" * 50_000)
        payloads = [b"noise", b"", ENCODE(promise("telegraph")), ENCODE(broken), ENCODE(deep), ENCODE(promise())]
        rows = recovery(engine.failed)(payloads)
        assert [turn.text for batch in rows if isinstance(batch, Batch) for turn in batch.turns] == ["What?", "That."]
        assert engine.metrics.failures["journal"] >= 2
        await engine.close()

    asyncio.run(work())


def test_without_memory_nothing_is_opened(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(Config(memory=Memory(enabled=False), storage=Storage(url=f"sqlite:///{tmp_path}/none.db")))
        assert not engine.memory
        health = engine._health()
        assert (health["status"], health["memory"], health["pending"], health["sessions"]) == ("ok", "off", 0, 0)
        await engine.close()

    asyncio.run(work())
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_and_closing_what_never_opened_are_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        assert engine._health()["memory"] == "on"
        await engine.close()
        await engine.close()
        assert not engine.memory
        lost = await Engine.open(Config(storage=Storage(url=f"sqlite:///{tmp_path}")))
        assert not lost.memory
        assert lost._health()["status"] == "degraded"
        assert str(tmp_path) in lost._health()["trouble"]
        await lost.close()

    asyncio.run(work())


def test_work_on_other_threads_ends_when_memory_is_closed(tmp_path: Path) -> None:
    """However much of it there is: the next start begins it again."""

    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        worker, facts = engine._worker, engine._facts
        assert worker is not None
        assert facts is not None
        (shrink,) = (stage for stage in engine.pipeline.stages if isinstance(stage, Shrink))
        breaths = [facts._breathe, shrink._pace]
        breaths += [job._breathe for job in (*worker._jobs, *worker._late) if isinstance(job, TagJob | SegmentJob | FactJob | ReadAgainJob)]
        assert len(breaths) == 6

        def endless(breathe: Callable[[], None]) -> None:
            while True:
                breathe()
                time.sleep(0.001)

        for breathe in breaths:
            asyncio.get_running_loop().run_in_executor(None, endless, breathe).cancel()
        await engine.close()

    asyncio.run(work())


def test_a_request_that_waits_for_work_on_another_thread_goes_up_without_it_when_memory_is_closed(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        facts = engine._facts
        (recall,) = (stage for stage in engine.pipeline.stages if isinstance(stage, RecallStage))
        record = Conversation("c", "", 0.0, 0.0)
        long = [Turn(1 + at, "c", 0, at, b"%d" % at, b"", "user", "spoken", "It waits for the disk. " * 20) for at in range(60)]
        thread = Thread(record, b"root")
        thread.path.extend(long)
        assert facts is not None
        await engine.close()
        with pytest.raises(StoreError):
            await recall._continuity._gather(thread, 60)
        with pytest.raises(StoreError):
            facts._breathe()

    asyncio.run(work())


def test_health_is_degraded_while_the_journal_cannot_be_written(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        lanes = engine.lanes
        assert lanes is not None
        assert engine._health()["status"] == "ok"
        lanes._inbox.close()
        with pytest.raises(StoreError):
            lanes.append(b"x")
        told = engine._health()
        assert told["status"] == "degraded"
        assert "memory.db" in told["trouble"]
        assert told["memory"] == "on"
        await engine.close()

    asyncio.run(work())


def test_a_journal_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise StoreError("no journal")

    monkeypatch.setattr("backstory.app.journals.Inbox", refuses)

    async def work() -> None:
        engine = await Engine.open(configured(tmp_path))
        assert (engine.memory, engine.trouble) == (False, "no journal")
        await engine.close()

    asyncio.run(work())


def test_the_journal_lies_beside_its_database() -> None:
    assert journal_place("sqlite:////var/lib/b/memory.db", "/other") == (Path("/var/lib/b"), "memory.db")


@pytest.mark.parametrize(("profile", "budget"), [("QUALITY", 1500), ("BALANCED", 1000), ("COST", 600)])
def test_the_profile_says_how_freely_tokens_are_spent(profile: str, budget: int) -> None:
    config = Config(
        memory=Memory(reward_profile=profile, threshold_messages=7),  # type: ignore[arg-type]
        recall=Recall(budget_tokens=1000, min_score=0.25),
        compaction=Compaction(context_window=50_000, protected_recent_turns=3),
    )
    made = settings(config)
    assert (made.budget, made.threshold, made.min_score) == (budget, 7, 0.25)
    assert (made.window.size, made.window.protected) == (50_000, 3)


@pytest.mark.parametrize(
    ("asked", "window", "budget"), [(2000, 120_000, 2000), (2000, 8000, 1000), (2000, 4000, 500), (4000, 4000, 4000), (100, 4000, 100)]
)
def test_a_recalled_block_leaves_room_in_a_small_window_unless_it_is_to_have_all_of_it(asked: int, window: int, budget: int) -> None:
    config = Config(recall=Recall(budget_tokens=asked), compaction=Compaction(context_window=window))
    assert settings(config).budget == budget
    assert settings(config).window.recalls == (asked == window)


def test_the_profile_says_how_much_a_fold_leaves() -> None:
    shares = [choices(Config(memory=Memory(reward_profile=name))).kept for name in ("QUALITY", "BALANCED", "COST")]
    assert shares == [0.5, 0.1, 0.08]
    told = choices(Config(economy=Economy(early_folds=False, breaker=False)))
    assert (told.early, told.breaker) == (False, False)
