"""Questions about whoever asks ("What is my name?", "Wer bin ich?"), and the units in which that one tells of themselves.

Rule: such a question often has no word that its answer has ("Who am I?" and "I'm Marta"), so its form tells what it asks for, and the form
of a sentence tells what it answers. A question is known only as a whole sentence, or a part of one: whatever else it asks is looked for by
its words. Nobody is told what somebody else has said of themselves. Questions are read folded: without capitals, accents and marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import chain

from backstory.memory.forms import Form, Sieve
from backstory.memory.recall import oneself_forms as forms
from backstory.memory.recall.index import ASKS, FREQUENCY_BITS, Index
from backstory.memory.text import fold, stem, words

_MOST_CHARS, _MOST_WORDS = 600, 14
"""Of a question, and of a part of it."""
_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[.!?;:,\n\u2026\u00bf\u00a1\u2013\u2014]+")
# Looked at: what was said first, for people say first who they are, and last; between them only what has a word of such a sentence.
_FIRST, _LAST, _WITH_WORD = 300, 1200, 100
# Of what may be such a sentence, so much is read closely, the newest half and the oldest.
_TRIED = 400
# So many lines of each kind, the newest, where one kind is asked for, and where all are.
_OF_ONE, _OF_EACH = 4, 3
# What counts less than a plain statement: one that a name is only likely in, and an older one, step by step.
_LIKELY, _OLDER = 0.8, 0.03
_WHOLE = Form("|".join(f"(?P<{aspect}>{'|'.join(f'(?:{fold(one)})' for one in rows.values())})" for aspect, rows in forms.ASKED.items()))
_LEAD = Form(rf"(?:(?:{'|'.join(fold(one) for one in forms.LEADS.values())})(?: |$))+")
_TRAIL = Form(rf"(?: (?:{fold(forms.TRAILS)}))+$")
SELF = frozenset(words(forms.SELF))
"""Words of whoever speaks: "I", "my"."""
_SIGNS = frozenset(f"{forms.SELF} {forms.SIGNS} {' '.join(forms.CUES.values())}".split())
_AND = Form(rf" (?:{fold(forms.AND)}) ")
_TOLD = [(aspect, Form(form)) for aspect, rows in forms.TOLD.items() for form in rows.values()]
_CUES = {aspect: tuple(stem(word) for word in words(cues)) for aspect, cues in forms.CUES.items()}
_WORTH = {"name": 1.0, "likely": _LIKELY, "work": 0.9, "home": 0.9, "age": 0.85, "kin": 0.8, "taste": 0.7}
_TOGETHER = {"who": ("name", "likely", "work", "home"), "name": ("name", "likely"), "doing": ("work",), "all": tuple(_WORTH)}


def asked(question: str) -> frozenset[str]:
    """Which kinds of things about themselves somebody asks for: keys of `_WORTH`; none for any other question."""
    if len(question) > _MOST_CHARS:
        return frozenset()
    sentences = [" ".join(said) for one in _PARTS.split(question) if (said := words(one))]
    parts = {
        part for one in sentences if one.count(" ") < _MOST_WORDS and not SELF.isdisjoint(one.split()) for part in (one, *_AND.split(one))
    }
    found = {aspect for part in parts if (aspect := _aspect(part)) and (aspect != "doing" or [part] == sentences)}
    return frozenset(chain.from_iterable(_TOGETHER.get(aspect, (aspect,)) for aspect in found))


def _aspect(part: str) -> str:
    lead = _LEAD.match(part)
    for start in (lead.end() if lead is not None else 0, 0):
        text = _TRAIL.sub("", part[start:])
        match = _WHOLE.fullmatch(text)
        if match is not None:
            return match.lastgroup or ""
    return ""


def terms(aspects: Iterable[str]) -> list[str]:
    """Index terms of sentences in which such things are told, for whoever looks for them by words."""
    return list(dict.fromkeys(chain.from_iterable(_CUES.get(aspect, ()) for aspect in sorted(aspects))))


def told(index: Index, aspects: frozenset[str], asker: str, eligible: Callable[[int], bool]) -> dict[int, float]:
    """Units in which the asker (the name that they speak under, "" for none) tells such things, with what each is worth: 1 at most. Some
    milliseconds at most, however long the conversation."""
    sieve = _sieve(aspects)
    found: dict[str, list[int]] = {aspect: [] for aspect in _WORTH if aspect in aspects}
    near = _likely(index, aspects, _voice(index, asker), eligible)
    for place in near if len(near) <= _TRIED else [*near[: _TRIED // 2], *near[-_TRIED // 2 :]]:
        text = index.texts[place]
        for aspect, form in sieve.likely(text.lower()):
            if found[aspect][-1:] != [place] and form.search(text) is not None:
                found[aspect].append(place)
    return _worth(found)


def _likely(index: Index, aspects: Iterable[str], voice: int, eligible: Callable[[int], bool]) -> list[int]:
    """Units of this speaker that have a word of such a sentence, the newest first; none that only asks the same."""
    roles, names, texts = index.roles, index.names, index.texts
    return [
        place
        for place in sorted(_looked_at(index, aspects), reverse=True)
        if index.speakers[place] == voice
        and names[roles[place]] == "user"
        and eligible(place)
        and not _SIGNS.isdisjoint(_WORD.findall(texts[place].lower()))
        and not (index.flags[place] & ASKS and asked(texts[place]))
    ]


@cache
def _sieve(aspects: frozenset[str]) -> Sieve[tuple[str, Form]]:
    return Sieve([one for one in _TOLD if one[0] in aspects], lambda one: one[1])


def _worth(found: Mapping[str, list[int]]) -> dict[int, float]:
    """Of each kind the newest few; and the very first, which says most of who somebody is."""
    most = _OF_ONE if len(found) <= len(_TOGETHER["name"]) else _OF_EACH
    worth: dict[int, float] = {}
    for aspect, places in found.items():
        for rank, place in enumerate(dict.fromkeys([*places[:most], *places[-1:]])):
            worth[place] = max(worth.get(place, 0.0), _WORTH[aspect] - _OLDER * rank)
    best = max(worth.values(), default=1.0)
    return {place: value / best for place, value in worth.items()}


def _voice(index: Index, asker: str) -> int:
    """Number of the speaker that the asker is: by name; who has none is the one that speaks without one, or the only one there is."""
    plain = index.number_of("User")
    if asker:
        known = index.number_of(asker)
        return known if known >= 0 else plain
    if plain >= 0:
        return plain
    people = {index.speakers[place] for place in range(min(index.complete, _FIRST)) if index.names[index.roles[place]] == "user"}
    return people.pop() if len(people) == 1 else -1


def _looked_at(index: Index, aspects: Iterable[str]) -> set[int]:
    total = index.complete
    places = set(range(min(total, _FIRST))).union(range(max(0, total - _LAST), total))
    if len(places) < total:
        for term in terms(aspects):
            number = index.vocabulary.get(term)
            if number is not None:
                places.update(entry >> FREQUENCY_BITS for entry in index.postings[number][-_WITH_WORD:])
    return places
