package protocol

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// EncodingFault returns the fault of a body, or of a form part, that its headers call compressed. Nothing here unpacks it, since
// a few bytes could become any number. It says whether there is one.
func EncodingFault(headers map[string][]string) (f Fault, refused bool) {
	for _, value := range headers["Content-Encoding"] {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if name == "" || strings.EqualFold(name, "identity") {
				continue
			}
			message := fmt.Sprintf("The Content-Encoding %q is not supported. Send the content as it is, without this header.", name[:min(len(name), maxName)])
			return Fault{Status: http.StatusUnsupportedMediaType, Message: message}, true
		}
	}
	return Fault{}, false
}

// formFault returns why the body cannot be read as a form that has the file, or returns nil.
func formFault(r *http.Request, file string) error {
	contentType := r.Header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(contentType)
	isForm := strings.EqualFold(strings.TrimSpace(strings.SplitN(contentType, ";", 2)[0]), "multipart/form-data")
	switch {
	case !isForm && kind != "multipart/form-data":
		return BadRequest("The request must be multipart/form-data with a part named %q.", file)
	case err != nil:
		return BadRequest("The Content-Type multipart/form-data has a boundary that cannot be read. Let the HTTP library set this header.")
	case parameters["boundary"] == "":
		return BadRequest("The Content-Type multipart/form-data has no boundary. Let the HTTP library set this header, which then names the boundary.")
	}
	return nil
}
