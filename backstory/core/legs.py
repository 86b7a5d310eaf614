"""An answer of several legs: the model calls tools of ours, the proxy executes them, and the provider is asked again in the same answer.

A `Talk` is one wire's side of it: it decides what the client sees of each leg, and how the next leg is asked for. A `Pager` executes the
calls. Neither does any I/O to client or provider: that is the relay's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, Self

from msgspec import Struct

from backstory.core.stream import Frame


class Tool(Struct, frozen=True):
    """A tool of ours. `schema`: JSON schema of its arguments, an object."""

    name: str
    description: str
    schema: bytes


class Call(Struct, frozen=True):
    """The model calls a tool of ours. `arguments` is the JSON text as received."""

    id: str
    name: str
    arguments: str


class Leg(Struct, frozen=True):
    """How a leg ended. `calls`: those to our tools, whole, where the model waits for their results. `mixed`: it waits for tools of the
    client as well: the answer ends here. `failed`: it did not come to an end of its own, or to an error."""

    calls: tuple[Call, ...] = ()
    mixed: bool = False
    failed: bool = False


class Kept(Struct, frozen=True):
    """What a provider keeps of an answer of several legs under another id than the client has for it (`first`): `last`, with calls of ours
    that `rows` (the wire's own JSON) are the results of."""

    first: str = ""
    last: str = ""
    rows: tuple[bytes, ...] = ()


GONE = "What this found was forgotten since."
"""In place of a result that must not be told any more."""
UNANSWERED = "(The model went on looking things up in memory and gave no answer. Please ask again.)"
"""The text of an answer in which the model said nothing up to the last leg."""
ENOUGH = "This was not looked up: the answer had ended."
"""In place of a result, where the model goes on calling though it may not."""


class Talk(Protocol):
    """One exchange in one wire. The client sees a single answer: no call to a tool of ours, one beginning, one end, usage of all legs.

    Raises DocumentError, and nothing else, for what it cannot go on with.
    """

    def frame(self, frame: Frame) -> bytes:
        """What the client gets for the next frame of a streamed leg: the frame's own bytes as long as no tool of ours was called, and it
        tells of none."""
        ...

    @property
    def spoke(self) -> bool:
        """Whether the client has more of the streamed leg under way than how an answer begins: another one in its place would say things
        twice."""
        ...

    @property
    def owed(self) -> bytes:
        """Of a streamed leg: frames as they came that wait for what the next one is. Where the leg breaks off, nothing comes of that."""
        ...

    def over(self) -> Leg:
        """A streamed leg has ended."""
        ...

    def whole(self, body: bytes) -> Leg:
        """A leg that is not streamed."""
        ...

    def go_on(self, results: Sequence[str], last: bool) -> bytes:
        """The request of the next leg, with a result for each call. `last`: no tool may be called in it."""
        ...

    def again(self, body: bytes, anew: bool) -> None:
        """The leg under way failed; this request, without tools of ours, is made in its place. `anew`: the client has nothing yet, so that
        a whole answer to it, if it calls nothing of ours, is all that it gets; of what was said before only the usage counts."""
        ...

    def finish(self) -> bytes:
        """The end of a streamed answer, as far as it was held back."""
        ...

    def answer(self) -> bytes:
        """The body of an answer that is not streamed: what all legs said."""
        ...

    def kept(self, results: Sequence[str]) -> Kept:
        """What the provider keeps of the answer, now that it has ended; an empty one where the client knows it by the same id. `results`:
        of the calls of its last leg, where that is a mixed one."""
        ...

    def enough(self, stream: bool) -> bytes | None:
        """The leg under way has ended, but in calls of ours that are not executed: the end of the stream, or the whole body, of an answer
        that is what all legs said; where that is no text at all, one that says so. None where nothing truthful can be said."""
        ...

    def broken(self, stream: bool) -> bytes | None:
        """The leg under way comes to nothing: the end of the stream, or a whole body, that says that the answer is cut off. None where
        nothing truthful can be said (a call of the client's is half told, or there was no text at all)."""
        ...


class Pager(Protocol):
    """Executes calls to our tools."""

    async def answer(self, calls: Sequence[Call], left: int) -> Sequence[str]:
        """A result for each call, errors included: it raises nothing but CancelledError. `left`: how many more rounds there may be."""
        ...

    async def defer(self, calls: Sequence[Call]) -> Sequence[str]:
        """Execute them now; what they give goes up with the client's next request, because this answer has ended."""
        ...

    def remember(self, kept: Kept, bare: Kept) -> None:
        """The answer has ended, and is kept so by the provider. `bare`: the same, with `GONE` for every result."""
        ...


PREFIX = "vc_"
"""With this the names of our tools begin."""
# Whole names of tools, in JSON text too, where a line may end in front of one.
_NAMED = re.compile(rb"(?:(?<![\w-])|(?<=\\[nrt]))%b[\w-]{1,128}" % PREFIX.encode(), re.ASCII)


class Names(frozenset[str]):
    """Names of our tools that are offered. One that looks like them and that the client has not declared (`theirs`) is in it as well: a
    model makes such names up, and no client could answer the call."""

    theirs: frozenset[str]

    def __new__(cls, names: Iterable[str], theirs: Iterable[str]) -> Self:
        made = super().__new__(cls, names)
        made.theirs = frozenset(theirs)
        return made

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(PREFIX) and bool(self) and name not in self.theirs)


def blames(told: bytes | memoryview, ours: frozenset[str]) -> bool:
    """Whether an error names a tool of ours: it is none of the client's, who has never heard of that."""
    return any(found.decode() in ours for found in _NAMED.findall(told))


class Offer(Struct, frozen=True):
    """Tools of ours in one wire: `definitions` is what `AddTools` takes, `names` are those that are offered."""

    names: frozenset[str] = frozenset()
    definitions: tuple[bytes, ...] = ()
