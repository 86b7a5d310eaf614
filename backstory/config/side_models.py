"""The side model's settings beyond single values: which providers are known by name, what does not go together, and its key.

A further provider is one line of `PROVIDERS`. Base URLs as the providers' own SDKs take them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.config.sections import SideModel

Dialect: TypeAlias = Literal["openai", "anthropic"]
Form: TypeAlias = Literal["schema", "object", "tool", "text"]
"""How a provider is asked for JSON: by a JSON schema, as any JSON object, as the arguments of a tool, or in words alone."""


class Known(Struct, frozen=True):
    """A provider. `key_env`: the variable its key usually stands in. `form`: the strictest form of JSON it has; what it refuses is given up
    in a running process. `output_key`: how its Chat API calls the most tokens of an answer."""

    url: str
    dialect: Dialect = "openai"
    key_env: str = ""
    form: Form = "schema"
    output_key: str = "max_tokens"


PROVIDERS = {
    "ollama": Known("http://127.0.0.1:11434/v1"),
    "lmstudio": Known("http://127.0.0.1:1234/v1"),
    "vllm": Known("http://127.0.0.1:8000/v1"),
    "llamacpp": Known("http://127.0.0.1:8080/v1"),
    "openai": Known("https://api.openai.com/v1", key_env="OPENAI_API_KEY", output_key="max_completion_tokens"),
    "anthropic": Known("https://api.anthropic.com", "anthropic", "ANTHROPIC_API_KEY", "tool"),
    "gemini": Known("https://generativelanguage.googleapis.com/v1beta/openai", key_env="GEMINI_API_KEY"),
    "openrouter": Known("https://openrouter.ai/api/v1", key_env="OPENROUTER_API_KEY"),
    "groq": Known("https://api.groq.com/openai/v1", key_env="GROQ_API_KEY", form="object"),
    "mistral": Known("https://api.mistral.ai/v1", key_env="MISTRAL_API_KEY"),
    "deepseek": Known("https://api.deepseek.com/v1", key_env="DEEPSEEK_API_KEY", form="object"),
    "openai_compatible": Known(""),
    "anthropic_compatible": Known("", "anthropic", form="tool"),
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_KEY = 4096


class Secret(Struct, frozen=True):
    """A key, and why there is none although one was named. Its text never shows the key."""

    value: str = ""
    trouble: str = ""

    def __repr__(self) -> str:
        return f"Secret({'***' if self.value else ''!r}, {self.trouble!r})"


def known(side: SideModel) -> Known:
    """The provider that is meant; a URL alone means an OpenAI-compatible one."""
    return PROVIDERS[side.provider or "openai_compatible"]


def check_provider(name: str) -> None:
    """Raises ValueError for a name that nobody has."""
    if name not in PROVIDERS:
        raise ValueError("no such provider; one of " + ", ".join(PROVIDERS))


def check_variable(name: str) -> None:
    """Raises ValueError for what is no variable's name, without repeating it: it may be the key itself."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the name of a variable in which the key stands, not the key itself")


def problems(side: SideModel) -> list[tuple[str, str]]:
    """What does not go together: a key that was set, and what is wrong with it."""
    found: list[tuple[str, str]] = []
    if side.api_key_env and side.api_key_file:
        found.append(("side_model.api_key_file", "side_model.api_key_env is set too; only one of them can be"))
    if side.via == "client":
        given = [name for name in ("provider", "url", "api_key_env", "api_key_file") if getattr(side, name)]
        found += [(f"side_model.{name}", "with side_model.via client the upstream and the key are the client's own") for name in given]
        return found
    named = "side_model.provider" if side.provider else "side_model.url"
    if not side.provider and not side.url:
        needed = "side_model.provider (one of " + ", ".join(PROVIDERS) + ") or side_model.url is needed too"
        found += [(f"side_model.{name}", needed) for name in ("model", "tokens_per_day") if getattr(side, name)]
        return found
    if not side.url and not known(side).url:
        found.append((named, f"the provider {side.provider} needs side_model.url"))
    if not side.model:
        found.append((named, "side_model.model, the name of the model to use, is needed too"))
    return found


def read_key(side: SideModel, environ: Mapping[str, str]) -> Secret:
    """The side model's own key. None is needed where none was named and the provider's usual variable is not set."""
    if side.via == "client" or not (side.provider or side.url):
        return Secret()
    if side.api_key_file:
        try:
            text = Path(side.api_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return Secret(trouble=f"side_model.api_key_file: {side.api_key_file} cannot be read: {type(error).__name__}")
        return _checked(text, f"side_model.api_key_file: {side.api_key_file}")
    name = side.api_key_env or known(side).key_env
    if not name:
        return Secret()
    value = environ.get(name, "").strip()
    if not value:
        return Secret(trouble=f"side_model.api_key_env: the variable {name} is not set")
    return _checked(value, f"side_model.api_key_env: the variable {name}")


def check_secret(value: str, place: str) -> str:
    """The key itself. Raises ValueError for what can be none, without repeating it."""
    if not value or len(value) > _LONGEST_KEY or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{place} holds no key (one line of visible ASCII characters)")
    return value


def _checked(value: str, place: str) -> Secret:
    try:
        return Secret(check_secret(value, place))
    except ValueError as error:
        return Secret(trouble=str(error))
