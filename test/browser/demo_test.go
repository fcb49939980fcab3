package browser

import (
	"fmt"
	"testing"
	"time"
)

// Every page, at each width, light and dark, in the three languages: nothing sticks out and axe finds nothing serious.
func TestTheDemoLooksRight(t *testing.T) {
	s := launch(t)
	camera := testPicture(t)
	for _, dark := range []bool{false, true} {
		for _, width := range []int{320, 390, 1280} {
			name := fmt.Sprintf("%d-%v", width, map[bool]string{false: "light", true: "dark"}[dark])
			t.Run(name, func(t *testing.T) {
				b := (&server{t: t, url: s.url, data: s.data}).browse(options{camera: camera, width: width, height: 800, dark: dark})
				b.open("/demo")
				b.until(10*time.Second, "shadow && shadow.querySelector('button')")
				b.fits("start")
				b.accessible("start")
				b.picture("demo-" + name)
				b.press(0)
				b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
				b.fits("camera")
				b.picture("demo-camera-" + name)
				if width == 320 {
					eval[bool](b, "document.querySelector('#language').value = 'ar'; document.querySelector('#language').dispatchEvent(new Event('change')); return true")
					b.until(5*time.Second, "shadow.querySelector('.frame').dir === 'rtl'")
					b.fits("Arabic")
					b.accessible("Arabic")
					b.picture("demo-arabic-" + name)
				}
			})
		}
	}
}
