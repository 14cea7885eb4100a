//! A containerd shim over containerd-shim-wasm, the library that runwasi's shims
//! are made of, with wasmtime as its engine. runwasi's own shim for wasmtime is
//! not on crates.io. The library makes the container, finds its component in
//! containerd, has it compiled once and keeps the code in the content store: that
//! is nearly all of what a container costs, and what is compared.

use std::hash::Hash;

use anyhow::{Result, anyhow};
use containerd_shim_wasm::sandbox::Sandbox;
use containerd_shim_wasm::sandbox::context::{RuntimeContext, WasmLayer};
use containerd_shim_wasm::shim::{Cli, Compiler, Shim};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};

struct Wasmtime;

impl Shim for Wasmtime {
    type Sandbox = Guest;

    fn name() -> &'static str {
        "runwasibench"
    }

    async fn compiler() -> Option<impl Compiler> {
        Some(Guest::default())
    }
}

/// What compiles components, and runs them, by the same engine.
#[derive(Default)]
struct Guest {
    engine: Engine,
}

impl Compiler for Guest {
    fn cache_key(&self) -> impl Hash {
        "wasmtime 48.0.8"
    }

    async fn compile(&self, layers: &[WasmLayer]) -> Result<Vec<Option<Vec<u8>>>> {
        let code = |layer: &WasmLayer| Ok(Some(self.engine.precompile_component(&layer.layer)?));
        layers.iter().map(code).collect()
    }
}

struct State {
    wasi: WasiCtx,
    resources: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl Sandbox for Guest {
    async fn run_wasi(&self, ctx: &impl RuntimeContext) -> Result<i32> {
        let source = ctx.entrypoint().source;
        if !source.is_precompiled()? {
            return Err(anyhow!("the component was not compiled ahead"));
        }
        // Safe as far as containerd's content store is: the library has just
        // read from there what it made itself.
        let component = unsafe { Component::deserialize(&self.engine, &source.as_bytes()?) }?;

        let mut wasi = WasiCtx::builder();
        wasi.args(ctx.args()).inherit_stdio().inherit_network();
        for variable in ctx.envs() {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            wasi.env(name, value);
        }
        wasi.preopened_dir("/", "/", FsPerms::ReadWrite)?;

        let mut linker = Linker::<State>::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let state = State { wasi: wasi.build(), resources: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        let command = Command::instantiate_async(&mut store, &component, &linker).await?;
        match command.wasi_cli_run().call_run(&mut store).await {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(err) => match err.downcast_ref::<I32Exit>() {
                Some(exit) => Ok(exit.0),
                None => Err(err.into()),
            },
        }
    }
}

fn main() {
    Wasmtime::run(None);
}
