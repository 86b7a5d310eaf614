"""What a provider that is known by name is: one row of the catalogue (config/catalogue.toml), or of an extension."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.core.translation import NO_HABITS, Habits, Hosting

WireName: TypeAlias = Literal["anthropic", "openai_chat", "openai_responses", "gemini"]
Header: TypeAlias = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key"]
Auth: TypeAlias = Literal["", "client", "key", "none", "oauth_refresh", "oauth_client", "google", "azure", "aws"]
"""How a provider is paid for, of what is built in. "": with a key of ours where one is set, else with the client's own."""


JsonForm: TypeAlias = Literal["schema", "object", "tool", "text"]
"""How a provider is asked for JSON: by a JSON schema, as any JSON object, as the arguments of a tool, or in words alone."""


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. `urls`: the wires that it speaks, the preferred one first, each with its base URL; {name} in it is one of `values`.
    `paths`: where a wire's path is not the usual one ({model}, {verb} and values may stand in it). `header`: how it wants its key.
    `key_env`: the variable in which its key usually stands. `auth`: how it is paid for where the settings do not say: an Auth, or a way
    of an extension. `values`: their defaults, `$NAME` for a variable, "" where the settings have to say. `lacks`: members of a request
    that it refuses. `scopes`: what a token for it is asked for. `service`: its name in AWS signatures.
    `json`, `output_key`, `chat_path`: for a side model (catalogue.toml).
    `habits`: what it takes otherwise than others that speak its wire. `docs`: where this comes from."""

    title: str
    urls: dict[WireName, str]
    docs: str = ""
    header: Header = "bearer"
    key_env: str = ""
    auth: str = ""
    paths: dict[WireName, str] = {}
    values: dict[str, str] = {}
    lacks: tuple[str, ...] = ()
    scopes: str = ""
    service: str = ""
    hosting: Hosting | Literal[""] = ""
    hosts: dict[str, str] = {}
    habits: Habits = NO_HABITS
    json: JsonForm = "schema"
    output_key: str = "max_tokens"
    chat_path: str = ""
