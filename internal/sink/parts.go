package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Format is how an entry is written for Kafka.
type Format string

// Ostiary's own, every field; or the seed's eight.
const (
	FormatOstiary Format = "ostiary" // the default
	FormatSeed    Format = "seed"
)

// The headers of a Kafka record. An entry whose JSON is over the limit goes in
// several records of one key, and so one partition: their values one after
// another are the JSON. A record that came twice has equal headers.
const (
	headerID     = "ostiary-id"     // of the entry
	headerKind   = "ostiary-kind"   // as Entry.Kind
	headerPart   = "ostiary-part"   // "i/n": the i-th of n, from 1; "1/1" for a whole entry
	headerSHA256 = "ostiary-sha256" // of the whole JSON, in hexadecimal; only where n is over 1
)

// part is one record's worth of an entry.
type part struct {
	key     string
	value   []byte
	headers [][2]string
}

// encode is an entry as JSON. An entry that the format has no words for is
// nil: the seed's knows calls alone.
func encode(e *Entry, f Format) ([]byte, error) {
	var v any = e
	if f == FormatSeed {
		if e.Kind != KindCall && e.Kind != KindRefusal {
			return nil, nil
		}
		v = Seed(e)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// split cuts an encoded entry into values of at most limit bytes.
func split(e *Entry, value []byte, limit int) []part {
	n := max((len(value)+limit-1)/limit, 1)
	common := [][2]string{{headerID, e.ID}, {headerKind, e.Kind}}
	if n > 1 {
		sum := sha256.Sum256(value)
		common = append(common, [2]string{headerSHA256, hex.EncodeToString(sum[:])})
	}
	parts := make([]part, 0, n)
	for i := range n {
		headers := append(common[:len(common):len(common)], [2]string{headerPart, fmt.Sprintf("%d/%d", i+1, n)})
		parts = append(parts, part{key: e.ID, value: value[i*limit : min((i+1)*limit, len(value))], headers: headers})
	}
	return parts
}
