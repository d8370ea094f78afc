package emulator

import (
	"fmt"
	"net/http"
	"strings"
)

// entraError is an error of the token endpoint, in Entra's shape.
type entraError struct {
	status      int
	kind        string // RFC 6749 section 5.2, and Entra's additions
	number      int    // AADSTS…
	description string
}

func (i *issuer) refuse(w http.ResponseWriter, e entraError) {
	trace, correlation := randomGUID(), randomGUID()
	stamp := i.now().UTC().Format("2006-01-02 15:04:05Z")
	writeJSON(w, e.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		Timestamp   string `json:"timestamp"`
		Trace       string `json:"trace_id"`
		Correlation string `json:"correlation_id"`
		URI         string `json:"error_uri"`
	}{
		e.kind,
		fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", e.number, e.description, trace, correlation, stamp),
		[]int{e.number}, stamp, trace, correlation,
		fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.number),
	})
}

func missingParameter(name string) *entraError {
	return &entraError{400, "invalid_request", 900144, fmt.Sprintf("The request body must contain the following parameter: '%s'.", name)}
}

func malformedForm() *entraError {
	return &entraError{400, "invalid_request", 9000410, fmt.Sprintf("Malformed request, or a body over %d bytes.", maxForm)}
}

func unsupportedGrant(grant string) *entraError {
	return &entraError{400, "unsupported_grant_type", 70003, fmt.Sprintf("The app requested an unsupported grant type '%s'.", shorten(grant))}
}

func unknownApp(id, tenant string) *entraError {
	return &entraError{400, "unauthorized_client", 700016, fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", shorten(id), tenant)}
}

func missingSecret() *entraError {
	return &entraError{401, "invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."}
}

func wrongSecret(id string) *entraError {
	return &entraError{401, "invalid_client", 7000215, fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", id)}
}

func badScope(scope string) *entraError {
	return &entraError{400, "invalid_scope", 1002012, fmt.Sprintf("The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", shorten(scope))}
}

func unknownResource(name, tenant string) *entraError {
	return &entraError{400, "invalid_resource", 500011, fmt.Sprintf("The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.", shorten(name), tenant)}
}

func unknownTenant(name string) entraError {
	return entraError{400, "invalid_request", 90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", shorten(name))}
}

func invalidInstance() entraError {
	return entraError{400, "invalid_instance", 50049, "Unknown or invalid instance."}
}

func noPeople() entraError {
	return entraError{501, "temporarily_unavailable", 90033, "Ostiary's emulator signs in applications alone; use the client_credentials grant."}
}

func serverError() *entraError {
	return &entraError{500, "server_error", 90033, "A transient error has occurred. Please try again."}
}

// shorten bounds what a stranger wrote before it is repeated.
func shorten(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
