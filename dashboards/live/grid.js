// A grid of any length: only the rows in view exist. One tab stop; arrow keys move, and what is under them explains itself.

import { el, explain, hush, put } from "./words.js";

const SPARE = 3;

export class Grid {
	// rows: { key, height, head, columns (CSS), cells() → [{ text, sub, mark, shade, kind, label, tip() }], lead }
	constructor(root, label) {
		this.root = root;
		this.rows = [];
		this.tops = [0];
		this.live = new Map();
		this.spare = [];
		this.at = { row: null, column: 0 };
		this.space = el("div", "space");
		this.head = el("div");
		this.pin = el("div", "pin", this.head);
		this.pin.setAttribute("aria-hidden", "true");
		root.replaceChildren(this.pin, this.space);
		root.tabIndex = 0;
		root.setAttribute("role", "grid");
		root.setAttribute("aria-label", label);
		root.addEventListener("scroll", () => this.draw(), { passive: true });
		root.addEventListener("keydown", (event) => this.key(event));
		root.addEventListener("focus", () => root.matches(":focus-visible") && this.settle());
		root.addEventListener("blur", () => this.mark());
		root.addEventListener("pointerover", (event) => this.point(event, false));
		root.addEventListener("click", (event) => this.point(event, true));
		root.addEventListener("pointerleave", () => hush());
		new ResizeObserver(() => this.draw()).observe(root);
	}

	show(rows) {
		this.rows = rows;
		this.tops = [0];
		for (const row of rows) this.tops.push(this.tops.at(-1) + row.height);
		this.space.style.setProperty("--height", `${this.tops.at(-1)}px`);
		this.root.setAttribute("aria-rowcount", rows.length);
		this.root.classList.toggle("empty", rows.length === 0);
		this.draw();
	}

	find(y) {
		let low = 0, high = this.rows.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (this.tops[middle] <= y) low = middle;
			else high = middle - 1;
		}
		return Math.max(0, low);
	}

	draw() {
		const { scrollTop, clientHeight } = this.root;
		const first = Math.max(0, this.find(scrollTop) - SPARE);
		const last = Math.min(this.rows.length, this.find(scrollTop + clientHeight) + 1 + SPARE);
		const wanted = new Set();
		for (let index = first; index < last; index++) wanted.add(this.rows[index].key);
		for (const [key, node] of this.live) {
			if (!wanted.has(key)) {
				node.remove();
				this.spare.push(node);
				this.live.delete(key);
			}
		}
		for (let index = first; index < last; index++) this.place(this.rows[index], index);
		this.pinned(scrollTop);
		this.mark();
	}

	place(row, index) {
		let node = this.live.get(row.key);
		if (!node) {
			node = this.spare.pop() || el("div");
			this.live.set(row.key, node);
			this.space.append(node);
		}
		node.style.setProperty("--top", `${this.tops[index]}px`);
		node.setAttribute("role", "row");
		node.setAttribute("aria-rowindex", index + 1);
		fill(node, row, `${this.root.id}-${index}`);
		node.index = index;
	}

	// The heading of what is at the top stays in view.
	pinned(scrollTop) {
		let index = this.rows.length ? this.find(scrollTop) : -1;
		while (index >= 0 && !this.rows[index].head) index--;
		const head = this.rows[index];
		this.pin.hidden = !head || this.tops[index] >= scrollTop;
		if (!this.pin.hidden) {
			fill(this.head, head, "");
			this.head.index = index;
			let next = index + 1;
			while (next < this.rows.length && !this.rows[next].head) next++;
			const push = Math.min(0, this.tops[next] - scrollTop - head.height);
			this.pin.style.setProperty("--top", `${next < this.rows.length ? push : 0}px`);
		}
	}

	// -- where the reader is

	cell(node) {
		const cell = node instanceof Element ? node.closest(".cell") : null;
		return cell && this.root.contains(cell) ? cell : null;
	}

	point(event, chosen) {
		const node = this.cell(event.target);
		if (!node) return hush();
		const row = this.rows[node.parentNode.index];
		const column = node.column;
		if (chosen) this.at = { row: row.key, column };
		if (chosen) this.mark();
		this.tell(row, column, node);
	}

	tell(row, column, node) {
		const cell = row.cells()[column];
		if (cell?.tip) explain(node, cell.tip());
		else hush();
	}

	key(event) {
		const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
		const page = Math.max(1, Math.floor(this.root.clientHeight / 44) - 2);
		const jumps = { PageUp: [-page, 0], PageDown: [page, 0], Home: [0, -1e6], End: [0, 1e6] };
		if (event.key === "Escape") return hush();
		if (event.altKey || event.metaKey || !(event.key in steps || event.key in jumps)) return;
		let [down, right] = steps[event.key] || jumps[event.key];
		if (event.ctrlKey && right) [down, right] = [right, 0];
		event.preventDefault();
		this.move(down, right);
	}

	index() {
		return Math.max(0, this.rows.findIndex((row) => row.key === this.at.row));
	}

	move(down, right) {
		if (!this.rows.length) return;
		const index = Math.max(0, Math.min(this.rows.length - 1, this.index() + down));
		const row = this.rows[index];
		const column = Math.max(0, Math.min(row.cells().length - 1, this.at.column + right));
		this.at = { row: row.key, column };
		this.settle();
	}

	settle() {
		if (!this.rows.length) return;
		const index = this.index();
		this.at.row = this.rows[index].key;
		this.reveal(index);
		this.draw();
		const node = this.live.get(this.at.row)?.cellAt?.[this.at.column];
		if (!node) return;
		this.sideways(node);
		this.tell(this.rows[index], this.at.column, node);
	}

	reveal(index) {
		let head = index;
		while (head > 0 && !this.rows[head].head) head--;
		const cover = head < index ? this.rows[head].height : 0;
		const top = this.tops[index] - cover, bottom = this.tops[index + 1] - this.root.clientHeight;
		if (this.root.scrollTop > top) this.root.scrollTop = top;
		else if (this.root.scrollTop < bottom) this.root.scrollTop = bottom;
	}

	sideways(node) {
		if (node.column === 0) return;
		const first = node.parentNode.cellAt[0].offsetWidth;
		const left = node.offsetLeft - first, right = node.offsetLeft + node.offsetWidth - this.root.clientWidth;
		if (this.root.scrollLeft > left) this.root.scrollLeft = left;
		else if (this.root.scrollLeft < right) this.root.scrollLeft = right;
	}

	mark() {
		this.root.querySelector(".here")?.classList.remove("here");
		const node = this.live.get(this.at.row)?.cellAt?.[this.at.column];
		if (!node || document.activeElement !== this.root) return this.root.removeAttribute("aria-activedescendant");
		node.classList.add("here");
		this.root.setAttribute("aria-activedescendant", node.id);
	}
}

