"""What was journalled unread finds its conversation when a later process takes it in, and the same words are stored once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.app.journals import open_lanes, recovery
from backstory.core.ids import TurnIds
from backstory.core.records import Arrival, Batch, Conversation, Promise, Turn
from backstory.core.store import Store
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import chain
from backstory.stages.loading import load_thread
from backstory.stores.inbox import Inbox
from tests.rig import asking, said
from tests.rig import settings as configured

Chat = list[tuple[str, str]]
ENCODE = msgspec.msgpack.Encoder().encode
IDS = TurnIds(1)


def entry(
    asked: Chat, told: str, name: str, *names: str, scope: str = "", principal: str = "", marked: str = "", system: str = ""
) -> Arrival:
    """An unread exchange: `asked` is the whole history that its client sent."""
    body, answer = asking("anthropic", asked, **({"system": system} if system else {})), said("anthropic", told)
    first = IDS.block(600)
    kind = "application/json"
    return Arrival(
        name,
        principal,
        scope,
        "anthropic",
        "/v1/messages",
        "",
        body,
        kind,
        "",
        answer,
        first,
        5.0,
        True,
        True,
        names,
        (marked,) * bool(marked),
    )


def grown(rounds: int, start: Sequence[tuple[str, str]] = (), word: str = "town") -> list[tuple[Chat, str]]:
    """The exchanges of one conversation: what was asked, and the answer."""
    history: Chat = list(start)
    made: list[tuple[Chat, str]] = []
    for number in range(rounds):
        history = [*history, ("user", f"Question {number}: how is the weather in {word} number {number * 7} this week?")]
        made.append((history, f"Answer {number}: it is as it was in {word} number {number * 7} before."))
        history = [*history, ("assistant", made[-1][1])]
    return made


def after(exchange: tuple[Chat, str]) -> Chat:
    return [*exchange[0], ("assistant", exchange[1])]


def failed(where: str, error: BaseException) -> None:
    raise AssertionError(where) from error


def dies_with(folder: Path, *entries: Arrival | Promise) -> None:
    """A process that has journalled these is gone."""
    inbox = Inbox(folder, "memory.db")
    for one in entries:
        inbox.append(ENCODE(one))
    inbox.close()


def recovered(folder: Path) -> list[Thread]:
    """The conversations after a start, the oldest first."""

    async def work() -> list[Thread]:
        lanes = await open_lanes(configured(folder).storage.url)
        await lanes.recover(recovery(failed))

        def threads(store: Store) -> list[Thread]:
            records = [record for record, _ in store.conversations(None)]
            return [load_thread(store, record, "") for record in sorted(records, key=lambda record: record.created)]

        found = await lanes.read(threads)
        assert not lanes.unread
        assert lanes.dropped == 0
        await lanes.close()
        return found

    return asyncio.run(work())


def texts(thread: Thread) -> list[str]:
    return [turn.text for turn in thread.path]


def of(chat: Chat) -> list[str]:
    return [text for _, text in chat]


@pytest.mark.parametrize("each", [1, 3, 8], ids=lambda each: f"killed after {each}")
def test_one_conversation_stays_one_however_often_it_is_killed(tmp_path: Path, each: int) -> None:
    exchanges = grown(8)
    for start in range(0, len(exchanges), each):
        dies_with(tmp_path, *(entry(*exchanges[at], f"c-{at}") for at in range(start, min(start + each, len(exchanges)))))
        recovered(tmp_path)
    (thread,) = recovered(tmp_path)
    assert thread.conversation.id == "c-0"
    assert texts(thread) == of(after(exchanges[-1]))
    assert len(thread.by_id) == len(thread.path), "nothing is stored beside it"
    assert [turn.position for turn in thread.path] == list(range(16))


def test_a_journal_that_is_read_twice_adds_nothing(tmp_path: Path) -> None:
    """The process dies while it takes it in, after the rows were stored."""
    exchanges = grown(3)
    fork = grown(1, after(exchanges[0]), "village")
    dies_with(tmp_path, *(entry(*one, f"c-{at}") for at, one in enumerate([*exchanges, *fork])))
    (journal,) = tmp_path.glob("memory.db.inbox-*")
    kept = tmp_path / "kept"
    shutil.copy(journal, kept)
    before = recovered(tmp_path)
    assert not journal.exists()
    shutil.copy(kept, journal)
    again = recovered(tmp_path)
    assert [(one.conversation.id, list(one.by_id)) for one in again] == [(one.conversation.id, list(one.by_id)) for one in before]
    assert sorted(map(texts, again)) == sorted([of(after(exchanges[-1])), of(after(fork[0]))])


def test_what_goes_on_from_the_middle_shares_what_came_before(tmp_path: Path) -> None:
    exchanges = grown(4)
    dies_with(tmp_path, *(entry(*one, f"c-{at}") for at, one in enumerate(exchanges)))
    recovered(tmp_path)
    fork = grown(2, after(exchanges[1]), "village")
    dies_with(tmp_path, *(entry(*one, f"f-{at}") for at, one in enumerate(fork)))
    first, second = sorted(recovered(tmp_path), key=lambda thread: thread.conversation.id)
    assert texts(first) == of(after(exchanges[-1]))
    assert texts(second) == of(after(fork[-1]))
    assert (second.conversation.id, second.conversation.forked_from) == ("f-0", "c-0")
    assert second.conversation.fork_turn == first.path[3].id
    assert len(second.by_id) == 8


def test_a_named_client_that_cuts_its_history_stays_in_its_conversation(tmp_path: Path) -> None:
    exchanges = grown(6)
    dies_with(tmp_path, *(entry(*one, f"c-{at}", "session:claude-code:x") for at, one in enumerate(exchanges[:5])))
    recovered(tmp_path)
    asked, told = exchanges[5]
    dies_with(tmp_path, entry(asked[-3:], told, "c-9", "session:claude-code:x"))
    (thread,) = recovered(tmp_path)
    assert texts(thread) == of(after(exchanges[5]))


def test_an_unnamed_client_that_cuts_its_history_is_known_by_the_end(tmp_path: Path) -> None:
    exchanges = grown(6)
    dies_with(tmp_path, *(entry(*one, f"c-{at}") for at, one in enumerate(exchanges[:5])))
    recovered(tmp_path)
    asked, told = exchanges[5]
    dies_with(tmp_path, entry(asked[-7:], told, "c-9"))
    (thread,) = recovered(tmp_path)
    assert texts(thread) == of(after(exchanges[5]))


@pytest.mark.parametrize(("system", "joins"), [("You are a pilot.", True), ("", True), ("You extract memories.", False)])
def test_another_agent_with_a_part_of_the_history_has_a_conversation_of_its_own(tmp_path: Path, system: str, joins: bool) -> None:
    exchanges = grown(6)
    dies_with(tmp_path, *(entry(*one, f"c-{at}", system="You are a pilot.") for at, one in enumerate(exchanges[:5])))
    recovered(tmp_path)
    asked, told = exchanges[5]
    dies_with(tmp_path, entry(asked[-7:], told, "c-9", system=system))
    first, *others = sorted(recovered(tmp_path), key=lambda thread: thread.conversation.id)
    assert texts(first) == of(after(exchanges[5 if joins else 4]))
    assert [texts(other) for other in others] == ([] if joins else [of(after((asked[-7:], told)))])


def test_a_conversation_that_was_found_before_the_end_is_the_one(tmp_path: Path) -> None:
    exchanges = grown(3)
    dies_with(tmp_path, entry(*exchanges[0], "c-0"), entry(*exchanges[0], "d-0", marked=""))
    recovered(tmp_path)
    dies_with(tmp_path, entry([exchanges[1][0][-1]], exchanges[1][1], "c-9", marked="c-0"))
    (thread,) = recovered(tmp_path)
    assert texts(thread) == of(after(exchanges[1]))


def test_strangers_never_meet(tmp_path: Path) -> None:
    """The same first words and another answer; the same history of another principal, in another project, or under a name of its own."""
    (first, second) = grown(2)
    dies_with(tmp_path, entry(*first, "c-0"))
    recovered(tmp_path)
    dies_with(
        tmp_path, entry(first[0], "Something else.", "c-1"), entry(*second, "c-2", principal="eve"), entry(*second, "c-3", scope="far")
    )
    dies_with(tmp_path, entry(*second, "c-4", "session:codex:y"))
    found = {thread.conversation.id: thread for thread in recovered(tmp_path)}
    assert set(found) == {"c-0", "c-1", "c-2", "c-3", "c-4"}
    assert texts(found["c-0"]) == of(after(first))
    assert found["c-4"].conversation.forked_from == "c-0"
    assert not any(found[name].conversation.forked_from for name in ("c-1", "c-2", "c-3"))


def test_an_answer_that_broke_off_and_came_again_is_one_conversation(tmp_path: Path) -> None:
    exchanges = grown(3)
    asked, told = exchanges[2]
    dies_with(tmp_path, *(entry(*one, f"c-{at}") for at, one in enumerate(exchanges[:2])))
    dies_with(tmp_path, replace(entry(asked, "Answer 2: it", "c-2"), complete=False), entry(asked, told, "c-3"))
    (thread,) = recovered(tmp_path)
    assert texts(thread) == of(after(exchanges[2]))


def test_what_memory_had_looked_at_follows_what_it_had_not(tmp_path: Path) -> None:
    """The dead process had stored nothing yet: the conversation, and the turn before, had other ids there."""
    first, second = grown(2)
    dies_with(tmp_path, entry(*first, "c-0"))
    (thread,) = recovered(tmp_path)
    end, (_, text) = thread.path[-1], second[0][-1]
    content = next(turn.content for turn in _turns(tmp_path, second))
    record = Conversation("live", "", 6.0, 6.0)
    turn = Turn(IDS(), "live", 77, 2, chain(end.chain, content), content, "user", "spoken", text)
    promise = Promise(
        Batch((record,), (turn,)),
        turn.id,
        3,
        turn.chain,
        IDS.block(9),
        "anthropic",
        "application/json",
        "",
        said("anthropic", second[1]),
        6.0,
    )
    dies_with(tmp_path, entry(*first, "c-0"), promise)
    (thread,) = recovered(tmp_path)
    assert thread.conversation.id == "c-0"
    assert texts(thread) == of(after(second))


def _turns(folder: Path, exchange: tuple[Chat, str]) -> list[Turn]:
    """The last question of an exchange, as a turn."""
    other = folder / "other"
    other.mkdir()
    dies_with(other, entry(*exchange, "o-0"))
    (thread,) = recovered(other)
    return [thread.path[-2]]


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=9))
@settings(max_examples=12, deadline=None, database=None)
def test_each_prefix_is_stored_once_however_it_forks_and_dies(steps: list[tuple[int, bool]]) -> None:
    """Each step goes on from the end of an earlier one, and the process may die after it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ends: list[Chat] = [grown(1)[0][0]]
        waiting = [entry(ends[0], "The first answer.", "c-0")]
        ends = [[*ends[0], ("assistant", "The first answer.")]]
        for number, (origin, dies) in enumerate(steps, 1):
            asked = [*ends[origin % len(ends)], ("user", f"Step {number} of this long way, what is there?")]
            waiting.append(entry(asked, f"Step {number} has a door.", f"c-{number}"))
            ends.append([*asked, ("assistant", f"Step {number} has a door.")])
            if dies:
                dies_with(folder, *waiting)
                recovered(folder)
                waiting.clear()
        dies_with(folder, *waiting)
        threads = recovered(folder)
        assert len({turn for thread in threads for turn in thread.by_id}) == 2 * len(ends)
        leaves = [of(end) for end in ends if not any(other[: len(end)] == end and other != end for other in ends)]
        assert sorted(map(texts, threads)) == sorted(leaves)
