"""Whatever providers do: the client gets bytes of one answer at most, nobody is asked again once an answer has begun or a byte of one was
passed on, and every try sends the same request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from backstory.core.exchange import Head
from backstory.core.plan import Attempt, Plan, Question, Target
from backstory.relay import Timeouts
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from tests.relay.stage import CHAT, chat, events
from tests.relay.world import Received, Upstream, client, post, run, world

What: TypeAlias = Literal[
    "whole", "stream", "empty", "empty stream", "refusal", "reset", "close", "half a head", "half a body", "wrong", "failed stream"
]
PATIENCE = Timeouts(connect_s=1.0, first_byte_s=0.3, idle_s=0.3, header_s=0.3, body_idle_s=1.0, keepalive_s=1.0, drain_s=1.0, probe_s=0.2)
BODY = b'{"model":"m","stream":true,"n":"%b"}' % (b"x" * 300)


PASSED_ON = re.compile(rb"X-Own|<\d\.\d+>")
# Only after these may anybody be asked again.
UNANSWERED = frozenset({"refusal", "reset", "close", "empty", "empty stream", "failed stream"})


class Act(Struct, frozen=True):
    """What a provider does with one request. `cut`: after so many bytes of its answer it waits for a moment."""

    what: What
    status: int
    after_ms: int
    cut: int


ACTS = st.builds(
    Act,
    st.sampled_from(
        (
            "whole",
            "stream",
            "empty",
            "empty stream",
            "refusal",
            "refusal",
            "reset",
            "close",
            "half a head",
            "half a body",
            "wrong",
            "failed stream",
        )
    ),
    st.sampled_from((429, 500, 502, 503, 529)),
    st.sampled_from((0, 0, 0, 40)),
    st.integers(0, 400),
)


def raw(act: Act, name: str) -> bytes:
    """An answer in which its own name stands in head and body."""
    own = b"X-Own: %b\r\n" % name.encode()
    failed = b'data: {"error":{"message":"no","code":502}}\n\n'
    bodies = {"stream": events(f"<{name}>", "more"), "empty stream": events(), "empty": chat(""), "failed stream": failed}
    body = bodies.get(act.what, chat(f"<{name}>"))
    status = {"refusal": act.status, "wrong": 400}.get(act.what, 200)
    kind = b"text/event-stream" if "stream" in act.what else b"application/json"
    wait = b"Retry-After-Ms: %d\r\n" % act.after_ms if act.after_ms else b""
    head = b"HTTP/1.1 %d Said\r\nContent-Type: %b\r\n%b%bContent-Length: %d\r\n\r\n" % (status, kind, own, wait, len(body))
    return head[:20] if act.what == "half a head" else (head + body)[:-9] if act.what == "half a body" else head + body


class Cast:
    """Providers that play their acts, the last one again and again, and note in what order they were asked."""

    def __init__(self, plays: Sequence[Sequence[Act]]) -> None:
        self.plays = [list(play) for play in plays]
        self.asked: list[str] = []
        self.played: list[str] = []
        self.requests: list[Received] = []

    def script(self, number: int):  # type: ignore[no-untyped-def]
        async def play(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                self.requests.append(await upstream.request(reader))
                acts = self.plays[number]
                act = acts.pop(0) if len(acts) > 1 else acts[0]
                name = f"{number}.{len(self.asked)}"
                self.asked.append(name)
                self.played.append(act.what)
                if act.what in {"reset", "close"}:
                    (writer.transport.abort if act.what == "reset" else writer.close)()
                    return
                said = raw(act, name)
                writer.write(said[: act.cut])
                await writer.drain()
                await asyncio.sleep(0.03 if 0 < act.cut < len(said) else 0)
                writer.write(said[act.cut :])
                await writer.drain()
                if act.what.startswith("half"):
                    return

        return play


@settings(max_examples=60, deadline=None)
@given(
    plays=st.lists(st.lists(ACTS, min_size=1, max_size=4), min_size=1, max_size=3),
    retries=st.integers(0, 2),
    empty_retry=st.booleans(),
    keep_alive=st.booleans(),
)
def test_one_answer_and_never_again_after_its_first_byte(plays: list[list[Act]], retries: int, empty_retry: bool, keep_alive: bool) -> None:
    policy = Policy(retries, 0.005, 0.01, 2.0, 0.0, 0.02 if keep_alive else 0.0, empty_retry)
    cast = Cast(plays)
    at_first_byte: list[int] = []

    async def work() -> bytes:
        shared = Endurance(policy, Thresholds(0))
        async with world(cast.script(0), timeouts=PATIENCE, endurance=shared) as one:
            backs = [Upstream(cast.script(number)) for number in range(1, len(plays))]
            servers = [await asyncio.start_server(back.serve, "127.0.0.1", 0) for back in backs]
            ports = [server.sockets[0].getsockname()[1] for server in servers]
            others = tuple(
                Attempt(f"back.{port}", Target("http", "127.0.0.1", port, b"b", "/v1/chat/completions"), None, frozenset(), (), None)
                for port in ports
            )

            def decide(head: Head, _: bytes) -> Plan:
                question = Question(CHAT, lambda: True, lambda status, body: b"data: %d %b\n\n" % (status, body))
                return Plan(one.house.target(head), others=others, question=question)

            one.house.decide = decide
            got = b""
            async with client(one.port) as who:
                await who.send(post(BODY))
                try:
                    while part := await who.reader.read(65536):
                        got += part
                        if not at_first_byte and PASSED_ON.search(got):
                            at_first_byte.append(len(cast.asked))
                except ConnectionError:
                    pass
            await asyncio.sleep(0.03)
            for server, back in zip(servers, backs, strict=True):
                server.close()
                await back.end()
            return got

    got = run(work())
    assert len({one.body for one in cast.requests}) == 1
    assert cast.requests[0].body == BODY
    assert len(cast.asked) <= len(plays) * (1 + retries) + empty_retry
    named = [name for name in cast.asked if f"<{name}>".encode() in got or f"X-Own: {name}\r\n".encode() in got]
    assert len(named) <= 1, got
    assert got.count(b"HTTP/1.1 ") <= 1
    for count in at_first_byte:
        assert len(cast.asked) == count, "asked again after the first byte"
    assert UNANSWERED.issuperset(cast.played[:-1]), "asked again although an answer had begun"
    assert sum(what.startswith("empty") for what in cast.played[:-1]) <= empty_retry
