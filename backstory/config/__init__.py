"""ALL settings: one frozen tree, read once, and the only place that reads the environment.

Sources, the first that gives a key wins: command line, environment, file, default. A key that is unknown or has a wrong value is
a ConfigError that names key, place (file and line, or variable), what is allowed and the nearest known key: all problems at once.
`sections` says what exists, `sources` what was given and where; here both become the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from backstory.config import augmentation, augmenting, routing
from backstory.config.augmentation import (
    Augmentation,
    Auxiliary,
    Context,
    EditPrecision,
    FirstPrompt,
    HeaderRow,
    OverrideRow,
    Planning,
    ReasoningRow,
)
from backstory.config.extended import NOTHING, Extended
from backstory.config.routes import AliasRow, ModelRow, ProviderRow, Routing
from backstory.config.routing import Keys
from backstory.config.secrets import check_variable
from backstory.config.sections import (
    EXTENSIONS,
    MARKER,
    MASK,
    PRICES,
    SECRETS,
    Commands,
    Compaction,
    Economy,
    Extensions,
    Identity,
    Instance,
    Key,
    Log,
    Marker,
    Media,
    Memory,
    Metrics,
    Paging,
    PriceRow,
    Prices,
    Proxy,
    Recall,
    Reply,
    Resilience,
    SideModel,
    Storage,
    ToolOutput,
    Tools,
    Upstream,
    Usage,
    Vectors,
    describe,
    keys,
    mask,
    spell,
)
from backstory.config.side_models import Secret, problems, read_paid
from backstory.config.sources import Collected, Given, collect, collect_environ, collect_file, fields_at
from backstory.config.storage import check_storage, data_folder, default_storage
from backstory.core.selectors import suggest
from backstory.errors import ConfigError, with_extra

__all__ = ["Config", "Instance", "Listener", "Log", "OutboundProxies", "PriceRow", "Setting", "describe", "effective", "mask"]

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_PROFILES = {"QUALITY_FOCUSED": "QUALITY", "COST_FOCUSED": "COST"}
# Where decay is only switched on, half of a turn's rank is at stake.
_DECAYS = {"true": 0.5, "false": 0.0}
_PATHS = ("upstream.ca_file", "upstream.client_cert", "upstream.client_key", "side_model.api_key_file", "first_prompt.append_file")
_FOLDERS = ("vectors.path",)
_EXTRAS = {"media.recompress": ("PIL", "media")}
_URLS = ("upstream.url", "upstream.anthropic", "upstream.openai", "upstream.gemini", "side_model.url", "vectors.url")
_CHECKS = {"side_model.api_key_env": check_variable}
_MAPPINGS = frozenset(
    {
        "proxy.instances",
        "prices",
        "providers",
        "model_aliases",
        "models",
        "overrides",
        "reasoning",
        "planning.set",
        "client_headers",
        "usage.names",
    }
)
# What else an address to listen on is called by.
_NAMES = {
    "127.0.0.1": ("127.0.0.1", "localhost"),
    "::1": ("::1", "localhost"),
    "localhost": ("127.0.0.1", "::1", "localhost"),
    "0.0.0.0": ("127.0.0.1", "localhost", "0.0.0.0"),
    "::": ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::"),
}
_UNSHOWN = ("side_model.api_key_env", "vectors.api_key", "usage.token")


class OutboundProxies(Struct, frozen=True):
    """Proxies between here and the providers: URLs, "" for none. `no_proxy`: hosts, domains (with all below them) or "*".
    `http_from`, `https_from`: the environment variables that name them, "" where it is the settings."""

    http: str = ""
    https: str = ""
    no_proxy: tuple[str, ...] = ()
    http_from: str = ""
    https_from: str = ""

    def url(self, scheme: str, host: str, port: int) -> str:
        """The proxy for this target, "" to connect directly."""
        name = host.lower().strip("[]")
        for entry in self.no_proxy:
            domain, _, only = entry.rpartition(":") if re.search(r"[^:]:\d+$", entry) else (entry, "", "")
            domain = domain.removeprefix("*.").lstrip(".").strip("[]")
            if only and int(only) != port:
                continue
            if domain in ("*", name) or name.endswith("." + domain):
                return ""
        return self.https if scheme == "https" else self.http


class Listener(Struct, frozen=True):
    """One port as it is to be served. `upstream` "" = as in the configuration. `config` None = it shares the main memory."""

    host: str
    port: int
    upstream: str = ""
    label: str = ""
    config: Config | None = None


class Setting(Struct, frozen=True):
    """One key as it stands: value as text (secrets masked), and where it comes from."""

    key: str
    value: str
    source: str


class Config(Struct, frozen=True, kw_only=True):
    """The whole tree. `listeners`, `outbound`, `side_key`, `side_keys`, `provider_keys` (by the providers' names) and `extended` (what
    `extensions` names) are worked out from it and the environment; `storage.url` is never empty after `load`."""

    proxy: Proxy = field(default_factory=Proxy)
    upstream: Upstream = field(default_factory=Upstream)
    storage: Storage = field(default_factory=Storage)
    memory: Memory = field(default_factory=Memory)
    recall: Recall = field(default_factory=Recall)
    vectors: Vectors = field(default_factory=Vectors)
    compaction: Compaction = field(default_factory=Compaction)
    commands: Commands = field(default_factory=Commands)
    tool_output: ToolOutput = field(default_factory=ToolOutput)
    media: Media = field(default_factory=Media)
    reply: Reply = field(default_factory=Reply)
    tools: Tools = field(default_factory=Tools)
    economy: Economy = field(default_factory=Economy)
    prices: Prices = PRICES
    providers: dict[str, ProviderRow] = field(default_factory=dict)
    routing: Routing = field(default_factory=Routing)
    model_aliases: tuple[AliasRow, ...] = ()
    models: tuple[ModelRow, ...] = ()
    overrides: tuple[OverrideRow, ...] = ()
    reasoning: tuple[ReasoningRow, ...] = ()
    edit_precision: EditPrecision = EditPrecision()
    planning: Planning = Planning()
    auxiliary: Auxiliary = Auxiliary()
    first_prompt: FirstPrompt = FirstPrompt()
    context: Context = Context()
    client_headers: tuple[HeaderRow, ...] = ()
    paging: Paging = field(default_factory=Paging)
    identity: Identity = field(default_factory=Identity)
    side_model: SideModel = field(default_factory=SideModel)
    resilience: Resilience = field(default_factory=Resilience)
    marker: Marker = MARKER
    log: Log = field(default_factory=Log)
    metrics: Metrics = field(default_factory=Metrics)
    extensions: Extensions = EXTENSIONS
    usage: Usage = field(default_factory=Usage)
    listeners: tuple[Listener, ...] = ()
    outbound: OutboundProxies = OutboundProxies()
    side_key: Secret = Secret()
    side_keys: Keys = Keys()
    provider_keys: dict[str, Keys] = field(default_factory=dict)
    extended: Extended = NOTHING

    @property
    def routes(self) -> bool:
        """Whether any request may go elsewhere than to its wire's upstream."""
        selected = self.planning.route or self.auxiliary.route
        return bool(selected) or routing.in_use(self.providers, self.model_aliases, self.routing)

    @property
    def augmentation(self) -> Augmentation:
        """What else is done to requests."""
        return augmentation.by_field(self)

    @classmethod
    def load(
        cls, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None, cwd: str | Path | None = None
    ) -> Config:
        """Read every source once. `overrides`: command line by dotted key, as text; its key "config" names the file.

        None for the others: the process's own. Raises ConfigError.
        """
        return _build(collect(overrides, environ, cwd))


