"""`backstory demo`: the whole loop without a key and without a network.

A scripted provider, the proxy with a small window before it, and a long conversation that is resent in full with every message, as
clients do. At the end it asks for things that were said at the beginning, and shows what the client sent, what went upstream, and what
was recalled. The model is `provider.quoting`: it knows only what reaches it, so a right answer means that the line was there.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from backstory.app import logs
from backstory.app.faces import stored as faces
from backstory.app.provider import Received, ScriptedProvider, quoting, says, scripted
from backstory.app.server import Running, start
from backstory.config import Config, Log
from backstory.core.tokens import count
from backstory.errors import UpstreamError

WINDOW = 6000
BUDGET = 400
MODEL = "gpt-4o-mini"
QUESTIONS = (
    "Which electrician did our neighbour Joke recommend, and what does he take an hour?",
    "What is the cottage in Bunessan called?",
    "Which nuts is Ida allergic to?",
)
_LEAST_COLUMN = 30


class Line(Struct, frozen=True):
    """A message of the conversation."""

    role: str
    content: str


class Client(Protocol):
    """Something that asks for a chat completion."""

    async def ask(self, messages: Sequence[Line]) -> str:
        """The answer's text."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Asked(Struct, frozen=True):
    """One question: what the client sent, what reached the provider, and the answers with memory and without it."""

    question: str
    sent: tuple[Line, ...]
    received: Received
    answer: str
    without: str


def sample() -> list[Line]:
    """The bundled conversation: user and assistant in turn."""
    text = resources.files("backstory.app").joinpath("sample.jsonl").read_bytes()
    return msgspec.json.decode(b"[" + b",".join(text.splitlines()) + b"]", type=list[Line])


def run(keep: str = "") -> int:
    """Run it and print. `keep`: a folder in which the database stays; without it, it goes. The exit code: 0 where memory changed
    every answer."""
    logs.set_up(Log("warning", "text"))
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    folder = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="backstory-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_run(folder, bool(keep)))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(folder: Path, kept: bool) -> int:
    began = time.monotonic()
    lines = sample()
    provider = ScriptedProvider(scripted((says(line.content) for line in lines if line.role == "assistant"), quoting))
    await provider.start()
    config = _config(folder, provider.url)
    running = await start(config)
    try:
        asked = await _converse(lines, provider, running)
    finally:
        await running.stop()
        await provider.stop()
    _print_all(_report(asked, config))
    print(f"\n{len(lines) + 2 * len(asked)} messages in {time.monotonic() - began:.1f} s, without a key and without a network.")
    if kept:
        print(f'The conversation is kept: backstory conversations --storage "{config.storage.url}"')
    return 0 if all(one.answer != one.without for one in asked) else 1


def _config(folder: Path, upstream: str) -> Config:
    given = {
        "proxy.port": "0",
        "upstream.url": upstream,
        "upstream.proxy": "none",
        "storage.url": f"sqlite:///{(folder / 'demo.db').absolute().as_posix()}",
        "compaction.context_window": str(WINDOW),
        "recall.budget_tokens": str(BUDGET),
    }
    return Config.load(given, {"HOME": str(folder)}, folder)


async def _converse(lines: Sequence[Line], provider: ScriptedProvider, running: Running) -> list[Asked]:
    client = _client(f"http://127.0.0.1:{running.port}")
    direct = _client(provider.url)
    print(f"Replaying {len(lines)} messages through the proxy, with {type(client).__name__.strip('_')} as the client ...", flush=True)
    history: list[Line] = []
    asked: list[Asked] = []
    try:
        for line in lines:
            if line.role == "user":
                history.append(line)
                history.append(Line("assistant", await client.ask(history)))
        for question in QUESTIONS:
            history.append(Line("user", question))
            sent = tuple(history)
            answer = await client.ask(history)
            received = provider.received[-1]
            without = await direct.ask(_cut(history))
            asked.append(Asked(question, sent, received, answer, without))
            history.append(Line("assistant", answer))
    finally:
        await client.close()
        await direct.close()
    return asked


def _cut(history: Sequence[Line]) -> list[Line]:
    """What a client without memory keeps: the newest messages that fit the same window."""
    kept: list[Line] = []
    room = WINDOW
    for line in reversed(history):
        room -= count(line.content)
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]


