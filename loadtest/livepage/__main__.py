"""What serving the live page costs: CPU of the serving process, with pages watching, against nobody watching.

python -m loadtest.livepage [--callers 10 --endpoints 2 --services 1] [--changes 20] [--watchers 1] [--seconds 20]
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp

from loadtest import procfs
from loadtest.livepage.server import READY, parser
from loadtest.processes import Child, Children, StartError
from sidecar import clock

PATIENCE_S = 30.0


def main() -> None:
    """Prints a line for each way."""
    made = parser()
    made.prog = "python -m loadtest.livepage"
    made.description = __doc__
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--watchers", type=int, default=1)
    made.add_argument("--seconds", type=float, default=20.0)
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as directory, Children(Path(directory)) as children:
        asyncio.run(_measured(children, given))


async def _measured(children: Children, given: argparse.Namespace) -> None:
    asked = ["--callers", "--endpoints", "--services", "--every"]
    arguments = [word for name in asked for word in (name, str(getattr(given, name[2:])))]
    if given.changes is not None:
        arguments += ["--changes", str(given.changes)]
    child = children.start("live", [sys.executable, "-m", "loadtest.livepage.server", *arguments])
    url = await _url(child)
    async with aiohttp.ClientSession() as session:
        idle, _ = await _share(child, given.seconds / 4, [])
        watching = [await session.get(f"{url}/events") for _ in range(given.watchers)]
        busy, received = await _share(child, given.seconds, watching)
        for answer in watching:
            answer.close()
    series = given.callers * given.endpoints * given.services
    changing = "all" if given.changes is None else given.changes
    each_kb_s = received / max(1, given.watchers) / given.seconds / 1000
    print(
        f"{series} series, {changing} change every {given.every:g} s; nobody watches: {idle:.2%} of a core, "
        f"{given.watchers} watch: {busy:.2%}, {each_kb_s:.1f} kB/s each; "
        f"RSS {procfs.rss_bytes(child.pid) / 1e6:.0f} MB"
    )


async def _share(child: Child, seconds: float, watching: list[aiohttp.ClientResponse]) -> tuple[float, int]:
    """Of a core, and bytes received."""
    before_s, began_s = procfs.cpu_s(child.pid), clock.now()
    received = await asyncio.gather(*(_read(answer, seconds) for answer in watching))
    await asyncio.sleep(max(0.0, began_s + seconds - clock.now()))
    return (procfs.cpu_s(child.pid) - before_s) / (clock.now() - began_s), sum(received)


async def _read(answer: aiohttp.ClientResponse, seconds: float) -> int:
    read = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in answer.content.iter_any():
                read += len(chunk)
    except TimeoutError:
        pass
    return read


async def _url(child: Child) -> str:
    until_s = clock.now() + PATIENCE_S
    while clock.now() < until_s and child.running:
        for line in child.log.read_text(errors="replace").splitlines():
            if line.startswith(READY):
                return line.removeprefix(READY)
        await asyncio.sleep(0.05)
    raise StartError(f"the server did not come up:\n{child.last_words()}")


if __name__ == "__main__":
    main()
