import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import manifests, shell


@pytest.mark.parametrize("script", shell.SCRIPTS)
def test_bash_understands_it(script: str) -> None:
    done = subprocess.run(
        ["bash", "-n", str(manifests.DEPLOY / script)], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.access(manifests.DEPLOY / script, os.X_OK)
    assert "set -euo pipefail" in (manifests.DEPLOY / script).read_text()


@pytest.mark.parametrize("script", shell.SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    done = subprocess.run(
        ["shellcheck", str(manifests.DEPLOY / script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", shell.SCRIPTS)
def test_help_needs_nothing_and_a_wrong_option_is_2(script: str, tmp_path: Path) -> None:
    path = str(shell.unix(tmp_path / "bin"))
    done = shell.run(script, "--help", path=path)
    assert (done.returncode, bool(done.stdout.strip()), done.stderr) == (0, True, "")
    assert shell.run(script, "--frobnicate", path=path).returncode == 2


@pytest.mark.parametrize("script", shell.SCRIPTS)
def test_what_is_missing_is_named_with_where_to_get_it(script: str, tmp_path: Path) -> None:
    done = shell.run(script, path=str(shell.unix(tmp_path / "bin")))
    assert done.returncode == 3
    said = done.stderr.lower()
    assert all(name in said for name in shell.NEEDS[script])
    assert said.count("https://") >= len(shell.NEEDS[script])


def test_install_yaml_that_is_out_of_date_is_reported_with_the_difference(tmp_path: Path) -> None:
    if why := manifests.unusable():
        pytest.skip(why)
    shutil.copytree(manifests.DEPLOY, tmp_path / "deploy")
    (tmp_path / "deploy" / "install.yaml").write_text("kind: Nothing\n")
    script, environ = tmp_path / "deploy" / "render", {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}

    def render(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script, *arguments], capture_output=True, text=True, check=False, env=environ, timeout=60
        )

    stale = render("--check")
    assert stale.returncode == 1
    assert "-kind: Nothing" in stale.stdout
    assert "run deploy/render" in stale.stderr
    assert render().returncode == 0
    assert render("--check").returncode == 0
    assert (tmp_path / "deploy" / "install.yaml").read_bytes() == (
        manifests.DEPLOY / "install.yaml"
    ).read_bytes()
