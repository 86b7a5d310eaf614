"""A history that a client of OpenAI Responses wants to have compacted, where the provider cannot: it is asked for a summary, which the
client keeps in place of what OpenAI would have sealed.

The client's last item is a `compaction_trigger`; the answer to it is one item, `compaction`, whose `encrypted_content` comes back in front
of what follows (Codex, "remote compaction"). Or it posts to `/v1/responses/compact`, whose answer is what its user has said, and that item.

Rule: the request begins as the one before it, tools and all, so that the provider's prompt cache is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import (
    Answered,
    Asked,
    Begun,
    Broke,
    Choice,
    Closed,
    Ended,
    Event,
    Failure,
    Loss,
    Odd,
    Opened,
    Piece,
    Said,
    Sight,
    Waits,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.lowering import decode, encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.seals import unwrapped, wrapped

LOSS = Loss("compaction_trigger", "changed", "the model is asked for a summary, which stands in the item that OpenAI would have sealed")
WIRE = "openai_responses"
"""The client's."""
PATH = re.compile(r"(?:/v1)?/responses/compact")
"""Where a history is posted that is to be compacted: https://developers.openai.com/api/docs/guides/conversation-state."""
_TRIGGER = "compaction_trigger"
HELD = frozenset({"compaction", "compaction_summary"})
"""Types of the item that holds a compacted history."""
_SEAL = "summary"
_ASKED = (
    "Sum up this conversation for another model that goes on with it and will see nothing else of what was said by you or by "
    "tools. Say what is asked for and wanted, what was decided and why, what was done and found (with names, paths, numbers "
    "and errors as they stand), and what is left to do. Answer with the summary alone; call no tools."
)
_EMPTY = Failure(502, "server", "the provider gave no summary")
_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])


def wants_summary(said: Sequence[Said]) -> bool:
    """Whether this is all that is asked for."""
    last = said[-1].pieces[-1:] if said else ()
    return any(isinstance(piece, Odd) and piece.wire == WIRE and piece.kind == _TRIGGER for piece in last)


def triggered(body: bytes) -> bytes:
    """The request for a response that does what this one to PATH wants. DocumentError for what is none."""
    members = decode(_members, body)
    given = members.get("input")
    items: list[object] = []
    if given is not None and bytes(given)[:1] == b'"':
        items = [{"role": "user", "content": given}]
    elif given is not None and bytes(given) != b"null":
        items = [*decode(_items, bytes(given))]
    return encode({**members, "input": [*items, {"type": _TRIGGER}], "stream": False, "store": False})


def from_users(said: Sequence[Said]) -> tuple[Said, ...]:
    """What users have said and shown."""
    found = [(one, tuple([piece for piece in one.pieces if isinstance(piece, Words | Sight)])) for one in said if one.speaker == "user"]
    return tuple([replace(one, pieces=pieces) for one, pieces in found if pieces])


def as_posted(response: bytes, users: bytes) -> bytes:
    """The answer to a request to PATH. `response`: that to `triggered`; `users`: a request with what users have said."""
    found, asked = decode(_members, response), decode(_members, users)
    said = [_message(item) for item in decode(_items, bytes(asked["input"]))]
    output = [*said, *decode(_items, bytes(found["output"]))]
    told = {"id": found["id"], "object": "response.compaction", "created_at": found["created_at"], "output": output}
    return encode({**told, "usage": found["usage"]})


def asking(asked: Asked) -> Asked:
    """The request for a summary. No tool may be called for it. DocumentError where there is nothing to be summed up."""
    pieces = [piece for one in asked.said for piece in one.pieces][:-1]
    if not asked.previous and all(isinstance(piece, Words) and not piece.text.strip() for piece in pieces):
        raise DocumentError("input: there is nothing to be compacted")
    *before, last = asked.said
    kept = [replace(last, pieces=last.pieces[:-1])] if len(last.pieces) > 1 else []
    said = (*before, *kept, Said("user", (Words(_ASKED),)))
    return replace(asked, said=said, choice=Choice("none") if asked.tools else None, format=None)


def told_again(said: tuple[Said, ...]) -> tuple[Said, ...]:
    """The conversation with summaries of ours as what they say; the same object where there are none."""
    if not any(_summary(piece) for one in said for piece in one.pieces):
        return said
    found: list[Said] = []
    for one in said:
        held: list[Piece] = []
        for piece in one.pieces:
            summary = _summary(piece)
            if not summary:
                held.append(piece)
                continue
            found += [replace(one, pieces=tuple(held))] if held else []
            found.append(Said("user", (Words(summary),)))
            held = []
        found += [replace(one, pieces=tuple(held))] if held or not one.pieces else []
    return tuple(found)


def compacted(answered: Answered) -> Answered | Failure:
    """An answer that is a summary, as the client wants it."""
    text = "".join([piece.text for piece in answered.pieces if isinstance(piece, Words)])
    if not text.strip():
        return _EMPTY
    return replace(answered, pieces=(_item(text),), finish="stop", more=())


class Compacting:
    """The same for a stream: what is told in it comes when it is whole."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: list[str] = []

    def hear(self, event: Event) -> list[Event]:
        """What the client is told for this event."""
        match event:
            case Closed(_, piece):
                self._texts += [piece.text] if isinstance(piece, Words) else []
                return []
            case Ended():
                text = "".join(self._texts)
                if not text.strip():
                    return [Broke(_EMPTY)]
                item = _item(text)
                return [Opened(0, item), Closed(0, item), replace(event, finish="stop")]
            case Begun() | Waits() | Broke():
                return [event]
            case _:
                return []


def shown(sealed: str) -> str:
    """A summary of ours that a client brings back, as it is told to a model; "" for anything else."""
    seal, text, _ = unwrapped(sealed)
    return f"<summary>\n{text}\n</summary>" if seal == _SEAL else ""


def _summary(piece: Piece) -> str:
    if not isinstance(piece, Odd) or piece.wire != WIRE or piece.kind not in HELD:
        return ""
    return shown(Fields(piece.raw, lenient=True).text("encrypted_content"))


def _message(item: Raw) -> dict[str, object]:
    """A message of a request, as one of an answer."""
    name = f"msg_{hashlib.sha256(bytes(item)).hexdigest()[:32]}"
    members = decode(_members, bytes(item))
    return {"id": name, **members, "type": "message", "status": "completed"}


def _item(text: str) -> Odd:
    name = f"cmp_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"
    return Odd(WIRE, "compaction", Raw(encode({"id": name, "type": "compaction", "encrypted_content": wrapped(_SEAL, text)})))
