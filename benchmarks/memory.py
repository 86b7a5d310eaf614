"""What memory costs: time added to a request, turns taken in, recall over a long history. In process, without door and network.

    python -m benchmarks.memory [active] [loop] [ingest] [recall]

`up` is the time until a request can go upstream, `added` all that memory does around one exchange, the answer's reading included. CPU is
that of the event loop's thread; `whole CPU` is of the process, a request: writer, digests and background jobs included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from xxhash import xxh3_128_digest

from backstory.core.document import Document
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from backstory.memory.reading.fence import RECALL_OPEN
from benchmarks.world import Client, Cost, House, Look, Messages, Talk, bounded, part, running, says, table

# Between requests that need no background work, and between those that do: a provider takes longer to answer.
PAUSE_S = 0.02
BREATH_S = 0.35
# Characters of a turn, and exchanges before anything is measured.
CHARS = 2400
WARM = 10
ALL = ("active", "loop", "ingest", "recall")


def named(conversation: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header by which a client names its conversation."""
    return ((b"X-VC-Conversation", conversation.encode()),) if conversation else ()


def reading_ms(client: Client, body: bytes) -> float:
    """CPU of reading these bytes alone: the document, its messages' bytes, a hash of each."""
    times: list[float] = []
    for _ in range(15):
        cpu = time.thread_time()
        prompt = client.wire.read(Document(body), client.path)
        b"".join([xxh3_128_digest(item) for item in prompt.items])
        times.append((time.thread_time() - cpu) * 1000)
    return statistics.median(times)


