"""Images, documents, audio and video: their types, their bytes, data: URLs.

Rule: a data: URL is taken apart and put together here only. Source: RFC 2397.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from backstory.core.message import MediaKind
from backstory.core.translation import Sight

_KINDS: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}
_SUFFIXES = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/javascript": "js",
    "text/x-python": "py",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_MAGIC = (
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGOD", "image/gif"),
    ("UklGR.{7}RUJQ", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""The first letters of files in base64. WebP is one of several formats in a RIFF container, as WAV is: its own letters come behind."""
_ODD = re.compile(r"[^a-z0-9]")
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.ASCII | re.IGNORECASE)


def kind_of(mime: str) -> MediaKind:
    """What a file of this type is."""
    return _KINDS.get(mime.partition("/")[0], "document")


def mime_of(url: str) -> str:
    """The media type that the end of a link tells; "" where it tells none."""
    return _ENDINGS.get(url.partition("?")[0].rpartition(".")[2].lower(), "")


def sniffed(sight: Sight) -> str:
    """The media type, from the data where nobody says it; "" where that does not tell either."""
    return sight.mime or next((mime for letters, mime in _MAGIC if re.match(letters, sight.data)), "")


def from_data_url(url: str) -> tuple[str, str] | None:
    """(media type, base64 text) of a data: URL, whose data may be percent-encoded instead, and is text where no type is given
    then; None for any other link."""
    found = _DATA_URL.match(url)
    if found is None:
        return None
    data = url[found.end() :]
    if ";base64" in found.group(2).lower():
        return found.group(1), data
    return found.group(1) or "text/plain", b64encode(unquote_to_bytes(data)).decode()


def data_url(sight: Sight, usual: str) -> str:
    """`data` as a URL. `usual`: its type where nothing tells."""
    return f"data:{sniffed(sight) or usual};base64,{base64_of(sight)}"


def link_of(sight: Sight, usual: str) -> str:
    """Its link, or a data: URL."""
    return sight.url or data_url(sight, usual)


def linked(kind: MediaKind, link: str, name: str = "", detail: str = "") -> Sight:
    """A file by its link, which may be a data: URL. A document of text is its text."""
    found = from_data_url(link)
    return Sight(kind, url=link, name=name, detail=detail) if found is None else held(kind, *found, name, detail)


def held(kind: MediaKind, mime: str, data: str, name: str = "", detail: str = "") -> Sight:
    """A file by its base64 text. A document of plain text is its text."""
    if mime == "text/plain" and kind == "document":
        try:
            return Sight(kind, mime, b64decode(data, validate=True).decode(), name=name, detail=detail, plain=True)
        except (binascii.Error, ValueError):
            pass
    return Sight(kind, mime, data, name=name, detail=detail)


def base64_of(sight: Sight) -> str:
    """Its bytes as base64 text."""
    return b64encode(sight.data.encode("utf-8", "replace")).decode() if sight.plain else sight.data


def plain_text(sight: Sight) -> str | None:
    """The text of a document that is text. None for any other."""
    if sight.kind != "document" or not sight.data:
        return None
    if sight.plain:
        return sight.data
    if not sight.mime.startswith("text/") and sight.mime not in {"application/json", "application/xml"}:
        return None
    try:
        return binascii.a2b_base64(sight.data).decode()
    except (ValueError, UnicodeDecodeError):
        return None


def file_name(sight: Sight) -> str:
    """A name for bytes of a file with an ending, by which OpenAI tells what it is."""
    if "." in sight.name:
        return sight.name
    mime = sniffed(sight) or "application/pdf"
    return f"{sight.name or 'file'}.{_SUFFIXES.get(mime) or _ODD.sub('', mime.rpartition('/')[2].removeprefix('x-'))}"
