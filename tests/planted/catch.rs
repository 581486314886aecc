//! The tests catch the planted bugs: each by the promise that it breaks, and a panic of the core by what the members see.
//!
//! Built and run by `plant.py`, in a copy of the sources that contains the bugs of `faults`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, dead_code)] // tests are allowed to

mod adversary;
mod common;

mod bugs {
    use std::panic::catch_unwind;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use udpchat::planted::{self, Fault};
    use udpchat::sim::{self, Restart, Scenario, Weather};

    use crate::adversary;
    use crate::common::{Process, path_in, udpchat_with};

    /// The number of seeds in one of which a bug must show.
    const SEEDS: u64 = 40;

    /// The same for the bugs that need an adversary.
    const FAULT_SEEDS: u64 = 60;

    /// Returns a scenario in which everything that can go wrong does, so that any bug has a chance to show.
    fn storm(seed: u64) -> Scenario {
        let ms = Duration::from_millis;
        let loss = if seed.is_multiple_of(2) { 0.1 } else { 0.3 };
        Scenario {
            seed,
            clients: 4,
            messages: 60,
            interval: ms(20),
            weather: Weather {
                loss_up: loss,
                loss_down: loss,
                delay: ms(20),
                jitter: ms(10),
                duplicate: 0.05,
                reorder: 0.1,
                ..Weather::default()
            },
            partition: Some(ms(500)),
            rebind: true,
            restart_clients: seed % 3 == 1,
            attack: true,
            calms: true,
            ..Scenario::default()
        }
    }

    /// Returns the storm, adapted so that the fault can do harm.
    fn scenario(fault: Option<Fault>, seed: u64) -> Scenario {
        let storm = storm(seed);
        match fault {
            Some(Fault::RepostInNewLog) => Scenario { restart_server: Some(Restart::NewLog), attack: false, ..storm },
            Some(Fault::DropTail | Fault::NoisyReconnect) => {
                Scenario { restart_server: Some(Restart::SameLog), ..storm }
            }
            Some(Fault::WakeEverybody | Fault::SendPrivateToAll) => Scenario { private: 1, ..storm },
            Some(Fault::CountPeople) => Scenario { reads: 0.5, announce_each: 1, clients: 6, ..storm },
            Some(Fault::ClaimReceipts) => Scenario { reads: 0.1, ..storm },
            Some(Fault::AcceptRejected) => Scenario { commit_reject: 0.2, ..storm },
            Some(Fault::AcceptBeforeCommit) => Scenario { commit_late: Duration::from_millis(100), ..storm },
            Some(Fault::ConfuseInstances) => Scenario { restart_clients: true, ..storm },
            Some(Fault::SilentGap) => {
                // While half of the clients are cut off, more is posted than the log keeps.
                Scenario {
                    keep_entries: Some(50),
                    messages: 400,
                    size: 900,
                    interval: Duration::from_millis(2),
                    rebind: false,
                    ..storm
                }
            }
            _ => storm,
        }
    }

    /// Returns the first violation that the fault causes, and its seed.
    fn caught(fault: Fault) -> Option<(u64, String)> {
        (0..SEEDS).find_map(|seed| {
            let scenario = scenario(Some(fault), seed);
            planted::plant(None);
            let sound = sim::run(&scenario, false).violations;
            assert!(sound.is_empty(), "without the fault, seed {seed}: {sound:?}");
            planted::plant(Some(fault));
            // A bug may also break an assertion of the core itself.
            let violations = catch_unwind(|| sim::run(&scenario, false).violations);
            planted::plant(None);
            match violations {
                Ok(violations) => violations.into_iter().next().map(|violation| (seed, violation)),
                Err(_) => None,
            }
        })
    }

    #[test]
    fn every_planted_fault_is_caught() {
        let mut missed = Vec::new();
        for fault in Fault::ALL {
            match caught(fault) {
                Some((seed, violation)) => println!("{fault:?}: seed {seed}: {violation}"),
                None => missed.push(fault),
            }
        }
        assert!(missed.is_empty(), "in {SEEDS} seeds nothing is seen of {missed:?}");
    }

