"""How well a provider's prompt cache would fare: what share of each payload the next one begins with.

    python -m benchmarks.append_only [--turns 60] [--small 6000]

A chat and a tool loop in each wire, through the whole memory, in a default window and in one that is outgrown. A payload is its system
prompt and its messages in order, as they went upstream; tokens are those of o200k_base. 1.00 means that the next payload only adds.
A fold is when the digest is replaced: there the payloads part by design.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from functools import cache
from itertools import pairwise

from backstory.core.document import Document
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from backstory.core.tokens import count
from backstory.memory.reading.fence import DIGEST_CLOSE, DIGEST_OPEN
from benchmarks.world import PATHS, Client, Talk, bounded, running, says, table

# Time for the digest that is made ahead: a provider takes longer to answer.
BREATH_S = 0.4


@cache
def tokens(piece: bytes) -> int:
    """Tokens of a message's bytes."""
    return count(piece.decode(errors="replace"))


def pieces(client: Client, body: bytes) -> list[bytes]:
    """System prompt and messages of a payload."""
    prompt = client.wire.read(Document(body), client.path)
    system = "\n".join(part.text for part in prompt.system if isinstance(part, Text))
    return [system.encode(), *map(bytes, prompt.items)]


def shared(old: bytes, new: bytes) -> int:
    """How many bytes two messages begin with alike."""
    return next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))


def share(before: list[bytes], after: list[bytes]) -> float:
    """The share of the tokens of `before` with which `after` begins."""
    same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            same += tokens(old[: shared(old, new)])
            break
        same += tokens(old)
    return same / sum(map(tokens, before))


def digest_of(body: bytes) -> bytes:
    """The digest in a payload, b"" for none."""
    start, stop = body.find(DIGEST_OPEN.encode()), body.find(DIGEST_CLOSE.encode())
    return body[start:stop] if start >= 0 else b""


async def chat(client: Client, window: int, turns: int) -> list[bytes]:
    """What goes up of a chat in which earlier facts are asked for."""
    talk = Talk(7)
    facts = [talk.fact(number) for number in range(turns)]
    messages, sent = [], []
    async with running(window) as house:
        for number in range(turns):
            asked = facts[talk.random.randrange(number)][1] if number and number % 3 == 0 else facts[number][0]
            messages += client.user(f"{talk.text(250)} {asked}")
            cost = await house.ask(client, client.body(messages), says(talk.text(400)))
            sent.append(cost.sent)
            messages += client.back(cost.said)
            await asyncio.sleep(BREATH_S)
    return sent


async def tools(client: Client, window: int, steps: int) -> list[bytes]:
    """What goes up of an agent's loop: a tool call and its result each step, a word of the human every 20."""
    talk = Talk(8)
    messages, sent = client.user("Find out why the build fails, and mend it. " + talk.text(300)), []
    async with running(window) as house:
        for step in range(steps):
            call = ToolCall(f"call_{step}", "look", json.dumps({"path": talk.text(20)}))
            last = step % 20 == 19
            reply = says(talk.text(300)) if last else Reply((Text(talk.text(80)), call), "tool_calls")
            cost = await house.ask(client, client.body(messages), reply)
            sent.append(cost.sent)
            messages += client.back(cost.said)
            messages += client.user("Go on with " + talk.text(60)) if last else client.result(f"call_{step}", talk.text(500))
            await asyncio.sleep(BREATH_S)
    return sent


def row(title: str, client: Client, sent: list[bytes]) -> tuple[object, ...]:
    """Shares of one conversation; folds by the payload (from 1) that brought a new digest, or the same for more messages."""
    read = [pieces(client, body) for body in sent]
    digests = [digest_of(body) for body in sent]
    shares = [share(before, after) for before, after in pairwise(read)]
    folds = [place for place in range(1, len(sent)) if digests[place] != digests[place - 1] or len(read[place]) < len(read[place - 1])]
    at_folds = [shares[place - 1] for place in folds]
    others = [one for place, one in enumerate(shares, 1) if place not in folds]
    largest = max(sum(map(tokens, payload)) for payload in read)
    least = min(others, default=1.0)
    where = others.index(least) if least < 0.995 else ""
    folded = ", ".join(str(place + 1) for place in folds) or "none"
    mean = f"{statistics.mean(at_folds):.2f}" if at_folds else ""
    return (title, largest, statistics.median(shares), min(shares), least, where, folded, mean)


async def main(turns: int, small: int, wires: list[str]) -> None:
    """All wires, both conversations, both windows, side by side."""
    kinds = [
        (wire, name, window, make) for wire in wires for name, make in (("chat", chat), ("tool loop", tools)) for window in (120_000, small)
    ]
    made = await asyncio.gather(*(make(Client(wire), window, turns) for wire, _, window, make in kinds))
    rows = [row(f"{wire}, {name}, window {window}", Client(wire), sent) for (wire, name, window, _), sent in zip(kinds, made, strict=True)]
    columns = ("", "largest payload", "median", "minimum", "minimum between folds", "there", "payloads that folded", "mean at folds")
    table(f"Share of tokens that the next of {turns} payloads begins with", columns, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60, help="exchanges of each conversation")
    parser.add_argument("--small", type=int, default=6000, help="the window that is outgrown, in tokens")
    parser.add_argument("--wires", nargs="*", default=list(PATHS), choices=list(PATHS))
    told = parser.parse_args()
    bounded(lambda: main(told.turns, told.small, told.wires), 600)
