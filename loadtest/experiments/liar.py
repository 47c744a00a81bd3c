"""A coordinator that lies: it takes reports and answers as docs/advice.md says, but what it advises is harm.

`slowest`: everybody to the endpoint reported slowest. `herd`: everybody to one endpoint, to another in every slot.
"""

import argparse
import asyncio
import signal
import time
from typing import Any, Final

import uvloop
from aiohttp import web

from loadtest import processes

SLOT_MS: Final = 1000
SLOTS: Final = 21
EXPIRES_S: Final = 20.0
_HELD_S: Final = 1.0
Json = dict[str, Any]


class Liar:
    """Answers every question about a second later with a new epoch."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._epoch = 0

    async def answer(self, request: web.Request) -> web.Response:
        """One question: a report; malformed ones are nobody's here."""
        report = await request.json()
        if report.get("since"):
            await asyncio.sleep(_HELD_S)
        self._epoch += 1
        wall_s = time.time()  # noqa: TID251 (the wire's clock is the wall's)
        return web.json_response(told(report, self._kind, self._epoch, wall_s))


def told(report: Json, kind: str, epoch: int, wall_s: float) -> Json:
    """The whole answer to a report, at this time of the wall clock."""
    services = [
        {
            "service": each["service"],
            "epoch": epoch,
            "first_slot": int(wall_s * 1000 // SLOT_MS),
            "slot_ms": SLOT_MS,
            "expires_in_s": EXPIRES_S,
            "actions": actions(each["endpoints"], kind, int(wall_s * 1000 // SLOT_MS)),
        }
        for each in report.get("services", ())
        if each.get("endpoints")
    ]
    return {"version": f"lie.{epoch}", "server_time": wall_s, "services": services}


def actions(endpoints: list[Json], kind: str, first_slot: int) -> list[dict[str, float]]:
    """Slot by slot, all on one endpoint."""
    ordered = sorted(endpoints, key=lambda each: str(each["address"]))
    if kind == "slowest":
        worst = max(ordered, key=lambda each: each.get("latency_s") or 0.0)
        return [{worst["address"]: 1.0}] * SLOTS
    return [{ordered[(first_slot + slot) % len(ordered)]["address"]: 1.0} for slot in range(SLOTS)]


async def serve(listen: str, kind: str) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    app = web.Application(client_max_size=1 << 20)
    app.add_routes([web.post("/v1/advice", Liar(kind).answer), web.get("/readyz", _ready)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    host, port = processes.split(listen)
    await web.TCPSite(runner, host, port).start()
    await stop.wait()
    await runner.cleanup()


async def _ready(request: web.Request) -> web.Response:
    return web.Response(text="ready")


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.experiments.liar", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="IP:PORT")
    parser.add_argument("--kind", choices=("slowest", "herd"), default="slowest")
    chosen = parser.parse_args()
    uvloop.run(serve(chosen.listen, chosen.kind))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