# --- clients


def _client(url: str) -> Client:
    """The official SDK where it is installed, else a client of a few lines."""
    return OpenAISDK(url) if importlib.util.find_spec("openai") else BuiltIn(url)


class OpenAISDK:
    """The official OpenAI SDK, streaming."""

    def __init__(self, url: str) -> None:
        import openai  # noqa: PLC0415 - an extra, and half a second

        self._client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="no-key-needed", max_retries=0)

    async def ask(self, messages: Sequence[Line]) -> str:
        """See Client."""
        spoken: Any = [{"role": line.role, "content": line.content} for line in messages]
        stream = await self._client.chat.completions.create(model=MODEL, messages=spoken, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        return "".join(pieces)

    async def close(self) -> None:
        """See Client."""
        await self._client.close()


class BuiltIn:
    """One request, one connection, not streamed."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)

    async def ask(self, messages: Sequence[Line]) -> str:
        """See Client."""
        body = msgspec.json.encode({"model": MODEL, "messages": messages})
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status, _, _ = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
            length = len(body)
            answer = await reader.read()
        finally:
            writer.close()
        if b" 200 " not in status + b" ":
            raise UpstreamError(f"status {status.decode('latin-1')} for a request of {length} bytes")
        found = msgspec.json.decode(answer, type=_Completion)
        return found.choices[0].message.content

    async def close(self) -> None:
        """See Client."""


class _Choice(Struct):
    message: Line


class _Completion(Struct):
    choices: list[_Choice]


# --- what is printed


def _report(asked: Sequence[Asked], config: Config) -> Iterable[str]:
    store = faces.existing(config)
    try:
        record = store.conversation("", store.conversations(None, 1)[0][0].id)
        if record is None:
            return
        rows = {row.id: row for row in faces.story(store, record)}
        blocks = [block for block in store.injections(record.id) if block.turns]
    finally:
        store.close()
    width = max(_LEAST_COLUMN, (min(shutil.get_terminal_size().columns, 160) - 3) // 2)
    for one in asked:
        sent = [(line.role, line.content) for line in one.sent]
        arrived = [(message.role, message.text) for message in one.received.messages]
        arrived = [("system", one.received.system), *arrived] if one.received.system else arrived
        yield f"\n{'=' * (2 * width + 3)}\nQuestion: {one.question}\n\n"
        yield from _beside(_column("The client sent", sent), _column("The provider got", arrived), width)
        newest = arrived[-1][1]
        for block in blocks:
            if block.text in newest:
                told = [rows[turn] for turn in block.turns if turn in rows]
                yield f"\nRecalled ({block.tokens} tokens): " + ", ".join(f"turn {row.number}" for row in told) + "\n"
                yield from (f"  turn {row.number}, {row.speaker}: {textwrap.shorten(row.text, 2 * width - 20)}\n" for row in told[:3])
        yield f"\nAnswer with Backstory:        {faces.plain(one.answer).split('<!--')[0].strip()}\n"
        yield f"The same window, cut instead: {one.without}\n"


def _column(title: str, messages: Sequence[tuple[str, str]]) -> list[str]:
    tokens = sum(count(text) for _, text in messages)
    shown = [f"{title}: {len(messages)} messages, {tokens:,} tokens", ""]
    for place, (role, text) in enumerate(messages, 1):
        if place <= 3 or place > len(messages) - 3:
            shown.append(f"{place:>4} {role}: {' '.join(text.split())}")
        elif place == 4:
            shown.append(f"     ... {len(messages) - 6} more ...")
    return shown


def _beside(left: Sequence[str], right: Sequence[str], width: int) -> Iterable[str]:
    for place in range(max(len(left), len(right))):
        cells = [column[place] if place < len(column) else "" for column in (left, right)]
        first, second = (
            textwrap.wrap(faces.plain(cell), width, subsequent_indent="     ", max_lines=4, placeholder=" ...") or [""] for cell in cells
        )
        for row in range(max(len(first), len(second))):
            here = first[row] if row < len(first) else ""
            there = second[row] if row < len(second) else ""
            yield f"{here:<{width}} | {there}\n"


def _print_all(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
