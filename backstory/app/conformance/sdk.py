"""The same answers through the official Python SDKs, where they are installed: what their own parsers make of a gateway's bytes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from backstory.app.conformance import plays
from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.cases import LOOK, WIRES
from backstory.app.conformance.checks import plain
from backstory.app.conformance.play import Outcome
from backstory.app.conformance.values import dumped, object_of

_PLAYS = ("unicode", "calls", "usage", "length", "refusal", "thinking", "error-400", "error-429", "breaks")
_MODULES = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai", "gemini": "google.genai"}
_TIMEOUT_S = 30.0


class Told(Struct):
    """What an SDK gives its caller. `status`: of the error that it raised, 0 for none, 1 for one without a status."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    input: int = 0
    output: int = 0
    finish: str = ""
    status: int = 0
    error: str = ""


Asking = Callable[[Any, str, str, bool], Told]
"""Of an SDK's client, a model, a prompt and whether to stream."""


def missing() -> list[str]:
    """The SDKs that are not installed."""
    found = []
    for name in dict.fromkeys(_MODULES.values()):
        try:
            there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            found.append(name)
    return found


def sdk_cases(only: Callable[[str], bool], clients: Iterable[str] = WIRES, providers: Iterable[str] = WIRES) -> Iterator[tuple[str, ...]]:
    """(id, client, provider, play, mode), for every SDK that is installed."""
    absent = missing()
    named = tuple(providers)
    for client in clients:
        module = _MODULES[client]
        if module in absent:
            continue
        for provider in named:
            for play in _PLAYS:
                for mode in ("whole", "stream"):
                    name = f"{client}>{provider}/sdk-{play}/{mode}"
                    if only(name) and not (play == "breaks" and mode == "whole"):
                        yield name, client, provider, play, mode


class Sdks:
    """The SDKs' clients for one gateway: each is made once, for that takes longer than a hundred requests. Closed by `close`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()

    def play(self, case: tuple[str, ...]) -> Outcome:
        """One case. Never raises for what an SDK does: that is a fault."""
        name, wire, provider, play, mode = case
        began = time.monotonic()
        prompt = f"Case {name}. {plays.marker(play, provider)}"
        try:
            told = _ASKING[wire](self._client(wire, provider), self._gateway.models[provider], prompt, mode == "stream")
        except _errors() as error:
            told = Told(status=getattr(error, "status_code", getattr(error, "code", 0)) or 1, error=f"{type(error).__name__}: {error}")
        faults = tuple(_wrong(wire, provider, play, told))
        spent = round(time.monotonic() - began, 4)
        return Outcome(name, "sdk", wire, provider, f"sdk-{play}", mode == "stream", _MODULES[wire], faults, spent)

    def close(self) -> None:
        """Close their connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, wire: str, provider: str) -> Any:
        gateway = self._gateway
        with self._making:
            if (wire, provider) not in self._clients:
                url, headers = gateway.urls[provider].rstrip("/"), dict(gateway.headers.get(provider, {}))
                self._clients[wire, provider] = _MAKING[wire](url, gateway.key, headers)
            return self._clients[wire, provider]


def _wrong(client: str, provider: str, play: str, told: Told) -> Iterator[str]:
    if play.startswith("error-") or play == "breaks":
        wanted = plays.PLAYS[play].status if play != "breaks" else 0
        if not told.status or (wanted and told.status != wanted) or plays.TROUBLE not in told.error:
            yield f"raised {told.status} {told.error!r:.200}, the provider failed ({wanted or 'in its stream'}): {plays.TROUBLE!r}"
        return
    if told.status:
        yield f"raised {told.status} {told.error:.300}"
        return
    texts = {
        "unicode": plays.UNICODE,
        "calls": plays.SPOKEN,
        "usage": "Counted.",
        "length": "This is cut off in the",
        "thinking": "It is blue.",
    }
    wanted_text = texts.get(play, plays.DECLINED if provider != "gemini" else "")
    if plain(told.text) != wanted_text and not (play == "refusal" and provider == "gemini"):
        yield f"text {told.text!r}, not {wanted_text!r}"
    if play == "calls" and [(name, object_of(given)) for name, given in told.calls] != [
        (one.name, object_of(one.arguments)) for one in plays.CALLS
    ]:
        yield f"calls {told.calls}"
    usage = plays.PLAYS[play].usage
    if (told.input, told.output) != (usage.input, usage.output):
        yield f"usage {told.input}, {told.output}, not {usage.input}, {usage.output}"
    if play in _FINISHES and told.finish not in _FINISHES[play]:
        yield f"ends with {told.finish!r}"


_FINISHES: Mapping[str, tuple[str, ...]] = {
    "length": ("max_tokens", "length", "incomplete", "MAX_TOKENS"),
    "calls": ("tool_use", "tool_calls", "completed", "STOP"),
    "unicode": ("end_turn", "stop", "completed", "STOP"),
}


_BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What an SDK's own code raises for an answer that it did not expect."""


