"""Where a conversation belongs: its project by header, setting or directory; its audience only ever narrower."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.message import Text
from backstory.core.records import Home
from backstory.memory.identity.belonging import MIXED, audience, grouped, opted_out, project, settled, tellable
from backstory.memory.reading.envelope import strip
from tests.memory.reading.test_envelope import GROUP, OLD


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# Environment\n - Primary working directory: /home/ann/shop\n - Is a git repository: true", "dir /home/ann/shop"),
        ("<env>\nWorking directory: /home/ann/shop/\nPlatform: linux\n</env>", "dir /home/ann/shop"),
        ("<environment_context>\n  <cwd>/home/ann/shop</cwd>\n  <shell>bash</shell>\n</environment_context>", "dir /home/ann/shop"),
        ("<session_context>\nI'm currently working in the directory: /home/ann/shop\nHere is the tree:", "dir /home/ann/shop"),
        ("<session_context>\n- **Workspace Directories:**\n  - /home/ann/shop\n- **Directory Structure:**\n", "dir /home/ann/shop"),
        ("Current date: today\nCurrent working directory: /home/ann/shop", "dir /home/ann/shop"),
        ("## Workspace\nYour working directory is: /home/ann/clawd\n", "dir /home/ann/clawd"),
        ("You help with travel plans.", ""),
    ],
)
def test_a_client_tells_its_directory(text: str, found: str) -> None:
    assert project("", "", [text]) == found
    assert project("shop", "", [text]) == "shop", "the header counts more"
    assert project("", "set", [text]) == "set", "and so does the setting"


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (GROUP, "group telegram:-100123"),
        (OLD, "direct signal:+1555"),
        ("[Telegram Trip planning id:-100123 2026-11-20 14:03 UTC] Porto it is.", "chat telegram:-100123"),
        ("[Discord Guild #general channel id:123 2026-11-20 14:03 UTC] Porto it is.", "group discord:123"),
        ("[Slack #team 2026-11-20 14:03 UTC] Porto it is.", "group slack:#team"),
        ("[Signal Family group id:abc= +2m 2026-11-20 14:03 UTC] Porto it is.", "group signal:abc="),
        ("[Discord Ann user id:55 2026-11-20 14:03 UTC] Porto it is.", "chat discord:55"),
        ("[Signal Ann Group-Smith id:+1555 2026-11-20 14:03 UTC] Porto it is.", "chat signal:+1555"),
        ("[WhatsApp +1555 +30s Sun 2026-01-18 00:20:12 CST] Porto it is.", "chat whatsapp:+1555"),
        ("Porto it is.", ""),
    ],
)
def test_an_envelope_tells_its_room(text: str, room: str) -> None:
    assert strip("user", (Text(text),)).room == room


def test_the_session_tells_the_room_where_no_message_does() -> None:
    runtime = "You are an assistant.\nRuntime: agent=main | session=agent:main:telegram:group:-100 | host=box"
    assert audience([], [runtime]) == "session agent:main:telegram:group:-100"
    meta = 'Context {"schema":"openclaw.inbound_meta.v2","channel":"telegram","chat_type":"group"}'
    assert "chat_type=group" in audience([], [meta])
    assert audience(["group a"], [runtime]) == "group a"
    assert audience([], ["just text"]) == ""
    assert not tellable(Home("c", "", audience(["group a", "direct b"], [])))


_AUDIENCES = st.sampled_from(["", "group a", "direct b", "session c"])


@given(st.lists(_AUDIENCES, min_size=1, max_size=6))
def test_an_audience_never_becomes_wider(told: list[str]) -> None:
    known: Home | None = None
    heard: set[str] = set()
    for place, one in enumerate(told):
        before = known
        known = settled(known, Home("c", "", one), [""] * place if known is None else ())
        heard.add(one)
        if before is not None and before.audience:
            assert known.audience in (before.audience, MIXED + "c")
        if len(heard - {""}) > 1:
            assert not tellable(known)
        if len(heard) == 1:
            assert known.audience == one


def test_earlier_turns_of_a_channel_make_a_conversation_unsure() -> None:
    assert not tellable(settled(None, Home("c", "", ""), ["", "telegram"]))
    assert not tellable(settled(None, Home("c", "", "group a"), [""]))
    assert tellable(settled(None, Home("c", "", ""), ["", ""]))


@pytest.mark.parametrize("room", ["group telegram:-100", "chat telegram:-999", "chat whatsapp:1203630@g.us", "chat slack:C04AB12CD"])
def test_a_group_is_known_by_its_kind_or_its_id(room: str) -> None:
    assert grouped(room)


@pytest.mark.parametrize(
    "room",
    [
        "",
        "direct telegram:7",
        "chat telegram:111",
        "chat whatsapp:Ann",
        "chat whatsapp:+1-555",
        "chat slack:D04AB12CD",
        "chat slack:Carl",
        "?",
    ],
)
def test_what_may_be_between_two_is_no_group(room: str) -> None:
    assert not grouped(room)


def test_opting_out_names_principals() -> None:
    assert opted_out("b", "a, b")
    assert not opted_out("c", "a, b")
    assert not opted_out("", "")
