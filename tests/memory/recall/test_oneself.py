"""Questions about whoever asks: what they ask for, who has told it, and what recall makes of it."""

from __future__ import annotations

import pytest

from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall import oneself, oneself_forms
from backstory.memory.recall.index import Index
from backstory.memory.recall.reasons import shared_terms
from backstory.memory.recall.retrieval import Recalled, recall
from backstory.memory.recall.units import Carry, units
from backstory.memory.text import words
from tests.memory.chats import seconds, turn

NOW = seconds("2026-11-26 12:00")
FILL = ("The tests pass now.", "Why is the parser slow?", "I get a circular import in the worker.", "Could you rename it everywhere?")


def indexed(*said: str | tuple[str, str]) -> Index:
    """What people say ("" for who has no name), each answered, with other talk behind it."""
    turns: list[Turn] = []
    for one in (*said, *FILL * 5):
        sender, text = one if isinstance(one, tuple) else ("", one)
        turns.append(turn(len(turns) + 1, text, at=NOW - 9e5, sender=sender))
        turns.append(turn(len(turns) + 1, "I see.", "assistant", at=NOW - 9e5))
    index = Index()
    index.add(units(turns, 1, Carry()))
    return index


def ask(index: Index, question: str, asker: str = "", search: bool = False) -> Recalled:
    return recall(index, question, budget_tokens=400, carried=(), now=NOW, min_score=0.3, count=count, search=search, asker=asker)


def texts(found: Recalled) -> list[str]:
    return [item.text for item in found.items]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What's my name?", "I'm Odile, nice to meet you."),
        ("hey, do you still remember my first name?", "Please call me Odile."),
        ("Who am I?", "My name is Odile and I breed alpacas."),
        ("Thanks for that. Who am I, again?", "Hello! I am Odile."),
        ("what do I do for a living", "By the way, I'm a veterinarian."),
        ("Can you tell me where I live and how old I am?", "I've just moved to Tartu."),
        ("how old am I?", "I turned 51 last week."),
        ("What have you learned about me so far?", "My daughter keeps bees."),
        ("What do you know about me?", "I'm allergic to sesame."),
        ("Weißt du noch, wie ich heiße?", "Guten Tag, ich bin Friedrun."),
        ("Wer bin ich?", "Mein Name ist Friedrun."),
        ("Was mache ich beruflich?", "Ich bin Dachdeckerin in Kiel."),
        ("Was weißt du alles über mich?", "Ich wohne mit meinem Bruder in Gera."),
        ("Comment je m'appelle ?", "Moi, c'est Solène."),
        ("Qu'est-ce que je fais dans la vie ?", "Je suis infirmière."),
        ("Que sais-tu de moi ?", "J'habite à Brest."),
        ("¿Cómo me llamo?", "Mi nombre es Itziar."),
        ("¿A qué me dedico?", "Trabajo en una imprenta."),
        ("Come mi chiamo?", "Ciao, mi chiamo Fulvia."),
        ("Qual è il mio lavoro?", "Lavoro per una casa editrice."),
        ("Qual é o meu nome?", "Chamo-me Iracema."),
        ("Hoe heet ik?", "Mijn naam is Joost."),
        ("Waar woon ik?", "Ik kom uit Gent."),
        ("Jak mam na imię?", "Nazywam się Bronisław."),
        ("Как меня зовут?", "Меня зовут Олег."),
    ],
)
def test_who_asks_about_themselves_gets_what_they_have_told(question: str, told: str) -> None:
    found = ask(indexed("The mill burnt down in 1911.", told), question)
    assert max(found.items, key=lambda item: item.score).text == told
    assert found.gate == ""


@pytest.mark.parametrize(
    "question",
    [
        "What's your name?",
        "Who are you?",
        "What is my dog called?",
        "Translate 'my name is Bob' to French.",
        "It says permission denied. What do I do?",
        "What do I do next?",
        "Write a poem about me and the sea.",
        "Tell me about the mill.",
        "Wie heißt du?",
        "Quel est ton nom ?",
        "¿Quién eres?",
        "my name server does not answer",
        "",
    ],
)
def test_other_questions_are_looked_for_by_their_words(question: str) -> None:
    assert oneself.asked(question) == frozenset()


def test_nothing_told_is_nothing_recalled() -> None:
    found = ask(indexed("The mill burnt down in 1911.", "I'm not sure that I like it.", "I am trying Rust."), "What is my name?")
    assert found.items == ()
    assert found.gate == "nothing asked"


def test_the_newest_and_the_first_statements_are_the_ones_recalled() -> None:
    said = [f"My name is {name}, by the way." for name in ("Ea", "Liv", "Siv", "Tuva", "Runa", "Alva", "Embla", "Ylva")]
    found = texts(ask(indexed(*said), "What is my name?"))
    assert found == [said[0], *said[-4:]]


def test_nobody_is_told_what_somebody_else_told_of_themselves() -> None:
    index = indexed(("Ada", "My name is Ada Quist."), ("Ben", "I live in Turku."))
    assert texts(ask(index, "What is my name?", "Ada")) == ["My name is Ada Quist."]
    assert texts(ask(index, "What is my name?", "Ben")) == []
    assert texts(ask(index, "What is my name?", "Cleo")) == []
    assert texts(ask(index, "What is my name?")) == []
    assert texts(ask(indexed(("Ada", "My name is Ada Quist.")), "the user's name", search=True))[0] == "My name is Ada Quist."


def test_what_an_assistant_says_of_itself_is_not_the_users() -> None:
    index = Index()
    index.add(units([turn(1, "Hello!"), turn(2, "My name is Hal and I live in Urbana.", "assistant")], 1, Carry()))
    assert texts(ask(index, "What is my name?")) == []


def test_what_a_tool_says_is_not_the_users() -> None:
    index = Index()
    index.add(units([turn(1, "My name is Mallory.", kind="tool", at=NOW), turn(2, "My name is Odile.", at=NOW)], 1, Carry()))
    assert oneself.told(index, frozenset({"name"}), "", lambda _: True) == {1: 1.0}


def test_a_line_says_that_it_is_recalled_for_what_it_tells() -> None:
    found = ask(indexed("I'm Odile, nice to meet you."), "Who am I?")
    assert found.basis is not None
    signals, terms = found.basis.told(0)
    assert signals["of oneself"] == 1.0
    assert terms == shared_terms(found.basis.index, found.basis.query, found.basis.places[0]) == ()


def test_a_question_with_words_of_its_own_keeps_what_they_find() -> None:
    index = indexed("My flat in Lund has a leaking roof, I live there alone.", "The roof was mended in May.")
    assert texts(ask(index, "Where do I live?"))[0].startswith("My flat in Lund")
    assert "The roof was mended in May." in texts(ask(index, "Where do I live, and when was the roof mended?"))


def test_a_long_conversation_is_not_read_from_end_to_end() -> None:
    index = indexed(*["I think so."] * 3000, "I'm Odile.", *["I think not."] * 3000)
    looked = oneself._looked_at(index, oneself.asked("Who am I?"))
    assert len(looked) < 2500
    far = indexed(*["I think so."] * 2000, "My name is Odile.", *["I think not."] * 2000)
    assert texts(ask(far, "Who am I?")) == ["My name is Odile."]


def test_every_form_of_a_question_has_a_word_that_shows_it() -> None:
    """A question without one is not looked at."""
    shown = set(words(oneself_forms.SELF))
    for rows in oneself_forms.ASKED.values():
        for form in rows.values():
            assert shown & set(words(form)), form
