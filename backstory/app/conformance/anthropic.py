"""Anthropic Messages from both ends (platform.claude.com/docs/en/api/messages, "Messages streaming", "Errors")."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.conformance.node import Node, running
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
    Usage,
    cut,
    dumped,
    object_of,
    sse,
)

_REASONS: dict[str, Finish] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "sequence",
    "refusal": "refusal",
    "pause_turn": "other",
    "model_context_window_exceeded": "length",
}
_BACK = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "sequence": "stop_sequence", "refusal": "refusal"}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
"""Of each delta: the block that it belongs to, and its member."""
_KNOWN = frozenset(
    [
        "model",
        "max_tokens",
        "messages",
        "stream",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "temperature",
        "top_p",
        "top_k",
        "thinking",
        "output_config",
        "metadata",
        "service_tier",
        "container",
        "context_management",
        "mcp_servers",
    ]
)


class Anthropic:
    """The wire `anthropic`."""

    name = "anthropic"
    model = "claude-sonnet-4-6"

    # --- the client

    def request(self, ask: Ask, model: str, stream: bool) -> Request:
        """See Dialect."""
        messages = [{"role": turn.role, "content": list(turn.raw) or [_block(part) for part in turn.parts]} for turn in ask.turns]
        body: Json = {"model": model, "max_tokens": ask.most or 9000, "messages": messages}
        body["stream"] = stream
        body |= {"system": ask.system} if ask.system else {}
        if ask.tools:
            body["tools"] = [{"name": one.name, "description": one.description, "input_schema": one.schema} for one in ask.tools]
        if ask.choice or (ask.tools and not ask.parallel):
            kind = ask.choice if ask.choice in ("any", "none") else "tool" if ask.choice else "auto"
            choice: Json = {"type": kind}
            choice |= {"name": ask.choice} if kind == "tool" else {}
            body["tool_choice"] = choice | ({} if ask.parallel else {"disable_parallel_tool_use": True})
        if ask.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        body |= {"stop_sequences": list(ask.stop)} if ask.stop else {}
        body |= {} if ask.temperature is None else {"temperature": ask.temperature}
        body |= {"thinking": {"type": "enabled", "budget_tokens": ask.thinking}} if ask.thinking else {}
        headers = (("x-api-key", "sk-conformance"), ("anthropic-version", "2023-06-01"), ("content-type", "application/json"))
        return Request("/v1/messages", headers, dumped(body | dict(ask.more)))

    def whole(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        root = Node.parsed(body, "message", got.faults)
        if root.has("error"):
            return self.failure(body)
        root.text("type", "message")
        root.text("role", "assistant")
        root.demand(bool(root.text("id")), "id is empty")
        root.text("model")
        for block in root.nodes("content"):
            _read_block(block, got)
        _ended(root, got)
        got.usage = _usage(root.inner("usage"))
        got.echo = tuple(block.value for block in root.nodes("content"))
        got.over = True
        return got

    def stream(self, events: Sequence[Event]) -> Got:
        """See Dialect."""
        return _Stream().read(events)

    def failure(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        root = Node.parsed(body, "error", got.faults)
        root.text("type", "error")
        error = root.inner("error")
        got.kind, got.error = error.text("type"), error.text("message")
        return got

    # --- the provider

    def claims(self, path: str) -> bool:
        """See Dialect."""
        return path.endswith("/messages")

    def heard(self, path: str, body: Json) -> Heard:
        """See Dialect."""
        complaints: list[str] = []
        root = Node(body, "body", complaints)
        root.demand(root.count("max_tokens") > 0, "max_tokens has to be 1 at least")
        messages = root.nodes("messages")
        thinking = root.inner("thinking", absent=True)
        budget = thinking.count("budget_tokens", absent=True)
        root.demand(
            not budget or 1024 <= budget < root.count("max_tokens"), "budget_tokens has to be 1024 at least, and less than max_tokens"
        )
        config = root.inner("output_config", absent=True)
        effort = str(config.member("effort") or "") if thinking.text("type", absent=True) == "adaptive" else ""
        choice = root.inner("tool_choice", absent=True)
        kind = choice.text("type", "auto", "any", "none", "tool", absent=True)
        system = root.member("system")
        heard = _Said(messages)
        return Heard(
            self.name,
            root.text("model"),
            bool(root.flag("stream")),
            system if isinstance(system, str) else "\n".join(one.text("text") for one in root.nodes("system", absent=True)),
            turns=tuple(heard.turns),
            images=tuple(heard.images),
            tools=tuple(
                Tool(one.text("name"), one.text("description", absent=True), one.mapping("input_schema"))
                for one in root.nodes("tools", absent=True)
            ),
            choice=choice.text("name") if kind == "tool" else kind.replace("auto", ""),
            parallel=not choice.flag("disable_parallel_tool_use"),
            calls=tuple(heard.calls),
            results=tuple(heard.results),
            thoughts=tuple(heard.thoughts),
            schema=config.inner("format").mapping("schema") if config.has("format") else None,
            stop=root.texts("stop_sequences"),
            most=root.count("max_tokens"),
            temperature=root.number("temperature"),
            thinking=str(budget) if budget else effort,
            others=tuple(name for name in root.names() if name not in _KNOWN),
            complaints=tuple(complaints),
        )

    def answer(self, play: Play, model: str) -> bytes:
        """See Dialect."""
        message = _started(play, model)
        message["content"] = [_block(part) for part in play.parts]
        message |= {"stop_reason": _BACK[play.finish], "stop_sequence": play.sequence or None, "usage": _counted(play.usage)}
        return dumped(message)

    def events(self, play: Play, model: str) -> list[bytes]:
        """See Dialect."""
        started = _started(play, model) | {"usage": _counted(play.usage) | {"output_tokens": 1}}
        out = [sse("message_start", {"type": "message_start", "message": started}), sse("ping", {"type": "ping"})]
        for index, part in enumerate(play.parts):
            empty, deltas = _pieces(part, play.size)
            out.append(sse("content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}))
            out += [sse("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas]
            out.append(sse("content_block_stop", {"type": "content_block_stop", "index": index}))
        delta = {"stop_reason": _BACK[play.finish], "stop_sequence": play.sequence or None}
        out.append(sse("message_delta", {"type": "message_delta", "delta": delta, "usage": {"output_tokens": play.usage.output}}))
        return [*out, sse("message_stop", {"type": "message_stop"})]

    def refusal(self, status: int, message: str) -> bytes:
        """See Dialect."""
        return dumped({"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}, "request_id": "req_1"})

    def breaks(self, message: str) -> bytes:
        """See Dialect."""
        return sse("error", {"type": "error", "error": {"type": "overloaded_error", "message": message}})


# --- the client


def _block(part: Part) -> Json:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image", "source": {"type": "base64", "media_type": part.mime, "data": part.data}}
        case Thought():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        case Call():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": object_of(part.arguments)}
        case Result():
            more: Json = {"is_error": True} if part.failed else {}
            return {"type": "tool_result", "tool_use_id": part.id, "content": part.text} | more


def _read_block(block: Node, got: Got) -> None:
    kind = block.text("type")
    match kind:
        case "text":
            got.text += block.text("text")
        case "thinking":
            got.thoughts += block.text("thinking")
            got.signature += block.text("signature", absent=True)
        case "redacted_thinking":
            got.signature += block.text("data")
        case "tool_use":
            got.calls.append(Call(block.text("id"), block.text("name"), dumped(block.mapping("input")).decode()))
        case _:
            block.fault(f"a block of type {kind!r}")


def _ended(node: Node, got: Got) -> None:
    reason = node.text("stop_reason", *_REASONS)
    got.finish = _REASONS.get(reason, "")
    got.refused = reason == "refusal"
    got.sequence = node.text("stop_sequence", absent=True)
    node.demand((reason == "stop_sequence") == bool(got.sequence), f"stop_reason {reason!r} with the stop_sequence {got.sequence!r}")


def _usage(node: Node, before: Json | None = None) -> Usage:
    """`before`: what `message_start` had."""
    told = dict(before or {}) | {name: node.member(name) for name in node.names()}
    full = Node(told, node.where, node.faults)
    cached = full.count("cache_read_input_tokens", absent=True)
    written = full.count("cache_creation_input_tokens", absent=True)
    return Usage(full.count("input_tokens") + cached + written, full.count("output_tokens"), cached, written)


class _Stream:
    """message_start, then blocks one after the other, each opened, filled and closed, message_delta, message_stop."""

    def __init__(self) -> None:
        self._got = Got()
        self._at = "message_start"
        self._opened: list[int] = []
        self._block: Json | None = None
        self._json = ""
        self._begun: Json = {}

    def read(self, events: Sequence[Event]) -> Got:
        got = self._got
        for event in events:
            node = Node.parsed(event.data, event.name or "event", got.faults)
            kind = node.text("type")
            got.events.append(kind)
            node.demand(kind == event.name, f"the event {event.name!r} has the type {kind!r}")
            if got.over or got.error:
                node.fault(f"{kind} after the end")
            if kind == "ping":
                continue
            node.demand(kind == "error" or (self._at == "message_start") == (kind == "message_start"), "is not the place for it")
            self._event(kind, node)
        if self._block is not None:
            if got.over:
                got.faults.append("stream: a block was never closed")
            got.text += str(self._block.get("text") or "")
        return got

    def _event(self, kind: str, node: Node) -> None:
        match kind:
            case "message_start":
                self._start(node.inner("message"))
            case "content_block_start":
                self._open(node)
            case "content_block_delta":
                self._delta(node)
            case "content_block_stop":
                self._close(node)
            case "message_delta":
                node.demand(self._at == "content" and self._block is None, "in the middle of a block, or twice")
                self._at = "delta"
                _ended(node.inner("delta"), self._got)
                self._got.usage = _usage(node.inner("usage"), self._begun)
            case "message_stop":
                node.demand(self._at == "delta", "without message_delta before it")
                self._got.over = True
            case "error":
                error = node.inner("error")
                self._got.kind, self._got.error = error.text("type"), error.text("message")
            case _:
                node.fault("is no event of this wire")

    def _start(self, message: Node) -> None:
        self._at = "content"
        message.text("type", "message")
        message.text("role", "assistant")
        message.text("model")
        message.demand(bool(message.text("id")), "id is empty")
        message.demand(message.nodes("content") == [], "content is not empty yet")
        message.demand(not message.has("stop_reason"), "has a stop_reason already")
        self._begun = message.mapping("usage")
        _usage(message.inner("usage"))

    def _open(self, node: Node) -> None:
        node.demand(self._at == "content" and self._block is None, "before the block before it was closed")
        self._opened.append(node.count("index"))
        node.demand(running(self._opened), f"indexes {self._opened}")
        block = node.inner("content_block")
        self._block, self._json = {name: block.member(name) for name in block.names()}, ""
        kind = block.text("type")
        member = {"text": "text", "thinking": "thinking", "tool_use": "input"}.get(kind)
        block.demand(member is None or not block.member(member), f"{member} is not empty yet")

    def _delta(self, node: Node) -> None:
        delta = node.inner("delta")
        kind = delta.text("type", *_DELTAS)
        if self._block is None or not self._opened or node.count("index") != self._opened[-1]:
            node.fault("for a block that is not open")
            return
        belongs, member = _DELTAS.get(kind, ("", ""))
        node.demand(self._block.get("type") == belongs, f"{kind} in a block of type {self._block.get('type')!r}")
        more = delta.text(member)
        if member == "partial_json":
            self._json += more
        else:
            self._block[member] = str(self._block.get(member) or "") + more
        self._got.pieces += bool(more) and member != "signature"

    def _close(self, node: Node) -> None:
        if self._block is None or node.count("index") != self._opened[-1]:
            node.fault("of a block that is not open")
            return
        if self._block.get("type") == "tool_use":
            self._block["input"] = Node.parsed((self._json or "{}").encode(), "input", self._got.faults).value
        _read_block(Node(self._block, "block", self._got.faults), self._got)
        self._got.echo += (self._block,)
        self._block = None


# --- the provider


class _Said:
    """What the messages say. Complains of what this provider refuses."""

    def __init__(self, messages: Sequence[Node]) -> None:
        self.turns: list[tuple[str, str]] = []
        self.images: list[Image] = []
        self.calls: list[Call] = []
        self.results: list[Given] = []
        self.thoughts: list[Thought] = []
        self._waiting: dict[str, Call] = {}
        for place, message in enumerate(messages):
            role = message.text("role", "user", "assistant")
            message.demand(place > 0 or role == "user", "the first message has to be a user's")
            lone = message.member("content")
            blocks = (
                [Node({"type": "text", "text": lone}, message.where, message.faults)] if isinstance(lone, str) else message.nodes("content")
            )
            message.demand(bool(blocks), "content is empty")
            answered = {block.text("tool_use_id") for block in blocks if block.member("type") == "tool_result"}
            message.demand(answered == set(self._waiting), f"results for {sorted(answered)}, calls were {sorted(self._waiting)}")
            for block in blocks:
                self._block(role, block)
            called = [block.text("id") for block in blocks if block.member("type") == "tool_use"]
            self._waiting = {call.id: call for call in self.calls if call.id in called}
        if messages:
            messages[-1].demand(not self._waiting, "ends with calls that have no results")

    def _block(self, role: str, block: Node) -> None:
        match block.text("type"):
            case "text":
                block.demand(bool(block.text("text").strip()), "text is empty")
                self.turns.append((role, block.text("text")))
            case "image":
                source = block.inner("source")
                self.images.append(Image(source.text("media_type"), source.text("data")))
            case "thinking":
                self.thoughts.append(Thought(block.text("thinking"), block.text("signature")))
            case "tool_use":
                self.calls.append(Call(block.text("id"), block.text("name"), dumped(block.mapping("input")).decode()))
            case "tool_result":
                self._result(block)
            case kind:
                block.fault(f"a block of type {kind!r}")

    def _result(self, block: Node) -> None:
        call = self._waiting.get(block.text("tool_use_id"), Call("", "", "{}"))
        lone = block.member("content")
        text = lone if isinstance(lone, str) else "\n".join(one.text("text", absent=True) for one in block.nodes("content", absent=True))
        marked = f"[failed] {text}" if block.flag("is_error") else text
        self.results.append(Given(call.name, object_of(call.arguments), marked))


def _started(play: Play, model: str) -> Json:
    return {
        "id": "msg_01Conformance",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {},
    }


def _counted(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "service_tier": "standard",
    }


def _pieces(part: Part, size: int) -> tuple[Json, list[Json]]:
    """The block as it begins, and what follows."""
    match part:
        case Thought():
            deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in cut(part.text, size)]
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                *deltas,
                {"type": "signature_delta", "signature": part.signature},
            ]
        case Call():
            pieces = ["", *cut(part.arguments, size)] if part.arguments != "{}" else [""]
            return _block(Call(part.id, part.name, "{}")), [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case _:
            text = part.text if isinstance(part, Text | Refusal) else ""
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in cut(text, size)]
