// Command scenarios runs the scenarios of all clients with this one and prints what came of each step, a line of JSON each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	bonafide "github.com/bonafide-id/bonafide/sdk/go"
)

type scenario struct {
	Name    string
	Server  string
	Wrong   bool
	Timeout float64
	Retries *int
	Steps   []step
}

type step struct {
	Call, Media, Transaction, URL string
	Threshold                     *float64
}

func main() {
	var all struct{ Scenarios []scenario }
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, s := range all.Scenarios {
		c, last := client(s), bonafide.Challenge{}
		for i, step := range s.Steps {
			outcome, err := run(c, step, &last)
			if err != nil {
				outcome = failure(err)
			}
			if err := out.Encode(map[string]any{"scenario": s.Name, "step": i, "outcome": outcome}); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func client(s scenario) *bonafide.Client {
	c := bonafide.New(os.Getenv("BONAFIDE_URL"))
	if s.Server == "stub" {
		c.URL = os.Getenv("BONAFIDE_STUB") + "/" + url.PathEscape(s.Name)
	}
	if s.Server == "none" {
		c.URL = "http://127.0.0.1:1"
	}
	c.APIKey, c.AppID, c.AppKey = os.Getenv("BONAFIDE_API_KEY"), os.Getenv("BONAFIDE_APP_ID"), os.Getenv("BONAFIDE_APP_KEY")
	c.Username, c.Password = os.Getenv("BONAFIDE_USERNAME"), os.Getenv("BONAFIDE_PASSWORD")
	if s.Wrong {
		c.APIKey, c.AppKey, c.Password = "wrong", "wrong", "wrong"
	}
	if s.Timeout > 0 {
		c.Timeout = time.Duration(s.Timeout * float64(time.Second))
	}
	if s.Retries != nil {
		c.Retries = *s.Retries
	}
	return c
}

func run(c *bonafide.Client, s step, last *bonafide.Challenge) (map[string]any, error) {
	ctx := context.Background()
	switch s.Call {
	case "challenge":
		begun, err := c.Challenge(ctx)
		*last = begun
		return map[string]any{"transactionId": begun.TransactionID, "phrase": begun.Phrase}, err
	case "verify":
		transaction := last.TransactionID
		if s.Transaction != "" {
			transaction = s.Transaction
		}
		score, err := c.Verify(ctx, transaction, media(s.Media, last.Phrase))
		return map[string]any{"score": score}, err
	case "selfie":
		v, err := c.Selfie(ctx, media(s.Media, ""), s.Threshold)
		return map[string]any{"live": v.Live, "score": v.Score, "faces": len(v.Faces), "width": v.Width, "height": v.Height}, err
	case "face":
		score, err := c.Face(ctx, "scenario", media(s.Media, ""))
		return map[string]any{"score": score}, err
	case "faceAt":
		score, err := c.FaceAt(ctx, "scenario", s.URL)
		return map[string]any{"score": score}, err
	}
	return nil, fmt.Errorf("no call %q", s.Call)
}

func failure(err error) map[string]any {
	var failure *bonafide.Error
	var network net.Error
	switch {
	case errors.As(err, &failure):
		return map[string]any{"error": failure.Kind, "code": failure.Code, "status": failure.Status, "message": failure.Message, "retryAfter": failure.RetryAfter.Seconds()}
	case errors.As(err, &network) && network.Timeout():
		return map[string]any{"error": "timeout"}
	}
	return map[string]any{"error": "connection"}
}

func media(name, phrase string) []byte {
	reply, err := http.Get(os.Getenv("BONAFIDE_STUB") + "/media/" + name + "?phrase=" + phrase)
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Body.Close()
	content, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		log.Fatal(name, reply.Status, err)
	}
	return content
}
