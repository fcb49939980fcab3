package media

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStillSmoke(t *testing.T) {
	files, _ := filepath.Glob("/tmp/media/still/*")
	for _, f := range files {
		data, _ := os.ReadFile(f)
		s, err := Decode(data, StillLimits{})
		if err != nil {
			t.Log(f, err)
			continue
		}
		t.Log(f, s.Width, s.Height, s.Scale, s.Format, s.Picture.Width, s.Picture.Height)
	}
}
func BenchmarkDecode12(b *testing.B) {
	data, _ := os.ReadFile("/tmp/media/big.jpg")
	for b.Loop() {
		if _, err := Decode(data, StillLimits{}); err != nil {
			b.Fatal(err)
		}
	}
}
