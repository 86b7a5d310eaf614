"""The tries of one request, until an answer is the client's.

Rule: before a byte of an answer has been passed on, a try that brought none gives way to the next; after that, never. What is passed on is
one answer of one try, with its own status, headers and body. Where every try has failed, that is the last thing that a provider has said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.plan import Answer, Attempt, Plan, Question, Renew, Target
from backstory.errors import BackstoryError, DocumentError, RequestError
from backstory.relay.comments import Comments
from backstory.relay.decoding import content, decoded
from backstory.relay.emptiness import Watch
from backstory.relay.endurance import Endurance, Fault, Kind, Schedule, Step, fault_of
from backstory.relay.heads import ReplyHead
from backstory.wires import patience

_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]
# trying: nothing of an answer has come. holding: the body of a refusal is read. watching: an answer is looked into. waiting: for the next
# try. settled: an answer is passed on.
_State: TypeAlias = Literal["trying", "holding", "watching", "waiting", "settled"]

_MOST_HELD = 1_048_576
_MOST_TOLD = 12
_OK, _UNAUTHORIZED = 200, 401
# An error that a provider tells in place of an answer comes soon: for so long the head of a stream that says nothing is held back for it.
_LISTENS_S = 2.0
_CODING = b"accept-encoding"
_PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)
_EMPTY = Fault("empty", "empty")


class Course(Protocol):
    """The exchange that the tries belong to (flow.py)."""

    def try_this(self, attempt: Attempt, body: bytes | None, afresh: bool) -> None:
        """The request goes to this target, with this body (None: the one that is streamed). `afresh`: on a new connection."""
        ...

    def wait_for(self, work: Coroutine[object, object, None]) -> None:
        """This has to be done before the next try; it is dropped when the client leaves."""
        ...

    def pass_on(self, reply: ReplyHead, empty: bool, data: bytes, done: bool, trailers: _Trailers) -> None:
        """An answer that was held back is the client's: its head, and so much of its body."""
        ...

    def interim(self, reply: ReplyHead) -> None:
        """An informational reply for the client."""
        ...

    def give_up_try(self) -> None:
        """The try under way is broken off; nobody is told."""
        ...

    def spoke(self) -> bool:
        """Whether the provider has said what the client, who speaks another wire, does not see."""
        ...


class _Held(Struct, frozen=True):
    """A reply, or what there is of it. `answers`: it is an answer, if an empty one, and no refusal."""

    reply: ReplyHead
    empty: bool
    body: bytes
    trailers: _Trailers = ()
    answers: bool = False


