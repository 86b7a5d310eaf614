"""What memory has saved in a conversation, and may spend."""

from __future__ import annotations

from msgspec import Struct

# What a move may cost at once beyond what has been saved, as a share of what the conversation would have cost as it came.
_SLACK = 0.01


class Purse(Struct):
    """What rewriting has saved so far, less what it has cost, and what all requests would have cost as they came: money as in Spend.
    `known`: whether those are dollars. One for a conversation and all that forked off it in this process."""

    saved: float = 0.0
    direct: float = 0.0
    known: bool = True

    def book(self, billed: float, direct: float, known: bool) -> None:
        """A request was paid. What was counted in another unit does not count any more."""
        if known != self.known:
            self.saved, self.direct, self.known = 0.0, 0.0, known
        self.saved += direct - billed
        self.direct += direct

    @property
    def spare(self) -> float:
        """What a move may cost at once."""
        return self.saved + _SLACK * self.direct
