"""Which units of an index are near a question in meaning: vectors of signed bytes beside the index, searched by brute force.

Rule: exact up to some thousand units; above that the signs of the numbers choose the candidates, whose cosine is then exact. A unit
without a vector is not near to anything. Needs numpy, which an extra brings: nobody makes a Nearness without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from xxhash import xxh3_64_digest

from backstory.core.embedding import Trust

if TYPE_CHECKING:
    import numpy

    Matrix: TypeAlias = numpy.ndarray[Any, Any]

# Of at most so many units the cosine is computed for all: about 1 ms.
_EXACT = 4000
# Above it, the signs choose so many for each that is wanted, and no fewer than the second number.
_SLACK, _FEWEST = 4, 1000
# Memory for one conversation's vectors: 150,000 units of 384 numbers. Later units have none.
_MOST_BYTES = 64_000_000
_FIRST_ROWS = 256
_WORD_BYTES = 8


class Nearness:
    """Vectors by the place of their unit. `dimensions` is 0 until the first vector comes."""

    def __init__(self) -> None:
        import numpy  # noqa: PLC0415 - only an extra brings it

        self._np = numpy
        self.dimensions = 0
        self._count = 0
        self._rows: dict[int, int] = {}
        self._places: Matrix = numpy.zeros(0, numpy.int64)
        self._vectors: Matrix = numpy.zeros((0, 0), numpy.int8)
        self._lengths: Matrix = numpy.zeros(0, numpy.float32)
        self._signs: Matrix = numpy.zeros((0, 0), numpy.uint64)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, place: int) -> bool:
        return place in self._rows

    def add(self, places: Sequence[int], vectors: Sequence[bytes]) -> None:
        """The vectors of units at these places. Known places, vectors of another length than the first, and those of nothing are passed
        over; so is what is beyond the memory allowed for a conversation."""
        fresh: dict[int, bytes] = {}
        for place, vector in zip(places, vectors, strict=True):
            if not self.dimensions:
                self.dimensions = len(vector)
            if place not in self._rows and len(vector) == self.dimensions and any(vector):
                fresh[place] = vector
        room = _MOST_BYTES // max(1, self.dimensions) - self._count
        self._put(dict(list(fresh.items())[: max(0, room)]))

    def _put(self, fresh: dict[int, bytes]) -> None:
        """Rows first, their number last: whoever searches meanwhile sees whole rows only."""
        if not fresh:
            return
        np, first, stop = self._np, self._count, self._count + len(fresh)
        if stop > len(self._vectors):
            self._grow(max(_FIRST_ROWS, 2 * self._count, stop))
        numbers = np.frombuffer(b"".join(fresh.values()), np.int8).reshape(len(fresh), self.dimensions)
        self._vectors[first:stop] = numbers
        self._lengths[first:stop] = np.linalg.norm(numbers.astype(np.float32), axis=1)
        self._signs[:, first:stop] = self._sign(numbers).T
        self._places[first:stop] = list(fresh)
        self._count = stop
        self._rows.update(zip(fresh, range(first, stop), strict=True))

    def _grow(self, size: int) -> None:
        np = self._np
        words = -(-self.dimensions // (8 * _WORD_BYTES))
        for name, shape, kind in (
            ("_places", (size,), np.int64),
            ("_vectors", (size, self.dimensions), np.int8),
            ("_lengths", (size,), np.float32),
            # A row for each word of signs: going along rows is ten times as fast as adding up short ones.
            ("_signs", (words, size), np.uint64),
        ):
            made = np.zeros(shape, kind)
            if self._count:
                kept = (..., slice(self._count)) if name == "_signs" else slice(self._count)
                made[kept] = getattr(self, name)[kept]
            setattr(self, name, made)

    def _sign(self, numbers: Matrix) -> Matrix:
        """The signs of these rows, as bits."""
        np = self._np
        packed = np.packbits(numbers > 0, axis=1)
        padded: Matrix = np.pad(packed, ((0, 0), (0, -packed.shape[1] % _WORD_BYTES)))
        words: Matrix = np.ascontiguousarray(padded).view(np.uint64)
        return words

    def near(self, vector: bytes, wanted: int, also: Sequence[int] = ()) -> dict[int, float]:
        """Cosines of the nearest `wanted` units, and of those at the places in `also` that have a vector; by place. Only those above
        0. Empty for a vector of nothing, or of another model's length."""
        np, count = self._np, self._count
        asked = np.frombuffer(vector, np.int8).astype(np.float32)
        length = float(np.linalg.norm(asked)) if count and len(asked) == self.dimensions else 0.0
        if not length:
            return {}
        chosen = np.arange(count) if count <= _EXACT else self._alike(vector, count, min(count, max(_FEWEST, _SLACK * wanted)))
        extra = [self._rows[place] for place in also if place in self._rows]
        found = self._cosines(chosen, asked, length)
        best = chosen[np.argsort(-found, kind="stable")[:wanted]]
        rows = np.unique(np.concatenate((best, np.array(extra, np.int64))))
        cosines = self._cosines(rows, asked, length)
        return {place: cosine for place, cosine in zip(self._places[rows].tolist(), cosines.tolist(), strict=True) if cosine > 0}

    def closeness(self, vector: bytes, places: Sequence[int], spans: Sequence[tuple[int, int]]) -> tuple[list[float], list[float]]:
        """For each place the cosine of its unit, and the mean of those of the units first <= unit < stop around it; what has no vector, or
        a cosine below 0, counts as 0. A vector of nothing, or of another model's length, is near to nothing."""
        np = self._np
        asked = np.frombuffer(vector, np.int8).astype(np.float32)
        length = float(np.linalg.norm(asked)) if self._count and len(asked) == self.dimensions and places else 0.0
        if not length:
            return [0.0] * len(places), [0.0] * len(places)
        bounds = np.array(spans, np.int64)
        base = int(bounds[:, 0].min())
        wanted = np.zeros(int(bounds[:, 1].max()) - base + 1, np.int32)
        np.add.at(wanted, bounds[:, 0] - base, 1)
        np.subtract.at(wanted, bounds[:, 1] - base, 1)
        around = np.flatnonzero(np.cumsum(wanted)) + base
        get = self._rows.get
        rows = np.array([get(place, -1) for place in around.tolist()], np.int64)
        known = rows >= 0
        cosines = np.zeros(len(around) + 1, np.float64)
        cosines[:-1][known] = np.maximum(0.0, self._cosines(rows[known], asked, length))
        summed = np.concatenate(([0.0], np.cumsum(cosines[:-1])))
        first, stop = np.searchsorted(around, bounds[:, 0]), np.searchsorted(around, bounds[:, 1])
        own = cosines[np.searchsorted(around, np.array(places, np.int64))]
        return own.tolist(), ((summed[stop] - summed[first]) / (bounds[:, 1] - bounds[:, 0])).tolist()

    def _alike(self, vector: bytes, count: int, wanted: int) -> Matrix:
        """The rows whose signs differ least from these: as many as are wanted, and all that are as near as the last of them."""
        np = self._np
        apart = np.zeros(count, np.uint16)
        for word, signs in zip(self._sign(np.frombuffer(vector, np.int8)[None])[0], self._signs, strict=True):
            apart += np.bitwise_count(signs[:count] ^ word)
        enough = int(np.searchsorted(np.cumsum(np.bincount(apart)), wanted))
        alike: Matrix = np.flatnonzero(apart <= enough)
        return alike

    def _cosines(self, rows: Matrix, asked: Matrix, length: float) -> Matrix:
        # Not `@`: its threads would wait for a processor that the traffic has.
        found: Matrix = self._np.einsum("ij,j->i", self._vectors[rows].astype(self._np.float32), asked) / (self._lengths[rows] * length)
        return found


def text_name(text: str) -> bytes:
    """8 bytes that name a unit's text beside its vector: a unit never gets the vector of another text."""
    return xxh3_64_digest(text.encode("utf-8", "surrogatepass"))


class Asked(Struct, frozen=True):
    """A question's vector, and the vectors among which to look for near ones."""

    nearness: Nearness
    vector: bytes
    trust: Trust

    def near(self, wanted: int, also: Sequence[int]) -> Mapping[int, float]:
        """See Nearness."""
        return self.nearness.near(self.vector, wanted, also)

    def closeness(self, places: Sequence[int], spans: Sequence[tuple[int, int]]) -> tuple[list[float], list[float]]:
        """See Nearness."""
        return self.nearness.closeness(self.vector, places, spans)
