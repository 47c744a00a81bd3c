"""Certificates as cert-manager would leave them in a directory, swapped the way Kubernetes does it."""

from pathlib import Path

import pytest

from injector.certs import authority
from injector.certs.certificates import Pair
from sidecar import clock
from tests.webhook.program import NAME


class Volume:
    """A mounted Secret: files are links into `..data`, a link itself, which is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.authority = authority.new_authority(clock.wall_s(), 86400.0)
        self._versions = 0
        path.mkdir()

    def leaf(self, *names: str, made_s_ago: float = 0.0) -> Pair:
        """Of the same authority, for an hour."""
        return authority.new_leaf(self.authority, names or (NAME,), clock.wall_s() - made_s_ago, 3600.0)

    def put(self, pair: Pair) -> None:
        """As the kubelet does: write aside, swap one link."""
        self._versions += 1
        version = self.path / f"..{self._versions}"
        version.mkdir()
        (version / "tls.crt").write_bytes(pair.certificate)
        (version / "tls.key").write_bytes(pair.key)
        swap = self.path / "..data_tmp"
        swap.symlink_to(version.name)
        swap.rename(self.path / "..data")
        for name in ("tls.crt", "tls.key"):
            link = self.path / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """With a leaf in it."""
    made = Volume(tmp_path / "certificates")
    made.put(made.leaf())
    return made


@pytest.fixture
def by_directory(volume: Volume) -> dict[str, str]:
    """Variables of an injector that needs no API server."""
    return {"CERTIFICATES": str(volume.path), "API": "none"}
