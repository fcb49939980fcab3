package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// longSide is the longest side, in pixels, of the frames that are passed on. Larger ones are scaled down.
	longSide = 960
	// minInterval is the shortest time, in seconds, between two frames that are passed on. All of 25 and 30 frames a second pass,
	// also with the jitter of a phone's clock. Of 50 and 60 every other one does. At most 36 a second.
	minInterval = 0.0275
	// soundRate is the number of samples a second of RecordingInfo.Sound.
	soundRate = 16000
)

// VideoLimits bound what one recording may cost. The zero value of a field means that of DefaultVideoLimits.
type VideoLimits struct {
	// MaxDuration is the longest recording: ErrTooLong above it.
	MaxDuration time.Duration
	// MaxPixels is the largest frame, width times height: ErrTooLarge above it.
	MaxPixels int
	// MaxFrames is the most frames that are passed on: ErrTooLong above it.
	MaxFrames int
	// CPUTime is the processor time that the child may use, in whole seconds rounded up: ErrNotReadable above it. How long that
	// takes by the clock is the context's to limit: it depends on what else the machine does.
	CPUTime time.Duration
	// MaxMemory is the most memory, in bytes, that the child may allocate: ErrNotReadable above it.
	MaxMemory int64
}

// DefaultVideoLimits fit what phones and browsers record.
var DefaultVideoLimits = VideoLimits{
	MaxDuration: 30 * time.Second,
	MaxPixels:   4096 * 2304,
	MaxFrames:   1200,
	CPUTime:     30 * time.Second,
	MaxMemory:   1 << 30,
}

func (l VideoLimits) orDefault() VideoLimits {
	d := DefaultVideoLimits
	if l.MaxDuration > 0 {
		d.MaxDuration = l.MaxDuration
	}
	if l.MaxPixels > 0 {
		d.MaxPixels = l.MaxPixels
	}
	if l.MaxFrames > 0 {
		d.MaxFrames = l.MaxFrames
	}
	if l.CPUTime > 0 {
		d.CPUTime = l.CPUTime
	}
	if l.MaxMemory > 0 {
		d.MaxMemory = l.MaxMemory
	}
	return d
}

// Frame is one picture of a recording.
type Frame struct {
	// Picture is the frame as shown: turned as the recording asks, with square pixels, its longer side at most 960 pixels. It is
	// the callee's until it returns: a later frame is written over it. Where the recording changes its size, so do the frames.
	Picture *liveness.Picture
	// At is when the frame is shown, from the first frame on. It never decreases.
	At time.Duration
}

// RecordingInfo describes a recording.
type RecordingInfo struct {
	// Width and Height are those of the recording as shown at its start, in pixels.
	Width, Height int
	// Duration is from the start of the first frame to the end of the last, by their own timestamps.
	Duration time.Duration
	// Frames is the number of frames that were passed on, SourceFrames of those that were decoded.
	Frames, SourceFrames int
	// FrameRate is the decoded frames a second, by their timestamps, before any was dropped; 0 with fewer than two.
	FrameRate float64
	// Codec is ffmpeg's name of the video decoder, such as "h264".
	Codec string
	// Container is "mp4", "quicktime", "3gp", "webm", "matroska", "avi", "flv", "mpeg-ps", "mpeg-ts" or "mpeg-video".
	Container string
	// Rotation is the turn, in degrees, that the recording asked for and got.
	Rotation float64
	// HasSound: there is a sound track that could be decoded.
	HasSound bool
	// Sound is that track at 16 kHz, mono, from the first frame to the end of the last; silence where it has gaps.
	Sound []int16
}

