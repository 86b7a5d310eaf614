"""A question is heard where an assistant ends with it, and what answers it says nothing of what was stated before."""

from __future__ import annotations

import pytest

from backstory.memory.facts.asked import question
from tests.memory.facts.test_supersession import holds, turns


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("A: Noted. When is it?", "When is it?"),
        ("A: When is it? Just tell me.", "When is it?"),
        ("A: When is it? I can look. Tell me. Or not.", ""),
        ("A: Noted.", ""),
        ("When is it?", ""),
    ],
)
def test_the_question_at_the_end_is_heard(text: str, heard: str) -> None:
    assert question(turns([text])[0]) == heard


def test_before_the_first_turn_nothing_was_asked() -> None:
    assert question(None) == ""


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["The demo is on Monday.", "A: Is the dentist on Tuesday?", "No, Wednesday."], ["on Monday"]),
        (["The demo is on Monday.", "A: Is the demo at noon?", "No, it's on Tuesday."], ["Tuesday"]),
        (["The demo is on Monday.", "A: Noted. Anything else?", "No, it's on Tuesday."], ["Tuesday"]),
        (["The demo is on Monday.", "A: Shall I remind you on Sunday?", "It's Tuesday, not Monday."], ["Tuesday"]),
        (["The port is 8080.", "A: Shall I start 5 workers?", "No, 6."], ["8080"]),
        (["The port is 8080.", "A: Shall I write that down?", "No, 8081."], ["8081"]),
        (["My name is Jon.", "A: What's your name again?", "No, it's John."], ["John"]),
        (["My name is Jon.", "A: What's the author's name?", "No, it's Jan."], ["Jon"]),
    ],
)
def test_an_answer_is_no_correction(texts: list[str], left: list[str]) -> None:
    assert holds(*texts) == left


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["My name is Jon. I live in Berlin.", "No, it's John."], ["Berlin", "John"]),
        (["The port is 8080. The timeout is 30.", "No, 8081."], ["30", "8081"]),
        (["The demo is on May 4. The exam is on May 6.", "No, it's May 7."], ["on May 4", "on May 6"]),
        (["The limit is 50. The quota is 60.", "No, 55."], ["50", "60"]),
        (["The demo is on May 4 and the exam is on May 6. No, on May 7."], ["on May 4", "May 7"]),
    ],
)
def test_of_two_things_in_one_turn_the_one_that_is_meant_or_none_is_corrected(texts: list[str], left: list[str]) -> None:
    assert sorted(holds(*texts)) == sorted(left)
