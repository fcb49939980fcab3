package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The demo at each width, light and dark, and from right to left: nothing sticks out and axe finds nothing serious.
func TestTheDemoLooksRight(t *testing.T) {
	s := launch(t)
	b := s.browse(options{camera: testPicture(t)})
	for _, l := range looks {
		b.resize(l.width, l.height, l.dark)
		b.open("/demo")
		b.until(10*time.Second, "shadow && shadow.querySelector('button')")
		b.fits(l.name)
		if l.axe {
			b.accessible(l.name)
		}
		b.picture("demo-" + l.name)
		b.press(0)
		b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
		b.fits(l.name + ", camera")
		b.picture("demo-camera-" + l.name)
		if l.width > 320 {
			continue
		}
		eval[bool](b, "document.querySelector('#language').value = 'ar'; document.querySelector('#language').dispatchEvent(new Event('change')); return true")
		b.until(5*time.Second, "shadow.querySelector('.frame').dir === 'rtl'")
		b.fits(l.name + ", Arabic")
		if l.axe {
			b.accessible(l.name + ", Arabic")
		}
		b.picture("demo-arabic-" + l.name)
	}
}

// One person, as the camera sees her from different places and in different light, for five seconds each.
func TestGuidance(t *testing.T) {
	pictures, err := filepath.Abs(filepath.Join(root, "bin", "testdata", "faces"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pictures); err != nil {
		t.Skip("the test pictures are not there: run `make testdata`")
	}
	scenes := []struct {
		photograph, filter string
		want               []string
	}{
		{"sample6.jpg", "crop=640:480:43:385", []string{"Good. You can start"}},
		{"sample6.jpg", "crop=640:480:43:385,scale=240:180,pad=640:480:-1:-1:color=gray", []string{"Move closer"}},
		{"sample6.jpg", "crop=640:480:43:385,eq=brightness=-0.45:contrast=0.5", []string{"More light, please: face a window or a lamp"}},
		{"sample6.jpg", "crop=300:225:213:512,scale=640:480", []string{"Move a little further away"}},
		{"sample5.jpg", "crop=512:384:434:352,scale=640:480", []string{"Look straight at the camera", "Put your face into the oval and look at the camera"}},
	}
	s := launch(t)
	for i, scene := range scenes {
		camera := motionJPEG(t, "fps=30,"+scene.filter, "-loop", "1", "-t", "2", "-i", filepath.Join(pictures, scene.photograph))
		b := s.browse(options{camera: camera})
		b.open("/demo")
		b.press(0)
		b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
		deadline := time.Now().Add(15 * time.Second)
		hint := ""
		for !slices.Contains(scene.want, hint) && time.Now().Before(deadline) {
			hint = strings.TrimSpace(eval[string](b, "return shadow.querySelector('.hint').textContent"))
			time.Sleep(100 * time.Millisecond)
		}
		if !slices.Contains(scene.want, hint) {
			t.Errorf("scene %d: the hint is %q, want %q", i, hint, scene.want)
		}
		b.picture("guidance-" + string(rune('0'+i)))
	}
}
