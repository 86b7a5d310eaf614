"""A model behind an address: an OpenAI-compatible `/embeddings` (https://platform.openai.com/docs/api-reference/embeddings), local or not.

What is sent there is the text of turns and questions. Calls block for at most the time given; there are no retries: the caller decides.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from backstory.core.embedding import Trust
from backstory.errors import EmbeddingError
from backstory.vectors.quantise import from_lists
from backstory.vectors.texts import readable

_TIMEOUT_S, _CONNECT_S = 20.0, 5.0
_MOST_BYTES = 64_000_000
_LONGEST_CHARS = 8000
_AT_ONCE = 32


class _One(Struct):
    embedding: list[float]
    index: int = 0


class _Answer(Struct):
    data: list[_One]


class Remote:
    """See Embedder. `url`: what `/embeddings` is added to. An empty `key` sends none."""

    trust = Trust(weight=0.2, enough=0.0)

    def __init__(self, url: str, name: str, key: str = "", timeout_s: float = _TIMEOUT_S) -> None:
        self.model = f"remote:{name}@{url}"
        self._url = urlsplit(url.rstrip("/") + "/embeddings")
        self._name = name
        self._key = key
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: set[http.client.HTTPConnection] = set()
        self._closed = False

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """See Embedder."""
        made: list[bytes] = []
        for start in range(0, len(texts), _AT_ONCE):
            made += self._asked([readable(text, _LONGEST_CHARS) or " " for text in texts[start : start + _AT_ONCE]])
        return made

    def close(self) -> None:
        """See Embedder: calls that wait for an answer end at once."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for connection in running:
            _cut(connection)

    def _asked(self, texts: list[str]) -> list[bytes]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self._key}"} if self._key else {})}
        try:
            with self._connection() as connection:
                connection.request("POST", self._url.path, msgspec.json.encode({"model": self._name, "input": texts}), headers)
                answer = connection.getresponse()
                body = answer.read(_MOST_BYTES)
            if answer.status != 200:
                raise EmbeddingError(f"{self.model} answered {answer.status}: {body[:200].decode('utf-8', 'replace')}")
            found = sorted(msgspec.json.decode(body, type=_Answer).data, key=lambda one: one.index)
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            raise EmbeddingError(f"{self.model}: {type(error).__name__}: {error}") from error
        if len(found) != len(texts) or len({len(one.embedding) for one in found}) != 1 or not found[0].embedding:
            raise EmbeddingError(f"{self.model}: {len(texts)} texts were sent, {len(found)} vectors came back, or not all of one length")
        try:
            return from_lists([one.embedding for one in found])
        except FloatingPointError as error:
            raise EmbeddingError(f"{self.model}: a vector came back with numbers that none has ({error})") from error

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        """An open one, which is cut when the time is over, however slowly something comes, or when the model is closed."""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.netloc, timeout=min(_CONNECT_S, self._timeout_s))
        over = threading.Timer(self._timeout_s, _cut, (connection,))
        over.daemon = True
        try:
            connection.connect()
            connection.sock.settimeout(self._timeout_s)
            with self._lock:
                self._running.add(connection)
                if self._closed:
                    raise EmbeddingError(f"{self.model} was closed")
            over.start()
            yield connection
        finally:
            over.cancel()
            with self._lock:
                self._running.discard(connection)
            connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
