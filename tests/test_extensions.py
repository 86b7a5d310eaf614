"""Which extensions are found, which run, and what is told where one cannot: at the start, by name, package and version."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backstory.app.cli import main
from backstory.app.lineup import check_commands
from backstory.config import Config
from backstory.errors import ConfigError
from tests.extending import EXAMPLES, install, install_examples

GOOD = """
from backstory.extend import Allow, Command

class Policy:
    contract = 1
    async def request(self, request):
        return Allow()
    def answer(self, request):
        return None

class Newer(Policy):
    contract = 2

class Older:
    async def request(self, request):
        return Allow()

class Half:
    contract = 1
    async def request(self, request):
        return Allow()

class Sync(Policy):
    def request(self, request):
        return Allow()

async def run(asked):
    return "Done."

policy, newer, older, half, sync = Policy(), Newer(), Older(), Half(), Sync()
command = Command(contract=1, name="do-it", meaning="does it", run=run)
taken = Command(contract=1, name="status", meaning="does it", run=run)
unfit = Command(contract=1, name="Do It", meaning="does it", run=run)
"""
POLICIES = "backstory.policies"
COMMANDS = "backstory.commands"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Config]:
    """Settings read as in a fresh installation, whose packages are in `packages`."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))

    def read(names: str) -> Config:
        for module in ("good", "bad"):
            sys.modules.pop(module, None)
        (tmp_path / "backstory.yaml").write_text(f"log: {{level: info}}\nextensions: {names}\n")
        return Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)

    return read


def refused(load: Callable[[str], Config], names: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(names)
    return str(caught.value)


def test_those_that_are_named_run_in_that_order(tmp_path: Path, load: Callable[[str], Config]) -> None:
    points = {POLICIES: {"one": "good:policy", "two": "good:policy", "bad": "bad:policy"}, COMMANDS: {"one": "good:command"}}
    install(tmp_path / "packages", "good-things", "1.5", points, {"good": GOOD, "bad": "raise SystemExit('it ran')"})
    found = load("[two, one]").extended
    assert [name for name, _ in found.policies] == ["two", "one"]
    assert [command.name for _, command in found.commands] == ["do-it"]
    assert [str(one) for one in found.found] == [
        "two (policy, good-things 1.5)",
        "one (command, good-things 1.5)",
        "one (policy, good-things 1.5)",
    ]
    assert load("[]").extended.found == ()


def test_names_come_from_the_environment_too(tmp_path: Path, load: Callable[[str], Config]) -> None:
    install(tmp_path / "packages", "good", "1", {POLICIES: {"one": "good:policy", "two": "good:policy"}}, {"good": GOOD})
    found = Config.load(environ={"HOME": str(tmp_path), "BACKSTORY_EXTENSIONS": "two, one"}, cwd=tmp_path).extended
    assert [name for name, _ in found.policies] == ["two", "one"]


def test_an_unknown_name_is_told_with_what_is_installed(tmp_path: Path, load: Callable[[str], Config]) -> None:
    install(tmp_path / "packages", "good", "1.2", {POLICIES: {"careful": "good:policy"}}, {"good": GOOD})
    told = refused(load, "[carefull]")
    assert told.startswith(
        f"{tmp_path / 'backstory.yaml'}, line 2: extensions: no extension 'carefull' is installed; did you mean careful?"
    )
    assert "(installed: careful (policy, good 1.2))" in told


def test_two_packages_with_one_name_are_told_apart_by_the_package(tmp_path: Path, load: Callable[[str], Config]) -> None:
    for name in ("good", "also-good"):
        install(tmp_path / "packages", name, "1", {POLICIES: {"careful": "good:policy"}}, {"good": GOOD})
    assert "'careful' is an extension of 2 packages: name the one that is meant (also-good:careful, good:careful)" in refused(
        load, "[careful]"
    )
    assert [one.package for one in load("['Also_Good:careful']").extended.found] == ["also-good"]


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("good:newer", r"x \(policy, good 1\.0\) is made for contract 2, and this version has contract 1"),
        ("good:older", r"good:older is no policy: it names no contract"),
        ("good:half", r"good:half is no policy of contract 1: it has no method answer"),
        ("good:sync", r"it has no async method request"),
        ("good:Policy", r"it is a class, and has to be an object"),
        ("good:missing", r"x \(policy, good 1\.0\) could not be loaded from good:missing: AttributeError"),
        ("bad:policy", r"could not be loaded from bad:policy: RuntimeError: no luck"),
        ("nowhere:policy", r"could not be loaded from nowhere:policy: ModuleNotFoundError"),
    ],
)
def test_what_is_no_policy_is_told_at_the_start(tmp_path: Path, load: Callable[[str], Config], point: str, told: str) -> None:
    install(tmp_path / "packages", "good", "1.0", {POLICIES: {"x": point}}, {"good": GOOD, "bad": "raise RuntimeError('no luck')"})
    assert re.search(told, refused(load, "[x]"))


