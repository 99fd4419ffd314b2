//! Failure 11: a peer vanishes without a word. A host of its own, in a network namespace, is cut
//! off; what the kernel says of the connection then is real.
//!
//! It needs root and `ip` (Debian: iproute2). Where these are missing the test says so and passes;
//! with `HUBBUB_NETWORK=required` it fails instead.

use std::process::{Child, Command, Stdio};

use crate::{
    client::{Tab, client},
    support::{Server, TestApp, process::program::not_run, until},
};

/// Another host: a namespace, and the cable to it.
struct Host {
    name: String,
    /// The cable's end here; its other end has a `b` at the end.
    cable: String,
    here: String,
}

impl Host {
    fn new() -> Option<Self> {
        let id = std::process::id();
        // A network of four addresses out of those for private use, by the process's id.
        let net = format!("10.231.{}.{}", id / 64 % 256, id % 64 * 4);
        let (base, last) = net.rsplit_once('.').expect("four parts");
        let last: u32 = last.parse().expect("a number");
        let here = format!("{base}.{}", last + 1);
        let host =
            Self { name: format!("hubbub-{id}"), cable: format!("hub{}", id % 100_000), here };
        let (a, b) = (&host.cable, format!("{}b", host.cable));
        let name = &host.name;
        let (our, their) = (format!("{}/30", host.here), format!("{base}.{}/30", last + 2));
        let steps: [&[&str]; 6] = [
            &["netns", "add", name],
            &["link", "add", a, "type", "veth", "peer", "name", &b, "netns", name],
            &["addr", "add", &our, "dev", a],
            &["link", "set", a, "up"],
            &["-n", name, "addr", "add", &their, "dev", &b],
            &["-n", name, "link", "set", &b, "up"],
        ];
        steps.iter().all(|step| ip(step)).then_some(host)
    }

    /// Reads `url` there, for as long as it goes on.
    fn read(&self, url: &str, cookie: &str) -> Reading {
        let mut curl = Command::new("ip");
        curl.args(["netns", "exec", &self.name, "curl", "-sN", "-H", &format!("Cookie: {cookie}")]);
        curl.args(["--max-time", "120", url]).stdout(Stdio::null()).stderr(Stdio::null());
        Reading(curl.spawn().expect("curl(1)"))
    }

    fn vanish(&self) {
        assert!(ip(&["-n", &self.name, "link", "set", &format!("{}b", self.cable), "down"]));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        ip(&["link", "del", &self.cable]);
        ip(&["netns", "del", &self.name]);
    }
}

/// A reader that ends with the test, however that ends.
struct Reading(Child);

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(args: &[&str]) -> bool {
    let ran = Command::new("ip").args(args).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn who_vanished_from_the_network_is_gone_after_keep_alive_and_grace() {
    let Some(host) = Host::new() else {
        not_run("it needs root and ip(8)", "HUBBUB_NETWORK");
        return;
    };
    let app = TestApp::listening(&format!("{}:0", host.here));
    let tab = Tab::join(&app, "lobby", "ann").await;
    let _curl = host.read(&app.url(&format!("{}/events", tab.path)), &tab.cookie);
    let here = async |count: usize| {
        let request = client().get(app.url("/rooms/lobby/presence"));
        let request = request.header("accept", "application/json");
        let people: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        (people["count"] == count).then_some(())
    };
    until("ann is here", async || here(1).await).await;
    host.vanish();
    // 20 s until the kernel gives the connection up, 5 s of grace; `until` waits 30 s.
    until("ann is gone", async || here(0).await).await;
}
