"""A request of a client of Chat Completions, in its own wire, for a provider that is known to take histories otherwise than most.

Rule: the same message becomes the same bytes in every request, so that what goes up only grows. What such a provider takes as it is stays
as it is, and a request of which nothing changes stays the same object.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from backstory.core.document import Cut, Document, Insert, Put, Splice, distinct, distinct_elements
from backstory.core.message import Path
from backstory.core.translation import GoesBack, Habits, Loss
from backstory.errors import DocumentError
from backstory.wires.lowering import decode, encode, quote
from backstory.wires.openai_chat.tongue_habits import BRIDGE, MEMBERS, PLACEHOLDER, exact_id, thinking_at
from backstory.wires.openai_chat.tongue_losses import LOSSES

_TELLS_THOUGHTS = (b"reasoning", b"extra_content")
_CALLS = b"tool_call"
_string = msgspec.json.Decoder(str)
_SEALS = "reasoning_details"
_BRIDGE = encode({"role": "assistant", "content": BRIDGE})


class _Fit:
    """The edits of one request, and what they lose."""

    __slots__ = ("demands", "how", "length", "lost", "splices")

    def __init__(self, habits: Habits, model: str, moved: bool) -> None:
        self.how: GoesBack = thinking_at(habits, model)
        self.demands = moved and self.how == "demanded"
        self.length = habits.id_length
        self.splices: list[Splice] = []
        self.lost: dict[str, Loss] = {}

    def change(self, splice: Splice, loss: str) -> None:
        self.splices.append(splice)
        self.lost.setdefault(loss, LOSSES[loss])

    def answer(self, at: Path, message: dict[str, Raw]) -> None:
        """An assistant's message."""
        calls = _objects(message.get("tool_calls"))
        if self.how:
            self._thoughts(at, message, bool(calls))
        for place, call in enumerate(calls):
            if self.how and "extra_content" in call:
                self.change(Cut((*at, "tool_calls", place, "extra_content")), "thoughts")
            self.id((*at, "tool_calls", place, "id"), call.get("id"))

    def _thoughts(self, at: Path, message: dict[str, Raw], called: bool) -> None:
        own = MEMBERS.get(self.how, "")
        told = {name: text for name in ("reasoning_content", "reasoning") if (text := _text(message.get(name)))}
        for name in ("reasoning_content", "reasoning", _SEALS):
            if name in message and name != own:
                self.change(Cut((*at, name)), "thoughts")
        if own and own not in told and told:
            self.splices.append(Put((*at, own), quote(next(iter(told.values())))))
        elif own and not told and called and (self.demands or (self.how == "demanded" and _SEALS in message)):
            self.change(Put((*at, own), quote(PLACEHOLDER)), "missing thoughts")

    def id(self, at: Path, raw: Raw | None) -> None:
        """The id of a call, as it stands there."""
        name = _text(raw) if self.length else ""
        found = exact_id(name, self.length) if name else name
        if found != name:
            self.change(Put(at, quote(found)), "tool ids")


def fitted(body: bytes, habits: Habits, model: str, moved: bool) -> tuple[bytes, tuple[Loss, ...]]:
    """The body for such a provider, and what of it got lost. `moved`: it is another model than the client named; then what this one
    demands, and the client did not know of, is put in. What cannot be read stays as it is."""
    calls = habits.id_length or habits.bridged or (moved and habits.thoughts == "demanded")
    if not (calls and _CALLS in body) and not (habits.thoughts and any(mark in body for mark in _TELLS_THOUGHTS)):
        return body, ()
    fit = _Fit(habits, model, moved)
    try:
        document = Document(body)
        before = ""
        for index, raw in enumerate(document.elements(("messages",))):
            message = distinct(raw)
            role, at = _text(message.get("role")), ("messages", index)
            if role == "assistant":
                fit.answer(at, message)
            elif role == "tool":
                fit.id((*at, "tool_call_id"), message.get("tool_call_id"))
            elif role == "user" and before == "tool" and habits.bridged:
                fit.change(Insert(at, _BRIDGE), "results")
            before = role
        return (document.apply(fit.splices), tuple(fit.lost.values())) if fit.splices else (body, ())
    except DocumentError:
        return body, ()


def _text(raw: Raw | None) -> str:
    """A string; "" for anything else."""
    if raw is None or bytes(memoryview(raw)[:1]) != b'"':
        return ""
    return decode(_string, raw)


def _objects(raw: Raw | None) -> list[dict[str, Raw]]:
    """The elements of a list of objects; none for anything else."""
    return [] if raw is None or bytes(memoryview(raw)[:1]) != b"[" else distinct_elements(raw)
