"""`backstory usage`: what providers took for all requests, beside what memory has made of the bill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstory.app.cli import main
from backstory.core.charges import Charge
from backstory.core.records import Batch, Spend
from backstory.stores.database import open_store
from tests.stores.test_charges import DAY, NOON, charge
from tests.stores.world import talk

CONVERSATION = "aaaa-1"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command over a store with three charges, two of which memory has weighed."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'memory.db'}"
    store = open_store(url)
    spend = Spend(1, CONVERSATION, NOON, "traffic", "gpt-4o", "w", 900, 400, 500, 9, 250, 0, 0.25, 1.0, True, True)
    store.write([Batch((talk(CONVERSATION, "", NOON, label="home"),), spends=(spend,))])
    rows: list[Charge] = [
        charge(step=1, conversation=CONVERSATION, total_ms=100.0),
        charge(step=2, conversation=CONVERSATION, total_ms=300.0, ended="interrupted", source="measured"),
        charge(NOON + DAY, 3, model="e", backend="local", wire="", cost=0.0, priced=False),
    ]
    store.charges.put(rows)
    store.close()

    def ran(*words: str) -> tuple[int, str, str]:
        code = main(["usage", *words, "--storage", url])
        out, err = capsys.readouterr()
        return code, out, err

    return ran


def rows(run: Run, *words: str) -> list[dict[str, Any]]:
    code, out, _ = run(*words, "--json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_rows_of_memory_say_what_all_requests_of_their_name_took(run: Run) -> None:
    known, other = rows(run)
    assert (known["name"], known["requests"], known["billed"], known["saved"]) == ("gpt-4o", 1, 0.25, 0.75), "as it always was"
    served = known["served"]
    assert (served["requests"], served["partial"], served["reported"], served["measured"]) == (2, 1, 1, 1)
    assert (served["uncached_tokens"], served["cache_read_tokens"], served["cache_write_tokens"], served["output_tokens"]) == (
        110,
        80,
        10,
        20,
    )
    assert (served["cost"], served["prices_as_of"], served["total_ms"]) == (0.5, "2026-11", {"p50": 100.0, "p95": 100.0, "p99": 100.0})
    assert (other["name"], other["kind"], other["requests"], other["served"]["requests"], other["served"]["cost"]) == (
        "e",
        "traffic",
        0,
        1,
        None,
    )


def test_it_is_grouped_by_what_memory_has_no_rows_of(run: Run) -> None:
    assert [(row["name"], row["served"]["requests"]) for row in rows(run, "--by", "backend")] == [("local", 1), ("openai", 2)]
    assert [(row["name"], row["served"]["requests"]) for row in rows(run, "--by", "principal")] == [("", 3)]
    single = rows(run, "--by", "request")
    assert [(row["model"], row["partial"], row["conversation"]) for row in single] == [
        ("e", False, ""),
        ("gpt-4o", True, CONVERSATION),
        ("gpt-4o", False, CONVERSATION),
    ]
    assert len(rows(run, "--by", "request", "--limit", "2")) == 2


def test_principals_are_called_as_the_settings_say(run: Run, tmp_path: Path) -> None:
    (tmp_path / "backstory.yaml").write_text("usage: {names: [{principal: '', name: everybody}]}\n")
    assert [(row["name"], row["served"]["requests"]) for row in rows(run, "--by", "principal")] == [("everybody", 3)]
    (tmp_path / "backstory.yaml").write_text("usage: {names: [{who: x}]}\n")
    code, _, err = run("--by", "principal")
    assert (code, "line 1: usage.names" in err) == (2, True)


def test_it_is_narrowed_by_time_and_conversation(run: Run) -> None:
    assert [row["name"] for row in rows(run, "--since", "2026-09-22")] == ["e"]
    assert rows(run, "--since", "2100-01-01T00:00:00Z") == []
    assert [row["name"] for row in rows(run, "--by", "backend", "--conversation", "home")] == ["openai"]
    assert [(row["name"], row["served"]["requests"]) for row in rows(run, "--by", "day")] == [("2026-09-21", 2), ("2026-09-22", 1)]
    code, _, err = run("--since", "yesterday")
    assert (code, err) == (2, "backstory: --since 'yesterday' is no time: say 7d, 12h, 2026-11-01, 2026-11-01T08:00:00Z, or Unix seconds\n")


def test_it_is_shown_in_two_tables(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    served, weighed = out.split("\nwhat memory has made of it:\n")
    lines = served.splitlines()
    assert lines[1].split() == ["e", "1", "0", "55", "40", "5", "10", "unknown", "50", "50", "50", "20", "20"]
    assert lines[2].split()[:9] == ["gpt-4o", "2", "0", "110", "80", "10", "20", "0.5000", "100"]
    assert lines[2].endswith("(1 estimated, 1 partial)")
    assert lines[3] == "prices as of 2026-11; times of answers that came to their end"
    assert weighed.splitlines()[1].split()[-3:] == ["0.2500", "1.0000", "0.7500"]
    newest = run("--by", "request")[1].splitlines()[1].split()
    assert newest[1:5] == ["2026-09-22", "12:00:00", "local", "e"]
