"""Law: what was forgotten stays forgotten though its client goes on sending it, and what was not is all there; an undo brings it back.

People talk in sessions of their own: they go on, go another way from the middle, begin a session with a copy of another's history, send
only the end of it, forget in the chat or from outside, some of it or the whole, take a forget back, let its time pass, and the proxy is
restarted in between.
Every message says one word of its own. After each step, no forgotten word is in anything that memory adds to a request, shows or exports,
and each session's conversation has the words of its history that were not forgotten, in order.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.app.faces import stored as faces
from backstory.core.store import Store
from tests.relay.world import Received
from tests.rig import QUICK, Answer, Rig, reply, rig, said
from tests.stages.talks import Talk, commanded
from tests.stages.world import stored

UNDO_S = 600.0
WORD = re.compile(r"zq\d+qz")
STEPS = ("say", "say", "say", "edit", "copy", "cut", "forget", "forget", "remove", "whole", "undo", "wait", "restart")


class Draws(Protocol):
    """What decides: st.DataObject, or a case that was found once."""

    def draw(self, strategy: Any) -> Any: ...


class Found:
    """These, one after the other."""

    def __init__(self, *drawn: Any) -> None:
        self.left = list(drawn)

    def draw(self, _: Any) -> Any:
        return self.left.pop(0)


class World:
    """The sessions, and which words are forgotten: for good, with the whole of their conversation, or so far."""

    def __init__(self, one: Rig, data: Draws, offset: list[float]) -> None:
        self.one = one
        self.data = data
        self.offset = offset
        self.talks: list[Talk] = []
        self.gone: set[str] = set()
        self.ended: set[str] = set()
        self.going: list[tuple[str, set[str], float]] = []
        self.count = 0
        self.last: Talk | None = None

    @property
    def forgotten(self) -> set[str]:
        return self.gone.union(*(words for _, words, _ in self.going))

    def word(self) -> str:
        self.count += 1
        return f"zq{self.count * 7919}qz"

    def talk(self) -> Talk:
        place: int = self.data.draw(st.integers(0, len(self.talks) - 1))
        return self.talks[place]

    async def say(self, talk: Talk) -> None:
        before = len(self.one.upstream.received)
        text = f"I say {self.word()}. " + "It goes on and on. " * self.data.draw(st.sampled_from([0, 60]))
        sent = [*talk.messages, ("user", text)]
        await talk.say(text)
        assert not talk.local
        for received in self.one.upstream.received[before:]:
            up, came = received.body.decode(), "\n".join(text for _, text in sent)
            for one in self.forgotten:
                assert up.count(one) <= came.count(one), f"{one} was added to a request"

    async def step(self, name: str) -> None:
        talk = self.talk()
        steps = {"copy": self.copy, "forget": self.forget, "remove": self.remove, "whole": self.whole, "undo": self.undo}
        if name in steps:
            await steps[name](talk)
            return
        match name:
            case "say":
                await self.say(talk)
            case "edit":
                del talk.messages[2 * self.data.draw(st.integers(1, max(1, len(talk.messages) // 2))) :]
                await self.say(talk)
            case "cut":
                # The end alone of a history that was forgotten as a whole is no history that was.
                cuts = talk.headers and not words(talk.messages[-2:]) & self.ended
                kept, talk.messages = list(talk.messages), talk.messages[-2:] if cuts else talk.messages
                said_before = len(talk.messages)
                await self.say(talk)
                talk.messages = kept + talk.messages[said_before:]
            case "wait":
                self.offset[0] += UNDO_S + 1
                await self.one.engine._removal.look()  # type: ignore[union-attr]
                await self.one.engine._forgotten.look()
                for _, gone, _ in self.going:
                    self.gone |= gone
                self.going.clear()
            case _:
                await self.one.restart()

    async def copy(self, talk: Talk) -> None:
        headers = [f"x-session-id: s{len(self.talks)}".encode()] if self.data.draw(st.booleans()) else []
        made = Talk(self.one, *headers)
        made.messages = talk.messages[: 2 * self.data.draw(st.integers(0, len(talk.messages) // 2))]
        self.talks.append(made)
        await self.say(made)

    async def forget(self, talk: Talk) -> None:
        known = sorted(words(talk.messages) - self.forgotten)
        if not known:
            return
        one = self.data.draw(st.sampled_from(known))
        told = await talk.told(f"VCFORGET {one}")
        del talk.messages[-2:]
        if "will not be recalled" in told:
            self.offset[0] += 1
            self.going.append((talk.id, {one}, time.time() + self.offset[0]))

    async def remove(self, talk: Talk) -> None:
        known = sorted(words(talk.messages) - self.forgotten)
        if not known:
            return
        one = self.data.draw(st.sampled_from(known))

        def work(store: Store) -> None:
            for record, _ in store.conversations(None, 99):
                for turn in store.turns(record.id):
                    if one in turn.text:
                        store.forget(record.principal, record.id, [turn.id], time.time() + self.offset[0])

        await stored(self.one, work)
        await self.one.engine._forgotten.look()
        self.gone.add(one)

    async def whole(self, talk: Talk) -> None:
        """Every conversation that has a word of this one's history, or of one of those; some of it may go before."""
        if self.data.draw(st.booleans()):
            await self.remove(talk)

        def work(store: Store) -> None:
            said = {record: words([("", turn.text) for turn in store.turns(record.id)]) for record, _ in store.conversations(None, 99)}
            lost, found = words(talk.messages), []
            while more := [record for record in said if record not in found and said[record] & lost]:
                found += more
                lost |= set().union(*(said[record] for record in more))
            for record in found:
                store.forget(record.principal, record.id, (), time.time() + self.offset[0])
            self.gone |= lost
            self.ended |= lost

        await stored(self.one, work)
        await self.one.engine._forgotten.look()
        await self.say(talk)

    async def undo(self, talk: Talk) -> None:
        told = await talk.told("!/undo")
        del talk.messages[-2:]
        if "Taken back" in told:
            taken = next(one for one in reversed(self.going) if next(iter(one[1])) in told)
            self.going.remove(taken)

    async def check(self) -> None:
        hidden = self.forgotten

        def work(store: Store) -> None:
            for record, _ in store.conversations(None, 99):
                shown = faces.told(store, record, raw=True)
                assert not words([(row.role, f"{row.text} {row.raw}") for row in shown]) & hidden
                numbers = [row.number for row in shown if not row.branch]
                kept = {turn.id for turn in store.turns(record.id) if set(WORD.findall(turn.text)) - hidden}
                assert kept <= {row.id for row in shown}
                assert numbers == sorted(set(numbers))
            for one in sorted(hidden)[:3]:
                assert not any(one in hit.text for hit in faces.recalled(store, one, None, 4000, 0.0))
            if self.last is not None:
                found = store.whose(self.last.id)
                assert found is not None
                there = [one for row in faces.story(store, found) for one in WORD.findall(row.text)]
                assert there == [one for _, text in self.last.messages for one in WORD.findall(text) if one not in hidden]
            if self.gone and not self.going:
                left = [turn.text for record, _ in store.conversations(None, 99) for turn in store.turns(record.id)]
                assert not any(one in text for one in self.gone for text in left)

        await stored(self.one, work)


