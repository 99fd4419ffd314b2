//! Who is joined is not refused for what another node has not said yet.

use super::*;

impl Net {
    /// Whether a node would refuse a tab now, and is certain of it.
    fn refuses(&mut self, node: usize, tab: usize, who: &str, since: Instant) -> bool {
        let Node { roster, peers, .. } = &mut self.nodes[node];
        let elsewhere = peers.count(&room(), &id(tab));
        let refused = roster.check_tab(&room(), &id(tab), &name(who), || elsewhere).is_err();
        peers.is_news_in(since, Instant::now()) && refused
    }

    fn leave(&mut self, node: usize, tab: usize) {
        let Node { roster, peers, .. } = &mut self.nodes[node];
        roster.leave(&room(), &id(tab));
        peers.tell(&room(), &id(tab), Aside::Left, Instant::now());
    }

    fn join(&mut self, node: usize, tab: usize, who: &str) {
        self.nodes[node].roster.join(&room(), &id(tab), &name(who), None, 0).unwrap();
    }
}

/// What the second node says comes late to the third, what it says of a room for the first time too.
#[tokio::test(start_paused = true)]
async fn who_left_and_joined_again_by_a_node_that_is_heard_late_is_not_refused_on_a_third() {
    let mut net = Net::of(3);
    let _ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    net.leave(1, 1);
    net.join(1, 2, "ann");
    let came = Instant::now();
    while came.elapsed() < Duration::from_secs(1) {
        time::advance(TELL_INTERVAL).await;
        net.tick(|from, to| from == 1 && to != 1);
        assert!(!net.refuses(2, 2, "ann", came), "after {:?}", came.elapsed());
    }
    net.pass(Duration::from_secs(1)).await;
    assert!(net.nodes[2].roster.check_tab(&room(), &id(2), &name("ann"), || 1).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_before_a_question_is_no_answer_to_it() {
    let mut net = Net::of(2);
    net.pass(Duration::from_secs(3)).await;
    time::advance(BEAT_INTERVAL).await;
    let on_its_way = net.nodes[0].peers.tick(Instant::now(), true);
    assert!(!on_its_way.is_empty(), "a beat");
    time::advance(TELL_INTERVAL).await;
    let since = Instant::now();
    for message in on_its_way {
        time::advance(TELL_INTERVAL).await;
        net.nodes[1].peers.hear(&message, Instant::now());
    }
    for _ in 0..4 {
        time::advance(TELL_INTERVAL).await;
        assert!(!net.nodes[1].peers.is_news_in(since, Instant::now()));
    }
    net.pass(TELL_INTERVAL * 3).await;
    assert!(net.nodes[1].peers.is_news_in(since, Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn who_left_a_node_that_was_parted_for_long_has_left_it_when_it_is_back() {
    for parted in [4, 8, 30] {
        let mut net = Net::of(3);
        let _ann = net.enter(0, 1, "ann");
        net.pass(Duration::from_secs(3)).await;
        net.nodes[0].linked = false;
        net.pass(Duration::from_secs(1)).await;
        net.leave(1, 1);
        net.pass(Duration::from_secs(parted)).await;
        net.join(1, 2, "ann");
        let came = Instant::now();
        net.nodes[0].linked = true;
        while came.elapsed() < Duration::from_secs(20) {
            net.pass(TELL_INTERVAL).await;
            for node in 0..3 {
                assert!(!net.refuses(node, 2, "ann", came), "by {node}, {:?}", came.elapsed());
            }
            if came.elapsed() > Duration::from_secs(4) {
                let roster = &net.nodes[0].roster;
                assert_eq!(roster.presence(&room(), &id(1)), Presence::Gone, "{parted}");
            }
            drop(net.enter(1, 2, "ann"));
        }
        assert_eq!(net.everywhere(), ["ann"; 3]);
    }
}

/// The node that has it said something of it before it heard that it left.
#[tokio::test(start_paused = true)]
async fn who_left_stays_gone_whatever_its_node_says_before_it_is_told() {
    let mut net = Net::of(3);
    let ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    net.leave(1, 1);
    drop(ann);
    let left = Instant::now();
    while left.elapsed() < Duration::from_secs(2) {
        time::advance(TELL_INTERVAL).await;
        net.tick(|from, to| (from, to) == (1, 0));
        for node in [1, 2] {
            let roster = &net.nodes[node].roster;
            assert!(roster.check(&room(), &name("ann")).is_ok(), "{:?}", left.elapsed());
        }
    }
}

/// What was said of who left was lost for all, and what is known of the node that has it as well.
#[tokio::test(start_paused = true)]
async fn who_left_is_told_again_to_nodes_that_come_back_and_miss_it_all() {
    let mut net = Net::of(3);
    let _ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    net.nodes[0].linked = false;
    net.pass(Duration::from_secs(2)).await;
    // The second node only hears that; and both drop the first.
    net.leave(1, 1);
    net.tick(|from, _| from == 1);
    net.pass(Duration::from_secs(14)).await;
    net.nodes[0].linked = true;
    net.join(1, 2, "ann");
    let came = Instant::now();
    let mut lost = 0;
    while came.elapsed() < Duration::from_secs(8) {
        time::advance(TELL_INTERVAL).await;
        // Half a second of what it says then is lost too.
        lost += 1;
        net.tick(|from, _| from == 1 && lost % 10 < 5);
        for node in 0..3 {
            assert!(!net.refuses(node, 2, "ann", came), "by {node} after {:?}", came.elapsed());
        }
        drop(net.enter(1, 2, "ann"));
    }
    assert_eq!(net.everywhere(), ["ann"; 3]);
}