// One row's elements are made once and written over.
const fill = (node, row, id) => {
	const cells = row.cells();
	node.className = row.head ? "row head" : "row";
	if (!node.cellAt) node.cellAt = [];
	if (node.columns !== row.columns) node.style.setProperty("--columns", node.columns = row.columns);
	if (node.least !== row.least) node.style.setProperty("--least", node.least = row.least);
	node.style.setProperty("--rows", `${row.height}px`);
	lead(node, row);
	while (node.cellAt.length > cells.length) node.cellAt.pop().remove();
	cells.forEach((cell, column) => {
		if (!node.cellAt[column]) node.append(node.cellAt[column] = blank(column));
		write(node.cellAt[column], cell, row.head ? "columnheader" : column ? "gridcell" : "rowheader");
		if (id) node.cellAt[column].id = `${id}-${column}`;
	});
};

const lead = (node, row) => {
	if (!row.lead) {
		node.leading?.remove();
		node.leading = null;
		return;
	}
	if (!node.leading) {
		node.leading = el("div", "lead");
		node.prepend(node.leading);
	}
	row.lead(node.leading);
};

const blank = (column) => {
	const node = el("div", "cell", el("span", "text"), el("span", "sub"));
	node.column = column;
	return node;
};

const write = (node, cell, role) => {
	const [text, sub] = node.children;
	const kind = `cell ${node.column ? "" : "first "}${cell.kind || ""}`;
	if (node.className !== kind && node.className !== `${kind} here`) node.className = kind;
	put(text, cell.text);
	put(sub, cell.sub || "");
	if (node.shade !== cell.shade) {
		node.shade = cell.shade;
		if (cell.shade === undefined) node.style.removeProperty("--shade");
		else node.style.setProperty("--shade", `${Math.round(cell.shade * 100)}%`);
	}
	if (node.getAttribute("role") !== role) node.setAttribute("role", role);
	if (cell.label) node.setAttribute("aria-label", cell.label);
	else node.removeAttribute("aria-label");
};