def _errors() -> tuple[type[Exception], ...]:
    """These, what the SDKs that are loaded raise on purpose, and what the HTTP client under them does."""
    named = (("anthropic", "AnthropicError"), ("openai", "OpenAIError"), ("google.genai.errors", "APIError"), ("httpx", "HTTPError"))
    found = [getattr(sys.modules.get(module), name, None) for module, name in named]
    return (*_BROKEN, *(one for one in found if isinstance(one, type)))


# --- the SDKs. They are typed for their callers' editors, not for code that has them or has not: what they give is Any here.


def _anthropic_client(url: str, key: str, headers: dict[str, str]) -> Any:
    sdk: Any = importlib.import_module("anthropic")
    return sdk.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=_TIMEOUT_S, default_headers=headers)


def _openai_client(url: str, key: str, headers: dict[str, str]) -> Any:
    sdk: Any = importlib.import_module("openai")
    return sdk.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=_TIMEOUT_S, default_headers=headers)


def _gemini_client(url: str, key: str, headers: dict[str, str]) -> Any:
    genai: Any = importlib.import_module("google.genai")
    types: Any = importlib.import_module("google.genai.types")
    once = types.HttpRetryOptions(attempts=1)
    options = types.HttpOptions(base_url=url, timeout=int(_TIMEOUT_S * 1000), retry_options=once, headers=headers)
    return genai.Client(api_key=key, http_options=options)


def _anthropic(client: Any, model: str, prompt: str, stream: bool) -> Told:
    tools = [{"name": LOOK.name, "description": LOOK.description, "input_schema": LOOK.schema}]
    given: dict[str, Any] = {"model": model, "max_tokens": 900, "messages": [{"role": "user", "content": prompt}], "tools": tools}
    if stream:
        with client.messages.stream(**given) as events:
            for _ in events:
                pass
            message = events.get_final_message()
    else:
        message = client.messages.create(**given)
    usage = message.usage
    taken = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    calls = tuple((block.name, dumped(block.input).decode()) for block in message.content if block.type == "tool_use")
    text = "".join(block.text for block in message.content if block.type == "text")
    return Told(text, calls, taken, usage.output_tokens, message.stop_reason or "")


def _openai_chat(client: Any, model: str, prompt: str, stream: bool) -> Told:
    function = {"name": LOOK.name, "description": LOOK.description, "parameters": LOOK.schema}
    given: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    given["tools"] = [{"type": "function", "function": function}]
    if stream:
        state: Any = importlib.import_module("openai.lib.streaming.chat").ChatCompletionStreamState()
        for chunk in client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True}):
            state.handle_chunk(chunk)
        found = state.current_completion_snapshot
    else:
        found = client.chat.completions.create(**given)
    choice = found.choices[0]
    calls = tuple((call.function.name, call.function.arguments) for call in choice.message.tool_calls or ())
    text = (choice.message.content or "") + (choice.message.refusal or "")
    return Told(text, calls, found.usage.prompt_tokens, found.usage.completion_tokens, choice.finish_reason or "")


def _openai_responses(client: Any, model: str, prompt: str, stream: bool) -> Told:
    """The SDK's own `get_final_response` knows no answer that is incomplete: the last event has it too."""
    tools = [{"type": "function", "name": LOOK.name, "description": LOOK.description, "parameters": LOOK.schema, "strict": False}]
    given: dict[str, Any] = {"model": model, "input": prompt, "tools": tools, "store": False}
    if stream:
        with client.responses.stream(**given) as events:
            *_, last = events
        if last.type not in ("response.completed", "response.incomplete"):
            return Told(status=1, error=str(last))
        found = last.response
    else:
        found = client.responses.create(**given)
    calls = tuple((item.name, item.arguments) for item in found.output if item.type == "function_call")
    parts = [part for item in found.output if item.type == "message" for part in item.content]
    text = "".join(part.text if part.type == "output_text" else part.refusal for part in parts)
    return Told(text, calls, found.usage.input_tokens, found.usage.output_tokens, found.status or "")


def _gemini(client: Any, model: str, prompt: str, stream: bool) -> Told:
    types: Any = importlib.import_module("google.genai.types")
    declared = types.FunctionDeclaration(name=LOOK.name, description=LOOK.description, parameters_json_schema=LOOK.schema)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    given: dict[str, Any] = {"model": model, "contents": prompt, "config": config}
    chunks = list(client.models.generate_content_stream(**given)) if stream else [client.models.generate_content(**given)]
    candidates = [one for chunk in chunks for one in chunk.candidates or ()]
    parts = [part for one in candidates for part in (one.content.parts if one.content else None) or ()]
    calls = tuple((part.function_call.name, dumped(part.function_call.args).decode()) for part in parts if part.function_call)
    text = "".join(part.text or "" for part in parts if not part.thought)
    usage = chunks[-1].usage_metadata
    reason = candidates[-1].finish_reason if candidates else None
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Told(text, calls, usage.prompt_token_count or 0, output, reason.value if reason else "")


_MAKING: Mapping[str, Callable[[str, str, dict[str, str]], Any]] = {
    "anthropic": _anthropic_client,
    "openai_chat": _openai_client,
    "openai_responses": _openai_client,
    "gemini": _gemini_client,
}
_ASKING: Mapping[str, Asking] = {
    "anthropic": _anthropic,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "gemini": _gemini,
}
