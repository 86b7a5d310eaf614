"""What is asked with `X-VC-Memory: off`, and what answers it, is never taken in, though its client sends it again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from backstory.core.ids import ids_since
from backstory.core.tombs import MOST_UNKEPT, UNKEPT, WHOLE, Tomb, Tombs, mark
from backstory.memory.reading.fence import DIGEST_OPEN
from backstory.stores.database import open_store
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig, said, soon
from tests.stages.world import Chat, configured, echoing, stored

OFF = b"X-VC-Memory: off"
HELLO: Chat = [("user", "Hello there, let us talk about fruit today."), ("assistant", "Answer 1.")]
SECRET: Chat = [("user", "My secret is Papaya-5 and it stays private."), ("assistant", "Answer 2.")]
ON: Chat = [("user", "Go on with what we had before, please.")]


async def ask(one: Rig, wire: str, chat: Chat, *headers: bytes) -> None:
    body = asking(wire, chat)
    await one.ask(PATHS[wire], body, *headers)
    assert one.sent.body == body
    await soon(lambda: len(one.engine.visits) == 0)


async def texts(one: Rig) -> list[str]:
    return await stored(one, lambda store: [turn.text for record, _ in store.conversations(None) for turn in store.turns(record.id)])


@pytest.mark.parametrize("wire", PATHS)
@pytest.mark.parametrize("named", [(), (b"X-Session-Id: s1",)])
@pytest.mark.parametrize("again", [False, True])
def test_it_is_not_taken_in_by_the_next_request(tmp_path: Path, wire: str, named: tuple[bytes, ...], again: bool) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing(wire)) as one:
            await ask(one, wire, HELLO[:1], *named)
            await ask(one, wire, [*HELLO, SECRET[0]], OFF, *named)
            await one.engine._lanes.flush()  # type: ignore[union-attr]
            if again:
                await soon(lambda: not one.engine._beside)
                await one.restart()
            await ask(one, wire, [*HELLO, *SECRET, *ON], *named)
            await ask(one, wire, [*HELLO, *SECRET, *ON, ("assistant", "Answer 3."), ("user", "And what else is there?")], *named)
            found = await texts(one)
            assert not [text for text in found if "Papaya" in text or text == "Answer 2."]
            assert {HELLO[0][1], ON[0][1], "Answer 3.", "And what else is there?"} <= set(found)
            assert not one.failures()

    asyncio.run(work())


def test_a_conversation_that_begins_so_is_taken_in_from_where_it_may_be(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            first: Chat = [("user", "My pin is Durian-3, do not keep it."), ("assistant", "Answer 1.")]
            await ask(one, "anthropic", first[:1], OFF)
            await ask(one, "anthropic", [*first, *ON, ("assistant", "Answer 2."), ("user", "And now?")])
            assert await texts(one) == [ON[0][1], "Answer 2.", "And now?", "Answer 2."]
            await ask(one, "anthropic", first[:1])
            assert first[0][1] in await texts(one), "what is said again now, without the header, is said anew"

    asyncio.run(work())


def test_what_tools_gave_back_then_is_not_taken_in(tmp_path: Path) -> None:
    call = '{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}'
    result = '{"role":"tool","tool_call_id":"c1","content":"The number is 4711."}'
    asked, told = '{"role":"user","content":"Look my number up."}', '{"role":"assistant","content":"Your number is 4711."}'
    later = '{"role":"user","content":"Thank you, that was all."}'

    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one:
            for messages, headers in (([asked], ()), ([asked, call, result], (OFF,)), ([asked, call, result, told, later], ())):
                await one.ask(PATHS["openai_chat"], ('{"model":"m","messages":[' + ",".join(messages) + "]}").encode(), *headers)
                await soon(lambda: len(one.engine.visits) == 0)
            found = await texts(one)
            assert not [text for text in found if "4711" in text]
            assert "Look my number up." in found
            assert "Thank you, that was all." in found

    asyncio.run(work())


def test_another_process_learns_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one, rig(configured(tmp_path), echoing()) as other:
            await ask(one, "anthropic", HELLO[:1])
            await ask(one, "anthropic", [*HELLO, SECRET[0]], OFF)
            await soon(lambda: not one.engine._beside)
            await other.engine._forgotten.look()
            await ask(other, "anthropic", [*HELLO, *SECRET, *ON])
            assert not [text for text in await texts(other) if "Papaya" in text]

    asyncio.run(work())


@pytest.mark.parametrize("ahead", [3600, -3600], ids=["of one ahead", "of one behind"])
def test_another_process_learns_of_it_whose_clock_differs(tmp_path: Path, ahead: int) -> None:
    """What both lay in one second, too; and a clock that is set right after the start hides nothing that comes."""

    def clock(one: Rig, seconds: int) -> None:
        one.engine.turn_ids._clock_ms = lambda: (time.time_ns() // 1_000_000) + seconds * 1000

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one, rig(configured(tmp_path), echoing()) as other:
            clock(one, ahead)
            for number in range(3):
                own: Chat = [("user", f"What {number} is, is nobody's business."), ("assistant", "Answer 1.")]
                await ask(other, "anthropic", own[:1], OFF)
                secret: Chat = [("user", f"My secret is Papaya-{number} and it stays private."), ("assistant", "Answer 1.")]
                await ask(one, "anthropic", secret[:1], OFF)
                await ask(other, "anthropic", [("user", f"And {number} is not either.")], OFF)
                await soon(lambda: not one.engine._beside and not other.engine._beside)
                await one.engine._forgotten.look()
                await other.engine._forgotten.look()
                await ask(other, "anthropic", [*secret, *ON])
                await ask(one, "anthropic", [*own, *ON])
            found = await texts(other)
            assert not [text for text in found if "Papaya" in text or "business" in text]

    asyncio.run(work())


def test_only_the_newest_marks_are_kept(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    first = ids_since(1_700_000_000.0)
    step = first // (1 << 22) % 500
    base = first + ((500 - step) << 22)
    rows = [(base + number, "me", number.to_bytes(16, "big"), 0.0) for number in range(MOST_UNKEPT + 50)]
    store.lay(rows)
    key, left = store.laid(0)
    assert len(left) == MOST_UNKEPT
    assert left[-1].turn == rows[-1][0]
    assert store.laid(left[-3].turn)[1] == left[-2:]
    known, learnt = store.tombs(), Tombs()
    learnt.learn(key, left)
    for tombs in (known, learnt):
        assert tombs.whole("me", rows[-1][2])
        assert not tombs.whole("you", rows[-1][2])
        assert not tombs.whole("me", rows[0][2])
    store.close()


def test_what_is_held_of_them_is_bounded() -> None:
    tombs = Tombs()
    assert not tombs
    fresh = tombs.lay("me", [number.to_bytes(16, "big") for number in range(MOST_UNKEPT + 10)])
    assert len(fresh) == MOST_UNKEPT + 10
    assert tombs.lay("me", fresh[-5:]) == []
    assert tombs.lay("me", fresh[:1]) == fresh[:1], "the oldest are no longer known"


def test_marks_outlive_a_forgetting_that_overtakes_them(tmp_path: Path) -> None:
    """What is laid is known at once, and stored later: tombs that are read in between do not have it."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            threads = one.engine.threads
            assert threads is not None
            threads.tombs.lay("me", [b"chain"])
            await one.engine._forgotten.drop()
            assert threads.tombs.whole("me", b"chain")
            assert await threads.by_id("me", "no conversation", "") is None
            assert threads.tombs.whole("me", b"chain")

    asyncio.run(work())


