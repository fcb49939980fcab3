package contract

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/bonafide-id/bonafide/docs"
)

// description is docs/openapi.yaml. Every reply that the tests of this package get is compared with it.
type description struct {
	model     *v3.Document
	validator validator.Validator
}

var described = sync.OnceValue(func() description {
	document, err := libopenapi.NewDocument(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		panic(err)
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		panic(errs)
	}
	return description{&model.Model, v}
})

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	if described().model.Version != "3.1.0" {
		t.Errorf("version %s", described().model.Version)
	}
	if valid, faults := described().validator.ValidateDocument(); !valid {
		for _, fault := range faults {
			t.Errorf("%s: %v", fault.Error(), fault.SchemaValidationErrors)
		}
	}
}

// anyName stands for the name of a part of a path, which the router and the description may choose for themselves.
var anyName = regexp.MustCompile(`\{\w+\}`)

// operations are the described methods by path, whose named parts are {}.
var operations = sync.OnceValue(func() map[string][]string {
	found := map[string][]string{}
	for path, item := range described().model.Paths.PathItems.FromOldest() {
		path = anyName.ReplaceAllString(path, "{}")
		for method := range item.GetOperations().FromOldest() {
			found[path] = append(found[path], strings.ToUpper(method))
		}
	}
	return found
})

// ofPages are the paths of pages and their scripts, which are not part of the API.
var ofPages = regexp.MustCompile(`^/(demo|console)(/|$)|\.js$`)

// What is served is described, and what is described is served.
func TestEveryRouteIsDescribed(t *testing.T) {
	r := newRig(t)
	left := maps.Clone(operations())
	served := 0
	err := chi.Walk(r.server.Handler().(chi.Routes), func(_, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served++
		if ofPages.MatchString(route) {
			return nil
		}
		path := anyName.ReplaceAllString(route, "{}")
		if operations()[path] == nil {
			t.Errorf("%s is served, but docs/openapi.yaml does not describe it", route)
		}
		delete(left, path)
		return nil
	})
	if err != nil || served == 0 {
		t.Fatalf("%d routes, error %v", served, err)
	}
	for path := range left {
		t.Errorf("docs/openapi.yaml describes %s, which is not served", path)
	}
}

// describedMethod returns the method that the path is described with; "" where it is not. A request with another method gets
// its reply in the shape of that one.
func describedMethod(request *http.Request) string {
	for path, methods := range operations() {
		if before, after, named := strings.Cut(path, "{}"); named {
			part := strings.TrimSuffix(strings.TrimPrefix(request.URL.Path, before), after)
			path = before + part + after
			if part == "" || strings.Contains(part, "/") {
				continue
			}
		}
		if path == request.URL.Path {
			if slices.Contains(methods, request.Method) {
				return request.Method
			}
			return methods[0]
		}
	}
	return ""
}

// wantDescribed holds the reply, its status among those that are described, against the description.
func (got reply) wantDescribed(request *http.Request) {
	got.t.Helper()
	method := describedMethod(request)
	if method == "" || request.Method == http.MethodHead {
		return
	}
	asked := &http.Request{Method: method, URL: request.URL, Header: request.Header}
	answered := &http.Response{StatusCode: got.status, Header: got.header, Body: io.NopCloser(strings.NewReader(got.body)), Request: asked}
	valid, faults := described().validator.ValidateHttpResponse(asked, answered)
	if valid {
		return
	}
	for _, fault := range faults {
		got.t.Errorf("%s %s: the reply is not as docs/openapi.yaml describes it: %s: %s", request.Method, request.URL.Path, fault.Message, fault.Reason)
		for _, detail := range fault.SchemaValidationErrors {
			got.t.Errorf("%s: %s in %s", detail.FieldPath, detail.Reason, got.body)
		}
	}
}

// The description is not so wide that anything fits.
func TestTheDescriptionRefuses(t *testing.T) {
	const id = "ef5a0ae2-884e-4106-b247-b332a0f9dd88"
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/challenge", 200, `{"transactionId":"` + id + `","phrase":"597692","error":{"type":"","code":0,"message":"OK"},"score":1}`},
		{"/challenge", 200, `{"transactionId":"` + id + `","phrase":"597692"}`},
		{"/challenge", 200, `{"transactionId":"` + id + `","phrase":"5976x2","error":{"type":"","code":0,"message":"OK"}}`},
		{"/challenge", 418, `{"transactionId":"","phrase":"","error":{"type":"client","code":418,"message":"No."}}`},
		{"/verifier/" + id, 200, `{"transactionId":"` + id + `","phrase":"597692","score":101,"error":{"type":"","code":0,"message":"OK"}}`},
		{"/verifier/" + id, 200, `{"transactionId":"` + id + `","phrase":"597692","score":5,"error":{"type":"user","code":1001,"message":"Again."}}`},
		{"/api/v1/face/liveness", 200, `{"sessionId":"1","score":0.5,"hasError":true}`},
		{"/api/v1/face/liveness", 200, `{"sessionId":"1","hasError":true,"error":"FACE_TOO_NICE"}`},
		{"/api/v1/face/liveness", 503, `{"sessionId":"1","hasError":true,"error":"INTERNAL_ERROR"}`}, // without Retry-After
	} {
		asked, err := http.NewRequest("POST", "http://localhost"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answered := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body))}
		if valid, _ := described().validator.ValidateHttpResponse(asked, answered); valid {
			t.Errorf("%d %s fits %s", c.status, c.body, c.path)
		}
	}
}
