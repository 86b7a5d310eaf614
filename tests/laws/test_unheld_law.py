"""Law: whatever a provider takes, a client that cuts its history gets its answer: what is held in front of a request and not taken costs
one refusal that nobody sees, and then what goes up is what the client sends. What is told of it is what was answered.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.faces.why import Explanation, explain
from backstory.config.sections import Compaction
from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from backstory.core.sizes import rough_body
from backstory.core.store import Store
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import TOPICS
from tests.laws.test_held_law import NAME, Cutting, bare, said
from tests.relay.world import Received
from tests.rig import PATHS, Rig, chunked, reply, rig
from tests.stages.billing import Clock
from tests.stages.test_economy import configured
from tests.stages.world import conversation, stored, thread

ERRORS = {
    "anthropic": {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}},
    "openai_chat": {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}},
    "openai_responses": {"type": "error", "code": "context_length_exceeded", "message": "too long"},
    "gemini": {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "too long"}},
}


class Taken(Struct):
    """One request of the law: how it was refused (0: not at all), and the one that was answered."""

    refused: int = 0
    body: bytes = b""


class Narrow:
    """A provider that takes so many items, or so many tokens, at most. `events`: it says so in the first event of a stream. `name`: of the
    conversation, as the proxy calls it."""

    def __init__(self, wire: Wire, stream: bool, fits: Callable[[bytes], bool], status: int, events: bool) -> None:
        self.wire = wire
        self.stream = stream
        self.fits = fits
        self.status = status
        self.events = events
        self.now = Taken()
        self.says = self.name = ""

    def __call__(self, received: Received) -> bytes | list[bytes]:
        if not self.fits(received.body):
            self.now.refused += 1
            error = json.dumps(ERRORS[self.wire.name]).encode()
            if self.stream and self.events:
                return chunked([b"data: " + error + b"\n\n"])
            return reply(error, status=b"%d Said" % self.status)
        self.now.body = received.body
        size = rough_body(received.body)
        usage = Usage(size, 9, size * 9 // 10)  # nothing is held where no cache is found to hold it
        answer = self.wire.write(Reply((Text(self.says),), "stop", usage, f"r{random.randrange(10**9)}", "m"), self.stream)
        return chunked([answer]) if self.stream else reply(answer)


class Teller(Cutting):
    """Sends its newest items only, and asks for a stream or not."""

    def asking(self, stream: bool) -> bytes:
        tree: dict[str, Any] = json.loads(self.body())
        return json.dumps(tree | ({} if self.wire == "gemini" else {"stream": stream}), ensure_ascii=False).encode()


def path_of(wire: str, stream: bool) -> str:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return PATHS[wire].replace("/m:generateContent", f"/gemini-2.5-flash:{verb}")


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_every_request_is_answered(tmp_path: Path, wire: Wire) -> None:
    refused = 0
    with asyncio.Runner() as runner:

        @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(
            seed=st.integers(0, 10**6),
            more=st.integers(0, 5),
            stream=st.booleans(),
            events=st.booleans(),
            by_size=st.booleans(),
            status=st.sampled_from([400, 413, 422]),
        )
        def law(seed: int, more: int, stream: bool, events: bool, by_size: bool, status: int) -> None:
            async def work() -> int:
                dice, clock, speaker, count = random.Random(seed), Clock(), Teller(wire), 0
                limit = [0]

                def fits(body: bytes) -> bool:
                    return rough_body(body) <= limit[0] if by_size else len(said(body, wire.name)) <= limit[0]

                provider = Narrow(wire, stream, fits, status, events)
                config = replace(configured(tmp_path), compaction=Compaction(context_window=60_000))
                async with rig(config, provider, clock=clock) as one:
                    for number in range(22):
                        if number == 16:
                            await one.restart()
                        clock.now += 10.0
                        speaker.ask(f"Entry {number}: {' '.join(dice.choice(TOPICS) + str(dice.randrange(999)) for _ in range(600))}.")
                        body = speaker.asking(stream)
                        # It always takes what the client sends, and some more.
                        limit[0] = int(rough_body(body) * (1 + more / 10)) + 400 if by_size else len(said(body, wire.name)) + more
                        provider.says = f"Aye, number {number}, {dice.randrange(999)}."
                        count += await asked(one, speaker, provider, body, dice)
                    assert not one.failures()
                return count

            nonlocal refused
            (tmp_path / "memory.db").unlink(missing_ok=True)
            refused += runner.run(work())

        law()
    assert refused >= 2, "something was refused"


async def asked(one: Rig, speaker: Teller, provider: Narrow, body: bytes, dice: random.Random) -> int:
    """One exchange. Whether something was refused in it."""
    provider.now = now = Taken()
    whole = [bare(item) for item in speaker.items]
    known = one.engine.threads.held(provider.name) if one.engine.threads is not None else None
    before = known is not None and known.account.refused
    head, answer = await one.ask(path_of(speaker.wire, provider.stream), body, NAME)
    assert head.startswith(b"HTTP/1.1 200"), head
    assert provider.says.encode() in answer
    speaker.answer(provider.says)
    sent, came = said(now.body, speaker.wire), said(body, speaker.wire)
    lead = 1 if speaker.wire == "openai_chat" else 0
    assert sent[len(sent) - len(came) + lead :] == came[lead:], "the client's own messages end it"
    assert sent[lead:] == whole[lead:][len(whole) - len(sent) :], "and the conversation leads to them, unbroken"
    assert now.refused <= 1, "one refusal, and it is asked without"
    name = provider.name = conversation(head)
    if now.refused or before:
        assert len(sent) == len(came), "nothing is held where it was refused, then and later"
    if now.refused:
        await told_truly(one, name, head)
    elif dice.random() < 0.1 and len(sent) > len(came):
        # What is being forgotten is not held any more.
        held = thread(one, name)
        held.hidden = frozenset({held.path[-len(sent) // 2].id}) if len(held.path) > len(sent) else frozenset()
    return now.refused


async def told_truly(one: Rig, name: str, head: bytes) -> None:
    """Headers, ledger and trace of a request that was refused once are those of the one that was answered."""
    told = dict(pair.split("=") for pair in value(head, b"X-VC-Stats").split(","))
    assert int(told["tokens_sent"]) - int(told["tokens_in"]) <= 700, "what was recalled at most"
    assert value(head, b"X-VC-Request")

    def look(store: Store) -> object:
        return explain(store, value(head, b"X-VC-Request")), store.spends(name)

    found = await stored(one, look)
    assert isinstance(found, tuple)
    explained, spends = found
    assert isinstance(explained, Explanation)
    assert [note for note in explained.notes if note.startswith("holding: refused")]
    assert explained.tokens_sent == int(told["tokens_sent"])
    assert spends[-1].tokens_sent == int(told["tokens_sent"])
    assert spends[-1].tokens_in == int(told["tokens_in"])


def value(head: bytes, name: bytes) -> str:
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]
    return lines[0].partition(b":")[2].strip().decode() if lines else ""
