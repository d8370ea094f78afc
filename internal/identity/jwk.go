package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
)

// jwk is a key of a JSON Web Key Set (RFC 7517, RFC 7518 section 6). Its x5c
// and x5u are not looked at.
type jwk struct {
	Type  string `json:"kty"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	N     string `json:"n"`
	E     string `json:"e"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// publicKey checks signatures; alg restricts it where its issuer said so.
type publicKey struct {
	public crypto.PublicKey
	alg    string
}

// equal says whether two fetches brought one key.
func (k publicKey) equal(other publicKey) bool {
	switch k.public.(type) { // pointers; to compare what they lead to costs each call an allocation
	case *rsa.PublicKey, *ecdsa.PublicKey:
		if k.public == other.public {
			return k.alg == other.alg
		}
	}
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.alg == other.alg && public.Equal(other.public)
}

const (
	maxKeys    = 100
	minRSABits = 2048 // RFC 7518 section 3.3
	maxRSABits = 8192 // bounds the work of one check
)

// usable keeps the keys that we can use; others are not an error, for issuers
// publish keys of many kinds. No usable key at all is one.
func usable(keys []jwk) (map[string]publicKey, error) {
	if len(keys) > maxKeys {
		return nil, errors.New("too many keys")
	}
	found := map[string]publicKey{}
	for _, k := range keys {
		if k.ID == "" || len(k.ID) > maxKeyID || k.Use != "" && k.Use != "sig" {
			continue
		}
		var public crypto.PublicKey
		switch {
		case k.Type == "RSA":
			public = k.rsa()
		case k.Type == "EC" && k.Curve == "P-256":
			public = k.p256()
		}
		if _, twice := found[k.ID]; public != nil && !twice {
			found[k.ID] = publicKey{public, k.Alg}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("the key set holds no usable key")
	}
	return found, nil
}

func (k jwk) rsa() crypto.PublicKey {
	n, err1 := base64.RawURLEncoding.DecodeString(k.N)
	e, err2 := base64.RawURLEncoding.DecodeString(k.E)
	if err1 != nil || err2 != nil || len(e) > 4 {
		return nil
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e).Int64()
	if modulus.BitLen() < minRSABits || modulus.BitLen() > maxRSABits || exponent < 3 || exponent%2 == 0 || exponent > 1<<31-1 {
		return nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent)}
}

func (k jwk) p256() crypto.PublicKey {
	x, err1 := base64.RawURLEncoding.DecodeString(k.X)
	y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
	if err1 != nil || err2 != nil || len(x) != 32 || len(y) != 32 {
		return nil
	}
	point := append(append([]byte{4}, x...), y...) // SEC 1 section 2.3.3, uncompressed
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil
	}
	return public
}
