package membership

import (
	"crypto/sha256"
	"time"
)

// The authority's public API, JSON over HTTPS. The server shows a certificate
// of role authority; its root is pinned by the ticket, later by the directory.
const (
	EnrollPath = "/v1/enroll"
	RenewPath  = "/v1/renew"
	RotatePath = "/v1/rotate"

	// RevocationsPath answers GET with the signed list of internal/revocation,
	// or with 204 where the caller has it already. TicketsPath lets an enroller
	// make tickets. Both want a member's certificate.
	RevocationsPath = "/v1/revocations"
	TicketsPath     = "/v1/tickets"
)

// The query of RevocationsPath: the epoch that the caller has, and how many
// whole seconds the authority may wait for a newer one, at most MaxHold.
const (
	AfterQuery = "after"
	HoldQuery  = "hold"
	MaxHold    = 10 * time.Second
)

// MaxMessage bounds a request and an answer of the API, in bytes.
const MaxMessage = 64 << 10

// EnrollRequest redeems a ticket. Redeeming it again with the same key gives
// the same member; with another key it is refused once its uses are spent.
type EnrollRequest struct {
	Code    string `json:"code"`
	Request []byte `json:"request"` // PKCS #10, DER: proof of the key
}

// RenewRequest asks for a new certificate for a known key. It needs no valid
// certificate: an unrevoked member that slept past its own expiry comes back.
type RenewRequest struct {
	Request []byte `json:"request"`
}

// RotateRequest gives a member a new key. Proof is the old key's signature over
// the new key's request, see ProofOfRotation.
type RotateRequest struct {
	Old     []byte `json:"old"`     // SubjectPublicKeyInfo of the key in use, DER
	Request []byte `json:"request"` // PKCS #10 of the new key, DER
	Proof   []byte `json:"proof"`   // ECDSA, ASN.1
}

// ProofOfRotation is the digest that the old key signs: it binds the new key,
// so that no renewal's request can be used for a rotation.
func ProofOfRotation(request []byte) [32]byte {
	return sha256.Sum256(append([]byte("ostiary key rotation 1\n"), request...))
}

// Membership answers all three.
type Membership struct {
	ID          string   `json:"id"`
	Certificate []byte   `json:"certificate"` // DER
	Roots       [][]byte `json:"roots"`       // DER
}

// Problem is the body of every refusal.
type Problem struct {
	Error string `json:"error"`
}
