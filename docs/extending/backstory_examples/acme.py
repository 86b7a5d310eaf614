"""A provider: Acme, which speaks the wire of OpenAI Chat, and is paid in one of two ways of its own.

`acme_ticket`: a ticket, made of the key once in five minutes, stands in each request (a JSON web token, RFC 7519, as some want it).
`acme_signed`: each request is signed with the key, so that nobody can change it on its way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

from backstory.extend import Account, Headers, Payment, Provider, Row, Token

_LASTS_S = 300.0


class Ticket:
    """Tokens that last; the key itself is never sent."""

    signs = False

    async def token(self, account: Account) -> Token:
        """A ticket in the name of this account. KeyError where the settings have no key for it."""
        claims = {"iss": account.values["account"], "exp": int(time.time() + _LASTS_S)}
        text = f"{_base64(_json({'alg': 'HS256', 'typ': 'JWT'}))}.{_base64(_json(claims))}"
        return Token(f"{text}.{_base64(_mac(account, text.encode()))}", _LASTS_S)

    def headers(self, account: Account, payment: Payment) -> Headers:
        """The ticket."""
        return ((b"Authorization", b"Ticket " + payment.token.encode()),)


class Signed:
    """A signature for each request: it holds for this body alone."""

    signs = True

    async def token(self, account: Account) -> Token:
        """None is needed."""
        return Token("", 86_400.0)

    def headers(self, account: Account, payment: Payment) -> Headers:
        """The time, and the signature over time, path and body."""
        stamp = str(int(payment.now))
        signed = _mac(account, b"\n".join([stamp.encode(), payment.path.encode(), payment.body])).hex()
        return ((b"X-Acme-Time", stamp.encode()), (b"X-Acme-Signature", signed.encode()))


def _mac(account: Account, data: bytes) -> bytes:
    return hmac.new(account.secrets["key"].encode(), data, hashlib.sha256).digest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


ACME = Provider(
    contract=1,
    rows={
        "acme": Row(
            title="Acme",
            urls={"openai_chat": "https://api.acme.example/v1"},
            key_env="ACME_API_KEY",
            auth="acme_ticket",
            values={"account": "$ACME_ACCOUNT"},
        )
    },
    pays={"acme_ticket": Ticket(), "acme_signed": Signed()},
)
