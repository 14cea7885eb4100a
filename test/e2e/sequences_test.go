package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	eventsapi "github.com/containerd/containerd/api/events"
	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// sequences are requests to a shim in orders in which clients that go wrong, race
// or recover make them: each of the container, or of the process that an exec has
// added, whose name follows an @; a signal follows a colon. What is asked with an &
// is answered later.
var sequences = map[string]string{
	"an ordinary life":           "state start pids state kill:9 wait state delete",
	"an end by itself":           "start wait kill:9 state delete",
	"asked before the start":     "wait& pause resume pids stats update kill:9 waited state start delete",
	"deleted before the start":   "delete state start kill:9 wait delete",
	"deleted while it runs":      "start delete state kill:9 wait delete delete",
	"started twice":              "start start state kill:9 wait start delete",
	"asked after the end":        "start kill:9 wait wait kill:9 kill:0 pause resume pids stats update resize closeio connect exec@x state delete",
	"asked after the deletion":   "start kill:9 wait delete state start wait kill:9 pause resume pids stats update resize closeio connect exec@x checkpoint delete",
	"paused":                     "start pause pause state kill:0 exec@x start@x update stats pids delete resume resume state kill:9 wait delete",
	"killed while it is paused":  "start pause kill:9 resume wait state delete",
	"no terminal":                "start resize closeio closeio kill:9 wait closeio delete",
	"signals that there are not": "start kill:0 kill:99 kill:9 wait delete",
	"unknown processes":          "start wait@x state@x kill@x:9 start@x delete@x resize@x closeio@x state kill:9 wait delete",
	"an exec":                    "start exec@x state@x start@x pids state@x kill@x:9 wait@x state@x delete@x state@x exec@x start@x kill@x:9 wait@x delete@x kill:9 wait delete",
	"an exec added twice":        "start exec@x exec@x start@x exec@x kill@x:9 wait@x kill@x:9 exec@x delete@x delete@x kill:9 wait delete",
	"an exec asked before":       "start exec@x kill@x:9 closeio@x resize@x delete@x state@x kill:9 wait delete",
	"an exec deleted running":    "start exec@x start@x delete@x state@x kill@x:9 wait@x delete@x kill:9 wait delete",
	"an exec outlived":           "start exec@x start@x exec@y wait&@x kill:9 wait waited start@y state@x kill@x:9 delete@x delete@y delete",
	"an exec never started":      "start exec@x kill:9 wait delete state@x delete@x",
	"an exec before the start":   "exec@x start kill:9 wait delete",
	"an exec kept until then":    "exec@x delete@x exec@x state@x start kill:9 wait delete@x delete",
	"an exec ended by a signal":  "start exec@x start@x kill@x:0 kill@x:99 kill@x:28 state@x kill@x:15 wait@x state@x kill@x:0 delete@x kill@x:9 kill:9 wait delete",
	"an exec that cannot start":  "start broken@x start@x state@x kill@x:9 delete@x state@x kill:9 wait delete",
	"signals that end nothing":   "start kill:28 kill:17 kill:18 kill:19 state kill:18 state kill:9 wait delete",
	"shut down with a container": "shutdown state start shutdown state kill:9 wait shutdown delete",
}

// TestSequences: given requests in an odd order, our shim answers those for a guest
// with the codes and states that runc's shim has for a native program, and publishes
// the same events, the deletion last.
func TestSequences(t *testing.T) {
	must(t, "ctr", "images", "pull", "--local", "--plain-http", busybox())
	native := side{runtime: "io.containerd.runc.v2", ref: busybox()}
	guest := guestSide(t)
	for name, sequence := range sequences {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			life := "sleep 300"
			if name == "an end by itself" {
				life = "sleep 1"
			}
			want, got := native.play(t, life, sequence), guest.play(t, life, sequence)
			// runc's shim publishes the deletion before the end, or after it.
			isDeletion := func(line string) bool { return strings.HasPrefix(line, "/tasks/delete") }
			deletion := want[slices.IndexFunc(want, isDeletion)]
			want = append(slices.DeleteFunc(want, isDeletion), deletion)
			if !slices.Equal(got, want) {
				t.Errorf("runc's shim:\n%s\nours:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
		})
	}
}

