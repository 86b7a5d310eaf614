"""The house of a port whose requests are augmented: it stands in front of the others, where anything of that is set up.

Rule: here it is decided what is to be done to a request, from what its client sent; it is done where its place is (app/gateway/augment.py,
app/gateway/routing.py). A request for which there is nothing is handed on as it came, and so is one that cannot be read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.gateway.augment import Augment, Rules, carry, example_end, first_message, model_wire
from backstory.app.gateway.presenting import Presenting
from backstory.app.house import PortHouse
from backstory.app.metering.gauge import carry_bill
from backstory.config import Config
from backstory.config.augmentation import SideKind, changed
from backstory.core.document import Document
from backstory.core.exchange import Beside, Head
from backstory.core.message import Message, Prompt, Text
from backstory.core.plan import Answer, House, Plan, Translation
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, DocumentError
from backstory.memory.identity.side import side_request
from backstory.memory.reading import agent_edits
from backstory.memory.reading.turns import line
from backstory.relay.decoding import decoded
from backstory.stages.base import attempt
from backstory.wires import steering

_ENCODING = b"content-encoding"
_ENCODED = frozenset({_ENCODING})
_HEADER = b"x-vc-reasoning"
_KINDS: dict[str, SideKind] = {
    "title": "title",
    "summary": "summary",
    "compaction": "summary",
    "router": "router",
    "memory extraction": "memory",
    "quota probe": "probe",
    "warm-up": "probe",
}


class _Read(Struct, frozen=True):
    """A request, read so far that messages can be looked at."""

    prompt: Prompt
    wire: Wire

    def message(self, index: int) -> Message:
        return self.wire.message(self.prompt.items[index], (*self.prompt.items_at, index))

    def backwards(self) -> Iterator[Message]:
        return (self.message(index) for index in range(len(self.prompt.items) - 1, -1, -1))


class AugmentingHouse:
    """What one port does, in front of the house `inner` that does everything else; `own` is the one behind all of them. Implements
    core.plan.House."""

    def __init__(self, config: Config, inner: House, own: PortHouse) -> None:
        self._house = inner
        self._regards = own.regards
        self._failed = own.failed
        self._count = own.augmented
        self._commanding = own.engine.commanding
        self._rules = Rules(config)
        self._routes = config.routes
        self._presenting = Presenting(self._rules.given.client_headers, own.regards)
        given = self._rules.given
        self._looks = bool(given.planning.route or given.auxiliary.route or given.edit_precision.enabled or self._rules.text)

    def wants_body(self, head: Head) -> bool:
        """See House."""
        return (self._rules.given.reads and self._wire(head) is not None) or self._house.wants_body(head)

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        try:
            plan = self._plan(head, body)
        except BackstoryError as error:
            return Plan(answer=self._house.error(head, error.status, error.code, str(error)))
        return self._presenting.plan(plan, head)

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        return self._house.error(head, status, code, message)

    def _wire(self, head: Head) -> Wire | None:
        return model_wire(self._regards, head)

    def _plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """Raises BackstoryError for what is asked of this house and cannot be."""
        wire = self._wire(head) if self._rules.given.reads and body else None
        coding = head.header(_ENCODING).strip().lower()
        plain = decoded(body, coding) if wire is not None else None
        if wire is None or not plain:
            return self._house.plan(head, body)
        try:
            named = steering.model_of(plain, head.path)
            model, reasoning = self._rules.named(named, head.header(_HEADER))
            path = head.path if model == named else steering.path_with(head.path, model)
            if model != named and not steering.in_path(path):
                plain = steering.with_model(plain, model)
        except DocumentError:
            return self._house.plan(head, body)
        augment = Augment(self._rules, model, reasoning)
        seen = carry(augment, Head(head.method, path, head.query, _uncoded(head) if coding else head.headers, head.client))
        carry_bill(head, seen)
        if self._looks:
            attempt(self._failed, "augment", lambda: self._look(augment, seen, plain, wire), lambda: None)
        if not self._routes:
            augment.goes_to((model,))
        augment.beside.came = body
        plan = self._house.plan(seen, plain)
        if isinstance(plan, Plan):
            return self._finished(plan, augment, body, plain, bool(coding))
        return eager(self._later(plan, augment, body, plain, bool(coding)))

    async def _later(self, plan: Awaitable[Plan], augment: Augment, body: bytes, plain: bytes, coded: bool) -> Plan:
        return self._finished(await plan, augment, body, plain, coded)

    def _finished(self, plan: Plan, augment: Augment, body: bytes, plain: bytes, coded: bool) -> Plan:
        """`body`: as it came; `plain`: as the houses behind this one were given it. What a plan has no body for goes up as it came."""
        if plan.answer is not None:
            return plan
        if plan.body is None and plain is not body:
            plan = replace(plan, body=plain)
        if coded:
            others = tuple([replace(one, drop=one.drop | _ENCODED) for one in plan.others])
            plan = replace(plan, drop=plan.drop | _ENCODED, others=others)
        beside = augment.beside
        beside.went = body if plan.body is None else plan.body
        if plan.instead is not None:
            plan = replace(plan, instead=replace(plan.instead, body=partial(_went, beside, plan.instead.body, plan.translation)))
        if beside.went != body:
            self._count({note.stage for note in beside.notes})
        return plan

    # --- what is to be done

    def _look(self, augment: Augment, head: Head, body: bytes, wire: Wire) -> None:
        """Decide what depends on what is said. Raises what reading raises."""
        try:
            document = Document(body)
            read = _Read(wire.read(document, head.path), wire)
            count = len(read.prompt.items)
            ends = [read.message(index) for index in dict.fromkeys((0, count - 1)) if count]
            kind = side_request(head, read.prompt, document, ends)
            if kind:
                self._auxiliary(augment, kind, ends)
                return
            self._planning(augment, read, document.raw)
            self._precision(augment, read)
            self._first_prompt(augment, read)
        except DocumentError:
            return

    def _auxiliary(self, augment: Augment, kind: str, ends: list[Message]) -> None:
        given = self._rules.given.auxiliary
        # A summary that is asked for without words is one that only this provider can write.
        worded = any(isinstance(part, Text) for message in ends[-1:] for part in message.parts)
        if given.route and _KINDS.get(kind) in given.kinds and worded:
            augment.route = given.route
            augment.beside.note("auxiliary", f"{kind}: it goes to {given.route}")

    def _planning(self, augment: Augment, read: _Read, body: bytes) -> None:
        given = self._rules.given.planning
        if not given.route or read.prompt.previous or not self._rules.planned.search(augment.model):
            return
        turns = writes = 0
        asides = self._commanding.asides(body, read.prompt, read.wire) if self._commanding is not None else ()
        for index in range(example_end(read.wire, read.prompt) + 1, len(read.prompt.items)):
            if index in asides:
                continue
            message = read.message(index)
            if message.role == "user":
                said = line(message)
                turns += said.kind == "spoken"
                if said.note == "summary":
                    return
            writes += agent_edits.count_writes(message)
            if turns > given.turns or (given.file_writes and writes >= given.file_writes):
                return
        augment.route, augment.planning = given.route, True
        told = changed(given.set.told())
        augment.beside.note("planning", f"message {turns} of {given.turns}: it goes to {given.route}{f' with {told}' if told else ''}")

    def _precision(self, augment: Augment, read: _Read) -> None:
        given = self._rules.given.edit_precision
        if not given.enabled or not self._rules.precise.search(augment.model):
            return
        recent: list[Message] = []
        answered = False
        for message in read.backwards():
            if message.role != "assistant" and answered:
                break
            answered = answered or message.role == "assistant"
            recent.append(message)
        client = agent_edits.failed_edit(recent[::-1])
        if client:
            augment.precise = True
            augment.beside.note("edit_precision", f"an edit failed (as {client} reports it): temperature {given.temperature:g} at most")

    def _first_prompt(self, augment: Augment, read: _Read) -> None:
        if not self._rules.text or read.prompt.previous:
            return
        place = first_message(read.wire, read.prompt)
        if place >= 0:
            augment.append = True
            size = len(self._rules.text.encode("utf-8", "surrogatepass"))
            augment.beside.note("first_prompt", f"{size} bytes appended to message {place + 1}")


def _went(beside: Beside, ask: Callable[[], bytes], translation: Translation | None) -> bytes:
    """The body to ask with in place of the one that was refused; what goes up is what becomes of it."""
    body = ask()
    if body:
        beside.went = body if translation is None else translation.ask(body)
    return body


def _uncoded(head: Head) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([pair for pair in head.headers if pair[0].lower() != _ENCODING])
