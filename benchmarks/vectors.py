"""What text vectors cost: a model's time for a turn and a question, the search beside the index, and a whole recall with and without.

    python -m benchmarks.vectors [--turns 100000] [--model static|minilm]

Recall is that of one process without a proxy. The vectors of the long history are drawn at random, in the model's width: what a search
costs does not depend on them. CPU is that of the thread.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy

from backstory.config.sections import Vectors
from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.units import Carry, units
from backstory.vectors import opened
from backstory.vectors.quantise import to_bytes
from benchmarks.world import Talk, part, table

QUESTIONS = 200
AT_ONCE = 4000


def timed(calls: list[Callable[[], object]]) -> tuple[list[float], list[float]]:
    """Wall and CPU milliseconds of each."""
    walls, cpus = [], []
    for call in calls:
        wall, cpu = time.perf_counter(), time.thread_time()
        call()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.thread_time() - cpu) * 1000)
    return walls, cpus


def row(title: str, measured: tuple[list[float], list[float]]) -> tuple[object, ...]:
    """A line of the table."""
    walls, cpus = measured
    return (title, part(walls, 0.5), part(walls, 0.99), part(cpus, 0.5), part(cpus, 0.99))


def main(turns: int, name: str) -> None:
    """Build, ask, print."""
    talk, rows = Talk(4), []
    embedder = opened(Vectors(model=name))  # type: ignore[arg-type]
    assert embedder is not None
    texts = [talk.text(160) for _ in range(QUESTIONS)]
    rows.append(row("a turn of 160 characters becomes a vector", timed([lambda text=text: embedder.embed([text]) for text in texts])))  # type: ignore[misc]
    facts: list[tuple[str, str, str]] = []
    index = Index()
    for number in range(1, turns + 1):
        text = talk.text(160)
        if number % 50 == 0:
            facts.append(talk.fact(len(facts)))
            text = f"{facts[-1][0]} {text}"
        at = 1.7e9 + 60.0 * number
        index.add(units((Turn(number, "c", number - 1, number - 1, b"", b"", "user", "spoken", text, at=at),), number, Carry()))
    width = len(embedder.embed(["one"])[0])
    generator = numpy.random.default_rng(1)
    near = Nearness()
    for start in range(0, len(index.turns), AT_ONCE):
        places = range(start, min(start + AT_ONCE, len(index.turns)))
        near.add(places, to_bytes(generator.normal(size=(len(places), width))))
    count("ready")
    vectors = to_bytes(generator.normal(size=(QUESTIONS, width)))
    questions = [facts[random.Random(place).randrange(len(facts))][1] for place in range(QUESTIONS)]

    def ask(question: str, asked: Asked | None) -> Callable[[], object]:
        return lambda: recall(index, question, budget_tokens=2000, carried=(), now=2e9, min_score=0.0, count=count, asked=asked)

    rows.append(row("the nearest 150", timed([lambda vector=vector: near.near(vector, 150) for vector in vectors])))  # type: ignore[misc]
    for question in questions[:20]:
        ask(question, None)()
    rows.append(row("recall by words alone", timed([ask(question, None) for question in questions])))
    pairs = zip(questions, vectors, strict=True)
    rows.append(row("recall by words and vectors", timed([ask(one, Asked(near, vector, embedder.trust)) for one, vector in pairs])))
    title = f"{embedder.model}, {width} numbers; {len(index.turns)} units of one conversation"
    table(title, ("", "p50 ms", "p99 ms", "CPU p50 ms", "CPU p99 ms"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000, help="turns of the history")
    parser.add_argument("--model", default="minilm", choices=("static", "minilm"))
    told = parser.parse_args()
    main(told.turns, told.model)
