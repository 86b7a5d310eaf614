"""A time that is asked about: which units are of it, whether it opens the gate, and in which order they come."""

from __future__ import annotations

import pytest

from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.reading.timing import dated
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import read
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.speaking import speaking
from backstory.memory.recall.units import Carry, units
from tests.memory.chats import seconds, turn

NOW = seconds("2025-05-14 15:00")  # a Wednesday

FRIENDS = """
@ 2024-03-04 18:00
Jonas: I started my new job at the archive today.
Lena: Congratulations Jonas! I knew they would take you.
@ 2024-06-15 10:00
Jonas: We hiked along the coast of Brittany, twelve miles a day.
Lena: I am learning to surf in Peniche.
@ 2024-12-24 17:00
Lena: We are cooking carp tonight, my mother insists.
Jonas: The tree caught fire for a second.
@ 2025-01-13 19:00
Lena: Jonas, did you see what Timo wrote?
Jonas: He wants to do a summer thing again, I do not know.
Lena: What would Jonas do without Timo.
@ 2025-03-22 08:00
Jonas: I finished the curtains.
@ 2025-03-28 08:00
Jonas: Today is my birthday, thirty-four already!
Lena: Happy birthday!
@ 2025-05-12 20:00
Lena: I repaired the garden gate.
Jonas: I sold the bicycle.
@ 2025-05-13 20:00
Jonas: Yesterday I met the landlord as well, about the rent.
Lena: On Monday I have an appointment with the eye doctor.
Jonas: My lamp arrived broken.
"""

DIARY = """
@ 2025-05-10 14:00
user: The kids built a raft and it sank in the pond.
assistant: A classic. Did everyone get out dry?
@ 2025-05-12 08:30
user: I repaired the garden gate with the old hinges.
assistant: Oil them so that they do not squeak.
@ 2025-05-13 18:00
user: On Friday I have an appointment with the eye doctor at 9:40.
assistant: I will keep that in mind.
"""

GERMAN = """
@ 2025-05-09 20:00
Mira: Im Kino lief heute der Film über die Bienen.
Tobias: Den will ich auch sehen.
@ 2025-05-12 18:00
Mira: Heute war die Prüfung in Statistik.
Tobias: Ich habe den ganzen Tag Regale aufgebaut.
@ 2025-05-13 19:00
Tobias: Am Freitag kommt der Klempner wegen der Heizung.
Mira: Gut.
"""


def talk(text: str) -> Index:
    """An index of a conversation in which each line is a message."""
    made: list[Turn] = []
    at, named = 0.0, {"user", "assistant"}
    for line in text.strip().splitlines():
        if line.startswith("@"):
            at = seconds(line[2:])
            continue
        name, _, said = line.partition(": ")
        role = name if name in named else "user"
        made.append(turn(len(made) + 1, said, role, at, sender="" if name in named else name))
        at += 60
    index = Index()
    index.add(units(dated(made), 1, Carry()))
    return index


def told(index: Index, question: str, now: float = NOW) -> list[str]:
    """What is recalled, the best first."""
    found = recall(index, question, budget_tokens=400, carried=(), now=now, min_score=0.0, count=count)
    return [item.text for item in sorted(found.items, key=lambda item: -item.score)]


FRIENDLY, DAILY, DEUTSCH = talk(FRIENDS), talk(DIARY), talk(GERMAN)


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What did Jonas do last summer?", "Brittany"),
        ("What did Lena do last summer?", "Peniche"),
        ("What did Lena do on Monday?", "gate"),
        ("What did Jonas do at Christmas?", "tree"),
        ("What happened at the end of last year?", "carp"),
        ("What did Jonas do in March 2025?", "curtains"),
        ("What does Lena have on Monday?", "eye doctor"),
    ],
)
def test_where_nothing_else_is_asked_about_a_time_decides_and_then_who_speaks(question: str, first: str) -> None:
    assert first in told(FRIENDLY, question)[0]


def test_what_was_said_later_of_a_day_is_of_that_day() -> None:
    assert {"sold", "landlord"} <= {word for text in told(FRIENDLY, "What did Jonas do on Monday?")[:2] for word in text.split()}
    query = read(FRIENDLY, "What did Jonas do on Monday?", NOW)
    worth = {FRIENDLY.texts[place].split()[0]: value for place, value in speaking(FRIENDLY, query.periods).items()}
    assert worth["Yesterday"] == 1.0
    assert worth["On"] < 0.5


