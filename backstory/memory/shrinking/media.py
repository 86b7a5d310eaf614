"""What images, documents, audio and video weigh, in tokens, by each provider's published rule. Nothing here looks at a picture: width and
height come from its header (core/images.py).

Where a rule needs what cannot be known from here (pages of a PDF, seconds of a sound), it is estimated from the size, on the high side of
usual files. Sources: docs.claude.com/en/docs/build-with-claude/vision and /pdf-support, platform.openai.com/docs/guides/images-vision,
ai.google.dev/gemini-api/docs/tokens and /media-resolution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from backstory.core.document import Document, distinct
from backstory.core.images import PLAIN
from backstory.core.message import SCREENSHOT, Media, Message, Path, ToolResult
from backstory.errors import NotFound
from backstory.memory.shrinking.refs import Ref

# Anthropic: longest edge in pixels, most tokens; pixels for each token. Models from 4.7 on see more.
_ANTHROPIC = (1568, 1568)
_ANTHROPIC_SHARP = (2576, 4784)
_SHARP_FROM = (4, 7)
_PIXELS_PER_TOKEN = 750
_CLAUDE = re.compile(r"claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
# OpenAI, by the beginning of the model's name, the longest first: tokens of the whole image, tokens of each tile of 512 pixels.
_TILES = (
    ("gpt-4o-mini", 2833, 5667),
    ("gpt-4", 85, 170),
    ("chatgpt-4o", 85, 170),
    ("gpt-", 70, 140),
    ("o", 75, 150),
    ("computer-use", 65, 129),
)
_OTHER_TILES = (85, 170)
# The small models: patches of 32 pixels, 1536 at most, times this.
_PATCHES = (
    ("gpt-4.1-mini", 1.62),
    ("gpt-4.1-nano", 2.46),
    ("o4-mini", 1.72),
    ("gpt-5-mini", 1.62),
    ("gpt-5-nano", 2.46),
    ("gpt-5.4-mini", 1.62),
    ("gpt-5.4-nano", 2.46),
)
_PATCH, _MOST_PATCHES, _TILE, _FIT, _SHORT = 32, 1536, 512, 2048, 768
_LOW = 512
# Gemini: small images are one tile; up to version 2 tiles of 768 pixels count, from 3 on an image is a fixed number of tokens.
_GEMINI_TILE, _GEMINI_SMALL, _GEMINI_EDGE, _GEMINI_FIXED = 258, 384, 768, 1120
_GEMINI = re.compile(r"gemini-(\d+)")
# An image whose size cannot be read is taken to be of this size.
_UNKNOWN = (1568, 1568)
# A page of a PDF, in bytes and in tokens (text and picture of it); no provider takes more pages than this.
_PAGE_BYTES, _MOST_PAGES = 50_000, 1000
_PAGE_TOKENS = {"anthropic": 2500, "gemini": 258}
_OTHER_PAGE_TOKENS = 1200
_TEXT_BYTES_PER_TOKEN = 3.6
# Bytes of a second of sound (16 kHz PCM, or 128 kbit/s) and of film (2 Mbit/s), and tokens for them.
_PCM_BYTES, _CODED_BYTES, _FILM_BYTES = 32_000, 16_000, 250_000
_SOUND_TOKENS = {"gemini": 32}
_OTHER_SOUND_TOKENS, _FILM_TOKENS = 10, 263
_LINKED_S = 60
_HASH_BYTES = 16
_DATA = re.compile(rb'(?:"data"[ \t\r\n]*:[ \t\r\n]*"|"data:image/[a-z]{3,5};base64,)([A-Za-z0-9+/_-]{64,}={0,2})"')
# Marks of the client's that move from request to request.
_MARKS = frozenset({"cache_control"})


class Placed(Struct, frozen=True):
    """An image or document that a message carries: where in it, and the 16-byte hash of what it is. `cited`: answers may point into it."""

    media: Media
    at: Path
    content: bytes
    cited: bool = False


def tokens(media: Sequence[Media], wire: str, model: str) -> int:
    """Of all of them, as the provider of this wire counts them for this model."""
    return sum([_of(one, wire, model.rpartition("/")[2].lower()) for one in media])


def in_message(message: Message) -> tuple[Media, ...]:
    """All media of a message, those in tool results too, in order."""
    found: list[Media] = []
    for part in message.parts:
        if isinstance(part, Media):
            found.append(part)
        elif isinstance(part, ToolResult):
            found += part.media
    return tuple(found)


def placed(raw: bytes | memoryview, message: Message, depth: int) -> tuple[Placed, ...]:
    """The media of a message with their hashes. `depth`: how many steps of an address lead to the message. DocumentError for a block that
    has a key twice. Cost grows with their size: 1 ms for a MB."""
    media = in_message(message)
    if not media:
        return ()
    document = Document(bytes(raw))
    found: list[Placed] = []
    for one in media:
        at = one.at[depth:]
        block = document.get(at)
        found.append(Placed(one, at, content(block), "citations" in distinct(block)))
    return tuple(found)


def content(block: bytes) -> bytes:
    """16-byte hash of a block, whatever marks its client puts on it."""
    digest = blake2b(digest_size=_HASH_BYTES)
    for name, value in sorted(distinct(block).items()):
        if name not in _MARKS:
            digest.update(name.encode("utf-8", "surrogatepass") + b"\0" + bytes(value) + b"\0")
    return digest.digest()


def restored(found: Sequence[Placed], raw: bytes, name: Ref) -> str:
    """The block that a ref names, as JSON, as it came. NotFound where there is none, or its hash is not the ref's."""
    if name.place >= len(found):
        raise NotFound(f"turn {name.turn} shows nothing at {name.place}")
    if found[name.place].content[:4].hex() != name.digits:
        raise NotFound(f"what {name.name} names is not what it was")
    return Document(raw).get(found[name.place].at).decode()


