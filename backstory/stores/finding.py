"""Which words a full-text search looks for. Rule: the cost of a search is bounded, however large the conversation.

A word that stands in every tenth turn tells little and costs most, so words are taken from the rarest on, until the places where
they stand fill a budget. Where even the rarest is common, only the newest turns are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from backstory.stores.rows import Connection

# A word in a larger share of the turns is left out when rarer ones are there.
_COMMON_SHARE = 0.03
# Under so many places a word is never called common.
_FEW = 200
# So many places at most are scored by one search: about 1.5 us each.
_PLACES = 2000
# Under so many indexed turns, counts are never older than the last change; above, they may lag by 5 %.
_EXACT_UNDER = 20_000
_MOST_CACHED = 50_000


def choose(terms: Sequence[str], counts: Mapping[str, int], total: int) -> tuple[list[str], float]:
    """The words to look for among `total` turns, and the share of turns (the newest) to look at. No words: nothing will match."""
    present = sorted((counts[term], term) for term in dict.fromkeys(terms) if counts.get(term))
    if not present:
        return [], 1.0
    limit = max(_FEW, int(total * _COMMON_SHARE))
    chosen = [present[0][1]]
    places = present[0][0]
    for count, term in present[1:]:
        if count > limit or places + count > _PLACES:
            break
        chosen.append(term)
        places += count
    return chosen, min(1.0, _PLACES / places)


class Counts:
    """How often words occur in the index, kept between searches: to count a common word anew takes as long as a search."""

    def __init__(self, count: Callable[[Connection, Sequence[str]], dict[str, int]]) -> None:
        self._count = count
        self._kept: dict[str, tuple[int, int]] = {}
        self._total = (0, 0)
        self._receipt = 0

    def of(self, db: Connection, words: Sequence[str]) -> dict[str, int]:
        """Counts of these words (0: left out)."""
        newest = self._newest(db)
        counts: dict[str, int] = {}
        missing: list[str] = []
        for word in dict.fromkeys(words):
            kept = self._kept.get(word)
            if kept is not None and self._fresh(kept, newest):
                counts[word] = kept[0]
            else:
                missing.append(word)
        if missing:
            found = self._count(db, missing)
            if len(self._kept) > _MOST_CACHED:
                self._kept.clear()
            for word in missing:
                counts[word] = found.get(word, 0)
                self._kept[word] = (counts[word], newest)
        return {word: count for word, count in counts.items() if count}

    def total(self, db: Connection) -> int:
        """Number of indexed turns."""
        newest = self._newest(db)
        if not self._fresh(self._total, newest):
            self._total = (db.all("SELECT count(*) FROM tags")[0][0], newest)
        return self._total[0]

    def newest(self, db: Connection) -> int:
        """Number of the newest entry in the index; entries are numbered upwards."""
        return self._newest(db)

    def forget(self) -> None:
        """Something was taken out of the index: everything is counted anew."""
        self._kept.clear()
        self._total = (0, -1)

    def _newest(self, db: Connection) -> int:
        newest, receipt = db.all("SELECT (SELECT coalesce(max(doc), 0) FROM tags), (SELECT coalesce(max(id), 0) FROM receipts)")[0]
        if receipt != self._receipt:
            self.forget()
            self._receipt = receipt
        return int(newest)

    @staticmethod
    def _fresh(kept: tuple[int, int], newest: int) -> bool:
        slack = newest * 0.05 if newest > _EXACT_UNDER else 0.0
        return 0 <= newest - kept[1] <= slack
