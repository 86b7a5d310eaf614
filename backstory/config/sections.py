"""The sections of the settings, and what each key is: type, default, bounds and meaning stand once, here.

A new key is a field of a section. A key that changes nothing has no place here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from backstory.config import augmentation, routes

MASK = "***"
SECRETS = frozenset({"vectors.api_key", "usage.token"})
"""Keys whose values are never shown."""


class Instance(Struct, frozen=True, forbid_unknown_fields=True):
    """One port of several. `config` names a file of its own: then memory and storage are its own too."""

    port: Annotated[int, Meta(ge=0, le=65535)]
    upstream: str = ""
    label: str = ""
    host: str = ""
    config: str = ""


class Proxy(Struct, frozen=True):
    """The side that clients see."""

    host: Annotated[str, Meta(min_length=1, description="address to listen on; 0.0.0.0 for all of IPv4, :: for all")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port to listen on; 0 takes a free one")] = 5757
    instances: Annotated[tuple[Instance, ...], Meta(description="ports, each with port, upstream, label, host, config")] = ()
    max_body_bytes: Annotated[int, Meta(ge=1, description="a larger request body is relayed without memory")] = 67_108_864
    header_timeout_s: Annotated[float, Meta(gt=0, description="a request's head must be complete within this time")] = 30.0
    body_timeout_s: Annotated[float, Meta(gt=0, description="longest pause while a request's body comes in")] = 60.0
    keepalive_s: Annotated[float, Meta(gt=0, description="an idle client connection is closed after this time")] = 75.0
    websocket: Annotated[
        bool, Meta(description="Responses over a WebSocket too (extra websocket); without it an upgrade is refused, and clients use HTTP")
    ] = False
    drain_s: Annotated[float, Meta(ge=0, description="running requests may take this long to finish at a stop")] = 30.0


class Upstream(Struct, frozen=True):
    """The side of the providers."""

    url: Annotated[str, Meta(description="one upstream for all wires; empty: each wire has its own")] = ""
    anthropic: Annotated[str, Meta(description="upstream of the Anthropic wire")] = "https://api.anthropic.com"
    openai: Annotated[str, Meta(description="upstream of the two OpenAI wires")] = "https://api.openai.com"
    gemini: Annotated[str, Meta(description="upstream of the Gemini wire")] = "https://generativelanguage.googleapis.com"
    wire: Annotated[
        Literal["", "anthropic", "openai_chat", "openai_responses", "gemini"],
        Meta(description="the wire that the upstream speaks: requests of every other are translated; empty: that of each request"),
    ] = ""
    cache_marks: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="what an Anthropic upstream is to cache is marked for clients of other wires; auto: of conversations that go on"
            " or have tools"
        ),
    ] = "auto"
    connect_timeout_s: Annotated[float, Meta(gt=0, description="time for name, TCP and TLS; then 504")] = 10.0
    first_byte_timeout_s: Annotated[float, Meta(gt=0, description="time until the answer begins; then 504")] = 600.0
    idle_timeout_s: Annotated[float, Meta(gt=0, description="longest pause inside an answer; then it is cut")] = 300.0
    ca_file: Annotated[str, Meta(description="file of certificates to trust; empty: the system's")] = ""
    client_cert: Annotated[str, Meta(description="file of the client certificate to show")] = ""
    client_key: Annotated[str, Meta(description="file of the client certificate's key, without a passphrase")] = ""
    proxy: Annotated[str, Meta(description="outbound proxy: env (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), none, or a URL")] = "env"


class Storage(Struct, frozen=True):
    """Where memory is kept."""

    url: Annotated[
        str,
        Meta(description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; empty: backstory.db in the user's data folder"),
    ] = ""
    journal: Annotated[
        str, Meta(description="folder of the journal of a PostgreSQL store (SQLite's is beside its file); empty: the user's data folder")
    ] = ""


class Memory(Struct, frozen=True):
    """Whether and how much."""

    enabled: Annotated[bool, Meta(description="false: every request is only relayed")] = True
    threshold_messages: Annotated[
        int, Meta(ge=0, description="shorter conversations are stored but not changed, unless their client summarises them")
    ] = 10
    reward_profile: Annotated[
        Literal["QUALITY", "BALANCED", "COST"],
        Meta(description="how freely tokens are spent on memory (also QUALITY_FOCUSED, COST_FOCUSED)"),
    ] = "BALANCED"
    decay: Annotated[
        float,
        Meta(ge=0, le=1, description="share of its rank that an old, unused, unimportant turn loses in recall; 0: age does not count"),
    ] = 0.0
    min_importance: Annotated[
        float, Meta(ge=0, le=1, description="turns whose retention score (`backstory pin ID`) is below this are not recalled")
    ] = 0.0
    scope: Annotated[
        Literal["conversation", "project", "principal"],
        Meta(description="what a new conversation may be told of: nothing else, others of its project, all others of its owner"),
    ] = "conversation"
    project: Annotated[
        str, Meta(description="project of conversations without an X-VC-Project header; empty: the client's working directory")
    ] = ""
    session_idle_s: Annotated[float, Meta(gt=0, description="a session is over, and is summed up, after this time without a message")] = (
        1800.0
    )
    opt_out: Annotated[
        str, Meta(description="principals without memory across conversations, as `conversations --json` shows them, by commas")
    ] = ""


class Recall(Struct, frozen=True):
    """What is brought back."""

    budget_tokens: Annotated[
        int,
        Meta(
            ge=0,
            description="most tokens recalled into one request; at most an eighth of the window, unless as large as it; 0: none",
        ),
    ] = 2000
    deadline_ms: Annotated[float, Meta(gt=0, description="a recall that is not done by then is left out")] = 250.0
    min_score: Annotated[
        float,
        Meta(ge=0, le=1, description="turns below this share of the best score are left out; 0: a fifth, or as memory.reward_profile says"),
    ] = 0.0


class Paging(Struct, frozen=True):
    """Tools by which the model looks into what was folded."""

    enabled: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="offer them where a digest stands for folded turns; auto: to clients that send tools themselves"),
    ] = "auto"
    rounds: Annotated[int, Meta(ge=1, le=50, description="how often the model may call them in one answer")] = 5


class Vectors(Struct, frozen=True):
    """Whether meaning counts beside words, and by which model."""

    model: Annotated[
        Literal["none", "static", "minilm", "remote"],
        Meta(description="static: a small table (extra vectors); minilm: a small network (extra minilm); remote: vectors.url"),
    ] = "none"
    path: Annotated[str, Meta(description="folder with the model's files; empty: those that come with the extra")] = ""
    url: Annotated[str, Meta(description="OpenAI-compatible address of the remote model, up to and with /v1; texts of turns go there")] = ""
    name: Annotated[str, Meta(description="name of the model at vectors.url")] = ""
    api_key: Annotated[str, Meta(description="key for vectors.url; best given as BACKSTORY_VECTORS__API_KEY")] = ""


class Compaction(Struct, frozen=True):
    """When old turns make place for their digest."""

    context_window: Annotated[int, Meta(ge=256, description="tokens that a request may have upstream")] = 120_000
    soft_threshold: Annotated[float, Meta(gt=0, le=1, description="share of the window at which digests are made ahead")] = 0.70
    hard_threshold: Annotated[float, Meta(gt=0, le=1, description="share of the window at which the request is compacted")] = 0.85
    protected_recent_turns: Annotated[
        int, Meta(ge=1, description="newest exchanges that stay as they are, while they take no more than a tenth of the window")
    ] = 6


class Commands(Struct, frozen=True):
    """What people say to the proxy itself."""

    enabled: Annotated[bool, Meta(description="answer in-chat commands (VCHELP lists them); false: they go to the model")] = True
    prefix: Annotated[
        str, Meta(pattern=r"^[!#$%&*+,\-./:;<=>?@^_|~]{1,4}$", description="what a command of the form !/name begins with: 1 to 4 signs")
    ] = "!/"
    undo_s: Annotated[
        float, Meta(ge=0, le=31_536_000, description="so long a forget in the chat can be taken back; then it is removed for good")
    ] = 600.0


class ToolOutput(Struct, frozen=True):
    """When old tool results make place for stubs."""

    enabled: Annotated[
        bool, Meta(description="over the hard threshold, and over the soft one after a pause, old tool results give way to stubs")
    ] = True
    stale_tokens: Annotated[int, Meta(ge=100, description="an old tool result of at least so many tokens may give way")] = 800
    stub_tokens: Annotated[int, Meta(ge=20, description="most tokens of the short form that a stub shows")] = 200
    cold_after_s: Annotated[float, Meta(gt=0, description="after a pause as long, the provider's cache is taken to be cold")] = 3600.0


class Reply(Struct, frozen=True):
    """What becomes of answers."""

    think_tags: Annotated[
        Literal["keep", "reasoning", "remove"],
        Meta(description="thoughts that a model writes into its text between tags: left there, told as reasoning, or removed"),
    ] = "keep"
    thinks_first: Annotated[
        str,
        Meta(description="models whose answers begin within a thought and only close it, patterns by commas (*deepseek-r1*,qwq*)"),
    ] = ""


class Tools(Struct, frozen=True):
    """How tools are called."""

    virtual: Annotated[
        Literal["off", "to_native", "to_text", "auto"],
        Meta(
            description="calls that stand as tags in text: left alone, made real calls (to_native), real calls made text for clients whose "
            "instructions want that (to_text), both (auto)"
        ),
    ] = "off"


class Media(Struct, frozen=True):
    """Whether old images are made smaller before they give way."""

    recompress: Annotated[
        bool, Meta(description="where old tool results give way, old images are first made smaller (needs the extra `media`)")
    ] = False
    max_edge: Annotated[int, Meta(ge=64, le=8000, description="longest edge of an image that was made smaller, in pixels")] = 1024
    quality: Annotated[int, Meta(ge=1, le=95, description="JPEG quality of an image that was made smaller")] = 75


class Economy(Struct, frozen=True):
    """What is done for the bill."""

    early_folds: Annotated[
        bool, Meta(description="old turns may be compacted from the soft threshold on, where the provider's cache prices make that cheaper")
    ] = True
    breaker: Annotated[
        bool, Meta(description="stop changing a conversation's requests where that is measured to cost more than it saves")
    ] = True
    hold: Annotated[
        bool,
        Meta(
            description="what a client cuts off its history goes up in front of it all the same, while that is cheaper than what it sends"
        ),
    ] = True
    allowance: Annotated[
        float,
        Meta(
            ge=0,
            description="by this share of its bill memory may raise it for a client that cuts its history, or by a cent, for a few lines"
            " for each question; the rest must be saved first; 0: all of it",
        ),
    ] = 0.005
    cache_marks: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="requests of Anthropic clients that mark nothing (cache_control) are marked for the provider's cache; auto: those"
            " that memory changes anyway, at Anthropic's own API; always: of any conversation that goes on, at any upstream of that wire"
        ),
    ] = "auto"


class PriceRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What the models whose names match a pattern are charged: dollars per million tokens. What is left out is as in the tables, in
    proportion to the input price."""

    model: str
    input: Annotated[float, Meta(ge=0)] | None = None
    output: Annotated[float, Meta(ge=0)] | None = None
    cache_read: Annotated[float, Meta(ge=0)] | None = None
    cache_write: Annotated[float, Meta(ge=0)] | None = None
    cache_ttl_s: Annotated[float, Meta(gt=0)] | None = None
    cache_least_tokens: Annotated[int, Meta(ge=0)] | None = None


