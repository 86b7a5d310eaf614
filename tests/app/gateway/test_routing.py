"""Routed requests: which provider they reach, in which wire, with whose key; and what is said of those that cannot be routed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.app.gateway.routing import RoutingHouse
from backstory.app.server import in_front
from backstory.config import Config
from backstory.core.exchange import Head
from backstory.core.plan import Plan
from backstory.errors import ConfigError
from backstory.providers.routing import Router
from backstory.relay.limits import Limits
from tests.relay.world import field, run
from tests.rig import PATHS, post
from tests.routed import KEYS, key_of, speaking, two

WIRES = list(PATHS)
ONE = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}
HEADERS = {
    "anthropic": {"x-api-key": b"server-key"},
    "openai_chat": {"authorization": b"Bearer server-key"},
    "openai_responses": {"authorization": b"Bearer server-key"},
    "gemini": {"x-goog-api-key": b"server-key"},
}


def model_in(received: Any) -> str:
    """The model that a provider was asked for."""
    path = received.head.split(b" ")[1].decode()
    return path.rsplit("/", 1)[1].split(":")[0] if "/models/" in path else str(json.loads(received.body)["model"])


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("client", WIRES)
def test_a_selector_reaches_a_provider_of_every_wire(tmp_path: Path, client: str, provider: str) -> None:
    header = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(provider, "bearer")

    async def scene() -> None:
        text = f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, wire: {provider}, api_key_env: PROV_KEY, header: {header}}}\n"
        async with two(tmp_path, text, KEY) as one:
            status, body = await one.ask_for(client, "prov:some-model")
            assert status == 200
            assert "Good day." in json.dumps(body)
            assert speaking(one.got) == provider
            assert model_in(one.got) == "some-model"
            assert key_of(one.got) == HEADERS[provider]
            assert b"client-key" not in one.got.head
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_without_a_route_every_byte_goes_up_as_it_came(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            body = b'{"model" : "some-model",  "messages":[{"role":"user","content":"Hi"}], "input":"x", "contents":[{"parts":[]}]}'
            raw = post(one.upstream_port, PATHS[wire], body, KEYS[wire], b"X-Odd:  1")
            await one.client.send(raw)
            await one.client.reply()
            assert not one.other.received
            assert one.sent.head + one.sent.body == raw.replace(b"X-Odd:  1", b"X-Odd: 1")

    run(scene())


def test_of_a_body_only_the_model_changes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            body = b'{ "model" : "prov:m",  "messages":[{"role":"user","content":"H\\u00ef"}], "odd": {"a" : 1.50 } }'
            await one.ask("/v1/chat/completions", body, KEYS["openai_chat"])
            assert one.got.body == body.replace(b"prov:m", b"m")

    run(scene())


def test_nothing_stands_in_front_where_nothing_is_routed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "models:\n  - {model: x, window: 10}\n") as one:
            assert in_front(one.config, one.house) is one.house
        async with two(tmp_path, "routing: {anthropic: openai}\n") as one:
            assert isinstance(in_front(one.config, one.house), RoutingHouse)

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("prow:m", 404, "no provider 'prow'; did you mean prov? (there are anthropic, gemini, openai, prov)"),
        ("groq:m", 404, "groq is known, but not set up: list it under providers"),
        ("prov:m|", 400, "a backend and model are missing (at the end of 'prov:m|')"),
        ("prov.3:m", 404, "prov has no instance 3"),
        ("hybrid:[prov:a]", 400, "takes two, with a comma between"),
        ("hybrid:[prow:a,prov:b]", 404, "no provider 'prow'; did you mean prov?"),
        ("prov:m^prov:n!prov:o", 400, "^ and ! cannot stand in one selector"),
    ],
)
def test_what_cannot_be_routed_is_told_and_does_not_go_up(tmp_path: Path, wire: str, model: str, status: int, said: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            got, body = await one.ask_for(wire, model)
            assert got == status
            assert said in body["error"]["message"]
            assert ("type" in body["error"]) == (wire != "gemini")
            assert not one.own.received
            assert not one.other.received

    run(scene())


def test_a_model_that_is_not_listed_is_told_with_the_nearest(tmp_path: Path) -> None:
    async def scene() -> None:
        text = "providers:\n  prov: {kind: ollama, url: OTHER, models: [llama3.2, 'qwen3:8b']}\n"
        async with two(tmp_path, text) as one:
            status, body = await one.ask_for("openai_chat", "prov:llama3")
            assert status == 404
            assert "prov has no model 'llama3'; did you mean llama3.2? (there are llama3.2, qwen3:8b)" in body["error"]["message"]
            assert not one.other.received
            status, _ = await one.ask_for("openai_chat", "qwen3:8b")
            assert status == 200
            assert model_in(one.got) == "qwen3:8b"
            assert key_of(one.got) == {}, "a provider without a key gets none"

    run(scene())


@pytest.mark.parametrize(("model", "goes"), [("llama3:8b", True), ("prv:x", False), ("nobody:gpt-4o", False), ("ft:gpt-4o:org::1", True)])
def test_a_colon_alone_makes_no_selector(tmp_path: Path, model: str, goes: bool) -> None:
    """On an upstream whose models may have colons in their names."""

    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            status, _ = await one.ask_for("openai_chat", model)
            assert (status == 200) == goes
            assert bool(one.own.received) == goes
            if goes:
                assert model_in(one.sent) == model

    run(scene())


def test_aliases_static_and_defaults(tmp_path: Path) -> None:
    alias = ONE % "openai_chat" + 'model_aliases:\n  - {pattern: "^claude-(.*)-x$", replacement: "prov:vendor/\\\\1"}\n'

    async def scene() -> None:
        async with two(tmp_path, alias, KEY) as one:
            await one.ask_for("anthropic", "claude-big-x")
            assert model_in(one.got) == "vendor/big"
            await one.ask_for("anthropic", "claude-big")
            assert model_in(one.sent) == "claude-big"
        async with two(tmp_path, ONE % "openai_chat" + "routing: {anthropic: prov}\n", KEY) as one:
            await one.ask_for("anthropic", "claude-big")
            assert model_in(one.got) == "claude-big"
            await one.ask_for("openai_chat", "gpt-4o")
            assert model_in(one.sent) == "gpt-4o"
        async with two(tmp_path, ONE % "openai_chat" + "routing: {static: 'prov:only'}\n", KEY) as one:
            await one.ask_for("gemini", "gemini-2.5-pro")
            assert model_in(one.got) == "only"
            head, _ = await one.ask("/v1/chat/completions", b"nonsense", KEYS["openai_chat"])
            assert head.startswith(b"HTTP/1.1 400")
            assert len(one.other.received) == 1

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_parameters_of_a_selector_win_over_the_bodys(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            selector = "prov:m?temperature=0.25&max_tokens=77"
            if wire == "gemini":
                selector = selector.replace("?", "%3F")
            status, _ = await one.ask_for(wire, selector, temperature=1) if wire != "gemini" else await one.ask_for(wire, selector)
            assert status == 200
            got = json.loads(one.got.body)
            assert (got["temperature"], got["max_tokens"], got["model"]) == (0.25, 77, "m")

    run(scene())


def test_a_parameter_that_has_no_place_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "anthropic", KEY) as one:
            status, body = await one.ask_for("openai_chat", "prov:claude-sonnet-4-5?seed=4")
            assert (status, body["error"]["message"]) == (400, "seed: Anthropic Messages has no seed (claude-sonnet-4-5 over anthropic)")
            assert not one.other.received

    run(scene())


def test_whose_key_goes_up(tmp_path: Path) -> None:
    """The client's own to a provider without one here; then as that provider wants it."""

    async def scene() -> None:
        async with two(tmp_path, "providers:\n  prov: {kind: deepseek, url: OTHER}\n") as one:
            await one.ask_for("anthropic", "prov:m")
            assert key_of(one.got) == {"authorization": b"Bearer client-key"}
        async with two(tmp_path, "providers:\n  prov: {kind: deepseek, url: OTHER}\n", {"DEEPSEEK_API_KEY": "k0"}) as one:
            await one.ask_for("anthropic", "prov:m")
            assert key_of(one.got) == {"authorization": b"Bearer k0"}
        text = "providers:\n  prov: {kind: anthropic, url: OTHER}\n"
        async with two(tmp_path, text) as one:
            await one.ask_for("anthropic", "prov:m", b"anthropic-beta: x", b"anthropic-version: 2023-06-01")
            assert key_of(one.got) == {"x-api-key": b"client-key"}
            assert field(one.got.head, b"anthropic-beta") == b"x"
            assert one.got.head.count(b"anthropic-version") == 1
        async with two(tmp_path, text.replace("url:", "auth: none, url:")) as one:
            await one.ask_for("anthropic", "prov:m", b"Authorization: Bearer t", b"openai-organization: o", b"Cookie: c")
            assert key_of(one.got) == {}
            assert field(one.got.head, b"cookie") is None

    run(scene())


