//! Whose an address is, for whatever counts by address.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// What one subscriber has: an address of IPv4, or a network of 64 bits of IPv6 (RFC 6177), in
/// which a host may have any address that it likes.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
        four @ IpAddr::V4(_) => four,
    }
}

/// The same as a network.
pub(crate) fn subscriber_net(address: IpAddr) -> IpNet {
    let first = subscriber(address);
    IpNet::new_assert(first, if first.is_ipv6() { 64 } else { 32 })
}
