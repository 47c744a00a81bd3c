import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import manifests

SCRIPT = manifests.DEPLOY / "pins.py"


def pins(*arguments: str, cwd: Path = manifests.ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def named(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


def closure(roots: Iterator[str]) -> set[str]:
    """What the installed packages themselves say they need, here and now."""
    from packaging.requirements import Requirement

    seen: set[str] = set()
    todo = [Requirement(root) for root in roots]
    while todo:
        wanted = todo.pop()
        extras = ["", *wanted.extras]
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if (key := f"{name}[{','.join(sorted(wanted.extras))}]") in seen:
            continue
        seen |= {key, name}
        for text in importlib.metadata.requires(name) or ():
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                todo.append(inner)
    return {name for name in seen if "[" not in name}


@pytest.mark.parametrize(
    ("what", "section"), [((), None), (("injector",), "injector"), (("coordinator",), "coordinator")]
)
def test_it_picks_what_the_installed_packages_say_they_need(
    what: tuple[str, ...], section: str | None
) -> None:
    import tomllib

    project = tomllib.loads((manifests.ROOT / "pyproject.toml").read_text())["project"]
    roots = [*project["dependencies"], *(project["optional-dependencies"][section] if section else ())]
    done = pins(*what)
    assert done.returncode == 0, done.stderr
    assert named(done.stdout) == closure(iter(roots))


def test_the_compiler_is_for_the_build_only() -> None:
    built = named(pins("--build").stdout)
    assert {"setuptools", "mypy", "mypy-extensions", "librt"} <= built
    assert not {"setuptools", "mypy", "pytest", "numpy", "locust"} & named(pins("injector").stdout)


def test_every_pin_has_its_hashes_exactly_as_locked() -> None:
    text = pins("injector").stdout
    locked = (manifests.ROOT / "constraints.txt").read_text()
    for block in re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block
        assert block in locked


def test_pip_takes_what_it_prints_as_the_dockerfile_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "pins.txt"
    path.write_text(pins("injector").stdout)
    # All of it is installed here, at these versions: pip has nothing to fetch, and no index to ask
    options = [
        "--dry-run",
        "--no-index",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        str(path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already satisfied") == len(named(path.read_text()))


def test_an_extra_that_is_not_there_is_named_with_those_that_are() -> None:
    done = pins("sidecar")
    assert done.returncode == 1
    assert "'sidecar'" in done.stderr
    assert "injector, coordinator" in done.stderr


def test_a_dependency_that_nobody_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\n[project]\ndependencies = ["Not_Locked>=1"]\n[project.optional-dependencies]\n'
    )
    (tmp_path / "constraints.txt").write_text(
        "aiohttp==1 \\\n    --hash=sha256:00\n    # via equilibrium (pyproject.toml)\n"
    )
    done = pins(cwd=tmp_path)
    assert done.returncode == 1
    assert "not-locked" in done.stderr
    assert "make lock" in done.stderr
