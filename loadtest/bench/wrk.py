"""wrk: closed-loop load that saturates, and its numbers exactly (its own report rounds them).

Latency under saturation is the queue's, not the proxy's: with 16 connections it is 16 / throughput. It is
shown because everybody looks for it; the open loop says what a user would feel.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench import configs

# Percentiles are microseconds, `summary.duration` too.
SCRIPT = """\
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"broken":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""

HOSTS = """\
local hosts, requests, turn = {%s}, {}, 0
init = function(args)
  for i, host in ipairs(hosts) do requests[i] = wrk.format(nil, nil, {["Host"] = host}) end
end
request = function()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


def script(hosts: Sequence[str] = ()) -> str:
    """What wrk runs: our report, and where hosts are given their requests in turn, made beforehand."""
    return SCRIPT + (HOSTS % ", ".join(f'"{host}"' for host in hosts) if hosts else "")


@dataclass(frozen=True, slots=True)
class Burst:
    """One run of wrk."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def missing() -> str | None:
    """Why nothing can be saturated, or None."""
    return None if shutil.which("wrk") else "wrk is not installed (make packages)"


def burst(
    target: str,
    path: str,
    *,
    connections: int,
    seconds: float,
    core: int | None,
    script: Path,
    headers: Sequence[str] = (),
) -> Burst:
    """Saturate `target` (`ip:port`) for so long; the file `script` holds what `script()` made."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    load = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--latency"]
    lines = [word for line in (f"Host: {configs.AUTHORITY}", *headers) for word in ("-H", line)]
    what = [*lines, "-s", str(script), f"http://{target}{path}"]
    done = subprocess.run(
        [*pin, *load, *what], capture_output=True, text=True, timeout=seconds + 20, check=False
    )
    if done.returncode:
        raise RuntimeError(f"wrk exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return parse(done.stdout)


def parse(output: str) -> Burst:
    """The JSON line our script adds at the end of wrk's report."""
    said = json.loads(output.strip().splitlines()[-1])
    return Burst(
        requests=said["requests"],
        requests_per_s=said["requests"] / said["duration_us"] * 1e6,
        p50_ms=said["p50_us"] / 1000,
        p99_ms=said["p99_us"] / 1000,
        failed=said["bad_status"] + said["broken"],
    )