// DecodeFrames decodes a recording and calls each for every frame, in order, one call at a time. An error of each ends the
// decoding and is returned. Frames that come after a recording's damage are missing, and no error: what was decoded
// counts. A sound track that cannot be decoded is not an error either.
//
// The errors are ErrNotReadable, ErrUnsupported, ErrTooLarge and ErrTooLong, that of each, that of the context, or an internal
// error. Frames may have been passed on before any of them.
func (d *Decoder) DecodeFrames(ctx context.Context, data []byte, limits VideoLimits, each func(Frame) error) (RecordingInfo, error) {
	if len(data) == 0 {
		return RecordingInfo{}, fmt.Errorf("%w: no bytes", ErrNotReadable)
	}
	container, ok := sniffContainer(data)
	if !ok {
		return RecordingInfo{}, fmt.Errorf("%w: no container that is read here", ErrUnsupported)
	}
	file, err := sealedFile(data)
	if err != nil {
		return RecordingInfo{}, err
	}
	defer file.Close()
	r := recording{decoder: d, container: container, file: file, limits: limits.orDefault(), each: each, sound: container.mayHaveSound(data)}
	if container.mayHaveTracks(data) {
		if r.track, err = r.findMovingTrack(ctx); err != nil {
			return RecordingInfo{}, err
		}
	}
	clip, err := r.decode(ctx)
	if r.failed && r.passed == 0 && r.sound && r.log.started {
		// ffmpeg ends immediately if a requested track is missing or cannot be decoded. Continue without the sound.
		r.sound = false
		clip, err = r.decode(ctx)
	}
	return clip, err
}

// recording is one call of Frames.
type recording struct {
	decoder   *Decoder
	container container
	file      *os.File
	limits    VideoLimits
	each      func(Frame) error
	sound     bool
	track     int // of the video tracks, which is decoded

	passed int  // frames passed to each
	failed bool // the child gave up by itself
	log    ffmpegLog
}

// The child's file descriptors: the recording, and a pipe for each thing that it writes.
const (
	fdRecording = 3 + iota
	fdAllTimes  // the timestamp of every decoded frame
	fdTimes     // the timestamp and width of every frame that is passed on, ahead of its pixels
	fdHeights   // and its height
	fdPixels    // the pixels of those frames
	fdSound     // samples
	fdEnd
)

// decode runs one child. The end of the context ends the child, which ends the pipes, which ends the goroutines.
func (r *recording) decode(ctx context.Context) (RecordingInfo, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	r.log = ffmpegLog{}
	cmd := r.decoder.command(ctx, r.limits, fdEnd-fdRecording, r.arguments()...)
	cmd.ExtraFiles = []*os.File{r.file}
	cmd.Stderr = &r.log
	pipes, err := startWithPipes(cmd, fdEnd-fdAllTimes)
	if err != nil {
		return RecordingInfo{}, fmt.Errorf("start of the video decoder: %w", err)
	}
	defer closeAll(pipes)

	out := r.startReaders(ctx, stop, pipes)
	exit := make(chan error, 1)
	go func() { // on its own, so that the child is reaped also when each panics
		out.readers.Wait()
		exit <- cmd.Wait()
	}()
	for frame := range out.frames {
		if err := r.each(frame); err != nil {
			stop(err)
			break
		}
		r.passed++
		out.used <- frame.Picture
	}
	ended := <-exit
	sound := out.sound[:min(len(out.sound), samples(out.all.duration()))]
	if err := context.Cause(ctx); err != nil {
		return RecordingInfo{}, err
	}
	if err := r.exitError(ctx, cmd.ProcessState, ended); err != nil {
		return RecordingInfo{}, err
	}
	return RecordingInfo{
		Width: out.all.size.shownWidth, Height: out.all.size.height,
		Duration: out.all.duration(), Frames: r.passed, SourceFrames: out.all.count, FrameRate: out.all.frameRate(),
		Codec: r.log.codec, Container: r.container.name, Rotation: r.log.rotation,
		HasSound: len(sound) > 0, Sound: sound,
	}, nil
}

// output is what comes from the child's pipes. All but the frames may be looked at when the readers are done.
type output struct {
	frames chan Frame
	// used are pictures of processed frames, to be overwritten. It has capacity for all of them.
	used    chan *liveness.Picture
	all     timestamps
	sound   []int16
	readers sync.WaitGroup
}

