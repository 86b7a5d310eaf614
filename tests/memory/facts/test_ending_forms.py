"""What is over does not hold any more, though another form of sentence says so; and what only sounds like an end ends nothing."""

from __future__ import annotations

import pytest

from backstory.memory.facts.changes import Changes
from tests.memory.facts.test_extraction import triples
from tests.memory.facts.test_supersession import holds, ledger, turns


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["Anna lives in Bergen.", "Anna moved back to Oslo."], ["Oslo"]),
        (["Anna lives in Bergen.", "Anna doesn't live in Bergen."], []),
        (["I work at Acme.", "I quit Acme."], ["Acme"]),
        (["I work at Acme.", "I left Acme last month."], ["Acme"]),
        (["I work at Acme as a clerk.", "I lost my job."], ["my job"]),
        (["I work at Acme.", "I got fired from Acme."], ["fired from Acme"]),
        (["I work at Acme.", "I've been laid off."], ["laid off"]),
        (["I work at Acme.", "I don't work there any more."], []),
        (["I live in Bergen.", "I no longer live there."], []),
        (["Bob works at Acme.", "Bob doesn't work there any more."], []),
        (["Bob works at Acme.", "Bob left Acme."], ["Acme"]),
        (["I work at Acme.", "I don't work there any more.", "I work at Acme."], ["Acme"]),
        (["I'm married to Tom.", "I'm divorced."], ["divorced"]),
        (["I'm married to Tom.", "We got divorced last year."], ["divorced"]),
        (["I'm divorced.", "I got married to Ann."], ["married to Ann"]),
        (["I'm a vegetarian.", "I'm vegan."], ["vegan"]),
        (["I have three kids.", "I have four kids now."], ["four kids"]),
        (["I take 20 mg of lisinopril.", "I take 40 mg of lisinopril now."], ["40 mg of lisinopril"]),
        (["I have a dog called Rex.", "Rex died."], ["died"]),
        (["I have a dog called Rex.", "I have a cat.", "My dog died last week."], ["a cat", "died"]),
        (["My dog Rex likes bones.", "Rex passed away yesterday."], ["Rex", "passed away"]),
        (["We have a red car.", "We sold the car."], ["the car"]),
        (["I have a red car.", "I sold my car."], ["my car"]),
        (["I have a dog called Rex.", "I gave the dog away."], ["the dog"]),
        (["I bought a second-hand canoe.", "I got rid of the canoe."], ["the canoe"]),
        (["I have an appointment with Dr. Lee on Friday.", "The appointment with Dr. Lee is cancelled."], ["cancelled"]),
        (["My dentist appointment is on Monday.", "The appointment has been moved to Tuesday."], ["Tuesday"]),
        (["My dentist appointment is on Monday.", "No, it's Friday.", "The appointment has been moved to Tuesday."], ["Tuesday"]),
        (["The meeting is on Friday at 10.", "no, at 11"], ["11"]),
        (["The meeting is on Friday at 10.", "no, 11"], ["11"]),
    ],
)
def test_what_is_over_does_not_hold(texts: list[str], left: list[str]) -> None:
    assert holds(*texts) == left


@pytest.mark.parametrize(
    "texts",
    [
        ["I work at Acme.", "I quit smoking."],
        ["I work at Acme.", "I left London."],
        ["I work at Acme.", "Bob left Acme."],
        ["I work at Acme.", "I got fired from Initech."],
        ["I live in Bergen.", "I left Bergen."],
        ["I have two dogs.", "I have two cats."],
        ["I have a dog.", "I have two cats."],
        ["I'm married to Tom.", "I'm a nurse."],
        ["I'm a single mother.", "I got married."],
        ["I take 20 mg of lisinopril.", "I take 500 mg of metformin."],
        ["I bought a car seat.", "I sold the car."],
        ["I bought a red car.", "I bought a blue car.", "I sold the car."],
        ["I have two dogs.", "I gave the dog away."],
        ["I have a red car.", "I sold cars."],
    ],
)
def test_what_only_sounds_like_an_end_ends_nothing(texts: list[str]) -> None:
    assert "superseded" not in {one.status for one in ledger(texts).known()}


