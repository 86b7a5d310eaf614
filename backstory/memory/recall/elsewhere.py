"""What a new conversation is told of others: the block, each line with its conversation, its day and its turn.

Rule: by the same recall as within a conversation, gate and all: nothing relevant is nothing told. A question that only asks to go on gets
the summary of the last session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import Conversation, SessionSummary, Turn
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, plain
from backstory.memory.reading.speakers import names_in
from backstory.memory.recall import dates
from backstory.memory.recall.index import Index
from backstory.memory.recall.reasons import Reason, span
from backstory.memory.recall.resuming import resumes
from backstory.memory.recall.retention import Standing
from backstory.memory.recall.retrieval import Recalled, line, recall
from backstory.memory.recall.units import Carry, units

LABEL = "From earlier conversations, not from this one:"
_QUOTED = re.compile(r"^#(\d{1,9}) ", re.MULTILINE)
_LINE = re.compile(r"^#(\d{1,9}) ([^\n:]{0,120}): ([^\n]*)$", re.MULTILINE)
_LABEL_CHARS = 40


class Told(Struct, frozen=True):
    """The block, "" for none; its tokens, where its lines are from, and how the recall went."""

    text: str
    tokens: int
    reasons: tuple[Reason, ...]
    found: Recalled


def quoted(text: str, turns: Sequence[Turn]) -> tuple[int, ...]:
    """Ids of those of these turns that a digest of them quotes."""
    numbers = {int(number) for number in _QUOTED.findall(text)}
    return tuple(sorted({turn.id for turn in turns if turn.position + 1 in numbers}))


def tell(
    question: Turn,
    turns: Sequence[Turn],
    summaries: Sequence[SessionSummary],
    others: Mapping[str, Conversation],
    frequencies: Mapping[str, int],
    *,
    budget_tokens: int,
    min_score: float,
    standing: Standing,
    count: Callable[[str], int],
) -> Told:
    """What to tell of these turns (of the conversations `others`, by id) in answer to the first message of a new one. `standing`: of
    these turns."""
    by_id = {turn.id: turn for turn in turns if turn.conversation in others}
    index = Index(frequencies)
    ordered = sorted(by_id.values(), key=lambda turn: turn.id)
    names = {other: names_in(turn for turn in ordered if turn.conversation == other) for other in others}
    for turn in ordered:
        index.add(units((turn,), turn.position + 1, Carry(set(names[turn.conversation]))))
    now = question.at
    found = recall(
        index,
        question.text,
        budget_tokens=budget_tokens,
        carried=(),
        now=now,
        min_score=min_score,
        count=count,
        standing=standing,
        asker=question.sender,
    )
    reasons, texts, goes_on = [], [], resumes(question.text)
    for place, item in enumerate(found.items):
        if goes_on and resumes(item.text):
            continue
        signals, terms = found.basis.told(place) if found.basis is not None else ({}, ())
        turn = by_id[item.turn]
        where = found.stands(place, turn.text)
        reasons.append(_reason(turn, where, item.number, item.speaker, item.at, item.score, signals, terms))
        texts.append(item.shown)
    if not reasons and goes_on:
        reasons, texts = next((told for one in summaries if (told := _last_session(one, by_id))[0]), ([], []))
    return _fitted(reasons, texts, others, found, budget_tokens, count)


def _reason(
    turn: Turn,
    where: tuple[int, int],
    number: int,
    speaker: str,
    at: float,
    score: float,
    signals: dict[str, float],
    terms: tuple[str, ...],
) -> Reason:
    return Reason(turn.id, number, speaker, at, *where, score, signals, terms, "elsewhere", turn.conversation)


def _last_session(summary: SessionSummary, by_id: Mapping[int, Turn]) -> tuple[list[Reason], list[str]]:
    """The lines of a summary whose turns are there; none where nothing was asked in that session but where the one before it ended."""
    numbers = {by_id[one].position + 1: by_id[one] for one in summary.turns if one in by_id}
    reasons, texts = [], []
    for number, speaker, text in _LINE.findall(summary.text):
        turn = numbers.get(int(number))
        if turn is not None and not resumes(text):
            reasons.append(_reason(turn, span(turn.text, text), int(number), speaker, turn.at, 0.0, {"last session": 1.0}, ()))
            texts.append(text)
    return reasons, texts


def _fitted(
    reasons: list[Reason],
    texts: list[str],
    others: Mapping[str, Conversation],
    found: Recalled,
    budget_tokens: int,
    count: Callable[[str], int],
) -> Told:
    while reasons:
        told = "\n".join([RECALL_OPEN, LABEL, *(_shown(one, text, others) for one, text in zip(reasons, texts, strict=True)), RECALL_CLOSE])
        tokens = count(told)
        if tokens <= budget_tokens:
            return Told(told, tokens, tuple(reasons), found)
        worst = min(range(len(reasons)), key=lambda place: (reasons[place].score, -place))
        del reasons[worst], texts[worst]
    return Told("", 0, (), found)


def _shown(reason: Reason, text: str, others: Mapping[str, Conversation]) -> str:
    label = plain(others[reason.conversation].label)[:_LABEL_CHARS]
    named = f'{reason.conversation[:8]} "{label}"' if label else reason.conversation[:8]
    day = dates.day_name(reason.at)
    return line(reason.number, f"of {named}, {day + ', ' if day else ''}{reason.speaker}", text)
