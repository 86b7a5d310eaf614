"""Gemini, for translation: the parts of an answer to a client of this wire, and the response that holds them."""

from __future__ import annotations

from collections.abc import Iterable

from backstory.core.reply import Finish, Usage
from backstory.core.translation import Odd, Piece, Refusal, Sight, Thought, Use, Words
from backstory.wires.gemini.tongue_read import WIRE, foreign_seal
from backstory.wires.gemini.tongue_write import call_part, seen_part
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.more import Losing
from backstory.wires.translation.tongue import Json

_REASONS: dict[Finish, str] = {"stop": "STOP", "tool_calls": "STOP", "": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}


class Parts:
    """The parts of one answer, piece by piece. What another wire sealed stands on the part that it belongs to, and on the next call, since
    clients keep calls more faithfully than thoughts."""

    __slots__ = ("_held", "_waits")

    def __init__(self) -> None:
        self._held = ""
        self._waits = False

    def thought(self, piece: Thought, told: bool = False) -> list[Json]:
        """A whole thought; with `told`, what is to be said after its text was."""
        text = "" if told else piece.text
        flags: Json = {"thought": True} if piece.text else {}
        if not piece.sealed:
            return [*self.rest(), {"text": text, **flags}] if text else []
        before = self.rest()
        if piece.seal == WIRE:
            return [*before, {"text": text, **flags, "thoughtSignature": piece.sealed}]
        self._held = foreign_seal(piece)
        self._waits = not piece.text
        return before if self._waits else [*before, {"text": text, **flags, "thoughtSignature": self._held}]

    def words(self, text: str) -> list[Json]:
        """Text."""
        if not text:
            return []
        part: Json = {"text": text}
        if self._waits:
            part["thoughtSignature"] = self._held
            self._waits = False
        return [part]

    def call(self, piece: Use) -> list[Json]:
        """A call."""
        part = call_part(piece)
        if piece.sealed:
            return [*self.rest(), part]
        if self._held:
            part["thoughtSignature"] = self._held
            self._held, self._waits = "", False
        return [part]

    def other(self, piece: Piece) -> list[Json]:
        """What is told at once."""
        match piece:
            case Sight() if piece.data or piece.url:
                part = seen_part(piece, Losing())
                return [] if part is None else [*self.rest(), part]
            case Odd() if piece.wire == WIRE:
                return [*self.rest(), dict(Fields(piece.raw).rest())]
            case _:
                return []

    def rest(self) -> list[Json]:
        """A seal that found nothing to stand on."""
        if not self._waits:
            return []
        self._waits = False
        return [{"text": "", "thoughtSignature": self._held}]

    def piece(self, piece: Piece) -> list[Json]:
        """Any whole piece."""
        match piece:
            case Words(text) | Refusal(text):
                return self.words(text)
            case Thought():
                return self.thought(piece)
            case Use():
                return self.call(piece)
            case _:
                return self.other(piece)


def reason_of(finish: Finish, pieces: Iterable[Piece]) -> str:
    """finishReason. An answer that declines says so here, for its words are text like any other."""
    refused = finish == "stop" and any(isinstance(piece, Refusal) for piece in pieces)
    return _REASONS["refusal"] if refused else _REASONS.get(finish, "OTHER")


def usage_object(usage: Usage, thoughts: int) -> Json:
    """usageMetadata."""
    found: Json = {"promptTokenCount": usage.input_tokens, "candidatesTokenCount": usage.output_tokens - thoughts}
    if thoughts:
        found["thoughtsTokenCount"] = thoughts
    if usage.cache_read_tokens:
        found["cachedContentTokenCount"] = usage.cache_read_tokens
    return {**found, "totalTokenCount": usage.input_tokens + usage.output_tokens}
