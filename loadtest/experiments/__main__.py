"""`make experiments`: what the market does to latency, tried on a node that really throttles."""

import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import orjson

from loadtest import processes
from loadtest.bench import arms as peers
from loadtest.bench import document, machine, progress
from loadtest.experiments import options
from loadtest.mesh import AnswerError
from loadtest.mesh.node import Missing, missing
from loadtest.scenarios import report
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from sidecar import clock

TITLE = "Equilibrium: experiments"
FILES = ("experiments.md", "experiments.json", "experiments.html")


def main() -> int:
    """Play, judge, report; the exit status is explained in --help."""
    chosen = options.parse()
    if chosen.listing:
        print(options.listing())
        return 0
    processes.stop_on_signals(limit_s=3 * chosen.planned_s + 120)
    say(f"about {progress.minutes(chosen.planned_s)} minutes; Ctrl-C ends every process that was started")
    described = machine.describe(peers.named(["equilibrium"]))
    going = progress.Progress(chosen.planned_s, say, clock.now)
    why = missing()
    with tempfile.TemporaryDirectory(prefix="equilibrium-experiments-") as directory:
        stage = Stage(Path(directory), going, quick=chosen.quick)
        results = [played(each, stage, why) for each in chosen.experiments]
    write(chosen.out, results, described, quick=chosen.quick)
    return status(results)


def played(experiment: ModuleType, stage: Stage, why: str | None) -> Result:
    """Its result; one that breaks off does not take the others with it. `why` there is no node here, if so."""
    if why is not None:
        say(f"{experiment.NAME} is not played: {why}")
        return Result(experiment.NAME, experiment.TITLE, skipped=why)
    try:
        found: Result = experiment.run(stage)
    except TimeoutError:
        raise  # the whole run's time is over
    except (processes.StartError, AnswerError, Missing, OSError) as error:
        say(f"{experiment.NAME} broke off: {error}")
        return Result(experiment.NAME, experiment.TITLE, broke=str(error).partition("\n")[0])
    return found


def write(out: Path, results: Sequence[Result], described: dict[str, str], *, quick: bool) -> None:
    """All three files; the Markdown to stdout too."""
    blocks = report.blocks(results, described, quick=quick, title=TITLE)
    told = report.summary(results, described, quick=quick, kind="experiments")
    text = document.markdown(blocks)
    contents = (text.encode(), orjson.dumps(told, option=orjson.OPT_INDENT_2))
    out.mkdir(parents=True, exist_ok=True)
    for name, content in zip(FILES, (*contents, document.html(TITLE, blocks).encode()), strict=True):
        (out / name).write_bytes(content)
    print(text)
    say(f"{report.conclusion(results)}\nwritten: {', '.join(str(out / name) for name in FILES)}")


def status(results: Sequence[Result]) -> int:
    """The exit status of a finished run."""
    if not any(each.ran for each in results):
        return 3
    return 0 if all(each.held for each in results) else 1


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        say("interrupted; every process was ended")
        raise SystemExit(130) from None
    except (processes.StartError, OSError, TimeoutError) as error:
        say(f"it could not be run to its end: {error}")
        raise SystemExit(3) from None
    except Exception:  # noqa: BLE001 - a mistake of ours is no verdict: status 1 is kept for promises
        traceback.print_exc()
        raise SystemExit(3) from None