    /// Returns the violation or panic, if any, of a run with the adversary or a hostile server.
    fn shows(seed: u64, fault: Fault) -> Option<String> {
        let run = || {
            if matches!(fault, Fault::ReconnectAtOnce | Fault::ShowRepeats | Fault::SealNoNicks) {
                adversary::hostile_server(seed).violations
            } else {
                sim::run(&adversary::scenario(seed), false).violations
            }
        };
        match catch_unwind(run) {
            Ok(violations) => violations.into_iter().next(),
            Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into())),
        }
    }

    #[test]
    fn each_planted_way_to_hurt_others_is_found() {
        let mut missed = Vec::new();
        for fault in Fault::HOSTILE {
            let found = (0..FAULT_SEEDS).find_map(|seed| {
                planted::plant(None);
                assert_eq!(shows(seed, fault), None, "without the fault, seed {seed}");
                planted::plant(Some(fault));
                let shown = shows(seed, fault);
                planted::plant(None);
                shown.map(|what| (seed, what))
            });
            match found {
                Some((seed, what)) => println!("{fault:?}: seed {seed}: {what}"),
                None => missed.push(fault),
            }
        }
        assert!(missed.is_empty(), "in {FAULT_SEEDS} seeds nothing is seen of {missed:?}");
    }

    /// The text of the post that makes the server panic.
    const PANIC: &str = planted::PANIC;

    fn serve(home: &Path, bind: &str) -> (Process, String) {
        let mut command = udpchat_with(&["serve", "--bind", bind, "--db"]);
        command.arg(home.join("room.db")).arg("--key").arg(home.join("server.key")).env("UDPCHAT_PLANT_PANIC", "1");
        let process = Process::start(&mut command);
        let shown = process.stderr.wait_until("the address", |shown, _| shown.contains("listening on "));
        let address = shown.split_once("listening on ").unwrap().1.split_whitespace().next().unwrap().to_owned();
        (process, address)
    }

    /// Returns the command that runs the program as a user whose keys are in `home`.
    fn user(home: &Path, args: &[&str]) -> Command {
        let mut command = udpchat_with(args);
        command.env("XDG_STATE_HOME", home);
        command
    }

    #[test]
    fn a_panic_of_the_core_tells_the_members_and_the_next_server_goes_on_without_who_made_it_panic() {
        let homes = tempfile::tempdir().unwrap();
        let [server_home, jill_home, mallory_home] = ["server", "jill", "mallory"].map(|name| path_in(&homes, name));
        for home in [&server_home, &jill_home, &mallory_home] {
            std::fs::create_dir(home).unwrap();
        }
        let (mut server, address) = serve(&server_home, "127.0.0.1:0");
        let mut jill = Process::start_on_terminal(&mut user(&jill_home, &["join", "-n", "jill", "-s", &address]));
        jill.stdout.wait_for("jill joined!");
        jill.enter("before\n");
        jill.stdout.wait_for("jill: before");
        let mut mallory =
            Process::start(&mut user(&mallory_home, &["send", "-n", "mallory", "-t", "1s", "-s", &address, PANIC]));
        jill.stdout.wait_for(&format!("udpchat: {address} shut down; retrying"));
        assert_ne!(server.code(), 0, "the supervisor is to start it again");
        let said = server.stderr.to_end();
        assert!(said.contains("the server crashed while handling a datagram from key "), "{said}");
        assert_eq!(mallory.code(), 5, "{}", mallory.stderr.so_far());

        let (server, _) = serve(&server_home, &address);
        assert!(server.stderr.so_far().contains("is refused for "), "{}", server.stderr.so_far());
        jill.stdout.wait_for(&format!("udpchat: {address} is back"));
        jill.enter("after\n");
        jill.stdout.wait_for("jill: after");
        let mut mallory =
            Process::start(&mut user(&mallory_home, &["send", "-n", "mallory", "-s", &address, "and again"]));
        assert_eq!(mallory.code(), 4, "{}", mallory.stderr.so_far());
        assert!(mallory.stderr.to_end().contains("refuses your key for some minutes"), "{}", mallory.stderr.so_far());
        let mut jack =
            Process::start(&mut user(&server_home, &["send", "-n", "jack", "-s", &address, "others are not refused"]));
        assert_eq!(jack.code(), 0, "{}", jack.stderr.so_far());
        jill.stdout.wait_for("jack: others are not refused");
        let shown = jill.stdout.so_far();
        for once in ["jill: before", "jill: after", "jill joined!"] {
            assert_eq!(shown.matches(once).count(), 1, "{shown}");
        }
        assert!(!shown.contains("mallory"), "{shown}");
    }
}
