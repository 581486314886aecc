//! What the server asks of the log for sessions.
//!
//! Owns: which sessions wait for which page of old entries, which new sessions wait for a look-up, and the requests not
//! answered yet.
//! Must not know: how a backend answers, sessions themselves; the pages are in the [`Window`].
//! Driven by: `sessions`; the driver takes requests out and brings the answers, so that nobody waits for a long read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::log::{PAGE, Page, Request, RequestId, Window};
use crate::server::ids::PeerId;
use crate::time::Instant;
use crate::wire::{Seq, SessionId};

/// How often the server tries to read a page before it sends a gap, and the pause between. Chosen: a disk that hiccups gets a
/// moment, and a reader is not held up for long.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// The most pages requested at a time. Chosen: a distant backend has something to do, and few pages arrive at once.
const ASKED_MAX: usize = 4;

#[derive(Debug, Default)]
struct Wanted {
    by: Vec<PeerId>,
    /// The page wanted first is read first: a reader of everything waits for the others after each page.
    turn: u64,
    tries: u32,
    not_before: Instant,
    asked: bool,
}

/// The subject of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The page that begins there, for sessions.
    Page(Seq),
    /// One of the newest pages, which the window should hold.
    Newest,
    /// The author of a session that begins.
    Known(SessionId),
}

/// The requests; see the module.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    wanted: BTreeMap<Seq, Wanted>,
    turns: u64,
    /// Sessions that waited for a page that has been read, and have not been served since.
    unserved: BTreeMap<Seq, Vec<PeerId>>,
    /// All sessions that wait for a page or to be served.
    waiting: BTreeSet<PeerId>,
    /// New sessions to look something up for.
    beginning: VecDeque<SessionId>,
    asked: BTreeMap<RequestId, Asked>,
    /// How often one of the newest pages could not be read, and when to try again.
    newest_tries: u32,
    newest_not_before: Instant,
    requests: u64,
}

impl Archive {
    /// Releases the pages kept for `peer`, which is being served.
    pub(crate) fn serve(&mut self, peer: PeerId, window: &mut Window) {
        if !self.waiting.remove(&peer) {
            return;
        }
        self.unserved.retain(|&first, unserved| {
            unserved.retain(|&other| other != peer);
            if unserved.is_empty() {
                window.release(first);
            }
            !unserved.is_empty()
        });
    }

    /// Notes that `peer` cannot go on without the page that holds `seq`.
    pub(crate) fn want(&mut self, seq: Seq, peer: PeerId) {
        let turn = self.turns;
        let new = || Wanted { turn, ..Wanted::default() };
        let wanted = self.wanted.entry(Page::start_of(seq)).or_insert_with(new);
        self.turns += 1;
        if !wanted.by.contains(&peer) {
            wanted.by.push(peer);
        }
        self.waiting.insert(peer);
    }

    /// Forgets `peer`, whose session has ended.
    pub(crate) fn forget(&mut self, peer: PeerId, window: &mut Window) {
        self.serve(peer, window);
        self.wanted.retain(|_, wanted| {
            wanted.by.retain(|&other| other != peer);
            !wanted.by.is_empty()
        });
    }

    /// Queues a look-up for that session.
    pub(crate) fn begin(&mut self, session: SessionId) {
        self.beginning.push_back(session);
    }

    /// Returns the next session to look something up for.
    pub(crate) fn poll_beginning(&mut self) -> Option<SessionId> {
        self.beginning.pop_front()
    }

    /// Registers the look-up for that session and returns the request's id.
    pub(crate) fn ask_known(&mut self, session: SessionId) -> RequestId {
        self.ask(Asked::Known(session))
    }

    /// Returns the request for the next page, if one is to be read.
    pub(crate) fn poll_page(&mut self, now: Instant, window: &Window) -> Option<Request> {
        if let Some((from, to)) = window.lacking().filter(|_| self.wants_newest(now, window)) {
            return Some(Request::Page { id: self.ask(Asked::Newest), from, to });
        }
        let from = self.next_page(now, window)?;
        self.wanted.entry(from).or_default().asked = true;
        Some(Request::Page { id: self.ask(Asked::Page(from)), from, to: window.end().min(from + PAGE) })
    }

