// Command example asks for a phrase and sends recording.mp4 for it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	bonafide "github.com/bonafide-id/bonafide/sdk/go"
)

func main() {
	client := bonafide.New(os.Getenv("BONAFIDE_URL"))
	client.APIKey = os.Getenv("BONAFIDE_API_KEY")

	challenge, err := client.Challenge(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("say", challenge.Phrase)

	video, err := os.ReadFile("recording.mp4")
	if err != nil {
		log.Fatal(err)
	}
	score, err := client.Verify(context.Background(), challenge.TransactionID, video)
	var reply *bonafide.Error
	switch {
	case errors.As(err, &reply) && reply.Kind == bonafide.UserError:
		fmt.Println("try again:", reply.Message)
	case err != nil:
		log.Fatal(err)
	case score >= 98:
		fmt.Println("live", score)
	default:
		fmt.Println("not live", score)
	}
}
