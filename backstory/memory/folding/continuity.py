"""What must not be lost when a client puts a summary in place of its history: open steps of the plan, decisions, constraints and file paths
of the turns that were cut, as far as the summary does not say them.

Rule: everything is taken word for word from a turn, with the turn's number. What was settled later, or is in the summary, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from backstory.core.records import Injection, Turn
from backstory.memory.folding.plans import BOUND, DECIDED, OPEN, in_order, written
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN
from backstory.memory.reading.sentences import parts
from backstory.memory.recall.reasons import Reason, span
from backstory.memory.recall.retrieval import line
from backstory.memory.text import terms

LABEL = "Said in this conversation before its summary, and not in the summary:"

PLAN_TOOLS = {
    "TodoWrite": ("todos", "content", "status"),
    "todowrite": ("todos", "content", "status"),
    "todo_write": ("todos", "content", "status"),
    "write_todos": ("todos", "description", "status"),
    "update_plan": ("plan", "step", "status"),
}
"""How clients keep a plan: by tool, the argument that holds its steps, and in each step its text and its state."""

_SETTLED = frozenset({"completed", "complete", "done", "cancelled", "canceled"})
_BOX = re.compile(r"^[ \t]*(?:[-*]|\d{1,3}[.)])[ \t]+\[(?P<mark>[ xX])\][ \t]+(?P<text>\S.{2,300})$", re.MULTILINE)
_PATH = re.compile(r"(?<![\w/.:@+-])(?:~?/|\.{1,2}/)?(?:[\w.@+-]+/)+[\w.@+-]*\w\.\w{1,6}\b(?!/)")
_WEB = re.compile(r"\b(?:https?|ftp|file)://\S+")
# A sentence is said by the summary where one sentence of it has this share of its terms.
_COVERED, _SAME = 0.7, 0.6
_SAME_OWN = {"bound": 0.9, "decided": 0.7}
_SHORTEST, _LONGEST = 12, 400
_MOST_PATHS, _MOST_EACH = 20, 12
_MOST_NAMED = 200
"""Paths that are looked for: a summary names some of them itself."""
_TEXT_CHARS = 8_000
# What somebody meant to do next is still open if it was said in so many of the last turns.
_STILL_TURNS = 12
# Turns that are looked through: the newest of those that were cut.
MOST_TURNS = 2_000

_decode = msgspec.json.Decoder().decode
_KINDS = (("plan", "Open:"), ("listed", "Planned:"), ("bound", "Keep to:"), ("decided", "Decided:"))
_HEADINGS = dict(_KINDS)
_RULED = frozenset({"bound", "decided"})
# So much of the budget, or so many tokens, are for what the user has ruled before plans have any of it.
_RULES, _RULES_LEAST = 0.7, 140


class Kept(Struct, frozen=True):
    """The block, "" where nothing is to be kept; its tokens; where each of its lines is from. `dropped`: lines that had no room in it,
    without paths."""

    text: str = ""
    tokens: int = 0
    reasons: tuple[Reason, ...] = ()
    dropped: int = 0


def carried(blocks: Iterable[Injection]) -> float:
    """Tokens of these blocks that were kept across summaries, without what was recalled behind it."""
    found = [(one.tokens, one.text) for one in blocks if LABEL in one.text]
    return sum(tokens * (text.index(RECALL_CLOSE) + len(RECALL_CLOSE)) / len(text) for tokens, text in found if RECALL_CLOSE in text)


class _Found(Struct, frozen=True):
    """`source`: where it stands: in a tool's plan, as a box to tick, as one of the steps of a list, in a sentence. `back`: how many turns
    came after it."""

    kind: str
    turn: Turn
    text: str
    terms: frozenset[str]
    source: Literal["tool", "box", "steps", "sentence"]
    back: int


class _Settled(Struct):
    """What turns leave of older ones: of boxes those that they do not name, of plans and lists none where they have one."""

    boxes: dict[frozenset[str], bool] = field(default_factory=dict)
    planned: bool = False
    listed: bool = False


class Gathered(Struct, frozen=True):
    """What so many turns (`size`) say of plan, decisions and constraints, the newest first; the file paths that they name, those named last
    first, each with the last turn that names it; and what they settle of what older ones say."""

    found: tuple[_Found, ...]
    paths: tuple[tuple[str, Turn], ...]
    size: int
    settled: _Settled


def still_open(
    turns: Sequence[Turn], said: Iterable[str], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None
) -> Kept:
    """`left_out` of what these turns say (in order, those that the client cut)."""
    ids = {turn.id for turn in turns}
    return left_out(gather(turns, breathe), ids.__contains__, said, budget_tokens, count)


def gather(turns: Sequence[Turn], breathe: Callable[[], None] = lambda: None) -> Gathered:
    """What these turns (in order) say of it, whatever a summary says. Some 1.5 us a character. `breathe` is called between two turns."""
    turns, settled = turns[-MOST_TURNS:], _Settled()
    return Gathered(tuple(_found(turns, settled, breathe)), tuple(_paths(turns, breathe)), len(turns), settled)


def later(new: Gathered, old: Gathered) -> Gathered:
    """What both say, where `new` is of the turns right behind those of `old`."""
    paths, older, newer = dict(new.paths), old.settled, new.settled
    paths |= {path: turn for path, turn in old.paths if path not in paths}
    left = [still for one in old.found if (still := _behind(one, new)) is not None]
    settled = _Settled(older.boxes | newer.boxes, older.planned or newer.planned, older.listed or newer.listed)
    return Gathered((*new.found, *left), tuple(paths.items()), old.size + new.size, settled)


def _behind(one: _Found, new: Gathered) -> _Found | None:
    """What an older turn says, now that these turns stand behind it; None where they settle it."""
    settled, back = new.settled, one.back + new.size
    gone = {"tool": settled.planned, "box": one.terms in settled.boxes, "steps": settled.listed, "sentence": False}[one.source]
    kind = _kind(one.turn, one.text, back < _STILL_TURNS) if one.source == "sentence" else one.kind
    return replace(one, kind=kind, back=back) if kind and not gone else None


def left_out(
    gathered: Gathered, absent: Callable[[int], bool], said: Iterable[str], budget_tokens: int, count: Callable[[str], int]
) -> Kept:
    """What is to be kept of it beyond what the client says itself: `said`, its summary and the messages that it still sends. `absent`:
    whether the turn of this id does not go up any more. At most `budget_tokens`. About 20 us for each thing found."""
    texts = list(said)
    spoken = [frozenset(terms(sentence)) for text in texts for sentence in _sentences(text)]
    found = _apart((one for one in gathered.found if absent(one.turn.id)), spoken)
    whole = "\n".join(texts)
    paths = [(path, turn) for path, turn in gathered.paths if absent(turn.id) and path not in whole]
    return _fitted(found, paths[:_MOST_PATHS], budget_tokens, count)


def _found(turns: Sequence[Turn], settled: _Settled, breathe: Callable[[], None]) -> Iterator[_Found]:
    """The newest first. `settled` is filled."""
    boxes = settled.boxes
    for back, turn in enumerate(reversed(turns)):
        breathe()
        if turn.calls and not settled.planned and turn.role == "assistant":
            steps = list(_plan(turn))
            settled.planned = bool(steps)
            yield from [_Found("plan", turn, text, frozenset(terms(text)), "tool", back) for text, done in steps if not done]
        if turn.kind != "spoken":
            continue
        text = turn.text[:_TEXT_CHARS]
        marked: set[str] = set()
        for match in _BOX.finditer(text):
            marked.add(match["text"].strip())
            known = frozenset(terms(match["text"]))
            if known not in boxes:
                boxes[known] = match["mark"] != " "
                if not boxes[known]:
                    yield _Found("plan", turn, match["text"].strip(), known, "box", back)
        own = () if settled.listed else written(text)
        settled.listed = settled.listed or bool(own)
        yield from [_Found("listed", turn, step, frozenset(terms(step)), "steps", back) for step in own]
        yield from _told(turn, text, marked.union(own), back)


def _told(turn: Turn, text: str, boxes: set[str], back: int) -> Iterator[_Found]:
    for sentence in _sentences(text):
        if not _SHORTEST <= len(sentence) <= _LONGEST or sentence.endswith("?") or any(box in sentence for box in boxes):
            continue
        kind = _kind(turn, sentence, back < _STILL_TURNS)
        if kind:
            yield _Found(kind, turn, sentence, frozenset(terms(sentence)), "sentence", back)


def _kind(turn: Turn, sentence: str, lately: bool) -> str:
    """What a sentence says of it; "" for nothing."""
    kind = "plan" if lately and OPEN.search(sentence) else "decided" if DECIDED.search(sentence) else ""
    if not kind and turn.role == "user" and BOUND.search(sentence):
        kind = "bound"
    return kind or ("listed" if in_order(sentence) else "")


def _plan(turn: Turn) -> Iterator[tuple[str, bool]]:
    """The steps of the plan that this turn's tool call sets, and whether each is settled."""
    for call in _listed(turn.calls):
        shape = PLAN_TOOLS.get(str(call.get("name")))
        arguments = call.get("arguments")
        if shape is None or not isinstance(arguments, str):
            continue
        try:
            given = _decode(arguments)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            continue
        steps = given.get(shape[0]) if isinstance(given, dict) else None
        for step in steps if isinstance(steps, list) else ():
            text = step.get(shape[1]) if isinstance(step, dict) else None
            if isinstance(text, str) and text.strip():
                yield text.strip(), str(step.get(shape[2], "")).lower() in _SETTLED


