"""The tokens that providers are paid with, held while they last.

Rule: one request for a token at a time and provider; who needs it waits for that one. A token is in memory alone; a refresh token that was
renewed goes to the file that the first one came from, where there is one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from backstory.app.drive import within
from backstory.app.gateway.outbound import connector
from backstory.config import Config
from backstory.config.routing import REFRESH_FILE
from backstory.errors import BackstoryError, UpstreamError
from backstory.providers import tokens
from backstory.providers.backends import Backend
from backstory.providers.tokens import Token
from backstory.relay.fetch import Fetcher
from backstory.relay.limits import Timeouts

_log = logging.getLogger("backstory.tokens")
# A token goes when so much of its time has passed; one that was not given is asked for again after so many seconds.
_USED = 0.9
_AGAIN_S = 1.0
_TIMEOUT_S = 15.0
# One that is refused is not renewed more often than this.
_RENEWED_S = 10.0


def written(path: Path, secret: str) -> None:
    """The file has this secret now, and nobody else reads it; it is never half there. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(secret + "\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class Tokens:
    """`clock`: Unix seconds."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}
        self._troubles: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, str] = {}
        self._renewed: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def ready(self, backends: Iterable[Backend]) -> bool:
        """Whether nothing has to be fetched for these."""
        now = self._clock()
        return all(not backend.needs_token or self._at_hand(backend.name, now) for backend in backends)

    def of(self, backend: Backend) -> str:
        """The token of this one, "" where it is not paid with one. Raises UpstreamError where there is none."""
        if not backend.needs_token:
            return ""
        held = self._held.get(backend.name)
        if held is not None and held[1] > self._clock():
            return held[0]
        trouble = self._troubles.get(backend.name, ("it was not asked for", 0.0))[0]
        raise UpstreamError(f"{backend.name}: no token: {trouble}")

    async def fetch(self, backends: Iterable[Backend]) -> None:
        """Get those that are missing. Raises nothing: `of` tells."""
        now = self._clock()
        needed = {one.name: one for one in backends if one.needs_token and not self._at_hand(one.name, now)}
        for name, backend in needed.items():
            if name not in self._asking:
                self._asking[name] = asyncio.get_running_loop().create_task(self._ask(backend))
        waiting = [self._asking[name] for name in needed]
        if waiting:
            await asyncio.wait(waiting)

    def refused(self, backend: Backend) -> bool:
        """Its provider does not take the token any more: whether the next request gets another one."""
        now = self._clock()
        if abs(now - self._renewed.get(backend.name, -_RENEWED_S)) < _RENEWED_S:
            return False
        self._renewed[backend.name] = now
        self._held.pop(backend.name, None)
        return True

    async def renewed(self, backend: Backend, refused: str) -> str:
        """Another token in place of one that its provider does not take any more, "" where there is none. Of a provider that takes none,
        one is asked for now and then."""
        held = self._held.get(backend.name)
        if (held is None or held[0] == refused) and not self.refused(backend) and backend.name not in self._asking:
            return ""
        await self.fetch([backend])
        try:
            return self.of(backend)
        except UpstreamError:
            return ""

    def _at_hand(self, name: str, now: float) -> bool:
        """Whether there is a token, or has just been none: what lasts for longer than it can is from before the clock was set back."""
        held, trouble = self._held.get(name, ("", 0.0))[1], self._troubles.get(name, ("", 0.0))[1]
        return held > now or now < trouble <= now + _AGAIN_S

    async def _ask(self, backend: Backend) -> None:
        name = backend.name
        fetcher = Fetcher(connector(self._config), Timeouts(connect_s=self._config.upstream.connect_timeout_s))
        try:
            token = await self._given(backend, fetcher)
        except BackstoryError as error:
            self._troubles[name] = (str(error), self._clock() + _AGAIN_S)
        else:
            self._held[name] = (token.value, self._clock() + _USED * token.lasts_s)
            if token.refresh and token.refresh != self._refresh.get(name):
                self._refresh[name] = token.refresh
                await self._keep(backend, token.refresh)
        finally:
            fetcher.close()
            del self._asking[name]

    async def _keep(self, backend: Backend, refresh: str) -> None:
        """A new refresh token goes where the first one came from, where that is a file."""
        file = backend.secrets.other(REFRESH_FILE)
        if not file:
            return
        try:
            await asyncio.to_thread(written, Path(file), refresh)
        except OSError as error:
            _log.warning("%s: the new refresh token could not be written to %s: %s", backend.name, file, type(error).__name__)

    async def _given(self, backend: Backend, fetcher: Fetcher) -> Token:
        """Raises BackstoryError where none is given."""
        if backend.pays is not None:
            try:
                given = await within(backend.token_of(), _TIMEOUT_S)
            except TimeoutError as error:
                raise UpstreamError(f"extension {backend.pays[0]} gave none within {_TIMEOUT_S:g} s") from error
            return Token(given.value, given.lasts_s)
        target, form = tokens.asking(backend, self._clock(), self._refresh.get(backend.name, ""))
        reply = await fetcher.post(await fetcher.connect(target), target, tokens.FORM, form, _TIMEOUT_S)
        return tokens.answered(reply.status, reply.body)
