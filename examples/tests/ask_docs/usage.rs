//! The command line, and failures in one line.

use std::fs;

use crate::program::{Done, Place};

#[test]
fn wrong_usage_ends_with_2_and_one_line() {
    let place = Place::new();
    let none: [&str; 0] = [];
    place.run(none).failed(2, &["folder is missing", "--help"]);
    place.run(["docs"]).failed(2, &["question is missing"]);
    place.run(["docs", " "]).failed(2, &["question is empty"]);
    place.run(["docs", "How", "now"]).failed(2, &["`now`", "quotes"]);
    place.run(["docs", "How?", "--colour"]).failed(2, &["--colour"]);
    place.run(["docs", "How?", "--max-size", "0"]).failed(2, &["1 to 65536"]);
    place.run(["docs", "How?", "--max-size", "much"]).failed(2, &["much"]);
    place.run(["docs", "How?", "--name", "../x"]).failed(2, &["../x", "a-z"]);
    place.run(["docs", "How?", "--profile"]).failed(2, &["--profile"]);
    assert!(!place.path(".circle").exists(), "nothing was begun");
}

#[test]
fn help_says_what_is_kept_and_how_it_ends() {
    let help = Place::new().run(["--help"]).ok().out;
    for text in [".circle/ask_docs/", "Exit code", "--profile", "--features production", "UTF-8"] {
        assert!(help.contains(text), "{text}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 130), "{help}");
}

#[test]
fn failures_end_with_3_and_one_line_that_says_what_to_do() {
    let place = Place::with_documents();
    place.run(["absent", "How?"]).failed(3, &["absent", "No such file", "name one"]);
    place.run(["docs", "How?", "--config", "absent.toml"]).failed(3, &["absent.toml"]);
    place.run(["docs", "How?", "--profile", "prodcution"]).failed(3, &["prodcution", "production"]);
    fs::write(place.path("circle.toml"), "version = 1\n[services.documents]\nprovider = \"memory\"\n").unwrap();
    place.run(["docs", "How?", "--config", "circle.toml"]).failed(3, &["embedder"]);
    let wrong = "version = 1\n[services.documents]\nprovider = \"memroy\"\n[services.team]\nprovider = \"console\"\nouput = 1\n";
    fs::write(place.path("circle.toml"), wrong).unwrap();
    let both = ["2 problems", "circle.toml:3", "did you mean `memory`", "circle.toml:6", "did you mean `output`"];
    place.run(["docs", "How?", "--config", "circle.toml"]).failed_in(3, 3, &both);
    Place::new().ask("How?").failed(3, &["holds no document", ".md, .markdown", "UTF-8"]);
    if cfg!(not(feature = "production")) {
        place.run(["docs", "How?", "--profile", "production"]).failed(3, &["`production`", "--features production"]);
        let mut command = place.command(["docs", "How?"]);
        Done::from(command.env("CIRCLE_PROFILE", "production").output().unwrap()).failed(3, &["--features production"]);
    }
}

#[test]
fn variables_change_single_settings() {
    let place = Place::with_documents();
    let mut command = place.command(["docs", "Where are tickets sold?"]);
    command.env("CIRCLE__SERVICES__TEAM__OUTPUT", "stderr").env("CIRCLE__SERVICES__DOCUMENTS__ROOT", place.path("elsewhere"));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8(done.stderr).unwrap().starts_with("#docs 1 | "));
    assert!(place.path("elsewhere/folders/docs").is_dir() && !place.path(".circle/ask_docs/store").exists());
}
