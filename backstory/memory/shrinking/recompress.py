"""Images made smaller: fewer pixels, and a coding that takes less. Needs Pillow, which is loaded with the first image.

Rule: only what is surely understood is touched: still PNG, JPEG and WebP images of bounded size. Anything else, and what would not get
smaller, is left as it is.
"""

from __future__ import annotations

import binascii
from io import BytesIO

from msgspec import Struct

from backstory.core.images import dimensions
from backstory.errors import ConfigError

_FORMATS = ("PNG", "JPEG", "WEBP")
# Of these modes every sample has a byte. Others (16 bits of grey) would be cut off, not scaled.
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"})
# Decoding takes 4 bytes for each of them.
_MOST_PIXELS = 40_000_000
# What does not get smaller by so much stays.
_WORTH = 0.8


class Bounds(Struct, frozen=True):
    """`edge`: the longest edge that an image keeps, in pixels. `quality`: of a JPEG, 1 to 95."""

    edge: int
    quality: int


def smaller(data: str, bounds: Bounds) -> str | None:
    """This image (base64) within these bounds, as a data URL; None where it is to stay. Some 80 ms for a screen of 1080 lines. ConfigError
    where Pillow is not installed."""
    try:
        from PIL import Image, ImageOps  # noqa: PLC0415 - optional
    except ImportError as cause:
        raise ConfigError("media.recompress needs Pillow: install backstory[media]") from cause
    width, height = dimensions(data)
    if not 0 < width * height <= _MOST_PIXELS or max(width, height) <= bounds.edge:
        return None
    try:
        with Image.open(BytesIO(binascii.a2b_base64(data, strict_mode=True)), formats=_FORMATS) as image:
            if image.size != (width, height) or image.mode not in _MODES or getattr(image, "is_animated", False):
                return None
            clear = image.has_transparency_data
            # Before it is made smaller: of a palette no pixels between two can be made, and text would lose whole strokes.
            made = ImageOps.exif_transpose(image).convert("RGBA" if clear else "RGB")
            made.thumbnail((bounds.edge, bounds.edge), Image.Resampling.BICUBIC)
            out = BytesIO()
            if clear:
                made.save(out, "PNG", optimize=True)
            else:
                made.save(out, "JPEG", quality=bounds.quality, optimize=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    text = binascii.b2a_base64(out.getvalue(), newline=False).decode()
    return f"data:image/{'png' if clear else 'jpeg'};base64,{text}" if len(text) < len(data) * _WORTH else None
