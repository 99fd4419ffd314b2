//! What an idle reader costs in memory: the resident set of the server with ten thousand streams
//! open and nothing said, less what it was before, for each stream. Beside nginx with nchan.
//!
//! Of a tab that joined, and of a stream without a name. Kernel memory is in neither.
//!
//! `cargo bench --bench idle`, with `-- 1000` for that many, `OTHER=path` for another build.

mod support;

use std::{io, time::Duration};

use support::{
    App, Connection, crowd::Crowd, nchan::Nchan, print_table, process::memory, quick, side::Side,
    tabs::Tab,
};

/// How many, unless the command line says.
const READERS: usize = 10_000;

/// How long nothing comes before it is measured: word of who is here comes twice a second at most.
const QUIET: Duration = Duration::from_millis(1500);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let asked = support::asked();
    let readers = asked.first().map_or(READERS, |asked| asked.parse().expect("how many readers"));
    let readers = if quick() { 100 } else { readers };
    let mut rows = Vec::new();
    rows.push(tabs("hubbub, a joined tab", App::pinned(&[]), readers).await?);
    rows.push(streams("hubbub, a stream", &Side::Hubbub(App::pinned(&[])), readers)?);
    if let Some(other) = App::other(&[]) {
        rows.push(tabs("the other build, a joined tab", other, readers).await?);
    }
    if let Some(other) = App::other(&[]) {
        rows.push(streams("the other build, a stream", &Side::Hubbub(other), readers)?);
    }
    if let Some(nchan) = Nchan::start()? {
        rows.push(streams("nginx with nchan", &Side::Nchan(nchan), readers)?);
    } else {
        println!("nginx with nchan is not installed (Debian: nginx libnginx-mod-nchan)");
    }
    // The last is the reference, where it is there.
    let reference = rows.last().expect("one at least").1;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(what, bytes, size)| {
            vec![what.into(), format!("{bytes:.0}"), format!("{:.2}", bytes / reference), size]
        })
        .collect();
    let title = format!("{readers} idle readers");
    print_table(&[&title, "bytes each", "ratio", "all of it, KB"], &rows);
    Ok(())
}

type Row = (&'static str, f64, String);

/// Each joins and opens its stream, as tabs do.
async fn tabs(what: &'static str, app: App, readers: usize) -> io::Result<Row> {
    let before = memory(app.id(), "VmRSS");
    let mut crowd = Crowd::new()?;
    let mut joins = Connection::open(app.address()).await?;
    for number in 0..readers {
        let tab = Tab::join(&mut joins, number).await?;
        crowd.open(app.address(), [tab.events(None)])?;
    }
    crowd.until_quiet(QUIET)?;
    Ok(row(what, before, memory(app.id(), "VmRSS"), readers))
}

fn streams(what: &'static str, side: &Side, readers: usize) -> io::Result<Row> {
    let before = memory(side.id(), "VmRSS");
    let mut crowd = Crowd::new()?;
    crowd.open(side.address(), (0..readers).map(|_| side.stream()))?;
    crowd.until_quiet(QUIET)?;
    Ok(row(what, before, memory(side.id(), "VmRSS"), readers))
}

#[expect(clippy::cast_precision_loss, reason = "not that many")]
fn row(what: &'static str, before: u64, after: u64, readers: usize) -> Row {
    let each = (after.saturating_sub(before) * 1024) as f64 / readers as f64;
    (what, each, format!("{before} to {after}"))
}