def effective(
    overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None, cwd: str | Path | None = None
) -> list[Setting]:
    """Every key as `Config.load` would set it, with its source. Raises ConfigError like it."""
    given = collect(overrides, environ, cwd)
    config = _build(given)
    rows = []
    for key in keys().values():
        value = getattr(getattr(config, key.section), key.field) if key.section else getattr(config, key.name)
        shown = MASK if value and key.name in SECRETS else mask(spell(value))
        rows.append(Setting(key.name, shown, given.settings[key.name].source if key.name in given.settings else "default"))
    return rows


def _build(given: Collected, main: Config | None = None, label: str = "") -> Config:
    """`main`: of which this is an instance with a file of its own, named `label`."""
    wrong = given.problems
    sections: dict[str, dict[str, Any]] = {}
    for name, setting in given.settings.items():
        key = keys()[name]
        try:
            value = _value(key, setting)
        except (msgspec.ValidationError, ValueError) as error:
            wrong.append(_wrong(key, setting, error))
        else:
            sections.setdefault(key.section, {})[key.field] = value
    top: dict[str, Any] = sections.pop("", {})
    for part in msgspec.structs.fields(Config):
        if part.name in sections:
            top[part.name] = part.type(**sections[part.name])
    config = Config(**top)
    wrong += _together(config, given)
    extended = _extended(config.extensions, given)
    found = problems(config.side_model, config.providers, extended)
    wrong += [f"{given.settings[name].source}: {name}: {text}" for name, text in found if name in given.settings]
    wrong += [
        _wrong(keys()[name], given.settings[name], routing.Misplaced(f"{text} - at `${steps}`"))
        for name, steps, text in (
            *routing.problems(config.providers, config.model_aliases, config.routing, extended),
            *augmenting.problems(config.augmentation, config.providers),
        )
        if name in given.settings
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))
    change = msgspec.structs.replace
    if not config.storage.url:
        config = change(config, storage=change(config.storage, url=default_storage(given.environ, label)))
    if not config.storage.journal:
        config = change(config, storage=change(config.storage, journal=str(data_folder(given.environ))))
    outbound = _outbound(config.upstream.proxy, given.environ)
    listed = given.settings.get("providers")
    base = Path() if listed is None else listed.base
    paid = {name: routing.read_keys(name, row, given.environ, base, extended) for name, row in config.providers.items()}
    side_key, side_keys = read_paid(config.side_model, config.providers, paid, given.environ, base, extended)
    config = change(config, outbound=outbound, side_key=side_key, side_keys=side_keys, provider_keys=paid, extended=extended)
    return config if main else change(config, listeners=_listeners(config, given))


