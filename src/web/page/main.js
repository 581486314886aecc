// The page: what the gateway tells goes to the log, the people and the message box, and back.
import { Composer } from "./composer.js";
import { Find } from "./find.js";
import { dayAndMinute, harmless, isMention, isMessage, isOwn, words } from "./line.js";
import { Log } from "./log.js";
import { People } from "./people.js";
import { Link } from "./socket.js";
import { load, loseText, setNick, settle, state } from "./store.js";

const get = (id) => document.getElementById(id);
const me = { nick: "", who: null, role: "stranger" };
// Codes of an end after which another try may help, without a word of the user.
const AGAIN_CODES = ["unreachable", "gave-up", "server-ends", "timed-out", "broken"];
// How many entries may be missed before the page begins anew at the end.
const MISSED = 400;

let trouble = "no answer yet";
let topic = "";
let [link, room, received, watched, placed] = [null, null, null, null, undefined];
let [behind, mentions, readTo, asked, reporting] = [0, 0, 0, 0, 0];
let isReplaying = true;
const pages = new Map();

await load();

const log = new Log(get("log"), { ask: (request) => ask("log", request), me: () => me, changed: showBelow });
const people = new People({
	list: get("list"),
	count: get("here"),
	dialog: get("who"),
	write: (text) => composer.write(text),
	command,
	me: () => me,
});
const find = new Find({
	dialog: get("find"),
	fetch: (request) =>
		new Promise((resolve, reject) => {
			ask((page) => (page.event === "page" ? resolve(page) : reject(page.why)), request) || reject("no connection");
		}),
	jump: (seq) => log.jump(seq),
});
const composer = new Composer({
	form: get("composer"),
	box: get("message"),
	own: get("own"),
	hint: get("hint"),
	people: () => people.nicks,
	send() {
		log.setSeam(null);
		log.toEnd();
		link.sendQueued();
	},
	command,
	local,
});
link = new Link({
	place: () => (placed = state.kept?.log && log.end > 0 ? { log: state.kept.log, next: log.end } : undefined),
	take,
	tell: told,
});

// Asks for earlier entries; whoever asked gets the answer. Returns whether somebody was asked.
function ask(whom, request) {
	const ref = `page ${++asked}`;
	const isAsked = link?.isHere === true && link.send({ do: "fetch", ...request, ref });
	if (isAsked) {
		pages.set(ref, whom);
	} else if (whom === "log") {
		log.noPage();
	}
	return isAsked;
}

function command(text) {
	return link.isHere && link.send({ do: "command", text, ref: `command ${++asked}` });
}

// Takes the commands that are about what is shown.
function local(text) {
	const [name, ...rest] = text.split(/\s+/u);
	const act = {
		"/who": () => togglePeople(true),
		"/search": () => find.open(rest.join(" ")),
		"/history": () => log.scrollBy(-1),
		"/clear": () => log.toEnd(),
		"/seen": () => notice(received ?? "you have not said anything yet"),
	}[name];
	act?.();
	return Boolean(act);
}

function notice(text) {
	log.add({ event: "notice", text });
}

function told(what) {
	trouble = {
		gone: "udpchat web is not running; trying again",
		refused: "this address is not valid any more: open the one that udpchat web prints",
		replaced: "another tab is this one now",
	}[what];
	setPresence();
	[...pages.keys()].forEach((ref) => answer({ ref, why: trouble }));
}

function answer(page) {
	const whom = pages.get(page.ref);
	pages.delete(page.ref);
	if (whom === "log") {
		page.event === "page" ? log.page(page) : log.noPage();
	} else {
		whom?.(page);
	}
}

function take(event) {
	if (people.take(event)) {
		return;
	}
	HANDLERS[event.event]?.(event);
	setPresence();
}

function outcome(event) {
	settle(event.post);
	if (event.event === "confirmed" && event.seq && event.seq !== watched) {
		watched = event.seq;
		received = null;
		link.send({ do: "watch", seq: watched });
	}
	const isOurs = composer.settle(event);
	if (isOurs && event.event !== "posted") {
		link.settled(event.ref);
	}
	if (!isOurs && event.event === "wrong") {
		pages.has(event.ref) ? answer({ ...event, event: "no-page" }) : notice(event.why);
	} else if (!isOurs && event.event === "refused" && event.post === undefined) {
		notice(`${event.text}: ${event.why}`);
	}
}