// TestSequencesThatRuncGetsWrong: given requests after which runc's shim says
// different things of one end, or ends with all of its containers, ours does not.
func TestSequencesThatRuncGetsWrong(t *testing.T) {
	guest := guestSide(t)
	for sequence, want := range map[string][]string{
		"start kill:15 wait delete": {
			"start: OK", "kill:15: OK", "wait: OK 143", "delete: OK 143",
			"/tasks/create", "/tasks/start", "/tasks/exit 143", "/tasks/delete 143",
		},
		"start exec@x start@x start@x kill@x:9 wait@x start@x delete@x kill:9 wait delete": {
			"start: OK", "exec@x: OK", "start@x: OK", "start@x: FailedPrecondition", "kill@x:9: OK", "wait@x: OK 137", "start@x: FailedPrecondition", "delete@x: OK 137",
			"kill:9: OK", "wait: OK 137", "delete: OK 137",
			"/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "x/tasks/exit 137", "/tasks/exit 137", "/tasks/delete 137",
		},
		// A process that runc cannot start.
		"start broken@x start@x start@x state@x wait@x kill@x:9 delete@x exec@x start@x kill@x:9 wait@x delete@x kill:9 wait delete": {
			"start: OK", "broken@x: OK", "start@x: Unknown", "start@x: FailedPrecondition", "state@x: OK false CREATED 0 false", "wait@x: OK 0", "kill@x:9: FailedPrecondition", "delete@x: OK 0",
			"exec@x: OK", "start@x: OK", "kill@x:9: OK", "wait@x: OK 137", "delete@x: OK 137", "kill:9: OK", "wait: OK 137", "delete: OK 137",
			"/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-added", "/tasks/exec-started", "x/tasks/exit 137", "/tasks/exit 137", "/tasks/delete 137",
		},
		"start exec@x pause start@x resume start@x kill@x:9 wait@x delete@x kill:9 wait delete": {
			"start: OK", "exec@x: OK", "pause: OK", "start@x: FailedPrecondition", "resume: OK", "start@x: OK", "kill@x:9: OK", "wait@x: OK 137", "delete@x: OK 137", "kill:9: OK", "wait: OK 137", "delete: OK 137",
			"/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/paused", "/tasks/resumed", "/tasks/exec-started", "x/tasks/exit 137", "/tasks/exit 137", "/tasks/delete 137",
		},
	} {
		for range 3 {
			if got := guest.play(t, "sleep 300", sequence); !slices.Equal(got, want) {
				t.Errorf("it went\n%s", strings.Join(got, "\n"))
			}
		}
	}
}

// atOnce are requests that clients make at the same time.
const atOnce = "start start kill:9 kill:15 kill:2 kill:0 delete wait state pause resume pids stats update resize closeio connect " +
	"exec@x broken@x start@x kill@x:15 closeio@x resize@x state@x delete@x exec@y start@y kill@y:9 state@y delete@y"

