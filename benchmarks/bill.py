"""A provider that charges: a prompt cache with the rules of a tariff, over the bytes it receives, in simulated time. And conversations
to send to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from xxhash import xxh3_128_digest

from backstory.core.document import Document
from backstory.core.layout import Layouts
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.tariff import Tariff
from backstory.core.tokens import count
from backstory.providers.caching import Tariffs
from benchmarks.world import PATHS, WIRE, Client, Messages, Talk

PRICES = Tariffs()
# Longer than any cache lives that does not live for a day.
_AWAY_S = 4000.0
# What the client sends along with every request: instructions and the definitions of its tools.
_SYSTEM_CHARS, _TOOLS = 12_000, 24


class Piece(Struct, frozen=True):
    """Of a payload what is cached as one. `marked`: something is kept that ends here. `plain`: its bytes without marks."""

    digest: bytes
    tokens: int
    marked: bool
    plain: bytes


class Provider:
    """One account at a provider: `ask` tells what a request is billed. Where clients mark what is to be cached, an entry is written where a
    mark stands, and looked for at each mark and `_BACK` blocks before it; what stands behind the last mark is paid as input. Elsewhere what
    two payloads begin with is found, to the token. A look-up refreshes."""

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self._entries: dict[bytes, float] = {}
        self._bodies: dict[bytes, dict[bytes, float]] = {}
        self.dollars = 0.0
        self.before: list[Piece] = []
        self.kept: list[tuple[int, int]] = []
        """For each payload but the first: tokens of the one before, and with how many of them it begins."""
        self.last = b""

    def ask(self, body: bytes, model: str, output: int, now: float) -> Usage:
        """Bill one request."""
        self.last = body
        tariff = PRICES.of(self.wire, model, body)
        pieces = pieces_of(body, self.wire, PATHS[self.wire])
        size = sum(one.tokens for one in pieces)
        cached, end = (self._marked if tariff.marked else self._unmarked)(pieces, tariff, now)
        usage = _usage(tariff, size, end, cached, output)
        self.dollars += tariff.cost(usage)
        self._compare(pieces)
        return usage

    def _marked(self, pieces: list[Piece], tariff: Tariff, now: float) -> tuple[int, int]:
        """How many tokens are found, and how many are in front of the last mark."""
        place, at, places, ends = b"", 0, [], []
        for one in pieces:
            place = xxh3_128_digest(place + one.digest)
            at += one.tokens
            places.append(place)
            ends.append(at)
        marks = [index for index, one in enumerate(pieces) if one.marked]
        looked = {index for mark in marks for index in range(max(0, mark - _BACK), mark + 1)}
        found = max((index for index in looked if self._entries.get(places[index], -1.0) >= now), default=-1)
        kept = [index for index in marks if ends[index] >= tariff.least]
        self._entries.update({places[index]: now + tariff.ttl_s for index in {*kept, found} if index >= 0})
        return ends[found] if found >= 0 else 0, ends[marks[-1]] if marks else 0

    def _unmarked(self, pieces: list[Piece], tariff: Tariff, now: float) -> tuple[int, int]:
        """The same without marks: all that two payloads begin with is found."""
        place, at, cached = b"", 0, -1
        for one in pieces:
            known = self._bodies.setdefault(place, {})
            if cached < 0 and known.get(one.plain, -1.0) < now:
                alike = max((_alike(one.plain, old) for old, until in known.items() if until >= now), default=0)
                cached = at + (count(one.plain[:alike].decode("utf-8", "ignore")) if alike else 0)
            known[one.plain] = now + tariff.ttl_s
            place = xxh3_128_digest(place + one.digest)
            at += one.tokens
        return (at if cached < 0 else cached), at

    def _compare(self, pieces: list[Piece]) -> None:
        if self.before:
            same = 0
            for old, new in zip(self.before, pieces, strict=False):
                if old.digest != new.digest:
                    break
                same += old.tokens
            self.kept.append((sum(one.tokens for one in self.before), same))
        self.before = pieces


def _alike(one: bytes, other: bytes) -> int:
    """With how many bytes both begin."""
    return next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))


def _usage(tariff: Tariff, size: int, end: int, cached: int, output: int) -> Usage:
    read = int(tariff.hit(end, cached))
    written = end - read if tariff.caches and end >= tariff.least and tariff.write > tariff.input else 0
    return Usage(size, output, read, written, written if tariff.ttl_s == 3600 and tariff.write > tariff.input else 0)


def pieces_of(body: bytes, wire: str, path: str) -> list[Piece]:
    """What a payload consists of, in the order in which providers cache it."""
    document = Document(body, _LAYOUTS)
    prompt = WIRE[wire].read(document, path)
    at = body.find(b'"' + str(prompt.items_at[0]).encode() + b'":')
    first = prompt.items[0] if prompt.items else b""
    start = body.find(bytes(first), at)
    ahead = body[:start] + body[start + sum(map(len, prompt.items)) + len(prompt.items) - 1 :]
    whole = wire == "anthropic" and document.has(("cache_control",))
    found = [_piece(ahead.replace(_WHOLE, b"") if whole else ahead)]
    for item in prompt.items:
        found += _blocks(bytes(item)) if wire == "anthropic" else (_piece(bytes(item)),)
    # A mark of the request is one at its last block.
    return [*found[:-1], replace(found[-1], marked=True)] if whole else found


def _blocks(raw: bytes) -> tuple[Piece, ...]:
    """The blocks of a message, each with its role; each message is looked at once."""
    found = _MESSAGES.get(raw)
    if found is None:
        message = msgspec.json.decode(raw)
        said = message["content"]
        blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said
        found = _MESSAGES[raw] = tuple(_piece(msgspec.json.encode({"role": message["role"], "content": [one]})) for one in blocks)
    return found


def _piece(raw: bytes) -> Piece:
    """By the bytes without their marks; each is looked at once."""
    found = _PIECES.get(raw)
    if found is None:
        plain = _MARK.sub(b"", raw)
        found = _PIECES[raw] = Piece(xxh3_128_digest(plain), count(plain.decode()), plain != raw, plain)
    return found


_MARK = re.compile(rb',"cache_control":\{[^{}]*\}')
_WHOLE = b',"cache_control":{"type":"ephemeral"}'
_BACK = 20
_PIECES: dict[bytes, Piece] = {}
_MESSAGES: dict[bytes, tuple[Piece, ...]] = {}
_LAYOUTS = Layouts(7)


class Rules(Struct, frozen=True):
    """One way to be charged. `ttl`: of Anthropic's marks, "" for no marks at all."""

    name: str
    wire: str
    model: str
    ttl: str = ""


