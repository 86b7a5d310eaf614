"""What memory takes out of a request can be restored: each message that a client has in its history, in whatever form, goes up as it has
it, or is stored in these very words, beside its turn, where commands and look-ups find it.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backstory.app.faces import stored as faces
from tests.laws.altering import FORMS, Client, Given
from tests.laws.test_echo_law import _LAW, _WIRES
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored

_WINDOW = 1_500
_LONG = " ".join(["It matters for the plan, and for all that comes of it."] * 8)
_SECRET = "Word-{}"


class Editor(Client):
    """A client that writes words into what is history. `said`: its messages as it has them, by the items that they are."""

    def __init__(self, wire: str) -> None:
        super().__init__(wire, "You help.")
        self.count = 0

    def said(self) -> list[str]:
        """The words of each message as it is sent, the calls' arguments and results among them."""
        return [text for item in self.items for text in _words(item)]

    def change(self, place: int, how: str) -> None:
        """The item at this place of the history is another."""
        self.count += 1
        word = f"The PIN of the safe is {_SECRET.format(self.count)}."
        item = self.items[place]
        match how:
            case "behind":
                self.items[place] = _changed(item, lambda text: f"{text} {word}")
            case "before":
                self.items[place] = _changed(item, lambda text: f"{word} {text}")
            case "within":
                self.items[place] = _changed(item, lambda text: f"{text[: len(text) // 2]} {word} {text[len(text) // 2 :]}")
            case "else":
                self.items[place] = _changed(item, lambda _: f"{word} It is all another text than it was.")
            case "put in":
                self.items[place:place] = [_human(self.wire, word), *self.written(Given(f"So it is {word}"))]
            case _:
                self.items[place] = _changed(item, lambda text: text[: len(text) // 2])


def _human(wire: str, text: str) -> Any:
    return {"role": "user", "parts": [{"text": text}]} if wire == "gemini" else {"role": "user", "content": text}


def _changed(value: Any, change: Any) -> Any:
    """The same with other words."""
    if isinstance(value, list):
        return [_changed(one, change) for one in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for key, one in value.items():
        words = isinstance(one, str) and key in ("text", "content", "output", "result")
        made[key] = change(one) if words else _changed(one, change) if key not in ("args", "input") else one
    return made


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _words(one)]
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for key, one in value.items():
        found += [one] if isinstance(one, str) and key in ("text", "content", "output", "result") else _words(one)
    return found


def _spaced(text: str) -> str:
    return " ".join(text.split())


async def _asks(one: Rig, queue: list[bytes], editor: Editor, given: Given, text: str, named: bool) -> str:
    if text:
        editor.ask(text)
    queue.append(reply(editor.answer(given, len(one.upstream.received))))
    head, _ = await one.ask(PATHS[editor.wire], editor.body(), *([b"X-VC-Conversation: it"] if named else []))
    name = conversation(head)
    sent = _spaced(" ".join(_words(json.loads(one.sent.body))))
    missing = [words for words in map(_spaced, editor.said()) if words not in sent]
    if missing:
        kept = await stored(one, lambda store: [_row(row) for row in faces.told(store, faces.find(store, name), raw=True)])
        for words in missing:
            assert any(words in row for row in kept), "what does not go up is stored in these very words"
    editor.hear(given, FORMS["exact"])
    return name


def _row(row: faces.TurnRow) -> str:
    said = [row.text, *([row.calls] if row.calls else []), *(one.text for one in row.wordings)]
    calls = [call.get("result") or "" for call in (json.loads(row.calls) if row.calls else [])]
    return _spaced(" ".join([*said, *calls]))


_HOW = ("behind", "before", "within", "else", "put in", "cut")
_Step = tuple[int, str, bool]
_steps = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(("", *_HOW)), st.booleans()), min_size=8, max_size=16)


async def edited(folder: Path, wire: str, named: bool, seed: int, steps: list[_Step], restart: int) -> None:
    """`steps`: which message of its history the client changes, and how, before it asks; and whether the answer calls a tool."""
    queue: list[bytes] = []
    dice = random.Random(seed)
    async with rig(configured(folder, _WINDOW), lambda _: queue.pop(0)) as one:
        editor = Editor(wire)
        head = len(editor.items)
        for number, (place, how, calls) in enumerate(steps):
            if number == restart:
                await one.restart()
            if how and len(editor.items) > head:
                editor.change(head + place % (len(editor.items) - head), how)
            text = f"Step {number}: how is the weather in town {dice.random():.6f}? {_LONG}"
            await _asks(one, queue, editor, _given(number, dice, calls), text, named)
            if calls:
                await _asks(one, queue, editor, _given(number, dice, False), "", named)
        assert not one.failures()


def _given(number: int, dice: random.Random, calls: bool) -> Given:
    text = f"Answer {number} is {dice.random():.9f}, as far as that can be told."
    return Given(text, {"place": f"deck {number}"}, f"call_{number}_of_this_talk") if calls else Given(text)


_PLAIN, _CALLS = (0, "", False), (0, "", True)
_AGAIN = [
    *[_PLAIN] * 2,
    (0, "put in", True),
    (18, "put in", False),
    _PLAIN,
    (19, "behind", False),
    (8, "behind", False),
    (14, "within", False),
]
_ANEW = [*[_PLAIN] * 3, _CALLS, (0, "put in", False), (0, "put in", True), (1, "behind", False), (14, "behind", False)]
_TALK = [_PLAIN, (0, "behind", False), *[_PLAIN] * 9]


@pytest.mark.parametrize("wire", _WIRES)
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("how", _HOW)
def test_what_a_client_writes_into_its_history_is_kept_when_that_is_folded(tmp_path: Path, wire: str, named: bool, how: str) -> None:
    steps = [(0, "", False), (0, how, False), (1, how, False), (0, "", True), (3, how, False), *[(0, "", False)] * 6, (0, how, False)]
    asyncio.run(edited(tmp_path, wire, named, 1, steps, 8))


@settings(_LAW, max_examples=25)
@example("openai_chat", True, 0, _TALK, 20)
@example("anthropic", False, 0, _TALK, 5)
@example("anthropic", False, 0, _ANEW, 20)
@example("openai_responses", False, 0, _AGAIN, 20)
@given(st.sampled_from(_WIRES), st.booleans(), st.integers(0, 10_000), _steps, st.integers(0, 16))
def test_nothing_is_cut_that_cannot_be_restored(wire: str, named: bool, seed: int, steps: list[_Step], restart: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(edited(Path(folder), wire, named, seed, steps, restart))
