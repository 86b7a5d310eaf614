"""What a client cuts off stays in front of its requests while the provider's cache holds it: cheaper, and nothing is missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.app.faces.why import Diff, diff
from backstory.config import Config
from backstory.config.sections import Compaction, Economy
from backstory.core.edits import AddMessages, AddTools, AppendText
from backstory.core.exchange import Exchange, Head
from backstory.core.records import Conversation
from backstory.core.store import Store
from backstory.memory.economy.holding import Held
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.holding import let_go
from backstory.stages.visit import Visit
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.billing import Bank, Captain, Clock
from tests.stages.test_economy import configured
from tests.stages.world import conversation, stored, thread

KEEPS = 9
NAME = b"X-VC-Conversation: sliding"
MARK = ', "cache_control": {"type": "ephemeral"}'


class Cutter(Captain):
    """Sends its newest messages only."""

    def body(self, keeps: int, text: str = "") -> bytes:
        tree = json.loads(self.asks(text))
        tree["messages"] = tree["messages"][-keeps:]
        return json.dumps(tree).encode()


class Till(Bank):
    """Adds up what it bills, and remembers what it was sent."""

    dollars = 0.0
    sent: bytes = b""
    broken = False

    def __call__(self, received: Received) -> bytes:
        if self.broken:
            self._known.clear()
        self.sent = received.body
        answer = super().__call__(received)
        usage = json.loads(answer.partition(b"\r\n\r\n")[2])["usage"]
        self.dollars += (usage["cache_read_input_tokens"] * 0.3 + usage["cache_creation_input_tokens"] * 3.75) / 1e6
        return answer


def messages(body: bytes) -> list[Any]:
    tree: dict[str, Any] = json.loads(body.decode().replace(MARK, ""))
    return list(tree["messages"])


def config(folder: Path, hold: bool = True) -> Config:
    made = configured(folder)
    return replace(made, economy=Economy(hold=hold, allowance=0.03), compaction=Compaction(context_window=60_000))


async def go_on(one: Rig, cutter: Cutter, clock: Clock, text: str = "", wait_s: float = 10.0) -> tuple[bytes, str]:
    """One exchange: what the client sent, and its conversation."""
    clock.now += wait_s
    body = cutter.body(KEEPS, text)
    head, answer = await one.ask(PATHS["anthropic"], body, NAME)
    cutter.hears(answer)
    return body, conversation(head)


def test_what_is_cut_off_stays_in_front_and_the_bill_is_lower(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank, direct = Till(clock), Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            longest = grew = 0
            before: list[Any] = []
            for _ in range(40):
                body, _ = await go_on(one, cutter, clock)
                direct(Received(b"", body))
                sent, came = messages(bank.sent), messages(body)
                assert sent[-len(came) :] == came, "nothing is recalled: the client's own messages end it"
                assert sent == cutter.items[: len(cutter.items) - 1][-len(sent) :], "in front of them what was said before, unbroken"
                assert bank.sent.count(b'"cache_control"') == body.count(b'"cache_control"')
                longest = max(longest, len(sent))
                grew += sent[: len(before)] == before
                before = sent
            assert longest > 1.5 * KEEPS
            assert grew > 30, "most requests begin as the one before"
            assert bank.dollars < 0.75 * direct.dollars
            saved = one.engine.economy.money
            assert saved.billed == pytest.approx(bank.dollars, rel=0.15)
            assert saved.saved == pytest.approx(direct.dollars - bank.dollars, rel=0.2)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("why", ["off", "pauses", "restarts", "no cache", "unknown model"])
def test_where_it_is_not_cheaper_the_request_goes_up_as_it_came(tmp_path: Path, why: str) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path, why != "off"), bank, clock=clock) as one:
            cutter = Cutter(model="my-own-7b") if why == "unknown model" else Cutter()
            for number in range(16 if why != "no cache" else 26):
                if why == "restarts" and number > 5:
                    await one.restart()
                bank.broken = why == "no cache"
                body, _ = await go_on(one, cutter, clock, wait_s=400.0 if why == "pauses" else 10.0)
                if why != "no cache" or number > 22:
                    assert bank.sent == body, number
            assert not one.failures()

    asyncio.run(work())


def test_another_branch_and_other_instructions_let_it_go(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            for _ in range(8):
                await go_on(one, cutter, clock)
            assert len(messages(bank.sent)) > KEEPS
            del cutter.items[-4:]
            body, _ = await go_on(one, cutter, clock, "Another question instead.")
            sent, came = messages(bank.sent), messages(body)
            assert sent[-len(came) :] == came
            assert sent == cutter.items[: len(cutter.items) - 1][-len(sent) :], "nothing of the branch that was left"
            assert not one.failures()

    asyncio.run(work())


def test_what_was_forgotten_is_not_held(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            for number in range(9):
                await go_on(one, cutter, clock, "" if number != 2 else "The secret word is pineapple. " + "Blah blah. " * 80)
            assert b"pineapple" in bank.sent
            _, name = await go_on(one, cutter, clock)
            held = thread(one, name)
            turn = next(turn for turn in held.path if "pineapple" in turn.text)
            held.hidden = frozenset({turn.id})
            await go_on(one, cutter, clock)
            assert b"pineapple" not in bank.sent
            assert not one.failures()

    asyncio.run(work())


def test_the_trace_tells_of_it(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            for _ in range(9):
                body, name = await go_on(one, cutter, clock)
            more = len(messages(bank.sent)) - len(messages(body))
            assert more > 0

            def look(store: Store) -> object:
                return diff(store, name)

            told = await stored(one, look)
            assert isinstance(told, Diff)
            assert [change.what for change in told.changes] == ["held"]
            assert not one.failures()

    asyncio.run(work())


def test_a_refused_one_is_the_last(tmp_path: Path) -> None:
    """Its provider takes less than is believed: what the client sends goes up as it came, for good."""
    clock = Clock()

    async def work() -> None:
        bank, refuses = Till(clock), [False]

        def answering(received: Received) -> bytes:
            bank.sent = received.body
            return reply(b'{"error":{}}', status=b"400 Too long") if refuses[0] else bank(received)

        async with rig(config(tmp_path), answering, clock=clock) as one:
            cutter, held = Cutter(), 0
            for number in range(24):
                clock.now += 10.0
                body = cutter.body(KEEPS)
                refuses[0] = number == 12
                _, told = await one.ask(PATHS["anthropic"], body, NAME)
                held += len(messages(bank.sent)) > len(messages(body))
                if number == 12:
                    assert held, "it was held so far"
                elif number > 12:
                    assert bank.sent == body, number
                if not refuses[0]:
                    cutter.hears(told)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(("status", "times"), [(b"529 Overloaded", 1), (b"401 Expired", 1), (b"500 Oops", 2), (b"429 Slow down", 1)])
def test_a_provider_in_trouble_is_not_taken_for_one_that_refuses(tmp_path: Path, status: bytes, times: int) -> None:
    """The repetition goes up as the client sends it. Later what is cut off is held again, unless the next held request failed, too."""
    clock = Clock()

    async def work() -> None:
        bank, fails = Till(clock), [False]

        def answering(received: Received) -> bytes:
            return reply(b'{"error":{}}', status=status) if fails[0] else bank(received)

        async with rig(config(tmp_path), answering, clock=clock) as one:
            cutter, failed, held = Cutter(), 0, 0
            for number in range(30):
                clock.now += 10.0
                body = cutter.body(KEEPS)
                fails[0] = number > 11 and failed < times
                _, told = await one.ask(PATHS["anthropic"], body, NAME)
                longer = len(messages(one.sent.body)) > len(messages(body))
                if fails[0] and longer:
                    failed += 1
                    fails[0] = False
                    _, told = await one.ask(PATHS["anthropic"], body, NAME)
                    assert one.sent.body == body
                elif fails[0]:
                    fails[0] = False
                    _, told = await one.ask(PATHS["anthropic"], body, NAME)
                elif failed == times:
                    held += longer
                cutter.hears(told)
            assert failed == times
            assert bool(held) == (times == 1 and not status.startswith(b"429"))
            assert not one.failures()

    asyncio.run(work())


def test_what_somebody_has_deleted_at_the_beginning_is_not_brought_back(tmp_path: Path) -> None:
    """Twice, one exchange each: that is no client that keeps its newest messages."""
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            for number in range(18):
                if number in {9, 10}:
                    del cutter.items[:2]
                clock.now += 10.0
                body = cutter.body(99, f"Of {number}: the secret word is pineapple. " + "Blah blah. " * 80 if number < 2 else "")
                _, answer = await one.ask(PATHS["anthropic"], body, NAME)
                cutter.hears(answer)
                assert bank.sent == body, number
                assert (b"pineapple" in bank.sent) == (number < 10)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("what", ["tools", "other tools", "model", "system"])
def test_nothing_is_held_in_front_of_another_kind_of_request(tmp_path: Path, what: str) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter = Cutter()
            for number in range(16):
                clock.now += 10.0
                tree = json.loads(cutter.body(KEEPS))
                if what == "other tools":
                    tree["tools"] = [{"name": f"look{number % 2}", "input_schema": {"type": "object"}}]
                elif what == "tools" and number % 2:
                    tree["tools"] = [{"name": "look", "input_schema": {"type": "object"}}]
                elif what != "tools" and number % 2:
                    tree[what] = "claude-opus-4-5" if what == "model" else "Something else today."
                body = json.dumps(tree).encode()
                _, told = await one.ask(PATHS["anthropic"], body, NAME)
                assert len(messages(bank.sent)) == len(messages(body)), number
                cutter.hears(told)
            assert not one.failures()

    asyncio.run(work())


def test_payloads_of_many_conversations_take_no_more_room_than_they_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was heard of longest ago goes up as it came, once, and is kept again."""
    monkeypatch.setattr("backstory.stages.holding._MOST_IN_ALL", 50_000)
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutters = [Cutter(seed) for seed in range(9)]
            names = [""] * len(cutters)
            for _ in range(10):
                clock.now += 10.0
                for number, cutter in enumerate(cutters):
                    head, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS), b"X-VC-Conversation: talk-%d" % number)
                    names[number] = conversation(head)
                    cutter.hears(answer)
            views = [thread(one, name).view for name in names]
            assert 0 < sum(len(view.body) for view in views if view is not None) <= 50_000
            assert views[0] is None
            assert views[-1] is not None
            assert not one.failures()

    asyncio.run(work())


