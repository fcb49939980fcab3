package protocol

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// byteOrderMark is what some editors and libraries write before a text in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// minMediaText is how many bytes of bare base64 a form's file part must have to be decoded. The base64 of the smallest
// picture is longer.
const minMediaText = 64

// DecodeImage returns the bytes of a picture in base64, bare or in a data URI, whose declared type is ignored. It accepts both
// alphabets, with or without padding and line breaks, and spaces for "+". It says whether the text was that. It decodes in place,
// so that a large picture is not held twice: the text is gone afterwards.
func (t Text) DecodeImage() (image []byte, ok bool) { return decodeMedia(t.bytes) }

// decodeFilePart returns what a form's file part holds. A part that has base64 or a data URI counts like the file itself. No
// format of pictures or recordings consists of base64 letters only.
func decodeFilePart(content []byte) []byte {
	if len(content) < minMediaText && !isDataURI(content) {
		return content
	}
	if media, ok := decodeMedia(content); ok {
		return media
	}
	return content
}

// decodeMedia decodes base64 or a data URI in place. Text that is neither stays as it is.
func decodeMedia(text []byte) (media []byte, ok bool) {
	text = trimText(text)
	if isDataURI(text) {
		head, rest, found := bytes.Cut(text, []byte(","))
		if !found || !strings.HasSuffix(strings.ToLower(string(bytes.TrimSpace(head))), ";base64") {
			return nil, false
		}
		text = bytes.TrimSpace(rest)
	}
	count, ok := countLetters(text)
	if !ok {
		return nil, false
	}
	letters := count.letters
	if count.spacesArePlus() {
		letters += count.spaces
	}
	if letters == 0 || letters%4 == 1 {
		return nil, false
	}
	return decodeLetters(text, count.spacesArePlus())
}

func trimText(text []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(text, byteOrderMark)) }

func isDataURI(text []byte) bool { return hasPrefixFold(trimText(text[:min(len(text), 64)]), "data:") }

// letterCount counts the letters of either alphabet in a base64 text, the spaces between them, and the "=" at its end. If marked,
// it has one of "+", "-" and "_".
type letterCount struct {
	letters, spaces, pads int
	marked                bool
}

// spacesArePlus says that the text went through the decoding of a form or a URL, which makes a space of each "+". A text
// with spaces that has a "+", or that has the right length without them, was broken into lines instead.
func (c letterCount) spacesArePlus() bool {
	if c.spaces == 0 || c.marked {
		return false
	}
	return (c.letters+c.spaces+c.pads)%4 == 0 || (c.letters+c.pads)%4 != 0
}

// countLetters counts until the first byte that base64 does not have, and says whether there was none.
func countLetters(text []byte) (c letterCount, ok bool) {
	for _, b := range text {
		switch {
		case b == '\r' || b == '\n' || b == '\t', b == ' ' && c.pads > 0:
		case b == ' ':
			c.spaces++
		case b == '=':
			c.pads++
		case !isBase64Letter(b) || c.pads > 0:
			return c, false
		default:
			c.letters++
			c.marked = c.marked || b == '+' || b == '-' || b == '_'
		}
	}
	return c, c.pads <= 2
}

func isBase64Letter(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '+' || b == '/' || b == '-' || b == '_'
}

// decodeLetters decodes a text that countLetters has passed. The bytes take the place of letters that were read before.
func decodeLetters(text []byte, spacesArePlus bool) (media []byte, ok bool) {
	media = text[:0]
	group := make([]byte, 0, 4096) // a multiple of four
	for _, b := range text {
		switch b {
		case '\r', '\n', '\t', '=':
			continue
		case ' ':
			if !spacesArePlus {
				continue
			}
			b = '+'
		case '-':
			b = '+'
		case '_':
			b = '/'
		}
		if group = append(group, b); len(group) < cap(group) {
			continue
		}
		var err error
		if media, err = base64.RawStdEncoding.AppendDecode(media, group); err != nil {
			return nil, false
		}
		group = group[:0]
	}
	media, err := base64.RawStdEncoding.AppendDecode(media, group)
	return media, err == nil && len(media) > 0
}
