//! What the benches share: a hubbub of their own on the disk that is measured, a client that
//! costs next to nothing, and tables.

#![allow(dead_code, reason = "no bench uses all of it")]

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A directory under the build directory, gone when dropped. Not in the system's own temporary
/// directory: that is often in memory, where a sync costs nothing.
pub fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the data")
}

/// The real binary, built as for a release. Dropped, it is killed, and its data with it.
pub struct App {
    child: Child,
    address: String,
    /// Kept for as long as it runs.
    home: Arc<TempDir>,
}

impl App {
    /// Starts one with more flags, on a free port and with an empty journal.
    pub fn with(flags: &[&str]) -> Self {
        Self::over(Arc::new(directory()), flags)
    }

    /// Starts one over the `hubbub.db` in `home`. It may be started there again when it has ended.
    pub fn over(home: Arc<TempDir>, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hubbub"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(home.path().join("hubbub.db"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("UTF-8");
        let address = line
            .trim()
            .strip_prefix("hubbub listening on http://")
            .unwrap_or_else(|| panic!("it says where it listens, not {line:?}"))
            .to_owned();
        Self { child, address, home }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its data file.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("hubbub.db")
    }

    /// The processor time it has used, in user and kernel mode; zero where there is no `/proc`.
    pub fn cpu(&self) -> Duration {
        /// Linux counts in hundredths of a second on every machine that it shows this file on.
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        // The fields after the name in parentheses begin with the third: proc_pid_stat(5).
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let ticks = fields.skip(14 - 3).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
        TICK * ticks.sum()
    }

    /// A size in KB out of `/proc/PID/status`, such as `VmRSS`; zero where there is none.
    pub fn memory(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    /// Ends it with no time to tidy up (`kill -9`).
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive HTTP/1.1 connection that writes prepared requests and parses no more of an answer
/// than its length: on few processors a full client would take its time from the server.
pub struct Connection {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects to `address`.
    pub async fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, read: Vec::with_capacity(4096) })
    }

    /// Sends one prepared request and gives the whole answer, head and body.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.socket.write_all(request).await?;
        self.read.clear();
        loop {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if whole(&self.read) {
                return Ok(&self.read);
            }
        }
    }
}

/// Whether `answer` holds its head and as much of a body as its `content-length` says.
fn whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let length = number_after(&answer[..end], b"content-length: ").expect("a length");
    answer.len() >= end + 4 + usize::try_from(length).expect("a length that fits")
}

/// The decimal number that follows the first `mark`.
pub fn number_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let start = text.windows(mark.len()).position(|part| part == mark)? + mark.len();
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit());
    let digits: Vec<u8> = digits.copied().collect();
    str::from_utf8(&digits).ok()?.parse().ok()
}

/// The value below which a share `p` of `values` lies.
pub fn percentile<T: Copy + PartialOrd>(values: &[T], p: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = ((sorted.len() - 1) as f64 * p).round() as usize;
    sorted[place]
}

/// The middle of `values`.
pub fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    percentile(values, 0.5)
}

/// In milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints rows under their titles: the first column to the left, the others to the right.
pub fn print_table(titles: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([titles[column].chars().count()]).max().unwrap_or(0)
    };
    let print = |row: &[String]| {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            match column {
                0 => line += &format!("{cell:<width$}"),
                _ => line += &format!("  {cell:>width$}"),
            }
        }
        println!("{}", line.trim_end());
    };
    print(&titles.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        print(row);
    }
}
