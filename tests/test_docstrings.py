"""The files and modules that comments and docstrings name are there: a bare name beside the file that names it, a path anywhere."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
FILES = {path.relative_to(HOME).as_posix() for room in ("backstory", "tests", "benchmarks") for path in (HOME / room).rglob("*.py")}
MODULES = {Path(name).stem for name in FILES}
_FILE = re.compile(r"(?<![\w/*.])(?:\w+/)*\w+\.py\b")
_FLAT = re.compile(r"(?<![\w/.])([a-z]+(?:_[a-z]+)+)\.[A-Za-z_]\w*")
_PROSE = ('"""', 'r"""')


def prose(source: str) -> Iterator[str]:
    """Comments, and strings of three quotes that stand alone, as docstrings do."""
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        alone = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.NL, tokenize.DEDENT, tokenize.COMMENT)
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and alone and token.string.startswith(_PROSE)):
            yield token.string
        before = token.type


def lost(name: str, source: str) -> set[str]:
    """What the prose of the file of this name and text names that is not there."""
    found: set[str] = set()
    folder = name.rpartition("/")[0]
    for text in prose(source):
        for file in _FILE.findall(text):
            there = any(f"/{one}".endswith(f"/{file}") for one in FILES) if "/" in file else f"{folder}/{file}" in FILES
            if not there and (folder.startswith("backstory") or "/" in file):
                found.add(file)
        # `module.name`, where the first is neither a module nor anything that the file speaks of in its code.
        found |= {one for one in _FLAT.findall(text) if one not in MODULES and len(re.findall(rf"\b{one}\b(?!\.\w+`)", source)) < 2}
    return found


@pytest.mark.parametrize("room", ["backstory", "tests"])
def test_what_comments_name_is_there(room: str) -> None:
    read = {name: (HOME / name).read_text() for name in sorted(FILES) if name.startswith(f"{room}/")}
    assert len(read) > 100
    assert {name: gone for name, source in read.items() if (gone := lost(name, source))} == {}


@pytest.mark.parametrize(
    ("comment", "gone"),
    [
        ("# See `old_stream.deltas`.", {"old_stream"}),
        ("# As in old_rules.Needs.", {"old_rules"}),
        ("# See wire.py and stream.py, and core/plan.py.", set()),
        ("# See why.py.", {"why.py"}),
        ("# See memory/marker.py.", {"memory/marker.py"}),
        ("# A `tool_call.id` is one.\ntool_call = 1\ntool_call += 1", set()),
    ],
)
def test_what_is_not_there_is_found(comment: str, gone: set[str]) -> None:
    assert lost("backstory/wires/gemini/wire.py", f"{comment}\n") == gone
