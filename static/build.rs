//! Fetches the page's third-party files with npm and embeds every asset: hashed, and compressed
//! once, here.
//!
//! `HUBBUB_NODE_MODULES` may point at a `node_modules` that is ready, for builders without a
//! network.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, exit},
};

/// Name in the code, place, media type. Places below `npm/` come from npm.
const FILES: &[(&str, &str, &str)] = &[
    ("pico.css", "npm/@picocss/pico/css/pico.classless.min.css", "text/css; charset=utf-8"),
    ("app.css", "static/app.css", "text/css; charset=utf-8"),
    ("noscript.css", "static/noscript.css", "text/css; charset=utf-8"),
    ("htmx.js", "npm/htmx.org/dist/htmx.min.js", "text/javascript; charset=utf-8"),
    ("hx-sse.js", "npm/htmx.org/dist/ext/hx-sse.min.js", "text/javascript; charset=utf-8"),
    ("net.js", "static/net.js", "text/javascript; charset=utf-8"),
    ("door.js", "static/door.js", "text/javascript; charset=utf-8"),
    ("fresh.js", "static/fresh.js", "text/javascript; charset=utf-8"),
    ("field.js", "static/field.js", "text/javascript; charset=utf-8"),
    ("shelf.js", "static/shelf.js", "text/javascript; charset=utf-8"),
    ("swap.js", "static/swap.js", "text/javascript; charset=utf-8"),
    ("stream.js", "static/stream.js", "text/javascript; charset=utf-8"),
    ("list.js", "static/list.js", "text/javascript; charset=utf-8"),
    ("fold.js", "static/fold.js", "text/javascript; charset=utf-8"),
    ("draft.js", "static/draft.js", "text/javascript; charset=utf-8"),
    ("rooms.js", "static/rooms.js", "text/javascript; charset=utf-8"),
    ("bar.js", "static/bar.js", "text/javascript; charset=utf-8"),
    ("unread.js", "static/unread.js", "text/javascript; charset=utf-8"),
    ("notify.js", "static/notify.js", "text/javascript; charset=utf-8"),
    ("app.js", "static/app.js", "text/javascript; charset=utf-8"),
    ("favicon.svg", "static/favicon.svg", "image/svg+xml"),
];

fn main() {
    println!("cargo::rerun-if-changed=static/build.rs");
    println!("cargo::rerun-if-env-changed=HUBBUB_NODE_MODULES");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let npm = node_modules(&out);

    let mut code =
        String::from("/// Every embedded file.\npub(crate) static ASSETS: &[Asset] = &[\n");
    for (name, place, media_type) in FILES {
        let path = if let Some(inside) = place.strip_prefix("npm/") {
            npm.join(inside)
        } else {
            println!("cargo::rerun-if-changed={place}");
            PathBuf::from(place)
        };
        let bytes = fs::read(&path).unwrap_or_else(|why| fail(&path, &why));
        let bytes = match *name {
            "pico.css" => without_groups(bytes),
            _ if place.starts_with("static/") => without_comments(media_type, bytes),
            _ => bytes,
        };
        code.push_str(&embed(&out, name, media_type, &bytes));
    }
    code.push_str("];\n");
    write(&out.join("assets.rs"), code.as_bytes());
}

/// A file of ours as a browser needs it: comments are for who reads the source, and a fifth of it.
fn without_comments(media_type: &str, bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    if media_type.starts_with("text/javascript") {
        // Those that have their line for themselves.
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
    } else if media_type.starts_with("text/css") {
        let mut pieces = text.split("/*");
        let first = pieces.next().unwrap_or_default();
        let rest =
            pieces.filter_map(|piece| piece.split_once("*/")).map(|(_, rest)| rest.trim_start());
        [first].into_iter().chain(rest).collect::<String>().into_bytes()
    } else {
        bytes
    }
}

/// Pico without what it has for groups of fields, which no page here has: its `:has([role=…])` has a browser
/// style the whole page anew for each element with a role that comes, and each message has one.
fn without_groups(pico: Vec<u8>) -> Vec<u8> {
    const BEGIN: &str = "@supports selector(:has(*)){";
    let pico = String::from_utf8(pico).expect("Pico is UTF-8");
    let (before, rest) = pico.split_once(BEGIN).expect("Pico has its rules for groups");
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let after = &rest[end.expect("each brace is closed") + 1..];
    [before, after].concat().into_bytes()
}

/// Writes a file's three encodings into `out` and gives the code that includes them.
fn embed(out: &Path, name: &str, media_type: &str, bytes: &[u8]) -> String {
    // For caches, not against forgers: a new content gets a new name.
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let (stem, extension) = name.rsplit_once('.').expect("assets have an extension");
    let href = format!("/static/{stem}.{:016x}.{extension}", hasher.finish());

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).expect("memory takes it");
    let mut brotli = Vec::new();
    let best = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &bytes[..], &mut brotli, &best).expect("memory takes it");

    write(&out.join(name), bytes);
    write(&out.join(format!("{name}.gz")), &gzip.finish().expect("memory takes it"));
    write(&out.join(format!("{name}.br")), &brotli);
    let include = |file: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))");
    format!(
        "    Asset {{ name: {name:?}, href: {href:?}, media_type: {media_type:?}, plain: {}, gzip: {}, brotli: {} }},\n",
        include(name),
        include(&format!("{name}.gz")),
        include(&format!("{name}.br")),
    )
}

/// The installed packages: given, installed before under the same lock, or installed now.
fn node_modules(out: &Path) -> PathBuf {
    if let Some(given) = env::var_os("HUBBUB_NODE_MODULES").filter(|given| !given.is_empty()) {
        return given.into();
    }
    let home = out.join("npm");
    let installed = home.join("installed.lock");
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        println!("cargo::rerun-if-changed=static/{file}");
    }
    let lock_path = Path::new("static/package-lock.json");
    let lock = fs::read(lock_path).unwrap_or_else(|why| fail(lock_path, &why));
    if fs::read(&installed).ok().as_deref() != Some(&lock) {
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap_or_else(|why| fail(&home, &why));
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            let from = Path::new("static").join(file);
            fs::copy(&from, home.join(file)).unwrap_or_else(|why| fail(&from, &why));
        }
        npm_ci(&home);
        write(&installed, &lock);
    }
    home.join("node_modules")
}

/// Installs what the lock names. Packages' own scripts do not run: these are files to serve.
fn npm_ci(home: &Path) {
    let help = "hubbub's pages are built from npm packages: install Node.js 18 or later (which \
                brings npm), or point HUBBUB_NODE_MODULES at a node_modules folder that holds \
                what static/package.json names";
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let ran = Command::new(npm)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(home)
        .output();
    match ran {
        Ok(done) if done.status.success() => {}
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr).replace('\n', " | ");
            println!("cargo::error=`npm ci` failed: {said}");
            println!("cargo::error={help}");
            exit(1);
        }
        Err(why) => {
            println!("cargo::error=`npm` cannot be run ({why}); {help}");
            exit(1);
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|why| fail(path, &why));
}

fn fail(path: &Path, why: &std::io::Error) -> ! {
    println!("cargo::error={}: {why}", path.display());
    exit(1);
}