def _together(config: Config, given: Collected) -> list[str]:
    """What is wrong with values that are right each by itself."""
    wrong = []
    low, high = config.compaction.soft_threshold, config.compaction.hard_threshold
    if low > high:
        wrong.append(f"compaction.soft_threshold ({low}) is above compaction.hard_threshold ({high})")
    if config.upstream.client_key and not config.upstream.client_cert:
        source = given.settings["upstream.client_key"].source
        wrong.append(f"{source}: upstream.client_key: there is no upstream.client_cert that it belongs to")
    return wrong


def _extended(names: tuple[str, ...], given: Collected) -> Extended:
    """What these extensions add. What is wrong with them is a problem like any other."""
    if not names:
        return NOTHING
    from backstory.config import extensions  # noqa: PLC0415 - reads the metadata of every package that is installed

    try:
        return extensions.load(names)
    except ValueError as error:
        given.problems.append(f"{given.settings['extensions'].source}: extensions: {error}")
    return NOTHING


def _value(key: Key, setting: Given) -> Any:
    value = setting.value
    if setting.text and key.name in ("side_model.tasks", "routing.disabled", "extensions", "auxiliary.kinds"):
        value = tuple(part for part in re.split(r"[\s,\[\]\"']+", value) if part)
    if setting.text and key.name in _MAPPINGS:
        import yaml  # noqa: PLC0415 - a list in a variable is rare

        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    value = routing.rows_of(value) if key.name == "providers" else _also(key.name, value)
    if value is None:
        return key.default
    return _checked(key, setting, msgspec.convert(value, key.type, strict=not setting.text))


def _checked(key: Key, setting: Given, found: Any) -> Any:
    """The value where it is more than of the right type. Raises ValueError where it is not."""
    if key.name in (*_PATHS, *_FOLDERS) and found:
        try:
            found = _existing(setting.base / Path(found).expanduser(), folder=key.name in _FOLDERS)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
    if key.name == "upstream.proxy":
        found = found if found in ("env", "none") else _url(found, proxy=True) if found else "env"
    return _rules(key, found) if found else found


def _rules(key: Key, found: Any) -> Any:
    if key.name in _URLS:
        return _url(found)
    if key.name in _CHECKS:
        _CHECKS[key.name](found)
    if key.name == "storage.url":
        check_storage(found)
    module, extra = _EXTRAS.get(key.name, ("", ""))
    if module and find_spec(module) is None:
        raise ValueError(f"it needs {with_extra(extra)}")
    return found


def _also(name: str, value: Any) -> Any:
    """The value in place of another spelling of it."""
    if name == "memory.reward_profile" and isinstance(value, str):
        return _PROFILES.get(value.upper(), value.upper())
    return _DECAYS.get(str(value).lower(), value) if name == "memory.decay" else value


def _existing(path: Path, *, folder: bool) -> str:
    if not (path.is_dir() if folder else path.is_file()):
        raise ValueError("there is no such folder" if folder else "there is no such file")
    return str(path)


def _wrong(key: Key, setting: Given, error: Exception) -> str:
    place, name, detail = setting.source, key.name, str(error)
    got = "***" if key.name in _UNSHOWN else mask(repr(setting.value))
    within = re.search(r" - at `\$(.*)`", detail)
    steps = within[1] if within else ""
    detail = re.sub(r" - at `\$.*`", "", detail)
    unknown, known = _UNKNOWN.fullmatch(detail), fields_at(key.type, steps)
    place = _place_within(setting, f"{steps}.{unknown[1]}" if unknown is not None and known else steps)
    name += steps
    if unknown is not None and known:
        return f"{place}: {name}.{unknown[1]}: no such setting{suggest(unknown[1], known)} (there are {', '.join(known)})"
    if isinstance(error, routing.Misplaced):
        return f"{place}: {name}: {detail}"
    expects = f"expected {key.expects}, got {got}" if not within or not within[1] else f"expected {key.expects}"
    if isinstance(error, msgspec.ValidationError) and not (within and within[1]):
        return f"{place}: {name}: {expects}"
    return f"{place}: {name}: {expects} ({detail})"


