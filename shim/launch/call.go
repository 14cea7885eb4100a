package launch

import (
	"flag"
	"io"
	"path"
)

// call is how containerd calls a shim's executable.
type call struct {
	action    string
	namespace string
	id        string
	// address is containerd's.
	address string
}

// run reports whether the program is done, with what it was run for.
func run(args []string) (done bool) {
	c, ok := parse(args)
	if !ok {
		return false
	}
	if c.action == "delete" {
		return c.delete()
	}
	return c.start()
}

// parse reports false for what is neither a start nor a delete, and for those
// that are not as containerd usually makes them, such as for debugging.
func parse(args []string) (call, bool) {
	var c call
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.namespace, "namespace", "", "")
	flags.StringVar(&c.id, "id", "", "")
	flags.StringVar(&c.address, "address", "", "")
	flags.String("publish-binary", "", "")
	flags.String("bundle", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		return c, false
	}
	c.action = flags.Arg(0)
	return c, (c.action == "start" || c.action == "delete") && isName(c.namespace) && isName(c.id)
}

// isName reports whether something can be the name of a file in a directory.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && s == path.Base(s)
}
