"""What is asked in a request that is to go past memory, and what answers it, is never taken in: its client sends it again with the next
request, which may want memory. By its place in the history, like what was forgotten (memory/identity/graves.py); no text of it is kept.

Rule: nothing of this is on the request's way. It is looked at when it has gone up.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from backstory.app.engine import Engine
from backstory.app.passing import legible
from backstory.app.regard import Regard
from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Prompt
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity.graves import last_answer
from backstory.memory.reading.requests import Reader
from backstory.memory.reading.turns import root
from backstory.stages.base import attempt, attempted

# A request asks in so many messages; of more, those before are a history that was never here.
_MOST_ASKED = 64


class Unkept:
    """Marks what such requests ask."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = Reader(secrets.randbits(63))

    def passes(self, head: Head, body: bytes, wire: Wire, regard: Regard) -> None:
        """This request goes past memory."""
        if self._engine.memory:
            asyncio.get_running_loop().call_soon(self._look, head, body, wire, regard)

    def _look(self, head: Head, body: bytes, wire: Wire, regard: Regard) -> None:
        attempt(self._engine.failed, "unkept", lambda: self._mark(head, body, wire, regard), lambda: None)

    def _mark(self, head: Head, body: bytes, wire: Wire, regard: Regard) -> None:
        engine = self._engine
        threads, lanes = engine.threads, engine.lanes
        if threads is None or lanes is None:
            return
        try:
            reading = self._reader.read(self._prompt(head, body, wire), wire, root(regard.whose, regard.scope))
        except DocumentError:
            return
        asked = [item for item in range(last_answer(reading) + 1, len(reading.lines)) if reading.lines[item].kind != "none"]
        fresh = threads.tombs.lay(regard.whose, [reading.chains[item] for item in asked[-_MOST_ASKED:]])
        if fresh:
            now = time.time()
            rows = [(engine.turn_ids(), regard.whose, chain, now) for chain in fresh]
            writing: Any = attempted(engine.failed, "unkept", lanes.write(lambda store: store.lay(rows)), None)
            engine.beside(engine.turn_ids(), asyncio.ensure_future(writing))

    def _prompt(self, head: Head, body: bytes, wire: Wire) -> Prompt:
        """What it says without commands and our answers to them: so it is read when it comes again."""
        commanding = self._engine.commanding
        document = Document(body, self._engine.layouts, halves=True)
        prompt = legible(wire, document, head.path)
        found = commanding.plain(head, document, prompt, wire) if commanding is not None else None
        if found is None or found.body == body:
            return prompt
        return legible(wire, Document(found.body, halves=True), head.path)
