"""How long a provider keeps a prompt, and at what price, is read off the request; settings come before the tables."""

from __future__ import annotations

import pytest

from backstory.config.sections import PriceRow
from backstory.core.tariff import Messages
from backstory.providers.caching import FALLBACK, RULES, Tariffs

MARKED = b'{"system":[{"type":"text","text":"x","cache_control": {"type":"ephemeral"}}]}'
HOUR = b'{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]}'
MARK = b'{"cache_control":{"type":"ephemeral"}}'
QUOTED = rb'{"messages":[{"role":"user","content":"say \"cache_control\": {\"ttl\": \"1h\"}"}]}'


def test_anthropic_caches_what_is_marked() -> None:
    of = Tariffs().of
    brief = of("anthropic", "claude-sonnet-4-5", MARKED)
    assert (brief.caches, brief.ttl_s, brief.write, brief.read, brief.least) == (True, 300, 3.75, 0.3, 1024)
    hour = of("anthropic", "claude-sonnet-4-5", HOUR)
    assert (hour.ttl_s, hour.write) == (3600, 6)
    both = of("anthropic", "claude-sonnet-4-5", HOUR + MARKED)
    assert (both.ttl_s, both.write, both.long_write) == (300, 3.75, 6)
    for body in (b"{}", QUOTED):
        assert not of("anthropic", "claude-sonnet-4-5", body).caches


@pytest.mark.parametrize(
    ("at", "caches", "partly"), [(-1, False, False), (0, True, True), (1, True, True), (2, True, False), (3, False, False)]
)
def test_where_the_last_mark_stands_says_how_much_is_cached(at: int, caches: bool, partly: bool) -> None:
    parts = [b'{"system":[%b],"messages":[', b"%b,", b"%b,", b"%b", b'],"tools":[%b]}']
    made = [part % (MARK if place == at + 1 else b"{}") for place, part in enumerate(parts)]
    ends = [len(b"".join(made[:count])) for count in range(1, 5)]
    tariff = Tariffs().of("anthropic", "claude-sonnet-4-5", b"".join(made), Messages(ends[0], ends[2], ends[3]))
    assert (tariff.caches, tariff.partly) == (caches, partly)


def test_openai_caches_by_itself_in_steps() -> None:
    of = Tariffs().of
    for wire in ("openai_chat", "openai_responses"):
        tariff = of(wire, "gpt-4o-2024-08-06", b"{}")
        assert (tariff.read / tariff.input, tariff.write, tariff.step, tariff.least, tariff.ttl_s) == (0.5, tariff.input, 128, 1024, 300)
    assert of("openai_chat", "gpt-5.2", b"{}").read == pytest.approx(0.175)
    assert of("openai_chat", "gpt-5.2", b'{"prompt_cache_retention": "24h"}').ttl_s == 86_400
    assert of("openai_chat", "gpt-5.6-sol", b"{}").write == 5


def test_gemini_caches_by_itself() -> None:
    tariff = Tariffs().of("gemini", "gemini-2.5-pro", b"{}")
    assert (tariff.least, tariff.step, tariff.read / tariff.input, tariff.write) == (2048, 1, 0.1, tariff.input)
    assert Tariffs().of("gemini", "gemini-3.1-pro", b"{}").least == 4096


@pytest.mark.parametrize(
    ("model", "least"), [("claude-opus-4-5", 4096), ("claude-sonnet-4-6", 2048), ("us.anthropic.claude-haiku-4-5", 4096)]
)
def test_the_least_prompt_is_the_models(model: str, least: int) -> None:
    assert Tariffs().of("anthropic", model, MARKED).least == least


def test_a_claude_behind_another_wire_is_charged_as_claude() -> None:
    assert not Tariffs().of("openai_chat", "anthropic/claude-sonnet-4-5", b"{}").caches


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses", "gemini", ""])
def test_an_unknown_model_has_a_named_fallback_and_no_money(wire: str) -> None:
    tariff = Tariffs().of(wire, "mystery-1", b"{}")
    assert (tariff.known, tariff.model, tariff.input, tariff.read, tariff.write) == (False, FALLBACK, 1.0, 0.5, 1.0)


def test_the_first_row_of_the_settings_that_matches_counts() -> None:
    rows = (PriceRow("local-*", 0.1, 0.2, 0.01, 0.1, 60.0, 512), PriceRow("GPT-4*", cache_read=0.5), PriceRow("*", 9.0, 9.0))
    of = Tariffs(rows).of
    local = of("openai_chat", "Local-7b", b"{}")
    assert (local.known, local.input, local.output, local.read, local.write, local.ttl_s, local.least) == (
        True,
        0.1,
        0.2,
        0.01,
        0.1,
        60,
        512,
    )
    partly = of("openai_chat", "gpt-4o", b"{}")
    assert (partly.input, partly.read, partly.write) == (2.5, 0.5, 2.5)
    other = of("openai_chat", "mystery-1", b"{}")
    assert (other.known, other.input, other.read) == (True, 9.0, 4.5), "what a row leaves out keeps its ratio"


def test_every_rule_has_a_least_for_any_model() -> None:
    assert all("" in dict(rule.least) for rule in RULES.values())
