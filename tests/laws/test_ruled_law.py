"""Law: what the user has ruled last is in the payload after each of a client's summaries, however often it sums up and whatever its model
has repeated; recall does not take its room."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from tests.laws.test_summed_law import NAME, OPENING, ORDER
from tests.relay.world import Received
from tests.rig import PATHS, asking, reply, rig, said, settings
from tests.stages.world import Chat

WIRES = tuple(PATHS)
SYLLABLES = ("bar", "tel", "mon", "ruk", "siv", "pol", "dan", "est", "ild", "umo", "ek", "ora")
TURNS = 14


def words(dice: random.Random, count: int) -> str:
    """So many words that hardly come twice."""
    return " ".join("".join(dice.choices(SYLLABLES, k=3)) for _ in range(count))


@pytest.mark.parametrize("echoes", [False, True], ids=["", "the model repeats it"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_the_user_ruled_last_goes_along_with_each_summary(tmp_path: Path, wire: str, echoes: bool) -> None:
    dice = random.Random(f"{wire} {echoes}")
    told = [""]

    def provider(received: Received) -> bytes:
        return reply(said(wire, told[0]))

    async def work() -> None:
        async with rig(settings(tmp_path), provider) as one:
            rules: list[str] = []
            chat: Chat = []
            for summary in range(4):
                tool, other, place = (words(dice, 1) for _ in range(3))
                ruled = {
                    3: f"Decision: we will use {tool} instead of {other}.",
                    6: f"Constraint: never touch the folder {place} of this farm.",
                }
                for number in range(TURNS):
                    asks = f"What about {words(dice, 2)}, please?" if number % 4 == 1 else f"Here is more. {words(dice, 120)}."
                    text = ruled.get(number, asks)
                    told[0] = f"Understood. {text}" if echoes and number in ruled else f"Right. {words(dice, 40)}."
                    chat.append(("user", text))
                    await one.ask(PATHS[wire], asking(wire, chat), NAME)
                    chat.append(("assistant", told[0]))
                rules += [tool, place]
                told[0] = f"Summary: 1. Primary request: talk of things, part {summary}."
                await one.ask(PATHS[wire], asking(wire, [*chat, ("user", ORDER)]), NAME)
                if summary == 1:
                    await one.restart()
                chat = [("user", f"{OPENING}{told[0]}\nPlease go on from where we left it off.")]
                told[0] = "Going on."
                await one.ask(PATHS[wire], asking(wire, chat), NAME)
                went = one.sent.body.decode()
                newest = rules[-4:] if summary < 2 else rules[-2:]  # once a cent is spent, a small request has room for some lines
                assert [rule for rule in newest if rule not in went] == [], f"after summary {summary}: {json.dumps(went)[-900:]}"
                chat.append(("assistant", told[0]))
            assert not one.failures()

    asyncio.run(work())
