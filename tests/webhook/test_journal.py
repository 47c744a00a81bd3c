"""The log: JSON lines that say what was decided, and nothing of what was reviewed."""

import json
import logging

import pytest

from injector import journal
from injector.webhook import Answer
from sidecar.jsonlog import Lines
from sidecar.kube.notes import Note

OWNER = Note("ReplicaSet", "apps/v1", "web-6f7", "shop", "u", "Normal", "Injected", "sidecar injected")


def decided(caplog, answer):
    with caplog.at_level(logging.INFO):
        journal.decided(answer)
    return [json.loads(Lines().format(record)) for record in caplog.records]


def test_a_decision_names_whom_it_was_about(caplog):
    (line,) = decided(caplog, Answer(200, b"body", "injected", "", "Pod", "shop", OWNER))
    assert line["level"] == "info"
    assert line["name"] == "ReplicaSet/web-6f7"
    assert (line["kind"], line["namespace"], line["outcome"], line["reason"]) == (
        "Pod",
        "shop",
        "injected",
        "",
    )
    assert "body" not in json.dumps(line)


@pytest.mark.parametrize("outcome", ["skipped", "unchanged", "malformed"])
def test_what_changed_nothing_and_what_strangers_send_is_not_logged(caplog, outcome):
    assert decided(caplog, Answer(200, b"", outcome)) == []


def test_a_defect_of_ours_is_an_error_with_its_exception(caplog):
    (line,) = decided(caplog, Answer(200, b"", "failed", kind="Pod", error="KeyError: 'x'"))
    assert (line["level"], line["error"]) == ("error", "KeyError: 'x'")


def test_a_traceback_stays_on_the_line(caplog):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("equilibrium.injector").exception("task failed")
    text = Lines().format(caplog.records[0])
    assert "\n" not in text
    assert "ValueError" in json.loads(text)["exception"]
