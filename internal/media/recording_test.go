package media

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	d, err := NewDecoder(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", d.Confinement())
	for _, f := range []string{"/tmp/media/a.mp4", "/tmp/media/b.mp4"} {
		data, _ := os.ReadFile(f)
		began := time.Now()
		n := 0
		clip, err := d.Frames(context.Background(), data, VideoLimits{}, func(f Frame) error {
			n++
			if n < 4 {
				t.Log(f.At, f.Picture.Width, f.Picture.Height)
			}
			return nil
		})
		t.Log(len(clip.Sound), err, time.Since(began))
		clip.Sound = nil
		t.Logf("%+v", clip)
	}
}
