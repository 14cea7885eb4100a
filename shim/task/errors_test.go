package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Given an image with a link whose name no file can have and that is not UTF-8,
// the error of mounting something there can be sent, and does nothing to the
// terminal that shows it.
func TestErrorsOfHostileImages(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink(strings.Repeat("\xff\x1b[2J", 100), filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	_, err := rootfs{path: root}.resolve("/data/x")
	if err == nil || !strings.Contains(err.Error(), "\xff\x1b") {
		t.Fatalf("the link gives %v", err)
	}
	sent := status.Convert(rpcError(err)).Proto()
	if _, err := proto.Marshal(sent); err != nil {
		t.Error(err)
	}
	if strings.Contains(sent.Message, "\x1b") || !strings.Contains(sent.Message, `\xff\x1b[2J`) {
		t.Errorf("the message is %q", sent.Message)
	}
	if sent := status.Convert(rpcError(errors.New("line\n\tline"))); sent.Message() != "line\n\tline" {
		t.Errorf("the message is %q", sent.Message())
	}
}

// Given a containerd that lacks a service, its answer is not taken for the shim's own,
// which containerd would ask by an older API then.
func TestErrorOfServiceThatIsNotThere(t *testing.T) {
	err := fmt.Errorf("find the image: %w", status.Error(codes.Unimplemented, "unknown service containerd.services.images.v1.Images"))
	if sent := status.Convert(rpcError(err)); sent.Code() != codes.FailedPrecondition || !strings.Contains(sent.Message(), "images.v1") {
		t.Errorf("it is sent as %v", sent)
	}
}
