"""The stages of one memory, in their order, and what the settings tell each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from backstory import __version__
from backstory.commands import COMMANDS
from backstory.config import Config
from backstory.core.sizes import CHARS_PER_TOKEN, rough
from backstory.core.store import Lanes
from backstory.core.wire import Wire
from backstory.errors import ConfigError
from backstory.memory.folding.compaction import Window
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reader
from backstory.memory.recall import retention
from backstory.memory.shrinking import tool_output
from backstory.memory.shrinking.recompress import Bounds
from backstory.stages import extended
from backstory.stages.apart import Apart
from backstory.stages.arrivals import Arrivals
from backstory.stages.base import Stage
from backstory.stages.boundary import Boundary
from backstory.stages.command import Command
from backstory.stages.commanded import Commanded
from backstory.stages.continuity import Continuity
from backstory.stages.desk import Desk
from backstory.stages.economy import Choices, Economy
from backstory.stages.forgets import Forgets
from backstory.stages.holding import Holding
from backstory.stages.identify import Identify
from backstory.stages.ingest import Ingest
from backstory.stages.kin import Kin, Scope
from backstory.stages.links import PROJECT, Linked, Links
from backstory.stages.marks import Marks
from backstory.stages.order import Order
from backstory.stages.pace import Pace
from backstory.stages.paging import Paging
from backstory.stages.recall import Recall, Settings
from backstory.stages.shelf import Shelf
from backstory.stages.shrink import Settings as ShrinkSettings
from backstory.stages.shrink import Shrink
from backstory.stages.threads import Threads
from backstory.stages.unbind import Unbind
from backstory.stages.visit import Visits
from backstory.stages.wishes import Judge
from backstory.stages.withdrawal import Withdrawal

# A recalled block stays where it is; larger ones would fill the window in a few questions. A budget as large as the window is meant so.
_BUDGET_SHARE = 0.125
# Of the time that a request has, so much is spent at most on the digest for its fold.
_PATIENCE_SHARE = 0.6
_KEPT = {"QUALITY": 0.5, "BALANCED": 0.1, "COST": 0.08}
# What a profile makes of the budget, of the evidence that is asked for, and the least share of the best score that is recalled.
_PROFILES = {"QUALITY": (1.5, 0.8, 0.0), "BALANCED": (1.0, 1.0, 0.2), "COST": (0.6, 1.25, 0.3)}


class Parts(Struct):
    """What stages are made of. `hot`: whether a request is being handled at this moment; `waited_for`: the same, asked by work that a
    request may wait for."""

    config: Config
    settings: Settings
    visits: Visits
    lanes: Lanes
    threads: Threads
    shelf: Shelf
    reader: Reader
    arrivals: Arrivals
    ingest: Ingest
    paging: Paging
    economy: Economy
    order: Order
    before: Callable[[int], Sequence[asyncio.Future[Any]]]
    clock: Callable[[], float]
    new_id: Callable[[], int]
    hot: Callable[[], bool]
    waited_for: Callable[[], bool]
    figures: Callable[[], Mapping[str, Any]]
    failed: Callable[[str, BaseException], None]
    judge: Judge
    wires: Callable[[str], Wire]


class Line(Struct):
    """`stages`: in the order in which a request goes through them. The others are those that are spoken to by name; `settled` as in
    Recall."""

    stages: tuple[Stage, ...]
    command: Command
    continuity: Continuity
    shrink: Shrink
    forgets: Forgets
    settled: Callable[[Thread, int], bool]


def line_up(parts: Parts) -> Line:
    """Stages that need what another one decides come after it; when an answer is over they are told in reverse order: first what it cost,
    last the turns, with which all of it is stored."""
    config, visits, lanes = parts.config, parts.visits, parts.lanes
    continuity = Continuity(parts.threads, lanes, parts.waited_for)
    holding = Holding(visits, parts.economy, parts.settings.window.hard_tokens)
    given = parts.settings
    clock, new_id = parts.clock, parts.new_id
    told_at_once = partial(lanes.submit, seq=0)
    boundary = Boundary(parts.shelf, parts.economy, given.window, given.budget, given.patience_s, clock, new_id, told_at_once)
    apart = Apart(lanes, parts.wires)
    recall = Recall(visits, parts.shelf, given, rough, parts.clock, continuity, parts.economy, boundary, holding, apart)
    told = shrink_settings(config, parts.settings)
    economy = parts.economy
    goals = economy.target, economy.most, economy.relieved
    shrink = Shrink(visits, lanes, told, recall.outgoing, parts.clock, Pace(parts.hot), parts.failed, *goals)
    desk = Desk(
        parts.threads,
        lanes,
        parts.shelf,
        parts.settings,
        parts.clock,
        parts.new_id,
        parts.figures,
        config.commands.prefix,
        config.commands.undo_s,
        __version__,
        apart,
    )
    links = Links(desk)
    forgets = Forgets(desk)
    more = Commanded(config.extended.commands, parts.failed, PROJECT)
    command = Command(visits, desk, links, forgets, parts.arrivals, parts.judge, more)
    stages = (
        Identify(parts.threads, visits, parts.reader, parts.arrivals, parts.order, parts.before, continuity),
        command,
        parts.ingest,
        *((shrink,) if config.tool_output.enabled else ()),
        *((Kin(visits, lanes, parts.shelf, scope(config, parts.settings), parts.clock),) if across(config) else ()),
        Withdrawal(visits, lanes, links.rooms, parts.clock),
        recall,
        holding,
        Unbind(visits, parts.clock),
        parts.paging,
        Linked(visits, desk, links),
        continuity,
        *extended.stages(config.extended.stages, config.recall.deadline_ms),
        Marks(visits, parts.economy, holding),
        parts.economy,
    )
    return Line(stages, command, continuity, shrink, forgets, recall.settled)


def check_commands(config: Config) -> None:
    """Raises ConfigError for an extension's command that there is already."""
    for name, command in config.extended.commands:
        if any(command.name == one.name for one in COMMANDS):
            raise ConfigError(f"extensions: {name} (command): a command {command.name!r} is built in")


