//! `udpchat web`
//!
//! Owns: who may reach the page, the address that is printed, the client of each tab.
//! Must not know: requests, WebSockets, what the page shows.
//! Driven by: `cmd`.

use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener};

use super::join::tab::{Counters, TabMode};
use super::json::Told;
use super::json::joining::Joining;
use super::talk::{Wanted, prepare_at};
use super::{Exit, Failure, resolve};
use crate::cli::Web;
use crate::client::contacts::Contacts;
use crate::net::gateway::opener::{Redirect, open};
use crate::net::gateway::token::make_token;
use crate::net::gateway::{Gateway, Host, Opened};
use crate::net::state::{State, random};
use crate::net::stdio::plain_stdout;
use crate::ui::{json, notice};
use crate::web::gate::Gate;
use crate::wire::Instance;

/// How many entries may come that a tab has not taken; with those that are objects already, 64.
const TAKES: u32 = 48;

pub(super) fn run(args: Web) -> Result<(), Failure> {
    let is_local = args.listen.ip().is_loopback();
    if !is_local && args.allow_host.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} is not loopback, so others can reach the page, which is you: say under which name with --allow-host NAME, and put TLS in \
                 front of it (README, \"In the browser\", has the five lines for Caddy and nginx)",
                args.listen
            ),
        ));
    }
    let listener = TcpListener::bind(args.listen).map_err(|err| {
        let hint = "is udpchat web running already? --listen 127.0.0.1:9981 takes another port";
        Failure::new(Exit::Failure, format!("cannot listen on {}: {err} ({hint})", args.listen))
    })?;
    let listen = listener.local_addr()?;
    let servers = resolve(&args.target)?;
    let state = State::find();
    let token = match &state {
        Some(state) => state.web_token(args.new_token).unwrap_or_else(|err| {
            notice(format_args!("the address changes with the next start, for it cannot be stored: {err}"));
            make_token()
        }),
        None => make_token(),
    };
    let address = format!("http://{}/#{}", here(listen), token.as_str());
    let _ = writeln!(plain_stdout(), "{address}");
    if !is_local {
        notice("without TLS in front of it, anybody on the path can read along and be you");
    }
    let opened = if args.open { open_page(state.as_ref(), &address) } else { None };
    let gate = Gate::new(hosts(listen, &args.allow_host), token);
    let mut tabs = Tabs { args, servers, counters: Counters::default() };
    let mut gateway = Gateway::new(listener, gate, &mut tabs)?;
    let done = gateway.run();
    drop(opened);
    Ok(done?)
}

fn open_page(state: Option<&State>, address: &str) -> Option<Redirect> {
    let opened = state.map(|state| open(state, address));
    match opened {
        Some(Ok(redirect)) => return Some(redirect),
        Some(Err(err)) => notice(format_args!("the browser does not open: {err} (open the address yourself)")),
        None => notice("the browser does not open: there is no folder for the file that leads there"),
    }
    None
}

/// Returns the host and port under which this machine reaches the page.
fn here(listen: SocketAddr) -> String {
    match listen.ip() {
        // Not localhost: a browser may try the other family first, where anybody may listen.
        IpAddr::V4(ip) if ip.is_unspecified() => format!("127.0.0.1:{}", listen.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[::1]:{}", listen.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => listen.to_string(),
    }
}

/// Returns the names under which the page is served.
fn hosts(listen: SocketAddr, allowed: &[String]) -> Vec<String> {
    let port = listen.port();
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "[::1]".into()];
    names.push(match listen.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    });
    let mut hosts: Vec<_> = names.iter().map(|name| format!("{name}:{port}")).collect();
    if port == 80 {
        hosts.append(&mut names);
    }
    for name in allowed {
        hosts.push(name.clone());
        hosts.push(format!("{name}:{port}"));
    }
    hosts
}

/// Makes the client of each tab.
struct Tabs {
    args: Web,
    servers: Vec<SocketAddr>,
    counters: Counters,
}

impl Host for Tabs {
    fn open(&mut self, first: &str) -> Result<Opened, Vec<Vec<u8>>> {
        let joining = Joining::read(first).map_err(|(code, why)| end(Exit::Usage, &why, Some(code)))?;
        let nick = joining.nick.or_else(|| self.args.nick.clone());
        let Some(nick) = nick else { return Err(end(Exit::Usage, "no nick yet", Some("no-nick"))) };
        let kept = joining.kept.map(crate::net::kept::Kept::read).transpose();
        let kept = kept.map_err(|why| end(Exit::Usage, why, Some("malformed")))?;
        let kept = kept.filter(|(instance, outbox, _)| !self.counters.is_stale(*instance, outbox.next));
        let (instance, outbox, left) =
            kept.unwrap_or_else(|| (Instance(random()), Default::default(), Default::default()));
        let wanted =
            Wanted { nick, stays: true, present: true, unnamed: false, instance: None, key: None, server: None };
        let prepared = prepare_at(self.servers.clone(), &self.args.target, self.args.dialects, wanted);
        let (mut config, known) = prepared.map_err(|Failure { exit, message }| {
            end(exit, message.as_deref().unwrap_or("this tab cannot come in"), None)
        })?;
        if let Some(identity) = &mut config.identity {
            identity.instance = instance;
            identity.outbox = Some(outbox.clone());
            identity.place = joining.place;
            identity.contacts = known.contacts().unwrap_or_else(|why| {
                notice(why);
                Contacts::NONE
            });
            identity.history = joining.history;
            identity.receipts = !self.args.no_receipts;
            identity.takes = TAKES;
        }
        let timeout = self.args.target.timeout;
        let tab = TabMode::new(timeout, known, self.counters.clone(), instance, (outbox, left));
        Ok(Opened { instance, config, tab: Box::new(tab) })
    }
}

/// Returns the objects for a tab that cannot come in.
fn end(exit: Exit, why: &str, code: Option<&'static str>) -> Vec<Vec<u8>> {
    json::line(&Told::End { exit: exit as u8, why: Some(why), code }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_answers_under_the_names_of_this_machine_and_those_that_were_allowed() {
        let listen: SocketAddr = "127.0.0.2:9980".parse().unwrap();
        let allowed = hosts(listen, &["chat.example".into()]);
        for name in ["localhost:9980", "127.0.0.1:9980", "[::1]:9980", "127.0.0.2:9980", "chat.example"] {
            assert!(allowed.contains(&name.to_owned()), "{name}");
        }
        assert!(!allowed.contains(&"localhost".to_owned()));
        assert!(hosts("127.0.0.1:80".parse().unwrap(), &[]).contains(&"localhost".to_owned()));
        assert_eq!(here("0.0.0.0:7".parse().unwrap()), "127.0.0.1:7");
        assert_eq!(here("[::]:7".parse().unwrap()), "[::1]:7");
        assert_eq!(here("[::1]:7".parse().unwrap()), "[::1]:7");
    }
}
