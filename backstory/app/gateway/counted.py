"""How many tokens a conversation has in which commands were given: it is counted as it goes up, without them, and where its user has set
that it goes.

Rule: what the history itself does not tell (an answer of ours names the conversation) is counted as it came, and so is what cannot be done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from backstory.app.commanding import Plain
from backstory.app.engine import Engine
from backstory.app.gateway.beside import Aside, Beside
from backstory.app.gateway.translating import WIRES_BY_NAME
from backstory.app.gateway.ways import question_of
from backstory.app.regard import OWN_HEADERS, Regards
from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.plan import Plan
from backstory.core.wishes import spent
from backstory.errors import DocumentError
from backstory.providers.choosing import Way
from backstory.providers.routing import Route
from backstory.stages.wishes import held
from backstory.wires import steering, token_counts

_VERB = re.compile(r"(:|%3[Aa])countTokens\Z")


class Counted:
    """For one port."""

    def __init__(self, engine: Engine, regards: Regards) -> None:
        self._engine = engine
        self._regards = regards

    def plain(self, head: Head, body: bytes) -> Plain | None:
        """The question without commands and our answers to them; None where it is none, or there is nothing of that in it."""
        wire, commanding = WIRES_BY_NAME.get(_wire(head)), self._engine.commanding
        if wire is None or commanding is None or head.header(b"content-encoding"):
            return None
        try:
            document = Document(body)
            found = commanding.plain(head, document, wire.read(document, _asking(head)), wire)
        except DocumentError:
            return None
        return found if found is not None and found.body != body else None

    async def plan(self, head: Head, plain: Plain, own: Sequence[Route] = ()) -> Plan | None:
        """Where it is counted; None where nothing is set for the conversation. `own`: where its model's name takes it. Raises
        BackstoryError for what cannot be done."""
        engine, regard, wire = self._engine, self._regards(head), _wire(head)
        if engine.threads is None or not engine.memory or regard.unwanted or not plain.conversation:
            return None
        thread = await engine.threads.by_id(regard.whose, plain.conversation, regard.scope)
        wishes = spent(held(thread)) if thread is not None else None
        if wishes is None or wishes.empty:
            return None
        ways, path = engine.ways(), _asking(head)
        model = steering.model_of(plain.body, path)
        way = Way(wire, model, regard.target.host, tuple(own), at=regard.at)
        choice = ways.chooser.choose(wishes, way, question_of(head, path, plain.body, WIRES_BY_NAME[wire]))
        if not choice.routes:
            renamed = choice.model and not steering.in_path(path)
            body = steering.with_model(plain.body, choice.model) if renamed else plain.body
            return Plan(regard.target, body=body, drop=OWN_HEADERS | regard.drop) if renamed else None
        await ways.tokens.fetch(route.backend for route in choice.routes)
        found = Beside(ways.router, ways.tokens, engine.failed).plan(head, plain.body, Aside("count", wire, model), choice.routes)
        found = found if isinstance(found, Plan) else await found
        return replace(found, drop=found.drop | OWN_HEADERS | regard.drop)


def _wire(head: Head) -> str:
    """The wire in which tokens are asked for, "" where they are not."""
    found = token_counts.ASKED.fullmatch(head.path) if head.method == "POST" else None
    return (found.lastgroup or "") if found is not None else ""


def _asking(head: Head) -> str:
    """The path of the request whose tokens are counted."""
    return _VERB.sub(r"\1generateContent", head.path)
