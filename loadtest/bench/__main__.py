"""`python -m loadtest.bench`: the proxies, measured against each other on this machine."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import orjson

from loadtest import ending, figures, processes
from loadtest.bench import (
    arms,
    careful,
    configs,
    document,
    features,
    machine,
    options,
    page,
    parts,
    plan,
    progress,
    report,
    results,
    run,
    scale,
    stage,
    tail,
    wrk,
)
from sidecar import clock


def main() -> int:
    """Measure and print; the exit status is explained in --help."""
    chosen = options.parser().parse_args()
    if chosen.show_configs:
        print(show_configs(chosen.arms))
        return 0
    skipped = {arm.name: why for arm in chosen.arms if (why := arm.missing())}
    for name, why in skipped.items():
        ending.say(f"skipping {name}: {why}")
    asked = options.asked(chosen, [arm for arm in chosen.arms if arm.name not in skipped])
    if (why := wrk.missing() or (None if asked.arms() else "no arm is left")) is not None:
        ending.say(f"nothing can be measured: {why}")
        return 3
    done = _measure(asked, skipped)
    _write(done, chosen.out)
    return verdict(done, chosen.at_least)


def _measure(asked: plan.Plan, skipped: dict[str, str]) -> results.Run:
    planned_s = asked.duration_s()
    processes.stop_on_signals(limit_s=3 * planned_s + 60)
    ending.say(f"about {planned_s / 60:.1f} minutes; Ctrl-C ends every process that was started")
    described = machine.describe(asked.arms())
    going = progress.Progress(planned_s, ending.say, clock.now)
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-bench-") as directory,
        processes.Children(Path(directory)) as children,
    ):
        return _run(asked, children, going, described, skipped)


def _run(
    asked: plan.Plan,
    children: processes.Children,
    going: progress.Progress,
    described: dict[str, str],
    skipped: dict[str, str],
) -> results.Run:
    part = parts.Parts(ending.say)
    cost = part.measured("cost", run.Bench(asked.cost, children, going) if asked.cost else None)
    bodies = [part.measured("bodies", run.Bench(each, children, going)) for each in asked.bodies]
    tails = part.measured("tail", tail.Bench(asked.tail, children, going) if asked.tail else None)
    scales = part.measured("scale", scale.Bench(asked.scale, children, going) if asked.scale else None)
    return results.Run(
        pinning=stage.Stage(children, "nginx", "/").pinning(),
        machine=described,
        skipped=skipped,
        broken=part.broken,
        cost=cost,
        features=_features(going) if asked.cost else {},
        bodies=[each for each in bodies if each],
        tail=tails,
        scale=scales,
        took_s=going.took_s(),
    )


def _features(going: progress.Progress) -> dict[str, float]:
    found = features.measure()
    going.done(plan.FEATURES_S, f"our own data path: {len(found)} steps timed")
    return found


def _write(done: results.Run, out: Path) -> None:
    blocks = page.blocks(done)
    text = document.markdown(blocks)
    files = {
        "bench.json": orjson.dumps(done, option=orjson.OPT_INDENT_2),
        "bench.md": text.encode(),
        "bench.html": document.html(page.TITLE, blocks).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
    print(text)
    ending.say("written: " + ", ".join(str(out / name) for name in files))


def verdict(done: results.Run, at_least: float | None) -> int:
    """The exit status of a finished run."""
    failed = {arm: count for arm, count in done.failed().items() if count}
    if failed:
        ending.say("requests failed: " + ", ".join(f"{arm} {count:,}" for arm, count in failed.items()))
        return 1
    if done.broken:
        return 1 if done.measured() else 3
    ratio = figures.spread(report.against_envoy(done.cost, "equilibrium") if done.cost else [])
    if at_least is not None and (ratio is None or ratio.median < at_least):
        ending.say(f"Equilibrium is below {at_least:g} × Envoy's requests per CPU second")
        return 4
    return 0


def show_configs(wanted: Iterable[arms.Arm]) -> str:
    """Commands, environment and files of these arms for three endpoints, then those of the part tail."""
    compared = list(wanted)
    shown = [text for arm in compared for text in _shown(arm, arm.name)]
    shown += [text for arm in careful.of(compared) for text in _shown(arm, f"tail: {arm.name}")]
    return "\n\n".join(shown)


def _shown(arm: arms.Arm, name: str) -> list[str]:
    endpoints = tuple(f"127.64.0.{number}:8080" for number in (1, 2, 3))
    if arm.launch is None:
        return []
    launch = arm.launch(configs.Site("127.64.0.250:15401", endpoints, Path("DIRECTORY")))
    env = [f"{variable}={value}" for variable, value in launch.env.items()]
    command = f"# {name}\n$ {' '.join([*env, *launch.argv])}"
    return [command, *(f"# {name}: DIRECTORY/{file}\n{text}" for file, text in launch.files.items())]


if __name__ == "__main__":
    ending.of(main)