RULES = (
    Rules("Anthropic, 5 minutes", "anthropic", "claude-sonnet-4-5", "5m"),
    Rules("Anthropic, 1 hour", "anthropic", "claude-sonnet-4-5", "1h"),
    Rules("Anthropic, no marks", "anthropic", "claude-sonnet-4-5"),
    Rules("OpenAI, half price", "openai_chat", "gpt-4o"),
    Rules("OpenAI, a tenth", "openai_chat", "gpt-5.2"),
    Rules("OpenAI, writes cost", "openai_chat", "gpt-5.6-sol"),
    Rules("Gemini, implicit", "gemini", "gemini-2.5-pro"),
)


class Ask(Struct):
    """One request of a trace: the history as the client has it, the answer, and how long the client waited before it asked."""

    messages: Messages
    reply: Reply
    wait_s: float = 8.0


class Trace(Struct, frozen=True):
    """A conversation. `window`: what the proxy is set to; the provider's own is larger. `of`: the kind that a target is about."""

    name: str
    of: str
    window: int
    agent: bool
    asks: list[Ask] = field(default_factory=list)
    steady: bool = False
    """The next request is sent as soon as an answer is there, whatever memory still has to do."""


@cache
def system(agent: bool) -> str:
    """Instructions of a coding agent, or of a plain assistant."""
    return Talk(3).text(_SYSTEM_CHARS) if agent else "You are a helpful assistant."


