//! What is listened on, bound before anything is served, so that a start fails in one line.

use std::{fs, io, net::SocketAddr, sync::Arc};

use tokio::sync::{Mutex, Notify};

use super::manager;
use crate::{
    acme::{Acme, Wanted},
    config::Config,
    server::{
        Address, Listener,
        tls::{CertificateFiles, Tls},
    },
};

/// What is listened on, and with which certificate.
pub struct Listeners {
    pub(super) served: Vec<Listener>,
    pub(super) admin: Option<Listener>,
    pub(super) redirect: Option<Listener>,
    pub(super) certificate: Option<Arc<CertificateFiles>>,
    /// Held while it runs, by the one who serves.
    pub(super) acme: Option<Arc<Mutex<Acme>>>,
    asking: Option<Arc<Notify>>,
}

impl Listeners {
    /// Reads the certificate, and listens: on what a service manager opened, where it did, and else
    /// on what is configured. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// A line that names the knob.
    pub fn bind(config: &Config) -> Result<Self, String> {
        let mut tls = None;
        let mut certificate = None;
        if let Some((file, key)) = config.tls.files()? {
            let new = Tls::new().map_err(|why| why.to_string())?;
            let files = CertificateFiles::open(file, key, new.clone());
            certificate = Some(Arc::new(files.map_err(|why| why.to_string())?));
            tls = Some(new);
        }
        let mut acme = None;
        if !config.tls.acme.0.is_empty() {
            if tls.is_some() {
                return Err("--acme: there is a certificate already, by --tls-cert".into());
            }
            let new = Tls::new().map_err(|why| why.to_string())?;
            let wanted = Wanted {
                names: config.tls.acme.0.clone(),
                directory: config.tls.acme_directory.clone(),
                contact: config.tls.acme_contact.0.clone(),
            };
            // Beside the file itself, whatever link leads there; it was opened before.
            let data = fs::canonicalize(&config.data).unwrap_or_else(|_| config.data.clone());
            let mut file = data.into_os_string();
            file.push(".acme");
            let opened = Acme::open(wanted, file.into(), new.clone());
            acme = Some(opened.map_err(|why| why.to_string())?);
            tls = Some(new);
        }
        let listen = |knob: &str, address: &Address| {
            let bound = Listener::bind(address, config.socket_mode.0);
            bound.map_err(|why| format!("{knob} {address}: {why}"))
        };
        let inherited = manager::inherited();
        let mut served = inherited.map_err(|why| format!("a socket of the manager's: {why}"))?;
        if served.is_empty() {
            for address in &config.listen.0 {
                served.push(listen("--listen", address)?);
            }
        }
        if tls.is_some() && !served.iter().any(|listener| listener.tcp_address().is_some()) {
            let knob = if acme.is_some() { "--acme" } else { "--tls-cert" };
            return Err(format!(
                "{knob}: nothing would be encrypted: what is listened on is sockets of the file \
                 system, where a proxy is spoken to in plain HTTP"
            ));
        }
        let is_by_file = served.iter().any(|listener| listener.tcp_address().is_none());
        if config.user_header.0.is_some() && config.trusted_proxies.0.is_empty() && !is_by_file {
            return Err(
                "--user-header: nobody would be believed, and nobody let in; name the proxy with \
                 --trusted-proxies, or listen on unix:/PATH"
                    .into(),
            );
        }
        if let Some(tls) = &tls {
            served = served.into_iter().map(|listener| listener.with_tls(tls)).collect();
        }
        let at = |knob: &str, address: Option<SocketAddr>| {
            address.map(|address| listen(knob, &Address::Tcp(address))).transpose()
        };
        let admin = at("--admin", config.admin.0)?;
        let redirect = config.tls.redirect.0;
        if redirect.is_some() && tls.is_none() {
            return Err("--redirect: there is nothing to redirect to without a certificate".into());
        }
        let redirect = at("--redirect", redirect)?;
        let asking = acme.as_ref().map(Acme::asking);
        let acme = acme.map(|acme| Arc::new(Mutex::new(acme)));
        Ok(Self { served, admin, redirect, certificate, acme, asking })
    }

    /// The same sockets once more, for who serves anew.
    #[cfg(feature = "nats")]
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            served: self.served.iter().map(Listener::try_clone).collect::<Result<_, _>>()?,
            admin: self.admin.as_ref().map(Listener::try_clone).transpose()?,
            redirect: self.redirect.as_ref().map(Listener::try_clone).transpose()?,
            certificate: self.certificate.clone(),
            acme: self.acme.clone(),
            asking: self.asking.clone(),
        })
    }

    /// Where it is served: `http://127.0.0.1:3000`.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn urls(&self) -> io::Result<Vec<String>> {
        self.served.iter().map(Listener::url).collect()
    }

    /// Where metrics are, if anywhere.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn metrics_url(&self) -> io::Result<Option<String>> {
        let url = self.admin.as_ref().map(Listener::url).transpose()?;
        Ok(url.map(|url| format!("{url}/metrics")))
    }

    /// Where plain HTTP is redirected, if anywhere.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn redirect_url(&self) -> io::Result<Option<String>> {
        self.redirect.as_ref().map(Listener::url).transpose()
    }

    /// The certificate's files, if there are any.
    pub fn certificate(&self) -> Option<Arc<CertificateFiles>> {
        self.certificate.clone()
    }

    /// What has the authority asked at once for when to renew, if one is asked at all.
    pub fn ask_authority(&self) -> Option<Arc<Notify>> {
        self.asking.clone()
    }

    /// The address of the network that people on this machine can ask.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.served.iter().find_map(Listener::tcp_address)
    }
}