@pytest.mark.parametrize(
    ("point", "told"), [("good:policy", "no backstory.extend.Command"), ("good:unfit", "'Do It' is no name for a command")]
)
def test_what_is_no_command_is_told_at_the_start(tmp_path: Path, load: Callable[[str], Config], point: str, told: str) -> None:
    install(tmp_path / "packages", "good", "1.0", {COMMANDS: {"x": point}}, {"good": GOOD})
    assert told in refused(load, "[x]")


def test_a_command_that_there_is_already_is_told(tmp_path: Path, load: Callable[[str], Config]) -> None:
    points = {COMMANDS: {"x": "good:taken", "y": "good:command", "z": "good:command"}}
    install(tmp_path / "packages", "good", "1.0", points, {"good": GOOD})
    with pytest.raises(ConfigError, match="a command 'status' is built in"):
        check_commands(load("[x]"))
    assert "y (command, good 1.0) and z (command, good 1.0) both bring 'do-it'" in refused(load, "[y, z]")


PROVIDERS = """
from backstory.extend import Provider, Row
row = Row(title="Mine", urls={"openai_chat": "http://127.0.0.1/v1"})
class Pays:
    async def token(self, account): ...
    def headers(self, account, payment): ...
mine = Provider(contract=1, rows={"mine": row})
taken = Provider(contract=1, rows={"groq": row})
pays = Provider(contract=1, pays={"aws": Pays()})
half = Provider(contract=1, pays={"mine": Pays()})
"""


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("good:taken", "a provider 'groq' is built in"),
        ("good:pays", "'aws' is no name for a way of paying, or it is built in"),
        ("good:half", "mine: it does not say whether it signs"),
    ],
)
def test_what_is_no_provider_is_told_at_the_start(tmp_path: Path, load: Callable[[str], Config], point: str, told: str) -> None:
    install(tmp_path / "packages", "good", "1.0", {"backstory.providers": {"x": point}}, {"good": PROVIDERS})
    assert told in refused(load, "[x]")


def test_a_row_is_a_kind_only_where_its_extension_runs(tmp_path: Path, load: Callable[[str], Config]) -> None:
    install(tmp_path / "packages", "good", "1.0", {"backstory.providers": {"x": "good:mine"}}, {"good": PROVIDERS})
    assert list(load("[x]\nproviders: {mine: {}, other: {kind: mine}}").providers) == ["mine", "other"]
    assert "no kind 'mine'" in refused(load, "[]\nproviders: {mine: {}}")
    assert "auth: expected one of client, key, none" in refused(load, "[x]\nproviders: {mine: {auth: magic}}")


def test_the_list_tells_what_runs_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = tmp_path / "packages"
    install_examples(packages)
    install(packages, "bomb", "0.1", {POLICIES: {"bomb": "bomb:POLICY"}}, {"bomb": "raise SystemExit('it ran')"})
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "backstory.yaml").write_text("extensions: [careful, bomb]\n")
    assert main(["extensions", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["contract"] == 1
    ours = {(row["name"], row["kind"]): row for row in found["extensions"] if row["package"] in ("backstory-examples", "bomb")}
    assert {key: row["enabled"] for key, row in ours.items()} == {
        ("acme", "provider"): False,
        ("code", "command"): False,
        ("glossary", "stage"): False,
        ("careful", "policy"): True,
        ("bomb", "policy"): True,
    }
    (tmp_path / "backstory.yaml").write_text("extensions: [carefull]\nmarker: nonsense\n")
    assert main(["extensions"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"careful +policy +backstory-examples 1\.0\.0 +no +backstory_examples\.careful:CAREFUL", out)
    assert "wrong: no extension 'carefull' is installed; did you mean careful?" in out


def test_nothing_is_looked_for_where_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "backstory.config.extensions", raising=False)
    Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    assert "backstory.config.extensions" not in sys.modules


def test_the_guide_shows_the_examples_as_they_are() -> None:
    guide = (EXAMPLES.parent / "extending.md").read_text()
    shown = re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", guide, re.DOTALL)
    assert len(shown) >= 5
    for name, code in shown:
        text = (EXAMPLES / name).read_text()
        for part in re.split(r"\n+# \.\.\.\n+", code.strip("\n")):
            assert part.strip("\n") in text, f"{name}: {part[:60]}"
