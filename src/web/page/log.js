// The log: a window of the room's entries, the numbers [low, high), in chunks of which some are in the document.
import { day, dayAndMinute, isMessage, isOwn, make, minute, row } from "./line.js";

const CHUNK = 100;
const CHUNKS = 50;
const MOUNTED = 10;
// How near an edge more is shown, and what counts as the end, in pixels.
const NEAR = 800;
const END = 40;

export class Log {
	#asked = null;
	#missed = null;
	#anchored = null;
	#seamRow = null;
	#countUnread = null;
	#later = [];
	#height = 0;

	// `ask(request, take)` fetches, `me()` is the user, `changed()` is called when the end, or the seam, is reached or left.
	constructor(element, { ask, me, changed }) {
		Object.assign(this, { element, ask, me, changed });
		this.clear();
		element.addEventListener("scroll", () => this.fill(), { passive: true });
		new ResizeObserver(() => {
			this.#height = element.clientHeight;
			this.isStuck ? this.#toBottom() : this.#hold(this.#anchored);
		}).observe(element);
	}

	clear() {
		this.#empty();
		[this.low, this.high, this.oldest, this.below] = [0, 0, 0, 0];
		// The number behind the newest entry that there is.
		this.end = 0;
		this.isAtEnd = this.isStuck = true;
		this.#asked = this.#missed = null;
		this.setSeam(null);
	}

