package provision

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// sbom is what a Go binary says it is made of, as an SPDX 2.3 document. It has
// no time of its own: the same binary gives the same bytes.
func sbom(binary []byte, version string) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the binary does not say what it is made of").
			Fix("use one that Go built, with its build information").Because(err)
	}
	type external struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	type parcel struct {
		ID       string     `json:"SPDXID"`
		Name     string     `json:"name"`
		Version  string     `json:"versionInfo"`
		Location string     `json:"downloadLocation"`
		Analyzed bool       `json:"filesAnalyzed"`
		External []external `json:"externalRefs,omitempty"`
	}
	type relation struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
	const root = "SPDXRef-ostiary"
	packages := []parcel{{ID: root, Name: info.Main.Path, Version: version, Location: "NOASSERTION"}}
	relations := []relation{{"SPDXRef-DOCUMENT", "DESCRIBES", root}}
	add := func(path, v string) {
		sum := sha256.Sum256([]byte(path))
		p := parcel{
			ID: "SPDXRef-" + hex.EncodeToString(sum[:6]), Name: path, Version: v, Location: "NOASSERTION",
			External: []external{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + v}},
		}
		packages = append(packages, p)
		relations = append(relations, relation{root, "DEPENDS_ON", p.ID})
	}
	add("stdlib", info.GoVersion)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version)
	}
	sum := sha256.Sum256(binary)
	return json.MarshalIndent(map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "ostiary",
		"documentNamespace": "https://github.com/ostiary/ostiary/sbom/" + hex.EncodeToString(sum[:]),
		"creationInfo":      map[string]any{"created": epoch().Format(time.RFC3339), "creators": []string{"Tool: ostiary"}},
		"packages":          packages, "relationships": relations,
	}, "", " ")
}
