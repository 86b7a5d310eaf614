"""An answer in which thoughts and calls that stand in its text become what they are. Implements core.plan.Translation: the client's wire
on both sides.

Rule: an answer with nothing of the kind passes byte for byte, and so does a stream up to the first of them. From there on it is told anew
by the wire's own teller. What cannot be read passes as it came, as long as nothing was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.translation import Asked, Failure, Function, Tongue
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires.reworking.brought_back import CALL_ID, TAG, THINK, THOUGHT_ID, brought_back
from backstory.wires.reworking.declared import declared, natively
from backstory.wires.reworking.filtered import ABOUT_THE_BODY, Filtered, all_of, put
from backstory.wires.reworking.scan import Scanner, Think
from backstory.wires.reworking.sieve import Sealing, Sieve
from backstory.wires.reworking.spelled import Speller
from backstory.wires.reworking.text_calls import Shapes, tool_of
from backstory.wires.translation.translate import events_of, gathered

SEALINGS = {"anthropic": Sealing(THINK, TAG), "openai_responses": Sealing(THINK, TAG, THOUGHT_ID)}
_PREFIXES = {"anthropic": f"toolu_{CALL_ID}"}


class Reworked(Filtered):
    """One exchange. `path`, `query`: of the client's request. `calls`: calls of the request's tools are looked for. `spells`: a client
    whose instructions declare tools as tags gets calls so, and the provider real tools. `idle`: nothing is to be done with an answer to
    the request that `ask` was given last. `first`: patterns of models whose answers begin within a thought."""

    done = False

    def __init__(
        self,
        tongue: Tongue,
        wire: Wire,
        path: str,
        query: str,
        think: Think,
        calls: bool,
        spells: bool = False,
        first: Sequence[str] = (),
    ) -> None:
        super().__init__(tongue, wire)
        self._path = path
        self._query = query
        self._think = think
        self._calls = calls
        self._spells = spells
        self._first = first
        self._spelled: frozenset[str] = frozenset()
        self._shapes: Shapes | None = None
        self._asked: Asked | None = None
        self.idle = True

    def ask(self, body: bytes) -> bytes:
        """See Translation. The client's own bytes, but for what it brings back that was made here."""
        self._asked = self._shapes = None
        self._spelled = frozenset()
        self.idle = True
        try:
            out = brought_back(self._wire.name, body)
            asked = self._tongue.asked(out, self._path, self._query)
        except DocumentError:
            return body
        if asked.format is not None or asked.sampling.count > 1:
            return out
        tools = declared(asked) if self._spells and not asked.previous else {}
        if tools:
            out = self._with_tools(asked, tools, out)
        elif self._calls:
            self._shapes = _shapes(asked)
        self.idle = self._think == "keep" and self._shapes is None and not self._spelled
        self._asked = replace(asked, usage=True, as_is=True)
        return out

    def _with_tools(self, asked: Asked, tools: dict[str, Function], body: bytes) -> bytes:
        """The request with these tools as real ones; as it is where it cannot be written so."""
        try:
            made, losses = self._tongue.ask(natively(asked, tools))
        except DocumentError:
            return body
        if any(loss.how == "refused" for loss in losses):
            return body
        self._spelled = frozenset(tools)
        return made

    def begin(self, status: int, headers: Headers) -> tuple[Literal["stream", "whole", "pass"], Headers]:
        """See Translation."""
        self._stream = None
        named = {key.lower(): value.strip().lower() for key, value in headers}
        asked, kind = self._asked, named.get(b"content-type", b"")
        if self.idle or asked is None or status != 200 or named.get(b"content-encoding", b"identity") not in {b"", b"identity"}:
            return "pass", headers
        kept = tuple([pair for pair in headers if pair[0].lower() not in ABOUT_THE_BODY])
        json = kind.startswith(b"application/json")
        if kind.startswith(b"text/event-stream") or (json and asked.array):
            self._filter(kind, asked, self._sieve(asked))
            return "stream", kept
        return ("whole", kept) if json else ("pass", headers)

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        asked = self._asked
        if asked is None:
            return 200, body
        try:
            answered = self._tongue.answered(body)
            if isinstance(answered, Failure) or answered.more:
                return 200, body
            sieve = self._sieve(asked)
            events = [made for event in events_of(answered) for made in sieve.feed(event)]
            made = gathered(events)
            if not sieve.changed or isinstance(made, Failure):
                return 200, body
            return 200, put(self._wire.name, body, self._tongue.answer(all_of(answered, made), asked))
        except DocumentError:
            return 200, body

    def _sieve(self, asked: Asked) -> Sieve | Speller:
        name = self._wire.name
        begun = any(fnmatchcase(asked.model.lower(), pattern) for pattern in self._first)
        salt = f"{len(asked.said)} {asked.previous}"
        sieve = Sieve(
            lambda visible: Scanner(self._think, self._shapes, visible, begun),
            SEALINGS.get(name, Sealing()),
            salt,
            _PREFIXES.get(name, f"call_{CALL_ID}"),
        )
        return Speller(sieve, self._spelled) if self._spelled else sieve


def _shapes(asked: Asked) -> Shapes | None:
    """The shapes in which the request's tools may be called; None where none may."""
    choice = asked.choice
    if choice is not None and choice.mode == "none":
        return None
    allowed = choice.allowed if choice is not None else ()
    tools = [tool_of(tool) for tool in asked.tools if isinstance(tool, Function) and (not allowed or tool.name in allowed)]
    return Shapes(tools) if tools else None
