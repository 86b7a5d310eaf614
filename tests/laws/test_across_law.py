"""Law: no conversation is ever told what was said under another principal, or in another room.

Every message that is said has a word of its own. Whatever conversations there are, and in whatever order they are begun, the words that
reach a provider in a request were said by the same principal in the same room.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from backstory.config.sections import Identity
from backstory.core.records import Batch, Conversation, Home
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import Payload, Speaker, Tally, compare, payload
from tests.rig import PATHS, asking, reply, rig, said
from tests.stages.test_kin import group, indexed, scoped
from tests.stores.world import Shelf
from tests.stores.world import said as turn

_ROOMS = ("", "direct telegram:1", "direct telegram:2", "group telegram:-3")
_WORD = re.compile(r"zq\d+qz")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf("sqlite", tmp_path_factory.mktemp("across"))
    yield made
    made.close()


class One(Struct, frozen=True):
    """A conversation of the store."""

    principal: str
    audience: str
    project: str
    memory: bool
    told: bool
    channel: str


_one = st.builds(
    One,
    st.sampled_from(["ann", "ben"]),
    st.sampled_from(_ROOMS),
    st.sampled_from(["", "shop"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "telegram"]),
)


@given(st.lists(_one, min_size=1, max_size=8), _one, st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_store_gives_kin_of_one_principal_and_one_audience_only(shelf: Shelf, others: list[One], own: One, everywhere: bool) -> None:
    store = shelf.open()
    for place, one in enumerate(others):
        name = f"c{place}"
        record = Conversation(name, one.principal, 1.0, 1.0 + place, memory=one.memory)
        homes = (Home(name, one.project, one.audience),) if one.told else ()
        store.write([Batch((record,), (turn(1 + place, name, channel=one.channel),), homes=homes)])
    found = store.kin(own.principal, Home("own", own.project, own.audience), everywhere, 99)
    wanted = [
        f"c{place}"
        for place, one in enumerate(others)
        if one.principal == own.principal
        and one.memory
        and (one.audience == own.audience if one.told else not own.audience and not one.channel)
        and (everywhere or (one.told and one.project == own.project))
    ]
    assert [one.id for one in found] == wanted[::-1]
    shelf.close()


class Said(Struct, frozen=True):
    """The first message of a conversation: who says it, where, and about what."""

    who: str
    room: str
    topic: str
    asks: bool


_said = st.builds(
    Said, st.sampled_from(["sk-ann", "sk-ben"]), st.sampled_from(_ROOMS), st.sampled_from(["printer", "boiler"]), st.booleans()
)


def test_what_reaches_a_provider_was_said_by_the_same_principal_in_the_same_room(tmp_path: Path) -> None:
    recalled = [0]

    async def work(talk: list[Said]) -> None:
        config = replace(scoped(tmp_path, "principal"), identity=Identity(principal="api_key"))
        async with rig(config, lambda _: reply(said("anthropic", "Noted."))) as one:
            places: dict[str, tuple[str, str]] = {}
            for number, it in enumerate(talk):
                word = f"zq{number}qz"
                text = f"Which {it.topic} was it, {word}?" if it.asks else f"The {it.topic} is {word}."
                places[word] = (it.who, it.room)
                chat = [("user", text)]
                if it.room:
                    kind, _, name = it.room.partition(" ")
                    chat = group(name, text, kind == "group")
                if it.asks:
                    await indexed(one)
                await one.ask(PATHS["anthropic"], asking("anthropic", chat), b"Authorization: Bearer " + it.who.encode())
                for found in _WORD.findall(json.dumps(json.loads(one.sent.body), ensure_ascii=False)):
                    assert places[found] == (it.who, it.room), f"{found} of {places[found]} in {it}"
                    recalled[0] += found != word
            assert not one.failures()

    with asyncio.Runner() as runner:

        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
        @given(st.lists(_said, min_size=8, max_size=14))
        @example([Said(who, "", topic, asks) for asks in (False, True) for topic in ("printer", "boiler") for who in ("sk-ann", "sk-ben")])
        def law(talk: list[Said]) -> None:
            (tmp_path / "memory.db").unlink(missing_ok=True)
            runner.run(work(talk))

        law()
    assert recalled[0], "something was told of other conversations"


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_a_conversation_was_told_of_others_goes_up_again(tmp_path: Path, wire: Wire) -> None:
    """Append-only, with several conversations under way, restarts and refusals in between."""
    told = [0]

    async def work(steps: list[tuple[int, int]]) -> None:
        queue: list[bytes] = []
        async with rig(scoped(tmp_path, "principal"), lambda _: queue.pop(0)) as one:
            speakers: dict[int, Speaker] = {}
            last: dict[int, Payload] = {}
            for number, (which, happens) in enumerate(steps):
                if happens == 0:
                    await one.restart()
                speaker = speakers.setdefault(which, Speaker(wire))
                topic = "printer" if which % 2 else "boiler"
                speaker.ask(f"Message {number}: is the {topic} of conversation {which} the model zq{number}qz?")
                body = speaker.body()
                answer = reply(speaker.answer(f"Aye, number {number}, the {topic} it is."))
                refused = [reply(b'{"error":{"message":"busy"}}', status=b"529 Busy")] if happens == 1 else []
                for each in (*refused, answer):
                    queue.append(each)
                    head, _ = await one.ask(PATHS[wire.name], body)
                    sent = payload(wire, one.sent, head)
                    if which in last:
                        compare(last[which], sent, Tally())
                    last[which] = sent
                told[0] += b"From earlier conversations" in one.sent.body
                await indexed(one)
            assert not one.failures()

    with asyncio.Runner() as runner:

        @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
        @example([(1, 2), (2, 2), (3, 2), (1, 0), (3, 1), (4, 2), (3, 0), (4, 1), (1, 2), (2, 2)])
        @given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), min_size=10, max_size=14))
        def law(steps: list[tuple[int, int]]) -> None:
            (tmp_path / "memory.db").unlink(missing_ok=True)
            runner.run(work(steps))

        law()
    assert told[0], "something was told of other conversations"
