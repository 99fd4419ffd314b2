//! The journal in the real program, when what writes it fails. Its contract's cases are in
//! `src/journal/tests/`.

use crate::support::{App, soon};

#[tokio::test]
async fn when_the_writer_panics_its_batch_is_stored_and_nobody_is_told_that_it_was_not() {
    let mut app = App::under("export HUBBUB_FAULT=journal:3", &[]);
    let http = reqwest::Client::new();
    let mut answered = Vec::new();
    for number in ["1", "2", "3", "4"] {
        let form = [("username", "ann"), ("text", number), ("key", number)];
        let sending = http.post(app.url("/rooms/lobby/messages")).form(&form).send();
        // Whoever watches over the writer may have ended the process by now.
        let status = soon("an answer or an end", sending).await.map(|answer| answer.status());
        answered.push(status.map_or(0, |status| status.as_u16()));
    }
    assert_eq!(answered[..2], [201, 201]);
    assert!(answered[2..].iter().all(|status| [0, 503].contains(status)), "{answered:?}");
    assert_eq!(app.wait().code(), Some(1));
    let home = app.home();
    let file = rusqlite::Connection::open(home.path().join("hubbub.db")).unwrap();
    let stored: Vec<String> = file
        .prepare("SELECT body FROM entries ORDER BY seq")
        .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
        .unwrap();
    assert_eq!(stored, ["1", "2", "3"], "the third was on disk when its answer was due");
}