// startReaders starts a reader for each pipe. A fault of what comes stops the decoding.
func (r *recording) startReaders(ctx context.Context, stop context.CancelCauseFunc, pipes []*os.File) *output {
	const ahead = 2 // frames that are read before they are asked for
	out := &output{
		frames: make(chan Frame, ahead),
		used:   make(chan *liveness.Picture, ahead+2),
		all:    timestamps{maxTime: r.limits.MaxDuration, maxCount: math.MaxInt},
	}
	begun := make(chan time.Duration, 1)
	picked := timestamps{maxTime: r.limits.MaxDuration, maxCount: r.limits.MaxFrames, begun: begun}
	heights := timestamps{maxTime: r.limits.MaxDuration, maxCount: r.limits.MaxFrames}
	frames, tall := make(chan frameLine, r.limits.MaxFrames), make(chan frameLine, r.limits.MaxFrames)
	out.readers.Go(func() {
		if err := out.all.read(pipes[0], nil); err != nil {
			stop(err)
		}
	})
	out.readers.Go(func() {
		defer close(frames)
		defer close(begun)
		if err := picked.read(pipes[1], frames); err != nil {
			stop(err)
		}
	})
	out.readers.Go(func() {
		defer close(tall)
		if err := heights.read(pipes[2], tall); err != nil {
			stop(err)
		}
	})
	out.readers.Go(func() {
		defer close(out.frames)
		readFrames(ctx, pipes[3], frames, tall, out)
	})
	out.readers.Go(func() { out.sound = readSound(pipes[4], begun, samples(r.limits.MaxDuration)) })
	return out
}

// exitError turns the way the child ended into an error.
func (r *recording) exitError(ctx context.Context, state *os.ProcessState, exit error) error {
	if exit != nil {
		slog.DebugContext(ctx, "video decoder", "exit", exit.Error(), "frames", r.passed, "last_words", r.log.last())
	}
	status, failed := errors.AsType[*exec.ExitError](exit)
	switch {
	case exit != nil && !failed:
		return fmt.Errorf("video decoder: %w", exit)
	case failed && status.ExitCode() == exitConfine:
		return fmt.Errorf("video decoder: %s", r.log.last())
	case failed && r.endedFromOutside(state):
		return errFromOutside(exit)
	case r.log.tooLarge:
		return fmt.Errorf("%w: over %d pixels a frame", ErrTooLarge, r.limits.MaxPixels)
	case failed:
		r.failed = status.Exited()
		return fmt.Errorf("%w: the decoder ended with %v after %v", ErrNotReadable, exit, processorTime(state))
	case r.passed == 0:
		return fmt.Errorf("%w: not one frame", ErrNotReadable)
	}
	return nil
}

// endedFromOutside reports whether a signal ended ffmpeg that no recording causes: the kernel's where memory is short, or that of a
// stop. (ffmpeg catches some of them and ends with a status of its own. The limit of processor time sends one, too.)
func (r *recording) endedFromOutside(state *os.ProcessState) bool {
	const caught = 255
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || processorTime(state) >= r.limits.CPUTime*9/10 { // the limit counts in ticks
		return false
	}
	return status.Exited() && status.ExitStatus() == caught ||
		status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}, status.Signal())
}

func errFromOutside(exit error) error {
	return fmt.Errorf("video decoder: ended from outside (%w): is memory short?", exit)
}

// processorTime returns the processor time that a child used, rounded to a tenth of a second as its limit is coarse.
func processorTime(state *os.ProcessState) time.Duration {
	return (state.UserTime() + state.SystemTime()).Round(100 * time.Millisecond)
}

// startWithPipes starts the command with the writing ends of n pipes after its ExtraFiles, and returns the reading ends.
func startWithPipes(cmd *exec.Cmd, n int) (readers []*os.File, err error) {
	var writers []*os.File
	defer func() {
		closeAll(writers)
		if err != nil {
			closeAll(readers)
		}
	}()
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			return readers, err
		}
		readers, writers = append(readers, r), append(writers, w)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, writers...)
	return readers, cmd.Start()
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// readFrames pairs the pixels with their timestamps and sizes. It ends quietly where any of them does: the child's exit says why.
func readFrames(ctx context.Context, pixels *os.File, frames, heights <-chan frameLine, out *output) {
	ahead := readAhead(pixels)
	defer ahead.Close()
	for {
		frame, more := <-frames
		height, also := <-heights
		if !more || !also {
			return
		}
		picture := out.picture(frame.bytes, height.bytes)
		if _, err := io.ReadFull(ahead, picture.Pixels); err != nil {
			return
		}
		select {
		case out.frames <- Frame{Picture: picture, At: frame.at}:
		case <-ctx.Done():
			return
		}
	}
}

