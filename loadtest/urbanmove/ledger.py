"""Tickets, payments and idempotency keys in the database replicas share."""

import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from loadtest.urbanmove import database, replies
from sidecar import clock

PRICE = 500
"""Centimes per ticket."""
EXPIRY = timedelta(minutes=15)
KEY_LIFETIME_S = 86_400
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tickets (
        id TEXT PRIMARY KEY, userId TEXT NOT NULL, trajetId INTEGER NOT NULL, quantity INTEGER NOT NULL,
        status TEXT NOT NULL, paidAt TEXT, expiresAt TEXT NOT NULL, createdAt TEXT NOT NULL,
        updatedAt TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS tickets_by_user ON tickets (userId)",
    """CREATE TABLE IF NOT EXISTS payments (
        id TEXT PRIMARY KEY, ticketId TEXT NOT NULL, status TEXT NOT NULL, transactionId TEXT)""",
    """CREATE TABLE IF NOT EXISTS keys (
        key TEXT PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, stored REAL NOT NULL)""",
)


class Ledger:
    """All tickets."""

    def __init__(self, path: Path | None) -> None:
        self._db = database.connect(path, _SCHEMA, lambda connection: None)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def answer(self, key: str) -> tuple[int, bytes] | None:
        """Status and body once given for this key, for 24 hours."""
        oldest = clock.wall_s() - KEY_LIFETIME_S
        row = self._db.execute(
            "SELECT status, body FROM keys WHERE key = ? AND stored > ?", (key, oldest)
        ).fetchone()
        return (row["status"], row["body"]) if row else None

    def remember(self, key: str, status: int, body: bytes) -> None:
        """Keep an answer for this key; the first one of its 24 hours counts."""
        now_s = clock.wall_s()
        self._db.execute(
            "INSERT INTO keys (key, status, body, stored) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE"
            " SET status = ?2, body = ?3, stored = ?4 WHERE stored <= ?5",
            (key, status, body, now_s, now_s - KEY_LIFETIME_S),
        )

    def ticket(self, identity: str) -> sqlite3.Row | None:
        """One ticket."""
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM tickets WHERE id = ?", (identity,)
        ).fetchone()
        return row

    def tickets_of(self, user: str) -> list[sqlite3.Row]:
        """A user's tickets, oldest first."""
        return self._db.execute(
            "SELECT * FROM tickets WHERE userId = ? ORDER BY createdAt", (user,)
        ).fetchall()

    def reserve(self, user: str, trajet: int, quantity: int) -> str:
        """A new ticket, not paid yet; its id."""
        identity, now = str(uuid.uuid4()), replies.now_iso()
        expires = (datetime.fromtimestamp(clock.wall_s(), UTC) + EXPIRY).isoformat()
        self._db.execute(
            "INSERT INTO tickets (id, userId, trajetId, quantity, status, expiresAt, createdAt, updatedAt)"
            " VALUES (?, ?, ?, ?, 'RESERVED', ?, ?, ?)",
            (identity, user, trajet, quantity, expires, now, now),
        )
        return identity

    def move(self, identity: str, status: str, *allowed: str) -> bool:
        """Give it a status, if it has one of `allowed`; False when it has not."""
        now = replies.now_iso()
        statement = (
            "UPDATE tickets SET status = ?1, updatedAt = ?2,"
            " paidAt = CASE WHEN ?1 = 'PAID' THEN ?2 ELSE paidAt END"
            " WHERE id = ?3 AND status IN (SELECT value FROM json_each(?4))"
        )
        values = (status, now, identity, orjson.dumps(allowed).decode())
        return self._db.execute(statement, values).rowcount == 1

    def pay(self, ticket: str) -> tuple[str, str]:
        """A pending payment; its id and transaction."""
        payment, transaction = str(uuid.uuid4()), f"TXN-{uuid.uuid4().hex[:12].upper()}"
        self._db.execute("INSERT INTO payments VALUES (?, ?, 'PENDING', ?)", (payment, ticket, transaction))
        return payment, transaction

    def settle(self, payment: str, status: str) -> bool:
        """How a payment ended; False when there is none with that id."""
        return (
            self._db.execute("UPDATE payments SET status = ? WHERE id = ?", (status, payment)).rowcount == 1
        )


def public(ticket: sqlite3.Row) -> dict[str, Any]:
    """TicketResponse."""
    return {**dict(ticket), "price": price(ticket), "qrCodeData": ticket["id"]}


def price(ticket: sqlite3.Row) -> dict[str, Any]:
    """What it costs: a constant, as trajet-service is never asked."""
    return {"amount": PRICE * ticket["quantity"], "currency": "MAD"}
