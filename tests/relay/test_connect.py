"""The way to a provider: TLS with own authorities and client certificates, proxies and their exceptions, several addresses."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from backstory.core.plan import Answer, Plan
from backstory.errors import ConfigError, UpstreamError
from backstory.relay import Connector, Proxies, Tls
from backstory.relay.connect import _dial, bypasses, unusable
from tests.relay.world import CALM, OK, Upstream, World, ask, client, get, post, replies, run, world


def serving(papers: Path, ask_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers / "cert.pem", papers / "key.pem")
    if ask_client:
        context.load_verify_locations(papers / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def secure(w: World, context: ssl.SSLContext) -> asyncio.Server:
    """Puts the upstream behind TLS and points the house to it."""
    server = await asyncio.start_server(w.upstream.serve, "127.0.0.1", 0, ssl=context)
    w.house.port = server.sockets[0].getsockname()[1]
    w.house.decide = lambda head, body: Plan(target=w.house.target(head, "localhost", "https"))
    return server


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_an_own_authority_is_trusted_and_connections_are_reused_over_tls(papers: Path, plain: bool) -> None:
    async def work() -> None:
        async with world(replies(OK), connector=Connector(Tls(ca_file=str(papers / "ca.pem")))) as w:
            server = await secure(w, serving(papers))
            async with client(w.port) as one:
                for size in (2, 70_000, 1_000_000, 2):
                    await one.send(post(b"x" * size, close=False))
                    assert (await one.reply())[1] == b"ok"
            assert w.upstream.opened <= 2
            assert len(w.upstream.received[2].body) == 1_000_000
            server.close()

    run(work(), plain)


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_a_last_chunk_that_comes_alone_ends_the_stream_over_tls(papers: Path, plain: bool) -> None:
    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                writer.write(b"2\r\nok\r\n")
                await asyncio.sleep(0.002)
            writer.write(b"0\r\n\r\n")

    async def one_client(port: int) -> None:
        async with client(port) as one:
            for _ in range(5):
                await one.send(post(b"{}", close=False))
                assert (await one.reply())[1] == b"okokok"

    async def work() -> None:
        async with world(script, connector=Connector(Tls(ca_file=str(papers / "ca.pem")))) as w:
            server = await secure(w, serving(papers))
            await asyncio.gather(*(one_client(w.port) for _ in range(10)))
            server.close()

    run(work(), plain)


def test_an_unknown_authority_is_a_502_that_names_tls(papers: Path) -> None:
    async def work() -> None:
        for connector, status in ((Connector(), b"502"), (Connector(Tls(verify=False)), b"200")):
            async with world(replies(OK), connector=connector) as w:
                server = await secure(w, serving(papers))
                got, _ = await ask(w.port, post(b"{}"))
                assert got[9:12] == status
                server.close()

    run(work())


def test_a_client_certificate_is_shown(papers: Path) -> None:
    async def work() -> None:
        own = Tls(str(papers / "ca.pem"), str(papers / "cert.pem"), str(papers / "key.pem"))
        for tls, status in ((own, b"200"), (Tls(ca_file=str(papers / "ca.pem")), b"502")):
            async with world(replies(OK), connector=Connector(tls)) as w:
                server = await secure(w, serving(papers, ask_client=True))
                got, _ = await ask(w.port, post(b"{}"))
                assert got[9:12] == status
                server.close()

    run(work())


@pytest.mark.parametrize("kind", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    papers: Path, tmp_path: Path, kind: serialization.PrivateFormat
) -> None:
    key = serialization.load_pem_private_key((papers / "key.pem").read_bytes(), None)
    sealed = key.private_bytes(serialization.Encoding.PEM, kind, serialization.BestAvailableEncryption(b"secret"))
    apart, both = tmp_path / "key.pem", tmp_path / "both.pem"
    apart.write_bytes(sealed)
    both.write_bytes(sealed + (papers / "cert.pem").read_bytes())
    for tls in (Tls(cert_file=str(papers / "cert.pem"), key_file=str(apart)), Tls(cert_file=str(both))):
        with pytest.raises(ConfigError, match=f"{tls.key_file or tls.cert_file}.*encrypted with a passphrase"):
            Connector(tls)


def test_plain_http_behind_an_https_target_is_a_502() -> None:
    async def work() -> None:
        async with world(replies(OK), timeouts=CALM) as w:
            w.house.decide = lambda head, body: Plan(target=w.house.target(head, scheme="https"))
            w.upstream.script = noise
            got, _ = await ask(w.port, post(b"{}"))
            assert got.startswith(b"HTTP/1.1 502 ")

    async def noise(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    run(work())


@pytest.mark.parametrize(
    ("tls", "proxies"),
    [
        (Tls(ca_file="/no/such/file"), Proxies()),
        (Tls(cert_file="/no/such/file"), Proxies()),
        (Tls(), Proxies(http="socks5://h:1")),
        (Tls(), Proxies(https="https://h:1")),
        (Tls(), Proxies(http="http://h:x")),
        (Tls(), Proxies(http="http://")),
    ],
)
def test_wrong_settings_are_refused_when_the_connector_is_made(tls: Tls, proxies: Proxies) -> None:
    with pytest.raises(ConfigError) as raised:
        Connector(tls, proxies)
    assert proxies == Proxies() or str(raised.value).startswith("upstream.proxy: ")


@pytest.mark.parametrize("url", ["socks5://u:secret@h:1", "https://h:1", "http://h:x", "http://[", "http://"])
def test_a_variable_that_names_no_usable_proxy_fails_what_needs_it_and_no_more(url: str) -> None:
    """Nothing goes around it, and the answer names the variable."""
    proxies = Proxies(http=url, https=url, no_proxy=("localhost",), http_from="ALL_PROXY", https_from="ALL_PROXY")
    (told,) = unusable(proxies)
    assert told.startswith("ALL_PROXY: ")
    assert "secret" not in told

    async def work() -> None:
        async with world(replies(OK), connector=Connector(proxies=proxies)) as w:
            raised: list[str] = []
            w.house.error = lambda head, status, code, message: raised.append(message) or Answer(status, (), b"")  # type: ignore[method-assign,func-returns-value]
            got, _ = await ask(w.port, post(b"{}"))
            assert got.startswith(b"HTTP/1.1 502 ")
            assert "ALL_PROXY" in raised[0]
            assert "secret" not in raised[0]
            assert w.upstream.opened == 0
            w.house.decide = lambda head, body: Plan(target=w.house.target(head, "localhost"))
            got, _ = await ask(w.port, post(b"{}"))
            assert got.endswith(b"ok")

    run(work())


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "direct"),
    [
        ("api.test", 443, (), False),
        ("api.test", 443, ("*",), True),
        ("api.test", 443, ("api.test",), True),
        ("API.test.", 443, ("api.TEST",), True),
        ("api.test", 443, ("test",), True),
        ("api.test", 443, (".test",), True),
        ("api.test", 443, ("*.test",), True),
        ("apitest", 443, (".test",), False),
        ("api.test", 443, ("pi.test",), False),
        ("api.test", 443, ("api.test:443",), True),
        ("api.test", 443, ("api.test:80",), False),
        ("127.0.0.1", 80, ("127.0.0.1",), True),
        ("127.0.0.1", 80, ("127.0.0.0/8",), True),
        ("127.0.0.1", 80, ("10.0.0.0/8", " 127.0.0.1 "), True),
        ("128.0.0.1", 80, ("127.0.0.0/8", "0.0.1"), False),
        ("::1", 80, ("::1",), True),
        ("::1", 80, ("[::1]:80",), True),
        ("api.test", 443, ("", " "), False),
    ],
)
def test_exceptions_from_the_proxy(host: str, port: int, no_proxy: tuple[str, ...], direct: bool) -> None:
    assert bypasses(host, port, no_proxy) is direct


def test_plain_http_goes_through_a_proxy_with_an_absolute_target() -> None:
    async def work() -> None:
        async with world(replies(OK)) as proxy:
            url = f"http://us%40er:pass@127.0.0.1:{proxy.house.port}"
            async with world(replies(OK), connector=Connector(proxies=Proxies(http=url, no_proxy=("127.0.0.1",)))) as w:
                w.house.decide = lambda head, body: Plan(target=w.house.target(head, "api.test"))
                for _ in range(2):
                    got, _ = await ask(w.port, post(b"{}"))
                    assert got.endswith(b"ok")
                head = proxy.upstream.received[0].head
                assert head.startswith(b"POST http://api.test:%d/v1/messages HTTP/1.1\r\nHost: up.test\r\n" % w.house.port)
                assert head.endswith(b"Proxy-Authorization: Basic dXNAZXI6cGFzcw==\r\n\r\n")
                assert proxy.upstream.opened == 1
                w.house.decide = None
                await ask(w.port, get())
                assert w.upstream.received[0].head.startswith(b"GET /x HTTP/1.1\r\n")

    run(work())


def tunnels(answer: bytes, port: int) -> tuple[list[bytes], object]:
    """A proxy that answers CONNECT so, and then joins the two sides."""
    heads: list[bytes] = []

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if b" 200 " not in answer:
            if b"<p>" in answer:
                await reader.read()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer))

    return heads, script


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 Connection established\r\nX: 1\r\n\r\n", b"200"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"502"),
        (b"HTTP/1.1 407 No\r\nContent-Length: 19\r\n\r\n<p>Who are you?</p>", b"502"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9999\r\n\r\n<p>", b"502"),
        (b"nonsense\r\n\r\n", b"502"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", b"502"),
        (b"HTTP/1.1 x\xb2\xb3\r\n\r\n", b"502"),
        (b"", b"502"),
    ],
)
def test_https_goes_through_a_tunnel(papers: Path, answer: bytes, status: bytes) -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            server = await secure(w, serving(papers))
            heads, script = tunnels(answer, w.house.port)
            async with world(script) as proxy:  # type: ignore[arg-type]
                url = f"http://127.0.0.1:{proxy.house.port}"
                connector = Connector(Tls(ca_file=str(papers / "ca.pem")), Proxies(https=url))
                async with world(replies(OK), connector=connector) as front:
                    front.house.port = w.house.port
                    front.house.decide = lambda head, body: Plan(target=front.house.target(head, "localhost", "https"))
                    got, _ = await ask(front.port, post(b"{}"))
                    assert got[9:12] == status
                    assert heads == [b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (w.house.port, w.house.port)]
            server.close()

    run(work())


def test_the_next_address_is_tried_where_the_first_does_not_answer() -> None:
    """localhost has two addresses where IPv6 is there; the server listens on one of them only."""

    async def work() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sock = await _dial("localhost", port)
        assert sock.getpeername()[1] == port
        sock.close()
        server.close()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            with pytest.raises(OSError, match=r".*"):
                await _dial("localhost", free.getsockname()[1])

    run(work())


def test_a_host_name_with_bytes_no_resolver_takes_is_an_upstream_error() -> None:
    async def work() -> None:
        with pytest.raises(UpstreamError):
            await Connector().connect(("http", "a\x00b", 80), asyncio.Protocol, 1.0)

    run(work())


@pytest.mark.parametrize(("host", "what"), [("127.0.0.1", "reached: Connection"), ("x" * 70 + ".invalid", "reached: UnicodeError")])
def test_a_proxy_that_cannot_be_reached_is_not_taken_for_the_upstream(host: str, what: str) -> None:
    async def work() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            connector = Connector(Tls(), Proxies(http=f"http://{host}:{free.getsockname()[1]}"))
            with pytest.raises(UpstreamError, match=rf"the proxy on the way to the upstream.*{what}"):
                await connector.connect(("http", "api.test", 80), asyncio.Protocol, 5)

    run(work())
