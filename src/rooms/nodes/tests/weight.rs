//! What a tab on another node costs this one.

use std::{env, fs, process::Command};

use super::{
    super::wire::{Change, Message},
    *,
};
use crate::rooms::roster::{Hold, Standing, Word};

const TABS: usize = 100_000;
const ROOMS: usize = 100;

/// Memory for each, at most; 25 MB in all would be allowed.
const MAX_BYTES: usize = 210;

/// Set for the process that is weighed: in this one other tests run.
const WEIGHED: &str = "HUBBUB_TEST_WEIGHED";

#[test]
fn a_hundred_thousand_tabs_elsewhere_take_25_mb_at_most() {
    if env::var_os(WEIGHED).is_some() {
        println!("bytes={}", weigh());
        return;
    }
    let test = thread_name();
    let mut run = Command::new(env::current_exe().unwrap());
    let run = run.args(["--exact", &test, "--nocapture"]).env(WEIGHED, "1");
    let said = run.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let bytes = said.lines().find_map(|line| line.split_once("bytes=")?.1.parse::<usize>().ok());
    let bytes = bytes.unwrap_or_else(|| panic!("{said}"));
    println!("a tab elsewhere takes {bytes} bytes");
    assert!(bytes <= MAX_BYTES, "{bytes}");
    assert!(bytes > 50, "{bytes}: it was not measured");
}

fn thread_name() -> String {
    std::thread::current().name().unwrap().to_owned()
}

fn weigh() -> usize {
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    paused.unwrap().block_on(async {
        let roster = Roster::new();
        let mut peers = Peers::new(2, roster.clone());
        let mut number = 0;
        let mut hear = |tabs: std::ops::Range<usize>, here: bool| {
            let changes = tabs.map(|tab| {
                let name = name(&format!("name {tab}"));
                let word = Word { name, browser: 1, standing: Standing::Here, hold: Hold::Stream };
                let room = RoomName::parse(&format!("room-{}", tab % ROOMS)).unwrap();
                // Like one that is random, and each once.
                let id = (tab as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                Change::Tab(room, id.to_be_bytes(), here.then_some(word))
            });
            for mut message in Message::with(1, changes) {
                number += 1;
                message.number = number;
                peers.hear(&message.encode(), Instant::now());
            }
        };
        // Rooms, and what the ways there take, are there before.
        hear(0..1000, true);
        hear(0..1000, false);
        let before = memory();
        for first in (0..TABS).step_by(1000) {
            hear(first..first + 1000, true);
        }
        let after = memory();
        let known: usize = roster.occupied("", ROOMS).iter().map(|(_, count)| count).sum();
        assert_eq!(known, TABS);
        (after - before) / TABS
    })
}

/// What this process has in memory, in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
