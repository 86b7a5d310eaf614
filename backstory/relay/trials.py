"""How a request is tried that may have to be sent more than once: one way after the other, or several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from backstory.core.plan import Attempt, Plan, Target
from backstory.relay import attempts, comments, race
from backstory.relay.attempts import Attempts, tries_of
from backstory.relay.comments import Comments
from backstory.relay.race import Race

if TYPE_CHECKING:
    from backstory.relay.asker import Asker
    from backstory.relay.heads import Request


class Course(attempts.Course, comments.Course, race.Course, Protocol):
    """The exchange (flow.py)."""


def trial(plan: Plan, target: Target, body: bytes, whole: bool, request: Request, course: Course, down: Asker) -> Attempts | Race:
    """As the plan wants it. `body`, `whole`: as of Attempts."""
    endurance, question = down.door.endurance, plan.question
    stream = Comments(question, endurance.policy.keep_alive_s, request.old, course, down, endurance.clock)
    if plan.lanes and question is not None:
        down.door.metrics.races += 1
        return Race(plan.lanes, body, question, stream, course, down, request, plan.gauge)
    return Attempts(tries_of(plan, target), body, whole, question, course, stream, endurance)


def on_way(plan: Plan, attempt: Attempt) -> Plan:
    """The plan of a request that goes this way now."""
    return replace(
        plan,
        target=attempt.target,
        drop=attempt.drop,
        add=attempt.add,
        translation=attempt.translation,
        name=attempt.name,
        speaks=attempt.speaks,
        renew=attempt.renew,
    )
