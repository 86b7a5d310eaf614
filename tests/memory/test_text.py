"""The same words give the same terms; other languages pass through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.text import STOP_WORDS, fold, stem, terms, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("She ran", "running runs"),
        ("children", "child"),
        ("painters", "painting"),
        ("dancer", "dances"),
        ("Café", "cafe"),
        ("1,250", "1250"),
        ("the 3rd", "three"),
        ("007", "7"),
        ("favourite colours", "favorite color"),
        ("bought", "buying"),
        ("ﬁle", "file"),
        ("photography", "photos"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert set(terms(one)) == set(terms(other))


@pytest.mark.parametrize(
    ("one", "other"), [("flower", "flow"), ("career", "care"), ("number", "numb"), ("letter", "let"), ("corner", "corn")]
)
def test_words_that_only_look_like_doers_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_stop_words_and_lone_letters_are_no_terms() -> None:
    assert terms("I was at the x of it") == []
    assert all(not terms(word) for word in STOP_WORDS)


def test_names_in_camel_case_are_found_whole_and_in_parts() -> None:
    assert words("getUserName(HTTPServer)") == ["getusername", "get", "user", "name", "httpserver", "http", "server"]
    assert words("snake_case") == ["snake", "case"]


def test_scripts_without_spaces_become_pairs() -> None:
    assert words("東京タワー") == ["東京", "京タ", "タワ", "ワー"]
    assert words("go 東京 now") == ["go", "東京", "now"]
    assert words("人") == ["人"]


def test_other_languages_pass_as_they_are() -> None:
    assert terms("Привет, мир") == ["привет", "мир"]
    assert terms("Straße") == ["strasse"] or terms("Straße") == ["straße"]


def test_very_long_runs_are_cut() -> None:
    assert len(terms("a1" * 500)[0]) == 40


@given(st.text(max_size=300))
def test_any_text_gives_words_and_terms(text: str) -> None:
    found = terms(text)
    assert found == terms(text)
    assert all(found)
    assert not any(term.startswith("0") and len(term) > 1 and term.isascii() for term in found)
    assert fold(fold(text)) == fold(text) or not text.isascii()
