//! Readers and senders over TLS.

use std::io::{self, Write as _};

use super::{
    super::tls::{Client, Wire},
    BATCH, Crowd,
};

impl Crowd {
    /// [`Crowd::open`] over TLS.
    pub fn open_encrypted(
        &mut self,
        address: &str,
        client: &Client,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> io::Result<()> {
        for request in requests {
            let mut socket = client.connect(address)?;
            socket.write_all(&request)?;
            self.register(Wire::encrypted(socket)?, None)?;
            self.until("answers", |crowd| crowd.readers.len() - crowd.opened < BATCH / 2)?;
        }
        self.until("answers", |crowd| crowd.opened == crowd.readers.len())
    }

    /// [`Crowd::add_sender`] over TLS.
    pub fn add_encrypted_sender(&mut self, address: &str, client: &Client) -> io::Result<usize> {
        let socket = client.connect(address)?;
        self.register_sender(Wire::encrypted(socket)?)
    }
}