def test_a_key_in_the_query_stays_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "providers:\n  prov: {kind: gemini, url: OTHER}\n", {"GEMINI_API_KEY": "k0"}) as one:
            path = PATHS["gemini"].replace("/m:", "/prov:m:") + "?alt=json&key=client-key"
            await one.ask(path, b'{"contents":[{"parts":[{"text":"Hi"}]}]}')
            assert one.got.head.startswith(b"POST /v1beta/models/m:generateContent?alt=json HTTP/1.1\r\n")
            assert key_of(one.got) == {"x-goog-api-key": b"k0"}

    run(scene())


def test_numbered_keys_are_instances(tmp_path: Path) -> None:
    text = "providers:\n  prov: {kind: groq, url: OTHER}\n"
    keys = {"GROQ_API_KEY_1": "k1", "GROQ_API_KEY_2": "k2"}

    async def scene() -> None:
        async with two(tmp_path, text, keys) as one:
            await one.ask_for("openai_chat", "prov:m")
            await one.ask_for("openai_chat", "prov.2:m")
            assert [key_of(received)["authorization"] for received in one.other.received] == [b"Bearer k1", b"Bearer k2"]

    run(scene())


def test_a_coded_body_goes_up_plain(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, ONE % "openai_chat", KEY) as one:
            body = gzip.compress(b'{"model":"prov:m","messages":[{"role":"user","content":"Hi"}]}')
            await one.ask("/v1/chat/completions", body, b"Content-Encoding: gzip")
            assert json.loads(one.got.body)["model"] == "m"
            assert field(one.got.head, b"content-encoding") is None

    run(scene())