def _listed(calls: str) -> list[dict[str, Any]]:
    try:
        found = _decode(calls)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return []
    return [call for call in found if isinstance(call, dict)] if isinstance(found, list) else []


def _paths(turns: Sequence[Turn], breathe: Callable[[], None]) -> list[tuple[str, Turn]]:
    """File paths that the turns name, those named last first, each with the last turn that names it."""
    found: dict[str, Turn] = {}
    for turn in reversed(turns):
        breathe()
        for text in (
            turn.text[:_TEXT_CHARS] if turn.kind == "spoken" else "",
            turn.calls[:_TEXT_CHARS] if turn.role == "assistant" else "",
        ):
            for match in _PATH.finditer(_WEB.sub(" ", text)) if "/" in text else ():
                found.setdefault(match.group(), turn)
        if len(found) >= _MOST_NAMED:
            break
    return list(found.items())[:_MOST_NAMED]


def _sentences(text: str) -> Iterator[str]:
    for said in text.splitlines():
        for part in parts(said):
            sentence = part.strip(" \t-*#>")
            if sentence:
                yield sentence


def _covered(wanted: frozenset[str], spoken: Sequence[frozenset[str]]) -> bool:
    return not wanted or any(len(wanted & one) >= _COVERED * len(wanted) for one in spoken)


