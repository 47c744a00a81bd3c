import subprocess
import sys

import orjson

from loadtest import summary


def test_a_loads_lines_become_one() -> None:
    lines = [
        orjson.dumps({"samples": [[0.0, 10.0, "200", "a"], [0.1, 30.0, "200", "a"]]}),
        orjson.dumps({"samples": [[0.2, 5.0, "503", ""]], "late_p99_ms": 0.1}),
    ]
    told = subprocess.run(
        [sys.executable, "-m", "loadtest.summary"], input=b"\n".join(lines), capture_output=True, check=True
    ).stdout.decode()
    assert told == "3 requests, 2 answered: p50 10 ms, p95 30 ms, p99 30 ms; failed: 1 × 503\n"


def test_nothing_is_said_plainly() -> None:
    assert summary.line([]) == "0 requests, 0 answered: p50 nan ms, p95 nan ms, p99 nan ms; failed: none"
