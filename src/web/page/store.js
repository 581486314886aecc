// What a tab keeps over a reload.
// It owns its instance and counters: nothing is said twice. A lock keeps a duplicated tab from being this one.
const KEY = "udpchat";
const NICK = "udpchat.nick";

export const state = {
	token: null,
	nick: null,
	// {instance, log, next, numbers, posts, waiting}, as the gateway writes them.
	kept: null,
	// Messages that are not in the room: {ref, object, text, left, stage, wrong}.
	own: [],
	draft: "",
};

// There may be no storage, or none left.
function attempt(act) {
	try {
		return act();
	} catch {
		return null;
	}
}

export function save() {
	// What is old is worse than nothing: its counters would be used again.
	attempt(() => (sessionStorage.removeItem(KEY), sessionStorage.setItem(KEY, JSON.stringify(state))));
}

export function setNick(nick) {
	state.nick = nick;
	save();
	attempt(() => localStorage.setItem(NICK, nick));
}

// Takes the lock of an instance. Returns false if another tab has it.
function claim(instance) {
	if (!navigator.locks) {
		return Promise.resolve(false);
	}
	return new Promise((resolve) => {
		const hold = (lock) => {
			resolve(lock !== null);
			return lock === null ? null : new Promise(() => {});
		};
		navigator.locks.request(`udpchat.${instance}`, { ifAvailable: true }, hold).catch(() => resolve(false));
	});
}

let claimed = null;

// Reads what was kept, and takes the token out of the address.
export async function load() {
	Object.assign(state, attempt(() => JSON.parse(sessionStorage.getItem(KEY))));
	state.nick ??= attempt(() => localStorage.getItem(NICK));
	const token = location.hash.slice(1);
	if (/^[\w-]{20,40}$/.test(token)) {
		state.token = token;
		history.replaceState(null, "", location.pathname);
	}
	if (state.kept && !(await claim(state.kept.instance))) {
		const isCopy = Boolean(navigator.locks);
		state.kept = null;
		state.own = isCopy ? [] : state.own.filter((own) => !isOnItsWay(own) || lose(own));
	}
	claimed = state.kept?.instance;
	save();
}

function isOnItsWay(own) {
	return own.stage !== "queued" && !own.wrong;
}

function lose(own) {
	own.wrong = "it may have arrived: see what is in the room before you send it again";
	own.left = 0;
	return true;
}

// Gives up what was on its way in plain text, whose outcome nobody remembers.
export function loseText() {
	state.own.filter((own) => own.stage === "text" && !own.wrong).forEach(lose);
	save();
}

export function keep(event) {
	const { event: _, posts, waiting, ...head } = event;
	if (state.kept && state.kept.instance !== head.instance) {
		// What was kept is out of date.
		state.own.forEach(lose);
		state.kept = null;
	}
	const known = new Map((state.kept?.posts ?? []).map((post) => [post.post, post]));
	posts.forEach((post) => known.set(post.post, post));
	state.kept = { ...head, posts: [...known.values()], waiting };
	const refs = new Set([...state.kept.posts, ...waiting].map((post) => post.ref));
	for (const own of state.own) {
		if (refs.has(own.ref) && own.stage === "queued") {
			own.stage = "kept";
		}
	}
	if (claimed !== head.instance) {
		claimed = head.instance;
		claim(claimed);
	}
	save();
	return head.next;
}

export function settle(post) {
	if (state.kept && post !== undefined) {
		state.kept.posts = state.kept.posts.filter((kept) => kept.post !== post);
		save();
	}
}

export function label() {
	return crypto.getRandomValues(new Uint32Array(2)).join("-");
}
