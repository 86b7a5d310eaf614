"""Vectors of signed bytes: a quarter of the memory, with the same direction to within half a per cent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

_LARGEST = 127.0


def to_bytes(vectors: numpy.ndarray[Any, Any]) -> list[bytes]:
    """Rows as bytes, each scaled so that its largest number is 127; a row that is all zeros, or holds what is no number, as zeros."""
    rows = numpy.nan_to_num(vectors.astype(numpy.float32), nan=0.0, posinf=0.0, neginf=0.0)
    largest = numpy.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    scaled = numpy.divide(rows * _LARGEST, largest, out=numpy.zeros_like(rows), where=largest > 0)
    return [row.tobytes() for row in numpy.rint(scaled).astype(numpy.int8)]


def from_lists(vectors: Sequence[Sequence[float]]) -> list[bytes]:
    """The same of lists of numbers, all of one length. Raises FloatingPointError where one is too large to reckon with."""
    with numpy.errstate(over="raise"):
        return to_bytes(numpy.array(vectors, dtype=numpy.float32)) if vectors else []
