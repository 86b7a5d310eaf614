"""What a claim puts together must stand together in its turns: words that are all there are not enough."""

from __future__ import annotations

import pytest

from backstory.core.records import Claim, Turn
from backstory.memory.side_model.claims import verified


def holds(said: str, claim: str, sender: str = "Ann", role: str = "user") -> bool:
    turn = Turn(1, "c", 0, 0, b"k", b"c", role, "spoken", said, sender=sender, at=1_683_547_200.0, arrived=1_683_547_200.0)
    return bool(verified([Claim(claim, (1,))], {1: turn}).kept)


AGES = "Ann is 30 years old. Bob is 40 years old."
HOMES = "My sister Carla lives in Lisbon and my brother Tom lives in Porto."
RELEASES = "We deployed version 2.3 to prod on Monday; staging runs 2.4."
LIMITS = "I've set the retry limit to 5 and the timeout to 30 seconds in config/app.yaml."
PLAN = "Anna will call the vendor tomorrow and Tom prepares the slides."
BUDGET = "The budget is 5000 euros for the team trip and 300 euros for the office."


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        (AGES, "Bob is 40 years old."),
        (AGES, "Ann is 30 and Bob is 40 years old."),
        (HOMES, "Tom lives in Porto."),
        (HOMES, "Carla lives in Lisbon."),
        ("Alice owes Bob 50 dollars.", "Alice owes Bob 50 dollars."),
        ("Bob helped Alice with the boxes.", "Alice was helped by Bob with the boxes."),
        ("I live in Lisbon with Carla.", "Ann lives in Lisbon."),
        ("I live in Lisbon with Carla.", "The user lives in Lisbon with Carla."),
        ("Tom is happy with Berta. He moved to Lisbon in March.", "Tom moved to Lisbon."),
        ("Bob and Tom went to Rome.", "Tom and Bob went to Rome."),
        ("I moved to Lisbon.", "The user Ann moved to Lisbon."),
        (BUDGET, "The budget for the trip is 5000 euros."),
        (RELEASES, "Version 2.3 was deployed to prod on Monday."),
        (RELEASES, "Staging runs version 2.4."),
        (LIMITS, "The retry limit was set to 5 and the timeout to 30 seconds in config/app.yaml."),
        (LIMITS, "The user set the timeout to 30 seconds in config/app.yaml."),
        (PLAN, "Tom prepares the slides."),
        ("J'habite à Lisbonne avec Carla et je paie 1250 euros de loyer.", "Ann habite à Lisbonne et paie 1250 euros de loyer."),
        ("I like tea more than coffee.", "Ann likes tea more than coffee."),
        ("I might move to Berlin next year.", "Ann might move to Berlin next year."),
        ("I might move to Berlin next year.", "Ann considers moving to Berlin next year."),
        ("I used to live in Paris.", "Ann lived in Paris."),
        ("The demo for Acme is on Tuesday, I mean Wednesday.", "The demo for Acme is on Wednesday."),
        ("I used to live in Paris.", "Ann used to live in Paris."),
        ("I paid 20% of the rent.", "Ann paid 20 percent of the rent."),
        ("It failed 3 times.", "It failed three times."),
        ("It was minus 5 degrees in the room.", "It was -5 degrees in the room."),
        ("We were 3-5 people at the table.", "There were 5 people at the table."),
        ("The deploy went to 7 hosts, and hosts are cheap.", "The deploy went to 7 cheap hosts."),
    ],
)
def test_what_stands_together_is_kept(said: str, claim: str) -> None:
    assert holds(said, claim)


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        (AGES, "Ann is 40 years old."),
        (HOMES, "Tom lives in Lisbon."),
        ("My sister Carla lives in Lisbon.", "Ann lives in Lisbon."),
        ("My sister Carla lives in Lisbon.", "The user lives in Lisbon."),
        ("Alice owes Bob 50 dollars.", "Bob owes Alice 50 dollars."),
        (BUDGET, "The budget for the office is 5000 euros."),
        (RELEASES, "Prod runs version 2.4."),
        (LIMITS, "The timeout was set to 5 in config/app.yaml."),
        (LIMITS, "The retry limit was set to 30 seconds."),
        (PLAN, "Tom will call the vendor."),
        ("Dana's birthday is on 3 May, Eli's on 4 June.", "Eli's birthday is on 3 May."),
        ("I like tea more than coffee.", "Ann likes coffee more than tea."),
        ("We use Postgres instead of MySQL for billing.", "They use MySQL instead of Postgres for billing."),
        ("I might move to Berlin next year.", "Ann moves to Berlin next year."),
        ("The demo for Acme is on Tuesday, I mean Wednesday.", "The demo for Acme is on Tuesday."),
        ("If the tests fail, delete the database.", "Delete the database."),
        ("Shall we delete the old backups?", "They delete the old backups."),
        ("I used to live in Paris.", "Ann lives in Paris."),
        ("I paid 20 percent of the rent.", "Ann paid 20 dollars of the rent."),
        ("It was -5 degrees in the room.", "It was 5 degrees in the room."),
    ],
)
def test_what_no_sentence_puts_together_is_dropped(said: str, claim: str) -> None:
    assert not holds(said, claim)


@pytest.mark.parametrize("sender", ["", "Ann"])
def test_who_speaks_may_be_named_by_role(sender: str) -> None:
    assert holds(
        "I moved to Lisbon in May, and I pay 1250 euros of rent.", "The user moved to Lisbon in May, and the user pays 1250.", sender
    )
    assert holds("I moved the file to Lisbon.", "The assistant moved the file to Lisbon.", "", "assistant")
