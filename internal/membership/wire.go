package membership

// The authority's public API, JSON over HTTPS. The server shows a certificate
// of role authority; its root is pinned by the ticket, later by the directory.
const (
	EnrollPath = "/v1/enroll"
	RenewPath  = "/v1/renew"
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

// Membership answers both.
type Membership struct {
	ID          string   `json:"id"`
	Certificate []byte   `json:"certificate"` // DER
	Roots       [][]byte `json:"roots"`       // DER
}

// Problem is the body of every refusal.
type Problem struct {
	Error string `json:"error"`
}
