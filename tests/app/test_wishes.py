"""What a person sets in the chat: where the next requests go, and with which parameters. In every wire, whole and streamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.relay.world import run
from tests.rig import PATHS, asking
from tests.routed import KEYS, Person, Two, key_of, speaking, two

WIRES = list(PATHS)
EVERY = pytest.mark.parametrize("wire", WIRES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
NOTHING = "memory: {threshold_messages: 100}\nmarker: never\n"
PROVIDERS = (
    NOTHING
    + "providers:\n  prov: {kind: openai_compatible, url: OTHER, api_key_env: PROV_KEY}\n"
    + "  claude: {kind: anthropic, url: OTHER, auth: none, models: [claude-a, claude-b]}\n"
)
KEY = {"PROV_KEY": "server-key"}
PLACES: dict[str, tuple[str, ...]] = {
    "anthropic": ("temperature",),
    "openai_chat": ("temperature",),
    "openai_responses": ("temperature",),
    "gemini": ("generationConfig", "temperature"),
}
MOST = {
    "anthropic": ("max_tokens",),
    "openai_chat": ("max_tokens",),
    "openai_responses": ("max_output_tokens",),
    "gemini": ("generationConfig", "maxOutputTokens"),
}


def inside(body: dict[str, Any], steps: tuple[str, ...]) -> Any:
    found: Any = body
    for step in steps:
        found = found.get(step, {})
    return found


def asker(one: Two, wire: str, stream: bool = False, **more: Any) -> Person:
    given: dict[str, Any] = {"max_tokens": 4000} if wire == "anthropic" else {}
    return Person(one, wire, stream, **given, **more)


@EVERY
@BOTH
def test_a_model_alone_is_put_in_place_of_the_clients(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, wire, stream)
            assert "with the model new-one" in await person.told("!/model(new-one)")
            assert await person.say("Hello.") == "Good day."
            assert (person.place, person.model_heard) == ("own", "new-one")
            assert person.heard is not None
            clean = person.client_body
            assert person.heard.body == without_pair(person).replace(b'"m"', b'"new-one"', 1 if wire != "gemini" else 0)
            assert await person.told("!/unset(model)") == "Not set any more: model."
            await person.say("And now?")
            assert person.model_heard == "m"
            assert person.heard.body == without_pair(person)
            assert clean != person.client_body
            assert one.failures() == {}

    run(scene())


def without_pair(person: Person) -> bytes:
    """The client's last body as it would be without commands and our answers to them."""
    kept: list[tuple[str, str]] = []
    for role, text in person.messages[:-1]:
        if "(Backstory answered" in text:
            kept.pop()
        else:
            kept.append((role, text))
    more = person.more | ({"stream": True} if person.stream and person.wire.name != "gemini" else {})
    return asking(person.wire.name, kept, **more)


@EVERY
@BOTH
def test_parameters_are_spliced_into_the_clients_wire(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, wire, stream, odd={"kept": [1, 2.50]})
            await person.say("Hello.")
            assert person.heard is not None
            assert person.heard.body == person.client_body, "nothing is set: as it came"
            assert "temperature=0.3" in await person.told("!/temperature(0.3)")
            assert "max_tokens=77" in await person.told("!/set(max-tokens = 77)")
            assert await person.say("Hm.") == "Good day."
            assert inside(person.body, PLACES[wire]) == 0.3
            assert inside(person.body, MOST[wire]) == 77
            assert person.body["odd"] == {"kept": [1, 2.5]}
            assert person.place == "own"
            status = await person.told("!/status")
            assert "- Parameters: temperature=0.3, max_tokens=77" in status
            assert await person.told("!/unset(temperature, top_p)") == "Not set any more: temperature. Not set before: top_p."
            await person.say("And?")
            assert inside(person.body, PLACES[wire]) == {}
            assert inside(person.body, MOST[wire]) == 77
            await person.told("!/unset(all)")
            await person.say("Over.")
            assert person.heard.body == without_pair(person)
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("provider", WIRES)
@EVERY
@BOTH
def test_a_provider_of_any_wire_can_be_chosen(tmp_path: Path, wire: str, provider: str, stream: bool) -> None:
    text = NOTHING + f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, wire: {provider}, api_key_env: PROV_KEY}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            person = asker(one, wire, stream)
            await person.say("Hello.")
            assert person.place == "own"
            assert "goes to prov with the model far" in await person.told("!/model(prov:far)")
            await person.told("!/temperature(0.5)")
            assert await person.say("Far away.") == "Good day."
            assert person.place == "other"
            assert person.heard is not None
            assert speaking(person.heard) == provider
            assert person.model_heard == "far"
            assert inside(person.body, PLACES[provider]) == 0.5
            assert b"client-key" not in person.heard.head
            assert b"server-key" in person.heard.head
            assert b"Backstory answered" not in person.heard.body
            assert b"!/" not in person.heard.body
            await one.restart()
            assert await person.say("Still there?") == "Good day."
            assert (person.place, person.model_heard) == ("other", "far")
            status = await person.told("VCSTATUS")
            assert "- Backend: prov\n- Model: far\n- Parameters: temperature=0.5" in status
            await person.told("!/unset(backend, model, temperature)")
            await person.say("Back.")
            assert (person.place, person.model_heard) == ("own", "m")
            assert one.failures() == {}

    run(scene())


