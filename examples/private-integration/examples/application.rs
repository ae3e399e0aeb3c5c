//! An application that uses the private provider beside ours: `cargo run --example application`.

use acme::Acme;
use circle_core::Registry;
use circle_core::prelude::*;

const CONFIG: &str = r#"
version = 1

[services.index]
provider = "acme"
capacity = "1 MiB"

[services.documents]
provider = "memory"
"#;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let registry = Registry::with_enabled().with::<Acme>();
    let hub = Hub::builder().toml(CONFIG, "circle.toml").registry(registry).build().await?;

    let documents: ObjectStore = hub.get("documents")?;
    let index: KeyValueStore = hub.get("index")?;
    let meta = documents.put("reports/q3.md", "# Q3").await?;
    index.put(meta.key.as_str(), meta.size.to_string()).await?;

    println!("{}", hub.health().await);
    let entry = index.get("reports/q3.md").await?;
    println!(
        "reports/q3.md has {} bytes",
        entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).unwrap_or_default()
    );
    hub.shutdown(Duration::from_secs(5)).await
}
