"""Facts that a side model finds where the rules find none: what it is asked, and what of its answer is taken for true.

Rule: a fact is one stating sentence of one turn, copied word for word; its object is a piece of that sentence, its subject and then
its relation stand before that, and it affirms or denies what the sentence does. Everything else is dropped and counted: nothing is
put together from two turns, reworded or worked out. Who may state what is as for the rules (facts/extraction.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Claim, Fact, FactKind, Stance, Turn
from backstory.core.side import Question
from backstory.memory.facts.alike import key
from backstory.memory.facts.correction_forms import SLIP
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.kinds import suits
from backstory.memory.facts.making import fact_in
from backstory.memory.facts.objects import says_something, subject_of, trimmed
from backstory.memory.facts.query import alike
from backstory.memory.facts.scope import HEDGED, elsewhere
from backstory.memory.reading.sentences import Sentence, sentences
from backstory.memory.side_model.claims import denies, verified
from backstory.memory.side_model.tasks import DATA, decoded, list_schema, shown
from backstory.memory.text import fold, stem, terms, words

FIRST_PLACE = 1000
"""Facts of a side model come behind those of the rules in their turn."""
_TURN_CHARS = 2_000
_MOST, _LONGEST_OBJECT, _LONGEST_VERB = 8, 160, 40
_Kind: TypeAlias = Literal["preference", "identity", "relation", "decision", "schedule", "setting", "possession", "event", "plan", "note"]
_SHARED_KINDS = frozenset({"decision", "setting"})
"""What an assistant may state, too."""
_VERBS = (
    "is", "is called", "is aged", "is from", "is set to", "lives in", "works at", "works as", "grew up in", "was born", "runs on",
    "likes", "dislikes", "prefers", "uses", "wants", "has", "will", "plans to", "decided", "notes",
)  # fmt: skip
"""Relations of the rules: by these a later fact is known to be about the same."""
_ME = frozenset({"i", "me", "myself", "user", "the user", "speaker", "the speaker", "assistant", "the assistant"})
_OWNED = re.compile(r"(?:my|the user's|user's|the speaker's)\s+", re.I)
_ARTICLE = re.compile(r"(?:the|our|an?)\s+", re.I)
_VERB = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,4}")
_WORDS_AUXILIARY = """
    is am are was were be been being do does did to in at of as on the a an from with for by
"""
_AUXILIARY = frozenset(_WORDS_AUXILIARY.split())
_WORDS_BEING = """
    am m is s are re was were be been being equals
"""
_BEING = frozenset(_WORDS_BEING.split())
_SIGNS = re.compile(r"[=:]")
_AHEAD = re.compile(r"\b(?:will|going to|plan(?:s|ning)? to|intends? to|tomorrow)\b|['’]ll\b", re.I)
_CLAUSE = re.compile(r"[,;:—–]|\b(?:but|yet|though|although|while|whereas|aber|mais|pero|mas|ma|но)\b")
_LEADS_AWAY = (
    r"[,;]?\s*(?:and\s+)?(?:not|instead of|rather than|in place of|over|no longer|nicht|statt|anstatt|pas|no|non|не)\s+(?:\w+\s+)?$"
)
_REPLACED = re.compile(_LEADS_AWAY, re.I)
_STEM_CHARS = 4
_WORDS_I = """
    i im ive we ich wir je j nous yo nosotros eu nós io noi ik wij jag vi ja я мы
"""
_I = frozenset(_WORDS_I.split())
"""Who speaks, as the subject of a sentence: only such a sentence is about him. What drops the pronoun is left out."""
_WORDS_MINE = """
    my our mein meine meinen unser unsere mon ma mes notre nos mi mis nuestro nuestra meu minha mio mia mijn onze min mitt мой моя
"""
_MINE = frozenset(_WORDS_MINE.split())
_ELSEWHERE = re.compile(
    r"[,;:—–]|\b(?:but|and|or|who|which|that|while|whereas|because|when|und|oder|aber|der|die|das|et|ou|qui|y|o|que|e|и|а|но)\b", re.I
)
"""What may not stand between a subject and its verb: another may be meant from there on."""
_TOKEN = re.compile(r"[^\W_]+")

_SYSTEM = (
    DATA + "Write down the lasting facts that single sentences of it state outright: about people and things, preferences, decisions, "
    "plans, dates, settings, possessions. For each: `id` of the part; `quote`: the one sentence that states it, copied exactly; `kind`; "
    '`subject`: who or what it is about, with words of that part ("user" for who says "I"); `verb`: the relation, where it fits one of '
    + ", ".join(_VERBS)
    + ", else words of the quote; `object`: copied exactly from the quote; `replaces`: what the quote says it takes the place of, copied "
    'exactly, or ""; `stance`: stated, negated (the quote denies it) or planned. Leave out questions, guesses, conditions, examples, jokes '
    "and small talk. At most 12 facts, the most important first. "
    'Answer with JSON: {"facts": [{"id": 1, "quote": "...", "kind": "preference", "subject": "user", "verb": "likes", "object": "...", '
    '"replaces": "", "stance": "stated"}]}'
)
_TEXT = {"type": "string"}
_SCHEMA = list_schema(
    "facts",
    id={"type": "integer"},
    quote=_TEXT,
    kind={"type": "string", "enum": list(get_args(_Kind))},
    subject=_TEXT,
    verb=_TEXT,
    object=_TEXT,
    replaces=_TEXT,
    stance={"type": "string", "enum": list(get_args(Stance))},
)


class _Said(Struct):
    id: int
    quote: str
    object: str
    subject: str = ""
    verb: str = ""
    kind: str = "note"
    replaces: str | None = ""
    stance: str = "stated"


class _Answer(Struct):
    facts: tuple[_Said, ...]


class Found(Struct, frozen=True):
    """The facts that held, by turn and place, and how many did not. What the rules have found already is in neither."""

    facts: tuple[Fact, ...]
    dropped: int


class _Piece(Struct, frozen=True):
    """A claimed fact whose words were found: spans in the turn's text."""

    sentence: Sentence
    object: tuple[int, int]
    replaces: tuple[int, int]


