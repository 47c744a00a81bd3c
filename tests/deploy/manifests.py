"""The manifests of deploy/, rendered by the real kustomize, and what tests look up in them."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE, COORDINATOR, EXAMPLE = "base", "coordinator", "example"
OVERLAYS = (
    "overlays/cert-manager",
    "overlays/kubernetes-discovery",
    "overlays/coordinator-discovery",
    "overlays/kind",
)
FOLDERS = (BASE, *OVERLAYS, COORDINATOR, EXAMPLE)
RENDERED = {BASE: "install.yaml", COORDINATOR: "coordinator.yaml"}

Object = dict[str, Any]


def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real one. Its home is nobody's: no kubeconfig, cache or preference of this machine has a say."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(
        ["kubectl", *arguments], capture_output=True, text=True, timeout=120, check=False, env=environ
    )


@functools.cache
def unusable() -> str:
    """Why the kubectl of this machine will not do; empty when it will. Debian 12's has a kustomize of 2018."""
    if shutil.which("kubectl") is None:
        return "no kubectl"
    version = json.loads(kubectl("version", "--client", "-o=json").stdout or "{}")
    kustomize = version.get("kustomizeVersion", "v0").removeprefix("v").partition(".")[0]
    return "" if int(kustomize) >= 5 else "kubectl is older than 1.27: its kustomize cannot render deploy/"


@functools.cache
def _rendered(folder: str) -> str:
    done = kubectl("kustomize", str(DEPLOY / folder))
    assert done.returncode == 0, done.stderr
    return done.stdout


def text(folder: str) -> str:
    """What `kubectl kustomize` makes of a folder of deploy/; skips the test where there is no kubectl for that."""
    if why := unusable():
        pytest.skip(why)
    return _rendered(folder)


def rendered(folder: str) -> list[Object]:
    """The same, parsed: fresh objects, to be changed at will."""
    return [each for each in yaml.safe_load_all(text(folder)) if each]


def files(folder: str) -> list[Object]:
    """The objects of a folder as its files have them, before kustomize."""
    names = yaml.safe_load((DEPLOY / folder / "kustomization.yaml").read_text())["resources"]
    return [
        each for name in names for each in yaml.safe_load_all((DEPLOY / folder / name).read_text()) if each
    ]


def installed(folder: str = BASE) -> list[Object]:
    """deploy/install.yaml, or deploy/coordinator.yaml."""
    return [each for each in yaml.safe_load_all((DEPLOY / RENDERED[folder]).read_text()) if each]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [each for each in objects if each["kind"] == kind]


def one(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The only one of a kind, or of a kind and name."""
    found = [each for each in of_kind(objects, kind) if name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


def templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The workloads' pod templates, by the workload's name."""
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]


def environment(container: Object) -> dict[str, str]:
    """Its variables as it would see them; what the cluster fills in as `FIELD`."""
    return {
        each["name"]: each.get("value") or _filled_in(each["valueFrom"]) for each in container.get("env", ())
    }


def _filled_in(source: Object) -> str:
    """A field's path, or a Secret's name."""
    found: str = source["fieldRef"]["fieldPath"] if "fieldRef" in source else source["secretKeyRef"]["name"]
    return found
