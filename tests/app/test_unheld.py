"""A provider that takes less than is believed refuses what is held in front of a cut history: the request goes up once more without, and
its client sees one answer, the second one.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from xxhash import xxh3_64_hexdigest

from backstory.app.faces.why import Diff, Explanation, diff, explain
from backstory.core.store import Store
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.billing import Clock
from tests.stages.test_holding import KEEPS, NAME, Cutter, Till, config, messages
from tests.stages.world import conversation, stored, thread

TOO_LONG = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}'


class Strict:
    """A provider that takes no more than so many messages; `most` None: any number."""

    def __init__(self, clock: Clock, status: bytes = b"400 Bad Request") -> None:
        self.till = Till(clock)
        self.status = status
        self.most: int | None = None
        self.refused: list[bytes] = []

    def __call__(self, received: Received) -> bytes:
        if self.most is not None and len(messages(received.body)) > self.most:
            self.refused.append(received.body)
            return reply(TOO_LONG, status=self.status)
        return self.till(received)


async def held(one: Rig, cutter: Cutter, clock: Clock, provider: Strict) -> str:
    """A conversation in which something is held; its name."""
    name = ""
    for _ in range(14):
        clock.now += 10.0
        body = cutter.body(KEEPS)
        head, answer = await one.ask(PATHS["anthropic"], body, NAME)
        name = conversation(head)
        cutter.hears(answer)
        if len(messages(provider.till.sent)) > len(messages(body)) + 2:
            return name
    raise AssertionError("nothing was held")


def header(head: bytes, name: bytes) -> str:
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]
    return lines[0].partition(b":")[2].strip().decode() if lines else ""


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Too Large", b"422 Unprocessable"])
def test_a_refused_one_goes_up_as_it_came(tmp_path: Path, status: bytes) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock, status)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            name = await held(one, cutter, clock, provider)
            provider.most = KEEPS
            for number in range(8):
                clock.now += 10.0
                body = cutter.body(KEEPS)
                head, answer = await one.ask(PATHS["anthropic"], body, NAME)
                assert head.startswith(b"HTTP/1.1 200")
                assert provider.till.sent == body, number
                assert header(head, b"X-VC-Proof").partition(",")[0][3:] == header(head, b"X-VC-Proof").rpartition("=")[2]
                cutter.hears(answer)
            assert len(provider.refused) == 1
            assert len(messages(provider.refused[0])) > KEEPS
            assert conversation(head) == name
            assert one.door.metrics.repeats == 1
            assert thread(one, name).account.refused
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("status", [b"401 No", b"403 No", b"404 No", b"408 Late", b"429 Too Many", b"500 Broken", b"529 Busy"])
def test_what_is_not_said_of_the_request_is_the_clients(tmp_path: Path, status: bytes) -> None:
    """It repeats its request as it would without us, and nothing is held in front of that any more."""
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock, status)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            await held(one, cutter, clock, provider)
            provider.most = KEEPS
            clock.now += 10.0
            body = cutter.body(KEEPS)
            head, answer = await one.ask(PATHS["anthropic"], body, NAME)
            assert head.startswith(b"HTTP/1.1 " + status[:3])
            assert answer == TOO_LONG
            assert len(provider.refused) == 1
            head, answer = await one.ask(PATHS["anthropic"], body, NAME)
            assert head.startswith(b"HTTP/1.1 200")
            assert provider.till.sent == body
            assert one.door.metrics.repeats == 0
            assert one.engine.economy.bare("claude-sonnet-4-5") == status.startswith(b"429"), "then for other conversations, too"

    asyncio.run(work())


def test_the_bill_is_that_of_what_was_answered(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider, direct = Strict(clock), Till(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            for number in range(24):
                clock.now += 10.0
                body = cutter.body(KEEPS)
                direct(Received(b"", body))
                provider.most = KEEPS if number > 11 else None
                head, answer = await one.ask(PATHS["anthropic"], body, NAME)
                cutter.hears(answer)
            assert len(provider.refused) == 1
            money = one.engine.economy.money
            assert money.billed == pytest.approx(provider.till.dollars, rel=0.15)
            # This bank caches instructions that are shorter than what a provider caches at all.
            assert money.saved == pytest.approx(direct.dollars - provider.till.dollars, abs=0.06 * direct.dollars)
            figures = one.engine.metrics
            spends = await stored(one, lambda store: store.spends(conversation(head)))
            assert figures.tokens_sent == sum(one.tokens_sent for one in spends), "what went up, and was answered"
            assert not one.failures()

    asyncio.run(work())


def test_why_tells_of_it(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            name = await held(one, cutter, clock, provider)
            provider.most = KEEPS
            clock.now += 10.0
            body = cutter.body(KEEPS)
            head, _ = await one.ask(PATHS["anthropic"], body, NAME)
            assert b",cost_saved=0.000000,compression_ratio=1.000," in head

            def look(store: Store) -> object:
                return diff(store, header(head, b"X-VC-Request")), explain(store, name)

            found = await stored(one, look)
            assert isinstance(found, tuple)
            changed, explained = found
            assert isinstance(changed, Diff)
            assert isinstance(explained, Explanation)
            assert (changed.came, changed.went, changed.changes) == (len(body), len(body), ())
            for notes in (changed.notes, explained.notes):
                assert "holding: refused with what its client had cut off in front of it; asked once more without" in notes
            assert explained.tokens_in == explained.tokens_sent
            assert explained.absent > 0, "what was held is not in it"

    asyncio.run(work())


def test_what_is_recalled_stays(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            for number in range(12):
                clock.now += 10.0
                text = "The code of the locker in Genoa is 4417. " * 8 if number == 1 else ""
                _, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS, text), NAME)
                cutter.hears(answer)
            await held(one, cutter, clock, provider)
            assert b"4417" not in provider.till.sent, "it was let go long ago"
            provider.most = KEEPS
            clock.now += 10.0
            body = cutter.body(KEEPS, "What is the code of the locker in Genoa?")
            head, answer = await one.ask(PATHS["anthropic"], body, NAME)
            assert head.startswith(b"HTTP/1.1 200")
            assert len(provider.refused) == 1
            assert len(messages(provider.till.sent)) == len(messages(body))
            assert b"4417" in provider.till.sent
            assert messages(provider.till.sent)[:-1] == messages(body)[:-1]
            came, sent = (int(header(head, b"X-VC-Stats").split(name)[1].partition(",")[0]) for name in ("tokens_in=", "tokens_sent="))
            assert 0 < sent - came < 700
            cutter.hears(answer)
            block = json.dumps(messages(provider.till.sent)[-1])
            provider.most = KEEPS + 2
            clock.now += 10.0
            _, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS + 2), NAME)
            assert block in json.dumps(messages(provider.till.sent)), "and goes up with its message from now on"
            cutter.hears(answer)
            clock.now += 10.0
            body = cutter.body(KEEPS + 2)
            await one.ask(PATHS["anthropic"], body, NAME)
            assert provider.till.sent == body, "until its client cuts its history anew"
            assert not one.failures()

    asyncio.run(work())


def test_other_conversations_with_the_model_do_not_try_it_for_an_hour(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            first = Cutter()
            await held(one, first, clock, provider)
            provider.most = KEEPS
            clock.now += 10.0
            await one.ask(PATHS["anthropic"], first.body(KEEPS), NAME)
            assert len(provider.refused) == 1
            second = Cutter(7)
            for _ in range(14):
                clock.now += 10.0
                body = second.body(KEEPS)
                _, answer = await one.ask(PATHS["anthropic"], body, b"X-VC-Conversation: another")
                assert provider.till.sent == body
                second.hears(answer)
            assert len(provider.refused) == 1
            clock.now += 3600.0
            for _ in range(10):
                clock.now += 10.0
                _, answer = await one.ask(PATHS["anthropic"], second.body(KEEPS), b"X-VC-Conversation: another")
                second.hears(answer)
            assert len(provider.refused) == 2, "then it is tried again"

    asyncio.run(work())


def test_a_request_that_is_at_fault_itself_says_nothing_of_the_model(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            name = await held(one, cutter, clock, provider)
            provider.most = 0
            clock.now += 10.0
            head, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS), NAME)
            assert head.startswith(b"HTTP/1.1 400")
            assert answer == TOO_LONG
            assert len(provider.refused) == 2
            assert thread(one, name).account.refused
            assert not one.engine.economy.bare("claude-sonnet-4-5")

    asyncio.run(work())


class Signing(Strict):
    """Signs its reasoning together with all that stands before it, and counts what comes back behind anything else. `wrong`: of each
    request that it takes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.wrong: list[int] = []
        self.carried = 0

    def __call__(self, received: Received) -> bytes:
        answer = super().__call__(received)
        if b"200 OK" not in answer[:20]:
            return answer
        said, wrong, self.carried = "", 0, 0
        for message in messages(received.body):
            for block in message["content"]:
                self.carried += block["type"] == "thinking"
                wrong += block["type"] == "thinking" and block["signature"] != xxh3_64_hexdigest(said.encode())
                said += json.dumps(block)
        self.wrong.append(wrong)
        tree = json.loads(answer.partition(b"\r\n\r\n")[2])
        tree["content"] = [{"type": "thinking", "thinking": "Hm.", "signature": xxh3_64_hexdigest(said.encode())}, *tree["content"]]
        return reply(json.dumps(tree).encode())


def test_what_was_reasoned_behind_it_goes_with_it(tmp_path: Path) -> None:
    """Where the model holds its reasoning to what stood before it."""
    clock = Clock()

    async def work() -> None:
        provider = Signing(clock)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter(model="claude-opus-5-5")
            await held(one, cutter, clock, provider)
            clock.now += 10.0
            _, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS), NAME)
            cutter.hears(answer)
            assert provider.carried > 2, "what was reasoned while it was held is right where it stands"
            provider.most = KEEPS
            clock.now += 10.0
            head, _ = await one.ask(PATHS["anthropic"], cutter.body(KEEPS), NAME)
            assert head.startswith(b"HTTP/1.1 200")
            assert len(provider.refused) == 1
            assert b'"thinking"' in provider.refused[0]
            assert provider.wrong[-1] == provider.carried == 0
            assert not one.failures()

    asyncio.run(work())
