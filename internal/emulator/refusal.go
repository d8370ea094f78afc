package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an answer other than 200, with the body as Azure sends it, byte
// for byte. Handlers return one; ServeHTTP alone writes it.
type refusal struct {
	status int
	body   string
	policy string // header policy-id of the layer that refused; may be empty
	code   string // Azure's code, for the metric
	header http.Header
}

// Refusals of the layers before the model. The space after "message": and its
// absence are Azure's own; docs/emulator.md says where each was seen.
func publicAccessDisabled() *refusal {
	return &refusal{
		status: http.StatusForbidden, code: "AccessDenied", policy: "ThrowExceptionDueToTrafficDenied",
		body: `{"error":{"code":"AccessDenied","message": "Public access is disabled. Please configure private endpoint."}}`,
	}
}

func notInRules() *refusal {
	return &refusal{
		status: http.StatusForbidden, code: "403", policy: "ThrowExceptionDueToTrafficDenied",
		body: `{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}`,
	}
}

func keysDisabled() *refusal {
	return &refusal{
		status: http.StatusForbidden, code: "AuthenticationTypeDisabled",
		body: `{"error":{"code":"AuthenticationTypeDisabled","message": "Key based authentication is disabled for this resource."}}`,
	}
}

func badKey() *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: "401",
		body: `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}`,
	}
}

// badToken has no error envelope: the gateway in front of the service answers.
func badToken() *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: "Unauthorized",
		body: `{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`,
	}
}

func noRole() *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: "PermissionDenied",
		body: `{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}`,
	}
}

func noRoute() *refusal {
	return &refusal{
		status: http.StatusNotFound, code: "404",
		body: `{"error":{"code":"404","message": "Resource not found"}}`,
	}
}

func badVersion() *refusal {
	return &refusal{
		status: http.StatusBadRequest, code: "BadRequest",
		body: `{"error":{"code":"BadRequest","message":"API version not supported"}}`,
	}
}

// noDeployment is laid out as recorded in 2026; older bodies lack the type.
func noDeployment() *refusal {
	return &refusal{
		status: http.StatusNotFound, code: "DeploymentNotFound",
		body: "{\n" +
			"  \"error\": {\n" +
			"    \"type\": \"invalid_request_error\",\n" +
			"    \"code\": \"DeploymentNotFound\",\n" +
			"    \"message\": \"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.\"\n" +
			"  }\n" +
			"}",
	}
}

func wrongOperation(op operation, model string) *refusal {
	message := fmt.Sprintf("The %s operation does not work with the specified model, %s. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993.", op, model)
	return envelope(http.StatusBadRequest, "OperationNotSupported", message)
}

func bodyTooLarge() *refusal {
	return envelope(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("The request body is larger than %d bytes.", maxBody))
}

func envelope(status int, code, message string) *refusal {
	var out struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	out.Error.Code, out.Error.Message = code, message
	return &refusal{status: status, code: code, body: marshal(out)}
}

// invalid is a refusal by the model's own service, which uses OpenAI's shape:
// message, type, param, code. An empty param or code goes out as null.
func invalid(param, code, format string, args ...any) *refusal {
	var out struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    *string `json:"code"`
		} `json:"error"`
	}
	e := &out.Error
	e.Message, e.Type = fmt.Sprintf(format, args...), "invalid_request_error"
	if param != "" {
		e.Param = &param
	}
	if code != "" {
		e.Code = &code
	}
	var indented bytes.Buffer
	_ = json.Indent(&indented, []byte(marshal(out)), "", "  ") // marshal's output always indents
	return &refusal{status: http.StatusBadRequest, code: code, body: indented.String()}
}

func notJSON() *refusal {
	return invalid("", "", "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)")
}

// marshal encodes our own wire types, which cannot fail, without HTML escapes:
// Azure sends < and & as they are.
func marshal(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
