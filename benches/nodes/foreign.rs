//! What another node's tabs cost one.

use std::time::{Duration, Instant};

use super::{
    Result, get,
    servers::Nats,
    support::{App, Connection, ms, quick},
};

/// Tabs of a node that are said together, and are in one room.
const TABS_AT_ONCE: usize = 1000;

/// Tabs of a further node, which the bench plays: what each costs a node in memory, and when all of them
/// are known everywhere.
pub async fn tabs(nats: &Nats, apps: [&App; 2]) -> Result<()> {
    let count: usize = if quick() { 10_000 } else { 100_000 };
    let client = async_nats::connect(nats.url(0)).await?;
    let mut number = 0;
    let mut say = |rest: String| {
        number += 1;
        let said = format!(r#"{{"v":1,"node":"00000000000bec01","n":{number}{rest}}}"#);
        client.publish("hubbub.presence", said.into())
    };
    let before = apps.map(|app| app.memory("VmRSS"));
    say(r#","s":"beat""#.to_owned()).await?;
    let begun = Instant::now();
    for first in (0..count).step_by(TABS_AT_ONCE) {
        // Here, by a stream, as `rooms::nodes` has it in numbers.
        let tab = |tab: usize| format!(r#"["{:032x}","name {tab}",9,1]"#, (tab as u128 + 1) << 64);
        let all: Vec<_> = (first..first + TABS_AT_ONCE).map(tab).collect();
        let room = first / TABS_AT_ONCE;
        say(format!(r#","rooms":{{"foreign-{room}":{{"t":[{}]}}}}"#, all.join(","))).await?;
    }
    let last = format!("/rooms/foreign-{}/presence?format=json", count / TABS_AT_ONCE - 1);
    let all = format!(r#""count":{TABS_AT_ONCE},"#);
    for (app, before) in apps.into_iter().zip(before) {
        let mut connection = Connection::open(app.address()).await?;
        // What a node says comes in order.
        while !String::from_utf8_lossy(connection.ask(get(app, &last).as_bytes()).await?)
            .contains(&all)
        {
            assert!(begun.elapsed() < Duration::from_secs(8), "not known before it is dropped");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!(
            "{count} tabs of another node were known after {:.0} ms, in {} bytes each",
            ms(begun.elapsed()),
            app.memory("VmRSS").saturating_sub(before) * 1024 / count as u64
        );
    }
    say(r#","s":"bye""#.to_owned()).await?;
    client.flush().await?;
    Ok(())
}
