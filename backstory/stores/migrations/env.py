"""What Alembic runs for every command. The caller hands over an open connection and owns its transaction."""

from __future__ import annotations

from alembic import context

from backstory.stores.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
