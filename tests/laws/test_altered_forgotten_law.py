"""Law: what was forgotten, or asked past memory, does not come back though its client has the answers around it in another form; and
conversations of which nothing was forgotten go on as ever beside those of which something was.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backstory.core.store import Store
from backstory.wires import WIRES
from tests.laws.altering import FORMS, Client, said
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored

OFF = b"X-VC-Memory: off"
STEPS = ("say", "say", "say", "say", "forget", "off", "restart")
_WIRES = [wire.name for wire in WIRES if wire.name in PATHS]


class Talk:
    """One client. `asked`: words of its own, one in each question and in the answer to it; `thinned`: whether some were forgotten."""

    def __init__(self, wire: str, form: str) -> None:
        self.client, self.form = Client(wire, "You help."), form
        self.names: list[str] = []
        self.asked: list[str] = []
        self.thinned = False


class World:
    def __init__(self, one: Rig, queue: list[bytes], dice: random.Random) -> None:
        self.one, self.queue, self.dice = one, queue, dice
        self.count = 0
        self.gone: set[str] = set()

    async def say(self, talk: Talk, *headers: bytes) -> str:
        self.count += 1
        word = f"zq{self.count * 7919}qz"
        talk.client.ask(f"This is what I ask about {word}, and about nothing else.")
        answer = said(self.dice, self.count, False, word)
        self.queue.append(reply(talk.client.answer(answer, self.count)))
        body = talk.client.body()
        head, _ = await self.one.ask(PATHS[talk.client.wire], body, *headers)
        assert not [gone for gone in self.gone if self.one.sent.body.count(gone.encode()) > body.count(gone.encode())]
        talk.client.hear(answer, FORMS[talk.form])
        if not headers:
            talk.names.append(conversation(head))
            talk.asked.append(word)
        return word

    async def step(self, name: str, talk: Talk) -> None:
        match name:
            case "restart":
                await self.one.restart()
            case "off":
                self.gone.add(await self.say(talk, OFF))
                talk.thinned = True
            case "forget":
                left = [word for word in talk.asked if word not in self.gone]
                if left:
                    await self.forget(self.dice.choice(left))
                    talk.thinned = True
            case _:
                await self.say(talk)
                assert talk.thinned or len(set(talk.names)) == 1, "nothing of it was forgotten"

    async def forget(self, word: str) -> None:
        def work(store: Store) -> None:
            for record, _ in store.conversations(None, 99):
                turns = store.turns(record.id)
                if found := [turn.id for turn in turns if word in turn.text]:
                    store.forget(record.principal, record.id, found, 2e9)

        await stored(self.one, work)
        await self.one.engine._forgotten.look()
        self.gone.add(word)

    async def check(self) -> None:
        def work(store: Store) -> list[str]:
            return [turn.text for record, _ in store.conversations(None, 99) for turn in store.turns(record.id)]

        texts = await stored(self.one, work)
        assert not [word for word in self.gone if any(word in text for text in texts)]


async def run(folder: Path, wire: str, seed: int, forms: list[str], steps: list[tuple[str, int]]) -> None:
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return queue.pop(0)

    async with rig(configured(folder), answer) as one:
        world = World(one, queue, random.Random(seed))
        talks = [Talk(wire, form) for form in forms]
        for talk in talks:
            await world.say(talk)
        for name, who in steps:
            await world.step(name, talks[who % len(talks)])
            await world.check()
        assert not one.failures()


@example("anthropic", 0, ["anew", "anew"], [("say", 0), ("say", 0), ("forget", 0), ("say", 0)])
@example(
    "openai_chat", 1, ["trimmed", "unthinking"], [("say", 0), ("say", 1), ("off", 0), ("say", 1), ("restart", 0), ("say", 1), ("say", 0)]
)
@given(
    st.sampled_from(_WIRES),
    st.integers(0, 10_000),
    st.lists(st.sampled_from(sorted(FORMS.keys() - {"brief"})), min_size=2, max_size=3),
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), min_size=4, max_size=16),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_does_not_come_back_and_the_others_go_on(wire: str, seed: int, forms: list[str], steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), wire, seed, forms, steps))
