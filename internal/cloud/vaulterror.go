package cloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/arm"
)

// vaultError is a refusal in Key Vault's words.
//
// https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
type vaultError struct {
	status  int
	code    string
	message string
	inner   string
}

func (e *vaultError) write(w http.ResponseWriter) {
	type inner struct {
		Code string `json:"code"`
	}
	var out struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Inner   *inner `json:"innererror,omitempty"`
		} `json:"error"`
	}
	out.Error.Code, out.Error.Message = e.code, e.message
	if e.inner != "" {
		out.Error.Inner = &inner{e.inner}
	}
	writeJSON(w, e.status, out)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func badVaultInput(format string, args ...any) *vaultError {
	return &vaultError{status: http.StatusBadRequest, code: "BadParameter", message: fmt.Sprintf(format, args...)}
}

func noSecret(name string) *vaultError {
	return &vaultError{
		status: http.StatusNotFound, code: "SecretNotFound",
		message: "A secret with (name/id) " + name + " was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
	}
}

func deletedName(name string) *vaultError {
	return &vaultError{
		status: http.StatusConflict, code: "Conflict", inner: "ObjectIsDeletedButRecoverable",
		message: "Secret " + name + " is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.",
	}
}

// String names the caller as Key Vault's refusals do.
func (c Caller) String() string {
	return fmt.Sprintf("appid=%s;oid=%s;iss=%s", c.AppID, c.ObjectID, c.Issuer)
}

func place(v arm.Resource) string {
	return v.Name + ";location=" + strings.ToLower(strings.ReplaceAll(v.Location, " ", ""))
}

func byConnection(v arm.Resource, c Caller) *vaultError {
	return &vaultError{
		http.StatusForbidden, "Forbidden",
		"Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: " + c.String() + "\r\nVault: " + place(v),
		"ForbiddenByConnection",
	}
}

func byFirewall(v arm.Resource, c Caller, o Origin) *vaultError {
	return &vaultError{
		http.StatusForbidden, "Forbidden",
		"Client address is not authorized and caller is not a trusted service.\r\nClient address: " + o.String() + "\r\nCaller: " + c.String() + "\r\nVault: " + place(v),
		"ForbiddenByFirewall",
	}
}

func byRole(v arm.Resource, c Caller, action, resource string) *vaultError {
	return &vaultError{
		http.StatusForbidden, "Forbidden",
		"Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: " + c.String() +
			"\r\nAction: '" + action + "'\r\nResource: '" + resource + "'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: " + place(v) + "\r\n",
		"ForbiddenByRbac",
	}
}

func byPolicy(v arm.Resource, c Caller, permission string) *vaultError {
	return &vaultError{
		http.StatusForbidden, "Forbidden",
		"The user, group or application '" + c.String() + "' does not have secrets " + permission + " permission on key vault '" + place(v) + "'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
		"ForbiddenByPolicy",
	}
}