// TestRequestsAtOnce: given requests at random that come at the same time, our shim
// lives, and tells of one end of the guest and one deletion, the deletion last, with one
// exit status, whoever asks.
func TestRequestsAtOnce(t *testing.T) {
	guest := guestSide(t)
	for round := range atScale(12, 400) {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		life := []string{"sleep 300", "sleep 0", "trap"}[round%3]
		p := guest.begin(t, append(slices.Clone(guest.program), strings.Fields(life)...))
		var mu sync.Mutex
		var transcript []string
		request := func(word string) {
			answer := p.request(word)
			mu.Lock()
			defer mu.Unlock()
			transcript = append(transcript, word+": "+answer)
		}
		var clients, waiting sync.WaitGroup
		for range 6 {
			words := strings.Fields(atOnce)
			random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			clients.Go(func() {
				for _, word := range words[:8] {
					if word == "wait" {
						waiting.Go(func() { request(word) })
						continue
					}
					request(word)
				}
			})
		}
		clients.Wait()
		request("resume") // A container that is paused does not end.
		request("connect")
		lives := strings.HasPrefix(transcript[len(transcript)-1], "connect: OK")
		told := p.end()
		waiting.Wait()
		started := slices.Contains(transcript, "start: OK")
		exits := make(map[string]int)
		for _, line := range slices.Concat(transcript, told) {
			fields := strings.Fields(line)
			switch fields[0] {
			case "/tasks/exit", "/tasks/delete":
				exits[fields[0]]++
				fields = fields[1:]
			case "wait:", "delete:":
				fields = fields[2:]
			default:
				continue
			}
			// By runc's shim too, the deletion of what was never started has 0.
			if len(fields) > 0 && (started || fields[0] != "0") {
				exits[fields[0]]++
			}
		}
		// Both events and one status.
		if !lives || len(exits) != 3 || exits["/tasks/exit"] != 1 || exits["/tasks/delete"] != 1 || !strings.HasPrefix(told[len(told)-1], "/tasks/delete") {
			t.Errorf("seed %d, %s: %v\n%s\n%s", seed, life, exits, strings.Join(transcript, "\n"), strings.Join(told, "\n"))
		}
	}
}

// TestNativeIsStartedAtOnce: given clients that start a native container at the same time,
// our shim tells of one end of it.
func TestNativeIsStartedAtOnce(t *testing.T) {
	must(t, "ctr", "images", "pull", "--local", "--plain-http", busybox())
	native := side{runtime: runtimeName, ref: busybox()}
	for range 4 {
		p := native.begin(t, []string{"sleep", "300"})
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() { p.request("start") })
		}
		clients.Wait()
		p.request("kill:9")
		p.request("wait")
		told := p.end()
		ends := slices.DeleteFunc(slices.Clone(told), func(line string) bool { return !strings.HasPrefix(line, "/tasks/exit") })
		if !slices.Equal(ends, []string{"/tasks/exit 137"}) {
			t.Errorf("it is told\n%s", strings.Join(told, "\n"))
		}
	}
}

// side is one of the shims that are compared.
type side struct {
	runtime, ref string
	// program is what a command line begins with.
	program []string
}

// guestSide is our shim with a guest.
func guestSide(t *testing.T) side {
	t.Helper()
	ref := probe(t, "module")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	return side{runtime: runtimeName, ref: ref, program: []string{"guest"}}
}

// play makes a container, makes requests of its shim, and returns what was
// answered, and then which events there were.
func (s side) play(t *testing.T, life, sequence string) (transcript []string) {
	t.Helper()
	p := s.begin(t, append(slices.Clone(s.program), strings.Fields(life)...))
	for word := range strings.FieldsSeq(sequence) {
		transcript = append(transcript, word+": "+p.request(word))
	}
	return append(transcript, p.end()...)
}

// played is a container of which a shim is asked.
type played struct {
	t       *testing.T
	ctx     context.Context
	id      string
	program []string
	task    taskapi.TTRPCTaskService
	process *specs.Process
	events  <-chan *events.Envelope
	waited  chan string
}

