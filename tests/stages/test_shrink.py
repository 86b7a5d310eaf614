"""When old tool results give way, when they do not, and what a restart, a fork or a late memory makes of it."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Paging
from backstory.errors import NotFound, StoreError
from backstory.stages import shrink as module
from backstory.stages.apart import Apart
from backstory.stages.visit import Visit
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, with_marker
from tests.rig import settings as configured
from tests.stages.world import conversation, stored, thread

LEFT_OUT = b"[left out: "
PATH = PATHS["anthropic"]


def told(folder: Path, window: int = 9000, cold_after_s: float = 3600.0, **output: Any) -> Config:
    return with_marker(
        configured(
            folder,
            memory={"threshold_messages": 4},
            compaction={"context_window": window},
            recall={"deadline_ms": 20_000.0},
            tool_output={"stale_tokens": 150, "stub_tokens": 40, "cold_after_s": cold_after_s, **output},
        ),
        "never",
    )


class Agent:
    """A client at work, and the model that it talks to. `step`: the model is asked, calls `read`, and that gives `text`."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = [{"role": "user", "content": "Mend the ship."}]
        self.number = 0
        self.name = ""
        self.said: list[dict[str, Any]] = []

    def __call__(self, received: Received) -> bytes:
        body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": self.said, "stop_reason": "end_turn"}
        return reply(json.dumps(body).encode())

    def body(self) -> bytes:
        return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": self.messages}).encode()

    async def ask(self, one: Rig, *said: dict[str, Any], name: str = "") -> bytes:
        """What went up of the history as it stands; the model says this."""
        self.said = list(said) or [{"type": "text", "text": "Aye."}]
        headers = [b"X-VC-Conversation: " + name.encode()] if name else []
        self.asked = self.body()
        self.head, _ = await one.ask(PATH, self.asked, *headers)
        self.name = conversation(self.head) or self.name
        sent = one.sent.body
        await stored(one, lambda store: None)
        return sent

    async def step(self, one: Rig, text: str, path: str = "", media: Sequence[dict[str, Any]] = (), name: str = "") -> bytes:
        """What went up."""
        self.number += 1
        call = {"type": "tool_use", "id": f"c{self.number}", "name": "read", "input": {"path": path or f"deck/{self.number}"}}
        sent = await self.ask(one, call, name=name)
        content: Any = [{"type": "text", "text": text}, *media] if media else text
        back = {"type": "tool_result", "tool_use_id": f"c{self.number}", "content": content}
        self.messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [back]}]
        return sent

    async def until_stubs(self, one: Rig, more_than: int = 0, most: int = 40) -> bytes:
        for _ in range(most):
            sent = await self.step(one, output(self.number))
            if sent.count(LEFT_OUT) > more_than:
                return sent
        pytest.fail("nothing was left out")


def output(number: int, words: int = 120) -> str:
    return "\n".join(f"plank {number} {place} of the lower deck" for place in range(words))


def test_under_the_thresholds_every_byte_stays(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=120_000, cold_after_s=0.01), agent) as one:
            for _ in range(12):
                assert await agent.step(one, output(1), path="the same file") == agent.asked
                await asyncio.sleep(0.02)

    asyncio.run(work())


def test_over_the_hard_threshold_old_results_give_way_and_the_newest_do_not(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path), agent) as one:
            sent = await agent.until_stubs(one)
            assert b"cache_kept=0" in agent.head
            assert len(sent) < len(agent.asked) * 0.7
            messages, asked = json.loads(sent)["messages"], json.loads(agent.asked)["messages"]
            assert len(messages) == len(asked), "nothing is folded"
            assert messages[-4:] == asked[-4:], "two steps, whatever they take"
            assert messages[0] == asked[0]
            assert one.engine.metrics.stubbed == sent.count(LEFT_OUT)
            assert one.engine.metrics.edited == {"shrink": 1}
            assert (await agent.ask(one)).startswith(sent[:-2]), "what went up goes up again"
            assert b"cache_kept=1" in agent.head
            assert not one.failures()

    asyncio.run(work())


def pause(one: Rig, name: str, seconds: float) -> None:
    """As if the last answer had come so long ago."""
    path = thread(one, name).path
    path[-1] = replace(path[-1], arrived=path[-1].arrived - seconds)


def test_a_pause_is_a_boundary_over_the_soft_threshold_only(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=30_000), agent) as one:
            while len(agent.body()) / 3.6 < 0.5 * 30_000:
                await agent.step(one, output(agent.number))
            pause(one, agent.name, 7200)
            assert await agent.step(one, output(agent.number)) == agent.asked, "there is room enough"
            while len(agent.body()) / 3.6 < 0.75 * 30_000:
                assert await agent.step(one, output(agent.number)) == agent.asked, "the cache is warm"
            pause(one, agent.name, 3000)
            assert await agent.step(one, "short") == agent.asked, "and stays so for a while"
            pause(one, agent.name, 7200)
            assert LEFT_OUT in await agent.step(one, output(agent.number))

    asyncio.run(work())


