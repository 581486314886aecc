// Who is here, and what one can do about somebody.
import { button, harmless, make } from "./line.js";
import { grouped, mark } from "./mark.js";

export function quoted(nick) {
	return /[\s"]/u.test(nick) ? `"${nick.replace(/["\\]/g, "\\$&")}"` : nick;
}

export class People {
	// `write(text)` puts a command into the message box.
	constructor({ list, count, dialog, write, command, me }) {
		Object.assign(this, { list, count, dialog, write, command, me });
		this.nicks = [];
		this.clear();
	}

	clear() {
		this.all = new Map();
		this.isKnown = false;
		this.count.textContent = "People";
		this.list.replaceChildren();
		this.nicks = [];
	}

	take(event) {
		if (event.event === "people") {
			event.people.forEach((person, number) => this.#add(person, person.who ? null : `${this.all.size}.${number}`));
			this.isKnown ||= !event.more;
		} else if (event.event === "came") {
			this.#add(event);
		} else if (event.event === "went") {
			this.all.delete(keyOf(event));
		} else if (event.event === "called") {
			this.all.delete(keyOf(event));
			this.#add({ ...event, nick: event.to });
		} else {
			return false;
		}
		if (this.isKnown) {
			this.#show();
		}
		return true;
	}

	#add(person, number = null) {
		this.all.set(number ?? keyOf(person), person);
	}

	#show() {
		const people = [...this.all.values()].sort((one, other) => one.nick.localeCompare(other.nick));
		this.nicks = people.map((person) => person.nick);
		this.count.textContent = `${people.length} here`;
		const rows = people.map((person) => {
			const print = person.who ? grouped(person.who.slice(0, 8)) : "unverified";
			const isMe = person.who !== null && person.who === this.me().who;
			const nick = make("b", "nick", mark(person.who), make("bdi", "", harmless(person.nick)));
			const parts = [nick, make("span", "print", print), isMe ? make("span", "faint", "you") : ""];
			return make("li", "", button(parts, () => this.#open(person, isMe)));
		});
		const focused = this.list.contains(document.activeElement) ? document.activeElement.textContent : null;
		this.list.replaceChildren(...rows);
		if (focused !== null) {
			[...this.list.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
		}
	}

	#open(person, isMe) {
		const { dialog } = this;
		dialog.querySelector("#who-title").replaceChildren(mark(person.who), harmless(person.nick));
		const key = person.key ?? person.who;
		dialog.querySelector("#who-key").textContent = key
			? `Key: ${grouped(key)}`
			: "In plain text, without a key: anybody can be anybody.";
		const name = person.who ? quoted(`${person.nick}#${person.who}`) : quoted(person.nick);
		const acts = make("div", "acts");
		const act = (text, then) => acts.append(button(text, () => (dialog.close(), then())));
		const right = { owner: 2, operator: 1 }[this.me().role] ?? 0;
		if (person.who && !isMe) {
			act("Write in private", () => this.write(`/msg ${name} `));
			act("Hide here", () => this.command(`/ignore ${name}`));
			act("Block private messages", () => this.command(`/block ${name}`));
		}
		if (right >= 1 && !isMe) {
			act("Kick", () => this.write(`/kick ${name} `));
			act("Mute", () => this.write(`/mute ${name} 10m `));
			act("Ban", () => this.write(`/ban ${name} `));
		}
		if (right >= 2 && person.who && !isMe) {
			act("Make an operator", () => this.command(`/op ${name}`));
		}
		dialog.querySelector("#who-acts").replaceChildren(acts);
		dialog.showModal();
	}
}

function keyOf(person) {
	return `${person.who} ${person.nick}`;
}
