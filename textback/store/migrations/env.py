"""What Alembic runs: the steps, on the connection and in the transaction it was given."""

from __future__ import annotations

from alembic import context

from textback.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot alter a constraint: such a step copies the table.
    render_as_batch=True,
    # We begin transactions ourselves (engine.py), so SQLite's DDL rolls back like everything else.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
