"""Signature Version 4, against the example of Amazon's own test suite (post-vanilla, and with a session token)."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("path", "token", "body", "signature"),
    [
        (
            "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
            "tok/en+==",
            b'{"a":"\xc3\xa9"}',
            b"15fe6bed4a055f9dbae39ec182d05a4feeafe01ced4bd1d9bb63757fdd15a8b5",
        ),
        (
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fx/invoke",
            "",
            b"{}",
            b"5750cbd357d8f844578ad00d3f26d70c9cc6b2a0da7dc5187ebc8704b45145ae",
        ),
        ("/openai/v1/chat/completions?b=%C3%A9&a=2&a=1&c=", "", b"{}", b"55dba7859b2b9d90576e8564f82dcf4a9da564852d009cdb8f517f6f9df0cb56"),
        ("/model/a:0/invoke?beta=true", "", b"", b"dd8e1ab437dd9cfcfd95b3a3e6392f9e925224f9f8ffb32b429782cc4736b7f2"),
    ],
    ids=["model id and token", "profile", "query", "bare colon"],
)
def test_a_signature_is_that_of_amazons_own_sdk(path: str, token: str, body: bytes, signature: bytes) -> None:
    """What botocore 1.44 signs for the same requests at this moment."""
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    target = Target("https", host, 443, host.encode(), path)
    headers = dict(sign(Credentials("AKID", "SECRET", token), "eu-west-1", "bedrock", target, body, 1795000000.0))
    assert headers[b"Authorization"].endswith(b"Signature=" + signature)
