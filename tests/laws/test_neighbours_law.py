"""Law 8 where a conversation changes between two proxies on one database, whatever its client makes of the answers that it got: what went
up goes up again in front of what is new, whichever proxy sent it; only a moved digest changes that, and one that was left does not come
back.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.altering import FORMS, Client, Form, Given
from tests.laws.test_append_only_law import COLOURS, TOPICS, Payload, Tally, compare, payload
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, stored

CHANGES: dict[str, Form] = {
    "as given": FORMS["exact"],
    "footer": lambda given: Given(f"{given.text} (sources: 1, 2)"),
    "markup": FORMS["plain"],
    "replaced": lambda given: Given(f"Edited by hand: {len(given.text)}."),
}
"""What a client makes of each answer."""
NAMED = (b"X-VC-Conversation: alternating",)


class Talk:
    """One client in front of two proxies."""

    def __init__(self, wire: Wire, queue: list[bytes], headers: tuple[bytes, ...], *rigs: Rig) -> None:
        self.wire, self.queue, self.headers, self.rigs = wire, queue, headers, rigs
        self.client = Client(wire.name)
        self.last: Payload | None = None
        self.tally = Tally()
        self.folds: list[bytes] = []

    async def ask(self, place: int, text: str, given: Given, form: Form) -> None:
        one = self.rigs[place]
        self.client.ask(text)
        self.queue.append(reply(self.client.answer(given, len(self.client.true))))
        head, _ = await one.ask(PATHS[self.wire.name], self.client.body(), *self.headers)
        assert head.startswith(b"HTTP/1.1 200")
        sent = payload(self.wire, one.sent, head)
        if self.last is not None:
            compare(self.last, sent, self.tally)
        if sent.moved:
            front = b"".join(sent.items[:2])
            assert front not in self.folds, "what was left does not come back"
            self.folds.append(front)
        self.last = sent
        self.client.hear(given, form)


async def alternate(folder: Path, wire: Wire, seed: int, change: str, turns: list[int], share: float, named: bool, apart: bool) -> Tally:
    """`turns`: which proxy each request goes to. `share` of the answers are changed. `apart`: neither proxy can see the other, and each
    answer is stored before the next request comes."""
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return queue.pop(0)

    dice = random.Random(seed)
    config = configured(folder, 2_500)
    journals = (str(folder / "one"), str(folder / "other")) if apart else (config.storage.journal,) * 2
    configs = [replace(config, storage=replace(config.storage, journal=each)) for each in journals]
    async with rig(configs[0], answer) as one, rig(configs[1], answer) as other:
        for each in (one, other):
            assert each.engine.threads is not None
            each.engine.threads._unseen = apart
        talk = Talk(wire, queue, NAMED if named else (), one, other)
        for number, place in enumerate(turns):
            topic = dice.choice(TOPICS)
            filler = " ".join(dice.choice(TOPICS) for _ in range(dice.randint(10, 80)))
            said = f"Message {number}: the {topic} is {dice.choice(COLOURS)} {dice.random():.6f}. {filler}"
            text = f"What was the colour of the {topic} again?" if number % 3 == 2 else said
            changed = change if dice.random() < share else "as given"
            given = "All right." if number % 3 == 2 else f"Answer {number}: **the {topic}**, and `that` is all. {filler[:60]}"
            await talk.ask(place, text, Given(given), CHANGES[changed])
            if apart:
                await stored(talk.rigs[place], lambda store: store.counts())
        for each in (one, other):
            await stored(each, lambda store: store.counts())
            assert not each.failures()
        records = await stored(one, lambda store: store.conversations(None, 99))
        assert len(records) == 1
        return talk.tally


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_what_one_proxy_sent_goes_up_again_through_another(change: str) -> None:
    total = Tally()

    @settings(
        max_examples=2,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @example(WIRES[0], 1, [number % 2 for number in range(40)], 1.0, True, False)
    @example(WIRES[0], 2, [number % 2 for number in range(40)], 1.0, False, False)
    @example(WIRES[0], 3, [number % 2 for number in range(40)], 1.0, True, True)
    @given(
        st.sampled_from([wire for wire in WIRES if wire.name in PATHS]),
        st.integers(0, 10**6),
        st.lists(st.integers(0, 1), min_size=36, max_size=44),
        st.sampled_from([0.2, 1.0]),
        st.booleans(),
        st.booleans(),
    )
    def law(wire: Wire, seed: int, turns: list[int], share: float, named: bool, apart: bool) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tally = asyncio.run(alternate(Path(folder), wire, seed, change, turns, share, named, apart))
        total.moves += tally.moves
        total.recalls += tally.recalls

    law()
    assert total.moves, "history was folded"
    assert total.recalls, "memory was recalled"
