"""How large a request is as its client sent it: told to the stages, and to the bill where memory was too late to look."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from backstory.core.exchange import Exchange
from backstory.core.message import Text
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.stages.visit import Visit, new_tokens

# The parts of a request that are neither messages nor memory (framing of messages, reply's start) in tokens.
_FRAMING = 8


class Draft(Struct, frozen=True):
    """`fixed`: tokens of what is no turn. `new`: of the new turns. `complete`: the payload carries every turn of the branch."""

    fixed: int
    new: int
    total: int
    complete: bool


def drafted(exchange: Exchange, visit: Visit, count: Callable[[str], int]) -> Draft:
    """Tokens of the request as the client sent it, less what stubs save, and whether it carries the whole branch. Costs what is new
    when it does."""
    prompt, reading, thread = exchange.prompt, visit.reading, visit.thread
    fixed = _FRAMING + int(reading.aside / CHARS_PER_TOKEN)
    led = bool(reading.lines) and reading.lines[0].role == "system"
    if prompt is not None and not led:
        fixed += sum(count(part.text) for part in prompt.system if isinstance(part, Text))
    new = sum(turn.tokens for turn in visit.turns)
    places = reading.places
    complete = len(places) - places.count(-1) + len(reading.also) >= visit.upto
    if complete and visit.upto == len(thread.path):
        known = thread.tokens
    else:
        known = sum(thread.path[place].tokens for place in places if place >= 0) + sum(reading.more.values())
    if visit.saved:
        known -= sum(visit.saved.values())
    if visit.buried:
        known += sum(visit.buried.values())
    return Draft(fixed, new, fixed + known + new, complete)


def note(visit: Visit, draft: Draft) -> None:
    """Let the visit know its sizes: nothing is added to the request yet."""
    visit.tokens_in = draft.total + sum(visit.saved.values())
    visit.tokens_sent = draft.total
    visit.fixed, visit.fresh, visit.complete = draft.fixed, new_tokens(visit, draft.new), draft.complete


def shared(exchange: Exchange, visit: Visit, fixed: int) -> int:
    """With how many of its first tokens a request begins as before when its history is folded: with those that never change. The first
    time, our tools come to the client's, in front of everything."""
    first = not visit.thread.boundary and not visit.thread.stubs
    return 0 if first and exchange.prompt is not None and exchange.prompt.tools else fixed
