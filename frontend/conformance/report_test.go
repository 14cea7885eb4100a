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

A Wasmfile without COMPONENT is a Dockerfile, and is built as BuildKit's own frontend
would build it: %d of %d requests get the same answer from both, and
[the rest](#what-differs-and-what-is-left-out) is explained below.

` + "`go test ./frontend/conformance`" + ` compares them. It takes every Dockerfile in the tests
and documents of BuildKit %s's Dockerfile frontend, from the Go module cache, and gives
it to that frontend and to this one, with a builder that records what it is asked for.
Both have to ask for the same LLB, operation by operation, with the same names, source
lines, warnings and image config, or fail with the same error at the same lines. With
` + "`-update`" + ` the test writes this page.

## Dockerfiles

Each is parsed, has to come out of this frontend byte for byte as it is, and is used for
%d requests.

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

Each Dockerfile that can be built gets a ` + "`COMPONENT <url>`" + ` as its last line. All its
operations have to keep their digests. Added have to be the download and the copy of the
component, the description of the artifact and its assembly, and with a base image a
search for components in it.

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
- Part of what BuildKit answers is random: which of several errors it reports, which of
  several similar words it suggests, the order of warnings and arguments from one line.
  Both are then asked until they agree.
- Not compared: the language that a source is highlighted as, and the random names of
  progress groups.
- *Shell form*: an ENTRYPOINT or CMD in shell form is an error in an artifact,
  which has no shell.
- *Open end*: the text ends in a continuation or a here-document, so that a line
  after it would be part of its last instruction.
- Format strings in BuildKit's tests, and examples in documents that are only parts of
  a Dockerfile, are taken as they stand: most are errors, the same ones.
- Nothing needs a network: the builder knows every image, with one config for all.
`

func (r report) markdown() []byte {
	var out bytes.Buffer
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
	begin := fmt.Appendf(nil, head, all[same]+all[sameError], all.sum(), r.buildkit, len(requests))
	return append(begin, out.Bytes()...)
}

func line(t tally) string {
	return fmt.Sprintf("%d | %d | %d | %d", t.sum(), t[same], t[sameError], t[better]+t[differs])
}

func artifactLine(t tally) string {
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d", t.sum(), t[same], t[shellForm], t[openEnd], t[notBuilt], t[differs])
}
