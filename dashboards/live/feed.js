// The frames: a full one, then what changed (a JSON merge patch). Reconnects, and says how old the figures are.

const LONGEST_WAIT_MS = 10000;
export const SCHEMA = 1;

// Objects without a prototype: a pod called __proto__ is a pod like any other.
export const merge = (target, patch) => {
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) delete target[name];
		else if (typeof value === "object" && !Array.isArray(value)) {
			const old = target[name];
			const into = old !== null && typeof old === "object" && !Array.isArray(old) ? old : Object.create(null);
			target[name] = merge(into, value);
		} else target[name] = value;
	}
	return target;
};

export class Feed {
	// `told(frame)` after every message, `changed(state)` when the connection does: live, connecting, lost
	constructor(url, told, changed) {
		this.frame = null;
		this.heard = 0;
		this.url = url;
		this.told = told;
		this.changed = changed;
		this.tries = 0;
		this.open();
	}

	open() {
		const events = new EventSource(this.url);
		events.addEventListener("full", (event) => this.take(Object.create(null), event));
		events.addEventListener("diff", (event) => this.frame && this.take(this.frame, event));
		events.onopen = () => {
			this.tries = 0;
			this.changed("live");
		};
		events.onerror = () => {
			this.changed("lost");
			if (events.readyState === EventSource.CLOSED) this.again(events);
		};
	}

	// The browser gives up on an answer that is not 200 (too many watchers, a proxy's 502): we do not.
	again(events) {
		events.close();
		const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** this.tries);
		this.tries += 1;
		setTimeout(() => this.open(), wait);
	}

	take(into, event) {
		this.frame = merge(into, JSON.parse(event.data));
		this.heard = performance.now();
		this.told(this.frame);
	}
}

// The last values of a few hundred lines, for sparklines.
export class History {
	constructor(length) {
		this.length = length;
		this.lines = new Map();
	}

	add(name, value) {
		if (value === undefined) return;
		let line = this.lines.get(name);
		if (!line) this.lines.set(name, line = []);
		line.push(value);
		if (line.length > this.length) line.shift();
	}

	of(name) {
		return this.lines.get(name) || [];
	}
}
