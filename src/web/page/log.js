// The log: a window of the room's entries, the numbers [low, high), in chunks. Some chunks are in the document; what is outside the window is
// fetched again. The browser's own anchoring is off: it knows nothing of chunks.
import { day, dayAndMinute, isMessage, isOwn, make, minute, row } from "./line.js";

const CHUNK = 100;
const CHUNKS = 50;
const MOUNTED = 10;
// How near an edge more is shown, and what counts as the end, in pixels.
const NEAR = 800;
const END = 40;

export class Log {
	// `ask(request)` fetches, `me()` is the user, `changed()` is called when the end is reached or left.
	constructor(element, { ask, me, changed }) {
		this.element = element;
		this.ask = ask;
		this.me = me;
		this.changed = changed;
		this.clear();
		element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
		new ResizeObserver(() => this.isStuck && this.#toBottom()).observe(element);
	}

	clear() {
		this.chunks = [];
		// The mounted ones: from `top`, before `bottom`.
		this.top = 0;
		this.bottom = 0;
		this.low = 0;
		this.high = 0;
		this.oldest = 0;
		// The number behind the newest entry that there is.
		this.end = 0;
		this.isAtEnd = true;
		this.isStuck = true;
		this.below = 0;
		this.asked = null;
		this.seam = null;
		this.countUnread = null;
		this.element.replaceChildren();
	}

	get isEmpty() {
		return this.chunks.length === 0;
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
			this.end = end;
			this.begin(numberOf(item));
		}
		if (!this.isAtEnd) {
			this.#count(item);
			return true;
		}
		this.high = Math.max(this.high, end ?? 0);
		let last = this.chunks.at(-1);
		const isMounted = this.bottom === this.chunks.length;
		if (!last || last.items.length >= CHUNK) {
			last = { items: [], element: null };
			this.chunks.push(last);
			if (isMounted) {
				this.bottom += 1;
				this.#mount(last, "append");
			}
		}
		const before = this.#before(this.chunks.length - 1, last.items.length);
		last.items.push(item);
		if (isMounted) {
			last.element.append(...this.#rows(item, before));
		}
		this.countUnread?.();
		if (this.isStuck && isMounted) {
			this.#trim("top");
			this.#toBottom();
		} else {
			this.#count(item);
		}
		this.#forget("top");
		return true;
	}

	#count(item) {
		if (item.event === "line" && isMessage(item) && !isOwn(item, this.me())) {
			this.below += 1;
		}
		this.changed();
	}

	page(event) {
		const asked = this.asked;
		this.asked = null;
		this.oldest = event.oldest;
		const [first, end] = [event.first, event.first + event.count];
		this.end = Math.max(this.end, end);
		if (asked?.why === "jump" || asked?.why === "end") {
			this.#reset(event, asked);
			return;
		}
		if (asked?.why === "up" && end >= this.low) {
			const items = event.entries.filter((item) => numberOf(item) < this.low);
			this.low = Math.min(this.low, first);
			this.#prepend(items);
			if (event.count === 0) {
				this.oldest = this.low;
			}
		} else if (asked?.why === "down" && first <= this.high) {
			const items = event.entries.filter((item) => numberOf(item) >= this.high);
			this.high = Math.max(this.high, end);
			this.#append(items);
			this.isAtEnd = this.high >= this.end;
		}
		this.#scrolled();
	}

	noPage() {
		this.asked = null;
	}

	jump(seq) {
		if (seq >= this.low && seq < this.high && this.#show(seq)) {
			return;
		}
		this.asked = { why: "jump", seq };
		this.ask({ around: seq, n: CHUNK });
	}

	toEnd() {
		if (!this.isAtEnd) {
			this.asked = { why: "end" };
			this.ask({ n: CHUNK });
			return;
		}
		while (this.bottom < this.chunks.length) {
			this.#mount(this.chunks[this.bottom++], "append");
		}
		this.#trim("top");
		this.#toBottom();
	}

	scrollBy(pages) {
		this.element.scrollBy({ top: pages * this.element.clientHeight * 0.9 });
	}

	// Sets where the user stopped: at this number, or nowhere.
	setSeam(seam) {
		this.seam = seam;
		this.countUnread = null;
		this.element.querySelector(".seam")?.remove();
		if (seam === null || seam <= this.low) {
			return;
		}
		for (let index = this.top; index < this.bottom; index++) {
			const { items, element } = this.chunks[index];
			const at = items.findIndex((item) => (numberOf(item) ?? -1) >= seam);
			if (at >= 0) {
				const before = element.querySelector(`[data-item="${at}"]`);
				before?.before(this.#seamRow(items[at]));
				return;
			}
		}
	}


	#reset(event, asked) {
		this.chunks = [];
		[this.top, this.bottom] = [0, 0];
		this.element.replaceChildren();
		[this.low, this.high] = [event.first, event.first + event.count];
		this.isAtEnd = this.high >= this.end;
		this.isStuck = false;
		this.#append(event.entries);
		while (this.bottom < this.chunks.length) {
			this.#mount(this.chunks[this.bottom++], "append");
		}
		if (asked.why === "end") {
			this.toEnd();
		} else {
			this.#show(asked.seq);
		}
		this.changed();
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
		const at = items.findIndex((item) => (item.seq ?? -1) >= seq);
		const target = element.querySelector(`[data-item="${at}"]`);
		target.scrollIntoView({ block: "center" });
		target.tabIndex = -1;
		target.focus({ preventScroll: true });
		this.isStuck = this.#isAtBottom();
		return true;
	}

