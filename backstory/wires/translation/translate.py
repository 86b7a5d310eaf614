"""An exchange between a client and a provider of two wires. Implements core.plan.Translation. Pure: bytes in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Literal

from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.stream import Frame
from backstory.core.translation import (
    NOTHING_KNOWN,
    Answered,
    Asked,
    Begun,
    Broke,
    Cited,
    Closed,
    Ended,
    Event,
    Failure,
    Function,
    Known,
    Listener,
    Loss,
    Marks,
    More,
    Opened,
    Piece,
    Refusal,
    Said,
    Sealed,
    Teller,
    Thought,
    Tongue,
    Use,
    Waits,
    Words,
)
from backstory.core.wire import StreamReader, Wire
from backstory.errors import DocumentError
from backstory.wires import patience
from backstory.wires.bodies import Inflate, beside, inflating
from backstory.wires.candidates import Candidates
from backstory.wires.halves import Halves, mended
from backstory.wires.kept import Keep, Kept, answers_of, is_reference, joined, lasting, may_begin, references, referred
from backstory.wires.steering import without
from backstory.wires.translation import compacting
from backstory.wires.translation.tongue import failed_plainly, letter_name, short_name
from backstory.wires.unique_ids import unique

_RENAMED = Loss("tool ids", "changed", "an id that stands twice in the conversation is another one the second time")
_UNFIT = re.compile(r"[^ -~]")
_LONGEST_LOSS = 100
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_PLACE = 200
_MOST_LOSSES = 30
_BOUNDED = Loss("max_tokens", "changed", "as many as the model is known to give")
_REFERRED = Loss("item_reference", "refused", "the provider keeps no items, and this one is not known here, or not any more")
_NO_CONVERSATION = Loss("conversation", "refused", "the provider keeps none, and this one is not known here, or not any more")
_BEGUN = Loss("conversation", "changed", "it is not known here, and begins with this request")
_SSE = b"text/event-stream"
_EVENTS = (b"data:", b"event:")
"""How a stream begins, whatever its content type says."""
_SILENCE = Broke(Failure(502, "server", "the provider's answer is empty"))
_FAILED = Broke(Failure(502, "server", "the provider's answer ended in an error"))
_ENDLESS = frozenset({"anthropic", "openai_chat"})
"""Wires in which no answer can say that it ended in an error: that is told as an error, not as a regular end."""
_DATED = frozenset({"openai_chat", "openai_responses"})
"""Wires whose answers say when they were made."""
_NOTHING = Asked("", False, (), ())
_JSON: Headers = ((b"Content-Type", b"application/json"),)


class Translated:
    """One exchange. `client`, `provider`: the two tongues; `provider_wire` cuts streams. `path`, `query`: of the client's request. `kept`:
    what clients of this wire may build on, and `whose` of it; None where they build on nothing. `keep` is told of answers that may be built
    on. `missing`: the answers that are built on, but not held. `marks`: see Asked. `most_of`: how many tokens a model is known to give, 0
    where that is not known. `known`: of the provider."""

    done = False

    def __init__(
        self,
        client: Tongue,
        provider: Tongue,
        provider_wire: Wire,
        path: str,
        query: str,
        kept: Kept | None = None,
        whose: str = "",
        keep: Keep | None = None,
        marks: Marks = "never",
        most_of: Callable[[str], int] = lambda model: 0,
        known: Known = NOTHING_KNOWN,
    ) -> None:
        self._known = known
        self._client = client
        self._provider = provider
        self._wire = provider_wire
        self._asked = _NOTHING
        self._path = path
        self._query = query
        self._status = 0
        self._reader: StreamReader | None = None
        self._listener: Listener | None = None
        self._teller: Teller | None = None
        self._others: Candidates | None = None
        self._halves = Halves()
        self._ended = False
        self._inflate: Inflate | None = None
        self._fault: DocumentError | None = None
        self._compacts = self._posted = False
        self._users: tuple[Said, ...] = ()
        self._summary: compacting.Compacting | None = None
        self._names: dict[str, str] = {}
        self._kept = kept
        self._whose = whose
        self._tell_kept = keep
        self._before: tuple[str, tuple[Said, ...]] = "", ()
        self._talk = ""
        self.missing: tuple[str, ...] = ()
        self._marks = marks
        self._most_of = most_of
        self._said: tuple[Said, ...] = ()
        self._size = 0
        self._date = b""
        self._waits = False
        self._points_to = ""
        self._spoke = self._answers = False
        self._begun = ""
        self._pieces: list[Piece] = []
        self.losses: tuple[Loss, ...] = ()
        self.learnt: Headers = ()

    def ask(self, body: bytes) -> bytes:
        """See Translation. What of it gets lost stands in `losses` afterwards."""
        self._posted = self._client.name == compacting.WIRE and compacting.PATH.fullmatch(self._path) is not None
        asked = self._client.asked(compacting.triggered(body) if self._posted else body, self._path, self._query)
        self._asked = replace(asked, marks=self._marks, limit=self._most_of(asked.model), habits=self._known.habits)
        talk = self._whole_talk(self._asked, len(body))
        self._users = compacting.from_users(talk.said) if self._posted else ()
        talk = replace(talk, said=compacting.told_again(talk.said)) if talk.wire == compacting.WIRE else talk
        self._compacts = compacting.wants_summary(talk.said)
        talk = compacting.asking(talk) if self._compacts else talk
        said = unique(talk.said)
        sent = talk if said is talk.said else replace(talk, said=said)
        bounded = _bounded(sent)
        try:
            out, losses = self._provider.ask(bounded)
        except RecursionError as cause:
            raise DocumentError("something in it is nested too deeply") from cause
        more = (_BOUNDED,) if bounded is not sent and all(loss.what != _BOUNDED.what for loss in losses) else ()
        if sent.conversation:
            more = (_NO_CONVERSATION, *more)
        elif self._talk and not self._before[1]:
            more = (*more, _BEGUN)
        if sent is not talk and all(loss.what != _RENAMED.what for loss in losses):
            more = (*more, _RENAMED)
        if self._compacts:
            more = (*more, compacting.LOSS)
        self.losses = (*self._asked.lost, *more, *losses)
        if any(is_reference(piece) for said in sent.said for piece in said.pieces):
            self.losses = (*self.losses, _REFERRED)
        out, lacking = without(out, self._known.lacks)
        self.losses = (*self.losses, *lacking)
        shorten = letter_name if self._provider.name == "gemini" else short_name
        named = [tool.name for tool in self._asked.tools if isinstance(tool, Function)]
        self._names = {short: name for name in named if (short := shorten(name)) != name}
        return out

    @property
    def client(self) -> str:
        """The client's wire."""
        return self._client.name

    def place(self) -> str:
        """Path and query of the request at the provider."""
        return self._provider.place("", self._asked)

    def begin(self, status: int, headers: Headers) -> tuple[Literal["stream", "whole"], Headers]:
        """See Translation."""
        self._spoke = self._answers = False
        self._status = status
        self._reader = self._listener = self._teller = self._others = self._fault = None
        self._halves = Halves()
        self._ended = False
        self._summary = compacting.Compacting() if self._compacts else None
        self._inflate = inflating(headers)
        self._date = next((value for key, value in headers if key.lower() == b"date"), b"")
        self._points_to = ""
        if status in _REDIRECTS:
            place = next((value for key, value in headers if key.lower() == b"location"), b"")
            self._points_to = place.partition(b"?")[0].decode("latin-1")[:_LONGEST_PLACE]
        self._waits = any(key.lower() == b"retry-after" for key, _ in headers)
        kept = (*beside(headers), *losses_told(self.losses))
        kind = next((value for key, value in headers if key.lower() == b"content-type"), b"").lower()
        if status < 400 and kind.startswith(_SSE):
            self._reader, self._listener = self._wire.reader(kind.decode("latin-1")), self._provider.listener()
        if status >= 400 or not self._asked.stream:
            return "whole", (*kept, *_JSON)
        self._teller = self._client.teller(self._asked)
        if self._asked.sampling.count > 1:
            self._others = Candidates(self._provider, self._client, self._asked, self._teller, self._own_event)
        streamed = (*kept, (b"Content-Type", self._client.stream_type(self._asked)))
        return "whole" if self._reader is None else "stream", streamed

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        if self._reader is None or self._listener is None:
            return b""
        if self._fault is not None:
            raise self._fault
        out = bytearray()
        for frame in self._halves.feed(self._reader.feed(data if self._inflate is None else self._inflate.more(data))):
            try:
                out += self._hear(frame, self._listener)
            except DocumentError as error:
                if not self._answers:
                    self._listener = _Deaf()
                    return bytes(out) + self._say([Broke(self._none_of_its_wire(error))])
                if not out:
                    raise
                self._fault = error  # what was understood before it goes to the client first
                break
        return bytes(out)

    def tail(self) -> bytes:
        """See Translation. A stream that says nothing of its end gets none; of one that says nothing at all, that is told."""
        if self._reader is None or self._listener is None or self._teller is None:
            return b""
        if self._fault is not None:
            raise self._fault
        out = bytearray()
        for frame in (*self._halves.feed(self._reader.close()), *self._halves.close()):
            # What was broken off in the middle of an event says nothing.
            with suppress(DocumentError):
                out += self._hear(frame, self._listener)
        out += self._told(self._listener.over())
        if not self._spoke:
            out += self._say([_SILENCE])
        return bytes(out) + (self._teller.end() if self._ended else b"")

    def rest(self) -> bytes:
        """See Translation. Nothing: what is understood is told at once."""
        return b""

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation. A provider that streams unasked, or does not where it was asked to, is understood all the same."""
        if self._inflate is not None:
            body = self._inflate.more(body)
        if self._status >= 400:
            wait_s = None if self._waits else patience.asked_s(body)
            self.learnt = () if wait_s is None else ((b"Retry-After", b"%d" % ceil(wait_s)),)
            return self._client.failure(self._provider.failed(self._status, body))
        if self._listener is None and body.lstrip()[:6].startswith(_EVENTS):
            self._reader, self._listener = self._wire.reader(_SSE.decode()), self._provider.listener()
        if self._listener is None or self._reader is None:
            answered = self._answered(body)
        else:
            answered = self._streamed(body, self._reader, self._listener)
        if isinstance(answered, Answered) and answered.finish == "error" and self._client.name in _ENDLESS:
            answered = _FAILED.failure
        if self._compacts and self._teller is None and isinstance(answered, Answered):
            answered = compacting.compacted(answered)
        if isinstance(answered, Failure):
            return self._client.failure(answered)
        answered = replace(answered, id=self._lasting(answered.id), created=answered.created or self._began_at())
        if self._teller is None:
            self._keep(answered.id, answered.pieces)
            out = self._client.answer(self._own(answered), self._asked)
            if self._posted:
                out = compacting.as_posted(out, self._client.ask(Asked("", False, (), self._users, wire=compacting.WIRE))[0])
            return self._status, out
        *events, end = events_of(answered)
        others = b"" if self._others is None else self._others.whole(answered, events_of)
        return self._status, self._say(events) + others + self._say([end]) + self._teller.end()

    def _answered(self, body: bytes) -> Answered | Failure:
        """A whole answer. Half letters, which JSON cannot hold, are lost. What is none is a failure of the provider's, with the words of a
        page or a text."""
        try:
            return self._provider.answered(body)
        except DocumentError as error:
            if body.lstrip()[:1] not in (b"{", b"["):
                shown = failed_plainly(self._status, body).message if body.strip() else "it is empty"
                place = f", and points to {self._points_to}" if self._points_to else ""
                return Failure(502, "server", f"the provider's answer ({self._status}) is none that its wire has: {shown}{place}")
            whole = mended(body)
            if whole is not body:
                with suppress(DocumentError):
                    return self._provider.answered(whole)
            return self._none_of_its_wire(error)

    def _streamed(self, body: bytes, reader: StreamReader, listener: Listener) -> Answered | Failure:
        """A whole answer that came as a stream."""
        frames = (*self._halves.feed([*reader.feed(body), *reader.close()]), *self._halves.close())
        try:
            return gathered([event for frame in frames for event in listener.events(frame)] + [*listener.over()])
        except DocumentError as error:
            return self._none_of_its_wire(error)

    def _none_of_its_wire(self, error: DocumentError) -> Failure:
        return Failure(502, "server", f"the provider's answer ({self._status}) is none that its wire has: {error}")

    def _hear(self, frame: Frame, listener: Listener) -> bytes:
        """What a frame says, told."""
        events = listener.events(frame)
        if self._others is None:
            return self._say(events)
        return self._told(events, self._others.hear(frame))

    def _told(self, events: Sequence[Event], others: bytes = b"") -> bytes:
        """These events, told; and `others`, what is told beside them: before the end, if that is among them."""
        if self._others is None or not events or not isinstance(events[-1], Ended):
            return self._say(events) + others
        return self._say(events[:-1]) + others + self._others.over() + self._say(events[-1:])

    def _say(self, events: Sequence[Event]) -> bytes:
        if self._teller is None:
            return b""
        if self._summary is not None:
            events = [told for event in events for told in self._summary.hear(event)]
        if self._client.name in _ENDLESS:
            events = [_FAILED if isinstance(event, Ended) and event.finish == "error" else event for event in events]
        self._spoke = self._spoke or any(not isinstance(event, Waits) for event in events)
        self._answers = self._answers or any(not isinstance(event, Waits | Begun) for event in events)
        self._ended = self._ended or any(isinstance(event, (Ended, Broke)) for event in events)
        events = [self._begins(event) if isinstance(event, Begun) else event for event in events]
        if self._tell_kept is not None:
            self._listen(events)
        if self._names:
            events = [self._own_event(event) for event in events]
        return b"".join([self._teller.tell(event) for event in events])

    def _whole_talk(self, asked: Asked, size: int) -> Asked:
        """The request with what it builds on."""
        self.missing, self._before, self._talk = (), ("", ()), ""
        if self._kept is not None and any(is_reference(piece) for said in asked.said for piece in said.pieces):
            asked = replace(asked, said=referred(asked.said, self._kept, self._whose))
            self.missing = tuple([name for item in references(asked.said) for name in answers_of(item)])
        self._said, self._size = asked.said, size
        if self._kept is None or not asked.previous:
            return asked
        before, before_size = self._kept.get(self._whose, asked.previous)
        if asked.conversation or not before:
            # A conversation goes on under its id, perhaps in another process: what is held of it may be old.
            self.missing = (*self.missing, asked.previous)
        if not before and not (asked.conversation and may_begin(asked.previous)):
            return asked
        self._talk = asked.previous if asked.conversation else ""
        whole = joined(before, asked.said)
        self._before, self._said, self._size = (asked.previous, before), whole[len(before) :], before_size + size
        return replace(asked, said=whole, previous="", conversation=False)

    def _begins(self, event: Begun) -> Begun:
        return replace(event, id=self._lasting(event.id), created=event.created or self._began_at())

    def _began_at(self) -> int:
        """When the answer began, by the provider's clock (RFC 9110 section 6.6.1): not every wire says so itself. Unix seconds, 0 where
        nobody does, or no client would hear of it."""
        if not self._date or self._client.name not in _DATED:
            return 0
        try:
            return int(parsedate_to_datetime(self._date.decode("latin-1")).timestamp())
        except (ValueError, OverflowError):
            return 0

    def _lasting(self, name: str) -> str:
        """The id of an answer, for its client: another than the provider's where that could not be built on."""
        return lasting(name) if self._tell_kept is not None and not self._talk and self._asked.store is not False else name

    def _listen(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Begun():
                    self._begun, self._pieces = event.id, []
                case Closed():
                    self._pieces.append(event.piece)
                case Ended():
                    self._keep(self._begun, tuple(self._pieces))
                case _:
                    pass

    def _keep(self, name: str, pieces: tuple[Piece, ...]) -> None:
        """An answer that a later request may build on."""
        if self._tell_kept is None or not (self._talk or (name and self._asked.store is not False)):
            return
        size = self._size + sum(
            len(piece.text if isinstance(piece, Words | Thought) else getattr(piece, "arguments", "")) for piece in pieces
        )
        new = (*self._said, Said("assistant", pieces))
        if self._talk:
            self._tell_kept(self._talk, "", (), (*self._before[1], *new), size)
        else:
            self._tell_kept(name, *self._before, new, size)

    def _own(self, answered: Answered) -> Answered:
        """The answer, its calls by the names that the client has for its tools."""
        if not self._names:
            return answered
        more = tuple([(tuple([self._own_piece(piece) for piece in pieces]), finish) for pieces, finish in answered.more])
        return replace(answered, pieces=tuple([self._own_piece(piece) for piece in answered.pieces]), more=more)

    def _own_event(self, event: Event) -> Event:
        return replace(event, piece=self._own_piece(event.piece)) if isinstance(event, Opened | Closed) else event

    def _own_piece(self, piece: Piece) -> Piece:
        return replace(piece, name=self._names.get(piece.name, piece.name)) if isinstance(piece, Use) else piece


class _Deaf:
    """Hears nothing more. Implements core.translation.Listener."""

    def events(self, frame: Frame) -> Sequence[Event]:
        return ()

    def over(self) -> Sequence[Event]:
        return ()


def _bounded(asked: Asked) -> Asked:
    """The request, asking for no more than the model is known to give."""
    most = asked.sampling.most
    if not asked.limit or most is None or most <= asked.limit:
        return asked
    return replace(asked, sampling=replace(asked.sampling, most=asked.limit))


def losses_told(losses: Sequence[Loss]) -> Headers:
    """The losses, in a header: names come from the client's body, so they are made fit for one, and cut short."""
    told = [f"{loss.what} {loss.how}" for loss in losses]
    lost = ", ".join([_UNFIT.sub("?", one)[:_LONGEST_LOSS] for one in told[:_MOST_LOSSES]])
    more = f", and {len(told) - _MOST_LOSSES} more" if len(told) > _MOST_LOSSES else ""
    return ((b"X-VC-Losses", (lost + more).encode()),) if lost else ()


def events_of(answered: Answered) -> list[Event]:
    """The stream that says what a whole answer says."""
    events: list[Event] = [Begun(answered.id, answered.model, answered.usage, answered.created)]
    for index, piece in enumerate(answered.pieces):
        events += _piece_events(index, piece)
    events.append(Ended(answered.finish, answered.usage, answered.thoughts, answered.sequence))
    return events


def _piece_events(index: int, piece: Piece) -> list[Event]:
    match piece:
        case Words():
            cited: list[Event] = [Cited(index, citation) for citation in piece.citations]
            return [Opened(index, Words("")), More(index, piece.text), *cited, Closed(index, piece)]
        case Thought():
            sealed: list[Event] = [Sealed(index, piece.sealed, piece.seal)] if piece.sealed else []
            said: list[Event] = [More(index, piece.text)] if piece.text else []
            return [Opened(index, Thought("", hidden=piece.hidden, id=piece.id)), *said, *sealed, Closed(index, piece)]
        case Use():
            signed: list[Event] = [Sealed(index, piece.sealed, "gemini")] if piece.sealed else []
            begun = Use(piece.id, piece.name, "", piece.custom)
            return [Opened(index, begun), *signed, More(index, piece.arguments), Closed(index, piece)]
        case Refusal():
            return [Opened(index, Refusal("")), More(index, piece.text), Closed(index, piece)]
        case _:
            return [Opened(index, piece), Closed(index, piece)]


def gathered(events: Sequence[Event]) -> Answered | Failure:
    """The whole answer that a stream told; its failure, where it broke. DocumentError where it has no end."""
    begun = Begun("", "")
    pieces: list[Piece] = []
    for event in events:
        match event:
            case Begun():
                begun = event
            case Closed():
                pieces.append(event.piece)
            case Broke():
                return event.failure
            case Ended():
                usage = event.usage or begun.usage
                return Answered(begun.id, begun.model, tuple(pieces), event.finish, usage, event.thoughts, event.sequence, begun.created)
            case _:
                pass
    raise DocumentError("the provider's stream has no end")
