"""The inbox: an append-only journal of what was answered but may not be in the store yet.

Rules: a record is written whole, in one `write`, and what was written survives the death of the process. A file is removed only when
everything in it is settled. A file belongs to the process that holds its lock; one that nobody holds is an orphan, to be read by
whoever starts.

A record is magic, length, checksum (xxh3, low 32 bits, seeded with the length) and the payload. The journal is not synced to the platter.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

from msgspec import Struct
from xxhash import xxh3_64_intdigest

from backstory.core.records import Place
from backstory.errors import StoreError

_MAGIC = b"\xb5BS\x02"
_HEAD = struct.Struct("<4sII")
_head = _HEAD.pack
_LOW = (1 << 32) - 1
# A lock of a dead process is waited for so long: it may as well be a living one's on another machine, or in another container.
_LETTING_GO_S, _LOOK_S = 0.5, 0.01
# Of the files that this process makes.
_numbers = itertools.count()


class Orphan(Struct, frozen=True):
    """A journal that a dead process left behind: its records, and how many were damaged (a torn last one is not counted). `held`: it is
    locked all the same, and was not read."""

    path: Path
    records: list[bytes]
    skipped: int
    held: bool = False


class _File:
    """One file of the journal; records number `first` to `last` are in it (0, 0 where it is empty). `size` is where the next begins."""

    __slots__ = ("fd", "first", "held", "last", "path", "size")

    def __init__(self, fd: int, path: Path) -> None:
        self.fd = fd
        self.path = path
        self.first = self.last = self.size = 0
        self.held = False


class Inbox:
    """The journal of this process: files `<name>.inbox-<pid>-<n>` in `folder`, one or two while all goes well; `n` counts up.

    `append` is called by one thread; everything else by another. Raises StoreError, also from the start."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._seq = 0
        self._closed = False
        # Held for a write of one record and for the change of files, never for slower work.
        self._lock = threading.Lock()
        self._retired: list[_File] = []
        self._own: set[Path] = set()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as cause:
            raise StoreError(f"{folder}: {cause.strerror or cause}") from cause
        self._active = self._create()

    def append(self, payload: bytes) -> int:
        """Write one record; its number, one more than that of the record before. About 3 us. Raises StoreError when the disk refuses
        it; then nothing of it is left in the file."""
        return self.append_all((payload,))[0]

    def append_all(self, payloads: Sequence[bytes]) -> tuple[int, list[Place]]:
        """Write some records at once; the number of the first, and where each lies. As `append`: all of them, or none."""
        records = [_head(_MAGIC, size := len(payload), _checksum(payload, size)) + payload for payload in payloads]
        whole = records[0] if len(records) == 1 else b"".join(records)
        with self._lock:
            file = self._active
            try:
                written = os.write(file.fd, whole)
            except OSError as cause:
                raise self._undo(file, cause.strerror or str(cause)) from cause
            if written != len(whole):
                raise self._undo(file, "the disk is full")
            ends = [*accumulate(map(len, records), initial=file.size)][1:]
            file.size = ends[-1]
            first = self._seq + 1
            self._seq = file.last = self._seq + len(records)
            if not file.first:
                file.first = first
        return first, [Place(file.fd, end) for end in ends]

    def fetch(self, place: Place, size: int) -> bytes:
        """A record's payload of this size, while it is not settled. Raises StoreError."""
        try:
            payload = os.pread(place.fd, size, place.end - size)
        except OSError as cause:
            raise StoreError(f"{self.folder}: {cause.strerror or cause}") from cause
        if len(payload) != size:
            raise StoreError(f"{self.folder}: a journal record is gone")
        return payload

    def settled(self, upto_seq: int) -> None:
        """Everything up to this number is in the store: files with nothing else in them are removed, unless it was let go of."""
        if self._closed:
            return
        self._turn_over()
        for file in [file for file in self._retired if file.last <= upto_seq and not file.held]:
            self._retired.remove(file)
            self._remove(file)

    def hold(self, upto_seq: int) -> None:
        """Records up to this number are to be kept, whatever `settled` says: their files stay until `release`."""
        for file in (*self._retired, self._active):
            if file.size and file.first <= upto_seq:
                file.held = True

    def held(self) -> list[Path]:
        """Files that are kept, the oldest first; see `read`."""
        self._turn_over()
        return [file.path for file in self._retired if file.held]

    def release(self, path: Path) -> None:
        """What is in this file that was kept is in the store."""
        for file in [file for file in self._retired if file.path == path and not self._closed]:
            self._retired.remove(file)
            self._remove(file)

    def close(self) -> None:
        """Let go. Files with unsettled records stay, as orphans for the next start. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            files = [*self._retired, self._active]
            for file in files:
                if not file.size:
                    file.path.unlink(missing_ok=True)
                os.close(file.fd)
            self._active = _File(-1, self._active.path)

    @staticmethod
    def orphans(folder: Path, name: str, patience_s: float = _LETTING_GO_S) -> Iterator[Orphan]:
        """Journals of dead processes, the oldest first. While the caller has one in hand, no other process is given it; when its
        records are stored, the caller removes the file. A lock of a dead process is waited for `patience_s`. Raises StoreError."""
        for path in _journals(folder, name):
            try:
                fd = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            except OSError as cause:
                raise StoreError(f"{path}: {cause.strerror or cause}") from cause
            try:
                if _claimed(fd, path):
                    yield Orphan(path, *_records(path.read_bytes()))
                elif path.exists() and _is_of_dead(path):
                    held = not _claimed_soon(fd, path, patience_s)
                    yield Orphan(path, *([], 0) if held else _records(path.read_bytes()), held=held)
            except OSError as cause:
                raise StoreError(f"{path}: {cause.strerror or cause}") from cause
            finally:
                os.close(fd)

    @staticmethod
    def left(folder: Path, name: str) -> bool:
        """Whether dead processes have left something that is to be taken in. Raises StoreError."""
        return any(size(path) and (not _is_locked(path) or _is_of_dead(path)) for path in _journals(folder, name))

    @staticmethod
    def abandoned(path: Path) -> bool:
        """Whether something is in this journal that no process has in hand. Raises StoreError."""
        return size(path) > 0 and not _is_locked(path)

    @staticmethod
    def unsettled(folder: Path, name: str) -> list[Path]:
        """Journals that some process has in hand, and in which something is that may not be in the store yet. Raises StoreError."""
        return [path for path in _journals(folder, name) if size(path) and _is_locked(path)]

    def others(self) -> list[Path]:
        """Journals that are not of this inbox, whatever is in them; [] where the folder cannot be read. Some 20 us."""
        with suppress(StoreError):
            return [path for path in _journals(self.folder, self.name) if path not in self._own]
        return []

    @staticmethod
    def size(folder: Path, name: str) -> int:
        """What all journals of this name take, in bytes."""
        return sum(path.stat().st_size for path in _journals(folder, name) if path.exists())

    @staticmethod
    def read(path: Path) -> list[bytes]:
        """The undamaged records of a file. Raises StoreError."""
        try:
            return _records(path.read_bytes())[0]
        except OSError as cause:
            raise StoreError(f"{path}: {cause.strerror or cause}") from cause

    def _turn_over(self) -> None:
        """Later records go to another file, so that this one can be emptied when its last is settled."""
        if not self._active.size or self._closed:
            return
        fresh = self._create()
        with self._lock:
            old, self._active = self._active, fresh
        self._retired.append(old)

    def _create(self) -> _File:
        while True:
            path = self.folder / f"{self.name}.inbox-{os.getpid()}-{next(_numbers)}"
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            except OSError as cause:
                raise StoreError(f"{path}: {cause.strerror or cause}") from cause
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Somebody who is starting up looks into it at this very moment, and will remove it.
                os.close(fd)
                continue
            except OSError as cause:
                os.close(fd)
                raise StoreError(f"{path}: {cause.strerror or cause}") from cause
            if not path.exists():
                # Somebody has looked, and has removed it.
                os.close(fd)
                continue
            self._own.add(path)
            return _File(fd, path)

    def _remove(self, file: _File) -> None:
        try:
            file.path.unlink(missing_ok=True)
            os.close(file.fd)
        except OSError as cause:
            raise StoreError(f"{file.path}: {cause.strerror or cause}") from cause
        self._own.discard(file.path)

    @staticmethod
    def _undo(file: _File, reason: str) -> StoreError:
        try:
            os.ftruncate(file.fd, file.size)
        except OSError:
            # The half record stays; readers step over it.
            file.size = max(file.size, 1)
        return StoreError(f"{file.path}: {reason}")


def size(path: Path) -> int:
    """In bytes; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _checksum(payload: bytes, size: int) -> int:
    return xxh3_64_intdigest(payload, size) & _LOW