def _place_within(setting: Given, steps: str) -> str:
    """Where these steps into its value lead to."""
    if not steps or setting.node is None:
        return setting.source
    return re.sub(r"line \d+$", f"line {_line_within(setting.node, steps)}", setting.source)


def _line_within(node: Any, steps: str) -> int:
    for index, name in re.findall(r"\[(\d+)\]|\.([\w-]+)", steps):
        if index and node.id == "sequence":
            node = node.value[int(index)]
        elif name and node.id == "mapping":
            node = next((value for key, value in node.value if key.value == name), node)
    line: int = node.start_mark.line
    return line + 1


def _url(text: str, proxy: bool = False) -> str:
    credentials = "" if proxy else "@"
    if not re.fullmatch(rf"https?://[^\s/?#{credentials}]+(/[^\s?#]*)?", text):
        raise ValueError("a URL is http:// or https:// with a host, without a query" + ("" if proxy else " or credentials"))
    try:
        parts = urlsplit(text)
        reachable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise ValueError("its host or its port cannot be read")
    return text.rstrip("/")


def _outbound(choice: str, environ: Mapping[str, str]) -> OutboundProxies:
    if choice == "none":
        return OutboundProxies()
    if choice != "env":
        return OutboundProxies(choice, choice)

    def read(*names: str) -> tuple[str, str]:
        """Value and name of the first variable that is set."""
        spelled = (spelling for name in names for spelling in (name, name.upper()))
        return next(((environ[name], name) for name in spelled if environ.get(name)), ("", ""))

    hosts = tuple(entry.strip().lower() for entry in read("no_proxy")[0].split(",") if entry.strip())
    (http, http_from), (https, https_from) = read("http_proxy", "all_proxy"), read("https_proxy", "all_proxy")
    return OutboundProxies(http, https, hosts, http_from, https_from)


def _listeners(config: Config, given: Collected) -> tuple[Listener, ...]:
    """The instances, and the main port if it was asked for or there are no instances."""
    found: dict[tuple[str, int], Listener] = {}
    setting = given.settings.get("proxy.instances")
    for item in config.proxy.instances:
        host = item.host or config.proxy.host
        own = None
        if item.config and setting is not None:
            own = _instance(config, item, setting.base / item.config, given.environ)
        if item.port and (host, item.port) in found:
            raise ConfigError(f"proxy.instances: two instances at {host}:{item.port}")
        place = (host, item.port or -len(found))
        try:
            upstream = _url(item.upstream) if item.upstream else ""
        except ValueError as error:
            where = setting.source if setting is not None else "proxy.instances"
            raise ConfigError(f"{where}: proxy.instances: upstream {mask(item.upstream)!r}: {error}") from error
        found[place] = Listener(host, item.port, upstream, item.label, own)
    main = Listener(config.proxy.host, config.proxy.port)
    asked = not found or ("proxy.port" in given.settings and (main.host, main.port) not in found)
    listeners = (main, *found.values()) if asked else tuple(found.values())
    for one in listeners:
        _check_upstreams(one, (one.config or config).upstream)
    return listeners


def _check_upstreams(listener: Listener, upstream: Upstream) -> None:
    """Raises ConfigError where a port would be its own upstream: one request would go round until no connection is left."""
    names = _NAMES.get(listener.host, (listener.host,))
    given = listener.upstream or upstream.url
    for url in (given,) if given else (upstream.anthropic, upstream.openai, upstream.gemini):
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if port == listener.port and parts.hostname in names:
            raise ConfigError(f"the upstream {mask(url)!r} of port {port} is this proxy itself")


def _instance(main: Config, item: Instance, path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of an instance with a file of its own. The variables hold for it too, but not those of port and storage."""
    given = Collected({}, environ, [])
    collect_file(given, path)
    given.problems += [
        f"{it.source}: {name}: belongs into the main file" for name, it in given.settings.items() if name.startswith("proxy.")
    ]
    shared = Collected({}, environ, [])
    collect_environ(shared, environ, path.parent)
    given.settings.update({name: it for name, it in shared.settings.items() if not name.startswith(("proxy.", "storage."))})
    config = _build(given, main, item.label or str(item.port))
    return msgspec.structs.replace(config, proxy=main.proxy)
