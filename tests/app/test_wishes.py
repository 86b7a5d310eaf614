"""What a person sets in the chat: where the next requests go, and with which parameters. In every wire, whole and streamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backstory.core.wishes import WISHES
from backstory.stores.database import open_store
from tests.relay.world import run
from tests.rig import PATHS, asking
from tests.routed import KEYS, Person, Two, key_of, speaking, two
from tests.stages.world import stored

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
            assert person.heard.body == _without_pair(person).replace(b'"m"', b'"new-one"', 1 if wire != "gemini" else 0)
            assert await person.told("!/unset(model)") == "Not set any more: model."
            await person.say("And now?")
            assert person.model_heard == "m"
            assert person.heard.body == _without_pair(person)
            assert clean != person.client_body
            assert one.failures() == {}

    run(scene())


def _without_pair(person: Person) -> bytes:
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
            assert person.heard.body == _without_pair(person)
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


FAILING = {
    "Explain it. !/temperature(hot)": "temperature is a number from 0 to 2, not 'hot'",
    "Explain it.\n!/backend(prow)": "did you mean prov?",
    "Explain it. !/modle(x)": "Did you mean !/model",
    "Explain it. !/label(" + "x" * 81 + ")": "1 to 80 characters",
}


@pytest.mark.parametrize("text", FAILING)
@EVERY
@BOTH
def test_a_message_is_not_lost_with_a_command_that_fails(tmp_path: Path, wire: str, stream: bool, text: str) -> None:
    """It is told, nothing goes upstream, and the model never hears of it."""

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, wire, stream)
            await person.say("Hello.")
            told = await person.told(text)
            assert FAILING[text] in told
            assert "Your message was not sent to the model" in told
            await person.say("Never mind.")
            assert person.heard is not None
            assert person.heard.body == _without_pair(person)
            assert b"Explain it" not in person.heard.body

    run(scene())


def test_who_expects_json_is_told_by_an_error(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat", response_format={"type": "json_object"})
            assert "not 'hot'" in await person.say("Give JSON. !/temperature(hot)")
            assert (person.status, person.place) == (400, "")
            await person.say("Give JSON. !/temperature(0.1)")
            assert (person.place, person.body["temperature"]) == ("own", 0.1)

    run(scene())


REFUSED = {
    "!/backend(prow)": ("no provider 'prow'", "did you mean prov?", "anthropic, claude, gemini, openai, prov"),
    "!/backend(groq)": ("no provider 'groq'", "groq is known, but not set up"),
    "!/backend(prov.3)": ("prov has no instance 3",),
    "!/model(prow:x)": ("no provider 'prow'", "did you mean prov?"),
    "!/model(claude:claude-c)": ("claude has no model 'claude-c'", "did you mean claude-", "there are claude-a, claude-b"),
    "!/model(prov:a|)": ("a backend and model are missing",),
    "!/model(hybrid:[prow:a,prov:b])": ("no provider 'prow'",),
    "!/oneoff(prow:x)": ("no provider 'prow'",),
    "!/oneoff": ("needs to be told more", "Usage: !/oneoff(backend:model)"),
    "!/temperature(3)": ("temperature is a number from 0 to 2, not '3'",),
    "!/reasoning(huge)": ("reasoning_effort is one of none, minimal, low, medium, high, xhigh (or max), not 'huge'",),
    "!/set(temprature=1)": ("no key 'temprature'; did you mean temperature?", "Known are backend, model, project, temperature"),
    "!/set(temperature)": ("key=value",),
    "!/set(top_k=1.5)": ("a whole number",),
    "!/set(temperature=0.5, top_p=7)": ("top_p is a number from 0 to 1",),
    "!/unset(nothing)": ("no key 'nothing'",),
    "!/create-failover-route(name=r,policy=x)": ("no policy 'x'", "km (every key of each element in turn)"),
    "!/create-failover-route(name=a b,policy=k)": ("can be called 'a b'",),
    "!/create-failover-route(policy=k)": ("needs a name",),
    "!/route-append(name=r,element=prov:a)": ("no failover route 'r'", "none yet"),
    "!/route-list(name=r)": ("no failover route 'r'",),
    "!/delete-failover-route(r)": ("no failover route 'r'",),
    "!/max(5)": ("does not take '5'",),
    "!/beckend(prov)": ("no command !/beckend", "Did you mean !/backend"),
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_there_is_not_is_told_and_not_kept(tmp_path: Path, command: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "anthropic")
            told = await person.told(command)
            for part in REFUSED[command]:
                assert part in told
            await person.say("Hello.")
            assert person.heard is not None
            assert person.heard.body == _without_pair(person)
            assert person.place == "own"
            assert await stored(one, lambda store: store.stated(WISHES)) == []

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
            assert person.heard.body == _without_pair(person).replace(b'"m"', b'"gpt-4o"', 1)
            await person.say("Now. !/model(gpt-5.2)")
            assert inside(person.body, THOUGHTS[wire][0]) == "xhigh"

    run(scene())


def test_a_fork_keeps_what_was_set_and_goes_its_own_way(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            trunk, twig, leaf = (asker(one, "openai_chat") for _ in range(3))
            await trunk.say("One.")
            await trunk.say("Two. !/model(prov:far)")
            await trunk.say("Three.")
            twig.messages = trunk.messages[:4]
            await twig.say("Another three.")
            assert twig.conversation != trunk.conversation
            assert (twig.place, twig.model_heard) == ("other", "far")
            await trunk.say("Four. !/model(near)")
            assert (trunk.place, trunk.model_heard) == ("other", "near")
            await one.restart()
            await twig.say("And four.")
            assert (twig.place, twig.model_heard) == ("other", "far"), "what was set after the fork is not its own"
            await twig.say("Own. !/unset(all)")
            assert twig.place == "own"
            await one.restart()
            await twig.say("And five.")
            assert twig.place == "own"
            await trunk.say("Five.")
            assert (trunk.place, trunk.model_heard) == ("other", "near")
            leaf.messages = twig.messages[:4]
            leaf.messages += [("user", "Another three."), ("assistant", "Good day."), ("user", "A third four.")]
            await leaf.ask()
            assert leaf.conversation not in {trunk.conversation, twig.conversation}
            leaf.messages.append(("assistant", "Good day."))
            await one.restart()
            await leaf.say("And five.")
            assert leaf.place == "own", "of the one that it was forked off, not of that one's"

    run(scene())


def test_a_message_that_is_edited_stays_in_its_conversation(tmp_path: Path) -> None:
    """Our answers to commands name it."""

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            await person.say("One.")
            await person.told("!/model(prov:far)")
            await person.say("Two.")
            conversation = person.conversation
            await person.say("Three.")
            del person.messages[4:]
            await person.say("Another two.")
            assert (person.conversation, person.place, person.model_heard) == (conversation, "other", "far")

    run(scene())


def test_what_was_set_after_a_fork_is_not_the_forks(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            trunk = asker(one, "openai_chat")
            for text in ("One.", "Two.", "Three."):
                await trunk.say(text)
            twig = asker(one, "openai_chat")
            twig.messages = trunk.messages[:4]
            await twig.say("Another three.")
            await trunk.told("!/model(prov:far)")
            await trunk.say("Four.")
            assert trunk.place == "other"
            await one.restart()
            await twig.say("And four.")
            assert twig.place == "own"

    run(scene())


def test_two_conversations_never_share_what_is_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            ann, bob = asker(one, "anthropic"), asker(one, "anthropic")
            await ann.told("!/model(prov:far)")
            await bob.told("!/hello")
            await ann.say("I am Ann.")
            await bob.say("I am Bob.")
            assert (ann.place, bob.place) == ("other", "own")
            assert bob.heard is not None
            assert bob.heard.body == _without_pair(bob)

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


def test_a_provider_that_is_gone_is_told_and_nothing_goes_elsewhere(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "anthropic")
            await person.told("!/model(claude:claude-a)")
            await person.say("Hello.")
            messages = person.messages
        async with two(tmp_path, NOTHING) as one:
            person = asker(one, "anthropic")
            person.messages = messages
            told = await person.say("Are you there?")
            assert (person.status, person.place) == (404, "")
            assert "no provider 'claude'" in told
            assert "!/unset takes it back" in told
            del person.messages[-2:]
            await person.told("!/unset(all)")
            await person.say("Are you there?")
            assert person.place == "own"
            assert one.failures() == {}

    run(scene())


def test_where_the_settings_force_a_route_nobody_chooses(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "routing: {static: 'prov:only', disabled: [gemini]}\n", KEY) as one:
            person = asker(one, "openai_chat")
            assert "routing.static is set" in await person.told("!/model(claude:claude-a)")
            assert "routing.static is set" in await person.told("!/backend(claude)")
            await person.told("!/temperature(0.5)")
            await person.say("Hello.")
            assert (person.model_heard, person.body["temperature"]) == ("only", 0.5)
        async with two(tmp_path, PROVIDERS + "routing: {disabled: [claude]}\n", KEY) as one:
            person = asker(one, "openai_chat")
            assert "claude is disabled in the settings (enabled are anthropic, gemini, openai, prov)" in await person.told(
                "!/backend(claude)"
            )
            assert "disabled in the settings: claude" in await person.told("!/model(claude:claude-a)")

    run(scene())


def test_what_is_forgotten_takes_along_what_was_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            ((principal, conversation, _),) = await stored(one, lambda store: store.stated(WISHES))
            await one.stop()
            store = open_store(one.config.storage.url)
            store.forget(principal, conversation)
            assert store.stated(WISHES) == []
            store.close()
            await one.start()
            await person.say("And now?")
            assert person.place == "own"

    run(scene())


def test_several_keys_at_once_are_set_or_none(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            told = await person.told('!/set(model="prov:far", reasoning-effort=low, project=harbour)')
            assert "prov with the model far" in told
            assert "reasoning_effort=low" in told
            assert "project 'harbour'" in told
            status = await person.told("!/status")
            for row in ("- Backend: prov", "- Model: far", "- Parameters: reasoning_effort=low", "- Project: harbour"):
                assert row in status
            assert await person.told("!/unset(project)") == "Not set any more: project."
            assert "not 'x'" in await person.told("!/set(top_p=0.5, temperature=x)")
            assert "top_p" not in await person.told("!/status")

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


def test_a_failover_route_that_is_made_again_keeps_its_elements_and_an_empty_one_says_how_to_fill_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = Person(one, "openai_chat")
            assert "route-append gives it elements" in await person.told("!/create-failover-route(name=team,policy=k)")
            await person.told("!/route-append(name=team,element=prov:a)")
            told = await person.told("!/create-failover-route(name=team,policy=m)")
            assert "policy m now" in told
            assert "its elements still: prov:a" in told
            await person.told("!/model(team)")
            await person.told("!/route-clear(name=team)")
            told = await person.say("Hello.")
            assert person.status == 400
            assert "!/route-append(name=team,element=backend:model) gives it one" in told

    run(scene())
