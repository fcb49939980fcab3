// Package web embeds what browsers get: the capture component and the console's charts, which npm builds, and the demo page. It
// does not serve them.
package web

import (
	"embed"
	"fmt"
	"io/fs"
)

// The folders that npm builds into hold a placeholder in the repository, so that the program builds without them.
//
//go:embed all:capture/dist all:console/dist demo
var files embed.FS

// File returns one of the files below web/, such as "capture/dist/bonafide-capture.js". Of one that npm builds it fails
// where that was not done before the program was built.
func File(name string) ([]byte, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("web/%s is not in this program: run `make build`, which builds it with npm, instead of `go build` alone", name)
	}
	return content, nil
}
