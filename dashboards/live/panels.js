// What is round the matrix: figures at a glance, the CPU market, reputations, events.

import { hit, line, sorted, spark, summary } from "./matrix.js";
import { WORDS, about, clock, cores, el, num, pct, put, time } from "./words.js";

// -- at a glance

const TILES = [
	["nash", "at equilibrium"], ["gap", "largest gap"], ["lyapunov", "V, all callers"], ["p99_s", "slowest p99"],
	["rate_per_s", "requests / s"], ["obeys", "follow advice"], ["punished", "punished"], ["potential", "market potential"],
];

export const overall = (frame) => {
	const each = Object.entries(frame.services || {}).map(([name, service]) => ({ name, ...summary(service) }));
	const total = (key) => each.reduce((sum, one) => sum + (one[key] ?? 0), 0);
	const worst = (key) => each.reduce((most, one) => (one[key] ?? -1) > (most?.[key] ?? -1) ? one : most, undefined);
	const standings = Object.values(frame.reputations || {});
	return {
		callers: total("callers"), known: total("known"), settled: total("settled"),
		gap: worst("gap"), p99: worst("p99_s"), regret: worst("regret"),
		lyapunov: each.some((one) => one.measured) ? total("lyapunov") : undefined,
		rate: total("rate_per_s"), advised: total("advised"), obeying: total("obeying"),
		standings: standings.length, punished: standings.filter((one) => one.punished).length,
		potential: frame.market?.potential, cycle: frame.market?.cycle,
	};
};

export class Tiles {
	constructor(root) {
		this.made = new Map();
		for (const [word, title] of TILES) {
			const value = el("b"), note = el("small"), chart = spark([]);
			const tile = el("div", "tile", el("span", "", title), value, note, chart);
			tile.dataset.w = word;
			tile.tabIndex = 0;
			tile.setAttribute("role", "group");
			root.append(tile);
			this.made.set(word, { tile, title, value, note, path: chart.firstChild });
		}
	}

	set(word, value, note, values = [], tone = "") {
		const made = this.made.get(word);
		put(made.value, value);
		put(made.note, note);
		made.path.setAttribute("d", line(values));
		made.tile.className = `tile ${tone}`;
		made.tile.dataset.now = `${value}${note ? `, ${note}` : ""}`;
		made.tile.setAttribute("aria-label", `${made.title}: ${value} ${note}`);
	}

	show(frame, history) {
		const all = overall(frame);
		const source = frame.source || {};
		this.set("nash", all.known ? `${all.settled} of ${all.known}` : "–", all.known ? "" : "too few requests", [], tone(all.settled, all.known));
		const over = all.gap?.gap > (source.tolerance ?? 0.15);
		this.set("gap", pct(all.gap?.gap), all.gap?.gap === undefined ? "" : all.gap.name, history.of("gap"), over ? "warn" : "");
		this.set("lyapunov", num(all.lyapunov), "", history.of("v"));
		this.set("p99_s", time(all.p99?.p99_s), all.p99?.p99_s === undefined ? "" : all.p99.name, history.of("p99"));
		this.set("rate_per_s", num(all.rate), `${all.callers} rows`, history.of("rate"));
		const following = `regret of it ≤ ${num(all.regret?.regret)}`;
		this.set("obeys", all.advised ? `${all.obeying} of ${all.advised}` : "–", all.advised ? following : "no advice", [], tone(all.obeying, all.advised));
		this.set("punished", all.standings ? String(all.punished) : "–", all.standings ? `of ${all.standings} opinions` : "nobody judged yet", [], all.punished ? "bad" : "");
		this.set("potential", num(all.potential), all.cycle === undefined ? "no market here" : `cycle ${all.cycle}`, frame.market?.potentials || []);
	}
}

export const remember = (frame, history) => {
	const all = overall(frame);
	history.add("gap", all.gap?.gap);
	history.add("v", all.lyapunov);
	history.add("p99", all.p99?.p99_s);
	history.add("rate", all.rate);
	for (const [name, service] of Object.entries(frame.services || {})) history.add(`v ${name}`, summary(service).lyapunov);
};

// -- tables

// All of them: good. Most of them: nothing to look at.
const tone = (some, all) => all === 0 ? "" : some === all ? "good" : some >= 0.8 * all ? "" : "warn";

const heading = (key, columns, cells, lead) => ({ key, height: lead ? 64 : 30, head: true, columns, cells: () => cells, lead });
const titles = (pairs) => pairs.map(([word, text, kind]) => ({ text, kind, label: WORDS[word][0], tip: () => about(word) }));

const STANDING = "minmax(84px, 1.3fr) minmax(84px, 1.3fr) minmax(100px, 1fr)";
const STANDING_HEAD = titles([["caller", "caller", "left"], ["target", "judged by", "left"], ["score", "reputation"]]);

export const standings = (frame, wanted) => {
	const found = Object.entries(frame.reputations || {})
		.filter(([, one]) => hit(`${one.caller} ${one.target}`.toLowerCase(), wanted))
		.sort(([, a], [, b]) => (b.punished === true) - (a.punished === true) || a.score - b.score || (a.caller < b.caller ? -1 : 1));
	if (!found.length) return [];
	return [heading("standing", STANDING, STANDING_HEAD), ...found.map(([key, one]) => ({
		key, height: 30, head: false, columns: STANDING,
		cells: () => [
			{ text: one.caller, kind: "name", tip: () => about("caller", one.caller) },
			{ text: one.target, kind: "name", tip: () => about("target", one.target) },
			{
				text: one.score.toFixed(2), sub: one.punished ? `punished${one.level ? `, level ${one.level}` : ""}` : "",
				kind: `gauge ${one.punished ? "bad" : one.score < 0.5 ? "warn" : ""}`, shade: one.score,
				tip: () => about("score", `${one.target} on ${one.caller}`, `${one.score.toFixed(2)}${one.punished ? ", punished" : ""}`),
			},
		],
	}))];
};

