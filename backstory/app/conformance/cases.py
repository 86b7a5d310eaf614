"""The cases, as data: scenarios, each between every client and every provider, whole and streamed."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.conformance import checks, plays
from backstory.app.conformance.checks import Check, heard
from backstory.app.conformance.dialects import DIALECTS
from backstory.app.conformance.values import Ask, Got, Image, Json, Part, Result, Text, Tool, Turn

WIRES = tuple(DIALECTS)
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_DEEP: Json = {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}}}}
LOOK = Tool(
    "look",
    "Look at a place — from the deck.",
    {
        "type": "object",
        "properties": {"place": {"type": "string", "description": "Where to."}, "depth": {"type": "integer"}, "deep": _DEEP},
        "required": ["place"],
    },
)
_WAIT = Tool("wait_for", "Wait.", {"type": "object", "properties": {"unit": {"type": "string", "enum": ["hour", "day"]}}})
_FORM: Json = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["name", "tags"],
    "additionalProperties": False,
}


class Scenario(Struct, frozen=True):
    """`play`: what the provider does. `ask`: without the play's marker, which comes with the last message. `then`: what the client asks
    next, with what it got; checked is then the second answer, to which the provider plays "mirror". `clients`: those that can ask so."""

    name: str
    group: Literal["answers", "requests", "rounds", "errors", "faults"]
    play: str
    ask: Ask
    check: Check
    modes: tuple[bool, ...] = (False, True)
    clients: tuple[str, ...] = WIRES
    then: Callable[[Got], Sequence[Turn]] | None = None
    attempts: int = 1


class Case(Struct, frozen=True):
    """One scenario between two wires."""

    client: str
    provider: str
    stream: bool
    scenario: Scenario

    @property
    def id(self) -> str:
        """client>provider/scenario/mode."""
        return f"{self.client}>{self.provider}/{self.scenario.name}/{'stream' if self.stream else 'whole'}"

    def ask(self) -> Ask:
        """What is asked first: a conversation of its own, for it begins with the case's name."""
        ask = self.scenario.ask
        first = replace(ask.turns[0], parts=(Text(f"Case {self.id}."), *ask.turns[0].parts))
        return marked(replace(ask, turns=(first, *ask.turns[1:])), self.scenario.play, self.provider)

    def next(self, before: Ask, got: Got) -> Ask | None:
        """What is asked after this answer."""
        if self.scenario.then is None:
            return None
        turns = (*before.turns, *self.scenario.then(got))
        return marked(replace(before, turns=turns), "mirror", self.provider)


def marked(ask: Ask, play: str, provider: str) -> Ask:
    """With the marker of the play, and of the wire that its provider speaks, in its last message."""
    last = ask.turns[-1]
    return replace(ask, turns=(*ask.turns[:-1], replace(last, parts=(*last.parts, Text(plays.marker(play, provider))))))


def cases(only: str = "", clients: Iterable[str] = WIRES, providers: Iterable[str] = WIRES) -> Iterator[Case]:
    """All cases whose id matches the pattern `only` (shell style, or a part of it)."""
    named = tuple(providers)
    for client in clients:
        for provider in named:
            for scenario in SCENARIOS:
                if client in scenario.clients:
                    for stream in scenario.modes:
                        case = Case(client, provider, stream, scenario)
                        if wanted(case.id, only):
                            yield case


def wanted(name: str, only: str) -> bool:
    """Whether a case of this name is meant by the pattern."""
    return not only or only in name or fnmatch.fnmatchcase(name, only)


def _says(*parts: Part) -> tuple[Turn, ...]:
    return (Turn("user", parts or (Text("What is in the north?"),)),)


def _answered(got: Got) -> Sequence[Turn]:
    """The answer as the client keeps it, and the results of its calls."""
    known = {call.arguments: call for call in (*plays.CALLS, plays.BARE)}
    results = []
    for call, played in zip(got.calls, plays.CALLS, strict=False):
        results.append(Result(call.id, call.name, f"All is well at {known[played.arguments].id}"))
    return Turn("assistant", raw=got.echo), Turn("user", tuple(results))


_ASKED = Ask(_says())
_TOOLS = Ask(_says(), tools=(LOOK, _WAIT))
_RESULTS = tuple(Result(call.id, call.name, f"All is “well” at {call.id}") for call in plays.CALLS)
_FAILED = (replace(_RESULTS[0], failed=True), _RESULTS[1])
_TALK = (
    *_says(Text("My name is Ida.")),
    Turn("assistant", (Text("Hello Ida."),)),
    Turn("user", (Text("I have a boat."),)),
    Turn("assistant", (Text("What is its name?"),)),
    Turn("user", (Text("Guess."),)),
)
_CALLED = (*_says(), Turn("assistant", (Text(plays.SPOKEN), *plays.CALLS)))
_STREAM = (True,)

