//! The profile `production` on S3: `cargo xtask live aws` starts the server.

use circle_core::aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core::object_store::HEAD;
use circle_core::{BuildContext, CallContext, Environment, SecretRef};

use crate::model_server::ModelServer;
use crate::production::with_models;
use crate::program::{Done, Place};

#[tokio::test]
#[ignore = "wants a server that `cargo xtask live aws` starts"]
async fn live_aws_answers_from_documents_and_an_index_in_s3() {
    let endpoint = std::env::var("CIRCLE_LIVE_S3S").unwrap();
    let context = BuildContext::new(Environment::default(), "documents").allow_loopback(true);
    let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST"));
    let bucket = format!("ask-docs-{}", std::process::id());
    let s3 = S3::new(S3Config::new(&bucket).region("us-east-1").endpoint(&endpoint).credentials(key), &context).unwrap();
    s3.client().create_bucket(&CallContext::new(context.environment(), &HEAD, None)).await.unwrap();

    let server = ModelServer::start(&["From platform four ", "[1]."]);
    let ask = |place: &Place| -> Done {
        let mut command = place.command(["docs", "Where do trains to Riga leave?"]);
        with_models(&mut command, &server);
        command.env("AWS_ACCESS_KEY_ID", "AKTEST").env("AWS_SECRET_ACCESS_KEY", "SKTEST");
        for (name, value) in [("BUCKET", &*bucket), ("REGION", "us-east-1"), ("ENDPOINT", &endpoint), ("ALLOW_LOOPBACK", "true")]
        {
            command.env(format!("CIRCLE__SERVICES__DOCUMENTS__{name}"), value);
        }
        command.output().unwrap().into()
    };
    let first = ask(&Place::with_documents()).ok();
    assert!(first.summary().starts_with("2 documents: 2 ingested in 2 passages"), "{}", first.out);
    assert!(
        first.out.contains("From platform four [1].") && first.out.contains("[1] trains.md > Trains > Riga"),
        "{}",
        first.out
    );

    // From another machine, so to speak: everything is in the bucket.
    let elsewhere = Place::with_documents();
    assert!(ask(&elsewhere).ok().summary().contains(" 2 unchanged"));
    elsewhere.write("hall/tickets.txt", "Tickets are sold on the train.");
    assert!(ask(&elsewhere).ok().summary().contains("1 ingested in 1 passage, 1 unchanged"));
}