class Identity(Struct, frozen=True):
    """Whose memory it is."""

    principal: Annotated[Literal["single", "api_key"], Meta(description="single: one memory for all; api_key: one per client key")] = (
        "single"
    )


class SideModel(Struct, frozen=True):
    """A model that makes memory better in the background. Nothing is ever sent while its budget is 0."""

    provider: Annotated[str, Meta(description="a provider of the catalogue or of `providers`; empty with a url: OpenAI-compatible")] = ""
    url: Annotated[str, Meta(description="base URL; empty: the provider's usual one")] = ""
    model: Annotated[str, Meta(description="name of the model; empty with via client: the conversation's own")] = ""
    api_key_env: Annotated[str, Meta(description="variable that holds the key; empty: the provider's usual one")] = ""
    api_key_file: Annotated[str, Meta(description="file that holds the key")] = ""
    via: Annotated[
        Literal["own", "client"],
        Meta(description="own: this provider and key; client: each conversation's own upstream and key, held in memory only"),
    ] = "own"
    client_key_idle_s: Annotated[
        float, Meta(gt=0, le=86_400, description="with via client: a key is dropped when its client was silent for so long")
    ] = 600.0
    tokens_per_day: Annotated[int, Meta(ge=0, le=10**12, description="most tokens a day (UTC), in and out; 0: nothing is ever sent")] = 0
    money_per_day: Annotated[
        float, Meta(ge=0, le=10**6, description="most US dollars a day (UTC) at list prices; 0: free (local) models only")
    ] = 0.0
    input_price: Annotated[
        float, Meta(ge=0, le=10**6, description="dollars for a million tokens in; 0 with output_price 0: the list price, local models free")
    ] = 0.0
    output_price: Annotated[float, Meta(ge=0, le=10**6, description="dollars for a million tokens out")] = 0.0
    timeout_s: Annotated[float, Meta(gt=0, le=600, description="an answer that is not whole by then is given up")] = 60.0
    answer_tokens: Annotated[
        int, Meta(ge=100, le=100_000, description="most tokens of one answer; a model that thinks aloud needs several thousand")
    ] = 1200
    tasks: Annotated[tuple[Literal["tags", "digests", "facts"], ...], Meta(description="what it is asked for")] = (
        "tags",
        "digests",
        "facts",
    )
    concurrency: Annotated[int, Meta(ge=1, le=16, description="requests at a time")] = 1


