"""What becomes of a plan behind memory: requests that are augmented, policies of extensions, answers that are made over, providers that
speak another wire.

Rule: what is not set up is not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.regard import Regard, Regards
from backstory.config import Config
from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan, asked_once
from backstory.providers import upstreams
from backstory.stages.base import attempted
from backstory.wires import WIRES

if TYPE_CHECKING:
    from backstory.app.commanding import Plain
    from backstory.app.gateway.augment import Augmentation
    from backstory.app.gateway.counted import Counted
    from backstory.app.gateway.judging import Judging
    from backstory.app.gateway.reworking import Reworking
    from backstory.app.gateway.translating import Translating

# What another wire sealed is marked so (wires/unsealed.py).
_MARKS = {"anthropic": b"backstory:", "openai_responses": b"backstory:", "gemini": b"YmFja3N0b3J5O"}
_RESPONSES = next(wire for wire in WIRES if wire.name == "openai_responses")
_COMPACTS = re.compile(r"(?:/v1)?/responses/compact")
"""Where a history is posted that is to be compacted (wires/translation/compacting.py)."""
_COUNTS = re.compile(r"(?:/count_tokens|/input_tokens|(?::|%3[Aa])countTokens)\Z")
# In every answer of ours, and in its id (commands/sign.py).
_ANSWERS = (b"~vc:", b"_vc-")


class Over:
    """For one port. `error` writes an error of ours in the shape of the request's wire."""

    def __init__(self, config: Config, engine: Engine, regards: Regards, error: Callable[[Head, int, str, str], Answer]) -> None:
        self._engine = engine
        self._regards = regards
        self._judging = _judging(config, engine, error)
        self._augmentation = _augmentation(config, engine, error)
        self._reworking = _reworking(config)
        self._translating = _translating(config, engine, regards, error)

    def reads(self, regard: Regard, head: Head) -> bool:
        """Whether a request has to be read for it."""
        if regard.speaks or (self._translating is not None and self._translating.counts(head)) or _compacts(head):
            return True
        if self._counts(head):
            return True
        if self._judging is not None and regard.wire is not None:
            return True
        return self._reworking is not None and regard.wire is not None and regard.readable

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan with all of it: what is said for the client comes first; policies see the request as memory has left it, and the
        answer as its client gets it; the client's own wire is made over after that, and translated, to where it goes; what is said to the
        model that it goes up to comes last."""
        if body and self._counts(head) and any(sign in body for sign in _ANSWERS):
            counted = self._counting()
            plain = counted.plain(head, body)
            if plain is not None:
                return eager(self._counted(plan, head, regard, counted, plain))
        return self._through(plan, head, body, regard)

    def _through(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        if self._augmentation is not None:
            plan = self._augmentation.near(plan, head, body, regard)
        if self._judging is not None and regard.wire is not None:
            plan = self._judging.plan(plan, head, body, regard.wire, regard)
        compacts = regard.wire is None and _compacts(head)
        if compacts:
            plan = self.judged(plan, head, body, regard)
        if self._reworking is not None:
            plan = self._reworking.plan(plan, head, body, regard)
        if isinstance(plan, Plan):
            plan = self._gone_on(plan, head, body, regard)
        elif self._translating is not None or self._engine.wished or self._engine.shared:
            plan = eager(self._later(plan, head, body, regard))
        if compacts:
            return _opened(plan, body) if isinstance(plan, Plan) else eager(_opened_later(plan, body))
        plan = plan if self._augmentation is None else self._augmentation.far(plan, head, body, regard)
        mark = _MARKS.get(regard.wire.name) if regard.wire is not None and regard.readable else None
        if mark is None or body.find(mark) < 0 or regard.routed or regard.speaks:
            return plan
        return self._own(plan, head, body, regard) if isinstance(plan, Plan) else eager(self._own_later(plan, head, body, regard))

    def judged(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan of a history that is to be compacted, of which this is the body, with what policies say to that."""
        return plan if self._judging is None else self._judging.plan(plan, head, body, _RESPONSES, regard, False)

    def _counts(self, head: Head) -> bool:
        """Whether tokens are asked for, in which there may be commands: given before a restart, too, so that what is in it has to tell."""
        engine = self._engine
        if engine.commanding is None or not engine.memory:
            return False
        return head.method == "POST" and _COUNTS.search(head.path) is not None

    def _counting(self) -> Counted:
        from backstory.app.gateway.counted import Counted  # noqa: PLC0415 - only where commands were given

        return Counted(self._engine, self._regards)

    async def _counted(self, plan: Plan | Awaitable[Plan], head: Head, regard: Regard, counted: Counted, plain: Plain) -> Plan:
        nothing: Plan | None = None
        found = await attempted(self._engine.failed, "count", counted.plan(head, plain), nothing)
        if found is not None:
            return found
        plan = plan if isinstance(plan, Plan) else await plan
        plan = plan if plan.answer is not None else replace(plan, body=plain.body)
        done = self._gone_on(plan, head, plain.body, regard)
        return done if isinstance(done, Plan) else await done

    async def _own_later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        return self._own(await plan, head, body, regard)

    def _own(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan:
        """The plan of a request that goes where it always goes, without what other providers sealed: it was elsewhere before. Then it is
        asked in one leg: later ones would bring that back."""
        if plan.answer is not None or plan.name or regard.wire is None:
            return plan
        from backstory.wires.gemini.tongue_thinking import generation  # noqa: PLC0415 - only where there is such a mark
        from backstory.wires.unsealed import unsealed  # noqa: PLC0415

        name, place, before = regard.wire.name, plan.path or head.path, body if plan.body is None else plan.body
        strict = generation(place) >= 3
        if unsealed(name, before, stands_for_none=strict) is before:
            return plan
        if plan.instead is not None:
            plan = asked_once(plan)
            before = body if plan.body is None else plan.body
        if plan.paging is not None and plan.translation is None:
            before = plan.paging.without()
            plan = replace(plan, paging=None)
        return replace(plan, body=unsealed(name, before, stands_for_none=strict))

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        done = self._gone_on(await plan, head, body, regard)
        return done if isinstance(done, Plan) else await done

    def _gone_on(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        if plan.onward is not None:
            return plan.onward(plan)
        if self._translating is None or regard.routed:
            return plan
        return self._translating.plan(plan, replace(head, path=plan.path) if plan.path else head, body, regard)


def _compacts(head: Head) -> bool:
    return head.method == "POST" and _COMPACTS.fullmatch(head.path) is not None


async def _opened_later(plan: Awaitable[Plan], body: bytes) -> Plan:
    return _opened(await plan, body)


def _opened(plan: Plan, body: bytes) -> Plan:
    """The plan of a compaction that goes where it always goes, without what other providers sealed: it was elsewhere before."""
    before = body if plan.body is None else plan.body
    if plan.answer is not None or plan.translation is not None or before.find(_MARKS[_RESPONSES.name]) < 0:
        return plan
    from backstory.wires.unsealed import unsealed  # noqa: PLC0415 - only where there is such a mark

    found = unsealed(_RESPONSES.name, before)
    return plan if found is before else replace(plan, body=found)


def _augmentation(config: Config, engine: Engine, error: Callable[[Head, int, str, str], Answer]) -> Augmentation | None:
    if not config.augmentation.reads:
        return None
    from backstory.app.gateway.augment import Augmentation  # noqa: PLC0415

    return Augmentation(error, engine.failed)


def _translating(config: Config, engine: Engine, regards: Regards, error: Callable[[Head, int, str, str], Answer]) -> Translating | None:
    if not config.upstream.wire:
        return None
    from backstory.app.gateway.translating import Translating  # noqa: PLC0415
    from backstory.config.catalogue import known_at  # noqa: PLC0415
    from backstory.providers.windows import Rooms  # noqa: PLC0415

    known = known_at(upstreams.base(config.upstream.url).host if config.upstream.url else "")
    return Translating(regards, error, engine, config.upstream.cache_marks, Rooms(config.models), known)


def _judging(config: Config, engine: Engine, error: Callable[[Head, int, str, str], Answer]) -> Judging | None:
    if not config.extended.policies:
        return None
    from backstory.app.gateway.judging import Judging  # noqa: PLC0415

    return Judging(config, engine, error)


def _reworking(config: Config) -> Reworking | None:
    if config.reply.think_tags == "keep" and config.tools.virtual == "off":
        return None
    from backstory.app.gateway.reworking import Reworking  # noqa: PLC0415

    return Reworking(config)
