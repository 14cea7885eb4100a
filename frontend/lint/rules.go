package lint

// rules are all of them, in the order of their reports.
var rules = []rule{
	{
		name: "WasmInFilesystem", page: "wasm-in-filesystem.md",
		description:  "A Wasm file that is copied into the filesystem is no component that can be started",
		instructions: wasmInFilesystem,
	},
	{
		name: "HealthcheckWithoutComponent", page: "healthcheck-without-component.md",
		description:  "A health check runs a component of the artifact: there is no other program in the container",
		instructions: healthcheckInShell,
		components:   healthcheckWithoutComponent,
	},
	{
		name: "UnusedShell", page: "unused-shell.md",
		description:  "SHELL is for RUN instructions that come after it",
		instructions: unusedShell,
	},
	{
		name: "UnknownUser", page: "unknown-user.md",
		description:  "A user or group by name is looked up in the artifact's files",
		instructions: unknownUser,
	},
	{
		name: "OnbuildNeverRuns", page: "onbuild-never-runs.md",
		description:  "ONBUILD is for builds FROM this one, and nothing is built FROM an artifact",
		instructions: onbuildNeverRuns,
	},
	{
		name: "SecretsInMetadata", page: "secrets-in-metadata.md",
		description:  "Everyone who can pull an artifact can read its labels, annotations and command line",
		instructions: secretsInMetadata,
	},
	{
		name: "ComponentNotStartable", page: "component-not-startable.md",
		description: "A component needs a start, a function to call or another component that imports it",
		components:  componentNotStartable,
	},
	{
		name: "UnusedComponent", page: "unused-component.md",
		description: "A component that is no command, no server and not the entrypoint should be one that another imports",
		components:  unusedComponent,
	},
	{
		name: "UnprovidedImport", page: "unprovided-import.md",
		description: "A component starts only when its host or another component provides all that it imports",
		components:  unprovidedImport,
	},
	{
		name: "ImportVersionMismatch", page: "import-version-mismatch.md",
		description: "An interface is imported in a version that is not compatible with the one that is exported",
		components:  importVersionMismatch,
	},
	{
		name: "MixedWASI", page: "mixed-wasi.md",
		description: "The components of an artifact should be written against one version of WASI",
		components:  mixedWASI,
	},
	{
		name: "DebugSections", page: "debug-sections.md",
		description: "Sections for debugging make a component larger and no faster",
		components:  debugSections,
	},
}