	#empty() {
		this.chunks = [];
		// The mounted ones: from `top`, before `bottom`.
		[this.top, this.bottom] = [0, 0];
		this.element.replaceChildren();
	}

	begin(first) {
		if (this.high === 0) {
			[this.low, this.high] = [first, first];
		}
		this.end = Math.max(this.end, first);
	}

	add(item) {
		const end = numberBehind(item);
		if (end !== null) {
			if (end <= this.end) {
				return false;
			}
			this.begin(numberOf(item));
			this.end = end;
		}
		if (!this.isAtEnd) {
			if (end === null) {
				this.#later.push(item);
			}
			this.#count(item);
			return true;
		}
		this.high = Math.max(this.high, end ?? 0);
		let last = this.chunks.at(-1);
		if (!last || last.items.length >= CHUNK) {
			last = { items: [], element: null };
			this.chunks.push(last);
			if (this.bottom === this.chunks.length - 1 && (this.isStuck || this.bottom - this.top < MOUNTED)) {
				this.bottom += 1;
				this.#mount(last, "append");
			}
		}
		const before = this.#before(this.chunks.length - 1, last.items.length);
		last.items.push(item);
		last.element?.append(...this.#rows(item, before, last.items.length - 1));
		this.#countUnread?.();
		if (this.isStuck) {
			this.#trim("top");
			this.#toBottom();
		} else {
			this.#count(item);
		}
		this.#forget(this.isStuck ? "top" : "bottom");
		return true;
	}

	#count(item) {
		if (item.event === "line" && isMessage(item) && !isOwn(item, this.me())) {
			this.below += 1;
		}
		this.changed();
	}

	#fetch(asked) {
		this.#asked = asked;
		this.ask(asked.request, (page) => this.#asked === asked && this.#page(page, asked));
	}

	#page(page, asked) {
		this.#asked = null;
		if (page.event !== "page") {
			// What the user wanted is tried again.
			this.#missed = asked.seq === undefined ? null : asked;
			return;
		}
		const end = page.first + page.count;
		this.oldest = page.oldest;
		this.end = Math.max(this.end, end);
		if (asked.seq !== undefined) {
			this.#reset(page, asked.seq);
			return;
		}
		if (asked.isUp && end >= this.low) {
			const items = page.entries.filter((item) => numberOf(item) < this.low);
			this.low = Math.min(this.low, page.first);
			this.#prepend(items);
			if (page.count === 0) {
				this.oldest = this.low;
			}
		} else if (!asked.isUp && page.first <= this.high) {
			const items = page.entries.filter((item) => numberOf(item) >= this.high);
			this.high = Math.max(this.high, end);
			this.#append(items);
			this.isAtEnd = this.high >= this.end;
		}
		this.fill();
	}

	jump(seq) {
		if (!(seq >= this.low && seq < this.high && this.#show(seq))) {
			this.#fetch({ seq, request: { around: seq, n: CHUNK } });
		}
	}

	toEnd() {
		if (!this.isAtEnd) {
			this.#fetch({ seq: null, request: { n: CHUNK } });
			return;
		}
		this.#mountAll();
		this.#trim("top");
		this.#toBottom();
	}

	scrollBy(pages) {
		this.element.scrollBy({ top: pages * this.element.clientHeight * 0.9 });
	}

	// Sets where the user stopped: at this number, or nowhere.
	setSeam(seam) {
		this.seam = seam;
		this.isSeamSeen = false;
		this.#seamRow?.remove();
		this.#seamRow = this.#countUnread = null;
		if (seam === null || seam < this.low) {
			return;
		}
		for (let index = this.top; index < this.bottom; index++) {
			const { items, element } = this.chunks[index];
			const at = items.findIndex((item) => (numberOf(item) ?? -1) >= seam);
			if (at >= 0) {
				element.querySelector(`[data-item="${at}"]`).before(this.#makeSeam(items[at]));
				break;
			}
		}
	}

	// Whether where the user stopped is above, and not seen since.
	get isSeamAbove() {
		const isIt = (row) => row.getBoundingClientRect().top < this.element.getBoundingClientRect().top;
		const isAbove = this.seam !== null && (this.seam < this.low || (this.#seamRow ? isIt(this.#seamRow) : false));
		return isAbove && !this.isSeamSeen;
	}

	#reset(page, seq) {
		this.#empty();
		[this.low, this.high] = [page.first, page.first + page.count];
		this.isAtEnd = this.high >= this.end;
		this.isStuck = false;
		this.#append(page.entries);
		this.#mountAll();
		if (seq === null) {
			this.toEnd();
			this.#later.splice(0).forEach((item) => this.add(item));
		} else {
			this.#show(seq);
		}
	}

	// Puts an entry that is in memory into the middle. Returns whether it is.
	#show(seq) {
		const index = this.chunks.findIndex(({ items }) => (items.at(-1)?.seq ?? -1) >= seq);
		if (index < 0) {
			return false;
		}
		if (index < this.top || index >= this.bottom) {
			this.chunks.forEach((chunk) => (chunk.element = null));
			this.element.replaceChildren();
			[this.top, this.bottom] = [index, index];
			while (this.bottom < Math.min(this.chunks.length, index + 3)) {
				this.#mount(this.chunks[this.bottom++], "append");
			}
			if (this.top > 0) {
				this.#mount(this.chunks[--this.top], "prepend");
			}
		}
		const { items, element } = this.chunks[index];
		const target = element.querySelector(`[data-item="${items.findIndex((item) => (item.seq ?? -1) >= seq)}"]`);
		target.scrollIntoView({ block: "center" });
		target.tabIndex = -1;
		target.focus({ preventScroll: true });
		this.fill();
		this.changed();
		return true;
	}

	#prepend(items) {
		const anchor = this.#anchor();
		const chunks = cut(items);
		this.chunks.unshift(...chunks);
		this.top += chunks.length;
		this.bottom += chunks.length;
		this.#more("top");
		const below = this.chunks[this.top + (chunks.length ? 1 : 0)];
		if (below?.element) {
			this.#fill(below);
		}
		this.#hold(anchor);
		this.#forget("bottom");
	}

	#append(items) {
		const wasAll = this.bottom === this.chunks.length;
		this.chunks.push(...cut(items));
		if (wasAll) {
			this.#more("bottom");
		}
		this.#forget("top");
	}

	#mountAll() {
		while (this.bottom < this.chunks.length) {
			this.#mount(this.chunks[this.bottom++], "append");
		}
	}

	// Mounts one chunk more at an edge.
	#more(edge) {
		const anchor = this.#anchor();
		if (edge === "top" && this.top > 0) {
			this.#mount(this.chunks[--this.top], "prepend");
			this.#trim("bottom");
		} else if (edge === "bottom" && this.bottom < this.chunks.length) {
			this.#mount(this.chunks[this.bottom++], "append");
			this.#trim("top");
		}
		this.#hold(anchor);
	}

	#trim(edge) {
		while (this.bottom - this.top > MOUNTED) {
			const chunk = edge === "top" ? this.chunks[this.top++] : this.chunks[--this.bottom];
			chunk.element.remove();
			chunk.element = null;
		}
	}

	// Forgets what is too far from what is shown.
	#forget(edge) {
		while (this.chunks.length > CHUNKS) {
			if (edge === "top" && this.top > 0) {
				this.chunks.shift();
				this.top -= 1;
				this.bottom -= 1;
				this.low = this.chunks[0].items.map(numberOf).find((number) => number !== null) ?? this.low;
			} else if (edge === "bottom" && this.bottom < this.chunks.length) {
				this.chunks.pop();
				this.high = this.chunks.at(-1).items.map(numberBehind).findLast((end) => end !== null) ?? this.high;
				this.isAtEnd = false;
			} else {
				return;
			}
		}
	}

	#mount(chunk, how) {
		chunk.element = make("div", "chunk");
		this.#fill(chunk);
		this.element[how](chunk.element);
	}

	#fill(chunk) {
		const index = this.chunks.indexOf(chunk);
		const rows = chunk.items.flatMap((item, at) => this.#rows(item, this.#before(index, at), at));
		chunk.element.replaceChildren(...rows);
	}

	#before(index, at) {
		for (; index >= 0; index--, at = this.chunks[index]?.items.length ?? 0) {
			const item = this.chunks[index].items.slice(0, at).findLast((one) => one.event === "line");
			if (item) {
				return item;
			}
		}
		return null;
	}

	// Returns the rows for an item: a new day, the seam, the item.
	#rows(item, before, at) {
		const rows = [];
		const number = numberOf(item);
		const isSameDay = before?.time && item.time && day(before.time) === day(item.time);
		if (item.time && !isSameDay) {
			rows.push(make("div", "day", make("span", "", day(item.time))));
		}
		if (this.seam !== null && number >= this.seam && this.seam >= this.low && (before?.seq ?? -1) < this.seam) {
			rows.push(this.#makeSeam(item));
		}
		const element = row(item, this.me());
		// Now and then a time is shown again.
		if (isSameDay && minute(before.time) === minute(item.time) && at % 10) {
			element.classList.add("same-minute");
		}
		element.dataset.item = at;
		rows.push(element);
		return rows;
	}

	#makeSeam(item) {
		const text = make("span");
		const since = item.time ? `, since ${dayAndMinute(item.time)}` : "";
		this.#countUnread = () => {
			const isUnread = (one) => one.event === "line" && one.seq >= this.seam && isMessage(one);
			const unread = this.chunks.reduce((sum, { items }) => sum + items.filter(isUnread).length, 0);
			text.textContent = unread ? `${unread} since you were last here${since}` : "you have read up to here";
		};
		this.#countUnread();
		this.#seamRow?.remove();
		this.#seamRow = make("div", "seam", text);
		this.#seamRow.setAttribute("role", "separator");
		return this.#seamRow;
	}

	// Remembers what is shown at the top, and where: it is to stay there.
	#anchor() {
		const top = this.element.getBoundingClientRect().top;
		for (let index = this.top; index < this.bottom; index++) {
			const chunk = this.chunks[index];
			const isAbove = chunk.element.getBoundingClientRect().bottom <= top;
			for (const one of isAbove ? [] : chunk.element.children) {
				const box = one.getBoundingClientRect();
				if (box.bottom > top && one.dataset.item !== undefined) {
					return { item: chunk.items[one.dataset.item], chunk, from: box.top - top };
				}
			}
		}
		return null;
	}

	#hold(anchor) {
		const at = anchor?.chunk.items.indexOf(anchor.item);
		const element = anchor?.chunk.element?.querySelector(`[data-item="${at}"]`);
		if (element) {
			const from = element.getBoundingClientRect().top - this.element.getBoundingClientRect().top;
			this.element.scrollTop += from - anchor.from;
		}
	}

	get #rest() {
		const { scrollHeight, scrollTop, clientHeight } = this.element;
		// The observer may be about to see a change.
		return scrollHeight - scrollTop - Math.max(clientHeight, this.#height);
	}

	#toBottom() {
		this.element.scrollTop = this.element.scrollHeight;
		this.isStuck = true;
		this.below = 0;
		this.changed();
	}

	// Shows more where there is too little, and notes where the user is.
	fill() {
		const [was, wasAbove] = [this.isStuck, this.isSeamAbove];
		this.isStuck = this.isAtEnd && this.bottom === this.chunks.length && this.#rest < END;
		const [box, seam] = [this.element.getBoundingClientRect(), this.#seamRow?.getBoundingClientRect()];
		this.isSeamSeen ||= Boolean(seam && seam.top >= box.top && seam.bottom <= box.bottom);
		if (this.isStuck !== was || this.isSeamAbove !== wasAbove) {
			this.below = this.isStuck ? 0 : this.below;
			this.changed();
		}
		this.#anchored = this.#anchor();
		if (this.#asked) {
			return;
		}
		if (this.#missed) {
			this.#fetch(this.#missed);
			this.#missed = null;
		} else if (this.element.scrollTop < NEAR && this.top > 0) {
			this.#more("top");
		} else if (this.element.scrollTop < NEAR && this.low > this.oldest && this.high > 0) {
			this.#fetch({ isUp: true, request: { before: this.low, n: CHUNK } });
		} else if (this.#rest < NEAR && this.bottom < this.chunks.length) {
			this.#more("bottom");
		} else if (this.#rest < NEAR && !this.isAtEnd) {
			this.#fetch({ isUp: false, request: { before: Math.min(this.high + CHUNK, this.end), n: CHUNK } });
		}
	}
}

// Returns the number of an item, or its first one; null if it has none.
function numberOf(item) {
	return item.seq ?? item.first ?? null;
}

function numberBehind(item) {
	if (item.event === "gap") {
		const isOfPeople = ["joined", "left", "came-and-went"].includes(item.why);
		return item.first + (isOfPeople ? 1 : item.count);
	}
	return item.seq === undefined || item.seq === null ? null : item.seq + 1;
}

function cut(items) {
	const chunks = [];
	for (let at = 0; at < items.length; at += CHUNK) {
		chunks.push({ items: items.slice(at, at + CHUNK), element: null });
	}
	return chunks;
}
