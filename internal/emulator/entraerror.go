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
	writeJSON(w, e.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		Timestamp   string `json:"timestamp"`
		Trace       string `json:"trace_id"`
		Correlation string `json:"correlation_id"`
		URI         string `json:"error_uri"`
	}{e.kind, i.describe(e, trace, correlation), []int{e.number}, i.stamp(), trace, correlation, e.uri()})
}

func (i *issuer) stamp() string { return i.now().UTC().Format("2006-01-02 15:04:05Z") }

func (i *issuer) describe(e entraError, trace, correlation string) string {
	return fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", e.number, e.description, trace, correlation, i.stamp())
}

func (e entraError) uri() string {
	return fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.number)
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

func missingAssertion() *entraError {
	return &entraError{401, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
}

func publicClient() *entraError {
	return &entraError{401, "invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."}
}

func whichTenant() *entraError {
	return &entraError{400, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials."}
}

func severalResources(scope string) *entraError {
	return &entraError{400, "invalid_scope", 28000, fmt.Sprintf("Provided value for the input parameter scope is not valid because it contains more than one resource. Scope %s is not valid.", shorten(scope))}
}

func unknownScope(scope, resource string) *entraError {
	return &entraError{400, "invalid_client", 650053, fmt.Sprintf("The application asked for scope '%s' that doesn't exist on the resource '%s'. Contact the app vendor.", shorten(scope), shorten(resource))}
}

func malformedGrant() *entraError {
	return &entraError{400, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid."}
}

func expiredGrant() *entraError {
	return &entraError{400, "invalid_grant", 70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."}
}

func usedCode() *entraError {
	return &entraError{400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."}
}

func wrongReply(given, first string) *entraError {
	return &entraError{400, "invalid_grant", 500112, fmt.Sprintf("The reply address '%s' does not match the reply address '%s' provided when requesting Authorization code.", shorten(given), shorten(first))}
}

func wrongVerifier() *entraError {
	return &entraError{400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request."}
}

func wrongPassword() *entraError {
	return &entraError{400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password."}
}

func unknownPerson() *entraError {
	return &entraError{400, "invalid_grant", 50034, "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."}
}

func expiredAssertion() *entraError {
	return &entraError{400, "invalid_grant", 500133, "Assertion is not within its valid time range."}
}

func badAssertion() *entraError {
	return &entraError{400, "invalid_grant", 50013, "Assertion failed signature validation."}
}

func foreignAssertion(audience, client string) *entraError {
	return &entraError{400, "invalid_grant", 500131, fmt.Sprintf("Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '%s' and the expected audience is '%s' or one of the Application Uris of this application.", shorten(audience), client)}
}

func appAssertion() *entraError {
	return &entraError{400, "invalid_grant", 50027, "Invalid JWT token: an on-behalf-of request takes a person's token."}
}

func pendingDevice() *entraError {
	return &entraError{400, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling."}
}

func hastyDevice() *entraError {
	return &entraError{400, "slow_down", 70016, "OAuth 2.0 device flow error. Polling too often: wait for the interval before the next request."}
}

func declinedDevice() *entraError {
	return &entraError{400, "authorization_declined", 65004, "User declined to consent to access the app."}
}

func expiredDevice() *entraError {
	return &entraError{400, "expired_token", 70020, "The provided value for the input parameter 'device_code' is not valid. This device code has expired."}
}

func unknownDevice() *entraError {
	return &entraError{400, "bad_verification_code", 70018, "The provided value for the input parameter 'device_code' is not valid."}
}

// What the authorization endpoint says, by redirect or on a page.

func unregisteredReply(uri, client string) *entraError {
	return &entraError{400, "invalid_request", 50011, fmt.Sprintf("The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. Make sure the redirect URI sent in the request matches one added to your application.", shorten(uri), client)}
}

func unsupportedResponse(kind string) *entraError {
	return &entraError{400, "unsupported_response_type", 700054, fmt.Sprintf("response_type '%s' is not enabled for the application.", shorten(kind))}
}

func badParameter(name, value string) *entraError {
	return &entraError{400, "invalid_request", 90023, fmt.Sprintf("Unsupported value '%s' of the parameter '%s'.", shorten(value), name)}
}

func nobodySignedIn() *entraError {
	return &entraError{400, "login_required", 50058, "A silent sign-in request was sent but no user is signed in."}
}

func declinedSignIn() *entraError {
	return &entraError{400, "access_denied", 65004, "User declined to consent to access the app."}
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
