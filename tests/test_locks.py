"""The lock files: each optional part has one, with hashes, and none names an index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOR_DEVELOPERS = {"dev", "demo"}
LOCKS = sorted(ROOT.glob("requirements*.lock")) + sorted((ROOT / "requirements-extras").glob("*.lock"))


def _locked(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", path.read_text(), re.MULTILINE))


def test_every_optional_part_has_a_lock() -> None:
    parts = set(PROJECT["optional-dependencies"]) - FOR_DEVELOPERS
    assert parts == {path.stem for path in (ROOT / "requirements-extras").glob("*.lock")}
    assert f"OPTIONAL = {' '.join(sorted(parts))}\n" in (ROOT / "Makefile").read_text()
    for part in parts:
        named = {re.split(r"[<>=\[ ;]", one)[0] for one in PROJECT["optional-dependencies"][part]}
        assert named <= _locked(ROOT / "requirements-extras" / f"{part}.lock")
        assert f"`{part}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_index(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=[a-z0-9])", text.partition("\n")[2]):
        if "==" in block:
            assert "--hash=sha256:" in block
