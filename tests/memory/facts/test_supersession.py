"""What holds follows from what was said, turn by turn; a later turn changes what an earlier one said, and only that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.memory.facts import supersession
from backstory.memory.facts.asked import question
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import Known, Ledger, fold_facts
from tests.growth import MOST, cost, growth

SAID = [
    "The demo is on Tuesday.",
    "No, it's Wednesday.",
    "The demo is on Friday at 3 pm.",
    "The demo is cancelled.",
    "It's Thursday, not Tuesday.",
    "The port is 8080.",
    "no, 9090",
    "PORT=7070",
    "I live in Bergen.",
    "I moved to Oslo.",
    "I no longer live in Oslo.",
    "My sister Anna lives in Bergen.",
    "Anna moved to Rome.",
    "I prefer tabs.",
    "I prefer spaces over tabs.",
    "I switched from tabs to spaces.",
    "We'll use PostgreSQL.",
    "Let's go with MySQL instead.",
    "We decided to use SQLite instead of MySQL.",
    "We no longer use PostgreSQL.",
    "I like olives.",
    "I don't like olives.",
    "I have a dog called Rex.",
    "I have two dogs.",
    "I have three dogs now.",
    "My dog died.",
    "Rex died.",
    "I gave the dog away.",
    "I work at Acme.",
    "I quit Acme.",
    "I don't work there any more.",
    "I have a demo on Monday at 10.",
    "The demo was moved to Thursday.",
    "no, at 11",
    "Thanks!",
    "Can you check line 4?",
]


def turns(texts: Sequence[str], at: Sequence[float] = ()) -> list[Turn]:
    """A user's turns; "A: " in front of one makes it an assistant's."""
    made = []
    for number, text in enumerate(texts, 1):
        role = "assistant" if text.startswith("A: ") else "user"
        when = at[number - 1] if at else 1.77e9 + number
        made.append(Turn(number, "c", 0, number - 1, b"", b"", role, "spoken", text.removeprefix("A: "), at=when, arrived=when))
    return made


def ledger(texts: Sequence[str], at: Sequence[float] = ()) -> Ledger:
    said = turns(texts, at)
    return fold_facts((turn.id, extract(turn), question(last)) for last, turn in zip([None, *said], said, strict=False))


def holds(*texts: str) -> list[str]:
    """Objects of the facts that hold."""
    return [one.fact.object for one in ledger(texts).known() if one.status == "current"]


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        ("We deploy on Fridays.", "We never deploy on Fridays."),
        ("We deploy on Fridays.", "We don't deploy on Fridays any more."),
        ("We deploy on Fridays at 15:00.", "We never deploy on Fridays."),
        ("We usually ship on Mondays.", "We no longer ship on Mondays."),
    ],
)
def test_a_habit_is_denied_by_its_negation_and_the_other_way_round(said: str, denied: str) -> None:
    first, second = ledger([said, denied]).known()
    assert (first.status, first.by_number, second.status) == ("superseded", 2, "negated")
    again = ledger([said, denied, said.replace(" at 15:00", "")]).known()
    assert [one.status for one in again] == ["superseded", "superseded", "planned"]
    assert again[1].by_number == 3


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("We deploy on Friday.", "We never deploy on Fridays."),
        ("We never deploy on Fridays.", "We'll deploy on Friday."),
        ("We deploy on Fridays.", "We won't deploy on Friday."),
        ("We deploy on Fridays.", "We never deploy on Mondays."),
        ("We deploy on Fridays.", "We never deploy on Fridays at 15:00."),
        ("We deploy on Fridays.", "A: We never deploy on Fridays."),
    ],
)
def test_another_statement_denies_no_habit(said: str, other: str) -> None:
    assert not [one for one in ledger([said, other]).known() if one.status == "superseded"]


def test_what_another_person_denies_is_not_this_ones_habit() -> None:
    said = turns(["We deploy on Fridays.", "We never deploy on Fridays."])
    said = [replace(turn, sender=name) for turn, name in zip(said, ("Ann", "Bob"), strict=True)]
    known = fold_facts((turn.id, extract(turn), "") for turn in said).known()
    assert len(known) == 2
    assert not [one for one in known if one.status == "superseded"]


def test_a_correction_supersedes_at_once_and_says_where() -> None:
    old, new = ledger(["The demo is on Tuesday.", "no, it's Wednesday"]).known()
    assert (old.status, old.by, old.by_number) == ("superseded", 2, 2)
    assert (new.status, new.subject, new.verb, new.fact.object) == ("current", "demo", "is", "Wednesday")


def test_a_correction_is_about_the_last_thing_of_its_kind() -> None:
    texts = ["The demo is on Tuesday.", "The port is 8080.", "The party is on Sunday.", "Actually, it's Saturday", "no, 8081"]
    found = {(one.subject, one.fact.object): one.status for one in ledger(texts).known()}
    assert found["party", "on Sunday"] == "superseded"
    assert found["party", "Saturday"] == "current"
    assert found["demo", "on Tuesday"] == "current"
    assert found["port", "8081"] == "current"


@pytest.mark.parametrize(
    "texts",
    [
        ["no, it's Wednesday"],
        ["The port is 8080.", "no, it's Wednesday"],
        ["The port is 8080.", "It's now 20 degrees"],
        ["My boss is Karen.", "Thanks.", "Thanks.", "Thanks.", "Thanks.", "Actually, it's Python"],
        ["The demo is on Tuesday.", *["Thanks!"] * 25, "no, it's Wednesday"],
        ["The demo is on Tuesday.", "It's Wednesday, not Friday"],
    ],
)
def test_a_correction_of_nothing_is_no_fact(texts: list[str]) -> None:
    assert all(one.status == "current" and one.fact.kind != "correction" for one in ledger(texts).known())


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["I live in Bergen.", "I moved to Oslo."], ["Oslo"]),
        (["I live in Bergen.", "I moved from Bergen to Oslo."], ["Oslo"]),
        (["I live in Bergen.", "I no longer live in Bergen."], []),
        (["My name is Sam.", "Call me Max."], ["Max"]),
        (["My name is Sam.", "No, my name is Jon without h"], ["Jon without h"]),
        (["I'm 33", "I'm 34 years old"], ["34"]),
        (["I work at Siemens.", "I work for Bosch."], ["Bosch"]),
        (["The port is 8080.", "PORT=9090", "I've set the port to 7070"], ["7070"]),
        (["The server runs on port 1.", "The server runs on port 2"], ["2"]),
        (["The demo is on Tuesday at 3 pm.", "The demo was moved to Friday."], ["Friday"]),
        (["The demo is on Tuesday.", "The demo is cancelled."], ["cancelled"]),
        (["My address is 12 Main Street.", "My new address is 5 Hill Road."], ["5 Hill Road"]),
        (["The port is 8080.", "The current port is 8081."], ["8081"]),
        (["We use Python 3.10.", "We upgraded from Python 3.10 to Python 3.12."], ["Python 3.12"]),
        (["My favourite colour is green.", "My favourite colour is blue."], ["blue"]),
        (["I prefer tabs.", "I prefer spaces."], ["spaces"]),
        (["I prefer Vim over Emacs.", "I prefer Emacs."], ["Emacs"]),
        (["I use tabs.", "I switched to spaces."], ["spaces"]),
        (["I like olives.", "I don't like olives.", "I like olives!"], ["olives"]),
        (["I like olives.", "I hate olives."], ["olives"]),
        (["Always use tabs.", "Never use tabs."], ["Never use tabs"]),
        (["We'll use PostgreSQL.", "Let's go with MySQL instead."], ["MySQL"]),
        (["We'll use PostgreSQL.", "We'll use Redis.", "Let's go with MySQL instead."], ["Redis", "MySQL"]),
        (["We'll use PostgreSQL.", "We decided to use MySQL instead of PostgreSQL."], ["MySQL"]),
        (["We'll use PostgreSQL for the orders.", "We'll use MySQL for the orders."], ["MySQL for the orders"]),
        (["We'll use PostgreSQL.", "We no longer use PostgreSQL."], []),
        (["I love jazz.", "I no longer love jazz."], []),
        (["I love jazz.", "I stopped loving jazz."], []),
        (["I don't eat meat.", "I started eating meat again."], ["meat"]),
        (["I don't eat meat.", "I started eating meat again.", "I stopped eating meat."], []),
        (["My favourite colour is blue.", "My favourite colour is not blue, it's green."], ["green"]),
        (["My favourite colour is blue.", "My favourite colour isn't blue but green."], ["green"]),
        (["The port is 8080.", "The port is not 8080, it's 9090."], ["9090"]),
        (["I'm 34 years old.", "I turned 35 yesterday."], ["35"]),
        (["I'm 34 years old.", "I just turned 35!"], ["35"]),
        (["I work at Siemens.", "I quit my job at Siemens."], []),
        (["I work at Siemens.", "I left my job at Siemens last week."], []),
        (["I live in Oslo.", "I moved to Rust."], ["Oslo", "Rust"]),
        (["I live in Oslo.", "I moved to Rust last year."], ["Oslo", "Rust"]),
        (["My sister Anna lives in Bergen.", "Anna moved to Oslo."], ["Anna", "Oslo"]),
        (["My sister Anna lives in Bergen.", "Anna moved to Oslo.", "My sister lives in Rome."], ["Anna", "Rome"]),
    ],
)
def test_what_takes_the_place_of_what(texts: list[str], left: list[str]) -> None:
    assert holds(*texts) == left


@pytest.mark.parametrize(
    "texts",
    [
        ["I'm a nurse.", "I'm vegan."],
        ["I prefer tabs.", "I prefer dark roast coffee."],
        ["We'll use PostgreSQL.", "We'll use Redis."],
        ["The demo is on Tuesday.", "The demo is in Room 5."],
        ["The demo is on Tuesday.", "The party is on Friday."],
        ["My dog is called Rex.", "My dog is called Bello."],
        ["My sister Anna lives in Bergen.", "My sister Eva lives in Rome."],
        ["My favourite colour is green.", "My favourite food is pizza."],
        ["Anna lives in Bergen.", "Ben lives in Rome."],
        ["I like olives.", "I like capers."],
        ["Always use tabs.", "Never use emojis."],
        ["I live in Bergen.", "I work at Equinor."],
    ],
)
def test_what_can_both_hold_does(texts: list[str]) -> None:
    assert {one.status for one in ledger(texts).known()} == {"current"}


def test_an_assistant_supersedes_an_assistant_only() -> None:
    assert holds("The port is 8080.", "A: I've set the port to 9090.") == ["8080", "9090"]
    assert holds("A: I've set the port to 8080.", "A: I've set the port to 9090.") == ["9090"]
    assert holds("A: I've set the port to 8080.", "The port is 9090.") == ["9090"]
    assert holds("We'll use PostgreSQL.", "A: We'll use MySQL instead of PostgreSQL.") == ["PostgreSQL", "MySQL"]


def test_what_is_said_again_stands_once() -> None:
    (one,) = ledger(["I prefer tabs.", "Thanks.", "I prefer tabs!"]).known()
    assert (one.number, one.again, one.status) == (1, (3,), "current")


def test_a_clock_that_goes_backwards_changes_nothing() -> None:
    texts = ["I live in Bergen.", "I moved to Oslo.", "I live in Rome."]
    wanted = [(one.fact.object, one.status) for one in ledger(texts).known()]
    assert [(one.fact.object, one.status) for one in ledger(texts, [3e9, 2e9, 1e9]).known()] == wanted


def test_the_last_change_of_a_turn_is_told() -> None:
    found = ledger(["The demo is on Tuesday.", "no, it's Wednesday", "no, it's Friday", "I prefer tabs."]).changed()
    assert found == {1: (("The demo is on Tuesday.", 2),), 2: (("no, it's Wednesday", 3),)}


texts = st.lists(st.sampled_from([*SAID, *("A: " + text for text in SAID[5:20])]), max_size=25)


def plain(known: Sequence[Known]) -> list[tuple[object, ...]]:
    return [(one.fact.turn, one.fact.place, one.subject, one.status, one.by, one.again) for one in known]


@given(texts, st.data())
@settings(max_examples=150, deadline=None)
def test_bit_by_bit_or_in_one_go_it_is_the_same(said: list[str], data: st.DataObject) -> None:
    whole = ledger(said)
    grown = Ledger()
    looked = data.draw(st.sets(st.integers(1, 25)))
    for turn in turns(said):
        grown.add(extract(turn), turn.id)
        if turn.id in looked:
            grown.known()
            grown.changed()
    assert plain(grown.known()) == plain(whole.known())
    assert grown.changed() == whole.changed()


@given(texts)
@settings(max_examples=150, deadline=None)
def test_only_a_later_turn_supersedes_and_only_what_holds_is_not_superseded(said: list[str]) -> None:
    known = ledger(said).known()
    assert [one.number for one in known] == sorted(one.number for one in known)
    for one in known:
        assert (one.status == "superseded") == (one.by > 0) == (one.by_number > 0)
        assert not one.by or one.by >= one.fact.turn
        assert one.subject
        superseding = [other for other in known if other.fact.turn == one.by] if one.by else []
        assert one.by == 0 or superseding or one.by in {number for other in known for number in other.again}
        if one.by and one.fact.role == "user":
            assert all(other.fact.role == "user" for other in superseding)


@given(texts)
@settings(max_examples=150, deadline=None)
def test_without_the_last_turn_all_is_as_it_was_before_it(said: list[str]) -> None:
    """Forgetting a correction gives back what it had corrected: what holds is a function of the turns that are there."""
    before = ledger(said[:-1]).known()
    both = ledger(said).known()
    changed = {(one.fact.turn, one.fact.place) for one in both if one.by == len(said)}
    for one in before:
        if (one.fact.turn, one.fact.place) not in changed:
            now = next(other for other in both if (other.fact.turn, other.fact.place) == (one.fact.turn, one.fact.place))
            assert (now.status, now.by) == (one.status, one.by)
        else:
            assert one.status != "superseded"


def test_a_long_conversation_is_read_quickly() -> None:
    """10,000 turns with a fact each, all of one subject."""
    said = turns([f"I like dish number{number}." if number % 2 else f"The port of host{number} is {number}." for number in range(10_000)])
    facts = [(turn.id, extract(turn), "") for turn in said]
    assert cost(lambda: fold_facts(facts).known(), 2.0) < 2.0
    assert len(fold_facts(facts).known()) == 10_000


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("the wifi note is blue", "the wifi note is red", ["the wifi note is blue", "the wifi note is red"]),
        ("the wifi password is blue", "the wifi password is red", ["the wifi password is red"]),
        ("the wifi password is blue", "the wifi password is now red", ["the wifi password is now red"]),
        ("the wifi password is blue", "the guest password is red", ["the wifi password is blue", "the guest password is red"]),
        (
            "the wifi password is blue",
            "the wifi password is on the fridge",
            ["the wifi password is blue", "the wifi password is on the fridge"],
        ),
        ("the wifi password is blue42", "the wifi password is now red17", ["red17"]),
        ("the shed is cold", "the shed is locked", ["the shed is cold", "the shed is locked"]),
    ],
)
def test_a_note_of_a_value_takes_the_place_of_the_one_before(before: str, after: str, left: list[str]) -> None:
    assert holds(f"Remember that {before}.", f"Remember that {after}.") == left


def test_what_stands_beside_each_other_is_not_all_held_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supersession, "_MOST_OPEN", 16)

    def work(size: int) -> Callable[[], object]:
        said = turns([f"The limit is {number} in place{number}." for number in range(size)])
        facts = [(turn.id, extract(turn), "") for turn in said]
        return lambda: fold_facts(facts)

    assert growth(work, 1500) < MOST
