"""The users in the database: 200 riders and one administrator to begin with."""

import sqlite3
from pathlib import Path
from typing import Any

from loadtest.urbanmove import city, database, passwords, replies

RIDERS = 200
ROLES = ("USER", "ADMIN", "DRIVER")
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE NOT NULL, password TEXT NOT NULL,
        firstName TEXT NOT NULL, lastName TEXT NOT NULL, phoneNumber TEXT, role TEXT NOT NULL DEFAULT 'USER',
        active INTEGER NOT NULL DEFAULT 1, emailVerified INTEGER NOT NULL DEFAULT 0,
        createdAt TEXT NOT NULL, lastLoginAt TEXT)""",
)


class DuplicateError(Exception):
    """Somebody has that email address."""


class People:
    """All users."""

    def __init__(self, path: Path | None) -> None:
        self._db = database.connect(path, _SCHEMA, _seed)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def named(self, email: str) -> sqlite3.Row | None:
        """The user with that address."""
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM users WHERE email = ?", (email,)).fetchone()
        return row

    def numbered(self, number: int) -> sqlite3.Row | None:
        """The user with that id."""
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM users WHERE id = ?", (number,)).fetchone()
        return row

    def all(self) -> list[sqlite3.Row]:
        """Everybody, by id."""
        return self._db.execute("SELECT * FROM users ORDER BY id").fetchall()

    def add(self, email: str, password: str, first: str, last: str, phone: str | None) -> None:
        """A new rider; `password` is hashed already. DuplicateError when the address is taken."""
        values = (email, password, first, last, phone, replies.now_iso())
        try:
            self._db.execute(
                "INSERT INTO users (email, password, firstName, lastName, phoneNumber, createdAt)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        except sqlite3.IntegrityError as error:
            raise DuplicateError from error

    def change(self, number: int, **columns: Any) -> None:
        """Write these columns (names from the code, never from a request)."""
        if columns:
            assignments = ", ".join(f"{name} = ?" for name in columns)
            statement = f"UPDATE users SET {assignments} WHERE id = ?"  # noqa: S608 - names are from the code
            self._db.execute(statement, (*columns.values(), number))


def public(user: sqlite3.Row) -> dict[str, Any]:
    """What others may see of a user: UserResponse."""
    shown = {name: user[name] for name in user.keys() if name != "password"}  # noqa: SIM118 - a Row iterates values
    return shown | {"active": bool(user["active"]), "emailVerified": bool(user["emailVerified"])}


def _seed(connection: sqlite3.Connection) -> None:
    names = [(f"rider{n:03d}", f"password-{n:03d}", "Rider", "USER") for n in range(RIDERS)]
    names.append(("admin", "password-admin", "Admin", "ADMIN"))
    rows = [
        (number, f"{name}@urbanmove.ma", passwords.seeded(password), first, name, role, city.WHEN)
        for number, (name, password, first, role) in enumerate(names, start=1)
    ]
    connection.executemany(
        "INSERT OR IGNORE INTO users (id, email, password, firstName, lastName, role, emailVerified, createdAt)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
        rows,
    )
