//! Reads the crate's source as the compiler's lexer does, and says which module names which: in its
//! imports, in paths in its code, in what it hands to macros, and in its attributes. Comments and
//! what is compiled for tests only do not count.
//!
//! What would hide a name from it (a glob import, `#[path]`, `#[macro_use]`) it refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use syn::{
    Arm, Field, FieldValue, ImplItem, Item, ItemUse, Stmt, UseTree, Variant,
    parse::{Parse, ParseStream, Parser as _},
};

/// Who uses whom, by name.
pub type Edges = BTreeMap<String, BTreeSet<String>>;

/// A path of names: of a module, from the crate's root; or as it stands in the code.
type Names = Vec<String>;

/// All modules of a crate that are not for tests only.
pub struct Crate {
    modules: BTreeMap<Names, Module>,
}

/// What a module says outside of its child modules.
#[derive(Default)]
struct Module {
    /// Paths of two names or more.
    paths: BTreeSet<Names>,
    /// What is imported under which name.
    imports: BTreeMap<String, Names>,
    /// Names behind a dot.
    methods: BTreeSet<String>,
}

impl Crate {
    /// Reads the crate whose root is `lib.rs` in `src`.
    pub fn load(src: &Path) -> Self {
        Self::read(&|file| fs::read_to_string(src.join(file)).ok())
    }

    /// Reads the crate of these files: `lib.rs`, and those of its modules.
    pub fn read(file: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { file, modules: BTreeMap::new() };
        let root = file("lib.rs").expect("lib.rs");
        reader.module(&[], root.parse().expect("lib.rs: Rust"));
        Self { modules: reader.modules }
    }

    /// Which of the modules right below `root` use which: `""` is the crate's own root. What is
    /// further down counts for the one that it is in. `root` itself is among them, under its last
    /// name or `crate`, for what it says itself.
    pub fn edges(&self, root: &str) -> Edges {
        let root: Names =
            root.split("::").filter(|name| !name.is_empty()).map(Into::into).collect();
        assert!(self.modules.contains_key(&root), "there is a module {root:?}");
        let below = |path: &[String]| -> Option<String> {
            let rest = path.strip_prefix(&root[..])?;
            let child = rest.first().filter(|_| self.modules.contains_key(&path[..=root.len()]));
            let own = || root.last().map_or("crate", String::as_str);
            Some(child.map_or_else(own, String::as_str).to_owned())
        };
        let mut edges = Edges::new();
        for (place, module) in &self.modules {
            let Some(from) = below(place) else { continue };
            let used = edges.entry(from.clone()).or_default();
            let named = module.paths.iter().filter_map(|path| self.resolve(place, path, 0));
            used.extend(named.filter_map(|path| below(&path)).filter(|name| *name != from));
        }
        edges
    }

    /// The modules that call a method of this name.
    pub fn callers(&self, method: &str) -> Vec<String> {
        let calls = self.modules.iter().filter(|(_, module)| module.methods.contains(method));
        calls.map(|(place, _)| place.join("::")).collect()
    }

    /// The names from the crate's root for a path as it stands in the module at `place`; `None` for
    /// what is another crate's, or no module's.
    fn resolve(&self, place: &[String], path: &[String], depth: usize) -> Option<Names> {
        // An import may name what another brought in; not in a circle, in a crate that compiles.
        assert!(depth < 16, "{path:?} in {place:?}");
        let (first, rest) = path.split_first()?;
        let mut from = place.to_vec();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" if rest.first().is_some_and(|name| name == "super") => {
                return self.resolve(place, rest, depth);
            }
            "self" => {}
            "super" => {
                from.pop().expect("a module above");
                if rest.first().is_some_and(|name| name == "super") {
                    return self.resolve(&from, rest, depth);
                }
            }
            name => {
                from.push(name.to_owned());
                if !self.modules.contains_key(&from) {
                    let import = self.modules[place].imports.get(name)?;
                    // A name that is imported as itself (`use tokio;`) is another crate's.
                    if import == path || import.as_slice() == [first.clone()] {
                        return None;
                    }
                    from = self.resolve(place, import, depth + 1)?;
                }
            }
        }
        from.extend_from_slice(rest);
        Some(from)
    }
}

struct Reader<'a> {
    file: &'a dyn Fn(&str) -> Option<String>,
    modules: BTreeMap<Names, Module>,
}

