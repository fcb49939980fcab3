package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bonafide-id/bonafide/liveness"
	"github.com/bonafide-id/bonafide/test/process"
)

// send sends a case and returns a word for the reply, such as "FACE_NOT_FOUND". It fails if the protocol does not document the
// reply, or the case must get another one.
func send(ctx context.Context, client *process.Client, c Case) (reply process.Reply, answer string, err error) {
	switch {
	case c.Recording:
		transaction, err := client.Challenge(ctx)
		if err != nil {
			return reply, "", err
		}
		if reply, err = client.Verify(ctx, transaction, c.Data); err != nil {
			return reply, "", err
		}
		answer, err = lipSecure(reply)
		return reply, answer, checkReply(c.Want, answer, "1013", err)
	case c.ByForm:
		if reply, err = client.Selfie(ctx, c.Data); err == nil {
			answer, err = selfie(reply)
		}
	default:
		if reply, err = client.FaceLiveness(ctx, c.Data); err == nil {
			answer, err = faceLiveness(reply)
		}
	}
	return reply, answer, checkReply(c.Want, answer, unreadable, err)
}

const unreadable = "IMAGE_NOT_READABLE"

func checkReply(want Want, answer, refusal string, err error) error {
	switch {
	case err != nil:
		return err
	case want == Refused && answer != refusal:
		return fmt.Errorf("answered %s, must be %s", answer, refusal)
	case want == Read && answer == refusal:
		return fmt.Errorf("answered %s, but it can be read", answer)
	}
	return nil
}

func wrong(r process.Reply) error { return fmt.Errorf("status %d: %.300s", r.Status, r.Body) }

// strict decodes a reply in which no key may be unknown.
func strict(r process.Reply, into any) error {
	d := json.NewDecoder(strings.NewReader(string(r.Body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w in %w", err, wrong(r))
	}
	return nil
}

func lipSecure(r process.Reply) (string, error) {
	var reply struct {
		TransactionID, Phrase string
		Score                 float64
		Error                 struct {
			Type, Message string
			Code          int
		}
	}
	if err := strict(r, &reply); err != nil {
		return "", err
	}
	e := reply.Error
	switch {
	case r.Status != http.StatusOK || reply.TransactionID == "" || reply.Phrase == "":
	case e.Type == "" && e.Code == 0 && e.Message == "OK" && reply.Score >= 0 && reply.Score <= 100:
		return "scored", nil
	case e.Type == "user" && e.Code >= 1001 && e.Code <= 1014 && e.Message != "" && reply.Score == 0:
		return fmt.Sprint(e.Code), nil
	}
	return "", wrong(r)
}

// faceErrors are those that a picture's own fault may have.
var faceErrors = func() (names []string) {
	for _, row := range liveness.Reasons() {
		if row.FaceLiveness != "" && row.Reason != liveness.ImageNotFetched {
			names = append(names, row.FaceLiveness)
		}
	}
	return names
}()

func faceLiveness(r process.Reply) (string, error) {
	var reply struct {
		SessionID, Error string
		Score            *float64
		HasError         bool
	}
	if err := strict(r, &reply); err != nil {
		return "", err
	}
	switch {
	case r.Status != http.StatusOK || reply.SessionID != "1":
	case !reply.HasError && reply.Error == "" && reply.Score != nil && *reply.Score >= 0 && *reply.Score <= 1:
		return "scored", nil
	case reply.HasError && reply.Score == nil && slices.Contains(faceErrors, reply.Error):
		return reply.Error, nil
	}
	return "", wrong(r)
}

// refusals are the selfie protocol's for a picture that cannot be read.
var refusals = map[int]string{
	http.StatusBadRequest:            "BAD_REQUEST",
	http.StatusRequestEntityTooLarge: "TOO_LARGE",
	http.StatusUnsupportedMediaType:  "UNSUPPORTED_FORMAT",
}

func selfie(r process.Reply) (string, error) {
	var reply struct {
		ID          string `json:"api_req_uid"`
		ProcessedAt string `json:"processed_at"`
		RequestedAt string `json:"requested_at"`
		Code        int    `json:"response_code"`
		Data        *struct {
			Liveness float64 `json:"faces_liveness"`
			Faces    []any   `json:"faces_predicted"`
			Image    struct{ Height, Width int }
		} `json:"response_data"`
		Errors []struct{ Code, Message string }
	}
	if strings.Contains(string(r.Body), `"img"`) {
		r.Body = []byte(strings.Replace(string(r.Body), `"img"`, `"Image"`, 1))
	}
	if err := strict(r, &reply); err != nil {
		return "", err
	}
	switch refusal := refusals[r.Status]; {
	case refusal != "" && reply.Code == 1 && reply.Data == nil && len(reply.Errors) == 1 && reply.Errors[0].Code == refusal:
		return unreadable, nil
	case r.Status != http.StatusOK || reply.Data == nil || len(reply.Errors) > 0:
	case reply.Code != 0 && reply.Code != 2 || reply.Data.Liveness < 0 || reply.Data.Liveness > 1:
	case reply.Data.Liveness > 0:
		return "scored", nil
	default:
		return "not scored", nil
	}
	return "", wrong(r)
}
