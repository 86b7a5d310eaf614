"""How a request in its client's own wire is made to fit another model than the client named: how much it is to think.

Rule: splices only; what the model is not known to refuse stays as it was asked for, and a request of which nothing changes stays the same
object. Sources: anthropic/tongue_models.py, gemini/tongue_thinking.py, translation/efforts.py.
"""

from __future__ import annotations

from typing import Literal

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.message import Path
from backstory.core.translation import Effort, Loss
from backstory.wires.anthropic.tongue_models import ADAPTIVE, COLD, EFFORTFUL, UNTHINKING
from backstory.wires.gemini.tongue_thinking import is_unthinking
from backstory.wires.lowering import encode
from backstory.wires.translation.efforts import effort_for
from backstory.wires.translation.tongue import EFFORTS, budget_of

_EFFORT_PLACES: dict[str, tuple[Path, ...]] = {
    "openai_chat": (("reasoning_effort",), ("reasoning", "effort")),
    "openai_responses": (("reasoning", "effort"),),
}
_CONFIGS: tuple[Path, ...] = tuple(
    [(outer, name) for outer in ("generationConfig", "generation_config") for name in ("thinkingConfig", "thinking_config")]
)
_LEAST_BUDGET = 1024
_ANTHROPICS: dict[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}
_UNABLE = "the model cannot be told how much to think"


class _Fit:
    """The edits, and what they lose."""

    __slots__ = ("document", "losses", "splices")

    def __init__(self, body: bytes) -> None:
        self.document = Document(body)
        self.splices: list[Splice] = []
        self.losses: list[Loss] = []

    def text(self, path: Path) -> str:
        """The string at this place without quotes, "" where there is none."""
        if not self.document.has(path):
            return ""
        raw = self.document.get(path)
        return raw[1:-1].decode("utf-8", "replace") if raw[:1] == b'"' else ""

    def cut(self, path: Path, why: str = _UNABLE) -> None:
        """This goes."""
        self.splices.append(Cut(path))
        self._lose(path, "dropped", why)

    def put(self, path: Path, value: object, why: str) -> None:
        """This becomes another value."""
        self.splices.append(Put(path, encode(value)))
        self._lose(path, "changed", why)

    def _lose(self, path: Path, how: Literal["dropped", "changed"], why: str) -> None:
        self.losses.append(Loss(".".join([str(step) for step in path]), how, why))


def refit(wire: str, body: bytes, model: str) -> tuple[bytes, tuple[Loss, ...]]:
    """The body, which is one of this wire's, for this model, and what of it changed. DocumentError where the body cannot be edited."""
    fit = _Fit(body)
    match wire:
        case "anthropic":
            _claude(fit, model)
        case "gemini":
            for path in _CONFIGS if is_unthinking(model) else ():
                if fit.document.has(path):
                    fit.cut(path)
        case _:
            _openai(fit, _EFFORT_PLACES.get(wire, ()), model)
    return (fit.document.apply(fit.splices), tuple(fit.losses)) if fit.splices else (body, ())


def _openai(fit: _Fit, places: tuple[Path, ...], model: str) -> None:
    for path in places:
        effort = next((one for one in EFFORTS if one == fit.text(path)), None)
        found = effort if effort is None else effort_for(model, effort)
        if found == effort:
            continue
        if found:
            fit.put(path, found, "the nearest effort that the model has")
        else:
            fit.cut(path[:1])


def _claude(fit: _Fit, model: str) -> None:
    if "claude-" not in model:
        return
    kind, effort = fit.text(("thinking", "type")), fit.text(("output_config", "effort"))
    if kind and UNTHINKING.search(model):
        _unthinking(fit)
    elif kind == "adaptive" and not ADAPTIVE.search(model):
        _budget(fit, _ANTHROPICS.get(effort, "medium"))
    elif kind == "enabled" and COLD.search(model):
        fit.put(("thinking",), {"type": "adaptive"}, "the model decides itself how much to think")
    if effort and not EFFORTFUL.search(model):
        fit.cut(("output_config",) if fit.document.length(("output_config",)) == 1 else ("output_config", "effort"))


def _budget(fit: _Fit, effort: Effort) -> None:
    """A budget in place of thinking as much as the model sees fit; with too little room for one, no thinking."""
    most = fit.document.member("max_tokens")
    room = int(most) if most is not None and most.isdigit() and len(most) < 20 else 0
    budget = min(budget_of(effort) or 0, room - room // 4)
    if budget < _LEAST_BUDGET:
        _unthinking(fit)
    else:
        fit.put(("thinking",), {"type": "enabled", "budget_tokens": budget}, "the model has to be told how much to think")


def _unthinking(fit: _Fit) -> None:
    """No thinking, and so none to be cleared."""
    fit.cut(("thinking",))
    edits = fit.document.member("context_management")
    if edits is not None and b"clear_thinking" in edits:
        fit.cut(("context_management",), "without thinking there is none to be cleared")
