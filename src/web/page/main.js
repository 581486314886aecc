// The page: what the gateway tells goes to the log, the people and the message box, and back.
import { Composer } from "./composer.js";
import { Find } from "./find.js";
import { harmless, isMention, isMessage, isOwn, words } from "./line.js";
import { Log } from "./log.js";
import { People } from "./people.js";
import { Link } from "./socket.js";
import { load, loseText, setNick, settle, state } from "./store.js";

const get = (id) => document.getElementById(id);
const me = { nick: "", who: null, role: "stranger" };
// Codes of an end after which another try may help.
const AGAIN_CODES = ["unreachable", "gave-up", "server-ends", "timed-out", "broken"];
// How many entries may be missed before the page begins anew.
const MISSED = 2000;

let trouble = "no answer yet";
let [told, topic] = ["", ""];
let [link, room, received, watched, placed] = [null, null, null, null, undefined];
let [behindTo, mentions, readTo, asked, reporting] = [0, 0, 0, 0, 0];
let [isReplaying, isAgain] = [true, false];
const pages = new Map();

await load();

const log = new Log(get("log"), { ask, me: () => me, changed: showBelow });
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
		new Promise((resolve, reject) =>
			ask(request, (page) => (page.event === "page" ? resolve(page) : reject(page.why)))),
	jump: (seq) => log.jump(seq),
});
const composer = new Composer({
	form: get("composer"),
	box: get("message"),
	own: get("own"),
	hint: get("hint"),
	people: () => people.nicks.filter((nick) => nick !== me.nick),
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
	tell,
});

// Asks for earlier entries, and calls `take` with the answer.
function ask(request, take) {
	const ref = `page ${++asked}`;
	pages.set(ref, take);
	if (!(link?.isHere && link.send({ do: "fetch", ...request, ref }))) {
		answer({ ref, why: "no connection" });
	}
}

function answer(page) {
	const take = pages.get(page.ref);
	pages.delete(page.ref);
	take?.(page);
}

function command(text) {
	log.toEnd();
	return link.isHere && link.send({ do: "command", text, ref: `command ${++asked}` });
}

function local(text) {
	const [name, ...rest] = text.split(/\s+/u);
	const act = {
		"/who": () => togglePeople(true),
		"/search": () => find.open(rest.join(" ")),
		"/history": () => log.scrollBy(-1),
		"/seen": () => notice(received ?? "you have not said anything yet"),
		"/help": rest[0] === "keys" ? () => get("help").showModal() : undefined,
	}[name];
	act?.();
	return Boolean(act);
}

function notice(text) {
	log.add({ event: "notice", text });
}

function tell(what) {
	trouble = {
		gone: "udpchat web is not running; trying again",
		refused: "this address is not valid any more: open the one that udpchat web prints",
		replaced: "another tab is this one now",
	}[what];
	setPresence();
	[...pages.keys()].forEach((ref) => answer({ ref, why: trouble }));
}

function take(event) {
	if (!people.take(event)) {
		HANDLERS[event.event]?.(event);
		setPresence();
	}
}

function outcome(event) {
	if (event.post !== undefined) {
		settle(event.post);
		link.send({ do: "settled", post: event.post });
	}
	if (event.event === "confirmed" && event.seq && event.seq !== watched) {
		watched = event.seq;
		received = null;
		link.send({ do: "watch", seq: watched });
	}
	if (composer.settle(event)) {
		if (event.event !== "posted") {
			link.settled(event.ref);
		}
	} else if (event.event === "wrong") {
		pages.has(event.ref) ? answer(event) : notice(event.why);
	} else if (event.event === "refused" && event.post === undefined) {
		notice(`${event.text}: ${event.why}`);
	}
}

function reset() {
	log.clear();
	[readTo, behindTo, received, watched, topic] = [0, 0, null, null, ""];
}

