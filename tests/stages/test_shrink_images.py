"""The shrink stage and images: old ones give way to words, or are made smaller first."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image

from backstory.app.faces.restored import restored
from backstory.config.sections import Media
from backstory.stages import stubs as module
from backstory.stages.shrink import Shrink
from tests.rig import Rig, rig, soon
from tests.stages.test_shrink import LEFT_OUT, Agent, png, told
from tests.stages.world import stored, thread


def test_old_images_give_way_and_weigh_what_the_provider_says(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(told(tmp_path, window=20_000), agent) as one:
            agent.messages[0]["content"] = [png(1000, 1000, 90_000), {"type": "text", "text": "Like this."}]
            for number in range(16):
                sent = await agent.step(one, f"screenshot {number}", media=[png(1000, 1000 + number, 60_000)])
                if LEFT_OUT in sent:
                    break
            else:
                pytest.fail("no image was left out")
            assert number > 10, "each weighs some 1340 tokens, and is not counted as text"
            messages = json.loads(sent)["messages"]
            assert messages[0]["content"][0]["text"].startswith("[left out: image/png, 1000x1000, 90 kB; shown earlier; ref m")
            assert messages[2]["content"][0]["content"][0] == {"type": "text", "text": "screenshot 0"}
            assert messages[2]["content"][0]["content"][1]["text"].startswith("[left out: image/png, 1000x1000")
            assert messages[-1] == json.loads(agent.asked)["messages"][-1]
            shown = [agent.messages[0]["content"][0]]
            shown += [message["content"][0]["content"][1] for message in agent.messages[2::2]]
            for some in thread(one, agent.name).stubs.values():
                for stub in some:
                    assert json.loads(await one.engine.restore("", agent.name, stub.ref)) in shown
                    back = await stored(one, partial(restored, ref=stub.ref))
                    assert back.kind == "image/png"
                    assert base64.b64encode(back.data).decode() in [image["source"]["data"] for image in shown]
            await one.restart()
            again = json.loads(await agent.ask(one))["messages"]
            assert again[: len(messages)] == messages
            assert not one.failures()

    asyncio.run(work())


def photo(number: int, size: tuple[int, int] = (600, 450)) -> dict[str, Any]:
    out = BytesIO()
    noise = Image.effect_noise(size, 60)
    noise.putpixel((number, 0), 255)
    noise.save(out, "PNG")
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(out.getvalue()).decode()}
    return {"type": "image", "source": source}


def held_up(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """No image is made smaller until this is set."""
    real, go_on = module._smaller, threading.Event()

    def slow(*given: Any) -> str | None:
        assert go_on.wait(60)
        return real(*given)

    monkeypatch.setattr(module, "_smaller", slow)
    return go_on


def test_an_image_that_is_being_made_smaller_does_not_give_way_to_words_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = held_up(monkeypatch)

    async def work() -> None:
        agent = Agent()
        config = replace(told(tmp_path, window=15_000, cold_after_s=0.0), media=Media(recompress=True, max_edge=200))
        async with rig(config, agent) as one:
            try:
                for number in range(12):
                    sent = await agent.step(one, f"screenshot {number}", media=[photo(number, (1000, 750))])
                    assert b"[left out: image" not in sent
                assert shrinker(one)._preparing, "it is above the soft threshold, and cold"
            finally:
                go_on.set()
            await soon(lambda: not shrinker(one)._preparing, 60)
            for number in range(12, 16):
                sent = await agent.step(one, f"screenshot {number}", media=[photo(number, (1000, 750))])
                assert b"[left out: image" not in sent
                await soon(lambda: not shrinker(one)._preparing, 60)
            assert b"image/jpeg" in sent
            assert not one.failures()

    asyncio.run(work())


def test_words_stand_for_an_image_that_is_being_made_smaller_before_turns_are_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = held_up(monkeypatch)

    async def work() -> None:
        agent = Agent()
        config = replace(told(tmp_path, window=20_000), media=Media(recompress=True, max_edge=500))
        async with rig(config, agent) as one:
            try:
                for number in range(40):
                    sent = await agent.step(one, f"screenshot {number}", media=[photo(number, (1000, 750))])
            finally:
                go_on.set()
            await soon(lambda: not shrinker(one)._preparing, 60)
            assert b"[left out: image" in sent
            assert not thread(one, agent.name).digests
            assert not one.failures()

    asyncio.run(work())


def test_where_words_take_the_place_of_each_smaller_image_they_make_room_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)

    async def work() -> None:
        agent = Agent()
        config = replace(told(tmp_path, window=20_000), media=Media(recompress=True, max_edge=500))
        async with rig(config, agent) as one:
            for number in range(22):
                sent = await agent.step(one, f"screenshot {number}", media=[photo(number, (1000, 750))])
                await soon(lambda: not shrinker(one)._preparing, 60)
            assert b"[left out: image" in sent
            assert not thread(one, agent.name).digests
            assert not one.failures()

    asyncio.run(work())


def test_a_loop_of_screenshots_is_made_smaller_then_put_in_words_and_not_folded(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        config = replace(told(tmp_path, window=20_000), media=Media(recompress=True, max_edge=500))
        async with rig(config, agent) as one:
            before: list[Any] = []
            originals, changed = [], 0
            for number in range(45):
                originals.append(photo(number % 9, (1000, 750)))
                messages = json.loads(await agent.step(one, f"screenshot {number}", media=originals[-1:]))["messages"]
                await soon(lambda: not shrinker(one)._preparing, 60)
                assert not thread(one, agent.name).digests, number
                if before and messages[: len(before)] != before:
                    changed += 1
                    kinds = [message["content"][0]["content"][1] for message in messages[2::2]]
                    shown = ["words" if kind["type"] == "text" else kind["source"]["media_type"] for kind in kinds]
                    assert shown == sorted(shown, key=["words", "image/jpeg", "image/png"].index), "the oldest give way first"
                    assert set(shown) == {"words", "image/jpeg", "image/png"}
                before = messages
            assert 2 <= changed <= 4, "what went up stands until a boundary"
            for some in thread(one, agent.name).stubs.values():
                for stub in some:
                    assert json.loads(await one.engine.restore("", agent.name, stub.ref)) in originals
            await one.restart()
            again = json.loads(await agent.ask(one))["messages"]
            assert again[: len(before)] == before, "the very same bytes"
            assert not one.failures()

    asyncio.run(work())


def test_images_are_first_made_smaller_where_that_is_wanted(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        config = replace(told(tmp_path, window=6000), media=Media(recompress=True, max_edge=200))
        async with rig(config, agent) as one:
            originals = []
            for number in range(30):
                originals.append(photo(number))
                sent = json.loads(await agent.step(one, f"screenshot {number}", media=originals[-1:]))["messages"]
                await soon(lambda: not shrinker(one)._preparing, 60)
                if "image/jpeg" in json.dumps(sent):
                    break
            else:
                pytest.fail("no image was made smaller")
            shown = [message["content"][0]["content"][1]["source"]["media_type"] for message in sent[2::2]]
            assert shown[0] == "image/jpeg"
            assert shown[-1] == "image/png"
            stubs = [stub for some in thread(one, agent.name).stubs.values() for stub in some]
            assert {stub.kind for stub in stubs} == {"image"}
            for stub in stubs:
                assert json.loads(await one.engine.restore("", agent.name, stub.ref)) in originals
            await one.restart()
            again = json.loads(await agent.ask(one))["messages"]
            assert again[: len(sent)] == sent, "the very same bytes"
            assert not one.failures()

    asyncio.run(work())


def shrinker(one: Rig) -> Shrink:
    found = next(stage for stage in one.engine.pipeline.stages if stage.name == "shrink")
    assert isinstance(found, Shrink)
    return found
