package conformance_test

import (
	"bytes"
	"fmt"
)

// verdict is what a comparison gives.
type verdict int

const (
	same      verdict = iota // the same result
	sameError                // the same error
	better                   // BuildKit's frontend crashes, this one does not
	notBuilt                 // a Dockerfile that cannot be built
	shellForm                // ENTRYPOINT or CMD needs a shell
	openEnd                  // the text ends within an instruction
	differs
	verdicts
)

// tally counts verdicts.
type tally [verdicts]int

func (t *tally) count(v verdict) { t[v]++ }

func (t *tally) add(other tally) {
	for v, n := range other {
		t[v] += n
	}
}

func (t *tally) sum() int {
	sum := 0
	for _, n := range t {
		sum += n
	}
	return sum
}

// row is what the Dockerfiles of a suite gave.
type row struct {
	suite     string
	requests  [6]tally
	artifacts tally
}

type report struct {
	buildkit string
	rows     []row
}

const head = `# Conformance

A Wasmfile without COMPONENT is a Dockerfile. ` + "`go test ./frontend/conformance`" + `
takes every Dockerfile that BuildKit %s publishes in the tests and documents
of its Dockerfile frontend, from the Go module cache, and gives each to that
frontend and to this one, on a builder that notes what it is asked for. Both have to
ask for the same LLB, operation by operation, with the same names, source lines,
warnings and image config, or fail with the same error at the same lines. The
test writes this file with ` + "`-update`" + `.

## Dockerfiles

Each is parsed, found to be left byte for byte as it is, and used for %d requests.

| from | Dockerfiles | requests | same result | same error | other |
|---|---|---|---|---|---|
`

const requestsHead = `
By request:

| request | Dockerfiles | same result | same error | other |
|---|---|---|---|---|
`

const artifactsHead = `
## With a component

Each Dockerfile that can be built gets a ` + "`COMPONENT <url>`" + ` as its last line. All
operations of the Dockerfile have to stay as they are, to the digest, and these
have to be added: the download, the copy of the component, the description of the
artifact and its assembly; with a base image, a look for components in it.

| from | Dockerfiles | same operations | shell form | open end | cannot be built | other |
|---|---|---|---|---|---|---|
`

const notes = `
## What differs, and what is left out

- *Other*: ` + "`--call=targets`" + ` of a Dockerfile with a ` + "`# check=`" + ` comment above an
  instruction crashes BuildKit's frontend; this one lists the targets.
- Errors of ` + "`--call`" + ` name their lines here; BuildKit's do not. Their text is
  the same.
- An error that quotes what is not UTF-8 cannot be sent by BuildKit's frontend, which
  only says that it ended; here, what cannot be sent is replaced. UTF-16 is refused.
- Part of what BuildKit answers is random: which of several errors, which of
  several near words is suggested, the order of warnings and arguments from one
  line. Both are then asked until an answer of one is an answer of the other.
- Not compared are the language that a source is highlighted as, and the random
  names of progress groups.
- *Shell form*: an ENTRYPOINT or CMD in shell form is an error in an artifact,
  which has no shell.
- *Open end*: the text ends in a continuation or a here-document, so that a line
  after it would be part of its last instruction.
- Strings that BuildKit's tests complete by a format are taken as they stand, and
  examples in documents that are only parts of a Dockerfile too: most are errors,
  the same ones. Nothing needs a network: the builder knows every image, with one
  config for all.
`

func (r report) markdown() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, head, r.buildkit, len(requests))
	var byRequest [len(row{}.requests)]tally
	var all tally
	for _, row := range r.rows {
		var sum tally
		for i, t := range row.requests {
			sum.add(t)
			byRequest[i].add(t)
		}
		all.add(sum)
		fmt.Fprintf(&out, "| %s | %d | %s |\n", row.suite, row.requests[0].sum(), line(sum))
	}
	fmt.Fprintf(&out, "| all | %d | %s |\n", byRequest[0].sum(), line(all))
	out.WriteString(requestsHead)
	for i, t := range byRequest {
		fmt.Fprintf(&out, "| %s | %s |\n", requests[i].name, line(t))
	}
	out.WriteString(artifactsHead)
	var artifacts tally
	for _, row := range r.rows {
		artifacts.add(row.artifacts)
		fmt.Fprintf(&out, "| %s | %s |\n", row.suite, artifactLine(row.artifacts))
	}
	fmt.Fprintf(&out, "| all | %s |\n", artifactLine(artifacts))
	out.WriteString(notes)
	return out.Bytes()
}

func line(t tally) string {
	return fmt.Sprintf("%d | %d | %d | %d", t.sum(), t[same], t[sameError], t[better]+t[differs])
}

func artifactLine(t tally) string {
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d", t.sum(), t[same], t[shellForm], t[openEnd], t[notBuilt], t[differs])
}
