"""Real Chromium, headless, driven over the DevTools protocol: what a reader sees is what is asserted."""

import asyncio
import base64
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium")
PATIENCE_S = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "about:blank",
)

Json = dict[str, Any]


class Tab:
    """One page: what it asked for, what it complained about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}

    async def listen(self) -> None:
        """Read until the browser is gone."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._heard(said["method"], said["params"])

    async def call(self, method: str, **params: Any) -> Json:
        """One command; its result."""
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE_S):
            said = await answer
        assert "error" not in said, said
        result: Json = said["result"]
        return result

    async def open(self, url: str) -> None:
        """Go there; returns when it is loaded."""
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href === {url!r} && document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of an expression."""
        said = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, script: str) -> Any:
        """Until the expression is truthy; its value then."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await self.run(script)):
                await asyncio.sleep(0.03)
        return value

    async def press(self, key: str, code: int = 0, modifiers: int = 0) -> None:
        """One key; a single letter types itself."""
        typed = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
                **(typed if kind == "keyDown" else {}),
            )

    async def hover(self, selector: str) -> None:
        """The pointer to the middle of an element."""
        x, y = await self.run(
            f"(() => {{ const at = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [at.left + at.width / 2, at.top + at.height / 2]; })()"
        )
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Of the window."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    async def prefer(self, scheme: str) -> None:
        """`light` or `dark`; and nothing that moves, so that what is seen is what stays."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def shoot(self, path: Path, kind: str = "png") -> None:
        """What is seen, into a file."""
        said = await self.call("Page.captureScreenshot", format=kind)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(said["data"]))

    def _heard(self, method: str, params: Json) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            thrown = params["exceptionDetails"]
            self.complaints.append(thrown.get("exception", thrown).get("description", thrown["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(str(params["entry"]["text"]) + " " + str(params["entry"].get("url")))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))


class Browser:
    """One process for many tests; each tab is a stranger to the others."""

    def __init__(self, session: aiohttp.ClientSession, port: int, control: Tab) -> None:
        self._session = session
        self._port = port
        self._control = control

    @contextlib.asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """In a context of its own, which nothing outlives: storage, cookies, cache, connections."""
        context = await self._control.call("Target.createBrowserContext")
        try:
            target = await self._control.call("Target.createTarget", url="about:blank", **context)
            async with _talk(self._session, self._port, f"page/{target['targetId']}") as made:
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await made.call(f"{domain}.enable")
                yield made
        finally:
            await self._control.call("Target.disposeBrowserContext", **context)


@contextlib.asynccontextmanager
async def chromium(directory: Path) -> AsyncIterator[Browser]:
    """A browser with a profile of its own in `directory`."""
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *FLAGS[:-1],
        f"--user-data-dir={directory}",
        FLAGS[-1],
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port, path = await _address(directory, process)
        async with aiohttp.ClientSession() as session, _talk(session, port, path) as control:
            yield Browser(session, port, control)
    finally:
        await _end(process)


@contextlib.asynccontextmanager
async def _talk(session: aiohttp.ClientSession, port: int, path: str) -> AsyncIterator[Tab]:
    url = f"ws://127.0.0.1:{port}/devtools/{path}"
    async with (
        session.ws_connect(url, max_msg_size=64 * 1024 * 1024) as socket,
        asyncio.TaskGroup() as group,
    ):
        made = Tab(socket)
        listening = group.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()


async def _address(directory: Path, process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Where it listens, and the path of what commands the whole of it."""
    file = directory / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE_S):
        while not (file.exists() and len(file.read_text().split()) == 2):
            assert process.returncode is None, "chromium ended at once"
            await asyncio.sleep(0.03)
    port, path = file.read_text().split()
    return int(port), path.removeprefix("/devtools/")


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(60):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