def test_the_time_around_an_event_decides_as_well() -> None:
    first = told(FRIENDLY, "What did Jonas do the week before his birthday?")[:3]
    assert any("curtains" in text for text in first)


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What did I do on Monday?", "gate"),
        ("What did we do over the weekend?", "raft"),
        ("What do I have on Friday?", "eye doctor"),
        ("Which appointment do I have on Friday?", "eye doctor"),
        ("¿Qué hice el lunes?", "gate"),
    ],
)
def test_a_weekday_is_answered_with_what_was_said_on_it_or_of_it(question: str, first: str) -> None:
    assert first in told(DAILY, question)[0]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Was hat Mira am Montag gemacht?", "Statistik"),
        ("Was war am Freitag los?", "Kino"),
        ("Was steht am Freitag an?", "Klempner"),
        ("Wer kommt am Freitag?", "Klempner"),
    ],
)
def test_in_german_as_well(question: str, first: str) -> None:
    assert first in told(DEUTSCH, question)[0]


@pytest.mark.parametrize(
    "question",
    [
        "Who won the match on Monday?",
        "What did the central bank decide on Monday?",
        "Who won the election yesterday?",
        "Which films are out on Friday?",
        "Which SQL query counts orders since Monday?",
        "What should I cook on Sunday?",
        "Is Black Friday worth it?",
        "Wer hat am Montag die Wahl gewonnen?",
    ],
)
def test_what_happened_elsewhere_on_a_day_is_not_known_by_the_day(question: str) -> None:
    assert told(DAILY, question) == []


def test_a_time_decides_as_well_where_no_unit_has_more_of_the_words() -> None:
    assert "Brittany" in told(FRIENDLY, "Which animals did Jonas feed last summer?")[0]
    assert "eye doctor" in told(FRIENDLY, "Is Lena free on Monday?")[0]


def test_words_decide_where_something_else_is_asked_about() -> None:
    assert "lamp" in told(FRIENDLY, "Which lamp arrived broken on Monday?")[0]
    assert not read(FRIENDLY, "Which lamp arrived broken on Monday?", NOW).timed


def test_a_time_of_which_nothing_is_known_leaves_its_words_to_be_looked_for() -> None:
    query = read(FRIENDLY, "What did we say about the thing on Thursday?", NOW)
    assert query.own == ("thursday",)
    assert not query.timed


def test_a_name_that_a_month_has_as_well_is_no_time() -> None:
    index = talk("@ 2025-06-03 10:00\nJune: I planted lemons.\nMax: I sold a drum.\n@ 2025-07-01 10:00\nJune: My cat is grey.\nMax: Nice.")
    assert read(index, "What did June plant?", seconds("2025-07-02 10:00")).periods == ()
    assert read(index, "What did June do in June?", seconds("2025-07-02 10:00")).periods != ()


FRIEND_JUNE = """
@ 2025-01-12 10:00
user: I repaired the fence.
assistant: Well done.
@ 2025-02-04 18:00
user: My colleague June bought a sailing boat, and Jan laughed.
assistant: Nice for her.
@ 2025-06-05 10:00
user: I cleaned the attic and found letters.
assistant: Whose letters?
"""


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What did June do?", "sailing"),
        ("Who is June?", "sailing"),
        ("Tell me about June.", "sailing"),
        ("Was hat Jan gemacht?", "laughed"),
        ("Wo wohnt Jan?", "laughed"),
        ("What did I do in June?", "attic"),
        ("What did I do last June?", "attic"),
        ("What did I do on June 5?", "attic"),
        ("What happened on 5 June?", "attic"),
    ],
)
def test_somebody_who_is_mentioned_may_be_called_as_a_month(question: str, first: str) -> None:
    assert first in told(talk(FRIEND_JUNE), question, seconds("2025-07-02 10:00"))[0]


@pytest.mark.parametrize(("start", "end"), [("2024-01-01", "2026-01-01"), ("2025-05-12", "2025-05-13"), ("2025-05-13", "2025-05-13")])
def test_how_many_units_are_of_a_time_is_told_without_a_list_of_them(start: str, end: str) -> None:
    for shift in (0.0, 20 * 3600.0 + 90):
        span = seconds(f"{start} 00:00") + shift, seconds(f"{end} 00:00") + shift
        assert FRIENDLY.amount_in(*span) == len(FRIENDLY.said_in(*span))
