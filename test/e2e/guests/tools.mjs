// The WebAssembly tools that guests.go needs, as one command:
//
//   node tools.mjs parse IN.wat OUT.wasm
//   node tools.mjs component CORE.wat WORLD.wit WORLD OUT.wasm
//   node tools.mjs adapt CORE.wasm ADAPTER.wasm OUT.wasm
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";

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
  case "adapt":
    await writeFile(
      output,
      await tools.componentNew(await readFile(input), [["wasi_snapshot_preview1", await readFile(rest[0])]]),
    );
    break;
  default:
    throw new Error(`unknown verb ${verb}`);
}
