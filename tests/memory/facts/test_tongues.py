"""Facts in German, French, Spanish and Chinese: what a whole sentence plainly states, and what corrects it."""

from __future__ import annotations

import pytest

from backstory.memory.facts.extraction import extract
from tests.growth import cost
from tests.memory.facts.test_extraction import told, triples
from tests.memory.facts.test_supersession import holds, ledger

STATED = [
    ("Ich heiße Anna Schmidt.", ("user", "is called", "Anna Schmidt")),
    ("Hallo, mein Name ist Jörg!", ("user", "is called", "Jörg")),
    ("Mein Hund heisst Bello", ("user's Hund", "is called", "Bello")),
    ("Ich wohne jetzt in Frankfurt am Main.", ("user", "lives in", "Frankfurt am Main")),
    ("Ich bin letzte Woche nach Köln gezogen.", ("user", "lives in", "Köln")),
    ("Anna wohnt in Bergen.", ("Anna", "lives in", "Bergen")),
    ("Ich arbeite bei Siemens.", ("user", "works at", "Siemens")),
    ("Ich mag dunkle Schokolade.", ("user", "likes", "dunkle Schokolade")),
    ("Ich habe zwei Kinder.", ("user", "has", "zwei Kinder")),
    ("Ich habe einen Hund namens Rex.", ("user", "has", "einen Hund namens Rex")),
    ("Der Termin ist am Montag.", ("Termin", "is", "am Montag")),
    ("Der Termin ist am 3. Mai um 10 Uhr.", ("Termin", "is", "am 3. Mai um 10 Uhr")),
    ("Das Treffen mit Dr. Lee wurde auf Freitag verschoben.", ("Treffen mit Dr. Lee", "is", "Freitag")),
    ("Die Besprechung ist abgesagt.", ("Besprechung", "is", "abgesagt")),
    ("Je m'appelle Zoé.", ("user", "is called", "Zoé")),
    ("Mon chien s'appelle Max.", ("user's chien", "is called", "Max")),
    ("J’habite à Lyon.", ("user", "lives in", "Lyon")),
    ("Je travaille chez Renault.", ("user", "works at", "Renault")),
    ("J'aime le café noir.", ("user", "likes", "le café noir")),
    ("J'ai deux enfants.", ("user", "has", "deux enfants")),
    ("Le rendez-vous est lundi.", ("rendez-vous", "is", "lundi")),
    ("La réunion avec Paul est mardi à 10h.", ("réunion avec Paul", "is", "mardi à 10h")),
    ("La réunion a été reportée à jeudi.", ("réunion", "is", "à jeudi")),
    ("Me llamo Iñaki.", ("user", "is called", "Iñaki")),
    ("Mi perro se llama Toby.", ("user's perro", "is called", "Toby")),
    ("Hola, vivo en San Sebastián.", ("user", "lives in", "San Sebastián")),
    ("Trabajo en Telefónica.", ("user", "works at", "Telefónica")),
    ("Me gusta el té verde.", ("user", "likes", "el té verde")),
    ("Tengo tres hijos.", ("user", "has", "tres hijos")),
    ("La cita es el lunes a las 10.", ("cita", "is", "el lunes a las 10")),
    ("我住在上海。", ("user", "lives in", "上海")),
    ("你好,我叫李雷。", ("user", "is called", "李雷")),
    ("我喜欢茶。", ("user", "likes", "茶")),
    ("Ich wohne in Berlin und bevorzuge Tabs.", ("user", "lives in", "Berlin")),
    ("Я живу в Москве.", ("user", "lives in", "Москве")),
    ("私は東京に住んでいます。", ("user", "lives in", "東京")),
]
NOTHING = [
    "Ich wohne in Berlin, glaube ich.",
    "Wenn ich in Berlin wohne, ist das weit.",
    "Vielleicht ist der Termin am Montag.",
    "Ich lebe in Angst.",
    "Ich lebe in Armut und Not.",
    "Ich arbeite bei Regen.",
    "Ich arbeite bei Nacht.",
    "Ich heiße Sie willkommen.",
    "Ich liebe Sie.",
    "Ich mag dich.",
    "Ich mag deine Idee.",
    "Ich habe einen Hund gesehen.",
    "Er sagt, der Termin ist am Montag.",
    "Der Tag, an dem ich kam, ist Montag.",
    "Die Antwort ist 42.",
    "Ich wohne in Berlin?",
    "Übersetze ins Englische:\nIch wohne in Berlin. Mein Hund heißt Bello.",
    "Si j'habite à Paris, je paie.",
    "J'aime l'idée.",
    "J'aime que tu viennes.",
    "J'ai un chien à promener.",
    "Je travaille pour Noël.",
    "Le port est 8080.",
    "Il dit que le rendez-vous est lundi.",
    "Traduis en anglais :\nJ'habite à Paris.",
    "Ojalá vivo en Madrid.",
    "Trabajo en Python.",
    "Trabajo en Navidad.",
    "Me gusta que vengas.",
    "Me gusta la idea.",
    "El puerto es 8080.",
    "Creo que la cita es el lunes.",
    "我叫外卖。",
    "我叫你过来。",
    "我住在这里。",
    "我住在上海三年了。",
    "我住在上海吗?",
    "我想住在上海。",
    "翻译成英文:\n我住在上海。",
    "Non, merci.",
    "Nein danke.",
    "No, gracias.",
    "Nein, es ist kaputt.",
    "Non, c'est bon.",
    "No, es bueno.",
    "Am Montag.",
    "Es ist Montag.",
]


