package bonafide

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind says who can fix an error.
type Kind string

// The kinds, as LipSecure names them.
const (
	// UserError is for the person in front of the camera: show them what to do better, and let them try again.
	UserError Kind = "user"
	// ClientError is for whoever wrote the calling program.
	ClientError Kind = "client"
	// ServerError is for whoever runs the server.
	ServerError Kind = "server"
)

// Error is what a reply says is wrong.
type Error struct {
	Kind Kind
	// Status is the HTTP status; 200 for what is wrong with the picture or the video.
	Status int
	// Code is the protocol's: LipSecure's number, such as "1009", or a name, such as "FACE_NOT_FOUND".
	Code string
	// Message is the server's sentence; of face errors, the code.
	Message string
	// RetryAfter is how long the server asks to wait; 0 where it does not say.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("bonafide: %s error %s: %s", e.Kind, e.Code, e.Message)
}

// The longest waits that the client chooses itself: half a second, doubled for each attempt up to eight seconds.
const firstWait, maxBackoff = 500 * time.Millisecond, 8 * time.Second

// wait returns how long to wait before the next attempt, and whether there is one.
func (c *Client) wait(attempt int, e *Error) (time.Duration, bool) {
	if attempt >= c.Retries || e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable {
		return 0, false
	}
	if e.RetryAfter > 0 {
		return e.RetryAfter, e.RetryAfter <= orDefault(c.MaxWait, 30*time.Second)
	}
	backoff := min(firstWait<<min(attempt, 10), maxBackoff)
	return backoff/2 + time.Duration(rand.Int63n(int64(backoff/2))), true // not all clients at the same time
}

// retryAfter reads the header, in seconds or as a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// byStatus returns the error of a reply that is not the protocol's, such as a proxy's.
func byStatus(status int) *Error {
	e := &Error{Kind: ClientError, Status: status, Code: strconv.Itoa(status), Message: http.StatusText(status)}
	if status >= 500 || status < 400 {
		e.Kind = ServerError
	}
	return e
}

func lipSecureFault(status int, body []byte) *Error {
	var reply struct {
		Error *struct {
			Type    Kind   `json:"type"`
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Error == nil {
		return byStatus(status)
	}
	if reply.Error.Type == "" && status == http.StatusOK {
		return nil
	}
	return &Error{Kind: reply.Error.Type, Status: status, Code: strconv.Itoa(reply.Error.Code), Message: reply.Error.Message}
}

func selfieFault(status int, body []byte) *Error {
	if status == http.StatusOK {
		return nil
	}
	e := byStatus(status)
	var reply struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	if json.Unmarshal(body, &reply) == nil && len(reply.Errors) > 0 {
		e.Code, e.Message = reply.Errors[0].Code, reply.Errors[0].Message
	}
	return e
}

// notThePictures are the errors that come with status 200 and are not for the person.
var notThePictures = map[string]Kind{"IMAGE_NOT_FETCHED": ClientError, "INTERNAL_ERROR": ServerError}

func faceFault(status int, body []byte) *Error {
	var reply struct {
		HasError bool   `json:"hasError"`
		Error    string `json:"error"`
	}
	if json.Unmarshal(body, &reply) != nil || status != http.StatusOK && reply.Error == "" {
		return byStatus(status)
	}
	if !reply.HasError {
		return nil
	}
	code, message, found := strings.Cut(reply.Error, ": ")
	if !found {
		message = code
	}
	kind := UserError
	if status != http.StatusOK {
		kind = byStatus(status).Kind
	} else if other, known := notThePictures[code]; known {
		kind = other
	}
	return &Error{Kind: kind, Status: status, Code: code, Message: message}
}
