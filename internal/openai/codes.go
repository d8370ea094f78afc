package openai

import "strings"

// other stands in records and logs for a code or reason that is not listed
// here: a backend's words may quote a prompt, so they pass by allowlist only.
const other = "other"

// knownCode is an error code as it may be recorded: three digits, or one that
// Azure or OpenAI document or that was seen recorded.
func knownCode(code string) string {
	if len(code) == 3 && strings.Trim(code, "0123456789") == "" {
		return code
	}
	switch code {
	case "", "AccessDenied", "AuthenticationTypeDisabled", "BadRequest", "DeploymentDisabled", "DeploymentNotFound",
		"InternalServerError", "InvalidApiKey", "InvalidRequest", "ModelDeprecated", "ModelNotFound", "NotFound",
		"OperationNotSupported", "PermissionDenied", "QuotaExceeded", "RateLimitReached", "RequestTimeout",
		"ResourceNotFound", "ResponsibleAIPolicyViolation", "ServiceUnavailable", "Timeout", "TooManyRequests",
		"Unauthorized", "UnsupportedMediaType", "UnsupportedApiVersion",
		"array_above_max_length", "content_filter", "context_length_exceeded", "image_parse_error",
		"insufficient_quota", "integer_above_max_value", "integer_below_min_value", "invalid_api_key",
		"invalid_base64", "invalid_image", "invalid_json", "invalid_prompt", "invalid_request_error", "invalid_type",
		"invalid_value", "missing_required_parameter", "model_not_found", "not_found", "rate_limit_exceeded",
		"server_error", "string_above_max_length", "tokens_exceeded_error", "unknown_parameter",
		"unknown_url", "unsupported_country_region_territory", "unsupported_model", "unsupported_parameter",
		"unsupported_value", "vector_store_timeout":
		return code
	}
	return other
}

// knownReason is a finish reason, or why a response is incomplete, as it may
// be recorded.
func knownReason(reason string) string {
	switch reason {
	case "", "stop", "length", "content_filter", "tool_calls", "function_call",
		"completed", "incomplete", "failed", "cancelled", "max_output_tokens", "max_tokens":
		return reason
	}
	return other
}
