//! Answers.

use std::time::Duration;

use futures::StreamExt;
use llm::{
    ChatEvent, ChatModel, ChatRequest, Error, Finish, Finished, LlmConfig, Message, OpenAi, Stage,
    Usage,
    fake::{CHAT_MODEL, Fake, Script, Step},
};

fn request() -> ChatRequest {
    ChatRequest {
        messages: vec![
            Message::system("Answer.\n<source id=\"1\" title=\"Returns\">Sixty days.</source>"),
            Message::user("How long?"),
        ],
        temperature: None,
    }
}

/// The text, and how the answer ended.
async fn ask(config: &LlmConfig) -> (String, Result<Finished, Error>) {
    let model = OpenAi::new(config).expect("the settings are good");
    let mut stream = match model.chat(request()).await {
        Ok(stream) => stream,
        Err(error) => return (String::new(), Err(error)),
    };
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatEvent::Delta(delta)) => text.push_str(&delta),
            Ok(ChatEvent::Finished(end)) => {
                assert!(stream.next().await.is_none(), "nothing follows the end");
                return (text, Ok(end));
            }
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (text, Err(error));
            }
        }
    }
    panic!("the stream ended without an end")
}

#[tokio::test]
async fn an_answer_streams_word_by_word_and_tells_its_cost() {
    let fake = Fake::start().await;
    fake.script(Script::text("You have sixty days. [1]"));
    let (text, end) = ask(&fake.config()).await;
    assert_eq!(text, "You have sixty days. [1]");
    let usage = Usage {
        prompt_tokens: 120,
        completion_tokens: 17,
    };
    let finished = Finished {
        finish: Finish::Stop,
        usage,
        model: CHAT_MODEL.to_owned(),
        found_nothing: false,
    };
    assert_eq!(end, Ok(finished));
    assert_eq!(fake.seen()[0].question(), "How long?");
}