def test_stubs_survive_a_restart_and_what_they_stand_for_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path), agent) as one:
            sent = json.loads(await agent.until_stubs(one))["messages"]
            await one.restart()
            later = json.loads(await agent.step(one, "short"))["messages"]
            assert later[: len(sent)] == sent
            stubs = [stub for some in thread(one, agent.name).stubs.values() for stub in some]
            originals = {block["content"] for message in agent.messages for block in message["content"] if "tool_use_id" in block}
            assert len(stubs) == json.dumps(sent).count("[left out: ") > 3
            for stub in stubs:
                assert await one.engine.restore("", agent.name, stub.ref) in originals
            with pytest.raises(NotFound):
                await one.engine.restore("somebody else", agent.name, stubs[0].ref)
            with pytest.raises(NotFound):
                await one.engine.restore("", agent.name, stubs[0].ref[:-8] + "00000000")
            with pytest.raises(NotFound):
                await one.engine.restore("", agent.name, "t1-0a0b0c0d")

    asyncio.run(work())


def test_a_fork_keeps_the_stubs_it_was_born_with_and_gets_no_later_ones(tmp_path: Path) -> None:
    async def work() -> None:
        agent, fork = Agent(), Agent()
        async with rig(told(tmp_path), lambda received: (fork if b"Another way." in received.body else agent)(received)) as one:
            first = (await agent.until_stubs(one)).count(LEFT_OUT)
            call = agent.messages[-1]["content"][0]["tool_use_id"]
            other = {"type": "tool_result", "tool_use_id": call, "content": "Another way."}
            fork.messages, fork.number = [*agent.messages[:-1], {"role": "user", "content": [other]}], 1000
            await agent.step(one, output(agent.number))
            born = await fork.ask(one)
            assert fork.name != agent.name
            assert born.count(LEFT_OUT) == first
            await agent.until_stubs(one, more_than=first)
            await one.restart()
            assert await fork.ask(one, name=fork.name) == born

    asyncio.run(work())


def test_a_fork_that_has_room_shows_what_gave_way_in_the_other(tmp_path: Path) -> None:
    """Who edits an early message is in a short conversation again, and the image in front of it is what it is about."""

    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=20_000), agent) as one:
            agent.messages[0]["content"] = [png(1000, 1000, 9000), {"type": "text", "text": "Like this."}]
            early: list[dict[str, Any]] = []
            for number in range(40):
                sent = await agent.ask(one)
                agent.messages.append({"role": "assistant", "content": agent.said})
                early = early or list(agent.messages)
                agent.messages.append(
                    {"role": "user", "content": [png(1000, 1000 + number, 9000), {"type": "text", "text": f"Or {number}?"}]}
                )
                if LEFT_OUT in sent:
                    break
            fork = Agent()
            fork.messages, agent.said = [*early, {"role": "user", "content": "Another way."}], [{"type": "text", "text": "Well."}]
            for number in range(4):
                assert await fork.ask(one, name=fork.name) == fork.asked
                assert fork.name != agent.name
                fork.messages += [{"role": "assistant", "content": agent.said}, {"role": "user", "content": f"And {number}?"}]
                if number == 1:
                    await one.restart()
            deep = Agent()
            deep.messages = [*agent.messages[:-1], {"role": "user", "content": "A third way."}]
            assert (await deep.ask(one)).count(LEFT_OUT) == sent.count(LEFT_OUT), "what is old there stays left out"
            assert not one.failures()

    asyncio.run(work())


def test_a_branch_that_has_room_shows_what_gave_way_on_another(tmp_path: Path) -> None:
    """Who goes back to an early step, in the same session, sees what it read there; on the longer branch it stays left out."""

    async def work() -> None:
        agent, first = Agent(), b""
        async with rig(told(tmp_path, window=20_000), agent) as one:
            await agent.step(one, output(agent.number), name="s")
            await agent.ask(one, name="s")
            early = [*agent.messages, {"role": "assistant", "content": agent.said}]
            agent.messages = [*early, {"role": "user", "content": "Go on."}]
            while LEFT_OUT not in first:
                first = await agent.step(one, output(agent.number), name="s")
            longer, back = list(agent.messages), [*early, {"role": "user", "content": "Another way."}]
            agent.number = 1000
            for restarted in (False, True):
                agent.messages = list(back)
                if restarted:
                    await one.restart()
                assert await agent.ask(one, name="s") == agent.asked, "there is room"
                agent.messages = list(longer)
                assert (await agent.ask(one, name="s")).startswith(first[: first.rindex(LEFT_OUT)]), "as it went up before"
            agent.messages, sent = list(back), b""
            while LEFT_OUT not in sent:
                sent = await agent.step(one, output(agent.number), name="s")
            stub = first[first.index(LEFT_OUT) :].partition(b'"')[0]
            assert stub in sent, "it gives way here too, in the same words"
            await one.restart()
            del agent.messages[-2:]
            assert await agent.ask(one, name="s") == sent
            assert not one.failures()

    asyncio.run(work())


