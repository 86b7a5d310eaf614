"""Tokens that providers are paid with: how one is asked for, and what is answered. Pure: what to send, and what came, read.

Sources: RFC 6749 sections 4.4 and 6 (client credentials, refresh tokens), RFC 7523 (Google's service accounts: a signed assertion),
learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from backstory.core.exchange import Headers
from backstory.core.plan import Target
from backstory.errors import ConfigError, UpstreamError, with_extra
from backstory.providers import upstreams
from backstory.providers.backends import Backend

FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"), (b"Accept", b"application/json"))
_AZURE = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTED_S = 3600
_USUAL_S = 3600.0
_QUOTED = 200


class Token(Struct, frozen=True):
    """`lasts_s`: how long from when it was given. `refresh`: the refresh token to use from now on, "" for the same as before."""

    value: str
    lasts_s: float
    refresh: str = ""

    def __repr__(self) -> str:
        return f"Token(***, {self.lasts_s:g})"


class _Account(Struct):
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"
    private_key_id: str = ""


class _Answer(Struct):
    access_token: str
    expires_in: float | str | None = None
    refresh_token: str = ""


def check(backend: Backend) -> None:
    """Raises ConfigError for an account that is none, or where what signs for it is not installed."""
    if backend.auth != "google":
        return
    try:
        _account(backend)
    except UpstreamError as error:
        raise ConfigError(f"providers.{backend.name}: {error}") from error
    if find_spec("google") is None or find_spec("google.auth") is None:
        raise ConfigError(f"providers.{backend.name}: auth google needs {with_extra('google')}")


def asking(backend: Backend, now: float, refresh: str = "") -> tuple[Target, bytes]:
    """Where a token is asked for, and with which form. `now`: Unix seconds. `refresh`: the newest refresh token. UpstreamError for an
    account that cannot sign."""
    given, scope = backend.given, backend.given.scopes or backend.row.scopes
    url = given.token_url or _AZURE.format(tenant=given.tenant)
    match backend.auth:
        case "oauth_refresh":
            form = {"grant_type": "refresh_token", "refresh_token": refresh or backend.secrets.other("refresh_token")}
        case "google":
            account = _account(backend)
            url = given.token_url or account.token_uri
            form = {"grant_type": _ASSERTION, "assertion": _signed(account, scope, now)}
            scope = ""
        case _:
            form = {"grant_type": "client_credentials"}
    more = {"client_id": given.client_id, "client_secret": backend.secrets.other("client_secret"), "scope": scope}
    base = upstreams.base(url.partition("?")[0])
    query = url.partition("?")[2]
    target = Target(base.scheme, base.host, base.port, base.host_header, (base.prefix or "/") + (f"?{query}" if query else ""))
    return target, urlencode(form | {name: value for name, value in more.items() if value}).encode()


def answered(status: int, body: bytes) -> Token:
    """The token that was given. Raises UpstreamError, which quotes what was said where none was."""
    if status >= 400:
        raise UpstreamError(f"status {status}: {body[:_QUOTED].decode('utf-8', 'replace')}")
    try:
        found = msgspec.json.decode(body, type=_Answer)
        lasts_s = _USUAL_S if found.expires_in is None else float(found.expires_in)
    except (msgspec.DecodeError, ValueError) as error:
        raise UpstreamError("what was answered holds no token") from error
    return Token(found.access_token, lasts_s, found.refresh_token)


def _account(backend: Backend) -> _Account:
    try:
        return msgspec.json.decode(backend.secrets.other("account"), type=_Account)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UpstreamError("the credentials file is not that of a service account (client_email, private_key)") from error


def _signed(account: _Account, scope: str, now: float) -> str:
    """The assertion, signed by the account's key."""
    from google.auth import crypt, jwt  # noqa: PLC0415 - an extra

    claims = {"iss": account.client_email, "scope": scope, "aud": account.token_uri, "iat": int(now), "exp": int(now) + _ASSERTED_S}
    try:
        signer = crypt.RSASigner.from_string(account.private_key, account.private_key_id or None)  # type: ignore[no-untyped-call]
        assertion: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise UpstreamError("the private key of the service account cannot be read") from error
    return assertion.decode("ascii")
