package media

import (
	"bytes"
	"image"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// decodeDirectly decodes past libvips, which reads the header.
func decodeDirectly(t *testing.T, data []byte, shrink int) (*liveness.Picture, bool) {
	t.Helper()
	if err := startVips(); err != nil {
		t.Fatal(err)
	}
	header, err := load(data, "jpeg", PictureLimits{}, 1, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	defer header.Close()
	return decodeJPEG(data, header, shrink)
}

func TestJPEGIsDecodedAsByLibvips(t *testing.T) {
	data := asJPEG(t, scene(640, 480))
	for _, shrink := range []int{1, 2, 4, 8} {
		got, ok := decodeDirectly(t, data, shrink)
		if !ok {
			t.Fatalf("1/%d: not decoded", shrink)
		}
		ref, err := load(data, "jpeg", PictureLimits{}, shrink, shrink, true)
		if err != nil {
			t.Fatal(err)
		}
		defer ref.Close()
		want, err := readPixels(ref)
		if err != nil || got.Width != want.Width || got.Height != want.Height || !bytes.Equal(got.Pixels, want.Pixels) {
			t.Errorf("1/%d: %dx%d, by libvips %dx%d (%v), or other pixels", shrink, got.Width, got.Height, want.Width, want.Height, err)
		}
	}
}

func TestJPEGIsLeftToLibvips(t *testing.T) {
	sound := asJPEG(t, scene(640, 480))
	hurt := bytes.Clone(sound)
	for i := range 40 {
		hurt[len(hurt)/2+i] ^= byte(37 * i)
	}
	for name, c := range map[string]struct {
		data   []byte
		shrink int
	}{
		"cut short": {sound[:len(sound)/2], 1}, "hurt": {hurt, 2}, "grey": {asJPEG(t, image.NewGray(image.Rect(0, 0, 64, 64))), 1},
		"part of a pixel": {asJPEG(t, scene(641, 480)), 2}, "too small": {sound, 16},
	} {
		if _, ok := decodeDirectly(t, c.data, c.shrink); ok {
			t.Errorf("%s: decoded", name)
		}
	}
}
