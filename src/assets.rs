//! The files that pages load, embedded by `build.rs`: under names that carry a hash of their
//! content, so that they can be cached for ever, and compressed once, at build time.

/// One embedded file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// The name that the code knows it by, such as `app.css`.
    pub name: &'static str,
    /// Where it is served, such as `/static/app.1f2e3d4c5b6a7988.css`.
    pub href: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes as they are, by gzip, and by Brotli.
    pub plain: &'static [u8],
    /// Its bytes by gzip.
    pub gzip: &'static [u8],
    /// Its bytes by Brotli.
    pub brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of the file that the code knows as `name`.
///
/// # Panics
///
/// When there is no such file, which the page's own tests would show.
#[must_use]
pub(crate) fn href(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).expect("an embedded asset").href
}

/// The file that is served at `href`.
#[must_use]
pub(crate) fn at(href: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.href == href)
}
