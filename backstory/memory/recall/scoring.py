"""How well each unit answers a query: BM25 over words and concepts, then what its surroundings, speaker, day and shape add.

Rule: all numbers are round, chosen once for conversations in general, and stand here by name. Cost is bounded: long posting lists
and all that is dearer than a posting look only at candidates that rarer words have found. Equal input gives equal output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import nlargest
from operator import mul, neg

from msgspec import Struct
from msgspec.structs import replace

from backstory.memory.months import COUNTS
from backstory.memory.recall import dates
from backstory.memory.recall.associations import asked_concepts
from backstory.memory.recall.dates import Period
from backstory.memory.recall.index import ASKS, FREQUENCY_BITS, FREQUENCY_MOST, TELLS, TIMELY, Index
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query, in_time, tells, without_names
from backstory.memory.recall.reasons import Parts

# Okapi BM25 (Robertson & Zaragoza, The Probabilistic Relevance Framework, 2009): how soon repeats stop counting, how much length counts.
_K1, _B = 1.0, 0.6
_LONGEST = 512
# A unit's score takes in half of each neighbour's and a fifth of the next ones'; an answer to a question that matches, a little more.
_NEXT, _SECOND, _ANSWER = 0.5, 0.2, 0.3
# The passage that a unit stands in: as many units to each side, of the same session.
_SIDE = 4
_NOTHINGS = [0.0] * (2 * _SIDE + 1)
# Shares of the final score, against the best match in words = 1.
_WORDS, _AROUND, _PASSAGE = 0.5, 0.5, 0.2
_SPEAKER, _DATE, _TIMELY, _ASKS, _LENGTH = 0.4, 0.3, 0.2, 0.1, 0.1
# Where nothing but a time is asked about, it decides, and then who speaks: what was said then
# comes before whatever has the same words.
_DATE_ALONE, _SPEAKER_ALONE = 2.0, 0.8
# What it adds that a unit is of the side that is asked about: of whoever asks, or of the model.
_ROLE = 0.6
# With vectors: what a match counts more in the mouth of somebody whom the question names, and how often a unit's own meaning counts beside
# that of its passage.
_SAID, _OWN = 0.6, 1.25
_SESSION, _SESSION_BEST = 0.4, 3
# The more of a conversation has room, the less its sessions count (what is missed then is in those that nothing points to) ...
_FADING = 2
# ... and the more it counts that a unit tells what somebody did: up to as much again.
_TELLS = 0.1
_LOGARITHMS = [_LENGTH * math.log1p(length) for length in range(_LONGEST)]
# The words of the best few units, rarest first, are a weak second query.
_FEEDBACK, _FEEDBACK_UNITS, _FEEDBACK_TERMS, _FEEDBACK_LEAST = 0.2, 8, 20, 4
# So many postings are added up for a question (about 0.15 us each), and so many for its second query.
_POSTINGS, _MORE_POSTINGS = 5_000, 1_500
# Candidates that are scored with all signals: as many as could fill the budget, and never fewer than this.
_POOL, _TOKENS_EACH = 150, 16
# The best of them, two of five, bring their neighbours along.
_BRING = 0.4
_CHECKED = 30
# So many of those who speak of an event are asked when it was.
_TELLERS, _NAMES_DAY, _IS_THEIRS = 8, 1.3, 1.2
# A question about somebody who was never mentioned is hardly about this conversation.
_STRANGER = 2.0
# Of a very long message, the words that tell most.
_MOST_TERMS = 64
_SAMPLE, _SLACK = 16, 2


class Found(Struct, frozen=True):
    """`scores`: by unit. `best`: the best of those that may be chosen, the best first."""

    scores: dict[int, float]
    best: list[int]


def pool_size(budget_tokens: int) -> int:
    """How many candidates are worth scoring for this budget."""
    return max(_POOL, budget_tokens // _TOKENS_EACH)


def matches(index: Index, weights: Mapping[str, float], wanted: int, most: int = _POSTINGS) -> Found:
    """BM25. The rarest terms find the units, up to `most` postings (the newest of a longer list); the others only add to the best."""
    average = max(1.0, index.total_length / max(1, index.complete))
    norms = _norms(average)
    lengths, postings = index.lengths, index.postings
    found: dict[int, float] = {}
    late: dict[int, float] = {}
    seen = 0
    get = found.get
    for size, number, weight in _by_rarity(index, weights):
        if found and seen + size > most:
            late[number] = weight
            continue
        posting = postings[number]
        for entry in posting if size <= most else posting[-most:]:
            place = entry >> FREQUENCY_BITS
            frequency = entry & FREQUENCY_MOST
            length = lengths[place]
            norm = norms[length] if length < _LONGEST else norms[-1]
            found[place] = get(place, 0.0) + weight * frequency / (frequency + norm)
        seen += size
    if not late:
        return Found(found, top(found, wanted))
    best = top(found, 2 * wanted)
    common, worth = late.__contains__, late.__getitem__
    for place in best:
        more = sum(map(worth, filter(common, index.terms_of(place))))
        if more:
            found[place] += more / (1.0 + norms[min(lengths[place], _LONGEST - 1)])
    return Found(found, _falling({place: found[place] for place in best})[:wanted])


@lru_cache(maxsize=64)
def _norms(average: float) -> tuple[float, ...]:
    """What a unit's length makes of it, by length, where units have this length on average."""
    return tuple([_K1 * (1 - _B + _B * length / average) for length in range(_LONGEST)])


