"""Gemini, for translation. Implements core.translation.Tongue.

Beside it: tongue_read.py reads requests and parts, tongue_write.py writes requests, tongue_answer.py the parts of answers;
tongue_stream.py hears and tells answers, whole and in chunks; tongue_schema.py and tongue_citations.py know what their names say.
"""

from __future__ import annotations

from urllib.parse import quote

from backstory.core.translation import Answered, Asked, Failure, Listener, Loss, Teller
from backstory.wires.gemini.tongue_read import WIRE, read_asked
from backstory.wires.gemini.tongue_stream import GeminiListener, GeminiTeller, error_object, read_answered, read_failure, write_answered
from backstory.wires.gemini.tongue_write import LOSSES, write_asked
from backstory.wires.lowering import encode
from backstory.wires.translation.more import error_object as error_of
from backstory.wires.translation.more import failure_of


class GeminiTongue:
    """POST /v1beta/models/M:generateContent and :streamGenerateContent."""

    name = WIRE
    losses: tuple[Loss, ...] = LOSSES

    def asked(self, body: bytes, path: str, query: str) -> Asked:
        """See Tongue."""
        return read_asked(body, path, query)

    def ask(self, asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
        """See Tongue."""
        return write_asked(asked)

    def place(self, base: str, asked: Asked) -> str:
        """See Tongue. Streams are asked for as events."""
        where = f"{base or '/v1beta'}/models/{quote(asked.model.removeprefix('models/'), safe='')}"
        return f"{where}:streamGenerateContent?alt=sse" if asked.stream else f"{where}:generateContent"

    def answered(self, body: bytes) -> Answered | Failure:
        """See Tongue."""
        return read_answered(body)

    def answer(self, answered: Answered, asked: Asked) -> bytes:
        """See Tongue."""
        return write_answered(answered)

    def listener(self, number: int = 0) -> Listener:
        """See Tongue."""
        return GeminiListener(number)

    def stream_type(self, asked: Asked) -> bytes:
        """See Tongue."""
        return b"application/json; charset=UTF-8" if asked.array else b"text/event-stream"

    def teller(self, asked: Asked, number: int = 0) -> Teller:
        """See Tongue."""
        return GeminiTeller(asked, number)

    def failed(self, status: int, body: bytes) -> Failure:
        """See Tongue."""
        error = error_of(body)
        return failure_of(status, body, "", "") if error is None else read_failure(status, error, body)

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        """See Tongue."""
        told = error_object(failure)
        inner = told["error"]
        status = inner["code"] if isinstance(inner, dict) else 500
        return int(status), encode(told)
