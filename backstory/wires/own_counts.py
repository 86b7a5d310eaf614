"""How many tokens a prompt has, asked of a provider of the client's own wire that may not know the question: then it is estimated.
Implements core.plan.Translation. Pure: bytes in, bytes out.

Rule: what the provider says passes untouched, unless it is that there is no such place. A refusal that names the model is about the model.
"""

from __future__ import annotations

from typing import Literal

from backstory.core.exchange import Headers
from backstory.core.translation import Tongue
from backstory.errors import DocumentError
from backstory.wires.token_counts import NO_SUCH_QUESTION, TokenCount, estimated


class OwnCount(TokenCount):
    """One question, as it goes up. `model`: the one that is asked for."""

    def __init__(self, tongue: Tongue, path: str, query: str, body: bytes, model: str) -> None:
        super().__init__(tongue, tongue, path, query)
        self._body = body
        self._model = model

    def ask(self, body: bytes) -> bytes:
        """See Translation: as it came."""
        return body

    def begin(self, status: int, headers: Headers) -> tuple[Literal["pass", "whole"], Headers]:
        """See Translation."""
        return super().begin(status, headers) if status in NO_SUCH_QUESTION else ("pass", headers)

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation. Only of one who does not know the question, or the model."""
        plain = body if self._inflate is None else self._inflate.more(body)
        if self._model.encode() not in plain:
            try:
                return 200, self.answer(estimated(self.read(self._body)), True)
            except DocumentError:
                pass  # what is wrong with it is the provider's to say
        return self._client.failure(self._provider.failed(self._status, plain))
