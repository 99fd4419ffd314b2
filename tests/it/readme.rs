//! What the README tells people to run, run as it stands.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    client::{Message, client, send},
    support::{
        App, Server, TestApp,
        host::operator,
        shell::{Running, Shell},
        until,
    },
};

/// The fenced blocks in a language of what the README says of terminals, for the server at `address`.
fn blocks(language: &str, address: &str) -> Vec<String> {
    blocks_of("From a terminal", language, address)
}

/// Those of one of its chapters.
fn blocks_of(chapter: &str, language: &str, address: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once(&format!("\n## {chapter}\n")).expect("the section");
    let readme = section.split("\n## ").next().expect("its end");
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1).map(|rest| rest.split_once("```\n").unwrap().0);
    let blocks = blocks.map(|block| {
        assert!(block.contains("http://127.0.0.1:3000/"), "{block}");
        block.replace("127.0.0.1:3000", address)
    });
    blocks.collect()
}

/// The lines, the loop, and the bot in sh.
fn scripts(address: &str) -> [String; 3] {
    blocks("sh", address).try_into().expect("three blocks")
}

/// The messages of the lobby.
async fn lobby(app: &impl Server) -> Vec<Message> {
    let url = app.url("/rooms/lobby/messages?format=json&limit=200");
    client().get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn each_line_of_the_readme_runs_as_it_stands() {
    let app = TestApp::start();
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let [lines, ..] = scripts(app.address());
    let (room, lines) = lines.split_once('\n').unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    let run = |line: usize| shell.run(&format!("{room}\n{}", lines[line]));
    let read = |line: usize| -> Message { serde_json::from_str(&run(line)).unwrap() };

    let sent = [read(0), read(1), read(1), read(2)];
    let said = sent.each_ref().map(|it| (it.seq, it.name.as_str(), it.text.as_str()));
    assert_eq!(said[..3], [(1, "ann", "R&D: 1+1 = 2"), (2, "ann", "done"), (2, "ann", "done")]);
    assert_eq!((said[3].0, said[3].1), (3, "cron"));
    assert!(said[3].2.contains(':'), "the time: {said:?}");

    let follower = shell.start("sh", "-c", &format!("{room}\n{}", lines[3]));
    follower.until("what was said", |log| log.contains(" cron: "));
    send(&app, "lobby", "bob", "hi").await;
    let log = follower.until("what is said", |log| log.ends_with(" bob: hi\n"));
    let said: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("Z ")).map(|it| it.1).collect();
    assert_eq!(said[..2], ["ann: R&D: 1+1 = 2", "ann: done"]);
    assert_eq!(said.len(), 4, "{log:?}");
    drop(follower);

    let newest: Vec<Message> = serde_json::from_str(&run(4)).unwrap();
    assert_eq!(newest, lobby(&app).await);
    assert_eq!(newest.len(), 4);
    until("who followed is gone", async || {
        (run(5) == "{\"count\":0,\"names\":[]}\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_lines_of_the_readme_on_who_may_run_as_they_stand() {
    let app = TestApp::start();
    let Some(shell) = Shell::with(&["curl", "grep", "cut"]) else { return };
    let [lines] = blocks_of("Who may", "sh", app.address()).try_into().expect("one block");
    let token = operator(&app.data());
    let said = shell.run(&format!("set -e\necho {token} > hubbub.db.operator\n{lines}"));
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [sent, slow, locked, ban, erased, log @ ..] = &*said else { panic!("{said:?}") };
    assert_eq!((&sent["room"], &sent["text"]), (&"den".into(), &"only us".into()));
    assert_eq!(
        (&slow["slow"], &slow["keep"], &slow["private"]),
        (&10.into(), &48.into(), &true.into())
    );
    assert_eq!(locked["locked"], true);
    assert!(ban["ban"].is_string(), "{ban}");
    assert_eq!(erased["erased"], 1);
    let what: Vec<_> = log.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["remove", "ban an address", "rules", "rules", "link", "open"]);
}

#[tokio::test]
async fn the_loop_of_the_readme_has_each_message_once_over_a_stop_a_kill_and_its_own_death() {
    let mut app = App::start();
    let Some(shell) = Shell::with(&["curl"]) else { return };
    let [_, follow, _] = scripts(app.address());
    let mut sent = vec![send(&app, "lobby", "ann", "before").await];
    let mut read = String::new();
    for round in 0..4 {
        let running = shell.start("sh", "-c", &follow);
        for number in 0..10 {
            let text = format!("{round}/{number}: \\n \"}} {{\"id\":\"x-1\"\n}}");
            sent.push(send(&app, "lobby", "ann", &text).await);
            if number == 4 && round < 3 {
                // Now and then while it reads, now and then before it does.
                if round > 0 {
                    let due = format!("{{\"id\":\"{}\"", sent[sent.len() - 1].id);
                    running.until("the first half", |read| read.contains(&due));
                }
                if round % 2 == 0 {
                    assert!(app.stop().success());
                } else {
                    app.kill();
                }
                app.start_again();
            }
        }
        let due = &sent[sent.len() - 1].id;
        // It notes a message once it is done with it: killed between the two, it would do it again.
        until("all", async || (shell.run("cat lobby.last || :") == *due).then_some(())).await;
        read += &running.until("all", |read| read.ends_with('\n'));
    }
    let read: Vec<Message> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, sent);
}

/// Texts that try to end what they stand in, and what a bot that repeats them has to say.
const HOSTILE: [&str; 10] = [
    "hi",
    "hi&username=eve&text=no",
    "\",\"username\":\"eve",
    "\\\",\\\"username\\\":\\\"eve",
    "\"} {\"username\":\"eve\",\"text\":\"no\"}",
    "$(touch eve) `touch eve` ; touch eve",
    "@/etc/passwd %41+%26 100%",
    "two\nlines \\n of \u{2028} text",
    "x\",\"sent_at\":\"2026",
    "\"text\":\"!say caf\u{e9} 👩‍💻",
];

async fn answers(start: impl Fn(&Shell, &str) -> Running, needs: &[&str]) {
    let mut app = App::start();
    let Some(shell) = Shell::with(needs) else { return };
    let mut expected: Vec<String> = Vec::new();
    send(&app, "lobby", "ann", "!say before you came").await;
    expected.push("before you came".into());
    let said = async |app: &App| -> Vec<String> {
        let parrot = lobby(app).await.into_iter().filter(|message| message.name == "parrot");
        parrot.map(|message| message.text).collect()
    };
    let bot = start(&shell, app.address());
    for (place, text) in HOSTILE.iter().enumerate() {
        // A name is not taken for a text, and no more than a text does it end what it stands in.
        let name = if place % 2 == 0 { "ann" } else { "\",\"text\":\"!say eve" };
        send(&app, "lobby", name, &format!("!say {text}")).await;
        send(&app, "lobby", name, &format!("say {text} !say no")).await;
        expected.push((*text).to_owned());
        if place == 3 {
            until("it has answered", async || (said(&app).await == expected).then_some(())).await;
            app.kill();
            app.start_again();
        }
        if place == 6 {
            assert!(app.stop().success());
            app.start_again();
        }
    }
    until("it has answered", async || (said(&app).await.len() >= expected.len()).then_some(()))
        .await;
    // One that comes later looks at all of it again, and answers nothing twice.
    drop(bot);
    let _bot = start(&shell, app.address());
    send(&app, "lobby", "ann", "!say the end").await;
    expected.push("the end".into());
    until("it has answered", async || (said(&app).await.len() >= expected.len()).then_some(()))
        .await;
    // A send that fails while the server is away is made up for later, after what came meanwhile.
    let mut said = said(&app).await;
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
    let names = lobby(&app).await.into_iter().map(|message| message.name);
    let names: BTreeSet<String> = names.collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["\",\"text\":\"!say eve", "ann", "parrot"]);
    assert_eq!(shell.run("ls"), "", "nothing was run, and nothing written");
}

#[tokio::test]
async fn the_bot_in_sh_answers_each_once_and_cannot_be_made_to_send_anything_else() {
    let start = |shell: &Shell, address: &str| shell.start("sh", "-c", &scripts(address)[2]);
    answers(start, &["curl"]).await;
}

#[tokio::test]
async fn the_bot_in_python_answers_each_once_and_cannot_be_made_to_send_anything_else() {
    let start = |shell: &Shell, address: &str| {
        let [bot] = blocks("python", address).try_into().expect("one block");
        shell.start("python3", "-c", &bot)
    };
    answers(start, &["python3"]).await;
}
