//! The profile `production` on a real S3 server, with contract servers for the models and for Slack: `cargo xtask live aws`
//! starts the server.

use circle_core::aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core::object_store::HEAD;
use circle_core::{BuildContext, CallContext, Environment, SecretRef};

use crate::production::{MESSAGE, QUESTION, Servers, audited, calls, no_secrets};
use crate::program::{Done, Place};
use crate::slack_server::{self, DOCS};

#[tokio::test]
#[ignore = "wants a server that `cargo xtask live aws` starts"]
async fn live_aws_answers_in_slack_from_documents_and_an_index_in_s3() {
    let endpoint = std::env::var("CIRCLE_LIVE_S3S").unwrap();
    let context = BuildContext::new(Environment::default(), "documents").allow_loopback(true);
    let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST"));
    let bucket = format!("ask-docs-{}", std::process::id());
    let s3 = S3::new(S3Config::new(&bucket).region("us-east-1").endpoint(&endpoint).credentials(key), &context).unwrap();
    s3.client().create_bucket(&CallContext::new(context.environment(), &HEAD, None)).await.unwrap();

    let servers = Servers::start(&["From platform four ", "[1]."]);
    let ask = |place: &Place| -> Done {
        let mut command = place.command(["docs", QUESTION]);
        servers.configure(&mut command);
        command.env("AWS_ACCESS_KEY_ID", "AKTEST").env("AWS_SECRET_ACCESS_KEY", "SKTEST");
        for (name, value) in [("BUCKET", &*bucket), ("REGION", "us-east-1"), ("ENDPOINT", &endpoint), ("ALLOW_LOOPBACK", "true")]
        {
            command.env(format!("CIRCLE__SERVICES__DOCUMENTS__{name}"), value);
        }
        command.output().unwrap().into()
    };
    let place = Place::with_documents();
    let first = ask(&place).ok();
    assert!(first.summary().starts_with("2 documents: 2 ingested in 2 passages"), "{}", first.out);
    no_secrets(&first.out);
    let message = slack_server::posted(&servers.slack);
    assert_eq!((&message["channel"], &message["text"]), (&DOCS.into(), &MESSAGE.into()), "{message}");
    let audited = audited(&place);
    for (service, provider, operation) in [
        ("documents", "s3", "object_store.put"),
        ("embedder", "openai", "embedding_model.embed"),
        ("assistant", "openai", "chat_model.stream"),
        ("team", "slack", "messenger.send"),
    ] {
        assert!(calls(&audited, [service, provider, operation, "ok"]) > 0, "{operation}: {audited:?}");
    }

    // From another machine, so to speak: everything is in the bucket.
    let elsewhere = Place::with_documents();
    assert!(ask(&elsewhere).ok().summary().contains(" 2 unchanged"));
    elsewhere.write("hall/tickets.txt", "Tickets are sold on the train.");
    assert!(ask(&elsewhere).ok().summary().contains("1 ingested in 1 passage, 1 unchanged"));
}
