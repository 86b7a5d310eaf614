"""Gemini's generateContent from both ends (ai.google.dev/api/generate-content, "Function calling", "Thinking")."""

from __future__ import annotations

import re
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
    Usage,
    cut,
    dumped,
    object_of,
    sse,
)

_REASONS: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "BLOCKLIST": "refusal",
    "SPII": "refusal",
    "MALFORMED_FUNCTION_CALL": "other",
    "OTHER": "other",
}
_BACK = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "sequence": "STOP", "refusal": "SAFETY"}
_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MODES = {"AUTO": "", "ANY": "any", "NONE": "none", "VALIDATED": ""}
_PATH = re.compile(r"/models/([^:/]+):(generateContent|streamGenerateContent)$")
_KNOWN = frozenset(
    ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels", "model"]
)


class Gemini:
    """The wire `gemini`."""

    name = "gemini"
    model = "gemini-2.5-flash"

    # --- the client

    def request(self, ask: Ask, model: str, stream: bool) -> Request:
        """See Dialect. History that is made up has no ids of calls, as many clients' has not."""
        named = any(turn.raw for turn in ask.turns)
        contents: list[Json] = [
            {
                "role": "model" if turn.role == "assistant" else "user",
                "parts": list(turn.raw) or [_part(part, named) for part in turn.parts],
            }
            for turn in ask.turns
        ]
        body: Json = {"contents": contents}
        body |= {"systemInstruction": {"parts": [{"text": ask.system}]}} if ask.system else {}
        if ask.tools:
            declared = [{"name": one.name, "description": one.description, "parametersJsonSchema": one.schema} for one in ask.tools]
            body["tools"] = [{"functionDeclarations": declared}]
        if ask.choice:
            only: Json = {} if ask.choice in ("any", "none") else {"allowedFunctionNames": [ask.choice]}
            mode = "NONE" if ask.choice == "none" else "ANY"
            body["toolConfig"] = {"functionCallingConfig": {"mode": mode} | only}
        config: Json = {"maxOutputTokens": ask.most} if ask.most else {}
        config |= {"stopSequences": list(ask.stop)} if ask.stop else {}
        config |= {} if ask.temperature is None else {"temperature": ask.temperature}
        config |= {} if ask.schema is None else {"responseMimeType": "application/json", "responseJsonSchema": ask.schema}
        config |= {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": ask.thinking}} if ask.thinking else {}
        body |= {"generationConfig": config} if config else {}
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        headers = (("x-goog-api-key", "sk-conformance"), ("content-type", "application/json"))
        return Request(f"/v1beta/models/{model}:{verb}", headers, dumped(body | dict(ask.more)))

    def whole(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        root = Node.parsed(body, "response", got.faults)
        if root.has("error"):
            return self.failure(body)
        _read(root, got, True)
        got.over = bool(got.finish)
        _finished(root, got)
        return got

    def stream(self, events: Sequence[Event]) -> Got:
        """See Dialect. Each chunk is an answer of its own; the last one has the reason and the usage."""
        got = Got()
        names: set[str] = set()
        node = Node({}, "stream", got.faults)
        for place, event in enumerate(events):
            node = Node.parsed(event.data, f"chunk {place}", got.faults)
            node.demand(not event.name, f"an event has the name {event.name!r}")
            got.events.append("error" if node.has("error") else "chunk")
            node.demand(not got.over and not got.error, "after the end")
            if node.has("error"):
                told = self.failure(event.data)
                got.error, got.kind = told.error, told.kind
                continue
            names.add(node.text("responseId", absent=True))
            node.demand(len(names) == 1, f"responseId {sorted(names)}")
            before = len(got.text + got.thoughts) + len(got.calls)
            _read(node, got, False)
            got.pieces += len(got.text + got.thoughts) + len(got.calls) > before
            got.over = bool(got.finish)
        if got.over:
            _finished(node, got)
        return got

    def failure(self, body: bytes) -> Got:
        """See Dialect."""
        got = Got()
        error = Node.parsed(body, "error", got.faults).inner("error")
        got.error, got.kind = error.text("message"), error.text("status")
        error.count("code")
        return got

    # --- the provider

    def claims(self, path: str) -> bool:
        """See Dialect."""
        return _PATH.search(path) is not None

    def heard(self, path: str, body: Json) -> Heard:
        """See Dialect."""
        complaints: list[str] = []
        root = Node(_camel(body), "body", complaints)
        found = _PATH.search(path)
        config = root.inner("generationConfig", absent=True)
        thinking = config.inner("thinkingConfig", absent=True)
        calling = root.inner("toolConfig", absent=True).inner("functionCallingConfig", absent=True)
        only = calling.texts("allowedFunctionNames")
        said = _Said(root.nodes("contents"))
        functions = [one for tool in root.nodes("tools", absent=True) for one in tool.nodes("functionDeclarations", absent=True)]
        schema = config.member("responseJsonSchema") or config.member("responseSchema")
        return Heard(
            self.name,
            found.group(1) if found else "",
            bool(found and found.group(2) == "streamGenerateContent"),
            "\n".join(one.text("text") for one in root.inner("systemInstruction", absent=True).nodes("parts", absent=True)),
            turns=tuple(said.turns),
            images=tuple(said.images),
            tools=tuple(Tool(one.text("name"), one.text("description", absent=True), _schema(one)) for one in functions),
            choice=only[0] if len(only) == 1 else _MODES.get(calling.text("mode", *_MODES, absent=True), ""),
            calls=tuple(said.calls),
            results=tuple(said.results),
            thoughts=tuple(said.thoughts),
            schema=schema if isinstance(schema, dict) else None,
            stop=config.texts("stopSequences"),
            most=config.count("maxOutputTokens", absent=True),
            temperature=config.number("temperature"),
            thinking=str(thinking.member("thinkingBudget") or thinking.member("thinkingLevel") or ""),
            others=tuple(name for name in root.names() if name not in _KNOWN),
            complaints=tuple(complaints),
        )

    def answer(self, play: Play, model: str) -> bytes:
        """See Dialect."""
        return dumped(_chunk(model, [_played(part) for part in play.parts if not isinstance(part, Refusal)], play, True))

    def events(self, play: Play, model: str) -> list[bytes]:
        """See Dialect. Calls come whole, as Gemini's do."""
        pieces: list[Json] = []
        for part in play.parts:
            match part:
                case Text():
                    pieces += [_played(Text(piece)) for piece in cut(part.text, play.size)]
                case Thought():
                    pieces += [_played(Thought(piece)) for piece in cut(part.text, play.size)]
                    pieces += [{"text": "", "thought": True, "thoughtSignature": part.signature}] if part.signature else []
                case Call():
                    pieces.append(_played(part))
                case _:
                    pass
        chunks = [_chunk(model, [piece], play, False) for piece in pieces]
        return [sse("", chunk) for chunk in (*chunks, _chunk(model, [], play, True))]

    def refusal(self, status: int, message: str) -> bytes:
        """See Dialect."""
        return dumped({"error": {"code": status, "message": message, "status": _KINDS.get(status, "UNAVAILABLE")}})

    def breaks(self, message: str) -> bytes:
        """See Dialect."""
        return sse("", {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}})


# --- the client


def _part(part: Part, named: bool) -> Json:
    """`named`: with the ids of results, as clients do where the calls had ids."""
    match part:
        case Image():
            return {"inlineData": {"mimeType": part.mime, "data": part.data}}
        case Call():
            return {"functionCall": {"name": part.name, "args": object_of(part.arguments)}}
        case Result():
            more: Json = {"id": part.id} if named and part.id else {}
            return {"functionResponse": {"name": part.name, "response": {"result": part.text}} | more}
        case Thought():
            return {"text": part.text, "thought": True, "thoughtSignature": part.signature}
        case _:
            return {"text": part.text}


def _read(root: Node, got: Got, whole: bool) -> None:
    """One chunk, or a whole answer, added to what was got."""
    if root.has("usageMetadata"):
        got.usage = _usage(root.inner("usageMetadata"))
    blocked = root.inner("promptFeedback", absent=True).text("blockReason", absent=True)
    if blocked:
        got.refused, got.finish = True, "refusal"
    candidates = root.nodes("candidates", absent=bool(blocked) or (not whole and root.has("usageMetadata")))
    root.demand(len(candidates) <= 1, f"{len(candidates)} candidates")
    for candidate in candidates:
        candidate.demand(candidate.count("index", absent=True) == 0, "index is not 0")
        content = candidate.inner("content", absent=candidate.has("finishReason"))
        content.text("role", "model", absent=not content.has("parts"))
        for part in content.nodes("parts", absent=candidate.has("finishReason")):
            _read_part(part, got)
        if candidate.has("finishReason"):
            reason = candidate.text("finishReason", *_REASONS)
            got.finish = _REASONS.get(reason, "other")
            got.refused = got.finish == "refusal"


def _read_part(part: Node, got: Got) -> None:
    got.echo += (part.value,)
    got.signature += part.text("thoughtSignature", absent=True)
    if part.has("functionCall"):
        call = part.inner("functionCall")
        got.calls.append(Call(call.text("id", absent=True), call.text("name"), dumped(call.mapping("args", absent=True)).decode()))
    elif part.flag("thought"):
        got.thoughts += part.text("text")
    else:
        got.text += part.text("text")


def _finished(root: Node, got: Got) -> None:
    root.demand(root.has("usageMetadata"), "the last of an answer has no usageMetadata")
    if got.finish == "stop" and got.calls:
        got.finish = "tool_calls"


def _usage(node: Node) -> Usage:
    made, thoughts = node.count("candidatesTokenCount", absent=True), node.count("thoughtsTokenCount", absent=True)
    given = node.count("promptTokenCount")
    node.demand(node.count("totalTokenCount") == given + made + thoughts, "totalTokenCount is not the sum")
    return Usage(given, made + thoughts, node.count("cachedContentTokenCount", absent=True), 0, thoughts)


# --- the provider


class _Said:
    """What the contents say. Complains of what this provider refuses."""

    def __init__(self, contents: Sequence[Node]) -> None:
        self.turns: list[tuple[str, str]] = []
        self.images: list[Image] = []
        self.calls: list[Call] = []
        self.results: list[Given] = []
        self.thoughts: list[Thought] = []
        self._waiting: list[Call] = []
        for place, content in enumerate(contents):
            role = content.text("role", "user", "model", "function")
            content.demand(place > 0 or role == "user", "the first content has to be a user's")
            parts = content.nodes("parts")
            content.demand(bool(parts), "parts are empty")
            given = sum(part.has("functionResponse") for part in parts)
            content.demand(given == len(self._waiting), f"{given} functionResponse parts after {len(self._waiting)} functionCall parts")
            for part in parts:
                self._part("assistant" if role == "model" else "user", part)
            self._waiting = self.calls[len(self.calls) - sum(part.has("functionCall") for part in parts) :]

    def _part(self, role: str, part: Node) -> None:
        if part.has("functionCall"):
            call = part.inner("functionCall")
            arguments = dumped(call.mapping("args", absent=True)).decode()
            self.calls.append(Call(call.text("id", absent=True), call.text("name"), arguments))
        elif part.has("functionResponse"):
            self._result(part.inner("functionResponse"))
        elif part.has("inlineData"):
            data = part.inner("inlineData")
            self.images.append(Image(data.text("mimeType"), data.text("data")))
        elif part.flag("thought"):
            self.thoughts.append(Thought(part.text("text", absent=True), part.text("thoughtSignature", absent=True)))
        else:
            self.turns.append((role, part.text("text")))

    def _result(self, node: Node) -> None:
        """It belongs to the call of its id, or to the first one of its name."""
        name, found = node.text("name"), node.text("id", absent=True)
        call = next((one for one in self._waiting if (one.id == found if found and one.id else one.name == name)), None)
        node.demand(call is not None, "a functionResponse without its functionCall")
        if call is not None:
            self._waiting.remove(call)
        response = node.mapping("response")
        values = list(response.values())
        text = values[0] if len(values) == 1 and isinstance(values[0], str) else dumped(response).decode()
        text = f"[failed] {text}" if "error" in response else text
        self.results.append(Given(name, object_of(call.arguments if call else ""), text))


def _camel(value: object) -> object:
    """The members that Google's parser takes in snake case too, in camel case. What is JSON of the user stays as it is."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = ("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema")
    named = {re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name): inner for name, inner in value.items()}
    return {name: inner if name in kept else _camel(inner) for name, inner in named.items()}


def _schema(one: Node) -> Json:
    return one.mapping("parametersJsonSchema", absent=True) or one.mapping("parameters", absent=True)


def _played(part: Part) -> Json:
    match part:
        case Thought():
            return {"text": part.text, "thought": True} | ({"thoughtSignature": part.signature} if part.signature else {})
        case Call():
            return {"functionCall": {"name": part.name, "args": object_of(part.arguments)}}
        case _:
            return {"text": part.text if isinstance(part, Text) else ""}


def _chunk(model: str, parts: Sequence[Json], play: Play, last: bool) -> Json:
    candidate: Json = {"index": 0}
    candidate |= {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    candidate |= {"finishReason": _BACK[play.finish]} if last else {}
    usage = play.usage
    counted: Json = {"promptTokenCount": usage.input, "totalTokenCount": usage.input + usage.output}
    counted |= {"candidatesTokenCount": usage.output - usage.thoughts}
    counted |= {"cachedContentTokenCount": usage.cached} if usage.cached else {}
    counted |= {"thoughtsTokenCount": usage.thoughts} if usage.thoughts else {}
    return {"candidates": [candidate], "usageMetadata": counted, "modelVersion": model, "responseId": "r-conformance"}
