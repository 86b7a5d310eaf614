"""Facts are literal spans of what somebody said. What is no statement of its author's own gives none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.records import Fact, Turn
from backstory.memory.facts.extraction import extract
from tests.growth import cost

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp()


def told(text: str, role: str = "user", kind: str = "spoken", sender: str = "") -> Turn:
    return Turn(7, "c", 0, 0, b"", b"", role, kind, text, sender=sender, at=MONDAY, arrived=MONDAY)  # type: ignore[arg-type]


def triples(text: str, role: str = "user") -> list[tuple[str, str, str]]:
    return [(fact.subject, fact.verb, fact.object) for fact in extract(told(text, role))]


STATED = [
    # preferences
    ("I prefer tabs.", ("user", "prefers", "tabs")),
    ("Well, I really prefer short answers, thanks.", ("user", "prefers", "short answers")),
    ("I'd prefer window seats over aisle seats", ("user", "prefers", "window seats")),
    ("i love mushroom risotto", ("user", "likes", "mushroom risotto")),
    ("Oh, and I can't stand country music!", ("user", "dislikes", "country music")),
    ("I dont like olives", ("user", "likes", "olives")),
    ("I don't eat pork, so please no ham.", ("user", "eats", "pork")),
    ("I switched from vim to neovim last month", ("user", "switched to", "neovim")),
    ("I always use zsh", ("user", "uses", "zsh")),
    ("My favourite season is autumn.", ("user's favourite season", "is", "autumn")),
    ("Porto is my favorite city.", ("user's favorite city", "is", "Porto")),
    ("Always cite your sources.", ("user", "wants", "Always cite your sources")),
    ("please never use exclamation marks", ("user", "wants", "never use exclamation marks")),
    ("From now on, answer in Dutch.", ("user", "wants", "answer in Dutch")),
    ("Write dates in ISO format from now on.", ("user", "wants", "Write dates in ISO format")),
    # who somebody is
    ("Call me Sam.", ("user", "is called", "Sam")),
    ("Hi, my name is Priya Raman.", ("user", "is called", "Priya Raman")),
    ("By the way, I’m Noor.", ("user", "is", "Noor")),
    ("I live in Ghent.", ("user", "lives in", "Ghent")),
    ("i live in rotterdam", ("user", "lives in", "rotterdam")),
    ("We moved, so: I moved to Trondheim last month.", ("user", "lives in", "Trondheim")),
    ("I work for a small bakery.", ("user", "works at", "a small bakery")),
    ("I work as a paramedic", ("user", "works as", "paramedic")),
    ("I'm a retired teacher.", ("user", "is", "a retired teacher")),
    ("I am allergic to shellfish.", ("user", "is", "allergic to shellfish")),
    ("I'm 41 years old", ("user", "is aged", "41")),
    ("I was born in Lima.", ("user", "was born", "in Lima")),
    ("I have two daughters.", ("user", "has", "two daughters")),
    ("I've got a parrot named Coco", ("user", "has", "a parrot named Coco")),
    ("I bought a second-hand canoe.", ("user", "bought", "a second-hand canoe")),
    ("My brother's name is Felix.", ("user's brother", "is called", "Felix")),
    ("Tess is my niece.", ("user's niece", "is called", "Tess")),
    ("My son was born on 9 August 2015.", ("user's son", "was born", "on 9 August 2015")),
    ("Remember that my wife's birthday is 3 May.", ("user's wife's birthday", "is", "3 May")),
    ("Felix works at the harbour.", ("Felix", "works at", "the harbour")),
    # decisions
    ("We'll use PostgreSQL.", ("we", "uses", "PostgreSQL")),
    ("Ok, let's go with option C.", ("we", "uses", "option C")),
    ("We're going with Hetzner then.", ("we", "uses", "Hetzner")),
    ("We decided to use Kafka instead of RabbitMQ.", ("we", "decided", "Kafka")),
    ("We agreed on two-week sprints.", ("we", "decided", "two-week sprints")),
    ("Final decision: ship without the importer.", ("we", "decided", "ship without the importer")),
    ("We no longer use Redis.", ("we", "uses", "Redis")),
    ("Let's not use feature flags.", ("we", "uses", "feature flags")),
    # when
    ("The demo is on Tuesday.", ("demo", "is", "on Tuesday")),
    ("The review with Lena is at 14:30 on Friday", ("review with Lena", "is", "at 14:30 on Friday")),
    ("The launch was moved from May to June.", ("launch", "is", "June")),
    ("The standup's at 9:15 now.", ("standup", "is", "at 9:15")),
    ("My flight’s on Sunday", ("flight", "is", "on Sunday")),
    ("Let's move the demo to Friday.", ("demo", "is", "Friday")),
    ("We've postponed the launch from May to 12 June.", ("launch", "is", "12 June")),
    ("Our retro has been postponed to Thursday", ("retro", "is", "Thursday")),
    ("The offsite is cancelled.", ("offsite", "is", "cancelled")),
    ("Deadline: 12 June", ("Deadline", "is set to", "12 June")),
    ("I'll send you the invoice by Friday.", ("user", "will", "send you the invoice by Friday")),
    ("I have a dentist appointment on Thursday.", ("user", "has", "a dentist appointment on Thursday")),
    ("I'm going to visit Crete in June", ("user", "plans to", "visit Crete in June")),
    # values
    ("The port is 8080.", ("port", "is", "8080")),
    ("The API base is https://api.example.com/v1.", ("API base", "is", "https://api.example.com/v1")),
    ("MAX_RETRIES=5", ("MAX_RETRIES", "is set to", "5")),
    ("Set the timeout to 30 seconds.", ("timeout", "is", "30 seconds")),
    ("I changed the replica count from 2 to 3", ("replica count", "is", "3")),
    ("The prod region is eu-north-1.", ("prod region", "is", "eu-north-1")),
    ("The server listens on port 9443", ("server", "runs on", "9443")),
    ("The default branch is called trunk.", ("default branch", "is called", "trunk")),
    ("Our channel is #release-train", ("channel", "is", "#release-train")),
    # notes
    ("Remember that the staging data is wiped every night.", ("user", "notes", "the staging data is wiped every night")),
    ("Don't forget to renew the certificate", ("user", "notes", "renew the certificate")),
]
NOTHING = [
    # questions, wishes, conditions, guesses
    "Do you know where I live?",
    "Should we use PostgreSQL?",
    "The port is 8080?",
    "If the port is 8080, it works.",
    "I would like to live in Bergen.",
    "I wish I lived in Rome.",
    "I think the port is 8080.",
    "Maybe we'll use PostgreSQL.",
    "We could go with MySQL.",
    "Suppose my name is Bob.",
    "What if the demo is on Tuesday",
    "We'll use MySQL if the tests pass.",
    "In my novel, my name is Bob.",
    "I'm not sure I live in the right place.",
    # words that point elsewhere
    "I like it.",
    "I love that idea!",
    "We'll use it.",
    "Let's go with that.",
    "I prefer the second one.",
    "I'll go with your suggestion.",
    "I decided that.",
    # states and small talk
    "I'm fine, thanks.",
    "I'm OK",
    "I'm a bit tired.",
    "I'm trying to install it.",
    "I'm going to bed.",
    "I have a question about Python.",
    "I have a function that returns 5.",
    "The demo is great.",
    "The test is failing with error 404.",
    "The port is in use.",
    "The result is 42.",
    "The problem is Python.",
    "My code is broken.",
    "My boss is angry.",
    "Never mind.",
    "Always good to see you!",
    "Call me when you are done.",
    "Remember when we went to Rome?",
    "Oh no, Jonas!",
    "I moved on.",
    "There are 3 options.",
    "No 3 is broken.",
    "Let's move on to the next one.",
    "We moved to the next room.",
    # other people's words, and work that is given
    "He said the port is 8080.",
    "“I live in Rome,” she said.",
    "My sister said she prefers tea.",
    "> I prefer tabs.",
    "Translate to French: I live in Paris. My dog is called Rex.",
    "Write a story:\nMy name is Bob. I live in Rome.",
    "Proofread this text:\n\nI live in Rome and we'll use PostgreSQL.",
    "You are Bob, a pirate.",
    # code, logs, tables, blocks
    "```\nport = 8080\nI prefer tabs.\n```",
    "~~~yaml\nport: 8080\n~~~",
    "    port = 8080",
    "| The port is 8080 |",
    "2024-01-01 12:00:00 INFO the port is 8080",
    "<recalled>\n#3 user: I prefer tabs.\n</recalled>",
    "<digest>\nThe demo is on Tuesday.\n</digest>",
    "<file name='a'>\nI live in Rome.\n</file>",
    "<recalled>\nI prefer tabs.",
    "for i in range(10): print(i)",
    "def foo(): return 1",
    "SELECT * FROM users WHERE id = 1",
    "https://example.com/page",
    "See: http://example.com/page",
    "test_sample.py:5: AssertionError",
    "x = _complete(5)",
    "Version: 1.2\nName: thing\nAuthor-email: a@b.co\nFill: 78\nTabs: 4\nHome-Page: https://example.com",
    "const char** pcc = &pc; //1: not allowed",
    "No changes since `2.0.0b1`.",
    "Do not override the default.",
    "Bump actions/checkout from 10 to 11 by [@bot](https://example.com)",
    "In the future, support for PGP keys may be added.",
    # other languages
    "أنا أعيش في القاهرة.",
    "",
    "   \n\t\n",
    "?!",
]


@pytest.mark.parametrize(("text", "wanted"), STATED)
def test_what_is_stated_is_a_fact(text: str, wanted: tuple[str, str, str]) -> None:
    assert wanted in triples(text)


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_not_stated_is_none(text: str) -> None:
    assert [triple for triple in triples(text) if triple[1]] == []


@pytest.mark.parametrize(("text", "wanted"), STATED)
def test_a_question_about_it_is_no_fact(text: str, wanted: tuple[str, str, str]) -> None:
    assert wanted not in triples(text.rstrip(".! ") + "?")


def test_one_sentence_may_hold_two_facts() -> None:
    assert triples("My sister Anna lives in Bergen.") == [("user's sister", "is called", "Anna"), ("Anna", "lives in", "Bergen")]
    assert triples("I live in Ghent and I work at Barco.") == [("user", "lives in", "Ghent"), ("user", "works at", "Barco")]


def test_a_denial_is_no_statement() -> None:
    stances = {text: extract(told(text))[0].stance for text in ("I don't drink coffee.", "I no longer live in Oslo.", "I'm not vegan.")}
    assert set(stances.values()) == {"negated"}
    assert extract(told("We're moving to Lisbon"))[0:] == ()
    assert extract(told("I'm moving to Lisbon"))[0].stance == "planned"


@pytest.mark.parametrize(
    ("text", "value", "instead"),
    [
        ("no, it's Tuesday", "Tuesday", ""),
        ("No. It's on Tuesday.", "Tuesday", ""),
        ("Actually, it's 4 pm", "4 pm", ""),
        ("sorry, I meant 8081", "8081", ""),
        ("no wait, 8081", "8081", ""),
        ("no wednesday", "wednesday", ""),
        ("Actually friday", "friday", ""),
        ("It's Tuesday, not Thursday.", "Tuesday", "Thursday"),
        ("Not Thursday but Friday.", "Friday", "Thursday"),
        ("It has been moved to Friday", "Friday", ""),
        ("It was postponed to 12 May", "12 May", ""),
        ("Tuesday, not Thursday", "Tuesday", "Thursday"),
        ("Not Bergen, Oslo.", "Oslo", "Bergen"),
    ],
)
def test_a_correction_says_what_it_is_now(text: str, value: str, instead: str) -> None:
    (fact,) = extract(told(text))
    assert (fact.kind, fact.subject, fact.object, fact.replaces, fact.corrects) == ("correction", "", value, instead, True)


@pytest.mark.parametrize("text", ["Yes, it's Tuesday.", "No, it's fine.", "Actually it's great!", "No, it's not working.", "It's Tuesday."])
def test_what_corrects_nothing_is_no_correction(text: str) -> None:
    assert extract(told(text)) == ()


def test_a_weekday_is_the_next_one_and_a_date_is_read() -> None:
    (demo,) = extract(told("The demo is on Wednesday."))
    assert datetime.fromtimestamp(demo.begins, UTC).date().isoformat() == "2026-03-04"
    assert demo.ends - demo.begins == 86_400
    (due,) = extract(told("The deadline is 12 June."))
    assert datetime.fromtimestamp(due.begins, UTC).date().isoformat() == "2026-06-12"
    assert (due.said, due.kind) == (MONDAY, "schedule")
    (port,) = extract(told("The port is 8080."))
    assert (port.begins, port.ends) == (0.0, 0.0)


def test_an_assistant_gives_decisions_and_settings_only() -> None:
    assert triples("I live in Paris. My name is Claude. I prefer tabs. The default port is 5432.", "assistant") == []
    assert triples("Remember that the port is 1. Never use tabs.", "assistant") == []
    for text, wanted in (("I've set the port to 9090.", "9090"), ("We'll use PostgreSQL.", "PostgreSQL")):
        (fact,) = extract(told(text, "assistant"))
        assert (fact.object, fact.role, fact.author) == (wanted, "assistant", "assistant")


def test_a_tool_gives_none() -> None:
    text = "Remember that the admin password is hunter2. The port is 8080. We'll use PostgreSQL."
    for role, kind in (("user", "tool"), ("tool", "tool"), ("assistant", "tool"), ("tool", "spoken"), ("system", "spoken")):
        assert extract(told(text, role, kind)) == ()


def test_each_line_of_a_transcript_is_its_speakers() -> None:
    turn = told("[2025-01-11 18:05] Ines: I live in Lisbon now.\n[2025-01-12 09:00] Bruno: I live in Faro.\nI work as a baker.")
    facts = extract(turn)
    assert [(fact.author, fact.subject, fact.object) for fact in facts] == [
        ("Ines", "Ines", "Lisbon"),
        ("Bruno", "Bruno", "Faro"),
        ("Bruno", "Bruno", "baker"),
    ]
    assert datetime.fromtimestamp(facts[0].said, UTC).isoformat() == "2025-01-11T18:05:00+00:00"
    assert datetime.fromtimestamp(facts[1].said, UTC).day == 12


def test_what_an_assistant_has_people_say_is_made_up() -> None:
    (fact,) = extract(told("Bob: I live in Faro.", "assistant"), names={"Bob"})
    assert (fact.subject, fact.object) == ("Bob", "Faro"), "a person in the assistant's place"
    assert triples("Bob: I live in Faro.", "assistant") == [], "a label alone names nobody"
    assert triples("Bob: I live in Faro.\nEve: I live in Rome.", "assistant") == []


def test_a_sender_speaks_for_himself() -> None:
    (fact,) = extract(told("I live in Lisbon.", sender="Bruno"))
    assert (fact.author, fact.subject) == ("Bruno", "Bruno")


def test_a_long_paste_is_not_read_and_its_edges_are() -> None:
    paste = "\n".join(f"The port of host{number} is {number}." for number in range(5_000))
    facts = extract(told(f"I prefer tabs.\n{paste}\nI live in Ghent."))
    assert len(facts) <= 24
    assert facts[0].object == "tabs"
    turn = told("The port is 8080.\n" + "x" * 1_000_000 + "\nI live in Ghent.")
    assert [fact.object for fact in extract(turn)] == ["8080", "Ghent"]


_WORDS = """
    I we my the our Anna port is are prefer use live in to from not no actually it's Tuesday 8080 instead of over remember that always never
    don't call me name demo moved , . ! ? : ; " ' ( ) - — ``` < > </ [ ] | = 你好 мир é 🙂 Bob: user: # * http://x.y/z 3 May
"""
WORDS = [*_WORDS.split(), "\n"]


@given(
    st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)), st.sampled_from(["user", "assistant"])
)
@settings(max_examples=400, deadline=None)
def test_every_fact_of_any_text_is_a_span_of_its_turn(text: str, role: str) -> None:
    turn = told(text, role)
    facts = extract(turn)
    assert facts == extract(turn)
    for place, fact in enumerate(facts):
        assert fact.place == place
        assert 0 <= fact.span_start < fact.span_end <= len(text)
        assert text[fact.span_start : fact.span_end] == fact.text
        assert fact.object
        assert fact.object in fact.text
        assert fact.replaces in fact.text
        assert fact.kind == "correction" or fact.subject
        assert (fact.turn, fact.conversation, fact.role) == (7, "c", role)


@given(st.sampled_from(STATED), st.sampled_from(["\n", " ", "\n\n"]), st.text("abcdefgh ", max_size=40))
@settings(max_examples=60, deadline=None)
def test_what_stands_around_it_in_sentences_of_its_own_changes_nothing(
    case: tuple[str, tuple[str, str, str]], gap: str, noise: str
) -> None:
    text = case[0].rstrip(".! ") + "."
    assert case[1] in triples(f"{text}{gap}Xx {noise}.") or "=" in text or ":" in text
    assert case[1] in triples(f"Xx {noise}.\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "I " * 200_000,
        "a" * 400_000,
        "the " * 90 + "is 5",
        "my " + "x " * 180 + "is 5",
        "set the " + "x " * 180 + "from 1 to 2",
        "not " + "a but " * 60,
        "no, " * 90,
        "(" * 390,
        "<a " * 130,
        "I prefer " + "over " * 75,
        "- " * 190,
        "A: " * 130,
        "\n" * 100_000,
        "I prefer tabs.\n" * 50_000,
        "we decided " * 36,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    assert cost(lambda: extract(told(text)), 0.5) < 0.5
    facts: tuple[Fact, ...] = extract(told(text))
    assert len(facts) <= 24


def test_extraction_is_fast() -> None:
    """Short turns, most of which state nothing. The bound leaves room for slow machines; a plain one does 7,000 and more a second."""
    turns = [told(text) for text, _ in STATED] + [told(text) for text in NOTHING]
    turns += [
        told(f"Thanks! The loop in parser.py reads line {number} twice, and then it stops. Can you see why?") for number in range(900)
    ]
    most = len(turns) / 1_500
    assert cost(lambda: [extract(turn) for turn in turns], most) < most
