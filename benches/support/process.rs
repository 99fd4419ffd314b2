//! Where what is measured runs, and where the bench itself does. What a process is, how a hubbub is
//! started and what the kernel says of it is the tests' own.

#[path = "../../tests/support/process/mod.rs"]
mod shared;

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    thread,
};

pub use shared::*;

/// Where what is measured runs, and where the bench itself does, so that neither takes the other's
/// time and the ratios hold on any machine with two processors.
const SERVER: &str = "0";
const LOAD: &str = "1";

/// Says to the bench that it runs where it should.
const PINNED: &str = "HUBBUB_BENCH_PINNED";

/// This bench's own binary in another role, on the processor of what is measured: it is given bytes
/// on its standard input, and says there where it listens.
pub fn in_role(role: &str, given: &[u8]) -> io::Result<(Process, String)> {
    let mut child = on_server(env::current_exe()?)
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let process = Process::new(child);
    // Closed behind it, which says that this was all.
    stdin.expect("piped").write_all(given)?;
    let mut address = String::new();
    BufReader::new(stdout.expect("piped")).read_line(&mut address)?;
    Ok((process, address.trim().to_owned()))
}

/// What stands before a program's name to run it on the processor of what is measured.
pub fn server_prefix() -> &'static [&'static str] {
    prefix(&["taskset", "-c", SERVER])
}

/// The command that runs `program` there.
pub fn on_server(program: impl AsRef<OsStr>) -> Command {
    command(server_prefix(), program.as_ref())
}

/// The command that runs `program` on the processor of the load.
pub fn on_load(program: impl AsRef<OsStr>) -> Command {
    command(prefix(&["taskset", "-c", LOAD]), program.as_ref())
}

fn prefix(pinned: &'static [&'static str]) -> &'static [&'static str] {
    if env::var(PINNED).is_ok_and(|pinned| pinned == "no") { &[] } else { pinned }
}

fn command(prefix: &[&str], program: &OsStr) -> Command {
    let Some((first, more)) = prefix.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(more).arg(program);
    command
}

/// Moves the bench to its own processor, by starting it anew there.
pub fn pin() {
    if env::var_os(PINNED).is_some() {
        return;
    }
    // The command comes with util-linux.
    let able = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
        && program::find("taskset").is_some();
    let mut command = Command::new("taskset");
    if able {
        command.args(["-c", LOAD]).arg(env::current_exe().expect("a path")).env(PINNED, "yes");
    } else {
        println!("Not pinned to processors (two, and taskset, are needed): read nothing into it.");
        command = Command::new(env::current_exe().expect("a path"));
        command.env(PINNED, "no");
    }
    panic!("it cannot be started anew: {}", command.args(env::args_os().skip(1)).exec());
}
