"""How large an image is, read from the first bytes of its base64 text: nothing is decoded but the header.

Formats: PNG (RFC 2083, 4.1.1), GIF (GIF89a, 18), JPEG (ITU-T T.81, B.2.2), WebP (RFC 9649, 2.4 to 2.7). Anything else has no size here.
"""

from __future__ import annotations

import binascii
from typing import TypeAlias

from xxhash import xxh3_128_digest

Encoded: TypeAlias = bytes | memoryview | str

PLAIN = bytes.maketrans(b"-_", b"+/")
"""From the letters of base64 that are safe in URLs (RFC 4648, 5) to the usual ones. Google's SDKs send images in these."""
_HEADER_CHARS = 64
# Segments of a JPEG before its frame header: comments, profiles, thumbnails.
_MOST_SEGMENTS = 200
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def fingerprint(data: Encoded) -> bytes:
    """16 bytes over an image's, a document's or a recording's base64 text, by which it is told from others of its size; b"" for none. A
    megabyte takes 0.1 ms."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return xxh3_128_digest(data) if data else b""


def dimensions(data: Encoded) -> tuple[int, int]:
    """Width and height in pixels; (0, 0) where they cannot be told. `data` is base64, without a data URL's head."""
    start = _bytes(data, 0, _HEADER_CHARS * 3 // 4)
    if start[:8] == b"\x89PNG\r\n\x1a\n" and start[12:16] == b"IHDR":
        return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return int.from_bytes(start[6:8], "little"), int.from_bytes(start[8:10], "little")
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp(start)
    if start[:2] == b"\xff\xd8":
        return _jpeg(data)
    return 0, 0


def _webp(start: bytes) -> tuple[int, int]:
    kind = start[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
    if kind == b"VP8L" and start[20:21] == b"\x2f":
        packed = int.from_bytes(start[21:25], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if kind == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(start[26:28], "little") & 0x3FFF, int.from_bytes(start[28:30], "little") & 0x3FFF
    return 0, 0


def _jpeg(data: Encoded) -> tuple[int, int]:
    """From segment to segment: each says how long it is."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        head = _bytes(data, at, 9)
        if len(head) < 9 or head[0] != 0xFF:
            return 0, 0
        marker = head[1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            return int.from_bytes(head[7:9], "big"), int.from_bytes(head[5:7], "big")
        else:
            at += 2 + max(2, int.from_bytes(head[2:4], "big"))
    return 0, 0


def _bytes(data: Encoded, at: int, count: int) -> bytes:
    """`count` bytes from byte `at` of what is encoded; fewer at its end, or where it is not base64."""
    first = at // 3
    part = data[first * 4 : (first + count // 3 + 2) * 4]
    text = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else bytes(part)
    text = text[: len(text) - len(text) % 4].translate(PLAIN)
    try:
        return binascii.a2b_base64(text, strict_mode=True)[at - first * 3 :][:count]
    except (binascii.Error, ValueError):
        return b""
