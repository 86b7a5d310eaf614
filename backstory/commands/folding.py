"""The command that folds now."""

from __future__ import annotations

from backstory.commands.command import Command

FOLDING = (Command("compact", "VCCOMPACT", "fold older turns into a digest now"),)


def folded(upto: int, kept: int, before_tokens: int, digest_tokens: int) -> str:
    """The answer to `compact` that did something."""
    return (
        f"Turns 1 to {upto} (about {before_tokens} tokens) are folded into a digest of {digest_tokens} tokens; the newest {kept} stay as"
        " they are. This holds from the next message on, and makes the provider's cache begin anew once. Every turn is kept and can be"
        " recalled."
    )


def unfolded(reason: str) -> str:
    """The answer to `compact` that did nothing."""
    return f"Nothing was folded: {reason}."


def too_short(turns: int, threshold: int) -> str:
    return f"the conversation has {turns} turns, and below {threshold} (memory.threshold_messages) it is never changed"


def protected(turns: int, exchanges: int, upto: int) -> str:
    done = f"turns 1 to {upto} are folded already, and of the others" if upto else f"of its {turns} turns"
    return f"{done} the newest {exchanges} exchanges (compaction.protected_recent_turns) stay as they are, which leaves nothing to fold"


def no_gain(before_tokens: int, digest_tokens: int) -> str:
    return f"the turns in question have about {before_tokens} tokens, and their digest would have {digest_tokens}"


NO_ROOM = "the window (compaction.context_window) is too small for a digest"
MEMORY_OFF = "memory is off in this conversation"
