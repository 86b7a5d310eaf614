"""What tool output costs, and what is saved of it.

    python -m benchmarks.tool_output [--steps 200] [--window 120000]

How long 1 MB of a tool's result takes to be put in a short form, by what it is, and whether that grows with its length. Then a tool loop
that outgrows its window, with stubs and without: how much of each payload the next one begins with (by tokens), how many tokens went
up in all, and the time until a request could go up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

from msgspec.structs import replace

from backstory.config.sections import ToolOutput
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from backstory.memory.shrinking.shrinkers import shrink
from benchmarks.append_only import BREATH_S, pieces, share, tokens
from benchmarks.world import Client, Talk, bounded, running, table

MB = 1_000_000
_BUDGET = 720
_DIFF = ("@@ -1 +1 @@", " same", "-old", "+new")


def kinds(dice: random.Random) -> dict[str, Callable[[int], str]]:
    """Texts of about so many characters: usual ones, and some that are meant to hurt."""

    def words(count: int) -> str:
        return " ".join(dice.choice(("deck", "hull", "sail", "rope", "error", "anchor")) for _ in range(count))

    def lines(size: int, make: Callable[[int], str]) -> str:
        made: list[str] = []
        left = size
        while left > 0:
            made.append(make(len(made)))
            left -= len(made[-1]) + 1
        return "\n".join(made)

    return {
        "source code": lambda size: lines(size, lambda n: f"{' ' * (n % 3 * 4)}value_{n} = compute({words(3)}, {n})"),
        "test log": lambda size: lines(size, lambda n: f"test deck::plank_{n} ... {'FAILED' if n % 997 == 996 else 'ok'}"),
        "build log": lambda size: lines(size, lambda n: f"   Compiling plank v0.{n}.0"),
        "log with times": lambda size: lines(size, lambda n: f"2026-11-02 10:00:{n % 60:02} INFO served {words(2)} in {n} ms"),
        "JSON": lambda size: json.dumps([{"id": n, "name": words(3), "ok": n % 7 != 0} for n in range(size // 55)]),
        "listing": lambda size: lines(size, lambda n: f"./src/part{n // 40}/module_{n}.py"),
        "diff": lambda size: (
            "diff --git a/x b/x\n--- a/x\n+++ b/x\n" + lines(size, lambda n: ("@@ -1 +1 @@", " same", "-old", "+new")[n % 4])
        ),
        "base64": lambda size: "QUJD" * (size // 4),
        "one line of prose": lambda size: words(size // 6),
        "hurting: newlines": lambda size: "\n" * size,
        "hurting: open escapes": lambda size: "\x1b[" * (size // 2),
        "hurting: brackets": lambda size: "[" * size,
        "hurting: half frames": lambda size: 'File "' * (size // 6),
        "hurting: redrawn lines": lambda size: "x\r" * (size // 2),
    }


def shorten() -> None:
    """1 MB of each kind, and a quarter of it."""
    rows = []
    for name, make in kinds(random.Random(3)).items():
        took = []
        for size in (MB // 4, MB):
            text = make(size)
            began = time.process_time()
            short = shrink(text, _BUDGET)
            took.append((time.process_time() - began) * 1000 * MB / len(text))
        rows.append((name, took[1], took[1] / max(took[0], 0.01), len(short)))
    table("A result of 1 MB in short form", ("", "ms for 1 MB", "times a MB of 250 KB", "characters left"), rows)


def result(talk: Talk, step: int) -> tuple[str, str]:
    """What is called at this step, and what comes back: files (some again and again), listings, test runs."""
    match step % 4:
        case 0 | 2:
            text = "\n".join(f"{number:>4}  {talk.text(60)}" for number in range(60))
            return json.dumps({"path": f"src/module_{talk.random.randrange(30)}.py"}), text
        case 1:
            passed = "\n".join(f"tests/test_{number}.py {'.' * 20} [{number:>3}%]" for number in range(90))
            return json.dumps({"command": "pytest -q"}), f"{passed}\n1800 passed in 3.1s"
        case _:
            found = "\n".join(f"./src/part{number // 20}/{talk.text(12).strip('.')}.py" for number in range(120))
            return json.dumps({"pattern": talk.text(10)}), found


async def loop(window: int, steps: int, enabled: bool) -> tuple[object, ...]:
    """One loop. A provider's answer takes longer than the pause here."""
    client, talk = Client("anthropic"), Talk(8)
    messages, sent, asked, up_ms, moved = client.user("Find out why the build fails, and mend it."), [], 0, [], 0
    async with running(window) as house:
        await house.stop()
        house.config = replace(house.config, tool_output=ToolOutput(enabled=enabled))
        await house.start()
        for step in range(steps):
            arguments, text = result(talk, step)
            name = ("read", "run", "read", "find")[step % 4]
            reply = Reply((Text(talk.text(80)), ToolCall(f"call_{step}", name, arguments)), "tool_calls")
            body = client.body(messages)
            cost = await house.ask(client, body, reply)
            sent.append(cost.sent)
            up_ms.append(cost.up_ms)
            asked += sum(map(tokens, pieces(client, body)))
            messages += client.back(cost.said)
            messages += client.result(f"call_{step}", text)
            await asyncio.sleep(BREATH_S / 8)
        moved = house.engine.metrics.compactions
    read = [pieces(client, body) for body in sent]
    weights = [sum(map(tokens, one)) for one in read]
    kept = sum(share(old, new) * weight for (old, new), weight in zip(pairwise(read), weights, strict=False)) / sum(weights[:-1])
    stubs = sent[-1].count(b"[left out: ")
    name = "with stubs" if enabled else "folds alone"
    return name, kept, sum(weights) / asked, moved, stubs, statistics.median(up_ms), max(up_ms)


async def main(window: int, steps: int) -> None:
    """Both tables."""
    shorten()
    rows = [await loop(window, steps, enabled) for enabled in (True, False)]
    columns = ("", "prefix kept", "sent of what was asked", "folds", "stubs in the last", "ms until up, median", "most")
    table(f"A tool loop of {steps} steps, window {window}", columns, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200, help="steps of the tool loop")
    parser.add_argument("--window", type=int, default=120_000, help="the window, in tokens")
    told = parser.parse_args()
    bounded(lambda: main(told.window, told.steps), 900)
