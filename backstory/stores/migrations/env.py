"""What Alembic runs for every command. The caller hands over an open connection and owns its transaction; or a place that the statements
of a dialect are written to instead."""

from __future__ import annotations

from alembic import context

from backstory.stores.tables import metadata

given = context.config.attributes
if "connection" in given:
    context.configure(connection=given["connection"], target_metadata=metadata)
else:
    context.configure(dialect_name=given["dialect"], output_buffer=given["out"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
