"""The database replicas share: one SQLite file in write-ahead mode, or memory for a pod of its own.

Statements run on the event loop: each takes some 50 µs, less than handing it to a thread. Nothing is ever
synced to disk; a run's data does not outlive it.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BUSY_S = 10.0
ATTEMPTS = 100
PAUSE_S = 0.02

Seed = Callable[[sqlite3.Connection], None]


def connect(path: Path | None, schema: Sequence[str], seed: Seed) -> sqlite3.Connection:
    """Open it, with tables and seeds in place; safe while other replicas do the same. sqlite3.Error when it fails."""
    connection = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for statement in schema:
        connection.execute(statement)
    seed(connection)
    connection.execute("COMMIT")
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switching modes does not wait for a lock as statements do (SQLite, "busy handler"): try again."""
    for attempt in range(ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE_S)
        else:
            return
