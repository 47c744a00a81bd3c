"""`python -m loadtest.bench`: the proxies, measured against each other on this machine."""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from loadtest import processes
from loadtest.bench import arms, configs, features, machine, report, results, run, wrk

DESCRIPTION = """\
Equilibrium's sidecar against Envoy, HAProxy, nginx and a plain aiohttp proxy, on this machine, now.

Every arm stands before the same upstreams and gets two loads per repetition:
  saturated   wrk, as fast as it goes: requests/s, requests per CPU second of the proxy, RSS
  open loop   a fixed rate, latency from the instant each request was due: what a user would feel
and once: memory after 20,000 requests with 100 endpoints known.

The proxy has the first core, wrk and the upstreams the second. On a shared machine everything moves: requests
per second most, CPU per request less (by half, here, when neighbours share caches and cores), ratios taken
within one repetition least. Compare arms of one run by those, never numbers of two runs.
Progress goes to stderr, the Markdown tables to stdout and, with bench.json, to the directory of --out.
"""

EXITS = """\
examples:
  python -m loadtest.bench --quick                              # under 4 minutes
  python -m loadtest.bench --arms direct,equilibrium,envoy      # only these
  python -m loadtest.bench --path /bytes/10000 --no-memory      # larger bodies
  python -m loadtest.bench --arms envoy,haproxy --show-configs  # print the configurations, measure nothing

exit status: 0 measured · 1 measured, but requests failed · 2 wrong usage · 3 nothing could be measured
             4 Equilibrium is below --at-least · 130 interrupted
"""

QUICK = {"repetitions": 3, "seconds": 2.0}
OUT_FILES = ("bench.json", "bench.md")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench",
        description=DESCRIPTION,
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(arm.name for arm in arms.ARMS)
    add = parser.add_argument
    add("--arms", default=names, metavar="NAMES", help=f"comma-separated (default: {names})")
    add("--repetitions", type=int, metavar="N", help="of every arm (default 5)")
    add("--seconds", type=float, metavar="S", help="per load and repetition, whole seconds (default 5)")
    add("--quick", action="store_true", help="3 repetitions of 2 s: under 4 minutes, wider ranges")
    add("--rate", type=float, default=1000, metavar="R", help="open loop, requests/s (default 1000)")
    add("--connections", type=int, default=16, metavar="N", help="of wrk (default 16)")
    add("--path", default="/", help="/ is ≈ 200 B of JSON; /bytes/N is N bytes (default /)")
    add("--upstream", choices=("nginx", "python"), default="nginx", help="what answers (default nginx)")
    add("--no-memory", dest="memory", action="store_false", help="skip the run with 100 endpoints")
    add("--at-least", type=float, metavar="X", help="exit 4 if Equilibrium < X × Envoy per CPU second")
    add("--show-configs", action="store_true", help="print every arm's command and files, and stop")
    add("--out", type=Path, default=Path("out"), metavar="DIR", help="for bench.json, bench.md (default out)")
    return parser


def main() -> int:
    """Measure and print; the exit status is explained in --help."""
    parser = _parser()
    chosen = parser.parse_args()
    try:
        wanted = arms.named(chosen.arms.split(","))
    except KeyError as error:
        parser.error(f"no arm {error}; there are {', '.join(arm.name for arm in arms.ARMS)}")
    if chosen.show_configs:
        print(show_configs(wanted))
        return 0
    skipped = {arm.name: why for arm in wanted if (why := arm.missing())}
    for name, why in skipped.items():
        _say(f"skipping {name}: {why}")
    present = tuple(arm for arm in wanted if arm.name not in skipped)
    if (why := wrk.missing() or (None if present else "no arm is left")) is not None:
        _say(f"nothing can be measured: {why}")
        return 3
    return _measure(_settings(chosen, present), skipped, chosen.out, chosen.at_least)


def _settings(chosen: argparse.Namespace, present: tuple[arms.Arm, ...]) -> run.Settings:
    settings = run.Settings(
        arms=present,
        rate=chosen.rate,
        path=chosen.path,
        connections=chosen.connections,
        upstream=chosen.upstream,
        memory=chosen.memory,
    )
    given = {"repetitions": chosen.repetitions, "seconds": chosen.seconds}
    overrides = {
        **(QUICK if chosen.quick else {}),
        **{name: value for name, value in given.items() if value is not None},
    }
    return dataclasses.replace(settings, **overrides)


def _measure(settings: run.Settings, skipped: dict[str, str], out: Path, at_least: float | None) -> int:
    processes.stop_on_signals(limit_s=3 * settings.duration_s() + 60)
    _say(f"about {settings.duration_s() / 60:.1f} minutes; Ctrl-C ends every process that was started")
    described = machine.describe(settings.arms)
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-bench-") as directory,
        processes.Children(Path(directory)) as children,
    ):
        outcome = _outcome(run.Bench(settings, children, _say), described, skipped)
    page = report.markdown(outcome)
    out.mkdir(parents=True, exist_ok=True)
    (out / OUT_FILES[0]).write_text(json.dumps(dataclasses.asdict(outcome), indent=1))
    (out / OUT_FILES[1]).write_text(page)
    print(page)
    _say(f"written: {out / OUT_FILES[0]}, {out / OUT_FILES[1]}")
    return verdict(outcome, at_least)


def _outcome(bench: run.Bench, described: dict[str, str], skipped: dict[str, str]) -> results.Outcome:
    settings = bench.settings
    return results.Outcome(
        titles={arm.name: arm.title for arm in settings.arms},
        rounds=settings.repetitions,
        seconds=settings.seconds,
        rate=settings.rate,
        path=settings.path,
        endpoints=settings.endpoints,
        connections=settings.connections,
        upstream=settings.upstream,
        pinning=bench.pinning(),
        memory_requests=settings.memory_requests,
        memory_endpoints=settings.memory_endpoints,
        repetitions=bench.repetitions(),
        memory=bench.memory() if settings.memory else [],
        features=features.measure(),
        machine=described,
        skipped=skipped,
    )


def verdict(outcome: results.Outcome, at_least: float | None) -> int:
    """The exit status of a finished run."""
    failed = {arm: count for arm, count in outcome.failed().items() if count}
    if failed:
        _say("requests failed: " + ", ".join(f"{arm} {count:,}" for arm, count in failed.items()))
        return 1
    ratios = sorted(report.against_envoy(outcome, "equilibrium"))
    if at_least is not None and (not ratios or ratios[len(ratios) // 2] < at_least):
        _say(f"Equilibrium is below {at_least:g} × Envoy's requests per CPU second")
        return 4
    return 0


def show_configs(wanted: list[arms.Arm]) -> str:
    """Commands, environment and files of these arms, for three endpoints."""
    endpoints = tuple(f"127.64.0.{number}:8080" for number in (1, 2, 3))
    site = configs.Site("127.64.0.250:15401", endpoints, Path("DIRECTORY"))
    parts: list[str] = []
    for arm in wanted:
        if arm.launch is None:
            continue
        launch = arm.launch(site)
        env = [f"{name}={value}" for name, value in launch.env.items()]
        parts.append(f"# {arm.name}\n$ {' '.join([*env, *launch.argv])}")
        parts += [f"# {arm.name}: DIRECTORY/{file}\n{text}" for file, text in launch.files.items()]
    return "\n\n".join(parts)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        _say("interrupted; every process was ended")
        raise SystemExit(130) from None
    except (processes.StartError, TimeoutError) as error:
        _say(str(error))
        raise SystemExit(3) from None
