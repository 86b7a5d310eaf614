"""Headers by which clients show themselves to gateways, and tell them what to do: a provider that a route leads to has no use for them.

Rule: they go to the host that the client means, or to the gateway whose family they are, and to no other. What looks like a secret is one.
Sources: https://docs.helicone.ai/helicone-headers/header-directory, https://portkey.ai/docs/api-reference/inference-api/headers,
https://developers.cloudflare.com/ai-gateway/configuration/authentication, https://docs.litellm.ai/docs/proxy/request_headers,
https://learn.microsoft.com/azure/api-management/api-management-subscriptions, https://docs.getbifrost.ai.
"""

from __future__ import annotations

import re
from functools import lru_cache

from backstory.core.exchange import Head

# By the beginnings of their names; and the hosts to which they go, as ends of names.
_FAMILIES: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"helicone-", ("helicone.ai",)),
    (b"x-portkey-", ("portkey.ai",)),
    (b"cf-aig-", ("gateway.ai.cloudflare.com",)),
    (b"cf-access-", ()),
    (b"x-litellm-", ()),
    (b"ocp-apim-", ("azure-api.net",)),
    (b"x-bf-", ()),
    (b"x-tfy-", ("truefoundry.cloud",)),
    (b"x-ms-token-", ()),
    (b"x-amzn-oidc-", ()),
    (b"x-goog-iap-", ()),
    (b"x-forwarded-access-", ()),
)
# What a provider's own client library sends with its key is told apart by name (backends.py).
_PROVIDERS_OWN = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"x-amz-security-token"})
_SECRET = re.compile(
    rb"(?:^|.*[-_])(?:api[-_]?key|access[-_]key|subscription[-_]key|auth[-_]key|auth|authorization|token|secret|password|jwt)"
)


def foreign(head: Head, host: str) -> frozenset[bytes]:
    """Those of this head, in lower case, that are not meant for this host."""
    return frozenset([name for name in head.named if _is_foreign(name, host)])


@lru_cache(4096)
def _is_foreign(name: bytes, host: str) -> bool:
    for beginning, hosts in _FAMILIES:
        if name.startswith(beginning):
            return not any(host == one or host.endswith(f".{one}") for one in hosts)
    return name not in _PROVIDERS_OWN and _SECRET.fullmatch(name) is not None
