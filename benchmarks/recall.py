"""Recall through the whole proxy, over HTTP: of a data set's questions, for how many does all the evidence reach the provider?

    python -m benchmarks.recall DATASET.json [--budgets 1000,8000] [--asks full,alone] [--conversations N]

The data set has the shape of `backstory bench recall`. Each conversation is held through a port of its own by a client of Chat Completions
that resends its whole history; then each question is asked behind that history (`full`) or by itself, with the conversation's id in the
header (`alone`). Window and `recall.budget_tokens` are the budget. A question counts where every evidence turn stands, word for word, in
what went up, and beside its own words no more went up than the budget. With vectors, the questions come when those of all turns are made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from backstory.app.bench import dataset
from backstory.app.bench.dataset import Talk
from backstory.app.bench.scores import Evidence, share
from backstory.app.server import start
from backstory.config import Config, Listener
from backstory.config.sections import Compaction, Recall, Storage, Upstream, Vectors
from backstory.core.tokens import count
from backstory.stores.database import open_store
from benchmarks.world import Client, Messages, bounded, says, table

_LIMIT_S = 14_400.0
_SETTLE_S = 3.0
_PAUSE_S, _VECTORS_S = 1.0, 900.0
_DEADLINE_MS = 20_000
_NAMED = "X-VC-Conversation"
_CLIENT = Client("openai_chat")


class Provider:
    """Gives the answer that is laid ready, and keeps the last request."""

    def __init__(self) -> None:
        self.answer = ""
        self.got: Messages = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                self.got = json.loads(await reader.readexactly(size))["messages"]
                said = _CLIENT.wire.write(says(self.answer), False)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Caller:
    """A client's connection to a port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, messages: Messages, conversation: str = "") -> tuple[str, str]:
        """The answer's text, and the conversation that it belongs to. Raises RuntimeError for any other status than 200."""
        body = _CLIENT.body(messages)
        named = f"{_NAMED}: {conversation}\r\n" if conversation else ""
        head = f"POST {_CLIENT.path} HTTP/1.1\r\nHost: localhost\r\n{named}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await self._reader.readexactly(int(fields["content-length"]))
        if " 200 " not in status:
            raise RuntimeError(f"{status}: {raw[:300]!r}")
        return json.loads(raw)["choices"][0]["message"]["content"], fields.get(_NAMED.lower(), "")

    def close(self) -> None:
        """No more asking."""
        self._writer.close()


async def _embedded(url: str, turns: int) -> None:
    """Wait until so many turns have vectors. Raises TimeoutError."""
    store = open_store(url)
    try:
        async with asyncio.timeout(_VECTORS_S):
            while (await asyncio.to_thread(store.counts))["vectors"] < turns:  # noqa: ASYNC110 (made in the background: there is no event)
                await asyncio.sleep(_PAUSE_S)
    finally:
        store.close()


def exchanges(talk: Talk) -> list[tuple[str, str]]:
    """The conversation as a model has it: what the first speaker says, and what the others answer. Speakers are named, and days."""
    first = talk.turns[0].speaker if talk.turns else ""
    said: list[tuple[bool, str]] = []
    day: str | float = ""
    for turn in talk.turns:
        text = turn.text if turn.role or turn.speaker.lower() in {"user", "assistant"} else f"{turn.speaker}: {turn.text}"
        if turn.time and turn.time != day:
            text, day = f"[{turn.time}] {text}", turn.time
        user = turn.role == "user" if turn.role else turn.speaker == first
        if said and said[-1][0] == user:
            said[-1] = user, f"{said[-1][1]}\n{text}"
        else:
            said.append((user, text))
    if said and not said[0][0]:
        said.insert(0, (True, "Hello."))
    if len(said) % 2:
        said.append((False, "I see."))
    return [(asked, answered) for (_, asked), (_, answered) in zip(said[::2], said[1::2], strict=True)]


def beside(messages: Messages) -> str:
    """All text of a request but its system prompt."""
    told = [_text(message["content"]) for message in messages if message["role"] not in {"system", "developer"}]
    return "\n".join(told)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content or ())


async def measured(talk: Talk, budget: int, asks: list[str], model: str) -> dict[str, list[tuple[bool, int]]]:
    """For each way to ask: for each question with evidence, whether all of it went up within the budget, and how many tokens did."""
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=1 << 24)
    found: dict[str, list[tuple[bool, int]]] = {way: [] for way in asks}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'memory.db'}"
        running = await start(
            Config(
                storage=Storage(url=url),
                upstream=Upstream(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"),
                compaction=Compaction(context_window=budget),
                recall=Recall(budget_tokens=budget, deadline_ms=_DEADLINE_MS),
                vectors=Vectors(model=model),  # type: ignore[arg-type]
                listeners=(Listener("127.0.0.1", 0),),
            )
        )
        caller = Caller(*await asyncio.open_connection("127.0.0.1", running.port, limit=1 << 24))
        history: Messages = []
        conversation = ""
        for asked, answered in exchanges(talk):
            history += _CLIENT.user(asked)
            provider.answer = answered
            text, conversation = await caller.ask(history)
            history += _CLIENT.back(says(text))
        await asyncio.sleep(_SETTLE_S)
        if model != "none":
            await _embedded(url, len(history) - 1)
            # The old connection may have been closed for being idle.
            caller.close()
            caller = Caller(*await asyncio.open_connection("127.0.0.1", running.port, limit=1 << 24))
        evidence = Evidence(talk)
        provider.answer = "OK."
        for way in asks:
            for question in (one for one in talk.questions if one.evidence):
                new = _CLIENT.user(question.text)
                await (caller.ask([*history, *new]) if way == "full" else caller.ask(new, conversation))
                context = beside(provider.got)
                tokens = count(context) - count(question.text)
                found[way].append((evidence.found(question, context) and tokens <= budget, tokens))
        caller.close()
        await running.stop()
    server.close()
    return found


async def main() -> None:
    """Every budget, each conversation through a proxy of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help='a file, or "sample"')
    parser.add_argument("--budgets", default="1000,2000,4000,8000")
    parser.add_argument("--asks", default="full,alone")
    parser.add_argument("--conversations", type=int, default=0, help="only the first so many")
    parser.add_argument("--vectors", default="none", help="none, static or minilm")
    args = parser.parse_args()
    talks = dataset.load(args.dataset).conversations
    asks = args.asks.split(",")
    rows: list[list[object]] = []
    for budget in map(int, args.budgets.split(",")):
        every: dict[str, list[tuple[bool, int]]] = {way: [] for way in asks}
        for talk in talks[: args.conversations or None]:
            for way, found in (await measured(talk, budget, asks, args.vectors)).items():
                every[way] += found
        for way, found in every.items():
            one = share([hit for hit, _ in found])
            mean = sum(tokens for _, tokens in found) / max(1, len(found))
            rows.append([way, budget, one.percent, f"{one.low} to {one.high}", round(mean), one.questions])
    table("Evidence that reached the provider, %", ("asked", "budget", "all of it", "interval", "tokens", "questions"), rows)


if __name__ == "__main__":
    bounded(main, _LIMIT_S)