def across(config: Config) -> bool:
    """Whether conversations may be told of one another."""
    return config.memory.scope != "conversation"


def settings(config: Config) -> Settings:
    """What the recall stage is told."""
    compaction, memory = config.compaction, config.memory
    share, gate, least = _PROFILES[memory.reward_profile]
    budget = int(config.recall.budget_tokens * share)
    hard = int(compaction.context_window * compaction.hard_threshold)
    window = Window(
        compaction.context_window,
        compaction.soft_threshold,
        compaction.hard_threshold,
        compaction.protected_recent_turns,
        recalls=budget >= hard,
    )
    if budget < hard:
        budget = min(budget, int(window.size * _BUDGET_SHARE))
    rules = retention.Rules(memory.decay, memory.min_importance, gate)
    patience_s = _PATIENCE_SHARE * config.recall.deadline_ms / 1000
    return Settings(window, memory.threshold_messages, budget, config.recall.min_score or least, rules, patience_s)


def scope(config: Config, told: Settings) -> Scope:
    """What the stage of memory across conversations is told."""
    memory = config.memory
    budget = told.budget // 2
    most_bytes = int((told.window.hard_tokens - budget) * CHARS_PER_TOKEN)
    return Scope(memory.scope == "principal", memory.project, memory.opt_out, budget, most_bytes, told.min_score, told.rules)


def shrink_settings(config: Config, told: Settings) -> ShrinkSettings:
    """What the shrink stage is told."""
    output, media = config.tool_output, config.media
    bounds = Bounds(media.max_edge, media.quality) if media.recompress else None
    rules = tool_output.Rules(told.window, output.stale_tokens, output.stub_tokens, media.recompress)
    return ShrinkSettings(rules, told.threshold, output.cold_after_s, bounds)


def choices(config: Config) -> Choices:
    """What the settings let the economy do."""
    told = config.economy
    return Choices(told.early_folds, told.breaker, _KEPT[config.memory.reward_profile], told.hold, told.allowance, told.cache_marks)
