"""What the door asks of the house, and what it gets: where a request goes and who listens to the answer.

The door (relay/) moves bytes and knows nothing of memory; the house gives it a `Plan` for each request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.charges import How
from backstory.core.exchange import Ended, Head, Headers
from backstory.core.legs import Pager, Talk
from backstory.core.wire import StreamReader, Wire

Mode: TypeAlias = Literal["pass", "stream", "whole"]


class Target(Struct, frozen=True):
    """Where a request goes. `host_header` is what the upstream sees as Host; `path` has the query. `http` or `https`."""

    scheme: str
    host: str
    port: int
    host_header: bytes
    path: str


class Answer(Struct, frozen=True):
    """A reply of our own."""

    status: int
    headers: Headers
    body: bytes


class Tap(Protocol):
    """Listens to one upstream answer. Whatever it raises is noted and ends the listening, never the relaying."""

    def sent(self) -> None:
        """Called after a request with a large body was handed to the upstream's connection, before any of the answer: what takes time
        and need not be known before is done here, while the provider reads. Of small ones it is not told; it is told of each try."""
        ...

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """The final status and headers as the upstream sent them. Returns how the body is to be treated, and headers to add.

        pass: bytes go to the client as they come, `chunk` is called after each was written and its result ignored.
        stream: what `chunk` and `tail` return is sent in place of the bytes (content-length becomes chunked).
        whole: the body is gathered and what `whole` returns is sent, with its new length.
        """
        ...

    def chunk(self, data: bytes) -> bytes:
        """A piece of the body, transfer coding off, content coding on."""
        ...

    def tail(self) -> bytes:
        """stream only: what is still to be sent after the last chunk, or where the answer breaks off."""
        ...

    def whole(self, body: bytes) -> bytes:
        """whole only: the body to send instead."""
        ...

    def acknowledge(self) -> None:
        """Called once, just before the last bytes of a complete answer are given to the client, or those of a stream's last word: what must
        not be lost is written now."""
        ...

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """Called exactly once, after the end, whatever it was, or after a stream's last word: more of its body may be heard. `status` is 0
        where no answer came."""
        ...


class Paging(Struct, frozen=True):
    """What the relay needs for an answer of several legs. `rounds`: so many times our tools may be called in one answer. `without`: the
    request without our tools. `reader`: cuts a stream of this content type into frames. `array`: a stream of it is
    a JSON array. `trusted`: the client itself sent tools, so that a refusal of the request is not for the sake of ours, unless it
    names one. `ours`: the names of those that are offered."""

    talk: Talk
    pager: Pager
    rounds: int
    without: Callable[[], bytes]
    reader: Callable[[str], StreamReader]
    array: bool = False
    trusted: bool = True
    ours: frozenset[str] = frozenset()


class Instead(Struct, frozen=True):
    """What is asked where the provider refuses a request for the sake of what memory has put in front of it, before the client has
    anything of an answer. `body`: the request without that and without tools of ours, in the client's wire; called at most once, and memory
    holds from then on that this went up. b"" where it cannot be made. `wire`: the client's."""

    body: Callable[[], bytes]
    wire: Wire


class Translation(Protocol):
    """One exchange with a provider that speaks another wire than the client, or is understood otherwise. Raises DocumentError, and nothing
    else. `learnt`: headers that only `whole` tells."""

    learnt: Headers

    @property
    def done(self) -> bool:
        """stream only: the answer is over for the client, whatever the provider still says; `tail` is asked for at once."""
        ...

    def ask(self, body: bytes) -> bytes:
        """A request in the client's wire, in the provider's."""
        ...

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """The provider's answer begins. How it is to be read ("pass": not at all, it goes on as it comes), and the headers that the client
        gets in place of the provider's."""
        ...

    def chunk(self, data: bytes) -> bytes:
        """stream only: what the client gets for these bytes."""
        ...

    def tail(self) -> bytes:
        """stream only: the end, after the last chunk."""
        ...

    def rest(self) -> bytes:
        """stream only: what is still held back, where the answer breaks off."""
        ...

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """whole only: the status and the body that the client gets."""
        ...


Renew: TypeAlias = Callable[[], Awaitable[Headers | None]]
"""Where a provider does not take any more what it is paid with: other headers that pay it, None where there are none."""


class Attempt(Struct, frozen=True):
    """Another way for the same request: a key, a model, a provider. `name` is that of its backend; `body`, `drop`, `add`, `translation`,
    `speaks` and `renew` are as in Plan. `body` None: as the plan's, or, where that one is translated, the client's own."""

    name: str
    target: Target
    body: bytes | None
    drop: frozenset[bytes]
    add: Headers
    translation: Translation | None
    speaks: str = ""
    renew: Renew | None = None


