package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// deployment: given a Deployment behind a Service, all requests are answered while
// another version is rolled out and while it is scaled.
func (c *cluster) deployment(t *testing.T, first, second string) {
	c.applied(t, replaced(t, readFile(t, "testdata/kubernetes/web.yaml"), map[string]string{"WEB": first}))
	rolledOut := func() { must(t, c.kubectl("rollout", "status", "deployment/web", timeout(t, 100*time.Second))...) }
	rolledOut()
	service := "http://" + c.field("service/web", "{.spec.clusterIP}")
	eventually(t, 20*time.Second, "the Service", func() bool { status, _ := get(service + "/"); return status == http.StatusOK })
	if _, body := get(service + "/x"); !strings.Contains(body, "you asked for /x") {
		t.Errorf("the Service answers %q", body)
	}
	requests := request(service+"/", 50*time.Millisecond)
	must(t, c.kubectl("set", "image", "deployment/web", "web="+second)...)
	rolledOut()
	must(t, c.kubectl("scale", "deployment/web", "--replicas", "3")...)
	rolledOut()
	must(t, c.kubectl("scale", "deployment/web", "--replicas", "1")...)
	eventually(t, 60*time.Second, "one pod", func() bool {
		return len(strings.Fields(must(t, c.kubectl("get", "pods", "--selector", "app=web", "--output", "name")...))) == 1
	})
	answers := requests.stop()
	if len(answers) < 20 || slices.ContainsFunc(answers, notOK) {
		t.Errorf("meanwhile, the answers are %q", answers)
	}
	if last := answers[len(answers)-1]; last != "200 1" {
		t.Errorf("the new version answers %q", last)
	}
	must(t, c.kubectl("rollout", "undo", "deployment/web")...)
	rolledOut()
	if body := c.forwarded(t, "service/web", "80", "/forwarded"); !strings.Contains(body, "/forwarded") {
		t.Errorf("by a port that is forwarded, the answer is %q", body)
	}
}

// forwarded is what a GET of a path is answered through kubectl port-forward.
func (c *cluster) forwarded(t *testing.T, target, port, path string) string {
	t.Helper()
	forward := exec.Command("kubectl", c.kubectl("port-forward", target, ":"+port)[1:]...)
	stdout, err := forward.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := forward.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = forward.Process.Kill(); _ = forward.Wait() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var local int
	if _, err := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d", &local); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	_, body := get(fmt.Sprintf("http://127.0.0.1:%d%s", local, path))
	return body
}

// requester requests a URL again and again.
type requester struct {
	quit    chan struct{}
	answers chan []string
}

// noConnection is in place of an answer when the request was not made.
const noConnection = "no connection"

// request begins to request a URL, with a pause between one answer and the next
// request, until there is no connection or it is stopped.
func request(url string, pause time.Duration) *requester {
	r := &requester{quit: make(chan struct{}), answers: make(chan []string, 1)}
	go func() {
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		var answers []string
		var failed *net.OpError
		defer func() { r.answers <- answers }()
		for {
			response, err := client.Get(url)
			switch {
			case errors.As(err, &failed) && failed.Op == "dial":
				answers = append(answers, noConnection)
				return
			case err != nil:
				answers = append(answers, err.Error())
			default:
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				answers = append(answers, fmt.Sprint(response.StatusCode, " ", string(body)))
				if err != nil {
					answers = append(answers, err.Error())
				}
			}
			select {
			case <-r.quit:
				return
			case <-time.After(pause):
			}
		}
	}()
	return r
}

// notOK tells whether an answer is none with the status OK.
func notOK(answer string) bool { return !strings.HasPrefix(answer, "200 ") }

// stop ends the requests, and returns their answers: the status and the body, or
// why there is none.
func (r *requester) stop() []string {
	close(r.quit)
	return <-r.answers
}

