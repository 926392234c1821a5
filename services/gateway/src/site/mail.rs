//! Letters of the fleet, where they are written to files instead of being sent: for a machine of one's
//! own only. Whoever opens this reads everybody's links.

use std::{
    io,
    path::{Path as FilePath, PathBuf},
    time::SystemTime,
};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use common::Problem;
use http::{HeaderName, HeaderValue, header};
use mail_parser::{Address, Message, MessageParser};
use tokio::fs;

use crate::app::App;

/// The newest letters are listed, no more.
const LISTED: usize = 200;

/// A letter's HTML may do nothing at all, and stands in a frame of our own page only.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; \
     style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

/// What the list says of a letter.
struct Summary {
    file: String,
    subject: String,
    to: String,
    time: String,
}

#[derive(Template)]
#[template(path = "mail/list.html")]
struct List {
    letters: Vec<Summary>,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Letter {
    letter: Summary,
    text: Vec<Piece>,
    html: bool,
}

/// A piece of a text: an address of the web, or anything else.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    link: bool,
}

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/mail", get(list))
        .route("/mail/{file}", get(letter))
        .route("/mail/{file}/html", get(html))
}

async fn list(State(app): State<App>) -> Result<Response, Problem> {
    let folder = folder(&app)?;
    let files = match newest(&folder).await {
        Ok(files) => files,
        // Made with the first letter.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Problem::internal(error)),
    };
    let mut letters = Vec::with_capacity(files.len());
    for file in files {
        if let Ok(bytes) = fs::read(folder.join(&file)).await
            && let Some(message) = MessageParser::default().parse(&bytes)
        {
            letters.push(summary(&message, file));
        }
    }
    page(&List { letters })
}

/// The names of the newest letters, the newest first.
async fn newest(folder: &FilePath) -> io::Result<Vec<String>> {
    let mut files: Vec<(SystemTime, String)> = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().into_string();
        // One that is gone by now was taken away meanwhile.
        if let (Ok(name), Ok(about)) = (name, entry.metadata().await)
            && is_letter(&name)
        {
            files.push((about.modified()?, name));
        }
    }
    files.sort_unstable_by(|one, other| other.cmp(one));
    files.truncate(LISTED);
    Ok(files.into_iter().map(|(_, name)| name).collect())
}

async fn letter(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Problem> {
    let bytes = read(&app, &file).await?;
    let message = parsed(&bytes)?;
    let text = message.body_text(0).unwrap_or_default();
    page(&Letter {
        text: pieces(&text),
        html: message.html_body_count() > 0,
        letter: summary(&message, file),
    })
}

async fn html(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Problem> {
    let bytes = read(&app, &file).await?;
    let message = parsed(&bytes)?;
    let html = message.body_html(0).ok_or_else(nothing)?.into_owned();
    Ok(([(header::CONTENT_SECURITY_POLICY, SANDBOX)], Html(html)).into_response())
}

fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(Problem::internal)?;
    // Links in a letter carry secrets, and the page's address tells which letter it was.
    let referrer: (HeaderName, _) = (header::REFERRER_POLICY, "no-referrer");
    Ok(([referrer], Html(html)).into_response())
}

fn folder(app: &App) -> Result<PathBuf, Problem> {
    app.0.mail_dir.clone().ok_or_else(nothing)
}

async fn read(app: &App, file: &str) -> Result<Vec<u8>, Problem> {
    let folder = folder(app)?;
    if !is_letter(file) {
        return Err(nothing());
    }
    fs::read(folder.join(file)).await.map_err(|_| nothing())
}

/// Whether a name is one that auth gives to a letter; nothing else in the folder can be had.
fn is_letter(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.strip_suffix(".eml")
        .is_some_and(|stem| !stem.is_empty() && stem.bytes().all(plain))
        && FilePath::new(name).file_name().is_some_and(|it| it == name)
}

fn parsed(bytes: &[u8]) -> Result<Message<'_>, Problem> {
    MessageParser::default().parse(bytes).ok_or_else(nothing)
}

fn nothing() -> Problem {
    Problem::not_found().detail("there is no such letter")
}

fn summary(message: &Message<'_>, file: String) -> Summary {
    let addresses = |all: &Address<'_>| {
        let all = all.iter().filter_map(|one| one.address.as_deref());
        all.collect::<Vec<_>>().join(", ")
    };
    Summary {
        file,
        subject: message.subject().unwrap_or("(no subject)").to_owned(),
        to: message.to().map(addresses).unwrap_or_default(),
        time: message
            .date()
            .map(mail_parser::DateTime::to_rfc3339)
            .unwrap_or_default(),
    }
}

/// Takes a text apart at its links.
fn pieces(text: &str) -> Vec<Piece> {
    text.split_inclusive(char::is_whitespace)
        .flat_map(|word| {
            let bare = word.trim_end();
            let link = ["http://", "https://"]
                .iter()
                .any(|scheme| bare.starts_with(scheme));
            let (link, rest) = if link {
                word.split_at(bare.len())
            } else {
                ("", word)
            };
            [(link, true), (rest, false)]
        })
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, link)| Piece {
            text: text.to_owned(),
            link,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_can_be_had() {
        for good in [
            "a.eml",
            "01890a5d-ac96-774b-bcce-b302099a8057.eml",
            "A_b-9.eml",
        ] {
            assert!(is_letter(good), "{good}");
        }
        for bad in [
            "",
            ".eml",
            "a.json",
            "../a.eml",
            "a/b.eml",
            "..eml",
            "a.eml.json",
            "ä.eml",
            "a\0.eml",
        ] {
            assert!(!is_letter(bad), "{bad}");
        }
    }

    #[test]
    fn links_are_links() {
        let texts = |text| {
            let pieces = pieces(text).into_iter();
            pieces
                .filter(|piece| piece.link)
                .map(|piece| piece.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts("Open\nhttp://127.0.0.1:4000/verify#token=x\nor javascript:alert(1)\n"),
            ["http://127.0.0.1:4000/verify#token=x"]
        );
        let text = "a  b\nhttps://x.example/ c";
        let whole: String = pieces(text).into_iter().map(|piece| piece.text).collect();
        assert_eq!(whole, text);
    }
}
