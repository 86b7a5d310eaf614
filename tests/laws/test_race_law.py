"""Whatever the ways of a race do, in whatever order they come: the client gets one answer of one way, and a good one where there is one."""

from __future__ import annotations

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.exchange import Head
from backstory.core.plan import Attempt, Lane, Plan, Question, Target
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from tests.relay.stage import CHAT
from tests.relay.world import Upstream, client, post, run, world

from .test_attempts_law import ACTS, BODY, PATIENCE, Act, Cast

NAMES = re.compile(rb"<(\d+\.\d+)>|X-Own: (\d+\.\d+)")
GOOD = frozenset({"whole", "stream"})


@settings(max_examples=30, deadline=None)
@given(
    plays=st.lists(st.lists(ACTS, min_size=1, max_size=3), min_size=2, max_size=4),
    handicaps=st.lists(st.sampled_from((0.0, 0.0, 0.03, 5.0)), min_size=4, max_size=4),
    patience=st.lists(st.sampled_from((0.0, 0.0, 0.02)), min_size=4, max_size=4),
    retries=st.integers(0, 1),
    keep_alive=st.booleans(),
)
def test_a_race_gives_one_answer_of_one_way(
    plays: list[list[Act]], handicaps: list[float], patience: list[float], retries: int, keep_alive: bool
) -> None:
    policy = Policy(retries, 0.005, 0.01, 2.0, 0.0, 0.02 if keep_alive else 0.0)
    cast = Cast(plays)

    async def work() -> bytes:
        async with world(cast.script(0), timeouts=PATIENCE, endurance=Endurance(policy, Thresholds(0))) as one:
            backs = [Upstream(cast.script(number)) for number in range(1, len(plays))]
            servers = [await asyncio.start_server(back.serve, "127.0.0.1", 0) for back in backs]

            def decide(head: Head, _: bytes) -> Plan:
                targets = [one.house.target(head)] + [
                    Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], b"b", head.path) for server in servers
                ]
                ways = [Attempt(f"way.{number}", target, None, frozenset(), (), None) for number, target in enumerate(targets)]
                lanes = tuple([Lane((way,), handicaps[number], patience[number]) for number, way in enumerate(ways)])
                question = Question(CHAT, lambda: True, lambda status, body: b"data: %d %b\n\n" % (status, body))
                return Plan(targets[0], question=question, lanes=lanes)

            one.house.decide = decide
            got = b""
            async with client(one.port) as who:
                await who.send(post(BODY))
                try:
                    while part := await who.reader.read(65536):
                        got += part
                except ConnectionError:
                    pass
            for server, back in zip(servers, backs, strict=True):
                server.close()
                await back.end()
            return got

    got = run(work())
    assert got.startswith(b"HTTP/1.1 ")
    assert len(re.findall(rb"HTTP/1\.1 \d", got)) == 1
    names = {(one or other).decode() for one, other in NAMES.findall(got)}
    assert len(names) <= 1, got
    if any(play[0].what in GOOD for play in plays) and not any(patience):
        name = next(iter(names), "")
        assert name, got
        assert cast.played[cast.asked.index(name)] in GOOD
    assert all(received.body == BODY for received in cast.requests)