def words(messages: list[tuple[str, str]]) -> set[str]:
    return {found for _, text in messages for found in WORD.findall(text)}


def answering(world: list[World]) -> Answer:
    def answer(received: Received) -> bytes:
        return reply(said("openai_chat", f"I heard {world[0].word()}.", world[0].count))

    return answer


async def run(data: Draws, folder: Path) -> None:
    offset = [0.0]
    world: list[World] = []
    config = commanded(folder, undo_s=UNDO_S)
    config = replace(config, compaction=replace(config.compaction, context_window=2000))
    async with rig(config, answering(world), QUICK, lambda: time.time() + offset[0]) as one:
        world.append(World(one, data, offset))
        here = world[0]
        here.talks.append(Talk(one, *([b"x-session-id: s"] if data.draw(st.booleans()) else [])))
        await here.say(here.talks[0])
        await here.say(here.talks[0])
        for name in data.draw(st.lists(st.sampled_from(STEPS), min_size=3, max_size=14)):
            before = [len(talk.messages) for talk in here.talks]
            await here.step(name)
            spoken = [talk for talk, count in zip(here.talks, [*before, 0], strict=False) if len(talk.messages) != count]
            here.last = spoken[-1] if spoken and name not in ("forget", "undo") else None
            await here.check()
        assert not one.failures()


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_what_was_forgotten_stays_forgotten_and_the_rest_is_there(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(data, Path(folder)))


@pytest.mark.parametrize(
    "found",
    [
        # All of one is forgotten, and then all of what came after it in the same history.
        Found(False, 0, 0, ["whole", "remove", "remove", "say"], 0, False, 0, 0, "zq39595qz", 0, "zq47514qz", 0, 0),
    ],
)
def test_what_was_found_once_holds(tmp_path: Path, found: Found) -> None:
    asyncio.run(run(found, tmp_path))
    assert not found.left
