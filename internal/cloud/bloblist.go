package cloud

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const maxPage = 5000 // entries, as Azure has it

func pageSize(c *blobCall) (int, *blobError) {
	text := c.query.Get("maxresults")
	if text == "" {
		return maxPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, &blobError{http.StatusBadRequest, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range."}
	}
	return min(n, maxPage), nil
}

// xmlMap writes <name>value</name> for each member.
type xmlMap map[string]string

// MarshalXML writes the members in order.
func (m xmlMap) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := e.EncodeElement(m[name], xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

type listedContainer struct {
	Name       string
	Properties struct {
		Modified    string `xml:"Last-Modified"`
		ETag        string `xml:"Etag"`
		LeaseStatus string
		LeaseState  string
	}
	Metadata xmlMap `xml:",omitempty"`
}

func (s *blobs) listContainers(w http.ResponseWriter, c *blobCall) *blobError {
	most, refused := pageSize(c)
	if refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := struct {
		XMLName    xml.Name          `xml:"EnumerationResults"`
		Endpoint   string            `xml:"ServiceEndpoint,attr"`
		Prefix     string            `xml:",omitempty"`
		Marker     string            `xml:",omitempty"`
		Containers []listedContainer `xml:"Containers>Container"`
		Next       string            `xml:"NextMarker"`
	}{Endpoint: "https://" + c.account.Name + ".blob.core.windows.net/", Prefix: c.query.Get("prefix"), Marker: c.query.Get("marker")}
	for _, name := range s.containerNames(c) {
		if !strings.HasPrefix(name, out.Prefix) || name < out.Marker {
			continue
		}
		if len(out.Containers) == most {
			out.Next = name
			break
		}
		k, refused := s.container(c, name)
		if refused != nil {
			continue
		}
		var x listedContainer
		x.Name = name
		x.Properties.Modified, x.Properties.ETag = k.Modified.UTC().Format(http.TimeFormat), k.ETag
		x.Properties.LeaseStatus, x.Properties.LeaseState = k.Lease.status(s.cloud.now()), k.Lease.state(s.cloud.now())
		if strings.Contains(c.query.Get("include"), "metadata") {
			x.Metadata = k.Metadata
		}
		out.Containers = append(out.Containers, x)
	}
	writeXML(w, c.Request, http.StatusOK, out)
	return nil
}

type listedBlob struct {
	Name       string
	Snapshot   string `xml:",omitempty"`
	Properties struct {
		Created     string `xml:"Creation-Time"`
		Modified    string `xml:"Last-Modified"`
		ETag        string `xml:"Etag"`
		Length      int64  `xml:"Content-Length"`
		Type        string `xml:"Content-Type"`
		Encoding    string `xml:"Content-Encoding"`
		Language    string `xml:"Content-Language"`
		MD5         string `xml:"Content-MD5"`
		Cache       string `xml:"Cache-Control"`
		Disposition string `xml:"Content-Disposition"`
		BlobType    string
		AccessTier  string
		Inferred    bool `xml:"AccessTierInferred"`
		LeaseStatus string
		LeaseState  string
		Encrypted   bool `xml:"ServerEncrypted"`
	}
	Metadata xmlMap `xml:",omitempty"`
}

func list1(name string, t stamp, c content, headers, meta map[string]string) listedBlob {
	var x listedBlob
	x.Name, x.Metadata = name, meta
	p := &x.Properties
	p.Created, p.Modified = t.Created.UTC().Format(http.TimeFormat), t.Modified.UTC().Format(http.TimeFormat)
	p.ETag, p.Length, p.MD5 = strings.Trim(t.ETag, `"`), c.Size, headers[contentMD5]
	p.Type, p.Encoding, p.Language = contentType(headers), headers["Content-Encoding"], headers["Content-Language"]
	p.Cache, p.Disposition = headers["Cache-Control"], headers["Content-Disposition"]
	p.BlobType, p.AccessTier, p.Inferred, p.Encrypted = "BlockBlob", "Hot", true, true
	return x
}

type blobPrefix struct{ Name string }

// listBlobs is List Blobs, flat or by a delimiter.
func (s *blobs) listBlobs(w http.ResponseWriter, c *blobCall) *blobError {
	most, refused := pageSize(c)
	if refused != nil {
		return refused
	}
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	out := struct {
		XMLName    xml.Name     `xml:"EnumerationResults"`
		Endpoint   string       `xml:"ServiceEndpoint,attr"`
		Container  string       `xml:"ContainerName,attr"`
		Prefix     string       `xml:",omitempty"`
		Marker     string       `xml:",omitempty"`
		MaxResults int          `xml:",omitempty"`
		Delimiter  string       `xml:",omitempty"`
		Blobs      []listedBlob `xml:"Blobs>Blob"`
		Prefixes   []blobPrefix `xml:"Blobs>BlobPrefix"`
		Next       string       `xml:"NextMarker"`
	}{
		Endpoint: "https://" + c.account.Name + ".blob.core.windows.net/", Container: c.container,
		Prefix: c.query.Get("prefix"), Marker: c.query.Get("marker"), Delimiter: c.query.Get("delimiter"),
	}
	if c.query.Has("maxresults") {
		out.MaxResults = most
	}
	include := c.query.Get("include")
	last := ""
	for _, name := range slices.Sorted(maps.Keys(k.Blobs)) {
		b := k.Blobs[name]
		if b.Empty || !strings.HasPrefix(name, out.Prefix) || name < out.Marker {
			continue
		}
		folder := ""
		if at := strings.Index(name[len(out.Prefix):], out.Delimiter); out.Delimiter != "" && at >= 0 {
			folder = name[:len(out.Prefix)+at+len(out.Delimiter)]
		}
		if folder != "" && folder == last {
			continue
		}
		if len(out.Blobs)+len(out.Prefixes) >= most {
			out.Next = name
			break
		}
		if folder != "" {
			last, out.Prefixes = folder, append(out.Prefixes, blobPrefix{folder})
			continue
		}
		out.Blobs = append(out.Blobs, s.listed(name, b, include)...)
	}
	writeXML(w, c.Request, http.StatusOK, out)
	return nil
}

// listed is a blob, its snapshots before it where they are asked for.
func (s *blobs) listed(name string, b *blob, include string) (all []listedBlob) {
	if strings.Contains(include, "snapshots") {
		for _, x := range b.Snapshots {
			one := list1(name, x.stamp, x.content, x.Headers, x.Metadata)
			one.Snapshot = x.Time
			all = append(all, one)
		}
	}
	one := list1(name, b.stamp, b.content, b.Headers, b.Metadata)
	one.Properties.LeaseStatus, one.Properties.LeaseState = b.Lease.status(s.cloud.now()), b.Lease.state(s.cloud.now())
	all = append(all, one)
	if !strings.Contains(include, "metadata") {
		for i := range all {
			all[i].Metadata = nil
		}
	}
	return all
}

// serviceProperties are a new account's.
func (s *blobs) serviceProperties(w http.ResponseWriter, c *blobCall) *blobError {
	type retention struct{ Enabled bool }
	type hours struct {
		Version         string
		Enabled         bool
		RetentionPolicy retention
	}
	var out struct {
		XMLName xml.Name `xml:"StorageServiceProperties"`
		Logging struct {
			Version             string
			Delete, Read, Write bool
			RetentionPolicy     retention
		}
		HourMetrics, MinuteMetrics hours
		Cors                       struct{}
		DefaultServiceVersion      string
		DeleteRetentionPolicy      retention
		StaticWebsite              retention
	}
	out.Logging.Version, out.HourMetrics.Version, out.MinuteMetrics.Version = "1.0", "1.0", "1.0"
	out.DefaultServiceVersion = "2023-11-03"
	writeXML(w, c.Request, http.StatusOK, out)
	return nil
}
