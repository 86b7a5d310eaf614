"""Two translations in a row, as one: the client's own wire is made over, and then the provider's is another. Implements
core.plan.Translation."""

from __future__ import annotations

from backstory.core.exchange import Headers
from backstory.core.plan import Mode, Translation


class Chained:
    """`near`: that next to the client; `far`: that next to the provider."""

    def __init__(self, near: Translation, far: Translation) -> None:
        self._near = near
        self._far = far
        self._modes: tuple[Mode, Mode] = ("pass", "pass")
        self.learnt: Headers = ()

    @property
    def done(self) -> bool:
        """See Translation."""
        return self._near.done or self._far.done

    def ask(self, body: bytes) -> bytes:
        """See Translation."""
        return self._far.ask(self._near.ask(body))

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Translation. What is gathered on the provider's side is gathered."""
        far, headers = self._far.begin(status, headers)
        near, headers = self._near.begin(status, headers)
        self._modes = (near, far)
        return "whole" if "whole" in self._modes else "pass" if far == near == "pass" else "stream", headers

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        near, far = self._modes
        data = self._far.chunk(data) if far == "stream" else data
        return self._near.chunk(data) if near == "stream" and data else data

    def tail(self) -> bytes:
        """See Translation."""
        near, far = self._modes
        data = self._far.tail() if far == "stream" else b""
        return (self._near.chunk(data) if data else b"") + self._near.tail() if near == "stream" else data

    def rest(self) -> bytes:
        """See Translation."""
        near, far = self._modes
        data = self._far.rest() if far == "stream" else b""
        return (self._near.chunk(data) if data else b"") + self._near.rest() if near == "stream" else data

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation. A failure is the client's to see as it is."""
        near, far = self._modes
        status = 200
        if far == "whole":
            status, body = self._far.whole(body)
            self.learnt = self._far.learnt
        if status != 200 or near == "pass":
            return status, body
        if near == "whole":
            return self._near.whole(body)
        return status, self._near.chunk(body) + self._near.tail()
