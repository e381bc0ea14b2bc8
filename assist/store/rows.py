"""Writing a row that may be there already."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, update


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], **values: Any) -> None:
    """Update, else insert: the one consumer writes in order, so the two can't race."""
    change = update(table).values(**values)
    for name, value in key.items():
        change = change.where(table.c[name] == value)
    if connection.execute(change).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))
