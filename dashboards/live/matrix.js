// The routing matrix: for each service its callers (rows) and its pods (columns). Pure but for the sparkline's SVG.

import { FORMAT, WORDS, about, brief, el, num, pct, put, time } from "./words.js";

const HEAD_PX = 84, ROW_PX = 44;
const FACTS = [["gap", "gap · V"], ["p99_s", "p99"], ["obeys", "advice"]];
const narrow = matchMedia("(max-width: 760px)");
const facts = () => narrow.matches ? FACTS.slice(0, 1) : FACTS;

const by = new Intl.Collator("en", { numeric: true }).compare;
export const sorted = (object) => Object.keys(object).sort(by);
const max = (values) => values.reduce((most, value) => value > (most ?? -Infinity) ? value : most, undefined);

// What a filter says, against what there is to find: words that name a pod choose columns, the others rows.
export const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
export const hit = (text, wanted) => wanted.every((word) => text.includes(word));

export const summary = (service) => {
	const rows = Object.values(service.rows || {});
	const known = rows.filter((row) => row.nash !== undefined);
	const advised = rows.filter((row) => row.obeys !== undefined);
	return {
		callers: rows.length,
		known: known.length,
		settled: known.filter((row) => row.nash === 1).length,
		gap: max(rows.map((row) => row.gap)),
		lyapunov: rows.reduce((sum, row) => sum + (row.lyapunov ?? 0), 0),
		measured: rows.some((row) => row.lyapunov !== undefined),
		p99_s: max(rows.map((row) => row.p99_s)),
		rate_per_s: rows.reduce((sum, row) => sum + (row.rate_per_s ?? 0), 0),
		advised: advised.length,
		obeying: advised.filter((row) => row.obeys).length,
		regret: max(advised.map((row) => row.conditional_regret)),
	};
};

export const spark = (values, kind = "") => {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	svg.setAttribute("viewBox", "0 0 100 24");
	svg.setAttribute("preserveAspectRatio", "none");
	svg.setAttribute("class", `spark ${kind}`);
	svg.setAttribute("aria-hidden", "true");
	const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
	path.setAttribute("d", line(values));
	svg.append(path);
	return svg;
};

export const line = (values) => {
	if (values.length < 2) return "";
	const low = Math.min(...values), span = Math.max(...values) - low;
	const y = (value) => (span > 0 ? 22 - 20 * (value - low) / span : 12).toFixed(1);
	const step = 100 / (values.length - 1);
	return "M" + values.map((value, place) => `${(place * step).toFixed(1)} ${y(value)}`).join("L");
};

// What all names begin with says nothing in a narrow column.
export const shortened = (names) => {
	if (names.length < 2 || (names.length < 6 && names.every((name) => name.length < 17) && !narrow.matches)) return names;
	let length = 0;
	while (names.every((name) => name[length] !== undefined && name[length] === names[0][length])) length++;
	const cut = Math.max(...["-", ".", ":", "/"].map((mark) => names[0].lastIndexOf(mark, length - 1))) + 1;
	return cut > 3 ? names.map((name) => "…" + name.slice(cut - 1)) : names;
};

export const rows = (frame, view, history) => {
	const made = [];
	const plain = bare(frame);
	for (const name of sorted(frame.services || {})) {
		const service = frame.services[name];
		const chosen = choose(name, service, view.words);
		if (!chosen.callers.length) continue;
		const short = shortened(chosen.pods.map((at) => service.endpoints[at]));
		const block = { name, service, mode: view.mode, plain, short, ...chosen };
		const count = facts().length;
		block.columns = `minmax(var(--first), 260px) repeat(${count}, var(--fact)) repeat(${chosen.pods.length}, minmax(var(--pod), 150px))`;
		block.least = `calc(var(--first) + ${count} * var(--fact) + ${chosen.pods.length} * var(--pod))`;
		block.most = view.mode === "share" || view.mode === "advised" ? 0 : most(block);
		made.push(head(block, history));
		for (const caller of order(service, chosen.callers, view.sort)) made.push(row(block, caller));
	}
	return made;
};

// Where all callers are of one namespace, it need not be said in every row.
const bare = (frame) => {
	const spaces = new Set();
	for (const service of Object.values(frame.services || {})) for (const caller of Object.keys(service.rows || {})) spaces.add(caller.split("/")[0]);
	return spaces.size === 1 ? (caller) => caller.slice(caller.indexOf("/") + 1) : (caller) => caller;
};