def test_it_is_known_by_how_its_client_has_the_answers_before_it(tmp_path: Path) -> None:
    """Answers before it were known in another form, and what was really said is in their place from then on."""
    chat: Chat = []

    def answer(_: Received) -> bytes:
        number = len(chat) // 2 + 1
        return reply(said("openai_chat", f"<think>They want to talk of fruit, which is harmless.</think>Answer {number}.", number))

    async def work() -> None:
        async with rig(configured(tmp_path), answer) as one:
            for number in range(7):
                chat.append(("user", f"Question {number}: what of the fruit in the market of town {number}?"))
                await ask(one, "openai_chat", chat, *([OFF] if number == 5 else []))
                chat.append(("assistant", f"Answer {number + 1}."))
            found = await texts(one)
            assert not [text for text in found if "Question 5" in text or text.endswith("Answer 6.")]
            assert chat[12][1] in found

    asyncio.run(work())


@pytest.mark.parametrize("wire", PATHS)
@pytest.mark.parametrize("begins", [True, False])
def test_it_stays_where_it_is_when_what_is_around_it_is_folded(tmp_path: Path, wire: str, begins: bool) -> None:
    """Nothing has kept it, so nothing may be cut; and no digest tells of it."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=1500), echoing(wire)) as one:
            chat: Chat = []
            folds = 0
            for number in range(24):
                off = number == (0 if begins else 2)
                chat.append(SECRET[0] if off else ("user", f"Report {number}: the grey boats in harbour {number * 7}. " * 6))
                if number == 15:
                    await one.restart()
                await one.ask(PATHS[wire], asking(wire, chat), b"X-Session-Id: s1", *([OFF] if off else []))
                await soon(lambda: len(one.engine.visits) == 0)
                sent = one.sent.body.decode()
                if number >= (0 if begins else 2):
                    assert sent.count("Papaya-5") == 1
                if DIGEST_OPEN in sent:
                    folds += 1
                    assert len(sent) < len(asking(wire, chat))
                    assert sent.index("Papaya-5") < sent.index(DIGEST_OPEN)
                    # Its answer stands behind it, as it did, and then the digest in front of a human's message.
                    assert sent.index("Papaya-5") < sent.index(f"Answer {1 if begins else 3}.") < sent.index(DIGEST_OPEN)
                chat.append(("assistant", f"Answer {number + 1}."))
            assert folds > 5
            assert not [text for text in await texts(one) if "Papaya" in text]
            assert not one.failures()

    asyncio.run(work())


def test_what_is_wanted_by_nobody_is_known_after_a_restart_and_apart_from_what_was_forgotten() -> None:
    key, chain, other = b"k" * 16, b"c" * 16, b"o" * 16
    rows = [
        Tomb(1, UNKEPT, "me", WHOLE, True, mark(key, chain), 0, 0.0),
        Tomb(2, "gone", "me", WHOLE, True, mark(key, other), 0, 0.0),
    ]
    tombs = Tombs(key, rows)
    assert tombs
    assert (tombs.unkept("me", chain), tombs.whole("me", chain)) == (True, True)
    assert (tombs.unkept("me", other), tombs.whole("me", other)) == (False, True)
    assert not tombs.unkept("you", chain)
