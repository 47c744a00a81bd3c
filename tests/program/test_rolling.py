"""Pods are restarted one after the other under load, as a Deployment does it: nobody notices."""

from pathlib import Path

import pytest

from loadtest import processes, rolling


@pytest.mark.slow
def test_a_rolling_restart_costs_no_request(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        result = rolling.restart_all(children)
    print(result)
    assert result.proxy_ended is None
    assert result.restarted == 3
    assert result.requests > 0
    assert result.failed == 0, f"of {result.requests} requests: {result.outcomes}"
