"""Recall: which earlier turns answer a question, within a budget of tokens, and the block in which the model gets them.

Rule: "nothing relevant" is an answer. A question that shares too little with the conversation recalls nothing. The block, fence and
headers included, never has more tokens than the budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from backstory.memory.facts.changes import NOTHING, Changed
from backstory.memory.folding.assembly import AllBut
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, called, harmless
from backstory.memory.recall import dates, oneself
from backstory.memory.recall.asking import wants
from backstory.memory.recall.associations import MARK
from backstory.memory.recall.gate import any_passes, known_time, passes, told, worth_a_look
from backstory.memory.recall.hops import led_to
from backstory.memory.recall.index import Index
from backstory.memory.recall.inview import Seen, adding
from backstory.memory.recall.likeness import Chosen
from backstory.memory.recall.mending import alone, changed_by, with_changes
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query, read
from backstory.memory.recall.quoting import excerpt, marked
from backstory.memory.recall.reasons import MOST_LEFT, Basis, Left, Parts, span
from backstory.memory.recall.retention import Standing
from backstory.memory.recall.scoring import also, anchored, evidence, lifted, matches, only, pool_size, ranked
from backstory.memory.recall.units import PIECE_TOKENS

_LABEL = "Earlier in this conversation:"
_CHANGED = " (later changed: #"
# Value falls slowly with length: a unit of 100 tokens must score 1.5 times as high as one of 10.
_THRIFT, _THRIFT_FLOOR = 0.2, 8
_MISSES = 20
# So many times as many candidates where meaning tells more of them apart; not among so many units that it would cost milliseconds.
_WITH_MEANING, _FEW_UNITS = 2, 4000
# Of the candidates by meaning a third of those by words is enough: they are fewer that matter, and their neighbours come along.
_NEAR_PART, _FEWEST_NEAR = 3, 50
_SMALLEST_LINE = 12
_ALIKE = "says the same as another"
# An excerpt of more than one sentence takes so much of the room that is left: the next best hit finds some, too.
_EXCERPT = 1 / 3
A_LINE = 40
"""Tokens of what a line has besides its text, with its day, at most."""
_NONE_SEEN: Seen = {}
# Where no unit has more of the question's words, the time that it names decides.
_FEW_WORDS = 0.3
# What a message that asks nothing brings back is a reminder, not an answer.
_REMARK_TOKENS = 250
# What a name in the first hits leads to gains so much of the best score at most.
_LED = 0.6
_ASKS = ("?", "\uff1f", "\u061f")
_SENTENCE_END = re.compile(r"(?<=[.!?\uff1f\u061f\n])")
_ASKED_CHARS, _MOST_QUESTIONS = 20_000, 8


class Item(Struct, frozen=True):
    """A unit that was chosen. `score`: 1 for the best. `piece`: which part of its turn it is. `changed`: number of
    the later turn that changed what it says, 0 for none. `start`, `rest`: how many characters of the unit were left out before `text` and
    after it, where there is room for an excerpt only."""

    turn: int
    number: int
    speaker: str
    at: float
    text: str
    score: float
    piece: int = 0
    pinned: bool = False
    changed: int = 0
    start: int = 0
    rest: int = 0

    @property
    def shown(self) -> str:
        """The text, with a mark where something was left out."""
        return marked(self.text, self.start, self.rest)


class Recalled(Struct, frozen=True):
    """What was found, in the order of the conversation. `considered`: units that were scored. `best`: share of the question's rare
    words that the best unit has. `gate`: why nothing was found, "" otherwise: "empty", "no room", "nothing asked", "no match" or "weak".
    `tokens`: of the block, by the count that decided what fits. `left`: what was considered and left out, the best first. `terms`: what
    was asked for. `basis`: what the scores come from, for whoever wants to know why."""

    items: tuple[Item, ...]
    considered: int = 0
    best: float = 0.0
    gate: str = ""
    tokens: int = 0
    left: tuple[Left, ...] = ()
    terms: tuple[str, ...] = ()
    basis: Basis | None = None

    def stands(self, item: int, text: str, after: int = 0) -> tuple[int, int]:
        """From which character to which an item stands in its turn's text, from `after` on if it is there; 0, 0 where it does not. An
        excerpt stands there where its unit does, however often its words are said."""
        one, basis = self.items[item], self.basis
        if (one.start or one.rest) and basis is not None:
            start, end = span(text, basis.index.texts[basis.places[item]], after)
            if start < end:
                return start + one.start, start + one.start + len(one.text)
        return span(text, one.text, after)


class _Answers(Struct):
    """Units that answer, by score, and what is known of how they were found."""

    scores: dict[int, float]
    found: Recalled
    parts: Parts
    out: list[tuple[int, str]]


def recall(
    index: Index,
    question: str,
    *,
    budget_tokens: int,
    carried: Container[int],
    now: float,
    min_score: float,
    count: Callable[[str], int],
    standing: Standing | None = None,
    changed: Changed = NOTHING,
    asked: Asked | None = None,
    search: bool = False,
    asker: str = "",
    seen: Seen = _NONE_SEEN,
) -> Recalled:
    """The turns that answer the question, less those in `carried` (turn ids). `now`: when it is asked. `min_score`: units below this
    share of the best score are left out. `count`: tokens of a text, which decides what fits. `standing`: pinned turns come first,
    whatever is asked; others as its rules have it. `changed`: what does not hold any more. `asked`: the question's vector, where there is
    one. `search`: somebody looks for this: whatever has a word of it is an answer, however weak. `asker`: the name under which who asks
    speaks, "" for none: what they ask about themselves (see oneself) is answered with what they have told. `seen`: what is in
    view of turns that are not in `carried`."""
    if not len(index):
        return Recalled((), gate="empty")
    if budget_tokens < _overhead(count) + _SMALLEST_LINE:
        return Recalled((), gate="no room")
    query = anchored(index, read(index, question, now))
    eligible = _eligible(index, carried)
    if seen:
        eligible = _also(eligible, adding(index, query, seen))
    wanted = pool_size(budget_tokens) * (_WITH_MEANING if asked is not None and len(index.turns) <= _FEW_UNITS else 1)
    strict = 0.0 if search else standing.rules.gate if standing is not None else 1.0
    aspects = oneself.asked(question)
    if search and not aspects and not query.own:
        # Who looks for a word that only frames questions ("name") looks for that.
        query = replace(query, own=tuple([term for term in query.weights if not term.startswith(MARK)]))
    remark, given = not search and not wants(question, aspects), budget_tokens
    first = [place for place in standing.first(index) if eligible(place)] if standing is not None and standing.pins else []
    if remark:
        budget_tokens = min(budget_tokens, _REMARK_TOKENS + sum(index.sizes[place] for place in first))
    answers = _answers(index, query, question, now, eligible, wanted, strict, asked, index.share(budget_tokens), remark)
    if aspects:
        answers = _personal(answers, oneself.told(index, aspects, asker, eligible))
    if standing is not None and answers.scores and not standing.rules.neutral:
        answers.scores, below = standing.weighed(index, answers.scores)
        answers.out += [(place, "below memory.min_importance") for place in below]
        eligible = _also(eligible, partial(standing.counts, index))
    most = max(answers.scores.values(), default=0.0)
    kept = {place: score / most for place, score in answers.scores.items() if score >= min_score * most}
    if len(kept) < len(answers.scores):
        answers.out += [(place, "below recall.min_score") for place in answers.scores if place not in kept]
    if not kept and not first:
        gate = answers.found.gate or "no match"
        return replace(answers.found, gate=gate, terms=query.own, left=_left(index, answers.out, {}))
    answers.scores = kept
    answers.parts.changing = changing = with_changes(index, kept, changed, eligible)
    answers.out = [one for one in answers.out if one[0] not in changing]
    return _fitted(index, answers, first, query, budget_tokens, given, count, changed, seen)


def _also(eligible: Callable[[int], bool], adds: Callable[[int], bool]) -> Callable[[int], bool]:
    return lambda place: eligible(place) and adds(place)


def _eligible(index: Index, carried: Container[int]) -> Callable[[int], bool]:
    """Whether a unit may be found."""
    turns, hidden = index.turns, index.hidden
    if isinstance(carried, AllBut):
        absent = carried.ids
        found = [turn in absent and not gone for turn, gone in zip(turns, hidden, strict=False)]
        size = len(found)
        # An index may grow while it is asked: what comes later is of the request itself.
        return lambda place: place < size and found[place]
    return lambda place: not hidden[place] and turns[place] not in carried


def _answers(
    index: Index,
    query: Query,
    question: str,
    now: float,
    eligible: Callable[[int], bool],
    wanted: int,
    gate: float,
    asked: Asked | None,
    share: float,
    remark: bool,
) -> _Answers:
    """What answers the question, by score; none where too little does. `share`: of the conversation, that there is room for. `remark`:
    it is none."""
    none = _Answers({}, Recalled((), gate="nothing asked"), Parts(), [])
    if not query.own and not query.named and not query.periods:
        return none
    found = only(matches(index, query.weights, wanted), eligible, wanted)
    near = _near(asked, found.best, wanted, eligible)
    if (told(index, query) and not remark) or (not gate and found.best):
        best = evidence(index, query, found)
        if best < _FEW_WORDS and not query.timed and not query.called and known_time(index, query):
            query = replace(query, timed=True)
    else:
        best, enough = worth_a_look(index, query, found, gate) if remark else passes(index, query, found, near, gate, asked)
        if not enough and not remark:
            sentences = [anchored(index, read(index, sentence, now)) for sentence in _questions(question)]
            share, enough = any_passes(index, sentences, found, near, gate, asked)
            best = max(best, share)
        if not enough:
            none.found = Recalled((), len(found.scores), best, "weak" if found.best else "no match")
            none.out = [(place, "too little evidence") for place in found.best[:MOST_LEFT]]
            return none
    parts = Parts(led=led_to(index, query, found, eligible))
    if asked is not None:
        found = lifted(found, near, asked.trust.weight)
    ranks = ranked(index, query, also(found, parts.led), wanted, parts, asked, share)
    most = max(ranks.values(), default=0.0)
    for place, worth in parts.led.items():
        ranks[place] = min(most, ranks[place] + _LED * worth * most)
    scores = {place: score for place, score in ranks.items() if score > 0 and eligible(place)}
    return _Answers(scores, Recalled((), len(scores) or len(found.scores), best), parts, [])


def _personal(answers: _Answers, told: dict[int, float]) -> _Answers:
    """These answers with what somebody has told of themselves, which is no less worth than the best of them."""
    if not told:
        return answers
    best = max(answers.scores.values(), default=1.0)
    scores = dict(answers.scores)
    for place, worth in told.items():
        scores[place] = max(scores.get(place, 0.0), best * worth)
    answers.parts.oneself = told
    found = replace(answers.found, considered=max(answers.found.considered, len(scores)), gate="")
    return _Answers(scores, found, answers.parts, [one for one in answers.out if one[0] not in told])


def _near(asked: Asked | None, best: Sequence[int], wanted: int, eligible: Callable[[int], bool]) -> dict[int, float]:
    """Cosines of the units that are nearest to the question; none where it has no vector."""
    if asked is None:
        return {}
    return {place: cosine for place, cosine in asked.near(max(_FEWEST_NEAR, wanted // _NEAR_PART), best).items() if eligible(place)}


def _questions(text: str) -> list[str]:
    """The sentences of a longer message that ask something. The rest of it (how to answer, what for) is not looked for."""
    sentences = _SENTENCE_END.split(text[:_ASKED_CHARS])
    return [sentence for sentence in sentences if sentence[-1:] in _ASKS][:_MOST_QUESTIONS] if len(sentences) > 1 else []


def block(recalled: Recalled, label: str = _LABEL) -> str:
    """The text that is put into the prompt: a fence, where it is from, the day once where it changes, "#number Speaker: text" a line;
    "" for nothing. A year goes on until another is told."""
    if not recalled.items:
        return ""
    lines = [RECALL_OPEN, label]
    day = ""
    before: Item | None = None
    for item in recalled.items:
        named = dates.day_name(item.at)
        if named and named != day:
            lines.append(f"[{_header(named, day)}]")
            day, before = named, None
        goes_on = before is not None and _goes_on(before, item)
        text = line(item.number, item.speaker, item.shown) if not goes_on else _shown(item.shown, first=True)
        lines.append(text + later(item.changed))
        before = item
    lines.append(RECALL_CLOSE)
    return "\n".join(lines)


def _goes_on(before: Item, item: Item) -> bool:
    """Whether a unit is the next piece of the same text, and both are whole."""
    if before.start or before.rest or item.start or item.rest:
        return False
    return (before.turn, before.piece + 1, before.speaker) == (item.turn, item.piece, item.speaker)


def _header(day: str, before: str) -> str:
    """A day as it is told after another one: "8 May 2023", "12 May"."""
    here, _, year = day.rpartition(" ")
    return here if before.endswith(f" {year}") else day


def line(number: int, speaker: str, text: str) -> str:
    """One line as the model sees it: "#12 Ann: text"."""
    return f"#{number} {called(speaker)}: {_shown(text)}"


def later(changed: int) -> str:
    """What follows the text of a line that does not hold any more."""
    return f"{_CHANGED}{changed})" if changed else ""


def _shown(text: str, *, first: bool = False) -> str:
    """Verbatim but for what would read as one of our own fences, headers, notes or numbers (see fence). `first`: it begins a line."""
    if _CHANGED in text:
        text = text.replace(_CHANGED, f" {_CHANGED[1]} {_CHANGED[2:]}")
    return harmless(text, first=first)


def _fitted(
    index: Index,
    answers: _Answers,
    first: Sequence[int],
    query: Query,
    budget_tokens: int,
    given: int,
    count: Callable[[str], int],
    changed: Changed,
    seen: Seen,
) -> Recalled:
    """The best units that fit, by value for their length; what is over the budget when all is counted goes, the least valuable first.
    `given`: the budget before it was made smaller for this message."""
    found, scores, overhead = answers.found, answers.scores, _overhead(count)
    filling = _Filling(index, query, count, changed, budget_tokens - overhead, given - overhead, seen)
    chosen = _chosen(filling, scores, first, answers.out)
    pinned = set(first)
    alike = {place for place, why in answers.out if why == _ALIKE}
    while chosen:
        for place in alone(index, chosen, pinned, alike, scores, changed) if changed else ():
            del chosen[place]
            answers.out.append((place, "no room"))
        if not chosen:
            break
        places = sorted(chosen)
        items = tuple([_item(index, scores, place, place in pinned, chosen[place], changed) for place in places])
        made = Recalled(items, found.considered, found.best)
        tokens = count(block(made))
        if tokens <= budget_tokens:
            basis = Basis(index, query, answers.parts, tuple(places))
            return replace(made, tokens=tokens, left=_left(index, answers.out, scores), terms=query.own, basis=basis)
        answers.out.append((chosen.popitem()[0], "no room"))
    return Recalled((), found.considered, found.best, "no room", left=_left(index, answers.out, scores), terms=query.own)


def _item(index: Index, scores: Mapping[int, float], place: int, pinned: bool, part: tuple[int, int], changed: Changed) -> Item:
    start, end = part
    whole = index.texts[place]
    text = whole[start:end]
    return Item(
        index.turns[place],
        index.numbers[place],
        index.names[index.speakers[place]],
        index.at[place],
        text,
        round(scores.get(place, 0.0), 4),
        index.pieces[place],
        pinned,
        changed_by(index.turns[place], text, changed),
        start,
        len(whole) - end,
    )


def _left(index: Index, out: Sequence[tuple[int, str]], scores: Mapping[int, float]) -> tuple[Left, ...]:
    """The best of them, each turn once for each reason: it may be there in several parts."""
    best: dict[tuple[int, str], Left] = {}
    for place, why in sorted(out, key=lambda one: -scores.get(one[0], 0.0)):
        turn = index.turns[place]
        best.setdefault((turn, why), Left(turn, index.numbers[place], why, round(scores.get(place, 0.0), 4)))
        if len(best) == MOST_LEFT:
            break
    return tuple(best.values())


class _Filling:
    """A block while it is filled. `left`: room for lines, in tokens; `whole`: what that was, before a message made it smaller. A line's
    tokens add up: each line is counted with its line break. In a small room, that would not hold the longest units, there is an excerpt of
    one that would take most of it."""

    def __init__(
        self, index: Index, query: Query, count: Callable[[str], int], changed: Changed, left: int, whole: int, seen: Seen
    ) -> None:
        self.index, self.left, self.whole, self._seen = index, left, whole, seen
        self._most = left - A_LINE
        self._query, self._count, self._changed = query, count, changed
        self._days: set[str] = set()
        self._years: set[str] = set()
        self._last = 0

    def sizes(self, places: Iterable[int]) -> Mapping[int, int] | Sequence[int]:
        """Of these units by place, as they are likely to be shown."""
        sizes = self.index.sizes
        if self.whole >= PIECE_TOKENS:
            return sizes
        most = int(self.whole * _EXCERPT)
        return {place: min(sizes[place], most) for place in places}

    def part(self, place: int) -> tuple[int, int] | None:
        """From which character to which a unit goes into the room that is left, None where it does not."""
        size, text, left = self.index.sizes[place], self.index.texts[place], self.left
        if not text:
            return None
        parts = self._seen.get(place, ())
        if parts or size > self._most or (self.whole < PIECE_TOKENS and size > self.whole * _EXCERPT):
            found = excerpt(self.index, self._query, text, partial(self._fits, place), parts)
            if found is not None or parts:
                return found
        if size > left:
            return None
        self._last = self._cost(place, 0, len(text))
        return (0, len(text)) if self._last <= left else None

    def take(self, place: int, part: tuple[int, int]) -> None:
        """This goes into the block: what `part` has just given for this unit."""
        whole = part == (0, len(self.index.texts[place]))
        self.left -= self._last if whole else self._cost(place, *part)
        day = dates.day_name(self.index.at[place])
        self._days.add(day)
        self._years.add(day[-4:])

    def _fits(self, place: int, start: int, end: int, more: bool) -> bool:
        """Whether there is room for this part of a unit; `more`: and for another one."""
        return self._cost(place, start, end) <= (int(self.left * _EXCERPT) if more else self.left)

    def _cost(self, place: int, start: int, end: int) -> int:
        index, whole = self.index, self.index.texts[place]
        text = whole[start:end]
        shown = line(index.numbers[place], index.names[index.speakers[place]], marked(text, start, len(whole) - end))
        cost = self._count(f"{shown}{later(changed_by(index.turns[place], text, self._changed))}\n")
        day = dates.day_name(index.at[place])
        if day and day not in self._days:
            cost += self._count(f"[{_header(day, day if day[-4:] in self._years else '')}]\n")
        return cost


def _chosen(filling: _Filling, scores: Mapping[int, float], first: Sequence[int], out: list[tuple[int, str]]) -> dict[int, tuple[int, int]]:
    """Places, `first` and then the most valuable, each with the part of its text that is shown. `out` is told what was left out, and
    why."""
    pinned, sizes = set(first), filling.sizes(scores)
    worth = [(-score / (_THRIFT_FLOOR + sizes[place]) ** _THRIFT, place) for place, score in scores.items() if place not in pinned]
    rest = [place for _, place in sorted(worth)]
    if rest:
        # However long the best one is, many that are worth less for each of their tokens do not take its room.
        rest.insert(0, rest.pop(rest.index(max(rest, key=scores.__getitem__))))
    chosen: dict[int, tuple[int, int]] = {}
    known = Chosen(filling.index)
    misses = 0
    for at, place in enumerate([*first, *rest]):
        if misses > _MISSES or filling.left < _SMALLEST_LINE:
            out += [(other, "no room") for other in rest[max(0, at - len(first)) :][:MOST_LEFT]]
            break
        part = filling.part(place)
        if part is None:
            misses += 1
            out.append((place, "no room"))
        elif known.says_it_already(place):
            out.append((place, _ALIKE))
        else:
            filling.take(place, part)
            chosen[place] = part
    return chosen


def _overhead(count: Callable[[str], int]) -> int:
    return count(f"{RECALL_OPEN}\n{_LABEL}\n{RECALL_CLOSE}")
