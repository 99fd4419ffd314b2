//! One order, from the account to the certificate.

use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{Acme, Wanted};

/// How often an order is looked at, and for how long.
const LOOK_DELAY: Duration = Duration::from_millis(500);
const LOOK_TIMEOUT: Duration = Duration::from_mins(2);

/// The profile of certificates that hold for days.
const SHORT_LIVED: &str = "shortlived";

/// A certificate with those that lead to its authority, and its key, in PEM.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Makes an account: by having one, its terms are agreed to.
pub(super) async fn account(wanted: &Wanted) -> Result<(Account, AccountCredentials), Error> {
    let contact: Vec<&str> = wanted.contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    Account::builder()?.create(&new, wanted.directory.clone(), None).await
}

/// Orders a certificate, and answers what the authority asks meanwhile.
pub(super) async fn issue(
    account: &Account,
    replaced: Option<&CertificateDer<'_>>,
    acme: &mut Acme,
) -> Result<Issued, String> {
    let identifiers: Vec<Identifier> =
        acme.wanted.names.iter().map(|name| identifier(name)).collect();
    let mut order = begin(account, &identifiers, replaced).await.map_err(|why| told(&why))?;
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|why| told(&why))?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            status => return Err(format!("{}: {status:?}", authorization.identifier())),
        }
        let name = authorization.identifier().to_string();
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or("the authority does not do TLS-ALPN-01")?;
        let digest = challenge.key_authorization().digest();
        answers.push(acme.tls.answer(&name, digest.as_ref())?);
        acme.kept.answers.insert(name, digest.as_ref().to_vec());
        if !acme.keep().await {
            return Err("the other nodes cannot be told, or one has begun to order".into());
        }
        challenge.set_ready().await.map_err(|why| told(&why))?;
    }
    let looks = RetryPolicy::new().initial_delay(LOOK_DELAY).timeout(LOOK_TIMEOUT);
    let status = order.poll_ready(&looks).await.map_err(|why| told(&why))?;
    if status != OrderStatus::Ready {
        return Err(refused(&mut order, status).await);
    }
    drop(answers);
    let key = order.finalize().await.map_err(|why| told(&why))?;
    let chain = order.poll_certificate(&looks).await.map_err(|why| told(&why))?;
    Ok(Issued { chain, key })
}

/// Says which certificate this one replaces; to authorities that know none of that, not.
async fn begin(
    account: &Account,
    identifiers: &[Identifier],
    replaced: Option<&CertificateDer<'_>>,
) -> Result<Order, Error> {
    // Let's Encrypt certifies addresses for some days only, by this profile.
    let has_address = identifiers.iter().any(|one| matches!(one, Identifier::Ip(_)));
    let is_short = has_address && account.profiles().any(|profile| profile.name == SHORT_LIVED);
    let order = || {
        let order = NewOrder::new(identifiers);
        if is_short { order.profile(SHORT_LIVED) } else { order }
    };
    let replaced = replaced.and_then(|der| CertificateIdentifier::try_from(der).ok());
    if let Some(replaced) = replaced {
        let order = order().replaces(replaced);
        match account.new_order(&order).await {
            // It may have been replaced already, or be another authority's.
            Err(Error::Unsupported(_) | Error::Api(_)) => {}
            begun => return begun,
        }
    }
    account.new_order(&order()).await
}

/// A name, or an address where it is one.
fn identifier(name: &str) -> Identifier {
    name.parse().map_or_else(|_| Identifier::Dns(name.to_owned()), Identifier::Ip)
}

/// What the authority says was wrong, of each name.
async fn refused(order: &mut Order, status: OrderStatus) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let problems = authorization.challenges.iter().filter_map(|it| it.error.as_ref());
        let name = authorization.identifier();
        said.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    if said.is_empty() { format!("the order is {status:?}") } else { said.join("; ") }
}

/// An error with what is behind it: the first says of a network no more than that it failed.
pub(super) fn told(why: &Error) -> String {
    let mut said = why.to_string();
    let mut cause = std::error::Error::source(why);
    while let Some(why) = cause {
        said = format!("{said}: {why}");
        cause = why.source();
    }
    said
}
