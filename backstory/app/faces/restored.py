"""What a stub's ref names, as it came: a tool's output, or an image or document."""

from __future__ import annotations

import base64
import re

from msgspec import Struct

from backstory.app.faces import stored as faces
from backstory.commands.forgetting import FORGET, veil
from backstory.core.store import Store
from backstory.errors import NotFound
from backstory.memory.shrinking import media, refs, tool_output
from backstory.stages.stubs import placed
from backstory.wires import WIRES

_MIME = re.compile(rb'"(?:media_type|mimeType|mime_type)"\s*:\s*"([\w.+/-]{3,100})"|"data:([\w.+/-]{3,100});base64,')
_BASE64 = re.compile(rb'(?:"data"\s*:\s*"|;base64,)([A-Za-z0-9+/]+={0,2})"')


class Restored(Struct, frozen=True):
    """`data`: the bytes of the image or document, or the text in UTF-8. `kind`: its media type; application/json where the block that
    holds it could not be decoded, and stands here itself."""

    ref: str
    conversation: str
    turn: int
    kind: str
    data: bytes


def restored(store: Store, ref: str) -> Restored:
    """Raises NotFound where nothing is stored under this ref, it was forgotten, or it is not what the ref's hash was made of."""
    name = refs.parsed(ref)
    turn = next(iter(store.turns_by_id((name.turn,), raw=True)), None)
    if turn is None:
        raise NotFound(f"nothing is stored under {ref!r}")
    record = faces.find(store, turn.conversation)
    if turn.id in veil(store.stated(FORGET, record.principal)):
        raise NotFound(f"what {ref!r} names is being forgotten")
    if not name.media:
        return Restored(ref, record.id, turn.position + 1, "text/plain", tool_output.restored(turn, name).encode("utf-8", "surrogatepass"))
    wire = next((one for one in WIRES if one.name == turn.wire), None)
    if wire is None:
        raise NotFound(f"nothing is stored under {ref!r}")
    block = media.restored(placed(turn, wire), turn.raw, name).encode("utf-8", "surrogatepass")
    mime, found = _MIME.search(block), _BASE64.search(block)
    if mime is None or found is None:
        return Restored(ref, record.id, turn.position + 1, "application/json", block)
    kind = (mime.group(1) or mime.group(2)).decode()
    return Restored(ref, record.id, turn.position + 1, kind, base64.b64decode(found.group(1) + b"=="))
