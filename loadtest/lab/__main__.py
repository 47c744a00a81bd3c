"""`make lab`: play, judge, tell."""

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest.lab import arms, options, replay, report, run, scenarios, verdict
from loadtest.lab.advice import arms as advice
from loadtest.lab.advice import verdict as advised
from loadtest.lab.advice import worlds
from loadtest.lab.outcome import Outcome
from loadtest.lab.scenario import Scenario


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status says whether the promises judged hold."""
    chosen = options.parse(argv)
    if chosen.listing:
        print(_listing())
        return 0
    if chosen.replay is not None:
        return _replayed(chosen)
    results = _ordered(chosen.tasks, _played(chosen.tasks))
    lines = [*verdict.lines(results), *advised.lines(results)]
    command = "make lab" + (f' ARGS="{" ".join(argv or sys.argv[1:])}"' if argv or sys.argv[1:] else "")
    files = report.write(chosen.out, results, lines, chosen.seeds, command)
    if chosen.json:
        print(json.dumps(report.document(results, lines, command), indent=1))
    else:
        print(files["table"].read_text())
    print(f"table, data, plots: {', '.join(str(path) for path in files.values())}", file=sys.stderr)
    return 0 if all(line.holds for line in lines) else 1


def _played(tasks: Sequence[run.Task]) -> list[Outcome]:
    """With a progress bar on a terminal, a line now and then elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    found = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("lab", total=len(tasks))
        for outcome in run.outcomes(tasks):
            found.append(outcome)
            progress.update(bar, advance=1, description=f"{outcome.scenario} {outcome.rule}"[:44].ljust(44))
            if not console.is_terminal and len(found) % 50 == 0:
                print(f"{len(found)} of {len(tasks)} runs", file=sys.stderr, flush=True)
    return found


def _ordered(tasks: Sequence[run.Task], found: Sequence[Outcome]) -> dict[tuple[str, str], list[Outcome]]:
    """By scenario and rule as asked for, seeds ascending."""
    by_task = {run.Task(each.scenario, each.rule, each.seed): each for each in found}
    ordered: dict[tuple[str, str], list[Outcome]] = {}
    for task in tasks:
        ordered.setdefault((task.scenario, task.rule), []).append(by_task[task])
    return ordered


def _replayed(chosen: options.Options) -> int:
    try:
        log = replay.read(chosen.replay, chosen.service) if chosen.replay else []
    except (OSError, replay.ReplayError) as error:
        print(error, file=sys.stderr)
        return 2
    pods = len({entry.endpoint for entry in log})
    world = Scenario("replay", "replay", lambda _: None, pods=pods, sidecars=1)
    told = {"as it was": replay.as_it_was(log)}
    for name in [arms.OURS, *(each for each in chosen.rivals if not each.endswith(run.AGAIN))]:
        if not name.startswith("board"):
            told[arms.title(name)] = replay.play(log, arms.make(name, world))
    print(f"{len(log)} requests, {pods} endpoints, {log[-1].at_s - log[0].at_s:.0f} s")
    for name, each in told.items():
        shares = "  ".join(f"{endpoint} {share:.0%}" for endpoint, share in sorted(each.shares.items()))
        figures = f"p50 {each.p50_ms:8.1f}  p99 {each.p99_ms:8.1f} ms  errors {each.errors:6.2%}"
        print(f"{name:42} {figures}  {shares}")
    return 0


def _listing() -> str:
    rules = [f"  {name:20} {arms.title(name)}" for name in (*arms.names(), *advice.NAMES)]
    known = (*scenarios.BAR, *scenarios.ARMS, scenarios.LARGE, *worlds.WORLDS)
    named = [f"  {each.name:32} {each.title}" for each in known]
    cells = len(list(scenarios.axes()))
    more = f"  and {cells} cells FAULT-BADofPODS-SIDECARSxLOAD, faults {', '.join(scenarios.FAULTS)}"
    return "\n".join(["scenarios:", *named, more, "", "rules:", *rules])


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
