// Package bonafide is a client of a bonafide face-liveness server: LipSecure, selfie liveness and face liveness.
//
// Requests that the server refuses with status 429 or 503 were not carried out; they are retried after the time that the
// server names. An error is an *Error, whose Kind says who can fix it, or an error of package net if no reply came.
package bonafide

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls one server for one account. Its fields may be changed before the first call; after it, the client is safe
// for use by several goroutines.
type Client struct {
	// URL is the server's address, such as "https://liveness.example".
	URL string
	// APIKey is for LipSecure; AppID and AppKey for selfie liveness; Username and Password for face liveness. Those of
	// protocols that are not called may be left out.
	APIKey, AppID, AppKey, Username, Password string
	// Timeout bounds one attempt; 0: one minute.
	Timeout time.Duration
	// Retries is how often a request that was refused with 429 or 503 is retried. New sets 3.
	Retries int
	// MaxWait is the longest wait before such an attempt; a server that asks for more gets no other attempt. 0: 30 seconds.
	MaxWait time.Duration
	// HTTP sends the requests; nil: http.DefaultClient.
	HTTP *http.Client
}

// New returns a client that tries again three times. Set its credentials.
func New(url string) *Client { return &Client{URL: url, Retries: 3} }

// Challenge is a transaction of LipSecure, and the digits that the person is to say.
type Challenge struct {
	TransactionID string `json:"transactionId"`
	Phrase        string `json:"phrase"`
}

// Challenge starts a transaction.
func (c *Client) Challenge(ctx context.Context) (Challenge, error) {
	var reply Challenge
	err := c.call(ctx, request{path: "/challenge", sign: c.signLipSecure, fault: lipSecureFault}, &reply)
	return reply, err
}

// Verify sends the video of the person saying the transaction's phrase. The score, 0 to 100, is the estimated probability, in
// percent, that the video is a live response to it. A UserError leaves the transaction open.
func (c *Client) Verify(ctx context.Context, transactionID string, video []byte) (score float64, err error) {
	contentType, body, err := form("file", "video", video, nil)
	if err != nil {
		return 0, err
	}
	var reply struct {
		Score float64 `json:"score"`
	}
	err = c.call(ctx, request{
		path: "/verifier/" + url.PathEscape(transactionID), contentType: contentType, body: body, sign: c.signLipSecure, fault: lipSecureFault,
	}, &reply)
	return reply.Score, err
}

// Selfie is what selfie liveness says of a picture.
type Selfie struct {
	// Live says whether the score reaches the threshold; also false if there is no face or the picture is too poor.
	Live bool
	// Score is that of the largest face, 0 to 1.
	Score float64
	// Faces are all faces, the largest first.
	Faces []Face
	// Width and Height are those of the picture as shown, in pixels.
	Width, Height int
}

// Face is a face's box in pixels, and how sure the detector is of it, 0 to 1.
type Face struct{ X, Y, Width, Height, Confidence float64 }

// Selfie judges a picture. A nil threshold is the account's.
func (c *Client) Selfie(ctx context.Context, picture []byte, threshold *float64) (Selfie, error) {
	fields := map[string]string{}
	if threshold != nil {
		fields["threshold"] = strconv.FormatFloat(*threshold, 'f', -1, 64)
	}
	contentType, body, err := form("selfie", "selfie", picture, fields)
	if err != nil {
		return Selfie{}, err
	}
	type point struct{ X, Y float64 }
	var reply struct {
		Code int `json:"response_code"`
		Data struct {
			Liveness float64 `json:"faces_liveness"`
			Faces    []struct {
				Confidence float64 `json:"confidence"`
				Delta      point   `json:"delta"`
				TopLeft    point   `json:"top_left"`
			} `json:"faces_predicted"`
			Image struct{ Width, Height int } `json:"img"`
		} `json:"response_data"`
	}
	err = c.call(ctx, request{path: "/liveness-verification", contentType: contentType, body: body, sign: c.signSelfie, fault: selfieFault}, &reply)
	s := Selfie{Live: err == nil && reply.Code == 0, Score: reply.Data.Liveness, Width: reply.Data.Image.Width, Height: reply.Data.Image.Height}
	for _, f := range reply.Data.Faces {
		s.Faces = append(s.Faces, Face{f.TopLeft.X, f.TopLeft.Y, f.Delta.X, f.Delta.Y, f.Confidence})
	}
	return s, err
}

