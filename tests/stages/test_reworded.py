"""A client whose questions come back in other surroundings: what memory put there goes along again, and an edit stays an edit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.laws.altering import Given
from tests.laws.test_reworded_law import Asker
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored, thread


def _in_a_rig(folder: Path, work: Callable[[Rig, list[bytes]], Awaitable[None]]) -> None:
    async def run() -> None:
        queue: list[bytes] = []

        def answer(_: Received) -> bytes:
            return queue.pop(0)

        async with rig(configured(folder), answer) as one:
            await work(one, queue)
            assert not one.failures()

    asyncio.run(run())


async def _say(one: Rig, queue: list[bytes], asker: Asker, text: str, answer: str, kept: int = 99, template: str = "before") -> str:
    asker.wrap(text, template, 0, len(queue))
    queue.append(reply(asker.answer(Given(answer), len(one.upstream.received))))
    head, _ = await one.ask(PATHS["openai_chat"], asker.cut(kept))
    asker.heard(Given(answer))
    return conversation(head)


def _sent(one: Rig) -> list[str]:
    return [item["content"] for item in json.loads(one.sent.body)["messages"]]


def test_what_was_told_at_a_question_goes_along_again(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        asker = Asker("openai_chat")
        name = await _say(one, queue, asker, "The tollgate of Northam costs 17 crowns a cart.", "I have noted the fee of Northam for you.")
        for place in range(6):
            await _say(
                one, queue, asker, f"Tell me of day {place} at sea, please.", f"On day {place} the sea was calm and the sky was grey."
            )
        asked = "What does the tollgate of Northam cost a cart?"
        assert await _say(one, queue, asker, asked, "It costs 17 crowns a cart, as you said.", kept=4) == name
        told = _sent(one)[-1]
        assert "17 crowns" in told
        assert "Context: The depot has nine doors." in told, "its own words go up as they are"
        assert await _say(one, queue, asker, "And what was day 3 like at sea?", "It was calm, and grey above.", kept=6) == name
        again = next(text for text in _sent(one) if asked in text)
        assert "17 crowns" in again
        assert again.startswith(asked), "its client has taken away what stood before it"
        before = _sent(one)[:-1]
        await _say(one, queue, asker, "Thank you, and now to the next harbour.", "We set sail at noon, then, with the tide.", kept=8)
        assert _sent(one)[: len(before)] == before, "from then on nothing changes any more"

    _in_a_rig(tmp_path, work)


def test_a_question_with_more_words_and_no_answer_is_an_edit(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        asker = Asker("openai_chat")
        name = await _say(one, queue, asker, "Which harbour is the next one on our way?", "It is the harbour of Northam, in two days.")
        await _say(one, queue, asker, "How deep is it there at low tide?", "Four fathoms at the lowest tide of the year.", template="plain")
        del asker.items[-2:], asker.true[-2:], asker.left[-1:]
        edited = "How deep is it there at low tide? And at high tide?"
        other = await _say(one, queue, asker, edited, "Four fathoms, and seven at high tide.", template="plain")
        assert other != name
        assert [turn.text for turn in thread(one, other).path][2:] == [edited, "Four fathoms, and seven at high tide."]
        assert await _say(one, queue, asker, "Good. Who pilots us in?", "The pilot of Northam does, at any hour.") == other
        first = await stored(one, lambda store: store.turns(name))
        assert [turn.text for turn in first][2:] == ["How deep is it there at low tide?", "Four fathoms at the lowest tide of the year."]

    _in_a_rig(tmp_path, work)


def test_documents_may_be_a_message_of_their_own(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        asker, names = Asker("openai_chat"), set()
        for place in range(5):
            document = f"Document {place}: the depot of Northam has {place + 4} doors."
            asker.ask(document)
            names.add(
                await _say(
                    one,
                    queue,
                    asker,
                    f"How many doors are there in year {place}?",
                    f"There are {place + 4} doors in that year, all told.",
                    template="plain",
                )
            )
            del asker.items[-3]
        assert len(names) == 1
        rows = await stored(one, lambda store: store.turns(names.pop()))
        assert [row.text for row in rows] == asker.true

    _in_a_rig(tmp_path, work)
