// The WebAssembly tools that guests.go needs, as one command:
//
//   node tools.mjs parse IN.wat OUT.wasm
//   node tools.mjs component CORE.wat WORLD.wit WORLD OUT.wasm
//   node tools.mjs dummy WORLD.wit WORLD OUT.wasm
//   node tools.mjs adapt PROBE.wasm ADAPTER.wasm OUT.wasm
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { WASI } from "node:wasi";

// withAdapterMemory gives the probe the export by which the adapter allocates:
// from the array that the probe keeps for it, whose address is the exit code
// of its verb adapter-memory. Go itself cannot export this function: it is
// called before Go's runtime has started.
async function withAdapterMemory(binary) {
  const wasi = new WASI({ version: "preview1", args: ["probe", "adapter-memory"], returnOnExit: true });
  const { instance } = await WebAssembly.instantiate(binary, wasi.getImportObject());
  const start = wasi.start(instance);
  const text = await tools.print(binary);
  return tools.parse(
    text.slice(0, text.lastIndexOf(")")) +
      `
  (global $adapter-next (mut i32) (i32.const ${start}))
  (func (export "cabi_realloc_adapter") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $address i32)
    (local.set $address
      (i32.and
        (i32.add (global.get $adapter-next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $adapter-next (i32.add (local.get $address) (local.get $size)))
    (if (i32.gt_u (global.get $adapter-next) (i32.const ${start + (1 << 20)})) (then unreachable))
    (local.get $address)))`,
  );
}

const tools = await import(
  pathToFileURL(createRequire(process.env.GUESTS_NODE_MODULES + "/").resolve("@bytecodealliance/jco-transpile/wasm-tools"))
);
const [verb, input, ...rest] = process.argv.slice(2);
const output = rest.at(-1);

switch (verb) {
  case "parse":
    await writeFile(output, await tools.parse(await readFile(input, "utf8")));
    break;
  case "component": {
    const binary = await tools.parse(await readFile(input, "utf8"));
    const witSource = await readFile(rest[0], "utf8");
    const embedded = await tools.componentEmbed({ binary, witSource, world: rest[1] });
    await writeFile(output, await tools.componentNew(embedded, []));
    break;
  }
  case "dummy": {
    const witSource = await readFile(input, "utf8");
    await writeFile(output, await tools.componentNew(await tools.componentEmbed({ dummy: true, witSource, world: rest[0] }), []));
    break;
  }
  case "adapt": {
    const core = await withAdapterMemory(await readFile(input));
    await writeFile(output, await tools.componentNew(core, [["wasi_snapshot_preview1", await readFile(rest[0])]]));
    break;
  }
  default:
    throw new Error(`unknown verb ${verb}`);
}
