//! A containerd shim over containerd-shim-wasm, the library that runwasi's shims
//! are made of. The library finds a container's components in containerd; what it
//! hands to the engine of such a shim is what this one prints, as a line of JSON.

use anyhow::Result;
use containerd_shim_wasm::sandbox::Sandbox;
use containerd_shim_wasm::sandbox::context::{RuntimeContext, Source, WasmLayer};
use containerd_shim_wasm::shim::{Cli, Shim};
use serde_json::{Value, json};

struct Reporter;

impl Shim for Reporter {
    type Sandbox = Report;

    fn name() -> &'static str {
        "runwasitest"
    }
}

#[derive(Default)]
struct Report;

impl Sandbox for Report {
    /// Fails where an engine could not go on: each of runwasi's own begins by
    /// asking for the bytes of the one component.
    async fn run_wasi(&self, ctx: &impl RuntimeContext) -> Result<i32> {
        let entrypoint = ctx.entrypoint();
        let layers = match &entrypoint.source {
            Source::Oci(layers) => layers.iter().map(describe).collect(),
            Source::File(_) => vec![],
        };
        let bytes = entrypoint.source.as_bytes();
        let report = json!({
            "args": ctx.args(),
            "envs": ctx.envs(),
            "func": entrypoint.func,
            "layers": layers,
            "runs": bytes.as_ref().ok().map(|b| digest(b)),
            "error": bytes.as_ref().err().map(|e| e.to_string()),
        });
        println!("{report}");
        bytes.map(|_| 0)
    }
}

/// What the manifest says of a layer, and the digest of the bytes that came.
fn describe(layer: &WasmLayer) -> Value {
    json!({
        "mediaType": layer.config.media_type().to_string(),
        "digest": layer.config.digest().to_string(),
        "size": layer.layer.len(),
        "content": digest(&layer.layer),
    })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256::digest(bytes))
}

fn main() {
    Reporter::run(None);
}
