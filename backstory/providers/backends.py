"""The providers that requests can be routed to, made of the settings and the catalogue: where each is, and what it wants in a head.

Rule: a client names a provider, never a host. A client's key goes to a provider that has none of its own here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Struct
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.catalogue import OPEN_KINDS, catalogue, known_at, known_of
from backstory.config.extended import Extended
from backstory.config.routes import ProviderRow
from backstory.config.routing import BUILT_IN, Keys, auth_of, row_of
from backstory.config.sections import Instance
from backstory.core.exchange import Head, Headers
from backstory.core.extending import Account, Payment, Pays, Token
from backstory.core.plan import Target
from backstory.core.provider_row import Auth, Header, Row
from backstory.core.translation import Known
from backstory.errors import BackstoryError, ConfigError, ExtensionError, UpstreamError
from backstory.providers import upstreams
from backstory.providers.gateways import foreign
from backstory.providers.signing import Credentials, sign
from backstory.providers.upstreams import Base

CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"cookie"})
# Whose account it is, beside the key of a client.
_ACCOUNT = frozenset(
    {
        b"openai-organization",
        b"openai-project",
        b"chatgpt-account-id",
        b"anthropic-workspace-id",
        b"x-goog-user-project",
        b"x-amz-security-token",
    }
)
# What is of use to the host that a client means, and to no other.
_PERSONAL = _ACCOUNT | {b"cookie"}
_KEYS_IN_QUERIES = frozenset({"key", "access_token"})
_OWN = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai", "gemini": "gemini"}
_NATURAL: dict[str, Header] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
_TAILS = {"anthropic": "messages", "openai_chat": "chat/completions", "openai_responses": "responses"}
_COMPACT = "/compact"
_VERSION = (b"anthropic-version", b"2023-06-01")
TOKEN_AUTHS: frozenset[Auth] = frozenset({"oauth_refresh", "oauth_client", "google", "azure"})
"""Those that are paid for with a token that has to be fetched first."""


class Backend(Struct, frozen=True):
    """One provider. `urls`: the wires that it speaks, the preferred one first. `paths`: where a wire's path is not the usual one. `keys`:
    of ours, by instance; empty where there are none. `known`: what it takes otherwise than others. `pays`: an extension's way of paying,
    with the extension's name. `home`: the wires whose clients would reach the same host without any selector."""

    name: str
    title: str
    urls: dict[str, Base]
    paths: dict[str, str]
    header: Header
    auth: str
    keys: dict[int, str]
    models: tuple[str, ...]
    headers: Headers
    known: Known
    row: Row
    given: ProviderRow
    secrets: Keys
    pays: tuple[str, Pays] | None = None
    home: frozenset[str] = frozenset()
    natural: bool = False
    """Keys stand where each wire has them, whatever `header` says."""

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, {', '.join(self.urls)}, {self.paid_with})"

    @property
    def paid_with(self) -> str:
        """In words."""
        if self.keys:
            return "a key of its own" if len(self.keys) == 1 else f"{len(self.keys)} keys of its own"
        return {"": "the client's key", "client": "the client's key", "none": "no key"}.get(self.auth, self.auth)

    def wire(self, client: str) -> str:
        """The wire in which it gets the requests of a client of this one."""
        return client if client in self.urls else next(iter(self.urls))

    def target(self, wire: str, model: str, path: str, query: str) -> Target:
        """Where a request of this wire goes. `path`, `query`: of a request in it; Gemini's path names model and verb, that of
        Responses may ask to compact."""
        base, template = self.urls[wire], self.paths.get(wire, "")
        query = self.query(query)
        if template:
            verb = path.rpartition(":")[2]
            filled, _, more = template.format_map({"model": quote(model, safe=""), "verb": verb, **dict(self.secrets.values)}).partition(
                "?"
            )
            whole = f"{base.prefix}{filled}"
            query = "&".join(part for part in (more, query) if part)
        elif wire == "gemini":
            return upstreams.target(base, path, query)
        else:
            versioned = base.prefix if upstreams.ends_in_version(base.prefix) else f"{base.prefix}/v1"
            whole = f"{versioned}/{_TAILS[wire]}{_COMPACT if path.endswith(_COMPACT) else ''}"
        return Target(base.scheme, base.host, base.port, base.host_header, f"{whole}?{query}" if query else whole)

    def query(self, query: str) -> str:
        """What of a client's query goes up: without its key, where that is not what pays."""
        return query if self.passes_key else _keyless(query)

    @property
    def needs_token(self) -> bool:
        """Whether there has to be a token before it is asked."""
        return self.auth in TOKEN_AUTHS or self.pays is not None

    @property
    def signs(self) -> bool:
        """Whether what pays for a request holds for its body alone."""
        return self.auth == "aws" or (self.pays is not None and self.pays[1].signs)

    @property
    def passes_key(self) -> bool:
        """Whether the client's own key goes up."""
        return self.auth in {"", "client"} and not self.keys

    def pay(self, wire: str, instance: int, head: Head, translated: bool, token: str = "") -> tuple[frozenset[bytes], Headers]:
        """What of the client's head stays behind, and what takes its place. `token`: where it is paid for with one. An extension's way of
        paying adds its own (`signed`)."""
        drop, add = self._paid(wire, instance, head, translated, token)
        if wire in self.home and not translated:
            return drop, add
        return drop | foreign(head, self.urls[wire].host), add

    def _paid(self, wire: str, instance: int, head: Head, translated: bool, token: str) -> tuple[frozenset[bytes], Headers]:
        add = self.headers
        if wire == "anthropic" and (translated or not head.header(b"anthropic-version")):
            add = (*add, _VERSION)
        if self.pays is not None:
            return CREDENTIALS | _ACCOUNT, add
        key = self.keys.get(instance, "") or token
        header: Header = "bearer" if token else _NATURAL.get(wire, "bearer") if self.natural else self.header
        if key or self.auth in {"none", "aws"}:
            return CREDENTIALS | _ACCOUNT, (*add, _as_header(header, key)) if key else add
        if not translated and header == _NATURAL.get(wire, "bearer"):
            # Of several keys, only the one that this wire wants goes to a host that the client has not named.
            natural = b"authorization" if header == "bearer" else header.encode()
            others = (CREDENTIALS & head.named.keys()) - {natural} if natural in head.named else frozenset()
            return frozenset() if wire in self.home else _PERSONAL | others, add
        key = client_key(head)
        drop = CREDENTIALS if wire in self.home and not translated else CREDENTIALS | _ACCOUNT
        return drop, (*add, _as_header(header, key)) if key else add

    async def token_of(self) -> Token:
        """A token in an extension's way of paying. Raises UpstreamError for what it raises."""
        assert self.pays is not None
        name, pays = self.pays
        try:
            token = await pays.token(self._account())
            if not (isinstance(token, Token) and isinstance(token.value, str) and isinstance(token.lasts_s, int | float)):
                raise ExtensionError("it gave no token")
            return token
        except Exception as error:
            raise _no_payment(name, error) from error

    def signed(self, target: Target, body: bytes, now: float, token: str = "") -> Headers:
        """What pays for this very request: nothing, for most. Raises UpstreamError for what an extension raises."""
        if self.pays is not None:
            name, pays = self.pays
            payment = Payment(target.scheme, target.host_header.decode("latin-1"), target.path, body, now, token)
            try:
                paid = tuple(pays.headers(self._account(), payment))
                if any(b"\r" in part or b"\n" in part for name, value in paid for part in (name, value)):
                    raise ExtensionError("it gave a header of several lines")
                return paid
            except Exception as error:
                raise _no_payment(name, error) from error
        if self.auth != "aws":
            return ()
        found = Credentials(*(self.secrets.other(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")))
        return sign(found, dict(self.secrets.values)["region"], self.row.service, target, body, now)

    def _account(self) -> Account:
        given = self.given
        scopes = given.scopes or self.row.scopes
        values, secrets = dict(self.secrets.values), dict(self.secrets.others)
        return Account(self.name, values, secrets, given.client_id, given.tenant, given.token_url, scopes)


def _no_payment(name: str, error: Exception) -> UpstreamError:
    """The text of an error that is not ours may say anything, so only its kind is told."""
    return UpstreamError(f"extension {name} failed: {error if isinstance(error, BackstoryError) else type(error).__name__}")


def client_key(head: Head) -> str:
    """The key that a client sent, wherever it stands; "" without."""
    scheme, _, token = head.header(b"authorization").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else ""
    key = key or head.header(b"x-api-key") or head.header(b"x-goog-api-key") or head.header(b"api-key")
    return key or dict(parse_qsl(head.query)).get("key", "")


def backends(config: Config) -> dict[str, Backend]:
    """Every provider of these settings by its name, those of `upstream` too. Raises ConfigError for a key that is named and not there."""
    urls = {"anthropic": config.upstream.anthropic, "openai": config.upstream.openai, "gemini": config.upstream.gemini}
    found: dict[str, Backend] = {}
    for name in BUILT_IN:
        if name not in config.providers:
            given = ProviderRow(url=urls[name], auth="client")
            made = _at_home(backend(name, given, Keys(), config.extended), urls)
            # What its provider's own host refuses, whoever else is there may take.
            lacks = known_at(next(iter(made.urls.values())).host).lacks
            found[name] = replace(made, known=Known(lacks, made.row.habits))
    for name, given in config.providers.items():
        keys = config.provider_keys.get(name, Keys())
        if keys.trouble:
            raise ConfigError(keys.trouble)
        found[name] = _at_home(backend(name, given, keys, config.extended), urls if not config.upstream.url else {})
    return found


def upstreams_of(config: Config) -> dict[str, Backend]:
    """The upstreams of the ports, by their places (upstreams.Base): what names no provider goes there."""
    rows = config.proxy.instances or (Instance(0),)
    urls = dict.fromkeys([url for row in rows if (url := row.upstream or config.upstream.url) and not row.config])
    bases = {base.place: (base, url) for url in urls for base in [upstreams.base(url)]}
    hosts = [f"{base.host}:{base.port}" for base, _ in bases.values()]
    names = {place: place if hosts.count(host) > 1 else host for (place, _), host in zip(bases.items(), hosts, strict=True)}
    return {place: _upstream(names[place], url, config) for place, (_, url) in bases.items()}


def _upstream(name: str, url: str, config: Config) -> Backend:
    """Under the name of its place."""
    base, speaks = upstreams.base(url), config.upstream.wire
    given = ProviderRow(kind="openai_compatible", url=url, auth="client")
    urls = {wire: base for wire in _OWN if speaks in {"", wire}}
    made = backend(name, given, Keys(), config.extended)
    return replace(made, urls=urls, home=frozenset(urls), natural=True)


def _at_home(backend: Backend, urls: Mapping[str, str]) -> Backend:
    """With the wires whose upstream, of these by provider, is at the backend's own host."""
    own = {wire: upstreams.base(urls[_OWN[wire]]) for wire in backend.urls if _OWN.get(wire) in urls}
    places = {wire: (base.scheme, base.host, base.port) for wire, base in backend.urls.items()}
    return replace(backend, home=frozenset([wire for wire, it in own.items() if places[wire] == (it.scheme, it.host, it.port)]))


def backend(name: str, given: ProviderRow, keys: Keys, extended: Extended) -> Backend:
    """One provider of the settings, or as it would stand there. Raises ConfigError for a kind that there is not."""
    row = row_of(name, given, extended)
    if row is None:
        raise ConfigError(f"providers.{name}: no such kind")
    auth = auth_of(given, row)
    return Backend(
        name,
        row.title,
        _urls(given, row, dict(keys.values)),
        {str(wire): path for wire, path in row.paths.items()},
        given.header or row.header,
        auth,
        dict(keys.numbered),
        given.models,
        tuple([(key.encode(), value.encode()) for key, value in given.headers.items()]),
        _known(given, row),
        row,
        given,
        keys,
        extended.pays.get(auth),
    )


def _urls(given: ProviderRow, row: Row, values: Mapping[str, str]) -> dict[str, Base]:
    """A URL of the settings is that of the preferred wire, and of the others that share its place."""
    urls = {str(wire): url for wire, url in row.urls.items()}
    if given.url:
        preferred = next(iter(urls.values()))
        urls = {wire: given.url for wire, url in urls.items() if url == preferred}
    if given.wire is not None:
        urls = {given.wire: urls.get(given.wire, given.url)}
    filled = {**values, "host": _host(row, values)}
    return {wire: upstreams.base(url.format_map(filled) if not given.url else url) for wire, url in urls.items()}


def _known(given: ProviderRow, row: Row) -> Known:
    """One that its settings call any provider is known by its host."""
    if any(row is catalogue()[kind] for kind in OPEN_KINDS):
        return known_at(upstreams.base(given.url).host)
    return known_of(row)


def _host(row: Row, values: Mapping[str, str]) -> str:
    """The host for this location, "" where it does not depend on one."""
    return row.hosts.get(values.get("location", ""), row.hosts.get("*", "")).format_map(values)


def _as_header(header: Header, key: str) -> tuple[bytes, bytes]:
    raw = key.encode("latin-1", "replace")
    return (b"Authorization", b"Bearer " + raw) if header == "bearer" else (header.encode(), raw)


def _keyless(query: str) -> str:
    """The query without a key in it; unchanged where there is none."""
    pairs = parse_qsl(query, keep_blank_values=True) if query else []
    kept = [(name, value) for name, value in pairs if name not in _KEYS_IN_QUERIES]
    return query if len(kept) == len(pairs) else urlencode(kept)
