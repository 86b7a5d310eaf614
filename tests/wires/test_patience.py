"""How long an error's body asks to wait."""

from __future__ import annotations

import json

import pytest

from backstory.wires.patience import asked_s


def google(*details: object) -> bytes:
    return json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota", "details": details}}).encode()


def info(delay: object) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize(("delay", "seconds"), [("39s", 39.0), ("0.250s", 0.25), ("7.074911272s", 7.074911272), ("0s", 0.0)])
def test_googles_retry_info_is_understood(delay: str, seconds: float) -> None:
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaMetric": "requests"}]}
    assert asked_s(google(quota, info(delay))) == seconds
    assert asked_s(b"[" + google(info(delay)) + b"]") == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"{}",
        b'{"error":"39s"}',
        b'{"error":{"details":"39s"}}',
        b'{"error":{"details":[39,null,"39s",{}]}}',
        google(info(39)),
        google(info("39")),
        google(info("-3s")),
        google(info("1e3s")),
        google(info("s")),
        google({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "retryDelay": "3s"}),
        b"\xff",
        b"[" * 5000,
    ],
)
def test_what_says_nothing_of_it_asks_for_nothing(body: bytes) -> None:
    assert asked_s(body) is None
