package process

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"
)

// Reply is an answer, read whole.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Took is the time from the request's start to the reply's end.
	Took time.Duration
}

// Client asks a server with a key.
type Client struct {
	URL  string
	Key  Credentials
	HTTP *http.Client
}

// Client returns a client of the server; a request that takes longer than the timeout fails.
func (s *Server) Client(c Credentials, timeout time.Duration) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConnsPerHost = nil, 256
	return &Client{URL: s.URL, Key: c, HTTP: &http.Client{Timeout: timeout, Transport: transport}}
}

// Close ends the client's idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

func (c *Client) post(ctx context.Context, path, contentType string, body []byte, headers ...string) (Reply, error) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Reply{Took: time.Since(began)}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return Reply{response.StatusCode, response.Header, text, time.Since(began)}, err
}

// Selfie sends a picture by the selfie protocol.
func (c *Client) Selfie(ctx context.Context, picture []byte) (Reply, error) {
	contentType, body := form("selfie", picture)
	return c.post(ctx, "/liveness-verification", contentType, body, "app_id", c.Key.AppID, "app_key", c.Key.AppKey)
}

// FaceLiveness sends a picture by the face liveness protocol.
func (c *Client) FaceLiveness(ctx context.Context, picture []byte) (Reply, error) {
	body := base64.StdEncoding.AppendEncode([]byte(`{"sessionId":"1","faceImageBase":"`), picture)
	body = append(body, `"}`...)
	basic := base64.StdEncoding.EncodeToString([]byte(c.Key.Username + ":" + c.Key.Password))
	return c.post(ctx, "/api/v1/face/liveness", "application/json", body, "Authorization", "Basic "+basic)
}

// Challenge opens a LipSecure transaction and returns its id.
func (c *Client) Challenge(ctx context.Context) (string, error) {
	reply, err := c.post(ctx, "/challenge", "", nil, "X-API-Key", c.Key.APIKey)
	if err != nil {
		return "", err
	}
	var opened struct {
		TransactionID string `json:"transactionId"`
	}
	if err := json.Unmarshal(reply.Body, &opened); err != nil || opened.TransactionID == "" {
		return "", fmt.Errorf("challenge: %d %s", reply.Status, reply.Body)
	}
	return opened.TransactionID, nil
}

// Verify sends a recording for a transaction.
func (c *Client) Verify(ctx context.Context, transaction string, recording []byte) (Reply, error) {
	contentType, body := form("file", recording)
	return c.post(ctx, "/verifier/"+transaction, contentType, body, "X-API-Key", c.Key.APIKey)
}

func form(part string, content []byte) (contentType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, _ := w.CreateFormFile(part, "media") // a buffer takes everything
	_, _ = file.Write(content)
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}