def test_what_a_provider_lacks_is_left_out_of_a_translation_and_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "providers:\n  prov: {kind: mistral, url: OTHER}\n", {"MISTRAL_API_KEY": "k"}) as one:
            head, _ = await one.ask(
                "/v1/messages",
                b'{"model":"prov:m","max_tokens":9,"stream":true,"metadata":{"user_id":"u"},"messages":[{"role":"user","content":"Hi"}]}',
            )
            got = json.loads(one.got.body)
            assert "stream_options" not in got
            assert "user" not in got
            told = field(head, b"x-vc-losses") or b""
            assert b"user dropped" in told
            assert b"stream_options dropped" in told

    run(scene())


def test_failover_gives_further_attempts_in_order(tmp_path: Path) -> None:
    text = (
        "providers:\n  prov: {kind: groq, url: OTHER}\n  claude: {kind: anthropic, url: OTHER, auth: none}\nrouting: {disabled: [gemini]}\n"
    )

    async def scene() -> None:
        async with two(tmp_path, text, {"GROQ_API_KEY_1": "k1", "GROQ_API_KEY_2": "k2"}) as one:
            house = in_front(one.config, one.house)
            body = b'{"model":"gemini:g|prov:m|claude:c?temperature=0.5","messages":[{"role":"user","content":"Hi"}]}'
            plan = house.plan(Head("POST", "/v1/chat/completions", "", ()), body)
            assert isinstance(plan, Plan)
            assert plan.name == "prov.1"
            assert json.loads(plan.body or b"")["model"] == "m"
            assert [other.name for other in plan.others] == ["prov.2", "claude"]
            second, third = plan.others
            assert dict(second.add)[b"Authorization"] == b"Bearer k2"
            assert second.translation is None
            assert third.translation is not None
            assert third.target.path == "/v1/messages"
            assert (json.loads(third.body or b"")["temperature"], json.loads(third.body or b"")["model"]) == (0.5, "c")
            assert plan.tap is not None
            plan.tap.over("refused", 0, 0, 0)

    run(scene())


def test_a_way_that_cannot_take_the_request_is_passed_over(tmp_path: Path) -> None:
    text = "providers:\n  claude: {kind: anthropic, url: OTHER, auth: none}\n  prov: {kind: groq, url: OTHER, auth: none}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            status, _ = await one.ask_for("openai_chat", "claude:c|prov:m", n=2)
            assert status == 200
            assert speaking(one.got) == "openai_chat"
            status, body = await one.ask_for("openai_chat", "claude:c", n=2)
            assert (status, body["error"]["message"]) == (400, "n: Anthropic Messages gives one answer")
            assert len(one.other.received) == 1

    run(scene())


