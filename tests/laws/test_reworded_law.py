"""A client that puts documents, dates and reminders beside its newest question, and takes them away later, has one conversation: each
message is stored once and as it was asked, nothing of what it sends is touched where memory has nothing to add. And two of them that share
the system prompt, the templates and the documents never meet.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from backstory.wires import WIRES
from tests.laws.altering import FORMS, Client, Given
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored

_LAW = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
)
_WIRES = [wire.name for wire in WIRES if wire.name in PATHS]
_DOCUMENTS = ("The depot has nine doors.", "Labels are printed with 203 dpi.\n\nThe printer is a ZX 9.", "Rates: 80 a minute & no more.")
_TEMPLATES: dict[str, Callable[[str, str, int], str]] = {
    "tasks": lambda text, document, _: f"### Task:\nUse the context.\n\n<context>\n{document}\n</context>\n\n<query>\n{text}\n</query>\n",
    "before": lambda text, document, _: f"Context: {document}\n\nQuestion: {text}",
    "after": lambda text, document, _: f"{text}\n\n---\nFound in the files:\n{document}",
    "dated": lambda text, _, at: f"{text}\n\n(It is 10:{at:02} now.)",
    "plain": lambda text, _, __: text,
}
_Round = tuple[str, int]
_rounds = st.lists(st.tuples(st.sampled_from(sorted(_TEMPLATES)), st.integers(0, len(_DOCUMENTS) - 1)), min_size=4, max_size=8)


class Asker(Client):
    """A client with the plain question in its history (`kept`: what it wrapped goes there) after it was answered. `late`: it is the other
    way round, what surrounds a question is put there when it is history."""

    def __init__(self, wire: str, late: bool = False) -> None:
        super().__init__(wire, "You help.")
        self.late = late
        self.head = len(self.items)
        self.left: list[str] = []

    def wrap(self, text: str, template: str, document: int, at: int) -> None:
        wrapped = _TEMPLATES[template](text, _DOCUMENTS[document], at)
        first, second = (text, wrapped) if self.late else (wrapped, text)
        self.ask(first)
        self.left.append(second)

    def heard(self, given: Given) -> None:
        """It was answered: what it asked takes its other form."""
        self.items[-1] = _human(self.wire, self.left[-1])
        self.hear(given, FORMS["exact"])

    def cut(self, kept: int) -> bytes:
        """The body with so many messages of its history."""
        items, self.items = self.items, [*self.items[: self.head], *self.items[max(self.head, len(self.items) - 1 - kept) :]]
        body = self.body()
        self.items = items
        return body


def _human(wire: str, text: str) -> Any:
    return {"role": "user", "parts": [{"text": text}]} if wire == "gemini" else {"role": "user", "content": text}


async def _ask(one: Rig, queue: list[bytes], asker: Asker, given: Given, kept: int) -> str:
    queue.append(reply(asker.answer(given, len(one.upstream.received))))
    head, _ = await one.ask(PATHS[asker.wire], asker.cut(kept))
    asker.heard(given)
    return conversation(head)


async def alone(folder: Path, wire: str, seed: int, late: bool, rounds: list[_Round], restarts: int, cuts: int) -> None:
    """`restarts`: before which round the proxy does; `cuts`: from which one on the client sends the last six messages of its history."""
    queue: list[bytes] = []
    dice = random.Random(seed)
    async with rig(configured(folder, 120_000), lambda _: queue.pop(0)) as one:
        asker, names = Asker(wire, late), []
        for place, (template, document) in enumerate(rounds):
            if place == restarts:
                await one.restart()
            asker.wrap(f"Round {place}: what is the word for {dice.random():.6f}?", template, document, place)
            kept = 6 if place >= cuts else 2 * place
            sent = asker.cut(kept)
            names.append(await _ask(one, queue, asker, Given(f"The word for number {place} is {dice.random():.9f}."), kept))
            assert kept < 2 * place or one.sent.body == sent, "nothing of it is touched"
        assert set(names) == {names[0]}
        rows = await stored(one, lambda store: store.turns(names[0]))
        assert [row.text.strip() for row in rows] == [text.strip() for text in asker.true], "each is stored once, as it was asked"
        assert not one.failures()


@settings(_LAW, max_examples=30)
@given(
    st.sampled_from(_WIRES),
    st.integers(0, 10_000),
    st.booleans(),
    _rounds,
    st.integers(1, 8),
    st.integers(4, 9),
)
def test_other_surroundings_keep_their_conversation(
    wire: str, seed: int, late: bool, rounds: list[_Round], restarts: int, cuts: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(alone(Path(folder), wire, seed, late, rounds, restarts, cuts))


_QUESTIONS = ("continue", "yes", "How many doors has the depot at the river, and who keeps them?", "What does the printer print with?")
_ANSWERS = (
    "Ok.",
    "I have gone on with the work that we had agreed upon.",
    "It is in the documents: " + "as you see there, " * 8 + "it is so.",
)
_Move = tuple[int, int, int, str, int, bool]
_moves = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5),
        st.integers(0, 4),
        st.sampled_from(sorted(_TEMPLATES)),
        st.integers(0, len(_DOCUMENTS) - 1),
        st.booleans(),
    ),
    min_size=6,
    max_size=18,
)


async def strangers(folder: Path, wire: str, late: list[bool], script: list[_Move], restarts: int, cuts: int) -> None:
    """`script`: whose turn it is, what is asked and answered (past some number, something of its own), in which template, with which
    document, and whether that goes past the proxy: what many say is all that does."""
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return queue.pop(0)

    async with rig(configured(folder, 3_000), answer) as one:
        askers = [Asker(wire, way) for way in late]
        for place, (who, question, answered, template, document, past) in enumerate(script):
            if place == restarts:
                await one.restart()
            number = who % len(askers)
            asker = askers[number]
            if past:
                asker.wrap(_QUESTIONS[question % 2], "plain", 0, place)
                asker.heard(Given(_ANSWERS[answered % 2]))
                continue
            own = f"This is said by number {number} alone, at step {place}."
            asker.wrap(_QUESTIONS[question] if question < len(_QUESTIONS) else own, template, document, place)
            given = Given(_ANSWERS[answered] if answered < len(_ANSWERS) else f"It is noted at step {place}, for number {number} alone.")
            name = await _ask(one, queue, asker, given, 6 if place >= cuts else 2 * place)
            one.engine.arrivals.drain()
            assert one.engine.threads is not None
            held = one.engine.threads.held(name)
            assert held is not None
            told = [turn.text.strip() for turn in held.path]
            if place < cuts:
                forms = _forms(asker)
                assert len(told) == len(forms)
                for text, its in zip(told, forms, strict=True):
                    assert text in its, "it is its own history"
            for other in range(len(askers)):
                alien = f"number {other} alone".encode()
                assert other == number or alien not in one.sent.body
                assert other == number or not any(alien.decode() in text for text in told)
        assert not one.failures()


def _forms(asker: Asker) -> list[tuple[str, ...]]:
    """Each message of a client as it was asked and as it has it."""
    left = iter(asker.left)
    return [(text.strip(), next(left).strip()) if place % 2 == 0 else (text.strip(),) for place, text in enumerate(asker.true)]


def _told(who: int, question: int, answered: int, past: bool = False) -> _Move:
    return who, question, answered, "dated", 0, past


_SAME = [_told(who, question, question % 3) for who in (0, 1) for question in (2, 3, 2, 3, 2)]
_BEATS = ((0, 0), (0, 1), (1, 0))


@settings(_LAW, max_examples=60)
@example("openai_chat", [False, False], [*_SAME, _told(0, 5, 4), _told(1, 5, 4)], 20, 20)
@example("anthropic", [False, False], [_told(0, 0, 0), _told(1, 0, 0, True), _told(1, 5, 4)], 20, 20)
@example("openai_chat", [False, False], [_told(0, 0, 1), _told(1, 0, 1, True), _told(1, 5, 4)], 20, 20)
@example(
    "anthropic",
    [False, False],
    [(0, 2, 2, "plain", 0, False), (1, 2, 1, "after", 0, False), _told(1, 0, 0, True), (1, 0, 0, "after", 0, False)],
    0,
    6,
)
@example(
    "openai_chat",
    [False, False],
    [_told(0, 5, 4), *[_told(0, *one) for one in _BEATS], *[_told(1, *one, True) for one in _BEATS], _told(1, 5, 4)],
    20,
    7,
)
@given(
    st.sampled_from(_WIRES),
    st.lists(st.booleans(), min_size=2, max_size=3),
    _moves,
    st.integers(0, 18),
    st.integers(6, 24),
)
def test_nobody_gets_another_conversation(wire: str, late: list[bool], script: list[_Move], restarts: int, cuts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(strangers(Path(folder), wire, late, script, restarts, cuts))