const HANDLERS = {
	joined(event) {
		const isText = event.dialect === "text";
		const isSame = isText ? room?.dialect === "text" : placed?.log === event.log;
		if (!isSame) {
			log.clear();
			readTo = 0;
		}
		room = event;
		me.nick = event.nick;
		me.who = event.own_key?.slice(0, 16) ?? null;
		setNick(event.nick);
		trouble = null;
		get("gate").close();
		people.clear();
		isReplaying = !isText && event.last !== null && event.last >= event.first;
		loseText();
		composer.show();
		if (isText) {
			return;
		}
		log.begin(event.first);
		if (isSame && isReplaying && event.last - event.first > MISSED) {
			link.send({ do: "skip" });
		}
		link.send({ do: "who", follow: true });
		report();
	},
	now() {
		isReplaying = false;
		forgetSeam();
		log.fill();
	},
	line(event) {
		if (!log.add(event)) {
			return;
		}
		if (event.kind === "private" && !isOwn(event, me) && event.text !== null && event.nick) {
			composer.correspondent = `${event.nick}#${event.who}`;
		}
		if (event.kind === "topic") {
			topic = event.text ?? "";
		}
		if (isOwn(event, me) && isMessage(event) && event.seq >= log.seam) {
			// Whoever writes, here or elsewhere, has read what is before.
			log.setSeam(null);
		}
		if (!isReplaying) {
			announce(event);
		}
		report();
	},
	gap(event) {
		if (event.why === "skipped" && event.count > MISSED) {
			log.end = event.first + event.count;
			log.isAtEnd = false;
			log.toEnd();
		} else {
			log.add(event);
		}
	},
	page: answer,
	"no-page": answer,
	notice: (event) => notice(event.text),
	invitation(event) {
		notice("the invitation, to be passed on:");
		notice(event.link);
	},
	posted: outcome,
	confirmed: outcome,
	refused: outcome,
	lost: outcome,
	wrong: outcome,
	received({ seq, count, of }) {
		if (seq === watched) {
			received = of ? `received ${count}/${of}` : null;
			}
	},
	read(event) {
		readTo = Math.max(readTo, event.before);
		if (isReplaying ? event.before > (log.seam ?? 0) : log.seam !== null) {
			log.setSeam(event.before);
			isReplaying || forgetSeam();
		}
		showBelow();
	},
	renamed(event) {
		me.nick = event.nick;
		setNick(event.nick);
	},
	room(event) {
		me.role = event.role;
		topic = event.topic;
	},
	behind(event) {
		behind = event.count;
	},
	quiet() {
		trouble = "the server is silent";
	},
	away(event) {
		trouble = ["refused", "no-route", "no-answer", "no-handshake", "mtu"].includes(event.code)
			? "no connection"
			: "the server is away";
	},
	back() {
		trouble = null;
	},
	"new-room": () => log.clear(),
	end({ why, code }) {
		trouble = code === "no-nick" ? code : why ?? "you have left";
		if (AGAIN_CODES.includes(code)) {
			link.retry();
		} else {
			askNick(code === "no-nick" ? "" : trouble);
		}
	},
};

function askNick(why) {
	get("gate-why").textContent = why;
	get("nick").value = state.nick ?? "";
	get("gate").close();
	get("gate").showModal();
}

// Reads the newest line aloud, and tells a user who is elsewhere of a mention.
function announce(event) {
	const text = harmless(words(event));
	if (text) {
		get("newest").textContent = text;
	}
	const isAway = document.hidden || !document.hasFocus();
	if (isAway && isMention(event, me)) {
		mentions += 1;
		if (globalThis.Notification?.permission === "granted") {
			const body = event.kind === "private" ? "wrote to you in private" : event.text;
			const shown = new Notification(`${event.nick ?? "udpchat"} in ${topic || room.server}`, { body });
			shown.addEventListener("click", () => (focus(), log.jump(event.seq)));
		}
	}
}

