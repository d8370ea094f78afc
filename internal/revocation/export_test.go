package revocation

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
)

// SignAny signs a payload without looking at it.
func SignAny(payload []byte, root crypto.Signer) ([]byte, error) {
	digest := digest(payload)
	signature, err := root.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{payload, signature})
}
