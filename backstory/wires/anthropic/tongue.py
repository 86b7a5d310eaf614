"""Anthropic Messages for translation: the tongue, whole answers, errors.

Requests are in anthropic/tongue_asked.py, streams in anthropic/tongue_stream.py, blocks of content in anthropic/tongue_pieces.py.
"""

from __future__ import annotations

from msgspec import Raw

from backstory.core.translation import Answered, Asked, Failure, Listener, Loss, Refusal, Teller, Use
from backstory.errors import DocumentError
from backstory.wires.anthropic import tongue_asked as requests
from backstory.wires.anthropic.stream import counts
from backstory.wires.anthropic.tongue_losses import LOSSES
from backstory.wires.anthropic.tongue_pieces import OWN, pieces, shown
from backstory.wires.anthropic.tongue_stream import (
    ID,
    AnthropicListener,
    AnthropicTeller,
    Counts,
    error_of,
    failure_in,
    finish_of,
    reason_of,
)
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.tongue import failed_plainly, object_of, own_id

_OVERLOADED = 529


class AnthropicTongue:
    """POST /v1/messages. Implements Tongue."""

    name = OWN
    losses: tuple[Loss, ...] = tuple(LOSSES.values())
    """What a provider of this wire does not get."""

    def asked(self, body: bytes, path: str, query: str) -> Asked:
        """See Tongue."""
        return requests.read(body)

    def ask(self, asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
        """See Tongue."""
        return requests.write(asked)

    def place(self, base: str, asked: Asked) -> str:
        """See Tongue."""
        return base.rstrip("/").removesuffix("/v1") + "/v1/messages"

    def answered(self, body: bytes) -> Answered | Failure:
        """A message object, or an error whose status hid it."""
        fields = Fields(body, lenient=True)
        if fields.kind("content") != "array":
            failure = failure_in(fields, 0)
            if failure is not None:
                return failure
            raise DocumentError("an answer without content")
        found = Counts()
        found.add(fields.inner("usage"))
        said = pieces(fields.elements("content"), "", {})
        finish = finish_of(fields.text("stop_reason")) or ("tool_calls" if any(isinstance(one, Use) for one in said) else "stop")
        return Answered(fields.text("id"), fields.text("model"), said, finish, found.usage(), 0, fields.text("stop_sequence"))

    def answer(self, answered: Answered, asked: Asked) -> bytes:
        """See Tongue. Further candidates have no place: such a request was refused."""
        refused = any(isinstance(piece, Refusal) for piece in answered.pieces)
        return encode(
            {
                "id": own_id(answered.id, ID),
                "type": "message",
                "role": "assistant",
                "model": answered.model or asked.model,
                "content": [block for piece in answered.pieces for block in shown(piece)],
                "stop_reason": reason_of(answered.finish, answered.sequence, refused),
                "stop_sequence": answered.sequence or None,
                "usage": Raw(counts(answered.usage)),
            }
        )

    def listener(self, number: int = 0) -> Listener:
        """See Tongue."""
        return AnthropicListener()

    def stream_type(self, asked: Asked) -> bytes:
        """See Tongue."""
        return b"text/event-stream; charset=utf-8"

    def teller(self, asked: Asked, number: int = 0) -> Teller:
        """See Tongue."""
        return AnthropicTeller(asked.model)

    def failed(self, status: int, body: bytes) -> Failure:
        """See Tongue."""
        fields = object_of(body)
        try:
            found = failure_in(fields, status) if fields is not None else None
        except DocumentError:
            found = None
        return found or failed_plainly(status, body)

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        """See Tongue. Overload has a status of its own here."""
        status = _OVERLOADED if failure.code == "overloaded" else failure.status
        return status if status >= 400 else 500, error_of(failure)
