package protocol

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

const boundary = "frontier"

// formRequest returns a request whose form is written by hand.
func formRequest(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return r
}

func formPart(disposition, content string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
}

const formEnd = "--" + boundary + "--\r\n"

func TestReadForm(t *testing.T) {
	form, err := ReadForm(formRequest(
		formPart(`name="other"`, "x")+
			formPart(`name=file`, "no file name, no quotes")+
			formPart(`name="field"; filename="a.txt"`, "a field as a file")+formEnd+"what follows the end"), "file", "field", "more")
	if err != nil {
		t.Fatal(err)
	}
	if file, err := form.File("file"); err != nil || string(file) != "no file name, no quotes" {
		t.Errorf("file %q, %v", file, err)
	}
	if field, found := form.Field("field"); !found || field != "a field as a file" {
		t.Errorf("field %q, %v", field, found)
	}
	if field, found := form.Field("more"); found {
		t.Errorf("field %q was not sent", field)
	}
}

func TestReadFormRefuses(t *testing.T) {
	long := strings.Repeat("x", 100)
	for body, want := range map[string]string{
		"":                                  `could not be read to its end`,
		"x":                                 `could not be read to its end`,
		formPart(`name="file"`, "x"):        `could not be read to its end`,
		formEnd:                             `no part named "file".`,
		formPart(`x="file"`, "x") + formEnd: `no part named "file", only "".`,
		formPart(`name="`+long+`"`, "x") + formEnd:                                 `only "` + long[:maxName] + `".`,
		formPart(`name="a`+"\x01"+`b"`, "x") + formEnd:                             `could not be read to its end`,
		strings.Repeat(formPart(`name="z"`, "x"), 6) + formEnd:                     `only "z", "z", "z", "z", "z" and others.`,
		strings.Repeat(formPart(`name="z"`, "x"), maxParts) + formEnd:              `more than 64 parts`,
		formPart(`name="file"`, "") + formEnd:                                      `part "file" is empty`,
		strings.Repeat(formPart(`name="file"`, "x"), 2) + formEnd:                  `two parts named "file"`,
		formPart(`name="field"`, strings.Repeat("x", maxField+1)) + formEnd:        `longer than 4096 bytes`,
		strings.Repeat(formPart(`name="field"`, "x"), 2) + formEnd:                 `two parts named "field"`,
		"--" + boundary + "\r\n" + strings.Repeat("A: b\r\n", 20000) + "\r\nx\r\n": `could not be read to its end`,
	} {
		form, err := ReadForm(formRequest(body), "file", "field")
		if err == nil {
			_, err = form.File("file")
		}
		var fault Fault
		if !errors.As(err, &fault) || fault.Status != http.StatusBadRequest || !strings.Contains(fault.Message, want) {
			t.Errorf("%.80q: error %v, want %s", body, err, want)
		}
	}
}

func TestReadFormKeepsToTheBodysLimit(t *testing.T) {
	r := formRequest(formPart(`name="file"`, strings.Repeat("x", 1000)) + formEnd)
	r.Body = http.MaxBytesReader(nil, r.Body, 500)
	_, err := ReadForm(r, "file")
	if fault := FaultOf(r.Context(), err); fault.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("error %v", err)
	}
}

func FuzzReadForm(f *testing.F) {
	f.Add([]byte(formPart(`name="file"; filename="a"`, "x") + formPart(`name="field"`, "0.5") + formEnd))
	f.Add([]byte(formPart(`name*=utf-8''file`, "x") + formEnd))
	f.Add([]byte("--" + boundary + "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n" + formEnd))
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := ReadForm(formRequest(string(body)), "file", "field")
		if err == nil {
			_, err = form.File("file")
		}
		var fault Fault
		if err != nil && (!errors.As(err, &fault) || fault.Status != http.StatusBadRequest) {
			t.Errorf("error %v", err)
		}
		if file, _ := form.File("file"); len(file) > len(body) {
			t.Errorf("a file of %d bytes from a body of %d", len(file), len(body))
		}
	})
}

func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{`{"a":"b"}`, `{"a":1}`, `[]`, `null`, `{"a":"` + "\xff" + `"}`, `{"b":{"a":[]}} x`, strings.Repeat("[", 20000)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var into struct{ A string }
		object, err := ReadJSON(httptest.NewRequest("POST", "/", bytes.NewReader(body)), &into)
		if err == nil {
			err = object.MissingKey("c")
		}
		var fault Fault
		if !errors.As(err, &fault) || fault.Status != http.StatusBadRequest || len(fault.Message) > 1000 {
			t.Errorf("error %v", err)
		}
	})
}

