"""A client whose answers come back in another form keeps its conversation, with a name and without; nobody gets another's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.laws.altering import FORMS, Client, Given
from tests.relay.world import Received
from tests.rig import PATHS, Rig, recording, reply, rig
from tests.stages.world import configured, conversation, stored, thread

QUESTION = "How is the weather in the harbour of the old town, and how will it be tomorrow?"
LONG = "It rains in the harbour, and it will rain tomorrow as well; the wind comes from the west, and boats stay where they are until noon."
NAMED = b"X-VC-Conversation: my-own-name"


class Asking:
    """A client in front of a proxy, and what its upstream says next."""

    def __init__(self, one: Rig, queue: list[bytes], wire: str = "openai_chat", system: str = "You help.", *headers: bytes) -> None:
        self.one, self.queue, self.headers = one, queue, headers
        self.client = Client(wire, system)

    async def ask(self, text: str, answer: Given, form: str = "exact") -> str:
        if text:
            self.client.ask(text)
        self.queue.append(reply(self.client.answer(answer, len(self.one.upstream.received))))
        head, _ = await self.one.ask(PATHS[self.client.wire], self.client.body(), *self.headers)
        self.client.hear(answer, FORMS[form])
        return conversation(head)


def in_a_rig(folder: Path, work: Callable[[Rig, list[bytes]], Awaitable[None]]) -> None:
    async def run() -> None:
        queue: list[bytes] = []

        def answer(_: Received) -> bytes:
            return queue.pop(0)

        async with rig(configured(folder), answer) as one:
            await work(one, queue)
            assert not one.failures()

    asyncio.run(run())


async def turns(one: Rig, name: str) -> list[str]:
    return [turn.text for turn in await stored(one, lambda store: store.turns(name))]


@pytest.mark.parametrize("wire", sorted(PATHS))
@pytest.mark.parametrize("headers", [(), (NAMED,)], ids=["unnamed", "named"])
def test_words_beside_calls_may_be_left_out(tmp_path: Path, wire: str, headers: tuple[bytes, ...]) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        client = Asking(one, queue, wire, "You help.", *headers)
        names = {await client.ask(QUESTION, Given("I will look.", {"at": "pier"}, "call_0"), "mute")}
        for number in range(1, 6):
            if number == 3:
                await one.restart()
            names.add(await client.ask("", Given(f"Step {number}.", {"at": f"pier {number}"}, f"call_{number}"), "mute"))
        assert len(names) == 1
        there = [text for text in await turns(one, names.pop()) if text]
        assert there == [text for text in client.client.true[:-1] if text]

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_an_edited_last_answer_is_a_branch_of_its_conversation(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        client = Asking(one, queue)
        name = await client.ask(QUESTION, Given(LONG))
        assert await client.ask("And in the evening?", Given("In the evening it will be dry.")) == name
        client.client.items[-1] = {"role": "assistant", "content": "There will be a storm in the evening."}
        if restarts:
            await one.restart()
        assert await client.ask("Thank you. What do I need?", Given("A coat.")) == name
        path = [turn.text for turn in thread(one, name).path]
        assert path[3:] == ["There will be a storm in the evening.", "Thank you. What do I need?", "A coat."]
        assert len(await turns(one, name)) == 7, "the rest of the history is stored once"

    in_a_rig(tmp_path, work)


def test_a_fork_shares_what_comes_before_it(tmp_path: Path) -> None:
    """Who goes on another way from the middle, with answers in another form, has a conversation of its own from there."""

    async def work(one: Rig, queue: list[bytes]) -> None:
        client = Asking(one, queue)
        name = await client.ask(QUESTION, Given(f"<think>Well.</think>{LONG}"), "unthinking")
        before = client.client.items[:]
        assert await client.ask("And in the evening?", Given("Dry."), "unthinking") == name
        await one.restart()
        client.client.items = before
        other = await client.ask("And on Sunday?", Given("Wet."), "unthinking")
        assert other != name
        assert await turns(one, other) == ["And on Sunday?", "Wet."]
        assert thread(one, other).conversation.forked_from == name

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_a_new_one_with_a_name_shares_no_answer_that_it_has_in_another_form(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        client = Asking(one, queue)
        for number in range(5):
            await client.ask(f"{QUESTION} Day {number}.", Given(f"<think>The code is {number}.</think>{LONG} Day {number}."), "unthinking")
        other = Asking(one, queue, "openai_chat", "You help.", NAMED)
        other.client.items = client.client.items[:]
        if restarts:
            await one.restart()
        name = await other.ask("And on Sunday?", Given("Wet."))
        path = thread(one, name).path
        assert len(path) == 12
        assert not [turn.text for turn in path if "code" in turn.text]

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_of_two_that_fit_as_well_none_is_meant(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        names = []
        for thought in ("Once.", "Twice."):
            client = Asking(one, queue)
            names.append(await client.ask(QUESTION, Given(f"<think>{thought}</think>{LONG}"), "unthinking"))
        if restarts:
            await one.restart()
        assert await client.ask("Go on.", Given("Yes.")) not in names

    in_a_rig(tmp_path, work)


def test_another_agent_with_the_same_beginning_is_another(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        alice = Asking(one, queue, "openai_chat", "You are the agent of Alice.")
        name = await alice.ask("continue", Given("<think>Hm.</think>I have gone on with the work."), "unthinking")
        bob = Asking(one, queue, "openai_chat", "You are the agent of Bob.")
        bob.client.ask("continue")
        bob.client.hear(Given("I have gone on with the work."), FORMS["exact"])
        assert await bob.ask("continue", Given("Done.")) != name

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_an_answer_that_is_another_needs_more_than_a_question_that_both_ask(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        ours = Asking(one, queue)
        await ours.ask("continue", Given("I have begun with the work."))
        name = await ours.ask(QUESTION, Given("Dry."))
        stranger = Asking(one, queue)
        for text, answer in (("continue", "There was nothing to do for me."), (QUESTION, "Dry.")):
            stranger.client.ask(text)
            stranger.client.hear(Given(answer), FORMS["exact"])
        if restarts:
            await one.restart()
        assert await stranger.ask("Go on.", Given("Yes.")) != name

    in_a_rig(tmp_path, work)


def test_a_history_is_not_where_its_answer_is_another_but_where_it_was_given(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        ours, others = Asking(one, queue), Asking(one, queue)
        await ours.ask("continue", Given("I have begun with the work."))
        await others.ask("continue", Given("There was nothing to do for me."))
        name = await ours.ask(QUESTION, Given(LONG))
        # The others went past the proxy for once.
        others.client.ask(QUESTION)
        others.client.hear(Given(LONG), FORMS["exact"])
        assert await others.ask("Go on.", Given("Yes.")) != name

    in_a_rig(tmp_path, work)


def test_an_edited_answer_in_the_middle_stays_in_its_conversation(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        client = Asking(one, queue)
        name = await client.ask("continue", Given("I have begun with the work."))
        assert await client.ask(QUESTION, Given(LONG)) == name
        for item in client.client.items:
            if item["content"] == "I have begun with the work.":
                item["content"] = "You have nothing to do here."
        assert await client.ask("Go on.", Given("Yes.")) == name

    in_a_rig(tmp_path, work)


def test_principals_never_meet(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        alice = Asking(one, queue, "openai_chat", "You help.", b"X-VC-Project: one")
        name = await alice.ask(QUESTION, Given(f"<think>Hm.</think>{LONG}"), "unthinking")
        alice.headers = (b"X-VC-Project: two",)
        assert await alice.ask("And now?", Given("Done.")) != name
        alice.headers = ()
        assert await alice.ask("And now?", Given("Done.")) != name

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("kept", [3, 4, 5, 7])
@pytest.mark.parametrize("headers", [(), (NAMED,)], ids=["unnamed", "named"])
def test_a_cut_history_with_answers_in_another_form_is_known(tmp_path: Path, kept: int, headers: tuple[bytes, ...]) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        dice = random.Random(kept)
        client = Asking(one, queue, "anthropic", "You help.", *headers)
        names = set()
        for number in range(12):
            words = " ".join(dice.choice(("harbour", "pier", "lantern", "cargo", "rope")) for _ in range(24))
            client.client.items = client.client.items[-(kept - 1) :]
            names.add(
                await client.ask(f"Question {number}: what of {words}?", Given(f"<think>{words}</think>{number}: {words}."), "unthinking")
            )
        assert len(names) == 1
        assert len(await turns(one, names.pop())) == 24

    in_a_rig(tmp_path, work)


def test_one_exchange_that_two_have_had_tells_nothing(tmp_path: Path) -> None:
    async def work(one: Rig, queue: list[bytes]) -> None:
        names = set()
        for own in ("first", "second"):
            client = Asking(one, queue)
            names.add(await client.ask(f"Hello from the {own} of us, who has something to say.", Given(f"Hello, {own}.")))
            names.add(await client.ask(QUESTION, Given(LONG)))
        client.client.items = client.client.items[-2:]
        assert await client.ask("And now?", Given("Now it is dry.")) not in names

    in_a_rig(tmp_path, work)


def test_what_was_just_seen_is_in_the_bill_of_who_is_not_known(tmp_path: Path) -> None:
    """Every answer is replaced: each request begins a conversation, and none is said to have been spared a history."""

    async def run() -> None:
        queue: list[bytes] = []

        def answer(_: Received) -> bytes:
            return queue.pop(0)

        async with rig(recording(tmp_path, memory={"threshold_messages": 4}), answer) as one:
            client = Asking(one, queue, "anthropic")
            names = []
            for number in range(8):
                names.append(await client.ask("continue", Given("Ok.", {"at": f"pier {number}"}, f"c{number}")))
                client.client.items[-2]["content"] = [{"type": "tool_use", "id": f"n{number}", "name": "other", "input": {"n": number}}]
            assert len(set(names)) > 4
            one.engine.arrivals.drain()
            account = thread(one, names[-1]).account
            assert account.requests > 1
            assert account.size_in > 0

    asyncio.run(run())


def test_a_note_in_place_of_an_answer_proves_nothing_by_itself(tmp_path: Path) -> None:
    """Two agents with the same heartbeats: the other's answer may stand for what was left out, too."""

    async def work(one: Rig, queue: list[bytes]) -> None:
        alice = Asking(one, queue)
        name = await alice.ask("continue", Given("Ok."))
        assert await alice.ask("continue", Given(LONG * 2)) == name
        bob = Asking(one, queue)
        for text, answer in (("continue", "Ok."), ("continue", "(An earlier answer was left out here.)")):
            bob.client.ask(text)
            bob.client.hear(Given(answer), FORMS["exact"])
        assert await bob.ask("continue", Given("Done.")) != name

    in_a_rig(tmp_path, work)
