// The connection to the gateway: it comes back by itself, and says what it was in the middle of.
import { keep, state } from "./store.js";

const PROTOCOL = "udpchat.1";
const REPLACED = 4001;
// Pauses before the next try, in ms.
const PAUSES = [200, 500, 1000, 2000, 5000];
// The most objects that have no outcome at the gateway: the rest waits here.
const UNDER_WAY = 16;

export class Link {
	#socket = null;
	#tries = 0;
	#timer = 0;
	#isHere = false;
	#given = new Set();
	#stopped = false;
	#isText = false;

	// `place()` is where the tab is in the log, `take(event)` is called with each event, `tell(state)` when the connection is lost.
	constructor({ place, take, tell }) {
		this.place = place;
		this.take = take;
		this.tell = tell;
		const hurry = () => document.visibilityState === "visible" && this.#timer && this.connect();
		addEventListener("online", hurry);
		document.addEventListener("visibilitychange", hurry);
	}

	get isHere() {
		return this.#isHere;
	}

	get isStopped() {
		return this.#stopped && this.#timer === 0;
	}

	connect() {
		clearTimeout(this.#timer);
		this.#timer = 0;
		this.#stopped = false;
		this.#isHere = false;
		this.#given.clear();
		this.#socket?.close();
		const scheme = location.protocol === "https:" ? "wss" : "ws";
		const socket = new WebSocket(`${scheme}://${location.host}/ws`, [PROTOCOL, state.token ?? "none"]);
		this.#socket = socket;
		const ours = (act) => (event) => this.#socket === socket && act(event);
		socket.onopen = ours(() => {
			const join = { do: "join", nick: state.nick ?? undefined, kept: state.kept ?? undefined, place: this.place() };
			socket.send(JSON.stringify(join));
		});
		socket.onmessage = ours((message) => this.#hear(JSON.parse(message.data)));
		socket.onclose = ours((event) => this.#lose(event.code));
	}

	// Sends an object, if there is somebody to take it.
	send(object) {
		const isOpen = this.#socket?.readyState === WebSocket.OPEN;
		if (isOpen) {
			this.#socket.send(JSON.stringify(object));
		}
		return isOpen;
	}

	// Gives the gateway the messages that wait, in their order.
	sendQueued() {
		if (!this.#isHere) {
			return;
		}
		for (const own of state.own) {
			if (this.#given.size >= UNDER_WAY) {
				return;
			}
			if (own.stage === "queued" && !own.wrong && !this.#given.has(own.ref)) {
				this.#given.add(own.ref);
				if (this.#isText) {
					own.stage = "text";
				}
				this.send({ ...own.object, ref: own.ref });
			}
		}
	}

	settled(ref) {
		this.#given.delete(ref);
		this.sendQueued();
	}

	#hear(event) {
		if (event.event === "store") {
			this.send({ do: "stored", below: keep(event) });
			return;
		}
		if (event.event === "joined") {
			this.#tries = 0;
			this.#isHere = true;
			this.#isText = event.dialect === "text";
		}
		if (event.event === "end") {
			this.#stopped = true;
			this.#isHere = false;
		}
		this.take(event);
		if (event.event === "joined") {
			this.sendQueued();
		}
	}

	async #lose(code) {
		this.#isHere = false;
		this.#socket = null;
		if (code === REPLACED) {
			this.tell("replaced");
		} else if (!this.#stopped) {
			this.retry();
			// Why a connection was refused is not told to pages.
			const answers = await fetch("/", { method: "HEAD" }).then(() => true, () => false);
			if (!this.#socket || this.#socket.readyState > WebSocket.OPEN) {
				this.tell(answers && code === 1006 && this.#tries > 1 ? "refused" : "gone");
			}
		}
	}

	retry() {
		const pause = PAUSES[Math.min(this.#tries, PAUSES.length - 1)];
		this.#tries += 1;
		this.#timer = setTimeout(() => this.connect(), pause);
	}
}
