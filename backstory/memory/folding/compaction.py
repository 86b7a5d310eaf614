"""When history is folded, and where. Decisions only: they name a boundary, others make the digest and send it.

Below the hard threshold nothing moves, so that what goes upstream only grows at its end. When it must move, it moves far: the fold frees
room for many turns to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from backstory.core.records import Injection, Turn
from backstory.memory.economy.decisions import SMALL_WINDOW

# What stays verbatim after a fold: at most this share of the window ...
_KEPT_SHARE = 0.5
# ... and the protected turns only while they take no more than this share of it.
_PROTECTED_SHARE = 0.10
# A digest takes at most this share of the window, and never more than this many tokens.
_DIGEST_SHARE = 0.08
# Where recall may fill the window the best lines for the question are in it anyway, and a digest of all is worth less beside them.
_DIGEST_BESIDE = 0.04
_DIGEST_MOST = 3000
_DIGEST_LEAST = 60
_NONE: Mapping[bytes, Injection] = MappingProxyType({})
_NOTHING: Mapping[int, int] = MappingProxyType({})


class Window(Struct, frozen=True):
    """The thresholds of one instance. `size` is in tokens; `soft` and `hard` are shares of it; `protected` counts exchanges. `recalls`:
    what is recalled may fill the window, and a digest takes room from it."""

    size: int
    soft: float
    hard: float
    protected: int
    recalls: bool = False

    @property
    def hard_tokens(self) -> int:
        """Above this many tokens the next request is not sent without a fold."""
        return int(self.size * self.hard)

    @property
    def soft_tokens(self) -> int:
        """Above this many tokens a fold is prepared in the background."""
        return int(self.size * self.soft)

    @property
    def protected_tokens(self) -> int:
        """The most that protected exchanges may take where there is no room for more."""
        return int(self.size * _PROTECTED_SHARE)

    @property
    def digest_tokens(self) -> int:
        """The most that a digest may take; 0 where the window is too small for one."""
        room = min(_DIGEST_MOST, int(self.size * (_DIGEST_BESIDE if self.recalls else _DIGEST_SHARE)))
        return room if room >= _DIGEST_LEAST else 0


def boundary(
    path: Sequence[Turn],
    folded: int,
    window: Window,
    reserve: int,
    injections: Mapping[bytes, Injection] = _NONE,
    steps: bool = False,
    saved: Mapping[int, int] = _NOTHING,
    kept: int = 0,
) -> int:
    """How many turns of the path are folded after a fold: at least `folded`. The turn at the boundary is a human's; with `steps`, it may
    also be the assistant's next step in a tool loop, never one that has a tool's result in it.

    `reserve` is what system prompt, tools, the new message and recalled memory need, in tokens. `folded` itself comes back where no
    further turn can go. `injections`: blocks that stay attached to turns, by chain hash. `saved`: tokens that a turn takes less, by id.
    `kept`: tokens that stay at most; 0: half the window's.
    """
    kept_most = min(kept or int(window.size * _KEPT_SHARE), window.hard_tokens - reserve - window.digest_tokens)
    protected_most = window.protected_tokens
    held = exchanges = 0
    best = len(path)
    for place in range(len(path) - 1, folded - 1, -1):
        turn = path[place]
        injection = injections.get(turn.chain)
        held += turn.tokens - saved.get(turn.id, 0) + (injection.tokens if injection is not None and not injection.left else 0)
        human = _is_human(turn)
        if not human and not (steps and _is_step(path, place)):
            continue
        protected = human and exchanges < window.protected and held <= protected_most
        if held > kept_most and not protected:
            break
        exchanges += human
        best = place
    return max(best, folded)


def cut(
    path: Sequence[Turn],
    folded: int,
    window: Window,
    reserve: int,
    injections: Mapping[bytes, Injection] = _NONE,
    saved: Mapping[int, int] = _NOTHING,
    kept: int = 0,
) -> int:
    """The boundary in front of a human's message; in a tool loop, where that would leave less than half of what may stay, in front of one
    of the assistant's steps. Not so in a small window, where less would stay free for what comes."""
    at = boundary(path, folded, window, reserve, injections, False, saved, kept)
    if window.size < SMALL_WINDOW:
        return at
    step = boundary(path, folded, window, reserve, injections, True, saved, kept)
    if step >= at:
        return at
    between = sum(turn.tokens - saved.get(turn.id, 0) for turn in path[step:at])
    after = sum(turn.tokens - saved.get(turn.id, 0) for turn in path[at:])
    return step if between > after else at


def protected_from(path: Sequence[Turn], window: Window) -> int:
    """Where the protected exchanges of the path begin, as far as the window has a place for them; its end where it has none."""
    return boundary(path, 0, window, 0, kept=1)


def protected_boundary(path: Sequence[Turn], window: Window) -> int:
    """How many turns of the path may be folded when a fold is asked for, whatever room there is: all but the newest exchanges that are
    protected."""
    exchanges = 0
    for place in range(len(path) - 1, -1, -1):
        if _is_human(path[place]):
            exchanges += 1
            if exchanges == window.protected:
                return place
    return 0


def _is_human(turn: Turn) -> bool:
    """Whether somebody speaks here, and gives no tool's result beside it: that must not be without the call that it answers."""
    return turn.role == "user" and turn.kind == "spoken" and not turn.calls


def _is_step(path: Sequence[Turn], place: int) -> bool:
    """Whether the assistant goes on here after a tool's result."""
    before = path[place - 1] if place else None
    if before is None or path[place].role != "assistant" or before.role == "assistant":
        return False
    return before.kind == "tool" or bool(before.calls)
