"""One exchange of a routed request, on one of its routes: what is done to the request, and undone to the answer. Implements
core.plan.Translation.

Rule: with a provider of the client's own wire the answer passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from backstory.app.gateway.translating import CLIENTS_OWN, PLAIN, TONGUES_BY_NAME, WIRES_BY_NAME
from backstory.core.exchange import Headers
from backstory.core.plan import Mode, Translation
from backstory.core.selectors import Value
from backstory.core.translation import Loss, Marks
from backstory.errors import PreviousUnknown, RequestError
from backstory.providers.routing import Route
from backstory.wires import steering
from backstory.wires.anthropic.endings import told_open
from backstory.wires.anthropic.hosted import Hosted
from backstory.wires.continued import continued, is_openais
from backstory.wires.gemini.tongue_thinking import generation
from backstory.wires.kept import Keep, Kept
from backstory.wires.openai_chat.own import fitted
from backstory.wires.refit import refit
from backstory.wires.translation.translate import Translated, losses_told
from backstory.wires.unsealed import unsealed
from backstory.wires.within import within

if TYPE_CHECKING:
    from backstory.app.gateway.augment import Augment

_NOTHING: frozenset[bytes] = frozenset()
NOTHING_SET: Mapping[str, Value] = {}
# What stands in the body there; and what would have the answer come in a coding that has to be undone first.
_HOSTED = frozenset({b"anthropic-version", b"accept-encoding", b"accept"})
# By these names a wire's own models are known: others that speak it may well take back what nobody has sealed.
_SEALING = {"anthropic": re.compile("claude|opus|sonnet|haiku"), "openai_responses": re.compile(r"gpt-[0-9]|codex|\bo[0-9]\b")}


class Steered:
    """`client`: the client's wire; `path`, `query`: of its request, the path with the route's model where it names one. `inner`: the
    translation, None where there is none. `shown`: thoughts are what is wanted, see steering.with_params: open calls do not keep a model
    from them. `wishes`: parameters that count before those of the route, and are left out where there is no place for them; `lost`: those
    that were, where nothing is translated. `limit`: the most output tokens that the route's model is known to give, 0 where that is not
    known. `moved`: it is another model than the client named."""

    done = False

    __slots__ = (
        *("_answer", "_augment", "_hosted", "_kept", "_limit", "_moved", "_path", "_query", "_route", "_status", "_tongue", "_whose"),
        "_wishes",
        *("client", "inner", "learnt", "legs", "lost", "shown", "speaks", "unsealed"),
    )

    def __init__(
        self,
        client: str,
        speaks: str,
        route: Route,
        path: str,
        query: str,
        inner: Translated | None,
        betas: str = "",
        augment: Augment | None = None,
        wishes: Mapping[str, Value] = NOTHING_SET,
        kept: Kept | None = None,
        whose: str = "",
        limit: int = 0,
        moved: bool = False,
    ) -> None:
        self._kept, self._whose = kept, whose
        self._limit = limit
        self._moved = moved
        self.client = client
        self.speaks = speaks
        self.inner = inner
        self.learnt: Headers = ()
        self.lost: tuple[Loss, ...] = ()
        self.legs = True
        """Whether the answer may take several requests; if not, one in the client's own wire is not looked at."""
        self.shown = False
        self.unsealed = False
        """Whether what other providers sealed was left out of the request as it came."""
        self._augment = augment
        self._wishes = wishes
        self._route = route
        self._status = 200
        self._path = path
        self._query = query
        self._tongue = TONGUES_BY_NAME[speaks]
        hosting = route.backend.row.hosting
        self._hosted = Hosted(hosting, inner, betas) if hosting else None
        self._answer: Translation | None = self._hosted or inner

    @property
    def translated(self) -> bool:
        """Whether the provider speaks another wire."""
        return self.inner is not None

    @property
    def changes(self) -> bool:
        """Whether the provider's answer is not as the client's own provider would give it."""
        return self._answer is not None

    @property
    def drop(self) -> frozenset[bytes]:
        """Headers that only the client's provider knows."""
        return CLIENTS_OWN if self.translated else _HOSTED if self._hosted is not None else _NOTHING

    @property
    def add(self) -> Headers:
        """What is added for the answer's sake."""
        return PLAIN if self.changes else ()

    def place(self) -> tuple[str, str]:
        """Path and query of the request at the provider, in its usual shape; for a cloud that hosts it, with the verb at the end."""
        if self._hosted is not None:
            return f"{self._path}:{self._hosted.verb}", ""
        if self.inner is None:
            return self._path, self._query
        path, _, query = self.inner.place().partition("?")
        return path, query

    def ask(self, body: bytes) -> bytes:
        """See Translation. RequestError, DocumentError for what this provider cannot get."""
        route = self._route
        self.lost = ()
        refitted: tuple[Loss, ...] = ()
        if self.inner is None:
            body, refitted = self._own(body)
        if not steering.in_path(self._path):
            body = steering.with_model(body, route.model)
        if self.inner is None and self._moved:
            body, changed = self._refit(body)
            refitted = (*refitted, *changed)
        if self.inner is not None:
            body = self.inner.ask(body)
            refused = next((loss for loss in self.inner.losses if loss.how == "refused"), None)
            if refused is not None:
                if refused.what == "previous_response_id":
                    raise PreviousUnknown(f"{refused.what}: {refused.why}{self._unknown()}")
                raise RequestError(f"{refused.what}: {refused.why}")
        if self.shown and self.speaks == "anthropic":
            body = told_open(body, route.model)
        if self._augment is not None:
            strict = [name for name, _ in route.params if name not in self._wishes]
            body, left = self._augment.set_on(self._tongue, body, route.model, route.backend.known, strict, self._put)
            self._lose(left)
        else:
            body = self._put(body)
        self.lost = (*self.lost, *refitted)
        return body if self._hosted is None else self._hosted.ask(body)

    def _own(self, body: bytes) -> tuple[bytes, tuple[Loss, ...]]:
        """The body in the client's own wire, without what this provider refuses of others' making; and what of it got lost."""
        before = body = continued(body, self._kept, self._whose) if self._kept is not None else body
        route, lost = self._route, tuple[Loss, ...]()
        body = unsealed(self.client, body, _seals(self.client, route), generation(route.model) >= 3)
        if self.client == "openai_chat":
            body, lost = fitted(body, route.backend.known.habits, route.model, self._moved)
        self.unsealed = body is not before
        return body, lost

    def _unknown(self) -> str:
        """What is known of answers that are not there."""
        missing = self.inner.missing if self.inner is not None else ()
        given = ", ".join([name[:80] for name in missing if is_openais(name)])
        return f" ({given}: OpenAI's own, which keeps it to itself; {self._route.name} needs the whole conversation)" if given else ""

    def _refit(self, body: bytes) -> tuple[bytes, tuple[Loss, ...]]:
        """The body for another model than its client named, and what of it changed."""
        body, bounded = within(self.client, body, self._limit) if self._limit else (body, ())
        body, changed = refit(self.client, body, self._route.model)
        return body, (*bounded, *changed)

    def _put(self, body: bytes) -> bytes:
        """The body with what its selector and its user say."""
        route = self._route
        strict = {name: it for name, it in route.params if name not in self._wishes}
        known = route.backend.known
        body, lost = steering.with_params(self._tongue, body, route.model, strict, self.shown, known)
        if self._wishes:
            body, more = steering.with_wishes(self._tongue, body, route.model, self._wishes, known)
            lost += more
        self._lose(lost)
        return body

    def _lose(self, lost: tuple[Loss, ...]) -> None:
        """This is told with the answer."""
        if self.inner is None:
            self.lost = (*self.lost, *lost)
        else:
            self.inner.losses = (*self.inner.losses, *lost)

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Translation."""
        self._status = status
        if self._answer is None:
            return ("stream" if self.legs else "pass"), (*headers, *losses_told(self.lost)) if self.lost else headers
        mode, headers = self._answer.begin(status, headers)
        return mode, (*headers, *losses_told(self.lost)) if self.lost else headers

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        return data if self._answer is None else self._answer.chunk(data)

    def tail(self) -> bytes:
        """See Translation."""
        return b"" if self._answer is None else self._answer.tail()

    def rest(self) -> bytes:
        """See Translation."""
        return b"" if self._answer is None else self._answer.rest()

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        if self._answer is None:
            return self._status, body
        status, body = self._answer.whole(body)
        self.learnt = self._answer.learnt
        return status, body


def _seals(wire: str, route: Route) -> bool:
    """Whether its provider takes no thought that it has not sealed."""
    names = _SEALING.get(wire)
    return names is not None and (bool(route.backend.row.hosting) or names.search(route.model.lower()) is not None)


def _unknown(model: str) -> int:
    """How much a model gives of which nothing is known."""
    return 0


def steered(
    client: str,
    route: Route,
    path: str,
    query: str,
    kept: Kept | None,
    whose: str,
    betas: str = "",
    augment: Augment | None = None,
    wishes: Mapping[str, Value] = NOTHING_SET,
    keep: Keep | None = None,
    marks: Marks = "never",
    most_of: Callable[[str], int] = _unknown,
    moved: bool = False,
) -> Steered:
    """The exchange of a client of this wire on this route. `kept`, `whose`, `keep`, `marks`, `most_of`: as of Translated; `betas`: its
    header of that name; `augment`: what else is done to it; `wishes`, `moved`: as of Steered."""
    speaks = route.backend.wire(client)
    inner = None
    if speaks != client:
        known, provider, wire = route.backend.known, TONGUES_BY_NAME[speaks], WIRES_BY_NAME[speaks]
        inner = Translated(TONGUES_BY_NAME[client], provider, wire, path, query, kept, whose, keep, marks, most_of, known)
    betas = betas if speaks == client else ""
    return Steered(client, speaks, route, path, query, inner, betas, augment, wishes, kept, whose, most_of(route.model), moved)
