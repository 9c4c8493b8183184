//! How operations look as HTTP requests, and what their answers mean.

mod answers;
mod base64;
mod template;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::target::Target;

pub use answers::{Answers, Found};
use template::Template;

/// The requests of one kind.
#[derive(Debug, Clone)]
pub struct Form {
    method: Method,
    path: Template,
    body: Template,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// How a server wants to be asked.
#[derive(Debug, Clone)]
pub struct Api {
    /// What it is called.
    pub name: String,
    read: Option<Form>,
    write: Option<Form>,
    delete: Option<Form>,
    /// Where in an answer the value is.
    pub answers: Answers,
    /// Whether "there is no such key" is an answer like any other.
    pub absence_is_fine: bool,
}

/// Name, then the requests to read, write and delete, and where the value is.
type Preset = (&'static str, [&'static str; 3], Answers);

const PRESETS: [Preset; 5] = [
    ("kv", ["GET /kv?key={key}", "PUT /kv?key={key} {value}", "DELETE /kv?key={key}"], Answers::Plain),
    (
        "json",
        ["GET /get?key={key}", r#"POST /put?key={key} {"value":"{value}"}"#, "DELETE /del?key={key}"],
        Answers::Json("/value"),
    ),
    ("webdis", ["GET /GET/{key}", "PUT /SET/{key} {value}", "GET /DEL/{key}"], Answers::Json("/GET")),
    (
        "etcd",
        [
            r#"POST /v3/kv/range {"key":"{key64}"}"#,
            r#"POST /v3/kv/put {"key":"{key64}","value":"{value64}"}"#,
            r#"POST /v3/kv/deleterange {"key":"{key64}"}"#,
        ],
        Answers::Json64("/kvs/0/value"),
    ),
    ("static", ["GET /", "", ""], Answers::Plain),
];

impl Api {
    /// The names of all presets.
    #[must_use]
    pub fn presets() -> Vec<&'static str> {
        PRESETS.iter().map(|preset| preset.0).collect()
    }

    /// The preset of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn preset(name: &str) -> Result<Self, String> {
        let preset = PRESETS.iter().find(|preset| preset.0 == name);
        let (_, lines, answers) =
            preset.ok_or_else(|| format!("{name:?} is none of {}", Self::presets().join(", ")))?;
        let form = |line: &str| if line.is_empty() { Ok(None) } else { Form::new(line).map(Some) };
        Ok(Self {
            name: name.to_owned(),
            read: form(lines[0])?,
            write: form(lines[1])?,
            delete: form(lines[2])?,
            answers: *answers,
            absence_is_fine: name != "static",
        })
    }

    /// The same with other requests, each `METHOD /path [body]`.
    ///
    /// # Errors
    /// Where one of them is no request.
    pub fn with(
        mut self,
        read: Option<&str>,
        write: Option<&str>,
        delete: Option<&str>,
    ) -> Result<Self, String> {
        for (place, line) in [(&mut self.read, read), (&mut self.write, write), (&mut self.delete, delete)] {
            if let Some(line) = line {
                *place = Some(Form::new(line)?);
                self.name = "own".to_owned();
            }
        }
        Ok(self)
    }

    /// One more field in the head of every request.
    ///
    /// # Errors
    /// Where it is no field, `Name: value`.
    pub fn field(&mut self, line: &str) -> Result<(), String> {
        let wrong = || format!("{line:?} is no header field: write 'Name: value'");
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
        for form in [&mut self.read, &mut self.write, &mut self.delete].into_iter().flatten() {
            form.fields.push((name.clone(), value.clone()));
        }
        Ok(())
    }

    /// Puts the target's own path before every path, and its name into every head.
    ///
    /// # Errors
    /// Where they do not fit into a request.
    pub fn aim(&mut self, target: &Target) -> Result<(), String> {
        let host = HeaderValue::from_str(&target.authority).map_err(|error| error.to_string())?;
        for form in [&mut self.read, &mut self.write, &mut self.delete].into_iter().flatten() {
            form.path = form.path.after(&target.prefix);
            if !form.fields.iter().any(|(name, _)| name == HOST) {
                form.fields.insert(0, (HOST, host.clone()));
            }
            form.request("key", &Bytes::new()).map(drop)?;
        }
        Ok(())
    }

    /// How to read a key.
    #[must_use]
    pub fn read(&self) -> Option<&Form> {
        self.read.as_ref()
    }

    /// How to write one.
    #[must_use]
    pub fn write(&self) -> Option<&Form> {
        self.write.as_ref()
    }

    /// How to delete one.
    #[must_use]
    pub fn delete(&self) -> Option<&Form> {
        self.delete.as_ref()
    }
}

