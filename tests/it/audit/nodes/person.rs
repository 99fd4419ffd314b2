//! People who join, come back to any node with their tab, leave, and join again.

use std::time::Duration;

use rand::{RngExt as _, rngs::StdRng};
use reqwest::{Client, Response, header};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::super::{between, people::any};
use crate::client::client;

/// How long a person waits for an answer, and bears silence on a stream.
const PATIENCE: Duration = Duration::from_secs(3);

/// How somebody is when all is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Here, by a stream.
    Stays,
    /// Gone, by the form.
    Leaves,
    /// Gone without a word.
    Vanishes,
}

/// Somebody of a name of their own.
pub struct Person {
    pub name: String,
    pub fate: Fate,
    pub task: JoinHandle<Lived>,
}

/// What somebody has been through.
#[derive(Default)]
pub struct Lived {
    pub joins: usize,
    pub streams: usize,
    joined: Option<Instant>,
    opened: Option<Instant>,
    /// How a tab that had not left was told that it is joined no more.
    pub lapsed: Option<String>,
    /// The stream by which they are here at the end.
    pub stream: Option<Response>,
}

impl Person {
    /// Begins to live on nodes whose addresses these are, until `over`.
    pub fn start(
        number: usize,
        nodes: Vec<String>,
        over: watch::Receiver<bool>,
        dice: StdRng,
    ) -> Self {
        let fate = [Fate::Stays, Fate::Leaves, Fate::Stays, Fate::Vanishes][number % 4];
        let name = format!("person {number}");
        let life = Life { name: name.clone(), nodes, over, dice, client: client() };
        Self { name, fate, task: tokio::spawn(life.live(fate)) }
    }
}

struct Life {
    name: String,
    nodes: Vec<String>,
    over: watch::Receiver<bool>,
    dice: StdRng,
    client: Client,
}

/// A tab's address on any node, and its cookie.
struct Tab {
    path: String,
    cookie: String,
}

impl Life {
    async fn live(mut self, fate: Fate) -> Lived {
        let mut lived = Lived::default();
        let mut tab = self.join(&mut lived).await;
        while !*self.over.borrow() {
            if let Some(answer) = self.stream(&tab, &mut lived).await {
                self.read(answer).await;
            } else if lived.lapsed.is_some() {
                return lived;
            }
            if self.dice.random_ratio(1, 6) {
                self.leave(&tab).await;
                tab = self.join(&mut lived).await;
            }
            let pause = between(&mut self.dice, 5, 300);
            sleep(pause).await;
        }
        match fate {
            Fate::Leaves => self.leave(&tab).await,
            Fate::Vanishes => {}
            Fate::Stays => {
                while lived.stream.is_none() && lived.lapsed.is_none() {
                    lived.stream = self.stream(&tab, &mut lived).await;
                }
            }
        }
        lived
    }

    /// Joins, however often it takes.
    async fn join(&mut self, lived: &mut Lived) -> Tab {
        loop {
            let url = format!("{}/rooms/audit/join", any(&self.nodes, &mut self.dice));
            let request = self.client.post(url).form(&[("username", &self.name)]);
            if let Ok(Ok(answer)) = timeout(PATIENCE, request.send()).await
                && answer.status() == 303
            {
                lived.joins += 1;
                lived.joined = Some(Instant::now());
                let text = |name| answer.headers()[name].to_str().unwrap().to_owned();
                let (path, cookie) = (text(header::LOCATION), text(header::SET_COOKIE));
                let cookie = cookie.split(';').next().unwrap().to_owned();
                return Tab { path, cookie };
            }
            // A join whose answer was lost stands in the way until its grace is over; and with the
            // servers gone nobody joins.
            let pause = between(&mut self.dice, 50, 500);
            sleep(pause).await;
        }
    }

    /// Leaves by the form, however often it takes.
    async fn leave(&mut self, tab: &Tab) {
        loop {
            let url = format!("{}{}/leave", any(&self.nodes, &mut self.dice), tab.path);
            let request = self.client.post(url).header(header::COOKIE, &tab.cookie);
            if let Ok(Ok(answer)) = timeout(PATIENCE, request.send()).await
                && answer.status() == 303
            {
                return;
            }
            let pause = between(&mut self.dice, 5, 150);
            sleep(pause).await;
        }
    }

    async fn stream(&mut self, tab: &Tab, lived: &mut Lived) -> Option<Response> {
        let url = format!("{}{}/events", any(&self.nodes, &mut self.dice), tab.path);
        let request = self.client.get(url).header(header::COOKIE, &tab.cookie);
        let answer = timeout(PATIENCE, request.send()).await.ok()?.ok()?;
        if answer.status() == 403 {
            let since = |at: Option<Instant>| at.map(|at| at.elapsed());
            let url = answer.url();
            let (joined, opened) = (since(lived.joined), since(lived.opened));
            println!("audit: {} at {url} was joined {joined:?} ago", self.name);
            lived.lapsed =
                Some(format!("{joined:?} after it joined, {opened:?} after a stream: {url}"));
            return None;
        }
        lived.streams += 1;
        lived.opened = Some(Instant::now());
        (answer.status() == 200).then_some(answer)
    }

    /// Reads for a while, until it ends, falls silent, or all is over.
    async fn read(&mut self, mut answer: Response) {
        let until = Instant::now() + between(&mut self.dice, 200, 6000);
        let reading =
            async { while let Ok(Ok(Some(_))) = timeout(PATIENCE, answer.chunk()).await {} };
        let mut over = self.over.clone();
        tokio::select! {
            _ = timeout_at(until, reading) => {}
            _ = over.wait_for(|over| *over) => {}
        }
    }
}