#[tokio::test]
async fn deltas_arrive_while_the_model_still_writes() {
    let fake = Fake::start().await;
    let hold = std::sync::Arc::<tokio::sync::Notify>::default();
    fake.script(Script::Stream(vec![
        Step::Delta("One ".to_owned()),
        Step::Hold(hold.clone()),
        Step::Delta("two".to_owned()),
        Step::Finish("length"),
    ]));
    let mut stream = OpenAi::new(&fake.config())
        .unwrap()
        .chat(request())
        .await
        .unwrap();
    assert_eq!(
        stream.next().await,
        Some(Ok(ChatEvent::Delta("One ".to_owned())))
    );
    hold.notify_one();
    assert_eq!(
        stream.next().await,
        Some(Ok(ChatEvent::Delta("two".to_owned())))
    );
    match stream.next().await {
        Some(Ok(ChatEvent::Finished(end))) => assert_eq!(end.finish, Finish::Length),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_none_is_tried_again() {
    let fake = Fake::start().await;
    let wait = Some(Duration::from_secs(7));
    let refused = |status, code: &str| Error::Refused {
        status,
        code: code.to_owned(),
    };
    for (script, expected) in [
        (
            Script::Status(429, "rate_limit_exceeded", Some(7)),
            Error::RateLimited { retry_after: wait },
        ),
        (
            Script::Status(429, "insufficient_quota", None),
            refused(429, "insufficient_quota"),
        ),
        (
            Script::Status(404, "model_not_found", None),
            refused(404, "model_not_found"),
        ),
        (
            Script::Status(400, "a code with spaces", None),
            refused(400, "error"),
        ),
        (
            Script::Status(500, "server_error", None),
            Error::Unavailable("it answered 500 Internal Server Error".to_owned()),
        ),
        (
            Script::Html,
            Error::Garbage("neither JSON nor an event stream"),
        ),
    ] {
        fake.script(script);
        assert_eq!(ask(&fake.config()).await, (String::new(), Err(expected)));
    }
    assert_eq!(fake.seen().len(), 6);
}

#[tokio::test]
async fn a_wrong_key_is_a_refusal() {
    let fake = Fake::start().await;
    let config = LlmConfig {
        llm_api_key: Some("sk-other".into()),
        ..fake.config()
    };
    let (_, end) = ask(&config).await;
    assert_eq!(
        end,
        Err(Error::Refused {
            status: 401,
            code: "invalid_api_key".to_owned()
        })
    );
    let none = LlmConfig {
        llm_api_key: Some("".into()),
        ..fake.config()
    };
    assert_eq!(ask(&none).await.1, end);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let fake = Fake::start().await;
    let config = LlmConfig {
        llm_base_url: format!("http://{free}/v1").parse().unwrap(),
        ..fake.config()
    };
    assert_eq!(
        ask(&config).await.1,
        Err(Error::Unavailable("it cannot be reached".to_owned()))
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let fake = Fake::start().await;
    let word = || Step::Delta("Half".to_owned());
    for (end, error) in [
        (Step::Cut, Error::Cut("the connection was lost".to_owned())),
        (
            Step::End,
            Error::Cut("the server stopped sending".to_owned()),
        ),
        (Step::Garbage, Error::Garbage("not the JSON of an answer")),
    ] {
        fake.script(Script::Stream(vec![word(), end]));
        assert_eq!(ask(&fake.config()).await, ("Half".to_owned(), Err(error)));
    }
}

#[tokio::test]
async fn each_limit_of_time_holds_by_itself() {
    let fake = Fake::start().await;
    let (short, long) = (Duration::from_millis(150), Duration::from_secs(30));
    let config = |first, between, whole| LlmConfig {
        llm_first_delta: first,
        llm_between_deltas: between,
        llm_answer: whole,
        ..fake.config()
    };
    let word = || Step::Delta("w".to_owned());
    let timed_out = |stage| {
        Err(Error::TimedOut {
            stage,
            limit: short,
        })
    };

    fake.script(Script::Stream(vec![Step::Stall]));
    assert_eq!(
        ask(&config(short, long, long)).await.1,
        timed_out(Stage::FirstDelta)
    );
    fake.script(Script::Stream(vec![word(), Step::Stall]));
    assert_eq!(
        ask(&config(long, short, long)).await.1,
        timed_out(Stage::BetweenDeltas)
    );
    fake.script(Script::Stream(vec![word(), Step::Stall]));
    assert_eq!(
        ask(&config(long, long, short)).await.1,
        timed_out(Stage::Whole)
    );
}

#[tokio::test]
async fn errors_never_quote_what_was_said() {
    let fake = Fake::start().await;
    fake.script(Script::Status(400, "bad", None))
        .script(Script::Stream(vec![Step::Garbage]));
    for _ in 0..2 {
        let error = ask(&fake.config()).await.1.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("quote the customer"),
            "{error:?}"
        );
    }
    assert!(!format!("{:?}", request()).contains("How long"));
}

#[tokio::test]
async fn the_fake_refuses_what_the_api_forbids() {
    let fake = Fake::start().await;
    let model = OpenAi::new(&fake.config()).unwrap();
    let system = || Message::system("Answer.");
    let source = |text: &str| Message::system(text);
    for messages in [
        vec![],
        vec![Message::user("no system message")],
        vec![system(), Message::user("one"), Message::user("two")],
        vec![system(), Message::user("one"), Message::assistant("two")],
        vec![system(), Message::user(" ")],
        vec![
            source("<source id=\"2\" title=\"\">not from 1</source>"),
            Message::user("one"),
        ],
        vec![
            source("<source id=\"1\" title=\"\">not <escaped></source>"),
            Message::user("one"),
        ],
    ] {
        let request = ChatRequest {
            messages,
            temperature: None,
        };
        let error = model.chat(request).await.err().expect("a refusal");
        assert!(
            matches!(error, Error::Refused { status: 400, .. }),
            "{error:?}"
        );
    }
    assert_eq!(fake.take_violations().len(), 7);
}
