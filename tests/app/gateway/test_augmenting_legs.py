"""Augmented requests whose answers have several legs, and whose histories memory has folded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config.augmentation import FirstPrompt, OverrideRow, Parameters
from backstory.config.routes import Routing
from backstory.config.sections import Reply as Settings
from backstory.config.sections import Upstream
from backstory.core.message import Text
from backstory.core.reply import Reply
from tests.paging import BY_NAME, NAMES, QUOTE, Model, ask, configured, history, texts, understood
from tests.relay.world import Upstream as Provider
from tests.rig import QUICK, Rig, rig

ASKED = ("user", "What was the code of that locker again?")
TEXT = "Answer in verse, whatever comes."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", NAMES)
def test_every_leg_has_the_text_and_the_parameters(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))
    config = replace(
        configured(tmp_path),
        first_prompt=FirstPrompt(append=TEXT),
        overrides=(OverrideRow("^m$", Parameters(temperature=0.25)),),
    )

    async def work() -> None:
        async with rig(config, model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream)
            assert texts(found) == ["Let me look.", "It is tangerine-4711."]
            assert len(model.received) == 2
            for body in model.received:
                told = json.loads(body)
                assert told.get("generationConfig", told)["temperature"] == 0.25
                assert body.count(TEXT.encode()) == 1
            first, second = model.received
            at = first.index(TEXT.encode())
            assert second[:at].rpartition(b'"text"')[0] == first[:at].rpartition(b'"text"')[0]
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("provider", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("name", NAMES)
def test_so_has_every_leg_to_a_provider_of_another_wire(tmp_path: Path, name: str, provider: str) -> None:
    model = Model(BY_NAME[provider], Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))
    config = replace(
        configured(tmp_path),
        upstream=Upstream(wire=provider),  # type: ignore[arg-type]
        first_prompt=FirstPrompt(append=TEXT),
        overrides=(OverrideRow("^m$", Parameters(temperature=0.25, top_k=7)),),
        reply=Settings(think_tags="remove"),
    )

    async def work() -> None:
        async with rig(config, model) as one:
            _, _, found = await ask(one, BY_NAME[name], [*history(), ASKED], True)
            assert "".join(texts(found)) == "Let me look.It is tangerine-4711."
            assert len(model.received) == 2
            for body in model.received:
                told = json.loads(body)
                assert (told["temperature"], told["top_k"], "messages" in told) == (0.25, 7, True)
                assert body.count(TEXT.encode()) == 1
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("name", ["openai_responses", "anthropic"])
def test_so_has_every_leg_on_a_route(tmp_path: Path, name: str) -> None:
    model = Model(BY_NAME["openai_responses"], Reply((Text("I look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine."),), "stop"))

    async def script(upstream: Provider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            raw = model(await upstream.request(reader))
            writer.write(raw if isinstance(raw, bytes) else b"".join(raw))

    async def work() -> None:
        upstream = Provider(script)
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 24)
        port = server.sockets[0].getsockname()[1]
        config = replace(
            configured(tmp_path),
            upstream=Upstream(openai=f"http://127.0.0.1:{port}"),
            routing=Routing(static="openai:other?top_p=0.5"),
            first_prompt=FirstPrompt(append=TEXT),
            overrides=(OverrideRow("^other$", Parameters(temperature=0.25)),),
        )
        one = Rig(config, upstream, port, QUICK)
        await one.start()
        try:
            _, _, found = await ask(one, BY_NAME[name], [*history(), ASKED], True)
            assert "".join(texts(found)) == "I look.It is tangerine."
            assert len(model.received) == 2
            for body in model.received:
                told = json.loads(body)
                assert (told["model"], told["temperature"], told["top_p"]) == ("other", 0.25, 0.5)
                assert body.count(TEXT.encode()) == 1
            assert not one.failures()
        finally:
            await one.stop()
            server.close()
            await upstream.end()

    asyncio.run(work())


@pytest.mark.parametrize("name", NAMES)
def test_where_the_beginning_is_folded_the_text_stands_in_what_is_left(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire)
    config = replace(configured(tmp_path, enabled="off"), first_prompt=FirstPrompt(append=TEXT))

    async def work() -> None:
        async with rig(config, model) as one:
            turns = [*history(), ASKED]
            await ask(one, wire, turns, False)
            turns += [("assistant", "Nothing more."), ("user", "Thank you.")]
            await ask(one, wire, turns, False)
            first, second = model.received
            assert first.count(TEXT.encode()) == second.count(TEXT.encode()) == 1
            assert first.index(b"<digest>") < first.index(TEXT.encode())
            assert len(understood(wire, first)[1]) < len(history())
            upto = first.index(TEXT.encode()) + len(TEXT)
            assert second[:upto] == first[:upto]
            assert not one.failures()

    asyncio.run(work())
