package arm

import (
	"net/http"
	"strings"
)

const (
	redisType    = "Microsoft.Cache/redis"
	postgresType = "Microsoft.DBforPostgreSQL/flexibleServers"
)

func databaseKinds() []kind {
	const accepted = http.StatusAccepted
	return []kind{
		{
			typ: redisType, keys: base64x32, check: checkRedis, show: showRedis,
			defaults: `{"properties":{"redisVersion":"6.0","enableNonSslPort":false,"minimumTlsVersion":"1.2","publicNetworkAccess":"Enabled","disableAccessKeyAuthentication":false,"linkedServers":[],"updateChannel":"Stable",
				"redisConfiguration":{"maxclients":"1000","maxmemory-reserved":"125","maxmemory-delta":"125","maxfragmentationmemory-reserved":"125","maxmemory-policy":"volatile-lru","aad-enabled":"False"}}}`,
			actions: map[string]action{"listkeys": redisKeys, "regeneratekey": func(s *Server, r *record, body doc) (any, *refusal) {
				return s.regenerate(r, strings.EqualFold(text(body, "keyType"), "Secondary"), base64x32, redisKeys)
			}},
		},
		{typ: redisType + "/firewallRules", stateless: true}, {typ: redisType + "/patchSchedules", stateless: true},
		{
			typ: postgresType, created: accepted, updated: accepted, deleted: accepted, stateless: true,
			hidden: []string{"properties.administratorLoginPassword", "properties.createMode"},
			defaults: `{"sku":{"name":"Standard_D2s_v3","tier":"GeneralPurpose"},"properties":{"version":"16","state":"Ready","availabilityZone":"1","storage":{"storageSizeGB":128,"iops":500,"tier":"P10","autoGrow":"Disabled","type":""},
				"backup":{"backupRetentionDays":7,"geoRedundantBackup":"Disabled"},"highAvailability":{"mode":"Disabled","state":"NotEnabled"},"authConfig":{"activeDirectoryAuth":"Disabled","passwordAuth":"Enabled"},
				"dataEncryption":{"type":"SystemManaged"},"maintenanceWindow":{"customWindow":"Disabled","dayOfWeek":0,"startHour":0,"startMinute":0},"network":{"publicNetworkAccess":"Enabled"},"replicationRole":"Primary","replicaCapacity":5,
				"replica":{"role":"Primary","capacity":5}}}`,
			check: checkPostgres, after: afterPostgres, show: showPostgres,
			actions: map[string]action{"restart": nothing, "start": nothing, "stop": nothing},
		},
		{typ: postgresType + "/databases", created: accepted, updated: accepted, deleted: accepted, stateless: true, defaults: `{"properties":{"charset":"UTF8","collation":"en_US.utf8"}}`},
		{typ: postgresType + "/configurations", created: accepted, updated: accepted, stateless: true, check: checkConfiguration},
		{typ: postgresType + "/firewallRules", created: accepted, updated: accepted, deleted: accepted, stateless: true},
		{typ: postgresType + "/administrators", created: accepted, updated: accepted, deleted: accepted, stateless: true, check: checkAdministrator},
	}
}

func nothing(*Server, *record, doc) (any, *refusal) { return nil, nil }

func checkRedis(w *writing) *refusal {
	if no := w.nameFree(redisType, "NameNotAvailable", "An error occurred when trying to reserve the DNS name for the cache. The name '%s' is not available."); no != nil {
		return no
	}
	if text(w.doc, "properties.sku.name") == "" {
		return badRequest("BadRequest", "The cache '%s' needs a SKU.", last(w.id))
	}
	return needLocation(w)
}

func showRedis(s *Server, r *record, d doc) {
	set(d, "properties.hostName", strings.ToLower(r.name())+".redis.cache.windows.net")
	set(d, "properties.port", 6379.0)
	set(d, "properties.sslPort", 6380.0)
	s.showConnections(r, d)
}

func redisKeys(_ *Server, r *record, _ doc) (any, *refusal) {
	return doc{"primaryKey": r.keys[0], "secondaryKey": r.keys[1]}, nil
}

func checkPostgres(w *writing) *refusal {
	if no := w.nameFree(postgresType, "ServerNameAlreadyExists", "Specified server name '%s' is already used."); no != nil {
		return no
	}
	w.keep("properties.administratorLogin")
	p := object(w.doc, "properties")
	subnet, no := w.refer("properties.network.delegatedSubnetResourceId", subnetType)
	if no != nil {
		return no
	}
	if subnet != nil {
		set(p, "network.publicNetworkAccess", "Disabled")
		if zone := text(p, "network.privateDnsZoneArmResourceId"); zone != "" {
			if _, no := w.s.target(zone, zoneType, w.id); no != nil {
				return no
			}
		}
	}
	if oneOf(text(p, "highAvailability.mode"), []string{"ZoneRedundant", "SameZone"}) {
		set(p, "highAvailability.state", "Healthy")
		initial(p, "highAvailability.standbyAvailabilityZone", "2")
	}
	return needLocation(w)
}

// checkAdministrator: the name of an administrator is a principal's object id.
func checkAdministrator(w *writing) *refusal {
	set(w.doc, "properties.objectId", last(w.id))
	return nil
}

// afterPostgres makes the parameters that a new server has.
func afterPostgres(w *writing) *refusal {
	if w.old != nil {
		return nil
	}
	for name, value := range parameters() {
		a, _ := parsePath(w.rec.id + "/configurations/" + name)
		if _, no := w.s.put(a, doc{"properties": doc{"value": value, "source": "system-default"}}, w.by); no != nil {
			return no
		}
	}
	return nil
}

// parameters are server parameters that people set, with their defaults.
func parameters() map[string]string {
	return map[string]string{
		"azure.extensions": "", "require_secure_transport": "on", "max_connections": "859", "log_checkpoints": "on", "log_connections": "on",
		"log_disconnections": "off", "shared_preload_libraries": "pg_cron,pg_stat_statements", "wal_level": "replica", "pgbouncer.enabled": "false",
		"ssl_min_protocol_version": "TLSv1.2", "connection_throttle.enable": "off", "backslash_quote": "safe_encoding", "statement_timeout": "0",
	}
}

func checkConfiguration(w *writing) *refusal {
	preset, known := parameters()[strings.ToLower(last(w.id))]
	if !known && w.old == nil {
		preset = text(w.doc, "properties.value")
	}
	if w.old != nil && !known {
		preset = text(w.old.doc, "properties.defaultValue")
	}
	set(w.doc, "properties.defaultValue", preset)
	initial(w.doc, "properties.source", "user-override")
	initial(w.doc, "properties.dataType", "String")
	return nil
}

func showPostgres(s *Server, r *record, d doc) {
	set(d, "properties.fullyQualifiedDomainName", strings.ToLower(r.name())+".postgres.database.azure.com")
	s.showConnections(r, d)
}
