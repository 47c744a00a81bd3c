"""A real Prometheus that scrapes the node: where a coordinator learns what applications use."""

import json
import shutil
import socket

from loadtest import processes
from loadtest.experiments.town import Town

PROGRAM = "prometheus"
SCRAPE_S = 1
READY_S = 30.0


def missing() -> str | None:
    """Why there is none, if so."""
    return (
        None if shutil.which(PROGRAM) else "Prometheus is not installed (Debian: apt-get install prometheus)"
    )


def start(children: processes.Children, town: Town) -> str:
    """Its URL once it answers. StartError when it does not come up."""
    address = f"127.0.0.1:{_free_port()}"
    targets = [{"targets": [town.node.url.removeprefix("http://")]}]
    node = {"job_name": "node", "metrics_path": "/metrics/cadvisor", "static_configs": targets}
    config = {"global": {"scrape_interval": f"{SCRAPE_S}s"}, "scrape_configs": [node]}
    path = children.directory / "prometheus.yml"
    path.write_text(json.dumps(config))  # JSON is YAML
    argv = [PROGRAM, f"--config.file={path}", f"--web.listen-address={address}"]
    argv.append(f"--storage.tsdb.path={children.directory / 'tsdb'}")
    child = children.start(PROGRAM, argv)
    processes.await_http(address, child, host="localhost", path="/-/ready", timeout_s=READY_S)
    return f"http://{address}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