class Resilience(Struct, frozen=True):
    """What is done where a provider does not answer. Nothing, unless it is asked for."""

    retries: Annotated[
        int, Meta(ge=0, le=10, description="so often a request that a backend surely has not answered is sent to it again; 0: never")
    ] = 0
    backoff_s: Annotated[
        float, Meta(gt=0, le=60, description="pause before the first retry, half of it chance; twice as long each time")
    ] = 0.5
    backoff_most_s: Annotated[
        float, Meta(gt=0, le=600, description="longest pause; where more is asked for, the next backend comes first")
    ] = 8.0
    budget_s: Annotated[float, Meta(gt=0, le=3600, description="no retry, and no other backend, begins later than this")] = 60.0
    first_byte_s: Annotated[
        float, Meta(ge=0, le=3600, description="a backend that has not begun to answer by then gives way to another; 0: never")
    ] = 0.0
    keep_alive_s: Annotated[
        float,
        Meta(ge=0, le=600, description="once a try has failed, clients that wait for a stream get a comment so often; 0: none"),
    ] = 0.0
    empty_retry: Annotated[bool, Meta(description="an answer with nothing in it is asked for once more")] = False
    breaker_failures: Annotated[
        int, Meta(ge=0, le=1000, description="after so many failures in a row a backend is passed over; 0: never")
    ] = 5
    breaker_open_s: Annotated[float, Meta(gt=0, le=3600, description="for so long, before one request tries it again")] = 30.0


