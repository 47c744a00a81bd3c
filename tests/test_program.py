"""What every program does around its own work: exit codes people can script with, and nothing left behind."""

import os
import subprocess
import sys

import pytest

from sidecar import program
from sidecar.errors import ConfigError, EquilibriumError


async def _ends(error: Exception | None = None) -> None:
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 0, ""),
        (ConfigError(["A: no", "B: nor that"]), 2, "some: A: no\nsome: B: nor that\n"),
        (EquilibriumError("the port is taken"), 1, "some: the port is taken\n"),
    ],
)
def test_exit_codes_say_what_went_wrong(capsys, error, code, said):
    assert program.run("some", lambda: _ends(error)) == code
    assert capsys.readouterr().err == said


def test_what_nobody_expected_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        program.run("some", lambda: _ends(ZeroDivisionError()))


@pytest.mark.parametrize("before", [None, "/etc/ssl/some.pem"])
def test_the_ca_bundle_is_put_back(monkeypatch, before):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if before is not None:
        monkeypatch.setenv("SSL_CERT_FILE", before)
    seen: list[str] = []

    def fails() -> None:
        with program.no_ca_bundle():
            seen.append(os.environ["SSL_CERT_FILE"])
            raise ImportError

    with pytest.raises(ImportError):
        fails()
    assert seen == [os.devnull]
    assert os.environ.get("SSL_CERT_FILE") == before


def test_the_sidecar_does_not_load_what_other_programs_share():
    code = (
        "import sys, sidecar.__main__, sidecar.app; "
        "print(*(name for name in ('ctypes', 'sidecar.jsonlog', 'sidecar.kube.events', 'sidecar.kube.notes')"
        " if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
