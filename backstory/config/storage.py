"""What a storage URL may look like. Rule: an error says which part is wrong and what may stand there, and never shows a password."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from backstory.errors import with_extra

_SQLITE = "sqlite:///PATH"
_POSTGRES = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
# What may stand behind the `?`: of libpq's parameters those that the driver knows and that hold no secret.
_PARAMETERS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def is_postgres(url: str) -> bool:
    """Whether this is the URL of a PostgreSQL database."""
    return url.startswith(("postgresql:", "postgres:"))


def check_storage(url: str) -> None:
    """Raises ValueError for a URL of no known form, and for PostgreSQL without its driver."""
    if not is_postgres(url):
        if not re.fullmatch(r"sqlite:///.+", url):
            raise ValueError(f"a storage URL is {_SQLITE} or {_POSTGRES}")
        if url.startswith("sqlite:///:memory:"):
            raise ValueError("a SQLite database is a file here: what is in memory only would be gone with the process")
        return
    _check_postgres(url)
    if find_spec("asyncpg") is None:
        raise ValueError(f"it needs {with_extra('postgres')}")


def _check_postgres(url: str) -> None:
    if "#" in url:
        raise ValueError("there is a # in it: spell that %23")
    parts = urlsplit(url)
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError(f"a PostgreSQL URL is {_POSTGRES}")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the port is a number from 1 to 65535 (spell / ? # @ in a password as %2F %3F %23 %40)") from error
    if port == 0:
        raise ValueError("the port is a number from 1 to 65535")
    if not parts.path.strip("/") or "/" in parts.path.strip("/"):
        raise ValueError(f"the name of one database stands behind the host: {_POSTGRES}")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in given:
        if name not in _PARAMETERS:
            raise ValueError(f"?{name}: known are {', '.join(_PARAMETERS)}")
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"?sslmode is one of {', '.join(_SSL_MODES)}")
    if not parts.hostname and not given.get("host"):
        raise ValueError(f"it names no host (a socket's folder may be given as ?host=/FOLDER): {_POSTGRES}")


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's data belongs."""
    home = Path(environ.get("HOME") or Path.home())
    if environ.get("XDG_DATA_HOME"):
        folder = Path(environ["XDG_DATA_HOME"])
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        folder = Path(environ["LOCALAPPDATA"])
    else:
        folder = home / ".local" / "share"
    return folder / "backstory"


def default_storage(environ: Mapping[str, str], label: str) -> str:
    """The database of a configuration that names none; of an instance with a file of its own, one that is named after it."""
    name = "backstory-" + re.sub(r"[^\w.-]", "_", label) if label else "backstory"
    return f"sqlite:///{(data_folder(environ) / f'{name}.db').as_posix()}"
