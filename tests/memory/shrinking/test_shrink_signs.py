"""What a line tells, and that the one that matters is not lost among many that do not."""

from __future__ import annotations

import random
import re

import pytest

from backstory.memory.shrinking import shrink_signs
from backstory.memory.shrinking.shrink_lines import clip_about, ends
from backstory.memory.shrinking.shrink_signs import LIKELY, SURE, focus, pattern, ranked, signs, teller
from backstory.memory.shrinking.shrinkers import SHRINKERS, shrink
from tests.growth import MOST, growth

SURELY = [
    "CRITICAL: replica is gone",
    "Segmentation fault (core dumped)",
    "container plank exited with code 137",
    "E0501 10:00:00.000000 1 hull.go:88] not booked",
    "E/Hull: not booked",
    "11-28 10:00:00.123  1234  1234 E Hull: not booked",
    "<3>kernel: not booked",
    'ts=2026 level=error msg="not booked"',
    '{"time":"2026","level":"error","msg":"not booked"}',
    '{"level":50,"msg":"not booked"}',
    "[ERR] not booked",
    "[2026-11-28 10:00:00,123: ERROR/MainProcess] not booked",
    "2026-11-28 10:00:00.000 [main] ERROR org.ship.Hull - not booked",
    "npm ERR! code ELIFECYCLE",
    "src/hull.c:88:5: error: expected ';'",
    "error[E0308]: mismatched types",
    "hull.ts(3,5): error TS2322: no",
    "make: *** [Makefile:12: all] Error 2",
    "exit status 2",
    "job ended rc=1",
    "terminated by signal 11",
    "ValueError: too short",
    "--- FAIL: TestHull (0.00s)",
    "E       assert 3 == 4",
    "FEHLER: Verbindung verloren",
    "Traceback (most recent call last):",
]
LIKELY_ONES = [
    "psql: deadlock detected",
    "curl: (7) Connection refused",
    "read tcp 10.0.0.1: connection reset by peer",
    "request timed out",
    "cp: cannot stat 'a': No such file or directory",
    "permission denied",
    '10.0.0.9 - - [28/Nov/2026] "POST /pay HTTP/1.1" 502 157 "-"',
    "answered with 503",
    "status: 500",
    "connect ECONNREFUSED 127.0.0.1:5432",
    "java.lang.OutOfMemoryError",
    "1 failed, 3 passed, 0 errors",
    "errors: 0, failures: 2",
    "Tests run: 40, Failures: 1, Errors: 0",
    "Erreur : fichier introuvable",
    "ОШИБКА соединения",
    "错误: 无法连接",
    "エラー: 接続できません",
    "치명적 오류",
    "błąd połączenia",
    "x509: unable to verify",
    "error: null pointer dereference",
    "error: no space left",
]
PERHAPS = [
    "2026-11-28 10:00:00 WARN pool is small",
    "W1128 10:00:00.000000 1 hull.go:88] slow",
    "app.py:3: DeprecationWarning: old",
    "missing field 'amount'",
    "unexpected token",
    "checksum mismatch",
    "event payment_failed order 3",
    '  File "/srv/hull.py", line 88, in charge',
    "\tat org.ship.Hull.charge(Hull.java:88)",
    "    at charge (/srv/hull.js:88:13)",
    "status=404",
]
HARMLESS = [
    "0 errors",
    "error_count=0",
    "no failures",
    "no test failures",
    "failed=0 unreachable=0",
    "[INFO] Tests run: 40, Failures: 0, Errors: 0, Skipped: 0",
    '<testsuite errors="0" failures="0">',
    "error rate: 0.0%",
    '"error": null,',
    '"errors": []',
    '"is_error": false',
    "level=info err=null msg=ready",
    '{"level":30,"msg":"ready"}',
    "src/error.py",
    "./lib/errors/index.ts",
    "-rw-r--r-- 1 me me 300 Nov 2 10:00 error.log",
    "pytest --fail-fast -x",
    "   Compiling thiserror v1.0.50",
    "def on_error(self):",
    "error-handler registered",
    "ErrorBoundary.tsx",
    "test errors::kill_switch ... ok",
    "tests/test_errors.py::test_fails PASSED [ 3%]",
    "  ✓ fails on bad input (3 ms)",
    "ok 12 - handles a timeout error",
    "ok  \texample.org/errors\t0.1s",
    "exit code 0",
    "exited with code 0",
    'GET /a HTTP/1.1" 200 503',
    "took 500 ms",
    "port 5000",
    "I1128 10:00:00.000000 1 main.go:88] ready",
    "All checks passed!",
]


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(SURELY, SURE, SURE), (LIKELY_ONES, LIKELY, SURE), (PERHAPS, 1, SURE - 1), (HARMLESS, 0, 0)]
)
def test_a_line_tells_as_surely_as_its_words_and_numbers_do(lines: list[str], least: int, most: int) -> None:
    assert [line for line in lines if not least <= signs(line)[0] <= most] == []
    told = teller("\n".join(lines))
    assert [line for line in lines if not least <= told(line)[0] <= most] == [], "the same where others stand beside it"


