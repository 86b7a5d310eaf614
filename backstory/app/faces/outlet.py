"""Standard output of the commands: how text becomes bytes there, and what becomes of it where nobody takes them.

Rule: a character that the terminal does not have is spelled out and ends nothing; what is read by programs is UTF-8 wherever it goes.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def ready(exact: bool) -> None:
    """Before anything is printed. `exact`: programs read it. Where standard output is closed, everything printed is lost."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if exact else None, errors="backslashreplace")


def give_up() -> bool:
    """What is still in the buffer cannot be written, and must not be tried again at exit. False: it could be written now."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def complain(text: str) -> None:
    """On standard error, line by line, as this command's; lost where that cannot be written."""
    with suppress(OSError):
        for line in text.splitlines():
            print(f"backstory: {line}", file=sys.stderr)
