"""Where the side model is, what it charges, and whether the settings let anything be sent at all. Pure decisions.

Rule: what is not free is only used under a limit in money, and what has no known price never is. A model on this machine or in the
private network is free unless a price was set.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Literal
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import SideModel
from backstory.config.side_models import Dialect, Form, known
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Target
from backstory.core.records import Used
from backstory.core.translation import Hosting
from backstory.errors import ConfigError
from backstory.providers import prices, tokens
from backstory.providers.backends import Backend, backend

_NOBODY = Head("POST", "", "", ())
# Anthropic's wire inside of a cloud's own: a whole answer is asked for (wires/anthropic/hosted.py).
_VERBS = {"bedrock": "invoke", "vertex": "rawPredict"}
_OPENAI, _OPENAI_OUTPUT = "api.openai.com", "max_completion_tokens"
_ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")
# Names and numbers of an account that some keys need beside them.
_BESIDE = (b"openai-organization", b"openai-project", b"anthropic-version")
# A subscription's token is for the client it was given to, not for requests of ours. Codex names its subscriber's account beside it
# (https://github.com/openai/codex).
_SUBSCRIPTION = re.compile(rb"Bearer\s+sk-ant-oat", re.IGNORECASE)
_SUBSCRIBER = b"chatgpt-account-id"
_QUERY_KEY = re.compile(r"(?:^|&)key=([^&]*)")
_GEMINI = re.compile(r"^(.*/v1(?:beta|alpha)?)/(?:models|tunedModels)/[^/]+:\w+$")


class Price(Struct, frozen=True):
    """Dollars per million tokens, which is millionths of a dollar per token."""

    input: float
    output: float

    def micros(self, tokens_in: int, tokens_out: int) -> int:
        """Millionths of a dollar, rounded up."""
        return math.ceil(tokens_in * self.input + tokens_out * self.output)


FREE = Price(0.0, 0.0)


class Endpoint(Struct, frozen=True):
    """Where and how to ask. `auth`: header lines with the key. `price` is never unknown. `backend`: whose way of paying may want more than
    these lines; None for a client's. `hosting`: a cloud that wants Anthropic's wire in its own. Its text does not show the key."""

    target: Target
    dialect: Dialect
    auth: Headers
    model: str
    price: Price
    form: Form
    output_key: str = "max_tokens"
    local: bool = False
    backend: Backend | None = None
    hosting: Hosting | Literal[""] = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.dialect}, {self.target.scheme}://{self.target.host}:{self.target.port}, {self.model!r})"


def most(side: SideModel) -> Used:
    """The budget of a day."""
    return Used(side.tokens_per_day, int(side.money_per_day * 1_000_000))


def configured(config: Config) -> bool:
    """Whether there is anything set up to be asked."""
    side = config.side_model
    return bool(side.via == "client" or side.provider or side.url)


def off(config: Config) -> str:
    """Why nothing will be sent, "" where something may be. Raises ConfigError where the settings promise what cannot be: a key that is not
    there, tokens without what signs for them, a limit in money for a model without a known price."""
    side = config.side_model
    if not configured(config):
        return "no side model is set up"
    if not side.tokens_per_day:
        return "side_model.tokens_per_day is 0"
    if not side.tasks:
        return "side_model.tasks is empty"
    if not config.memory.enabled:
        return "memory is off"
    if side.via == "client":
        return ""
    if config.side_key.trouble:
        raise ConfigError(config.side_key.trouble)
    to = own(config)
    if to.backend is not None:
        tokens.check(to.backend)
    price = price_of(side, side.model, to.target.host)
    if price is None and side.money_per_day:
        raise ConfigError(
            f"side_model.money_per_day: the price of {side.model} is not known; set side_model.input_price and side_model.output_price"
        )
    if price != FREE and not side.money_per_day:
        return f"side_model.money_per_day is 0, and {side.model} is not free"
    return ""


def own(config: Config) -> Endpoint:
    """The side model's own endpoint, addressed as the gateway does it. For settings that can be (config/side_models.py: problems)."""
    side, key = config.side_model, config.side_key.value
    found = known(side, config.providers, config.extended)
    if found is None or not found.wire:
        raise ConfigError(f"side_model.provider: a side model cannot be asked at {side.provider}")
    wire = found.wire
    keys = replace(config.side_keys, numbered=((0, key),) if key else ())
    made = backend(found.name, found.given, keys, config.extended)
    if wire not in made.urls:
        base = next(iter(made.urls.values()))
        made = replace(made, urls={wire: base}, paths={wire: found.row.chat_path} if not side.url else {}, header="bearer")
    base = made.urls[wire]
    if side.url and wire == "openai_chat" and wire not in made.paths:
        # A base URL as OpenAI's own library takes it.
        target = Target(base.scheme, base.host, base.port, base.host_header, f"{base.prefix or '/v1'}/chat/completions")
    else:
        target = made.target(wire, side.model, f":{_VERBS.get(found.row.hosting, '')}", "")
    target = replace(target, path=quote(target.path, safe="/%:@!$&'()*+,;=~?"))
    _, auth = made.pay(wire, 0, _NOBODY, True)
    price = price_of(side, side.model, base.host) or FREE
    local, output_key = is_local(base.host), found.row.output_key
    return Endpoint(target, found.dialect, auth, side.model, price, found.form, output_key, local, made, found.row.hosting)