def _spelt(words: str) -> list[str]:
    """All that a choice of words, of which parts may be left out or chosen, stands for."""
    words = re.sub(r"\[(\w+)\]", lambda letters: f"(?:{'|'.join(letters.group(1))})", words)
    made: list[str] = []
    for word in re.split(r"\|(?![^(]*\))", words):
        some = [""]
        for plain, chosen, may in re.findall(r"([^(?]\??)|\(\?:([^)]*)\)(\??)", word):
            parts = [plain[0], *([""] if plain[1:] else [])] if plain else [*chosen.split("|"), *([""] if may else [])]
            some = [start + each.replace("?", "") for start in some for part in parts for each in {part, re.sub(r".\?", "", part)}]
        made += some
    return made


def test_judging_line_by_line_and_all_at_once_are_the_same() -> None:
    words = _spelt(shrink_signs._LIKELY_WORDS) + _spelt(shrink_signs._MAYBE_WORDS) + shrink_signs._RUN_ON.split("|")
    assert {"errored", "no se pudo", "backoff", "back-off", "rolled back"} <= set(words)
    whole = [*SURELY, *LIKELY_ONES, *PERHAPS, *HARMLESS, *words]
    dice = random.Random(9)
    some = [dice.choice(whole)[dice.randint(0, 9) :] + dice.choice(["", " ", ": ", "=", ' "']) + dice.choice(whole) for _ in range(6000)]
    long = [(line * 90)[: dice.randint(590, 700)] for line in dice.sample(some, 300)]
    forms = ['level="e"', "lvl: e", "[F] not booked", "rc 7", "(rc=1)", "*** [all]", "  × not booked", "errno 5", "ret retcode=3"]
    lines = [*whole, *[f"{word.upper()} 5" for word in words], *some, *long, *forms, "PASS status 500", "e", "", " "]
    told = teller("\n".join(lines))
    assert [line for line in lines if told(line) != signs(line)] == []
    assert [line for line in words if not signs(f"{line} 5")[0]] == []


WORDS = [
    "cache",
    "worker",
    "queue",
    "index",
    "order",
    "shard",
    "batch",
    "node",
    "session",
    "token",
    "route",
    "part",
    "store",
    "user",
    "item",
    "report",
    "plan",
    "page",
    "frame",
]
DID = ["loaded", "started", "finished", "stored", "indexed", "sent", "checked", "opened", "closed", "flushed", "merged", "moved", "synced"]