class Attempts:
    """`tries`: never none. `body`: for those that bring none of their own. `whole`: it is all there, so that it can be sent again. `told`:
    what was tried before. `interims`: informational replies of the try under way."""

    __slots__ = (
        *("_at", "_board", "_body", "_course", "_endurance", "_held", "_held_at", "_last", "_limited", "_name", "_parts", "_patient"),
        *("_policy", "_question", "_renewed", "_renewing", "_schedule", "_sent_at", "_size", "_state", "_step", "_told", "_tried"),
        *("_tries", "_watch", "_whole", "comments", "interims"),
    )

    def __init__(
        self,
        tries: Sequence[Attempt],
        body: bytes,
        whole: bool,
        question: Question | None,
        course: Course,
        comments: Comments,
        endurance: Endurance,
        told: Sequence[str] = (),
    ) -> None:
        self._tries = tries
        self._body = body
        self._whole = whole
        self._question = question
        self._course = course
        self._endurance = endurance
        self._policy = endurance.policy
        self._board = endurance.board
        self._schedule = Schedule([one.name for one in tries], endurance)
        self._at = self._tried = 0
        self._name = tries[0].name
        self._state: _State = "waiting"
        self._step: Step | None = None
        self._held: tuple[ReplyHead, bool] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._watch: Watch | None = None
        self._limited: Fault | None = None
        self._last: _Held | None = None
        self._told = list(told)
        self._renewed: set[int] = set()
        self._renewing: Renew | None = None
        self._patient = False
        self._sent_at = self._held_at = 0.0
        self.comments = comments
        self.interims: list[ReplyHead] = []

    @property
    def settled(self) -> bool:
        """Whether an answer is passed on."""
        return self._state == "settled"

    @property
    def reading(self) -> bool:
        """Whether the head of an answer has come."""
        return self._state in {"holding", "watching"}

    @property
    def repeated(self) -> bool:
        """Whether the present try is not the first."""
        return self._tried > 1

    @property
    def headers(self) -> Headers:
        """What was tried, where it was more than one thing."""
        if len(self._told) < 2:
            return ()
        more = f", and {len(self._told) - _MOST_TOLD} more" if len(self._told) > _MOST_TOLD else ""
        return ((b"X-VC-Attempts", (", ".join(self._told[-_MOST_TOLD:]) + more).encode("ascii", "replace")),)

    def leg(self, body: bytes, course: Course) -> Attempts | None:
        """The tries of a further leg of the answer, whose request this is: at the backend that gave the leg before, then at the others.
        None where none of them can get it."""
        tries: list[Attempt] = []
        for one in (self._tries[self._at], *self._tries[: self._at], *self._tries[self._at + 1 :]):
            try:
                tries.append(replace(one, body=body if one.translation is None else one.translation.ask(body)))
            except (DocumentError, RequestError):
                continue
        if not tries:
            return None
        told = self._told if len(self._told) > 1 else ()
        return Attempts(tries, body, True, self._question, course, self.comments, self._endurance, told)

    @property
    def told(self) -> Sequence[str]:
        """What was tried, and what became of it."""
        return self._told

    def say(self, what: str) -> None:
        """This became of the try under way, or of the answer that has begun."""
        if self._told[-1:] == [f"{self._name}={_OK}"]:
            self._told.pop()
        self._told.append(f"{self._name}={what}")

    def after(self, told: Sequence[str]) -> None:
        """That was tried beside it."""
        self._told = [*told, *self._told]

    def start(self) -> None:
        """The first try."""
        self._at = self._schedule.first()
        for passed in self._tries[: self._at]:
            self._told.append(f"{passed.name}={'resting' if self._board.admits(passed.name) else 'set aside'}")
        self._try(afresh=False)

    # What the exchange tells.

    def begin(self, reply: ReplyHead, empty: bool) -> bool:
        """The head of a reply. Whether it is the client's."""
        if self.settled:
            return True
        fault = fault_of(reply, self._endurance.wall)
        if fault is None and self._unpaid(reply.status):
            if self._renews():
                self._hold("holding", reply, empty)
                return False
            fault = Fault("error", str(reply.status), lasting=True)
        if fault is None:
            if self._looks_into(reply, empty):
                self._hold("watching", reply, empty)
                return False
            self._board.answered(self._name)
            self._settle(str(reply.status))
            return True
        if fault.kind == "limited" and fault.asked_s is None and self._whole and not empty:
            self._limited = fault
            self._hold("holding", reply, empty)
            return False
        if not self._decided(fault):
            self._settle()
            return True
        self._hold("holding", reply, empty)
        return False

    def deliver(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        """Bytes of a body that is held back."""
        self._parts.append(data)
        self._size += len(data)
        if self._state == "watching":
            self._look(data, done, trailers)
        elif self._size > _MOST_HELD or (done and not self._weighed(b"".join(self._parts))):
            self._release(done, trailers)
        elif done:
            if not self._has_answer:
                self._last = self._gathered(trailers)
            self._go_on()

    def failed(self, error: BackstoryError, kind: Kind | None) -> bool:
        """The try under way brings no answer, or not to its end; `kind` None: an answer may have begun, or may still come. True where it
        goes on all the same, or has ended."""
        if self._state == "settled":
            self._board.broke_off(self._name, str(error))
            return False
        if self._state == "holding":  # its status was its word
            if not self._weighed(b""):
                self._release(done=False, trailers=())
                return False
            self._go_on()
            return True
        if self._state == "watching":
            fault = None if self._watch is None else self._watch.fault
            if fault is not None and self._gives_way(fault, (), whole=False):
                return True
            self._release(done=False, trailers=())
            return False
        fault = Fault(kind or "error", kind or error.code, lasting=kind is None)
        if kind == "stale":
            self._told.append(f"{self._name}=closed")
        else:
            self._failed(fault, str(error))
        repeatable = kind is not None and (self._whole or kind == "connect")
        self._step = self._next(fault) if repeatable else None
        if self._step is None:
            return self._over()
        self._go_on(afresh=kind == "stale")
        return True

    def check(self, answered: bool) -> None:
        """Called by the sweep. `answered`: something has come of an answer."""
        now, policy = self._endurance.clock(), self._policy
        waits = self._state == "trying" and not answered and not self._patient
        if waits and policy.first_byte_s and now - self._sent_at > policy.first_byte_s:
            self._slow()
        late = now - self._held_at > _LISTENS_S
        fault = None if self._watch is None else self._watch.fault
        if self._state == "watching" and fault is not None:
            # Its stream stays open: what may still come is not waited for.
            if not self._gives_way(fault, (), whole=False):
                self._release(done=False, trailers=())
        elif self._state == "watching" and late and not self._schedule.may_reask:
            self._release(done=False, trailers=())
        elif self._state == "holding" and late:
            self._unread()
        self.comments.check(self.headers)

    def abandon(self) -> None:
        """The client has left."""
        if not self.settled:
            self._board.left(self._name)
            self._state = "settled"

    def answer(self, answer: Answer) -> Answer:
        """An error of ours, with what was tried."""
        return Answer(answer.status, (*answer.headers, *self.headers), answer.body)

    # The tries.

    def _try(self, afresh: bool) -> None:
        attempt = self._tries[self._at]
        self._name = attempt.name
        self._tried += 1
        self._board.tried(self._name)
        self._state = "trying"
        self._patient = False
        self._sent_at = self._endurance.clock()
        self.interims.clear()
        if self.comments.running:
            attempt = plainly(attempt)
        body = self._body if attempt.body is None else attempt.body
        self._course.try_this(attempt, body if self._whole else None, afresh)

    def _decided(self, fault: Fault) -> bool:
        """A reply is no answer. Whether something else can become the client's."""
        self._failed(fault, fault.why)
        self._step = self._next(fault) if self._whole else None
        return self._step is not None or self._has_answer

    def _weighed(self, body: bytes) -> bool:
        """The body of a refusal is there, which may say how long to wait. False where it is the client's."""
        fault, self._limited = self._limited, None
        if fault is None or self._held is None:
            return True
        plain = decoded(body, content(self._held[0].headers)[1])
        return self._decided(fault if plain is None else replace(fault, asked_s=patience.asked_s(plain)))

    def _failed(self, fault: Fault, what: str = "") -> None:
        """A try is over without an answer."""
        self._told.append(f"{self._name}={fault.what}")
        if fault.kind == "limited":
            self._board.limited(self._name, f"status {fault.what}", fault.asked_s)
        else:
            self._board.failed(self._name, what or f"status {fault.what}")

    def _next(self, fault: Fault) -> Step | None:
        return self._schedule.after(self._at, fault)

    def _go_on(self, afresh: bool = False) -> None:
        """The next try, after its pause."""
        step, self._step = self._step, None
        if step is None:
            self._over()
            return
        self._state = "waiting"
        self._held, self._parts, self._size, self._watch = None, [], 0, None
        self.comments.start()
        self._course.wait_for(self._later(step, afresh))

    async def _later(self, step: Step, afresh: bool) -> None:
        """Not at once in any case: the connection that brought a refusal has still to end its reply."""
        renew, self._renewing = self._renewing, None
        if renew is not None and not await self._paid(renew):
            fault = Fault("error", str(_UNAUTHORIZED), lasting=True)
            self._board.failed(self._name, f"status {_UNAUTHORIZED}")
            self._step = self._next(fault)
            self._go_on()
            return
        await asyncio.sleep(step.wait_s)
        afresh = afresh and step.at == self._at
        self._at = step.at
        self._try(afresh)

    def _slow(self) -> None:
        """This one has had its time: it is given up for the sake of another, where there is one."""
        self._patient = True
        fault = Fault("slow", "slow")
        self._step = self._next(fault) if self._whole else None
        if self._step is None:
            return
        self._failed(fault, f"no answer began within {self._policy.first_byte_s:g} s")
        self._course.give_up_try()
        self._go_on()

    def _unread(self) -> None:
        """The body of a refusal does not come to its end: its status was its word."""
        if not self._weighed(b""):
            self._release(done=False, trailers=())
            return
        self._course.give_up_try()
        self._go_on()

    # What a provider is paid with.

    def _unpaid(self, status: int) -> bool:
        """Whether it does not take the token that it was paid with."""
        return status == _UNAUTHORIZED and self._whole and self._tries[self._at].renew is not None

    def _renews(self) -> bool:
        """Whether it will be asked once more, with another one: once."""
        if self._at in self._renewed:
            return False
        self._renewed.add(self._at)
        self._renewing = self._tries[self._at].renew
        self._told.append(f"{self._name}={_UNAUTHORIZED}")
        self._step = Step(self._at, 0.0)
        return True

    async def _paid(self, renew: Renew) -> bool:
        """Whether there is another one: the present way has it now."""
        fresh = await renew()
        if fresh is None:
            return False
        names = {name.lower() for name, _ in fresh}
        one = self._tries[self._at]
        one = replace(one, add=(*[pair for pair in one.add if pair[0].lower() not in names], *fresh))
        self._tries = (*self._tries[: self._at], one, *self._tries[self._at + 1 :])
        return True

    # What becomes of an answer.

    def _looks_into(self, reply: ReplyHead, empty: bool) -> bool:
        question = self._question
        wanted = self._schedule.may_reask or self._policy.retries > 0 or len(self._tries) > 1
        if not wanted or question is None or empty or reply.status != _OK or not self._whole:
            return False
        self._watch = Watch(question.wire, reply.headers)
        return self._watch.reads

    @property
    def _has_answer(self) -> bool:
        """Whether an answer is at hand, if only an empty one: that is better than to hear why there is no other."""
        return self._last is not None and self._last.answers

    def _hold(self, state: _State, reply: ReplyHead, empty: bool) -> None:
        self._state = state
        self._held_at = self._endurance.clock()
        self._held = (reply, empty)
        self._parts, self._size = [], 0

    def _look(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        verdict = self._watch.feed(data, done) if self._watch is not None else "something"
        fault = None if self._watch is None else self._watch.fault
        if done and fault is not None:
            if not self._gives_way(fault, trailers):
                self._release(done, trailers)
        elif verdict == "something" or (verdict == "empty" and self._course.spoke()):
            self._release(done, trailers)
        elif verdict == "empty":
            self._step = self._next(_EMPTY)
            if self._step is None:
                self._release(done, trailers)
                return
            self._board.answered(self._name)
            self._board.said_nothing(self._name)
            self._told.append(f"{self._name}=empty")
            self._last = self._gathered(trailers, answers=True)
            self._go_on()

    def _gives_way(self, fault: Fault, trailers: _Trailers, whole: bool = True) -> bool:
        """What was looked into is an error in place of an answer; `whole`: it is over. Whether something else can become the client's.
        What has a length and does not reach it never does: the client would wait for the rest."""
        self._state = "holding"
        if not self._decided(fault):
            self._step = self._next(_EMPTY)
        if self._step is None and not self._has_answer:
            return False
        if not self._has_answer and (whole or (self._held is not None and self._held[0].length < 0)):
            self._last = self._gathered(trailers)
        if not whole:
            self._course.give_up_try()
        self._go_on()
        return True

    def _gathered(self, trailers: _Trailers, answers: bool = False) -> _Held | None:
        return None if self._held is None else _Held(*self._held, b"".join(self._parts), trailers, answers)

    def _release(self, done: bool, trailers: _Trailers) -> None:
        """What is held back is the client's."""
        held = self._gathered(trailers)
        if held is not None:
            if self._state == "watching":
                self._board.answered(self._name)
            self._settle(str(held.reply.status) if self._state == "watching" else "")
            self._course.pass_on(held.reply, held.empty, held.body, done, trailers)

    def _settle(self, told: str = "") -> None:
        self._state = "settled"
        if told:
            self._told.append(f"{self._name}={told}")
        self._step, self._watch, self._parts, self._body = None, None, [], b""
        for one in self.interims:
            self._course.interim(one)
        self.interims = []

    def _over(self) -> bool:
        """No try is left: the client gets the last thing that a provider has said. False where none has, and it gets an error of ours."""
        last = self._last
        self._settle()
        if last is None:
            return False
        self._course.pass_on(last.reply, last.empty, last.body, True, last.trailers)
        return True


def tries_of(plan: Plan, target: Target) -> tuple[Attempt, ...]:
    """The ways of a plan, one after the other."""
    name = plan.name or f"{target.host}:{target.port}"
    first = Attempt(name, target, plan.body, plan.drop, plan.add, plan.translation, plan.speaks, plan.renew)
    return (first, *plan.others)


def plainly(attempt: Attempt) -> Attempt:
    """The same, with an answer that needs no decoding."""
    return replace(attempt, drop=attempt.drop | {_CODING}, add=(*attempt.add, *_PLAIN))
