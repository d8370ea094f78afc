package cloud

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	contentMD5  = "Content-Md5"
	metaPrefix  = "X-Ms-Meta-"
	maxMetadata = 8 << 10 // bytes of names and values, as Azure has it
)

var metaName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// metadata reads x-ms-meta-*. Azure keeps the case of names, which HTTP does
// not promise and Go's server does not tell: here they are lower case.
func metadata(h http.Header) (map[string]string, *blobError) {
	found, size := map[string]string{}, 0
	for name, values := range h {
		rest, ok := strings.CutPrefix(name, metaPrefix)
		if !ok {
			continue
		}
		rest, value := strings.ToLower(rest), strings.Join(values, ",")
		if !metaName.MatchString(rest) {
			return nil, &blobError{http.StatusBadRequest, "InvalidMetadata", "The metadata specified is invalid. It has characters that are not permitted."}
		}
		found[rest] = value
		size += len(rest) + len(value)
	}
	if size > maxMetadata {
		return nil, &blobError{http.StatusBadRequest, "MetadataTooLarge", "The size of the specified metadata exceeds the maximum size permitted."}
	}
	return found, nil
}

func setMeta(h http.Header, m map[string]string) {
	for name, value := range m {
		h.Set(metaPrefix+name, value)
	}
}

func (t *stamp) set(h http.Header) {
	h.Set("Etag", t.ETag)
	h.Set("Last-Modified", t.Modified.UTC().Format(http.TimeFormat))
}

// conditions are RFC 9110's on what is there; t nil means that nothing is. A
// refused read is 304.
func conditions(r *http.Request, t *stamp) *blobError {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	if t == nil {
		if match != "" {
			return conditionNotMet()
		}
		return nil
	}
	second := t.Modified.Truncate(time.Second)
	if match != "" && match != "*" && match != t.ETag {
		return conditionNotMet()
	}
	if since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since")); err == nil && second.After(since) {
		return conditionNotMet()
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	unchanged := false
	if since, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil && none == "" {
		unchanged = !second.After(since)
	}
	switch same := none == "*" || none != "" && none == t.ETag; {
	case same && !read && none == "*":
		return &blobError{http.StatusConflict, "BlobAlreadyExists", "The specified blob already exists."}
	case (same || unchanged) && read:
		return &blobError{http.StatusNotModified, "ConditionNotMet", ""}
	case same || unchanged:
		return conditionNotMet()
	}
	return nil
}

// headers are what a blob is served with, from x-ms-blob-* or, for a blob put
// whole, from the request's own. Content-MD5 is one of them: the service works
// it out for a blob put whole alone, and setting properties without it takes it
// away.
func headers(h http.Header, whole bool) map[string]string {
	found := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", contentMD5} {
		value := h.Get("X-Ms-Blob-" + name)
		if value == "" && whole {
			value = h.Get(name)
		}
		if value != "" {
			found[name] = value
		}
	}
	return found
}
