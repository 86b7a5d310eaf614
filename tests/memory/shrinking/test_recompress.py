"""Images made smaller: within bounds, looking the same, and only those that are surely understood."""

from __future__ import annotations

import base64
import sys
from io import BytesIO

import pytest
from PIL import Image

from backstory.core.images import dimensions
from backstory.errors import ConfigError
from backstory.memory.shrinking.recompress import Bounds, smaller

BOUNDS = Bounds(256, 75)


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB", **more: object) -> str:
    """A wavy one: a plain one would take no room at all."""
    image = Image.new(mode, (width, height))
    channels = len(mode)
    image.putdata([tuple((x * y * (channel + 3)) % 251 for channel in range(channels)) for y in range(height) for x in range(width)])
    out = BytesIO()
    image.save(out, kind, **more)
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_large_image_becomes_a_smaller_jpeg(kind: str) -> None:
    data = picture(600, 300, kind)
    url = smaller(data, BOUNDS)
    assert url is not None
    assert url.startswith("data:image/jpeg;base64,")
    assert dimensions(url.partition(",")[2]) == (256, 128)
    assert len(url) < len(data) * 0.8
    assert smaller(data, BOUNDS) == url, "the same again"


def test_what_can_be_seen_through_stays_so() -> None:
    url = smaller(picture(600, 300, mode="RGBA"), BOUNDS)
    assert url is not None
    assert url.startswith("data:image/png;base64,")


def test_a_turned_photograph_is_turned_for_good() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    url = smaller(picture(600, 300, "JPEG", exif=exif), BOUNDS)
    assert url is not None
    assert dimensions(url.partition(",")[2]) == (128, 256)


@pytest.mark.parametrize(
    "data",
    [
        picture(200, 100),
        picture(600, 300, "GIF", "RGB"),
        picture(600, 300)[:2000],
        "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzkAAAA",
        "iVBORw0KGgoAAAANSUhEUgAAw1AAAMNQCAYAAAA10dzkAAAA",
        "not base64 at all!",
        "",
    ],
    ids=["small", "gif", "cut short", "header only", "a bomb", "no base64", "nothing"],
)
def test_anything_else_stays(data: str) -> None:
    assert smaller(data, BOUNDS) is None


def test_grey_of_sixteen_bits_stays_for_it_would_become_white() -> None:
    image = Image.new("I;16", (600, 300))
    image.putdata([x * y * 7 % 65_521 for y in range(300) for x in range(600)])
    out = BytesIO()
    image.save(out, "PNG")
    assert smaller(base64.b64encode(out.getvalue()).decode(), BOUNDS) is None


@pytest.mark.parametrize("mode", ["P", "1"])
def test_of_a_palette_no_stroke_is_lost(mode: str) -> None:
    image = Image.new("RGB", (1024, 512), "white")
    for x in range(1, 1024, 4):
        image.paste("black", (x, 0, x + 1, 512))
    out = BytesIO()
    image.convert(mode).save(out, "PNG", compress_level=0)
    url = smaller(base64.b64encode(out.getvalue()).decode(), BOUNDS)
    assert url is not None
    with Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as made:
        assert {made.convert("L").getpixel((x, 40)) for x in range(20, 200)}.isdisjoint((0, 255)), "lines of a pixel are grey, not gone"


def test_an_animation_stays() -> None:
    frames = [Image.new("RGB", (600, 300), colour) for colour in ("red", "blue")]
    out = BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    assert smaller(base64.b64encode(out.getvalue()).decode(), BOUNDS) is None


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture(600, 300)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match=r"backstory\[media\]"):
        smaller(data, BOUNDS)
