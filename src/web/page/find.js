// Searching, and going to a day: by reading the log back.
import { button, dayAndMinute, isMessage, make, words } from "./line.js";

const PAGE = 128;
const FOUND = 20;

export class Find {
	#run = 0;

	constructor({ dialog, fetch, jump }) {
		Object.assign(this, { dialog, fetch, jump });
		const get = (id) => dialog.querySelector(id);
		[this.box, this.told, this.results] = [get("#words"), get("#found"), get("#results")];
		const onSubmit = (form, act) =>
			get(form).addEventListener("submit", (event) => {
				event.preventDefault();
				act();
			});
		onSubmit("#find-form", () => this.search());
		onSubmit("#date-form", () => this.#look((run) => this.#goToDay(run, get("#date").value)));
		dialog.addEventListener("close", () => (this.#run += 1));
	}

	open(words = "") {
		this.dialog.showModal();
		this.box.value = words || this.box.value;
		this.box.select();
		if (words) {
			this.search();
		}
	}

	search() {
		const wanted = this.box.value.toLowerCase().split(/\s+/u).filter(Boolean);
		this.results.replaceChildren();
		this.#look((run) => this.#search(run, wanted));
	}

	#look(act) {
		this.told.textContent = "looking …";
		act(++this.#run).catch((why) => (this.told.textContent = why));
	}

	async #search(run, wanted, before = undefined) {
		let [found, isMore] = [0, true];
		while (found < FOUND && isMore) {
			const page = await this.fetch({ before, n: PAGE });
			if (run !== this.#run) {
				return;
			}
			for (const line of page.entries.toReversed()) {
				const said = line.event === "line" && isMessage(line) ? words(line) : "";
				if (said && wanted.every((word) => said.toLowerCase().includes(word))) {
					this.#add(line, said);
					found += 1;
				}
			}
			before = page.first;
			isMore = page.count > 0 && before > page.oldest;
		}
		this.told.textContent = `${this.results.childElementCount} found: ${wanted.join(" ")} `;
		if (isMore) {
			this.told.append(button("Older ones", () => this.#look((next) => this.#search(next, wanted, before))));
		}
	}

	#add(line, said) {
		const time = make("time", "", dayAndMinute(line.time));
		this.results.append(make("li", "", button([time, make("span", "", said)], () => this.#go(line.seq))));
	}

	#go(seq) {
		this.dialog.close();
		this.jump(seq);
	}

	// Goes to the first entry of a day: halves what may be it.
	async #goToDay(run, date) {
		const wanted = new Date(`${date}T00:00:00`);
		const newest = await this.fetch({ n: 1 });
		const end = newest.first + newest.count;
		let [low, high, target] = [newest.oldest, end, null];
		while (low < high && run === this.#run) {
			const middle = Math.floor((low + high) / 2);
			const line = await this.#firstLine(middle, end);
			if (line && new Date(line.time) < wanted) {
				low = line.seq + 1;
			} else {
				target = line?.seq ?? target;
				high = middle;
			}
		}
		if (run !== this.#run) {
			return;
		}
		if (target === null) {
			throw "nothing is that new";
		}
		this.#go(target);
	}

	// Returns the first line from a number on: some numbers are nothing for this user.
	async #firstLine(from, end) {
		while (from < end) {
			const to = Math.min(from + PAGE, end);
			const page = await this.fetch({ before: to, n: to - from });
			const line = page.entries.find((entry) => entry.event === "line" && entry.time);
			if (line) {
				return line;
			}
			from = to;
		}
		return null;
	}
}