const MARKET = "minmax(110px, 1.6fr) 72px 62px 76px 122px minmax(140px, 2.4fr)";
const MARKET_HEAD = titles([
	["pod", "pod", "left"], ["demand", "demand"], ["budget", "budget"], ["usage_m", "usage"], ["has_m", "has → gets"], ["verdict", "why", "left"],
]);

export const market = (frame, wanted) => {
	const made = [];
	for (const name of sorted(frame.market?.nodes || {})) {
		const node = frame.market.nodes[name];
		const pods = sorted(node.pods || {}).filter((pod) => hit(`${name} ${pod} ${node.pods[pod].verdict ?? ""} ${node.pods[pod].why ?? ""}`.toLowerCase(), wanted));
		if (!pods.length) continue;
		made.push(heading(`node ${name}`, MARKET, MARKET_HEAD, (at) => priced(at, name, node)));
		for (const pod of pods) made.push({ key: `${name}\n${pod}`, height: 40, head: false, columns: MARKET, cells: () => bought(pod, node.pods[pod]) });
	}
	return made;
};

const priced = (at, name, node) => {
	if (!at.facts) at.replaceChildren(el("div", "stick", at.named = el("b"), at.facts = el("span")));
	put(at.named, name);
	const price = node.scarce ? "∞" : num(node.price);
	put(at.facts, `${cores(node.capacity_m)} to share, price ${price}, ${cores(node.left_m)} left${node.idle ? ", nobody bids" : ""}`);
};

const change = (pod) => pod.gets_m === undefined || pod.gets_m === pod.has_m ? cores(pod.has_m) : `${num(pod.has_m)} → ${cores(pod.gets_m)}`;
const TONE = { applied: "good", grant: "good", failed: "bad", forbidden: "bad", conflict: "warn", vetoed: "warn", infeasible: "warn", deferred: "warn" };

const bought = (name, pod) => {
	const used = pod.usage_m !== undefined && pod.has_m ? pod.usage_m / pod.has_m : undefined;
	const bounds = `${cores(pod.has_m)} now; floor ${cores(pod.floor_m)}, cap ${cores(pod.cap_m)}; the market would give ${cores(pod.gets_m)}`;
	return [
		{ text: name.replace(/^[^/]*\//, ""), sub: "", kind: "name", label: name, tip: () => about("pod", name, pod.container && `container ${pod.container}`) },
		{ text: num(pod.demand), kind: "gauge", shade: pod.demand, tip: () => about("demand", "", `${num(pod.demand)}, says ${pod.demand_from ?? "nobody"}`) },
		{ text: num(pod.budget), kind: "fact", tip: () => about("budget", "", `${num(pod.budget)}; its bid is ${num(pod.bid)}`) },
		{ text: cores(pod.usage_m), kind: `gauge ${used > 0.9 ? "warn" : ""}`, shade: used === undefined ? undefined : Math.min(1, used), tip: () => about("usage_m", "", used === undefined ? "not known" : `${cores(pod.usage_m)}, ${pct(used)} of what it has${pod.throttled === undefined ? "" : `; throttled in ${pct(pod.throttled)} of periods`}`) },
		{ text: change(pod), kind: "fact", tip: () => about("has_m", "", bounds) },
		{ text: pod.verdict ?? "–", sub: pod.why ?? "", kind: `why ${TONE[pod.verdict] ?? ""}`, tip: () => about("verdict", pod.verdict ?? "–", pod.why) },
	];
};

// -- what happened

const MOST = 120;

export class Events {
	constructor(root) {
		this.root = root;
		this.shown = new Map();
		this.words = null;
	}

	show(frame, wanted) {
		const events = frame.events || {};
		if (String(wanted) !== this.words) this.clear(wanted);
		for (const [number, item] of this.shown) {
			if (!(number in events)) {
				item.remove();
				this.shown.delete(number);
			}
		}
		const numbers = Object.keys(events).filter((number) => hit(text(events[number]), wanted));
		for (const number of numbers.slice(-MOST)) {
			if (this.shown.has(number)) continue;
			const item = entry(events[number]);
			this.shown.set(number, item);
			this.root.prepend(item);
		}
		while (this.shown.size > MOST) {
			const [oldest] = this.shown.keys();
			this.shown.get(oldest).remove();
			this.shown.delete(oldest);
		}
		return numbers.length;
	}

	clear(wanted) {
		this.words = String(wanted);
		this.shown.clear();
		this.root.replaceChildren();
	}
}

const text = (event) => `${event.kind} ${event.who ?? ""} ${event.text}`.toLowerCase();

const entry = (event) => {
	const item = el("li", event.tone ?? "", el("time", "", clock(event.at)), el("span", "kind", event.kind), el("span", "", event.text));
	if (event.who) item.append(el("small", "", event.who));
	item.firstChild.dateTime = new Date(event.at * 1000).toISOString();
	return item;
};