function setPresence() {
	const { dialect, known, server } = room ?? {};
	const parts = [];
	if (trouble) {
		parts.push(trouble);
	}
	if (behind > 0) {
		parts.push(`${behind.toLocaleString("en")} behind`);
	}
	if (received) {
		parts.push(received);
	}
	if (dialect) {
		parts.push(dialect === "text" ? "plain text" : known ? "encrypted" : "encrypted, new key");
		parts.push(`${harmless(me.nick)} @ ${server}`);
	}
	get("status").textContent = parts.join(" · ");
	get("status").classList.toggle("trouble", trouble !== null);
	get("topic").textContent = harmless(topic) || "udpchat";
	document.title = `${mentions > 0 ? `(${mentions}) ` : ""}${harmless(topic) || server || "udpchat"}`;
	get("unseen-people").hidden = dialect !== "session";
}

function showBelow() {
	const button = get("below");
	const { below, isStuck } = log;
	const isAbove = isStuck && log.seam !== null && log.seam < log.low;
	button.hidden = isStuck && !isAbove;
	button.classList.toggle("new", below > 0 || isAbove);
	button.textContent = isAbove ? "Go to where you stopped ↑" : below > 0 ? `${below} new below ↓` : "Newest ↓";
	report();
}

// Tells the server how far the user has read: what was shown to somebody who looks.
function report() {
	if (reporting || room?.dialect !== "session") {
		return;
	}
	reporting = setTimeout(() => {
		reporting = 0;
		const isSeen = !document.hidden && document.hasFocus() && log.isStuck && link.isHere;
		if (isSeen && log.end > readTo) {
			readTo = log.end;
			link.send({ do: "read", before: readTo });
		}
	}, 500);
}

function togglePeople(isWanted) {
	get("people").hidden = !isWanted;
	get("show-people").setAttribute("aria-expanded", String(isWanted));
	document.body.classList.toggle("with-people", isWanted);
}

get("below").addEventListener("click", () => {
	if (log.isStuck) {
		log.jump(log.seam);
	} else {
		log.toEnd();
		get("message").focus();
	}
});
get("show-people").addEventListener("click", () => togglePeople(get("people").hidden));
get("show-find").addEventListener("click", () => find.open());
get("show-help").addEventListener("click", () => get("help").showModal());
get("gate-form").addEventListener("submit", (event) => {
	event.preventDefault();
	setNick(get("nick").value.trim());
	get("gate").close();
	link.connect();
});
const notify = get("notify");
notify.hidden = globalThis.Notification?.permission !== "default";
notify.addEventListener("click", async () => {
	await Notification.requestPermission();
	notify.hidden = true;
});
addEventListener("keydown", (event) => {
	if (document.querySelector("dialog[open]")) {
		return;
	}
	const key = `${event.ctrlKey && event.shiftKey ? "^" : ""}${event.key}`;
	if (key === "^F") {
		find.open();
	} else if (key === "^U") {
		togglePeople(get("people").hidden);
	} else if (key === "Escape") {
		log.setSeam(null);
		log.toEnd();
		get("message").focus();
	} else if (key === "PageUp" || key === "PageDown") {
		log.scrollBy(key === "PageUp" ? -1 : 1);
	} else {
		return;
	}
	event.preventDefault();
});

// Nothing has come since the user looked away.
function forgetSeam() {
	if (log.seam >= log.end) {
		log.setSeam(null);
	}
}

// What is new from here on is new for whoever comes back.
function lookedAway() {
	if (log.isStuck && room?.dialect === "session" && log.end > 0 && readTo >= log.end) {
		log.setSeam(log.end);
	}
}

document.addEventListener("visibilitychange", () => document.hidden && lookedAway());
addEventListener("blur", lookedAway);
addEventListener("focus", () => {
	mentions = 0;
	forgetSeam();
	setPresence();
	report();
});

if (matchMedia("(min-width: 1100px)").matches) {
	togglePeople(true);
}
link.connect();
get("message").focus();
