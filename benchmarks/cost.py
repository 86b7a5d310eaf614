"""What conversations cost through the proxy, beside what they cost without it.

    python -m benchmarks.cost [--quick] [--rules "Anthropic, no marks"] [--marks always]

Each conversation is sent twice in simulated time: as the client sends it, and as it leaves the whole memory, to a provider that bills by
the prices and cache rules of providers/. Tokens are those of o200k_base; answers are the same for both. Kept: of the tokens of all
payloads that went up, the share with which the next one begins; and the mean of that share over the payloads. At worst: the saving so
far, at the moment when it is least. By choice: the same, without the moments after a change that the window forced: with this window the
direct request would not have been answered at all. Steady: nothing that memory makes ahead is waited for between two requests.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.engine import Engine
from backstory.app.house import PortHouse
from backstory.config import Config
from backstory.config.sections import Compaction, Economy, Recall, Storage
from backstory.core.exchange import Head
from backstory.core.message import Text, ToolCall
from backstory.core.plan import Plan
from backstory.core.reply import Reply
from backstory.core.tokens import count
from backstory.stages.shrink import Shrink
from benchmarks.bill import RULES, Provider, Rules, Trace, body, listed, traces
from benchmarks.world import Client, bounded, table

# Nothing goes there: a house knows a provider by its address.
_AT = {"anthropic": "https://api.anthropic.com"}
Marks: TypeAlias = Literal["auto", "always", "never"]
TARGETS = {"loop": 15.0, "chat": 40.0}


class Result(Struct, frozen=True):
    """One conversation under one set of rules. `told`: dollars saved, as the proxy's own ledger has it."""

    rules: str
    trace: str
    of: str
    direct: float
    through: float
    kept: float
    folds: int
    told: float
    even: float
    """Per cent of the payload before with which a payload begins, on average."""
    worst: float
    """Saved so far, in per cent of the direct cost so far, at the worst moment."""
    chosen: float
    """The same, at moments when the newest change of the prefix was no forced one."""

    @property
    def saved(self) -> float:
        """In per cent of the direct cost."""
        return 100 * (1 - self.through / self.direct) if self.direct else 0.0


class Run:
    """One conversation through a memory of its own."""

    def __init__(self, rules: Rules, trace: Trace, marks: Marks = "auto") -> None:
        """`marks`: economy.cache_marks."""
        self.marks = marks
        self.rules = rules
        self.trace = trace
        self.client = Client(rules.wire)
        self.now = 1_790_000_000.0
        self.direct, self.through = Provider(rules.wire), Provider(rules.wire)
        self.worst = self.chosen = 0.0
        self.forced = False
        self.before: tuple[int, int] = (0, 0)

    async def work(self) -> Result:
        """All of it."""
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'memory.db'}"
            # Time is simulated: a busy machine must not make memory late.
            config = Config(
                storage=Storage(url=url),
                compaction=Compaction(context_window=self.trace.window),
                recall=Recall(deadline_ms=60_000.0),
                economy=Economy(cache_marks=self.marks),
                marker="never",
            )
            engine = await Engine.open(config, lambda: self.now)
            if engine.opening.first is not None:
                await asyncio.wait({engine.opening.first})
            house = PortHouse(config, engine, _AT.get(self.rules.wire, "http://127.0.0.1:9"), "")
            for ask in self.trace.asks:
                self.now += ask.wait_s
                said = listed(ask.messages) if self.rules.wire == "anthropic" else ask.messages
                payload = body(self.client, self.rules, self.trace.agent, said)
                self.direct.ask(payload, self.rules.model, _size(ask.reply), self.now)
                await self._send(house, payload, ask.reply)
                if self.trace.steady:
                    await asyncio.sleep(0)
                else:
                    await _quiet(engine)
                saved = 100 * (1 - self.through.dollars / self.direct.dollars)
                self.worst = min(self.worst, saved)
                if not self.forced:
                    self.chosen = min(self.chosen, saved)
            told, folds = engine.economy.money.saved, engine.metrics.compactions
            await engine.close()
        kept = self.through.kept
        before, same = (sum(column) for column in zip(*kept, strict=True))
        return Result(
            self.rules.name,
            self.trace.name,
            self.trace.of,
            self.direct.dollars,
            self.through.dollars,
            100 * same / before,
            folds,
            told,
            100 * statistics.mean(same / before for before, same in kept),
            self.worst,
            self.chosen,
        )

    async def _send(self, house: PortHouse, payload: bytes, reply: Reply) -> None:
        """One exchange, as the door makes it."""
        path = self.client.path.replace("/m:", f"/{self.rules.model}:")
        planned = house.plan(Head("POST", path, "", ((b"Host", b"localhost"),)), payload)
        plan = planned if isinstance(planned, Plan) else await planned
        sent = payload if plan.body is None else plan.body
        usage = self.through.ask(sent, self.rules.model, _size(reply), self.now)
        answer = self.client.wire.write(replace(reply, usage=usage, model=self.rules.model), False)
        if plan.tap is not None:
            _, added = plan.tap.begin(200, ((b"content-type", b"application/json"),))
            self._look(dict(added).get(b"X-VC-Stats", b"").decode())
            plan.tap.chunk(answer)
            plan.tap.acknowledge()
            plan.tap.over("complete", 200, len(payload), len(answer))

    def _look(self, stats: str) -> None:
        """Whether this request changed the prefix because it would not have had room."""
        told = dict(pair.split("=") for pair in stats.split(",") if pair)
        came, sent = int(told.get("tokens_in", 0)), int(told.get("tokens_sent", 0))
        if told.get("cache_kept") == "0":
            self.forced = self.before[1] + came - self.before[0] > self.trace.window * Compaction().hard_threshold
        self.before = (came, sent)


