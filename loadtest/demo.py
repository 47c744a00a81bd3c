"""`python -m loadtest.demo`: three pods, one sidecar, steady load; a pod is killed and nobody notices."""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loadtest import lineup, load, openloop, processes, screen, story
from loadtest.bench import arms
from sidecar import clock

DESCRIPTION = """\
Three upstream pods, one sidecar, a steady open-loop load. After a third of the time one pod gets SIGKILL,
after two thirds it is started again. Two seconds after the kill discovery drops the pod, as a cluster would;
until then the sidecar's retries cover for it. No health checks, nothing configured for the occasion.

exit status: 0 no request failed · 1 one did · 2 wrong usage · 3 it could not be started · 130 interrupted
"""
VICTIM = 1
NOTICE_S = 2.0
"""From a pod's death to its leaving the list: what a cluster takes to notice."""
RECENT_S = 1.0
KEEP_S = 600.0


@dataclass(slots=True)
class Demo:
    """One run: the line-up, what is due when, what has been seen."""

    scene: lineup.Lineup
    running: load.Load
    seconds: float
    view: screen.Screen
    marks: story.Marks = field(default_factory=story.Marks)
    start_s: float = field(default_factory=clock.now)
    shown_s: float = 0.0

    @property
    def victim(self) -> lineup.Pod:
        """The pod that is killed."""
        return self.scene.pods[VICTIM]

    @property
    def pods(self) -> list[str]:
        """Names, in order."""
        return [pod.name for pod in self.scene.pods]

    def play(self) -> story.Story:
        """Watch the load to its end; kill and restart on the way."""
        kill_s = self.seconds / 3
        acts: list[tuple[float, Callable[[], None]]] = [
            (kill_s, self._kill),
            (min(kill_s + NOTICE_S, 1.9 * kill_s), self._drop),
            (self.seconds * 2 / 3, self._restart),
        ]
        for _ in self.running.batches():
            at_s = clock.now() - self.start_s
            if acts and at_s >= acts[0][0]:
                acts.pop(0)[1]()
            if at_s >= self.shown_s + RECENT_S:
                self.shown_s = at_s
                self.view.show(self._moment(at_s))
        return story.write(self.running.samples, self.marks, self.pods, self.victim.name)

    def _kill(self) -> None:
        self.view.say(f"        SIGKILL to {self.victim.name} (pid {self.victim.child.pid})")
        self.marks.killed_s = clock.now()
        self.victim.kill()

    def _drop(self) -> None:
        self.scene.publish([pod for pod in self.scene.pods if pod is not self.victim])
        self.view.say(f"        discovery no longer lists {self.victim.name}")

    def _restart(self) -> None:
        self.victim.restart()
        self.scene.publish(self.scene.pods)
        self.marks.back_s = clock.now()
        self.view.say(f"        {self.victim.name} is back (pid {self.victim.child.pid})")

    def _moment(self, at_s: float) -> screen.Moment:
        since_s = clock.now() - RECENT_S
        samples = self.running.samples
        recent = story.chapter("recent", [sample for sample in samples if sample.due_s > since_s], self.pods)
        down = frozenset() if self.victim.child.running else frozenset({self.victim.name})
        failed = sum(load.failures(samples).values())
        return screen.Moment(at_s, self.seconds, recent, len(samples), failed, down)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    proxies = [arm.name for arm in arms.ARMS if arm.launch]
    add = parser.add_argument
    add("--seconds", type=float, default=21, metavar="S", help="of load (default 21, at least 3)")
    add("--rate", type=float, default=300, metavar="R", help="requests per second (default 300)")
    add("--delay-ms", type=float, default=5, metavar="MS", help="mean service time of a pod (default 5)")
    add("--json", action="store_true", help="the summary as JSON on stdout")
    add(
        "--keep",
        action="store_true",
        help="afterwards keep everything up under load, ≤ 10 minutes, to look at",
    )
    add(
        "--proxy",
        choices=proxies,
        default="equilibrium",
        help="the same with another proxy, in its benchmark configuration, which has no retry policy",
    )
    return parser


def main() -> int:
    """Play the demo; the exit status says whether the claim held."""
    parser = _parser()
    chosen = parser.parse_args()
    if chosen.seconds < 3 or chosen.rate <= 0:
        parser.error("--seconds must be at least 3, --rate above 0")
    if (why := arms.named([chosen.proxy])[0].missing()) is not None:
        _say(f"cannot start {chosen.proxy}: {why}")
        return 3
    processes.stop_on_signals(limit_s=chosen.seconds + 90 + (KEEP_S if chosen.keep else 0))
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-demo-") as directory,
        processes.Children(Path(directory)) as children,
    ):
        return _play(children, chosen)


def _play(children: processes.Children, chosen: argparse.Namespace) -> int:
    scene = lineup.start(children, delay_ms=chosen.delay_ms, arm=chosen.proxy)
    _introduce(scene, chosen)
    plan = openloop.Plan(scene.target, lineup.SERVICE, "/", chosen.rate, chosen.seconds)
    running = load.start(children, plan, every_s=0.25)
    with screen.open_screen() as view:
        told = Demo(scene, running, chosen.seconds, view).play()
    print(json.dumps(as_json(told), indent=1) if chosen.json else _page(told, scene), flush=True)
    if (ended := scene.proxy.obituary()) is not None:
        _say(f"{ended}: what failed after that says nothing about routing")
    if not told.holds:
        _say(f"the log of {scene.proxy.name} ends:\n{scene.proxy.last_words()}")
    if chosen.keep:
        _keep(children, scene, dataclasses.replace(plan, seconds=KEEP_S))
    return 0 if told.holds else 1


def _introduce(scene: lineup.Lineup, chosen: argparse.Namespace) -> None:
    for pod in scene.pods:
        _say(
            f"{pod.name:12} {pod.address}  pid {pod.child.pid}, answers in {chosen.delay_ms:g} ms on average"
        )
    _say(f"{scene.proxy.name:12} {scene.target}  pid {scene.proxy.pid}")
    if (admin := scene.admin()) is not None:
        _say(f"while it runs: curl http://{admin}/state   http://{admin}/metrics")
    _say(f"{chosen.rate:g} requests/s for {chosen.seconds:g} s")


def as_json(told: story.Story) -> dict[str, object]:
    """The summary for programs."""
    return {"claim_holds": told.holds, **dataclasses.asdict(told)}


def _page(told: story.Story, scene: lineup.Lineup) -> str:
    look = "Look closer: `--keep` leaves it running; with `--proxy envoy` the same happens to a peer."
    if (admin := scene.admin()) is not None:
        look = (
            f"Look closer: `make demo ARGS=--keep` leaves it running; then http://{admin}/state shows the"
            f" pods and http://{admin}/metrics what was tried, retried and how long it took."
        )
    return "\n\n".join(["", screen.grid(*story.table(told)), " ".join(story.tell(told)), look])


def _keep(children: processes.Children, scene: lineup.Lineup, plan: openloop.Plan) -> None:
    _say(
        f"still running for {KEEP_S / 60:.0f} minutes, Ctrl-C ends it; {scene.target} serves {lineup.SERVICE}"
    )
    _say(f"  curl -H 'Host: {lineup.SERVICE}' http://{scene.target}/")
    load.start(children, plan).finish()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        _say("interrupted; every process was ended")
        raise SystemExit(130) from None
    except (processes.StartError, TimeoutError) as error:
        _say(str(error))
        raise SystemExit(3) from None
