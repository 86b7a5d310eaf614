"""What can be wrong with settings that only shows where they are used: `config check` looks for it without serving."""

from __future__ import annotations

from backstory import vectors
from backstory.app.gateway.augment import Rules
from backstory.app.lineup import check_commands
from backstory.config import Config
from backstory.providers import side_model
from backstory.providers.routing import Router


def check(config: Config) -> None:
    """Raises ConfigError."""
    side_model.off(config)
    vectors.check(config.vectors)
    check_commands(config)
    Router(config)
    Rules(config)
