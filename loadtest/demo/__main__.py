"""`make demo`: one pod goes bad and nobody notices, with the proof."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from loadtest import ending, processes
from loadtest.demo import claims, keep, options, play, report, screen, summary, verdict
from loadtest.demo.recording import Recording
from loadtest.mesh import Mesh, MeshPlan
from loadtest.mesh.live import LivePage

STARTING_S = 60.0
"""The longest an arm may take to come up and to end."""


def main() -> int:
    """Play, judge, report; the exit status says whether the claims hold."""
    chosen = options.parse()
    limit_s = chosen.script.whole_s + STARTING_S * (len(chosen.script.arms) + 1)
    processes.stop_on_signals(limit_s + (keep.KEEP_S if chosen.keep else 0))
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-demo-") as directory,
        LivePage("demo") as live,
        contextlib.ExitStack() as up,
    ):
        recordings = []
        with screen.open_screen() as view:
            view.say(f"starting; watch it live at {live.url}")
            for arm in chosen.script.arms:
                live.show(None)
                up.close()  # the arm before
                children = up.enter_context(processes.Children(_made(Path(directory, arm.name))))
                view.say(f"starting UrbanMoveMS: {arm.title}")
                mesh = up.enter_context(Mesh.start(children, MeshPlan(strategy=arm.strategy)))
                live.show(mesh)
                recordings.append(play.play(children, mesh, chosen.script, arm, view, live))
        if not chosen.keep:
            live.show(None)
            up.close()
        holds = _finish(chosen, recordings)
        if chosen.keep:
            keep.stay(children, mesh, ending.say, live)
    return 0 if holds else 1


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _finish(chosen: options.Options, recordings: Sequence[Recording]) -> bool:
    """Say what came of it; whether the claims hold."""
    script = chosen.script
    judged = next(each for each in recordings if each.arm.judged)
    rulings = claims.rule(claims.table(script.faults), judged, scale=script.scale)
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    chosen.report.write_text(report.page(script, recordings, rulings))
    if chosen.json:
        told = summary.summary(script, recordings, rulings, str(chosen.report))
        print(json.dumps(told, indent=1, ensure_ascii=False), flush=True)
    else:
        rows = verdict.rows(script.faults, recordings)
        tables = [verdict.steady_table(recordings), verdict.fault_table(rows), verdict.claims_table(rulings)]
        screen.page(_console(), tables, [*verdict.tell(rows, rulings), *verdict.asides(recordings)])
    ending.say(f"report: {chosen.report}")
    return all(ruling.ok for ruling in rulings)


def _console() -> Console:
    """As wide as the terminal; without one, wide enough for the tables."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 150)


if __name__ == "__main__":
    ending.of(main)
