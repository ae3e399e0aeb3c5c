//! The pages of the providers, so that their Rust blocks are compiled by `cargo test`.

macro_rules! guides {
    ($($name:ident = $path:literal;)+) => {
        $(#[doc = include_str!($path)] mod $name {})+
    };
}

guides! {
    aws = "../../integrations/cloud/aws/README.md";
    console = "../../integrations/productivity/console/README.md";
    embedded = "../../integrations/ai/embedded/README.md";
    filesystem = "../../integrations/data-storage/filesystem/README.md";
    memory = "../../integrations/data-storage/memory/README.md";
    openai = "../../integrations/ai/openai/README.md";
    s3_compatible = "../../integrations/data-storage/s3-compatible/README.md";
}
