"""Fuzz both HTTP/1.1 parsers. See `--help`."""

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.fuzz import blind, inputs
from tests.fuzz.mutate import TOKENS
from tests.fuzz.targets import TARGETS

_HELP: Final = """\
Feeds mutated messages to the readers of sidecar.proxy.http1 and checks promises that hold for any bytes
(tests/fuzz/targets.py): no exception but a refusal, no difference between cuts, nothing ambiguous forwarded.

With atheris (`make setup` installs it) mutations are guided by coverage, and what a run has learnt is kept in
out/fuzz for the next; without it they are drawn blindly from the same starting points.
"""
_LATER: Final = """\
examples:
  make fuzz                                       both parsers, one minute each
  make fuzz ARGS="--seconds 600 --target request" ten minutes on requests
  python -m tests.fuzz --input FILE               run the oracles on one file, with a traceback

An input that breaks a promise is written to tests/fuzz/crashes/ and the exit code is 1. Once the cause is fixed,
move the file to tests/fuzz/seeds/request/ or response/: tests/proxy/test_fuzz_short.py runs those every time.
"""
_LEARNT: Final = Path("out/fuzz")
_SLOWEST_S: Final = 10
"""An input that takes longer is a finding; ordinary ones take under a millisecond."""
_PULSE_S: Final = 15.0
_STAT = re.compile(r"^stat::(\w+):\s+(\d+)", re.MULTILINE)
_WRITTEN = re.compile(r"Test unit written to (.+)$", re.MULTILINE)
_PROGRESS = re.compile(r"#(\d+)\s.*\bcov: (\d+) .*exec/s: (\d+)")


def main() -> int:
    """0: no promise was broken."""
    args = _arguments()
    if args.input is not None:
        return _once(args.input, args.target)
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(2**31)
    names = list(TARGETS) if args.target == "both" else [args.target]
    seconds = args.seconds / len(names)
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("atheris is not installed: blind mutations (`make setup` brings guided ones)")
    run = _guided if guided else _blind
    found = [crash for name in names for crash in run(name, seconds, seed)]
    for crash in found:
        print(f"\nFOUND {crash}\n  reproduce: {sys.executable} -m tests.fuzz --input {crash}")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz",
        description=_HELP,
        epilog=_LATER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="in total (default: %(default)g)")
    parser.add_argument("--target", choices=[*TARGETS, "both"], default="both", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the mutations (default: a new one, printed)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="check this file instead of fuzzing")
    return parser.parse_args()


def _once(path: Path, target: str) -> int:
    """Raises what the oracle raises."""
    data = path.read_bytes()
    names = [name for name in TARGETS if target == name or path.name.startswith(name)] or list(TARGETS)
    for name in names:
        started = time.perf_counter()
        TARGETS[name](data)
        print(f"{name}: every promise kept, {1e3 * (time.perf_counter() - started):.1f} ms")
    return 0


def _blind(name: str, seconds: float, seed: int) -> list[Path]:
    print(f"{name}: {seconds:g} s, seed {seed}")
    starts = inputs.starting_points(name)
    done, crash = blind.run(name, TARGETS[name], starts, seconds=seconds, rng=random.Random(seed))
    print(f"{name}: {done:,} inputs, {done / seconds:,.0f}/s")
    return [crash] if crash is not None else []


def _guided(name: str, seconds: float, seed: int) -> list[Path]:
    """One libFuzzer process."""
    learnt = _LEARNT / name
    learnt.mkdir(parents=True, exist_ok=True)
    inputs.CRASHES.mkdir(exist_ok=True)
    print(f"{name}: {seconds:g} s, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        given = _write_starts(name, Path(temporary))
        command = [
            *(sys.executable, "-m", "tests.fuzz.guided", name, str(learnt), str(given / "starts")),
            *(f"-max_total_time={max(1, round(seconds))}", f"-seed={seed % 2**32 or 1}", f"-timeout={_SLOWEST_S}"),
            *(f"-artifact_prefix={inputs.CRASHES}/{name}-", f"-dict={given / 'tokens'}"),
            *(f"-max_len={inputs.KEPT}", "-rss_limit_mb=1024", "-print_final_stats=1"),
        ]  # fmt: skip
        failed, said = _watch(name, command)
    if not failed:
        print(f"{name}: {_summary(said)}; every promise kept")
        return []
    print(said)
    found = [Path(path) for path in _WRITTEN.findall(said)]
    if not found:
        sys.exit(f"{name}: the fuzzer stopped without naming an input; its words are above")
    return found


def _write_starts(name: str, where: Path) -> Path:
    starts = where / "starts"
    starts.mkdir()
    for number, data in enumerate(inputs.starting_points(name)):
        (starts / f"{number:04}").write_bytes(data)
    quoted = ('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"' for token in TOKENS)
    (where / "tokens").write_text("\n".join(quoted) + "\n")
    return where


def _watch(name: str, command: list[str]) -> tuple[bool, str]:
    """Run it, say every now and then how far it is: (failed, what it said)."""
    said: list[str] = []
    pulse = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress = _PROGRESS.match(line)
            if progress is None:
                said.append(line)
            elif time.perf_counter() - pulse > _PULSE_S:
                pulse = time.perf_counter()
                done, branches, rate = progress.groups()
                print(f"{name}: {int(done):,} inputs, {rate}/s, {branches} branches", flush=True)
        return process.wait() != 0, "".join(said)


def _summary(said: str) -> str:
    stats = {key: int(value) for key, value in _STAT.findall(said)}
    done, rate = stats.get("number_of_executed_units", 0), stats.get("average_exec_per_sec", 0)
    return f"{done:,} inputs, {rate:,}/s, {stats.get('new_units_added', 0):,} of them new to coverage"


if __name__ == "__main__":
    sys.exit(main())
