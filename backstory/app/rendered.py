"""A request as it goes up: its edits made, or, where they cannot be, forgotten; and once more where its provider does not take it so."""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core.exchange import Exchange, Note
from backstory.stages.base import Failed, attempt
from backstory.stages.shrink import withdraw
from backstory.stages.visit import Visit, unmark


def rendered(exchange: Exchange, visit: Visit | None, failed: Failed) -> tuple[Exchange, bytes | None]:
    """The edited body; None, and an exchange without edits, where the edits cannot be made."""
    wire, document, prompt = exchange.wire, exchange.document, exchange.prompt
    if wire is None or document is None or prompt is None:
        return exchange, None
    edits = [edit for _, edit in exchange.edits]
    body = attempt(failed, "render", lambda: wire.render(document, prompt, edits), lambda: None)
    if body is None:
        if visit is not None:
            visit.injection = visit.held = None
            withdraw(visit)
            visit.paging = frozenset()
            unmark(visit)
        return replace(exchange, edits=(), notes=(*exchange.notes, Note("render", "failed open"))), None
    if body != exchange.body:
        asked = ",".join(dict.fromkeys(stage for stage, _ in exchange.edits))
        exchange = replace(exchange, notes=(*exchange.notes, Note("proof", f"bytes differ: {asked}")))
    return exchange, body
