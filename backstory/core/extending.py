"""What an extension is: the contracts of the four kinds, and the values that they speak in. `backstory.extend` exports them.

Rule: everything here is a promise to code that is not ours. What changes of it gets another CONTRACT (tests/test_extend.py holds that), and
what only we need does not stand here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from backstory.core.document import Document
from backstory.core.edits import AddSystem, AppendText, Edit, PrependText, SetParam, SetText, StrikeText
from backstory.core.exchange import Head, Headers, Outcome
from backstory.core.legs import Call
from backstory.core.message import Message, Part, Prompt
from backstory.core.provider_row import Row
from backstory.core.reply import Finish
from backstory.core.wire import Wire
from backstory.errors import RequestError

CONTRACT = 1
"""The version of these contracts. An extension says as a number which one it was made for."""

Change: TypeAlias = SetText | StrikeText | AppendText | PrependText | AddSystem | SetParam
"""What an extension may change of a request. Places are those of `Request.message`; what is not named keeps its bytes."""
_CHANGES = (SetText, StrikeText, AppendText, PrependText, AddSystem, SetParam)


class Request:
    """A client's request to a model, in its own wire. Messages are decoded when they are asked for, each once: who looks only at the newest
    does not pay for the others. `conversation`: its id, "" where memory has no part in it, or does not know yet. `principal`: whose it is,
    "" for the only one. `project`: as X-VC-Project says. `wire`: anthropic, openai_chat, openai_responses, gemini. `body`: as it is, JSON.
    """

    __slots__ = ("_document", "_head", "_messages", "_prompt", "_wire", "body", "conversation", "principal", "project")

    def __init__(
        self, head: Head, wire: Wire, document: Document, prompt: Prompt, conversation: str = "", principal: str = "", project: str = ""
    ) -> None:
        self._head = head
        self._wire = wire
        self._document = document
        self._prompt = prompt
        self._messages: dict[int, Message] = {}
        self.body = document.raw
        self.conversation = conversation
        self.principal = principal
        self.project = project

    @property
    def wire(self) -> str:
        """See Request."""
        return self._wire.name

    @property
    def path(self) -> str:
        """Of the URL, without a query."""
        return self._head.path

    @property
    def agent(self) -> str:
        """The client's User-Agent, "" without."""
        return self._head.header(b"user-agent")

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._prompt.model

    @property
    def stream(self) -> bool:
        """Whether the client wants a stream."""
        return self._prompt.stream

    @property
    def system(self) -> tuple[Part, ...]:
        """The system prompt, where it stands apart from the messages."""
        return self._prompt.system

    @property
    def count(self) -> int:
        """How many messages there are."""
        return len(self._prompt.items)

    def message(self, index: int) -> Message:
        """The message of this index, from 0; of a negative one counted from the end. IndexError, DocumentError for what cannot be read."""
        place = index if index >= 0 else self.count + index
        found = self._messages.get(place)
        if found is None:
            if not 0 <= place < self.count:
                raise IndexError(index)
            found = self._wire.message(self._prompt.items[place], (*self._prompt.items_at, place))
            self._messages[place] = found
        return found

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of them. Grows with the conversation: a millisecond for some hundred."""
        return tuple([self.message(index) for index in range(self.count)])

    def changed(self, changes: Sequence[Change]) -> bytes:
        """The body with these changes. RequestError for what is none; DocumentError for what cannot be made."""
        return self._wire.render(self._document, self._prompt, self._checked(changes))

    def _checked(self, changes: Sequence[Change]) -> list[Edit]:
        """The changes, checked. RequestError for what is none, or is about all messages at once: a later one may stand behind them."""
        for change in changes:
            if not isinstance(change, _CHANGES):
                raise RequestError(f"{type(change).__name__} is no change of a request")
            if isinstance(change, AppendText | PrependText) and not 0 <= change.index < self.count:
                raise RequestError(f"there is no message {change.index}")
            if isinstance(change, SetParam) and change.name in self._prompt.items_at:
                raise RequestError(f"{change.name} is changed message by message")
        return list(changes)


# Providers


class Token(Struct, frozen=True):
    """What a provider is paid with for so many seconds from now on."""

    value: str
    lasts_s: float

    def __repr__(self) -> str:
        return f"Token(***, {self.lasts_s:g})"


class Account(Struct, frozen=True):
    """What the settings say of a provider. `provider`: its name there. `values`: those of its row, filled in. `secrets`: by name (key,
    client_secret, refresh_token), those that are set."""

    provider: str
    values: Mapping[str, str]
    secrets: Mapping[str, str]
    client_id: str = ""
    tenant: str = ""
    token_url: str = ""
    scopes: str = ""

    def __repr__(self) -> str:
        return f"Account({self.provider!r}, ***)"


class Payment(Struct, frozen=True):
    """A request that is to be paid for. `host` as in its Host header, `path` with the query, `now` in Unix seconds, `token`: of Pays.token,
    "" for none."""

    scheme: str
    host: str
    path: str
    body: bytes
    now: float
    token: str


class Pays(Protocol):
    """A way of paying for requests. `signs`: what pays for one request holds for its body alone."""

    signs: bool

    async def token(self, account: Account) -> Token:
        """A token, asked for when there is none that lasts, by one at a time; Token("", N) where none is needed. Whatever it raises, and
        more than fifteen seconds, is told to the client as 502, or the next provider of the route is asked."""
        ...

    def headers(self, account: Account, payment: Payment) -> Headers:
        """What goes into this request's head. Must not wait. What it raises is told as of `token`."""
        ...


