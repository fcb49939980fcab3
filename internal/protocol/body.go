package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxParts bounds the parts of a form, wanted or not.
	maxParts = 64
	// maxField is the maximum size in bytes of a field that is not a file.
	maxField = 4096
	// maxPartHeader is how many bytes the headers of a part may have, with what the reader reads ahead.
	maxPartHeader = 16 << 10
	// JSON has at most so many values, so deep, and no string of over so many bytes but the object's own values.
	maxValues, maxDepth, maxString = 256, 8, 4096
	// Of the names that a client sent, messages show so many, each cut to so many bytes.
	maxNames, maxName = 5, 40
)

// Form is a form's parts by name. Only those that were asked for are kept.
type Form struct {
	parts map[string][]byte
	other []string
}

// readAll reads to the end. Memory grows with what arrives, not with what the client states, but no further than that: -1 is
// unknown.
func readAll(from io.Reader, stated int64) ([]byte, error) {
	all := make([]byte, 0, bytes.MinRead)
	for {
		n, err := from.Read(all[len(all):cap(all)])
		all = all[:len(all)+n]
		switch {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == cap(all):
			all = append(make([]byte, 0, nextSize(len(all), stated)), all...)
		}
	}
}

// nextSize returns twice as much, or what is stated and one byte that finds the end.
func nextSize(size int, stated int64) int {
	if int64(size) <= stated && stated < int64(2*size) {
		return int(stated) + 1
	}
	return 2 * size
}

// headerLimit bounds what may be read before it is set again, so that the headers of a form's part stay small.
type headerLimit struct {
	io.ReadCloser
	left int64
}

func (l *headerLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the headers of a form's part are over %d bytes", maxPartHeader)
	}
	n, err := l.ReadCloser.Read(p)
	l.left -= int64(n)
	return n, err
}

// ReadForm reads a multipart/form-data body as it arrives, without touching the disk. It keeps the part named file,
// whose size only the body's limit bounds, and the named fields; other parts are read past.
func ReadForm(r *http.Request, file string, fields ...string) (Form, error) {
	if err := formFault(r, file); err != nil {
		return Form{}, err
	}
	limit := &headerLimit{r.Body, maxPartHeader}
	r.Body = limit
	reader, err := r.MultipartReader()
	if err != nil {
		return Form{}, BadRequest("The request must be multipart/form-data with a part named %q.", file)
	}
	form := Form{parts: map[string][]byte{}}
	for range maxParts {
		limit.left = maxPartHeader
		part, err := reader.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return Form{}, readError(err, "form")
		}
		limit.left = math.MaxInt64 // only the body's limit bounds the content
		if err := form.add(r, part, file, fields); err != nil {
			return Form{}, err
		}
	}
	return Form{}, BadRequest("The form has more than %d parts.", maxParts)
}

func (f *Form) add(r *http.Request, part *multipart.Part, file string, fields []string) error {
	name := part.FormName()
	isField := slices.Contains(fields, name)
	if name != file && !isField {
		f.other = append(f.other, name)
		if _, err := io.Copy(io.Discard, part); err != nil {
			return readError(err, "form")
		}
		return nil
	}
	if fault, refused := EncodingFault(part.Header); refused {
		return fault
	}
	if _, twice := f.parts[name]; twice {
		return BadRequest("The form has two parts named %q.", name)
	}
	var body io.Reader = part
	if isField {
		body = io.LimitReader(part, maxField+1)
	}
	content, err := readAll(body, r.ContentLength)
	if err != nil {
		return readError(err, "form")
	}
	if isField && len(content) > maxField {
		return BadRequest("The form's field %q is longer than %d bytes.", name, maxField)
	}
	f.parts[name] = content
	if !isField {
		f.parts[name] = decodeFilePart(content)
	}
	return nil
}

// Field returns a field's text, and whether the form has it.
func (f Form) Field(name string) (string, bool) {
	content, found := f.parts[name]
	return string(content), found
}

// File returns the bytes of the part, or the fault of a form that has none or an empty one.
func (f Form) File(name string) ([]byte, error) {
	content, found := f.parts[name]
	if !found {
		return nil, BadRequest("The form has no part named %q%s.", name, describeParts(f.other))
	}
	if len(content) == 0 {
		return nil, BadRequest("The form's part %q is empty.", name)
	}
	return content, nil
}

// Object is a JSON object that was read.
type Object struct{ body []byte }

// ReadJSON reads a JSON object into the struct that into points to. Keys that the struct lacks are ignored. Of an object
// with a key of the wrong type the others are there all the same.
func ReadJSON(r *http.Request, into any) (Object, error) {
	body, err := readAll(r.Body, r.ContentLength)
	if err != nil {
		return Object{}, readError(err, "body")
	}
	body = bytes.TrimPrefix(body, byteOrderMark)
	if !utf8.Valid(body) {
		return Object{}, BadRequest("The body must be JSON in UTF-8.")
	}
	if err := limitJSON(body); err != nil {
		return Object{}, err
	}
	err = json.Unmarshal(body, into)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return Object{}, mistypedFault(mistyped)
	}
	if err != nil {
		return Object{}, BadRequest("The body must be one JSON object.")
	}
	return Object{body}, nil
}

