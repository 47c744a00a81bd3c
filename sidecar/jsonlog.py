"""The log of a program: one JSON object a line on stderr, for machines to collect."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson


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
