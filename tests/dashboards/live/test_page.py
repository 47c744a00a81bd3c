"""The page in real Chromium: what a reader sees, by mouse, keyboard and phone, in light and dark."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from loadtest.livepage.server import READY
from tests.dashboards.live import browser
from tests.dashboards.live.browser import Browser, Tab, chromium

EVIL = "<img src=x onerror=document.title=1>/__proto__"
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        browser.PROGRAM is None and "CI" not in os.environ, reason="no chromium here (Debian: chromium)"
    ),
]


class Program:
    """The server in a process of its own, on a port that stays the same."""

    def __init__(self) -> None:
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str) -> None:
        port = self.url.rpartition(":")[2].partition("/")[0] or "0"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "loadtest.livepage.server",
            "--port",
            port,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(browser.PATIENCE_S):
            line = (await self._process.stdout.readline()).decode()
        assert line.startswith(READY)
        self.url = line.removeprefix(READY).strip()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.communicate()


@pytest_asyncio.fixture(loop_scope="module")
async def program() -> AsyncIterator[Program]:
    made = Program()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def tab(running: Browser) -> AsyncIterator[Tab]:
    async with running.tab() as made:
        await made.size(1280, 900)
        yield made


async def text(tab: Tab, selector: str) -> str:
    found: str = await tab.run(f"document.querySelector({selector!r}).textContent")
    return found


async def lines(tab: Tab, selector: str) -> set[int]:
    """Into how many lines the texts of such elements are broken."""
    found: list[int] = await tab.run(
        f"[...document.querySelectorAll({selector!r})].map((node) => {{ const all = document.createRange();"
        " all.selectNodeContents(node);"
        " return new Set([...all.getClientRects()].map(({ top }) => Math.round(top))).size; })"
    )
    return set(found)


async def drawn(tab: Tab, url: str) -> None:
    await tab.open(url)
    await tab.until("document.querySelectorAll('#matrix .row').length > 1")


async def test_a_thousand_series_are_shown_as_they_are_and_nothing_is_complained_of(
    tab: Tab, program: Program
) -> None:
    await program.start(
        "--callers", "100", "--endpoints", "10", "--services", "1", "--every", "0.3", "--changes", "0"
    )
    await drawn(tab, program.url)
    paints: list[dict[str, Any]] = await tab.run(
        "performance.getEntriesByType('paint').map(({ name, startTime }) => ({ name, startTime }))"
    )
    print({each["name"]: round(each["startTime"]) for each in paints}, "ms")
    assert {"first-paint", "first-contentful-paint"} <= {each["name"] for each in paints}
    assert await tab.run("document.querySelectorAll('#matrix .row').length") < 40, (
        "only what is in view is there"
    )
    assert await tab.run("document.getElementById('matrix').getAttribute('aria-rowcount')") == "101"
    async with aiohttp.ClientSession() as session, session.get(f"{program.url}/frame") as answer:
        service = (await answer.json())["services"]["bus-service.default:8080"]
    labels: list[str] = await tab.run(
        "[...document.querySelectorAll('#matrix .space .cell.share')].map((cell) => cell.getAttribute('aria-label'))"
    )
    wanted = {}
    for caller, row in service["rows"].items():
        for address, cell in row["cells"].items():
            wanted[f"{caller} to {service['endpoints'][address]}"] = cell
    assert len(labels) >= 60
    for label in labels:
        who, _, rest = label.partition(": share ")
        told = float(rest.split("\u202f")[0])
        assert abs(told - 100 * wanted[who]["share"]) <= 0.51, label
        assert wanted[who]["health"] in rest
    assert tab.complaints == []
    assert {url.split("/")[2] for url in tab.requests} == {program.url.split("/")[2]}, "nobody else is asked"


async def test_updates_arrive_and_pause_holds_them_back(tab: Tab, program: Program) -> None:
    await program.start("--every", "0.1")
    await drawn(tab, program.url)
    cell = "document.querySelector('#matrix .space .cell.share').getAttribute('aria-label')"
    before = await tab.run(cell)
    await tab.until(f"{cell} !== {before!r}")
    await tab.run("document.body.focus()")
    await tab.press("p")
    await tab.until("document.getElementById('state').textContent.trim() === 'paused'")
    held = await tab.run(cell)
    await asyncio.sleep(0.4)
    assert await tab.run(cell) == held
    await tab.press("p")
    await tab.until(f"{cell} !== {held!r}")
    assert await tab.run("document.querySelectorAll('#events li').length") > 0
    assert tab.complaints == []


async def test_the_keyboard_reaches_everything(tab: Tab, program: Program) -> None:
    await program.start("--callers", "60", "--endpoints", "6", "--services", "2", "--changes", "0")
    await drawn(tab, program.url)
    await tab.press("/")
    assert await tab.run("document.activeElement.id") == "filter"
    for letter in "gateway-17":
        await tab.press(letter)
    await tab.until("document.getElementById('matrix-count').textContent.startsWith('2 rows')")
    await tab.press("Escape", 27)
    assert await tab.run("document.activeElement.id") == "matrix"
    await tab.until("document.getElementById('matrix-count').textContent.startsWith('120 rows')")
    here = "document.querySelector('#matrix .here')?.getAttribute('aria-label')"
    await tab.press("ArrowDown", 40)
    for _ in range(4):
        await tab.press("ArrowRight", 39)
    found = await tab.until(here)
    assert found.startswith("default/gateway-0 to ")
    described = await tab.run("document.getElementById('matrix').getAttribute('aria-activedescendant')")
    assert await tab.run(f"document.getElementById({described!r}).getAttribute('aria-label')") == found
    assert "Share" in await text(tab, "#tip")
    await tab.press("End", 35, modifiers=2)
    assert "gateway-59" in await tab.until(here)
    await tab.press("?")
    await tab.until("document.getElementById('words').open")
    assert "Regret" in await text(tab, "#words")
    await tab.press("Escape", 27)
    await tab.until("!document.getElementById('words').open")
    stops: list[str] = []
    await tab.run("document.querySelector('.skip').focus()")
    while "events" not in stops:
        await tab.press("Tab", 9)
        stops.append(await tab.run("document.activeElement.id"))
        assert len(stops) < 40, stops
    known = ("filter", "pause", "help", "mode", "sort", "matrix", "market", "standing")
    assert tuple(each for each in stops if each in known) == known
    outline = await tab.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "one sees where one is"
    assert tab.complaints == []


async def test_every_number_says_what_it_is(tab: Tab, program: Program) -> None:
    await program.start("--changes", "0")
    await drawn(tab, program.url)
    for selector, words in {
        "#tiles .tile:nth-child(3)": "squared regrets",
        "#matrix .space .cell.share": "fair share",
        "#standing .space .cell.gauge": "What this pod thinks",
        "#market .space .cell.why": "What became of it",
    }.items():
        await tab.run(f"document.querySelector({selector!r}).scrollIntoView({{ block: 'center' }})")
        await tab.hover(selector)
        await tab.until(f"document.getElementById('tip').textContent.includes({words!r})")
    tiles = "[...document.querySelectorAll('.tile')]"
    assert await tab.run(f"{tiles}.every((tile) => tile.tabIndex === 0 && tile.dataset.w)")


async def test_light_dark_and_by_choice(tab: Tab, program: Program) -> None:
    await program.start("--changes", "0")
    await tab.prefer("light")
    await drawn(tab, program.url)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await tab.run(ground)
    await tab.prefer("dark")
    dark = await tab.until(f"{ground} !== {light!r} && {ground}")
    assert await contrasts(tab) == []
    await tab.press("t")
    assert await tab.run(ground) == light, "by choice, whatever the system says"
    assert await contrasts(tab) == []
    await drawn(tab, program.url)
    assert await tab.run(ground) == light, "and it is remembered"
    await tab.press("t")
    assert await tab.run(ground) == dark


async def contrasts(tab: Tab) -> list[str]:
    """What is written with less than 4.5 : 1 against what is behind it (WCAG AA)."""
    found: list[str] = await tab.run(
        """(() => {
          const draw = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const rgb = (colour) => { draw.clearRect(0, 0, 1, 1); draw.fillStyle = colour; draw.fillRect(0, 0, 1, 1);
            return [...draw.getImageData(0, 0, 1, 1).data]; };
          const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
          const behind = (node) => { for (; node; node = node.parentElement) {
            const colour = rgb(getComputedStyle(node).backgroundColor); if (colour[3] === 255) return colour; } };
          const bad = [];
          for (const node of document.querySelectorAll('header *, main *')) {
            if (![...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim())) continue;
            if (!node.checkVisibility()) continue;
            const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) bad.push(`${node.className} ${node.textContent} ${ratio.toFixed(2)}`);
          }
          return bad; })()"""
    )
    return found


async def test_on_a_phone_nothing_sticks_out(tab: Tab, program: Program) -> None:
    await program.start(
        "--callers", "30", "--endpoints", "10", "--name", "default/a-pod-with-" + "a-long-name-" * 6
    )
    await tab.size(360, 740, phone=True)
    await drawn(tab, program.url)
    await tab.until("document.querySelectorAll('#events li').length > 0")
    assert await tab.run("document.documentElement.scrollWidth") == 360
    assert await tab.run("document.getElementById('matrix').scrollWidth") > 360, (
        "the matrix scrolls by itself"
    )
    assert await lines(tab, "#events time") == {1}, "a time is not broken in two"
    beside = (
        "(one, other) => Math.abs(one.getBoundingClientRect().top - other.getBoundingClientRect().top) < 4"
    )
    assert await tab.run(
        f"[...document.querySelectorAll('#events li')].every((li) => ({beside})(li.children[0], li.children[1]))"
    )
    wide = "[...document.querySelectorAll('header *, main > *, .tile')]"
    assert await tab.run(f"{wide}.every((node) => node.getBoundingClientRect().right <= 361)")


async def test_no_two_readers_share_what_the_page_remembers(
    running: Browser, tab: Tab, program: Program
) -> None:
    await program.start("--changes", "0")
    await tab.prefer("light")
    await drawn(tab, program.url)
    await tab.press("t")
    assert await tab.run("document.documentElement.dataset.theme")
    async with running.tab() as other:
        await drawn(other, program.url)
        assert not await other.run("document.documentElement.dataset.theme || ''")


async def test_without_a_market_reputations_have_the_whole_width(tab: Tab, program: Program) -> None:
    await program.start("--changes", "0")
    await drawn(tab, program.url)
    panel = "document.getElementById('standing').closest('.panel').getBoundingClientRect().width"
    beside = await tab.run(panel)
    await tab.press("/")
    for letter in "no-such-thing":
        await tab.press(letter)
    await tab.until("document.getElementById('market').classList.contains('empty')")
    assert await tab.run(panel) > 1.9 * beside


async def test_names_of_strangers_are_text(tab: Tab, program: Program) -> None:
    await program.start("--name", EVIL, "--every", "0.1")
    await drawn(tab, program.url)
    await tab.until("document.querySelectorAll('#events li').length > 0")
    await tab.hover("#matrix .space .row:not(.head) .cell")
    assert await tab.run("document.title") == "Equilibrium, live"
    assert await tab.run("document.images.length") == 0
    assert "<img src=x" in await text(tab, "#matrix .space .row:not(.head) .cell")
    assert await tab.run("({}).rate_per_s === undefined")
    assert tab.complaints == []


async def test_it_comes_back_with_the_server(tab: Tab, program: Program) -> None:
    await program.start("--callers", "3", "--every", "0.1")
    await drawn(tab, program.url)
    await program.stop()
    await tab.until("document.getElementById('state').textContent.trim() === 'disconnected'")
    assert "trying again" in await text(tab, "#banner")
    assert await tab.run("document.querySelectorAll('#matrix .row').length") > 1, "the last figures stay"
    await program.start("--callers", "5", "--every", "0.1")
    await tab.until("document.getElementById('state').textContent.trim() === 'live'")
    await tab.until("document.getElementById('matrix-count').textContent.startsWith('15 rows')")
    assert await tab.run("document.getElementById('banner').hidden")
