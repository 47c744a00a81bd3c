// What every number is called, what it is, and what to look for; and how numbers are written.

const THIN = "\u202f";
const NONE = "–";

export const WORDS = {
	share: ["Share", "The part of this caller's requests of the last seconds that went to this pod. The colour is deeper the further it is above a fair share.", "A pod that turns slow goes pale within a second; healed, it comes back."],
	mix: ["Mix", "The probability with which the caller draws this pod.", "Regrets move it; shares follow."],
	regret: ["Regret", "How much better it would have been to send everything to this pod, in units of the usual cost.", "Near 0 everywhere: nobody would rather have chosen otherwise."],
	cost_s: ["Cost", "What the caller expects a request to this pod to cost it: time, failures and load together, as seconds.", "Pods in use should cost about the same."],
	latency_s: ["Latency", "Mean seconds of an answer from this pod, as this caller sees it.", "A column that stands out is a bad pod."],
	advised: ["Advice", "The part of its requests the coordinator recommends for this pod now. Each caller sees its own recommendation only.", "Changes every second; shares follow while the caller obeys."],
	health: ["Health", "admitted: in play. ◐ probing: tried again with a few requests. ✕ ejected: it failed, and gets nothing.", "Ejected pods come back by themselves once probes succeed."],
	load: ["In flight", "This caller's requests the pod is working on now.", "Grows without end when a pod hangs."],
	caller: ["Caller", "The sidecar that sends, with its requests a second to this service.", ""],
	gap: ["Gap", "What the average request pays above the cheapest pod in use, relative to it. ● at equilibrium (gap within the tolerance), ○ not.", "Rises when something breaks and falls back within seconds."],
	nash: ["At equilibrium", "How many callers could gain no more than the tolerance by routing differently (Nash).", "All of them."],
	lyapunov: ["V", "Half the sum of squared regrets: the distance to the goal in the proof that regret matching gets there.", "Falls after every disturbance."],
	p99_s: ["p99", "99 of 100 requests were answered at least this fast.", "Stays put while a pod is bad."],
	rate_per_s: ["Requests", "Requests a second, all callers and services shown here together.", ""],
	obeys: ["Obedience", "Whether the caller follows the coordinator's advice, and its conditional regret: what it would gain, told this advice, by ignoring it. It obeys while that is within its tolerance.", "✓ everywhere. ✗ means that the advice is bad or old, and the caller goes its own way."],
	welfare: ["Certificate", "gain: the most any caller would gain by disobeying, relative to the mean cost. welfare: total cost of the advice over the lowest found.", "A gain near 0; welfare near 1."],
	potential: ["Potential", "One number every good move of the CPU market raises (−Φ). It rises, then stays.", "A plateau: the market has settled. A fall: demand or capacity changed."],
	punished: ["Punished", "Callers whose reputation with some pod is so low that they are served last.", "0, unless somebody floods or lies."],
	score: ["Reputation", "What this pod thinks of this caller, 0 to 1: bad after floods and lies, mended by good behaviour.", "Below the others: look at what that caller sends."],
	target: ["Pod", "Who judges.", ""],
	pod: ["Pod", "One pod of the node's market, and its container that is sized.", ""],
	demand: ["Demand", "How much more the pod could use, 0 to 1, and who says so: its sidecar, Prometheus, or a default when nobody does.", "High demand next to a low grant: the node is short, or the budget small."],
	budget: ["Budget", "The pod's weight in the market (an annotation). Its bid is budget times demand.", "Twice the budget gets twice the CPU above the floor when CPU is short."],
	usage_m: ["Usage", "Millicores in use, against what the pod has. The bar is full when it uses all of it.", "A full bar with demand near 1 wants more."],
	has_m: ["Has → gets", "Millicores the container has, and what the market would give it, between floor and cap.", "The two are the same most of the time."],
	verdict: ["Why", "What became of it in the last cycle: applied, or why it was held back (cooldown, veto, somebody else's pod …).", ""],
	price: ["Price", "Bid per millicore above the floor at which all that can be sold is sold. ∞: the floors take everything.", "Rises when the node is short of CPU."],
	state: ["Connection", "live: figures come as they change. paused: they are kept back. stale or disconnected: these are old.", ""],
};

const minus = (text) => text.replace("-", "−");

export const pct = (x) => x === undefined ? NONE
	: (x !== 0 && Math.abs(x) < 0.00995 ? (x * 100).toFixed(1) : Math.round(x * 100)) + THIN + "%";

export const num = (x) => {
	if (x === undefined) return NONE;
	const size = Math.abs(x);
	if (size === 0) return "0";
	if (size < 0.0005) return minus(x.toExponential(0));
	if (size < 10) return minus(x.toFixed(size < 0.0995 ? 3 : size < 0.995 ? 2 : 1));
	return minus(Math.round(x).toLocaleString("en-GB").replaceAll(",", THIN));
};

// In a narrow place: two digits that count, nothing before the point.
export const brief = (x) => x === undefined ? "" : x < 0.0005 ? "0" : num(x).replace(/^0\./, ".");

export const time = (s) => {
	if (s === undefined) return NONE;
	if (s >= 0.9995) return (s < 9.95 ? s.toFixed(1) : Math.round(s)) + THIN + "s";
	const ms = s * 1000;
	return (ms < 9.95 ? ms.toFixed(1) : Math.round(ms)) + THIN + "ms";
};

export const cores = (m) => m === undefined ? NONE : num(m) + "m";

const two = (n) => String(n).padStart(2, "0");
export const clock = (unix) => {
	const at = new Date(unix * 1000);
	return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};

export const FORMAT = { share: pct, mix: pct, regret: num, latency_s: time, cost_s: time, load: num, advised: pct, health: String };

// One element: el("p", "class", "text" or children). Text is always text: names come from strangers.
export const el = (tag, kind, ...inside) => {
	const made = document.createElement(tag);
	if (kind) made.className = kind;
	made.append(...inside);
	return made;
};

export const put = (node, text) => {
	if (node.textContent !== text) node.textContent = text;
};

// -- the tip: hover, focus or tap anything that has words

const tip = document.getElementById("tip");
let over = null;

export const explain = (node, lines) => {
	over = node;
	tip.replaceChildren(...lines);
	tip.hidden = false;
	const at = node.getBoundingClientRect();
	const box = tip.getBoundingClientRect();
	const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
	const below = at.bottom + 6;
	const top = below + box.height > innerHeight - 8 ? Math.max(8, at.top - box.height - 6) : below;
	tip.style.setProperty("--left", `${left}px`);
	tip.style.setProperty("--top", `${top}px`);
};

export const hush = (node) => {
	if (!node || node === over) {
		tip.hidden = true;
		over = null;
	}
};

export const about = (word, head, now) => {
	const [title, what, look] = WORDS[word];
	const lines = [el("b", "", head || title)];
	if (now) lines.push(el("p", "now", now));
	lines.push(el("p", "", what));
	if (look) lines.push(el("p", "look", "Look for: " + look));
	return lines;
};

const worded = (event) => event.target instanceof Element ? event.target.closest("[data-w]") : null;
const show = (event) => {
	const node = worded(event);
	if (node && !node.closest(".grid")) explain(node, about(node.dataset.w, "", node.dataset.now));
	else if (!event.target.closest?.(".grid")) hush();
};
for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, show);
document.addEventListener("focusout", () => hush());
document.documentElement.addEventListener("pointerleave", () => hush());
