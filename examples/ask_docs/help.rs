//! What `--help` says.

pub(crate) const HELP: &str = "\
ask_docs [options] <folder> <question>

Answers a question from a folder of text and Markdown, cites file and heading, and sends the answer to your team. Works
offline, without an account: documents, index and audit trail are kept in .circle/ask_docs/, the answer is made of quotations,
and the team is this terminal.

A second run ingests only what has changed since, and takes out what is gone. Documents are files that end in .md,
.markdown, .txt, .text, .rst or .adoc; hidden files and folders are left out. What is not UTF-8, cannot be read or is too large
is reported and skipped.

  --name NAME       what the folder is kept under; its own name by default. A folder takes the place of another one that
                    was kept under the same name
  --channel NAME    where the answer goes; #docs by default
  --max-size KIB    skip larger files; 1024 by default
  --anew            forget the index and make it anew
  --config FILE     take the services from this circle.toml, in place of the one that is built in
  --profile NAME    lay this profile over it; CIRCLE_PROFILE by default. `production` is S3, an OpenAI-compatible model and
                    Slack, and wants a program that was built with `--features production`
  -q, --quiet       print the answer, errors and problems only
  -h, --help        print this

Variables change single settings: CIRCLE__SERVICES__DOCUMENTS__BUCKET=acme-documents.

Exit code: 0 answered, from the documents; 1 answered, but files were skipped, or the answer cites nothing or what it was not
given; 2 wrong usage; 3 failed.
";
