// Package media turns bytes that strangers sent into pixels: pictures, recordings, and pictures behind a URL. It does not look
// for faces.
//
// Everything that arrives is hostile. Limits apply before and during decoding, and recordings are decoded by a confined process.
// A defect of the media is one of the errors below, never a crash. Any other error is an internal error or the context's.
package media

import "errors"

var (
	// ErrNotReadable: the bytes are not a picture or recording, or a broken one.
	ErrNotReadable = errors.New("media: not readable")
	// ErrUnsupported: the bytes are of a format that is not read here, such as GIF, TIFF, PDF or a playlist.
	ErrUnsupported = errors.New("media: format not supported")
	// ErrTooLarge: too many bytes or too many pixels.
	ErrTooLarge = errors.New("media: too large")
	// ErrTooLong: a recording of more time or more frames than the limits allow.
	ErrTooLong = errors.New("media: recording too long")
	// ErrNotFetched: a URL that may not be, or could not be, fetched.
	ErrNotFetched = errors.New("media: not fetched")
)
