# All examples at once, in this directory:
#
#   docker buildx bake
#
# writes a layout for each below artifacts/.

variable "DEST" {
  default = "artifacts"
}

group "default" {
  targets = ["examples"]
}

target "examples" {
  name = example
  matrix = {
    example = ["files", "greet", "hello", "http", "pipeline"]
  }
  context    = example
  dockerfile = "Wasmfile"
  contexts = {
    greet = "greet" # pipeline takes a component from there
  }
  output = ["type=local,dest=${DEST}/${example}"]
}
