package system

import (
	"image"
	"net/http"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
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
		{"turned", 1007, loop(portrait(t, turned, 640, 480, 320, 240, 180), "3")}, // at 200 the measured yaw is the very limit
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

// TestUserErrorsOfSpeakers takes a recording in which somebody says the phrase, and gives it just one fault at a time.
func TestUserErrorsOfSpeakers(t *testing.T) {
	s := launch(t, t.TempDir(), "--challenge-tries", "1")
	c := s.key("speakers")
	sentences := map[float64]string{}
	for _, r := range liveness.Reasons() {
		if sentences[float64(r.LipSecure)] == "" {
			sentences[float64(r.LipSecure)] = r.Sentence
		}
	}
	filter := func(graph string) func(name, other string) []string {
		return func(name, _ string) []string { return []string{"-i", name, "-vf", graph} }
	}
	// The faults end the check before the phrase matters, so that all but the first may answer an old one.
	id, phrase := s.challenge(c)
	name, other := write(t, "one.mp4", spokenPhrase(t, "s2", phrase)), write(t, "two.mp4", spokenPhrase(t, "s5", phrase))
	for _, fault := range []struct {
		name string
		code float64 // 0: none
		film func(name, other string) []string
	}{
		{"none", 0, filter("null")},
		{"ends too early", 1001, func(name, _ string) []string { return []string{"-i", name, "-t", "0.9"} }},
		{"dark", 1002, filter("lutyuv=y=16+(val-16)*0.05")},
		{"out of sight", 1003, filter("drawbox=color=gray:t=fill:enable='gt(t,0.5)'")},
		{"two people", 1004, func(name, other string) []string {
			return []string{"-i", name, "-i", other, "-filter_complex", "[0][1]hstack=shortest=1", "-map", "0:a?"}
		}},
		{"far away", 1005, filter("scale=iw/4:-2,pad=iw*4:ih*4:(ow-iw)/2:(oh-ih)/2:gray")},
		{"too close", 1006, filter("crop=iw*0.42:ih*0.36:iw*0.30:ih*0.36,scale=640:480")},
		{"mouth covered", 1008, filter("drawbox=x=iw*0.3:y=ih*0.6:w=iw*0.4:h=ih*0.3:color=0x7fb0c8:t=fill")},
		{"frozen", 1009, filter("loop=loop=200:size=1:start=0,trim=duration=4")},
		{"blurred", 1010, filter("gblur=sigma=15")},
		{"8 frames a second", 1011, filter("fps=8")},
		{"another person", 1012, func(name, other string) []string {
			return []string{"-i", name, "-i", other, "-filter_complex",
				"[0]trim=duration=1.5,setpts=PTS-STARTPTS[a];[1]trim=start=1.5,setpts=PTS-STARTPTS[b];[a][b]concat=n=2", "-map", "0:a?"}
		}},
		{"half a minute and more", 1014, func(name, _ string) []string { return []string{"-stream_loop", "20", "-i", name, "-t", "35"} }},
	} {
		if fault.code > 0 {
			id, _ = s.challenge(c)
		}
		r, err := s.verify(c, id, film(t, fault.film(name, other)...))
		if err != nil {
			t.Fatal(err)
		}
		m := r.json(t)
		told := m["error"].(map[string]any)
		if told["code"] != fault.code || fault.code > 0 && told["message"] != sentences[fault.code] {
			t.Errorf("%s: want user error %v and %q, got %d %s", fault.name, fault.code, sentences[fault.code], r.status, r.body)
		}
	}
}

func TestARecordingThatEndsBeforeThePhraseIsTooShort(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("short")
	id, phrase := s.challenge(c)
	whole := write(t, "whole.mp4", spokenPhrase(t, "s2", phrase))
	r, err := s.verify(c, id, film(t, "-i", whole, "-t", "0.9"))
	if err != nil {
		t.Fatal(err)
	}
	if code := r.json(t)["error"].(map[string]any)["code"]; code != 1001.0 {
		t.Errorf("want user error 1001, got %d %s", r.status, r.body)
	}
}
