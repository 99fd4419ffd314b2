//! The scanner itself, on small crates.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::catch_unwind,
};

use super::{
    cycle,
    scan::{Crate, Edges},
};

/// A crate of these files.
fn read(files: &[(&str, &str)]) -> Crate {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    Crate::read(&|name| files.get(name).map(ToString::to_string))
}

/// Whom `a` uses in a crate of the modules `a` to `d`, where `b` has a child `c` of its own.
fn used_by_a(code: &str) -> Vec<String> {
    let files = [
        ("lib.rs", "pub mod a; pub mod b; mod c; mod d { pub struct D; } pub struct Own;"),
        ("a.rs", code),
        ("b.rs", "pub mod c; pub fn f() {}"),
        ("b/c.rs", ""),
        ("a/deep.rs", "use super::super::d::D;"),
        ("c/mod.rs", ""),
    ];
    read(&files).edges("")["a"].iter().cloned().collect()
}

#[test]
fn a_module_uses_what_it_imports_in_any_spelling() {
    for code in [
        "use crate::b;",
        "use crate::b::f;",
        "use crate::{b};",
        "use crate::{b as other};",
        "use crate::{self as it, b::{self, c::{x, y}}};\nfn f() {}",
        "use super::b::f as g;",
        "use super::{b::f};",
        "pub(crate) use self::super::b::c;",
        "pub use crate::r#b;",
        "fn f() { use crate::b::f; }",
        "mod inner { use super::super::b; }",
        "mod inner { use crate::b; }",
        "mod inner { fn f() { super::super::b::f() } }",
    ] {
        let used: Vec<_> = used_by_a(code).into_iter().filter(|name| name != "crate").collect();
        assert_eq!(used, ["b"], "{code}");
    }
    assert_eq!(used_by_a("use crate::{b::{c, f}, c::{d, e}, d};"), ["b", "c", "d"]);
    assert_eq!(used_by_a("mod deep;"), ["d"], "what is below counts as well");
}

#[test]
fn a_module_uses_what_stands_in_its_code_in_macros_and_in_attributes() {
    for code in [
        "fn f() { crate::b::f() }",
        "fn f() -> super::b::X { todo!() }",
        "type X = Vec<crate::b::X>;",
        "fn f() { html! { p .x #y title=(crate::b::f()) { @for z in super::b::all() { (z) } } } }",
        "macro_rules! m { () => { $crate::b::f() } }",
        "fn f() { for _ in 0..crate::b::MOST {} }",
        "fn f() { X { y: 1, ..super::b::default() } }",
        "fn f() { <u8 as crate::b::F>::f() }",
        "#[derive(X)] #[x(parser = crate::b::parse)] struct S;",
        "#[x(with = \"crate::b::times\")] struct S;",
        "impl crate::b::F for X {}",
        "fn f() { x.map(crate::b::f).y() }",
    ] {
        assert_eq!(used_by_a(code), ["b"], "{code}");
    }
}

#[test]
fn a_name_that_was_imported_leads_where_it_came_from() {
    assert_eq!(used_by_a("use crate as it; fn f() { it::b::f() }"), ["b", "crate"]);
    assert_eq!(used_by_a("use super::c as other; fn f() { other::f() }"), ["c"]);
    assert_eq!(used_by_a("mod b {} fn f() { b::f() }"), [""; 0], "its own child has that name");
    assert_eq!(used_by_a("use b::x; fn f() { b::f(); tokio::b::f(); ::b::f() }"), [""; 0]);
    assert_eq!(used_by_a("use tokio; use serde::b as c; fn f() { tokio::x(); c::x() }"), [""; 0]);
}

#[test]
fn what_is_no_use_does_not_count() {
    for code in [
        "// crate::b\n/* crate::b::f */ /// [`crate::b`]\nfn f() {}",
        "//! See [`crate::b::f`].",
        "fn f() { let b = 1; b.c(); \"crate::b\"; }",
        "pub(in crate::b) fn f() {} pub(super) struct S; pub(crate) struct T(u8);",
        "mod own { pub fn f() {} } fn f() { self::own::f(); own::f() }",
    ] {
        assert_eq!(used_by_a(code), [""; 0], "{code}");
    }
}

