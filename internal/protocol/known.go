package protocol

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Our own endpoints refuse what they do not know, so that a misspelt field is not taken for one that was left out. The
// published protocols ignore it, as their texts have it.

// RefuseUnknown fails if the object has a key other than these. As in reading, case does not matter.
func (o Object) RefuseUnknown(known ...string) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(o.body, &keys); err != nil {
		return BadRequest("The body must be one JSON object.")
	}
	return refuseUnknown("field", slices.Collect(maps.Keys(keys)), known, strings.EqualFold)
}

// RefuseUnknown fails if the form has a part other than these.
func (f Form) RefuseUnknown(known ...string) error {
	return refuseUnknown("form part", f.other, known, equal)
}

// RefuseUnknownQuery fails if the query has a parameter other than these.
func RefuseUnknownQuery(query url.Values, known ...string) error {
	return refuseUnknown("query parameter", slices.Collect(maps.Keys(query)), known, equal)
}

func equal(a, b string) bool { return a == b }

// refuseUnknown names the first unknown name, by the alphabet, and the known ones.
func refuseUnknown(what string, names, known []string, same func(a, b string) bool) error {
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(known, func(k string) bool { return same(k, name) })
	})
	if len(unknown) == 0 {
		return nil
	}
	first := slices.Min(unknown)
	expected := "None is known here."
	if len(known) > 0 {
		expected = "Known: " + quoteAll(known) + "."
	}
	return BadRequest("The %s %q is unknown. %s", what, first[:min(len(first), maxName)], expected)
}

func quoteAll(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(words, ", ")
}