impl Reader<'_> {
    fn module(&mut self, place: &[String], code: TokenStream) {
        assert!(
            self.modules.insert(place.to_vec(), Module::default()).is_none(),
            "{place:?} twice"
        );
        self.code(place, code, false);
    }

    /// The module in a file of its own.
    fn file(&mut self, place: &[String]) {
        let path = place.join("/");
        let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
        let text = files.iter().find_map(|name| (self.file)(name));
        let text = text.unwrap_or_else(|| panic!("none of {files:?} is there"));
        self.module(place, text.parse().unwrap_or_else(|why| panic!("{path}: {why}")));
    }

    fn code(&mut self, place: &[String], code: TokenStream, attribute: bool) {
        let mut tokens: Vec<TokenTree> = code.into_iter().collect();
        let mut at = 0;
        // Whether what comes next goes on behind `::` or a dot, and so begins no path.
        let (mut goes_on, mut behind_dot) = (false, false);
        while at < tokens.len() {
            let here = at;
            at += 1;
            match &tokens[here] {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    let inner = is_punct(tokens.get(at), '!');
                    let Some(TokenTree::Group(group)) = tokens.get(at + usize::from(inner)) else {
                        continue;
                    };
                    if group.delimiter() != Delimiter::Bracket {
                        continue;
                    }
                    at += 1 + usize::from(inner);
                    let attribute = group.stream();
                    match (for_tests_only(&attribute), inner) {
                        (true, true) => return,
                        (true, false) => {
                            tokens = without_first_item(tokens.split_off(at));
                            at = 0;
                        }
                        (false, _) => self.attribute(place, attribute),
                    }
                }
                TokenTree::Ident(word) if !goes_on && !behind_dot => {
                    at = self.word(place, &tokens, here, &word.to_string());
                }
                TokenTree::Ident(name) if behind_dot => {
                    if let Some(TokenTree::Group(_)) = tokens.get(at) {
                        self.at(place).methods.insert(name.to_string());
                    }
                }
                TokenTree::Group(group) => self.code(place, group.stream(), attribute),
                TokenTree::Literal(literal) if attribute => {
                    self.literal(place, &literal.to_string());
                }
                _ => {}
            }
            let last = at.checked_sub(1).and_then(|last| tokens.get(last));
            goes_on = is_punct(last, ':') && at > 1 && is_punct(tokens.get(at - 2), ':');
            // Not `..`, behind which a path may stand.
            behind_dot = is_punct(last, '.') && !(at > 1 && is_punct(tokens.get(at - 2), '.'));
        }
    }

    /// A keyword that matters, or the start of a path; gives where to read on.
    fn word(&mut self, place: &[String], tokens: &[TokenTree], here: usize, word: &str) -> usize {
        let next = tokens.get(here + 1);
        match (word, next) {
            ("use", _) => {
                let end = tokens[here..].iter().position(|token| is_punct(Some(token), ';'));
                let import = end.and_then(|end| {
                    let import = tokens[here..=here + end].iter().cloned().collect();
                    Some((end, syn::parse2::<ItemUse>(import).ok()?))
                });
                // In a page it is an element, and at the end of a type a list of lifetimes.
                let Some((end, import)) = import else { return here + 1 };
                if import.leading_colon.is_none() {
                    self.import(place, &mut Vec::new(), &import.tree);
                }
                return here + end + 1;
            }
            ("mod", Some(TokenTree::Ident(name))) => {
                let child = [place, &[name.to_string()]].concat();
                match tokens.get(here + 2) {
                    Some(TokenTree::Group(body)) => self.module(&child, body.stream()),
                    _ => self.file(&child),
                }
                return here + 3;
            }
            // Who may see something is not who uses it.
            ("pub", Some(TokenTree::Group(group))) => {
                let mut names = group.stream().into_iter();
                let first = names.next().map(|first| first.to_string()).unwrap_or_default();
                if first == "in" || names.next().is_none() {
                    return here + 2;
                }
            }
            _ => {}
        }
        let mut path = vec![plain(word)];
        let mut at = here + 1;
        while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(name), ..] =
            &tokens[at..]
            && (one.as_char(), one.spacing(), two.as_char()) == (':', Spacing::Joint, ':')
        {
            path.push(plain(&name.to_string()));
            at += 3;
        }
        if path.len() > 1 {
            self.at(place).paths.insert(path);
        }
        at
    }

    fn import(&mut self, place: &[String], before: &mut Names, tree: &UseTree) {
        let (name, known_as) = match tree {
            UseTree::Path(path) => {
                before.push(plain(&path.ident.to_string()));
                self.import(place, before, &path.tree);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(place, before, tree));
            }
            UseTree::Glob(_) => panic!("in {place:?} a glob import of {before:?} hides names"),
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(name) => (&name.ident, &name.rename),
        };
        let names = |ident: &Ident| plain(&ident.to_string());
        let mut path = before.clone();
        let mut known_as = names(known_as);
        if names(name) != "self" || path.is_empty() {
            path.push(names(name));
        } else if known_as == "self" {
            known_as.clone_from(path.last().expect("a path"));
        }
        let module = self.at(place);
        module.imports.insert(known_as, path.clone());
        module.paths.insert(path);
    }

    fn attribute(&mut self, place: &[String], attribute: TokenStream) {
        let name = attribute.clone().into_iter().next().map(|name| name.to_string());
        match name.as_deref() {
            Some(hides @ ("path" | "macro_use")) => panic!("in {place:?} #[{hides}] hides names"),
            Some("doc") => {}
            _ => self.code(place, attribute, true),
        }
    }

    /// Macros take paths in quotes, too, as `#[serde(with = "crate::times")]`.
    fn literal(&mut self, place: &[String], literal: &str) {
        let path: Names = literal.trim_matches('"').split("::").map(Into::into).collect();
        let is_name = |name: &String| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if path.len() > 1 && path.iter().all(is_name) {
            self.at(place).paths.insert(path);
        }
    }

    fn at(&mut self, place: &[String]) -> &mut Module {
        self.modules.get_mut(place).expect("it is being read")
    }
}

