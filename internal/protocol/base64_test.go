package protocol

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// A picture in any of the ways in which base64 arrives is the same bytes, whatever its length, with or without "+".
func TestDecodeMedia(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for size := 50; size < 400; size++ {
		raw := make([]byte, size)
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		raw[0], raw[size-1] = 0xff, 0xd9 // as in a JPEG: no picture's text begins or ends with a "+", which would be trimmed as a space
		standard := base64.StdEncoding.EncodeToString(raw)
		url := base64.URLEncoding.EncodeToString(raw)
		for name, text := range map[string]string{
			"standard":             standard,
			"no padding":           strings.TrimRight(standard, "="),
			"URL alphabet":         url,
			"URL, no padding":      strings.TrimRight(url, "="),
			"lines":                breakIntoLines(standard, "\r\n"),
			"plus to space":        strings.ReplaceAll(standard, "+", " "),
			"plus to space, lines": strings.ReplaceAll(breakIntoLines(standard, "\n"), "+", " "),
			"URL in lines":         breakIntoLines(url, "\n"),
			"data URI":             "data:image/jpeg;base64," + standard,
			"data URI, space":      "data:image/jpeg;base64," + strings.ReplaceAll(standard, "+", " "),
			"byte order mark":      "\ufeff" + standard + "\n",
		} {
			got, ok := decodeMedia([]byte(text))
			if !ok || !bytes.Equal(got, raw) {
				t.Fatalf("%d bytes, %s: %v, %x\nwant %x", size, name, ok, got, raw)
			}
		}
	}
}

// Lines that are joined by spaces are told from "+" by a "+" elsewhere, or by the length.
func TestSpacesBetweenLines(t *testing.T) {
	for text, want := range map[string]string{
		"+/+/ AAAA": "\xfb\xff\xbf\x00\x00\x00",
		"AAAA AAAA": "\x00\x00\x00\x00\x00\x00",
		"AAA /AA=":  "\x00\x00\x3e\xfc\x00",
		"AA-_ AAAA": "\x00\x0f\xbf\x00\x00\x00",
	} {
		if got, ok := decodeMedia([]byte(text)); !ok || string(got) != want {
			t.Errorf("%q: %v, %q, want %q", text, ok, got, want)
		}
	}
}

func breakIntoLines(text, end string) string {
	var lines strings.Builder
	for len(text) > 76 {
		lines.WriteString(text[:76] + end)
		text = text[76:]
	}
	return lines.String() + text + end
}

// What is not base64 stays as it came, to the last byte.
func TestMediaStaysAsItIs(t *testing.T) {
	for _, content := range []string{
		"", "\xff\xd8\xff\xe0" + strings.Repeat("A", 100), strings.Repeat("A", 100) + "\x00", "UklGR" + strings.Repeat("A", 96), "short",
		"data:image/jpeg," + strings.Repeat("A", 100), "data:", "data:;base64,A", strings.Repeat("A", 100) + "=A", strings.Repeat("A", 100) + "====",
	} {
		if got := decodeFilePart([]byte(content)); string(got) != content {
			t.Errorf("%.20q became %.20q", content, got)
		}
	}
}
