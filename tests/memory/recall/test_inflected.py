"""Words of other languages are found in another form of theirs, and English is as it was."""

from __future__ import annotations

import pytest

from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.inflected import forget, inflected
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.units import Carry, index_terms, units
from backstory.memory.text import words
from tests.growth import MOST, growth


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Das ist ein Haus", "Das sind Häuser"),
        ("Das sind Haeuser", "Das sind Häuser"),
        ("Er heißt so", "wie wir heißen"),
        ("wie er heisst", "wie wir heißen"),
        ("wir laufen nicht", "wie er läuft"),
        ("wir laufen nicht", "bin ich gelaufen"),
        ("was er verträgt", "wir vertragen das"),
        ("wo die Ärzte sind", "sie ist eine Ärztin"),
        ("la maison est là", "les maisons sont là"),
        ("mon cheval est là", "mes chevaux sont là"),
        ("que no hablamos", "que no hablar"),
        ("il libro che ho", "i libri che ho"),
        ("het boek dat ik heb", "de boeken die ik heb"),
        ("я купил это", "я купила это"),
        ("эта книга моя", "эти книги мои"),
    ],
)
def test_two_forms_of_a_word_have_a_term_in_common(one: str, other: str) -> None:
    assert set(inflected(words(one)).values()) & set(inflected(words(other)).values())


@pytest.mark.parametrize(
    "text",
    [
        "Was it in the car that we drove to the lake last summer?",
        "I am in Den Haag with her and the kids.",
        "No, the cat is on my bed.",
        "SELECT a FROM b WHERE c = 'de'",
        "",
        "ok",
    ],
)
def test_english_and_what_is_of_no_language_has_none(text: str) -> None:
    assert not inflected(words(text))
    assert not [term for term in index_terms(text) if term.startswith("00")]


def test_small_words_have_none() -> None:
    assert set(inflected(words("Wann haben wir die Häuser gekauft?"))) == {"hauser", "gekauft"}
    forget()


def found(question: str, *said: str) -> list[int]:
    texts = [*said, *(f"filler line {number} about nothing" for number in range(60))]
    index = Index()
    index.add(
        units(
            [Turn(at, "c", at - 1, at - 1, b"", b"", "user", "spoken", text, at=1.7e9 + at * 300) for at, text in enumerate(texts, 1)],
            1,
            Carry(),
        )
    )
    items = recall(index, question, budget_tokens=400, carried=(), now=1.7005e9, min_score=0.0, count=count).items
    return [item.number for item in sorted(items, key=lambda item: -item.score)]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Wie schnell läuft man, wenn ich einen Marathon laufe?", "Ich bin gestern den Marathon in drei Stunden gelaufen."),
        ("Was sind Ärzte in meiner Familie?", "Meine Schwester arbeitet jetzt als Ärztin im Krankenhaus."),
        ("Какие книги я купила?", "Вчера я купил новую книгу о космосе."),
        ("Сколько яблок мы собрали?", "Мы были на даче и собирали яблоки."),
        ("自転車は何色ですか？", "先週、京都で赤い自転車を買いました。"),
        ("妹の仕事は何ですか？", "妹は東京で医者をしています。"),
        ("我的狗叫什么名字？", "我的狗叫小白。"),
        ("여동생은 어디에서 일해요?", "여동생은 부산에서 의사로 일해요."),
        ("أين تعمل أختي؟", "أختي تعمل طبيبة في الإسكندرية."),
        ("मेरी साइकिल का रंग क्या है?", "मैंने पिछले हफ्ते दिल्ली में एक लाल साइकिल खरीदी।"),
    ],
)
def test_a_question_finds_its_answer_in_its_language(question: str, said: str) -> None:
    assert found(question, "The weather is fine.", said)[:1] == [2]


@pytest.mark.parametrize(
    "text", ["Wir haben die Häuser nicht gekauft ", "妹の仕事は何ですか", "أختي تعمل في ", "여동생은 일해요 ", "मेरी बहन "]
)
def test_the_terms_of_a_long_text_cost_by_its_length(text: str) -> None:
    assert growth(lambda size: lambda: index_terms(text * size), 2000) < MOST
