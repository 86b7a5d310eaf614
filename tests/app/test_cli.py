"""The command line, run as a user runs it: on a real store, by exit code, standard output and standard error."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory import __version__
from backstory.app.cli import main
from backstory.core.ids import TurnIds
from backstory.core.records import Batch, Conversation, Spend, Turn, Used, Watermark
from backstory.jobs.facts import stated
from backstory.memory.shrinking import tool_output
from backstory.stores.database import open_store

TALE = [
    ("user", "My sister Paula moves to Lisbon on 4 May."),
    ("assistant", "Noted: Paula, Lisbon, 4 May."),
    ("user", "The kitchen tiles cost 38 euros per square metre."),
    ("assistant", "Then 12 square metres come to 456 euros."),
]


def conversation(name: str, label: str = "", forked_from: str = "", fork_turn: int = 0, updated: float = 2e9) -> Conversation:
    """A conversation of the single user."""
    return Conversation(name, "", 1.7e9, updated, "openai_chat", "gpt-4o", label, b"", forked_from, fork_turn)


def turn(number: int, owner: str, parent: int, position: int, role: str, text: str) -> Turn:
    """A stored message; its hashes only have to be its own."""
    own = number.to_bytes(16, "big")
    raw = json.dumps({"role": role, "content": text}).encode()
    return Turn(
        number, owner, parent, position, own, own, role, "spoken", text, raw, "openai_chat", at=1.7e9 + number, arrived=1.7e9 + number
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two conversations, the second forked off after the first's second turn."""
    path = tmp_path_factory.mktemp("filled") / "m.db"
    store = open_store(f"sqlite:///{path}")
    turns = [turn(place + 1, "aaaa-1", place, place, role, text) for place, (role, text) in enumerate(TALE)]
    branch = turn(9, "bbbb-2", 2, 2, "user", "What about \x1b[31mred\x1b[0m curtains?")
    store.write([Batch((conversation("aaaa-1", "home"),), tuple(turns))])
    store.write([Batch((conversation("bbbb-2", "", "aaaa-1", 2, 2.1e9),), (branch,))])
    store.close()
    return path