def _size(reply: Reply) -> int:
    return sum(count(part.text if isinstance(part, Text) else part.arguments) for part in reply.parts if isinstance(part, Text | ToolCall))


async def _quiet(engine: Engine) -> None:
    """Until what is made ahead is made, and what was said is stored: a provider takes longer to answer."""
    shelf, lanes = engine._shelf, engine._lanes
    shrink = next(stage for stage in engine.pipeline.stages if isinstance(stage, Shrink))
    while shelf is not None and (shelf._folding or shrink._preparing):  # noqa: ASYNC110 (what is waited for has no event)
        await asyncio.sleep(0.002)
    if lanes is not None:
        await lanes.flush()


async def main(quick: bool, names: list[str], marks: Marks) -> None:
    """All conversations under all rules, and the targets."""
    results: list[Result] = []
    for rules in RULES:
        if names and rules.name not in names:
            continue
        for trace in traces(Client(rules.wire), quick):
            results.append(await Run(rules, trace, marks).work())
            print(f"# {results[-1].rules}, {results[-1].trace}: {results[-1].saved:.1f} %", flush=True)
    columns = ("", "direct $", "through $", "saved %", "at worst %", "by choice %", "the ledger says $", "kept %", "kept, mean %", "folds")
    rows = [
        (
            f"{one.rules}: {one.trace}",
            one.direct,
            one.through,
            *(f"{value:.1f}" for value in (one.saved, one.worst, one.chosen)),
            one.told,
            *(f"{value:.1f}" for value in (one.kept, one.even)),
            one.folds,
        )
        for one in results
    ]
    table("What conversations cost", columns, rows)
    worst = min(results, key=lambda one: one.saved)
    print(f"\nworst: {worst.saved:.2f} % ({worst.rules}: {worst.trace})")
    print(f"at worst: {min(one.worst for one in results):.1f} %, by choice: {min(one.chosen for one in results):.1f} %")
    print(f"kept: of tokens {min(one.kept for one in results):.1f} % at least, mean {min(one.even for one in results):.1f} % at least")
    for kind, target in TARGETS.items():
        saved = [one.saved for one in results if one.of == kind]
        if saved:
            print(f"{kind}: median {statistics.median(saved):.1f} % below direct, least {min(saved):.1f} % (target {target:.0f} %)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the shortest conversations only")
    parser.add_argument("--rules", nargs="*", default=[], choices=[rules.name for rules in RULES])
    parser.add_argument("--marks", default="auto", choices=get_args(Marks), help="economy.cache_marks")
    told = parser.parse_args()
    bounded(lambda: main(told.quick, told.rules, told.marks), 3000)
