// Prints the tokens of a Wasmfile: node tokens.mjs GRAMMAR WASMFILE
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";

const [grammarPath, wasmfilePath] = process.argv.slice(2);
const wasm = createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm");
await oniguruma.loadWASM(await readFile(wasm));

const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => textmate.parseRawGrammar(await readFile(grammarPath, "utf8"), grammarPath),
});
const grammar = await registry.loadGrammar("source.wasmfile");

let stack = textmate.INITIAL;
for (const line of (await readFile(wasmfilePath, "utf8")).replace(/\n$/, "").split("\n")) {
  const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
  stack = ruleStack;
  console.log(`> ${line}`.trimEnd());
  for (const { startIndex, endIndex, scopes } of tokens) {
    const text = line.slice(startIndex, endIndex);
    const inner = scopes.slice(1).map((scope) => scope.replace(/\.wasmfile$/, "")).join(" ");
    if (text.trim() !== "" && inner !== "") {
      console.log(`  ${JSON.stringify(text)} ${inner}`);
    }
  }
}