impl Form {
    fn new(line: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| format!("{line:?} is no request ({why}): write 'METHOD /path?k={{key}} body'");
        let mut parts = line.splitn(3, ' ');
        let method = parts.next().unwrap_or_default();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("its method"))?;
        let path = parts.next().filter(|path| path.starts_with('/')).ok_or_else(|| wrong("its path"))?;
        let body = parts.next().unwrap_or_default();
        let mut fields = Vec::new();
        if body.starts_with('{') && serde_json::from_str::<serde_json::Value>(body).is_ok() {
            fields.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        let (path, body) = (Template::new(path), Template::new(body));
        Ok(Self {
            method,
            path: path.map_err(|why| wrong(&why))?,
            body: body.map_err(|why| wrong(&why))?,
            fields,
        })
    }

    /// The request for one key.
    ///
    /// # Errors
    /// Where the path is none for this key.
    pub fn request(&self, key: &str, value: &Bytes) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::new(Full::new(self.body.text(key, value)));
        let path = self.path.text(key, value);
        let shown = || format!("{:?} is no path", String::from_utf8_lossy(&path));
        *request.uri_mut() = Uri::from_maybe_shared(path.clone()).map_err(|_| shown())?;
        *request.method_mut() = self.method.clone();
        for (name, value) in &self.fields {
            request.headers_mut().append(name, value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn shown(form: Option<&Form>) -> String {
        let request = form.unwrap().request("key7", &Bytes::from("hello")).unwrap();
        let head = format!("{} {}", request.method(), request.uri());
        let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        format!("{head} {} {}", String::from_utf8_lossy(&body), kind.unwrap_or_default())
            .trim_end()
            .to_owned()
    }

    async fn all(name: &str) -> [String; 3] {
        let api = Api::preset(name).unwrap();
        [shown(api.read()).await, shown(api.write()).await, shown(api.delete()).await]
    }

    #[tokio::test]
    async fn each_preset_asks_as_its_server_wants_to_be_asked() {
        assert_eq!(all("kv").await, ["GET /kv?key=key7", "PUT /kv?key=key7 hello", "DELETE /kv?key=key7"]);
        let json = ["GET /get?key=key7", r#"POST /put?key=key7 {"value":"hello"} application/json"#];
        assert_eq!(all("json").await, [json[0], json[1], "DELETE /del?key=key7"]);
        assert_eq!(all("webdis").await, ["GET /GET/key7", "PUT /SET/key7 hello", "GET /DEL/key7"]);
        let etcd = [
            r#"POST /v3/kv/range {"key":"a2V5Nw=="} application/json"#,
            r#"POST /v3/kv/put {"key":"a2V5Nw==","value":"aGVsbG8="} application/json"#,
            r#"POST /v3/kv/deleterange {"key":"a2V5Nw=="} application/json"#,
        ];
        assert_eq!(all("etcd").await, etcd);
    }

    #[tokio::test]
    async fn requests_of_ones_own_replace_those_of_the_preset() {
        let mut api = Api::preset("static").unwrap();
        api = api.with(Some("HEAD /files/{key}.txt"), None, None).unwrap();
        api.field("X-One: two").unwrap();
        api.aim(&Target::new("http://127.0.0.1:1/app").unwrap()).unwrap();
        let request = api.read().unwrap().request("a b", &Bytes::new()).unwrap();
        assert_eq!(request.uri(), "/app/files/a%20b.txt");
        assert_eq!(
            (&request.headers()["x-one"], &request.headers()["host"]),
            (&"two".parse().unwrap(), &"127.0.0.1:1".parse().unwrap())
        );
        assert!(api.write().is_none());
        for wrong in ["GET", "GET kv", "GET /{nothing}", "G=T /"] {
            assert!(Form::new(wrong).is_err(), "{wrong}");
        }
    }
}