const HANDLERS = {
	joined(event) {
		const isText = event.dialect === "text";
		const missed = isText ? 0 : (event.last ?? -1) + 1 - event.first;
		isAgain = isText ? room?.dialect === "text" : placed?.log === event.log;
		if (!isAgain || missed > MISSED) {
			reset();
		}
		room = event;
		[me.nick, me.who, me.role] = [event.nick, event.own_key?.slice(0, 16) ?? null, "stranger"];
		setNick(event.nick);
		trouble = null;
		get("gate").close();
		people.clear();
		loseText();
		composer.show();
		isReplaying = missed > 0;
		if (missed > MISSED && isAgain) {
			link.connect();
		} else if (!isText) {
			log.begin(event.first);
			link.send({ do: "who", follow: true });
			log.fill();
			report();
		}
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
		const isMine = isOwn(event, me);
		if (event.kind === "private" && !isMine && event.text !== null && event.nick) {
			composer.correspondent = `${event.nick}#${event.who}`;
		}
		if (event.kind === "topic") {
			topic = event.text ?? "";
		}
		if (event.whom === me.who) {
			me.role = { opped: "operator", deopped: "member" }[event.kind] ?? me.role;
		}
		if (isMine && isMessage(event) && event.seq >= log.seam) {
			// Whoever writes, here or elsewhere, has read what is before.
			log.setSeam(null);
		}
		if (!isReplaying || isAgain) {
			announce(event);
		}
		report();
	},
	gap: (event) => log.add(event),
	page: answer,
	"no-page": answer,
	notice: (event) => notice(event.text),
	invitation: (event) => notice(`the invitation, to be passed on: ${event.link}`),
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
	read({ before }) {
		readTo = Math.max(readTo, before);
		if (isReplaying ? before > (log.seam ?? 0) : log.seam !== null) {
			log.setSeam(before);
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
		behindTo = log.end + event.count;
	},
	quiet() {
		trouble = "the server is silent";
	},
	away({ code }) {
		const isUnreachable = ["refused", "no-route", "no-answer", "no-handshake", "mtu"].includes(code);
		trouble = isUnreachable ? "no connection" : "the server is away";
	},
	back() {
		trouble = null;
		log.fill();
	},
	"new-room": reset,
	end({ why, code }) {
		trouble = why ?? "you have left";
		room = null;
		people.clear();
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
	if (text && !isReplaying) {
		get("newest").textContent = text;
	}
	if ((document.hidden || !document.hasFocus()) && isMention(event, me)) {
		mentions += 1;
		const body = event.kind === "private" ? "wrote to you in private" : harmless(event.text);
		try {
			// One for all tabs of this user.
			const options = { body, tag: `${event.seq}` };
			const shown = new Notification(harmless(`${event.nick ?? ""} in ${topic || room.server}`), options);
			shown.addEventListener("click", () => (focus(), log.jump(event.seq)));
		} catch {
		}
	}
}

function setPresence() {
	const behind = behindTo > log.end && `${(behindTo - log.end).toLocaleString("en")} behind`;
	const parts = [trouble, behind, received];
	if (room) {
		parts.push(room.dialect === "text" ? "plain text" : room.known ? "encrypted" : "encrypted, new key");
		parts.push(`${harmless(me.nick)} @ ${room.server}`);
	}
	get("status").textContent = parts.filter(Boolean).join(" · ");
	get("status").classList.toggle("trouble", trouble !== null);
	if (told !== trouble) {
		told = trouble;
		get("newest").textContent = trouble ?? "the server is back";
	}
	get("topic").textContent = harmless(topic) || "udpchat";
	document.title = `${mentions > 0 ? `(${mentions}) ` : ""}${get("topic").textContent}`;
}

function showBelow() {
	const button = get("below");
	const { below, isStuck } = log;
	const isAbove = isStuck && log.isSeamAbove;
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
		const isSeen = !document.hidden && document.hasFocus() && log.isStuck && !log.isSeamAbove;
		if (isSeen && link.isHere && log.end > readTo) {
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
	link.connect();
	get("gate").close();
});
get("gate").addEventListener("close", () => link.isStopped && get("gate").showModal());
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
	const act = {
		"^F": () => find.open(),
		Escape: () => (log.setSeam(null), log.toEnd(), get("message").focus()),
		PageUp: () => log.scrollBy(-1),
		PageDown: () => log.scrollBy(1),
	}[`${event.ctrlKey && event.shiftKey ? "^" : ""}${event.key}`];
	if (act) {
		event.preventDefault();
		act();
	}
});

// Nothing has come since the user looked away.
function forgetSeam() {
	if (log.seam >= log.end) {
		log.setSeam(null);
	}
}

// What is new from here on is new for whoever comes back.
function lookedAway() {
	if (log.isStuck && room?.dialect === "session" && log.end > 0 && !log.isSeamAbove) {
		log.setSeam(log.end);
	}
}

document.addEventListener("visibilitychange", () => document.hidden && lookedAway());
addEventListener("blur", lookedAway);
addEventListener("focus", () => {
	mentions = 0;
	forgetSeam();
	setPresence();
	showBelow();
});

if (matchMedia("(min-width: 1100px)").matches) {
	togglePeople(true);
}
link.connect();
get("message").focus();
