import fnmatch

import pytest

from tests.deploy import dockerfile, manifests


def in_context(path: str) -> bool:
    """Docker's rule, of the patterns we use: the last line that matches it or a folder it is in decides."""
    kept = True
    parts = path.split("/")
    folders = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for line in (manifests.ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if (
            pattern
            and not line.startswith("#")
            and any(fnmatch.fnmatchcase(each, pattern) for each in folders)
        ):
            kept = line.startswith("!")
    return kept


@pytest.mark.parametrize(
    "path", [".git", ".venv", "tests", "docs", "deploy/install.yaml", "sidecar/__pycache__", "kubeconfig"]
)
def test_nothing_else_of_this_folder_gets_into_an_image(path: str) -> None:
    assert not in_context(path)


def test_everything_the_dockerfile_copies_does() -> None:
    found = dockerfile.read(manifests.DEPLOY / "Dockerfile")
    copied = {
        path
        for stage in found.stages.values()
        for source, paths, _ in dockerfile.copies(stage)
        if not source
        for path in paths
    }
    assert {path for path in copied if not in_context(path)} == set()