/// A name without the mark of a raw identifier.
fn plain(name: &str) -> String {
    name.trim_start_matches("r#").to_owned()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

/// Whether an attribute is a `cfg` that no build but a test's fulfils.
fn for_tests_only(attribute: &TokenStream) -> bool {
    let mut tokens = attribute.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), Some(TokenTree::Group(group))) if name == "cfg" => {
            holds(&group.stream()) == Some(false)
        }
        _ => false,
    }
}

/// Whether a condition holds in a build that is no test; `None` where that depends.
fn holds(condition: &TokenStream) -> Option<bool> {
    let tokens: Vec<TokenTree> = condition.clone().into_iter().collect();
    let (Some(TokenTree::Ident(name)), of) = (tokens.first(), tokens.get(1)) else { return None };
    let all = |of: TokenStream| -> Vec<Option<bool>> {
        let of: Vec<TokenTree> = of.into_iter().collect();
        let each = of.split(|token| is_punct(Some(token), ','));
        each.filter(|one| !one.is_empty())
            .map(|one| holds(&one.iter().cloned().collect()))
            .collect()
    };
    match (name.to_string().as_str(), of) {
        ("test", None) => Some(false),
        ("not", Some(TokenTree::Group(of))) => holds(&of.stream()).map(|it| !it),
        ("all", Some(TokenTree::Group(of))) => each_is(true, &all(of.stream())),
        ("any", Some(TokenTree::Group(of))) => each_is(false, &all(of.stream())),
        _ => None,
    }
}

/// `value` where each is; the other where one is the other, whatever the rest is.
fn each_is(value: bool, each: &[Option<bool>]) -> Option<bool> {
    if each.contains(&Some(!value)) {
        return Some(!value);
    }
    each.iter().all(Option::is_some).then_some(value)
}

/// What follows the item, field, arm or statement that these tokens begin with.
fn without_first_item(tokens: Vec<TokenTree>) -> Vec<TokenTree> {
    type Skip = fn(ParseStream) -> syn::Result<TokenStream>;
    fn skip<T: Parse>(input: ParseStream) -> syn::Result<TokenStream> {
        let _: T = input.parse()?;
        input.parse()
    }
    fn skip_field(input: ParseStream) -> syn::Result<TokenStream> {
        let _ = Field::parse_named(input)?;
        input.parse()
    }
    let kinds: [Skip; 7] = [
        skip::<Item>,
        skip::<ImplItem>,
        skip_field,
        skip::<Arm>,
        skip::<FieldValue>,
        skip::<Variant>,
        skip::<Stmt>,
    ];
    let all: TokenStream = tokens.into_iter().collect();
    let rest = kinds.iter().find_map(|skip| (*skip).parse2(all.clone()).ok());
    rest.unwrap_or_else(|| panic!("what is for tests only in {all}")).into_iter().collect()
}