@EVERY
def test_a_backend_alone_keeps_the_clients_model(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire)
            assert "goes to prov with the model m (paid with a key of its own)" in await person.told("!/backend(prov)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "m")
            assert "prov with the model m" in await person.told("!/backend")
            await person.told("!/model(other)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "other")
            told = await person.told("!/backend(claude)")
            assert "Set a model, too: claude has no model 'other'" in told
            await person.told("!/model(claude-b)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "claude-b")
            assert await person.told("!/backend(none)") == "Not set any more: backend. Still set: model=claude-b."
            assert await person.told("!/model(none)") == "Not set any more: model."
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("own", "m")

    run(scene())


@EVERY
@BOTH
def test_a_oneoff_is_for_one_request(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire, stream)
            await person.say("Hello.")
            told = await person.told("!/oneoff(prov:far)")
            assert told.startswith("The next request, and that one alone, goes to prov with the model far")
            assert "- Once: prov:far" in await person.told("!/status")
            await one.restart()
            one.other.failing = 1
            person.messages.append(("user", "Once."))
            await person.ask()
            assert (person.status, person.place) == (500, "other")
            assert await person.ask() == "Good day.", "made again after an error, it is the same request"
            assert (person.place, person.model_heard) == ("other", "far")
            await person.ask()
            assert person.place == "own", "asked for once more, it is another"
            person.messages.append(("assistant", "Good day."))
            await person.say("Twice.")
            assert person.place == "own"
            assert "Once" not in await person.told("!/status")

    run(scene())


@EVERY
def test_a_setting_at_the_end_of_a_message_holds_for_that_message(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire)
            assert await person.say("Explain it.\n!/oneoff(prov:far)") == "Good day."
            assert (person.place, person.model_heard) == ("other", "far")
            assert person.heard is not None
            assert b"Explain it." in person.heard.body
            assert b"oneoff" not in person.heard.body
            await person.say("Think hard. !/temperature(0.25)")
            assert (person.place, inside(person.body, PLACES[wire])) == ("own", 0.25)

    run(scene())


@EVERY
def test_a_failover_route_goes_on_to_the_next_provider(tmp_path: Path, wire: str) -> None:
    text = PROVIDERS + "  dead: {kind: anthropic, url: 'http://127.0.0.1:9', auth: none}\nresilience: {retries: 1, backoff_s: 0.01}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            person = asker(one, wire)
            assert "route-append gives it elements" in await person.told("!/create-failover-route(name=safe, policy=km)")
            assert "has no elements" in await person.told("!/model(safe)")
            await person.told("!/route-append(name=safe,element=prov:far)")
            told = await person.told("!/route-prepend(name=safe,element=dead:x)")
            assert told == "safe (km: every key of each element in turn): dead:x, prov:far"
            assert "did you mean prov?" in await person.told("!/route-append(name=safe,element=prow:x)")
            assert "dead with the model x, then prov with the model far" in await person.told("!/model(safe)")
            assert await person.say("Hello.") == "Good day."
            assert (person.place, person.model_heard) == ("other", "far")
            await one.restart()
            assert await person.say("Hello again.") == "Good day."
            assert (person.place, person.model_heard) == ("other", "far")
            assert "- Failover routes: safe (km: every key of each element in turn): dead:x, prov:far" in await person.told("!/status")
            assert "safe (km" in await person.told("!/route-list")
            assert "no elements yet" in await person.told("!/route-clear(name=safe)")
            assert "has no elements" in await person.say("Now?")
            assert (person.status, person.place) == (400, "")
            assert "the client's own again" in await person.told("!/delete-failover-route(name=safe)")
            await person.say("Own?")
            assert person.place == "own"

    run(scene())


def test_a_client_may_name_a_failover_route_as_its_model(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat", model="m")
            await person.told("!/create-failover-route(name=safe,policy=m)")
            await person.told("!/route-append(name=safe,element=prov:far,claude:claude-a)")
            person.model = "safe"
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "far")
            person.model = "m"
            await person.say("Hello.")
            assert person.place == "own"

    run(scene())


def test_what_is_set_beats_what_the_request_selects(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = Person(one, "openai_chat", model="prov:far?temperature=0.9&top_p=0.5")
            await person.told("!/temperature(0.1)")
            await person.say("Hello.")
            assert person.place == "other"
            assert (person.body["temperature"], person.body["top_p"], person.body["model"]) == (0.1, 0.5, "far")
            await person.told("!/model(near)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "near"), "its provider stays"
            await person.told("!/model(claude:claude-a)")
            await person.say("Hello.")
            assert person.model_heard == "claude-a"
            assert person.heard is not None
            assert speaking(person.heard) == "anthropic"
            assert key_of(person.heard) == {}

    run(scene())


@EVERY
def test_where_the_upstream_speaks_another_wire_it_is_translated_with_the_rest(tmp_path: Path, wire: str) -> None:
    other = "anthropic" if wire == "openai_chat" else "openai_chat"

    async def scene() -> None:
        async with two(tmp_path, NOTHING + f"upstream: {{wire: {other}}}\n") as one:
            person = asker(one, wire)
            await person.told("!/model(gpt-4o)")
            await person.told("!/set(temperature=0.4,max_tokens=55)")
            assert await person.say("Hello.") == "Good day."
            assert person.heard is not None
            assert (person.place, speaking(person.heard), person.model_heard) == ("own", other, "gpt-4o")
            most = person.body.get("max_tokens", person.body.get("max_completion_tokens"))
            assert (person.body["temperature"], most) == (0.4, 55)

    run(scene())


def test_a_parameter_without_a_place_is_left_out_and_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "anthropic")
            told = await person.told("!/set(seed=4,temperature=0.2)")
            assert "seed is left out there: Anthropic Messages has no seed" in told
            await person.say("Hello.")
            assert "seed" not in person.body
            assert person.body["temperature"] == 0.2
            assert b"X-VC-Losses: seed dropped" in person.head
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            assert (person.body["seed"], person.body["temperature"]) == (4, 0.2), "the provider of another wire has one"
            assert "seed is left out there" in await person.told("!/model(claude:claude-a)")
            await person.say("Hello.")
            assert "seed" not in person.body
            assert b"X-VC-Losses: seed dropped" in person.head

    run(scene())


THINKERS = {"anthropic": "claude-sonnet-4-5", "openai_chat": "gpt-5", "openai_responses": "gpt-5", "gemini": "gemini-2.5-flash"}
THOUGHTS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "anthropic": (("thinking", "budget_tokens"), {"low": 4096, "high": 24576, "max": 32768, "none": {}, "2048": 2048}),
    "openai_chat": (("reasoning_effort",), {"low": "low", "high": "high", "max": "high", "none": "minimal", "2048": "minimal"}),
    "openai_responses": (("reasoning", "effort"), {"low": "low", "high": "high", "max": "high", "none": "minimal", "2048": "minimal"}),
    "gemini": (
        ("generationConfig", "thinkingConfig", "thinkingBudget"),
        {"low": 4096, "high": 24576, "max": 24576, "none": 0, "2048": 2048},
    ),
}


@EVERY
def test_how_much_to_think(tmp_path: Path, wire: str) -> None:
    place, wanted = THOUGHTS[wire]

    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            more: dict[str, Any] = {"max_tokens": 40_000} if wire == "anthropic" else {}
            person = Person(one, wire, model=THINKERS[wire], **more)
            found: dict[str, Any] = {}
            for command, name in {"!/low": "low", "!/reasoning(high)": "high", "!/max": "max", "!/no-think": "none"}.items():
                await person.say(f"Think. {command}")
                found[name] = inside(person.body, place)
            assert "- Parameters: reasoning_effort=none" in await person.told("!/status")
            await person.told("!/set(thinking-budget=2048)")
            assert "- Parameters: thinking_budget=2048\n" in await person.told("!/status"), "of the two the last counts"
            await person.say("Think so much.")
            found["2048"] = inside(person.body, place)
            assert found == wanted

    run(scene())


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses"])
def test_a_model_that_does_not_reason_is_not_asked_to(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = Person(one, wire, model="gpt-4o")
            assert "reasoning_effort is left out there: gpt-4o does not reason" in await person.told("!/max")
            await person.say("Hello.")
            assert person.heard is not None
            assert person.heard.body == without_pair(person).replace(b'"m"', b'"gpt-4o"', 1)
            await person.say("Now. !/model(gpt-5.2)")
            assert inside(person.body, THOUGHTS[wire][0]) == "xhigh"

    run(scene())


def test_it_holds_though_memory_is_late(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "recall: {deadline_ms: 0.001}\n", KEY) as one:
            person = asker(one, "openai_chat")
            await person.say("Hello. !/model(prov:far)")
            assert person.place == "other"
            for number in range(3):
                await one.restart()
                await person.say(f"Number {number}.")
                assert (person.place, person.model_heard) == ("other", "far")
            await person.told("!/temperature(0.5)")
            await one.restart()
            assert await person.say("And on.") == "Good day."
            assert person.body["temperature"] == 0.5

    run(scene())


def test_a_large_request_does_not_go_ahead_of_what_is_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            person.messages = [("user", "Long. " * 60_000), ("assistant", "Yes.")]
            await person.say("One.")
            await person.say("Two.")
            await person.told("!/model(prov:far)")
            await person.say("Three.")
            assert (person.place, person.model_heard) == ("other", "far")
            await person.say("Four.")
            assert (person.place, person.model_heard) == ("other", "far")

    run(scene())


@EVERY
def test_a_clients_key_never_goes_to_a_provider_that_has_one_from_here(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire)
            await person.told("!/backend(prov)")
            await person.say("Hello.")
            assert person.heard is not None
            assert key_of(person.heard) == {"authorization": b"Bearer server-key"}
            assert KEYS[wire].split(b": ")[1] not in person.heard.head

    run(scene())


@EVERY
def test_what_is_left_out_is_told_though_nothing_changes(tmp_path: Path, wire: str) -> None:
    params = {"anthropic": "seed=4", "openai_chat": "thinking_budget=2000", "openai_responses": "top_k=4", "gemini": "verbosity=low"}[wire]

    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, wire, model="gpt-4o" if wire == "openai_chat" else "m")
            assert "is left out there" in await person.told(f"!/set({params})")
            await person.say("Hello.")
            assert person.heard is not None
            assert person.heard.body == without_pair(person).replace(b'"m"', b'"%b"' % person.model.encode(), 1)
            assert b"X-VC-Losses: %b dropped" % params.partition("=")[0].encode() in person.head

    run(scene())


def test_an_effort_without_room_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, "anthropic", model="claude-sonnet-4-5")
            await person.told("!/max")
            await person.say("Hello.", max_tokens=500)
            assert "thinking" not in person.body
            assert b"X-VC-Losses: reasoning_effort dropped" in person.head

    run(scene())
