"""How providers cache prompts, as data, and the tariff of one request: its model's prices under its provider's cache rules.

Sources, as of `AS_OF`: Anthropic "Prompt caching" (5 minutes at 1.25 times the input price, 1 hour at twice, reads at a tenth or less;
least prompt by model; only where `cache_control` asks for it), OpenAI "Prompt caching" (automatic from 1,024 tokens in steps of 128; 5 to
10 minutes without use, 24 hours with `prompt_cache_retention: "24h"`; a price for writing only where prices.py has one), Google "Context
caching" (implicit, no price for writing; least prompt by model; no lifetime is promised, minutes are seen).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from backstory.config.sections import PriceRow
from backstory.core.tariff import Messages, Tariff
from backstory.providers import prices
from backstory.providers.prices import Price

AS_OF = "2026-11"
FALLBACK = "fallback: cached input at half price, writing at the input price"
"""The tariff of a model whose price is not known: mild enough to promise no saving that is not there."""

_ALIKE = Price(1.0, 4.0, 0.5, 1.0)
_MINUTES_5, _HOUR, _DAY = 300.0, 3600.0, 86_400.0
_LONG_TIMES = 2.0
# Where the request leaves the choice to the client's mark, and where the provider caches whatever is long enough.
_MARK = b'"cache_control"'
_HOUR_LONG = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*\{[^{}]*"ttl"[ \t\n\r]*:[ \t\n\r]*"1h"')
_RETAIN = b'"prompt_cache_retention"'
_DAY_LONG = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*"24h"')
# A request has four marks at most; of more, the rest is not looked at.
_MOST_MARKS, _MARK_BYTES = 8, 200


class Rule(Struct, frozen=True):
    """One provider's cache. `least`: the shortest prompt it keeps, by the beginning of the model's name, the longest beginning first to
    count. `marked`: only what the request marks."""

    ttl_s: float
    long_ttl_s: float
    least: tuple[tuple[str, int], ...]
    step: int = 1
    marked: bool = False


RULES: dict[str, Rule] = {
    "anthropic": Rule(
        _MINUTES_5,
        _HOUR,
        (
            ("", 1024),
            ("claude-3-haiku", 2048),
            ("claude-3-5-haiku", 2048),
            ("claude-haiku-4-5", 4096),
            ("claude-opus-4-5", 4096),
            ("claude-opus-4-6", 4096),
            ("claude-opus-4-7", 4096),
            ("claude-sonnet-4-6", 2048),
        ),
        marked=True,
    ),
    "openai": Rule(_MINUTES_5, _DAY, (("", 1024),), step=128),
    "gemini": Rule(_MINUTES_5, _MINUTES_5, (("", 4096), ("gemini-2.5", 2048))),
}
_FAMILIES = (("claude", "anthropic"), ("gpt", "openai"), ("chatgpt", "openai"), ("o1", "openai"), ("o3", "openai"), ("gemini", "gemini"))


class Tariffs:
    """Tariffs of requests, by the settings' rows first, then by the tables. `rows`: the first that matches counts."""

    def __init__(self, rows: Sequence[PriceRow] = ()) -> None:
        self._rows = tuple(rows)
        self._priced = lru_cache(512)(self._find)

    def of(self, wire: str, model: str, body: bytes, messages: Messages | None = None, automatic: bool = False) -> Tariff:
        """Of this request. Costs a search through its bytes: some 30 us for 400 KB. `messages`: without them, a mark anywhere is one of
        the newest message. `automatic`: the request has a mark of its own, which stands behind its newest message."""
        short, longer = self._priced(wire, model)
        if _family(wire, model) != "anthropic":
            return longer if any(_named(body, _RETAIN, _DAY_LONG).values()) else short
        marks = _named(body, _MARK, _HOUR_LONG)
        inside = [at for at in marks if messages is not None and messages.start <= at < messages.stop]
        head = messages is None or len(marks) - len(inside) > automatic
        if not marks or (messages is not None and not inside and not automatic):
            return replace(short, caches=False, head=head)
        found = longer if all(marks.values()) else _mixed(short, longer) if any(marks.values()) else short
        if messages is None or automatic:
            return replace(found, head=head)
        tail, loose = messages.behind(inside[-1])
        return replace(found, head=head, tail=tail, loose=loose, partly=inside[-1] < messages.near)

    def lent(self, wire: str, model: str) -> Tariff | None:
        """Of a request that marks nothing by itself and is marked as a whole, for the short lifetime; None where its provider has no such
        marks or its price is not known."""
        short = self._priced(wire, model)[0]
        return replace(short, head=False, lent=True) if short.marked and short.known else None

    def counted(self, wire: str, model: str) -> Tariff:
        """Of tokens that the provider has counted, those written for the longer lifetime apart."""
        return _mixed(*self._priced(wire, model))

    def _find(self, wire: str, model: str) -> tuple[Tariff, Tariff]:
        """With the short and with the long lifetime."""
        family = _family(wire, model)
        rule = RULES[family]
        row = next((one for one in self._rows if fnmatchcase(model.lower(), one.model.lower())), PriceRow(""))
        found = prices.price(model)
        known = found is not None or (row.input is not None and row.output is not None)
        base = found or _ALIKE
        into = base.input if row.input is None else row.input
        share = into / base.input if base.input else 0.0  # what a row leaves out keeps its ratio to the input price
        read = base.cache_read * share if row.cache_read is None else row.cache_read
        write = base.cache_write * share if row.cache_write is None else row.cache_write
        named = prices.plain(model)
        least = max(((start, tokens) for start, tokens in rule.least if named.startswith(start)), key=lambda one: len(one[0]))[1]
        ttl = rule.ttl_s if row.cache_ttl_s is None else row.cache_ttl_s
        tariff = Tariff(
            model if known else FALLBACK,
            into,
            base.output * share if row.output is None else row.output,
            read,
            write,
            ttl,
            least if row.cache_least_tokens is None else row.cache_least_tokens,
            rule.step,
            True,
            known,
            marked=rule.marked,
        )
        long_write = into * _LONG_TIMES if family == "anthropic" and row.cache_write is None else write
        return tariff, replace(tariff, write=long_write, ttl_s=max(ttl, rule.long_ttl_s if row.cache_ttl_s is None else ttl))


def _family(wire: str, model: str) -> str:
    named = prices.plain(model)
    known = next((family for start, family in _FAMILIES if named.startswith(start)), "")
    return known or ("anthropic" if wire == "anthropic" else "gemini" if wire == "gemini" else "openai")


def _named(body: bytes, name: bytes, value: re.Pattern[bytes]) -> dict[int, bool]:
    """For each place where the body has this name as a key, whether such a value follows. In a text its quotes would be escaped."""
    found: dict[int, bool] = {}
    at = body.find(name)
    while at >= 0 and len(found) < _MOST_MARKS:
        end = at + len(name)
        found[at] = value.match(body, end, end + _MARK_BYTES) is not None
        at = body.find(name, end)
    return found


def _mixed(short: Tariff, longer: Tariff) -> Tariff:
    """Marks of both lifetimes: the long ones stand in front, around what never changes; what a conversation adds is written for the short
    one, and lives as long."""
    return replace(short, long_write=longer.write)
