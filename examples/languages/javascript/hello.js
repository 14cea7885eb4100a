// The arguments are wasi:cli/environment's: JavaScript has no name of its own for them.
import { getArguments } from "wasi:cli/environment@0.2.0";

export const run = {
  run() {
    console.log(`Hello, ${getArguments()[1] ?? "world"}, from JavaScript`);
  },
};
