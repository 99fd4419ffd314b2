package main

import (
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/r3labs/sse/v2"
	"gopkg.in/cenkalti/backoff.v1"
)

func main() {
	client := sse.NewClient("http://localhost:3000/rooms/lobby/events?format=sse-json")
	// Its own strategy gives up at the first cut after a quarter of an hour.
	client.ReconnectStrategy = backoff.NewConstantBackOff(time.Second)
	err := client.SubscribeRaw(func(event *sse.Event) {
		var message struct{ Name, Text string }
		if string(event.Event) == "NewMessage" && json.Unmarshal(event.Data, &message) == nil {
			fmt.Println(message.Name + ": " + message.Text)
		}
	})
	log.Fatal("it took the end of a stream for the end of all: ", err)
}
