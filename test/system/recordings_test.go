package system

import (
	"image"
	"net/http"
	"testing"
)

// User errors of recordings, each from a video that has that fault. What needs a living mouth is in the tests of the
// packages and in `eval phrase`.
func TestUserErrorsOfRecordings(t *testing.T) {
	s := launch(t, t.TempDir(), "--challenge-tries", "1")
	c := s.key("recordings")
	alone := portrait(t, frontal, 640, 480, 320, 240, 200)
	file := func(picture image.Image) string { return write(t, "still.jpg", encode(t, picture)) }
	loop := func(picture image.Image, seconds string, rest ...string) []byte {
		return film(t, append([]string{"-loop", "1", "-r", "25", "-i", file(picture), "-t", seconds}, rest...)...)
	}
	for _, fault := range []struct {
		name  string
		code  float64
		video []byte
	}{
		{"dark", 1002, loop(alone, "3", "-vf", "lutrgb=r=val*0.06:g=val*0.06:b=val*0.06")},
		{"nobody", 1003, film(t, "-f", "lavfi", "-i", "color=c=gray:s=640x480:r=25:d=3")},
		{"two people", 1004, loop(beside(alone, portrait(t, other, 640, 480, 320, 240, 200)), "3")},
		{"far away", 1005, loop(portrait(t, frontal, 640, 480, 320, 240, 50), "3")},
		{"out of the picture", 1006, loop(portrait(t, frontal, 640, 480, 60, 240, 330), "3")},
		{"turned", 1007, loop(portrait(t, turned, 640, 480, 320, 240, 200), "3")},
		{"mouth covered", 1008, loop(alone, "3", "-vf", "drawbox=x=235:y=268:w=170:h=110:color=0x7fb0c8:t=fill")},
		{"still", 1009, loop(alone, "4")},
		{"blurred", 1010, loop(alone, "3", "-vf", "gblur=sigma=7")},
		{"8 frames a second", 1011, loop(alone, "3", "-r", "8")},
		{"another person", 1012, film(t, "-loop", "1", "-t", "2", "-r", "25", "-i", file(alone),
			"-loop", "1", "-t", "2", "-r", "25", "-i", file(portrait(t, other, 640, 480, 320, 240, 200)),
			"-filter_complex", "[0][1]concat=n=2:v=1:a=0")},
		{"text", 1013, []byte("#EXTM3U\nfile:///etc/passwd\n")},
		{"35 seconds", 1014, film(t, "-f", "lavfi", "-i", "color=c=gray:s=320x240:r=10:d=35")},
	} {
		id, _ := s.challenge(c)
		r, err := s.verify(c, id, fault.video)
		if err != nil {
			t.Fatal(err)
		}
		m := r.json(t)
		told := m["error"].(map[string]any)
		if r.status != http.StatusOK || told["type"] != "user" || told["code"] != fault.code || m["score"] != 0.0 || told["message"] == "" {
			t.Errorf("%s: want user error %v, got %d %s", fault.name, fault.code, r.status, r.body)
		}
	}
}

func TestARecordingThatEndsBeforeThePhraseIsTooShort(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("short")
	id, phrase := s.challenge(c)
	whole := write(t, "whole.mp4", recital(t, "s2", phrase))
	r, err := s.verify(c, id, film(t, "-i", whole, "-t", "0.9"))
	if err != nil {
		t.Fatal(err)
	}
	if code := r.json(t)["error"].(map[string]any)["code"]; code != 1001.0 {
		t.Errorf("want user error 1001, got %d %s", r.status, r.body)
	}
}