def test_a_named_key_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "backstory.yaml").write_text((ONE % "openai_chat").replace("OTHER", "http://127.0.0.1:1"))
    config = Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    with pytest.raises(ConfigError, match=r"providers.prov: the variable PROV_KEY is not set, nor PROV_KEY_1"):
        Router(config)


@pytest.mark.parametrize("wire", ["gemini", "openai_chat"])
def test_a_body_that_is_too_large_to_be_read_is_never_sent_cut(tmp_path: Path, wire: str) -> None:
    """Gemini's path names the model, so it is known to be meant for elsewhere; another wire's request goes where it always went."""

    async def scene() -> None:
        async with two(tmp_path, ONE % "gemini" + "proxy: {max_body_bytes: 300}\n", KEY) as one:
            one.door.limits = Limits(max_buffered_body=300)
            status, _ = await one.ask_for(wire, "prov:m", odd="x" * 400)
            assert not one.other.received
            assert (status, len(one.own.received)) == ((400, 0) if wire == "gemini" else (200, 1))
            if wire != "gemini":
                assert b"prov:m" in one.sent.body

    run(scene())


def test_ways_that_do_not_fit_are_passed_over(tmp_path: Path) -> None:
    text = (
        "providers:\n  a: {kind: ollama, url: OTHER}\nmodels: [{model: tiny, window: 20, max_output: 9}, {model: huge, window: 100000}]\n"
    )

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            for selector, expected in [
                ("a:tiny|a:huge", "huge"),
                ("[max_context=5]a:x|a:y", "y"),
                ("[first]a:x|a:y", "x"),
                ("[handicap=2]a:x!a:y", "y"),
                ("[weight=0]a:x^[weight=1]a:y", "y"),
            ]:
                await one.ask_for("anthropic", selector)
                assert model_in(one.other.received[-1]) == expected, selector
            later = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And?"}]
            await one.ask_for("anthropic", "[first]a:x|a:y", messages=later)
            assert model_in(one.other.received[-1]) == "y"
            for selector, said in [("[max_context=5]a:x", "[max_context=]"), ("a:tiny?max_tokens=10", "gives 9 tokens at most")]:
                status, body = await one.ask_for("anthropic", selector)
                assert status == 400
                assert said in body["error"]["message"]

    run(scene())


def test_a_conversation_is_drawn_the_same_way_again(tmp_path: Path) -> None:
    text = "providers:\n  a: {kind: ollama, url: OTHER}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            drawn: list[str] = []
            for talk in range(40):
                said = [{"role": "user", "content": f"Talk {talk}"}]
                names: set[str] = set()
                for _ in range(2):
                    await one.ask_for("openai_chat", "[weight=3]a:x^a:y", messages=said)
                    names.add(model_in(one.other.received[-1]))
                    said = [*said, {"role": "assistant", "content": "Hm."}, {"role": "user", "content": "And?"}]
                assert len(names) == 1
                drawn += names
            assert 20 <= drawn.count("x") < 40

    run(scene())


def test_memory_takes_part_in_a_routed_conversation(tmp_path: Path) -> None:
    """Ten messages and more, then nothing but the name of the conversation: what was said comes back, at the provider of another wire."""
    text = ONE % "anthropic" + "memory: {threshold_messages: 4}\nrecall: {deadline_ms: 10000}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            said: list[dict[str, str]] = []
            for number in range(6):
                said.append({"role": "user", "content": f"Fact {number}: my codeword is walrus-4{number}, keep it well."})
                body = json.dumps({"model": "prov:m", "messages": said}).encode()
                head, raw = await one.ask("/v1/chat/completions", body, b"X-VC-Conversation: mine")
                assert head.startswith(b"HTTP/1.1 200")
                said.append({"role": "assistant", "content": json.loads(raw)["choices"][0]["message"]["content"].split("<!--")[0].strip()})
            asked = {"model": "prov:m", "messages": [{"role": "user", "content": "What is my codeword of fact 2?"}]}
            await one.ask("/v1/chat/completions", json.dumps(asked).encode(), b"X-VC-Conversation: mine")
            assert b"walrus-42" in one.other.received[-1].body
            assert one.failures() == {}

    run(scene())


def test_config_of_an_instance_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("providers: {groq: {}}\n")
    (tmp_path / "backstory.yaml").write_text("proxy:\n  instances:\n    - {port: 0, config: other.yaml}\n")
    config = Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    assert not config.routes
    own = config.listeners[0].config
    assert own is not None
    assert own.routes
