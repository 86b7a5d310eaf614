"""OpenAI Responses, for translation: what a whole answer says, and the parts of a stream that say as much."""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.reply import Finish, Usage
from backstory.core.translation import Answered, Failure, Piece, Refusal, Thought, Use
from backstory.errors import DocumentError
from backstory.wires.openai_responses.items import cut_by
from backstory.wires.openai_responses.tongue_items import items_of, read_content, read_item
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.more import Losing, failure_of, loose_text, told_error

FAILED = frozenset({"failed", "cancelled"})
"""How a response ends that is no answer, or only some of one."""


def read_answered(body: bytes) -> Answered | Failure:
    """A whole response object."""
    fields = Fields(body)
    error = fields.raw("error")
    status = fields.text("status")
    output = fields.raw("output")
    if error is not None or status in FAILED:
        return read_failure(None if error is None else told_error(error), status)
    if output is None:
        raise DocumentError("a response without output")
    losing = Losing()
    pieces = pieces_of(items_of(output), losing)
    usage, thoughts = read_usage(fields.raw("usage"))
    finish = finish_of(status, reason_of(fields), pieces)
    created = int(fields.number("created_at") or 0)
    return Answered(fields.text("id"), fields.text("model"), tuple(pieces), finish, usage, thoughts, "", created)


def pieces_of(items: list[Raw], losing: Losing) -> list[Piece]:
    """What these output items hold."""
    pieces: list[Piece] = []
    seals: dict[str, str] = {}
    for raw in items:
        for piece in output_pieces(raw, losing):
            if isinstance(piece, Thought) and piece.seal.startswith("call "):
                seals[piece.seal.removeprefix("call ")] = piece.sealed
            else:
                pieces.append(piece)
    return [replace(piece, sealed=seals[piece.id]) if isinstance(piece, Use) and piece.id in seals else piece for piece in pieces]


def output_pieces(raw: Raw, losing: Losing) -> list[Piece]:
    """What one output item holds."""
    fields = Fields(raw)
    kind = fields.text("type") or "message"
    if kind == "message":
        return read_content(fields.raw("content"), losing)
    return read_item(kind, fields, raw, losing)[1]


def finish_of(status: str, reason: str, pieces: list[Piece]) -> Finish:
    """Why it ended."""
    if status == "incomplete":
        return cut_by(reason)
    if status not in ("", "completed"):
        return "other"
    if any(isinstance(piece, Use) for piece in pieces):
        return "tool_calls"
    return "refusal" if any(isinstance(piece, Refusal) for piece in pieces) else "stop"


def reason_of(fields: Fields) -> str:
    """Why a response is incomplete."""
    details = fields.inner("incomplete_details")
    return "" if details is None else details.text("reason")


def read_usage(raw: Raw | None) -> tuple[Usage | None, int]:
    """Usage, and tokens of reasoning."""
    if raw is None:
        return None, 0
    fields = Fields(raw)
    into, out = fields.inner("input_tokens_details"), fields.inner("output_tokens_details")
    cached = into.count("cached_tokens") if into else 0
    written = into.count("cache_write_tokens") if into else 0
    usage = Usage(fields.count("input_tokens") or 0, fields.count("output_tokens") or 0, cached or 0, written or 0)
    return usage, (out.count("reasoning_tokens") if out else 0) or 0


def read_failure(error: Fields | None, status: str = "") -> Failure:
    """The `error` of a failed response, or of an event. `status`: the response's."""
    code = loose_text(error, "code") if error is not None else ""
    message = loose_text(error, "message") if error is not None else ""
    message = message or ("the provider cancelled its answer" if status == "cancelled" else "the provider's answer failed")
    if code in ("rate_limit_exceeded", "insufficient_quota"):
        return Failure(429, "rate_limit", message, code)
    if code == "context_length_exceeded":
        return Failure(400, "context_length", message, code)
    if code in ("invalid_prompt", "invalid_request_error") or "image" in code:
        return Failure(400, "invalid_request", message, code)
    http = int(code) if len(code) == 3 and code.isdecimal() and 400 <= int(code) < 600 else 500  # compatible providers tell HTTP's
    return failure_of(http, b"", message, code) if http != 500 else Failure(500, "server", message, code)
