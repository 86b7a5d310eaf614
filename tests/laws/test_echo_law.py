"""A client that sends answers back in another form has one conversation: each message is stored once and as it was said, and what went
upstream goes up again in front of what is new. And whatever clients make of their answers, none gets another's conversation.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.wires import WIRES
from tests.laws.altering import FORMS, Client, Given, said
from tests.laws.test_append_only_law import Payload, Tally, compare, payload
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored

_LAW = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
)
_WIRES = [wire.name for wire in WIRES if wire.name in PATHS]
_OPENINGS = ("continue", "Hi!", "ok", "Please go on with the work in the repository as planned.")


class Talk:
    """A client in front of a proxy."""

    def __init__(self, one: Rig, queue: list[bytes], wire: str, dice: random.Random, system: str = "You help.") -> None:
        self.one, self.queue, self.dice = one, queue, dice
        self.client = Client(wire, system)
        self.wire = next(found for found in WIRES if found.name == wire)
        self.names: list[str] = []
        self.last: Payload | None = None
        self.tally = Tally()

    async def ask(self, text: str, form: str, answer: Given) -> None:
        if text:
            self.client.ask(text)
        self.queue.append(reply(self.client.answer(answer, len(self.one.upstream.received))))
        head, _ = await self.one.ask(PATHS[self.wire.name], self.client.body())
        self.names.append(conversation(head))
        sent = payload(self.wire, self.one.sent, head)
        if self.last is not None:
            compare(self.last, sent, self.tally)
        self.last = sent
        self.client.hear(answer, FORMS[form])

    async def said(self) -> list[str]:
        """What is stored on the branch of the last conversation but results of calls, the newest answer with it."""
        rows = await stored(self.one, lambda store: store.turns(self.names[-1]))
        return [_words(row).strip() for row in rows]


def _words(row: Turn) -> str:
    return "" if row.kind == "tool" and row.role == "assistant" else row.text


async def alone(folder: Path, wire: str, seed: int, form: str, since: int, restarts: int, rounds: int, window: int) -> Tally:
    """One conversation, in which the client alters its answers from round `since` on: those that it has, too."""
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return queue.pop(0)

    dice = random.Random(seed)
    if form == "brief":
        # A note in place of the very first answer proves nothing: a stranger who uses the same template has it, too.
        since = max(since, 2)
    async with rig(configured(folder, window), answer) as one:
        talk = Talk(one, queue, wire, dice)
        for place in range(rounds):
            number = place + 1
            text = f"Message {place}: the word for the {dice.choice(('north', 'south'))} is {dice.random():.6f}."
            if place == since:
                talk.client.again(FORMS[form])
                talk.last = None
            if place == restarts:
                await one.restart()
            now = form if place >= since else "exact"
            calls = [said(dice, 100 * number + step, True) for step in range(dice.choice((0, 0, 1, 3)))]
            for step, given in enumerate(calls):
                await talk.ask("" if step else text, now, given)
            await talk.ask("" if calls else text, now, said(dice, 100 * number + 99, False))
        assert set(talk.names) == {talk.names[0]}
        there = await talk.said()
        assert there == [text.strip() for text in talk.client.true], "each message is stored once, as it was said"
        assert not one.failures()
        return talk.tally


@settings(_LAW, max_examples=40)
@example("anthropic", 1, "mute", 0, 0, 30_000)
@example("openai_responses", 2, "mute", 0, 3, 30_000)
@given(
    st.sampled_from(_WIRES),
    st.integers(0, 10_000),
    st.sampled_from(sorted(FORMS)),
    st.integers(0, 4),
    st.integers(1, 9),
    st.sampled_from([3_000, 120_000]),
)
def test_answers_in_another_form_keep_their_conversation(wire: str, seed: int, form: str, since: int, restarts: int, window: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(alone(Path(folder), wire, seed, form, since, restarts, 7, window))


_ANSWERS = (
    Given("Ok."),
    Given("<think>They want me to go on.</think>I have gone on with the work that we had agreed upon."),
    Given("<think>Once more.</think>I have gone on with the work that we had agreed upon."),
    Given('{"state": "done", "errors": []}'),
    Given("Step 1. I will look into it.", {"place": "deck"}, "call_1"),
    Given("Let me see.", {"place": "deck"}, "call_1"),
)
_Move = tuple[int, int, int, bool]
_moves = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 8), st.booleans()), min_size=6, max_size=18)


async def strangers(folder: Path, wire: str, system: tuple[str, str], forms: list[str], script: list[_Move], restarts: int) -> None:
    """`script`: whose turn it is, what is said (from some number on something of its own), what is answered, as well, and whether that
    goes past the proxy."""
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return queue.pop(0)

    async with rig(configured(folder, 3_000), answer) as one:
        talks = [Talk(one, queue, wire, random.Random(number), system[number % 2]) for number in range(len(forms))]
        unseen: dict[Talk, set[int]] = {talk: set() for talk in talks}
        for place, (who, question, answered, past) in enumerate(script):
            if place == restarts:
                await one.restart()
            talk, form = talks[who % len(talks)], forms[who % len(talks)]
            own = f"This is said by number {who % len(talks)} alone, at step {place}."
            text = _OPENINGS[question] if question < len(_OPENINGS) else own
            given = _ANSWERS[answered] if answered < len(_ANSWERS) else Given(f"It is noted at step {place}, for {who % len(talks)}.")
            if past:
                talk.client.ask(text)
                unseen[talk].add(len(talk.client.true))
                talk.client.hear(FORMS[form](given), FORMS["exact"])
                continue
            talk.last = None
            await talk.ask(text, form, given)
            one.engine.arrivals.drain()
            assert one.engine.threads is not None
            held = one.engine.threads.held(talk.names[-1])
            assert held is not None
            told = [_words(row).strip() for row in held.path]
            both = zip(talk.client.true, talk.client.shown, strict=True)
            turns = [(true.strip(), shown.strip(), place in unseen[talk]) for place, (true, shown) in enumerate(both)]
            # What the newest call gives is not with the proxy yet.
            assert _is_its(told, turns[: len(turns) - (given.arguments is not None)], form), "it is its own history"
            for other in range(len(talks)):
                assert other == who % len(talks) or f"by number {other} alone".encode() not in one.sent.body
        assert not one.failures()


def _is_its(told: list[str], turns: list[tuple[str, str, bool]], form: str) -> bool:
    """Whether what is told of a conversation is what a client was told and has of it (`turns`: both, and whether it is an answer that was
    never seen): from the end on, each is as it was said, or as the client sends it, where it sends it at all.

    Nobody can tell a client that has cut its history, or has edited answers, from one that really has, word for word, all the rest:
    two messages of some length before the newest question."""
    left, same, edited = [text for text in told if text], list[str](), False
    for true, shown, unseen in reversed([turn for turn in turns if any(turn[:2])]):
        if left and (left[-1] in (true, shown) or _sent(left[-1], form) == shown):
            same.append(left.pop())
        elif left and unseen and shown:
            edited = bool(left.pop())
        elif shown:
            return False
    return not (left or edited) or len({text for text in same[2:] if len(text) >= 24}) >= 2


def _sent(text: str, form: str) -> str:
    """What a client that alters its answers has of this one."""
    return "" if form == "mute" and text.startswith(("Step", "Let me see")) else FORMS[form](Given(text)).text.strip()


@settings(_LAW, max_examples=60)
@example(
    "anthropic",
    ("You help.", "You help."),
    ["mute", "mute"],
    [(0, 0, 4, False), (1, 0, 5, False), (0, 1, 0, False), (1, 1, 0, False), (0, 5, 8, False), (1, 5, 8, False)],
    9,
)
@example(
    "openai_chat",
    ("", ""),
    ["unthinking"] * 2,
    [(0, 0, 1, False), (1, 0, 2, False), (0, 0, 1, False), (1, 0, 2, False), (0, 5, 8, False), (1, 5, 8, False)],
    9,
)
@example(
    "openai_responses",
    ("You help.", "You help."),
    ["anew", "mute"],
    [(0, 1, 4, False), (1, 1, 4, False), (0, 0, 0, False), (0, 0, 0, False), (1, 0, 0, False), (1, 0, 4, False)],
    0,
)
@example(
    "anthropic",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 0, False), (0, 0, 1, False), (1, 0, 0, False), (1, 0, 2, True), (1, 0, 0, False), (0, 0, 0, False)],
    0,
)
@example(
    "anthropic",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 0, False), (0, 3, 0, False), (0, 0, 1, False), (1, 3, 0, True), (1, 0, 1, True), (1, 0, 0, False)],
    0,
)
@example(
    "openai_responses",
    ("You help.", "You help."),
    ["mute", "anew"],
    [(0, 0, 4, False), (0, 0, 0, False), (0, 0, 0, False), (0, 0, 0, False), (0, 0, 4, False), (0, 0, 0, False)],
    0,
)
@example(
    "anthropic",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 0, False), (0, 0, 0, False), (0, 3, 0, False), (1, 0, 0, False), (1, 0, 1, False), (1, 3, 0, True), (1, 0, 0, False)],
    0,
)
@example(
    "openai_chat",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 0, False), (0, 0, 0, False), (0, 3, 1, False), (1, 0, 0, False), (1, 0, 1, False), (1, 3, 1, True), (1, 0, 0, False)],
    0,
)
@example(
    "anthropic",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 0, False), (0, 0, 0, False), (0, 3, 0, False), (1, 0, 1, False), (1, 0, 0, False), (1, 3, 1, True), (1, 0, 0, False)],
    0,
)
@example(
    "openai_chat",
    ("You help.", "You help."),
    ["anew", "anew"],
    [(0, 0, 1, False), (0, 3, 0, False), (1, 0, 0, True), (1, 3, 0, True), (1, 0, 0, False)],
    0,
)
@given(
    st.sampled_from(_WIRES),
    st.sampled_from([("You help.", "You help."), ("You are the agent of Alice.", "You are the agent of Bob.")]),
    st.lists(st.sampled_from(sorted(FORMS)), min_size=2, max_size=3),
    _moves,
    st.integers(0, 18),
)
def test_nobody_gets_another_conversation(wire: str, system: tuple[str, str], forms: list[str], script: list[_Move], restarts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(strangers(Path(folder), wire, system, forms, script, restarts))
