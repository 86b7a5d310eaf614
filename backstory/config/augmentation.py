"""The settings of what is done to requests besides routing and memory: parameters, strong and cheap models, text, limits, headers.

Nothing of it is on unless it is set up. What is wrong with the values is found in augmenting.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from backstory.core.selectors import Value

SideKind: TypeAlias = Literal["title", "summary", "router", "memory", "probe"]


class Parameters(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parameters of a request, by the names that selectors have for them; None: left as it is."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    reasoning_effort: str | None = None
    thinking_budget: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    verbosity: str | None = None

    def told(self) -> dict[str, Value]:
        """Those that are set."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class OverrideRow(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the requests to models whose names match (a regular expression, found anywhere in it)."""

    model: str
    set: Parameters


class ReasoningRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What the set of this name is for models whose names match."""

    name: str
    set: Parameters
    model: str = "."


class HeaderRow(Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a header that clients send. `backends`: only for these; () for all."""

    header: str
    action: str = "set"
    value: str = ""
    backends: tuple[str, ...] = ()


class EditPrecision(Struct, frozen=True):
    """What is asked more soberly: the request that tells a model of its failed edit."""

    enabled: Annotated[bool, Meta(description="the request after a coding agent's failed edit gets a lower temperature")] = False
    temperature: Annotated[float, Meta(ge=0, le=2, description="at most this temperature")] = 0.1
    top_p: Annotated[float, Meta(ge=0, le=1, description="at most this top_p, where the request has one")] = 0.3
    models: Annotated[str, Meta(description="pattern (regular expression) of the models that the client names; empty: all")] = ""


class Planning(Struct, frozen=True):
    """A strong model for the beginning."""

    route: Annotated[str, Meta(description="selector, or provider, of requests while a conversation plans; empty: none")] = ""
    turns: Annotated[int, Meta(ge=1, description="planning ends after so many messages of the user")] = 10
    file_writes: Annotated[int, Meta(ge=0, description="planning ends after so many calls that write files; 0: they do not end it")] = 1
    models: Annotated[str, Meta(description="pattern (regular expression) of the models that the client names; empty: all")] = ""
    set: Annotated[Parameters, Meta(description="parameters of planning requests")] = Parameters()


class Auxiliary(Struct, frozen=True):
    """A cheap model for what clients ask for themselves."""

    route: Annotated[str, Meta(description="selector, or provider, of requests that clients make for themselves; empty: none")] = ""
    kinds: Annotated[tuple[SideKind, ...], Meta(description="which of them")] = ("title", "summary")


class FirstPrompt(Struct, frozen=True):
    """Text for the first message."""

    append: Annotated[str, Meta(description="text that is appended to the first message of the user in every conversation")] = ""
    append_file: Annotated[str, Meta(description="the same from a file, which is read at the start")] = ""


class Context(Struct, frozen=True):
    """Whether requests that are too large are refused here."""

    enforce: Annotated[bool, Meta(description="refuse requests that are larger than the window of their model (see models)")] = False
    default_window: Annotated[int, Meta(ge=0, description="window, in tokens, of models of which none is known; 0: no limit")] = 0


Overrides: TypeAlias = Annotated[
    tuple[OverrideRow, ...],
    Meta(description="parameters by pattern of the model: model, set; the first that matches and sets it counts"),
]
ReasoningSets: TypeAlias = Annotated[
    tuple[ReasoningRow, ...],
    Meta(description="named sets of reasoning settings (model@name, X-VC-Reasoning): name, model, set; the first that matches counts"),
]
ClientHeaders: TypeAlias = Annotated[
    tuple[HeaderRow, ...],
    Meta(description="headers of clients, by backend: header, action (pass, drop, set), value, backends; the first that matches counts"),
]
OVERRIDES: tuple[OverrideRow, ...] = ()
REASONING: tuple[ReasoningRow, ...] = ()
CLIENT_HEADERS: tuple[HeaderRow, ...] = ()


class Augmentation(Struct, frozen=True):
    """All of it together, as the tree has it."""

    overrides: tuple[OverrideRow, ...]
    reasoning: tuple[ReasoningRow, ...]
    edit_precision: EditPrecision
    planning: Planning
    auxiliary: Auxiliary
    first_prompt: FirstPrompt
    context: Context
    client_headers: tuple[HeaderRow, ...]

    @property
    def reads(self) -> bool:
        """Whether any request has to be read for it."""
        texts = self.first_prompt.append or self.first_prompt.append_file or self.planning.route or self.auxiliary.route
        return bool(texts or self.overrides or self.reasoning or self.edit_precision.enabled or self.context.enforce)

    @property
    def in_use(self) -> bool:
        """Whether anything of it was set up."""
        return self.reads or bool(self.client_headers)


def changed(parameters: Mapping[str, Value]) -> str:
    """Parameters in words."""
    return ", ".join(f"{name}={value if isinstance(value, str) else format(value, '.12g')}" for name, value in parameters.items())


def by_field(config: Struct) -> Augmentation:
    """The part of the tree that this is about."""
    return Augmentation(*(getattr(config, name) for name in Augmentation.__struct_fields__))
