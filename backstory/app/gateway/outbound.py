"""The way to providers that the settings name: certificates and proxies."""

from __future__ import annotations

from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.relay.connect import Connector, Proxies, Tls, unusable

_ABOUT_THE_MESSAGE = frozenset(
    {
        b"host", b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect", b"content-length",
        b"content-encoding", b"content-type", b"accept-encoding", b"accept", b"proxy-authorization", b"proxy-connection",
    }
)  # fmt: skip


def outward(head: Head, drop: frozenset[bytes], add: Headers) -> Headers:
    """The headers of a request of ours that is made for the sake of this client's: its own but these, with what is added."""
    gone = _ABOUT_THE_MESSAGE | drop | {name.lower() for name, _ in add}
    return (*(pair for pair in head.headers if pair[0].lower() not in gone), *add)


def connector(config: Config) -> Connector:
    """Opens connections. Raises ConfigError where files or proxy URLs are wrong."""
    upstream = config.upstream
    tls = Tls(upstream.ca_file, upstream.client_cert, upstream.client_key)
    return Connector(tls, _proxies(config))


def warnings(config: Config) -> list[str]:
    """What of the environment's proxies cannot be used, and what to do about it. Raises ConfigError as `connector`."""
    advice = "requests that need it get a 502; name an http:// proxy, or set upstream.proxy to none to go without"
    return [f"{fault}: {advice}" for fault in unusable(_proxies(config))]


def _proxies(config: Config) -> Proxies:
    outbound = config.outbound
    return Proxies(outbound.http, outbound.https, outbound.no_proxy, outbound.http_from, outbound.https_from)
