"""`make scenarios`: what the door of an application promises, tried on real processes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest import ending, processes
from loadtest.bench import arms as peers
from loadtest.bench import machine, progress
from loadtest.mesh import AnswerError
from loadtest.scenarios import catalog, files, options, report
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from sidecar import clock


def main() -> int:
    """Play, judge, report; the exit status is explained in --help."""
    chosen = options.parse()
    if chosen.listing:
        print(options.listing())
        return 0
    processes.stop_on_signals(limit_s=3 * chosen.planned_s + 120)
    ending.say(
        f"about {progress.minutes(chosen.planned_s)} minutes; Ctrl-C ends every process that was started"
    )
    described = machine.describe(peers.named(["equilibrium"]))
    going = progress.Progress(chosen.planned_s, ending.say, clock.now)
    with tempfile.TemporaryDirectory(prefix="equilibrium-scenarios-") as directory:
        stage = Stage(Path(directory), going, quick=chosen.quick)
        results = [played(entry, stage) for entry in chosen.entries]
    files.write(chosen.out, results, described, quick=chosen.quick, title=report.TITLE, kind="scenarios")
    return status(results)


def played(entry: catalog.Entry, stage: Stage) -> Result:
    """Its result; one that breaks off does not take the others with it."""
    try:
        return entry.scenario.run(stage)
    except TimeoutError:
        raise  # the whole run's time is over
    except (processes.StartError, AnswerError, OSError) as error:
        ending.say(f"{entry.name} broke off: {error}")
        return Result(entry.name, entry.scenario.TITLE, broke=str(error).partition("\n")[0])


def status(results: Sequence[Result]) -> int:
    """The exit status of a finished run."""
    if not any(each.ran for each in results):
        return 3
    return 0 if all(each.held for each in results) else 1


if __name__ == "__main__":
    ending.of(main)