const (
	// pipeSize is the maximum size of a pipe without a privilege.
	pipeSize = 1 << 20
	// chunkSize is how much ffmpeg writes at a time.
	chunkSize = 32 << 10
	// aheadChunks are read before they are asked for, 6 MB: two of the largest frames and more.
	aheadChunks = 192
)

// readAhead returns what the pipe has. It reads before it is asked. ffmpeg may write a frame's pixels before the line that says
// their size, and would wait forever if nobody read them.
func readAhead(pipe *os.File) io.ReadCloser {
	if connection, err := pipe.SyscallConn(); err == nil {
		_ = connection.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
	a := &aheadReader{chunks: make(chan []byte, aheadChunks), free: make(chan []byte, aheadChunks+2), closed: make(chan struct{})}
	go a.fill(pipe)
	return a
}

// aheadReader has chunks that were read, at most aheadChunks and two more.
type aheadReader struct {
	chunks, free chan []byte
	closed       chan struct{}
	chunk, rest  []byte
}

func (a *aheadReader) fill(pipe io.Reader) {
	defer close(a.chunks)
	for {
		chunk := a.buffer()
		n, err := pipe.Read(chunk)
		select {
		case a.chunks <- chunk[:n]:
		case <-a.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

// buffer returns one that was read, or a new one.
func (a *aheadReader) buffer() []byte {
	select {
	case chunk := <-a.free:
		return chunk[:cap(chunk)]
	default:
		return make([]byte, chunkSize)
	}
}

// Read implements io.Reader.
func (a *aheadReader) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.chunk != nil {
			a.free <- a.chunk // its capacity is enough for all
		}
		var more bool
		if a.chunk, more = <-a.chunks; !more {
			return 0, io.EOF
		}
		a.rest = a.chunk
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the reading ahead. The pipe's end does too.
func (a *aheadReader) Close() error {
	close(a.closed)
	return nil
}

// picture returns one of a size to be written over.
func (o *output) picture(width, height int) *liveness.Picture {
	select {
	case used := <-o.used:
		if used.Width == width && used.Height == height {
			return used
		}
	default:
	}
	return liveness.NewPicture(width, height)
}

// samples returns how many of the sound there are in a time.
func samples(d time.Duration) int { return int(d.Seconds() * soundRate) }

// readSound reads little-endian samples to the end, and keeps at most so many from when the first frame is shown, which is sent to
// begun. Of sound that comes before that is known, it keeps the last.
func readSound(pipe io.Reader, begun <-chan time.Duration, most int) []int16 {
	const width = 2 // bytes a sample
	var kept []byte
	passed, start := 0, -1 // bytes before those kept, and before the first frame
	chunk := make([]byte, 1<<15)
	for ended := error(nil); ended == nil; {
		var n int
		n, ended = pipe.Read(chunk) // to the end: a closed pipe would end the child
		kept = append(kept, chunk[:n]...)
		if start < 0 {
			select {
			case at := <-begun:
				start = width * samples(at)
			default:
			}
		}
		early := len(kept) - width*most
		if start >= 0 {
			early = start - passed
			kept = kept[:min(len(kept), width*most+max(early, 0))]
		}
		early = min(max(early, 0), len(kept))
		kept, passed = slices.Delete(kept, 0, early), passed+early
	}
	if start < 0 { // the last of the frames may come after the sound
		at, ok := <-begun
		if !ok {
			return nil
		}
		start = width * samples(at)
	}
	if passed > start {
		return nil // too much came ahead of the frames to be kept
	}
	kept = kept[min(start-passed, len(kept)):]
	sound := make([]int16, min(len(kept)/width, most))
	for i := range sound {
		sound[i] = int16(binary.LittleEndian.Uint16(kept[width*i:]))
	}
	return sound
}
