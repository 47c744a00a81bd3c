"""Starting and ending a real server; what stands in for the binaries here is only whether they live."""

import pytest

from tests.support.kube import real

pytestmark = pytest.mark.kube


def binary(folder, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o700)


def test_both_binaries_have_to_be_there(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    binary(tmp_path, "etcd", "")
    assert real.assets() is None
    binary(tmp_path, "kube-apiserver", "")
    assert real.assets() == tmp_path


async def test_a_server_that_does_not_start_says_why_and_leaves_nothing(tmp_path):
    binary(tmp_path, "etcd", "exec sleep 60")
    binary(tmp_path, "kube-apiserver", "echo unknown flag: --never; exit 3")
    server = real.RealServer(tmp_path)
    with pytest.raises(RuntimeError, match="kube-apiserver ended with 3:\nunknown flag: --never"):
        await server.__aenter__()
    assert all(process.poll() is not None for process in server.processes)
    assert not server.directory.exists()
