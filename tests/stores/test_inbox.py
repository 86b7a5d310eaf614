"""The journal: what was written is there after any death of the process."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.errors import StoreError
from backstory.stores.inbox import Inbox

_CHILD = """
import sys
from pathlib import Path
from backstory.stores.inbox import Inbox
inbox = Inbox(Path(sys.argv[1]), "db")
for number in range(10**9):
    assert inbox.append(b"record %d " % number + b"x" * (number % 700)) == number + 1
    if number % 50 == 49 and sys.argv[2] == "settle":
        print("settled", number - 20, flush=True)
        inbox.settled(number - 20)
    print(number, flush=True)
"""


def left(folder: Path) -> list[bytes]:
    """Every record that dead processes left."""
    return [record for orphan in Inbox.orphans(folder, "db") for record in orphan.records]


def files(folder: Path) -> list[Path]:
    """Of the journal."""
    return sorted(folder.glob("db.inbox-*"))


@pytest.mark.parametrize("way", ["keep", "settle"])
def test_what_was_appended_survives_kill_9(tmp_path: Path, way: str) -> None:
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder), way], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(random.Random(attempt).randrange(1, 900))]
        assert left(folder) == []  # its owner lives
        child.send_signal(signal.SIGKILL)
        child.wait()
        said += child.stdout.readlines()
        child.stdout.close()
        acknowledged = max((int(line) for line in said if line.endswith("\n") and line[0].isdigit()), default=-1)
        settled = max((int(line.split()[1]) for line in said if line.startswith("settled") and line.endswith("\n")), default=0)
        found = {int(record.split()[1]) for record in left(folder)}
        assert found >= set(range(settled, acknowledged + 1))


@given(payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=8), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_tail_costs_the_torn_record_alone(tmp_path: Path, payloads: list[bytes], data: st.DataObject) -> None:
    for path in files(tmp_path):
        path.unlink()
    inbox = Inbox(tmp_path, "db")
    ends = []
    for payload in payloads:
        inbox.append(payload)
        ends.append(files(tmp_path)[0].stat().st_size)
    inbox.close()
    (path,) = files(tmp_path)
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    (orphan,) = Inbox.orphans(tmp_path, "db")
    assert orphan.records == payloads[: sum(end <= cut for end in ends)]
    assert orphan.skipped == 0


@given(payloads=st.lists(st.binary(min_size=1, max_size=60), min_size=3, max_size=8), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_record_costs_itself_alone(tmp_path: Path, payloads: list[bytes], data: st.DataObject) -> None:
    for path in files(tmp_path):
        path.unlink()
    inbox = Inbox(tmp_path, "db")
    starts = []
    for payload in payloads:
        starts.append(files(tmp_path)[0].stat().st_size)
        inbox.append(payload)
    inbox.close()
    (path,) = files(tmp_path)
    raw = bytearray(path.read_bytes())
    hurt = data.draw(st.integers(0, len(payloads) - 2))
    at = data.draw(st.integers(starts[hurt], starts[hurt + 1] - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    (orphan,) = Inbox.orphans(tmp_path, "db")
    assert orphan.records == payloads[:hurt] + payloads[hurt + 1 :]
    assert orphan.skipped == 1


def test_only_settled_records_go_and_the_files_stay_small(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    for number in range(1, 501):
        assert inbox.append(b"%d" % number + b"x" * 1000) == number
        inbox.settled(number - 3)
    assert sum(path.stat().st_size for path in files(tmp_path)) < 20_000
    inbox.close()
    assert sorted(int(record.rstrip(b"x")) for record in left(tmp_path))[-3:] == [498, 499, 500]


def test_a_journal_with_everything_settled_leaves_no_file(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.settled(0)
    inbox.append(b"one")
    inbox.settled(1)
    inbox.append(b"two")
    inbox.settled(2)
    inbox.close()
    inbox.close()
    assert files(tmp_path) == []


def test_held_records_stay_until_they_are_released(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    inbox.hold(1)
    inbox.append(b"two")
    inbox.settled(2)
    inbox.append(b"three")
    inbox.settled(3)
    (path,) = inbox.held()
    assert Inbox.read(path) == [b"one", b"two"]
    inbox.release(path)
    assert inbox.held() == []
    inbox.close()
    assert files(tmp_path) == []


def test_journals_of_the_living_and_of_other_databases_are_left_alone(tmp_path: Path) -> None:
    mine, other = Inbox(tmp_path, "db"), Inbox(tmp_path, "other")
    mine.append(b"mine")
    other.append(b"other")
    other.close()
    assert left(tmp_path) == []
    mine.close()
    assert left(tmp_path) == [b"mine"]
    assert left(tmp_path / "no such folder") == []


def test_an_orphan_is_given_to_one_process_at_a_time(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    inbox.close()
    reading = Inbox.orphans(tmp_path, "db")
    orphan = next(reading)
    assert left(tmp_path) == []
    orphan.path.unlink()
    assert list(reading) == []
    assert left(tmp_path) == []


def test_the_lock_of_a_dead_process_may_last_a_moment(tmp_path: Path) -> None:
    """The process is gone, and the system has not let go of its files yet."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    (made,) = tmp_path.iterdir()
    path = tmp_path / f"db.inbox-{dead.pid}-0"
    made.rename(path)
    later = threading.Timer(0.1, inbox.close)
    later.start()
    try:
        (orphan,) = Inbox.orphans(tmp_path, "db")
        assert (orphan.path, orphan.records) == (path, [b"one"])
    finally:
        later.join()


