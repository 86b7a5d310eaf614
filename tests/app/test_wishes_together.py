"""What is set in the chat, with all else that is done to requests: races, hybrids, hosted models, augmentation, policies, usage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config.extended import Extended
from backstory.core.extending import Allow, Refuse
from tests.app.gateway.test_hybrid import OTHER, THOUGHT, pair
from tests.app.gateway.test_judging import Judge
from tests.app.metering.test_house import charges
from tests.app.test_hosted import ENVIRON, MODELS, SETTINGS, serving
from tests.app.test_race import attempts, race
from tests.app.test_wishes import KEY, NOTHING, PROVIDERS, asker, inside
from tests.relay.world import field, run
from tests.rig import PATHS, asking
from tests.rivals import Rivals, dangles, refuses, rivals, says, texts
from tests.routed import KEYS, two

EVERY = pytest.mark.parametrize("wire", list(PATHS))
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Talk:
    """One conversation of a client of this wire; whatever is answered is brought back with the next request."""

    def __init__(self, one: Rivals, wire: str, stream: bool) -> None:
        self.one = one
        self.wire = wire
        self.stream = stream
        self.said: list[tuple[str, str]] = []
        self.head = b""

    async def say(self, text: str) -> tuple[str, str]:
        """Text and reasoning of the answer."""
        self.said.append(("user", text))
        path, more = PATHS[self.wire], dict[str, Any]()
        if self.wire == "gemini":
            path = path.replace("generateContent", "streamGenerateContent?alt=sse") if self.stream else path
        else:
            more["stream"] = self.stream
        if self.wire == "anthropic":
            more["max_tokens"] = 4000
        self.head, body = await self.one.ask(path, asking(self.wire, self.said, **more), KEYS[self.wire])
        assert self.head.startswith(b"HTTP/1.1 200"), body
        found = texts(self.wire, body, b"event-stream" in self.head)
        self.said.append(("assistant", found[0]))
        return found


@EVERY
@BOTH
def test_a_hybrid_that_is_set_thinks_before_it_answers(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair(OTHER[wire], wire), NOTHING) as one:
            talk = Talk(one, wire, stream)
            told, _ = await talk.say("!/model(hybrid:[mind:thinker,hand:maker])")
            assert "hand with the model maker" in told
            await talk.say("!/temperature(0.5)")
            assert await talk.say("Hello.") == ("Good day.", THOUGHT)
            assert (field(talk.head, b"x-vc-reasoner") or b"").startswith(b"mind=thought")
            assert (one.asked("mind"), one.asked("hand")) == (1, 1)
            received = one.by_name["hand"].received[0]
            assert b"maker" in received.head + received.body
            assert received.body.count(THOUGHT.encode()) == 1
            steps = ("generationConfig", "temperature") if wire == "gemini" else ("temperature",)
            assert inside(one.body_of("hand"), steps) == 0.5
            assert b"!/" not in received.body + one.by_name["mind"].received[0].body
            assert one.failures() == {}

    run(scene())


def test_parameters_that_are_set_hold_for_the_answer_of_a_hybrid_that_the_client_names(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("openai_chat", "openai_chat"), NOTHING) as one:
            said = [("user", "!/temperature(0.5)")]
            hybrid = b'"model": "hybrid:[mind:thinker,hand:maker?temperature=0.9]"'

            def body() -> bytes:
                return asking("openai_chat", said).replace(b'"model": "m"', hybrid)

            _, raw = await one.ask(PATHS["openai_chat"], body(), KEYS["openai_chat"])
            said += [("assistant", texts("openai_chat", raw, False)[0]), ("user", "Hello.")]
            _, raw = await one.ask(PATHS["openai_chat"], body(), KEYS["openai_chat"])
            assert texts("openai_chat", raw, False) == ("Good day.", THOUGHT)
            assert one.body_of("hand")["temperature"] == 0.5
            assert one.asked("mind") == 1, "nobody thinks about a command"

    run(scene())


@pytest.mark.parametrize("mind", list(PATHS))
def test_what_is_set_about_thinking_holds_for_the_reasoner_too(tmp_path: Path, mind: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair(mind, "openai_chat"), NOTHING) as one:
            talk = Talk(one, "openai_chat", False)
            await talk.say("!/model(hybrid:[mind:thinker,hand:maker])")
            await talk.say("!/set(temperature=0.5, max_tokens=77, reasoning-effort=low)")
            assert (await talk.say("Hello."))[0] == "Good day."
            asked = one.body_of("mind")
            match mind:
                case "openai_chat":
                    assert (asked["temperature"], asked["reasoning_effort"]) == (0.5, "low")
                case "gemini":
                    assert asked["generationConfig"]["temperature"] == 0.5
                case "openai_responses":
                    assert asked["reasoning"]["effort"] == "low"
                case _:
                    assert "temperature" not in asked, "Claude takes none while it thinks"
            assert 77 not in (asked.get("max_tokens"), asked.get("max_completion_tokens"), asked.get("max_output_tokens"))
            # Who wants no thinking of the model that answers gets a reasoner's thoughts all the same.
            await talk.say("!/set(reasoning-effort=none)")
            assert (await talk.say("And now?"))[1] == THOUGHT
            assert one.failures() == {}

    run(scene())


@EVERY
@BOTH
def test_a_race_that_is_set_is_run(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race(wire, dangles, says("Quick as light.", 0.05)), NOTHING) as one:
            talk = Talk(one, wire, stream)
            await talk.say("!/model(slow:a!fast:b)")
            began = time.monotonic()
            assert await talk.say("Hello.") == ("Quick as light.", "")
            assert time.monotonic() - began < 2.0
            assert attempts(talk.head) == b"slow=beaten, fast=200"
            assert one.failures() == {}

    run(scene())


def test_a_hybrid_whose_reasoner_fails_answers_all_the_same(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, pair("anthropic", "openai_chat", refuses(500)), NOTHING) as one:
            talk = Talk(one, "openai_chat", False)
            await talk.say("!/oneoff(hybrid:[mind:thinker,hand:maker])")
            assert await talk.say("Hello.") == ("Good day.", "")
            assert field(talk.head, b"x-vc-reasoner") == b"mind=failed"

    run(scene())


@EVERY
@BOTH
@pytest.mark.parametrize("cloud", list(MODELS))
def test_a_hosted_model_can_be_set(tmp_path: Path, wire: str, cloud: str, stream: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, NOTHING + SETTINGS[cloud], ENVIRON, answers=serving(cloud)) as one:
            person = asker(one, wire, stream)
            await person.told(f"!/model(cloud:{MODELS[cloud]})")
            # Anthropic's models take no seed: that is told with the answer.
            await person.told("!/set(temperature=0.5,seed=7)")
            assert await person.say("Hello.") == "Good däy."
            assert person.heard is not None
            assert b"Bearer server-key" in person.heard.head
            assert b"client-key" not in person.heard.head
            assert person.body["temperature"] == 0.5
            assert b"seed" in (field(person.head, b"x-vc-losses") or b"")
            assert one.failures() == {}

    run(scene())


OVER = (
    "overrides:\n  - {model: '^far$', set: {temperature: 0.1, top_p: 0.3}}\n  - {model: '^m$', set: {top_p: 0.6}}\n"
    "edit_precision: {enabled: true}\n"
)


@EVERY
@pytest.mark.parametrize("chosen", ["far", "prov:far"])
def test_what_is_set_counts_before_overrides_which_are_those_of_its_model(tmp_path: Path, wire: str, chosen: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + OVER, KEY) as one:
            person = asker(one, wire)
            await person.told(f"!/model({chosen})")
            await person.told("!/temperature(0.7)")
            await person.say("Hello.")
            assert person.place == ("other" if ":" in chosen else "own")
            body = person.body if person.place == "other" else person.body.get("generationConfig", person.body)
            assert (body["temperature"], body.get("top_p", body.get("topP"))) == (0.7, 0.3)
            await person.told("!/unset(all)")
            await person.say("And now?")
            body = person.body.get("generationConfig", person.body)
            assert ("temperature" in body, body.get("top_p", body.get("topP"))) == (False, 0.6)
            assert one.failures() == {}

    run(scene())


def test_a_planned_request_goes_on_as_planned_until_a_provider_is_set(tmp_path: Path) -> None:
    text = "  third: {kind: openai_compatible, url: OTHER, auth: none}\nplanning: {route: 'third:planner', turns: 9, set: {top_p: 0.4}}\n"

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + text, KEY) as one:
            person = asker(one, "openai_chat")
            assert "third with the model planner" in await person.told("!/model(new-one)")
            await person.say("Hello.")
            assert (person.place, person.model_heard, person.body["top_p"]) == ("other", "planner", 0.4)
            assert "prov with the model m" in await person.told("!/set(backend=prov,model=m)")
            await person.say("And now?")
            assert (person.place, person.model_heard, person.body.get("top_p")) == ("other", "m", None)
            assert person.heard is not None
            assert b"server-key" in person.heard.head
            await person.told("!/unset(model)")
            await person.say("And with the client's own model?")
            assert person.model_heard == "m"
            assert one.failures() == {}

    run(scene())


@EVERY
def test_a_text_for_the_first_message_goes_where_it_was_set(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "first_prompt: {append: 'Answer in verse.'}\n", KEY) as one:
            person = asker(one, wire)
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "far")
            assert person.heard is not None
            assert person.heard.body.count(b"Answer in verse.") == 1
            assert one.failures() == {}

    run(scene())


def test_a_request_that_is_too_long_for_the_model_that_was_set_is_refused(tmp_path: Path) -> None:
    text = "context: {enforce: true}\nmodels:\n  - {model: far, window: 30}\n"

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + text, KEY) as one:
            person = asker(one, "openai_chat")
            await person.say("Many words for a small window. " * 20)
            assert person.place == "own"
            for chosen in ("!/model(far)", "!/model(prov:far)"):
                await person.told(chosen)
                assert "maximum context length is 30 tokens" in await person.say("And now?")
                assert (person.status, person.place) == (400, "")
            assert one.failures() == {}

    run(scene())


@EVERY
def test_policies_see_what_goes_where_it_was_set_and_may_refuse_it(tmp_path: Path, wire: str) -> None:
    policy = Judge(lambda _: Refuse("Not that.") if len(policy.requests) > 1 else Allow())

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            await one.stop()
            one.config = replace(one.config, extended=Extended(policies=(("p", policy),)))
            await one.start()
            person = asker(one, wire)
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            assert (person.place, person.model_heard) == ("other", "far")
            assert "Not that. (policy p)" in await person.say("A secret.")
            assert (person.status, person.place) == (403, "")
            assert one.failures() == {}

    run(scene())


@EVERY
def test_what_it_costs_is_told_of_the_provider_that_was_set(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS + "usage: {keep_days: 90}\n", KEY) as one:
            person = asker(one, wire)
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            found = [charge for charge in await charges(one) if charge.calls]
            assert [(charge.backend, charge.model, charge.wire) for charge in found] == [("prov", "far", wire)]

    run(scene())
