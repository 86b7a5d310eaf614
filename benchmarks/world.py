"""What the benchmarks share: text to talk about, clients of the four wires, the house without its door, and tables.

Everything is seeded: two runs say the same words. Nothing leaves the process but to a temporary folder.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from backstory.app.engine import Engine
from backstory.app.house import PortHouse
from backstory.app.provider import says
from backstory.config import Config
from backstory.config.sections import Compaction, Storage, Vectors
from backstory.core.exchange import Head
from backstory.core.message import Text, ToolCall
from backstory.core.plan import Plan
from backstory.core.reply import Reply
from backstory.core.store import Store
from backstory.core.wire import Wire
from backstory.stores.database import open_store
from backstory.wires import WIRES

WIRE = {wire.name: wire for wire in WIRES}
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
_SYLLABLES = "ba co di fu ga hel in jo ka lu mer no or pel qui ro sta tem ul ven wi xan yor zet"
_COMMON = (
    "the of and to a in that is was it for on with as be at by this had not are but from or have an they which one you were all her she "
    "there would their we him been has when who will no more if out so what up said about other into than its time only could new them "
    "man some these then two first may any like now my such make over our even most me state after also made many did must before back "
    "see through way where get much go well your know should down work year because come people just say each those take day good how "
    "long own too little use very great still men here life both between old under last never place same another think house while high"
)

_FACTS = (
    ("The access code of the {name} store is {value}.", "What is the access code of the {name} store?"),
    ("My cousin {name} works as a {value} now.", "What does my cousin {name} work as?"),
    ("We decided to deploy {name} on {value}.", "Where did we decide to deploy {name}?"),
    ("The train to {name} leaves from {value}.", "From where does the train to {name} leave?"),
    ("Doctor {name} told me to take {value}.", "What did doctor {name} tell me to take?"),
    ("The password for {name} was changed to {value}.", "What was the password for {name} changed to?"),
    ("In {name} the best restaurant is {value}.", "Which restaurant is the best in {name}?"),
    ("The root cause of the {name} outage was {value}.", "What was the root cause of the {name} outage?"),
)

Messages: TypeAlias = list[dict[str, Any]]


class Talk:
    """Words with the frequencies of a language: common English ones and rare ones of this world."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        syllables = _SYLLABLES.split()
        rare = sorted({"".join(self.random.choices(syllables, k=self.random.choice((2, 2, 3, 3, 4)))) for _ in range(5000)})
        self.random.shuffle(rare)
        self._words = _COMMON.split() + rare
        self._weights = list(accumulate(1.0 / (place + 3) for place in range(len(self._words))))
        # Proper names are longer than any other word: nobody else says them.
        self._names = sorted({"".join(self.random.choices(syllables, k=5)).capitalize() for _ in range(5000)})
        self.random.shuffle(self._names)

    def text(self, chars: int) -> str:
        """Sentences of about so many characters."""
        words = self.random.choices(self._words, cum_weights=self._weights, k=max(3, chars // 5))
        sentences: list[str] = []
        at = 0
        while at < len(words):
            size = self.random.randint(6, 18)
            sentences.append(" ".join(words[at : at + size]).capitalize() + ".")
            at += size
        return " ".join(sentences)[:chars]

    def fact(self, number: int) -> tuple[str, str, str]:
        """Something worth knowing, a question for it, and the word that answers it."""
        name = self._names[number % len(self._names)]
        value = f"{self.random.choice(self._names).lower()}-{number}"
        said, asked = _FACTS[number % len(_FACTS)]
        return said.format(name=name, value=value), asked.format(name=name), value


class Client:
    """How a client of one wire writes its history and its requests."""

    def __init__(self, wire: str) -> None:
        self.wire = WIRE[wire]
        self.path = PATHS[wire]

    def user(self, text: str) -> Messages:
        """A human message."""
        return [{"role": "user", "parts": [{"text": text}]} if self.wire.name == "gemini" else {"role": "user", "content": text}]

    def result(self, call: str, text: str) -> Messages:
        """What a tool gave back."""
        match self.wire.name:
            case "anthropic":
                return [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": text}]}]
            case "openai_chat":
                return [{"role": "tool", "tool_call_id": call, "content": text}]
            case "openai_responses":
                return [{"type": "function_call_output", "call_id": call, "output": text}]
            case _:
                return [{"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": text}}}]}]

    def back(self, reply: Reply) -> Messages:
        """An answer, as this client sends it back."""
        text = "".join(part.text for part in reply.parts if isinstance(part, Text))
        calls = [part for part in reply.parts if isinstance(part, ToolCall)]
        match self.wire.name:
            case "anthropic":
                said: Messages = [{"type": "text", "text": text}] if text else []
                used = [{"type": "tool_use", "id": one.id, "name": one.name, "input": json.loads(one.arguments)} for one in calls]
                return [{"role": "assistant", "content": [*said, *used]}]
            case "openai_chat":
                asked = [{"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in calls]
                return [{"role": "assistant", "content": text or None, **({"tool_calls": asked} if asked else {})}]
            case "openai_responses":
                items: Messages = [{"role": "assistant", "content": [{"type": "output_text", "text": text}]}] if text else []
                return items + [{"type": "function_call", "call_id": one.id, "name": one.name, "arguments": one.arguments} for one in calls]
            case _:
                parts: Messages = [{"text": text}] if text else []
                return [
                    {
                        "role": "model",
                        "parts": parts + [{"functionCall": {"name": one.name, "args": json.loads(one.arguments)}} for one in calls],
                    }
                ]

    def body(self, messages: Messages, system: str = "You are a helpful assistant.") -> bytes:
        """A request with these messages."""
        match self.wire.name:
            case "anthropic":
                tree: dict[str, Any] = {"model": "m", "max_tokens": 1024, "system": system, "messages": messages}
            case "openai_chat":
                tree = {"model": "m", "messages": [{"role": "system", "content": system}, *messages]}
            case "openai_responses":
                tree = {"model": "m", "instructions": system, "input": messages}
            case _:
                tree = {"systemInstruction": {"parts": [{"text": system}]}, "contents": messages}
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


class Cost(Struct, frozen=True):
    """One exchange. `up_ms`: until the request could go upstream. `wall_ms`: all that was added, answer included. `cpu_ms`: of the event
    loop's thread. `sent`: what went up. `said`: the answer as the client got it.
    """

    up_ms: float
    wall_ms: float
    cpu_ms: float
    sent: bytes
    said: Reply
    conversation: str


class House:
    """An engine and a port's house, driven as the door drives them, on a database in `folder`."""

    def __init__(self, folder: Path, window: int, marker: str = "auto", vectors: str = "none") -> None:
        url = f"sqlite:///{folder / 'memory.db'}"
        self.config = Config(
            storage=Storage(url=url),
            compaction=Compaction(context_window=window),
            vectors=Vectors(model=vectors),  # type: ignore[arg-type]
            marker=marker,  # type: ignore[arg-type]
        )

    async def start(self) -> None:
        """Open what the proxy opens, but no port."""
        self.engine = await Engine.open(self.config)
        self.house = PortHouse(self.config, self.engine, "http://127.0.0.1:9", "")

    async def stop(self) -> None:
        """Store what is pending and close."""
        await self.engine.close()

    async def ask(self, client: Client, body: bytes, reply: Reply, *headers: tuple[bytes, bytes]) -> Cost:
        """One exchange with a provider that gives this reply at once."""
        answer = client.wire.write(reply, False)
        head = Head("POST", client.path, "", ((b"Host", b"localhost"), *headers))
        wall, cpu = time.perf_counter(), time.thread_time()
        planned = self.house.plan(head, body)
        plan = planned if isinstance(planned, Plan) else await planned
        up = time.perf_counter()
        tap, said, conversation = plan.tap, answer, ""
        if tap is not None:
            mode, added = tap.begin(200, ((b"content-type", b"application/json"),))
            if mode == "whole":
                said = tap.whole(answer)
            else:
                tap.chunk(answer)
            tap.acknowledge()
            tap.over("complete", 200, len(body), len(answer))
            conversation = dict(added).get(b"X-VC-Conversation", b"").decode()
        ended, used = time.perf_counter(), time.thread_time()
        sent = body if plan.body is None else plan.body
        read = client.wire.reply(said)
        return Cost((up - wall) * 1000, (ended - wall) * 1000, (used - cpu) * 1000, sent, read, conversation)


@asynccontextmanager
async def running(window: int = 120_000) -> AsyncIterator[House]:
    """A house on a database of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), window)
        await house.start()
        try:
            yield house
        finally:
            await house.stop()


class Look:
    """A second pair of eyes on the database, as another process has them."""

    def __init__(self, house: House) -> None:
        self._store: Store = open_store(house.config.storage.url)

    def rows(self, table: str) -> int:
        """How many rows there are."""
        return self._store.counts()[table]

    async def until(self, done: Callable[[], bool], seconds: float, pause_s: float = 0.05) -> float:
        """Wait until that is so; how long it took, in seconds. Raises TimeoutError."""
        started = time.perf_counter()
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(done):  # noqa: ASYNC110 (another process's rows: there is no event)
                await asyncio.sleep(pause_s)
        return time.perf_counter() - started

    def close(self) -> None:
        """No more looking."""
        self._store.close()


def part(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n\n| " + " | ".join(columns) + " |")
    print("|" + "|".join("---" if not place else "---:" for place in range(len(columns))) + "|")
    for row in rows:
        print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) + " |", flush=True)


def bounded(main: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Run to the end, and no longer than this."""

    async def run() -> None:
        async with asyncio.timeout(seconds):
            await main()

    asyncio.run(run())


__all__ = [
    "PATHS",
    "WIRE",
    "Client",
    "Cost",
    "House",
    "Look",
    "Messages",
    "Talk",
    "Wire",
    "bounded",
    "part",
    "running",
    "says",
    "table",
]