class Lane(Struct, frozen=True):
    """One of several ways that are asked side by side: `tries`, never none, are tried one after the other. `after_s`: it starts so long
    after the race has begun, or when nobody runs any more. `patience_s`: it is given up where it has not begun to answer so long after its
    start and another one is left; 0: never."""

    tries: tuple[Attempt, ...]
    after_s: float = 0.0
    patience_s: float = 0.0


class Question(Struct, frozen=True):
    """A request to a model, as far as whoever may have to ask it again wants to know it. `wire`: the client's. `streams`: whether the
    client asked for a stream of events in which comments may stand. `failure`: an error's status and body as events of such a stream."""

    wire: Wire
    streams: Callable[[], bool]
    failure: Callable[[int, bytes], bytes]


class Leg(Protocol):
    """What is kept of one answer of one backend, as it came. `name`: the backend's. `body`: of the request that went there, b"" where that
    was streamed. `later`: the answer before this one goes on with it. `status`: 0 while none has come; `began_at`: monotonic seconds when
    it came. `events`: those of a long stream that mention usage, without their ends; `said`: about how many bytes of text the pieces of it
    had that are not kept. `how`: what became of an answer that the client surely does not get, "" for any other; `ended`: it came to an
    end, of whatever kind, and was not given up."""

    name: str
    target: Target
    body: bytes
    later: bool
    status: int
    headers: Headers
    began_at: float
    events: list[bytes]
    said: int
    how: How | Literal[""]
    ended: bool

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        ...

    def kept(self) -> bytes:
        """The body, or what is kept of it, content coding on."""
        ...

    def release(self) -> None:
        """The request is over: let go of whoever got the answer, and of all that hangs on it."""
        ...


class Gauge(Protocol):
    """Counts what providers take for one request: every answer that comes for it, whether the client gets it or not. Its calls are quick
    and raise nothing."""

    def asked(self, leg: Leg) -> None:
        """The request goes up to a backend; this hears the answer."""
        ...

    def over(self, ended: Ended, status: int, bytes_in: int) -> None:
        """Called exactly once, after what was to be written was written. `status` is 0 where no answer came; `bytes_in`: of the client's
        body."""
        ...


class Plan(Struct, frozen=True):
    """What to do with one request. With an `answer` nothing goes upstream. `drop` names (lower case) request headers to leave out besides
    hop-by-hop ones; `add` is added. `body` is the body to send, None = the client's own as it came. `translation`: `body`, and what
    `paging` and `tap` see, is what the client sees, and the provider speaks another wire, or another way. `speaks`: that wire; what the
    provider says in it may be more than the client sees. `name`: of the backend that the target belongs to, "" for its host. `renew`: where
    it is paid with a token, for another one. `others`: what is tried after it, in this order, while no answer has begun. `question`: for
    asking once more. `lanes`: ways that are asked side by side in place of all that; then there is a question. `gauge`: hears every answer.
    Inside the house only: `onward`: what becomes of the plan once it is whole in the client's wire, where its user has chosen another way;
    `path`: of the request, where its user has chosen another model than stands there. `instead`: what is asked once where this is
    refused."""

    target: Target | None = None
    answer: Answer | None = None
    body: bytes | None = None
    drop: frozenset[bytes] = frozenset()
    add: Headers = ()
    tap: Tap | None = None
    paging: Paging | None = None
    translation: Translation | None = None
    others: tuple[Attempt, ...] = ()
    name: str = ""
    question: Question | None = None
    renew: Renew | None = None
    onward: Callable[[Plan], Plan | Awaitable[Plan]] | None = None
    path: str = ""
    lanes: tuple[Lane, ...] = ()
    gauge: Gauge | None = None
    speaks: str = ""
    instead: Instead | None = None

    @property
    def asks_on(self) -> bool:
        """Whether there may be further requests in the client's wire for it: what is done to its body is done to those as well, by its
        translation."""
        return self.paging is not None or self.instead is not None


def asked_once(plan: Plan) -> Plan:
    """The plan of a request that can be asked in one way alone: what may be refused is left out at once, and so are tools of ours. Raises
    DocumentError as its translation does."""
    body = b"" if plan.instead is None else plan.instead.body()
    if not body:
        return replace(plan, instead=None)
    return replace(plan, body=body if plan.translation is None else plan.translation.ask(body), instead=None, paging=None)


class House(Protocol):
    """The one interface between the door and everything else."""

    def wants_body(self, head: Head) -> bool:
        """Whether `plan` needs the whole body. If not, the body is streamed up as it comes and `plan` gets b""."""
        ...

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """What to do. A plan that is at hand is returned as such; an awaitable is awaited in a task of its own. Never raises for what a
        client sent.
        """
        ...

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """An error of our own in the shape of the client's wire."""
        ...
