"""What a client has cut off its history stays in front of its requests, where the provider's cache still holds it and that is cheaper.

Rule: a client that keeps its newest messages changes the beginning of every request, and pays the full price for all of it each time. What
went up before goes up again in front of what it sends, while that costs less; then it is let go, and the request goes up as it came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.folding.view import View
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line

# A gain that is smaller than this share is none.
_WORTH = 0.03
# A client has cut so often before anything is held: once or twice may be somebody who has deleted what stood there.
_FEWEST_CUTS = 2
# So many held requests are looked at before holding is judged by what it has cost.
_JUDGED = 3
# So often in a row a provider that fails may have failed at what was held.
REFUSED = 2
# Those that are about who asks, where and when (RFC 9110 section 15.5); 429 is not among them: it may be about the size.
_OTHERWISE = frozenset({401, 403, 404, 407, 408})


class Held(Struct, frozen=True):
    """Items that go up in front of the client's: those of the last payload from `start` up to `stop`, before item `before` of the request.
    `turns`: theirs; `tokens`: of all together; `coming`: requests for which they will stay, as far as can be told; `cycle`: for which such
    items usually do."""

    start: int
    stop: int
    before: int
    turns: frozenset[int]
    tokens: int
    coming: float = 0.0
    cycle: float = 1.0


class Sizes(Struct, frozen=True):
    """Tokens of a request: `came`, with what was injected at its messages before; `fixed`: of what is no turn; `fresh`: of the new turns;
    `hard`: above so many it has no room."""

    came: int
    fixed: int
    fresh: int
    hard: int


def first_known(reading: Reading) -> int:
    """The first item that is a turn on the path; -1 where none is."""
    return next((item for item, place in enumerate(reading.places) if place >= 0), -1)


def cut_off(thread: Thread, reading: Reading, view: View) -> Held | None:
    """Of the last payload what the client has cut off since, where it is all that was said right before what it still has."""
    item = first_known(reading)
    if item != view.lead or view.rewritten != thread.rewritten or reading.also or reading.buried:
        return None
    place = reading.places[item]
    first = thread.path[place].id
    stop = next((at for at, turn in enumerate(view.turns) if turn == first), 0)
    turns = [turn for turn in view.turns[:stop] if turn]
    if not turns or turns[0] == first:
        return None
    start = place_of(thread.path, thread.by_id.get(turns[0]))
    cut = thread.path[start:place] if start >= 0 else []
    if [turn.id for turn in cut] != turns or not thread.hidden.isdisjoint(turns):
        return None
    if _elsewhere(reading, {turn.channel for turn in cut if spoken(turn)}, {room for room in view.rooms[:stop] if room is not None}):
        return None
    return Held(view.lead, view.lead + stop, item, frozenset(turns), sum(view.tokens[:stop]))


def _elsewhere(reading: Reading, channels: set[str], rooms: set[str]) -> bool:
    """Whether something of these channels or rooms may have been said before others than those who speak now."""
    now = next((line for line in reversed(reading.lines) if spoken(line)), None)
    return now is None or not (channels <= {now.channel} and rooms <= {now.room})


def spoken(one: Line | Turn) -> bool:
    """Whether a human says it."""
    return one.kind == "spoken" and one.role == "user"


def failures(before: int, status: int) -> int:
    """How often in a row a provider has not taken what was held (`Account.refused`), after this answer to a held request. A server's own
    trouble may have nothing to do with it, the first time; whoever refuses the request itself has it as often as is enough."""
    if status < 400:
        return 0
    return before + 1 if status >= 500 or status in _OTHERWISE else REFUSED


def may(account: Account, tariff: Tariff, now: float) -> bool:
    """Whether anything could be held: the provider's cache has what went up, and holding was not measured to lose money."""
    # Of a model whose price is not known its window is not, either: it may be a local one that its client cuts the history for.
    return tariff.known and account.requests > 0 and account.warm(tariff, now) and not loses(account)


def worth(account: Account, tariff: Tariff, held: Held, view: View, sizes: Sizes) -> Held | None:
    """These items, where it is cheaper that they stay in front: at once and as long as it goes on so."""
    size, came, fixed = sizes.came + held.tokens, sizes.came, min(sizes.fixed, sizes.came)
    if size > sizes.hard or view.cuts < _FEWEST_CUTS:
        return None
    growth, stays = max(1.0, account.growth), fixed if tariff.head else 0
    furthest = _furthest(account, tariff, came, stays, view.apart)
    if size > furthest:
        return None
    kept = min(account.found(tariff).sent, size - sizes.fresh) * account.quality
    if tariff.predicted(size, kept) > (1 - _WORTH) * tariff.came.predicted(came, stays):
        return None
    furthest = min(furthest, sizes.hard)
    return replace(held, coming=(furthest - size) / growth, cycle=max(1.0, (furthest - came) / growth))


def promises(account: Account, tariff: Tariff, view: View, sizes: Sizes, cut: bool) -> bool:
    """Whether what goes up now will stay in front of the next request, should its client cut it off. `view`: of the request before;
    `cut`: its client has cut since."""
    if loses(account) or view.cuts + cut < _FEWEST_CUTS:
        return False
    stays = min(sizes.fixed, sizes.came) if tariff.head else 0
    furthest = _furthest(account, tariff, sizes.came, stays, (view.requests + 1) / (view.cuts + cut))
    return sizes.came + account.growth < min(furthest, sizes.hard)


def _furthest(account: Account, tariff: Tariff, came: float, stays: float, apart: float) -> float:
    """The tokens up to which it is cheaper to hold, by the cycle that begins with a request of `came` tokens; 0 where it never is. `apart`:
    requests between two cuts."""
    read, write, growth = tariff.read, max(tariff.write, tariff.input), max(1.0, account.growth)
    again = max(0.0, came - stays - tariff.tail) * (write - read)
    if read <= 0:
        return math.inf
    furthest = came + math.sqrt(max(0.0, 2 * again * growth / read))
    holding = read * (furthest + came) / 2 + again * growth / max(1.0, furthest - came)
    alone = read * came + again / apart
    if tariff.lent:
        alone = min(alone, tariff.input * came - growth * (write - tariff.input))
    return furthest if holding <= (1 - _WORTH) * alone else 0.0


def loses(account: Account) -> bool:
    """Whether holding was measured to cost more than it saves: the provider's cache does not hold what it should."""
    return account.holds >= _JUDGED and account.held_saved < 0


def seen(view: View | None, made: View) -> View:
    """The newest payload, with what is known of how often its client cuts."""
    if view is None:
        return made
    return replace(made, requests=view.requests + 1, cuts=view.cuts + (made.first != view.first))


def own_turns(thread: Thread, reading: Reading, new: Sequence[int]) -> list[int]:
    """The turn of each item of a request, 0 for none. `new`: ids of the new turns, one for each new item. Empty where an item is no turn
    of its own."""
    left = iter(new)
    found: list[int] = []
    for item, place in enumerate(reading.places):
        if place >= 0:
            found.append(thread.path[place].id)
        elif reading.lines[item].kind == "none":
            found.append(0)
        else:
            turn = next(left, 0)
            if not turn:
                return []
            found.append(turn)
    return found if next(left, 0) == 0 else []
