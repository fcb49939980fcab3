package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// runConfined runs another program where ffmpeg would run, and returns all that it prints.
func runConfined(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is missing", program)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	out, err := (&Decoder{ffmpeg: path}).command(t.Context(), DefaultVideoLimits, 0, args...).CombinedOutput()
	return string(out), err
}

// needs skips the test where the kernel lacks a layer of confinement.
func needs(t *testing.T, layer func(Confinement) bool) {
	t.Helper()
	if found := testDecoder(t).Confinement(); !layer(found) {
		t.Skipf("this kernel confines less: %+v", found)
	}
}

func TestConfinementOpensNoFile(t *testing.T) {
	needs(t, func(c Confinement) bool { return c.Files })
	own := filepath.Join(t.TempDir(), "own")
	if err := os.WriteFile(own, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/etc/passwd", "/etc/hostname", "/proc/self/environ", "/dev/zero", own} {
		if out, err := runConfined(t, "head", "-c", "1", file); err == nil || !strings.Contains(out, "Permission denied") {
			t.Errorf("%s: %v: %s", file, err, out)
		}
	}
	if out, err := runConfined(t, "ls", "/"); err == nil {
		t.Errorf("listed a folder: %s", out)
	}
	if out, err := runConfined(t, "head", "-c", "4", "/usr/lib/os-release"); err != nil || len(out) != 4 {
		t.Errorf("libraries cannot be read, so the above proves nothing: %v: %s", err, out)
	}
}

func TestConfinementWritesNoFile(t *testing.T) {
	folder := t.TempDir()
	for _, script := range []string{"echo x > %s/new", "echo x >> %s/there"} {
		if err := os.WriteFile(filepath.Join(folder, "there"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := runConfined(t, "sh", "-c", fmt.Sprintf(script, folder)); err == nil {
			t.Errorf("wrote: %s", out)
		}
	}
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
}

func TestConfinementMakesNoSocket(t *testing.T) {
	needs(t, func(c Confinement) bool { return c.Network })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	script := fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d && echo connected", listener.Addr().(*net.TCPAddr).Port)
	if out, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
		t.Skipf("bash cannot connect without confinement either: %s", out)
	}
	if out, err := runConfined(t, "bash", "-c", script); err == nil || strings.Contains(out, "connected") {
		t.Errorf("connected: %v: %s", err, out)
	}
}

func TestConfinementStartsNoProcess(t *testing.T) {
	needs(t, func(c Confinement) bool { return c.Processes })
	const script = "(echo child); echo after"
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil || !strings.Contains(string(out), "child") {
		t.Fatalf("without confinement: %v: %s", err, out)
	}
	if out, err := runConfined(t, "sh", "-c", script); err == nil || strings.Contains(out, "child\n") {
		t.Errorf("forked: %v: %s", err, out)
	}
}

func TestConfinementExecutesNothingElse(t *testing.T) {
	needs(t, func(c Confinement) bool { return c.Files })
	if out, err := runConfined(t, "sh", "-c", "exec /usr/bin/id"); err == nil || !strings.Contains(out, "Permission denied") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestConfinementPassesNothingOn(t *testing.T) {
	t.Setenv("BONAFIDE_TEST_SECRET", "x")
	if out, err := runConfined(t, "env"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("environment: %v: %s", err, out)
	}
	// A file that a C library opened without O_CLOEXEC. Go's own start of a child would keep it open.
	fd, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	script := fmt.Sprintf("echo there <&%d", fd)
	if out, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("the file does not reach children at all, so the test proves nothing: %s", out)
	}
	if out, err := runConfined(t, "bash", "-c", script); err == nil {
		t.Errorf("an open file was passed on: %s", out)
	}
}

func TestConfinementLimitsResources(t *testing.T) {
	out, err := runConfined(t, "sh", "-c", "ulimit -d; ulimit -t; ulimit -f; ulimit -n; ulimit -c")
	want := fmt.Sprintf("%d\n%d\n0\n32\n0\n", DefaultVideoLimits.MaxMemory/1024, int(DefaultVideoLimits.CPUTime.Seconds()))
	if err != nil || out != want {
		t.Errorf("%v: got %q, want %q", err, out, want)
	}
}

func TestConfinementIsReported(t *testing.T) {
	found := testDecoder(t).Confinement()
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	if !found.Limits {
		t.Error("the resource limits do not hold; they need nothing of the kernel")
	}
	if (Confinement{Files: true, Network: true, Processes: true}).Full() {
		t.Error("full without limits")
	}
}

func TestFailureToConfineIsTheServersFault(t *testing.T) {
	d := &Decoder{ffmpeg: "/nonexistent/ffmpeg"}
	_, err := d.DecodeFrames(t.Context(), []byte("\x1a\x45\xdf\xa3webm"), VideoLimits{}, func(Frame) error { return nil })
	if err == nil {
		t.Fatal("no error")
	}
	for _, fault := range []error{ErrNotReadable, ErrUnsupported, ErrTooLarge, ErrTooLong} {
		if errors.Is(err, fault) {
			t.Errorf("%v is blamed on the recording", err)
		}
	}
}

func TestMissingFFmpegSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := NewDecoder(context.Background()); err == nil || !strings.Contains(err.Error(), "install") {
		t.Errorf("got %v", err)
	}
}

func TestSealedFileCannotBeChanged(t *testing.T) {
	file, err := sealedFile([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v", err)
	}
	if err := file.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncate: %v", err)
	}
}