class Log(Struct, frozen=True):
    """What is told on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="least level that is written")] = "info"
    format: Annotated[Literal["text", "json"], Meta(description="text for people, json for collectors")] = "text"


class Metrics(Struct, frozen=True):
    """What is told to clients."""

    vidurai_header: Annotated[bool, Meta(description="give the numbers of X-VC-Stats as X-Vidurai-Stats too")] = False


class PrincipalRow(Struct, frozen=True, forbid_unknown_fields=True):
    """How one principal is called where usage is shown. `principal`: its hash, as `usage --by principal` shows it."""

    principal: str
    name: str


class Usage(Struct, frozen=True):
    """What is recorded of requests: figures, and no text."""

    keep_days: Annotated[
        int, Meta(ge=0, le=3650, description="tokens, cost and times of each request are kept for so many days; 0: nothing is recorded")
    ] = 0
    token: Annotated[
        str, Meta(description="X-VC-Dashboard-Token with which GET /v1/usage is answered from anywhere; empty: only from this machine")
    ] = ""
    names: Annotated[
        tuple[PrincipalRow, ...], Meta(description="what principals are called where usage is shown, by their hashes: principal, name")
    ] = ()


Marker: TypeAlias = Annotated[
    Literal["auto", "always", "never"], Meta(description="whether replies carry the conversation's marker; auto: where nothing else tells")
]
MARKER: Literal["auto", "always", "never"] = "auto"
Prices: TypeAlias = Annotated[
    tuple[PriceRow, ...],
    Meta(description="prices of models by pattern (gpt-4o*), before those that are built in: model, input, output, cache_read, ..."),
]
PRICES: tuple[PriceRow, ...] = ()
Extensions: TypeAlias = Annotated[
    tuple[str, ...], Meta(description="installed extensions that run, by name (`backstory extensions` lists them); those not named do not")
]
EXTENSIONS: tuple[str, ...] = ()
TREE: dict[str, type[Struct] | tuple[Any, Any]] = {
    "proxy": Proxy,
    "upstream": Upstream,
    "storage": Storage,
    "memory": Memory,
    "recall": Recall,
    "vectors": Vectors,
    "compaction": Compaction,
    "commands": Commands,
    "tool_output": ToolOutput,
    "media": Media,
    "reply": Reply,
    "tools": Tools,
    "economy": Economy,
    "prices": (Prices, PRICES),
    "providers": (routes.Providers, routes.PROVIDERS),
    "routing": routes.Routing,
    "model_aliases": (routes.Aliases, routes.ALIASES),
    "models": (routes.Models, routes.MODELS),
    "overrides": (augmentation.Overrides, augmentation.OVERRIDES),
    "reasoning": (augmentation.ReasoningSets, augmentation.REASONING),
    "edit_precision": augmentation.EditPrecision,
    "planning": augmentation.Planning,
    "auxiliary": augmentation.Auxiliary,
    "first_prompt": augmentation.FirstPrompt,
    "context": augmentation.Context,
    "client_headers": (augmentation.ClientHeaders, augmentation.CLIENT_HEADERS),
    "paging": Paging,
    "identity": Identity,
    "side_model": SideModel,
    "resilience": Resilience,
    "marker": (Marker, MARKER),
    "log": Log,
    "metrics": Metrics,
    "extensions": (Extensions, EXTENSIONS),
    "usage": Usage,
}
"""Sections, and single keys with type and default, in the order in which they are told."""


class Key(Struct, frozen=True):
    """One key that exists: `expects` says in words what may stand there."""

    name: str
    section: str
    field: str
    type: Any
    default: Any
    expects: str
    meaning: str


@cache
def keys() -> dict[str, Key]:
    """Every key by its dotted name, in the order of the tree."""
    found: dict[str, Key] = {}
    for name, part in TREE.items():
        if not isinstance(part, type):
            found[name] = _key("", name, *part)
            continue
        for leaf in msgspec.structs.fields(part):
            found[f"{name}.{leaf.name}"] = _key(name, leaf.name, leaf.type, leaf.default)
    return found


def describe() -> list[tuple[str, str, str, str]]:
    """Every key: name, what may stand there, default, meaning."""
    return [(key.name, key.expects, spell(key.default), key.meaning) for key in keys().values()]


def spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def mask(text: str) -> str:
    """The text with the passwords of its URLs covered, and the keys in their queries."""
    text = re.sub(r"(://[^/@\s:]*):[^\s\"']+@", rf"\1:{MASK}@", text)
    return re.sub(r"([?&](?!sslkey=)[\w.-]*(?:key|token|secret|passw)[\w.-]*=)[^&#\s\"']+", rf"\1{MASK}", text, flags=re.IGNORECASE)


def _key(section: str, name: str, annotated: Any, default: Any) -> Key:
    base, *metas = get_args(annotated)
    meaning = next(meta.description for meta in metas if meta.description)
    return Key(f"{section}.{name}" if section else name, section, name, annotated, default, _expects(base, metas), meaning)


def _expects(base: Any, metas: list[Meta]) -> str:
    if get_origin(base) is Literal:
        return "one of " + ", ".join(get_args(base))
    if base is bool:
        return "true or false"
    if base is str:
        filled = "text that is not empty" if any(meta.min_length for meta in metas) else "text"
        return next((f"text of the form {meta.pattern}" for meta in metas if meta.pattern), filled)
    if get_origin(base) is tuple and get_origin(get_args(base)[0]) is Literal:
        return "a list of " + ", ".join(get_args(get_args(base)[0]))
    if get_origin(base) is tuple and get_args(base)[0] is str:
        return "a list of texts"
    if isinstance(base, type) and issubclass(base, Struct):
        return "{" + ", ".join(base.__struct_fields__) + "}"
    if get_origin(base) in (tuple, dict):
        row = get_args(base)[get_origin(base) is dict]
        kind = "a list of" if get_origin(base) is tuple else "names, each with"
        return f"{kind} {{" + ", ".join(row.__struct_fields__) + "}"
    words = ["a whole number" if base is int else "a number"]
    for meta in metas:
        words += [f"{word} {bound}" for word, bound in (("from", meta.ge), ("above", meta.gt), ("to", meta.le)) if bound is not None]
    return " ".join(words)
