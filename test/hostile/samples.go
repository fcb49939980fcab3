package hostile

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/bmp"
)

// The recordings' frames; the two are told apart wherever they stand in a header.
const frameWidth, frameHeight = 240, 320

// newCorpus makes the samples of a portrait: one picture of each format, and one recording of each kind.
func newCorpus(portrait image.Image, folder string, t traps) (*Corpus, error) {
	pictures, err := pictureSamples(portrait)
	if err != nil {
		return nil, err
	}
	recordings, err := recordingSamples(portrait, folder)
	return &Corpus{pictures: pictures, recordings: recordings, traps: t}, err
}

func pictureSamples(portrait image.Image) (samples []sample, err error) {
	vips.LoggingSettings(nil, vips.LogLevelError)
	if err := vips.Startup(&vips.Config{ConcurrencyLevel: 1}); err != nil {
		return nil, err
	}
	var baseline, lossless, bitmap bytes.Buffer
	if err := jpeg.Encode(&baseline, portrait, &jpeg.Options{Quality: 90}); err != nil {
		return nil, err
	}
	if err := png.Encode(&lossless, portrait); err != nil {
		return nil, err
	}
	if err := bmp.Encode(&bitmap, portrait); err != nil {
		return nil, err
	}
	samples = []sample{{"jpeg", baseline.Bytes(), true}, {"png", lossless.Bytes(), true}, {"bmp", bitmap.Bytes(), true}}
	source, err := vips.NewImageFromBuffer(lossless.Bytes())
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for _, format := range []struct {
		name   string
		export func() ([]byte, *vips.ImageMetadata, error)
	}{
		{"progressive jpeg", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportJpeg(&vips.JpegExportParams{Quality: 85, Interlace: true})
		}},
		{"interlaced png", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportPng(&vips.PngExportParams{Compression: 6, Interlace: true})
		}},
		{"webp", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportWebp(&vips.WebpExportParams{Quality: 85})
		}},
		{"lossless webp", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportWebp(&vips.WebpExportParams{Lossless: true, Quality: 50})
		}},
		{"heic", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportHeif(&vips.HeifExportParams{Quality: 80, Bitdepth: 8})
		}},
		{"avif", func() ([]byte, *vips.ImageMetadata, error) {
			return source.ExportAvif(&vips.AvifExportParams{Quality: 70, Bitdepth: 8, Effort: 2})
		}},
	} {
		data, _, err := format.export()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", format.name, err)
		}
		samples = append(samples, sample{format.name, data, true})
	}
	return samples, nil
}

// recordingSamples makes a short film of each kind with ffmpeg: the portrait, held still.
func recordingSamples(portrait image.Image, folder string) (samples []sample, err error) {
	var still bytes.Buffer
	if err := png.Encode(&still, portrait); err != nil {
		return nil, err
	}
	name := filepath.Join(folder, "portrait.png")
	if err := os.WriteFile(name, still.Bytes(), 0o600); err != nil {
		return nil, err
	}
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	for _, kind := range []struct {
		name, file string
		tailed     bool
		args       []string
	}{
		{"mp4, index at the end", "a.mp4", true, append([]string{"-c:a", "aac"}, h264...)},
		{"mp4, index at the start", "b.mp4", false, append([]string{"-c:a", "aac", "-movflags", "faststart"}, h264...)},
		{"mp4 in fragments", "c.mp4", false, append([]string{"-an", "-movflags", "frag_keyframe+empty_moov"}, h264...)},
		{"mov hevc", "d.mov", true, []string{"-an", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1", "-tag:v", "hvc1", "-pix_fmt", "yuv420p"}},
		{"webm vp8", "e.webm", false, []string{"-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"}},
		{"webm vp9, live", "f.webm", false, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-live", "1"}},
		{"mkv h264", "g.mkv", false, append([]string{"-c:a", "pcm_s16le"}, h264...)},
		{"avi mjpeg", "h.avi", false, []string{"-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"}},
		{"avi mpeg4", "i.avi", false, []string{"-an", "-c:v", "mpeg4"}},
		{"mpeg program stream", "j.mpg", false, []string{"-c:v", "mpeg1video", "-c:a", "mp2"}},
		{"mpeg transport stream", "k.ts", false, append([]string{"-c:a", "aac"}, h264...)},
		{"mpeg video", "l.m1v", false, []string{"-an", "-c:v", "mpeg2video"}},
		{"flv", "m.flv", false, []string{"-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"}},
		{"3gp h263", "n.3gp", true, []string{"-an", "-c:v", "h263", "-s", "176x144"}},
	} {
		file := filepath.Join(folder, kind.file)
		args := []string{"-v", "error", "-nostdin", "-y", "-threads", "1", "-loop", "1", "-i", name, "-f", "lavfi", "-i", "sine=frequency=300"}
		args = append(args, "-t", "0.6", "-r", "25", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
		args = append(append(args, "-vf", fmt.Sprintf("scale=%d:%d", frameWidth, frameHeight), "-threads", "1"), append(kind.args, file)...)
		if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ffmpeg, %s: %w\n%s", kind.name, err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{kind.name, data, kind.tailed})
	}
	return samples, nil
}
