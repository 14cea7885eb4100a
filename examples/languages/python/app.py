import sys

import wit_world.exports


class Run(wit_world.exports.Run):
    def run(self) -> None:
        name = sys.argv[1] if len(sys.argv) > 1 else "world"
        print(f"Hello, {name}, from Python")
