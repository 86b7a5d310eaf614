"""Providers that are paid with tokens, and requests that are signed."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from backstory.config import Config
from backstory.errors import ConfigError
from backstory.providers.routing import Router
from tests.extending import install
from tests.relay.world import Received, field, run
from tests.rig import reply, said
from tests.routed import KEYS, key_of, speaking, two

CLIENT = "auth: oauth_client, token_url: OTHER/token, client_id: me, client_secret_env: SECRET, scopes: all"


def test_a_token_is_asked_for_once_and_used_while_it_lasts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, {CLIENT}}}\n", {"SECRET": "s"}) as one:
            for _ in range(3):
                status, _ = await one.ask_for("anthropic", "prov:m")
                assert status == 200
            assert one.forms == [{"grant_type": "client_credentials", "client_id": "me", "client_secret": "s", "scope": "all"}]
            assert [key_of(received) for received in one.other.received] == [{"authorization": b"Bearer token-1"}] * 3

    run(scene())


def test_a_refresh_token_that_was_renewed_is_used_from_then_on(tmp_path: Path) -> None:
    text = "providers:\n  prov: {kind: groq, url: OTHER, auth: oauth_refresh, token_url: OTHER/token, refresh_token_env: REFRESH}\n"
    now = [1000.0]

    async def scene() -> None:
        async with two(tmp_path, text, {"REFRESH": "first"}, lambda: now[0]) as one:
            await one.ask_for("openai_chat", "prov:m")
            now[0] += 95
            await one.ask_for("openai_chat", "prov:m")
            assert [form["refresh_token"] for form in one.forms] == ["first", "refresh-1"]
            assert key_of(one.other.received[-1]) == {"authorization": b"Bearer token-2"}

    run(scene())


def test_without_a_token_the_next_way_is_taken_or_the_trouble_is_told(tmp_path: Path) -> None:
    text = f"providers:\n  prov: {{kind: groq, url: OTHER, {CLIENT}}}\n  other: {{kind: ollama, url: OTHER}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "wrong"}) as one:
            status, body = await one.ask_for("openai_chat", "prov:m")
            assert status == 502
            assert 'prov: no token: status 401: {"error":"invalid_client"}' in body["error"]["message"]
            assert not one.other.received
            status, _ = await one.ask_for("openai_chat", "prov:m|other:m")
            assert status == 200
            assert key_of(one.got) == {}

    run(scene())


def test_after_a_clock_was_set_back_a_token_is_asked_for_again(tmp_path: Path) -> None:
    """A clock that is ahead is a reason why none is given."""
    text = f"providers:\n  prov: {{kind: groq, url: OTHER, {CLIENT}}}\n"
    now = [90_000.0]

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "wrong"}, lambda: now[0]) as one:
            for at, asked in ((90_000.0, 1), (90_000.5, 1), (1000.0, 2), (1000.5, 2), (1002.0, 3)):
                now[0] = at
                status, _ = await one.ask_for("openai_chat", "prov:m")
                assert (status, len(one.forms)) == (502, asked)

    run(scene())


def test_a_service_account_signs_for_vertex_ai(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {"client_email": "me@x", "private_key": pem.decode(), "private_key_id": "k1", "token_uri": "https://oauth2.example/token"}
    (tmp_path / "account.json").write_text(json.dumps(account))
    more = "token_url: OTHER/token, credentials_file: account.json, values: {project: p-1}"
    text = f"providers:\n  vertex: {{url: OTHER, {more}}}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            status, _ = await one.ask_for("gemini", "vertex:gemini-2.5-pro")
            assert status == 200
            assert one.got.head.startswith(
                b"POST /v1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-pro:generateContent HTTP/1.1\r\n"
            )
            assert key_of(one.got) == {"authorization": b"Bearer token-1"}
            signed, _, signature = one.forms[0]["assertion"].rpartition(".")
            claims = json.loads(_bytes(signed.split(".")[1]))
            assert (claims["iss"], claims["aud"]) == ("me@x", "https://oauth2.example/token")
            assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            key.public_key().verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())

    run(scene())


def test_requests_to_bedrock_are_signed(tmp_path: Path) -> None:
    text = "providers:\n  bedrock: {url: OTHER/openai/v1, auth: aws, values: {region: eu-central-1}}\n"
    environ = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}

    async def scene() -> None:
        async with two(tmp_path, text, environ) as one:
            status, _ = await one.ask_for("anthropic", "bedrock:openai.gpt-oss-120b-1:0")
            assert status == 200
            told = field(one.got.head, b"authorization") or b""
            assert told.startswith(b"AWS4-HMAC-SHA256 Credential=AKID/")
            assert b"/eu-central-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=" in told
            assert field(one.got.head, b"x-amz-security-token") == b"t"
            assert one.got.head.startswith(b"POST /openai/v1/chat/completions HTTP/1.1\r\n")
            assert b"client-key" not in one.got.head
            assert json.loads(one.got.body)["model"] == "openai.gpt-oss-120b-1:0"
            assert KEYS

    run(scene())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("vertex: {values: {project: p}}", "credentials_file (or the variable GOOGLE_APPLICATION_CREDENTIALS) is needed"),
        ("vertex: {values: {project: p}, credentials_file: no.json}", "no.json cannot be read: FileNotFoundError"),
        ("vertex: {credentials_file: odd.json}", "values.project is needed (or the variable GOOGLE_CLOUD_PROJECT)"),
        ("vertex: {values: {project: p}, credentials_file: odd.json}", "is not that of a service account"),
        ("bedrock: {auth: aws}", "values.region is needed (or the variable AWS_REGION)"),
        ("bedrock: {auth: aws, values: {region: x}}", "auth aws: the variable AWS_ACCESS_KEY_ID is not set"),
        ("azure: {values: {resource: r}, auth: azure, tenant: t, client_id: c, client_secret_env: S}", "the variable S is not set"),
        ("groq: {api_key_file: no.key}", "no.key cannot be read: FileNotFoundError"),
        ("groq: {api_key_file: odd.json}", "holds no key (one line of visible ASCII characters)"),
    ],
)
def test_what_is_missing_is_told_at_the_start(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "odd.json").write_text('{"a": "b c"}')
    (tmp_path / "backstory.yaml").write_text(f"providers:\n  {row}\n")
    config = Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    with pytest.raises(ConfigError) as caught:
        Router(config)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"providers.{row.partition(':')[0]}: ")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


EXTENSION = """
from backstory.extend import Provider, Token

