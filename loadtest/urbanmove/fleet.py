"""The buses in the database: rows in, the service's JSON out."""

import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.urbanmove import city, database, replies

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS buses (
        id TEXT PRIMARY KEY, busNumber TEXT UNIQUE NOT NULL, lineCode TEXT NOT NULL, capacity INTEGER NOT NULL,
        status TEXT NOT NULL, latitude REAL, longitude REAL, speed REAL, heading REAL,
        lastLocationUpdate TEXT, createdAt TEXT NOT NULL, updatedAt TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS buses_by_line ON buses (lineCode)",
)
_COLUMNS = (
    "id, busNumber, lineCode, capacity, status, latitude, longitude, speed, heading,"
    " lastLocationUpdate, createdAt, updatedAt"
)
_VALUES = (
    ":id, :busNumber, :lineCode, :capacity, :status, :latitude, :longitude, :speed, :heading,"
    " :lastLocationUpdate, :createdAt, :updatedAt"
)
_INSERT = f"INTO buses ({_COLUMNS}) VALUES ({_VALUES})"
LINE = "L32H"


class DuplicateError(Exception):
    """Another bus has that number."""


@dataclass(frozen=True, slots=True)
class Written:
    """The fields of a bus a client may write."""

    number: str
    line: str
    capacity: int
    status: str
    latitude: float | None
    longitude: float | None
    speed: float | None
    heading: float | None

    def columns(self) -> dict[str, Any]:
        """As column values."""
        return {
            "busNumber": self.number,
            "lineCode": self.line,
            "capacity": self.capacity,
            "status": self.status,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "speed": self.speed,
            "heading": self.heading,
        }


class Fleet:
    """All buses."""

    def __init__(self, path: Path | None) -> None:
        self._db = database.connect(path, _SCHEMA, _seed)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def find(self, column: str, value: str) -> list[dict[str, Any]]:
        """Buses whose `column` (a name from the code, never from a request) is `value`."""
        rows = self._db.execute(f"SELECT * FROM buses WHERE {column} = ? ORDER BY busNumber", (value,))  # noqa: S608
        return [dict(row) for row in rows]

    def all(self) -> list[dict[str, Any]]:
        """Every bus, by number."""
        return [dict(row) for row in self._db.execute("SELECT * FROM buses ORDER BY busNumber")]

    def add(self, written: Written) -> dict[str, Any]:
        """A new bus; DuplicateError when its number is taken."""
        now = replies.now_iso()
        values = {"id": str(uuid.uuid4()), "lastLocationUpdate": now, "createdAt": now, "updatedAt": now}
        try:
            self._db.execute(f"INSERT {_INSERT}", {**values, **written.columns()})
        except sqlite3.IntegrityError as error:
            raise DuplicateError from error
        return self.find("id", values["id"])[0]

    def replace(self, identity: str, written: Written) -> bool:
        """Write all fields; False when there is no such bus, DuplicateError when the number is taken."""
        values = {**written.columns(), "updatedAt": replies.now_iso()}
        try:
            return self._update(identity, values)
        except sqlite3.IntegrityError as error:
            raise DuplicateError from error

    def move(self, identity: str, place: dict[str, float | None]) -> bool:
        """Write where it is; False when there is no such bus."""
        now = replies.now_iso()
        return self._update(identity, {**place, "lastLocationUpdate": now, "updatedAt": now})

    def remove(self, identity: str) -> bool:
        """Take it out; False when there is no such bus."""
        return self._db.execute("DELETE FROM buses WHERE id = ?", (identity,)).rowcount == 1

    def _update(self, identity: str, values: dict[str, Any]) -> bool:
        columns = ", ".join(f"{name} = :{name}" for name in values)
        statement = f"UPDATE buses SET {columns} WHERE id = :id"  # noqa: S608 - names are from the code
        return self._db.execute(statement, {**values, "id": identity}).rowcount == 1


def _seed(connection: sqlite3.Connection) -> None:
    stamps = dict.fromkeys(("lastLocationUpdate", "createdAt", "updatedAt"), city.WHEN)
    rows = [
        {
            "id": bus.id,
            **Written(bus.number, LINE, 50, "ACTIVE", bus.latitude, bus.longitude, 30.0, 90.0).columns(),
            **stamps,
        }
        for bus in city.buses()
    ]
    connection.executemany(f"INSERT OR IGNORE {_INSERT}", rows)
