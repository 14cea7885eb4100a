package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/dispatch"
)

// passedOn are nerdctl's commands that are as good for Wasm as for anything
// else: the real nerdctl gets them as they are.
var passedOn = map[string]string{
	"apparmor":  "Manage AppArmor profiles",
	"builder":   "Manage builds",
	"commit":    "Make an image of a container's changes",
	"compose":   "Start and stop the services of a compose file",
	"events":    "Show events of containerd",
	"exec":      "Run another component of the artifact in a container",
	"info":      "Show what nerdctl knows of this machine",
	"kill":      "Kill containers",
	"login":     "Log in to a registry",
	"logout":    "Log out of a registry",
	"manifest":  "Manage manifests in registries",
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
	if _, own := ownBelow[verb][firstOf(rest)]; own {
		return false
	}
	_, found := passedOn[verb]
	return found
}

func firstOf(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// ownBelow are the commands of this program that nerdctl has below a word, too: one
// for all kinds of containers and images, of which the real one knows no Wasm.
var ownBelow = map[string]map[string]func(*globals) *cobra.Command{
	"container": {
		"attach": newAttach, "cp": newCp, "create": newCreate, "export": newExport, "healthcheck": newHealthcheck,
		"inspect": inspectOf("container"), "list": newPs, "ls": newPs, "ps": newPs, "rename": newRename, "run": newRun,
	},
	"image": {
		"build": newBuild, "convert": newConvert, "history": newHistory, "inspect": inspectOf("image"), "list": newImages,
		"load": newLoad, "ls": newImages, "prune": newPrune, "pull": newPull, "push": newPush, "save": newSave,
	},
}

// inspectOf makes inspect one of a type.
func inspectOf(objects string) func(*globals) *cobra.Command {
	return func(g *globals) *cobra.Command {
		cmd := newInspect(g)
		of := cmd.Flags().Lookup("type")
		of.DefValue, of.Hidden = objects, true
		_ = of.Value.Set(objects) // a string takes all
		return cmd
	}
}

const (
	systemVerb  = "system"
	systemCheck = "check"
)

// systemPassedOn are nerdctl's commands below the verb system.
var systemPassedOn = []string{"df", "events", "info", "prune"}

// addPassedOn lists the commands in the help and for completion. They do not
// get to run, but for those below them that are this program's own.
func addPassedOn(root *cobra.Command, g *globals) {
	root.AddGroup(&cobra.Group{ID: passedOnGroup, Title: "Commands of nerdctl:"})
	for verb, short := range passedOn {
		cmd := &cobra.Command{
			Use:                verb,
			Short:              short,
			Long:               short + fmt.Sprintf(".\n\nThis is nerdctl's own command: `nerdctl %s --help` has its flags.", verb),
			GroupID:            passedOnGroup,
			DisableFlagParsing: true,
			RunE:               func(*cobra.Command, []string) error { return dispatch.Become([]string{verb}) },
		}
		for name, make := range ownBelow[verb] {
			own := make(g)
			_, usage, _ := strings.Cut(own.Use, " ")
			own.Use, own.Hidden = name+" "+usage, true // their help and manual pages are the verbs'
			cmd.AddCommand(own)
		}
		root.AddCommand(cmd)
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