def _everyday(kind: str, at: int, dice: random.Random) -> str:
    what, did = dice.choice(WORDS), dice.choice(DID)
    time = f"2026-11-28 {at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}"
    match kind:
        case "log":
            return f"{time} INFO {what} {at} {did} in {dice.randint(1, 99)} ms"
        case "numbered errors":
            return f"error path {at} of {at + 7} rehearsed"
        case "named errors":
            return f"error path {''.join(dice.choices('abcdefgh', k=8))} rehearsed"
        case "access":
            return f'10.0.{at % 250}.1 - - [{time}] "GET /{what}/{at} HTTP/1.1" 200 {dice.randint(100, 9999)} "-" "Mozilla/5.0"'
        case "json":
            return f'{{"time":"{time}","level":"info","msg":"{what} {did}","error":null,"n":{at}}}'
        case "warnings":
            return f"src/{what}.c:{at}:9: warning: unused variable '{did}' [-Wunused-variable]"
        case "tests":
            return f"tests/test_{what}_errors.py::test_{did}_{at}_fails PASSED [{at // 9}%]"
        case _:
            return " ".join(dice.choices(WORDS + DID, k=dice.randint(4, 12)))


@pytest.mark.parametrize("kind", ["log", "numbered errors", "named errors", "access", "json", "warnings", "tests", "prose"])
@pytest.mark.parametrize("line", [*SURELY, *LIKELY_ONES[:18], *PERHAPS[:7], "Zázrak nepřišel"])
def test_one_line_that_matters_is_not_lost_among_nine_hundred(kind: str, line: str) -> None:
    dice = random.Random(kind)
    lines = [_everyday(kind, at, dice) for at in range(900)]
    lines[467] = line
    found = shrink("\n".join(lines), 720)
    assert line.strip() in found
    assert len(found) <= 900


def test_a_long_text_is_shrunk_in_pieces_between_which_others_can_work() -> None:
    breaths: list[int] = []
    lines = [f"the plank {'abcdefg'[at % 7] * (at % 11 + 1)} is well" for at in range(400)]
    shrink("\n".join(lines), 720, lambda: breaths.append(1))
    assert len(breaths) == len(SHRINKERS)


def test_many_of_one_kind_do_not_keep_another_away() -> None:
    lines = [f"ERROR in part {'abcdefghij'[at % 10] * (at % 17 + 1)} at {at}: connection refused by {'xyz'[at % 3]}" for at in range(300)]
    lines[133] = "WARN disk is nearly full"
    lines[211] = "the keel broke: out of memory"
    found = ends("\n".join(lines), 900)
    assert found is not None
    assert lines[133] in found
    assert lines[211] in found
    assert "connection refused" in found


def test_alike_errors_are_told_by_number() -> None:
    lines = [f"2026-11-28 10:{at // 60:02}:{at % 60:02} ERROR row {at}: connection refused" for at in range(600)]
    found = shrink("\n".join(lines), 720)
    assert lines[0] in found
    assert lines[-1] in found
    assert "... 598 similar lines left out ..." in found


def test_ids_are_no_difference() -> None:
    one = "req=4f3ab2c1-aaaa-4bcd-8def-0123456789ab took 12 ms at 0xdeadbeef01"
    assert pattern(one) == pattern("req=ffffffff-1bcd-4eee-9abc-ba9876543210 took 7 ms at 0xfeed00beef")
    assert pattern("deadbeefs") == "deadbeefs"


def test_a_long_line_shows_what_it_tells() -> None:
    line = "2026-11-28 10:00:00 " + "some.long.logger.of.many.parts " * 9 + "charge failed for order 991: card declined" + " context" * 60
    short = clip_about(line, 180)
    assert len(short) <= 180
    assert "failed for order 991" in short
    assert clip_about("plain " * 90, 100) == clip_about("plain " * 90, 100)
    assert clip_about("short", 100) == "short"
    assert focus("nothing here") == 0
    assert focus("a TypeError") > 0


def test_ranks_name_each_line_once_and_take_time_in_proportion() -> None:
    lines = [*SURELY, *LIKELY_ONES, *PERHAPS, *HARMLESS] * 3
    order = ranked(lines)
    assert len(order) == len(set(order))
    assert ranked(["plain"] * 80) == []
    assert growth(lambda size: lambda: ranked([f"error path {at} of {at % 13}" for at in range(size)]), 800) < MOST
