"""What becomes of a request on a port: where it goes, what is dropped of it, what its answer carries, and errors in its own shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.engine import Engine
from backstory.app.house import PortHouse
from backstory.app.regard import OWN_HEADERS
from backstory.config import Config
from backstory.config.sections import Memory, Metrics, Upstream
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Plan, Target
from tests.rig import PATHS, asking, reply, rig, said, settings, with_marker

HELLO = asking("anthropic", [("user", "Hello.")])


def head(path: str, method: str = "POST", query: str = "", headers: Headers = ()) -> Head:
    return Head(method, path, query, headers)


def plans(*asked: tuple[Head, bytes], config: Config | None = None, url: str = "") -> list[Plan]:
    """The plans of a house without memory."""

    async def work() -> list[Plan]:
        given = config or Config(memory=Memory(enabled=False))
        engine = await Engine.open(given)
        house = PortHouse(given, engine, url, "")
        found = [house.plan(*one) for one in asked]
        await engine.close()
        return [plan if isinstance(plan, Plan) else await plan for plan in found]

    return asyncio.run(work())


def target(plan: Plan) -> Target:
    assert plan.target is not None
    return plan.target


@pytest.mark.parametrize(
    ("asked", "host", "path"),
    [
        (head("/v1/messages"), "api.anthropic.com", "/v1/messages"),
        (head("/v1/messages", query="beta=true"), "api.anthropic.com", "/v1/messages?beta=true"),
        (head("/v1/models", "GET", headers=((b"Anthropic-Version", b"1"),)), "api.anthropic.com", "/v1/models"),
        (head("/v1/models", "GET", headers=((b"X-Goog-Api-Key", b"k"),)), "generativelanguage.googleapis.com", "/v1/models"),
        (
            head("/v1/models", "GET", headers=((b"X-Goog-Api-Key", b"k"), (b"Authorization", b"Bearer k"))),
            "api.openai.com",
            "/v1/models",
        ),
        (head("/v1/chat/completions"), "api.openai.com", "/v1/chat/completions"),
        (head("/chat/completions"), "api.openai.com", "/v1/chat/completions"),
        (head("/v1/responses"), "api.openai.com", "/v1/responses"),
        (
            head("/v1beta/models/m:generateContent", query="key=k"),
            "generativelanguage.googleapis.com",
            "/v1beta/models/m:generateContent?key=k",
        ),
        (head("/v1/anything"), "api.openai.com", "/v1/anything"),
    ],
)
def test_each_wire_has_its_provider(asked: Head, host: str, path: str) -> None:
    (plan,) = plans((asked, HELLO))
    assert (target(plan).host, target(plan).path) == (host, path)
    assert plan.body is None
    assert plan.tap is None


def test_one_upstream_serves_all_wires_and_a_port_may_have_its_own() -> None:
    config = Config(memory=Memory(enabled=False), upstream=Upstream(url="http://one.test:81/base"))
    asked = [(head(path), HELLO) for path in PATHS.values()]
    assert {(target(plan).host, target(plan).port) for plan in plans(*asked, config=config)} == {("one.test", 81)}
    assert {target(plan).host for plan in plans(*asked, config=config, url="https://two.test")} == {"two.test"}


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/metrics.json"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_ports_own_pages_go_nowhere(path: str, method: str) -> None:
    (plan,) = plans((head(path, method), b""))
    assert plan.target is None
    assert plan.answer is not None
    assert plan.answer.status == 200
    (posted,) = plans((head(path), b"{}"))
    assert posted.answer is None


@pytest.mark.parametrize(("path", "wire"), [(path, name.partition("_")[0]) for name, path in PATHS.items()], ids=list(PATHS))
def test_an_error_has_the_shape_of_the_wire(path: str, wire: str) -> None:
    async def work() -> None:
        config = Config(memory=Memory(enabled=False))
        engine = await Engine.open(config)
        answer = PortHouse(config, engine, "", "").error(head(path), 502, "upstream_unavailable", "It is gone.")
        told = json.loads(answer.body)
        assert answer.status == 502
        assert told["error"]["message"].endswith("It is gone.")
        assert ("type" in told) == (wire == "anthropic")
        assert (told["error"].get("code") == 502) == (wire == "gemini")
        await engine.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("asked", "shape"),
    [
        (None, "code"),
        (head("/v1/models", "GET"), "code"),
        (head("/v1/models", "GET", headers=((b"anthropic-version", b"1"),)), "type"),
        (head("/v1/models/a:m", "GET", headers=((b"x-goog-api-key", b"k"),)), "status"),
    ],
)
def test_an_error_of_no_conversation_has_its_providers_shape(asked: Head | None, shape: str) -> None:
    async def work() -> None:
        config = Config(memory=Memory(enabled=False))
        engine = await Engine.open(config)
        told = json.loads(PortHouse(config, engine, "", "").error(asked, 400, "malformed_request", "No.").body)
        assert shape in told["error"]
        await engine.close()

    asyncio.run(work())


def test_the_body_is_wanted_where_memory_can_read_it(tmp_path: Path) -> None:
    async def work() -> None:
        config = settings(tmp_path)
        engine = await Engine.open(config)
        house = PortHouse(config, engine, "http://a.test", "")
        assert house.wants_body(head("/v1/messages"))
        assert not house.wants_body(head("/v1/messages", "GET"))
        assert house.wants_body(head("/v1/messages/count_tokens")), "commands may have been given before a restart"
        commanding, engine.commanding = engine.commanding, None
        assert not PortHouse(config, engine, "http://a.test", "").wants_body(head("/v1/messages/count_tokens"))
        engine.commanding = commanding
        assert not house.wants_body(head("/v1/messages", headers=((b"Content-Encoding", b"gzip"),)))
        off = head("/v1/messages", headers=((b"X-VC-Memory", b"OFF"),))
        assert house.wants_body(off), "what it asks must be known again, to be left out"
        assert house.wants_body(head("/v1/messages", headers=((b"X-VC-Memory", b"on"),)))
        await engine.close()
        assert not house.wants_body(head("/v1/messages")), "no memory, no need"
        assert not house.wants_body(head("/v1/messages", headers=((b"X-VC-Memory", b"OFF"),)))
        for number in range(1100):
            assert not house.wants_body(head(f"/path/{number}"))
        assert len(house._regards._paths) <= 1000

    asyncio.run(work())


@pytest.mark.parametrize("waits", [False, True])
def test_every_header_of_ours_is_dropped(tmp_path: Path, waits: bool) -> None:
    async def work() -> None:
        config = settings(tmp_path)
        engine = await Engine.open(config)
        house = PortHouse(config, engine, "http://a.test", "")
        body = asking("anthropic", [("user", "a"), ("assistant", "b"), ("user", "c")]) if waits else HELLO
        for headers, dropped in (
            (((b"X-Vc-New", b"1"), (b"X-Mine", b"1")), OWN_HEADERS | {b"x-vc-new"}),
            (((b"X-VC-Project", b"1"),), OWN_HEADERS),
        ):
            found = house.plan(head("/v1/messages", headers=headers), body)
            assert isinstance(found, Plan) or waits
            plan = found if isinstance(found, Plan) else await _later(found)
            assert plan.drop == dropped
            assert plan.tap is not None
            plan.tap.over("refused", 0, 1, 0)
        await engine.close()
        assert len(engine.visits) == 0

    asyncio.run(work())


async def _later(plan: Awaitable[Plan]) -> Plan:
    return await plan


@pytest.mark.parametrize("policy", ["always", "auto", "never"])
def test_an_answer_is_marked_as_the_policy_says(tmp_path: Path, policy: str) -> None:
    """always: from the first one; auto: where nothing else tells and there is something to lose; never in JSON that was asked for."""
    config = settings(tmp_path, memory={"threshold_messages": 4})

    async def work() -> None:
        async with rig(with_marker(config, policy), lambda _: reply(said("openai_chat", "Yes."))) as one:

            async def marked(count: int, *headers: bytes, **more: object) -> bool:
                chat = [("user" if place % 2 == 0 else "assistant", f"{policy} {count} {place}") for place in range(count)]
                _, body = await one.ask(PATHS["openai_chat"], asking("openai_chat", chat, **more), *headers)
                return b"vc:conversation=" in body

            assert await marked(1) == (policy == "always")
            assert await marked(3) == (policy != "never")
            assert await marked(5, b"X-VC-Conversation: mine") == (policy == "always")
            assert not await marked(7, response_format={"type": "json_object"})
            chat = [("user", "a"), ("assistant", "b <!-- vc:conversation=8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10 -->"), ("user", "c")]
            _, body = await one.ask(PATHS["openai_chat"], asking("openai_chat", chat))
            assert b"vc:conversation=" not in body, "one is in the history already"

    asyncio.run(work())


@pytest.mark.parametrize("both", [False, True])
def test_an_answer_tells_its_conversation_and_its_numbers(tmp_path: Path, both: bool) -> None:
    config = replace(settings(tmp_path), metrics=Metrics(vidurai_header=both))

    async def work() -> None:
        async with rig(config, lambda _: reply(said("anthropic", "Yes."))) as one:
            for count in (1, 3):
                chat = [("user" if place % 2 == 0 else "assistant", f"word {place}") for place in range(count)]
                got, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat))
                names = [line.partition(b":")[0] for line in got.split(b"\r\n") if line.startswith(b"X-")]
                assert names[:2] == [b"X-VC-Conversation", b"X-VC-Stats"]
                assert (b"X-Vidurai-Stats" in names) == (both and count > 1)

    asyncio.run(work())


def test_a_body_that_memory_cannot_read_is_counted_and_relayed(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(settings(tmp_path), lambda _: reply(b"{}")) as one:
            await one.ask(PATHS["anthropic"], b"no JSON")
            assert one.sent.body == b"no JSON"
            assert one.engine.metrics.unreadable == 1
            await one.ask("/v1/files", b"no JSON")
            assert one.engine.metrics.relayed == 1

    asyncio.run(work())
