"""How large a request is as its client sent it: told to the stages, and to the bill where memory was too late to look."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from backstory.core.exchange import Exchange
from backstory.core.layout import Elements
from backstory.core.message import Text
from backstory.core.records import Turn
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.core.tariff import Messages, Tariff
from backstory.memory.economy.earlier import earlier
from backstory.memory.economy.steps import Step
from backstory.stages.visit import Visit, began, new_tokens

# The parts of a request that are neither messages nor memory (framing of messages, reply's start) in tokens.
_FRAMING = 8
# Clients move their marks along the newest messages: among so many. So many messages may be instructions, in wires that have them there.
_MARKED, _HEADING, _ROLE_BYTES = 6, 4, 200
_INSTRUCTS = re.compile(rb'"role"[ \t\n\r]*:[ \t\n\r]*"(?:system|developer)"')


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
    if reading.extra:
        known += sum(reading.extra.values())
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


def standing(exchange: Exchange, visit: Visit, step: Step, tariff: Tariff) -> int | None:
    """With how many of its tokens a request begins as the one before, where it changes what went up; None where it does not. The first
    time, our tools come to the client's, in front of everything."""
    if step.changed and visit.paging and not visit.thread.account.rewritten and exchange.prompt is not None and exchange.prompt.tools:
        return 0
    left = bool(visit.dropped) and not (visit.since or visit.again)
    moved = step.broken_sent or (visit.digest is not None and not visit.resumed) or visit.undone or bool(visit.stubs) or left
    if not moved:
        return None
    return int(min(step.fixed, visit.thread.account.found(tariff).sent)) if tariff.head else 0


def paths_of(visit: Visit, changed: bool) -> tuple[int, int, int]:
    """As Account.paths, of this request. `changed`: it goes up so. What is folded stands in front, whatever its client cuts of it."""
    first, folded = began(visit), visit.folded if changed else 0
    ours = first - len(visit.held.turns) if changed and visit.held is not None else first
    return first, max(ours, folded), folded


def moved(visit: Visit, changed: bool) -> tuple[bool, bool]:
    """Whether this request begins elsewhere than the one before: as its client sent it, and as it goes up. `changed`: as of `paths_of`."""
    thread, now = visit.thread, paths_of(visit, changed)

    def added(turn: Turn) -> int:
        block = thread.going(turn.chain)
        return block.tokens if block is not None else 0

    before = thread.account.paths or earlier(thread.account, thread.path, visit.fixed, now, added)
    return before[0] != now[0], before[1:] != now[1:]


def surely_moved(visit: Visit) -> tuple[bool, bool]:
    """As `moved`, of what is to go up. Right after a restart, what went up begins elsewhere only where its client has cut: what went up
    beside its messages may be a summary's block, or tools of ours."""
    cut, anew = moved(visit, True)
    return cut, anew and (cut or visit.thread.account.paths is not None)


def messages_of(exchange: Exchange, tokens: int) -> Messages | None:
    """Where the request's messages stand, behind the instructions that some wires have among them; None where that is not known."""
    items = exchange.prompt.items if exchange.prompt is not None else ()
    if not isinstance(items, Elements) or not items:
        return None
    first = next((at for at in range(min(len(items), _HEADING)) if not _instructs(items[at])), 0)
    spans = items.spans()
    return Messages(spans[first][0], spans[max(first, len(items) - _MARKED)][0], spans[-1][1], spans, max(0, tokens))


def _instructs(item: memoryview) -> bool:
    """Whether a message is the instructions, by its role, which stands near one of its ends."""
    return any(_INSTRUCTS.search(part) is not None for part in (item[:_ROLE_BYTES], item[-_ROLE_BYTES:]))