class Provider(Struct, frozen=True, kw_only=True):
    """Entry point group `backstory.providers`. `rows`: providers by the names that the settings have for them (`kind`, or the name itself).
    `pays`: ways of paying by the names that `auth` has for them."""

    contract: int
    rows: Mapping[str, Row] = {}
    pays: Mapping[str, Pays] = {}


# Commands


class Spoken(Struct, frozen=True):
    """A turn of the conversation. `number` as in `backstory show`; `role`: user, assistant, tool; `at`: Unix seconds."""

    number: int
    role: str
    text: str
    at: float


class Asked(Struct, frozen=True):
    """A command that somebody gave. `argument`: what stood between the brackets, "" for nothing. `turns`: those of this branch, as they are
    stored, the oldest first."""

    argument: str
    conversation: str
    label: str
    project: str
    model: str
    turns: tuple[Spoken, ...]


class Command(Struct, frozen=True, kw_only=True):
    """Entry point group `backstory.commands`: `!/name` or `!/name(argument)` as a whole message. `name`: small letters, parts joined by -.
    `takes`: whether an argument belongs to it; `argument`: what that is, in a word, for the manual; `choices`: the only ones there are.
    `run` gives the answer, which the client sees as the model's; what it raises, and more than ten seconds, is told in the chat."""

    contract: int
    name: str
    meaning: str
    run: Callable[[Asked], Awaitable[str]]
    takes: Literal["nothing", "maybe", "something"] = "nothing"
    argument: str = ""
    choices: tuple[str, ...] = ()


# Stages


class Stage(Protocol):
    """Entry point group `backstory.stages`: a stage of memory's pipeline, after memory's own.

    Only requests that memory takes part in go through it (not with X-VC-Memory: off, nor while the store is away). It must give the same
    changes for the same history, whatever comes behind: what went up for a message goes up again, or the provider's cache is lost.
    """

    contract: int

    async def request(self, request: Request) -> Sequence[Change]:
        """What is to be changed, as a rule nothing. Has two fifths of `recall.deadline_ms`, shared by all of them; after that, and whatever
        it raises, the request goes up without it."""
        ...

    def finished(self, request: Request, outcome: Outcome) -> None:
        """The answer to a request that it was asked about is over; `outcome.reply` is None where it cannot be read. Must not wait."""
        ...


# Policies


class Allow(Struct, frozen=True, tag=True):
    """It goes on as it is. `note`: what is to be told in X-VC-Notes, "" for nothing; only of a request."""

    note: str = ""


class Amend(Struct, frozen=True, tag=True):
    """The request goes on with these changes. `note`: as of Allow."""

    changes: tuple[Change, ...]
    note: str = ""


class Refuse(Struct, frozen=True, tag=True):
    """The request does not go up: the client gets an error that says this, in its wire."""

    message: str
    status: int = 403


class Instead(Struct, frozen=True, tag=True):
    """The answer says this in place of the call."""

    text: str


class Recast(Struct, frozen=True, tag=True):
    """The call becomes one of this tool with these arguments (JSON text); its id stays."""

    name: str
    arguments: str


class End(Struct, frozen=True, tag=True):
    """The answer ends here, with this text, and the provider is not listened to any longer."""

    text: str


Decision: TypeAlias = Allow | Amend | Refuse
Verdict: TypeAlias = Allow | Instead | Recast | End


class Watch(Protocol):
    """Hears one answer of a provider, streamed or whole, as its client is about to get it. None of it may wait: the stream does.

    Text is never held back; a call is, from its beginning until its arguments are whole. What is allowed keeps its bytes. Whatever a method
    raises ends the watch for this answer, and what it was asked about passes."""

    def heard(self, text: str, thought: bool) -> Allow | End:
        """More of its text, in pieces as they come; `thought`: of its reasoning. End: this piece is left out."""
        ...

    def called(self, call: Call) -> Verdict:
        """A whole call of one of the client's tools (never of memory's own). Its arguments are JSON text, or the free text of a tool that
        takes such."""
        ...

    def over(self, finish: Finish) -> str:
        """It ends; what is to be added to its text, "" for nothing. Not asked where it ends in calls, or is cut off."""
        ...


class Policy(Protocol):
    """Entry point group `backstory.policies`: asked about every request to a model, with memory or without, as it is about to go up in the
    client's wire (all of memory's edits made). Several are asked in the order of the settings, each about what the one before it left."""

    contract: int

    async def request(self, request: Request) -> Decision:
        """What is to become of it. Half a second after it was asked, and whatever it raises, the request goes on as it is."""
        ...

    def answer(self, request: Request) -> Watch | None:
        """Who watches the answer; None: nobody, and its bytes are not looked at. Asked once for each answer of the provider: where memory's
        tools are called in one, there are several. Must not wait."""
        ...
