package capture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/web"
)

// component serves the capture component, so that a page needs no package manager.
func (a *API) component() protocol.Endpoint {
	script, err := web.File(componentFile)
	sum := sha256.Sum256(script)
	return protocol.Endpoint{
		Method: http.MethodGet, Paths: []string{ComponentPath}, Media: protocol.NoMedia, AnyOrigin: true, WriteError: writeError,
		Handle: func(w http.ResponseWriter, r *http.Request) {
			if err != nil {
				protocol.CallFromContext(r.Context()).Log.Warn("the capture component is missing", "error", err)
				writeError(w, r, protocol.Fault{Status: http.StatusNotFound, Message: "The capture component is missing in this server: the operator must build it with make."})
				return
			}
			h := w.Header()
			h.Set("Content-Type", "text/javascript; charset=utf-8")
			h.Set("Cache-Control", "no-cache") // it may be kept, but each use asks whether it changed
			h.Set("Etag", `"`+hex.EncodeToString(sum[:16])+`"`)
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(script))
		},
	}
}

// Built returns an error if the component was not built into the program.
func Built() error {
	_, err := web.File(componentFile)
	return err
}

const componentFile = "capture/dist/bonafide-capture.js"

// ComponentPath is where the capture component is served.
const ComponentPath = "/capture/bonafide-capture.js"
