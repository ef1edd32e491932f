"""Brings a database to the schema of this code, and refuses one from a newer textback.

The check and the steps happen in the caller's write transaction: of two processes that open an old
database at once, the second waits and then finds the work done; one that dies half-way leaves the
old schema.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select, table
from sqlalchemy.sql import column

from textback.store.errors import StoreError, StoreForeignError, StoreTooNewError
from textback.store.migrations import HEAD, KNOWN

_VERSION = table("alembic_version", column("version_num"))


def current(db: Connection) -> str:
    """The schema the database has; "" when it is empty. Raises StoreForeignError."""
    names = set(inspect(db).get_table_names())
    if _VERSION.name in names:
        found = db.execute(select(_VERSION.c.version_num)).scalars().all()
        return str(found[0]) if found else ""
    if names:
        some = ", ".join(sorted(names)[:3])
        raise StoreForeignError(f"{db.engine.url.database} has tables, but not textback's ({some})")
    return ""


def check(db: Connection) -> str:
    """`current`, for a schema this code knows. Raises StoreTooNewError."""
    version = current(db)
    if version and version not in KNOWN:
        raise StoreTooNewError(
            f"{db.engine.url.database} has schema {version}, and this textback knows only up to "
            f"{HEAD}: a newer textback has used it; install that version, or restore a backup"
        )
    return version


def is_current(db: Connection) -> bool:
    """Whether there is nothing to do. Raises as `check`."""
    return check(db) == HEAD


def require_current(db: Connection) -> None:
    """For those who may not migrate. Raises StoreError when the schema is not this code's."""
    version = check(db)
    if version != HEAD:
        raise StoreError(
            f"{db.engine.url.database} has schema {version or 'none'}, this textback needs {HEAD}: "
            "start the service once, it brings the schema up to date"
        )


def upgrade(db: Connection) -> None:
    """Every missing step, inside the caller's transaction."""
    if check(db) == HEAD:
        return
    # Alembic costs a tenth of a second to import, and almost no start needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "textback.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = db
    command.upgrade(config, "head")