@cache
def tools(wire: str) -> Any:
    """The definitions of an agent's tools."""
    talk = Talk(4)
    listed = [(f"tool_{number}", talk.text(600)) for number in range(_TOOLS)]
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    match wire:
        case "anthropic":
            return [{"name": name, "description": text, "input_schema": schema} for name, text in listed]
        case "gemini":
            return [{"functionDeclarations": [{"name": name, "description": text, "parameters": schema} for name, text in listed]}]
        case _:
            return [{"type": "function", "function": {"name": name, "description": text, "parameters": schema}} for name, text in listed]


def body(client: Client, rules: Rules, agent: bool, messages: Messages) -> bytes:
    """The request as a client of this wire sends it, with its marks where it makes any: behind the instructions and at the end."""
    tree: dict[str, Any] = msgspec.json.decode(client.body([], system(agent)))
    tree["model"] = rules.model
    if agent:
        tree["tools"] = tools(rules.wire)
    if rules.ttl:
        mark = {"cache_control": {"type": "ephemeral", **({"ttl": "1h"} if rules.ttl == "1h" else {})}}
        tree["system"] = [{"type": "text", "text": tree["system"], **mark}]
        sent = [*messages[:-1], {**messages[-1], "content": [*messages[-1]["content"][:-1], {**messages[-1]["content"][-1], **mark}]}]
    else:
        sent = messages
    name = "contents" if rules.wire == "gemini" else "messages"
    tree[name] = [*tree.pop(name), *sent]
    return msgspec.json.encode(tree)


def listed(messages: Messages) -> Messages:
    """Contents of text as lists of parts, as clients that mark send them."""
    return [
        {**one, "content": [{"type": "text", "text": one["content"]}]} if isinstance(one.get("content"), str) else one for one in messages
    ]


def loop(client: Client, steps: int, seed: int, scale: float = 1.0) -> Iterator[Ask]:
    """An agent's coding session: files read, edited and tested, a word of the human now and then. `scale`: of what the tools give back."""
    talk = Talk(seed)
    dice = talk.random
    messages = client.user("Find out why the build fails, and mend it. " + talk.text(800))
    for step in range(steps):
        if step % 45 == 44:
            reply = Reply((Text(talk.text(900)),), "stop")
            yield Ask(list(messages), reply, dice.uniform(4, 20))
            messages += [*client.back(reply), *client.user("Go on with the next part: " + talk.text(300))]
            continue
        kind = dice.choices(("read", "edit", "test", "search"), (4, 3, 2, 2))[0]
        size = {"read": dice.randint(2500, 11_000), "edit": 150, "test": dice.randint(600, 6000), "search": dice.randint(400, 3000)}[kind]
        arguments = {"path": f"src/{talk.text(12).replace(' ', '_')}.py"}
        if kind == "edit":
            arguments |= {"old": talk.text(dice.randint(150, 900)), "new": talk.text(dice.randint(150, 1200))}
        call = ToolCall(f"call_{step}", kind, json.dumps(arguments))
        reply = Reply((Text(talk.text(dice.randint(60, 240))), call), "tool_calls")
        yield Ask(list(messages), reply, dice.uniform(3, 25))
        messages += [*client.back(reply), *client.result(f"call_{step}", talk.text(int(scale * size)))]


