//! `udpchat sim` as its users see it.
#![allow(clippy::unwrap_used)] // tests are allowed to

use std::process::{Command, Output};

fn sim(args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_udpchat")).arg("sim").args(args.split_whitespace()).output().unwrap()
}

fn stdout(args: &str) -> String {
    let output = sim(args);
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_two_dialects_stand_side_by_side_in_the_same_weather() {
    let table = stdout("--clients 4 --messages 100 --loss 10% --delay 40ms --seed 7");
    let row = |title: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(title)).unwrap_or_else(|| panic!("{title}: {table}"));
        line[24..].split_whitespace().map(str::to_owned).collect()
    };
    assert!(table.lines().next().unwrap().split_whitespace().eq(["text", "session"]));
    assert_eq!(row("sent"), ["100", "100"]);
    assert_eq!(row("lost")[1], "0");
    assert_ne!(row("lost")[0], "0", "at 10 % each way something is lost of 400 copies");
    assert_eq!(row("converged after")[0], "never");
}

#[test]
fn json_is_one_object_with_a_key_for_each_dialect() {
    let json: serde_json::Value = serde_json::from_str(&stdout("--messages 50 --loss 5% --json")).unwrap();
    for dialect in ["text", "session"] {
        for key in ["sent", "delivered", "lost", "duplicated", "out_of_order"] {
            assert!(json[dialect][key].is_u64(), "{dialect}.{key}: {json}");
        }
    }
    let only = serde_json::from_str::<serde_json::Value>(&stdout("--messages 5 --dialect session --json")).unwrap();
    assert_eq!(only.as_object().unwrap().keys().collect::<Vec<_>>(), ["session"]);
}

#[test]
fn the_same_seed_gives_the_same_output_to_the_byte() {
    let storm = "--weather storm --messages 100 --restart-server --restart-clients --trace --seed";
    assert_eq!(stdout(&format!("{storm} 3")), stdout(&format!("{storm} 3")));
    assert_ne!(stdout(&format!("{storm} 3")), stdout(&format!("{storm} 4")));
}

#[test]
fn the_story_shows_a_handshake_a_retransmission_and_a_rebinding() {
    let story = stdout("--clients 3 --messages 60 --loss 20% --delay 40ms --rebind --dialect session --trace");
    for scene in
        ["probe \"SIGNUP_TAG:client0\"", "token ", "hello, 1200 B", "answer, ", "finish, ", "welcome, from 0 on"]
    {
        assert!(story.contains(scene), "{scene}");
    }
    assert!(story.contains("[lost]") && story.contains("have all before"), "what is missing is reported");
    assert!(
        story.contains(" is at 10.1.0.0:40001 now")
            && story.contains("path challenge")
            && story.contains("path response")
    );
}

#[test]
fn every_named_weather_and_every_fault_ends_well() {
    for weather in ["wifi", "mobile", "satellite", "storm"] {
        stdout(&format!("--weather {weather} --messages 200 --dialect session"));
    }
    for fault in ["--partition 5s", "--rebind", "--restart-server", "--restart-server=new-log", "--restart-clients"] {
        stdout(&format!("--loss 5% --delay 20ms --jitter 10ms --duplicate 2% --reorder 5% --rate-limit 1Mbit {fault}"));
    }
}

#[test]
fn what_cannot_be_simulated_is_said() {
    let error = |args: &str| {
        let output = sim(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error("--loss 101%").contains("expected a share such as 10%"));
    assert!(error("--size 5").contains("from 12 to 990"));
    assert!(error("--clients 0").contains("a number from 1 to 100"));
    assert!(error("--rate-limit 1").contains("expected a rate such as 1Mbit"));
    assert!(error("--json --trace").contains("cannot be used with"));
}
