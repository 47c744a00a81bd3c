"""`make experiments`: what the market does to latency, tried on a node that really throttles."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from loadtest import ending, processes
from loadtest.bench import arms as peers
from loadtest.bench import machine, progress
from loadtest.experiments import options
from loadtest.mesh import AnswerError
from loadtest.mesh.node import Missing, missing
from loadtest.scenarios import files
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from sidecar import clock

TITLE = "Equilibrium: experiments"


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
    why = missing()
    with tempfile.TemporaryDirectory(prefix="equilibrium-experiments-") as directory:
        stage = Stage(Path(directory), going, quick=chosen.quick)
        results = [played(each, stage, why) for each in chosen.experiments]
    files.write(chosen.out, results, described, quick=chosen.quick, title=TITLE, kind="experiments")
    return status(results)


def played(experiment: ModuleType, stage: Stage, why: str | None) -> Result:
    """Its result; one that breaks off does not take the others with it. `why` there is no node here, if so."""
    if why is not None:
        ending.say(f"{experiment.NAME} is not played: {why}")
        return Result(experiment.NAME, experiment.TITLE, skipped=why)
    try:
        found: Result = experiment.run(stage)
    except TimeoutError:
        raise  # the whole run's time is over
    except (processes.StartError, AnswerError, Missing, OSError) as error:
        ending.say(f"{experiment.NAME} broke off: {error}")
        return Result(experiment.NAME, experiment.TITLE, broke=str(error).partition("\n")[0])
    return found


def status(results: Sequence[Result]) -> int:
    """The exit status of a finished run."""
    if not any(each.ran for each in results):
        return 3
    return 0 if all(each.held for each in results) else 1


if __name__ == "__main__":
    ending.of(main)