const choose = (name, service, wanted) => {
	const all = sorted(service.rows || {});
	const pods = Object.keys(service.endpoints || {}).sort((a, b) => by(service.endpoints[a], service.endpoints[b]));
	if (!wanted.length) return { callers: all, pods };
	const texts = new Map(all.map((caller) => [caller, `${name} ${caller} ${service.rows[caller].node ?? ""}`.toLowerCase()]));
	const title = (at) => `${service.endpoints[at]} ${at}`.toLowerCase();
	const ofPods = wanted.filter((word) => ![...texts.values()].some((text) => text.includes(word)) && pods.some((at) => title(at).includes(word)));
	const ofRows = wanted.filter((word) => !ofPods.includes(word));
	return {
		callers: all.filter((caller) => hit(texts.get(caller), ofRows)),
		pods: pods.filter((at) => hit(title(at), ofPods)),
	};
};

const order = (service, callers, sort) => sort === "name" ? callers
	: [...callers].sort((a, b) => (service.rows[b][sort] ?? -1) - (service.rows[a][sort] ?? -1) || by(a, b));

const most = ({ service, callers, pods, mode }) => {
	let found = 0;
	for (const caller of callers) for (const at of pods) found = Math.max(found, service.rows[caller].cells?.[at]?.[mode] ?? 0);
	return found;
};

// -- a service's heading

const head = (block, history) => ({
	key: `service ${block.name}`,
	height: HEAD_PX,
	head: true,
	columns: block.columns,
	least: block.least,
	lead: (node) => leading(node, block, history),
	cells: () => headings(block),
});

const headings = ({ name, service, pods, short, callers }) => {
	const fixed = [["caller", "caller"], ...facts()];
	return [
		...fixed.map(([word, text], place) => ({ text, kind: place ? "" : "left", label: WORDS[word][0], tip: () => about(word) })),
		...pods.map((at, place) => {
			const seen = callers.map((caller) => service.rows[caller].cells?.[at]).filter(Boolean);
			const regret = max(seen.map((cell) => cell.regret));
			const out = seen.filter((cell) => cell.health === "ejected").length;
			return {
				text: short[place],
				sub: out ? `✕ by ${out}` : regret === undefined ? "" : `≤ ${brief(regret)}`,
				kind: out ? "pod bad" : "pod",
				label: `${service.endpoints[at]}, largest regret ${num(regret)}${out ? `, ejected by ${out}` : ""}`,
				tip: () => [el("b", "", service.endpoints[at]), el("p", "now", `${at}, a pod of ${name}`),
					el("p", "", `Largest regret of any caller: ${num(regret)}. Ejected by ${out} of ${seen.length} callers.`)],
			};
		}),
	];
};

const leading = (node, { name, service }, history) => {
	if (!node.facts) {
		node.facts = [el("b"), el("span", "mark"), el("span"), el("span", "fades"), el("span"), el("span", "fades")];
		node.line = spark([]);
		node.facts[3].append(node.line, node.v = el("span"));
		node.replaceChildren(el("div", "stick", ...node.facts));
	}
	const [title, mark, nash, , rest, advice] = node.facts;
	const sum = summary(service);
	const settled = sum.known > 0 && sum.settled === sum.known;
	put(title, name);
	mark.className = `mark ${sum.known === 0 ? "" : settled ? "good" : "warn"}`;
	put(mark, settled ? "●" : "○");
	put(nash, sum.known === 0 ? "too few requests" : `${sum.settled}/${sum.known} at equilibrium, gap ≤ ${pct(sum.gap)}`);
	node.line.firstChild.setAttribute("d", line(history.of(`v ${name}`)));
	node.facts[3].hidden = !sum.measured;
	put(node.v, `V ${num(sum.lyapunov)}`);
	put(rest, `${num(sum.rate_per_s)}/s` + (sum.p99_s === undefined ? "" : `, p99 ${time(sum.p99_s)}`));
	put(advice, certificate(service.advice));
};

const certificate = (advice) => {
	if (!advice) return "";
	if (advice.infeasible) return `no advice: ${advice.infeasible}`;
	return `advice ${advice.epoch}: gain ${pct(advice.gap)}` + (advice.welfare_ratio === undefined ? "" : `, welfare ${num(advice.welfare_ratio)}`);
};

