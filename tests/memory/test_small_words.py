"""What only frames a question is known in other languages, too."""

from __future__ import annotations

import pytest

from backstory.core.records import Turn
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import read
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.units import Carry, units
from backstory.memory.small_words import small_in, spoken
from backstory.memory.text import words

TALK = {
    "Meine Schwester Katrin heiratet am 14. Juni in Freiburg.": (
        "Wann ist die Hochzeit von Katrin?",
        "Wo wird Katrin feiern?",
        "Wer ist denn die Katrin?",
    ),
    "Ma soeur Camille se marie le 14 juin à Lyon.": ("Quand est le mariage de Camille ?", "Où est-ce que Camille va se marier ?"),
    "Mi hermana Lucía se casa el 14 de junio en Sevilla.": ("¿Cuándo es la boda de Lucía?", "¿Dónde se casa mi hermana Lucía?"),
    "Mia sorella Chiara si sposa il 14 giugno a Parma.": ("Quando è il matrimonio di Chiara?",),
    "Mijn zus Sanne trouwt op 14 juni in Utrecht.": ("Wanneer is de bruiloft van Sanne?",),
    "Моя сестра Марина выходит замуж 14 июня в Перми.": ("А когда выходит замуж Марина?",),
}
FILLER = (
    "Heute war das Wetter grau, der Tee war warm und der Bus kam spät.",
    "Aujourd'hui il a plu et le bus est arrivé en retard.",
    "Hoy llovió mucho y el autobús llegó tarde a la parada.",
    "Сегодня шел дождь, и автобус приехал поздно.",
)


@pytest.mark.parametrize(("said", "question"), [(said, question) for said, questions in TALK.items() for question in questions])
def test_the_turn_that_has_the_name_is_found(said: str, question: str) -> None:
    turns = [Turn(n + 1, "c", n, n, b"", b"", "user", "spoken", text) for n, text in enumerate([said, *FILLER * 12])]
    index = Index()
    index.add(units(turns, 1, Carry()))
    found = recall(index, question, budget_tokens=300, carried=(), now=1_760_000_000.0, min_score=0.0, count=len)
    assert said in [item.text for item in found.items]


def test_small_words_count_as_such_in_their_own_language_only() -> None:
    assert small_in(words("Wann ist die Hochzeit von Katrin?")) == {"wann", "ist", "die", "von"}
    assert small_in(words("Der Katrin")) == frozenset(), "one of them may be anything"
    assert small_in(words("")) == frozenset()
    index = Index()
    assert "die" in read(index, "Does anybody die at the end of that novel?", 0.0).own
    assert read(index, "Wann ist die Hochzeit von Katrin?", 0.0).own == ("hochzeit", "katrin")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Was habe ich letzten Sommer gemacht?", "de"),
        ("Qu'est-ce que j'ai dit hier ?", "fr"),
        ("¿Qué hice el verano pasado?", "es"),
        ("Cosa ho fatto la settimana scorsa?", "it"),
        ("O que eu fiz no verão passado?", "pt"),
        ("Wat heb ik vorige week besteld?", "nl"),
        ("Co robiłem w zeszłym tygodniu?", "pl"),
        ("Что я делал прошлым летом?", "ru"),
        ("ماذا فعلت في أغسطس؟", "ar"),
        ("I was in bed when he called, and he was so mad.", ""),
        ("What did we do last summer in the house on the hill?", ""),
        ("Postgres, Kafka, Redis", ""),
        ("", ""),
    ],
)
def test_a_language_is_told_by_its_own_small_words(text: str, language: str) -> None:
    assert spoken(words(text)) == language