def chat(
    client: Client, turns: int, seed: int, wait_s: float = 40.0, pause_every: int = 0, branch: int = 0, scale: float = 1.0
) -> Iterator[Ask]:
    """A person talks with a model, and asks now and then for what was said long ago. `pause_every`: so often they are away for a while.
    `branch`: so often the last question is edited, and asked again. `scale`: of the length of messages."""
    talk = Talk(seed)
    dice = talk.random
    facts = [talk.fact(number) for number in range(turns)]
    messages: Messages = []
    for number in range(turns):
        asked = facts[dice.randrange(number)][1] if number > 3 and number % 5 == 0 else facts[number][0]
        question = client.user(f"{talk.text(int(scale * dice.randint(80, 900)))} {asked}")
        reply = Reply((Text(talk.text(int(scale * dice.randint(500, 2600)))),), "stop")
        away = pause_every and number % pause_every == pause_every - 1
        yield Ask([*messages, *question], reply, _AWAY_S if away else dice.uniform(0.4, 1.6) * wait_s)
        if branch and number % branch == branch - 1:
            question = client.user(f"{talk.text(int(scale * dice.randint(80, 900)))} In other words: {asked}")
            reply = Reply((Text(talk.text(int(scale * dice.randint(500, 2600)))),), "stop")
            yield Ask([*messages, *question], reply, dice.uniform(10, 40))
        messages += [*question, *client.back(reply)]


_FILLER = (
    "Some plain filler about nothing much number {}: the weather was grey, the tea was warm, the bus was late and the radio played an old "
    "song again while we waited for the kettle. "
)
_ABOUT = ("parrots", "bridges", "violins", "taxes", "tomatoes", "railways")


def alike(client: Client, turns: int, wait_s: float = 0.05) -> Iterator[Ask]:
    """Messages that say nearly the same, so that each finds the others; no pause between two."""
    messages: Messages = []
    for number in range(turns):
        question = client.user(f"Message {number} about {_ABOUT[number % 3]}: " + 6 * _FILLER.format(number))
        reply = Reply((Text(f"ok {number}"),), "stop")
        yield Ask([*messages, *question], reply, wait_s)
        messages += [*question, *client.back(reply)]


def logs(client: Client, turns: int, seed: int, wait_s: float = 0.05) -> Iterator[Ask]:
    """The log of a failed run with each message; no pause between two."""
    dice = Talk(seed).random
    messages: Messages = []
    for number in range(turns):
        lines = [
            f"2026-11-{dice.randint(1, 28):02} 10:{dice.randint(0, 59):02}:{dice.randint(0, 59):02} ERROR worker-{dice.randint(1, 9)}: "
            f"job {dice.randint(1000, 9999)} failed with code {dice.randint(1, 9)} while parsing {dice.choice(_ABOUT)}"
            for _ in range(25)
        ]
        asked = f"The nightly run failed again, what is wrong with {_ABOUT[number % 6]} this time?"
        question = client.user("\n".join([asked, *lines]))
        reply = Reply((Text(f"ok {number}"),), "stop")
        yield Ask([*messages, *question], reply, wait_s)
        messages += [*question, *client.back(reply)]


def traces(client: Client, quick: bool) -> Iterator[Trace]:
    """All conversations. `quick`: the shortest of each kind."""
    for place, steps in enumerate((100,) if quick else (100, 150, 200, 250, 300)):
        yield Trace(f"coding loop, {steps} steps", "loop", 120_000, True, list(loop(client, steps, 10 + place)))
    yield Trace("chat, 400 turns", "chat", 60_000, False, list(chat(client, 400, 21)))
    if not quick:
        yield Trace("chat, 400 turns, unhurried", "chat", 60_000, False, list(chat(client, 400, 22, 400.0)))
        yield Trace("chat, 400 turns, half as long", "", 60_000, False, list(chat(client, 400, 27, scale=0.5)))
        yield Trace("tool loop, 200 steps, small results", "", 120_000, True, list(loop(client, 200, 28, scale=0.4)))
        yield Trace("chat, 300 turns, pauses", "", 60_000, False, list(chat(client, 300, 23, pause_every=12)))
        yield Trace("chat, 200 turns, branches", "", 60_000, False, list(chat(client, 200, 24, branch=7)))
        yield Trace("coding loop, 40 steps", "", 120_000, True, list(loop(client, 40, 25)))
    yield Trace("chat, 150 turns that are alike, steady, small window", "", 16_000, False, list(alike(client, 150)), True)
    yield Trace("chat, 120 turns with logs, steady", "", 60_000, False, list(logs(client, 120, 29)), True)
    yield Trace("chat, 12 turns", "", 60_000, False, list(chat(client, 12, 26)))
