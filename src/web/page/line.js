// Rows of the log. All text is the text of strangers: it becomes text nodes, and nothing else.
import { mark } from "./mark.js";

const HARMFUL = /[\0-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const LINK = /https?:\/\/[^\s<>"]+/g;

export function make(tag, name, ...children) {
	const element = document.createElement(tag);
	if (name) {
		element.className = name;
	}
	element.append(...children);
	return element;
}

export function button(text, act) {
	const element = make("button", "", ...[text].flat());
	element.type = "button";
	element.addEventListener("click", act);
	return element;
}

export function harmless(text) {
	return text.replace(HARMFUL, (character) => {
		const code = character.codePointAt(0);
		return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
	});
}

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const calendar = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export function minute(time) {
	return clock.format(new Date(time));
}

export function day(time) {
	return calendar.format(new Date(time));
}

export function dayAndMinute(time) {
	// The Swedish way of writing a day is ISO 8601's.
	return `${new Date(time).toLocaleDateString("sv")} ${minute(time)}`;
}

export function isMessage(line) {
	return line.kind === "said" || line.kind === "did" || line.kind === "text" || line.kind === "private";
}

export function isOwn(line, me) {
	return line.who !== null && line.who === me.who;
}

// Whether a line is about the user: it has the nick as a word, or is written to the user alone.
export function isMention(line, me) {
	if (!isMessage(line) || isOwn(line, me)) {
		return false;
	}
	if (line.kind === "private") {
		return true;
	}
	const nick = me.nick.toLowerCase();
	let text = (line.text ?? "").toLowerCase();
	if (line.kind === "text") {
		if (text.startsWith(`${nick}: `)) {
			return false;
		}
		text = text.slice(text.indexOf(": ") + 1);
	}
	const parts = text.split(nick);
	const isWord = (character) => /[\p{L}\p{N}]/u.test(character ?? "");
	return parts.slice(1).some((part, index) => !isWord(parts[index].at(-1)) && !isWord(part[0]));
}

// Appends a text whose addresses of the web, and no others, are links.
export function appendText(element, text) {
	const said = make("bdi");
	element.append(said);
	let end = 0;
	for (const match of text.matchAll(LINK)) {
		const link = match[0].replace(match[0].includes("(") ? /[.,;:!?'"\]}]+$/u : /[.,;:!?'")\]}]+$/u, "");
		if (!URL.canParse(link)) {
			continue;
		}
		said.append(harmless(text.slice(end, match.index)));
		const anchor = make("a", "", harmless(link));
		anchor.href = link;
		anchor.target = "_blank";
		anchor.rel = "noopener noreferrer";
		said.append(anchor);
		end = match.index + link.length;
	}
	said.append(harmless(text.slice(end)));
}

function nickOf(line) {
	return make("b", "nick", mark(line.who, line.verified), make("bdi", "", harmless(line.nick ?? "")));
}

function privateText(line, me) {
	if (line.why === "elsewhere") {
		return "(you wrote this elsewhere)";
	}
	if (line.why === "repeated") {
		return "(delivered once more)";
	}
	return line.why === "unreadable" ? "(does not open)" : line.text;
}

export function words(line) {
	if (line.event !== "line") {
		return line.text ?? line.words ?? "";
	}
	if (isMessage(line)) {
		const text = privateText(line) ?? "";
		return line.nick ? `${line.nick}: ${text}` : text;
	}
	const until = line.until ? ` until ${dayAndMinute(line.until)}` : "";
	return `${line.words ?? ""}${until}`;
}

export function row(item, me) {
	if (item.event !== "line") {
		return make("div", "row notice", make("div", "text", harmless(words(item))));
	}
	const text = make("div", "text");
	const element = make("div", `row ${item.kind}`, text);
	if (isMention(item, me)) {
		element.classList.add("mention");
	}
	if (!isMessage(item)) {
		element.classList.add("event");
		const isBy = item.nick && item.words?.startsWith(item.nick);
		text.append(isBy ? nickOf(item) : "", harmless(words(item).slice(isBy ? item.nick.length : 0)));
	} else if (item.kind === "text") {
		text.append(mark(null), item.seq === null ? "" : make("span", "faint", "(unverified) "));
		appendText(text, item.text ?? "");
	} else {
		const isAct = item.kind === "did" || item.act === true;
		const isTo = item.kind === "private" && isOwn(item, me);
		if (isTo) {
			text.append(make("span", "faint", "private to "), nickOf({ who: item.whom, nick: item.to }), ": ");
		} else if (item.kind === "private") {
			text.append(make("span", "faint", "private "));
		}
		if (item.trust === "changed") {
			text.append(make("span", "faint", "(another key than you know) "));
		}
		if (isAct || !isTo) {
			text.append(isAct ? "* " : "", nickOf(item), isAct ? " " : ": ");
		}
		appendText(text, privateText(item) ?? "");
	}
	if (item.time) {
		const time = make("time", "", minute(item.time));
		time.dateTime = item.time;
		time.title = dayAndMinute(item.time);
		element.append(time);
	}
	return element;
}
