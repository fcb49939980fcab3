package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse reads settings as the program does: file, environment, flags.
func parse(t *testing.T, file string, flags ...string) (Config, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "bonafide.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var c Config
	parser, err := kong.New(&c, kong.DefaultEnvars("BONAFIDE"), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	source, err := File(path)
	if err != nil {
		return c, err
	}
	if err := source.Validate(parser.Model); err != nil {
		return c, err
	}
	if err := kong.Resolvers(source).Apply(parser); err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(flags)
	return c, err
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := parse(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Listen != ":8080" || c.Challenge.Digits != 6 || c.Checks.VideoMaxDuration != 30*time.Second {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFlagsWinOverTheEnvironmentOverTheFile(t *testing.T) {
	const file = "challenge:\n  digits: 5\n  life: 1m\n  tries: 7\n"
	t.Setenv("BONAFIDE_CHALLENGE_LIFE", "2m")
	t.Setenv("BONAFIDE_CHALLENGE_TRIES", "8")
	c, err := parse(t, file, "--challenge-tries", "9")
	if err != nil {
		t.Fatal(err)
	}
	if c.Challenge.Digits != 5 || c.Challenge.Life != 2*time.Minute || c.Challenge.Tries != 9 {
		t.Errorf("got %+v, want 5 digits of the file, 2m of the environment, 9 tries of the flag", c.Challenge)
	}
}

func TestNestedAndFlatNamesAreOne(t *testing.T) {
	for _, file := range []string{"fetch:\n  hosts: [a.example, b.example]\n", "fetch-hosts: a.example,b.example\n", "fetch_hosts: [a.example, b.example]\n"} {
		c, err := parse(t, file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(c.Fetch.Hosts, " ") != "a.example b.example" {
			t.Errorf("%q gives %q", file, c.Fetch.Hosts)
		}
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	t.Setenv("BONAFIDE_PICTURE_QUEUE", "long")
	_, err := parse(t, "challenge-digits: many\nno-such-thing: 1\nvideo-require-confinement: perhaps\n")
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{"challenge-digits", "no-such-thing", "BONAFIDE_PICTURE_QUEUE", "video-require-confinement"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
}

func TestValidateNamesEverySettingThatIsOff(t *testing.T) {
	c, err := parse(t, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Listen, c.TLS.Cert, c.Picture.Workers, c.Challenge.Digits, c.Checks.PictureThreshold = "8080", "cert.pem", -1, 3, 1.5
	err = c.Validate()
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{"listen", "tls-key", "picture-workers", "challenge-digits", "picture-threshold"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported: %v", want, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{"challenge:\n  digits: 6\n", "fetch-hosts: [a, b]\n", "a: &a [*a]\n", "? {}\n: x\n", "listen: !!binary AAAA\n", "picture:\n  wait: 1e9h\n", "tls: {cert: {key: {}}}\n", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		if c, err := parse(t, file); err == nil {
			_ = c.Validate() // whatever it says, it must not panic
		}
	})
}
