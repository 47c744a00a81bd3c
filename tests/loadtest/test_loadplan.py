import argparse
import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from loadtest import load, loadplan, processes
from sidecar import clock

WORDS = st.text("abc/{n}0", min_size=1).map(lambda text: f"/{text}")
POSITIVE = st.floats(0.001, 1e6)
PLANS = st.builds(
    loadplan.Plan,
    st.just("127.0.0.1:80"),
    st.just("bus-service"),
    WORDS,
    POSITIVE,
    POSITIVE,
    warmup_s=POSITIVE,
    timeout_s=POSITIVE,
    connections=st.integers(1, 5000),
    more_paths=st.lists(WORDS, max_size=3).map(tuple),
    headers=st.lists(st.just("X-GT-Bid: 5"), max_size=2).map(tuple),
    sources=st.lists(st.just("127.1.2.3"), max_size=3).map(tuple),
    start_s=st.none() | POSITIVE,
)


@given(PLANS)
def test_a_plan_survives_the_command_line(plan: loadplan.Plan) -> None:
    parser = argparse.ArgumentParser()
    loadplan.add_arguments(parser)
    assert loadplan.chosen(parser.parse_args(plan.arguments())) == plan


class Listener:
    """A server that remembers who asked what, and answers 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ip = writer.get_extra_info("peername")[0]
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *fields = head.splitlines()
                caller = next((each for each in fields if each.startswith("X-GT-Caller")), "")
                self.heard.append((ip, line.split()[1], caller))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _sent(tmp_path: Path, **fields: object) -> tuple[list[tuple[str, str, str]], list[load.Sample]]:
    listener = Listener()
    server = await asyncio.start_server(listener.serve, f"{processes.loopback_net()}.1", 0)
    host, port = server.sockets[0].getsockname()
    options = {"path": "/", "rate": 200.0, "seconds": 0.3, **fields}
    plan = loadplan.Plan(f"{host}:{port}", "x", **options)  # type: ignore[arg-type]
    with processes.Children(tmp_path) as children:
        samples = await asyncio.to_thread(lambda: load.start(children, plan).finish())
    server.close()
    return listener.heard, samples


async def test_every_source_has_its_turn(tmp_path: Path) -> None:
    sources = tuple(f"127.9.8.{number}" for number in range(2, 12))
    heard, samples = await _sent(tmp_path, sources=sources)
    assert {sample.outcome for sample in samples} == {"200"}
    counts = [sum(ip == source for ip, _, _ in heard) for source in sources]
    assert min(counts) >= 4, f"60 requests over 10 sources: {counts}"


async def test_a_number_in_path_and_header_makes_every_request_another(tmp_path: Path) -> None:
    heard, _ = await _sent(tmp_path, path="/search/{n}", headers=("X-GT-Caller: default/bot-{n}",))
    assert len({path for _, path, _ in heard}) == len(heard) == 60
    assert len({caller for _, _, caller in heard}) == 60
    assert all(path.rpartition("/")[2] == caller.rpartition("-")[2] for _, path, caller in heard)


async def test_a_start_in_the_future_is_kept(tmp_path: Path) -> None:
    start_s = clock.now() + 1.5
    _, samples = await _sent(tmp_path, start_s=start_s)
    assert min(samples).due_s == start_s
    assert len(samples) == 60
