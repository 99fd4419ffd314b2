//! A browser without script: its cookies, each for the addresses that it is for.

use reqwest::{Method, RequestBuilder, Response, header};

use super::{Server, client::client};

/// A browser of somebody.
#[derive(Clone)]
pub struct Browser {
    base: String,
    /// Name, value and path of each cookie.
    jar: Vec<(String, String, String)>,
    /// The address that a proxy says it comes from.
    ip: Option<String>,
}

impl Browser {
    /// One that was never here.
    pub fn of(app: &impl Server) -> Self {
        Self { base: app.url(""), jar: Vec::new(), ip: None }
    }

    /// The same, from an address that a proxy vouches for.
    pub fn from(self, ip: &str) -> Self {
        Self { ip: Some(ip.to_owned()), ..self }
    }

    /// The same browser at another server.
    pub fn at(&self, app: &impl Server) -> Self {
        Self { base: app.url(""), ..self.clone() }
    }

    /// The same, which has lost a cookie.
    pub fn without(mut self, name: &str) -> Self {
        self.jar.retain(|(its, ..)| its != name);
        self
    }

    /// A request with the cookies that go there.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = client().request(method, format!("{}{path}", self.base));
        let bare = path.split('?').next().unwrap_or_default();
        let goes = |to: &str| {
            bare.strip_prefix(to)
                .is_some_and(|rest| to.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
        };
        let cookies = self.jar.iter().filter(|(.., to)| goes(to));
        let cookies: Vec<_> = cookies.map(|(name, value, _)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(ip) = &self.ip {
            request = request.header("x-forwarded-for", ip);
        }
        request
    }

    /// Whether it has a cookie of this name.
    pub fn has(&self, name: &str) -> bool {
        self.jar.iter().any(|(its, ..)| its == name)
    }

    pub async fn get(&mut self, path: &str) -> Response {
        let answer = self.request(Method::GET, path).send().await.expect("an answer");
        self.keep(&answer);
        answer
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.request(Method::POST, path).form(form);
        let answer = request.send().await.expect("an answer");
        self.keep(&answer);
        answer
    }

    /// Loads the join page and posts its form.
    pub async fn try_join(&mut self, room: &str, name: &str) -> Response {
        self.get(&format!("/rooms/{room}")).await;
        self.post(&format!("/rooms/{room}/join"), &[("username", name)]).await
    }

    /// Joins: the tab's address.
    pub async fn join(&mut self, room: &str, name: &str) -> String {
        let joined = self.try_join(room, name).await;
        assert_eq!(joined.status(), 303, "{name} joins {room}");
        joined.headers()[header::LOCATION].to_str().unwrap().to_owned()
    }

    /// Follows a link into a room, as somebody does by hand.
    pub async fn enter(&mut self, room: &str, token: &str) {
        let entered = self.post(&format!("/rooms/{room}/enter"), &[("key", token)]).await;
        assert_eq!(entered.status(), 303, "{room}");
    }

    fn keep(&mut self, answer: &Response) {
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let mut parts = line.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let path = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or("/");
            self.jar.retain(|(its, _, to)| (its.as_str(), to.as_str()) != (name, path));
            if !value.is_empty() {
                self.jar.push((name.to_owned(), value.to_owned(), path.to_owned()));
            }
        }
    }
}