// mistypedFault returns what kind of value a key must have, and which it has. The value itself may be long and is not told.
func mistypedFault(e *json.UnmarshalTypeError) Fault {
	wanted := "string"
	if e.Type.Kind() == reflect.Float64 {
		wanted = "number"
	}
	sent, _, _ := strings.Cut(e.Value, " ") // "number 1e999"
	if sent == wanted {
		return BadRequest("The value of %q is too large.", e.Field)
	}
	return BadRequest("The value of %q must be a %s, not %s.", e.Field, wanted, withArticle(sent))
}

// withArticle returns a kind of JSON value in a sentence.
func withArticle(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}

// limitJSON refuses what would take long to parse, before anything is parsed: its cost is one pass over the text, which need
// not be JSON.
func limitJSON(text []byte) error {
	depth, values := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			values++
		case '"':
			length := stringLength(text[i+1:])
			i += length + 1
			if length > maxString && (depth != 1 || isName(text[min(i+1, len(text)):])) {
				return BadRequest("The JSON has a name or an inner string of over %d bytes.", maxString)
			}
		}
		if depth > maxDepth {
			return BadRequest("The JSON is more than %d levels deep.", maxDepth)
		}
		if values >= maxValues {
			return BadRequest("The JSON has more than %d values.", maxValues)
		}
	}
	return nil
}

// stringLength returns how many bytes come before the quote that ends a JSON string.
func stringLength(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(text)
}

// isName reports whether the string that ends here is a name.
func isName(rest []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":")) }

// MissingKey returns the fault of an object that lacks the key, or has no text at it.
func (o Object) MissingKey(key string) Fault {
	var keys map[string]jsonType
	if err := json.Unmarshal(o.body, &keys); err != nil {
		return BadRequest("The body must be one JSON object.")
	}
	if kind, found := keys[key]; found {
		if kind != "" {
			return BadRequest("The value of %q must be a string, not %s.", key, withArticle(string(kind)))
		}
		return BadRequest("The value of %q is empty.", key)
	}
	return BadRequest("The JSON object has no %q%s.", key, describeParts(slices.Sorted(maps.Keys(keys))))
}

// jsonType names a JSON value that is neither a string nor null, which are "". The value itself is not kept.
type jsonType string

// UnmarshalJSON implements json.Unmarshaler.
func (k *jsonType) UnmarshalJSON(value []byte) error {
	switch value[0] {
	case '"', 'n':
		*k = ""
	case '{':
		*k = "object"
	case '[':
		*k = "array"
	case 't', 'f':
		*k = "bool"
	default:
		*k = "number"
	}
	return nil
}

// describeParts returns the end of a sentence, such as `, only "a", "b" and others`, with the names that were sent. So a misspelt
// name is found.
func describeParts(names []string) string {
	if len(names) == 0 {
		return ""
	}
	quoted := make([]string, min(len(names), maxNames))
	for i := range quoted {
		quoted[i] = fmt.Sprintf("%q", names[i][:min(len(names[i]), maxName)])
	}
	more := ""
	if len(names) > maxNames {
		more = " and others"
	}
	return ", only " + strings.Join(quoted, ", ") + more
}

// readError tells the fault of a body that is too large from one that ends early.
func readError(err error, what string) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, ErrOverloaded) || errors.Is(err, ErrTooSlow) {
		return err
	}
	f := BadRequest("The %s could not be read to its end.", what)
	f.Cause = err
	return f
}

// Text is a JSON string that may be long. It shares the bytes of the body that it was read from, so that a picture is not
// held twice.
type Text struct{ bytes []byte }

// UnmarshalJSON implements json.Unmarshaler. Any other value leaves no text; Object.MissingKey says so.
func (t *Text) UnmarshalJSON(literal []byte) error {
	switch {
	case literal[0] != '"':
		return nil
	case bytes.IndexByte(literal, '\\') < 0:
		t.bytes = literal[1 : len(literal)-1]
		return nil
	}
	var text string
	err := json.Unmarshal(literal, &text)
	t.bytes = []byte(text)
	return err
}

// String returns the text.
func (t Text) String() string { return string(t.bytes) }

// Empty reports whether there is no text.
func (t Text) Empty() bool { return len(t.bytes) == 0 }

// IsURL reports whether the text is an http or https URL rather than a picture.
func (t Text) IsURL() bool {
	text := bytes.TrimSpace(t.bytes)
	return hasPrefixFold(text, "http://") || hasPrefixFold(text, "https://")
}

func hasPrefixFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}
