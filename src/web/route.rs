//! What is known of a URL before its handler is reached.

use axum::http::Method;
use matchit::Router as Matcher;

/// Whom a URL is for, which decides how its errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// People: always HTML.
    Page,
    /// Scripts: always JSON.
    Script,
    /// Both: JSON where that is what they asked for, and HTML otherwise.
    Everybody,
    /// Readers of a stream: JSON, or text where that is the representation they asked for.
    Stream,
}

/// A URL's template, and whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The template, such as `/rooms/{room}`; it stands in logs and metrics.
    pub template: &'static str,
    /// Whom it is for.
    pub audience: Audience,
    /// The parameters that may stand behind the `?`; `None` where the URL does not exist anyway.
    pub params: Option<ParamNames>,
}

/// The parameters that a URL takes, by method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ParamNames {
    /// Of GET, and of HEAD with it.
    pub get: &'static [&'static str],
    /// Of POST.
    pub post: &'static [&'static str],
}

impl Route {
    /// The parameters that it takes with a method; `None` where anything that stands there is answered
    /// by what is wrong already.
    pub(super) fn params(&self, method: &Method) -> Option<&'static [&'static str]> {
        let params = self.params?;
        match *method {
            Method::GET | Method::HEAD => Some(params.get),
            Method::POST => Some(params.post),
            // Where these are answered at all, what they take stands in the body.
            Method::PATCH | Method::DELETE if self.template.ends_with("/{id}") => Some(&[]),
            _ => None,
        }
    }
}

/// Finds the route of a path before the router does: an error is put into words, counted and
/// logged by its route, also where no handler was reached.
pub(super) struct Routes {
    matcher: Matcher<Route>,
    /// What no template matches.
    unknown: Route,
}

impl Routes {
    /// These; what is none of them is for `others`.
    ///
    /// # Panics
    ///
    /// Where two templates are in conflict, which the first test that starts a router shows.
    pub(super) fn of(routes: impl Iterator<Item = Route>, others: Audience) -> Self {
        let mut matcher = Matcher::new();
        for route in routes {
            matcher.insert(route.template, route).expect("axum takes the same templates");
        }
        let unknown = Route { template: "unknown", audience: others, params: None };
        Self { matcher, unknown }
    }

    /// Whether there is a page at a path.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.matcher.at(path).is_ok()
    }

    /// The route that a path has.
    pub(super) fn find(&self, path: &str) -> Route {
        self.matcher.at(path).map_or(self.unknown, |found| *found.value)
    }
}
