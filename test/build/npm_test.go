// Package build tests the Makefile. It does not test the program.
package build

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// In a company whose proxy has a certificate of its own, npm cannot reach its registry: every target says so.
func TestAnNPMFailureShowsItsCause(t *testing.T) {
	registry := httptest.NewUnstartedServer(http.NotFoundHandler())
	registry.Config.ErrorLog = log.New(io.Discard, "", 0)
	registry.StartTLS() // with a certificate that is signed by nobody that npm knows
	defer registry.Close()
	folder := t.TempDir()
	for _, file := range []string{
		"Makefile", "web/capture/package.json", "web/capture/package-lock.json", "web/console/package.json", "web/console/package-lock.json",
		"internal/site/package.json", "internal/site/package-lock.json",
	} {
		data, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{
		"web/capture/node_modules/.installed", "web/console/node_modules/.installed", "internal/site/viewer/swagger-ui.css",
		"internal/site/node_modules/.bin/newman", "bin/testdata/faces/sample6.jpg",
	} {
		t.Run(target, func(t *testing.T) {
			command := exec.Command("make", target)
			command.Dir = folder
			command.Env = append(os.Environ(), "npm_config_registry="+registry.URL, "npm_config_fetch_retries=0",
				"npm_config_cache="+t.TempDir(), "npm_config_strict_ssl=true", "npm_config_userconfig="+filepath.Join(folder, "npmrc"))
			out, err := command.CombinedOutput()
			if err == nil || !strings.Contains(strings.ToLower(string(out)), "certificate") {
				t.Errorf("error %v, make printed\n%s", err, out)
			}
		})
	}
}
