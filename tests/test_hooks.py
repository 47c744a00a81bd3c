"""Memory hooks: what is a hook, and how each goes with an app that answers, misbehaves or is not there."""

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import hooks, reclaim
from sidecar.hooks import Hook, HttpHook, Outcome, ReclaimHook, SignalHook, parse_hook
from sidecar.parsing import ParseError
from sidecar.pressure.proc import Processes

MI = 1024 * 1024


# -- what is a hook


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://127.0.0.1:9000/free", "HttpHook('http://127.0.0.1:9000/free')"),
        ("http://127.1.2.3:1", "HttpHook('http://127.1.2.3:1')"),
        ("http://[::1]:9000/a?full=1", "HttpHook('http://[::1]:9000/a?full=1')"),
        ("http://localhost:9000/", "HttpHook('http://127.0.0.1:9000/')"),
        ("signal:USR1", "SignalHook(SIGUSR1)"),
        ("signal:USR2", "SignalHook(SIGUSR2)"),
        ("signal:HUP", "SignalHook(SIGHUP)"),
        ("reclaim:/sys/fs/cgroup/app", "ReclaimHook(/sys/fs/cgroup/app)"),
    ],
)
def test_hooks(text: str, shown: str) -> None:
    assert repr(parse_hook(text)) == shown


def test_plain_reclaim_is_our_own_cgroup() -> None:
    assert isinstance(parse_hook("reclaim"), ReclaimHook)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "free",
            "http",
            "http://",
            "http://127.0.0.1/free",
            "http://127.0.0.1:/",
            "http://127.0.0.1:0/",
        ),
        *("http://127.0.0.1:65536/", "https://127.0.0.1:9000/", "http://10.0.0.9:9000/", "http://app:9000/"),
        *("http://0.0.0.0:9000/", "http://169.254.169.254:80/", "http://[fe80::1]:80/", "http://[::]:80/"),
        *("http://u:p@127.0.0.1:9000/", "http://127.0.0.1:9000@evil:80/", "http://127.0.0.1:9000/a b"),
        *(
            "http://127.0.0.1:9000/#x",
            "http://127.0.0.1:9000/\r\nX: y",
            "HTTP://127.0.0.1:9000/",
            " signal:USR1",
        ),
        *(
            "http://2130706433:80/",
            "http://127.0.1:80/",
            "http://[::ffff:10.0.0.9]:80/",
            "http://127.0.0.1.evil:80/",
        ),
        *(
            "signal:",
            "signal:KILL",
            "signal:TERM",
            "signal:usr1",
            "signal:SIGUSR1",
            "signal:10",
            "signal:USR1 ",
        ),
        *("reclaim:", "reclaim:relative", "reclaim:/a/../../etc", "reclaim:/a\n", "reclaim/"),
    ],
)
def test_what_is_no_hook_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_hook(text)
    assert "; allowed: " in str(caught.value)


@given(st.text() | st.text("http:/127.0[]@#?% \\").map("http://127.0.0.1:80".__add__))
def test_any_text_is_a_hook_or_a_parse_error(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(parse_hook(text), Hook)


# -- an endpoint of the app


class App:
    """Answers every connection with the same bytes and remembers what it was asked."""

    def __init__(self, reply: bytes, *, keep_open: bool = False, endless: bytes = b"") -> None:
        self._reply, self._keep_open, self._endless = reply, keep_open, endless
        self.asked: list[bytes] = []
        self.sent_bytes = 0
        self.port = 0
        self.answering: set[asyncio.Task[None] | None] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answering.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._reply)
            while self._endless:
                writer.write(self._endless)
                self.sent_bytes += len(self._endless)
                await writer.drain()
            if self._keep_open:
                await reader.read()  # until they leave
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(app: App) -> AsyncIterator[HttpHook]:
    server = await asyncio.start_server(app.answer, "127.0.0.1", 0)
    app.port = server.sockets[0].getsockname()[1]
    async with server:
        yield HttpHook(f"http://127.0.0.1:{app.port}/free?full=1")
        async with asyncio.timeout(60):  # whoever asked has left
            await asyncio.gather(*filter(None, app.answering))


async def asked(app: App) -> Outcome:
    async with serving(app) as hook:
        return await hook.run(5 * MI)