def test_a_lock_that_a_dead_process_leaves_for_long_is_told(tmp_path: Path) -> None:
    """It may be a living one's in another container: its journal is left alone, and whoever asked may come again."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    (made,) = tmp_path.iterdir()
    made.rename(tmp_path / f"db.inbox-{dead.pid}-0")
    (orphan,) = Inbox.orphans(tmp_path, "db", 0.0)
    assert orphan.held
    assert orphan.records == []
    inbox.close()
    (orphan,) = Inbox.orphans(tmp_path, "db", 0.0)
    assert not orphan.held
    assert orphan.records == [b"one"]


def test_records_come_back_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    """Also from files that were made within one tick of the file system's clock."""
    inbox = Inbox(tmp_path, "db")
    for number in range(1, 40):
        inbox.append(b"%d" % number)
        inbox.hold(number)
        inbox.settled(number)
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    inbox.close()
    assert len(files(tmp_path)) > 10
    assert left(tmp_path) == [b"%d" % number for number in range(1, 40)]


def test_the_lock_of_a_living_process_is_not_waited_for(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    before = time.monotonic()
    assert left(tmp_path) == []
    assert time.monotonic() - before < 0.3
    inbox.close()


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file can be longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_leaves_whole_records_only(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"x" * 1000)
    with limited(1500):
        with pytest.raises(StoreError, match=r"db\.inbox-"):
            inbox.append(b"y" * 1000)
        assert inbox.append(b"z") == 2
        with pytest.raises(StoreError):
            inbox.append(b"y" * 1000)
    assert inbox.append(b"last") == 3
    inbox.close()
    assert left(tmp_path) == [b"x" * 1000, b"z", b"last"]


def test_records_that_are_written_together_are_there_all_or_none(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    payloads = [b"two", b"", b"x" * 1000]
    first, places = inbox.append_all(payloads)
    assert first == 2
    assert [inbox.fetch(place, len(payload)) for place, payload in zip(places, payloads, strict=True)] == payloads
    with limited(2000), pytest.raises(StoreError, match=r"db\.inbox-"):
        inbox.append_all([b"small", b"y" * 1000])
    assert inbox.append(b"last") == 5
    inbox.close()
    assert left(tmp_path) == [b"one", *payloads, b"last"]


_TORN = """
import os, signal, sys
from pathlib import Path
from backstory.stores import inbox
def torn(fd, data, write=os.write):
    write(fd, data[: int(sys.argv[2])])
    os.kill(os.getpid(), signal.SIGKILL)
journal = inbox.Inbox(Path(sys.argv[1]), "db")
journal.append(b"before")
inbox.os.write = torn
journal.append_all([b"first" * 9, b"second" * 9, b"third" * 9])
"""


@pytest.mark.parametrize("whole", [0, 1, 2, 3])
@pytest.mark.parametrize("more", [0, 5, 12, 30])
def test_kill_9_in_the_middle_of_a_joint_write_leaves_the_records_before_it(tmp_path: Path, whole: int, more: int) -> None:
    together = [b"first" * 9, b"second" * 9, b"third" * 9]
    written = sum(12 + len(payload) for payload in together[:whole]) + more
    child = subprocess.run([sys.executable, "-c", _TORN, str(tmp_path), str(written)], check=False)
    assert child.returncode == -signal.SIGKILL
    (orphan,) = Inbox.orphans(tmp_path, "db")
    assert (orphan.records, orphan.skipped) == ([b"before", *together[:whole]], 0)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Inbox(tmp_path / "file" / "below", "db")
    with pytest.raises(StoreError, match=os.strerror(errno.ENOTDIR)):
        list(Inbox.orphans(tmp_path / "file", "db"))
    with pytest.raises(StoreError, match="gone"):
        Inbox.read(tmp_path / "gone")


def test_nothing_is_lost_while_one_thread_appends_and_one_settles(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, "db")
    appended: list[int] = [0]
    stop = threading.Event()

    def settle() -> None:
        while not stop.is_set():
            inbox.settled(appended[0] // 2)

    settling = threading.Thread(target=settle)
    settling.start()
    for number in range(1, 5001):
        inbox.append(b"%d" % number)
        appended[0] = number
    stop.set()
    settling.join()
    inbox.close()
    assert {int(record) for record in left(tmp_path)} >= set(range(2501, 5001))


def test_a_file_that_was_taken_for_left_before_it_was_locked_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock
    looked: list[int] = []

    def late(fd: int, how: int) -> None:
        if not looked:
            looked.append(fd)
            for orphan in Inbox.orphans(tmp_path, "db"):
                orphan.path.unlink()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    inbox = Inbox(tmp_path, "db")
    inbox.append(b"one")
    inbox.close()
    assert looked
    assert left(tmp_path) == [b"one"]