def of_client(side: SideModel, wire: str, head: Head, target: Target, model: str) -> Endpoint | None:
    """The endpoint that a client's own request names, for the same upstream and with the same key; None where there is none for us."""
    auth = _client_auth(wire, head)
    path = _client_path(wire, target)
    name = side.model or model
    price, local = price_of(side, name, target.host), is_local(target.host)
    if not path or not name or price is None or not (auth or (local and price == FREE)) or not (price == FREE or side.money_per_day):
        return None
    to = replace(target, path=path)
    form: Form = "tool" if wire == "anthropic" else "schema"
    output_key = _OPENAI_OUTPUT if target.host == _OPENAI else "max_tokens"
    return Endpoint(to, "anthropic" if wire == "anthropic" else "openai", auth, name, price, form, output_key, local)


def _client_auth(wire: str, head: Head) -> Headers:
    named = head.named
    beside = tuple((name, named[name]) for name in _BESIDE if name in named)
    bearer = named.get(b"authorization", b"")
    if _SUBSCRIPTION.match(bearer) or _SUBSCRIBER in named:
        return ()
    if wire == "gemini":
        in_query = _QUERY_KEY.search(head.query)
        key = named.get(b"x-goog-api-key") or (in_query[1].encode() if in_query else b"")
        return ((b"authorization", b"Bearer " + key),) if key else ()
    key = named.get(b"x-api-key", b"")
    if wire == "anthropic":
        beside = beside if b"anthropic-version" in named else (*beside, _ANTHROPIC_VERSION)
    if key:
        return ((b"x-api-key", key), *beside)
    return ((b"authorization", bearer), *beside) if bearer else ()


def _client_path(wire: str, target: Target) -> str:
    """The path of our requests beside that of the client's; "" where the client's is none of a conversation."""
    path, _, query = target.path.partition("?")
    if wire == "gemini":
        match = _GEMINI.match(path)
        return f"{match[1]}/openai/chat/completions" if match else ""
    if wire == "openai_responses":
        path = f"{path.removesuffix('/responses')}/chat/completions" if path.endswith("/responses") else ""
    elif not path.endswith("/messages" if wire == "anthropic" else "/chat/completions"):
        return ""
    return f"{path}?{query}" if query and path else path


def price_of(side: SideModel, model: str, host: str) -> Price | None:
    """What the model costs there; None where that is not known."""
    if side.input_price or side.output_price:
        return Price(side.input_price, side.output_price)
    if is_local(host):
        return FREE
    listed = prices.price(model)
    return Price(listed.input, listed.output) if listed is not None else None


def is_local(host: str) -> bool:
    """Whether this host is this machine or in the private network."""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local