@pytest.mark.parametrize("status", [b"200 OK", b"204 No Content", b"202 Accepted"])
async def test_a_good_answer_is_a_run(status: bytes) -> None:
    app = App(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
    outcome = await asked(app)
    assert outcome.ran
    assert outcome.said == f"POST http://127.0.0.1:{app.port}/free?full=1 answered {int(status[:3])}"
    (request,) = app.asked
    assert request.startswith(b"POST /free?full=1 HTTP/1.1\r\n")


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Oops", b"405 No", b"199 Odd", b"600 Odd"])
async def test_any_other_answer_is_none(status: bytes) -> None:
    outcome = await asked(App(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    assert not outcome.ran
    assert "POST http://127.0.0.1:" in outcome.said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    elsewhere = App(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with serving(elsewhere):
        location = f"http://127.0.0.1:{elsewhere.port}/"
        reply = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        outcome = await asked(App(reply.encode()))
    assert not outcome.ran
    assert f"answered {status}, not 2xx (redirects are not followed)" in outcome.said
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 lots\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x16\x03\x01",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: no\r\n\r\n",
        b"HTTP/1.1 200",
    ],
)
async def test_an_answer_that_is_no_http_is_a_failure_in_words(reply: bytes) -> None:
    outcome = await asked(App(reply))
    assert not outcome.ran
    assert " failed: " in outcome.said
    assert len(outcome.said) < 200
    assert "garbage" not in outcome.said, "what an app wrote is not repeated"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_a_body_that_breaks_off_is_nobodys_concern(reply: bytes) -> None:
    assert (await asked(App(reply))).ran


async def test_an_endless_body_is_left_behind() -> None:
    app = App(b"HTTP/1.1 200 OK\r\n\r\n", endless=b"x" * 65536)
    assert (await asked(app)).ran
    assert app.sent_bytes < 64 * MI, "no more was taken than fits the sockets"


async def test_an_app_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "TIMEOUT_S", 0.2)
    app = App(b"", keep_open=True)
    outcome = await asked(app)
    assert "did not finish within 0.2 s" in outcome.said
    assert outcome.ran, "it may be at work"


async def test_nobody_there_is_said() -> None:
    app = App(b"")
    async with serving(app) as hook:
        pass
    outcome = await hook.run(1)
    assert not outcome.ran
    assert outcome.said == f"POST http://127.0.0.1:{app.port}/free?full=1 failed: Connection refused"


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = App(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    async with serving(proxy):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        outcome = await asked(App(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
    assert outcome.ran
    assert proxy.asked == []


async def test_a_cancelled_hook_leaves_no_connection_behind() -> None:
    app = App(b"", keep_open=True)
    async with serving(app) as hook:  # which waits until the connection has ended
        task = asyncio.get_running_loop().create_task(hook.run(1))
        async with asyncio.timeout(60):
            while not app.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.gather(*filter(None, app.answering))


# -- a signal

HANDLES = "import signal,sys\nsignal.signal(signal.SIGUSR1, lambda *_: print('freed', flush=True))\n"
IGNORES = "import signal,sys\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
READY = "print('ready', flush=True)\nwhile True: signal.pause()\n"
PLAIN = "import signal\n"


@contextlib.contextmanager
def process(program: str) -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen([sys.executable, "-c", program + READY], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


class Pod:
    """A /proc in which a pod's processes look as they do under shareProcessNamespace."""

    def __init__(self, root: Path, first: str = "pause") -> None:
        self.root = root
        self._write(1, comm=f"{first}\n", cgroup="0::/pause\n")
        self._write(os.getpid(), cgroup="0::/sidecar\n", status=Path("/proc/self/status").read_text())

    def _write(self, pid: int, **contents: str) -> None:
        folder = self.root / "proc" / str(pid)
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_text(content)

    def add(self, pid: int) -> None:
        """A process that runs."""
        (self.root / "proc" / str(pid)).symlink_to(f"/proc/{pid}")

    def add_foreign(self, pid: int, uid: int) -> None:
        """A process of another user; it need not run."""
        self._write(pid, cgroup="0::/app\n", status=f"Name:\tapp\nUid:\t{uid}\t0\t0\t0\nSigCgt:\tffffffff\n")

    def hook(self, number: signal.Signals = signal.SIGUSR1) -> SignalHook:
        return SignalHook(number, Processes(self.root, os.getpid()), self.root / "proc")


async def test_the_apps_process_gets_the_signal(tmp_path: Path) -> None:
    with process(HANDLES) as app:
        pod = Pod(tmp_path)
        pod.add(app.pid)
        outcome = await pod.hook().run(1)
        assert outcome == Outcome(ran=True, said=f"SIGUSR1 was sent to pid {app.pid}")
        assert app.stdout is not None
        assert app.stdout.readline() == "freed\n"


@pytest.mark.parametrize("program", [PLAIN, IGNORES])
async def test_a_process_without_a_handler_is_spared(tmp_path: Path, program: str) -> None:
    with process(program) as app:
        pod = Pod(tmp_path)
        pod.add(app.pid)
        outcome = await pod.hook().run(1)
        assert not outcome.ran
        assert "none of the app's 1 processes" in outcome.said
        assert "handles it, so it would end them" in outcome.said
        assert app.poll() is None, "the default of SIGUSR1 is to end the process"


async def test_only_those_that_handle_it_get_it(tmp_path: Path) -> None:
    with process(HANDLES) as worker, process(PLAIN) as shell:
        pod = Pod(tmp_path)
        pod.add(worker.pid)
        pod.add(shell.pid)
        assert (await pod.hook().run(1)).said == f"SIGUSR1 was sent to pid {worker.pid}"
        assert worker.stdout is not None
        assert worker.stdout.readline() == "freed\n"
        assert shell.poll() is None


@pytest.mark.parametrize("first", ["systemd", "bash", "equilibrium-sid", ""])
async def test_without_a_shared_process_namespace_nobody_is_signalled(tmp_path: Path, first: str) -> None:
    with process(HANDLES) as somebody:
        pod = Pod(tmp_path, first)
        pod.add(somebody.pid)
        outcome = await pod.hook().run(1)
        assert not outcome.ran
        assert outcome.said.endswith("set shareProcessNamespace: true")
        somebody.send_signal(signal.SIGKILL)
        assert somebody.stdout is not None
        assert somebody.stdout.read() == "", "it never got SIGUSR1"


async def test_another_users_process_is_no_business_of_ours(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.add_foreign(4_000_000, uid=os.geteuid() + 1)
    outcome = await pod.hook().run(1)
    assert not outcome.ran
    assert f"none of the app's 1 processes runs as our uid {os.geteuid()}" in outcome.said


async def test_a_process_that_has_just_ended_is_passed_over(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    with process(HANDLES) as app:
        pod.add_foreign(app.pid, uid=os.geteuid())  # its last known state
    assert not (await pod.hook().run(1)).ran


@pytest.mark.skipif(Processes().shared, reason="these tests run in a pod that shares its processes")
async def test_on_this_machine_nobody_is_signalled() -> None:
    assert not (await parse_hook("signal:USR1").run(1)).ran, "pid 1 here is no pause process"


# -- the kernel


async def test_the_kernel_is_asked_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    monkeypatch.setattr(reclaim, "_write", lambda path, amount: steps.append((path, amount)) or "")
    outcome = await ReclaimHook(tmp_path).run(40 * MI)
    assert outcome == Outcome(
        ran=True, said=f"the kernel reclaimed {40 * MI} of {40 * MI} bytes of {tmp_path}"
    )
    assert steps == [(tmp_path / "memory.reclaim", size * MI) for size in (16, 16, 8)]


async def test_what_is_written_is_a_number_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "memory.reclaim").write_bytes(b"")
    assert (await ReclaimHook(tmp_path).run(12345)).ran
    assert (tmp_path / "memory.reclaim").read_bytes() == b"12345"


async def test_the_kernel_may_have_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.reclaim").write_bytes(b"")
    written = iter([None, BlockingIOError(errno.EAGAIN, "again")])

    def write(descriptor: int, data: bytes) -> int:
        error = next(written)
        if error:
            raise error
        return len(data)

    monkeypatch.setattr(reclaim.os, "write", write)
    outcome = await ReclaimHook(tmp_path).run(40 * MI)
    assert outcome.ran
    assert f"reclaimed {16 * MI} of {40 * MI} bytes of {tmp_path}: there was no more to take" in outcome.said


async def test_the_kernel_is_given_five_seconds(tmp_path: Path) -> None:
    (tmp_path / "memory.reclaim").write_bytes(b"")
    clock = iter(range(100))
    done, why = await reclaim.reclaim(tmp_path, 1000 * MI, 5.0, lambda: float(next(clock)))
    assert why == "5 s were over"
    assert done == 4 * reclaim.STEP_BYTES


async def test_no_memory_reclaim_is_said_and_none_is_created(tmp_path: Path) -> None:
    target = tmp_path / "memory.reclaim"
    outcome = await ReclaimHook(tmp_path).run(MI)
    assert not outcome.ran
    assert "no such file; it takes cgroup v2 with the memory controller, and Linux 5.19" in outcome.said
    assert not (await asyncio.to_thread(target.exists))


async def test_a_reclaim_that_is_forbidden_is_said(tmp_path: Path) -> None:
    (tmp_path / "memory.reclaim").mkdir()
    outcome = await ReclaimHook(tmp_path).run(MI)
    assert not outcome.ran
    assert "Is a directory" in outcome.said


async def test_no_cgroup_v2_is_said() -> None:
    assert await ReclaimHook(None).run(MI) == Outcome(
        ran=False, said="nothing was reclaimed: cgroup v2 is not mounted here"
    )