def test_what_is_not_in_the_store_word_for_word_stays(tmp_path: Path) -> None:
    """The store says something else than memory: nothing gives way, and history is folded as before."""

    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=7000), agent) as one:
            for _ in range(40):
                sent = await agent.step(one, output(agent.number))
                assert LEFT_OUT not in sent
                held = thread(one, agent.name)
                held.path[:] = [replace(turn, calls=turn.calls.replace("plank", "blank")) for turn in held.path]
            assert len(sent) < len(agent.asked), "it is folded"

    asyncio.run(work())


def test_stubs_that_came_too_late_do_not_count(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path), agent) as one:
            stage = next(stage for stage in one.engine.pipeline.stages if stage.name == "shrink")
            visits, kind = one.engine.visits, type(stage)
            late = []

            class Late(kind):  # type: ignore[misc, valid-type]
                async def request(self, exchange: Any) -> Any:
                    found = await super().request(exchange)
                    visit = visits.get(exchange.id)
                    if visit is not None and visit.stubs:
                        visit.late = True
                        late.append(len(visit.stubs))
                    return found

            stage.__class__ = Late
            while not late:
                await agent.step(one, output(agent.number))
            assert not thread(one, agent.name).stubs
            assert not await stored(one, lambda store: store.stubs(agent.name))
            stage.__class__ = kind
            await agent.until_stubs(one, most=1)
            assert len(thread(one, agent.name).stubs) >= late[0]

    asyncio.run(work())


@pytest.mark.parametrize("group", [False, True])
def test_a_group_is_offered_nothing_while_it_is_not_known_what_was_said_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: bool
) -> None:
    async def broken(apart: Apart, visit: Visit, upto: int) -> Set[int]:
        raise StoreError("gone for a moment")

    async def work() -> None:
        agent = Agent()
        async with rig(replace(told(tmp_path), paging=Paging(enabled="on")), agent) as one:
            assert b"vc_restore_tool" in await agent.until_stubs(one)
            monkeypatch.setattr(Apart, "turns", broken)
            where = "Familie group id:-999" if group else "Anna id:111"
            agent.messages.append({"role": "user", "content": f"[Telegram {where} 2026-11-26 06:00 UTC] What was on the first deck?"})
            assert (b"vc_restore_tool" in await agent.ask(one)) != group
            assert len(thread(one, agent.name).stubs) > 0

    asyncio.run(work())


def test_switched_off_nothing_is_left_out(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, enabled=False), agent) as one:
            for number in range(25):
                assert LEFT_OUT not in await agent.step(one, output(number))

    asyncio.run(work())


def png(width: int, height: int, size: int) -> dict[str, Any]:
    data = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + struct.pack(">II", width, height)
        + bytes(number % 251 for number in range(size))
    )
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


def test_what_stays_of_folded_history_keeps_its_stub(tmp_path: Path) -> None:
    """The human message that began a tool loop stays when the loop is folded, and with it the stub of the image that it showed."""

    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=5000), agent) as one:
            agent.messages[0]["content"] = [png(1000, 1000, 3000), {"type": "text", "text": "Like this."}]
            last: list[Any] = []
            after = 0
            for number in range(80):
                sent = json.loads(await agent.step(one, output(number, 70 if number < 4 else 10)))["messages"]
                moved = b"cache_kept=0" in agent.head
                assert moved or sent[: len(last)] == last, number
                last = sent
                after += one.engine.metrics.compactions > 0
                if after > 4:
                    break
            else:
                pytest.fail("nothing was folded")
            assert "[left out: image/png" in json.dumps(sent[0])
            assert len(sent) < len(agent.messages) - 10, "it is folded"
            assert not one.failures()

    asyncio.run(work())


def test_marks_thoughts_and_unknown_blocks_stay(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path), agent) as one:
            await agent.step(one, output(0))
            agent.messages[1]["content"].insert(0, {"type": "thinking", "thinking": "hm", "signature": "sig=="})
            agent.messages[2]["content"][0]["cache_control"] = {"type": "ephemeral"}
            agent.messages[2]["content"].append({"type": "new_kind", "x": [1.50]})
            sent = await agent.until_stubs(one)
            first = json.loads(sent)["messages"]
            assert first[1] == agent.messages[1]
            back = first[2]["content"]
            assert back[0]["content"].startswith("[left out: ")
            assert back[0]["cache_control"] == {"type": "ephemeral"}
            assert back[1] == {"type": "new_kind", "x": [1.50]}

    asyncio.run(work())


def test_only_what_reads_as_before_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a wire made something else of an edit, the stub would not be decided."""
    real = module._alike
    seen: list[int] = []

    def alike(before: Any, after: Any, stubs: Any) -> bool:
        assert real(before, after, stubs)
        assert not real(before, before, stubs), "a stub that is not there is noticed"
        seen.append(len(stubs))
        return False

    monkeypatch.setattr(module, "_alike", alike)

    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path), agent) as one:
            for number in range(25):
                assert LEFT_OUT not in await agent.step(one, output(number))

    asyncio.run(work())
    assert seen