_answer = msgspec.json.Decoder(_Answer, strict=False)
_KINDS = frozenset(get_args(_Kind))
_STANCES = frozenset(get_args(Stance))


def fact_question(conversation: str, turns: Sequence[Turn]) -> Question:
    """What these turns (spoken ones) state."""
    return Question(conversation, "facts", _SYSTEM, shown(turns, _TURN_CHARS), _SCHEMA)


def read_answer(answer: str) -> tuple[_Said, ...]:
    """What an answer claims. DocumentError for what is no such answer."""
    return decoded(answer, _answer, "facts").facts


def supported(said: Sequence[_Said], turns: Sequence[Turn], method: str) -> Found:
    """Those claims that these turns bear, as facts found by `method`. About a millisecond a claim."""
    found: dict[int, list[Fact]] = {}
    dropped = 0
    for one in said:
        turn = turns[one.id - 1] if 0 < one.id <= len(turns) else None
        made = _fact(one, turn) if turn is not None else None
        if made is None or turn is None:
            dropped += 1
            continue
        others = found.setdefault(turn.id, [])
        if len(others) < _MOST and not any(_alike(made, other) for other in (*extract(turn), *others)):
            others.append(replace(made, place=FIRST_PLACE + len(others), method=method))
    return Found(tuple(fact for turn in sorted(found) for fact in found[turn]), dropped)


def _fact(said: _Said, turn: Turn) -> Fact | None:
    """The fact that is claimed of this turn; None where the turn does not bear it."""
    text = turn.text.replace("’", "'")
    piece = _piece(said, turn, text)
    if piece is None or said.kind not in _KINDS or said.stance not in _STANCES:
        return None
    sentence = piece.sentence
    alone = turn.role == "user" or len({one.author for one in sentences(turn)}) == 1
    human = turn.role == "user" or (sentence.named and alone)
    subject = _subject(said.subject, sentence.author)
    whole = text[sentence.start : sentence.end]
    verb = _verb(said.verb, said.kind, whole)
    if not subject or not verb or not (human or said.kind in _SHARED_KINDS):
        return None
    if not _ordered(subject, verb, sentence.author, whole[: piece.object[0] - sentence.start]):
        return None
    if not suits(verb, subject, text[slice(*piece.object)], said.kind) or elsewhere(
        text, sentence.start, sentence.end, chosen=said.kind in ("preference", "decision", "note")
    ):
        return None
    left = _without(text, sentence, piece.replaces)
    negated = said.stance == "negated"
    slip = SLIP.search(text, sentence.start, trimmed(text, sentence.start, sentence.end, ends=".!…")[1])
    if slip is not None and piece.object[0] < slip.start():
        return None
    if HEDGED.search(whole) or not _agrees(left, text[slice(*piece.object)], negated):
        return None
    if not _borne(turn, left, f"{subject} {'not ' if negated else ''}{verb} {text[slice(*piece.object)]}"):
        return None
    stance: Stance = "negated" if negated else "planned" if said.stance == "planned" or _AHEAD.search(left) else "stated"
    kind: FactKind = said.kind  # type: ignore[assignment]
    return fact_in(turn, sentence, kind, subject, verb, piece.object, piece.replaces, piece.replaces[1] > 0, stance)


def _piece(said: _Said, turn: Turn, text: str) -> _Piece | None:
    """Where the claim's quote, object and what it replaces stand."""
    quote = said.quote.replace("’", "'").strip()
    for sentence in sentences(turn):
        start = text.find(quote, sentence.start, sentence.end) if quote else -1
        if start < 0 or not sentence.states:
            continue
        # A quote cut short may leave out a "not", an "if" or a question mark: what is around it counts.
        target = _span(text, said.object, start, start + len(quote))
        if target is None or not says_something(text[slice(*target)]) or target[1] - target[0] > _LONGEST_OBJECT:
            continue
        away = (said.replaces or "").strip()
        replaces = _span(text, away, sentence.start, sentence.end) if away else (0, 0)
        if replaces is not None and not (replaces[0] < target[1] and target[0] < replaces[1]):
            return _Piece(sentence, target, replaces)
    return None


