"""OpenAI Responses from both ends (platform.openai.com/docs/api-reference/responses, "Streaming events"). Its reading of a stream is in
responses_order.py."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.conformance.node import Node
from backstory.app.conformance.responses_order import ResponsesOrder, read_response
from backstory.app.conformance.values import (
    Ask,
    Call,
    Event,
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

_KINDS = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 429: "rate_limit_error"}
_EFFORTS = ((20_000, "high"), (8000, "medium"), (0, "low"))
_KNOWN = frozenset(
    [
        "model",
        "input",
        "instructions",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "max_output_tokens",
        "temperature",
        "top_p",
        "reasoning",
        "store",
        "include",
        "metadata",
        "user",
        "service_tier",
        "truncation",
        "previous_response_id",
        "prompt_cache_key",
        "safety_identifier",
        "background",
        "max_tool_calls",
        "top_logprobs",
        "prompt",
        "conversation",
    ]
)


class OpenAIResponses:
    """The wire `openai_responses`."""

    name = "openai_responses"
    model = "gpt-5"

    # --- the client

    def request(self, ask: Ask, model: str, stream: bool) -> Request:
        """See Dialect. The wire has no stop sequences."""
        items: list[object] = []
        for turn in ask.turns:
            items += turn.raw or _items(turn)
        body: Json = {"model": model, "input": items, "store": False}
        body |= {"stream": True} if stream else {}
        body |= {"instructions": ask.system} if ask.system else {}
        if ask.tools:
            body["tools"] = [
                {"type": "function", "name": one.name, "description": one.description, "parameters": one.schema, "strict": False}
                for one in ask.tools
            ]
        if ask.choice:
            named = {"type": "function", "name": ask.choice}
            body["tool_choice"] = {"any": "required", "none": "none"}.get(ask.choice, named)
        body |= {} if ask.parallel else {"parallel_tool_calls": False}
        if ask.schema is not None:
            body["text"] = {"format": {"type": "json_schema", "name": "found", "schema": ask.schema, "strict": True}}
        body |= {"max_output_tokens": ask.most} if ask.most else {}
        body |= {} if ask.temperature is None else {"temperature": ask.temperature}
        if ask.thinking:
            effort = next(effort for least, effort in _EFFORTS if ask.thinking >= least)
            body |= {"reasoning": {"effort": effort, "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        headers = (("authorization", "Bearer sk-conformance"), ("content-type", "application/json"))
        return Request("/v1/responses", headers, dumped(body | dict(ask.more)))

    def whole(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        root = Node.parsed(body, "response", got.faults)
        if root.has("error") and not root.has("output"):
            return self.failure(body)
        read_response(root, got)
        got.over = not got.error
        return got

    def stream(self, events: Sequence[Event]) -> Got:
        """See Dialect."""
        return ResponsesOrder().read(events)

    def failure(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        error = Node.parsed(body, "error", got.faults).inner("error")
        got.error, got.kind = error.text("message"), error.text("type")
        return got

    # --- the provider

    def claims(self, path: str) -> bool:
        """See Dialect."""
        return path.endswith("/responses")

    def heard(self, path: str, body: Json) -> Heard:
        """See Dialect."""
        complaints: list[str] = []
        root = Node(body, "body", complaints)
        lone = root.member("tool_choice")
        choice = {"required": "any", "auto": ""}.get(lone, lone) if isinstance(lone, str) else ""
        if isinstance(lone, dict):
            choice = root.inner("tool_choice").text("name")
        given = root.member("input")
        plain = [Node({"role": "user", "content": given}, "input", complaints)]
        said = _Said(plain if isinstance(given, str) else root.nodes("input"))
        form = root.inner("text", absent=True).inner("format", absent=True)
        thinking = root.inner("reasoning", absent=True)
        functions = [one for one in root.nodes("tools", absent=True) if one.member("type") == "function"]
        return Heard(
            self.name,
            root.text("model"),
            bool(root.flag("stream")),
            "\n".join([*filter(None, (root.text("instructions", absent=True),)), *said.system]),
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
            schema=form.mapping("schema") if form.text("type", absent=True) == "json_schema" else None,
            most=root.count("max_output_tokens", absent=True),
            temperature=root.number("temperature"),
            thinking=thinking.text("effort", absent=True),
            others=tuple(name for name in root.names() if name not in _KNOWN),
            complaints=tuple(complaints),
        )

    def answer(self, play: Play, model: str) -> bytes:
        """See Dialect."""
        return dumped(_response(play, model, [_item(part, place) for place, part in enumerate(play.parts)], True))

    def events(self, play: Play, model: str) -> list[bytes]:
        """See Dialect."""
        begun = _response(play, model, [], False)
        told: list[Json] = [{"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")]
        items = []
        for place, part in enumerate(play.parts):
            item = _item(part, place)
            items.append(item)
            told.append({"type": "response.output_item.added", "output_index": place, "item": _empty(item)})
            told += _filling(part, place, str(item["id"]), play.size)
            told.append({"type": "response.output_item.done", "output_index": place, "item": item})
        ending = "incomplete" if play.finish == "length" else "completed"
        told.append({"type": f"response.{ending}", "response": _response(play, model, items, True)})
        return [sse(str(one["type"]), one | {"sequence_number": number}) for number, one in enumerate(told)]

    def refusal(self, status: int, message: str) -> bytes:
        """See Dialect."""
        return dumped({"error": {"message": message, "type": _KINDS.get(status, "server_error"), "param": None, "code": None}})

    def breaks(self, message: str) -> bytes:
        """See Dialect."""
        error = {"code": "server_error", "message": message}
        response = _response(Play(), "m", [], False) | {"status": "failed", "error": error}
        return sse("response.failed", {"type": "response.failed", "sequence_number": 99, "response": response})


# --- the client


def _items(turn: Turn) -> list[object]:
    out: list[object] = []
    content: list[Json] = []
    for part in turn.parts:
        match part:
            case Text():
                content.append({"type": "output_text" if turn.role == "assistant" else "input_text", "text": part.text})
            case Image():
                content.append({"type": "input_image", "image_url": f"data:{part.mime};base64,{part.data}", "detail": "auto"})
            case Call():
                out.append({"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments})
            case Result():
                out.append({"type": "function_call_output", "call_id": part.id, "output": part.text})
            case _:
                pass
    message = {"type": "message", "role": turn.role, "content": content}
    if not content:
        return out
    return [message, *out] if turn.role == "assistant" else [*out, message]


# --- the provider


class _Said:
    """What the items say. Complains of what this provider refuses."""

    def __init__(self, items: Sequence[Node]) -> None:
        self.system: list[str] = []
        self.turns: list[tuple[str, str]] = []
        self.images: list[Image] = []
        self.calls: list[Call] = []
        self.results: list[Given] = []
        self.thoughts: list[Thought] = []
        self._waiting: dict[str, Call] = {}
        for item in items:
            self._item(item)
        if items:
            items[-1].demand(not self._waiting, "ends with calls that have no results")

    def _item(self, item: Node) -> None:
        kind = item.text("type", absent=True) or "message"
        match kind:
            case "message":
                self._message(item)
            case "function_call":
                Node.parsed(item.text("arguments").encode(), f"{item.where}.arguments", item.faults)
                call = Call(item.text("call_id"), item.text("name"), item.text("arguments"))
                self.calls.append(call)
                self._waiting[call.id] = call
            case "function_call_output":
                found = self._waiting.pop(item.text("call_id"), None)
                item.demand(found is not None, "an output without its call")
                call = found or Call("", "", "{}")
                lone = item.member("output")
                text = lone if isinstance(lone, str) else "\n".join(one.text("text", absent=True) for one in item.nodes("output"))
                self.results.append(Given(call.name, object_of(call.arguments), text))
            case "reasoning":
                text = "".join(one.text("text") for one in item.nodes("summary"))
                self.thoughts.append(Thought(text, item.text("encrypted_content", absent=True)))
            case _:
                item.fault(f"an item of type {kind!r}")

    def _message(self, item: Node) -> None:
        role = item.text("role", "user", "assistant", "system", "developer")
        lone = item.member("content")
        texts = [lone] if isinstance(lone, str) else []
        for part in [] if isinstance(lone, str) else item.nodes("content"):
            kind = part.text("type", "input_text", "output_text", "input_image", "refusal", "input_file")
            part.demand(role != "assistant" or kind in ("output_text", "refusal"), f"{kind} in an assistant's message")
            part.demand(role == "assistant" or kind not in ("output_text", "refusal"), f"{kind} in a message of {role}")
            if kind == "input_image":
                head, _, data = part.text("image_url").partition(",")
                self.images.append(Image(head.removeprefix("data:").removesuffix(";base64"), data))
            else:
                texts.append(part.text("text", absent=True) or part.text("refusal", absent=True))
        if role in ("system", "developer"):
            self.system.append("\n".join(texts))
        else:
            self.turns += [(role, text) for text in texts if text]


def _item(part: Part, place: int) -> Json:
    match part:
        case Thought():
            summary = [{"type": "summary_text", "text": part.text}]
            return {"id": f"rs_{place}", "type": "reasoning", "summary": summary, "encrypted_content": part.signature}
        case Call():
            called: Json = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
            return {"id": f"fc_{place}", "type": "function_call", "status": "completed"} | called
        case _:
            return {"id": f"msg_{place}", "type": "message", "status": "completed", "role": "assistant", "content": [_content(part)]}


def _content(part: Part) -> Json:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text if isinstance(part, Text) else "", "annotations": [], "logprobs": []}


def _empty(item: Json) -> Json:
    match item["type"]:
        case "reasoning":
            return {name: value for name, value in item.items() if name != "encrypted_content"} | {"summary": []}
        case "function_call":
            return item | {"status": "in_progress", "arguments": ""}
        case _:
            return item | {"status": "in_progress", "content": []}


def _filling(part: Part, place: int, name: str, size: int) -> list[Json]:
    """What comes between an item's beginning and its end."""
    at: Json = {"item_id": name, "output_index": place}
    match part:
        case Thought():
            spot = at | {"summary_index": 0}
            text = {"type": "summary_text", "text": part.text}
            told: list[Json] = [{"type": "response.reasoning_summary_part.added", "part": text | {"text": ""}}]
            told += [{"type": "response.reasoning_summary_text.delta", "delta": piece} for piece in cut(part.text, size)]
            told.append({"type": "response.reasoning_summary_text.done", "text": part.text})
            told.append({"type": "response.reasoning_summary_part.done", "part": text})
        case Call():
            spot = at
            told = [{"type": "response.function_call_arguments.delta", "delta": piece} for piece in cut(part.arguments, size)]
            told.append({"type": "response.function_call_arguments.done", "arguments": part.arguments, "name": part.name})
        case _:
            spot = at | {"content_index": 0}
            member = "refusal" if isinstance(part, Refusal) else "text"
            kind = "refusal" if isinstance(part, Refusal) else "output_text"
            words = part.text if isinstance(part, Text | Refusal) else ""
            told = [{"type": "response.content_part.added", "part": _content(part) | {member: ""}}]
            told += [{"type": f"response.{kind}.delta", "delta": piece} for piece in cut(words, size)]
            told.append({"type": f"response.{kind}.done", member: words})
            told.append({"type": "response.content_part.done", "part": _content(part)})
    return [one | spot for one in told]


def _response(play: Play, model: str, items: Sequence[Json], over: bool) -> Json:
    status = "in_progress" if not over else "incomplete" if play.finish == "length" else "completed"
    return {
        "id": "resp_conformance",
        "object": "response",
        "created_at": 1_795_000_000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": list(items),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _counted(play.usage) if over else None,
    }


def _counted(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.thoughts},
        "total_tokens": usage.input + usage.output,
    }
