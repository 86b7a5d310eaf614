"""What stands behind the introduction of a paste is nobody's; what the sender says himself stays his."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.facts.pastes import own_until
from tests.growth import cost

_PASTED = """
Got this mail from a customer:|\\n\\nHi, my name is Anna.
README of the lib says:|\\nWe use Bazel.
here's what she answered|\\n\\nI live in Rome.
Customer feedback below.|\\n\\nI hate it.
Issue description:| My name is not shown. I use Safari.
All the log tells me\\nSlack thread:|\\nanna 10:31 AM\\nWe use Kafka now.
Look at it.\\n|anna 10:31 AM\\nWe use Kafka now.
Look at it.\\n|[10:31] anna: we use Kafka now.
Please answer.\\n\\n|Hi, my name is Anna.
Please answer.\\n|Hallo Herr Huber,\\nich wohne in Rom.
|From: Anna\\nSubject: Move\\n\\nI moved to Lyon.
What now?\\n|-------- Original Message --------\\nI moved to Lyon.
|Dear team,\\nI moved to Lyon.
Mail vom Kunden:|\\n\\nIch wohne in Rom.
Er schrieb mir gestern:|\\nIch wohne in Rom.
Message du client :|\\nJ'habite à Rome.
El cliente escribe:|\\nVivo en Roma.
客户的邮件：|\\n我住在巴黎。
"""
PASTED = [line.replace("\\n", "\n") for line in _PASTED.strip().splitlines()]
OWN = [
    "My name is Anna: nothing else.",
    "email: a@b.example",
    "log level: debug",
    "Some facts about me:\n- I live in Rome",
    "Our decisions so far:\nWe use Bazel.",
    "Zur Info:\nIch wohne in Rom.",
    "Backend:\nWe use Django.",
    "Here's the error:\n```\nFrom: a\nTo: b\n```\nWe use Bazel.",
    "He wrote:\n> I live in Rome\nI live in Oslo.",
    "Thanks.\nHi, I'm Anna by the way.",
    "Hello!\n\nI live in Rome.",
    "The standup is at 10:31 AM.\nWe use Kafka.",
    "I read the mail. It says nothing.\nWe use Kafka.",
]


@pytest.mark.parametrize("marked", PASTED)
def test_a_paste_begins_where_it_is_introduced(marked: str) -> None:
    own, _, _ = marked.partition("|")
    text = marked.replace("|", "", 1)
    assert own_until(text, len(text)) == len(own)


@pytest.mark.parametrize("text", OWN)
def test_what_is_the_senders_stays_his(text: str) -> None:
    assert own_until(text, len(text)) == len(text)


@given(st.text(max_size=400), st.integers(0, 400))
def test_it_ends_within_the_text(text: str, upto: int) -> None:
    upto = min(upto, len(text))
    assert 0 <= own_until(text, upto) <= upto


@pytest.mark.parametrize(
    "line", ["a:\n", "\n", " " * 5_000 + "\n", "From: x\n\n", "anna " * 300 + "10:31\n", "hi " * 500 + "\n", "given x\n", "``` \n"]
)
def test_no_text_takes_long(line: str) -> None:
    text = line * (400_000 // len(line))
    assert cost(lambda: own_until(text, len(text)), 0.2) < 0.2