def _by_rarity(index: Index, weights: Mapping[str, float]) -> list[tuple[int, int, float]]:
    """Length of posting list, number and weight of each known term, the rarest first."""
    listed = []
    for term, weight in weights.items():
        number = index.vocabulary.get(term)
        if number is not None:
            listed.append((len(index.postings[number]), number, weight * index.rarity(term) * (_K1 + 1)))
    if len(listed) > _MOST_TERMS:
        listed = nlargest(_MOST_TERMS, listed, key=lambda one: (one[2], one[1]))
    listed.sort()
    return listed


def top(scores: Mapping[int, float], wanted: int) -> list[int]:
    """The best `wanted` places, by score, then by place. A sample gives a floor that leaves little to sort."""
    if len(scores) > _SAMPLE * wanted // 4:
        sample = sorted(list(scores.values())[::_SAMPLE], reverse=True)
        floor = sample[min(len(sample) - 1, _SLACK * wanted // _SAMPLE)]
        few = {place: score for place, score in scores.items() if score >= floor}
        if len(few) >= wanted:
            scores = few
    return _falling(scores)[:wanted]


def _falling(scores: Mapping[int, float]) -> list[int]:
    """Places by score, the best first, then by place."""
    places = sorted(scores)
    places.sort(key=scores.__getitem__, reverse=True)
    return places


def only(found: Found, eligible: Callable[[int], bool], wanted: int) -> Found:
    """The same with no other places among the best than eligible ones."""
    best = [place for place in found.best if eligible(place)]
    if len(best) < min(wanted, len(found.best)):
        best = top({place: score for place, score in found.scores.items() if eligible(place)}, wanted)
    return Found(found.scores, best)


def also(found: Found, places: Iterable[int]) -> Found:
    """The same with these units among its candidates, the last of them."""
    more = [place for place in places if place not in found.best]
    return Found(dict.fromkeys(more, 0.0) | found.scores, [*found.best, *more]) if more else found


def lifted(found: Found, near: Mapping[int, float], weight: float) -> Found:
    """The same with what meaning adds: the unit nearest to the question gains `weight` of the best match in words, the others by their
    cosine. Near units are candidates as well, and lift their neighbours like any other match."""
    most = max(near.values(), default=0.0)
    if most <= 0.0:
        return found
    share = weight * (max(found.scores.values(), default=0.0) or 1.0) / most
    total = dict(found.scores)
    for place, cosine in near.items():
        total[place] = total.get(place, 0.0) + share * cosine
    return Found(total, sorted({*found.best, *near}, key=lambda place: (-total[place], place)))


def evidence(index: Index, query: Query, found: Found) -> float:
    """How much of what the question is about the best single unit has: 0 to 1. Each of its words counts by its rarity, a concept of a
    word in part, a name that nobody has mentioned double; 0 where the question has no word of its own."""
    return max(shares(index, query, found.best[:_CHECKED]), default=0.0)


def shares(index: Index, query: Query, places: Sequence[int], said: bool = False) -> list[float]:
    """The same of each of these units. `said`: of those words only that somebody has said, or what belongs with them."""
    asked = 0.0
    worth: dict[int, list[tuple[int, float]]] = {}
    for word, term in enumerate(query.own):
        rarity = index.rarity(term)
        by_number = {index.vocabulary.get(term, -1): rarity}
        for concept in beside(query, term):
            number = index.vocabulary.get(concept)
            if number is not None:
                by_number[number] = query.weights[concept] * min(rarity, index.rarity(concept))
        if not said or by_number.keys() != {-1}:
            asked += rarity * (_STRANGER if term in query.strangers else 1.0)
        for number, weight in by_number.items():
            worth.setdefault(number, []).append((word, weight))
    found = []
    for place in places:
        has = [0.0] * len(query.own)
        for number in worth.keys() & index.terms_of(place):
            for word, weight in worth[number]:
                has[word] = max(has[word], weight)
        found.append(sum(has) / asked if asked else 0.0)
    return found


def beside(query: Query, term: str) -> list[str]:
    """What a word of the question's own stands for beside itself: concepts, and what it is without its ending."""
    found = [concept for concept, _ in asked_concepts(term)]
    return [*found, query.inflected[term]] if term in query.inflected else found


def most_shared(index: Index, query: Query, found: Found) -> int:
    """How many different words of the question's own one of the best units has at most."""
    own = {index.vocabulary.get(term, -1) for term in (query.inflected.get(term, term) for term in query.own)}
    return max((len(own.intersection(index.terms_of(place))) for place in found.best[:_CHECKED]), default=0)


def ranked(
    index: Index, query: Query, found: Found, wanted: int, parts: Parts | None = None, asked: Asked | None = None, share: float = 0.0
) -> dict[int, float]:
    """Final scores of the candidates: the units that match best, those of the days asked about, and their neighbours. `parts` is told
    what they come from. `asked`: the question's vector, where there is one. `share`: how much of the conversation there is room for."""
    found = _with_feedback(index, query, found)
    own = found.scores
    pool = [*found.best, *_then(index, query, wanted, any_period=not found.best)]
    if not pool:
        return {}
    places = _surroundings(index, pool, int(_BRING * wanted))
    near = _near(index, own, places)
    to_words = _WORDS / (max([own.get(place, 0.0) for place in pool]) or 1.0)
    to_near = _AROUND / (max(near.values()) or 1.0)
    meaning = _meaning(index, places, asked)
    passage = _raised(_passages(index, own, places), _PASSAGE, meaning)
    sessions, lengths = index.sessions, index.lengths
    get = own.get
    words = [to_words * get(place, 0.0) for place in places]
    extra = _extra(index, query, places, words if asked is not None else None, _TELLS * (1.0 + share))
    values = [word + to_near * near[place] + wide + more for place, word, more, wide in zip(places, words, extra, passage, strict=True)]
    by_session: dict[int, list[float]] = {}
    if sessions[places[0]] == sessions[places[-1]]:
        by_session[sessions[places[0]]] = values
    else:
        for place, score in zip(places, values, strict=True):
            by_session.setdefault(sessions[place], []).append(score)
    weight = _SESSION * (1.0 - share) ** _FADING / _SESSION_BEST
    level = {session: weight * sum(nlargest(_SESSION_BEST, held)) for session, held in by_session.items()}
    if parts is not None:
        parts.words, parts.near, parts.level, parts.to_words, parts.to_near = own, near, level, to_words, to_near
        parts.passage = dict(zip(places, passage, strict=True))
        parts.asked = asked
    logs = _LOGARITHMS
    last = _LONGEST - 1
    return {
        place: score + level[sessions[place]] + logs[length if (length := lengths[place]) < last else last]
        for place, score in zip(places, values, strict=True)
    }


def _then(index: Index, query: Query, most: int, *, any_period: bool) -> list[int]:
    """What was said in the days or weeks that the question names, whatever its words: `most` units of them, those of whom it names first.
    `any_period`: in the months or years, too."""
    periods = [period for period in query.periods if period.sharp or any_period or query.timed]
    found = [place for place, worth in query.spoken.items() if worth >= 1.0]
    found += [place for period in periods for place in index.said_in(period.start, period.end)]
    if len(found) <= most or not query.people:
        return found[:most]
    speakers, people = index.speakers, query.people
    theirs = [place for place in found if speakers[place] in people]
    return [*theirs, *(place for place in found if speakers[place] not in people)][:most]


def _extra(index: Index, query: Query, places: Sequence[int], words: Sequence[float] | None, telling: float) -> list[float]:
    """What speaker, day and shape of each unit add. `words`: what its match adds, which counts more from a speaker who is named.
    `telling`: what it adds that somebody tells what they did."""
    flags, speakers = index.flags, index.speakers
    timely = _TIMELY if query.when else 0.0
    by_flag = [
        (-_ASKS if flag & ASKS else 0.0) + (timely if flag & TIMELY else 0.0) + (telling if flag & TELLS else 0.0) for flag in range(8)
    ]
    added = [by_flag[flags[place]] for place in places]
    if query.people:
        least = _SPEAKER_ALONE if query.timed else _SPEAKER
        said = [least + _SAID * word for word in words] if words is not None else [least] * len(places)
        added = [more + by if speakers[place] in query.people else more for more, by, place in zip(added, said, places, strict=True)]
    if query.role >= 0:
        roles = index.roles
        added = [more + _ROLE if roles[place] == query.role else more for more, place in zip(added, places, strict=True)]
    if query.periods:
        share = _DATE_ALONE if query.timed else _DATE
        added = [more + share * in_time(index, query, place) for more, place in zip(added, places, strict=True)]
    return added


def _surroundings(index: Index, pool: Sequence[int], bringing: int) -> list[int]:
    """These places and those up to two to each side of the first `bringing` of them within their sessions, in order."""
    sessions, end = index.sessions, index.complete
    seen = set(pool)
    for place in pool[:bringing]:
        session = sessions[place]
        for other in (place - 2, place - 1, place + 1, place + 2):
            if other not in seen and 0 <= other < end and sessions[other] == session:
                seen.add(other)
    return sorted(seen)


def _near(index: Index, own: Mapping[int, float], places: Iterable[int]) -> dict[int, float]:
    """Own scores with shares of the neighbours' in the same session."""
    sessions, flags, speakers = index.sessions, index.flags, index.speakers
    get = own.get
    found: dict[int, float] = {}
    last = -2
    second = before = here = after = then = None
    for place in places:
        if place == last + 1:
            second, before, here, after, then = before, here, after, then, get(place + 2)
        else:
            second, before, here, after, then = get(place - 2), get(place - 1), get(place), get(place + 1), get(place + 2)
        last = place
        session = sessions[place]
        total = here if here is not None else 0.0
        if before is not None and sessions[place - 1] == session:
            asked = flags[place - 1] & ASKS and speakers[place - 1] != speakers[place]
            total += (_NEXT + _ANSWER) * before if asked else _NEXT * before
        if after is not None and sessions[place + 1] == session:
            total += _NEXT * after
        if second is not None and sessions[place - 2] == session:
            total += _SECOND * second
        if then is not None and sessions[place + 2] == session:
            total += _SECOND * then
        found[place] = total
    return found


def _passages(index: Index, values: Mapping[int, float], places: Sequence[int]) -> list[float]:
    """For each of these rising places the mean value of the passage that it stands in."""
    get = values.get
    found: list[float] = []
    first = stop = 0
    total = 0.0
    for low, high in _spans(index, places):
        if low < stop:
            for place in range(first, low):
                total -= get(place, 0.0)
            for place in range(stop, high):
                total += get(place, 0.0)
        else:
            total = sum(map(get, range(low, high), _NOTHINGS))
        first, stop = low, high
        found.append(max(0.0, total) / (high - low))
    return found


def _spans(index: Index, places: Iterable[int]) -> list[tuple[int, int]]:
    """The passage of each place: first <= unit < stop."""
    sessions, starts, end = index.sessions, index.session_starts, index.complete
    last = len(starts) - 1
    found = []
    for place in places:
        session = sessions[place]
        first, stop = starts[session], starts[session + 1] if session < last else end
        found.append((place - _SIDE if place - _SIDE > first else first, place + _SIDE + 1 if place + _SIDE + 1 < stop else stop))
    return found


def _raised(values: Sequence[float], share: float, base: Sequence[float]) -> list[float]:
    """`base` with these values added, the best of which adds `share`."""
    scale = share / (max(values) or 1.0)
    return [other + scale * value for other, value in zip(base, values, strict=True)]


def _meaning(index: Index, places: Sequence[int], asked: Asked | None) -> list[float]:
    """What the meaning of each unit adds, and that of the passage that it stands in."""
    nothing = [0.0] * len(places)
    if asked is None:
        return nothing
    own, passages = asked.closeness(places, _spans(index, places))
    return _raised(passages, asked.trust.weight, _raised(own, _OWN * asked.trust.weight, nothing))


def _with_feedback(index: Index, query: Query, found: Found) -> Found:
    """The scores with those of the second query added; its finds are candidates as well."""
    more = matches(index, _feedback(index, query, found), len(found.best), _MORE_POSTINGS)
    total = dict(found.scores)
    for place, score in more.scores.items():
        total[place] = total.get(place, 0.0) + score
    return Found(total, _falling({place: total[place] for place in (*found.best, *more.best)}))


def _feedback(index: Index, query: Query, found: Found) -> dict[str, float]:
    """The words of the best units (those of the people named first), weighted by rarity and by how good those units are."""
    near = _near(index, found.scores, found.best[: 4 * _FEEDBACK_UNITS])
    best = max(near.values(), default=0.0)
    for place in near:
        if index.speakers[place] in query.people:
            near[place] += best * _SPEAKER
    gathered: dict[int, float] = {}
    get = gathered.get
    for place in top(near, _FEEDBACK_UNITS):
        share = near[place] / math.sqrt(max(_FEEDBACK_LEAST, index.lengths[place]))
        for number in index.terms_of(place):
            gathered[number] = get(number, 0.0) + share
    for term in query.weights:
        gathered.pop(index.vocabulary.get(term, -1), None)
    chosen = nlargest(_FEEDBACK_TERMS, zip(map(mul, gathered.values(), index.rarities(gathered)), map(neg, gathered), strict=True))
    return {index.words[-number]: _FEEDBACK * value / chosen[0][0] for value, number in chosen if chosen[0][0] > 0}


def anchored(index: Index, query: Query) -> Query:
    """The query with the time of the event that it refers to ("the week before her birthday") among its periods, where the
    conversation tells when that was. Where nothing else is asked about, that time decides."""
    if query.event is None:
        return query
    side, days, asked_terms = query.event
    at = _time_of(index, query, asked_terms)
    if at <= 0:
        return query
    length = days * dates.DAY_S
    period = Period(at - length, at + dates.DAY_S) if side == "before" else Period(at, at + length + dates.DAY_S)
    event = {*asked_terms, *(query.inflected.get(term, term) for term in asked_terms)}
    left = tuple([term for term in query.own if term not in event and not dates.timely(term) and term not in COUNTS])
    timed = not left and tells(index, period)
    return replace(query, periods=(*query.periods, period), own=() if timed else query.own, timed=query.timed or timed)


def _time_of(index: Index, query: Query, asked_terms: Sequence[str]) -> float:
    """When an event was: the day that somebody says who speaks of it, or the day on which they do; 0.0 for an event that nobody tells of.
    Who is asked about knows best, and so does who names a day."""
    found = matches(index, dict.fromkeys(asked_terms, 1.0), _CHECKED)
    best = at = 0.0
    for place in found.best[:_TELLERS]:
        if sum(1 for term in asked_terms if index.has(term, place)) * 2 <= len(asked_terms):
            continue
        told = dates.meant(without_names(index, index.texts[place]), index.at[place])
        sharp = next((period for period in told if period.sharp), None)
        worth = (
            found.scores[place]
            * (_NAMES_DAY if sharp is not None else 1.0)
            * (_IS_THEIRS if index.speakers[place] in query.people else 1.0)
        )
        if worth > best:
            best, at = worth, sharp.start if sharp is not None else told[0].start if told else index.at[place]
    return at
