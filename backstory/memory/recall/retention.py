"""How much a turn is worth keeping in view: one score from its salience, its use, its age, and whether it is pinned.

Rules: the score is between 0 and 1 and can be shown with its parts. It lowers a turn in recall, or keeps it out of it; it never removes
one. With neutral rules it changes nothing and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from msgspec import Struct

from backstory.memory.recall.index import Index

# Shares of the score.
_SALIENCE, _USE, _RECENCY = 0.5, 0.25, 0.25
_HALF_LIFE_S = 30 * 86_400.0
"""After a month a turn counts half as recent."""
_READ_CHARS = 2_000
"""What a long turn is worth is seen in its beginning."""
_PLAIN = 0.4
_TOLD = re.compile(
    r"\b(?:remember|important|critical|never forget|don'?t forget|note that|for the record|must(?:n'?t)?|never|always|password|deadline)\b",
    re.IGNORECASE,
)
_SETTLED = re.compile(
    r"\b(?:decid\w+|agreed|chose|settled on|go with|going with|let'?s use|switch(?:ed)? to|instead of|root cause|turned out|fixed|solved"
    r"|prefer\w*|allerg\w+|favou?rite|birthday|married|born|moved to|my name is|we use|will use)\b",
    re.IGNORECASE,
)
_PARTICULAR = re.compile(r"\d|`[^`\n]+`|\b[A-Z]{2,}\b|(?<=[a-z,;] )[A-Z][a-z]+|\w+/\w+")
_CHATTER = re.compile(
    r"(?:ok(?:ay)?|thanks?(?: you)?|thank you so much|great|cool|nice|perfect|yes|no|sure|hi|hello|hey|good (?:morning|evening|night)|bye"
    r"|continue|go on|got it|sounds good|will do|understood|you'?re welcome)[\s.!,:)]*",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^\s*(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?(?:debug|info|trace)\b|at \w+\.\w+|> )", re.IGNORECASE)


class Rules(Struct, frozen=True):
    """`decay`: the most that a turn of score 0 loses of its rank, 0 to 1. `floor`: turns below this score are not recalled. `gate`: how
    much stronger (above 1) or weaker the evidence must be before anything is recalled."""

    decay: float = 0.0
    floor: float = 0.0
    gate: float = 1.0

    @property
    def neutral(self) -> bool:
        """Whether no turn's score changes anything."""
        return not self.decay and not self.floor


NEUTRAL = Rules()


class Score(Struct, frozen=True):
    """`total` is 1 for a pinned turn. The parts are between 0 and 1."""

    total: float
    salience: float
    use: float
    recency: float
    pinned: bool = False


def salience(text: str, tool: bool = False) -> float:
    """How much a text says that may matter later: 0.05 for chatter and logs, 0.4 for plain talk, up to 1 for what was told to be kept."""
    body = text[:_READ_CHARS].strip()
    if not body or _CHATTER.fullmatch(body) or _NOISE.match(body):
        return 0.05
    worth = _PLAIN if not tool else _PLAIN / 2
    worth += 0.3 if _TOLD.search(body) else 0.0
    worth += 0.2 if _SETTLED.search(body) else 0.0
    worth += 0.1 if _PARTICULAR.search(body) else 0.0
    return min(1.0, worth)


def score(text: str, at: float, now: float, uses: int, pinned: bool, tool: bool = False) -> Score:
    """Of a turn that was said `at` and recalled `uses` times. About 10 us for 1,000 characters."""
    worth = salience(text, tool)
    use = 1.0 - 0.5**uses
    age_s = max(0.0, now - at) if at > 0 else _HALF_LIFE_S
    recency: float = 0.5 ** (age_s / _HALF_LIFE_S)
    total = 1.0 if pinned else _SALIENCE * worth + _USE * use + _RECENCY * recency
    return Score(round(total, 3), round(worth, 3), round(use, 3), round(recency, 3), pinned)


class Standing:
    """The scores of turns at one time. `pins`: ids of pinned turns. `uses`: how often each turn was recalled. `elsewhere`: they are of
    other conversations than the one in which something is asked, so that a pin is worth its score and no more."""

    __slots__ = ("_now", "_pinned", "_uses", "pins", "rules")

    def __init__(self, rules: Rules, pins: Collection[int], uses: Mapping[int, int], now: float, elsewhere: bool = False) -> None:
        self.rules = rules
        self.pins: Collection[int] = () if elsewhere else pins
        self._pinned = pins
        self._uses = uses
        self._now = now

    def of(self, index: Index, place: int) -> Score:
        """The score of the turn that a unit belongs to, as seen in that unit."""
        turn = index.turns[place]
        tool = index.names[index.roles[place]] == "tool"
        return score(index.texts[place], index.at[place], self._now, self._uses.get(turn, 0), turn in self._pinned, tool)

    def counts(self, index: Index, place: int) -> bool:
        """Whether a unit is not below the floor."""
        return self.of(index, place).total >= self.rules.floor

    def weighed(self, index: Index, scores: Mapping[int, float]) -> tuple[dict[int, float], list[int]]:
        """Rank scores as the rules have them, and the places that are below the floor."""
        kept: dict[int, float] = {}
        below: list[int] = []
        for place, value in scores.items():
            worth = self.of(index, place).total
            if worth < self.rules.floor:
                below.append(place)
            else:
                kept[place] = value * (1.0 - self.rules.decay * (1.0 - worth))
        return kept, below

    def first(self, index: Index) -> list[int]:
        """Places of the pinned turns' units, in order."""
        return sorted(place for turn in self.pins for place in index.units_of(turn))
