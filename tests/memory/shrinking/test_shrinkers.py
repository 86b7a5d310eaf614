"""Each shrinker on texts of its kind: what must stay stays, what goes is told, and nothing grows."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.memory.shrinking import shrink_data, shrink_lines, shrink_logs, shrink_signs
from backstory.memory.shrinking.shrinkers import SHRINKERS, shrink
from tests.growth import MOST, cost, growth

PYTEST = "\n".join(
    [
        "============================= test session starts ==============================",
        "platform linux -- Python 3.12.1, pytest-8.1.1, pluggy-1.4.0",
        "collected 212 items",
        "",
        *(f"tests/unit/test_part_{number}.py {'.' * 12} [{number * 2:>3}%]" for number in range(40)),
        "tests/unit/test_sums.py ..F. [ 98%]",
        "",
        "=================================== FAILURES ===================================",
        "_________________________________ test_add _________________________________",
        ">       assert add(1, 2) == 4",
        "E       assert 3 == 4",
        "tests/unit/test_sums.py:12: AssertionError",
        "=========================== short test summary info ============================",
        "FAILED tests/unit/test_sums.py::test_add - assert 3 == 4",
        "======================== 1 failed, 211 passed in 4.02s ========================",
    ]
)
JEST = "\n".join(
    [
        *(f"PASS src/parts/part{number}.test.ts" for number in range(20)),
        "FAIL src/sum.test.ts",
        *(f"    ✓ keeps number {number} (2 ms)" for number in range(20)),
        "    ✕ adds two numbers (3 ms)",
        "  ● adds two numbers",
        "    Expected: 4",
        "    Received: 3",
        "Test Suites: 1 failed, 20 passed, 21 total",
        "Tests:       1 failed, 40 passed, 41 total",
    ]
)
CARGO = "\n".join(
    [
        "   Compiling ship v0.1.0 (/work/ship)",
        "running 31 tests",
        *(f"test deck::plank_{number} ... ok" for number in range(30)),
        "test hull::leaks ... FAILED",
        "failures:",
        "---- hull::leaks stdout ----",
        "thread 'hull::leaks' panicked at src/hull.rs:9:5: water",
        "test result: FAILED. 30 passed; 1 failed; 0 ignored; finished in 0.02s",
    ]
)
GO = "\n".join(
    [
        *(f"=== RUN   TestPlank{number}\n--- PASS: TestPlank{number} (0.00s)" for number in range(20)),
        "=== RUN   TestHull",
        "    hull_test.go:14: got 3, want 4",
        "--- FAIL: TestHull (0.01s)",
        "FAIL",
        "FAIL\texample.org/ship\t0.204s",
        "ok  \texample.org/ship/deck\t0.100s",
    ]
)


@pytest.mark.parametrize(
    ("log", "kept", "gone"),
    [
        (PYTEST, ["assert add(1, 2) == 4", "E       assert 3 == 4", "1 failed, 211 passed", "collected 212"], "test_part_7.py"),
        (JEST, ["✕ adds two numbers", "Expected: 4", "Tests:       1 failed", "FAIL src/sum.test.ts"], "part7.test"),
        (CARGO, ["hull::leaks ... FAILED", "panicked at src/hull.rs:9:5", "test result: FAILED"], "plank_7 "),
        (GO, ["hull_test.go:14: got 3, want 4", "--- FAIL: TestHull", "FAIL\texample.org/ship"], "TestPlank7 "),
    ],
    ids=["pytest", "jest", "cargo", "go"],
)
def test_a_test_log_keeps_what_failed(log: str, kept: list[str], gone: str) -> None:
    found = shrink_logs.tests(log, 1200)
    assert found is not None
    assert len(found) < len(log) / 2
    for line in kept:
        assert line in found
    assert gone in log
    assert gone not in found
    assert " left out ..." in found


def test_a_build_log_keeps_its_errors_and_its_end() -> None:
    steps = [f"   Compiling plank v0.{number}.0" for number in range(60)]
    log = "\n".join(
        [*steps[:40], "error[E0308]: mismatched types", "  --> src/hull.rs:9:5", *steps[40:], "error: could not compile `ship`"]
    )
    found = shrink_logs.builds(log, 4000)
    assert found is not None
    for line in ("error[E0308]: mismatched types", "  --> src/hull.rs:9:5", "could not compile `ship`", steps[0]):
        assert line in found
    assert "... 38 lines of steps left out ..." in found
    npm = "\n".join([f"npm http fetch GET 200 https://example.org/{number}" for number in range(50)] + ["npm ERR! code E404", "added 0"])
    assert "npm ERR! code E404" in (shrink_logs.builds(npm, 4000) or "")


def test_of_a_long_trace_both_ends_stay() -> None:
    frames = [f'  File "/app/part{number}.py", line {number}, in step\n    step{number}()' for number in range(30)]
    trace = "\n".join(["Traceback (most recent call last):", *frames, "ValueError: the hull leaks"])
    found = shrink_logs.traces(trace, 100)
    assert found is not None
    for line in ("Traceback", "part0.py", "part1.py", "part29.py", "ValueError: the hull leaks"):
        assert line in found
    assert "part15.py" not in found
    node = "\n".join(["TypeError: no", *(f"    at step{number} (/app/part{number}.js:3:9)" for number in range(20)), "exit"])
    assert "lines of frames left out" in (shrink_logs.traces(node, 100) or "")
    java = "\n".join(["java.lang.Error: no", *(f"\tat org.ship.Hull.leak{number}(Hull.java:{number})" for number in range(20))])
    assert "Hull.leak19" in (shrink_logs.traces(java, 100) or "")


def test_json_stays_json_and_shows_the_odd_ones() -> None:
    rows = [{"id": number, "name": f"plank {number}", "error": "timeout" if number == 77 else None} for number in range(300)]
    text = json.dumps({"rows": rows, "note": "x" * 5000, "ok": True})
    found = shrink_data.data(text, 900)
    assert found is not None
    assert len(found) <= 900
    read = json.loads(found)
    assert read["ok"] is True
    assert any(isinstance(one, dict) and one.get("id") == 77 for one in read["rows"])
    assert read["rows"][-1]["id"] == 299
    gone = sum(int(one.split()[1]) for one in read["rows"] if isinstance(one, str))
    assert gone + sum(isinstance(one, dict) for one in read["rows"]) == 300, "it counts right"
    assert "characters left out" in read["note"]


def test_json_keeps_its_numbers_as_they_are_spelt() -> None:
    odd = '{"version":1.10,"price":100.00,"exact":0.10000000000000000555,"far":1E5,"huge":1e999,"id":12345678901234567890123}'
    found = shrink_data.data(f"[{','.join(['{}'] * 400)},{odd}]", 300)
    assert found is not None
    assert found.endswith(f"{odd}]")


@pytest.mark.parametrize(
    "start", ["2026-11-26 10:{:02}:{:02} INFO", "2026-11-26T10:{:02}:{:02}Z", "10:{:02}:{:02}", "26-11-2026 10:{:02}:{:02}"]
)
def test_a_log_is_no_listing_of_matches_and_keeps_its_error_and_its_last_line(start: str) -> None:
    lines = [f"{start.format(at // 60, at % 60)} worker asked for {'part ' * (at % 7)}by {'abcdefg'[at % 5]}" for at in range(200)]
    lines[77] = f"{start.format(1, 17)} ERROR payment failed: card declined for order 991"
    found = shrink("\n".join(lines), 700)
    assert lines[77] in found
    assert found.endswith(lines[-1])
    assert "matches in" not in found


@pytest.mark.parametrize("failed", ["not ok 33 - adds two numbers", "✖ adds two numbers (1.2ms)", " × src/sum.test.ts > adds two numbers"])
def test_the_name_of_the_test_that_failed_stays_whatever_the_runner(failed: str) -> None:
    passed = [f"ok {at} - {['parser', 'lexer', 'vm'][at % 3]} takes {'abcdefgh'[at % 8] * 9}" for at in range(1, 61)]
    assert failed in shrink("\n".join([*passed[:32], failed, *passed[33:]]), 600)


def test_json_shows_the_element_that_is_unlike_all_others() -> None:
    pods = [{"n": at, "spec": {"on": f"node-{at % 3}"}, "status": {"phase": "Pending" if at == 222 else "Running"}} for at in range(400)]
    found = shrink_data.data(json.dumps(pods), 720)
    assert found is not None
    shown = [one["n"] for one in json.loads(found) if isinstance(one, dict)]
    assert {0, 222, 399} <= set(shown)
    deep = [{"n": at, "status": {"last": {"reason": "request failed" if at == 9 else f"fine {at}"}}} for at in range(60)]
    assert "request failed" in (shrink_data.data(json.dumps(deep), 500) or "")
    all_wrong = [{"n": at, "error": "timeout", "kind": "odd" if at == 41 else "even"} for at in range(60)]
    assert '"odd"' in (shrink_data.data(json.dumps(all_wrong), 500) or "")


@pytest.mark.parametrize("start", ["[INFO]", "[12:00:01]", "[worker-1]"])
def test_a_line_in_brackets_is_no_json(start: str) -> None:
    log = "\n".join([*(f"{start} got {'abcdefg'[at % 7] * (at % 11)}" for at in range(90)), "[ERROR] the hull leaks", f"{start} end"])
    found = shrink(log, 500)
    assert "like lines" not in found
    assert "[ERROR] the hull leaks" in found


def test_of_a_page_that_stays_which_can_be_read() -> None:
    page = "<!DOCTYPE html><html><head><title>Hulls &amp; masts</title><style>" + ".a{b:c}" * 400 + "</style></head><body>"
    page += "".join(f"<div class='row'><a href='/p/{at}'>Plank {at}</a>\n<b>{at} kg</b></div>" for at in range(30))
    page += "<SCRIPT>" + "var a=1<2;" * 200 + "</SCRIPT><p>The end</p></body></html>"
    found = shrink_data.pages(page, 100)
    assert found is not None
    assert found.startswith("Hulls & masts\nPlank 0\n0 kg\n")
    assert "The end\n... " in found
    assert found.endswith("characters of markup left out ...")
    assert "var a" not in found
    assert "b:c" not in found
    assert shrink_data.pages("plain <b>text</b>", 10) is None
    assert shrink_data.pages("<html>", 10) is None
    assert "open" in (shrink_data.pages("<html><p>before</p><div><span></span></div><p></p>" * 9 + "<script>open", 10) or "")


def test_words_are_no_files() -> None:
    assert shrink_data.listing("\n".join(f"plank{'abcdefg'[at % 7]}" for at in range(60)), 100) is None
    lines = [f"处理第{at}行完成" for at in range(500)]
    lines[250] = "磁盘空间不足"
    assert lines[250] in shrink("\n".join(lines), 400)


def test_a_test_log_keeps_the_names_that_its_end_lists() -> None:
    failed = [f"FAILED tests/test_{name}.py::test_{name} - assert {at} == 0" for at, name in enumerate(["hull", "mast", "sail"])]
    log = [
        "============================= test session starts ==============================",
        *(f"tests/test_deck.py::test_plank_{at} PASSED [ 1%]" for at in range(300)),
        "=================================== FAILURES ===================================",
        *(f"    step {at} of what the test does in some more words = {at}" for at in range(90)),
        ">       assert 3 == 0",
        "E       assert 3 == 0",
        "=============================== warnings summary ===============================",
        *(f"lib/{name}.py:{at}: DeprecationWarning: {name} is old" for at, name in enumerate("abcdefghijklmno")),
        "=========================== short test summary info ============================",
        *failed,
        "======================== 3 failed, 300 passed in 4.02s ========================",
    ]
    found = shrink("\n".join(log), 720)
    assert [line for line in [*failed, log[-1]] if line not in found] == []


def test_json_lines_are_cut_by_line() -> None:
    text = "\n".join(json.dumps({"n": number, "level": "error" if number == 50 else "info"}) for number in range(200))
    found = shrink_data.data(text, 400)
    assert found is not None
    assert '"error"' in found
    assert '{"n": 199' in found


def test_a_listing_says_how_many_more_there_are() -> None:
    found = shrink_data.listing("\n".join(f"./src/part{number // 40}/file_{number}.py" for number in range(200)), 700)
    assert found is not None
    assert "file_0.py" in found
    assert "more entries in ./src/part0 left out" in found
    matches = "\n".join(f"src/hull.py:{number}: leak({number})" for number in range(60))
    assert "52 more matches in src/hull.py left out" in (shrink_data.listing(matches, 400) or "")
    long = "total 900\n" + "\n".join(f"-rw-r--r-- 1 me me {number} Nov  2 10:00 file_{number}" for number in range(90))
    assert "entries left out" in (shrink_data.listing(long, 600) or "")
    assert shrink_data.listing("one line of prose\n" * 40, 100) is None


def test_of_lines_with_one_prefix_those_that_tell_of_errors_stay() -> None:
    lines = [f"web-{at % 9}-abc: {'CrashLoopBackOff error' if at == 50 else 'Running'} {'xyz'[at % 3]}" for at in range(120)]
    found = shrink("\n".join(lines), 700)
    assert lines[50] in found.split("\n")
    left = next(line for line in found.split("\n") if line.startswith("... "))
    assert int(left.split()[1]) == len(lines) - found.count("\n")


def test_a_diff_loses_what_was_not_changed_first() -> None:
    hunk = "@@ -1,9 +1,9 @@ def leak():\n" + " same line\n" * 8 + "-old {0}\n+new {0}\n" + " other line\n" * 8
    text = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n" + "".join(hunk.format(number) for number in range(20))
    found = shrink_data.diffs(text, 3000)
    assert found is not None
    assert all(f"-old {number}\n+new {number}" in found for number in range(20))
    assert "... 16 unchanged lines left out ..." in found or "unchanged lines left out" in found
    small = shrink_data.diffs(text, 500)
    assert small is not None
    assert small.startswith("diff --git a/x.py b/x.py")


def test_of_many_changed_files_it_says_how_much_was_changed_in_each() -> None:
    hunk = "@@ -1,9 +1,9 @@\n" + " same\n" * 8 + "-old\n+new\n+more\n"
    names = ["hull", "mast", "sail", "keel"]
    text = "".join(f"diff --git a/{name} b/{name}\nindex 1..2\n--- a/{name}\n+++ b/{name}\n{hunk * 30}" for name in names)
    found = shrink_data.diffs(text, 400)
    assert found is not None
    for name in names:
        assert f"diff --git a/{name} b/{name}\n... {3 + 30 * 12} lines (+60 -30) left out ..." in found or name == "keel"
    plain = "".join(f"--- a/{name}\n+++ b/{name}\n{hunk * 30}" for name in names)
    found = shrink_data.diffs(plain, 400)
    assert found is not None
    assert "--- a/mast\n+++ b/mast\n... 360 lines (+60 -30) left out ..." in found


def test_what_a_commit_says_of_itself_is_no_unchanged_line() -> None:
    hunk = ["diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,30 +1,30 @@", *(f" same {at}" for at in range(29)), "-old", "+new"]
    commits = [
        [f"commit {at:040x}", "Author: Ann", "", f"    Ships {at} sail {at} knots", "", " x | 2 +-", "", *hunk, ""] for at in range(3)
    ]
    text = "\n".join(line for one in commits for line in one)
    found = shrink_data.diffs(text, 2000)
    assert found is not None
    for at in range(3):
        assert f"    Ships {at} sail {at} knots\n\n x | 2 +-" in found
    assert found.count("... 29 unchanged lines left out ...") == 3


def test_colours_go_and_redrawn_lines_show_their_last_state() -> None:
    assert shrink_lines.ansi("\x1b[31mred\x1b[0m \x1b]0;title\x07plain", 10) == "red plain"
    assert shrink_lines.ansi("plain", 10) is None
    bar = "".join(f"\r{number:>3}% [{'#' * (number // 5):<20}]" for number in range(101))
    found = shrink_lines.progress(f"Fetching\n{bar}\ndone", 10)
    assert found is not None
    assert "100%" in found
    assert "100 earlier states of this line left out" in found
    assert shrink_lines.progress("one\r\ntwo\r\n", 10) is None
    failed = shrink_lines.progress("10%\r20%\rerror: no space left\r30%\r40%\r50%\r60%\r70%\r80%\r90%\r99%" + " " * 90 + "\rdone", 10)
    assert failed is not None
    assert "error: no space left" in failed


def test_encoded_blobs_show_their_ends_and_length() -> None:
    found = shrink_lines.blobs("key: " + "QUJD" * 500 + " end", 10)
    assert found is not None
    assert found.startswith("key: QUJDQUJD")
    assert "1968 encoded characters left out" in found
    pem = "\n".join(["-----BEGIN-----", *["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAabcdefghijk01234567890"] * 30, "-----END-----"])
    assert "28 lines" in (shrink_lines.blobs(pem, 10) or "")
    assert shrink_lines.blobs("some plain words " * 40, 10) is None


def test_lines_alike_are_told_by_number_and_an_error_among_them_stays() -> None:
    lines = [f"fetched row {number} in {number}ms" for number in range(50)]
    lines[20] = "ERROR row 20: connection refused"
    found = shrink_lines.repeats("\n".join(lines), 10)
    assert found is not None
    assert "ERROR row 20" in found
    assert "... 18 similar lines left out ..." in found
    assert "... 27 similar lines left out ..." in found
    log = "\n".join(
        f"2026-11-0{number % 9 + 1} 10:00:0{number % 9} {('GET /a', 'GET /b')[number % 2]} took {number}" for number in range(60)
    )
    assert len(shrink_lines.repeats(log, 10) or log) < len(log) / 4, "in a log, lines that come by turns too"
    assert shrink_lines.repeats("\n".join("}" if number % 2 else f"def f{number}(): {{" for number in range(60)), 10) is None, "not in code"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("1 failed, 3 passed, 0 errors", True),
        ("5 passed, 0 failed", False),
        ("errors: 0", False),
        ("errors: 0, failures: 2", True),
        ("Build failed: no errors were printed", True),
        ("all is well", False),
        ("E   AssertionError", True),
    ],
)
def test_no_error_is_no_error(line: str, wanted: bool) -> None:
    assert shrink_signs.telling(line) is wanted
    assert (shrink_signs.teller(f"{line}\nother")(line)[0] > 0) is wanted


def test_whatever_it_is_both_ends_and_the_errors_stay() -> None:
    lines = [f"line {number}: {'word ' * (number % 7)}" for number in range(400)]
    lines[200] = "something failed here"
    found = shrink_lines.ends("\n".join(lines), 900)
    assert found is not None
    assert len(found) <= 900
    for line in ("line 0:", "line 1:", "something failed here", "line 399:"):
        assert line in found
    one = shrink_lines.ends("x" * 5000, 300)
    assert one is not None
    assert len(one) <= 300
    assert "characters left out" in one


LINES = st.sampled_from(
    [
        "Compiling x v1",
        "error: no",
        "    at a.b (c.js:1:2)",
        "./src/a.py",
        "src/a.py:3: x",
        "@@ -1 +1 @@",
        "--- a/x",
        "+++ b/x",
        "+new",
        "-old",
        " same",
        '{"a": [1, 2, {"b": "c"}]}',
        "2026-01-01 10:00:00 INFO ok",
        "PASS x",
        "=== RUN TestX",
        "\x1b[31mred\x1b[0m",
        "10%\r20%\r30%",
        "QUJD" * 80,
        "",
        "} else {",
        "... 12 lines left out ...",
        "é" * 40,
        "\ud83d\ude00",
    ]
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=120).map("\n".join),
    st.text(max_size=2000),
    st.recursive(st.none() | st.integers() | st.text(max_size=30), lambda inner: st.lists(inner, max_size=20), max_leaves=60).map(
        json.dumps
    ),
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(40, 2000))
def test_no_shrinker_makes_a_text_longer_and_each_gives_the_same_again(text: str, budget: int) -> None:
    for shrinker in SHRINKERS:
        found = shrinker(text, budget)
        assert found is None or len(found) < len(text)
        assert found == shrinker(text, budget)
    short = shrink(text, budget)
    assert len(short) <= len(text)
    assert len(text) > budget or short == text, "what fits stays as it is"
    again = shrink(short, budget)
    assert len(again) <= len(short)
    assert shrink(again, budget) == again, "twice is enough"


HARD = {
    "one letter": "a" * 400_000,
    "hex": "deadbeef" * 50_000,
    "runs of 255": ("A1" * 127 + "a ") * 1600,
    "escapes": "\x1b[" * 200_000,
    "open escapes": "\x1b[" + "0" * 400_000,
    "open titles": "\x1b]" * 200_000,
    "returns": "x\r" * 200_000,
    "newlines": "\n" * 400_000,
    "spaces": " " * 400_000,
    "brackets": "[" * 400_000,
    "open strings": '["' * 200_000,
    "numbers": "[" + "1," * 200_000 + "1]",
    "frames": "    at a.b.c(d.js:1)\n" * 20_000,
    "half frames": 'File "' * 66_000,
    "paths": "a/b/c\n" * 66_000,
    "deep paths": ("a/" * 190 + "\n") * 1000,
    "trees": "│   " * 100_000,
    "dots": ("." * 399 + "\n") * 1000,
    "equals": ("=" * 390 + "\n") * 1000,
    "colons": "a:" * 200_000,
    "tests": ("test " + "a " * 190 + "\n") * 1000,
    "passes": ("ok" + " " * 398 + "\n") * 1000,
    "tags": "<html>" + "<" * 400_000,
    "open tags": "<html>" + "<a " * 130_000,
    "open scripts": "<html>" + "<script>" * 50_000,
    "closing scripts": "<html><script>" + "</script" * 50_000,
    "levels": "level=" * 60_000,
    "errors": ("error=" * 60 + "\n") * 1000,
    "nos": ("no a " * 80 + "\n") * 1000,
    "statuses": ("500 " * 100 + "\n") * 1000,
    "one-word lines": "\n".join(f"word{at:x}y" for at in range(40_000)),
    "blobs": ("  " + "A" * 128 + "\n") * 3000,
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD.keys())
def test_no_text_takes_long(text: str) -> None:
    """A pattern that tries again and again would take minutes; the bound leaves room for a busy machine."""
    assert cost(lambda: [shrinker(text, 800) for shrinker in (shrink, *SHRINKERS)], 5) < 5


@pytest.mark.parametrize("shrinker", [shrink_logs.builds, shrink_logs.traces])
def test_blanks_before_a_line_take_time_in_proportion(shrinker: Callable[[str, int], str | None]) -> None:
    def deep(blanks: int) -> Callable[[], object]:
        text = "\n".join([" " * blanks + "x"] * 200)
        return lambda: shrinker(text, 800)

    assert growth(deep, 400) < MOST