class Counted:
    signs = False
    asked = 0

    async def token(self, account):
        self.asked += 1
        assert (account.provider, account.secrets["key"], account.scopes) == ("prov", "k", "all")
        if self.asked == 3:
            raise RuntimeError("words that nobody is to see")
        return Token(f"t{self.asked}", 100)

    def headers(self, account, payment):
        if payment.token == "t4":
            raise KeyError("words that nobody is to see")
        return ((b"X-Token", payment.token.encode()),)

COUNTED = Provider(contract=1, pays={"counted": Counted()})
"""


def test_an_extensions_token_is_used_while_it_lasts_and_its_troubles_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "packages", "mine", "1", {"backstory.providers": {"mine": "counted_tokens:COUNTED"}}, {"counted_tokens": EXTENSION})
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    given = "{kind: openai_compatible, url: OTHER, auth: counted, api_key_env: MY_KEY, scopes: all}"
    text = f"extensions: [mine]\nproviders:\n  prov: {given}\n  other: {{kind: ollama, url: OTHER}}\n"
    now = [1000.0]

    async def scene() -> None:
        async with two(tmp_path, text, {"MY_KEY": "k"}, lambda: now[0]) as one:
            for pause in (0, 80, 11, 80):
                now[0] += pause
                assert (await one.ask_for("anthropic", "prov:m"))[0] == 200
            assert [field(one.head, b"x-token") for one in one.other.received] == [b"t1", b"t1", b"t2", b"t2"]
            assert all(key_of(received) == {} for received in one.other.received)
            for told in ("extension mine failed: RuntimeError", "extension mine failed: KeyError"):
                now[0] += 100
                status, body = await one.ask_for("anthropic", "prov:m")
                assert (status, told in body["error"]["message"]) == (502, True)
                assert "nobody is to see" not in body["error"]["message"]
            assert one.failures() == {"extension mine": 2}
            assert (await one.ask_for("openai_chat", "prov:m|other:m"))[0] == 200

    run(scene())


def test_a_renewed_refresh_token_outlives_a_restart_in_its_file(tmp_path: Path) -> None:
    text = "providers:\n  prov: {kind: groq, url: OTHER, auth: oauth_refresh, token_url: OTHER/token, refresh_token_file: refresh.txt}\n"
    file = tmp_path / "refresh.txt"
    file.touch(mode=0o644)

    async def scene(asked: str) -> None:
        async with two(tmp_path, text) as one:
            assert (await one.ask_for("openai_chat", "prov:m"))[0] == 200
            assert [form["refresh_token"] for form in one.forms] == [asked]

    for first in ("first", "second"):
        file.write_text(first + "\n")
        run(scene(first))
        assert file.read_text() == "refresh-1\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".refresh")]


def test_a_file_that_cannot_be_written_costs_no_request(tmp_path: Path) -> None:
    text = "providers:\n  prov: {kind: groq, url: OTHER, auth: oauth_refresh, token_url: OTHER/token, refresh_token_file: d/refresh.txt}\n"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "refresh.txt").write_text("first")

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            shutil.rmtree(tmp_path / "d")
            assert (await one.ask_for("openai_chat", "prov:m"))[0] == 200

    run(scene())


@pytest.mark.parametrize("more", ["", ", refresh_token_env: R, refresh_token_file: refresh.txt"])
def test_a_refresh_token_comes_from_one_place(tmp_path: Path, more: str) -> None:
    (tmp_path / "backstory.yaml").write_text(f"providers:\n  prov: {{kind: groq, auth: oauth_refresh, token_url: 'http://x/t'{more}}}\n")
    (tmp_path / "refresh.txt").write_text("first")
    with pytest.raises(ConfigError, match="refresh_token_env or refresh_token_file"):
        Config.load(environ={"HOME": str(tmp_path), "R": "r"}, cwd=tmp_path)


def taking(*bad: bytes) -> Callable[[Received], bytes | None]:
    """A provider that has revoked these tokens."""

    def answer(received: Received) -> bytes | None:
        if field(received.head, b"authorization") in {b"Bearer " + one for one in bad}:
            return reply(b'{"error":{"message":"token revoked"}}', status=b"401 Unauthorized")
        return reply(said(speaking(received), "Good day."))

    return answer


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("wire", KEYS)
def test_a_token_that_was_revoked_is_renewed_before_the_client_hears_of_it(tmp_path: Path, wire: str, retries: int) -> None:
    text = f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, {CLIENT}}}\nresilience: {{retries: {retries}}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "s"}, answers=taking(b"token-1")) as one:
            for _ in range(2):
                status, body = await one.ask_for(wire, "prov:m")
                assert (status, "Good day." in json.dumps(body)) == (200, True)
            assert [key_of(received)["authorization"] for received in one.other.received] == [b"Bearer token-1"] + [b"Bearer token-2"] * 2
            assert len(one.forms) == 2
            assert one.other.received[0].body == one.other.received[1].body

    run(scene())


def test_a_provider_that_takes_no_token_is_told_of_and_the_next_way_is_taken(tmp_path: Path) -> None:
    text = f"providers:\n  prov: {{kind: groq, url: OTHER, {CLIENT}}}\n  other: {{kind: ollama, url: OTHER}}\n"
    now = [1000.0]

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "s"}, lambda: now[0], taking(b"token-1", b"token-2", b"token-3")) as one:
            for _ in range(4):
                status, body = await one.ask_for("openai_chat", "prov:m")
                assert (status, body["error"]["message"]) == (401, "token revoked")
            assert len(one.forms) == 2, "no token is asked for with each request"
            now[0] += 11
            status, _ = await one.ask_for("openai_chat", "prov:m|other:m")
            assert status == 200
            assert key_of(one.other.received[-1]) == {}
            assert len(one.forms) == 3

    run(scene())


def test_a_reasoner_whose_token_was_revoked_thinks_again_with_the_next_request(tmp_path: Path) -> None:
    text = f"providers:\n  mind: {{kind: groq, url: OTHER, {CLIENT}}}\n  hand: {{kind: ollama, url: OTHER}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "s"}, answers=taking(b"token-1")) as one:
            for _ in range(3):
                assert (await one.ask_for("openai_chat", "hybrid:[mind:m,hand:m]"))[0] == 200
            paid = [key_of(received).get("authorization") for received in one.other.received]
            assert paid == [b"Bearer token-1", None, b"Bearer token-2", None, b"Bearer token-2", None]

    run(scene())


def test_a_refusal_of_the_clients_own_key_is_the_clients(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "", answers=taking(b"client-key")) as one:
            status, body = await one.ask_for("openai_chat", "m")
            assert (status, body) == (401, {"error": {"message": "token revoked"}})
            assert len(one.own.received) == 1

    run(scene())
