"""The log: one JSON object a line on stderr, for machines to collect. Bodies never enter it."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from injector.webhook import Answer

QUIET: Final = frozenset(("skipped", "unchanged", "malformed"))
"""Counted, not logged: decisions that changed and refused nothing, and what strangers send, who could fill the log."""

log = logging.getLogger("equilibrium.injector")


class Lines(logging.Formatter):
    """A record as one line; `fields` of the record become members."""

    def format(self, record: logging.LogRecord) -> str:
        """What `logging` calls."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def open_log() -> None:
    """Everything that is logged in this process becomes such lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def decided(answer: Answer) -> None:
    """One line for a decision that changed or refused something."""
    if answer.outcome in QUIET:
        return
    note = answer.event
    fields = {
        "kind": answer.kind,
        "namespace": answer.namespace,
        "name": f"{note.kind}/{note.name}" if note else "",
        "outcome": answer.outcome,
        "reason": answer.reason,
    }
    if answer.error:
        log.error("review", extra={"fields": {**fields, "error": answer.error}})
    else:
        log.info("review", extra={"fields": fields})
