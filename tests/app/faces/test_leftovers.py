"""Commands see, and forget, what stands only in a journal: a dead proxy's, and a running one's."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from backstory.app.cli import main
from backstory.app.faces import leftovers
from backstory.config.sections import Identity, Storage
from backstory.core.records import Arrival, Batch, Conversation
from backstory.stores.database import journal_place, open_store
from backstory.stores.inbox import Inbox
from tests.rig import PATHS, Rig, asking, rig, said
from tests.stages.world import configured, echoing, stored

WIRE = "anthropic"
SECRET = "My PIN is 7391."


def arrival(number: int, text: str, principal: str = "") -> bytes:
    """A journal's entry of a first exchange."""
    asked, answer = asking(WIRE, [("user", text)]), said(WIRE, f"Answer {number}.")
    name = f"0000000{number}-0000-4000-8000-000000000000"
    return msgspec.msgpack.encode(
        Arrival(name, principal, "", WIRE, PATHS[WIRE], "", asked, "application/json", "", answer, 1000 * number, 2.0e9 + number, True)
    )


def leave(url: str, *entries: bytes) -> Path:
    """The journal of a process that is no more."""
    inbox = Inbox(*journal_place(url, ""))
    for entry in entries:
        inbox.append(entry)
    path = inbox._active.path
    inbox.close()
    return path


class Command:
    """Runs a command on the store."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main([*words, "--storage", self.url])
        out, err = self._capsys.readouterr()
        return code, out, err

    def texts(self) -> list[str]:
        """All that is stored, by the export."""
        return [json.loads(line)["text"] for line in self("export")[1].splitlines()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line over an empty store, and no settings file around."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'm.db'}"
    open_store(url).close()
    return Command(url, capsys)


def anywhere(folder: Path, text: str) -> list[str]:
    """Files with this text in them."""
    return [path.name for path in folder.iterdir() if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "words",
    [("show", "00000001"), ("recall", "PIN"), ("export",), ("conversations",), ("status",), ("ledger", "00000001"), ("pin", "00000001")],
)
def test_what_a_dead_proxy_has_acknowledged_is_seen(run: Command, words: tuple[str, ...]) -> None:
    path = leave(run.url, arrival(1, SECRET))
    code, out, err = run(*words)
    assert (code, err) == (0, "" if words[0] != "ledger" else err)
    assert {"conversations": "2 turns", "status": "2 turns", "ledger": ""}.get(words[0], "7391") in out
    assert not path.exists()


def test_it_is_seen_though_there_is_no_database_yet(run: Command, tmp_path: Path) -> None:
    (tmp_path / "m.db").unlink()
    leave(run.url, arrival(1, SECRET))
    assert run.texts() == [SECRET, "Answer 1."]


def test_everything_is_also_what_others_have_left_in_a_journal(run: Command, tmp_path: Path) -> None:
    store = open_store(run.url)
    store.write([Batch((Conversation("aaaa-1", "A", 1.0, 2e9),))])
    store.close()
    leave(run.url, arrival(1, SECRET, "B"))
    code, out, err = run("forget", "--all", "--yes")
    assert (code, err) == (0, "")
    assert out.count("receipt") == 2
    assert run.texts() == []
    assert anywhere(tmp_path, "7391") == []


def test_what_stands_in_a_journal_alone_can_be_forgotten(run: Command, tmp_path: Path) -> None:
    leave(run.url, arrival(1, SECRET), arrival(2, "Something else."))
    assert run("forget", "00000001", "--yes")[0] == 0
    assert run.texts() == ["Something else.", "Answer 2."]
    assert anywhere(tmp_path, "7391") == []
    assert run("forget", "--all", "--yes")[0] == 0
    assert run("forget", "--all", "--yes") == (1, "", "backstory: nothing is stored\n")


def test_a_journal_that_cannot_be_taken_in_is_told(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_TRIES", 1)
    monkeypatch.setattr(leftovers, "_WAIT_S", 0.1)
    store = open_store(run.url)
    store.write([Batch((Conversation("aaaa-1", "A", 1.0, 2e9),))])
    store.close()
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    ).stdout.strip()
    path = leave(run.url, arrival(1, SECRET, "B"))
    path = path.rename(path.with_name(f"m.db.inbox-{dead}-0"))
    fd = os.open(path, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    told = "backstory: what a proxy has left in its journal is missing: another process has it in hand\n"
    code, out, err = run("conversations")
    assert (code, "aaaa-1" in out, err) == (0, True, told)
    assert run("export")[0] == 1
    code, out, err = run("forget", "--all", "--yes")
    assert (code, "receipt" in out) == (1, True)
    assert err.startswith(told)
    assert "m.db.inbox" in err
    os.close(fd)
    assert run("forget", "--all", "--yes")[0] == 0
    assert run.texts() == []


def test_entries_that_cannot_be_read_are_told(run: Command) -> None:
    leave(run.url, b"nonsense", arrival(1, SECRET))
    code, out, err = run("show", "00000001")
    assert (code, SECRET in out, err) == (0, True, "backstory: 1 entries of a journal that a proxy has left could not be read\n")
    assert run("show", "00000001")[2] == ""


def test_a_living_journal_is_left_alone(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_WAIT_S", 0.05)
    living = Inbox(*journal_place(run.url, ""))
    living.append(arrival(1, SECRET))
    assert run("conversations") == (0, "", "")
    assert living._active.path.exists()
    assert len(leftovers.settled(Storage(url=run.url))) == 1
    living.settled(1)
    assert leftovers.settled(Storage(url=run.url)) == []
    living.close()


async def commanded(one: Rig, *words: str) -> int:
    return await asyncio.to_thread(main, [*words, "--storage", one.config.storage.url])


@pytest.mark.parametrize("headers", [(b"x-session-id: s1",), ()], ids=["named", "unnamed"])
def test_a_forget_reaches_what_a_running_proxy_has_not_stored_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: tuple[bytes, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    async def work() -> None:
        config = msgspec.structs.replace(configured(tmp_path), identity=Identity(principal="api_key"))
        async with rig(config, echoing(WIRE)) as one:
            lanes = one.engine.lanes
            assert lanes is not None
            await one.ask(PATHS[WIRE], asking(WIRE, [("user", "Stored.")]), b"x-api-key: A", *headers)
            one.engine.arrivals.drain()
            await lanes.flush()
            await one.ask(PATHS[WIRE], asking(WIRE, [("user", SECRET)]), b"x-api-key: B", *headers)
            assert len(await lanes.read(lambda store: store.conversations(None, 9))) == 1
            assert await commanded(one, "forget", "--all", "--yes") == 0
            await lanes.flush()
            assert await stored(one, lambda store: store.conversations(None, 9)) == []
            await one.restart()
            assert await stored(one, lambda store: store.conversations(None, 9)) == []
        assert anywhere(tmp_path, "7391") == []

    asyncio.run(work())
