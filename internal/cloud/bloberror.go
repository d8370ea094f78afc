package cloud

import (
	"encoding/xml"
	"errors"
	"net/http"
	"time"
)

// blobError is a refusal in Blob Storage's words.
//
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
type blobError struct {
	status  int
	code    string
	message string
}

func noContainer() *blobError {
	return &blobError{http.StatusNotFound, "ContainerNotFound", "The specified container does not exist."}
}

func noBlob() *blobError {
	return &blobError{http.StatusNotFound, "BlobNotFound", "The specified blob does not exist."}
}

func badHeader(name string) *blobError {
	return &blobError{http.StatusBadRequest, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format: " + name + "."}
}

func badParameter(name string) *blobError {
	return &blobError{http.StatusBadRequest, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid: " + name + "."}
}

func notEmulated(what string) *blobError {
	return &blobError{http.StatusNotImplemented, "NotImplemented", "Ostiary's emulator does not have " + what + "."}
}

// notTaken says why a body could not be stored.
func notTaken(err error) *blobError {
	switch {
	case errors.Is(err, errContentTooLarge):
		return &blobError{http.StatusRequestEntityTooLarge, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit of the emulator."}
	case errors.Is(err, errContentsFull):
		return &blobError{http.StatusServiceUnavailable, "ServerBusy", "The emulator's store of contents is full; delete blobs or images."}
	}
	return &blobError{http.StatusBadRequest, "IncompleteBody", "The request body could not be read or stored."}
}

func conditionNotMet() *blobError {
	return &blobError{http.StatusPreconditionFailed, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."}
}

// write sends the refusal; an answer to HEAD has the code in a header alone.
func (e *blobError) write(w http.ResponseWriter, r *http.Request, now time.Time) {
	w.Header().Set("X-Ms-Error-Code", e.code)
	if e.status == http.StatusNotModified {
		w.WriteHeader(e.status)
		return
	}
	body := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.code, Message: e.message + "\nRequestId:" + w.Header().Get("X-Ms-Request-Id") + "\nTime:" + now.UTC().Format("2006-01-02T15:04:05.0000000Z")}
	writeXML(w, r, e.status, body)
}

// writeXML starts with the byte order mark that Azure sends.
func writeXML(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append([]byte("\ufeff"+`<?xml version="1.0" encoding="utf-8"?>`), body...))
	}
}
