//! What the benches share: a hubbub of their own on the disk that is measured, a client that
//! costs next to nothing, and tables.

#![allow(dead_code, reason = "no bench uses all of it")]

mod app;
pub mod crowd;
pub mod floor;
pub mod nchan;
pub mod process;
pub mod quiet;
pub mod side;
pub mod tabs;
pub mod tls;

use std::{env, io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub use app::App;
pub use process::directory;

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
    let head = &answer[..end];
    if head.starts_with(b"HTTP/1.1 204 ") {
        return true; // It has neither body nor length.
    }
    // hubbub's spelling, and nginx's.
    let length = number_after(head, b"content-length: ")
        .or_else(|| number_after(head, b"Content-Length: "))
        .expect("a length");
    answer.len() >= end + 4 + usize::try_from(length).expect("a length that fits")
}

/// The decimal number that follows the first `mark`.
pub fn number_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let start = text.windows(mark.len()).position(|part| part == mark)? + mark.len();
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit());
    let digits: Vec<u8> = digits.copied().collect();
    str::from_utf8(&digits).ok()?.parse().ok()
}

/// How long a bench may take: reached only by what hangs. Rounds beyond the usual need their time.
const LIMIT: Duration = Duration::from_mins(30);

/// Begins a bench: as the floor, when it was started as that, or on its own processor. Answers
/// whether there is something to measure.
pub fn begin() -> bool {
    let floor = floor::was_asked_for();
    if !floor {
        process::pin();
        // Ends with the bench, where that ends in time.
        std::thread::spawn(|| {
            std::thread::sleep(if quick() { LIMIT / 15 } else { LIMIT });
            eprintln!("it hangs");
            std::process::exit(1);
        });
    }
    !floor
}

/// Whether to try only that everything works, with figures that mean nothing: `--quick`.
pub fn quick() -> bool {
    env::args().any(|argument| argument == "--quick")
}

/// What the command line asks for beside flags: cargo passes some of its own.
pub fn asked() -> Vec<String> {
    env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect()
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
