// The message box, and above it what is not in the room yet.
import { button, harmless, make } from "./line.js";
import { quoted } from "./people.js";
import { label, save, state } from "./store.js";

const LINES = 64;
const BYTES = 60_000;
const PAST = 50;
const MSG = /^\/msg\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))(?:\s+([\s\S]*))?$/u;
const REPLY = /^\/reply(?:\s+([\s\S]*))?$/u;
const PASTED = "not sent: everybody would read it, for what is pasted is text (type the / yourself)";

export function read(text, correspondent) {
	if (text === "!q") {
		return { command: "/quit" };
	}
	if (!text.startsWith("/")) {
		if (text.trimStart() !== text && /^\/(msg|reply)\b/u.test(text.trimStart())) {
			return { wrong: "not sent: it begins with a blank, so everybody would read it (enter it without)" };
		}
		return { object: { do: "say", text } };
	}
	if (text.startsWith("//")) {
		return { object: { do: "say", text: text.slice(1) } };
	}
	const msg = MSG.exec(text);
	const reply = REPLY.exec(text);
	if (msg || reply) {
		const to = msg ? msg[1]?.replace(/\\(.)/gu, "$1") ?? msg[2] : correspondent;
		if (!to) {
			return { wrong: "not sent: nobody has written to you in private" };
		}
		const said = (msg ? msg[3] : reply[1]) ?? "";
		const act = said.startsWith("/me ");
		const body = act ? said.slice(4) : said;
		if (!body.trim()) {
			return { wrong: "expected /msg NICK TEXT" };
		}
		return { object: { do: "msg", to, text: body, act: act || undefined }, to };
	}
	if (text.startsWith("/me ")) {
		return { object: { do: "act", text: text.slice(4) } };
	}
	if (text.includes("\n")) {
		return { wrong: "not sent: a command is one line (// begins a text with /)" };
	}
	return { command: text };
}

