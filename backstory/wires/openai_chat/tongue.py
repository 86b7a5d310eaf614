"""OpenAI Chat Completions for translation: the tongue, whole answers, errors.

Requests are in openai_chat/tongue_read.py and openai_chat/tongue_write.py, streams in openai_chat/tongue_stream.py, messages in
openai_chat/tongue_pieces.py.
"""

from __future__ import annotations

from backstory.core.reply import Finish
from backstory.core.translation import Answered, Asked, Failure, Listener, Loss, Piece, Teller, Use
from backstory.errors import DocumentError
from backstory.wires.lowering import encode
from backstory.wires.openai_chat import tongue_read as reading
from backstory.wires.openai_chat import tongue_write as writing
from backstory.wires.openai_chat.tongue_losses import LOSSES
from backstory.wires.openai_chat.tongue_pieces import OWN, counts, made_id, message, message_pieces, usage_of
from backstory.wires.openai_chat.tongue_stream import ID, ChatListener, ChatTeller, error_of, failure_in, finish_of, reason_of
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import customs
from backstory.wires.translation.tongue import Json, failed_plainly, object_of, own_id

_OVERLOADED, _ANTHROPIC_OVERLOADED = 503, 529


class OpenAIChatTongue:
    """POST /v1/chat/completions. Implements Tongue."""

    name = OWN
    losses: tuple[Loss, ...] = tuple(LOSSES.values())
    """What a provider of this wire does not get."""

    def asked(self, body: bytes, path: str, query: str) -> Asked:
        """See Tongue."""
        return reading.read(body, path)

    def ask(self, asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
        """See Tongue."""
        return writing.write(asked)

    def place(self, base: str, asked: Asked) -> str:
        """See Tongue."""
        return base.rstrip("/").removesuffix("/v1") + "/v1/chat/completions"

    def answered(self, body: bytes) -> Answered | Failure:
        """A chat.completion object, or an error whose status hid it."""
        fields = Fields(body, lenient=True)
        name = fields.text("id")
        choices = [(one.count("index") or 0, one) for one in fields.objects("choices")]
        if not choices:
            failure = failure_in(fields, 0)
            if failure is not None:
                return failure
            raise DocumentError("an answer without choices")
        choices.sort(key=lambda pair: pair[0])
        (pieces, finish, sequence), *more = [_candidate(one, name) for _, one in choices]
        usage, thoughts = usage_of(fields.inner("usage"))
        others = tuple([(found, end) for found, end, _ in more])
        return Answered(name, fields.text("model"), pieces, finish, usage, thoughts, sequence, fields.count("created") or 0, others)

    def answer(self, answered: Answered, asked: Asked) -> bytes:
        """See Tongue."""
        takes = customs(asked)
        candidates: list[tuple[tuple[Piece, ...], Finish]] = [(answered.pieces, answered.finish), *answered.more]
        out: Json = {
            "id": own_id(answered.id, ID),
            "object": "chat.completion",
            "created": answered.created,
            "model": answered.model or asked.model,
            "choices": [
                {
                    "index": place,
                    "message": message(pieces, takes, asked.legacy),
                    "logprobs": None,
                    "finish_reason": reason_of(finish, asked.legacy),
                }
                for place, (pieces, finish) in enumerate(candidates)
            ],
        }
        if answered.usage is not None:
            out["usage"] = counts(answered.usage, answered.thoughts)
        return encode(out)

    def listener(self, number: int = 0) -> Listener:
        """See Tongue."""
        return ChatListener(number)

    def stream_type(self, asked: Asked) -> bytes:
        """See Tongue."""
        return b"text/event-stream; charset=utf-8"

    def teller(self, asked: Asked, number: int = 0) -> Teller:
        """See Tongue."""
        return ChatTeller(asked, number)

    def failed(self, status: int, body: bytes) -> Failure:
        """See Tongue."""
        fields = object_of(body)
        try:
            found = failure_in(fields, status) if fields is not None else None
        except DocumentError:
            found = None
        return found or failed_plainly(status, body)

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        """See Tongue. The status of Anthropic's overload is unknown here."""
        status = _OVERLOADED if failure.status == _ANTHROPIC_OVERLOADED else failure.status
        return status if status >= 400 else 500, error_of(failure)


def _candidate(choice: Fields, name: str) -> tuple[tuple[Piece, ...], Finish, str]:
    """(pieces, finish, stop sequence). Google leaves out the message where nothing of it was let through."""
    inner, reason = choice.inner("message"), choice.text("finish_reason")
    if inner is None and not reason:
        raise DocumentError("a choice without a message")
    said = message_pieces(inner) if inner is not None else ()
    pieces = tuple([_with_id(piece, name, place) for place, piece in enumerate(said)])
    finish = finish_of(reason, any(isinstance(piece, Use) for piece in pieces))
    sequence = choice.text("stop_reason") if choice.kind("stop_reason") == "string" else ""
    return pieces, finish, sequence if finish == "stop" else ""


def _with_id(piece: Piece, name: str, place: int) -> Piece:
    if isinstance(piece, Use) and not piece.id:
        return Use(made_id(name, place), piece.name, piece.arguments, piece.custom, piece.sealed)
    return piece
