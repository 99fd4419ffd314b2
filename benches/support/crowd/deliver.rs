use std::io;

use super::Crowd;

impl Crowd {
    /// Sends a message, the first of which has the number 0, and goes on until each reader has it and the
    /// sender its answer.
    pub fn deliver(&mut self, sender: usize, request: &[u8], number: u64) -> io::Result<()> {
        self.send(sender, request)?;
        let due = usize::try_from(number).expect("not that many") + 1;
        self.until("a message", |crowd| crowd.complete() == due && crowd.acknowledged.len() == due)
    }
}
