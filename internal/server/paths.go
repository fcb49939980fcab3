package server

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

var slashes = regexp.MustCompile(`//+`)

// tidyPath returns the path with single slashes and none at its end.
func tidyPath(path string) string {
	return "/" + strings.Trim(slashes.ReplaceAllString(path, "/"), "/")
}

// notFound serves the endpoint that is meant by a path with too many slashes: clients join a base URL and a path in all
// ways. This holds for endpoints only, since a proxy may keep the server's other paths inside by their exact names.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	routing := chi.RouteContext(r.Context())
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath // as the router has it
	}
	if tidy := tidyPath(path); tidy != path {
		routing.RoutePath = tidy
		s.endpoints.ServeHTTP(w, r)
		return
	}
	s.withoutMedia(writeNotFound)(w, r)
}

func writeNotFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, protocol.Fault{Status: http.StatusNotFound, Message: "There is nothing at this path."})
}
