"""Files of models: where they are, and what tells two of them apart."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from backstory.errors import ConfigError, with_extra


def packaged(package: str, inside: str, extra: str) -> Path:
    """A file that comes with an installed package, which is not imported for it. ConfigError where it is not there."""
    spec = find_spec(package)
    if spec is None or not spec.origin:
        raise ConfigError(f"{package} is not installed; it comes with {with_extra(extra)}")
    found = Path(spec.origin).parent / inside
    if not found.is_file():
        raise ConfigError(f"{package} has no {inside} in this version: vectors.path can name a folder with the model instead")
    return found


def given(folder: str, *names: str) -> list[Path]:
    """Files of these names in a folder that the settings name. ConfigError where one is not there."""
    paths = [Path(folder) / name for name in names]
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"vectors.path: there is no {path}")
    return paths


def fingerprint(path: Path) -> str:
    """12 hex digits that change with the file's bytes. About 1 ms for each megabyte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
