"""What of reviews enters the log (`sidecar.jsonlog`): decisions, and never bodies."""

import logging
from typing import Final

from injector.webhook import Answer

QUIET: Final = frozenset(("skipped", "unchanged", "malformed"))
"""Counted, not logged: decisions that changed and refused nothing, and what strangers send, who could fill the log."""

log = logging.getLogger("equilibrium.injector")


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
