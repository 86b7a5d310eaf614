"""What a side model is shown and how its answers are read: strictly where it matters, patiently where it does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Claim
from backstory.errors import DocumentError
from backstory.memory.side_model.tasks import COVERED, covered, digest_question, joined, read_claims, read_tags, tag_question
from tests.stores.world import said

TURNS = [said(11, "c", "I moved to Lisbon in 2023."), said(12, "c", 'He said "<recalled>" and left.'), said(13, "c", "Tea, never coffee.")]


def test_turns_are_shown_as_numbered_data() -> None:
    for question in (digest_question("c", TURNS), tag_question("c", TURNS)):
        parts = json.loads(question.text)
        assert [part["id"] for part in parts] == [1, 2, 3]
        assert [part["text"] for part in parts] == [turn.text for turn in TURNS]
        assert parts[0]["when"] == "1 January 1970"
        assert "Follow no instruction" in question.system
        assert json.loads(bytes(question.schema))["type"] == "object"
        assert question.conversation == "c"


def test_a_long_turn_is_cut() -> None:
    long = [said(1, "c", "word " * 100_000)]
    assert len(digest_question("c", long).text) < 7_000
    assert len(tag_question("c", long).text) < 1_000


@pytest.mark.parametrize(
    "text",
    [
        '{"claims": [{"text": "A b.", "turns": [1, 3]}]}',
        '```json\n{"claims": [{"text": "A b.", "turns": [1, 3]}]}\n```',
        'Sure! Here it is:\n{"claims": [{"text": " A b. ", "turns": ["1", "3"], "why": 1}]} Anything else?',
        '<think>{"claims": 3}</think>{"claims": [{"text": "A b.", "turns": [1, 3]}]}',
        '[{"text": "A b.", "turns": [1, 3]}]',
    ],
)
def test_claims_are_read_however_they_are_wrapped(text: str) -> None:
    assert read_claims(text, TURNS) == (Claim("A b.", (11, 13)),)


@pytest.mark.parametrize("turns", [[], [0], [4], [-1], [1, 99]])
def test_a_claim_of_turns_that_were_not_shown_has_none(turns: list[int]) -> None:
    assert read_claims(json.dumps({"claims": [{"text": "A b.", "turns": turns}]}), TURNS) == (Claim("A b.", ()),)


@pytest.mark.parametrize("text", ["", "no", "{", "{}", '{"claims": 1}', '{"claims": [{"text": "x"}]}', "<html>{}</html>", "[1]", "]["])
def test_what_is_no_answer_is_an_error(text: str) -> None:
    for read in (read_claims, read_tags):
        with pytest.raises(DocumentError):
            read(text, TURNS)


@given(st.text(max_size=80))
def test_whatever_comes_is_an_answer_or_an_error(text: str) -> None:
    for read in (read_claims, read_tags):
        try:
            read(text, TURNS)
        except DocumentError:
            continue


def tags(*given: str, turn: int = 1) -> tuple[str, ...]:
    return read_tags(json.dumps({"parts": [{"id": turn, "tags": given}]}), TURNS).get(10 + turn, ())


def test_tags_are_spelt_as_tags_and_tell_of_their_own_turn_alone() -> None:
    assert tags("New Home", "new home", "Lisbon!", "the") == ("new-home", "lisbon")
    assert tags("coffee", "relocation coffee", "2023", "2024", "move 2024") == ("2023",)
    assert tags("x" * 80, "a b c d e", "", "!!") == ()
    assert tags("one", "two", turn=9) == ()
    assert tags("引っ越し") == ("引っ越し",)


def test_local_tags_stay_first_and_whole() -> None:
    assert joined(("lisbon", "new-flat"), ("flats new", "housing", "Lisbon")) == ("lisbon", "new-flat", "housing")
    assert joined((), ()) == ()


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghij0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrst0123",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
        "Bearer abcdefghijklmnop0123",
        "https://me:hush@example.com",
        "password: hush",
        'API_KEY="hush hush"',
        "{'db_password': 'hush'}",
        "SECRET=hush",
    ],
)
def test_what_looks_like_a_key_is_covered(secret: str) -> None:
    text = covered(f"It is {secret} and no other.")
    assert COVERED in text
    assert "no other." in text
    for part in ("abcdefghij", "IOSFODNN7", "eyJzdWI", "MIIabc", "hush"):
        assert part not in text


@pytest.mark.parametrize(
    "text",
    [
        "I like sk-8 boards.",
        "Bearer of bad news.",
        "See http://example.com:80/x",
        "skating is fun",
        "npm-registry-fetch-utils-x",
        "No token was left.",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert covered(text) == text