// begin makes a container that is not started.
func (s side) begin(t *testing.T, args []string) *played {
	t.Helper()
	ctx, cancel := context.WithTimeout(namespaces.WithNamespace(t.Context(), "default"), commandTimeout*patience(t)/5)
	t.Cleanup(cancel)
	daemon, err := containerd.New(os.Getenv("CONTAINERD_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Close() })
	p := &played{t: t, ctx: ctx, id: unique("sequence"), program: s.program, waited: make(chan string, 1)}
	p.events, _ = daemon.Subscribe(ctx, `topic~="/tasks/"`)
	must(t, append([]string{"ctr", "containers", "create", "--runtime", s.runtime, s.ref, p.id}, args...)...)
	container, err := daemon.LoadContainer(ctx, p.id)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := container.Spec(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p.process = spec.Process
	if _, err := container.NewTask(ctx, cio.NullIO); err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(filepath.Join(bundleOf("default", p.id), "bootstrap.json"))
	if err != nil {
		t.Fatal(err)
	}
	var shim struct{ Address string }
	if err := json.Unmarshal(encoded, &shim); err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("unix", strings.TrimPrefix(shim.Address, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	requests := ttrpc.NewClient(connection)
	t.Cleanup(func() { _ = requests.Close() })
	p.task = taskapi.NewTTRPCTaskClient(requests)
	return p
}

// request makes a request of a sequence, and tells what was answered.
func (p *played) request(word string) string {
	verb, signal, _ := strings.Cut(word, ":")
	verb, exec, _ := strings.Cut(verb, "@")
	switch verb {
	case "wait&":
		go func() { p.waited <- p.ask("wait", signal, exec) }()
		return "asked"
	case "waited":
		return <-p.waited
	}
	return p.ask(verb, signal, exec)
}

// ask makes one request for a process, which is the container's own without an
// exec.
func (p *played) ask(verb, signal, exec string) string {
	var err error
	var said string
	switch verb {
	case "start":
		_, err = p.task.Start(p.ctx, &taskapi.StartRequest{ID: p.id, ExecID: exec})
	case "exec":
		_, err = p.task.Exec(p.ctx, &taskapi.ExecProcessRequest{ID: p.id, ExecID: exec, Spec: p.added(nil)})
	case "broken":
		_, err = p.task.Exec(p.ctx, &taskapi.ExecProcessRequest{ID: p.id, ExecID: exec, Spec: p.added([]specs.POSIXRlimit{{Type: "RLIMIT_NOSUCH"}})})
	case "kill":
		number, _ := strconv.ParseUint(signal, 10, 32)
		_, err = p.task.Kill(p.ctx, &taskapi.KillRequest{ID: p.id, ExecID: exec, Signal: uint32(number)})
	case "state":
		var state *taskapi.StateResponse
		if state, err = p.task.State(p.ctx, &taskapi.StateRequest{ID: p.id, ExecID: exec}); err == nil {
			said = fmt.Sprint(state.ID == p.id, " ", state.Status, " ", state.ExitStatus, " ", state.ExitedAt.IsValid() && state.ExitedAt.Seconds > 0)
		}
	case "wait":
		var exit *taskapi.WaitResponse
		if exit, err = p.task.Wait(p.ctx, &taskapi.WaitRequest{ID: p.id, ExecID: exec}); err == nil {
			said = fmt.Sprint(exit.ExitStatus)
		}
	case "delete":
		var exit *taskapi.DeleteResponse
		if exit, err = p.task.Delete(p.ctx, &taskapi.DeleteRequest{ID: p.id, ExecID: exec}); err == nil {
			said = fmt.Sprint(exit.ExitStatus)
		}
	case "pause":
		_, err = p.task.Pause(p.ctx, &taskapi.PauseRequest{ID: p.id})
	case "resume":
		_, err = p.task.Resume(p.ctx, &taskapi.ResumeRequest{ID: p.id})
	case "pids":
		var pids *taskapi.PidsResponse
		if pids, err = p.task.Pids(p.ctx, &taskapi.PidsRequest{ID: p.id}); err == nil {
			said = fmt.Sprint(len(pids.Processes))
		}
	case "stats":
		_, err = p.task.Stats(p.ctx, &taskapi.StatsRequest{ID: p.id})
	case "update":
		_, err = p.task.Update(p.ctx, &taskapi.UpdateTaskRequest{ID: p.id, Resources: p.encode(&specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: new(uint64(512))}})})
	case "resize":
		_, err = p.task.ResizePty(p.ctx, &taskapi.ResizePtyRequest{ID: p.id, ExecID: exec, Width: 80, Height: 24})
	case "closeio":
		_, err = p.task.CloseIO(p.ctx, &taskapi.CloseIORequest{ID: p.id, ExecID: exec, Stdin: true})
	case "checkpoint":
		_, err = p.task.Checkpoint(p.ctx, &taskapi.CheckpointTaskRequest{ID: p.id, Path: p.t.TempDir()})
	case "connect":
		var connect *taskapi.ConnectResponse
		if connect, err = p.task.Connect(p.ctx, &taskapi.ConnectRequest{ID: p.id}); err == nil {
			said = fmt.Sprint(connect.ShimPid > 0, connect.TaskPid > 0)
		}
	case "shutdown":
		_, err = p.task.Shutdown(p.ctx, &taskapi.ShutdownRequest{ID: p.id})
	default:
		p.t.Fatalf("no request %q", verb)
	}
	return strings.TrimSpace(status.Code(err).String() + " " + said)
}

// added is the process that an exec adds, with these limits.
func (p *played) added(limits []specs.POSIXRlimit) *anypb.Any {
	process := *p.process
	process.Rlimits = limits
	process.Args = append(slices.Clone(p.program), "sleep", "300")
	return p.encode(&process)
}

func (p *played) encode(v any) *anypb.Any {
	encoded, err := typeurl.MarshalAnyToProto(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return encoded
}

// end removes the container, and returns the events that there were of it: until
// both the end and the deletion of its first process.
func (p *played) end() (told []string) {
	p.t.Helper()
	// containerd does not end a shim of which it is not the one who deletes the task.
	defer func() { _, _ = p.task.Shutdown(p.ctx, &taskapi.ShutdownRequest{ID: p.id}) }()
	_ = exec.Command("ctr", "tasks", "rm", "--force", p.id).Run() // Mostly it is gone.
	must(p.t, "ctr", "containers", "rm", p.id)
	for exited, deleted := false, false; !exited || !deleted; {
		select {
		case <-p.ctx.Done():
			p.t.Fatalf("%s, and not all events: %q", p.ctx.Err(), told)
		case envelope := <-p.events:
			decoded, err := typeurl.UnmarshalAny(envelope.Event)
			if err != nil {
				p.t.Fatal(err)
			}
			if of, ok := decoded.(interface{ GetContainerID() string }); !ok || of.GetContainerID() != p.id {
				continue
			}
			said := envelope.Topic
			switch e := decoded.(type) {
			case *eventsapi.TaskExit:
				exited = exited || e.ID == p.id
				said = fmt.Sprint(strings.TrimPrefix(e.ID, p.id), said, " ", e.ExitStatus)
			case *eventsapi.TaskDelete:
				deleted = true
				said = fmt.Sprint(said, " ", e.ExitStatus)
			}
			told = append(told, said)
		}
	}
	return told
}

// TestRestoreIsRefused: given a checkpoint to make a guest of, a client is told that it
// cannot be, and nothing is left.
func TestRestoreIsRefused(t *testing.T) {
	guest := guestSide(t)
	ctx := namespaces.WithNamespace(t.Context(), "default")
	daemon, err := containerd.New(os.Getenv("CONTAINERD_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	id := unique("restored")
	must(t, "ctr", "containers", "create", "--runtime", guest.runtime, guest.ref, id, "guest", "echo", "x")
	container, err := daemon.LoadContainer(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	from := t.TempDir()
	_, err = container.NewTask(ctx, cio.NullIO, func(_ context.Context, _ *containerd.Client, info *containerd.TaskInfo) error {
		info.Checkpoint = &types.Descriptor{Annotations: map[string]string{"RestoreFromPath": from}}
		return nil
	})
	if !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "restored") {
		t.Errorf("it gives %v", err)
	}
	must(t, "ctr", "containers", "rm", id)
	if left := traces(t, []string{id}); len(left) > 0 {
		t.Errorf("left: %s", strings.Join(left, "\n"))
	}
}
