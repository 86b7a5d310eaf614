"""data: URLs, taken apart and put together in one place for all wires."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.translation import Sight
from backstory.wires import WIRES
from backstory.wires.translation.media import data_url, file_name, from_data_url, held, sniffed
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
SVG = "<svg xmlns='a'/>"
QUOTED = "%3Csvg%20xmlns='a'/%3E"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", ("image/png", "iVBORw0KGgo=")),
        ("DATA:image/png;BASE64,iVBORw0KGgo=", ("image/png", "iVBORw0KGgo=")),
        ("data:text/plain;charset=utf-8;base64,SGk=", ("text/plain", "SGk=")),
        (f"data:image/svg+xml,{QUOTED}", ("image/svg+xml", b64encode(SVG.encode()).decode())),
        (f"data:image/svg+xml;charset=utf-8,{QUOTED}", ("image/svg+xml", b64encode(SVG.encode()).decode())),
        ("data:;base64,SGk=", ("", "SGk=")),
        ("data:,Hi", ("text/plain", "SGk=")),
        ("data:;charset=utf-8,Hi", ("text/plain", "SGk=")),
        ("https://example.com/data:image/png;base64,AA==", None),
        ("data:image/png;base64", None),
        ("", None),
    ],
)
def test_a_link_is_taken_apart(url: str, wanted: tuple[str, str] | None) -> None:
    assert from_data_url(url) == wanted


@given(st.binary())
def test_what_was_put_together_comes_apart(data: bytes) -> None:
    text = b64encode(data).decode()
    found = from_data_url(data_url(Sight("document", "application/zip", text), "application/pdf"))
    assert found == ("application/zip", text)


def test_a_plain_document_is_bytes_in_its_link() -> None:
    assert data_url(held("document", "text/plain", "SGk="), "") == "data:text/plain;base64,SGk="


def shown(client: str, provider: str, link: str) -> Any:
    """What the provider gets of an image behind this link, in the user's one message."""
    if client == "openai_chat":
        path, part = "/v1/chat/completions", {"type": "image_url", "image_url": {"url": link}}
        body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    else:
        path = "/v1/responses"
        body = {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": link}]}]}
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, "")
    asked = json.loads(one.ask(json.dumps(body).encode()))
    if provider == "gemini":
        return asked["contents"][0]["parts"][0]["inlineData"]
    return asked["messages"][0]["content"][0]["source"]


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
def test_an_image_in_a_link_without_base64_goes_up_as_its_bytes(client: str) -> None:
    data = b64encode(SVG.encode()).decode()
    link = f"data:image/png,{QUOTED}"
    assert shown(client, "anthropic", link) == {"type": "base64", "media_type": "image/png", "data": data}
    assert shown(client, "gemini", link) == {"mimeType": "image/png", "data": data}


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(("provider", "member"), [("anthropic", "media_type"), ("gemini", "mimeType")])
def test_an_image_whose_link_says_no_type_is_what_its_bytes_are(client: str, provider: str, member: str) -> None:
    assert shown(client, provider, "data:;base64,/9j/4AAQ")[member] == "image/jpeg"


@pytest.mark.parametrize(
    ("begins", "mime", "ending"),
    [
        (b"RIFF\x24\x08\x00\x00WEBPVP8 ", "image/webp", "webp"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", "", "pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "jpeg"),
        (b"GIF89a\x01\x00", "image/gif", "gif"),
        (b"%PDF-1.7\n", "application/pdf", "pdf"),
        (b"", "", "pdf"),
    ],
)
def test_what_nobody_says_the_data_tells(begins: bytes, mime: str, ending: str) -> None:
    one = Sight("document", "", b64encode(begins).decode())
    assert sniffed(one) == mime
    assert file_name(one) == f"file.{ending}"
    assert data_url(one, "application/pdf").startswith(f"data:{mime or 'application/pdf'};")
