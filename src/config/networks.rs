//! Networks of trusted proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks, in a type of its own: clap would take a list for many values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

/// Networks and addresses between commas, or `none`.
pub(super) fn parse(raw: &str) -> Result<Networks, String> {
    if raw.trim() == "none" {
        return Ok(Networks::default());
    }
    let each = raw.split(',').map(str::trim).map(|one| {
        one.parse()
            .or_else(|_| one.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("{one:?} is no network; try 10.0.0.0/8, an address, or none"))
    });
    each.collect::<Result<_, _>>().map(Networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_may_be_single_addresses() {
        let parsed = parse("10.0.0.0/8, 192.0.2.1,::1").unwrap().0;
        let shown: Vec<_> = parsed.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]);
        assert_eq!(parse("none"), Ok(Networks::default()));
    }
}
