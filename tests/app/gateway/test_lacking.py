"""What a provider is known to refuse is not set for it either, by whomever: an override, a selector, a person in the chat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.house import PortHouse
from backstory.app.server import in_front
from backstory.core.exchange import Head
from backstory.core.plan import Plan
from tests.app.test_wishes import NOTHING, asker
from tests.relay.world import field, run
from tests.rig import PATHS, asking
from tests.routed import KEYS, Two, two

WIRES = list(PATHS)
PROV = NOTHING + "providers:\n  prov: {kind: %s, url: OTHER, wire: openai_chat, auth: none}\n"
OVER = "overrides:\n  - {model: '^m', set: {seed: 4, top_k: 3, temperature: 0.25}}\n"
GONE = {"mistral": ["seed", "top_k"], "openai": ["top_k"], "azure": ["top_k"], "groq": ["top_k"], "openai_compatible": []}


async def asked(one: Two, wire: str, model: str) -> tuple[int, dict[str, object], list[str]]:
    """Status, what the provider got, and what the answer's head says of losses."""
    path = PATHS[wire].replace("/m:", f"/{model}:".replace("?", "%3F"))
    more: dict[str, object] = {"max_tokens": 90} if wire == "anthropic" else {}
    body = asking(wire, [("user", "Hi.")], **more).replace(b'"model": "m"', b'"model": "%b"' % model.encode())
    head, _ = await one.ask(path, body, KEYS[wire])
    told = (field(head, b"x-vc-losses") or b"").decode()
    got = json.loads(one.other.received[-1].body) if one.other.received else {}
    return int(head.split(b" ")[1]), got, [part.partition(" ")[0] for part in told.split(", ")] if told else []


@pytest.mark.parametrize("kind", GONE)
@pytest.mark.parametrize("wire", WIRES)
def test_an_override_leaves_it_out_and_tells(tmp_path: Path, wire: str, kind: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % kind + OVER) as one:
            status, got, told = await asked(one, wire, "prov:m")
            assert status == 200
            assert got["temperature"] == 0.25
            assert sorted({"seed", "top_k"} - got.keys()) == GONE[kind]
            assert sorted({"seed", "top_k"} & set(told)) == GONE[kind]

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_a_selector_that_asks_for_it_is_refused_or_passed_over(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "mistral" + "  free: {kind: openai_compatible, url: OTHER, auth: none}\n") as one:
            status, body = await one.ask_for(wire, "prov:m?seed=4" if wire != "gemini" else "prov:m%3Fseed=4")
            assert status == 400
            assert "seed: the provider refuses it" in json.dumps(body)
            assert not one.other.received
            status, got, _ = await asked(one, wire, "prov:m?seed=4|free:n?seed=4")
            assert (status, got["model"], got["seed"]) == (200, "n", 4)

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_a_command_says_so_and_it_is_left_out(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "mistral") as one:
            person = asker(one, wire)
            await person.told("!/model(prov:m)")
            assert "seed is left out there: the provider refuses it" in await person.told("!/set(seed=4,temperature=0.5)")
            assert await person.say("Hello.") == "Good day."
            assert (person.place, person.body["temperature"], "seed" in person.body) == ("other", 0.5, False)
            assert b"seed dropped" in (field(person.head, b"x-vc-losses") or b"")

    run(scene())


def test_what_else_is_known_of_a_provider_counts_too(tmp_path: Path) -> None:
    """Groq's models that do not think refuse an effort."""
    text = PROV % "groq" + "overrides:\n  - {model: '^llama', set: {reasoning_effort: high}}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            status, got, told = await asked(one, "openai_chat", "prov:llama-3.3-70b")
            assert (status, "reasoning_effort" in got, told) == (200, False, ["reasoning_effort"])
            status, got, _ = await asked(one, "openai_chat", "prov:openai/gpt-oss-120b?reasoning_effort=xhigh")
            assert (status, got["reasoning_effort"]) == (200, "high")

    run(scene())


def test_a_provider_of_any_kind_is_known_by_its_host(tmp_path: Path) -> None:
    text = "providers:\n  prov: {kind: openai_compatible, url: 'https://api.mistral.ai/v1', auth: none}\n" + OVER

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            plan = in_front(one.config, one.house).plan(Head("POST", "/v1/chat/completions", "", ()), asking_for("prov:m"))
            assert isinstance(plan, Plan)
            assert "seed" not in json.loads(plan.body or b"")
            assert plan.tap is not None
            plan.tap.over("refused", 0, 0, 0)

    run(scene())


def asking_for(model: str) -> bytes:
    return asking("openai_chat", [("user", "Hi.")]).replace(b'"m"', b'"%b"' % model.encode())


@pytest.mark.parametrize(("url", "goes"), [("https://api.openai.com", False), ("http://127.0.0.1:1", True)])
@pytest.mark.parametrize("routed", [True, False])
def test_what_goes_its_usual_way_is_judged_by_the_host_too(tmp_path: Path, url: str, goes: bool, routed: bool) -> None:
    """A server of one's own in OpenAI's place takes more than OpenAI."""
    text = f"upstream: {{openai: '{url}'}}\nmemory: {{enabled: false}}\n" + OVER
    text += "providers: {prov: {kind: groq, auth: none}}\n" if routed else ""

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            body = asking_for("openai:m" if routed else "m")
            house = in_front(one.config, PortHouse(one.config, one.engine, url, ""))
            plan = house.plan(Head("POST", "/v1/chat/completions", "", ()), body)
            assert isinstance(plan, Plan)
            got = json.loads(plan.body or b"")
            assert (got["seed"], got["temperature"], "top_k" in got) == (4, 0.25, goes)
            told = dict(plan.translation.begin(200, ())[1]) if plan.translation is not None else {}
            assert told == ({} if goes else {b"X-VC-Losses": b"top_k dropped"})

    run(scene())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_an_override_without_a_place_is_told_where_nothing_is_routed(tmp_path: Path, wire: str, stream: bool) -> None:
    text = "overrides:\n  - {model: ., set: {verbosity: low, top_k: 3}}\n" + NOTHING
    lost = {"anthropic": b"verbosity dropped", "openai_chat": b"", "openai_responses": b"top_k dropped", "gemini": b"verbosity dropped"}

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            person = asker(one, wire, stream)
            assert await person.say("Hello.") == "Good day."
            assert (field(person.head, b"x-vc-losses") or b"") == lost[wire]
            assert one.failures() == {}

    run(scene())


def test_where_all_goes_to_one_provider_what_it_refuses_is_left_out_of_translations(tmp_path: Path) -> None:
    text = "upstream: {url: 'https://api.mistral.ai', wire: openai_chat}\nmemory: {enabled: false}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            body = asking("anthropic", [("user", "Hi.")], max_tokens=9, metadata={"user_id": "u"}, stream=True)
            plan = one.house.plan(Head("POST", "/v1/messages", "", ()), body)
            assert isinstance(plan, Plan)
            assert {"user", "stream_options"}.isdisjoint(json.loads(plan.body or b""))

    run(scene())
