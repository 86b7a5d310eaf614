"""A refused request with something held in front, where more is done to requests than memory does: all of that is done to the second one,
and it goes where it would go.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from xxhash import xxh3_64_hexdigest

from backstory.core.extending import Amend
from backstory.core.sizes import rough_body
from backstory.extend import SetParam
from tests.app.gateway.test_judging import Judge, judged
from tests.app.metering.test_house import charges
from tests.app.test_unheld import TOO_LONG, header
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.routed import answered, two
from tests.stages.billing import Clock
from tests.stages.test_holding import KEEPS, NAME, Cutter, config

WAYS = {
    "translated": "upstream: {wire: openai_chat}\n",
    "parameters": "overrides:\n  - {model: ., set: {temperature: 0.25}}\n",
    "first prompt": "first_prompt: {append: Answer in verse.}\n",
    "all of it": "overrides:\n  - {model: ., set: {temperature: 0.25}}\nfirst_prompt: {append: Answer in verse.}\n"
    "upstream: {wire: openai_chat}\n",
    "tried again": "resilience: {retries: 2, backoff_s: 0.01}\n",
    "thoughts": "reply: {think_tags: remove}\n",
    "recorded": "usage: {keep_days: 9}\n",
}
PROVIDER = "{kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
PROVIDERS = f"providers:\n  prov: {PROVIDER}  more: {PROVIDER}"
ROUTES = {
    "routed": "prov:claude-sonnet-4-5",
    "several": "prov:claude-sonnet-4-5|more:claude-sonnet-4-5",
    "raced": "prov:claude-sonnet-4-5!more:claude-sonnet-4-5",
}
SETTINGS = (
    "memory: {threshold_messages: 4}\nmarker: never\ncompaction: {context_window: 60000, protected_recent_turns: 1}\n"
    "recall: {budget_tokens: 300, deadline_ms: 20000}\n"
)


class Counter:
    """A provider of some wire that takes no more than so many bytes."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.taken: list[Received] = []
        self.refused: list[Received] = []

    def __call__(self, received: Received) -> bytes:
        if self.most is not None and len(received.body) > self.most:
            self.refused.append(received)
            return reply(TOO_LONG, status=b"400 Bad Request")
        self.taken.append(received)
        return b"".join(answered(received))


async def cut_and_refused(
    one: Rig, provider: Counter, clock: Clock, stream: bool, model: str = "claude-sonnet-4-5"
) -> tuple[bytes, bytes, int]:
    """Head and body of the answer to the first request that is refused, and how many messages its client sent."""
    cutter, longest = Cutter(words=400, model=model), 0
    for number in range(30):
        clock.now += 10.0
        tree = json.loads(cutter.body(KEEPS)) | {"stream": stream}
        # The first refused one is the first in front of which something is held.
        provider.most = None if number < 7 else longest
        head, answer = await one.ask(PATHS["anthropic"], json.dumps(tree).encode(), NAME, b"x-api-key: client-key")
        assert head.startswith(b"HTTP/1.1 200"), answer
        assert b"Good day." in answer
        cutter.items.append({"role": "assistant", "content": [{"type": "text", "text": "Good day."}]})
        longest = max(longest, 1000 + len(provider.taken[-1].body)) if number < 7 else longest
        if provider.refused:
            return head, answer, len(tree["messages"])
    raise AssertionError("nothing was refused")


def bodies(received: Received) -> list[str]:
    """Texts of the messages of a request, in whatever wire."""
    tree = json.loads(received.body)
    found = [one for one in tree["messages"] if one["role"] != "system"]
    return [one["content"] if isinstance(one["content"], str) else "".join(part["text"] for part in one["content"]) for one in found]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_done_to_a_request_is_done_to_the_second_one(tmp_path: Path, way: str, stream: bool) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Counter()
        async with two(tmp_path, SETTINGS + WAYS[way], None, clock, provider) as one:
            head, _, count = await cut_and_refused(one, provider, clock, stream)
            first, second = provider.refused[0], provider.taken[-1]
            assert len(provider.refused) == 1
            assert len(bodies(second)) == count < len(bodies(first))
            assert bodies(first)[-count + 1 :] == bodies(second)[1:]
            assert (b"Answer in verse." in second.body) == ("first_prompt" in WAYS[way])
            assert second.body.count(b"Answer in verse.") <= 1
            assert (json.loads(second.body).get("temperature") == 0.25) == ("overrides" in WAYS[way])
            assert second.head.split(b" ")[1] == first.head.split(b" ")[1]
            assert (b"chat/completions" in second.head) == ("upstream" in WAYS[way])
            if way in {"parameters", "first prompt"}:
                assert header(head, b"X-VC-Proof").rpartition("=")[2] == xxh3_64_hexdigest(second.body)
            if way == "recorded":
                rows = await charges(one)
                assert len({row.id for row in rows}) == len(rows) == len(provider.taken), "nothing is counted for a refusal"
                assert (rows[0].status, rows[0].calls, rows[0].ended) == (200, 1, "complete")
                assert rows[0].measured_in == rough_body(second.body) < rough_body(first.body)
            assert one.failures() == {}

    asyncio.run(work())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
@pytest.mark.parametrize("way", ROUTES)
def test_a_routed_one_is_asked_where_it_was_refused(tmp_path: Path, way: str, wire: str, stream: bool) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Counter()
        async with two(tmp_path, SETTINGS + PROVIDERS % (wire, wire), {"PROV_KEY": "server-key"}, clock, provider) as one:
            _, _, count = await cut_and_refused(one, provider, clock, stream, ROUTES[way])
            assert len(provider.refused) == (2 if way == "raced" else 1)
            second = provider.taken[-1]
            assert len(bodies(second)) == count < len(bodies(provider.refused[0]))
            assert json.loads(second.body)["model"] == "claude-sonnet-4-5"
            assert b"server-key" in second.head
            assert one.failures() == {}

    asyncio.run(work())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_what_policies_change_is_changed_in_the_second_one(tmp_path: Path, stream: bool) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Counter()
        policy = Judge(Amend((SetParam("temperature", b"0.25"),), "cooler"))
        async with rig(judged(config(tmp_path), policy), provider, clock=clock) as one:
            head, _, count = await cut_and_refused(one, provider, clock, stream)
            second = provider.taken[-1]
            assert len(bodies(second)) == count < len(bodies(provider.refused[0]))
            assert json.loads(second.body)["temperature"] == 0.25
            assert header(head, b"X-VC-Proof").rpartition("=")[2] == xxh3_64_hexdigest(second.body)
            assert not one.failures()

    asyncio.run(work())


def test_no_client_hears_that_its_request_is_too_long_for_what_was_put_in_front(tmp_path: Path) -> None:
    """Where the proxy itself bounds requests, what is held goes first."""
    clock = Clock()

    async def work() -> None:
        provider = Counter()
        text = SETTINGS + "context: {enforce: true, default_window: 12000}\nmodels:\n  - {model: claude-sonnet-4-5, window: 12000}\n"
        async with two(tmp_path, text, None, clock, provider) as one:
            cutter = Cutter(words=400)
            for _ in range(20):
                clock.now += 10.0
                head, answer = await one.ask(PATHS["anthropic"], cutter.body(KEEPS), NAME)
                assert head.startswith(b"HTTP/1.1 200"), answer
                cutter.hears(answer)
            assert one.failures() == {}

    asyncio.run(work())