#[test]
fn what_is_for_tests_only_does_not_count() {
    for code in [
        "#[cfg(test)] mod tests { use crate::b; }",
        "#[cfg(test)] mod elsewhere;",
        "#[cfg(test)] use crate::b;",
        "#[cfg(all(test, unix))] use crate::b;",
        "#[cfg(any(test, all(unix, test)))] use crate::b;",
        "#[cfg(test)] #[x] pub(super) fn f(x: u8) -> u8 { crate::b::f() }",
        "impl X { #[cfg(test)] fn f(&mut self) { crate::b::f() } }",
        "struct X { #[cfg(test)] b: Vec<u8, crate::b::X>, }",
        "fn f() { X { #[cfg(test)] b: crate::b::f(1), } }",
        "fn f() { #[cfg(test)] crate::b::f(); }",
        "fn f() { match x { #[cfg(test)] X => crate::b::f(), } }",
        "#![cfg(test)] use crate::b;",
    ] {
        assert_eq!(used_by_a(code), [""; 0], "{code}");
        assert_eq!(
            used_by_a(&format!("{code}\nmod x {{ use crate::c; }}")).len(),
            usize::from(!code.starts_with("#!")),
            "what follows does: {code}"
        );
    }
    for code in [
        "#[cfg(not(test))] use crate::b;",
        "#[cfg(any(test, unix))] use crate::b;",
        "#[cfg(unix)] use crate::b;",
    ] {
        assert_eq!(used_by_a(code), ["b"], "{code}");
    }
}

#[test]
fn what_would_hide_a_name_is_refused() {
    for code in ["use crate::b::*;", "#[path = \"x.rs\"] mod x;", "#[macro_use] mod x {}"] {
        assert!(catch_unwind(|| used_by_a(code)).is_err(), "{code}");
    }
    assert_eq!(used_by_a("#[cfg(test)] mod tests { use super::*; }"), [""; 0], "but in tests");
}

#[test]
fn a_module_below_has_edges_of_its_own_among_them_those_to_what_is_above() {
    let files = [
        ("lib.rs", "mod web; mod other;"),
        ("web.rs", "mod send; mod tab; mod page { mod room; } pub struct State;"),
        ("web/send.rs", "use super::{State, tab::Tab}; use crate::other;"),
        ("web/tab.rs", ""),
        ("web/page/room.rs", "use super::super::tab; use crate::web::send::x;"),
        ("other.rs", "use crate::web::tab;"),
    ];
    let edges = read(&files).edges("web");
    let expected =
        [("page", &["send", "tab"][..]), ("send", &["tab", "web"]), ("tab", &[]), ("web", &[])];
    assert_eq!(edges, from(&expected));
    assert_eq!(read(&files).edges("")["other"], BTreeSet::from(["web".to_owned()]));
}

#[test]
fn callers_of_a_method_are_named() {
    let files = [
        ("lib.rs", "mod a; mod b { #[cfg(test)] mod t { fn f() { hub.publish(1) } } }"),
        ("a.rs", "fn publish() { x.publish; publish() } mod c { fn f() { hub.publish(1); } }"),
    ];
    assert_eq!(read(&files).callers("publish"), ["a::c"]);
}

#[test]
fn a_circle_is_found_and_named() {
    let edges = [("a", &["b"][..]), ("b", &["c", "d"]), ("c", &["b"]), ("d", &[])];
    assert_eq!(cycle(&from(&edges)), Some(vec!["b".to_owned(), "c".to_owned()]));
    let edges = [("a", &["b", "d"][..]), ("b", &["c", "d"]), ("c", &["d"]), ("d", &[])];
    assert_eq!(cycle(&from(&edges)), None);
}

fn from(edges: &[(&str, &[&str])]) -> Edges {
    let row = |(user, used): &(&str, &[&str])| {
        ((*user).to_owned(), used.iter().map(ToString::to_string).collect())
    };
    edges.iter().map(row).collect()
}
