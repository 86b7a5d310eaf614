"""The way to providers that the settings name: certificates and proxies."""

from __future__ import annotations

from backstory.config import Config
from backstory.relay.connect import Connector, Proxies, Tls


def connector(config: Config) -> Connector:
    """Opens connections. Raises ConfigError where files or proxy URLs are wrong."""
    upstream, outbound = config.upstream, config.outbound
    tls = Tls(upstream.ca_file, upstream.client_cert, upstream.client_key)
    return Connector(tls, Proxies(outbound.http, outbound.https, outbound.no_proxy))
