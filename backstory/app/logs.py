"""Logging to standard error, as text or as JSON lines. Message text, keys and whole headers are never logged by anybody."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

import msgspec

from backstory.config import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _Json(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the error's type where there is one; its traceback at level debug only."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"at": _stamp(record), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            if record.levelno <= logging.DEBUG:
                entry["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


class _Text(logging.Formatter):
    """Time, level, message; line breaks inside a message are shown as such, so that one record is one line (a traceback follows it)."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_stamp(record)} {record.levelname.lower():7} {message}"
        if record.exc_info and record.levelno <= logging.DEBUG:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(settings: Log, stream: TextIO | None = None) -> None:
    """Send the records of the `backstory` logger to `stream` (None: standard error). A second call replaces the first."""
    logger = logging.getLogger("backstory")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[settings.level])
    logger.propagate = False


def _stamp(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"
