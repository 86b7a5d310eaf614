"""How many output tokens a request asks for, bounded by what its model is known to give: for requests in their client's own wire that go to
another model than the client named.

Rule: splices only; a request that asks for no more than there is stays the same object.
"""

from __future__ import annotations

from backstory.core.document import Document, Put, Splice
from backstory.core.message import Path
from backstory.core.translation import Loss

_PLACES: dict[str, tuple[Path, ...]] = {
    "anthropic": (("max_tokens",),),
    "openai_chat": (("max_tokens",), ("max_completion_tokens",)),
    "openai_responses": (("max_output_tokens",),),
    "gemini": tuple(
        [(outer, name) for outer in ("generationConfig", "generation_config") for name in ("maxOutputTokens", "max_output_tokens")]
    ),
}
_LONGEST = 20
_BUDGET: Path = ("thinking", "budget_tokens")
"""Anthropic's: it has to be less than max_tokens."""


def within(wire: str, body: bytes, limit: int) -> tuple[bytes, tuple[Loss, ...]]:
    """The body, which is one of this wire's, asking for at most `limit` tokens, and what of it changed. DocumentError where the body cannot
    be edited."""
    document = Document(body)
    splices: list[Splice] = []
    losses: list[Loss] = []
    for path in _PLACES[wire]:
        if _count(document, path) > limit:
            splices.append(Put(path, b"%d" % limit))
            losses.append(Loss(path[-1] if isinstance(path[-1], str) else "", "changed", "as many as the model is known to give"))
    if wire == "anthropic" and splices and _count(document, _BUDGET) >= limit:
        splices.append(Put(_BUDGET, b"%d" % (limit - limit // 4)))
        losses.append(Loss("thinking.budget_tokens", "changed", "three quarters of what the model is known to give"))
    return (document.apply(splices), tuple(losses)) if splices else (body, ())


def _count(document: Document, path: Path) -> int:
    """The whole number at this place, 0 where there is none."""
    if not document.has(path):
        return 0
    raw = bytes(document.get(path))
    return int(raw) if raw.isdigit() and len(raw) < _LONGEST else 0
