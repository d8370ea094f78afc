package arm

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

const managedRedisType = "Microsoft.Cache/redisEnterprise"

// managedRedisKinds are Azure Managed Redis: a cluster, its one database, and
// who may log in there by Entra.
func managedRedisKinds() []kind {
	const accepted = http.StatusAccepted
	return []kind{
		{
			typ: managedRedisType, deleted: accepted, check: checkManagedRedis, show: showManagedRedis,
			defaults: `{"properties":{"highAvailability":"Enabled","minimumTlsVersion":"1.2","encryption":{},"redisVersion":"7.4","resourceState":"Running"}}`,
			actions: map[string]action{"listskusforscaling": func(*Server, *record, doc) (any, *refusal) {
				return doc{"skus": []any{}}, nil
			}},
		},
		{
			typ: managedRedisType + "/databases", deleted: accepted, keys: base64x32, check: checkManagedDatabase,
			defaults: `{"properties":{"clientProtocol":"Encrypted","clusteringPolicy":"OSSCluster","evictionPolicy":"VolatileLRU","accessKeysAuthentication":"Disabled","port":10000,
				"modules":[],"persistence":{"aofEnabled":false,"rdbEnabled":false},"deferUpgrade":"NotDeferred","redisVersion":"7.4","resourceState":"Running"}}`,
			actions: map[string]action{"listkeys": managedRedisKeys, "regeneratekey": func(s *Server, r *record, body doc) (any, *refusal) {
				return s.regenerate(r, strings.EqualFold(text(body, "keyType"), "Secondary"), base64x32, managedRedisKeys)
			}},
		},
		{typ: managedRedisType + "/databases/accessPolicyAssignments", deleted: accepted, check: checkAccessPolicy},
	}
}

// Two hyphens in a row are refused too, which the pattern cannot say.
var managedRedisName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{1,61}[A-Za-z0-9]$`) })

func checkManagedRedis(w *writing) *refusal {
	name := last(w.id)
	if !managedRedisName().MatchString(name) || strings.Contains(name, "--") {
		return badRequest("InvalidParameter", "The cluster name '%s' is invalid: it has 3 to 63 letters, digits and single hyphens between them.", clip(name))
	}
	if no := w.nameFree(managedRedisType, "NameNotAvailable", "An error occurred when trying to reserve the DNS name for the cache. The name '%s' is not available."); no != nil {
		return no
	}
	if text(w.doc, "sku.name") == "" {
		return badRequest("BadRequest", "The cluster '%s' needs a SKU.", name)
	}
	if !oneOf(text(w.doc, "properties.publicNetworkAccess"), []string{"Enabled", "Disabled"}) {
		return badRequest("BadRequest", "The cluster '%s' needs publicNetworkAccess, Enabled or Disabled.", name)
	}
	return needLocation(w)
}

// showManagedRedis: the name has the region in it, as its alias in
// privatelink.redis.azure.net has.
func showManagedRedis(s *Server, r *record, d doc) {
	set(d, "properties.hostName", managedRedisHost(r))
	s.showConnections(r, d)
}

func managedRedisHost(r *record) string {
	return strings.ToLower(r.name()) + "." + text(r.doc, "location") + ".redis.azure.net"
}

// checkManagedDatabase holds the database to its one name and to the settings
// that stay as they were made.
func checkManagedDatabase(w *writing) *refusal {
	if last(w.id) != "default" {
		return badRequest("BadRequest", "The database of a cluster is named 'default', and not '%s'.", clip(last(w.id)))
	}
	if w.old == nil {
		return nil
	}
	if is, was := text(w.doc, "properties.clusteringPolicy"), text(w.old.doc, "properties.clusteringPolicy"); !strings.EqualFold(is, was) {
		return badRequest("BadRequest", "The clustering policy of a database cannot be changed from %s to %s.", was, clip(is))
	}
	return nil
}

func managedRedisKeys(_ *Server, r *record, _ doc) (any, *refusal) {
	if strings.EqualFold(text(r.doc, "properties.accessKeysAuthentication"), "Disabled") {
		return nil, badRequest("BadRequest", "Access keys are disabled for the database '%s'.", r.id)
	}
	return redisKeys(nil, r, nil)
}

func checkAccessPolicy(w *writing) *refusal {
	if text(w.doc, "properties.accessPolicyName") != "default" || !isGUID(text(w.doc, "properties.user.objectId")) {
		return badRequest("BadRequest", "An access policy assignment names the policy 'default' and the object id of a principal.")
	}
	return nil
}
