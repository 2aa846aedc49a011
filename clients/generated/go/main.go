// Posts one transfer, once, however many attempts it takes.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"first-transfer/holdfast"
)

func main() {
	client, err := holdfast.NewClientWithResponses(os.Getenv("API"), holdfast.WithRequestEditorFn(
		func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+os.Getenv("KEY"))
			return nil
		}))
	if err != nil {
		panic(err)
	}
	// Store the id before the first attempt: whoever sends the same id again gets the same outcome.
	id := os.Getenv("ID")
	if id == "" {
		id = rand.Text()
	}
	reference := "Go"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := transfer(ctx, client, holdfast.TransferRequest{
		TransactionId:      &id,
		SourceAccount:      "demo-alice",
		DestinationAccount: "demo-bob",
		Amount:             "12.34",
		Currency:           "EUR",
		Reference:          &reference,
	})
	switch {
	case err != nil:
		fmt.Println("unknown: send", id, "again later:", err)
	case answer.JSON201 != nil:
		fmt.Println("posted", answer.JSON201.TransactionId, "new")
	case answer.StatusCode() == http.StatusOK:
		fmt.Println("posted", id, "replayed")
	default:
		fmt.Println("refused", string(answer.Body))
	}
}

// Sends the same request until it has an outcome, or the context ends.
func transfer(
	ctx context.Context, client *holdfast.ClientWithResponses, request holdfast.TransferRequest,
) (*holdfast.PostTransfersResponse, error) {
	inDoubt := false
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		answer, err := client.PostTransfersWithResponse(ctx, nil, request)
		pause := wait
		if err != nil {
			// Without an answer, the transfer may or may not have been made.
			inDoubt = true
		} else {
			status := answer.StatusCode()
			if isFinal(status, inDoubt) {
				return answer, nil
			}
			inDoubt = inDoubt || status != http.StatusTooManyRequests
			if seconds, failure := strconv.Atoi(answer.HTTPResponse.Header.Get("Retry-After")); failure == nil {
				pause = max(pause, time.Duration(seconds)*time.Second)
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// After an attempt that is in doubt, only an answer about the id itself is final. Any other answer says nothing about that
// attempt, such as the refusal of a key that has expired in the meantime.
func isFinal(status int, inDoubt bool) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return !inDoubt && status < 500
}
