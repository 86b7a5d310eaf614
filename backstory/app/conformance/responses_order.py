"""What a client of OpenAI Responses reads, whole and streamed: which event may follow which, and that what is told twice is the same."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.conformance.node import Node, running
from backstory.app.conformance.values import Call, Event, Got, Usage

_ENDINGS = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
_TEXTS = {"output_text": "text", "refusal": "refusal"}
"""Of a content part: its type, and the member that has its words."""


def read_response(root: Node, got: Got) -> None:
    """A response that is over, into `got`."""
    root.text("object", "response")
    root.demand(bool(root.text("id")), "id is empty")
    root.number("created_at")
    root.text("model")
    status = root.text("status", "completed", "incomplete", "failed")
    for item in root.nodes("output"):
        _read_item(item, got)
    got.echo = tuple(item.value for item in root.nodes("output"))
    if status == "failed":
        error = root.inner("error")
        got.error, got.kind = error.text("message"), error.text("code")
        return
    reason = root.inner("incomplete_details", absent=True).text("reason", absent=True)
    root.demand((status == "incomplete") == bool(reason), f"status {status!r} with incomplete_details {reason!r}")
    got.refused = bool(got.refusal) or reason == "content_filter"
    if status == "incomplete":
        got.finish = "refusal" if reason == "content_filter" else "length"
    else:
        got.finish = "tool_calls" if got.calls else "stop"
    usage = root.inner("usage")
    given, made = usage.count("input_tokens"), usage.count("output_tokens")
    usage.demand(usage.count("total_tokens") == given + made, "total_tokens is not the sum")
    before, after = usage.inner("input_tokens_details"), usage.inner("output_tokens_details")
    cached, written = before.count("cached_tokens"), before.count("cache_write_tokens", absent=True)
    got.usage = Usage(given, made, cached, written, after.count("reasoning_tokens"))


def _read_item(item: Node, got: Got) -> None:
    kind = item.text("type")
    item.demand(kind == "reasoning" or bool(item.text("id", absent=True)), "has no id")
    match kind:
        case "message":
            item.text("role", "assistant")
            for part in item.nodes("content"):
                part_kind = part.text("type", *_TEXTS)
                if part_kind == "refusal":
                    got.refusal += part.text("refusal")
                else:
                    got.text += part.text("text")
                    part.nodes("annotations")
        case "reasoning":
            got.thoughts += "".join(part.text("text") for part in item.nodes("summary"))
            got.signature += item.text("encrypted_content", absent=True)
        case "function_call":
            arguments = item.text("arguments")
            Node.parsed(arguments.encode(), f"{item.where}.arguments", item.faults)
            item.demand(bool(item.text("call_id")), "call_id is empty")
            got.calls.append(Call(item.text("call_id"), item.text("name"), arguments))
        case _:
            item.fault(f"an item of type {kind!r}")


class _Item:
    """An item between its added and its done."""

    def __init__(self, name: object) -> None:
        self.name = name
        self.parted = False
        self.words = ""
        self.told = ""

    def more(self, text: str) -> None:
        self.words += text
        self.told += text


class ResponsesOrder:
    """response.created, items (added, filled, done), then one of the three endings; sequence_number counts up from 0. Several items may be
    open at once: each event says whose it is."""

    def __init__(self) -> None:
        self._got = Got()
        self._numbers: list[int] = []
        self._added: list[int] = []
        self._open: dict[int, _Item] = {}
        self._closed: dict[int, object] = {}

    def read(self, events: Sequence[Event]) -> Got:
        """All events of a stream."""
        got = self._got
        for event in events:
            if event.data == b"[DONE]":
                continue
            node = Node.parsed(event.data, event.name or "event", got.faults)
            kind = node.text("type")
            got.events.append(kind)
            node.demand(event.name in ("", kind), f"the event {event.name!r} has the type {kind!r}")
            node.demand(not got.over and not got.error, "after the end")
            first = len(got.events) == 1
            node.demand(first == (kind == "response.created") or kind == "error", "response.created has to come first, and once")
            if kind != "error":
                self._numbers.append(node.count("sequence_number"))
            self._event(kind, node)
        if not got.error and not running(self._numbers):
            got.faults.append(f"stream: sequence_number {self._numbers[:20]}")
        return got

    def _event(self, kind: str, node: Node) -> None:
        family = kind.removeprefix("response.")
        if kind in _ENDINGS:
            self._end(kind, node.inner("response"))
        elif kind == "error":
            self._got.error, self._got.kind = node.text("message"), node.text("code", absent=True)
        elif kind in ("response.created", "response.in_progress", "response.queued"):
            response = node.inner("response")
            response.text("object", "response")
            response.text("status", "in_progress", "queued")
            response.demand(bool(response.text("id")), "id is empty")
        elif family == "output_item.added":
            self._add(node.count("output_index"), node)
        elif (item := self._open.get(node.count("output_index"))) is None:
            node.fault("for an item that is not open")
        elif family == "output_item.done":
            self._done(node.count("output_index"), item, node.inner("item"))
        else:
            node.demand(node.text("item_id") == item.name, "item_id is another one")
            self._inside(family, item, node)

    def _add(self, index: int, node: Node) -> None:
        item = node.inner("item")
        self._added.append(index)
        node.demand(running(self._added), f"output_index {self._added}")
        self._open[index] = _Item(item.member("id"))
        for name in ("content", "summary", "arguments"):
            item.demand(not item.member(name), f"{name} is not empty yet")

    def _done(self, index: int, open_item: _Item, item: Node) -> None:
        item.demand(not open_item.parted, "a part of it was never done")
        item.demand(item.member("id") == open_item.name, "id is another one than at its beginning")
        whole = Got()
        _read_item(Node(item.value, item.where, self._got.faults), whole)
        said = whole.text + whole.refusal + whole.thoughts + "".join(call.arguments for call in whole.calls)
        told = open_item.told or ("{}" if whole.calls else "")
        item.demand(said == told, f"says {said[:40]!r}, its deltas said {told[:40]!r}")
        self._closed[index] = item.value
        del self._open[index]

    def _inside(self, family: str, item: _Item, node: Node) -> None:
        match family.split("."):
            case ["content_part" | "reasoning_summary_part", "added"]:
                node.demand(not item.parted, "before the part before it was done")
                item.parted, item.words = True, ""
                node.mapping("part")
            case ["output_text" | "refusal" | "reasoning_summary_text" | "function_call_arguments" as what, "delta"]:
                node.demand(item.parted or what == "function_call_arguments", "without a part")
                item.more(node.text("delta"))
                self._got.pieces += bool(node.text("delta"))
            case ["output_text" | "refusal" | "reasoning_summary_text" as what, "done"]:
                said = node.text("refusal" if what == "refusal" else "text")
                node.demand(said == item.words, f"says {said[:40]!r}, its deltas said {item.words[:40]!r}")
            case ["function_call_arguments", "done"]:
                node.demand((node.text("arguments") or "{}") == (item.told or "{}"), "is not what its deltas said")
            case ["content_part" | "reasoning_summary_part", "done"]:
                node.demand(item.parted, "of a part that is not open")
                node.inner("part")
                item.parted = False
            case ["output_text", "annotation", "added"]:
                pass
            case _:
                node.fault("is no event of this wire")

    def _end(self, kind: str, response: Node) -> None:
        got = self._got
        response.text("status", _ENDINGS[kind])
        read_response(response, got)
        if kind != "response.failed":
            response.demand(not self._open, "an item was never done")
            response.demand(list(got.echo) == [self._closed[index] for index in sorted(self._closed)], "output is not what the items were")
            got.over = True
