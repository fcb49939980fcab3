package media

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Decoder decodes recordings, each in a confined ffmpeg child of its own. It is safe for concurrent use and holds
// nothing that needs closing; the caller limits how many decoder processes run at the same time.
type Decoder struct {
	ffmpeg      string
	confinement Confinement
}

// NewDecoder finds ffmpeg (5.1 or later) on the PATH, tries the confinement, and runs ffmpeg once inside it.
func NewDecoder(ctx context.Context) (*Decoder, error) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fmt.Errorf("ffmpeg is missing: install it (Debian: apt-get install ffmpeg): %w", err)
	}
	// Landlock rules name the file itself, and the child has no working folder to speak of.
	if ffmpeg, err = filepath.Abs(ffmpeg); err != nil {
		return nil, err
	}
	if ffmpeg, err = filepath.EvalSymlinks(ffmpeg); err != nil {
		return nil, err
	}
	d := &Decoder{ffmpeg: ffmpeg}
	if d.confinement, err = tryConfinement(ctx); err != nil {
		return nil, err
	}
	return d, d.tryFFmpeg(ctx)
}

// Confinement returns the layers that confine the decoder processes.
func (d *Decoder) Confinement() Confinement { return d.confinement }

func tryConfinement(ctx context.Context) (found Confinement, err error) {
	out, err := decoderProcessOutput(exec.CommandContext(ctx, self, probeArgument))
	if err != nil {
		return found, fmt.Errorf("confinement of the video decoder: %w", err)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return found, fmt.Errorf("confinement of the video decoder: the program does not call media.MaybeConfine first: %w", err)
	}
	return found, nil
}

// tryFFmpeg makes sure that ffmpeg starts in its confinement and knows the options that it will be given.
func (d *Decoder) tryFFmpeg(ctx context.Context) error {
	cmd := d.command(ctx, DefaultVideoLimits, 0, "-hide_banner", "-h", "full")
	out, err := decoderProcessOutput(cmd)
	if err != nil {
		return fmt.Errorf("%s does not run in its confinement: %w", d.ffmpeg, err)
	}
	if !bytes.Contains(out, []byte("-fps_mode")) {
		return fmt.Errorf("%s is too old: version 5.1 or later is needed", d.ffmpeg)
	}
	return nil
}

// decoderProcessOutput runs a child at start-up and returns what it prints, or an error with its last words.
func decoderProcessOutput(cmd *exec.Cmd) ([]byte, error) {
	cmd.Env = []string{}
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%w: %s", err, lastLine(exit.Stderr))
	}
	return out, err
}

// self is this program, also after its file was replaced.
const self = "/proc/self/exe"

// command prepares a confined ffmpeg that inherits `files` descriptors from 3 on.
func (d *Decoder) command(ctx context.Context, limits VideoLimits, files int, args ...string) *exec.Cmd {
	confined := []string{
		confineArgument,
		strconv.FormatInt(limits.MaxMemory, 10),
		strconv.FormatInt(int64(math.Ceil(limits.CPUTime.Seconds())), 10),
		strconv.Itoa(3 + files),
		d.ffmpeg,
	}
	cmd := exec.CommandContext(ctx, self, append(confined, args...)...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	// Should the server be killed, its children go with it. (The signal comes when the starting thread ends; Go's end
	// only with the process.)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// sealedFile returns a file in memory with the bytes, which cannot be changed any more. It is seekable, since MP4 recordings may
// have their index at the end.
func sealedFile(data []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("recording", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // a kernel before 6.3
		fd, err = unix.MemfdCreate("recording", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	file := os.NewFile(uintptr(fd), "recording")
	if _, err := file.Write(data); err != nil {
		file.Close()
		return nil, fmt.Errorf("memfd: %w", err)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		file.Close()
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return file, nil
}
