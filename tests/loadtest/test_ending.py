"""How programs end: what could not be done is told apart from a verdict."""

import pytest

from loadtest import ending
from loadtest.mesh.admin import AnswerError
from loadtest.processes import StartError


class Missing(Exception):
    """Something this machine has not got."""


@pytest.mark.parametrize("status", [0, 1, 4])
def test_a_verdict_is_the_status(status: int) -> None:
    with pytest.raises(SystemExit) as ended:
        ending.of(lambda: status)
    assert ended.value.code == status


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StartError("envoy did not start"), 3, "it could not be run to its end: envoy did not start\n"),
        (AnswerError("503"), 3, "it could not be run to its end: 503\n"),
        (TimeoutError("too long"), 3, "it could not be run to its end: too long\n"),
        (Missing("no groups"), 3, "it could not be run to its end: no groups\n"),
        (KeyboardInterrupt(), 130, "interrupted; every process was ended\n"),
    ],
)
def test_what_the_machine_or_its_owner_hinders_is_said_in_a_line(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ending.of(_raising(error), Missing)
    assert (ended.value.code, capsys.readouterr().err) == (status, said)


def test_a_defect_is_no_verdict_and_shows_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ending.of(_raising(KeyError("a defect")))
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert "KeyError: 'a defect'" in said


def _raising(error: BaseException):  # type: ignore[no-untyped-def]
    def main() -> int:
        raise error

    return main
