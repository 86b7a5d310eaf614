"""What a provider charges for one request's tokens, and how long it keeps a prompt in its cache."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.reply import Usage

_MILLION = 1_000_000


class Tariff(Struct, frozen=True):
    """Prices are dollars per million tokens; where `known` is False they are shares of the fresh input price instead, and say nothing of
    money. `write`: input that the provider stores for later. `ttl_s`: how long an unused cache entry lives. `least`: shorter prompts are
    not cached. `step`: cached prefixes are counted in steps of so many tokens. `caches`: whether anything of its history is cached; what
    never changes may be all the same. `partly`: its history is cached up to somewhere far from its end. `model`: the row it came from, or
    the name of the fallback."""

    model: str
    input: float
    output: float
    read: float
    write: float
    ttl_s: float
    least: int = 1024
    step: int = 1
    caches: bool = True
    known: bool = True
    partly: bool = False
    long_write: float = 0.0
    """Where one request writes at two prices: that of the longer lifetime. 0: there is only one."""
    head: bool = True
    """Whether what never changes is found in the cache although what follows has changed."""
    tail: float = 0.0
    """So many tokens at the end of the request stand behind its last mark: they are never in the cache, and written nowhere."""
    loose: int = 0
    """In so many of its newest messages."""
    marked: bool = False
    """Whether what is found in the cache ends at a mark, not wherever two prompts begin to differ."""
    lent: bool = False
    """Whether the mark is the proxy's own: as its client sent it, nothing of the request is cached."""

    @property
    def came(self) -> Tariff:
        """That of the same request as its client sent it."""
        return replace(self, caches=False, lent=False) if self.lent else self

    def cost(self, usage: Usage) -> float:
        """Of these tokens, as the provider counted them."""
        longer = min(usage.cache_write_long_tokens, usage.cache_write_tokens)
        short = usage.cache_write_tokens - longer
        fresh = max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens)
        return (
            fresh * self.input
            + usage.cache_read_tokens * self.read
            + short * self.write
            + longer * (self.long_write or self.write)
            + usage.output_tokens * self.output
        ) / _MILLION

    def predicted(self, size: float, cached: float, output: float = 0.0) -> float:
        """Of a request of `size` tokens, of which the cache holds the first `cached`."""
        end = size - self.tail
        if not self.caches or end < self.least:
            return (size * self.input + output * self.output) / _MILLION
        read = self.hit(end, cached)
        return (read * self.read + (end - read) * self.write + self.tail * self.input + output * self.output) / _MILLION

    def hit(self, size: float, cached: float) -> float:
        """How many tokens of a request of `size` are read from a cache that holds its first `cached`."""
        read = min(size, cached)
        if not self.caches or read < self.least:
            return 0
        return read // self.step * self.step


class Messages(Struct, frozen=True):
    """Where in a request's bytes its messages stand: start <= byte < stop. `near`: where the newest of them begin, on one of which
    clients leave a mark if they mark what goes on. `spans`: where each of them begins and ends; `tokens`: of all together."""

    start: int
    near: int
    stop: int
    spans: Sequence[tuple[int, int]] = ()
    tokens: int = 0

    def behind(self, place: int) -> tuple[float, int]:
        """Tokens of the messages behind the one that this byte is in, and how many they are."""
        spans = self.spans
        after = bisect_right(spans, place, key=_end)
        if after >= len(spans):
            return 0.0, 0
        return self.tokens * (self.stop - spans[after][1]) / (self.stop - self.start), len(spans) - 1 - after


def _end(span: tuple[int, int]) -> int:
    return span[1]