async def grown(house: House, turns: int, requests: int, alone: bool, name: str) -> tuple[list[Cost], list[Cost], float, float, float]:
    """A conversation of so many turns that goes on, its questions alone or at the end of a long message: costs once warm, those of the
    requests for which something was recalled, whole CPU in ms, reading in ms, share of requests that went up with the answer."""
    talk, client = Talk(turns), Client("openai_chat")
    messages: Messages = []
    facts = [talk.fact(number) for number in range(turns)]
    for number in range(turns // 2 - WARM):
        messages += client.user(f"{facts[number][0]} {talk.text(CHARS - 60)}") + client.back(says(talk.text(CHARS)))
    costs: list[Cost] = []
    recalling: list[Cost] = []
    found = blocks = 0
    cpu = 0.0
    for number in range(WARM + requests):
        if number == WARM:
            gc.collect()
            costs, recalling, found, cpu = [], [], 0, time.process_time()
        _, question, value = facts[talk.random.randrange(turns // 5)]
        messages += client.user(question if alone else f"{talk.text(CHARS - 60)} {question}")
        body = client.body(messages)
        cost = await house.ask(client, body, says(talk.text(CHARS)), *named(name))
        costs.append(cost)
        if cost.sent.count(RECALL_OPEN.encode()) > blocks:
            recalling.append(cost)
        blocks = cost.sent.count(RECALL_OPEN.encode())
        found += value.encode() in cost.sent and len(cost.sent) < len(body) / 1.2
        messages += client.back(cost.said)
        await asyncio.sleep(BREATH_S if number else 4.0)
    whole = (time.process_time() - cpu) * 1000 / requests
    return costs, recalling, whole, reading_ms(client, client.body(messages)), found / requests


async def active(requests: int) -> None:
    """Histories over the window: fold and recall at every request."""
    rows: list[tuple[object, ...]] = []
    for window, alone in ((60_000, True), (60_000, False), (120_000, True), (120_000, False)):
        medians: dict[int, float] = {}
        recalls: dict[int, float] = {}
        for turns in (100, 400) if window == 60_000 else (400,):
            name = "" if alone else f"bench{turns}"
            async with running(window) as house:
                costs, recalling, whole, reading, found = await grown(house, turns, requests, alone, name)
            wall, cpu = [cost.wall_ms for cost in costs], [cost.cpu_ms for cost in costs]
            medians[turns] = statistics.median(cpu) - reading
            recalls[turns] = statistics.median([cost.cpu_ms for cost in recalling]) - reading if recalling else 0.0
            both = turns == 400 and 100 in medians
            ratio = f"{medians[400] / medians[100]:.2f}" if both else ""
            recalled = f"{recalls[400] / recalls[100]:.2f}" if both and recalls[100] else ""
            up = statistics.median([cost.up_ms for cost in costs])
            title = f"{turns} turns, window {window}, {'question alone' if alone else 'long message, X-VC-Conversation'}"
            row = (
                up,
                statistics.median(wall),
                part(wall, 0.99),
                statistics.median(cpu),
                whole,
                reading,
                f"{found:.0%}",
                f"{len(recalling) / requests:.0%}",
                ratio,
                recalled,
            )
            rows.append((title, *row))
    columns = (
        "history",
        "up p50 ms",
        "added p50 ms",
        "p99 ms",
        "CPU p50 ms",
        "whole CPU ms",
        "reading ms",
        "answered",
        "recalled",
        "400/100 less reading",
        "of those that recall",
    )
    table("Memory active (2.4 kB a turn: 400 turns are 1 MB)", columns, rows)


async def loop(turns: int) -> None:
    """An agent's tool loop inside the window: at most our marker is taken out on its way."""
    talk, client = Talk(2), Client("anthropic")
    messages = client.user("Find the cause of the failing build and mend it. " + talk.text(400))
    costs: list[Cost] = []
    sizes: list[int] = []
    changed = 0
    async with running() as house:
        for step in range(turns // 2 + 5):
            reply = Reply((Text(talk.text(80)), ToolCall(f"call_{step}", "look", json.dumps({"path": talk.text(30)}))), "tool_calls")
            body = client.body(messages)
            costs.append(await house.ask(client, body, reply))
            sizes.append(len(body))
            changed += costs[-1].sent != body
            messages += client.back(costs[-1].said) + client.result(f"call_{step}", talk.text(600))
            await asyncio.sleep(PAUSE_S)
    rows: list[tuple[object, ...]] = []
    for at in (100, 200, 400):
        near = costs[at // 2 - 5 : at // 2 + 5]
        up, wall, cpu = ([getattr(cost, key) for cost in near] for key in ("up_ms", "wall_ms", "cpu_ms"))
        rows.append((f"{at} turns, {sizes[at // 2 - 1] // 1000} kB", *map(statistics.median, (up, wall, cpu)), max(wall)))
    table(
        f"Tool loop inside the window (our marker was taken out of {changed} requests)",
        ("history", "up p50 ms", "added p50 ms", "CPU p50 ms", "max ms"),
        rows,
    )


def history(client: Client, talk: Talk, turns: int, chars: int, every: int) -> tuple[Messages, list[tuple[str, str, str]]]:
    """A history of so many turns with a fact in every so-manieth."""
    messages: Messages = []
    facts: list[tuple[str, str, str]] = []
    for place in range(turns // 2):
        text = talk.text(chars)
        if place % every == 0:
            facts.append(talk.fact(len(facts)))
            text = f"{facts[-1][0]} {text}"
        messages += client.user(text) + client.back(says(talk.text(chars)))
    return messages, facts


async def ingest(turns: int) -> None:
    """A history that is seen for the first time, until all of it is stored and tagged."""
    client, talk = Client("openai_chat"), Talk(3)
    messages, _ = history(client, talk, turns, 160, 50)
    body = client.body([*messages, *client.user("And now?")])
    async with running() as house:
        look = Look(house)
        cpu = time.process_time()
        started = time.perf_counter()
        cost = await house.ask(client, body, says("Now we go on."))
        await look.until(lambda: look.rows("turns") >= turns, 120)
        stored, stored_cpu = time.perf_counter() - started, time.process_time() - cpu
        await look.until(lambda: look.rows("tags") >= turns, 240, 0.25)
        tagged, tagged_cpu = time.perf_counter() - started, time.process_time() - cpu
        look.close()
    rows = [
        ("until it went up", cost.up_ms / 1000, "", "", ""),
        ("until all turns are stored", stored, int(turns / stored), stored_cpu, int(turns / stored_cpu)),
        ("until all turns are tagged", tagged, int(turns / tagged), tagged_cpu, int(turns / tagged_cpu)),
    ]
    table(f"{turns} turns at first sight, {len(body) / 1e6:.1f} MB", ("", "s", "turns/s", "CPU s", "turns per CPU s"), rows)


async def asked(house: House, facts: list[tuple[str, str, str]], seed: int, questions: int, conversation: str) -> tuple[list[Cost], float]:
    """Questions that come alone; the share of them with which their answer went up."""
    client, chosen = Client("openai_chat"), random.Random(seed)
    costs: list[Cost] = []
    found = 0
    for _ in range(questions):
        _, question, value = facts[chosen.randrange(len(facts))]
        cost = await house.ask(client, client.body(client.user(question)), says("Noted."), *named(conversation))
        costs.append(cost)
        found += value.encode() in cost.sent
        await asyncio.sleep(PAUSE_S)
    return costs, found / questions


async def recall(turns: int, questions: int, vectors: str) -> None:
    """A question alone, about anything in a long stored conversation: beside the work on it, warm, and right after a start."""
    client, talk = Client("openai_chat"), Talk(4)
    messages, facts = history(client, talk, turns, 160, 50)
    body = client.body([*messages, *client.user("And now?")])
    rows: list[tuple[object, ...]] = []

    def row(title: str, costs: list[Cost], found: float) -> None:
        up, cpu = [cost.up_ms for cost in costs], [cost.cpu_ms for cost in costs]
        rows.append((title, len(costs), statistics.median(up), part(up, 0.99), max(up), statistics.median(cpu), f"{found:.0%}"))

    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), 120_000, vectors=vectors)
        await house.start()
        look = Look(house)
        started = time.perf_counter()
        first = await house.ask(client, body, says("Now we go on."), *named("long"))
        await look.until(lambda: look.rows("turns") >= turns, 600, 0.5)
        stored = time.perf_counter() - started
        row("while it is indexed, tagged and searched for facts", *await asked(house, facts, 8, questions, "long"))
        known = look.rows("tags")
        await look.until(lambda: look.rows("tags") >= turns, 900, 1.0)
        tagged = time.perf_counter() - started
        if vectors != "none":
            await look.until(lambda: look.rows("vectors") >= turns, 1700, 1.0)
            print(f"\nvectors ({vectors}) after {time.perf_counter() - started:.1f} s")
        look.close()
        print(f"\nfirst seen: went up after {first.up_ms:.0f} ms, stored after {stored:.1f} s, tagged after {tagged:.1f} s")
        print(f"of the turns, {known} were tagged while {questions} questions were asked")
        await asked(house, facts, 9, 5, "long")
        await asyncio.sleep(3)
        await until_warm(house, facts)
        row("warm", *await asked(house, facts, 5, questions, "long"))
        waits: list[float] = []
        early: list[Cost] = []
        costs: list[Cost] = []
        found = 0.0
        for number in range(3):
            await house.stop()
            await house.start()
            started = time.perf_counter()
            while not costs[20 * number :]:
                one, told = await asked(house, facts, int(1000 * time.monotonic()), 1, "long")
                early += one
                if told or time.perf_counter() - started > 30:
                    waits.append(time.perf_counter() - started)
                    more, told = await asked(house, facts, 30 + number, 20, "long")
                    costs, found = costs + more, found + told / 3
        row("right after a start, while the history is read", early, 0.0)
        row(f"then, by full-text search ({', '.join(f'{wait:.1f} s' for wait in waits)} after it)", costs, found)
        warm = await until_warm(house, facts)
        row(f"indexed in memory again, {warm:.0f} s later", *await asked(house, facts, 6, questions, "long"))
        await house.stop()
    columns = ("", "questions", "up p50 ms", "p99 ms", "max ms", "CPU p50 ms", "answered")
    table(f"Recall over {turns} stored turns of one conversation", columns, rows)


async def until_warm(house: House, facts: list[tuple[str, str, str]]) -> float:
    """Ask until the history is indexed in memory; seconds."""
    started = time.perf_counter()
    thread = house.engine.threads.held if house.engine.threads is not None else None
    async with asyncio.timeout(300):
        while True:
            cost = (await asked(house, facts, 7, 1, "long"))[0][0]
            one = thread(cost.conversation) if thread is not None else None
            if one is not None and len(one.path) - one.indexed < 10:
                return time.perf_counter() - started
            await asyncio.sleep(0.5)


async def main(parts: list[str], requests: int, turns: int, vectors: str) -> None:
    """The parts that were asked for."""
    if "active" in parts:
        await active(requests)
    if "loop" in parts:
        await loop(400)
    if "ingest" in parts:
        await ingest(10_000)
    if "recall" in parts:
        await recall(turns, 2 * requests, vectors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure, of {', '.join(ALL)}; all where nothing is named")
    parser.add_argument("--requests", type=int, default=100, help="requests measured of each kind")
    parser.add_argument("--turns", type=int, default=100_000, help="stored turns for recall")
    parser.add_argument("--vectors", default="none", choices=("none", "static", "minilm"), help="model of text vectors, for recall")
    told = parser.parse_args()
    if not set(told.parts) <= set(ALL):
        parser.error(f"there is {', '.join(ALL)}")
    bounded(lambda: main(told.parts or list(ALL), told.requests, told.turns, told.vectors), 1800)
