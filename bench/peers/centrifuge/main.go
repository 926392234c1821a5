// A WebSocket server on the centrifuge library, as the peer of our chat service: rooms with history,
// positions and recovery in memory, open to whoever brings a token of the rooms' workspace.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"log"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// What of a token matters here.
type claims struct {
	Workspace string `json:"wid"`
	Subject   string `json:"sub"`
	Expires   int64  `json:"exp"`
}

// verify checks an ES256 token (RFC 7515, RFC 7518 §3.4): its signature and its end.
func verify(key *ecdsa.PublicKey, token string) (claims, error) {
	var found claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return found, errors.New("no token")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return found, errors.New("no signature")
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, hash[:], r, s) {
		return found, errors.New("another signature")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &found)
	}
	if err == nil && found.Expires < time.Now().Unix() {
		err = errors.New("expired")
	}
	return found, err
}

func publicKey(path string) (*ecdsa.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in " + path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	point, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("no key of a curve in " + path)
	}
	return point, nil
}

func main() {
	bind := flag.String("bind", "", "where it listens")
	path := flag.String("key", "", "the public key that tokens are signed with, in PEM")
	flag.Parse()
	key, err := publicKey(*path)
	if err != nil {
		log.Fatal(err)
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		who, err := verify(key, e.Token)
		if err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		credentials := &centrifuge.Credentials{UserID: who.Workspace + "/" + who.Subject, ExpireAt: who.Expires}
		return centrifuge.ConnectReply{Credentials: credentials}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		workspace, _, _ := strings.Cut(client.UserID(), "/")
		may := func(room string) bool { return strings.HasPrefix(room, workspace+":") }
		client.OnSubscribe(func(e centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			if !may(e.Channel) {
				answer(centrifuge.SubscribeReply{}, centrifuge.ErrorPermissionDenied)
				return
			}
			// Recovery brings positions with it.
			options := centrifuge.SubscribeOptions{EnableRecovery: true}
			answer(centrifuge.SubscribeReply{Options: options}, nil)
		})
		client.OnPublish(func(e centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
			if !may(e.Channel) {
				answer(centrifuge.PublishReply{}, centrifuge.ErrorPermissionDenied)
				return
			}
			options := centrifuge.PublishOptions{HistorySize: 1000, HistoryTTL: 10 * time.Minute}
			answer(centrifuge.PublishReply{Options: options}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		UseWriteBufferPool: true,
		CheckOrigin:        func(*http.Request) bool { return true },
	}))
	http.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(*bind, nil))
}
