"""What the documents name is there: files, links, settings, commands and their options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstory.app.cli import _parser
from backstory.config.sections import TREE, keys

HOME = Path(__file__).parent.parent
PAGES = [HOME / "README.md", HOME / "CONTRIBUTING.md", *sorted((HOME / "docs").rglob("*.md"))]
ROOMS = [path.name for path in (HOME / "backstory").iterdir() if path.is_dir() and path.name != "__pycache__"]
OTHERS = {"config.toml", "opencode.json", "openclaw.json", "backstory.yaml", "vocab.txt", "tokenizer.json", ".venv/bin/backstory"}
"""Files of clients, of models, and of whoever uses the proxy."""
OF_OTHERS = ("codex-rs/",)
MEMBERS = {"tools.strict", "tools.custom"}
"""Of a request, called by the name of a section."""
_FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)*\.(?:py|md|toml|json|jsonl|yaml|txt|lock|sql)|\.?[\w-]+(?:/[\w.-]+)*/)(?:::?[\w.:]+)?`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_KEY = re.compile(r"`(" + "|".join(name for name, part in TREE.items() if isinstance(part, type)) + r")\.([a-z_]+)(?:[:`]| )")
_COMMAND = re.compile(r"`(?:[\w./-]*/)?backstory ([a-z]+)([^`\n]*)`")


def told(pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    for page in PAGES:
        for found in pattern.finditer(page.read_text()):
            yield page.relative_to(HOME).as_posix(), found


def stands(name: str, page: str) -> bool:
    """At its path, seen from the page, the project or one of its rooms; a bare name anywhere."""
    places = [HOME, (HOME / page).parent, HOME / "backstory", HOME / "docs", HOME / "tests", *[HOME / "backstory" / room for room in ROOMS]]
    return any((place / name).exists() for place in places) or ("/" not in name and any(HOME.glob(f"backstory/**/{name}")))


def test_files_and_folders_that_are_named_are_there() -> None:
    named = [(page, found.group(1)) for page, found in told(_FILE)]
    assert len(named) > 100
    missing = {(page, name) for page, name in named if name not in OTHERS and not name.startswith(OF_OTHERS) and not stands(name, page)}
    assert missing == set()


def test_each_file_of_a_room_is_in_the_room_that_the_map_says() -> None:
    rows = re.findall(r"^\| \d \| `(\w+)/` \| (.*) \|$", (HOME / "docs/architecture.md").read_text(), re.MULTILINE)
    assert len(rows) > 8
    inner = re.findall(r"^\| ((?:`\w+/\w+/`(?:, )?)+) \| (.*) \|$", (HOME / "docs/architecture.md").read_text(), re.MULTILINE)
    assert len(inner) > 8
    rows += [(room, row) for rooms, row in inner for room in re.findall(r"`([\w/]+)/`", rooms)]
    strays = {
        (room, name) for room, row in rows for name in re.findall(r"`(\w+\.py)`", row) if not any(HOME.glob(f"backstory/{room}/**/{name}"))
    }
    assert strays == set()


def test_links_lead_somewhere() -> None:
    missing = {
        (page, found.group(1))
        for page, found in told(_LINK)
        if "://" not in found.group(1) and not ((HOME / page).parent / found.group(1)).exists()
    }
    assert missing == set()


def test_settings_that_are_named_are_settings() -> None:
    named = [(page, f"{found.group(1)}.{found.group(2)}") for page, found in told(_KEY)]
    assert len(named) > 100
    assert {
        (page, name) for page, name in named if name not in {*keys(), *MEMBERS} and name.rpartition(".")[2] not in {"py", "md"}
    } == set()


def test_commands_and_options_that_are_named_are_taken() -> None:
    commands = next(action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)).choices
    named = [(page, found.group(1), found.group(2)) for page, found in told(_COMMAND)]
    assert set(commands) <= {name for _, name, _ in named}
    wrong = {
        (page, name, option)
        for page, name, rest in named
        for option in ["", *re.findall(r"--[a-z][a-z-]*", rest)]
        if name not in commands or (option and option not in options(commands[name]))
    }
    assert wrong == set()


@pytest.mark.parametrize(("caught", "begins"), [("Exception", "Broad exception handlers"), ("BaseException", "Handlers of BaseException")])
def test_broad_handlers_stand_where_the_map_says(caught: str, begins: str) -> None:
    page = (HOME / "docs/architecture.md").read_text()
    told = page[page.index(begins) :].partition("Handlers of" if caught == "Exception" else "\n## ")[0]
    named = re.findall(r"`(?:\w+/)*(\w+\.py|\w+/)`", told)
    sources = [path for path in (HOME / "backstory").rglob("*.py") if re.search(rf"except \(?{caught}\b", path.read_text())]
    assert sources
    assert {path.name for path in sources if path.name not in named and f"{path.parent.name}/" not in named} == set()


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Those of a command and of the commands within it."""
    found = {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {name for inner in action.choices.values() for name in options(inner)}
    return found


@pytest.mark.parametrize("name", list(keys()))
def test_a_setting_is_read_by_what_it_is_for(name: str) -> None:
    section, _, leaf = name.rpartition(".")
    sources = [path.read_text() for path in (HOME / "backstory").rglob("*.py") if path.name != "sections.py"]
    assert any(re.search(rf"\.{leaf}\b", source) for source in sources), f"nothing reads {section}.{leaf}"