@pytest.mark.parametrize(("text", "wanted"), STATED)
def test_what_is_stated_is_a_fact(text: str, wanted: tuple[str, str, str]) -> None:
    assert triples(text) == [wanted]
    assert triples(text, "assistant") == []


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_not_stated_is_none(text: str) -> None:
    assert triples(text) == []


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["Der Termin ist am Montag.", "Nein, am Dienstag."], ["am Dienstag"]),
        (["Der Termin ist am Montag.", "Nein. Er ist am Dienstag."], ["am Dienstag"]),
        (["Der Termin ist am Montag.", "Nicht Montag, sondern Dienstag."], ["Dienstag"]),
        (["Der Termin ist um 10 Uhr.", "Nein, um 11 Uhr."], ["um 11 Uhr"]),
        (["Der Termin ist am Montag.", "Der Termin wurde auf Freitag verschoben."], ["Freitag"]),
        (["Der Termin ist am Montag.", "Der Termin ist abgesagt."], ["abgesagt"]),
        (["Mein Hund heißt Bello.", "Quatsch, er heißt Rocco."], ["Rocco"]),
        (["Ich wohne in Berlin.", "Ich bin nach Hamburg gezogen."], ["Hamburg"]),
        (["Ich wohne in Berlin.", "Ich wohne nicht mehr in Berlin."], []),
        (["Ich arbeite bei Siemens.", "Ich arbeite nicht mehr bei Siemens."], []),
        (["Ich mag Oliven.", "Ich mag keine Oliven."], []),
        (["Le rendez-vous est lundi.", "Non, c'est mardi."], ["mardi"]),
        (["Le rendez-vous est lundi.", "Pas lundi mais mardi."], ["mardi"]),
        (["Le rendez-vous est lundi.", "Le rendez-vous a été annulé."], ["annulé"]),
        (["J'habite à Lyon.", "J'ai déménagé à Paris."], ["Paris"]),
        (["La cita es el lunes.", "No, es el martes."], ["el martes"]),
        (["La cita es el lunes.", "No es el lunes, sino el martes."], ["el martes"]),
        (["Vivo en Madrid.", "Me mudé a Sevilla."], ["Sevilla"]),
        (["Vivo en Madrid.", "Ya no vivo en Madrid."], []),
        (["我住在上海。", "我搬到北京了。"], ["北京"]),
        (["I live in Bergen.", "Ich bin nach Oslo gezogen."], ["Oslo"]),
    ],
)
def test_a_correction_takes(texts: list[str], left: list[str]) -> None:
    assert holds(*texts) == left


def test_a_correction_of_nothing_is_no_fact() -> None:
    for text in ("Nein, am Dienstag.", "Non, c'est mardi.", "No, es el martes."):
        assert ledger(["Ich wohne in Berlin.", text]).known()[-1].number == 1


@pytest.mark.parametrize(
    "text",
    ["Der " + "Termin mit " * 33, "Le " + "de " * 120, "El a " * 70, "Nein, am um " * 30, "我住在" + "海" * 390, "La " + "l'a " * 90],
)
def test_no_sentence_takes_long(text: str) -> None:
    assert cost(lambda: [extract(told(text)) for _ in range(20)], 0.5) < 0.5
