"""OpenAI Responses, for translation. Implements core.translation.Tongue.

Beside it: tongue_read.py reads requests, tongue_answered.py answers, tongue_items.py what both are made of; tongue_write.py writes
requests, tongue_answer.py answers; tongue_stream.py hears streams, tongue_tell.py tells them.
"""

from __future__ import annotations

from backstory.core.translation import Answered, Asked, Failure, Listener, Loss, Teller
from backstory.wires.lowering import encode
from backstory.wires.openai_responses.tongue_answer import ended, output_items, response_object
from backstory.wires.openai_responses.tongue_answered import read_answered
from backstory.wires.openai_responses.tongue_items import WIRE
from backstory.wires.openai_responses.tongue_losses import LOSSES
from backstory.wires.openai_responses.tongue_read import read_asked
from backstory.wires.openai_responses.tongue_stream import ResponsesListener
from backstory.wires.openai_responses.tongue_tell import ResponsesTeller
from backstory.wires.openai_responses.tongue_write import made_id, write_asked
from backstory.wires.translation.more import error_object, failure_of, loose_text

_CODES = {
    "context_length_exceeded": "context_length",
    "rate_limit_exceeded": "rate_limit",
    "insufficient_quota": "rate_limit",
    "invalid_api_key": "authentication",
    "model_not_found": "not_found",
}
# (status, type, code) of what the API answers.
_ERRORS: dict[str, tuple[int, str, str]] = {
    "invalid_request": (400, "invalid_request_error", "invalid_request"),
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "invalid_request_error", "permission_denied"),
    "not_found": (404, "invalid_request_error", "not_found"),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "overloaded": (503, "server_error", "server_overloaded"),
    "timeout": (504, "server_error", "timeout"),
    "context_length": (400, "invalid_request_error", "context_length_exceeded"),
    "server": (500, "server_error", "server_error"),
}


class OpenAIResponsesTongue:
    """POST /v1/responses."""

    name = WIRE
    losses: tuple[Loss, ...] = LOSSES

    def asked(self, body: bytes, path: str, query: str) -> Asked:
        """See Tongue."""
        return read_asked(body)

    def ask(self, asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
        """See Tongue."""
        return write_asked(asked)

    def place(self, base: str, asked: Asked) -> str:
        """See Tongue."""
        return f"{base or '/v1'}/responses"

    def answered(self, body: bytes) -> Answered | Failure:
        """See Tongue."""
        return read_answered(body)

    def answer(self, answered: Answered, asked: Asked) -> bytes:
        """See Tongue. An answer without id gets one that is made from it."""
        name = answered.id or f"resp_{made_id(answered.pieces)}"
        response = response_object(asked, name, answered.model, answered.created)
        output = output_items(answered.pieces, asked, name.removeprefix("resp_"))
        return encode(ended(response, output, answered.finish, answered.usage, answered.thoughts))

    def listener(self, number: int = 0) -> Listener:
        """See Tongue."""
        return ResponsesListener()

    def stream_type(self, asked: Asked) -> bytes:
        """See Tongue."""
        return b"text/event-stream; charset=utf-8"

    def teller(self, asked: Asked, number: int = 0) -> Teller:
        """See Tongue."""
        return ResponsesTeller(asked)

    def failed(self, status: int, body: bytes) -> Failure:
        """See Tongue."""
        error = error_object(body)
        if error is None:
            return failure_of(status, body, "", "")
        code, kind, message = loose_text(error, "code"), loose_text(error, "type"), loose_text(error, "message")
        return failure_of(status, body, message, code or kind, _CODES.get(code, ""))

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        """See Tongue."""
        status, kind, code = _ERRORS.get(failure.code, _ERRORS["server"])
        same = 400 <= failure.status < 500 and status < 500
        told = failure.status if same or (failure.code == "server" and 500 <= failure.status < 600) else status
        error = {"message": failure.message, "type": kind, "param": None, "code": code}
        return told, encode({"error": error})