func textOf(s string) Text { return Text{[]byte(s)} }

func FuzzTextImage(f *testing.F) {
	f.Add("data:image/png;base64,AAAA")
	f.Add("AA-_")
	f.Add("AAA=\n")
	f.Fuzz(func(t *testing.T, text string) {
		image, ok := textOf(text).DecodeImage()
		if ok && len(image) == 0 || len(image) > len(text) {
			t.Errorf("%q: %d bytes, %v", text, len(image), ok)
		}
		again, _ := textOf("data:;base64," + base64.StdEncoding.EncodeToString(image)).DecodeImage()
		if ok && !bytes.Equal(image, again) {
			t.Errorf("%q: %q came back as %q", text, image, again)
		}
	})
}

// A body of 15 MB costs its bytes and the picture's, with what growing them takes, and no more.
func BenchmarkTextImage(b *testing.B) {
	text := base64.StdEncoding.EncodeToString(make([]byte, 10<<20))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := textOf(text).DecodeImage(); !ok {
			b.Fatal("not decoded")
		}
	}
}

func BenchmarkReadForm(b *testing.B) {
	body := formPart(`name="file"; filename="a"`, strings.Repeat("x", 10<<20)) + formEnd
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadForm(formRequest(body), "file"); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleFault_Error() {
	form, _ := ReadForm(formRequest(formPart(`name="video"`, "x")+formEnd), "file")
	_, err := form.File("file")
	fmt.Println(err)
	// Output: The form has no part named "file", only "video".
}

// tooLong is a body that never ends.
type tooLong struct{}

func (tooLong) Read(p []byte) (int, error) { return len(p), nil }

func TestAnEndlessBodyEnds(t *testing.T) {
	r := httptest.NewRequest("POST", "/", tooLong{})
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	var into struct{}
	_, err := ReadJSON(r, &into)
	if fault := FaultOf(r.Context(), err); fault.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("error %v", err)
	}
}

// jsonRequest returns a request whose stated length may be wrong.
func jsonRequest(body io.Reader, stated int64) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = stated
	return r
}

