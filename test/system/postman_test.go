package system

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/bonafide-id/bonafide/docs"
)

// The collection that the server gives out runs green against it.
func TestPostmanCollection(t *testing.T) {
	newman, err := filepath.Abs(filepath.Join(root, "internal", "site", "node_modules", ".bin", "newman"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(newman); err != nil {
		t.Skip("newman is not there: run `make testdata`")
	}
	s := launch(t, t.TempDir())
	c := s.key("postman")
	desk := t.TempDir()
	portrait := portrait(t, frontal, 640, 640, 320, 320, 220)
	place(t, filepath.Join(desk, "selfie.jpg"), encode(t, portrait))
	place(t, filepath.Join(desk, "recording.mp4"), still(t, portrait, 4))
	arguments := []string{"run", s.url + "/postman.json", "--working-dir", desk, "--reporters", "json", "--reporter-json-export", filepath.Join(desk, "report.json")}
	for key, value := range map[string]string{"baseUrl": s.url, "apiKey": c.APIKey, "appId": c.AppID, "appKey": c.AppKey, "username": c.Username, "password": c.Password} {
		arguments = append(arguments, "--env-var", key+"="+value)
	}
	out, err := exec.Command(newman, arguments...).CombinedOutput()
	var report struct {
		Run struct {
			Stats struct {
				Requests, Assertions struct{ Total, Failed int }
			}
			Failures []struct {
				Source struct{ Name string }
				Error  struct{ Message string }
			}
		}
	}
	if text, readErr := os.ReadFile(filepath.Join(desk, "report.json")); readErr == nil {
		decode(t, string(text), &report)
	}
	for _, failure := range report.Run.Failures {
		t.Errorf("%s: %s", failure.Source.Name, failure.Error.Message)
	}
	if stats := report.Run.Stats; err != nil || stats.Requests.Total < 10 || stats.Assertions.Total < 2*stats.Requests.Total-3 {
		t.Errorf("newman: %v, %+v\n%s", err, stats, out)
	}
}

// The collection has every endpoint, by the first of its paths, and none that is not described.
func TestThePostmanCollectionIsWhole(t *testing.T) {
	var described struct {
		Paths map[string]map[string]struct{ Description string }
	}
	if err := yaml.Unmarshal(docs.OpenAPI, &described); err != nil {
		t.Fatal(err)
	}
	var collection struct {
		Item []struct {
			Item []struct {
				Request struct {
					Method string
					URL    struct{ Raw string } `json:"url"`
				}
			}
		}
	}
	if err := json.Unmarshal(docs.Postman, &collection); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, folder := range collection.Item {
		for _, item := range folder.Item {
			path := strings.TrimPrefix(item.Request.URL.Raw, "{{baseUrl}}")
			asked[item.Request.Method+" "+withoutID(path)] = true
		}
	}
	for path, methods := range described.Paths {
		for method, operation := range methods {
			name := strings.ToUpper(method) + " " + withoutID(path)
			alias := strings.HasPrefix(operation.Description, "The same as ")
			if !asked[name] && !alias {
				t.Errorf("the collection does not have %s", name)
			}
			delete(asked, name)
		}
	}
	for name := range asked {
		t.Errorf("the collection asks %s, which is not described", name)
	}
}

// withoutID returns a path without its last part where that is an id.
func withoutID(path string) string {
	for _, folder := range []string{"/verifier/", "/capture/results/", "/LiopaAPI/api/verifier/"} {
		if strings.HasPrefix(path, folder) {
			return folder
		}
	}
	return path
}
