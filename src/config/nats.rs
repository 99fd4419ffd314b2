//! The knobs of several nodes.

use clap::Args;

use super::file::{self, File};
use crate::nats::{LinkError, Options, Replicas, Servers};

/// What an operator can set of NATS, which several nodes share.
// Values that may be secret, or lie beside one, are not shown by `--help`.
#[derive(Clone, Debug, Args)]
pub struct NatsFlags {
    /// NATS servers that this node shares with others, as nats://a,nats://b; none for one node alone
    #[arg(
        id = "nats",
        long = "nats",
        env = "HUBBUB_NATS",
        value_name = "URLS",
        default_value = "none",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub servers: Servers,

    /// Name of the stream in NATS; installations that share servers have one each
    #[arg(
        id = "nats-stream",
        long = "nats-stream",
        env = "HUBBUB_NATS_STREAM",
        value_name = "NAME",
        default_value = "hubbub",
        allow_hyphen_values = true
    )]
    pub stream: String,

    /// NATS servers that keep each message: 1, 3 or 5; auto for 3 where there are three
    #[arg(
        id = "nats-replicas", long = "nats-replicas", env = "HUBBUB_NATS_REPLICAS", value_name = "N",
        default_value = "auto", value_parser = replicas, allow_hyphen_values = true
    )]
    pub replicas: Replicas,

    /// File with credentials for NATS (a JWT and its seed), or none
    #[arg(
        id = "nats-creds",
        long = "nats-creds",
        env = "HUBBUB_NATS_CREDS",
        value_name = "FILE",
        default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub creds: File,

    /// File with the seed of an nkey for NATS, or none
    #[arg(
        id = "nats-nkey",
        long = "nats-nkey",
        env = "HUBBUB_NATS_NKEY",
        value_name = "FILE",
        default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub nkey: File,

    /// File with the certificates that sign those of NATS (PEM), or none for the system's
    #[arg(
        id = "nats-ca",
        long = "nats-ca",
        env = "HUBBUB_NATS_CA",
        value_name = "FILE",
        default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub ca: File,

    /// File with a certificate for NATS (PEM), or none
    #[arg(
        id = "nats-cert",
        long = "nats-cert",
        env = "HUBBUB_NATS_CERT",
        value_name = "FILE",
        default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub cert: File,

    /// File with that certificate's key (PEM), or none
    #[arg(
        id = "nats-key",
        long = "nats-key",
        env = "HUBBUB_NATS_KEY",
        value_name = "FILE",
        default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub key: File,

    /// JetStream domain that the stream is in, or none
    #[arg(
        id = "nats-domain",
        long = "nats-domain",
        env = "HUBBUB_NATS_DOMAIN",
        value_name = "NAME",
        default_value = "none",
        allow_hyphen_values = true
    )]
    pub domain: String,
}

impl NatsFlags {
    /// All of it together.
    ///
    /// # Errors
    ///
    /// Where a certificate has no key, or a key no certificate.
    pub fn options(&self) -> Result<Options, LinkError> {
        let missing =
            |flag| LinkError::Flag { flag, why: "a certificate and its key go together".into() };
        let identity = match (self.cert.0.clone(), self.key.0.clone()) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(missing("--nats-key")),
            (None, Some(_)) => return Err(missing("--nats-cert")),
        };
        Ok(Options {
            servers: self.servers.clone(),
            stream: self.stream.clone(),
            replicas: self.replicas,
            creds: self.creds.0.clone(),
            nkey: self.nkey.0.clone(),
            ca: self.ca.0.clone(),
            identity,
            domain: Some(self.domain.clone()).filter(|domain| domain != "none"),
        })
    }
}

fn replicas(raw: &str) -> Result<Replicas, String> {
    match raw.trim() {
        "auto" => Ok(Replicas::Auto),
        raw => raw
            .parse()
            .ok()
            .filter(|count| matches!(count, 1 | 3 | 5))
            .map(Replicas::Count)
            .ok_or_else(|| "try 1, 3, 5 or auto".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cli;
    use clap::Parser as _;

    fn flags(given: &[&str]) -> NatsFlags {
        Cli::try_parse_from(["hubbub"].iter().chain(given)).unwrap().config.nats
    }

    #[test]
    fn without_a_flag_a_node_is_alone() {
        assert!(!flags(&[]).servers.are_named());
        assert!(flags(&["--nats", "nats://a"]).servers.are_named());
    }

    #[test]
    fn a_certificate_and_its_key_go_together() {
        let whole = flags(&["--nats-cert", "c", "--nats-key", "k"]).options().unwrap();
        assert_eq!(whole.identity, Some(("c".into(), "k".into())));
        for (given, missing) in
            [(["--nats-cert", "c"], "--nats-key"), (["--nats-key", "k"], "--nats-cert")]
        {
            let why = flags(&given).options().unwrap_err().to_string();
            assert!(why.starts_with(missing), "{why}");
        }
    }

    #[test]
    fn a_password_is_in_no_debug_output_and_no_error() {
        let flags = flags(&["--nats", "http://ann:hunter2@a"]);
        let why = flags.servers.to_string();
        assert!(!format!("{flags:?} {why}").contains("hunter2"));
    }

    #[test]
    fn so_many_replicas_as_there_can_be() {
        assert_eq!(replicas("auto"), Ok(Replicas::Auto));
        assert_eq!(replicas("3"), Ok(Replicas::Count(3)));
        for raw in ["0", "2", "7", "x", "-1"] {
            assert!(replicas(raw).is_err(), "{raw}");
        }
    }
}
