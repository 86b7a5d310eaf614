"""Conversations that come with their history and begin alike stay apart: none is told what its own client has not sent, and what of a
history does not go up any more is kept in the words in which it was sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tests.laws.test_echo_law import _LAW, _WIRES
from tests.rig import PATHS, Rig, asking, rig
from tests.stages.world import Chat, configured, conversation, echoing, thread

_WINDOW = 1_500
_NOTES = (
    "Notes on tea: green is steeped at 70 degrees.",
    " ".join(f"Section {number} is about machine {number * 13} of the plant." for number in range(12)),
    "hi",
)
_ANSWERS = ("ok", "I have read that and I am ready to answer questions about it, just ask.")
_SENDERS = (
    "",
    "[Telegram Ada id:555 2026-05-01 10:00 UTC] ",
    "[Telegram Friends id:-100777 2026-05-01 10:05 UTC] ",
)
_LONG = " ".join(["It matters for the plan, and for all that comes of it."] * 8)
_SECRET = re.compile(r"Word-\d+-\d+")


class Talk(Struct):
    """One client: what it has said before it came (note, what it added to it: in front, behind or nothing, answer), and its history."""

    number: int
    named: bool
    sender: str
    history: Chat

    def ask(self, text: str) -> None:
        self.history.append(("user", f"{self.sender}{text}"))


_Began = tuple[bool, int, list[tuple[int, int, int]]]
_exchanges = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=3)
_began = st.lists(st.tuples(st.booleans(), st.integers(0, 2), _exchanges), min_size=2, max_size=4)


def _talk(number: int, named: bool, sender: int, exchanges: list[tuple[int, int, int]]) -> Talk:
    talk = Talk(number, named, _SENDERS[sender], [])
    for place, (note, added, answer) in enumerate(exchanges):
        own = f"The PIN of the safe is Word-{number}-{place}."
        talk.ask(("", f"{own} ", "")[added] + _NOTES[note] + ("", "", f" {own}")[added])
        talk.history.append(("assistant", _ANSWERS[answer]))
    return talk


async def _goes_on(one: Rig, wire: str, talk: Talk, text: str) -> None:
    talk.ask(text)
    named = [b"X-VC-Conversation: talk-%d" % talk.number] if talk.named else []
    head, body = await one.ask(PATHS[wire], asking(wire, talk.history), *named)
    sent = one.sent.body.decode()
    mine = " ".join(told for _, told in talk.history)
    assert set(_SECRET.findall(sent)) <= set(_SECRET.findall(mine)), "it is told what its client has sent"
    kept = {turn.text for turn in thread(one, conversation(head)).path}
    for _, told in talk.history:
        plain = told.removeprefix(talk.sender)
        assert json.dumps(plain)[1:-1] in sent or plain in kept, "it goes up, or it is kept as it was sent"
    talk.history.append(("assistant", f"Answer {len(one.upstream.received)}."))
    assert talk.history[-1][1] in body.decode()


async def apart(folder: Path, wire: str, began: list[_Began], order: list[int], restart: int) -> None:
    async with rig(configured(folder, _WINDOW), echoing(wire)) as one:
        talks = [_talk(number, *about) for number, about in enumerate(began)]
        for step, who in enumerate(order):
            if step == restart:
                await one.restart()
            talk = talks[who % len(talks)]
            await _goes_on(one, wire, talk, f"Step {step}. {_LONG}")
        for talk in talks:
            await _goes_on(one, wire, talk, "What is the PIN of the safe?")
        assert not one.failures()


_TEA, _TEA_AND_MORE = [(0, 0, 1)], [(0, 2, 1)]
_TURNS = [*[0] * 2, *[1] * 12]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("first", [_TEA, _TEA_AND_MORE])
def test_one_that_begins_with_more_is_another(tmp_path: Path, named: bool, first: list[tuple[int, int, int]]) -> None:
    second = _TEA if first is _TEA_AND_MORE else _TEA_AND_MORE
    asyncio.run(apart(tmp_path, "openai_chat", [(named, 0, first), (named, 0, second)], _TURNS, 20))


@pytest.mark.parametrize("first", [_TEA, _TEA_AND_MORE])
def test_a_new_one_with_a_name_shares_no_words_that_were_heard_from_another(tmp_path: Path, first: list[tuple[int, int, int]]) -> None:
    """What the other one asks is answered here, with words that stand behind the question of this one, too."""

    async def work() -> None:
        async with rig(configured(tmp_path, _WINDOW), echoing("openai_chat")) as one:
            asks, comes = _talk(0, True, 0, first), _talk(1, True, 0, _TEA if first is _TEA_AND_MORE else _TEA_AND_MORE)
            (_, text), *_ = asks.history
            asks.history.clear()
            await _goes_on(one, "openai_chat", asks, text)
            comes.history[-1] = asks.history[-1]
            for talk in (asks, *[comes] * 12):
                await _goes_on(one, "openai_chat", talk, f"Step {len(talk.history)}. {_LONG}")
            await _goes_on(one, "openai_chat", comes, "What is the PIN of the safe?")
            assert not one.failures()

    asyncio.run(work())


@settings(_LAW, max_examples=30)
@example("openai_chat", [(False, 0, [(1, 0, 0)]), (False, 0, [(1, 2, 0)])], _TURNS, 20)
@example("anthropic", [(True, 2, [(1, 2, 0)]), (True, 0, [(1, 0, 0)])], _TURNS, 6)
@given(
    st.sampled_from(_WIRES),
    _began,
    st.lists(st.integers(0, 3), min_size=6, max_size=24),
    st.integers(0, 24),
)
def test_what_begins_alike_stays_apart(wire: str, began: list[_Began], order: list[int], restart: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(apart(Path(folder), wire, began, order, restart))