// Face judges a picture. The score is 0 to 1. The session's name may be "".
func (c *Client) Face(ctx context.Context, session string, picture []byte) (score float64, err error) {
	return c.face(ctx, map[string]any{"sessionId": session, "faceImageBase": picture}) // encoding/json writes bytes as base64
}

// FaceAt judges the picture at an http or https URL, which the server fetches.
func (c *Client) FaceAt(ctx context.Context, session, url string) (score float64, err error) {
	return c.face(ctx, map[string]any{"sessionId": session, "faceImageBase": url})
}

func (c *Client) face(ctx context.Context, content map[string]any) (score float64, err error) {
	body, err := json.Marshal(content)
	if err != nil {
		return 0, err
	}
	var reply struct {
		Score float64 `json:"score"`
	}
	err = c.call(ctx, request{path: "/api/v1/face/liveness", contentType: "application/json", body: body, sign: c.signFace, fault: faceFault}, &reply)
	return reply.Score, err
}

func (c *Client) signLipSecure(r *http.Request) { r.Header.Set("X-API-Key", c.APIKey) }

func (c *Client) signSelfie(r *http.Request) {
	r.Header.Set("app_id", c.AppID)
	r.Header.Set("app_key", c.AppKey)
}

func (c *Client) signFace(r *http.Request) { r.SetBasicAuth(c.Username, c.Password) }

// form returns a form with one file.
func form(part, name string, file []byte, fields map[string]string) (contentType string, body []byte, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for key, value := range fields {
		if err := w.WriteField(key, value); err != nil {
			return "", nil, err
		}
	}
	into, err := w.CreateFormFile(part, name)
	if err != nil {
		return "", nil, err
	}
	if _, err := into.Write(file); err != nil {
		return "", nil, err
	}
	err = w.Close()
	return w.FormDataContentType(), b.Bytes(), err
}

// request is one request of a protocol; it may be sent more than once.
type request struct {
	path, contentType string
	body              []byte
	// sign adds the credentials.
	sign func(*http.Request)
	// fault returns what a reply says is wrong, nil where nothing is.
	fault func(status int, body []byte) *Error
}

// call sends the request, again where the server asks for it, and decodes the reply.
func (c *Client) call(ctx context.Context, r request, into any) error {
	for attempt := 0; ; attempt++ {
		status, header, body, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		fault := r.fault(status, body)
		if fault == nil {
			if err := json.Unmarshal(body, into); err != nil {
				return &Error{Kind: ServerError, Status: status, Code: strconv.Itoa(status), Message: "The reply is not JSON of the protocol."}
			}
			return nil
		}
		fault.RetryAfter = retryAfter(header)
		wait, again := c.wait(attempt, fault)
		if !again {
			return fault
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fault
		}
	}
}

// maxReply bounds what is read of a reply.
const maxReply = 1 << 20

func (c *Client) send(ctx context.Context, r request) (status int, header http.Header, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.Timeout, time.Minute))
	defer cancel()
	sent, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.URL, "/")+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, nil, err
	}
	if r.contentType != "" {
		sent.Header.Set("Content-Type", r.contentType)
	}
	r.sign(sent)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	reply, err := client.Do(sent)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("bonafide: no reply: %w", err)
	}
	defer reply.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(reply.Body, maxReply)); err != nil {
		return 0, nil, nil, fmt.Errorf("bonafide: the reply broke off: %w", err)
	}
	return reply.StatusCode, reply.Header, body, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
