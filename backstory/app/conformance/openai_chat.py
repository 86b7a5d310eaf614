"""OpenAI Chat Completions from both ends (platform.openai.com/docs/api-reference/chat, "Streaming"; reasoning as DeepSeek and others have
it, in `reasoning_content`)."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.conformance.node import Node
from backstory.app.conformance.values import (
    Ask,
    Call,
    Event,
    Finish,
    Given,
    Got,
    Heard,
    Image,
    Json,
    Part,
    Play,
    Refusal,
    Request,
    Result,
    Text,
    Thought,
    Tool,
    Turn,
    Usage,
    cut,
    dumped,
    object_of,
    sse,
)

_REASONS: dict[str, Finish] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "refusal"}
_BACK = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "sequence": "stop", "refusal": "stop"}
_KINDS = {401: "authentication_error", 404: "invalid_request_error", 400: "invalid_request_error", 429: "rate_limit_error"}
_EFFORTS = ((20_000, "high"), (8000, "medium"), (0, "low"))
_KNOWN = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "reasoning_effort",
        "n",
        "seed",
        "user",
        "store",
        "metadata",
        "service_tier",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "verbosity",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "safety_identifier",
    ]
)


class OpenAIChat:
    """The wire `openai_chat`."""

    name = "openai_chat"
    model = "gpt-4.1"

    # --- the client

    def request(self, ask: Ask, model: str, stream: bool) -> Request:
        """See Dialect."""
        messages: list[object] = [{"role": "system", "content": ask.system}] if ask.system else []
        for turn in ask.turns:
            messages += turn.raw or _messages(turn)
        body: Json = {"model": model, "messages": messages}
        body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        if ask.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": one.name, "description": one.description, "parameters": one.schema}}
                for one in ask.tools
            ]
        if ask.choice:
            named = {"type": "function", "function": {"name": ask.choice}}
            body["tool_choice"] = {"any": "required", "none": "none"}.get(ask.choice, named)
        body |= {} if ask.parallel else {"parallel_tool_calls": False}
        if ask.schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "found", "schema": ask.schema, "strict": True}}
        body |= {"stop": list(ask.stop)} if ask.stop else {}
        body |= {"max_completion_tokens": ask.most} if ask.most else {}
        body |= {} if ask.temperature is None else {"temperature": ask.temperature}
        if ask.thinking:
            body["reasoning_effort"] = next(effort for least, effort in _EFFORTS if ask.thinking >= least)
        headers = (("authorization", "Bearer sk-conformance"), ("content-type", "application/json"))
        return Request("/v1/chat/completions", headers, dumped(body | dict(ask.more)))

    def whole(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        root = Node.parsed(body, "completion", got.faults)
        if root.has("error"):
            return self.failure(body)
        root.text("object", "chat.completion")
        root.demand(bool(root.text("id")), "id is empty")
        root.count("created")
        root.text("model")
        choices = root.nodes("choices")
        root.demand(len(choices) == 1, f"{len(choices)} choices")
        for choice in choices[:1]:
            choice.demand(choice.count("index") == 0, "index is not 0")
            message = choice.inner("message")
            message.text("role", "assistant")
            got.text = message.text("content", absent=True)
            got.thoughts = message.text("reasoning_content", absent=True)
            got.signature = _signature(message)
            got.refusal = message.text("refusal", absent=True)
            for call in message.nodes("tool_calls", absent=True):
                call.text("type", "function")
                function = call.inner("function")
                got.calls.append(_call(call.text("id"), function.text("name"), function.text("arguments"), call))
            got.echo = (message.value,)
            _ended(choice, got)
        got.usage = _usage(root.inner("usage"))
        got.over = True
        return got

    def stream(self, events: Sequence[Event]) -> Got:
        """See Dialect."""
        return _Stream().read(events)

    def failure(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        error = Node.parsed(body, "error", got.faults).inner("error")
        got.error, got.kind = error.text("message"), error.text("type")
        return got

    # --- the provider

    def claims(self, path: str) -> bool:
        """See Dialect."""
        return path.endswith("/chat/completions")

    def heard(self, path: str, body: Json) -> Heard:
        """See Dialect."""
        complaints: list[str] = []
        root = Node(body, "body", complaints)
        form = root.inner("response_format", absent=True)
        lone = root.member("tool_choice")
        choice = {"required": "any", "auto": ""}.get(lone, lone) if isinstance(lone, str) else ""
        if isinstance(lone, dict):
            choice = root.inner("tool_choice").inner("function").text("name")
        said = _Said(root.nodes("messages"))
        functions = [one.inner("function") for one in root.nodes("tools", absent=True)]
        return Heard(
            self.name,
            root.text("model"),
            bool(root.flag("stream")),
            "\n".join(said.system),
            turns=tuple(said.turns),
            images=tuple(said.images),
            tools=tuple(
                Tool(one.text("name"), one.text("description", absent=True), one.mapping("parameters", absent=True)) for one in functions
            ),
            choice=choice,
            parallel=root.flag("parallel_tool_calls") is not False,
            calls=tuple(said.calls),
            results=tuple(said.results),
            thoughts=tuple(said.thoughts),
            schema=form.inner("json_schema").mapping("schema") if form.text("type", absent=True) == "json_schema" else None,
            stop=root.texts("stop"),
            most=root.count("max_completion_tokens", absent=True) or root.count("max_tokens", absent=True),
            temperature=root.number("temperature"),
            thinking=root.text("reasoning_effort", absent=True),
            others=tuple(name for name in root.names() if name not in _KNOWN),
            complaints=tuple(complaints),
        )

    def answer(self, play: Play, model: str) -> bytes:
        """See Dialect."""
        message: Json = {"role": "assistant", "content": _joined(play, Text) or None, "refusal": _joined(play, Refusal) or None}
        message |= {"reasoning_content": thoughts} if (thoughts := _joined(play, Thought)) else {}
        calls = [part for part in play.parts if isinstance(part, Call)]
        message |= {"tool_calls": [_written(call) for call in calls]} if calls else {}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _BACK[play.finish]}
        return dumped(_named("chat.completion", model) | {"choices": [choice], "usage": _counted(play.usage)})

    def events(self, play: Play, model: str) -> list[bytes]:
        """See Dialect. Calls come piece by piece in turn, as several at once do."""
        deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
        for part in play.parts:
            name = {Text: "content", Thought: "reasoning_content", Refusal: "refusal"}.get(type(part))
            if name is not None and isinstance(part, Text | Thought | Refusal):
                deltas += [{name: piece} for piece in cut(part.text, play.size)]
        calls = [part for part in play.parts if isinstance(part, Call)]
        deltas += [{"tool_calls": [{"index": place} | _written(Call(call.id, call.name, ""))]} for place, call in enumerate(calls)]
        pieces = [cut(call.arguments, play.size) for call in calls]
        for round_ in range(max((len(one) for one in pieces), default=0)):
            deltas += [
                {"tool_calls": [{"index": place, "function": {"arguments": one[round_]}}]}
                for place, one in enumerate(pieces)
                if round_ < len(one)
            ]
        chunks: list[Json] = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": _BACK[play.finish]}], "usage": None})
        chunks.append({"choices": [], "usage": _counted(play.usage)})
        return [*[sse("", _named("chat.completion.chunk", model) | chunk) for chunk in chunks], b"data: [DONE]\n\n"]

    def refusal(self, status: int, message: str) -> bytes:
        """See Dialect."""
        return dumped({"error": {"message": message, "type": _KINDS.get(status, "server_error"), "param": None, "code": None}})

    def breaks(self, message: str) -> bytes:
        """See Dialect."""
        return sse("", {"error": {"message": message, "type": "server_error", "param": None, "code": None}})


# --- the client


def _messages(turn: Turn) -> list[object]:
    results = [part for part in turn.parts if isinstance(part, Result)]
    out: list[object] = [{"role": "tool", "tool_call_id": one.id, "content": one.text} for one in results]
    said = [one for part in turn.parts if (one := _part(part)) is not None]
    calls = [part for part in turn.parts if isinstance(part, Call)]
    if turn.role == "assistant":
        text = "".join(part.text for part in turn.parts if isinstance(part, Text))
        more: Json = {"tool_calls": [_written(call) for call in calls]} if calls else {}
        out.append({"role": "assistant", "content": text or None} | more)
    elif said:
        plain = all(isinstance(part, Text | Result) for part in turn.parts) and len(said) == 1
        out.append({"role": "user", "content": said[0]["text"] if plain else said})
    return out


def _part(part: Part) -> Json | None:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image_url", "image_url": {"url": f"data:{part.mime};base64,{part.data}"}}
        case _:
            return None


def _written(call: Call) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _call(name: str, function: str, arguments: str, node: Node) -> Call:
    node.demand(bool(name), "a call without an id")
    # Clients parse it: no arguments are an object without members.
    Node.parsed(arguments.encode(), f"{node.where}.arguments", node.faults)
    return Call(name, function, arguments)


def _signature(message: Node) -> str:
    details = message.nodes("reasoning_details", absent=True)
    return "".join(str(one.member("signature") or one.member("data") or "") for one in details)


def _ended(choice: Node, got: Got) -> None:
    reason = choice.text("finish_reason", *_REASONS)
    got.finish = _REASONS.get(reason, "")
    got.refused = bool(got.refusal) or got.finish == "refusal"


def _usage(node: Node) -> Usage:
    before = node.inner("prompt_tokens_details", absent=True)
    after = node.inner("completion_tokens_details", absent=True)
    given, made = node.count("prompt_tokens"), node.count("completion_tokens")
    node.demand(node.count("total_tokens") == given + made, "total_tokens is not the sum")
    cached = before.count("cached_tokens", absent=True)
    return Usage(given, made, cached, before.count("cache_write_tokens", absent=True), after.count("reasoning_tokens", absent=True))


class _Stream:
    """Chunks of one id; a role first, deltas, one finish_reason, a chunk with usage and no choices, [DONE]. Usage beside an empty delta,
    as some have it, is an event of another name, but no fault by itself: clients understand it."""

    def __init__(self) -> None:
        self._got = Got()
        self._ids: set[str] = set()
        self._calls: list[list[str]] = []
        self._message: Json = {"role": "assistant", "content": None}
        self._done = False

    def read(self, events: Sequence[Event]) -> Got:
        got = self._got
        for place, event in enumerate(events):
            if event.data == b"[DONE]":
                got.events.append("[DONE]")
                got.over = not got.error and bool(got.finish)
                self._done = True
                continue
            node = Node.parsed(event.data, f"chunk {place}", got.faults)
            node.demand(not self._done, "after [DONE]")
            got.events.append("error" if node.has("error") else "chunk" if node.member("choices") else "usage")
            if node.has("error"):
                error = node.inner("error")
                got.error, got.kind = error.text("message"), error.text("type", absent=True)
            else:
                self._chunk(node, place)
        self._finish()
        return got

    def _chunk(self, node: Node, place: int) -> None:
        node.text("object", "chat.completion.chunk")
        node.count("created")
        node.text("model")
        self._ids.add(node.text("id"))
        node.demand(len(self._ids) == 1 and "" not in self._ids, f"ids {sorted(self._ids)}")
        if node.has("usage"):
            node.demand(self._got.usage is None, "usage is told twice")
            self._got.usage = _usage(node.inner("usage"))
        choices = node.nodes("choices")
        node.demand(len(choices) == 1 or (len(choices) == 0 and bool(self._got.finish)), f"{len(choices)} choices")
        for choice in choices:
            late = bool(self._got.finish)
            choice.demand(not late or (not choice.has("finish_reason") and not any(choice.inner("delta").names())), "after finish_reason")
            choice.demand(choice.count("index") == 0, "index is not 0")
            self._delta(choice.inner("delta"), place == 0)
            if choice.has("finish_reason"):
                _ended(choice, self._got)

    def _delta(self, delta: Node, first: bool) -> None:
        delta.text("role", "assistant", absent=not first)
        got = self._got
        text, thoughts = delta.text("content", absent=True), delta.text("reasoning_content", absent=True)
        refusal = delta.text("refusal", absent=True)
        got.text, got.thoughts, got.refusal = got.text + text, got.thoughts + thoughts, got.refusal + refusal
        got.pieces += bool(text) + bool(thoughts) + bool(refusal)
        got.signature += _signature(delta)
        details = delta.nodes("reasoning_details", absent=True)
        if details:
            kept = self._message.setdefault("reasoning_details", [])
            if isinstance(kept, list):
                kept += [one.value for one in details]
        for call in delta.nodes("tool_calls", absent=True):
            self._tool(call)

    def _tool(self, call: Node) -> None:
        index = call.count("index")
        function = call.inner("function")
        arguments = function.text("arguments", absent=True)
        self._got.pieces += bool(arguments)
        if index == len(self._calls):
            call.text("type", "function")
            call.demand(bool(call.text("id")), "id is empty")
            self._calls.append([call.text("id"), function.text("name"), arguments])
        elif index < len(self._calls):
            call.demand(call.text("id", absent=True) in ("", self._calls[index][0]), "id is another one")
            self._calls[index][2] += arguments
        else:
            call.fault(f"index {index} after {len(self._calls)} calls")

    def _finish(self) -> None:
        got = self._got
        root = Node({}, "stream", got.faults)
        got.calls = [_call(name, function, arguments, root) for name, function, arguments in self._calls if got.over]
        self._message |= {"content": got.text or None}
        self._message |= {"reasoning_content": got.thoughts} if got.thoughts else {}
        self._message |= {"tool_calls": [_written(call) for call in got.calls]} if got.calls else {}
        got.echo = (self._message,)
        if got.finish and not got.error:
            root.demand(self._done, "there is no [DONE]")


# --- the provider


class _Said:
    """What the messages say. Complains of what this provider refuses."""

    def __init__(self, messages: Sequence[Node]) -> None:
        self.system: list[str] = []
        self.turns: list[tuple[str, str]] = []
        self.images: list[Image] = []
        self.calls: list[Call] = []
        self.results: list[Given] = []
        self.thoughts: list[Thought] = []
        waiting: dict[str, Call] = {}
        for message in messages:
            role = message.text("role", "system", "developer", "user", "assistant", "tool")
            texts = self._content(message)
            text = "\n".join(texts)
            message.demand(role == "tool" or not waiting, f"calls without results: {sorted(waiting)}")
            if role == "tool":
                call = waiting.pop(message.text("tool_call_id"), None)
                message.demand(call is not None, "a result without its call")
                self.results.append(Given(call.name if call else "", object_of(call.arguments if call else ""), text))
            elif role in ("system", "developer"):
                self.system.append(text)
            else:
                self.turns += [(role, one) for one in texts if one]
            if message.has("reasoning_content"):
                self.thoughts.append(Thought(message.text("reasoning_content"), _signature(message)))
            calls = [self._call(one) for one in message.nodes("tool_calls", absent=True)]
            waiting |= {call.id: call for call in calls}
        if messages:
            messages[-1].demand(not waiting, "ends with calls that have no results")

    def _content(self, message: Node) -> list[str]:
        lone = message.member("content")
        if lone is None or isinstance(lone, str):
            message.demand(lone is not None or message.member("role") == "assistant", "content is missing")
            return [lone or ""]
        texts = []
        for part in message.nodes("content"):
            if part.text("type", "text", "image_url", "refusal", "file", "input_audio") == "image_url":
                head, _, data = part.inner("image_url").text("url").partition(",")
                self.images.append(Image(head.removeprefix("data:").removesuffix(";base64"), data))
            else:
                texts.append(part.text("text", absent=True))
        return texts

    def _call(self, node: Node) -> Call:
        function = node.inner("function")
        call = _call(node.text("id"), function.text("name"), function.text("arguments"), node)
        self.calls.append(call)
        return call


def _joined(play: Play, kind: type[Text | Thought | Refusal]) -> str:
    return "".join(part.text for part in play.parts if isinstance(part, kind))


def _named(kind: str, model: str) -> Json:
    return {"id": "chatcmpl-conformance", "object": kind, "created": 1_795_000_000, "model": model, "system_fingerprint": "fp_1"}


def _counted(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.thoughts},
    }
