// Package containers is the commands that make containers of artifacts and work with
// containers whose process is Wasm, which are called guests: run, create, attach, ps, cp
// and health checks. nerdctl's own packages make the containers; what is here are the
// annotations from the verified manifest, and what nerdctl would do otherwise than a
// guest needs.
package containers
