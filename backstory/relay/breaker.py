"""What is known of each backend: whether it answers, and whether it is to be left alone for a while. Values under a clock; no I/O.

Rule: a backend is set aside only where another can be asked in its place. Whoever has no other asks it all the same, once.

    closed     it is asked as usual; `failures` in a row open it
    open       it is passed over until its time is up, twice as long after each trial that failed
    half_open  one request tries it: an answer closes it, a failure opens it again
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

State: TypeAlias = Literal["closed", "open", "half_open"]

_MOST_DOUBLINGS = 4
_LONGEST_ERROR = 200


class Thresholds(Struct, frozen=True):
    """`failures` in a row open a breaker, 0: none ever does. `open_s`: for so long, the first time. `rest_s`: so long a backend rests that
    was asked too often and does not say for how long."""

    failures: int = 5
    open_s: float = 30.0
    rest_s: float = 0.0


class _Backend(Struct):
    """`until`: when an open breaker half-opens. `openings`: in a row. `trial_until`: a trial that nobody has told the end of by then is
    forgotten. `resting_until`: what the provider asked for. Times are those of the board's clock; `last_error_at` is Unix seconds."""

    open: bool = False
    failures: int = 0
    openings: int = 0
    until: float = 0.0
    trial_until: float = 0.0
    resting_until: float = 0.0
    tries: int = 0
    answers: int = 0
    errors: int = 0
    limited: int = 0
    empty: int = 0
    broken: int = 0
    last_error: str = ""
    last_error_at: float = 0.0


class Row(Struct, frozen=True):
    """One backend as it is shown. `open_for_s`, `resting_for_s`: seconds from now, 0 where it is not. `failures`: in a row. `tries`:
    requests that were sent to it, or could not be; `answers`: begun; `errors`: none came, or a word that there is none; `limited`: it was
    asked too often; `empty`: answers with nothing in them; `broken`: answers that broke off. `last_error_at`: Unix seconds."""

    name: str
    state: State
    failures: int
    open_for_s: float
    resting_for_s: float
    tries: int
    answers: int
    errors: int
    limited: int
    empty: int
    broken: int
    last_error: str
    last_error_at: float


class Board:
    """All backends by name. `clock` never goes back; `wall` is Unix time, for showing."""

    def __init__(self, thresholds: Thresholds, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._thresholds = thresholds
        self._clock = clock
        self._wall = wall
        self._backends: dict[str, _Backend] = {}

    def state(self, name: str) -> State:
        """The state now; closed for one that is not known."""
        backend = self._backends.get(name)
        return "closed" if backend is None else self._state(backend)

    def admits(self, name: str) -> bool:
        """Whether it may be tried: it is closed, or half open and nobody tries it at the moment."""
        backend = self._backends.get(name)
        if backend is None or not backend.open:
            return True
        return self._state(backend) == "half_open" and self._clock() >= backend.trial_until

    def rests(self, name: str) -> bool:
        """Whether the provider has asked to be left alone until later."""
        backend = self._backends.get(name)
        return backend is not None and self._clock() < backend.resting_until

    def opens_in_s(self, name: str) -> float:
        """Seconds until it may be tried again, 0 where it may be."""
        backend = self._backends.get(name)
        return 0.0 if backend is None or not backend.open else max(0.0, max(backend.until, backend.trial_until) - self._clock())

    def tried(self, name: str) -> None:
        """A request goes to it."""
        backend = self._of(name)
        backend.tries += 1
        if self._state(backend) == "half_open":
            backend.trial_until = self._clock() + self._thresholds.open_s

    def answered(self, name: str) -> None:
        """It has begun to answer."""
        backend = self._of(name)
        backend.answers += 1
        self._close(backend)
        backend.resting_until = 0.0

    def failed(self, name: str, what: str) -> None:
        """It has not answered, or has said that it cannot."""
        backend = self._of(name)
        backend.errors += 1
        self._note(backend, what)
        backend.failures += 1
        state = self._state(backend)
        most = self._thresholds.failures
        if state == "half_open" or (state == "closed" and 0 < most <= backend.failures):
            backend.open = True
            backend.until = self._clock() + self._thresholds.open_s * 2 ** min(backend.openings, _MOST_DOUBLINGS)
            backend.openings += 1
            backend.trial_until = 0.0

    def limited(self, name: str, what: str, rest_s: float | None) -> None:
        """It was asked too often, and wants to be left alone for so long (None: it did not say). It lives, so its breaker closes."""
        backend = self._of(name)
        backend.limited += 1
        self._note(backend, what)
        self._close(backend)
        rest_s = self._thresholds.rest_s if rest_s is None else rest_s
        backend.resting_until = max(backend.resting_until, self._clock() + rest_s)

    def said_nothing(self, name: str) -> None:
        """Its answer was empty."""
        backend = self._of(name)
        backend.empty += 1
        self._note(backend, "an empty answer")

    def broke_off(self, name: str, what: str) -> None:
        """An answer that had begun came to no end."""
        backend = self._of(name)
        backend.broken += 1
        self._note(backend, what)

    def left(self, name: str) -> None:
        """Nobody waits for its answer any more."""
        self._of(name).trial_until = 0.0

    def reactivate(self, name: str) -> bool:
        """Closes its breaker and ends its rest; what was counted stays. False for one that is not known."""
        backend = self._backends.get(name)
        if backend is None:
            return False
        self._close(backend)
        backend.resting_until = 0.0
        return True

    def rows(self) -> list[Row]:
        """Every backend, by name."""
        return [self._row(name, backend) for name, backend in sorted(self._backends.items())]

    def _row(self, name: str, backend: _Backend) -> Row:
        now, state = self._clock(), self._state(backend)
        return Row(
            name,
            state,
            backend.failures,
            round(backend.until - now, 1) if state == "open" else 0.0,
            round(max(0.0, backend.resting_until - now), 1),
            backend.tries,
            backend.answers,
            backend.errors,
            backend.limited,
            backend.empty,
            backend.broken,
            backend.last_error,
            round(backend.last_error_at, 1),
        )

    def _of(self, name: str) -> _Backend:
        return self._backends.setdefault(name, _Backend())

    def _state(self, backend: _Backend) -> State:
        if not backend.open:
            return "closed"
        return "open" if self._clock() < backend.until else "half_open"

    def _note(self, backend: _Backend, what: str) -> None:
        backend.last_error = what[:_LONGEST_ERROR]
        backend.last_error_at = self._wall()

    @staticmethod
    def _close(backend: _Backend) -> None:
        backend.open = False
        backend.failures = backend.openings = 0
        backend.until = backend.trial_until = 0.0
