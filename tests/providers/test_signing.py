"""Signature Version 4, against the example of Amazon's own test suite (post-vanilla, and with a session token)."""

from __future__ import annotations

from backstory.core.plan import Target
from backstory.providers.signing import Credentials, sign

_NOW = 1440938160.0  # 2015-08-30 12:36:00 UTC
_TARGET = Target("https", "example.amazonaws.com", 443, b"example.amazonaws.com", "/")


def test_a_signature_is_that_of_the_published_example() -> None:
    headers = dict(sign(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "us-east-1", "service", _TARGET, b"", _NOW))
    assert headers[b"X-Amz-Date"] == b"20150830T123600Z"
    assert headers[b"Authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
        b"Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


def test_credentials_are_not_shown() -> None:
    assert "secret" not in repr(Credentials("id", "secret", "token"))
