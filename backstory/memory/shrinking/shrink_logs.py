"""Shrinking of what programs print while they work: test runs, builds, stack traces. See shrink_lines.py for the rule of all shrinkers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backstory.memory.shrinking.shrink_lines import gaps, pick, share
from backstory.memory.shrinking.shrink_signs import teller

_TESTS = re.compile(
    r"=+ .{0,40}test session starts|=+ .{0,200}(?:passed|failed|error|skipped).{0,100} in [\d.]+"
    r"|Test Suites?: |Tests: +\d|test result: (?:ok|FAILED)|running \d+ tests?\Z|(?:---|===) (?:RUN|PASS|FAIL|SKIP)"
    r"|(?:ok|FAIL)\s+[\w./-]+\s+(?:[\d.]+s|\(cached\))|Ran \d+ tests? in "
)
_PASSED = re.compile(
    r"[\w./\\-]+\.py(?:::[^ ]+)?[ \t]+(?:PASSED|SKIPPED|XFAIL|\.[.sxX]*)?[ \t]{0,20}(?:\[ *\d+%\])?\s*\Z"
    r"|[.sxX]{4,}[ \t]{0,20}(?:\[ *\d+%\])?\s*\Z|\[gw\d+\] .{0,20}PASSED|PASS\b|[ \t]*(?:✓|✔|√) "
    r"|test .{1,300} \.\.\. (?:ok|ignored)\b|[ \t]*(?:=== (?:RUN|PAUSE|CONT)|--- (?:PASS|SKIP))"
    r"|ok\s+\S+\s+|\?\s+\S+\s+\[no test files\]|.{1,300} \.\.\. (?:ok|skipped)\s*\Z"
)
# What names a test that failed. Runners list them at the end once more.
_NAMED = re.compile(
    r"(?:FAILED|ERROR) \S+|\s{0,8}--- FAIL: |not ok \d|\s{0,8}(?:✕|✗|✖|×) |\s{0,4}● \S|FAIL[:\t ]|test .{1,300} \.\.\. FAILED"
    r"|\[ERROR\] {1,4}[\w.$]+[.:]\w+:\d"
    r"|\s{0,8}\d+\) \S|rspec \S+:\d"
)
_STEP = re.compile(
    r"\s*(?:Compiling|Downloading|Downloaded|Fetching|Fetched|Building|Installing|Installed|Collecting|Resolving|Unpacking|Preparing"
    r"|Setting up|Selecting|Using cached|Requirement already|Checking|Updating|Adding|Linking|Generating|Copying|Scanning"
    r"|Get:\d|Hit:\d|make(?:\[\d+\])?: (?:Entering|Leaving|Nothing)|(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|ld|ar|javac|tsc|rustc|go build) "
    r"|> Task :|:\w[\w:-]* (?:UP-TO-DATE|NO-SOURCE)|\[\s*\d+(?:/\d+|%)\]|#\d+ |npm (?:http|timing|info)|asset |modules? by path"
    r"|\[INFO\]|INFO[: ]|(?<=  )\S+ ?@ ?[\d.]+|├|└|│)"
)
_STEP_SHARE = 0.4
_STEP_LINES = 12
_FRAME = re.compile(
    r"\s*(?:File \"[^\"]{1,400}\", line \d+|at [\w$.<>\[\] /\\@:#-]{1,300}(?:\(|:\d)|at async |\S{1,300}\.go:\d+ \+0x"
    r"|\S{1,300}\(0x[0-9a-f]|\d+: +0x|\d{1,4}: [\w:<>$ ]{1,200}\Z|#\d+ +0x|from \S{1,300}:\d+:in |\.\.\. \d+ more|\[<?[0-9a-f]{8,}>?\])"
)
_FRAMES, _FRAMES_FIRST, _FRAMES_LAST = 8, 2, 3


def tests(text: str, budget: int) -> str | None:
    """pytest, jest, cargo, go and their like: what passed goes, what failed and the summary stay."""
    lines = text.split("\n")
    if len(lines) < _STEP_LINES or not any(_TESTS.match(line[:400]) for line in lines):
        return None
    kept = [not _PASSED.match(line[:400]) for line in lines]
    kept[0] = kept[-1] = True
    return _fitted(lines, kept, budget, "lines of tests that passed", text, _NAMED)


def builds(text: str, budget: int) -> str | None:
    """Compilers, package managers, build tools: the steps that went well go; errors, warnings and the end stay."""
    lines = text.split("\n")
    if len(lines) < _STEP_LINES or share(lines, _STEP.match) < _STEP_SHARE:
        return None
    told = teller(text)
    wrong = [told(line)[0] > 0 for line in lines]
    kept = [tells or not _STEP.match(line[:400]) for line, tells in zip(lines, wrong, strict=True)]
    edge = min(2, len(lines))
    kept[:edge] = kept[-edge:] = [True] * edge
    for place in [place for place, tells in enumerate(wrong) if tells]:
        kept[place : place + 3] = [True] * len(kept[place : place + 3])
    return _fitted(lines, kept, budget, "lines of steps", text)


def traces(text: str, budget: int) -> str | None:
    """Stack traces: of a long run of frames the outermost and those nearest to the error stay."""
    lines = text.split("\n")
    frames = [_FRAME.match(line[:400]) is not None for line in lines]
    if sum(frames) < _FRAMES:
        return None
    kept = [True] * len(lines)
    at = 0
    while at < len(lines):
        if not frames[at]:
            at += 1
            continue
        run = [at]
        stop = at + 1
        # The code that a frame quotes stands under it, and marks under that.
        while stop < len(lines) and (frames[stop] or (lines[stop][:4] == "    " and stop - run[-1] <= 3)):
            if frames[stop]:
                run.append(stop)
            stop += 1
        if len(run) >= _FRAMES:
            first, last = run[_FRAMES_FIRST], run[-_FRAMES_LAST]
            kept[first:last] = [False] * (last - first)
        at = stop
    made = gaps(lines, kept, "lines of frames")
    return made if len(made) < len(text) else None


def _fitted(lines: Sequence[str], kept: list[bool], budget: int, what: str, text: str, before: re.Pattern[str] | None = None) -> str | None:
    """What is kept; where that is too much, of what is kept the part that fits, the last lines of the kind `before` first of all."""
    made = gaps(lines, kept, what)
    if len(made) > budget:
        some = made.split("\n")
        names = [place for place in range(len(some) - 1, -1, -1) if before and before.match(some[place][:400])]
        made = gaps(some, pick(some, budget, first=2, last=8, before=names), "lines")
    return made if len(made) < len(text) else None
