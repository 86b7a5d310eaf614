"""Whether there is anything in an answer that has begun, told as early as it can be told.

Rule: only what is known to be empty is empty (wires/bare.py). Reasoning that is already on its way is something; an answer that is whole,
and nothing but reasoning, is empty.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal, TypeAlias

from backstory.core.exchange import Headers
from backstory.core.stream import Frame
from backstory.core.translation import Broke, Failure
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.relay.decoding import content, decoded
from backstory.relay.endurance import Fault
from backstory.wires import WIRES, bare

Verdict: TypeAlias = Literal["open", "empty", "something"]

# An answer with nothing in it is not larger.
_MOST_BYTES = 262_144
# Errors that are not about the request: another provider, or the same one later, may answer it.
_OWN_FAULTS = frozenset({"server", "overloaded", "timeout", "rate_limit"})
_MENTIONED = (b"error", b"failed")


class Watch:
    """One answer of status 200 in this wire. `fault`: the provider has told an error of its own, and nothing before it; what comes after
    that is not looked at."""

    def __init__(self, wire: Wire, headers: Headers) -> None:
        self._wire = wire
        self._content_type, self._coding = content(headers)
        streams = self._content_type.startswith("text/event-stream")
        self._reader = wire.reader(self._content_type) if streams else None
        self._parts: list[bytes] = []
        self._size = 0
        self.fault: Fault | None = None

    @property
    def reads(self) -> bool:
        """Whether it can be told of this answer at all."""
        return (self._reader is not None and not self._coding) or self._content_type.startswith("application/json")

    def feed(self, data: bytes, done: bool) -> Verdict:
        """More of the body; `done` with the last."""
        self._size += len(data)
        if self._size > _MOST_BYTES:
            return "something"
        try:
            return self._whole(data, done) if self._reader is None else self._stream(data, done)
        except DocumentError:
            return "something"

    def _whole(self, data: bytes, done: bool) -> Verdict:
        if not self._parts and data.lstrip()[:1] == b"[":  # a stream after all, in the form of a list
            return "something"
        self._parts.append(data)
        if not done:
            return "open"
        plain = decoded(b"".join(self._parts), self._coding)
        if plain is not None and bare.of_answer(self._wire.name, plain) != "something":
            return "empty"
        if plain is not None:
            self._hear(Frame(plain, "", plain))
        return "something"

    def _stream(self, data: bytes, done: bool) -> Verdict:
        reader = self._reader
        assert reader is not None
        frames = reader.feed(data)
        if done:
            frames = [*frames, *reader.close()]
        for frame in frames:
            if self.fault is None and bare.of_event(self._wire.name, frame.data) != "nothing":
                return "something"
            self._hear(frame)
        return "empty" if done else "open"

    def _hear(self, frame: Frame) -> None:
        """Whether it is an error, and whose fault that is."""
        if self.fault is not None or not any(word in frame.data for word in _MENTIONED):
            return
        from backstory.wires.translation.tongues import TONGUES  # noqa: PLC0415 (rare)

        tongue = next(one for one in TONGUES if one.name == self._wire.name)
        with suppress(DocumentError):
            broke = next((event.failure for event in tongue.listener().events(frame) if isinstance(event, Broke)), None)
            if broke is not None and broke.code in _OWN_FAULTS:
                self.fault = _fault(broke)


def _fault(broke: Failure) -> Fault:
    limited = broke.code == "rate_limit"
    return Fault("limited" if limited else "error", "error", why=f"an error in place of an answer: {broke.detail or broke.code}")


class Aside:
    """Beside an answer that is translated: whether its provider has said anything, of which the client may see nothing. `wire`: the
    provider's, by its name."""

    __slots__ = ("_verdict", "_watch", "_wire")

    def __init__(self, wire: str) -> None:
        self._wire = next((one for one in WIRES if one.name == wire), None)
        self._watch: Watch | None = None
        self._verdict: Verdict = "something"

    def begin(self, headers: Headers) -> None:
        """The head of an answer."""
        self._watch = None if self._wire is None else Watch(self._wire, headers)
        self._verdict = "open" if self._watch is not None and self._watch.reads else "something"

    def feed(self, data: bytes, done: bool) -> None:
        """More of the body; `done` with the last."""
        if self._watch is not None and self._verdict == "open":
            self._verdict = self._watch.feed(data, done)

    @property
    def spoke(self) -> bool:
        """Whether there is more in it than is known to be nothing. Asked when the answer is over for the client."""
        return self._verdict == "something"