export class Composer {
	// `command(text)` has a command carried out, `local(text)` may take it before.
	constructor({ form, box, own, hint, people, send, command, local }) {
		Object.assign(this, { form, box, own, hint, people, send, command, local });
		this.correspondent = null;
		this.past = [];
		this.at = 0;
		this.isText = false;
		box.value = state.draft;
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.enter();
		});
		box.addEventListener("input", (event) => {
			// Typed over.
			this.isText &&= event.inputType !== "insertText" || box.selectionStart !== 1;
			this.#changed();
		});
		box.addEventListener("paste", (event) => {
			this.isText ||= box.selectionStart === 0 && event.clipboardData.getData("text").startsWith("/");
		});
		box.addEventListener("keydown", (event) => this.#press(event));
		this.#changed();
		this.show();
	}

	// Puts a text into the box; what was there can be recalled.
	write(text, isPast = false) {
		if (!isPast && this.box.value.trim()) {
			this.past.push(this.box.value);
			this.at = this.past.length;
		}
		this.box.value = text;
		this.isText = false;
		this.#changed();
		this.box.focus();
		this.box.setSelectionRange(text.length, text.length);
	}

	enter() {
		const text = this.box.value.replace(/\s+$/u, "");
		if (!text.trim()) {
			return;
		}
		const { isText } = this;
		if (isText && /^\/(msg|reply)\b/u.test(text)) {
			this.tell(PASTED);
			return;
		}
		const meant = isText ? { object: { do: "say", text } } : read(text, this.correspondent);
		if (text.split("\n").length > LINES || new TextEncoder().encode(JSON.stringify(text)).length > BYTES) {
			meant.wrong = `not sent: a text becomes at most ${LINES} messages`;
		}
		if (meant.wrong) {
			this.tell(meant.wrong);
			return;
		}
		if (meant.command && !this.local(meant.command) && !this.command(meant.command)) {
			this.tell("no connection: not done");
			return;
		}
		if (meant.object) {
			state.own.push({ ref: label(), object: meant.object, text, left: 1, stage: "queued", wrong: null });
		}
		const past = isText ? `/${text}` : text;
		this.past = [...this.past.filter((one) => one !== past), past].slice(-PAST);
		this.at = this.past.length;
		this.box.value = "";
		this.isText = false;
		this.tell("");
		this.#changed();
		this.show();
		if (meant.object) {
			this.send();
		}
	}

	tell(what) {
		this.hint.textContent = what;
		this.hint.classList.toggle("wrong", what !== "");
	}

	settle(event) {
		const own = state.own.find((one) => one.ref === event.ref);
		if (!event.ref || !own) {
			return false;
		}
		if (event.event === "posted") {
			own.left = own.parts = event.parts;
		} else {
			own.left -= 1;
			if (event.event !== "confirmed") {
				if (own.parts) {
					own.text = own.wrong ? `${own.text}\n${event.text}` : event.text;
				}
				own.wrong = event.why;
				this.tell(event.why);
				own.left = event.event === "wrong" ? 0 : own.left;
			}
			if (own.left <= 0 && !own.wrong) {
				state.own = state.own.filter((one) => one !== own);
			}
		}
		save();
		this.show();
		return true;
	}

	show() {
		const rows = state.own.map((own) => {
			const text = make("span", "waits", own.wrong ? "! " : "… ", harmless(own.text.replaceAll("\n", " ↵ ")));
			if (!own.wrong) {
				return make("li", "", text);
			}
			const again = button("Take back", () => this.#takeBack(own, true));
			const drop = button("Discard", () => this.#takeBack(own, false));
			return make("li", "wrong", text, make("span", "why", own.wrong), again, drop);
		});
		const hadFocus = this.own.contains(document.activeElement);
		this.own.replaceChildren(...rows);
		if (hadFocus) {
			(this.own.querySelector("button") ?? this.box).focus();
		}
	}

	#takeBack(own, isWanted) {
		state.own = state.own.filter((one) => one !== own);
		save();
		this.show();
		if (!isWanted) {
			this.box.focus();
			return;
		}
		// What was for one person must not become public.
		const { object } = own;
		const before = { msg: `/msg ${quoted(object.to ?? "")} ${object.act ? "/me " : ""}`, act: "/me " }[object.do] ?? "";
		const said = own.parts ? own.text : object.text;
		const escaped = before === "" && said.startsWith("/") ? `/${said}` : said;
		this.write(before + escaped);
	}

	#changed() {
		const { box } = this;
		this.isText &&= box.value.startsWith("/");
		state.draft = box.value;
		save();
		box.style.height = "auto";
		box.style.height = `${box.scrollHeight}px`;
		const meant = this.isText ? { to: "everybody: what is pasted is text" } : read(box.value, this.correspondent);
		if (meant.to) {
			this.hint.textContent = `${this.isText ? "" : "private "}to ${harmless(meant.to)}`;
			this.hint.classList.remove("wrong");
		} else if (!this.hint.classList.contains("wrong") || box.value === "") {
			this.tell("");
		}
	}

	#press(event) {
		const { box } = this;
		if (event.isComposing || event.keyCode === 229) {
			return;
		}
		const isPlain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
		if (event.key === "Enter" && isPlain) {
			event.preventDefault();
			this.enter();
		} else if (event.key === "Tab" && isPlain && this.#complete()) {
			event.preventDefault();
		} else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
			this.#recall(event);
		}
	}

	// Goes through what was entered before, from an empty box on.
	#recall(event) {
		const isPast = this.box.value === (this.past[this.at] ?? "");
		const at = this.at + (event.key === "ArrowUp" ? -1 : 1);
		if (!isPast || at < 0 || at > this.past.length) {
			return;
		}
		event.preventDefault();
		this.at = at;
		this.write(this.past[at] ?? "", true);
	}

	// Completes the nick before the cursor, or takes the next one. Returns whether there is one.
	#complete() {
		const { box } = this;
		const before = box.value.slice(0, box.selectionStart);
		const { start, part, index } = this.completed?.done === before ? this.completed : begin(before);
		const nicks = part ? this.people().filter((nick) => nick.toLowerCase().startsWith(part)) : [];
		if (index >= nicks.length) {
			return false;
		}
		const nick = nicks[index];
		const word = start === 0 ? `${nick}: ` : `${before.startsWith("/") ? quoted(nick) : nick} `;
		box.setRangeText(word, start, box.selectionStart, "end");
		this.#changed();
		this.completed = { start, part, done: before.slice(0, start) + word, index: index + 1 };
		return true;
	}
}

function begin(before) {
	const part = /\S*$/u.exec(before)[0];
	return { start: before.length - part.length, part: part.toLowerCase(), index: 0 };
}