// jobs: given Jobs of commands, they complete, are tried again, given up for an exit
// code, or ended after their time, as those of native containers.
func (c *cluster) jobs(t *testing.T, guest string) {
	c.applied(t, replaced(t, readFile(t, "testdata/kubernetes/job.yaml"), map[string]string{"GUEST": guest}))
	must(t, c.kubectl("wait", "--for", "condition=Complete", "job/works", timeout(t, 90*time.Second))...)
	indexes := strings.Fields(must(t, c.kubectl("logs", "--selector", "job-name=works")...))
	if slices.Sort(indexes); !slices.Equal(indexes, []string{"0", "1", "2"}) {
		t.Errorf("the pods of the Job print %q", indexes)
	}
	for name, want := range map[string]string{"retries": "2 BackoffLimitExceeded", "gives-up": "1 PodFailurePolicy", "too-long": "1 DeadlineExceeded"} {
		must(t, c.kubectl("wait", "--for", "condition=Failed", "job/"+name, timeout(t, 90*time.Second))...)
		if got := c.field("job/"+name, `{.status.failed} {.status.conditions[?(@.type=="Failed")].reason}`); got != want {
			t.Errorf("the Job %s ends with %q, not %q", name, got, want)
		}
	}
	if pods := must(t, c.kubectl("get", "pods", "--selector", "job-name=too-long", "--field-selector", "status.phase=Running", "--output", "name")...); pods != "" {
		t.Errorf("after its time, there is %s", pods)
	}
}

// filesAndExports: given an artifact with files that nobody has unpacked, the node
// pulls it and its guests have them; and an export of a component can be called.
func (c *cluster) filesAndExports(t *testing.T, ref string) {
	c.run(t, "files", encode(t, c.guestPod("files", object{"image": ref, "args": []string{"sleep", "300"}})))
	c.ready(t, "files")
	if out := must(t, c.kubectl("exec", "files", "--", "guest", "read", "/srv/motd")...); !strings.HasPrefix(out, "hello") {
		t.Errorf("the file is %q", out)
	}
	if out := must(t, c.kubectl("exec", "files", "--", "add#add", "1", "2")...); out != "3" {
		t.Errorf("the export returns %q", out)
	}
}

// standardInput: given a guest that reads its standard input, kubectl run --stdin
// is it.
func (c *cluster) standardInput(t *testing.T, guest string) {
	r := command{
		args: c.kubectl("run", "stdin", "--rm", "--stdin", "--quiet", "--restart", "Never", "--image", guest,
			"--overrides", `{"spec": {"runtimeClassName": "wasmfile"}}`, "--", "cat"),
		stdin: strings.NewReader("typed\n"),
	}.run(t)
	if r.code != 0 || r.stdout != "typed\n" {
		t.Errorf("exit code %d, %q", r.code, r.all())
	}
}

// drained: given a node that is drained, a server finishes the requests that it has,
// refuses others, and is scheduled again when the node is back.
func (c *cluster) drained(t *testing.T, web string) {
	c.applied(t, replaced(t, readFile(t, "testdata/kubernetes/web.yaml"), map[string]string{"WEB": web}))
	must(t, c.kubectl("rollout", "status", "deployment/web", timeout(t, 100*time.Second))...)
	pods := strings.Fields(must(t, c.kubectl("get", "pods", "--selector", "app=web", "--output", "jsonpath={.items[*].status.podIP}")...))
	requests := request("http://"+pods[0]+":8080/slow", 0)
	grace, begun := 30*time.Second*patience(t), time.Now()
	must(t, c.kubectl("drain", c.name, "--ignore-daemonsets", "--grace-period", strconv.Itoa(int(grace.Seconds())), timeout(t, 100*time.Second))...)
	if took := time.Since(begun); took > grace*5/6 {
		t.Errorf("of %s the pods take %s to end", grace, took)
	}
	answers := requests.stop()
	if made := slices.DeleteFunc(answers, func(a string) bool { return a == noConnection }); len(made) == 0 || slices.ContainsFunc(made, notOK) {
		t.Errorf("the answers are %q", made)
	}
	must(t, c.kubectl("uncordon", c.name)...)
	must(t, c.kubectl("rollout", "status", "deployment/web", timeout(t, 100*time.Second))...)
}