def _span(text: str, piece: str, start: int, end: int) -> tuple[int, int] | None:
    """Where these words stand, as whole words, whatever their case."""
    bare = piece.replace("’", "'").strip(" \t\n.,;:!\"'`")
    if not bare:
        return None
    match = re.compile(rf"(?<!\w){re.escape(bare)}(?!\w)", re.I).search(text, start, end)
    return trimmed(text, *match.span()) if match is not None else None


def _subject(name: str, author: str) -> str:
    """As the rules name it; "" for what can be none."""
    plain = fold(name).strip()
    if plain in _ME or plain == fold(author):
        return author
    if plain in ("we", "us"):
        return "we"
    owned = _OWNED.match(name)
    bare = name[owned.end() :] if owned else _ARTICLE.sub("", name, count=1)
    if not bare.isprintable():
        return ""
    return subject_of(bare.strip(), author if owned else "")


def _verb(name: str, kind: str, sentence: str) -> str:
    """The relation as the rules name it; "" for what can be none."""
    verb = " ".join(fold(name).split())
    if not verb and kind == "note":
        return "notes"
    if len(verb) > _LONGEST_VERB or _VERB.fullmatch(verb) is None:
        return ""
    stems = _stems(verb)
    return next((known for known in _VERBS if _stems(known) == stems), verb)


def _ordered(subject: str, verb: str, author: str, before: str) -> bool:
    """Whether the part of the sentence before the object says the subject, and then, of it, the verb or words alike."""
    if verb == "notes":
        return True
    tokens = [(fold(match.group()), match.start(), match.end()) for match in _TOKEN.finditer(before)]
    end = _subject_end(subject, author, tokens)
    if end < 0:
        return False
    after = [(stem(word) or word, word, start) for word, start, _ in tokens if start >= end]
    terms_ = [stem(word) or word for word in words(verb) if word not in _AUXILIARY]
    if not terms_:
        places = [start for _, word, start in after if word in _BEING]
        places += [match.start() for match in _SIGNS.finditer(before, end)]
    elif all(any(_means(term, found) for found, _, _ in after) for term in terms_):
        places = [start for found, _, start in after if _means(terms_[0], found)]
    else:
        places = []
    return bool(places) and _ELSEWHERE.search(before, end, min(places)) is None


def _subject_end(subject: str, author: str, tokens: Sequence[tuple[str, int, int]]) -> int:
    """Where the words for the subject end among these, -1 where they do not stand there. The last place counts."""
    if subject in (author, "we"):
        return max((end for word, _, end in tokens if word in _I), default=-1)
    owner, mark, thing = subject.partition("'s ")
    owned = bool(mark) and owner == author
    wanted = set(key(thing if owned else subject))
    places: dict[str, int] = {}
    for word, _, end in tokens:
        term = stem(word) or word
        if term in wanted:
            places.setdefault(term, end)
    if len(places) < len(wanted) or (owned and all(word not in _MINE for word, _, _ in tokens)):
        return -1
    return max(places.values())


def _means(term: str, found: str) -> bool:
    """Whether a word that stands there goes for this one: the same, alike, or another form in a language whose endings are not known
    ("wohnt", "wohne")."""
    cognate = min(len(term), len(found)) >= _STEM_CHARS and term[:_STEM_CHARS] == found[:_STEM_CHARS] and abs(len(term) - len(found)) < 4
    return term == found or found in alike(term) or cognate


def _stems(text: str) -> set[str]:
    return {stem(word) or word for word in words(text)}


def _without(text: str, sentence: Sentence, replaces: tuple[int, int]) -> str:
    """The sentence without ", not 8080" or "instead of Postgres"."""
    start, end = sentence.start, sentence.end
    if not replaces[1]:
        return text[start:end]
    before = _REPLACED.sub("", text[start : replaces[0]])
    return before + text[replaces[1] : end]


def _agrees(sentence: str, target: str, negated: bool) -> bool:
    """Whether all of the sentence that says something affirms, or (`negated`) denies. Of one that does both it cannot be told which the
    object belongs to."""
    clauses = [clause for clause in _CLAUSE.split(sentence) if clause and clause.strip()]
    denying = any(denies(clause) for clause in clauses)
    affirming = any(not denies(clause) and (len(terms(clause)) > 1 or target in clause) for clause in clauses)
    return denying == negated and not (denying and affirming)


def _borne(turn: Turn, sentence: str, claim: str) -> bool:
    """The check that claims of digests go through, against this one sentence."""
    own = replace(turn, text=f"{sentence} ({turn.sender or turn.role})")
    verdict = verified((Claim(claim, (turn.id,)),), {turn.id: own})
    return bool(verdict.kept) and not verdict.dropped


def _alike(one: Fact, other: Fact) -> bool:
    """Whether two facts of one turn say the same: of one sentence, about the same words."""
    if one.span_start >= other.span_end or other.span_start >= one.span_end:
        return False
    mine, theirs = set(key(one.object)), set(key(other.object))
    return mine <= theirs or theirs <= mine