_ANSWERS = (
    Scenario("text", "answers", "text", _ASKED, checks.says("Hello from the other side.")),
    Scenario("unicode", "answers", "unicode", _ASKED, checks.says(plays.UNICODE)),
    Scenario("long", "answers", "long", _ASKED, checks.says(plays.LONG)),
    Scenario("order", "answers", "long", _ASKED, checks.ordered, _STREAM),
    Scenario("early", "answers", "slow", _ASKED, checks.early, _STREAM, attempts=3),
    Scenario("nothing", "answers", "nothing", _ASKED, checks.says("")),
    Scenario("call", "answers", "call", _TOOLS, checks.calls(plays.CALLS[:1])),
    Scenario("calls", "answers", "calls", _TOOLS, checks.calls(plays.CALLS, plays.SPOKEN)),
    Scenario("bare-call", "answers", "bare", _TOOLS, checks.calls((plays.BARE,))),
    Scenario("thinking", "answers", "thinking", replace(_ASKED, thinking=4096), checks.thinks),
    Scenario("usage", "answers", "usage", _ASKED, checks.counts),
    Scenario("length", "answers", "length", _ASKED, checks.says("This is cut off in the", "length")),
    Scenario("sequence", "answers", "sequence", _ASKED, checks.stops),
    Scenario("refusal", "answers", "refusal", _ASKED, checks.declines),
)


def _mirror(name: str, check: Callable[..., Iterable[str]], clients: tuple[str, ...] = WIRES, **ask: object) -> Scenario:
    fields = {"turns": _says()} | ask
    return Scenario(name, "requests", "mirror", Ask(**fields), heard(check), clients=clients)  # type: ignore[arg-type]


_REQUESTS = (
    _mirror("asks-system", checks.hears_system, system="You are a careful sailor.\nYou say “aye” — 好."),
    _mirror("asks-turns", checks.hears_turns, system="Be brief.", turns=_TALK),
    _mirror("asks-unicode", checks.hears_turns, turns=_says(Text(plays.UNICODE))),
    _mirror("asks-long", checks.hears_turns, turns=_says(Text(plays.LONG * 3))),
    _mirror("asks-image", checks.hears_images, turns=_says(Text("What is this?"), Image("image/png", _PNG))),
    _mirror(
        "asks-images", checks.hears_images, turns=_says(Image("image/png", _PNG), Text("And"), Image("image/gif", "R0lGODlhAQABAAAAACw="))
    ),
    _mirror("asks-tools", checks.hears_tools, tools=(LOOK, _WAIT)),
    _mirror("asks-any-tool", checks.hears_choice, tools=(LOOK, _WAIT), choice="any"),
    _mirror("asks-this-tool", checks.hears_choice, tools=(LOOK, _WAIT), choice="look"),
    _mirror("asks-no-tool", checks.hears_choice, tools=(LOOK, _WAIT), choice="none"),
    _mirror("asks-one-call", checks.hears_lone, ("anthropic", "openai_chat", "openai_responses"), tools=(LOOK, _WAIT), parallel=False),
    _mirror("asks-results", checks.hears_results, tools=(LOOK,), turns=(*_CALLED, Turn("user", _RESULTS))),
    _mirror("asks-failed", checks.hears_results, ("anthropic",), tools=(LOOK,), turns=(*_CALLED, Turn("user", _FAILED))),
    _mirror("asks-schema", checks.hears_schema, schema=_FORM),
    _mirror("asks-stop", checks.hears_stop, ("anthropic", "openai_chat", "gemini"), stop=("END", "\n\nHuman:")),
    _mirror("asks-most", checks.hears_most, most=777),
    _mirror("asks-temperature", checks.hears_temperature, temperature=0.5),
    _mirror("asks-thinking", checks.hears_thinking, thinking=10_000, most=16_000),
    _mirror("asks-unknown", checks.hears_unknown, more={"conformance": {"deep": 1}}),
    _mirror("asks-stream", checks.hears_stream),
)

_ROUNDS = (
    Scenario("round", "rounds", "calls", _TOOLS, heard(checks.hears_round), then=_answered),
    Scenario("thinking-round", "rounds", "thinking-calls", replace(_TOOLS, thinking=4096), heard(checks.hears_thoughts), then=_answered),
)

_ERRORS = tuple(
    Scenario(name, "errors", name, _ASKED, checks.fails(play.status)) for name, play in plays.PLAYS.items() if name.startswith("error-")
)

_FAULTS = (
    Scenario("breaks", "faults", "breaks", _ASKED, checks.breaks, _STREAM),
    Scenario("cut", "faults", "cut", _ASKED, checks.cuts),
    Scenario("html", "faults", "html", _ASKED, checks.odd),
    Scenario("html-200", "faults", "html-200", _ASKED, checks.odd),
    Scenario("mistyped", "faults", "mistyped", _ASKED, checks.understood("Hello from the other side.")),
    Scenario("unstreamed", "faults", "unstreamed", _ASKED, checks.understood("Hello from the other side."), _STREAM),
    Scenario("empty", "faults", "empty", _ASKED, checks.odd),
)

SCENARIOS = (*_ANSWERS, *_REQUESTS, *_ROUNDS, *_ERRORS, *_FAULTS)
