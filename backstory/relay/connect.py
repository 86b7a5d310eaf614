"""New connections to providers: name look-up, racing addresses, TLS, and the way through an HTTP proxy.

Rule: whatever goes wrong here is an UpstreamError or UpstreamTimeout whose text says what failed and names no address the client did
not already know. Nothing here reads the environment.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from backstory.errors import ConfigError, UpstreamError, UpstreamTimeout
from backstory.relay.unread import Attentive

Origin: TypeAlias = tuple[str, str, int]
_P = TypeVar("_P", bound=asyncio.BaseProtocol)
_Address: TypeAlias = tuple[int, tuple[str | int, ...] | tuple[int, bytes]]

_STAGGER_S = 0.25  # between the starts of two attempts (RFC 8305 section 5: "Connection Attempt Delay")
_MAX_TUNNEL_HEAD = 16384
_KEEPALIVE_S = 60  # TCP keep-alive, so that address translators do not forget a model that thinks for minutes


class Tls(Struct, frozen=True):
    """How providers are verified. `ca_file` is added to the system's authorities; `cert_file` and `key_file` are a client certificate."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """The TLS context. Raises ConfigError where a file cannot be read, or a key without a passphrase."""
        context = ssl.create_default_context()
        # Python 3.13 asks of every certificate what many companies' own authorities have not got (RFC 5280's required extensions).
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            if self.ca_file:
                context.load_verify_locations(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None, self._no_passphrase)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"TLS files {self.ca_file!r}, {self.cert_file!r}, {self.key_file!r} cannot be used: {error}") from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _no_passphrase(self) -> str:
        """In place of OpenSSL's question at the terminal, where nobody may sit."""
        key = self.key_file or self.cert_file
        raise ConfigError(f"key {key!r} is encrypted with a passphrase: keep a copy without (openssl pkey -in {key} -out PLAIN)")


class Proxies(Struct, frozen=True):
    """HTTP proxies on the way to providers, as URLs with http scheme (user and password allowed), "" for none.

    `no_proxy`: hosts reached directly: `*`, names (with their subdomains, a leading dot is ignored), addresses, networks, each with an
    optional port. `http_from` and `https_from`: the environment variables that name them, "" where the settings do.
    """

    http: str = ""
    https: str = ""
    no_proxy: tuple[str, ...] = ()
    http_from: str = ""
    https_from: str = ""


class _Proxy(Struct, frozen=True):
    host: str
    port: int
    authorization: bytes


def _read_proxy(url: str) -> _Proxy | None:
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else "http://" + url)
        port = parts.port or 80
    except ValueError as error:
        raise ConfigError("a proxy URL has a host or a port that cannot be read") from error
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"a proxy URL must be http://host:port, not {parts.scheme}://{parts.hostname or ''}")
    line = b""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        line = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(pair)
    return _Proxy(parts.hostname, port, line)


def _proxy_or_fault(url: str, variable: str) -> tuple[_Proxy | None, str]:
    """The proxy, and what is wrong with it. Only the settings' own fault is raised, as ConfigError: a variable may be meant for other
    programs. It is not passed over either: who has to use a proxy does not want to go without."""
    try:
        return _read_proxy(url), ""
    except ConfigError as error:
        if not variable:
            raise ConfigError(f"upstream.proxy: {error}") from error
        return None, f"{variable}: {error}"


def unusable(proxies: Proxies) -> list[str]:
    """What is wrong with the environment's proxies: requests that are to go through one of these fail. Raises ConfigError."""
    faults = (_proxy_or_fault(proxies.http, proxies.http_from)[1], _proxy_or_fault(proxies.https, proxies.https_from)[1])
    return list(dict.fromkeys(filter(None, faults)))


def bypasses(host: str, port: int, no_proxy: tuple[str, ...]) -> bool:
    """Whether `host` is reached directly by the rules of `Proxies.no_proxy`."""
    host = host.lower().rstrip(".")
    return any(_matches(entry.strip().lower(), host, port) for entry in no_proxy)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        entry = entry.removeprefix("*").lstrip(".")
        return bool(entry) and (host == entry or host.endswith("." + entry))
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


