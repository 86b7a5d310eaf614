"""Width and height of images, read from their headers alone."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.images import dimensions
from backstory.core.sizes import rough_body


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 40


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\xf7\0\0" + b"\0" * 30


def jpeg(width: int, height: int, before: bytes = b"", marker: int = 0xC0) -> bytes:
    start = b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0"
    exif = b"\xff\xe1" + struct.pack(">H", 2 + len(before)) + before
    frame = b"\xff\xff" + bytes([marker]) + struct.pack(">HBHH", 17, 8, height, width) + b"\3" + b"\0" * 9
    return start + exif + frame + b"\xff\xda" + b"\0" * 60


def webp(kind: bytes, width: int, height: int) -> bytes:
    match kind:
        case b"VP8X":
            body = b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        case b"VP8L":
            body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\0\0\0\0\0"
        case _:
            body = b"\x30\1\0\x9d\1\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + struct.pack("<I", 100) + b"WEBP" + kind + struct.pack("<I", len(body)) + body + b"\0" * 40


SIZES = st.tuples(st.integers(1, 16383), st.integers(1, 16383))


@given(SIZES, st.binary(max_size=4000), st.sampled_from([0xC0, 0xC1, 0xC2, 0xC9]))
def test_every_format_tells_its_size(size: tuple[int, int], exif: bytes, marker: int) -> None:
    width, height = size
    pictures = [png(*size), gif(*size), jpeg(width, height, exif, marker)]
    pictures += [webp(kind, width, height) for kind in (b"VP8X", b"VP8L", b"VP8 ")]
    for picture in pictures:
        text = base64.b64encode(picture)
        assert dimensions(text) == dimensions(memoryview(text)) == dimensions(text.decode()) == size


def test_a_profile_before_the_frame_is_passed_over() -> None:
    assert dimensions(base64.b64encode(jpeg(640, 480, b"x" * 65_000))) == (640, 480)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=80)))
def test_what_is_no_image_has_no_size(data: bytes | str) -> None:
    assert dimensions(data) == (0, 0) or len(data) > 10


@pytest.mark.parametrize("picture", [png(9, 9)[:18], jpeg(9, 9)[:30], jpeg(9, 9)[:4] + b"\0\0" * 40, webp(b"VP8 ", 9, 9)[:22], b""])
def test_a_picture_cut_short_has_no_size(picture: bytes) -> None:
    assert dimensions(base64.b64encode(picture)) == (0, 0)


def test_an_encoded_image_is_not_counted_as_text() -> None:
    text = b'{"messages":[{"role":"user","content":"' + b"hello world " * 1000 + b'"}]}'
    assert rough_body(text) == int(len(text) / 3.6)
    data = base64.b64encode(b"\1\2\3" * 300_000)
    body = b'{"data": "' + data + b'","b":"data:image/png;base64,' + data + b'","c":"' + b"hello world " * 1000 + b'"}'
    assert 3000 < rough_body(body) < 8000


def test_the_letters_of_urls_are_read_as_well() -> None:
    for number in range(64):
        made = base64.urlsafe_b64encode(jpeg(640, 480, before=bytes([251, 239, 190, 255]) * 40 + bytes([number])))
        assert dimensions(made) == (640, 480)
        assert dimensions(made.decode()) == (640, 480)
    assert b"-" in made