def test_what_is_let_go_is_what_was_in_front_and_tools_of_ours() -> None:
    edits = (
        ("shrink", AppendText(1, "x")),
        ("recall", AddMessages(0, (b"{}",))),
        ("paging", AddTools((b"{}",))),
        ("recall", AppendText(3, "y")),
    )
    held = Held(0, 2, 0, frozenset({1, 2}), 1200)
    visit = Visit(Thread(Conversation("a", "", 0, 0), b""), Reading(b"", [], [], 0), "", paging=frozenset({"vc_find_quote"}), held=held)
    visit.tokens_sent, visit.absent, visit.asked = 5000, 3, 7.0
    made = let_go(Exchange(1, Head("POST", "/", "", ()), b"", edits=edits), visit, 300)
    assert made.edits == (edits[0], edits[3])
    assert [note.stage for note in made.notes] == ["holding"]
    assert (visit.tokens_sent, visit.absent, visit.refused, len(visit.paging)) == (3500, 5, ("held",), 0)
    assert visit.held is None
    assert (visit.thread.view, visit.thread.account.refused, visit.thread.loosened) == (None, 2, 7.0)


@pytest.mark.parametrize("said", ["[Telegram Anna id:111 2026-11-26 05:00 UTC] ", "[WhatsApp Anna id:7 2026-11-26 05:00 UTC] ", ""])
def test_what_was_said_in_another_room_is_not_held_in_this_one(tmp_path: Path, said: str) -> None:
    """One conversation of a client, part of it in a group."""
    clock, group = Clock(), "[Telegram Familie group id:-999 2026-11-26 05:00 UTC] "

    async def work() -> None:
        bank = Till(clock)
        async with rig(config(tmp_path), bank, clock=clock) as one:
            cutter, held = Cutter(), 0
            for number in range(24):
                before = said if number < 12 else group
                clock.now += 10.0
                body = cutter.body(KEEPS, f"{before}Entry {number} of {'Anna alone' if number < 12 else 'all'}. " + "Blah blah. " * 150)
                _, answer = await one.ask(PATHS["anthropic"], body, NAME)
                cutter.hears(answer)
                more = len(messages(bank.sent)) - len(messages(body))
                held += more > 0
                if number >= 12:
                    own = [message["content"][0]["text"].partition("<recalled>")[0] for message in messages(bank.sent)[: max(0, more)]]
                    assert not any("Anna alone" in text for text in own), number
            assert held > 3, "in one room it is"
            assert not one.failures()

    asyncio.run(work())
