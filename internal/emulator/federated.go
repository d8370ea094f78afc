package emulator

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/cloud"
)

// What managed identities ask a token for that is to stand for an
// application's secret: "Configure an application to trust a managed identity"
// of the Entra documentation. Credentials name the URI; tokens, being of
// version 2, have the application's id.
const (
	exchangeURI   = "api://AzureADTokenExchange"
	exchangeAppID = "fb60f99c-7a34-4190-8149-302f77469936"

	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2
)

// byAssertion authenticates an application by a token of this directory, or of
// an issuer of the settings, which one of its federated identity credentials
// must name. Others' tokens, whose keys would have to be fetched, are refused as
// those of an unknown issuer.
func (i *issuer) byAssertion(form url.Values, a app) *entraError {
	if form.Get("client_assertion_type") != assertionType {
		return badAssertionType()
	}
	c, err := i.parseAssertion(form.Get("client_assertion"))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) || errors.Is(err, jwt.ErrTokenNotValidYet):
		return staleClientAssertion()
	case errors.Is(err, jwt.ErrTokenMalformed):
		return malformedClientAssertion()
	case err != nil:
		return unknownAssertion(700211, "issuer", c.Issuer)
	}
	return i.federates(a.federated, c)
}

// federates looks for the credential as Entra does: by issuer, then subject,
// then audience, and names the first that no credential has.
func (i *issuer) federates(all []cloud.Federated, c claims) *entraError {
	all = slices.DeleteFunc(slices.Clone(all), func(f cloud.Federated) bool { return !i.sameIssuer(f.Issuer, c.Issuer) })
	if len(all) == 0 {
		return unknownAssertion(700211, "issuer", c.Issuer)
	}
	all = slices.DeleteFunc(all, func(f cloud.Federated) bool { return f.Subject != c.Subject })
	if len(all) == 0 {
		return unknownAssertion(700213, "subject", c.Subject)
	}
	exchanges := slices.ContainsFunc(all, func(f cloud.Federated) bool { return slices.Contains(f.Audiences, exchangeURI) })
	if !exchanges || c.Audience[0] != i.exchangeAudience(c.Issuer) {
		return unknownAssertion(700212, "audience", c.Audience[0])
	}
	return nil
}

// sameIssuer compares the version 2 issuer of a credential with that of a
// token; this directory's own name and Azure's are one.
func (i *issuer) sameIssuer(registered, of string) bool {
	own, azure := i.ownNames().issuer(2, i.tenant), i.azureNames().issuer(2, i.tenant)
	return registered == of || slices.Contains([]string{own, azure}, registered) && slices.Contains([]string{own, azure}, of)
}

func badAssertionType() *entraError {
	return &entraError{400, "invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type'. Its value is '" + assertionType + "'."}
}

func malformedClientAssertion() *entraError {
	return &entraError{400, "invalid_request", 50027, "JWT token is invalid or malformed."}
}

func staleClientAssertion() *entraError {
	return &entraError{401, "invalid_client", 700024, "Client assertion is not within its valid time range. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."}
}

func unknownAssertion(number int, what, shown string) *entraError {
	return &entraError{401, "invalid_client", number, fmt.Sprintf("No matching federated identity record found for presented assertion %s '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation", what, shorten(strings.TrimSpace(shown)))}
}

// noConsent: nobody can be asked, for a program asks or the directory lets no
// person consent.
func noConsent(a app) *entraError {
	return &entraError{400, "invalid_grant", 65001, fmt.Sprintf("The user or administrator has not consented to use the application with ID '%s' named '%s'. Send an interactive authorization request for this user and resource.", a.ClientID, shorten(a.Name))}
}
