"""An exchange on which policies have a say. Implements core.plan.Translation: the client's wire on both sides.

Rule: an answer that nobody watches passes as it is, and one in which all is allowed passes byte for byte. From the first change on it is
told anew by the wire's own teller. What cannot be read passes as it came, as long as nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.extending import Watch
from backstory.core.translation import Asked, Failure, Tongue, Use
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires.reworking.filtered import ABOUT_THE_BODY, Filtered, all_of, put
from backstory.wires.reworking.judge import Judge
from backstory.wires.translation.translate import events_of, gathered

KEEPING = "openai_responses"
"""The wire whose provider keeps calls that later requests must bring results for."""


class Judged(Filtered):
    """`place`: path and query of the client's request, `body`: that. `amend`: what was done to it, and has to be done to a later leg.
    `watches`: who watches an answer, None for nobody; asked for each. `ours`: as of Judge. `headers`: what is told in the answer's head.
    `unread`: told of an answer that was to be watched, and cannot be. `unmade`: told of an answer (its id at the provider) and a call in it
    that its client never sees: where the provider keeps the answer, it waits for a result."""

    def __init__(
        self,
        tongue: Tongue,
        wire: Wire,
        place: tuple[str, str],
        body: bytes,
        amend: Callable[[bytes], bytes],
        watches: Callable[[], Watch | None],
        ours: Collection[str],
        headers: Headers,
        unread: Callable[[DocumentError], None],
        unmade: Callable[[str, Use], None] = lambda _, __: None,
    ) -> None:
        super().__init__(tongue, wire)
        self._place = place
        self._body = body
        self._amend = amend
        self._watches = watches
        self._ours = ours
        self._headers = headers
        self._unread = unread
        self._unmade = unmade
        self._asked: Asked | None = None
        self._judge: Judge | None = None

    @property
    def done(self) -> bool:
        """See Translation. An answer that the provider keeps is heard to its end: broken off, it would not be kept."""
        return self._judge is not None and self._judge.done and not self._kept

    @property
    def holds(self) -> bool:
        """Whether a call has begun that nobody could be asked about yet."""
        return self._judge is not None and self._judge.holds

    def ask(self, body: bytes) -> bytes:
        """See Translation. Of a later leg."""
        return self._amend(body)

    def begin(self, status: int, headers: Headers) -> tuple[Literal["stream", "whole", "pass"], Headers]:
        """See Translation."""
        self._stream = self._judge = None
        told = (*headers, *self._headers) if self._headers else headers
        named = {key.lower(): value.strip().lower() for key, value in headers}
        kind = named.get(b"content-type", b"")
        if status != 200 or not kind.startswith((b"application/json", b"text/event-stream")):
            return "pass", told
        watch = self._watches()
        if watch is None:
            return "pass", told
        asked = self._read(named.get(b"content-encoding", b"identity"))
        if asked is None:
            return "pass", told
        self._judge = Judge(watch, self._ours)
        told = tuple([pair for pair in told if pair[0].lower() not in ABOUT_THE_BODY])
        if kind.startswith(b"application/json") and not asked.array:
            return "whole", told
        self._filter(kind, asked, self._judge)
        return "stream", told

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        return self._told(super().chunk(data)) if self._stream is not None else data

    def tail(self) -> bytes:
        """See Translation."""
        return self._told(super().tail()) if self._stream is not None else b""

    def rest(self) -> bytes:
        """See Translation. A call that is held was not judged, so it is not told."""
        return b"" if self.holds else super().rest()

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        asked, judge = self._asked, self._judge
        if asked is None or judge is None:
            return 200, body
        try:
            answered = self._tongue.answered(body)
            if isinstance(answered, Failure):
                return 200, body
            events = [made for event in events_of(answered) for made in judge.feed(event)]
            made = gathered(events)
            self._told(b"")
            if not judge.changed or isinstance(made, Failure):
                return 200, body
            return 200, put(self._wire.name, body, self._tongue.answer(all_of(answered, made), asked))
        except DocumentError as error:
            self._unread(error)
            return 200, body

    @property
    def _kept(self) -> bool:
        """Whether the provider keeps the answer, for a later request to build on."""
        return self._wire.name == KEEPING and self._asked is not None and self._asked.store is not False

    def _told(self, data: bytes) -> bytes:
        """These bytes; and whoever has to know hears of calls that are not in them."""
        judge = self._judge
        while judge is not None and judge.unmade and self._kept:
            self._unmade(judge.begun, judge.unmade.pop())
        return data

    def _read(self, coding: bytes) -> Asked | None:
        """The request, as far as whoever tells its answer has to know it; None where its answer cannot be watched."""
        try:
            if self._asked is None:
                asked = self._tongue.asked(self._body, *self._place)
                self._asked = replace(asked, usage=True, as_is=True)
            if self._asked.sampling.count > 1:
                raise DocumentError("an answer in several versions cannot be watched")
            if coding not in {b"", b"identity"}:
                raise DocumentError("an answer in a content coding cannot be watched")
        except DocumentError as error:
            self._unread(error)
            return None
        return self._asked
