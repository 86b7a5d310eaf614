"""`backstory bench recall`: how much of what a question needs is brought into the prompt, within a budget of tokens. No model is asked.

Besides the share of questions whose evidence is there it measures the gate: how often something is brought for a question that
nothing in the conversation answers (those without evidence, and those of the other conversations), and how often nothing is brought
for one that it does answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from backstory.app.bench.dataset import Dataset, Question, Talk
from backstory.app.bench.scores import Evidence, Share, part, share
from backstory.app.bench.systems import SYSTEMS, System, maker
from backstory.core.embedding import Embedder
from backstory.core.tokens import count
from backstory.errors import ConfigError

# Of the questions of each other conversation so many are asked in this one, evenly spread.
_FOREIGN_EACH = 25


class Row(Struct, frozen=True):
    """One system at one budget. `recall`: of questions with evidence. `false`: of questions without, those for which something was
    brought. `foreign`: the same of other conversations' questions. `silent`: of questions with evidence, those for which nothing was
    brought. `tokens`: of the context, mean. `within`: whether contexts keep to the budget."""

    system: str
    budget: int
    recall: Share
    false: Share
    foreign: Share
    silent: Share
    tokens: int
    within: bool
    p50_ms: float
    p99_ms: float
    categories: dict[str, Share]


class Report(Struct, frozen=True):
    """All rows, and what was measured."""

    dataset: str
    conversations: int
    turns: int
    questions: int
    vectors: str
    rows: tuple[Row, ...]


class _Tally:
    """What is counted of one system at one budget."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, bool]] = []
        self.silent: list[bool] = []
        self.false: list[bool] = []
        self.foreign: list[bool] = []
        self.tokens: list[int] = []
        self.ms: list[float] = []


def run(data: Dataset, systems: Sequence[str], budgets: Sequence[int], embedder: Embedder | None, min_score: float) -> Report:
    """Every question of every conversation, for each system and budget. Raises ConfigError for a system that there is not."""
    if unknown := [name for name in systems if name not in SYSTEMS]:
        raise ConfigError(f"there is no system {unknown[0]!r}: {', '.join(SYSTEMS)}")
    count("ready")
    rows = []
    for name in systems:
        tallies = {budget: _Tally() for budget in budgets}
        for talk in data.conversations:
            _measure(maker(name, embedder, min_score)(talk), talk, data, tallies)
        rows += [_row(name, budget, tally) for budget, tally in tallies.items()]
    turns = sum(len(talk.turns) for talk in data.conversations)
    questions = sum(len(talk.questions) for talk in data.conversations)
    return Report(data.name, len(data.conversations), turns, questions, embedder.model if embedder is not None else "none", tuple(rows))


def _measure(system: System, talk: Talk, data: Dataset, tallies: dict[int, _Tally]) -> None:
    evidence = Evidence(talk)
    for budget, tally in tallies.items():
        for question in talk.questions:
            started = time.perf_counter()
            context = system.context(question.text, talk.asked_at(question), budget)
            tally.ms.append((time.perf_counter() - started) * 1000)
            brought = bool(context.text)
            if not question.evidence:
                tally.false.append(brought)
                continue
            tokens = count(context.text)
            tally.tokens.append(tokens)
            tally.hits.append((question.category, evidence.found(question, context.text)))
            tally.silent.append(not brought)
    smallest = min(tallies)
    brought_for = [bool(system.context(it.text, talk.asked_at(it), smallest).text) for it in _foreign(talk, data)]
    for tally in tallies.values():
        tally.foreign += brought_for


def _foreign(talk: Talk, data: Dataset) -> Iterator[Question]:
    for other in data.conversations:
        if other.id != talk.id:
            step = max(1, len(other.questions) // _FOREIGN_EACH)
            yield from other.questions[::step][:_FOREIGN_EACH]


def _row(name: str, budget: int, tally: _Tally) -> Row:
    names = sorted({category for category, _ in tally.hits if category})
    return Row(
        name,
        budget,
        share([hit for _, hit in tally.hits]),
        share(tally.false),
        share(tally.foreign),
        share(tally.silent),
        round(sum(tally.tokens) / len(tally.tokens)) if tally.tokens else 0,
        all(tokens <= budget for tokens in tally.tokens),
        round(part(tally.ms, 0.5), 3),
        round(part(tally.ms, 0.99), 3),
        {category: share([hit for named, hit in tally.hits if named == category]) for category in names},
    )


def as_text(report: Report) -> Iterator[str]:
    """The report as lines for a terminal."""
    yield (
        f"{report.dataset or 'data set'}: {report.conversations} conversations, {report.turns} turns, {report.questions} questions; "
        f"vectors: {report.vectors}\n"
    )
    yield "evidence: questions whose every evidence turn is in the context, % (95 % interval, Wilson)\n\n"
    yield (
        f"{'system':<11}{'budget':>7}{'evidence':>10}{'interval':>15}{'tokens':>8}{'silent':>8}{'false':>7}{'foreign':>9}"
        f"{'p50 ms':>9}{'p99 ms':>9}\n"
    )
    for row in report.rows:
        interval = f"{row.recall.low:.1f} to {row.recall.high:.1f}" if row.recall.questions else "-"
        over = "" if row.within else "   over the budget"
        yield (
            f"{row.system:<11}{row.budget:>7}{_of(row.recall):>10}{interval:>15}{row.tokens:>8}{_of(row.silent):>8}{_of(row.false):>7}"
            f"{_of(row.foreign):>9}{row.p50_ms:>9.2f}{row.p99_ms:>9.2f}{over}\n"
        )
    yield "\nsilent: nothing brought for a question with evidence, %; false: something brought for a question without, %;\n"
    yield "foreign: something brought for a question about another conversation, %\n"


def _of(part: Share) -> str:
    return f"{part.percent:.1f}" if part.questions else "-"