    fn ask(&mut self, asked: Asked) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.asked.insert(id, asked);
        id
    }

    fn next_page(&self, now: Instant, window: &Window) -> Option<Seq> {
        // Each page that is read keeps its place until the sessions that wait for it have been served.
        let asked = self.asked.values().filter(|asked| matches!(asked, Asked::Page(_))).count();
        if asked >= ASKED_MAX || !window.has_place(asked) {
            return None;
        }
        let wanted = self.wanted.iter().filter(|(_, wanted)| !wanted.asked && wanted.not_before <= now);
        wanted.min_by_key(|(_, wanted)| wanted.turn).map(|(&first, _)| first)
    }

    /// Whether to ask for one of the newest pages.
    pub(crate) fn wants_newest(&self, now: Instant, window: &Window) -> bool {
        window.lacking().is_some()
            && self.newest_not_before <= now
            && !self.asked.values().any(|&asked| asked == Asked::Newest)
    }

    /// Whether there is anything to ask.
    pub(crate) fn has_requests(&self, now: Instant, window: &Window) -> bool {
        !self.beginning.is_empty() || self.wants_newest(now, window) || self.next_page(now, window).is_some()
    }

    /// Returns when an unreadable page is to be tried again.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let wanted = self.wanted.values().filter(|wanted| !wanted.asked).map(|wanted| wanted.not_before);
        wanted.chain([self.newest_not_before]).filter(|&at| at > now).min()
    }

    /// Returns the session that the answer is about.
    pub(crate) fn answer_known(&mut self, id: RequestId) -> Option<SessionId> {
        match self.asked.remove(&id)? {
            Asked::Known(session) => Some(session),
            Asked::Page(_) | Asked::Newest => None,
        }
    }

    /// Takes a page that was read. Returns the sessions that wait for it, to be served; none if the page is to be tried again.
    pub(crate) fn answer_page(&mut self, now: Instant, id: RequestId, page: Page, window: &mut Window) -> Vec<PeerId> {
        let first = match self.asked.remove(&id) {
            Some(Asked::Page(first)) if first == page.first() => first,
            Some(Asked::Newest) => {
                self.newest_tries += 1;
                if page.is_unreadable() && self.newest_tries < TRIES {
                    self.newest_not_before = now + PAUSE;
                } else {
                    self.newest_tries = 0;
                    window.insert(page, false);
                }
                return Vec::new();
            }
            Some(Asked::Page(_) | Asked::Known(_)) | None => return Vec::new(),
        };
        let Some(mut wanted) = self.wanted.remove(&first) else { return Vec::new() };
        wanted.tries += 1;
        if page.is_unreadable() && wanted.tries < TRIES {
            wanted.not_before = now + PAUSE;
            wanted.asked = false;
            self.wanted.insert(first, wanted);
            return Vec::new();
        }
        window.insert(page, !wanted.by.is_empty());
        self.waiting.extend(&wanted.by);
        self.unserved.insert(first, wanted.by.clone());
        wanted.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::GapReason;

    const JILL: PeerId = PeerId(1);
    const JACK: PeerId = PeerId(2);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn window() -> Window {
        Window::new(Seq(100_000), Some(Seq(0)), 1, 0)
    }

    fn next(archive: &mut Archive, now: Instant, window: &Window) -> Option<(RequestId, Seq)> {
        match archive.poll_page(now, window)? {
            Request::Page { id, from, .. } => Some((id, from)),
            known @ Request::Known { .. } => panic!("{known:?}"),
        }
    }

    fn read(first: Seq, why: GapReason) -> Page {
        let mut page = Page::new(first);
        page.skip_to(first + 1, why);
        page
    }

    #[test]
    fn pages_are_read_in_the_order_in_which_they_are_wanted_and_each_once() {
        let (mut archive, mut window) = (Archive::default(), window());
        archive.want(Seq(700), JILL);
        archive.want(Seq(5), JACK);
        archive.want(Seq(640), JACK);
        let (id, first) = next(&mut archive, at(0), &window).unwrap();
        assert_eq!(first, Seq(640), "jill wanted first, and jack wants the same");
        assert_eq!(next(&mut archive, at(0), &window).map(|(_, first)| first), Some(Seq(0)));
        assert_eq!(next(&mut archive, at(0), &window), None);
        archive.want(Seq(650), JILL);
        assert_eq!(next(&mut archive, at(0), &window), None, "it is asked for already");
        assert_eq!(archive.answer_page(at(0), id, read(first, GapReason::Gone), &mut window), [JILL, JACK]);
        assert!(archive.answer_page(at(0), id, read(first, GapReason::Gone), &mut window).is_empty(), "answered once");
    }

    #[test]
    fn a_page_that_cannot_be_read_is_tried_three_times() {
        let (mut archive, mut window) = (Archive::default(), window());
        archive.want(Seq(0), JILL);
        for tries in 1..3 {
            let now = at(1000 * (tries - 1));
            let (id, first) = next(&mut archive, now, &window).unwrap();
            let waiting = archive.answer_page(now, id, read(first, GapReason::Unreadable), &mut window);
            assert!(waiting.is_empty(), "try {tries}");
            assert_eq!(next(&mut archive, now, &window), None);
            assert_eq!(archive.poll_timeout(now), Some(at(1000 * tries)));
        }
        let (id, first) = next(&mut archive, at(2000), &window).unwrap();
        let waiting = archive.answer_page(at(2000), id, read(first, GapReason::Unreadable), &mut window);
        assert_eq!(waiting, [JILL], "it is said then");
    }

    #[test]
    fn one_of_the_newest_pages_that_cannot_be_read_is_tried_three_times_too() {
        let mut archive = Archive::default();
        let mut window = Window::new(Seq(1), Some(Seq(0)), 1, 50);
        for tries in 1..=3 {
            let now = at(1000 * (tries - 1));
            let (id, first) = next(&mut archive, now, &window).unwrap();
            archive.answer_page(now, id, read(first, GapReason::Unreadable), &mut window);
            assert_eq!(next(&mut archive, now, &window), None, "try {tries}");
            assert_eq!(archive.poll_timeout(now), (tries < 3).then_some(at(1000 * tries)));
        }
        assert!(window.page(Seq(0)).is_some(), "it is said then");
    }

    #[test]
    fn no_more_is_read_than_can_be_kept_for_those_who_wait() {
        let (mut archive, mut window) = (Archive::default(), window());
        let mut peers = 0;
        while window.has_place(0) {
            archive.want(Seq(u64::from(peers) * PAGE), PeerId(peers));
            let (id, first) = next(&mut archive, at(0), &window).unwrap();
            archive.answer_page(at(0), id, read(first, GapReason::Gone), &mut window);
            peers += 1;
        }
        archive.want(Seq(90_000), JILL);
        assert_eq!(next(&mut archive, at(0), &window), None);
        archive.serve(PeerId(7), &mut window);
        assert!(next(&mut archive, at(0), &window).is_some());
        assert!(window.lacks(Seq(90_000)) && !window.lacks(Seq(7 * PAGE)), "it stays until its place is needed");
        archive.forget(JACK, &mut window);
        assert!(!archive.waiting.contains(&JACK));
    }

    #[test]
    fn what_is_on_its_way_has_its_place_already() {
        let (mut archive, mut window) = (Archive::default(), window());
        let mut asked = Vec::new();
        for peer in 0..64 {
            archive.want(Seq(u64::from(peer) * PAGE), PeerId(peer));
            asked.extend(next(&mut archive, at(0), &window));
            if asked.len() == ASKED_MAX || peer >= 32 {
                for (id, first) in asked.drain(..) {
                    archive.answer_page(at(0), id, read(first, GapReason::Gone), &mut window);
                }
            }
        }
        assert_eq!(window.read_back(), 32);
        assert_eq!(next(&mut archive, at(0), &window), None);
    }

    #[test]
    fn a_reader_of_everything_and_one_of_the_end_have_turns() {
        let (mut archive, window) = (Archive::default(), Window::new(Seq(1 << 40), Some(Seq(0)), 1, 0));
        let mut read = Vec::new();
        for page in 0..3 {
            archive.want(Seq(page * 128), PeerId(1));
            archive.want(Seq(100_000 * 128 + page * 128), PeerId(2));
            read.extend(next(&mut archive, at(0), &window).map(|(_, first)| first));
        }
        assert_eq!(read, [Seq(0), Seq(100_000 * 128), Seq(128)]);
    }

    #[test]
    fn what_is_asked_for_somebody_who_is_gone_is_answered_to_nobody() {
        let (mut archive, mut window) = (Archive::default(), window());
        archive.want(Seq(0), JILL);
        let (id, first) = next(&mut archive, at(0), &window).unwrap();
        archive.forget(JILL, &mut window);
        assert!(archive.answer_page(at(0), id, read(first, GapReason::Gone), &mut window).is_empty());
        assert!(window.lacks(Seq(0)));
    }
}