@pytest.fixture
def url(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of the test's own with these conversations, and no settings file around."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(time, "localtime", time.gmtime)
    shutil.copy(filled, tmp_path / "m.db")
    return f"sqlite:///{tmp_path / 'm.db'}"


class Out:
    """Runs a command on the store."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main([*words, "--storage", self._url])
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Out:
    """The command line over that store."""
    return Out(url, capsys)


def test_conversations_are_listed_newest_first(run: Out) -> None:
    code, out, _ = run("conversations")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["bbbb-2", "aaaa-1"]
    assert "4 turns" in out.splitlines()[1]
    assert out.splitlines()[1].endswith("home")
    assert [it["id"] for it in json.loads(run("conversations", "--json", "--limit", "1")[1])] == ["bbbb-2"]


@pytest.mark.parametrize("named", ["aaaa-1", "aaaa", "HOME"])
def test_a_conversation_is_found_by_id_beginning_or_label(run: Out, named: str) -> None:
    _, out, _ = run("show", named)
    assert "   3  2023-11-14 22:13  user\n      The kitchen tiles cost 38 euros per square metre.\n" in out


def test_a_conversation_is_found_by_the_name_that_its_client_gave_it(run: Out, url: str) -> None:
    store = open_store(url)
    store.write([Batch(aliases=(("", "conversation:eggs", "aaaa-1"), ("", "session:claude-code:0e-9f", "bbbb-2")))])
    store.close()
    assert "aaaa-1" in run("show", "eggs", "--json")[1]
    assert "bbbb-2" in run("why", "0e-9f")[2]
    assert run("show", "egg")[0] == 1, "a part of it is no name"


def test_a_fork_shows_what_it_shares(run: Out) -> None:
    rows = json.loads(run("show", "bbbb", "--json")[1])
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert rows[0]["text"] == TALE[0][1]


def test_a_terminal_gets_no_control_characters(run: Out) -> None:
    _, out, _ = run("show", "bbbb")
    assert "\x1b" not in out
    assert "red" in out


def test_what_is_not_there_is_told(run: Out, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "zzzz") == (1, "", "backstory: no conversation has the id or label 'zzzz'\n")
    assert main(["show", "x", "--storage", f"sqlite:///{tmp_path}/no.db"]) == 1
    assert "nothing is stored yet" in capsys.readouterr().err
    assert not (tmp_path / "no.db").exists()


def test_a_beginning_that_fits_two_is_refused(run: Out, url: str) -> None:
    store = open_store(url)
    store.write([Batch((conversation("aaaa-7"),))])
    store.close()
    code, _, err = run("show", "aaaa")
    assert (code, "names 2 conversations" in err) == (1, True)


def test_recall_finds_the_turn_that_answers(run: Out) -> None:
    code, out, _ = run("recall", "Where does Paula move to?", "--conversation", "home")
    assert code == 0
    assert "Paula moves to Lisbon on 4 May" in out
    hits = json.loads(run("recall", "price of the kitchen tiles", "--json")[1])
    assert (hits[0]["conversation"], hits[0]["number"]) == ("aaaa-1", 3)
    assert json.loads(run("recall", "price of the kitchen tiles", "--budget", "0", "--json")[1]) == []


def test_facts_are_shown_with_their_turn(run: Out, url: str) -> None:
    store = open_store(url)
    texts = ["The demo is on Tuesday.", "no, it's Wednesday", "I prefer \x1b[31mred\x1b[0m walls."]
    store.write(
        [
            Batch(
                (conversation("cccc-3"),),
                tuple(turn(20 + place, "cccc-3", place and 19 + place, place, "user", text) for place, text in enumerate(texts)),
            )
        ]
    )
    store.close()
    code, out, _ = run("facts", "--conversation", "cccc")
    assert code == 0
    assert [line.split("  ", 1)[0].strip() for line in out.splitlines()] == ["cccc-3 #2", "cccc-3 #3"]
    assert "user: demo | is | Wednesday  [current, corrects #1 (on Tuesday)]\n" in out
    assert "user: user | prefers | [31mred[0m walls  [current]\n" in out
    assert "\x1b" not in out
    _, out, _ = run("facts", "--status", "superseded")
    assert out.endswith("user: demo | is | on Tuesday  [superseded (#2)]\n")
    rows = json.loads(run("facts", "--subject", "Paula", "--json")[1])
    assert [(row["conversation"], row["number"], row["verb"], row["object"], row["status"]) for row in rows] == [
        ("bbbb-2", 1, "will live in", "Lisbon", "planned"),
        ("aaaa-1", 1, "will live in", "Lisbon", "planned"),
    ]
    first, last = rows[0]["span"]
    assert TALE[0][1][first:last] == rows[0]["text"]
    assert rows[0]["found_by"] == "rules"
    store = open_store(url)
    [fact] = [one for one in store.facts("cccc-3") or stated(store.turns("cccc-3"), lambda: None) if one.object.endswith("walls")]
    store.put_facts([fact], Watermark("cccc-3", "facts", 22))
    store.put_facts([replace(fact, place=1000, object="walls", method="qwen3")], Watermark("cccc-3", "side_facts", 22), by_model=True)
    store.close()
    assert "prefers | walls  [current] by qwen3\n" in run("facts", "--conversation", "cccc")[1]
    assert [row["found_by"] for row in json.loads(run("facts", "--conversation", "cccc", "--json")[1])] == ["rules", "qwen3"]
    assert run("facts", "--object", "zebra") == (0, "", "nothing is known of that\n")


def test_export_holds_every_turn_verbatim(run: Out) -> None:
    _, out, _ = run("export")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 1, 2, 3]
    assert rows[6]["text"] == "What about \x1b[31mred\x1b[0m curtains?"
    assert json.loads(rows[0]["raw"]) == {"role": "user", "content": TALE[0][1]}
    _, out, _ = run("export", "home", "--format", "markdown")
    assert out.startswith("# Conversation home\n")
    assert "\n## 4. assistant, 2023-11-14 22:13\n\nThen 12 square metres come to 456 euros.\n" in out


def test_forget_takes_one_turn_or_all(run: Out) -> None:
    code, out, _ = run("forget", "--turn", "3", "--conversation", "home", "--yes")
    assert (code, "turn 3 of aaaa-1" in out) == (0, True)
    assert "38 euros" not in run("export")[1]
    assert run("forget", "bbbb", "--yes")[0] == 0
    assert "curtains" not in run("export")[1]
    code, out, err = run("forget", "--all", "--yes", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)[0]["counts"]["turns"] == 3
    assert run("forget", "--all", "--yes")[0] == 1
    assert run("conversations")[1] == ""


@pytest.mark.parametrize(
    "words",
    [(), ("aaaa", "--all"), ("--turn", "3"), ("aaaa", "--conversation", "home"), ("--all",)],
)
def test_forget_without_a_clear_word_forgets_nothing(run: Out, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = run("export")[1]
    assert run("forget", *words)[0] == 2
    assert run("export")[1] == before


def test_forget_takes_a_principal_or_a_person(run: Out) -> None:
    code, out, err = run("forget", "--person", "Nobody Here", "--yes")
    assert (code, err) == (1, "backstory: nothing is stored of 'Nobody Here'\n")
    assert run("forget", "--principal", "stranger", "--yes")[0] == 1
    code, out, _ = run("forget", "--person", "euros", "--conversation", "home", "--yes")
    assert code == 0
    assert "0 turns that they said, 0 in answer to that, " in out
    assert "euros" not in run("export", "home")[1]
    rows = json.loads(run("conversations", "--json")[1])
    assert run("forget", "--principal", rows[0]["principal"], "--yes")[0] == 0
    assert run("conversations")[1] == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("conversations", "--limit", "-1"), "must be at least 1, not -1"),
        (("conversations", "--limit", "0"), "must be at least 1, not 0"),
        (("conversations", "--limit", "many"), "not a whole number: 'many'"),
        (("recall", "rent", "--budget", "-5"), "must be at least 0, not -5"),
        (("usage", "--limit", "-3"), "must be at least 1, not -3"),
        (("forget", "home", "--turn", "0", "--yes"), "must be at least 1, not 0"),
        (("forget", "--turn", "-1", "--conversation", "home", "--yes"), "must be at least 1, not -1"),
        (("forget", "--conversation", "home", "--turn", "1", "--branch", "-1", "--yes"), "must be at least 0, not -1"),
        (("pin", "home", "0"), "must be at least 1, not 0"),
        (("pin", "home", "-5"), "must be at least 1, not -5"),
        (("conformance", "--timeout", "-1"), "must be more than 0, not -1"),
        (("conformance", "--serve-provider", "70000"), "must be from 0 to 65535, not 70000"),
        (("bench", "recall", "--budgets", "-5"), ""),
    ],
)
def test_numbers_without_sense_are_refused(run: Out, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code, _, err = run(*words)
    except SystemExit as ended:
        code, err = int(ended.code or 0), capsys.readouterr().err
    assert code == 2
    assert told in err
    assert "Traceback" not in err


def test_a_turn_number_that_is_not_there_is_told(run: Out) -> None:
    code, _, err = run("forget", "--turn", "5", "--conversation", "home", "--yes")
    assert (code, err) == (1, "backstory: conversation aaaa-1 has the turns 1 to 4, not 5\n")


def test_status_counts_what_is_stored(run: Out) -> None:
    status = json.loads(run("status", "--json")[1])
    assert (status["rows"]["turns"], status["rows"]["conversations"]) == (5, 2)
    assert status["bytes"] > 0
    code, out, _ = run("status")
    assert (code, "5 turns" in out) == (0, True)


def test_status_tells_what_the_side_model_has_used_up(run: Out, url: str, tmp_path: Path) -> None:
    assert "side " not in run("status")[1]
    settings = tmp_path / "backstory.yaml"
    settings.write_text("side_model: {provider: ollama, model: llama3.2}\n")
    assert "side      nothing is sent (side_model.tokens_per_day is 0)" in run("status")[1]
    settings.write_text("side_model: {provider: openai, model: gpt-4o, tokens_per_day: 5000, money_per_day: 0.5, api_key_env: NOT_SET}\n")
    assert "the variable NOT_SET is not set" in run("status")[1]
    code, out, err = run("config", "check")
    assert (code, "side_model.tokens_per_day = 5000" in out) == (2, True)
    assert err == "backstory: side_model.api_key_env: the variable NOT_SET is not set\n"
    (tmp_path / "key").write_text("k")
    settings.write_text("side_model: {provider: openai, model: gpt-4o, tokens_per_day: 5000, money_per_day: 0.5, api_key_file: key}\n")
    store = open_store(url)
    store.settle(time.strftime("%Y-%m-%d", time.gmtime()), Used(120, 2500, 3))
    store.close()
    told = "gpt-4o: 120 of 5000 tokens, $0.0025 of $0.5 today (UTC), 3 requests"
    assert f"side      {told}" in run("status")[1]
    assert json.loads(run("status", "--json")[1])["side_model"] == told


def paid(url: str, *spends: Spend) -> None:
    """Store these spends."""
    store = open_store(url)
    store.write([Batch(spends=spends)])
    store.close()


def test_usage_tells_what_was_paid_and_saved(run: Out, url: str) -> None:
    assert run("usage") == (0, "", "nothing was paid yet\n")
    known = Spend(1, "aaaa-1", 1.79e9, "traffic", "gpt-4o", "w", 900, 400, 500, 9, 250, 0, 0.25, 1.0, True, True)
    side = Spend(2, "", 1.79e9, "side", "gpt-4o", "", 0, 0, 500, 9, 0, 0, 0.5, 0.0, True, True)
    unknown = Spend(3, "bbbb-2", 1.79e9 + 86_400, "traffic", "mystery", "w", 70, 70, 70, 9, 0, 0, 5.0, 5.0)
    paid(url, known, side, unknown)
    found = json.loads(run("usage", "--json")[1])
    assert [(row["name"], row["kind"], row["saved"], row["cached"]) for row in found] == [
        ("gpt-4o", "side", -0.5, 0.0),
        ("gpt-4o", "traffic", 0.75, 0.5),
        ("mystery", "traffic", 0.0, 0.0),
    ]
    code, out, _ = run("usage")
    assert code == 0
    assert [line.split()[-3:] for line in out.splitlines()[1:]] == [
        ["0.5000", "0.0000", "-0.5000"],
        ["0.2500", "1.0000", "0.7500"],
        ["unknown", "unknown", "unknown"],
    ]
    assert [row["name"] for row in json.loads(run("usage", "--by", "day", "--json")[1])] == ["2026-09-21", "2026-09-21", "2026-09-22"]
    assert [row["name"] for row in json.loads(run("usage", "--conversation", "home", "--json")[1])] == ["gpt-4o"]
    status = run("status")[1]
    assert "traffic   2 requests, billed $0.2500, as they came $1.0000, saved $0.7500 (1 requests without a known price)" in status
    assert "side      1 requests, billed $0.5000" in status
    assert "stopped" not in status


def test_status_tells_of_a_stop(run: Out, url: str) -> None:
    now = time.time()
    number = TurnIds(1)()
    paid(url, Spend(number, "aaaa-1", now, "traffic", "gpt-4o", "w", billed=2.0, direct=1.0, priced=True, rewritten=True, stopped=True))
    assert "rewriting was stopped in 1 conversations in the last day" in run("status")[1]


def test_recall_tells_what_a_later_turn_changed(run: Out, url: str) -> None:
    store = open_store(url)
    texts = ["We use MySQL for the shop.", "Thanks.", "We switched to PostgreSQL."]
    turns = [turn(70 + place, "dddd-4", 69 + place if place else 0, place, "user", text) for place, text in enumerate(texts)]
    store.write([Batch((conversation("dddd-4", "shop"),), tuple(turns))])
    store.close()
    out = run("recall", "Do we use MySQL?", "--conversation", "shop")[1]
    assert [line.endswith("(later changed: #3)") for line in out.splitlines() if " #1 " in line] == [True]
    hits = json.loads(run("recall", "Do we use MySQL?", "--conversation", "shop", "--json")[1])
    assert {hit["number"]: hit["changed"] for hit in hits if hit["number"] != 2} == {1: 3, 3: 0}
    assert "corrects #1 (MySQL for the shop)" in run("facts", "--subject", "database")[1]


def test_status_tells_of_facts_that_an_earlier_version_found(run: Out, url: str) -> None:
    assert "to be read again" not in run("status")[1]
    store = open_store(url)
    store.put_facts([], Watermark("bbbb-2", "facts", 3))
    store.close()
    assert "facts     1 conversations are still to be read again" in run("status")[1]
    assert json.loads(run("status", "--json")[1])["read_again"] == 1


def test_config_check_tells_value_source_and_meaning(run: Out, tmp_path: Path) -> None:
    (tmp_path / "backstory.yaml").write_text("marker: never\n")
    _, out, _ = run("config", "check")
    assert f"marker = never    [{tmp_path / 'backstory.yaml'}, line 1]" in out
    assert "[command line]" in out
    assert any(row["key"] == "recall.budget_tokens" for row in json.loads(run("config", "check", "--json")[1]))
    (tmp_path / "backstory.yaml").write_text("marker: nver\n")
    code, _, err = run("config", "check")
    assert (code, "one of auto, always, never" in err) == (2, True)
    (tmp_path / "backstory.yaml").write_text("proxy:\n  host: ''\n")
    code, _, err = run("config", "check")
    assert (code, "line 2: proxy.host: expected text that is not empty" in err) == (2, True), "it would listen to everybody"
    (tmp_path / "backstory.yaml").write_text("vectors: {model: remote}\n")
    code, _, err = run("config", "check")
    assert (code, "vectors.model remote needs vectors.url" in err) == (2, True), "what serve would refuse"
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "backstory.yaml").write_text("first_prompt: {append_file: empty.txt}\n")
    code, _, err = run("config", "check")
    assert (code, "empty.txt is empty" in err) == (2, True)


def test_wrong_usage_is_two() -> None:
    for words in ([], ["nonsense"], ["show"], ["export", "--format", "xml"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2


def test_the_command_loads_little_before_it_knows_what_to_do() -> None:
    code = "import sys; from backstory.app.cli import main; main(['version']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version == f"backstory {__version__}"
    for heavy in ("asyncio", "sqlite3", "yaml", "sqlalchemy", "prometheus_client", "backstory.config"):
        assert f"'{heavy}'" not in modules


def test_a_reader_that_leaves_is_no_traceback(url: str) -> None:
    store = open_store(url)
    store.write([Batch((conversation("cccc-3"),), tuple(turn(n, "cccc-3", n - 1, n - 100, "user", "x" * 500) for n in range(100, 400)))])
    store.close()
    command = f'"{sys.executable}" -m backstory export --storage "{url}" | head -n 1 | wc -l'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


def backstory(url: str, *words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, its output as bytes."""
    command = [sys.executable, "-m", "backstory", *words, "--storage", url]
    return subprocess.run(command, capture_output="stdout" not in more, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def foreign(url: str) -> str:
    """A store with words that not every terminal can show."""
    store = open_store(url)
    store.write([Batch((conversation("cccc-3", updated=2.2e9),), (turn(20, "cccc-3", 0, 0, "user", "ünd 中文 \N{GRINNING FACE}"),))])
    store.close()
    return url


_ASCII = {"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]}


@pytest.mark.parametrize(
    "words", [("export",), ("export", "--format", "markdown"), ("show", "cccc", "--json"), ("recall", "ünd", "--json")]
)
def test_what_programs_read_is_utf8_wherever_it_goes(foreign: str, words: tuple[str, ...]) -> None:
    done = backstory(foreign, *words, env=_ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "ünd 中文 \N{GRINNING FACE}" in done.stdout.decode()


@pytest.mark.parametrize("words", [("show", "cccc"), ("recall", "ünd"), ("conversations",)])
def test_what_a_terminal_cannot_show_is_spelled_out(foreign: str, words: tuple[str, ...]) -> None:
    done = backstory(foreign, *words, env=_ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"\\xfcnd \\u4e2d\\u6587 \\U0001f600" in done.stdout) == (words != ("conversations",))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [("export",), ("show", "aaaa"), ("conversations",), ("usage",), ("config", "check")])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_device_is_told(url: str, words: tuple[str, ...], buffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = backstory(url, *words, stdout=full, stderr=subprocess.PIPE, env={"PYTHONUNBUFFERED": buffered, "PATH": os.environ["PATH"]})
    # Nothing was paid: then there is nothing to write.
    told = b"nothing was paid yet\n" if words == ("usage",) else b"No space left on device\n"
    assert done.stderr.endswith(told)
    assert done.stderr.count(b"\n") == 1
    assert done.returncode == (0 if words == ("usage",) else 1)


def test_a_closed_output_is_no_traceback(url: str) -> None:
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m backstory export --storage {url} >&-"], capture_output=True, check=False)
    assert done.stderr == b""


@pytest.mark.parametrize(
    "words",
    [
        ("why", "9" * 25),
        ("why", "9" * 5000),
        ("why", "²" * 20),
        ("why", "-1"),
        ("why", f"aaaa-1:{'9' * 25}"),
        ("why", f"aaaa-1:{'9' * 5000}"),
        ("diff", "9" * 25),
        ("pin", "aaaa-1", "9" * 25),
        ("forget", "--conversation", "aaaa-1", "--turn", "9" * 25, "--yes"),
    ],
)
def test_a_number_that_cannot_be_is_told_in_words(run: Out, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err.startswith("backstory: ")
    assert "INTEGER" not in err
    assert "too large" not in err


def test_a_limit_may_be_as_large_as_one_likes(run: Out) -> None:
    assert run("conversations", "--limit", "9" * 25) == run("conversations")


def test_what_a_stub_stands_for_comes_back(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path, output = tmp_path / "m.db", "line one\nline two ä\n"
    store = open_store(f"sqlite:///{path}")
    calls = json.dumps([{"id": "c1", "name": "read", "result": output}])
    result = replace(turn(7, "cccc-3", 0, 0, "tool", output), kind="tool", calls=calls)
    store.write([Batch((conversation("cccc-3"),), (result,))])
    store.close()
    ref = f"t7-{tool_output.content(output)[:4].hex()}"
    storage = ["--storage", f"sqlite:///{path}"]
    assert main(["restore", ref, *storage]) == 0
    assert capsysbinary.readouterr().out == output.encode()
    assert main(["restore", ref, "--output", str(tmp_path / "out"), *storage]) == 0
    assert (tmp_path / "out").read_bytes() == output.encode()
    capsysbinary.readouterr()
    for wrong in ("t7-00000000", "t8-00000000", "nonsense"):
        assert main(["restore", wrong, *storage]) == 1
        assert wrong.encode() in capsysbinary.readouterr().err
