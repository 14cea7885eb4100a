// Package tig stands in for a package of nerdctl's tests that no module proxy
// has, because it is replaced by a directory in nerdctl's own go.mod. Helpers of
// those tests are compiled into nerdctl, which calls none of them.
package tig

// T is what a test is to those helpers.
type T interface {
	Helper()
	FailNow()
	Fail()
	Log(args ...any)
	Name() string
	TempDir() string
	Skip(args ...any)
}
