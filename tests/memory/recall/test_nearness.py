"""Nearness: the nearest units are found, exactly where there are few, nearly always where there are many."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.embedding import Trust
from backstory.memory.recall import nearness as module
from backstory.memory.recall.nearness import Asked, Nearness, text_name
from backstory.vectors.quantise import to_bytes

WIDTH = 64


def vectors(count: int, seed: int = 1) -> list[bytes]:
    return to_bytes(numpy.random.default_rng(seed).normal(size=(count, WIDTH)))


def cosine(one: bytes, other: bytes) -> float:
    a, b = (numpy.frombuffer(vector, numpy.int8).astype(float) for vector in (one, other))
    return float(a @ b / (numpy.linalg.norm(a) * numpy.linalg.norm(b)))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_few_units_are_ranked_by_their_exact_cosine(count: int, wanted: int, seed: int) -> None:
    made, asked = vectors(count, seed), vectors(1, 99)[0]
    near = Nearness()
    near.add([10 * place for place in range(count)], made)
    every = {10 * place: cosine(vector, asked) for place, vector in enumerate(made)}
    best = sorted((place for place in every if every[place] > 0), key=lambda place: -every[place])[:wanted]
    found = near.near(asked, wanted)
    assert set(found) == set(best)
    assert all(abs(found[place] - every[place]) < 1e-5 for place in found)


def test_of_many_units_those_that_stand_out_are_found() -> None:
    made = vectors(3 * module._EXACT)
    near = Nearness()
    for start in range(0, len(made), 1000):
        near.add(range(start, start + 1000), made[start : start + 1000])
    generator = numpy.random.default_rng(5)
    for place in (0, 4321, len(made) - 1):
        numbers = numpy.frombuffer(made[place], numpy.int8).astype(float)
        asked = to_bytes((numbers + generator.normal(scale=numpy.abs(numbers).mean(), size=WIDTH))[None])[0]
        found = near.near(asked, 10)
        assert max(found, key=lambda one: found[one]) == place


def test_units_asked_for_by_place_are_told_though_they_are_far() -> None:
    near = Nearness()
    near.add([0, 1], [bytes([1] * WIDTH), bytes([1] * 40 + [255] * 24)])
    assert set(near.near(bytes([1] * WIDTH), 1, also=[1, 7])) == {0, 1}


def test_what_has_no_direction_or_another_length_is_passed_over() -> None:
    near = Nearness()
    near.add([0, 1, 2], [bytes([3] * WIDTH), bytes(WIDTH), bytes([1] * 8)])
    assert len(near) == 1
    assert near.near(bytes([1] * 8), 5) == {}
    assert near.near(bytes(WIDTH), 5) == {}
    assert Nearness().near(bytes([1] * WIDTH), 5) == {}


def test_a_unit_keeps_its_first_vector_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 500 * WIDTH)
    near = Nearness()
    near.add([0], [bytes([1] * WIDTH)])
    near.add([0, 1], [bytes([255] * WIDTH), bytes([2] * WIDTH)])
    assert near.near(bytes([1] * WIDTH), 5)[0] > 0.99
    most = 500
    near.add(range(2, most + 100), [bytes([1] * WIDTH)] * (most + 98))
    assert len(near) == most


def test_texts_have_names_of_their_own() -> None:
    assert text_name("one") == text_name("one") != text_name("One")
    assert len(text_name("\ud800")) == 8


def test_asked_goes_through() -> None:
    near = Nearness()
    near.add([4], [bytes([1] * WIDTH)])
    assert set(Asked(near, bytes([1] * WIDTH), Trust(0.5, 2.0)).near(3, ())) == {4}


def test_closeness_of_units_and_of_the_passages_around_them() -> None:
    near = Nearness()
    near.add([2, 5, 7], [bytes([1] * WIDTH), bytes([255] * WIDTH), bytes([100] + [0] * (WIDTH - 1))])
    exact = near.near(bytes([1] * WIDTH), 5)
    own, around = near.closeness(bytes([1] * WIDTH), [1, 2, 5, 7, 20], [(0, 3), (1, 4), (4, 7), (5, 9), (18, 21)])
    assert own == pytest.approx([0.0, exact[2], 0.0, exact[7], 0.0]), "1 and 20 have no vector, 5 points away"
    assert around == pytest.approx([exact[2] / 3, exact[2] / 3, 0.0, exact[7] / 4, 0.0])
    for nothing in (bytes(WIDTH), bytes([1] * 8)):
        assert near.closeness(nothing, [2], [(0, 3)]) == ([0.0], [0.0])
    assert near.closeness(bytes([1] * WIDTH), [], []) == ([], [])
