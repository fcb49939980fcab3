package docs

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// `make run` serves this machine only, unless the setting or a settings file says where, and tells how others reach it.
func TestMakeRunServesThisMachineOnly(t *testing.T) {
	const local, hint = "--listen 127.0.0.1:8080", "make run BONAFIDE_LISTEN=:8080"
	for _, c := range []struct {
		argument, environment string
		local                 bool
	}{
		{local: true},
		{argument: "BONAFIDE_LISTEN=:8080"},
		{environment: "BONAFIDE_LISTEN=:8080"},
		{environment: "BONAFIDE_CONFIG=/etc/bonafide.yaml"},
	} {
		command := exec.Command("make", "--dry-run", "--no-print-directory", "run")
		if c.argument != "" {
			command.Args = append(command.Args, c.argument)
		}
		command.Dir = root
		command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "BONAFIDE_") || strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS")
		}), c.environment)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), "bin/bonafide serve ") {
			t.Fatalf("the server is not started:\n%s", out)
		}
		if strings.Contains(string(out), local) != c.local || strings.Contains(string(out), hint) != c.local {
			t.Errorf("%+v: make runs\n%s", c, out)
		}
		if !c.local && strings.Contains(string(out), "--listen") {
			t.Errorf("%+v: a flag stands over the setting\n%s", c, out)
		}
	}
}
