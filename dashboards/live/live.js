// The page: frames come in, what is in view is drawn. See feed.js (how they come), grid.js (long tables), words.js.

import { Feed, History, SCHEMA } from "./feed.js";
import { Grid } from "./grid.js";
import * as matrix from "./matrix.js";
import { Events, Tiles, market, remember, standings } from "./panels.js";
import { WORDS, el, hush, put, time } from "./words.js";

const at = (id) => document.getElementById(id);
const history = new History(120);
const view = { words: [], mode: "share", sort: "name" };
const tiles = new Tiles(at("tiles"));
const grids = {
	matrix: new Grid(at("matrix"), "Share of each caller's requests by pod"),
	market: new Grid(at("market"), "CPU market by node and pod"),
	standing: new Grid(at("standing"), "Reputation of callers"),
};
const events = new Events(at("events"));

let link = "connecting";
let paused = false;
let due = false;

// -- drawing

const draw = () => {
	due = false;
	const frame = feed.frame;
	if (!frame) return;
	const rows = matrix.rows(frame, view, history);
	tiles.show(frame, history);
	grids.matrix.show(rows);
	const markets = market(frame, view.words);
	grids.market.show(markets);
	const judged = standings(frame, view.words);
	grids.standing.show(judged);
	const happened = events.show(frame, view.words);
	const callers = rows.filter((row) => !row.head).length;
	put(at("matrix-count"), callers ? `${callers} rows, ${rows.length - callers} services` : empty("nobody sends yet"));
	put(at("market-count"), markets.length ? cycled(frame.market) : empty(frame.market ? "no pod takes part" : "no market here: a coordinator clears one"));
	put(at("standing-count"), judged.length ? `${judged.length - 1} opinions` : empty("nobody has been judged"));
	put(at("events-count"), happened ? `${happened} events` : empty("nothing yet"));
	put(at("source"), [frame.source.name, frame.source.note].filter(Boolean).join(" · "));
	banner();
};

const empty = (why) => view.words.length ? "nothing matches the filter" : why;
const cycled = (last) => `cycle ${last.cycle}${last.idle ? `: ${last.idle}` : ""}`;

const soon = () => {
	if (due || paused) return;
	due = true;
	requestAnimationFrame(() => due && draw());
};

// -- how fresh it is

const age = () => feed.heard ? (performance.now() - feed.heard) / 1000 : 0;

const status = () => {
	if (!feed.frame) return link === "lost" ? "disconnected" : "connecting";
	if (link === "lost") return "disconnected";
	if (age() > 3 * (feed.frame.source?.every_s ?? 1) + 2) return "stale";
	return paused ? "paused" : "live";
};

const BANNERS = {
	disconnected: () => feed.frame ? `Disconnected; trying again. Figures are ${time(age())} old.` : "No answer; trying again.",
	stale: () => `No news for ${time(Math.round(age()))}: figures are old.`,
};

const banner = () => {
	const now = status();
	const old = feed.frame && feed.frame.schema !== SCHEMA ? "This page is of another version than what feeds it: load it again." : "";
	const said = old || BANNERS[now]?.() || feed.frame?.source?.problem || "";
	at("banner").hidden = !said;
	if (at("banner").dataset.kind !== now + old) put(at("banner"), said); // announced once
	at("banner").dataset.kind = now + old;
	if (said && now !== "disconnected" && now !== "stale") put(at("banner"), said);
	put(at("state").lastElementChild, now);
	at("state").className = `pill ${now}`;
	document.body.classList.toggle("old", now === "stale" || (now === "disconnected" && Boolean(feed.frame)));
};

const feed = new Feed("live/events", (frame) => {
	remember(frame, history);
	soon();
}, (state) => {
	link = state;
	banner();
});
setInterval(banner, 1000);

// -- what the reader asks for

const pause = () => {
	paused = !paused;
	due = false;
	at("pause").setAttribute("aria-pressed", String(paused));
	put(at("pause"), paused ? "Go on" : "Pause");
	banner();
	soon();
};

const THEMES = ["auto", "light", "dark"];
const theme = (name) => {
	if (name === "auto") delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = name;
	put(at("theme").lastElementChild, name);
	try {
		localStorage.setItem("theme", name);
	} catch { /* a browser that keeps nothing: auto next time */ }
};
const remembered = () => {
	try {
		return localStorage.getItem("theme");
	} catch {
		return null;
	}
};
const nextTheme = () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % 3]);

const KEYS = [
	["/", "filter: a caller, service, pod, node or word of an event; several words narrow it down"],
	["← ↑ → ↓", "in a table: move; Home, End, Page keys jump, Ctrl+Home the top"], ["p", "pause, go on"], ["t", "light, dark, or as the system is"],
	["m", "what the cells show"], ["s", "order of the rows"], ["?", "this"], ["Esc", "close, clear"],
];

const help = () => {
	const dialog = at("words");
	if (dialog.open) return dialog.close();
	const title = el("h2", "", "What is what");
	title.id = "words-title";
	const close = el("button", "", "Close");
	close.addEventListener("click", () => dialog.close());
	const keys = el("dl", "keys");
	for (const [key, what] of KEYS) keys.append(el("dt", "", el("kbd", "", key)), el("dd", "", what));
	const list = el("dl");
	for (const [name, what, look] of Object.values(WORDS)) list.append(el("dt", "", name), el("dd", "", what, look ? el("em", "", ` ${look}`) : ""));
	dialog.replaceChildren(el("div", "bar", title, close), keys, list);
	dialog.showModal();
};

const turn = (id) => {
	const box = at(id);
	box.selectedIndex = (box.selectedIndex + 1) % box.options.length;
	box.dispatchEvent(new Event("change"));
};

const filter = () => {
	view.words = matrix.words(at("filter").value);
	due = false;
	draw();
};

const ACTIONS = { "/": () => at("filter").focus(), p: pause, t: nextTheme, "?": help, m: () => turn("mode"), s: () => turn("sort") };

document.addEventListener("keydown", (event) => {
	if (event.key === "Escape") return escaped(event);
	const typing = event.target.matches?.("input, select, textarea");
	if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in ACTIONS)) return;
	event.preventDefault();
	ACTIONS[event.key]();
});

const escaped = (event) => {
	hush();
	if (event.target !== at("filter")) return;
	at("filter").value = "";
	filter();
	at("matrix").focus();
};

const LEGENDS = {
	share: ["share of the caller's requests", "the regret, and → what advice recommends", "pale, below a fair share; deep, above"],
	regret: ["regret", "the share", "deep, much regret"],
	latency_s: ["mean latency", "the share", "deep, slow"],
	cost_s: ["expected cost of a request", "the share", "deep, dear"],
	advised: ["what advice recommends now", "the share", "pale, below a fair share; deep, above"],
};

const choose = () => {
	view.mode = at("mode").value;
	view.sort = at("sort").value;
	const [number, below, colour] = LEGENDS[view.mode];
	put(at("legend"), `Number: ${number}; below it ${below}. Colour: ${colour}. ◐ probing, ✕ ejected. ● at equilibrium, ○ not.`);
	soon();
};

at("filter").addEventListener("input", filter);
at("pause").addEventListener("click", pause);
at("theme").addEventListener("click", nextTheme);
at("help").addEventListener("click", help);
at("mode").addEventListener("change", choose);
at("sort").addEventListener("change", choose);
theme(THEMES.includes(remembered()) ? remembered() : "auto");
choose();
