"""One exchange between a client and a provider, as it goes through the stages."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.core.document import Document
from backstory.core.edits import Edit
from backstory.core.message import Opening, Prompt
from backstory.core.reply import Reply
from backstory.core.wire import Wire
from backstory.core.wishes import Wishes

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Ended: TypeAlias = Literal["complete", "interrupted", "error", "refused"]


class Head(Struct, frozen=True):
    """A request's head. `path` has no query; `headers` are raw pairs in order, names as sent. Never log them whole."""

    method: str
    path: str
    query: str
    headers: Headers
    client: str = ""
    _named: dict[bytes, bytes] = {}
    kept: dict[object, object] = {}
    """What others found out about it, by whom. Heads that differ in their length alone share it."""

    @property
    def named(self) -> dict[bytes, bytes]:
        """The first header of each name, by its lower-case name. Made once."""
        found = self._named
        if not found:
            for key, value in self.headers:
                found.setdefault(key.lower(), value)
        return found

    def header(self, name: bytes) -> str:
        """The first header of this lower-case name, "" where there is none."""
        value = self.named.get(name)
        return value.decode("latin-1") if value is not None else ""


class Note(Struct, frozen=True):
    """Something worth telling about an exchange: which stage, what. Never holds message text or keys."""

    stage: str
    text: str


class Beside(Struct):
    """What is done to a request beside the stages (app/gateway/augment.py): why and by whom; the body that came, and the one that went
    up in the end (b"": those that the stages were given, and left). A head has it in `kept` under this class; it is filled in while the
    request is made ready."""

    notes: list[Note] = []
    came: bytes = b""
    went: bytes = b""

    def note(self, stage: str, text: str) -> None:
        """Something was done, or could not be; once is enough."""
        note = Note(stage, text)
        if note not in self.notes:
            self.notes.append(note)


class Outcome(Struct, frozen=True):
    """How an exchange ended.

    `seq` is the number of its journal entry, 0 where there is none. `bytes_kept`: of the answer, as the tap was given them. `reply` is
    what could be read of it. `ended`: complete, interrupted (client left or upstream cut after the first byte), error (an HTTP status of
    400 or more), refused (no answer of the upstream at all).
    """

    ended: Ended
    status: int
    reply: Reply | None
    first_byte_ms: float
    total_ms: float
    bytes_in: int
    bytes_out: int
    seq: int = 0
    bytes_kept: int = 0


class First(Struct, frozen=True):
    """The first exchange of a conversation: nothing of it is read on its way. `headers` are added to the answer. `came`: as in Exchange."""

    head: Head
    body: bytes
    wire: Wire
    opening: Opening
    principal: str
    scope: str
    conversation: str
    headers: Headers = ()
    came: bytes = b""


class Exchange(Struct, frozen=True):
    """The one value that flows through the stages: each gives back a changed copy (`msgspec.structs.replace`).

    `edits` are kept with the stage that asked for them. `answer` is a reply of our own: the exchange ends there. `came`: the client's
    body, where `body` is that without commands; `named`: the conversation that an answer of ours in it named. `local`: it is nothing
    but a command for us; `bidden`: it ends with one that was not carried out yet. `gone`: the client's bytes went up before the stages were
    asked, so what they ask for comes too late. `wishes`: what its user has set for it, None for nothing; `model`: the one that its client
    names, where the prompt has another for that. `beside`: what is done to it beside the stages, None for nothing.
    `markable`: it marks nothing for its provider's cache, which takes a mark of the whole request."""

    id: int
    head: Head
    body: bytes
    wire: Wire | None = None
    document: Document | None = None
    prompt: Prompt | None = None
    principal: str = ""
    scope: str = ""
    conversation: str = ""
    edits: tuple[tuple[str, Edit], ...] = ()
    answer: Reply | None = None
    mark: str = ""
    headers: Headers = ()
    notes: tuple[Note, ...] = ()
    came: bytes = b""
    named: str = ""
    local: bool = False
    gone: bool = False
    bidden: bool = False
    wishes: Wishes | None = None
    model: str = ""
    beside: Beside | None = None
    markable: bool = False