	#prepend(items) {
		const anchor = this.#anchor();
		const chunks = cut(items);
		this.chunks.unshift(...chunks);
		this.top += chunks.length;
		this.bottom += chunks.length;
		this.#more("top");
		this.#again(this.top + (chunks.length ? 1 : 0));
		this.#hold(anchor);
		this.#forget("bottom");
	}

	#append(items) {
		const wasAll = this.bottom === this.chunks.length;
		this.chunks.push(...cut(items));
		if (wasAll && this.bottom < this.chunks.length && !this.isEmpty) {
			this.#more("bottom");
		}
		this.#forget("top");
	}

	// Mounts one chunk more at an edge, and takes one away at the other if there are too many.
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
				this.low = this.chunks[0].items.find((item) => numberBehind(item) !== null)?.seq ?? this.low;
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

	// Makes the rows of a chunk again: what is before it has changed.
	#again(index) {
		if (this.chunks[index]?.element) {
			this.#fill(this.chunks[index]);
		}
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
	#rows(item, before, at = this.chunks.at(-1).items.length - 1) {
		const rows = [];
		const number = numberOf(item);
		if (item.time && (!before?.time || day(before.time) !== day(item.time))) {
			rows.push(make("div", "day", make("span", "", day(item.time))));
		}
		if (this.seam !== null && number !== null && this.seam > this.low && number >= this.seam) {
			if ((before?.seq ?? -1) < this.seam) {
				rows.push(this.#seamRow(item));
			}
		}
		const element = row(item, this.me());
		if (item.time && before?.time && minute(before.time) === minute(item.time) && day(before.time) === day(item.time)) {
			element.classList.add("same-minute");
		}
		element.dataset.item = at;
		rows.push(element);
		return rows;
	}

	#seamRow(item) {
		const text = make("span");
		const since = item.time ? `, since ${dayAndMinute(item.time)}` : "";
		this.countUnread = () => {
			const isUnread = (one) => one.event === "line" && one.seq >= this.seam && isMessage(one);
			const unread = this.chunks.reduce((sum, { items }) => sum + items.filter(isUnread).length, 0);
			text.textContent = unread ? `${unread} since you were last here${since}` : "you have read up to here";
		};
		this.countUnread();
		const seam = make("div", "seam", text);
		seam.setAttribute("role", "separator");
		return seam;
	}

	// Remembers what is shown at the top, and where: it is to stay there.
	#anchor() {
		const top = this.element.getBoundingClientRect().top;
		for (let index = this.top; index < this.bottom; index++) {
			for (const one of this.chunks[index].element.children) {
				const box = one.getBoundingClientRect();
				if (box.bottom > top && one.dataset.item !== undefined) {
					return { item: this.chunks[index].items[one.dataset.item], chunk: this.chunks[index], top: box.top };
				}
			}
		}
		return null;
	}

	#hold(anchor) {
		if (!anchor?.chunk.element) {
			return;
		}
		const at = anchor.chunk.items.indexOf(anchor.item);
		const element = anchor.chunk.element.querySelector(`[data-item="${at}"]`);
		if (element) {
			this.element.scrollTop += element.getBoundingClientRect().top - anchor.top;
		}
	}

	get #rest() {
		const { scrollHeight, scrollTop, clientHeight } = this.element;
		return scrollHeight - scrollTop - clientHeight;
	}

	#isAtBottom() {
		return this.isAtEnd && this.bottom === this.chunks.length && this.#rest < END;
	}

	#toBottom() {
		this.element.scrollTop = this.element.scrollHeight;
		this.isStuck = true;
		this.below = 0;
		this.changed();
	}

	#scrolled() {
		const was = this.isStuck;
		this.isStuck = this.#isAtBottom();
		if (this.isStuck !== was) {
			this.below = 0;
			this.changed();
		}
		if (this.element.scrollTop < NEAR) {
			if (this.top > 0) {
				this.#more("top");
			} else if (!this.asked && this.low > this.oldest && this.low > 0 && this.high > 0) {
				this.asked = { why: "up" };
				this.ask({ before: this.low, n: CHUNK });
			}
		}
		if (this.#rest < NEAR && !this.isStuck) {
			if (this.bottom < this.chunks.length) {
				this.#more("bottom");
			} else if (!this.asked && !this.isAtEnd) {
				this.asked = { why: "down" };
				this.ask({ before: Math.min(this.high + CHUNK, this.end), n: CHUNK });
			}
		}
	}

	// Fills the window when there is too little to scroll.
	fill() {
		this.#scrolled();
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