@pytest.mark.parametrize(
    "texts",
    [
        ["Chrome died."],
        ["The server died."],
        ["My phone died."],
        ["I don't work there any more."],
        ["I have two dogs.", "My dog died."],
        ["I have a dog and a cat.", "My dog died."],
        ["I have a dog called Rex.", "Max died."],
        ["I have a dog called Rex.", "Rex died laughing."],
        ["I have a dog called Rex.", "If Rex died, I would cry."],
    ],
)
def test_an_end_of_nothing_that_is_known_is_no_fact(texts: list[str]) -> None:
    known = ledger(texts).known()
    assert len(known) == len(texts) - 1
    assert {one.status for one in known} <= {"current"}


def test_of_two_appointments_the_named_one_is_cancelled() -> None:
    texts = ["I have an appointment with Dr. Lee on Friday.", "I have an appointment with Dr. Kim on Monday."]
    found = [one.status for one in ledger([*texts, "The appointment with Dr. Lee is cancelled."]).known()]
    assert found == ["superseded", "planned", "current"]
    assert [one.status for one in ledger([*texts, "The appointment is cancelled."]).known()] == ["planned", "planned", "current"]


def test_what_is_known_by_that_name_is_what_is_moved() -> None:
    texts = ["The deadline is March 3.", "The deadline for the other project is May 9.", "The deadline has been moved to March 10."]
    assert holds(*texts) == ["May 9", "March 10"]
    assert holds(texts[1], texts[2]) == ["March 10"]
    both = ["I have an appointment with Dr. Lee on Friday.", "The appointment with Dr. Lee is at 10:30."]
    assert [one.status for one in ledger([*both, "The appointment with Dr. Lee is cancelled."]).known()] == ["superseded"] * 2 + ["current"]


def test_a_denial_that_points_back_says_what_it_denies_and_a_correction_what_it_corrects() -> None:
    old, new = ledger(["I work at Acme.", "I don't work there any more."]).known()
    assert (old.status, old.by_number) == ("superseded", 2)
    assert (new.subject, new.verb, new.object, new.fact.object, new.status) == ("user", "works at", "Acme", "there", "negated")
    assert (new.corrects, new.was) == ((1,), "Acme")
    _, fixed = ledger(["Our standup is on Monday.", "no, it's Wednesday"]).known()
    assert (fixed.subject, fixed.object, fixed.corrects, fixed.was) == ("standup", "Wednesday", (1,), "on Monday")


def test_what_is_over_is_recalled_with_a_word_about_it() -> None:
    changes = Changes()
    texts = ["I have a dog called Rex.", "Anna lives in Bergen.", "Rex died.", "Anna moved back to Oslo."]
    changes.follow(turns(texts), 0, lambda: None)
    assert changes.found == {1: (("I have a dog called Rex.", 3),), 2: (("Anna lives in Bergen.", 4),)}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I love sushi and hate pizza.", [("user", "likes", "sushi"), ("user", "dislikes", "pizza")]),
        ("My sister loves tea and hates coffee.", [("user's sister", "likes", "tea"), ("user's sister", "dislikes", "coffee")]),
        (
            "I like tea, love coffee and can't stand cola.",
            [("user", "likes", "tea"), ("user", "likes", "coffee"), ("user", "dislikes", "cola")],
        ),
        ("I like peace and love.", [("user", "likes", "peace and love")]),
        ("I use Python and hate Java.", [("user", "uses", "Python")]),
        ("Please look at: src/main.py:10", []),
        ("Bob left Monday.", []),
        ("I left Anna at home.", []),
        ("Im Normalmodus, tippe das Zeichen.", []),
        ("I'm Noor, by the way.", [("user", "is", "Noor")]),
        ("Please look at: /src/main.py", []),
    ],
)
def test_each_feeling_has_its_own_object(text: str, wanted: list[tuple[str, str, str]]) -> None:
    assert triples(text) == wanted