def _journals(folder: Path, name: str) -> list[Path]:
    """Those of one process together and in their order; of the processes the one first that has written last the longest ago."""
    found: dict[str, list[tuple[int, Path]]] = {}
    ages: dict[str, float] = {}
    try:
        for path in folder.iterdir():
            if not path.name.startswith(f"{name}.inbox-"):
                continue
            whose, _, number = path.name.rpartition("-")
            with suppress(FileNotFoundError):
                ages[whose] = max(ages.get(whose, 0.0), path.stat().st_mtime)
                found.setdefault(whose, []).append((int(number) if number.isdecimal() else 0, path))
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise StoreError(f"{folder}: {cause.strerror or cause}") from cause
    return [path for whose in sorted(found, key=lambda whose: (ages[whose], whose)) for _, path in sorted(found[whose])]


def _is_locked(path: Path) -> bool:
    """Whether some process has this file in hand."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as cause:
        raise StoreError(f"{path}: {cause.strerror or cause}") from cause
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as cause:
        raise StoreError(f"{path}: {cause.strerror or cause}") from cause
    finally:
        os.close(fd)
    return False


def _claimed(fd: int, path: Path) -> bool:
    """Take the lock of a file, if nobody has it and the file is still there."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(fd).st_ino == path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _is_of_dead(path: Path) -> bool:
    """Whether the process that made this file is no more, on this machine."""
    pid = path.name.rpartition(".inbox-")[2].partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return False


def _claimed_soon(fd: int, path: Path, patience_s: float) -> bool:
    """The same for a file whose process has died: the system may take a moment to let go of its lock."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        time.sleep(_LOOK_S)
        if _claimed(fd, path):
            return True
    return False


def _records(data: bytes) -> tuple[list[bytes], int]:
    """Records in order, and the number of damaged ones: where the bytes make no record, reading goes on at the next magic that does."""
    records: list[bytes] = []
    skipped = at = 0
    gap = whole = False
    while True:
        start = data.find(_MAGIC, at)
        if start < 0 or start + _HEAD.size > len(data):
            return records, skipped + whole
        gap = gap or start > at
        _, size, told = _HEAD.unpack_from(data, start)
        end = start + _HEAD.size + size
        payload = data[start + _HEAD.size : end]
        if end <= len(data) and _checksum(payload, size) == told:
            skipped += gap
            gap = whole = False
            records.append(payload)
            at = end
        else:
            # One that reaches over the end may be the last, torn by the process's death: no damage.
            gap, whole = True, whole or end <= len(data)
            at = start + len(_MAGIC)
