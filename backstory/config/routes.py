"""The rows and keys of the settings of routing: which providers there are, what stands for what, where requests go that name no provider.

What is wrong with them is found in routing.py.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from backstory.core.provider_row import Header, WireName


class ProviderRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. `kind`: a row of the catalogue, "" for the one of the same name. `url` takes the place of its base URL, `wire` of the
    wires that it speaks. `models`: the only ones it is asked for. `headers` are added to each request. `values`: what its URL needs."""

    kind: str = ""
    url: str = ""
    wire: WireName | None = None
    auth: str = ""
    header: Header | None = None
    api_key_env: str = ""
    api_key_file: str = ""
    models: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    values: dict[str, str] = {}
    token_url: str = ""
    tenant: str = ""
    client_id: str = ""
    client_secret_env: str = ""
    refresh_token_env: str = ""
    refresh_token_file: str = ""
    scopes: str = ""
    credentials_file: str = ""


class AliasRow(Struct, frozen=True, forbid_unknown_fields=True):
    """Models whose names match the pattern (a regular expression, found anywhere in it) are the replacement (a selector)."""

    pattern: str
    replacement: str


class ModelRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What the models whose names match a pattern (gpt-4o*) take, in tokens."""

    model: str
    window: Annotated[int, Meta(ge=1)] | None = None
    max_output: Annotated[int, Meta(ge=1)] | None = None


class Routing(Struct, frozen=True):
    """Where requests go that name no provider themselves."""

    static: Annotated[str, Meta(description="selector to which every request goes, whatever model it names")] = ""
    anthropic: Annotated[str, Meta(description="selector, or provider, of Anthropic requests that name no provider")] = ""
    openai_chat: Annotated[str, Meta(description="the same of OpenAI Chat requests")] = ""
    openai_responses: Annotated[str, Meta(description="the same of OpenAI Responses requests")] = ""
    gemini: Annotated[str, Meta(description="the same of Gemini requests")] = ""
    disabled: Annotated[tuple[str, ...], Meta(description="providers that get no request")] = ()
    reasoner_s: Annotated[
        float, Meta(gt=0, le=3600, description="how long the reasoner of hybrid:[reasoner,executor] may think, in seconds")
    ] = 60.0
    models_s: Annotated[
        float, Meta(gt=0, le=60, description="how long a provider has to tell its models for the list of all, in seconds")
    ] = 5.0
    seed: Annotated[int, Meta(ge=0, description="another number draws weighted routes (^) otherwise")] = 0


Providers: TypeAlias = Annotated[
    dict[str, ProviderRow],
    Meta(description="providers by the names that selectors use; a name of the catalogue needs nothing more: {groq: {}}"),
]
Aliases: TypeAlias = Annotated[
    tuple[AliasRow, ...], Meta(description="model names that stand for selectors: pattern, replacement; the first that matches counts")
]
Models: TypeAlias = Annotated[
    tuple[ModelRow, ...],
    Meta(description="what models take, for routing, by pattern and before what is built in: model, window, max_output"),
]
PROVIDERS: dict[str, ProviderRow] = {}
ALIASES: tuple[AliasRow, ...] = ()
MODELS: tuple[ModelRow, ...] = ()
