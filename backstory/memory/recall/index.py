"""The index of one conversation's units: postings by term, and a few numbers for each unit, in arrays.

Rule: append-only; units come in the order of the conversation. One thread at a time adds; others may recall meanwhile. Hidden turns stay
in the arrays and are never given out again.
Posting lists hold `unit * 16 + frequency` (15 at most).
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from backstory.memory.recall.associations import MARK
from backstory.memory.recall.dates import DAY_S, timely
from backstory.memory.recall.telling import tells
from backstory.memory.recall.units import Unit
from backstory.memory.text import STOP_WORDS, fold

SESSION_GAP_S = 2700.0
"""A pause of three quarters of an hour begins a new session; so does a new day, a time that goes back, and, in an
index of picked turns, a turn left out."""
FREQUENCY_BITS = 4
FREQUENCY_MOST = (1 << FREQUENCY_BITS) - 1
ASKS, TIMELY, TELLS = 1, 2, 4
"""Flags of a unit: it asks something; it has words of time or numbers; somebody tells in it what they did."""
_BACKWARDS_S = 60.0


class Index:
    """Units and their postings. `frequencies`: in how many turns of a larger whole each term occurs, and under "" how many turns
    that whole has; where given, it decides how rare a term is."""

    def __init__(self, frequencies: Mapping[str, int] | None = None) -> None:
        self.frequencies = frequencies
        self.turns = array("q")
        self.pieces = array("I")
        self.numbers = array("I")
        self.at = array("d")
        self.speakers = array("H")
        self.roles = array("H")
        self.sizes = array("I")
        self.lengths = array("H")
        self.sessions = array("I")
        self.session_starts = array("I")
        self.flags = bytearray()
        self.hidden = bytearray()
        self.texts: list[str] = []
        self.names: list[str] = []
        self.vocabulary: dict[str, int] = {}
        self.words: list[str] = []
        self.postings: list[array[int]] = []
        self.voices: set[int] = set()
        self.total_length = self.total_tokens = 0
        self._flow = array("I")
        self._flow_start = array("Q", [0])
        self._name_ids: dict[str, int] = {}
        self.first_at = self.last_at = 0.0
        self._hidden_count = 0
        self._rising = True
        self._runs = array("I")
        self._places: dict[int, int] | None = None

    def add(self, units: Iterable[Unit]) -> None:
        """Append units. Turn ids, once added, are not added again."""
        for unit in units:
            place = len(self.turns)
            session, new = self._session(unit, place)
            if place and unit.turn < self.turns[-1]:
                self._rising = False
            if not place or unit.number < self.numbers[-1]:
                self._runs.append(place)
            if self._places is not None:
                self._places.setdefault(unit.turn, place)
            self.turns.append(unit.turn)
            self.pieces.append(unit.piece)
            self.numbers.append(unit.number)
            self.at.append(unit.at)
            self.sessions.append(session)
            if new:
                self.session_starts.append(place)
            if unit.at > 0:
                self.first_at = min(self.first_at or unit.at, unit.at)
                self.last_at = max(self.last_at, unit.at)
            speaker = self._name(unit.speaker)
            self.speakers.append(speaker)
            self.voices.add(speaker)
            self.roles.append(self._name(unit.role))
            self.sizes.append(unit.tokens)
            self.total_tokens += unit.tokens
            self.texts.append(unit.text)
            self.hidden.append(0)
            self._post(unit, place)

    def _post(self, unit: Unit, place: int) -> None:
        """The unit's terms. Postings come last: a recall on another thread then never meets a unit of which something is missing."""
        vocabulary, postings, flow = self.vocabulary, self.postings, self._flow
        base = place << FREQUENCY_BITS
        entries: list[tuple[int, int]] = []
        length = 0
        for term, frequency in Counter(unit.terms).items():
            number = vocabulary.get(term)
            if number is None:
                number = len(postings)
                postings.append(array("I"))
                self.words.append(term)
                vocabulary[term] = number
            entries.append((number, base | min(frequency, FREQUENCY_MOST)))
            if term[0] != MARK:
                length += frequency
        flow.extend([number for number, _ in entries])
        self._flow_start.append(len(flow))
        self.lengths.append(min(length, 65_535))
        self.total_length += length
        text = unit.text
        self.flags.append((ASKS if "?" in text else 0) | (TIMELY if timely(text) else 0) | (TELLS if tells(text) else 0))
        for number, entry in entries:
            postings[number].append(entry)

    def _session(self, unit: Unit, place: int) -> tuple[int, bool]:
        """The unit's session, and whether it begins it. Nothing is stored: who reads beside looks up where a session begins."""
        if not place:
            return 0, True
        before = self.at[-1]
        gap = unit.at - before
        new = gap > SESSION_GAP_S or gap < -_BACKWARDS_S or unit.at // DAY_S != before // DAY_S
        if self.frequencies is not None and unit.number > self.numbers[-1] + 1:
            new = True
        return self.sessions[-1] + new, new

    def _name(self, name: str) -> int:
        number = self._name_ids.get(name)
        if number is None:
            number = min(len(self.names), 65_535)
            self.names.append(name)
            self._name_ids[name] = number
        return number

    def number_of(self, name: str) -> int:
        """Number of a name that somebody speaks under, or of a role; -1 for one that is unknown."""
        return self._name_ids.get(name, -1)

    def hide(self, turn_ids: Set[int]) -> None:
        """Units of these turns are never found again. Unknown ids are passed over."""
        for turn in turn_ids:
            for place in self.units_of(turn):
                if not self.hidden[place]:
                    self.hidden[place] = 1
                    self._hidden_count += 1

    def units_of(self, turn: int) -> range:
        """Places of a turn's units; empty for an unknown turn."""
        first = self._first(turn)
        stop = first
        while stop < len(self.turns) and self.turns[stop] == turn:
            stop += 1
        return range(first, stop)

    def numbered(self, number: int, near: int) -> Iterator[int]:
        """Places of the units of turns with this number, where the unit at `near` stands first. Several turns have it where a path has
        taken another way, or where there are several conversations: they follow, as far as they came after."""
        runs, numbers = self._runs, self.numbers
        for run in range(bisect_right(runs, near) - 1, len(runs)):
            stop = min(runs[run + 1] if run + 1 < len(runs) else self.complete, self.complete)
            place = bisect_left(numbers, number, min(runs[run], stop), stop)
            while place < stop and numbers[place] == number:
                yield place
                place += 1

    def _first(self, turn: int) -> int:
        if self._rising:
            return bisect_left(self.turns, turn)
        if self._places is None:
            self._places = {}
            for place, known in enumerate(self.turns):
                self._places.setdefault(known, place)
        return self._places.get(turn, len(self.turns))

    def __len__(self) -> int:
        """Number of units that can be found."""
        return len(self.turns) - self._hidden_count

    def __contains__(self, turn: int) -> bool:
        """Whether the index has (or had, before it was hidden) a unit of this turn."""
        return len(self.units_of(turn)) > 0

    def said_in(self, start: float, end: float) -> list[int]:
        """Places of the units of sessions that began in this span of time (a session lasts a day at most), in order."""
        starts, at, total = self.session_starts, self.at, self.complete
        found: list[int] = []
        for session, first in enumerate(starts):
            if start - DAY_S < at[first] < end:
                stop = starts[session + 1] if session + 1 < len(starts) else total
                found.extend(place for place in range(first, stop) if start <= at[place] < end)
        return found

    def amount_in(self, start: float, end: float) -> int:
        """How many they are: of a session that begins and ends in this span, all."""
        starts, at, total = self.session_starts, self.at, self.complete
        found = 0
        for session, first in enumerate(starts):
            if first < total and start - DAY_S < at[first] < end:
                stop = starts[session + 1] if session + 1 < len(starts) else total
                whole = start <= at[first] and at[stop - 1] < end
                found += stop - first if whole else sum(1 for place in range(first, stop) if start <= at[place] < end)
        return found

    def terms_of(self, place: int) -> array[int]:
        """Numbers of the different terms and concepts of a unit, in order of appearance."""
        return self._flow[self._flow_start[place] : self._flow_start[place + 1]]

    def frequency(self, number: int, place: int) -> int:
        """How often term `number` occurs in a unit: 0 to 15."""
        posting = self.postings[number]
        at = bisect_left(posting, place << FREQUENCY_BITS)
        if at < len(posting) and posting[at] >> FREQUENCY_BITS == place:
            return posting[at] & FREQUENCY_MOST
        return 0

    def places_of(self, term: str) -> list[int]:
        """The units that have a term, in order."""
        number = self.vocabulary.get(term)
        return [] if number is None else [entry >> FREQUENCY_BITS for entry in self.postings[number]]

    @property
    def complete(self) -> int:
        """How many units are wholly in the index."""
        return len(self.flags)

    def has(self, term: str, place: int) -> bool:
        """Whether a unit has this term."""
        number = self.vocabulary.get(term)
        return number is not None and self.frequency(number, place) > 0

    def rarity(self, term: str) -> float:
        """Inverse document frequency of a term, in nats, as in BM25."""
        found, total = self.document_frequency(term), self.documents
        return _rarity(found, total)

    def rarities(self, numbers: Collection[int]) -> list[float]:
        """The same of these terms. Many of them occur as often as another: that is worked out once."""
        total, postings, wider, words = self.documents, self.postings, self.frequencies, self.words
        if wider is not None:
            frequencies = [max(len(postings[number]), wider.get(words[number], 0)) for number in numbers]
        else:
            frequencies = list(map(len, map(postings.__getitem__, numbers)))
        known = {found: _rarity(found, total) for found in set(frequencies)}
        return list(map(known.__getitem__, frequencies))

    def document_frequency(self, term: str) -> int:
        """In how many turns (of the larger whole, if one was given) or units the term occurs."""
        number = self.vocabulary.get(term)
        own = len(self.postings[number]) if number is not None else 0
        return own if self.frequencies is None else max(own, self.frequencies.get(term, 0))

    @property
    def documents(self) -> int:
        """How many there are in all, to set frequencies against."""
        own = len(self.turns)
        return own if self.frequencies is None else max(own, self.frequencies.get("", 0))

    def share(self, tokens: int) -> float:
        """How much of all there is so many tokens could hold: 0 to 1. Of a larger whole this is an estimate, by its number of turns."""
        whole = self.total_tokens if self.frequencies is None else self.total_tokens * self.documents / max(1, len(self.turns))
        return min(1.0, tokens / whole) if whole else 1.0

    def named(self, question_words: Iterable[str]) -> frozenset[int]:
        """Numbers of the speakers that these folded words name: by a part of the name, or its beginning ("Mel" for Melanie)."""
        asked = {word for word in question_words if len(word) >= 3}
        beginnings = asked - STOP_WORDS
        found = set()
        for name, number in list(self._name_ids.items()):
            parts = fold(name).split()
            if any(part in asked or any(part.startswith(word) for word in beginnings) for part in parts):
                found.add(number)
        return frozenset(found)


def _rarity(found: int, total: int) -> float:
    return math.log(1.0 + (total - found + 0.5) / (found + 0.5))
