"""The table of scenarios: those of the bar, the special arms, and with `--full` every cell of the axes."""

import itertools
from collections.abc import Iterator

from loadtest.lab import scripts
from loadtest.lab.advice import worlds
from loadtest.lab.scenario import Scenario
from loadtest.lab.scripts import Script

SLOW, VERY_SLOW = 0.4, 0.1
SPEEDS = (0.3, 0.6, 1.0, 1.0, 1.5)

FAULTS: dict[str, tuple[str, dict[str, float | bool]]] = {
    "plus500": ("+500 ms", {"extra_s": 0.5}),
    "tenth": ("10× slower", {"speed": VERY_SLOW}),
    "fifths": ("at 0.4× speed", {"speed": SLOW}),
    "failfast": ("fails fast", {"error_share": 1.0}),
    "fail30": ("fails 30 %", {"error_share": 0.3}),
    "hang": ("hangs", {"hung": True}),
    "tail": ("+500 ms one time in ten", {"extra_s": 0.5, "extra_share": 0.1}),
}


def cell(
    fault: str, bad: int, pods: int, sidecars: int = 4, load: float = 0.5, for_s: float | None = None
) -> Scenario:
    """`bad` of `pods` have this fault; healed after `for_s`, if at all."""
    what, changes = FAULTS[fault]
    which = tuple(range(bad))
    healed = "" if for_s is None else f", healed after {for_s:g} s"
    name = f"{fault}-{bad}of{pods}-{sidecars}x{load:g}" + ("" if for_s is None else "-healed")
    return Scenario(
        name,
        f"{bad} of {pods} {what}{healed}; {sidecars} sidecars, load {load:g}",
        scripts.fault(which, for_s, **changes),
        pods=pods,
        sidecars=sidecars,
        load=load,
        bad=which,
        goodput=load > 1.0,
    )


def special(name: str, title: str, script: Script, **numbers: object) -> Scenario:
    """One that is not a cell of the axes."""
    return Scenario(name, title, script, **numbers)  # type: ignore[arg-type]


CALM = special("calm", "nothing wrong; 3 pods, 4 sidecars, load 0.5", scripts.calm)

BAR: tuple[Scenario, ...] = (
    CALM,
    cell("plus500", 1, 3),
    cell("failfast", 1, 3),
    cell("fail30", 1, 3),
    cell("hang", 1, 3),
    cell("tail", 1, 3),
    cell("tenth", 2, 4, load=0.45),
    cell("tenth", 3, 10),
    cell("fifths", 1, 3, load=0.6),
    special(
        "antagonists",
        "every pod changes speed every 2 s; 10 pods, 10 sidecars, load 0.5",
        scripts.antagonists(2.0, SPEEDS),
        pods=10,
        sidecars=10,
        bad=(),
    ),
    cell("plus500", 1, 3, sidecars=20, for_s=10.0),
    special(
        "many",
        "1 of 8 at 0.3× speed; 64 sidecars, load 0.5",
        scripts.fault((0,), speed=0.3),
        pods=8,
        sidecars=64,
    ),
    special(
        "noise",
        "every pod fails 1 %; 10 pods, 4 sidecars, load 0.5",
        scripts.fault(range(10), error_share=0.01),
        pods=10,
        bad=(),
    ),
    cell("tenth", 1, 10, sidecars=8, load=0.8),
    cell("plus500", 2, 20, sidecars=8),
)
"""What `make lab` judges the bar on."""

ARMS: tuple[Scenario, ...] = (
    special(
        "sparse",
        "1 of 20 pods 10× slower; 50 sidecars at 2 requests/s each",
        scripts.fault((0,), speed=VERY_SLOW),
        pods=20,
        sidecars=50,
        rate=100.0,
        seconds=60.0,
    ),
    special(
        "sparse-failing",
        "1 of 20 pods fails fast; 50 sidecars at 2 requests/s each",
        scripts.fault((0,), error_share=1.0),
        pods=20,
        sidecars=50,
        rate=100.0,
        seconds=60.0,
    ),
    special(
        "board",
        "1 of 10 10× slower; 64 sidecars that see a board 200 ms old, load 0.6",
        scripts.fault((0,), speed=VERY_SLOW),
        pods=10,
        sidecars=64,
        load=0.6,
        board_s=0.2,
    ),
    cell("plus500", 1, 3).variant("hedged", hedging=True),
    cell("hang", 1, 3).variant("hedged", hedging=True),
    special(
        "overload",
        "1 of 4 10× slower, and 1.05 times what is left can serve; 4 sidecars",
        scripts.fault((0,), speed=VERY_SLOW),
        pods=4,
        load=1.05 * 3.1 / 4,
        goodput=True,
    ),
    special(
        "crash",
        "1 of 4 is killed and comes back after 5 s; 8 sidecars, 2 retries",
        scripts.crash((0,), 5.0),
        pods=4,
        sidecars=8,
        retries=2,
    ),
    special(
        "rolling",
        "a rolling update, one pod of 10 every 2 s; 8 sidecars, 2 retries",
        scripts.rolling(2.0, 4.0),
        pods=10,
        sidecars=8,
        retries=2,
        bad=(),
    ),
    special(
        "version",
        "a bad version rolls out: 3 of 10 fail 30 % from the fault on; 8 sidecars, 2 retries",
        scripts.fault((0, 1, 2), error_share=0.3),
        pods=10,
        sidecars=8,
        retries=2,
        bad=(0, 1, 2),
    ),
)
"""The special arms: sparse traffic, a stale board, hedging for all, overload, pods that come and go."""

LARGE = special(
    "large",
    "200 pods in a rolling update, one bad node of 10 pods failing fast; 1,000 sidecars, 2 retries",
    scripts.together(scripts.rolling(1.0, 4.0, batch=10), scripts.fault(range(190, 200), error_share=1.0)),
    pods=200,
    sidecars=1000,
    rate=20_000.0,
    bad=tuple(range(190, 200)),
    retries=2,
)
"""The promise at scale: errors < 0.1 %, nobody above 3 fair shares."""


def axes() -> Iterator[Scenario]:
    """Every cell: bad pods × pods × fault × sidecars × load."""
    for pods, bad, fault, sidecars, load in itertools.product(
        (3, 4, 10, 20, 50), (1, 2, 3), FAULTS, (1, 8, 64, 1000), (0.5, 0.8, 1.05)
    ):
        left = pods - bad
        if left > 0 and (load > 1.0 or load * pods <= 0.95 * left):  # the others can carry it, or nobody can
            yield cell(fault, bad, pods, sidecars, load)


def by_name() -> dict[str, Scenario]:
    """All that can be asked for."""
    return {each.name: each for each in (*BAR, *ARMS, LARGE, *worlds.WORLDS, *axes())}
