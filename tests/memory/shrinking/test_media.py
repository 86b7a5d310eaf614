"""Tokens of media by each provider's rule, on the examples of their own pages; and the hashes by which pictures are known."""

from __future__ import annotations

import base64
import json

import pytest

from backstory.core.message import Media, Message, Text, ToolResult
from backstory.errors import DocumentError, NotFound
from backstory.memory.reading.turns import line
from backstory.memory.shrinking import media, refs
from backstory.wires import WIRES

WIRE = next(wire for wire in WIRES if wire.name == "anthropic")


def image(width: int, height: int, detail: str = "") -> Media:
    return Media("image", "image/png", 100, "", (), width, height, detail)


@pytest.mark.parametrize(
    ("wire", "model", "size", "detail", "wanted"),
    [
        ("anthropic", "claude-sonnet-4-5", (200, 200), "", 54),
        ("anthropic", "claude-sonnet-4-5", (1000, 1000), "", 1334),
        ("anthropic", "claude-sonnet-4-5", (1092, 1092), "", 1568),
        ("anthropic", "claude-sonnet-4-5", (4000, 3000), "", 1568),
        ("anthropic", "claude-sonnet-4-5", (3136, 100), "", 105),
        ("anthropic", "claude-opus-4-7", (1500, 1500), "", 3000),
        ("anthropic", "claude-opus-4-7", (4000, 3000), "", 4784),
        ("anthropic", "claude-3-5-sonnet-20241022", (1500, 1500), "", 1568),
        ("openai_chat", "gpt-4o", (1024, 1024), "high", 765),
        ("openai_chat", "gpt-4o", (2048, 4096), "high", 1105),
        ("openai_chat", "gpt-4o", (4096, 8192), "low", 85),
        ("openai_chat", "gpt-4o-mini", (1024, 1024), "", 25501),
        ("openai_responses", "gpt-5.1", (1024, 1024), "auto", 630),
        ("openai_responses", "o3", (1024, 1024), "", 675),
        ("openai_responses", "gpt-5-mini", (1024, 1024), "", 1659),
        ("openai_responses", "gpt-4.1-mini", (1800, 2400), "", 2489),
        ("openai_responses", "gpt-5-mini", (1024, 1024), "low", 415),
        ("gemini", "gemini-2.5-flash", (384, 384), "", 258),
        ("gemini", "gemini-2.5-flash", (600, 400), "", 258),
        ("gemini", "gemini-2.5-flash", (1536, 769), "", 1032),
        ("gemini", "gemini-3.1-pro", (4000, 3000), "", 1120),
        ("openai_chat", "anthropic/claude-sonnet-4-5", (1000, 1000), "", 1334),
    ],
)
def test_images_by_the_providers_rules(wire: str, model: str, size: tuple[int, int], detail: str, wanted: int) -> None:
    assert media.tokens([image(*size, detail)], wire, model) == wanted


def test_an_image_of_unknown_size_is_taken_for_a_large_one() -> None:
    assert media.tokens([image(0, 0)], "anthropic", "claude-sonnet-4-5") == 1568
    assert media.tokens([image(0, 0)], "openai_chat", "") == 765


def test_documents_and_sound_are_estimated_by_their_size() -> None:
    pdf = Media("document", "application/pdf", 400_000)
    assert media.tokens([pdf], "anthropic", "m") == 7 * 2500
    assert media.tokens([pdf], "gemini", "m") == 7 * 258
    assert media.tokens([Media("document", "text/plain", 3600)], "anthropic", "m") == 1001
    assert media.tokens([Media("audio", "audio/wav", 32_000 * 10 * 4 // 3 + 4)], "gemini", "m") == 11 * 32
    assert media.tokens([Media("audio", "audio/mp3", 16_000 * 10 * 4 // 3 + 4)], "openai_chat", "m") == 11 * 10
    assert media.tokens([Media("video", "", 0, "files/1")], "gemini", "m") == 60 * 263


def test_a_message_counts_what_it_and_its_results_show() -> None:
    inside = (image(1000, 1000),)
    message = Message("user", (image(200, 200), ToolResult("c", "", "seen", (), False, inside), Text("and?")))
    assert line(message).media == (image(200, 200), *inside)
    assert line(Message("user", (Text("words"),))).media == ()


def test_a_mark_does_not_change_what_a_picture_is_known_by_and_another_picture_does() -> None:
    def block(data: str, **more: object) -> bytes:
        return json.dumps({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}} | more).encode()

    assert media.content(block("AAAA")) == media.content(block("AAAA", cache_control={"type": "ephemeral"}))
    assert media.content(block("AAAA")) != media.content(block("AAAB"))
    with pytest.raises(DocumentError):
        media.content(b'{"type":"image","type":"image"}')


@pytest.mark.parametrize("pad", ["=", ""])
def test_a_picture_in_the_letters_of_urls_is_read_in_the_usual_ones(pad: str) -> None:
    whole = bytes(range(250, 256)) * 20 + b"x"
    text = base64.urlsafe_b64encode(whole).decode()
    assert "-" in text
    raw = json.dumps({"parts": [{"inlineData": {"mimeType": "image/png", "data": text if pad else text.rstrip("=")}}]}).encode()
    assert base64.b64decode(media.data(raw, ("parts", 0)), validate=True) == whole


def test_a_picture_comes_back_by_its_ref_only_if_it_is_the_same() -> None:
    pictures = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}} for data in ("AAAA", "BBBB")]
    back = {"type": "tool_result", "tool_use_id": "c", "content": [pictures[1]]}
    raw = json.dumps({"role": "user", "content": [pictures[0], back]}).encode()
    found = media.placed(raw, WIRE.message(raw, ("m",)), 1)
    assert [one.at for one in found] == [("content", 0), ("content", 1, "content", 0)]
    for place, one in enumerate(found):
        name = refs.parsed(refs.ref("media", 7, place, one.content))
        assert json.loads(media.restored(found, raw, name)) == pictures[place]
        with pytest.raises(NotFound):
            media.restored(found, raw, refs.parsed(f"m7.{1 - place}-{one.content[:4].hex()}"))
    with pytest.raises(NotFound):
        media.restored(found, raw, refs.parsed("m7.9-00000000"))


def test_a_document_that_answers_may_cite_is_known_as_such() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    blocks = [{"type": "document", "source": source}, {"type": "document", "source": source, "citations": {"enabled": True}}]
    raw = json.dumps({"role": "user", "content": blocks}).encode()
    assert [one.cited for one in media.placed(raw, WIRE.message(raw, ("m",)), 1)] == [False, True]


def test_a_stub_says_what_was_shown() -> None:
    shown = media.stub(Media("image", "image/png", 400_000, "", (), 1200, 800), "m7-0a0b0c0d")
    assert shown == "[left out: image/png, 1200x800, 300 kB; shown earlier; ref m7-0a0b0c0d]"
    assert media.may_go(Media("image", "image/png", 9))
    assert not media.may_go(Media("image", "", 0, "https://example.org/a.png"))
    assert not media.may_go(Media("audio", "audio/wav", 9))


@pytest.mark.parametrize(
    "name", ["", "t", "t1", "t1-", "t1-0a0b0c0", "x1-0a0b0c0d", "t1-0a0b0c0dd", "t1.-0a0b0c0d", "t" + "9" * 30 + "-0a0b0c0d"]
)
def test_what_is_no_ref_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        refs.parsed(name)