def data(raw: bytes, at: Path) -> str:
    """The base64 text of the image in this block, in the usual letters; "" where it holds none, or in a way that is not known."""
    found = _DATA.search(Document(raw).get(at))
    text = found.group(1).translate(PLAIN).decode() if found else ""
    return text + "=" * (-len(text) % 4)


def stub(media: Media, name: str) -> str:
    """What goes upstream in its place."""
    return f"[left out: {_shown(media)}; shown earlier; ref {name}]"


def may_go(media: Media) -> bool:
    """Whether a stub may take its place: an image or document that the request itself holds, but for a computer's screenshot, where
    nothing else may stand."""
    return media.kind in ("image", "document") and media.size > 0 and media.detail != SCREENSHOT


def _shown(media: Media) -> str:
    what = media.mime or media.kind
    size = f"{media.width}x{media.height}" if media.width else ""
    return ", ".join(part for part in (what, size, f"{media.size * 3 // 4 // 1000} kB" if media.size >= 2000 else "") if part)


def _of(media: Media, wire: str, model: str) -> int:
    match media.kind:
        case "image":
            return _image(media, wire, model)
        case "document":
            if media.mime.startswith("text/"):
                return int(media.size / _TEXT_BYTES_PER_TOKEN) + 1
            pages = min(_MOST_PAGES, 1 + _decoded(media) // _PAGE_BYTES)
            return pages * _PAGE_TOKENS.get(wire, _OTHER_PAGE_TOKENS)
        case "audio":
            rate = _PCM_BYTES if "wav" in media.mime or "pcm" in media.mime or "l16" in media.mime.lower() else _CODED_BYTES
            return _seconds(media, rate) * _SOUND_TOKENS.get(wire, _OTHER_SOUND_TOKENS)
        case "video":
            return _seconds(media, _FILM_BYTES) * _FILM_TOKENS


def _decoded(media: Media) -> int:
    return media.size * 3 // 4


def _seconds(media: Media, rate: int) -> int:
    return 1 + _decoded(media) // rate if media.size else _LINKED_S


def _image(media: Media, wire: str, model: str) -> int:
    width, height = (media.width, media.height) if media.width and media.height else _UNKNOWN
    if wire == "anthropic" or model.startswith("claude"):
        return _anthropic(width, height, model)
    if wire == "gemini" or model.startswith("gemini"):
        return _gemini(width, height, model)
    return _openai(width, height, model, media.detail)


def _anthropic(width: int, height: int, model: str) -> int:
    found = _CLAUDE.search(model)
    version = (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)
    edge, most = _ANTHROPIC_SHARP if version >= _SHARP_FROM else _ANTHROPIC
    scale = min(1.0, edge / max(width, height))
    return min(most, math.ceil(width * scale * height * scale / _PIXELS_PER_TOKEN))


def _gemini(width: int, height: int, model: str) -> int:
    found = _GEMINI.search(model)
    if found and int(found.group(1)) >= 3:
        return _GEMINI_FIXED
    if width <= _GEMINI_SMALL and height <= _GEMINI_SMALL:
        return _GEMINI_TILE
    return math.ceil(width / _GEMINI_EDGE) * math.ceil(height / _GEMINI_EDGE) * _GEMINI_TILE


def _openai(width: int, height: int, model: str, detail: str) -> int:
    factor = next((factor for name, factor in _PATCHES if model.startswith(name)), 0.0)
    if factor:
        scale = min(1.0, _LOW / max(width, height)) if detail == "low" else 1.0
        patches = math.ceil(width * scale / _PATCH) * math.ceil(height * scale / _PATCH)
        return math.ceil(min(_MOST_PATCHES, patches) * factor)
    base, tile = next(((base, tile) for name, base, tile in _TILES if model.startswith(name)), _OTHER_TILES)
    if detail == "low":
        return base
    scale = min(1.0, _FIT / max(width, height))
    scale *= min(1.0, _SHORT / (min(width, height) * scale))
    return base + tile * math.ceil(width * scale / _TILE) * math.ceil(height * scale / _TILE)
