"""Recall: which earlier turns answer a question, within a budget of tokens, and the block in which the model gets them.

Rule: "nothing relevant" is an answer. A question that shares too little with the conversation recalls nothing. The block, fence and
headers included, never has more tokens than the budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.memory.facts.changes import NOTHING, Changed
from backstory.memory.folding.assembly import AllBut
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, called, harmless
from backstory.memory.recall import dates, oneself
from backstory.memory.recall.asking import wants
from backstory.memory.recall.associations import MARK
from backstory.memory.recall.gate import any_passes, passes, told, worth_a_look
from backstory.memory.recall.index import Index
from backstory.memory.recall.likeness import Chosen
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query, read
from backstory.memory.recall.reasons import MOST_LEFT, Basis, Left, Parts
from backstory.memory.recall.retention import Standing
from backstory.memory.recall.scoring import anchored, evidence, lifted, matches, only, pool_size, ranked

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
# What a message that asks nothing brings back is a reminder, not an answer.
_REMARK_TOKENS = 250
_ASKS = ("?", "\uff1f", "\u061f")
_SENTENCE_END = re.compile(r"(?<=[.!?\uff1f\u061f\n])")
_ASKED_CHARS, _MOST_QUESTIONS = 20_000, 8


class Item(Struct, frozen=True):
    """A unit that was chosen. `score`: 1 for the best. `piece`: which part of its turn it is. `changed`: number of
    the later turn that changed what it says, 0 for none."""

    turn: int
    number: int
    speaker: str
    at: float
    text: str
    score: float
    piece: int = 0
    pinned: bool = False
    changed: int = 0


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
) -> Recalled:
    """The turns that answer the question, less those in `carried` (turn ids). `now`: when it is asked. `min_score`: units below this
    share of the best score are left out. `count`: tokens of a text, which decides what fits. `standing`: pinned turns come first,
    whatever is asked; others as its rules have it. `changed`: what does not hold any more. `asked`: the question's vector, where there is
    one. `search`: somebody looks for this: whatever has a word of it is an answer, however weak. `asker`: the name under which who asks
    speaks, "" for none: what they ask about themselves (see oneself) is answered with what they have told."""
    if not len(index):
        return Recalled((), gate="empty")
    if budget_tokens < _overhead(count) + _SMALLEST_LINE:
        return Recalled((), gate="no room")
    query = anchored(index, read(index, question, now))
    eligible = _eligible(index, carried)
    wanted = pool_size(budget_tokens) * (_WITH_MEANING if asked is not None and len(index.turns) <= _FEW_UNITS else 1)
    strict = 0.0 if search else standing.rules.gate if standing is not None else 1.0
    aspects = oneself.asked(question)
    if search and not aspects and not query.own:
        # Who looks for a word that only frames questions ("name") looks for that.
        query = replace(query, own=tuple([term for term in query.weights if not term.startswith(MARK)]))
    remark = not search and not wants(question, aspects)
    if remark:
        budget_tokens = min(budget_tokens, _REMARK_TOKENS)
    answers = _answers(index, query, question, now, eligible, wanted, strict, asked, index.share(budget_tokens), remark)
    if aspects:
        answers = _personal(answers, oneself.told(index, aspects, asker, eligible))
    if standing is not None and answers.scores and not standing.rules.neutral:
        answers.scores, below = standing.weighed(index, answers.scores)
        answers.out += [(place, "below memory.min_importance") for place in below]
    most = max(answers.scores.values(), default=0.0)
    kept = {place: score / most for place, score in answers.scores.items() if score >= min_score * most}
    if len(kept) < len(answers.scores):
        answers.out += [(place, "below recall.min_score") for place in answers.scores if place not in kept]
    first = [place for place in standing.first(index) if eligible(place)] if standing is not None and standing.pins else []
    if not kept and not first:
        gate = answers.found.gate or "no match"
        return replace(answers.found, gate=gate, terms=query.own, left=_left(index, answers.out, {}))
    answers.scores = kept
    return _fitted(index, answers, first, query, budget_tokens, count, changed)


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
    if asked is not None:
        found = lifted(found, near, asked.trust.weight)
    parts = Parts()
    ranks = ranked(index, query, found, wanted, parts, asked, share)
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
        goes_on = before is not None and (before.turn, before.piece + 1, before.speaker) == (item.turn, item.piece, item.speaker)
        text = line(item.number, item.speaker, item.text) if not goes_on else _shown(item.text, first=True)
        lines.append(text + later(item.changed))
        before = item
    lines.append(RECALL_CLOSE)
    return "\n".join(lines)


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
    index: Index, answers: _Answers, first: Sequence[int], query: Query, budget_tokens: int, count: Callable[[str], int], changed: Changed
) -> Recalled:
    """The best units that fit, by value for their length; what is over the budget when all is counted goes, the least valuable first."""
    found, scores = answers.found, answers.scores
    chosen = _chosen(index, scores, first, budget_tokens - _overhead(count), count, answers.out, changed)
    pinned = set(first)
    while chosen:
        places = sorted(chosen)
        items = tuple([_item(index, scores, place, place in pinned, _changed(index, place, changed)) for place in places])
        made = Recalled(items, found.considered, found.best)
        tokens = count(block(made))
        if tokens <= budget_tokens:
            basis = Basis(index, query, answers.parts, tuple(places))
            return replace(made, tokens=tokens, left=_left(index, answers.out, scores), terms=query.own, basis=basis)
        answers.out.append((chosen.pop(), "no room"))
    return Recalled((), found.considered, found.best, "no room", left=_left(index, answers.out, scores), terms=query.own)


def _item(index: Index, scores: Mapping[int, float], place: int, pinned: bool, changed: int) -> Item:
    return Item(
        index.turns[place],
        index.numbers[place],
        index.names[index.speakers[place]],
        index.at[place],
        index.texts[place],
        round(scores.get(place, 0.0), 4),
        index.pieces[place],
        pinned,
        changed,
    )


def _left(index: Index, out: Sequence[tuple[int, str]], scores: Mapping[int, float]) -> tuple[Left, ...]:
    best = sorted(out, key=lambda one: -scores.get(one[0], 0.0))[:MOST_LEFT]
    return tuple([Left(index.turns[place], index.numbers[place], why, round(scores.get(place, 0.0), 4)) for place, why in best])


def _changed(index: Index, place: int, changed: Changed) -> int:
    """Number of the turn that changed what this unit says last, 0 for none."""
    said = changed.get(index.turns[place])
    return max((number for sentence, number in said if sentence in index.texts[place]), default=0) if said else 0


def _chosen(
    index: Index,
    scores: Mapping[int, float],
    first: Sequence[int],
    left: int,
    count: Callable[[str], int],
    out: list[tuple[int, str]],
    changed: Changed,
) -> list[int]:
    """Places, `first` and then the most valuable. A line's tokens add up: each line is counted with its line break. `out` is told what was
    left out, and why."""
    sizes = index.sizes
    pinned = set(first)
    worth = [(-score / (_THRIFT_FLOOR + sizes[place]) ** _THRIFT, place) for place, score in scores.items() if place not in pinned]
    rest = [place for _, place in sorted(worth)]
    chosen: list[int] = []
    days: set[str] = set()
    years: set[str] = set()
    known = Chosen(index)
    misses = 0
    for at, place in enumerate([*first, *rest]):
        if misses > _MISSES or left < _SMALLEST_LINE:
            out += [(other, "no room") for other in rest[max(0, at - len(first)) :][:MOST_LEFT]]
            break
        if sizes[place] > left or not index.texts[place]:
            misses += 1
            out.append((place, "no room"))
            continue
        shown = line(index.numbers[place], index.names[index.speakers[place]], index.texts[place])
        cost = count(f"{shown}{later(_changed(index, place, changed))}\n")
        day = dates.day_name(index.at[place])
        if day and day not in days:
            cost += count(f"[{_header(day, day if day[-4:] in years else '')}]\n")
        if cost > left:
            misses += 1
            out.append((place, "no room"))
            continue
        if known.says_it_already(place):
            out.append((place, "says the same as another"))
            continue
        left -= cost
        days.add(day)
        years.add(day[-4:])
        chosen.append(place)
    return chosen


def _overhead(count: Callable[[str], int]) -> int:
    return count(f"{RECALL_OPEN}\n{_LABEL}\n{RECALL_CLOSE}")