class Connector:
    """Opens connections. Raises ConfigError at once where files or proxy URLs are wrong."""

    def __init__(self, tls: Tls = Tls(), proxies: Proxies = Proxies()) -> None:  # noqa: B008 (frozen values)
        self._tls = tls
        self._no_proxy = proxies.no_proxy
        http, https = _proxy_or_fault(proxies.http, proxies.http_from), _proxy_or_fault(proxies.https, proxies.https_from)
        self._proxies = {"http": http[0], "https": https[0]}
        self._faults = {"http": http[1], "https": https[1]}
        self._context = tls.context() if tls != Tls() else None

    def _proxy_for(self, origin: Origin) -> _Proxy | None:
        scheme, host, port = origin
        proxy = self._proxies.get(scheme)
        return None if proxy is None or bypasses(host, port, self._no_proxy) else proxy

    def forwarding(self, origin: Origin) -> tuple[bytes, bytes]:
        """What a request to this origin needs besides its own head: (prefix of the target, extra header line). Both empty but for
        plain http through a proxy, which takes absolute targets (RFC 9112 section 3.2.2)."""
        scheme, host, port = origin
        proxy = self._proxy_for(origin)
        if proxy is None or scheme != "http":
            return b"", b""
        return b"http://" + _authority(host, port, 80), proxy.authorization

    async def connect(self, origin: Origin, factory: Callable[[], _P], timeout_s: float) -> _P:
        """A connection to `origin` that is ready for a request. Raises UpstreamError, UpstreamTimeout."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connect(origin, factory)
        except TimeoutError as error:
            raise UpstreamTimeout(f"no connection to the upstream within {timeout_s:g} s") from error
        except socket.gaierror as error:
            raise UpstreamError("the upstream's name could not be resolved") from error
        except ssl.SSLError as error:
            raise UpstreamError(f"TLS with the upstream failed: {error.reason or type(error).__name__}") from error
        except ConnectionRefusedError as error:
            raise UpstreamError("the upstream refused the connection") from error
        except (OSError, ValueError) as error:
            raise UpstreamError(f"the upstream could not be reached: {type(error).__name__}") from error

    async def _connect(self, origin: Origin, factory: Callable[[], _P]) -> _P:
        scheme, host, port = origin
        fault = self._faults.get(scheme)
        if fault and not bypasses(host, port, self._no_proxy):
            raise UpstreamError(f"the upstream's proxy cannot be used: {fault}")
        loop = asyncio.get_running_loop()
        proxy = self._proxy_for(origin)
        sock = await (_dial(host, port) if proxy is None else _dial_proxy(proxy))
        try:
            if scheme != "https":
                _, protocol = await loop.create_connection(factory, sock=sock)
                return protocol
            if proxy is not None:
                await _tunnel(sock, _authority(host, port, 0), proxy.authorization)
            if self._context is None:
                self._context = await loop.run_in_executor(None, self._tls.context)
            return await _secure(sock, self._context, host, factory())
        except BaseException:
            sock.close()
            raise


def _authority(host: str, port: int, default_port: int) -> bytes:
    name = b"[%b]" % host.encode("ascii") if ":" in host else host.encode("ascii" if host.isascii() else "idna")
    return name if port == default_port else b"%b:%d" % (name, port)


async def _addresses(host: str, port: int) -> list[_Address]:
    """Addresses in the order to try them: families alternate, the resolver's first choice leads (RFC 8305 section 4)."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    lead = found[0][0]
    first: list[_Address] = [(family, address) for family, _, _, _, address in found if family == lead]
    other: list[_Address] = [(family, address) for family, _, _, _, address in found if family != lead]
    mixed: list[_Address] = []
    for at in range(max(len(first), len(other))):
        mixed += first[at : at + 1] + other[at : at + 1]
    return mixed


async def _dial(host: str, port: int) -> socket.socket:
    """A connected socket: addresses are tried one after the other, each a little after the one before; the first to connect wins."""
    addresses = await _addresses(host, port)
    if len(addresses) == 1:
        return await _dial_one(*addresses[0])
    attempts: set[asyncio.Task[socket.socket]] = set()
    error: BaseException = OSError("no address")
    try:
        while addresses or attempts:
            if addresses:
                attempts.add(asyncio.create_task(_dial_one(*addresses.pop(0))))
            done, attempts = await asyncio.wait(attempts, timeout=_STAGGER_S if addresses else None, return_when=asyncio.FIRST_COMPLETED)
            for attempt in sorted(done, key=lambda task: task.exception() is not None):
                failure = attempt.exception()
                if failure is None:
                    done.discard(attempt)
                    attempts |= done
                    return attempt.result()
                error = failure
        raise error
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_drop)


def _drop(attempt: asyncio.Task[socket.socket]) -> None:
    """Closes what an attempt that lost the race has opened all the same."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _dial_proxy(proxy: _Proxy) -> socket.socket:
    """The same, to a proxy. Raises UpstreamError that says that it is the proxy which cannot be reached."""
    try:
        return await _dial(proxy.host, proxy.port)
    except (OSError, ValueError) as error:
        raise UpstreamError(f"the proxy on the way to the upstream could not be reached: {type(error).__name__}") from error


async def _dial_one(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _secure(sock: socket.socket, context: ssl.SSLContext, host: str, protocol: _P) -> _P:
    """TLS on a connected socket, for this protocol."""
    loop = asyncio.get_running_loop()
    raw, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
    try:
        transport = await loop.start_tls(raw, protocol, context, server_hostname=host)
    except BaseException:
        raw.abort()
        raise
    if transport is None:
        raise ConnectionResetError("the connection was lost in the handshake")
    if not raw.is_closing():
        raw.set_protocol(Attentive(raw, transport))
    protocol.connection_made(transport)
    return protocol


async def _tunnel(sock: socket.socket, authority: bytes, authorization: bytes) -> None:
    """Asks the proxy for a tunnel (RFC 9110 section 9.3.6). The provider does not speak first in TLS, so nothing follows the head."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, authorization))
    head = b""
    while b"\r\n\r\n" not in head:
        part = await loop.sock_recv(sock, 4096)
        head += part
        if not part or len(head) > _MAX_TUNNEL_HEAD:
            raise UpstreamError("the proxy closed the connection or sent no readable answer")
    version, _, told = head.split(b"\r\n", 1)[0].partition(b" ")
    status = told.partition(b" ")[0].decode("ascii", "replace")
    if not version.startswith(b"HTTP/1.") or not (status.isascii() and status.isdigit() and len(status) == 3):
        raise UpstreamError("the proxy sent no readable answer")
    # A refusal may have a body, on a connection that stays open: nobody waits for its end.
    if not status.startswith("2"):
        asks = ": it asks for a user and a password" if status == "407" else ""
        raise UpstreamError(f"the proxy refused a tunnel to the upstream with status {status}{asks}")
