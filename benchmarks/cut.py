"""What conversations cost through the proxy whose clients cut their own histories, beside what they cost without it.

    python -m benchmarks.cut [--quick] [--rules "Anthropic, 5 minutes"] [--turns 200] [--marks always]

Clients that keep their newest messages (10, 20 or 40), plain ones and agents with instructions and tools, and one that has its history
summed up whenever it has grown long. The direct bill is that of the requests as the client sends them. At worst: the saving so far, at the
moment when it is least. Found: of the questions for what the client does not send any more, the share whose answer went up (of one that
sums up: for what was said before its last summary).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import get_args

from msgspec import Struct

from backstory.app.house import PortHouse
from backstory.core.message import Text
from backstory.core.reply import Reply
from benchmarks.bill import RULES, Ask, Rules, Trace
from benchmarks.cost import Marks, Result, Run
from benchmarks.world import Client, Messages, Talk, bounded, table

_KEEPS, _TURNS = (10, 20, 40), (50, 200, 400)
_WINDOW = 60_000
# Claude Code's first words after it has summed up its history.
_SUMMED_UP = "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\n"
# A client that sums up does so at so many characters.
_LONG_CHARS = 120_000


class Wanted(Struct):
    """One request, and the word that answers it, "" where its client still has that, or asks nothing. `asked`: that word, and the turn in
    which it was said, -1 for none."""

    ask: Ask
    word: str
    asked: tuple[str, int] = ("", -1)


def sliding(client: Client, turns: int, keeps: int, seed: int, pause_every: int = 0) -> Iterator[Wanted]:
    """A person talks with a model, and asks at every fifth turn for what was said long ago; the client keeps its newest messages."""
    talk = Talk(seed)
    dice = talk.random
    facts = [talk.fact(number) for number in range(turns)]
    messages: Messages = []
    for number in range(turns):
        old = dice.randrange(number) if number > 3 and number % 5 == 0 else -1
        asked = facts[old][1] if old >= 0 else facts[number][0]
        question = client.user(f"{talk.text(dice.randint(80, 900))} {asked}")
        reply = Reply((Text(talk.text(dice.randint(500, 2600))),), "stop")
        sent = [*messages, *question][-(keeps - 1) :]
        away = pause_every and number % pause_every == pause_every - 1
        lacks = old >= 0 and 2 * (number - old) >= keeps
        word = facts[old][2] if old >= 0 else ""
        yield Wanted(Ask(sent, reply, 4000.0 if away else dice.uniform(16, 64)), word if lacks else "", (word, old))
        messages += [*question, *client.back(reply)]


def summing(client: Client, turns: int, seed: int) -> Iterator[Wanted]:
    """The same with a client that has its history summed up once it is long, and goes on from the summary."""
    talk = Talk(seed)
    messages: Messages = []
    begun = summed = 0
    for number, one in enumerate(sliding(client, turns, 2 * turns + 2, seed + 1)):
        new = one.ask.messages[begun:]
        messages += new
        begun += len(new) + 1
        word, old = one.asked
        yield Wanted(Ask(list(messages), one.ask.reply, one.ask.wait_s), word if old < summed else "")
        messages += client.back(one.ask.reply)
        if sum(len(str(message)) for message in messages) > _LONG_CHARS:
            summary = Reply((Text(talk.text(2500)),), "stop")
            ordered = "Your task is to create a detailed summary of the conversation so far, paying close attention to the user's requests."
            yield Wanted(Ask([*messages, *client.user(ordered)], summary, 10.0), "")
            text = "".join(part.text for part in summary.parts if isinstance(part, Text))
            messages = [*client.user(_SUMMED_UP + text), *client.back(Reply((Text("Understood."),), "stop"))]
            summed = number + 1


class CutRun(Run):
    """Counts how many answers went up, too."""

    def __init__(self, rules: Rules, trace: Trace, words: list[str], marks: Marks = "auto") -> None:
        super().__init__(rules, trace, marks)
        self.words = iter(words)
        self.asked = self.found = 0
        self.tokens = 0

    async def _send(self, house: PortHouse, payload: bytes, reply: Reply) -> None:
        before = self.through.last
        await super()._send(house, payload, reply)
        word = next(self.words)
        if word and self.through.last is not before:
            self.asked += 1
            self.found += word.encode() in self.through.last


def traces(client: Client, turns: list[int], quick: bool) -> Iterator[tuple[Trace, list[str]]]:
    """All conversations."""
    for count in turns:
        for keeps in _KEEPS:
            for agent in (False, True):
                made = list(sliding(client, count, keeps, 40 + keeps))
                name = f"{'agent' if agent else 'chat'}, {count} turns, keeps {keeps}"
                yield Trace(name, "", _WINDOW, agent, [one.ask for one in made]), [one.word for one in made]
        if not quick:
            made = list(sliding(client, count, 20, 71, 6))
            yield Trace(f"chat, {count} turns, keeps 20, pauses", "", _WINDOW, False, [one.ask for one in made]), [one.word for one in made]
            made = list(summing(client, count, 72))
            yield Trace(f"agent, {count} turns, sums up", "", _WINDOW, True, [one.ask for one in made]), [one.word for one in made]


async def main(quick: bool, names: list[str], turns: list[int], marks: Marks) -> None:
    """All conversations under all rules."""
    rows: list[tuple[object, ...]] = []
    results: list[Result] = []
    for rules in RULES:
        if names and rules.name not in names:
            continue
        for trace, words in traces(Client(rules.wire), turns, quick):
            run = CutRun(rules, trace, words, marks)
            one = await run.work()
            results.append(one)
            found = f"{100 * run.found / run.asked:.0f} % of {run.asked}" if run.asked else ""
            ratio = f"{one.told / (one.direct - one.through):.2f}" if abs(one.direct - one.through) > 0.005 * one.direct else ""
            cells = (f"{one.saved:.1f}", f"{one.worst:.1f}", ratio, f"{one.kept:.1f}", found)
            rows.append((f"{rules.name}: {trace.name}", one.direct, one.through, *cells))
            print(f"# {rows[-1]}", flush=True)
    columns = ("", "direct $", "through $", "saved %", "at worst %", "ledger / truth", "kept %", "found %")
    table("What conversations cost whose clients cut their histories", columns, rows)
    least = min(results, key=lambda one: one.saved)
    print(f"\nleast saved: {least.saved:.1f} % ({least.rules}: {least.trace}); at worst {min(one.worst for one in results):.1f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the clients that keep their newest messages")
    parser.add_argument("--rules", nargs="*", default=[], choices=[rules.name for rules in RULES])
    parser.add_argument("--turns", nargs="*", type=int, default=list(_TURNS))
    parser.add_argument("--marks", default="auto", choices=get_args(Marks), help="economy.cache_marks")
    told = parser.parse_args()
    bounded(lambda: main(told.quick, told.rules, told.turns, told.marks), 3000)