// JSON that costs much to parse is refused by one pass over its text.
func TestJSONIsLimited(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	picture := strings.Repeat("A", 1<<20)
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for text, want := range map[string]string{
		`{"a":1` + strings.Repeat(`,"b":1`, maxValues) + `}`: "more than 256 values",
		`{"a":[1` + strings.Repeat(`,1`, maxValues) + `]}`:   "more than 256 values",
		`{"a":` + deep + `}`:                                      "more than 8 levels deep",
		`{"` + long + `":1}`:                                      "a name or an inner string of over 4096 bytes",
		`{"` + long + "\" \n:1}":                                  "a name or an inner string of over 4096 bytes",
		`{"a":{"b":"` + long + `"}}`:                              "a name or an inner string of over 4096 bytes",
		`{"` + strings.Repeat(`\"`, maxString) + `":1}`:           "a name or an inner string of over 4096 bytes",
		`{"a":1` + strings.Repeat(`,"b":1`, maxValues-1) + `}`:    "",
		`{"a":` + deep[1:2*maxDepth-1] + `}`:                      "",
		`{"other":"` + picture + `","a":"` + picture + `"}`:       "",
		`{"a":"` + strings.Repeat(`,{[\"`, maxValues) + `"}`:      "",
		`{"a":"` + strings.Repeat(`\\`, maxString) + `"}`:         "",
		`{"a":"` + picture + `\`:                                  "must be one JSON object",
		`{"a":"` + picture:                                        "must be one JSON object",
		`{"a":"\`:                                                 "must be one JSON object",
		strings.Repeat("}", maxDepth) + strings.Repeat("]", 1000): "must be one JSON object",
	} {
		var into struct{ A json.RawMessage }
		_, err := ReadJSON(jsonRequest(strings.NewReader(text), -1), &into)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// 1.5 million names cost little more memory than the body, and the error names none of them.
func TestManyNamesCostNothing(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("{")
	for n := range 1_500_000 {
		fmt.Fprintf(&text, `"%x":1,`, n)
	}
	text.WriteString(`"":1}`)
	size := text.Len()
	allocated := bytesAllocated(func() {
		var into struct{ A Text }
		if _, err := ReadJSON(jsonRequest(&text, int64(size)), &into); FaultOf(t.Context(), err).Status != http.StatusBadRequest {
			t.Error(err)
		}
	})
	if allocated > 3*int64(size) {
		t.Errorf("%d bytes were allocated for a body of %d", allocated, size)
	}
}

// What is missing is answered with five of the names that are there.
func TestMissingNamesFive(t *testing.T) {
	var into struct{ A Text }
	o, err := ReadJSON(jsonRequest(strings.NewReader(`{"b":1`+strings.Repeat(`,"c":1`, 10)+`,"d":"`+strings.Repeat("x", 1<<20)+`","e":{},"f":null,"g":1}`), -1), &into)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.MissingKey("a").Message, `The JSON object has no "a", only "b", "c", "d", "e", "f" and others.`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Memory follows what arrives. A stated length is not allocated.
func TestAStatedLengthIsNotAllocated(t *testing.T) {
	const stated = 50 << 20
	for name, read := range map[string]func() error{
		"JSON": func() error {
			var into struct{}
			_, err := ReadJSON(jsonRequest(strings.NewReader(`{`), stated), &into)
			return err
		},
		"form": func() error {
			r := formRequest(formPart(`name="file"`, "x"))
			r.ContentLength = stated
			_, err := ReadForm(r, "file")
			return err
		},
	} {
		if allocated := bytesAllocated(func() {
			if err := read(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}); allocated > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
	}
}

// The last buffer is of the stated length, so that the bytes before it are all that is held beside it.
func TestReadAll(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 100_000, 1 << 20} {
		for _, stated := range []int64{-1, int64(size), 1 << 30} {
			content := bytes.Repeat([]byte("x"), size)
			got, err := readAll(iotest.OneByteReader(bytes.NewReader(content)), stated)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d of %d bytes: %d, %v", size, stated, len(got), err)
			}
			if stated == int64(size) && cap(got) > max(size+1, bytes.MinRead) || cap(got) > max(2*size, bytes.MinRead) {
				t.Errorf("%d of %d bytes: a buffer of %d", size, stated, cap(got))
			}
		}
	}
}

func bytesAllocated(do func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// The headers of a form's parts are small, whatever comes before and between them.
func TestPartHeadersAreLimited(t *testing.T) {
	var parameters strings.Builder
	for n := range 1_000_000 {
		fmt.Fprintf(&parameters, "; x%d=1", n)
	}
	header := formPart(`name="file"`+parameters.String(), "x")
	for name, body := range map[string]string{"first": header + formEnd, "second": formPart(`name="file"`, "x") + header + formEnd} {
		if allocated := bytesAllocated(func() {
			if _, err := ReadForm(formRequest(body), "file"); FaultOf(t.Context(), err).Status != http.StatusBadRequest {
				t.Errorf("%s: %v", name, err)
			}
		}); allocated > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
	}
	big := strings.Repeat("\x00", 1<<20)
	form, err := ReadForm(formRequest(formPart(`name="other"`, big)+formPart(`name="file"`, big)+formPart(`name="field"`, "y")+formEnd), "file", "field")
	if err != nil {
		t.Fatal(err)
	}
	if file, err := form.File("file"); err != nil || len(file) != len(big) {
		t.Errorf("%d bytes, %v", len(file), err)
	}
}

// A value of the wrong kind is not told back: it may be long.
func TestWrongKindOfValue(t *testing.T) {
	for body, want := range map[string]string{
		`{"number":"x"}`:   `The value of "number" must be a number, not a string.`,
		`{"number":[1]}`:   `The value of "number" must be a number, not an array.`,
		`{"text":1e999}`:   `The value of "text" must be a string, not a number.`,
		`{"text":{}}`:      `The value of "text" must be a string, not an object.`,
		`{"number":1e999}`: `The value of "number" is too large.`,
		`{"number":` + strings.Repeat("9", 60_000) + `}`: `The value of "number" is too large.`,
	} {
		var into struct {
			Number *float64 `json:"number"`
			Text   string   `json:"text"`
		}
		_, err := ReadJSON(httptest.NewRequest("POST", "/", strings.NewReader(body)), &into)
		if err == nil || err.Error() != want {
			t.Errorf("%.40s: %.100v, want %s", body, err, want)
		}
	}
}
