package command

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/dispatch"
)

// passedOn are nerdctl's commands that are as good for Wasm as for anything
// else: the real nerdctl gets them as they are.
var passedOn = map[string]string{
	"commit":    "Make an image of a container's changes",
	"compose":   "Compose",
	"events":    "Show events of containerd",
	"exec":      "Run another component of the artifact in a container",
	"info":      "Show what nerdctl knows of this machine",
	"kill":      "Kill containers",
	"login":     "Log in to a registry",
	"logout":    "Log out of a registry",
	"logs":      "Show the output of a container",
	"network":   "Manage networks",
	"pause":     "Pause containers",
	"port":      "Show the ports of a container",
	"restart":   "Restart containers",
	"rm":        "Remove containers",
	"rmi":       "Remove images",
	"start":     "Start containers",
	"stats":     "Show what containers use",
	"stop":      "Stop containers",
	"tag":       "Give an image another name",
	"top":       "Show the processes of a container",
	"unpause":   "Let paused containers go on",
	"update":    "Change limits of containers",
	"volume":    "Manage volumes",
	"wait":      "Wait until containers end",
	"container": "Manage containers",
	"image":     "Manage images",
	"namespace": "Manage namespaces of containerd",
}

const passedOnGroup = "nerdctl"

// isPassedOn reports whether a command line is for the real nerdctl.
func isPassedOn(args []string) bool {
	verb, rest := dispatch.Verb(args, GlobalFlags())
	if verb == systemVerb {
		return slices.ContainsFunc(systemPassedOn, func(name string) bool { return len(rest) > 0 && rest[0] == name })
	}
	_, found := passedOn[verb]
	return found
}

const (
	systemVerb  = "system"
	systemCheck = "check"
)

// systemPassedOn are nerdctl's commands below the verb system.
var systemPassedOn = []string{"df", "events", "info", "prune"}

// addPassedOn lists the commands in the help and for completion. They do not
// get to run.
func addPassedOn(root *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: passedOnGroup, Title: "Commands of nerdctl:"})
	for verb, short := range passedOn {
		root.AddCommand(&cobra.Command{
			Use:                verb,
			Short:              short,
			Long:               short + fmt.Sprintf(".\n\nThis is nerdctl's own command: `nerdctl %s --help` has its flags.", verb),
			GroupID:            passedOnGroup,
			DisableFlagParsing: true,
			RunE:               func(*cobra.Command, []string) error { return dispatch.Become([]string{verb}) },
		})
	}
}

// refusedVerbs are nerdctl's commands that a Wasm container cannot obey.
var refusedVerbs = map[string]string{
	"checkpoint": "the engine's state cannot be saved and restored",
	"search":     "registries are searched by their own means",
	"ipfs":       "artifacts come from registries and files, not from IPFS",
}

func addRefused(root *cobra.Command) {
	for verb, reason := range refusedVerbs {
		root.AddCommand(&cobra.Command{
			Use: verb, Hidden: true, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error { return fmt.Errorf("%s: %s", verb, reason) },
		})
	}
}