def _apart(found: Iterable[_Found], spoken: Sequence[frozenset[str]]) -> list[_Found]:
    """The newest of each kind that the summary does not say, and that do not say what a newer one of their kind does, or have just the same
    words."""
    kept: dict[str, list[_Found]] = {}
    for one in found:
        own = kept.setdefault(one.kind, [])
        if _covered(one.terms, spoken):
            continue
        at = next((at for at, other in enumerate(own) if _same(one, other)), -1)
        if at < 0 and len(own) < _MOST_EACH:
            own.append(one)
        elif at >= 0 and one.turn.role == "user" != own[at].turn.role and one.kind in _RULED:
            # A model has said it again: it is the user's all the same.
            own[at] = replace(one, back=own[at].back)
    return [one for own in kept.values() for one in own]


def _same(one: _Found, other: _Found) -> bool:
    """Whether an older one says what a newer one does. Two constraints of the user's are two as long as each has a word of its own; a
    decision on the same thing takes the place of an older one."""
    own = one.turn.role == other.turn.role == "user"
    share = _SAME_OWN.get(one.kind, _SAME) if own else _SAME
    return len(one.terms & other.terms) >= share * min(len(one.terms), len(other.terms))


def _fitted(found: Sequence[_Found], paths: Sequence[tuple[str, Turn]], budget_tokens: int, count: Callable[[str], int]) -> Kept:
    """The most important that fit: what the user has ruled, as far as a part of the budget reaches; then open steps, the last plan that was
    written out, what else was ruled, and paths; of each the newest first."""
    chosen: list[_Found] = []
    headings: set[str] = set()
    left = budget_tokens - count(_block([], []))
    ruled = sorted((one for one in found if one.kind in _RULED), key=lambda one: one.back)
    own = [one for one in ruled if one.turn.role == "user"]
    # The first time, what the user has ruled leaves the rest to others.
    spare = min(left * (1 - _RULES), max(0, left - _RULES_LEAST))
    for ones, spared in (
        (own, spare),
        ([one for kind in ("plan", "listed") for one in found if one.kind == kind], 0),
        (ruled, 0),
    ):
        for one in ones:
            cost = count(_line(one) + "\n") + (0 if one.kind in headings else count(_HEADINGS[one.kind] + "\n"))
            if one not in chosen and cost <= left - spared:
                left -= cost
                headings.add(one.kind)
                chosen.append(one)
    dropped = len(found) - len(chosen)
    named = list(paths)
    while named and count(_files(named) + "\n") > left:
        named.pop()
    while chosen or named:
        text = _block(chosen, named)
        tokens = count(text)
        if tokens <= budget_tokens:
            return Kept(text, tokens, tuple(_reasons(chosen, named)), dropped)
        dropped += not named
        (named or chosen).pop()
    return Kept(dropped=dropped)


def _block(chosen: Sequence[_Found], paths: Sequence[tuple[str, Turn]]) -> str:
    lines = [RECALL_OPEN, LABEL]
    for kind, heading in _KINDS:
        own = sorted((one for one in chosen if one.kind == kind), key=lambda one: one.turn.position)
        lines += [heading, *map(_line, own)] if own else []
    lines += [_files(paths)] if paths else []
    return "\n".join([*lines, RECALL_CLOSE])


def _line(one: _Found) -> str:
    return line(one.turn.position + 1, _speaker(one.turn), one.text)


def _files(paths: Sequence[tuple[str, Turn]]) -> str:
    return "Files: " + ", ".join(f"{path} (#{turn.position + 1})" for path, turn in paths)


def _speaker(turn: Turn) -> str:
    return turn.sender or turn.role.title()


def _reasons(chosen: Sequence[_Found], paths: Sequence[tuple[str, Turn]]) -> Iterator[Reason]:
    named = [(one.turn, one.text, one.kind) for one in chosen] + [(turn, path, "file") for path, turn in paths]
    for turn, text, kind in named:
        start, end = span(turn.text, text)
        yield Reason(turn.id, turn.position + 1, _speaker(turn), turn.at, start, end, 0.0, {kind: 1.0}, (), "kept")
