package signin

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
)

// idClaims are what is looked at of an ID token.
type idClaims struct {
	Issuer    string          `json:"iss"`
	Audience  json.RawMessage `json:"aud"`
	Expires   float64         `json:"exp"`
	Nonce     string          `json:"nonce"`
	Subject   string          `json:"sub"`
	Name      string          `json:"name"`
	Preferred string          `json:"preferred_username"`
}

// read checks the ID token as OpenID Connect Core 1.0 section 3.1.3.7 asks, but
// for the signature (see the package comment), and says who it names. Every
// text of it is cleaned: it is going to a terminal.
func (s *SignIn) read(got *oauth2.Token, nonce string) (Person, error) {
	raw, _ := got.Extra("id_token").(string)
	c, ok := decode(raw)
	switch {
	case !ok:
		return Person{}, odd("it sent no ID token")
	case c.Issuer != s.settings.issuer():
		return Person{}, odd("its ID token names another issuer")
	case !slices.Contains(audiences(c.Audience), s.settings.ClientID):
		return Person{}, odd("its ID token is for another application")
	case float64(s.now().Unix()) > c.Expires:
		return Person{}, odd("its ID token has expired; compare the clocks")
	case c.Nonce != nonce:
		return Person{}, odd("its ID token answers another request")
	}
	return Person{said(c.Subject, cmp.Or(c.Name, c.Preferred)), said("", c.Preferred)}, nil
}

func odd(what string) error {
	return fault.New(fault.Upstream, "the login service's answer does not fit: "+what)
}

func decode(token string) (c idClaims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

// audiences reads aud, which is a text or a list of them (RFC 7519 section 4.1.3).
func audiences(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(raw, &many) // anything else is nobody
	return many
}
