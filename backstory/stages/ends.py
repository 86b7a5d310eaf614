"""Threads by a hash of where each ends: one entry for each, the last that came first."""

from __future__ import annotations

from collections.abc import Iterator


class Ends:
    """Names of threads by hash."""

    __slots__ = ("_hashes", "_names")

    def __init__(self) -> None:
        self._names: dict[bytes, dict[str, None]] = {}
        self._hashes: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    def put(self, name: str, hashed: bytes) -> None:
        """This thread ends there from now on."""
        self.leave(name)
        self._hashes[name] = hashed
        self._names.setdefault(hashed, {})[name] = None

    def leave(self, name: str) -> None:
        """This thread is not found any more; a second call does nothing."""
        old = self._hashes.pop(name, b"")
        there = self._names.get(old)
        if there is not None:
            there.pop(name, None)
            if not there:
                del self._names[old]

    def there(self, hashed: bytes) -> Iterator[str]:
        """The threads that end there, the last that came first."""
        return reversed(self._names.get(hashed, {}))

    def clear(self) -> None:
        """None is found any more."""
        self._names.clear()
        self._hashes.clear()
