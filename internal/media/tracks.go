package media

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const (
	// minMovingFrames is how many frames of a moving track must differ from the one before, within the first seconds. movingShare
	// is how many times as many may differ in the track that moves most. A still picture gets sharper over a few frames.
	minMovingFrames    = 3
	movingShare        = 4
	trackSampleSeconds = "5"    // seconds
	trackQueuePackets  = "1024" // packets: a track may have none for all of those seconds
	// maxTracks bounds the video tracks that are looked at.
	maxTracks = 8
)

// findMovingTrack returns which of the video tracks has the largest frames and moves; where none does, the first one. ErrNotReadable and
// the like are left to the decoding that follows.
func (r *recording) findMovingTrack(ctx context.Context) (int, error) {
	args := append(r.inputArguments(), "-map", "0:V", "-t", trackSampleSeconds, "-vf", "mpdecimate", "-fps_mode", "passthrough",
		"-max_muxing_queue_size", trackQueuePackets, "-c:v", "wrapped_avframe", "-f", "framecrc", pipeURL(fdRecording+1))
	cmd := r.decoder.command(ctx, r.limits, 2, args...)
	cmd.ExtraFiles = []*os.File{r.file}
	pipes, err := startWithPipes(cmd, 1)
	if err != nil {
		return 0, fmt.Errorf("start of the video decoder: %w", err)
	}
	defer closeAll(pipes)
	track := parseLargestMoving(pipes[0])
	exit := cmd.Wait() // what it could not read, the decoding cannot
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if exit != nil && r.endedFromOutside(cmd.ProcessState) {
		return 0, errFromOutside(exit)
	}
	return track, nil
}

// parseLargestMoving reads a list in framecrc's format of the frames of several tracks that differ from those before them.
func parseLargestMoving(list io.Reader) int {
	var pixels, frames [maxTracks]int
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		var track, width, height int
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "#dimensions %d: %dx%d", &track, &width, &height); n == 3 && track >= 0 && track < maxTracks {
			pixels[track] = width * height
		} else if n, _ := fmt.Sscanf(line, "%d,", &track); n == 1 && !strings.HasPrefix(line, "#") && track >= 0 && track < maxTracks {
			frames[track]++
		}
	}
	_, _ = io.Copy(io.Discard, list) // after a line that is too long; a closed pipe would end the child
	least := max(minMovingFrames, slices.Max(frames[:])/movingShare)
	best := 0
	for track := range maxTracks {
		if frames[track] >= least && (frames[best] < least || pixels[track] > pixels[best]) {
			best = track
		}
	}
	return best
}