// -- a caller

const row = (block, caller) => ({
	key: `${block.name}\n${caller}`,
	height: ROW_PX,
	head: false,
	columns: block.columns,
	least: block.least,
	cells: () => {
		const said = block.service.rows[caller];
		const known = [gap, tail, advice].slice(0, facts().length).map((make) => make(said));
		return [named(block.plain(caller), caller, said), ...known, ...block.pods.map((at) => cell(block, caller, said, at))];
	},
});

const named = (text, caller, said) => ({
	text,
	label: caller,
	sub: said.silent_s > 0 ? `silent for ${time(said.silent_s)}` : `${num(said.rate_per_s)}/s${said.node ? ` on ${said.node}` : ""}`,
	kind: said.silent_s > 0 ? "name quiet" : "name",
	tip: () => about("caller", caller, `${num(said.rate_per_s)} requests a second, p99 ${time(said.p99_s)}${said.node ? `, on ${said.node}` : ""}`),
});

const gap = (said) => ({
	text: said.nash === undefined ? NO : `${said.nash === 1 ? "●" : "○"} ${pct(said.gap)}`,
	sub: said.lyapunov === undefined ? "" : `V ${num(said.lyapunov)}`,
	kind: `fact ${said.nash === 1 ? "good" : said.nash === 0 ? "warn" : ""}`,
	label: `${said.nash === 1 ? "at equilibrium" : said.nash === 0 ? "not at equilibrium" : "too few requests"}, gap ${pct(said.gap)}, V ${num(said.lyapunov)}`,
	tip: () => [...about("gap", "", `gap ${pct(said.gap)}`), ...about("lyapunov", "", `V ${num(said.lyapunov)}`)],
});

const NO = "–";
const tail = (said) => ({ text: time(said.p99_s), kind: "fact", tip: () => about("p99_s", "", time(said.p99_s)) });

const advice = (said) => ({
	text: said.obeys === undefined ? NO : said.obeys ? "✓" : "✗",
	sub: said.conditional_regret === undefined ? "" : num(said.conditional_regret),
	kind: `fact ${said.obeys ? "good" : said.obeys === false ? "bad" : ""}`,
	label: said.obeys === undefined ? "no advice" : said.obeys ? "follows advice" : "ignores advice",
	tip: () => about("obeys", "", said.obeys === undefined ? said.why || "has no advice" : `${said.obeys ? "follows it" : "does not"}${said.why ? `: ${said.why}` : ""}; conditional regret ${num(said.conditional_regret)}`),
});

const SIGN = { ejected: "✕", probing: "◐" };

const cell = (block, caller, said, at) => {
	const found = said.cells?.[at] || {};
	const { mode, pods } = block;
	const value = found[mode];
	const shade = value === undefined ? 0
		: block.most ? value / block.most : Math.min(1, value * pods.length / 2.5);
	const sign = SIGN[found.health] ? `${SIGN[found.health]} ` : "";
	const second = mode === "share" ? brief(found.regret) : pct(found.share);
	const advised = found.advised > 0 && mode !== "advised" ? ` →${Math.round(found.advised * 100)}` : "";
	return {
		text: sign + FORMAT[mode](value),
		sub: second + advised,
		shade,
		kind: `share ${found.health ?? ""} ${block.most ? "heat" : ""} ${found.advised > 0 ? "advised" : ""}`,
		label: spoken(block, caller, at, found),
		tip: () => told(block, caller, at, found),
	};
};

const spoken = ({ service }, caller, at, found) => `${caller} to ${service.endpoints[at]}: share ${pct(found.share)}, regret ${num(found.regret)}`
	+ (found.health ? `, ${found.health}` : "") + (found.advised === undefined ? "" : `, advised ${pct(found.advised)}`);

const told = ({ service, pods }, caller, at, found) => {
	const fair = `a fair share is ${pct(1 / Math.max(1, pods.length))}`;
	const list = el("dl");
	for (const [word, format] of Object.entries(FORMAT)) {
		if (found[word] === undefined) continue;
		list.append(el("dt", "", WORDS[word][0]), el("dd", "n", format(found[word])),
			el("dd", "", word === "share" ? `${WORDS[word][1]} Here ${fair}.` : WORDS[word][1]));
	}
	return [el("b", "", `${caller} → ${service.endpoints[at]}`), list];
};
