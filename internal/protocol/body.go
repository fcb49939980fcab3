package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxParts bounds the parts of a form, wanted or not.
	maxParts = 64
	// maxField is how many bytes a field that is no file may have.
	maxField = 4096
	// Of the names that a client sent, messages show so many, each cut to so many bytes.
	maxNames, maxName = 5, 40
)

// Form is a form's parts by name. Only those that were asked for are kept.
type Form struct {
	parts map[string][]byte
	other []string
}

// sized is a buffer for what a body of the request's length holds, so that it need not grow: growing holds the old bytes
// beside the new. The server has set room aside for so many.
func sized(r *http.Request) *bytes.Buffer {
	return bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
}

// ReadForm reads a multipart/form-data body as it arrives, without touching the disk. It keeps the part named file,
// whose size only the body's limit bounds, and the named fields; other parts are read past.
func ReadForm(r *http.Request, file string, fields ...string) (Form, error) {
	if err := formFault(r, file); err != nil {
		return Form{}, err
	}
	reader, err := r.MultipartReader()
	if err != nil {
		return Form{}, BadRequest("The request must be multipart/form-data with a part named %q.", file)
	}
	form := Form{parts: map[string][]byte{}}
	for range maxParts {
		part, err := reader.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return Form{}, unreadable(err, "form")
		}
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
		return nil // the next call of NextPart reads past it
	}
	if fault, refused := EncodingFault(part.Header); refused {
		return fault
	}
	if _, twice := f.parts[name]; twice {
		return BadRequest("The form has two parts named %q.", name)
	}
	into := &bytes.Buffer{}
	var body io.Reader = part
	if isField {
		body = io.LimitReader(part, maxField+1)
	} else {
		into = sized(r)
	}
	if _, err := into.ReadFrom(body); err != nil {
		return unreadable(err, "form")
	}
	if isField && into.Len() > maxField {
		return BadRequest("The form's field %q is longer than %d bytes.", name, maxField)
	}
	f.parts[name] = into.Bytes()
	if !isField {
		f.parts[name] = mediaOf(into.Bytes())
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
		return nil, BadRequest("The form has no part named %q%s.", name, instead(f.other))
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
	read := sized(r)
	if _, err := read.ReadFrom(r.Body); err != nil {
		return Object{}, unreadable(err, "body")
	}
	body := bytes.TrimPrefix(read.Bytes(), byteOrderMark)
	if !utf8.Valid(body) {
		return Object{}, BadRequest("The body must be JSON in UTF-8.")
	}
	err := json.Unmarshal(body, into)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return Object{}, BadRequest("The value of %q must be a %s, not a %s.", mistyped.Field, mistyped.Type, mistyped.Value)
	}
	if err != nil {
		return Object{}, BadRequest("The body must be one JSON object.")
	}
	return Object{body}, nil
}

// Missing is the fault of an object that lacks the key, or has no text at it.
func (o Object) Missing(key string) Fault {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(o.body, &keys); err != nil {
		return BadRequest("The body must be one JSON object.")
	}
	if value, found := keys[key]; found {
		if kind := kindOf(value); kind != "" {
			return BadRequest("The value of %q must be a string, not a %s.", key, kind)
		}
		return BadRequest("The value of %q is empty.", key)
	}
	return BadRequest("The JSON object has no %q%s.", key, instead(slices.Sorted(maps.Keys(keys))))
}

// kindOf names a JSON value that is neither a string nor null.
func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '"', 'n':
		return ""
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// instead names what was sent in place of what was wanted, so that a misspelt name is found.
func instead(names []string) string {
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

// unreadable tells the fault of a body that is too large from one that ends early.
func unreadable(err error, what string) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	f := BadRequest("The %s could not be read to its end.", what)
	f.Cause = err
	return f
}

// Text is a JSON string that may be long. It shares the bytes of the body that it was read from, so that a picture is not
// held twice.
type Text struct{ bytes []byte }

// UnmarshalJSON implements json.Unmarshaler. What is no string leaves no text; Object.Missing says so.
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

// String is the text.
func (t Text) String() string { return string(t.bytes) }

// Empty says that there is no text.
func (t Text) Empty() bool { return len(t.bytes) == 0 }

// IsURL says whether the text is an http or https URL rather than a picture.
func (t Text) IsURL() bool {
	text := bytes.TrimSpace(t.bytes)
	return hasPrefixFold(text, "http://") || hasPrefixFold(text, "https://")
}

func hasPrefixFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}
