use super::*;

#[tokio::test(start_paused = true)]
async fn of_two_that_got_one_name_while_nodes_were_parted_one_keeps_it_on_all_nodes_alike() {
    for (first, second) in [(7, 3), (3, 7)] {
        let mut net = Net::of(3);
        net.pass(Duration::from_secs(3)).await;
        let there = net.enter(0, first, "sue");
        let other = net.enter(0, 9, "bob");
        net.pass(TELL_INTERVAL * 2).await;
        // The first node is cut off until the others have dropped it.
        net.nodes[0].linked = false;
        net.pass(Duration::from_secs(20)).await;
        let here = net.enter(1, second, "Sue");
        net.pass(TELL_INTERVAL * 2).await;
        assert_eq!(net.everywhere(), ["bob, sue", "Sue", "Sue"]);
        net.nodes[0].linked = true;
        net.pass(Duration::from_secs(20)).await;
        let kept = if first < second { "bob, sue" } else { "Sue, bob" };
        assert_eq!(net.everywhere(), [kept; 3], "{first} and {second}");
        let loser = if first < second { second } else { first };
        let (room, lost) = (room(), id(loser));
        let by = usize::from(loser == second);
        assert!(net.nodes[by].roster.has_left(&room, &lost), "its cookie proves nothing");
        drop((there, other, here));
    }
}
