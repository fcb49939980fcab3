package main

import (
	"strings"
	"testing"
)

func TestASkipThatIsNotNamedFails(t *testing.T) {
	const below = "test/skips/testdata/sample TestSkips/below"
	for name, c := range map[string]struct {
		allowed      map[string]string
		setting      string
		code         int
		want, absent []string
	}{
		"not named": {code: 1, want: []string{"SKIPPED " + below + "\n", "the model is missing", "1 skipped tests are not in", "\n4 passed, 0 failed, 1 skipped\n"}, absent: []string{"quiet"}},
		"named":     {allowed: map[string]string{below: "no model"}, want: []string{below + ": no model", "\nok  \t" + module + "test/skips/testdata/sample\t", "\n4 passed, 0 failed, 1 skipped\n"}, absent: []string{"quiet", "SKIPPED", "=== RUN"}},
		"failed":    {setting: "SAMPLE_FAILS", allowed: map[string]string{below: "no model"}, code: 1, want: []string{"--- FAIL: TestFails", "a number is wrong", "\n3 passed, 1 failed, 1 skipped\n"}},
		"crashed":   {setting: "SAMPLE_CRASHES", allowed: map[string]string{below: "no model"}, code: 1, want: []string{"before the crash", "FAIL"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.setting != "" {
				t.Setenv(c.setting, "1")
			}
			var out strings.Builder
			code, err := run([]string{"test", "-json", "./testdata/sample"}, c.allowed, &out)
			if code != c.code || err != nil {
				t.Errorf("exit status %d, error %v, want %d", code, err, c.code)
			}
			for _, text := range c.want {
				if !strings.Contains("\n"+out.String(), text) {
					t.Errorf("%q is missing in\n%s", text, &out)
				}
			}
			for _, text := range c.absent {
				if strings.Contains(out.String(), text) {
					t.Errorf("%q is in\n%s", text, &out)
				}
			}
		})
	}
}

func TestABuildThatFailsIsShown(t *testing.T) {
	var out strings.Builder
	if code, _ := run([]string{"test", "-json", "-run", "(", "./testdata/sample"}, nil, &out); code == 0 {
		t.Error("exit status 0")
	}
}

func TestTheListGivesReasons(t *testing.T) {
	if _, err := parseList("# comment\n\ninternal/face TestX needs a camera\n"); err != nil {
		t.Error(err)
	}
	if _, err := parseList("internal/face TestX\n"); err == nil {
		t.Error("a line without a reason was taken")
	}
	if _, err := parseList(list); err != nil {
		t.Error(err)
	}
}
